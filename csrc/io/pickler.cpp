#include "io/pickler.h"

#include <bit>

#include "cnn/check.h"

namespace cnn::pickle {

static_assert(std::endian::native == std::endian::little);

Pickler::Pickler() {
  op(Op::Proto);
  bytes(2, 1);
}

uint32_t Pickler::remember() {
  const uint32_t index = remembered_++;
  op(index < 256 ? Op::BinPut : Op::LongBinPut);
  bytes(index, index < 256 ? 1 : 4);
  return index;
}

void Pickler::recall(uint32_t index) {
  op(index < 256 ? Op::BinGet : Op::LongBinGet);
  bytes(index, index < 256 ? 1 : 4);
}

// In as few bytes as two's complement takes.
void Pickler::integer(int64_t v) {
  const auto put = [&](Op o, int n) {
    op(o);
    bytes(uint64_t(v), n);
  };
  if (v >= 0 && v < 256) return put(Op::BinInt1, 1);
  if (v >= 0 && v < 65536) return put(Op::BinInt2, 2);
  if (v == int32_t(v)) return put(Op::BinInt, 4);
  int n = 5;
  while (n < 8 && v >> (8 * n - 1) != 0 && v >> (8 * n - 1) != -1) ++n;
  op(Op::Long1);
  bytes(uint64_t(n), 1);
  bytes(uint64_t(v), n);
}

void Pickler::number(double v) {
  op(Op::BinFloat);
  bytes(__builtin_bswap64(std::bit_cast<uint64_t>(v)), 8);
}

void Pickler::text(std::string_view v) {
  const auto [known, unseen] = texts_.emplace(v, 0);
  if (!unseen) return recall(known->second);
  op(Op::BinUnicode);
  bytes(v.size(), 4);
  code_ += v;
  known->second = remember();
}

void Pickler::global(std::string_view name) {
  const auto [known, unseen] = globals_.emplace(name, 0);
  if (!unseen) return recall(known->second);
  op(Op::Global);
  code_ += name;
  code_ += '\n';
  known->second = remember();
}

void Pickler::empty_ordered_dict() {
  global(kOrderedDict);
  op(Op::EmptyTuple);
  op(Op::Reduce);
}

void Pickler::begin_tuple(size_t size) {
  if (size == 0) op(Op::EmptyTuple);
  if (size > 3) op(Op::Mark);
}

void Pickler::end_tuple(size_t size) {
  constexpr Op ops[] = {Op::Tuple1, Op::Tuple2, Op::Tuple3};
  op(size > 3 ? Op::Tuple : ops[size - 1]);
}

void Pickler::dims(const Dims& d) {
  begin_tuple(size_t(d.size()));
  if (d.empty()) return;
  for (const int64_t n : d) integer(n);
  end_tuple(size_t(d.size()));
  remember();
}

// An empty OrderedDict stands for hooks, which are never written.
void Pickler::hooks() {
  empty_ordered_dict();
  remember();
}

// ("storage", class, key, place, number of elements)
void Pickler::storage(const Tensor& x) {
  const Ref<Storage>& memory = x.storage();
  const DType elements = is_stored(x.dtype()) ? DType::UInt8 : x.dtype();
  const auto [known, unseen] = known_.emplace(memory.get(), Known{storages_.size(), elements});
  if (unseen) {
    storages_.push_back(memory);
    exports_.push_back(std::make_unique<StorageExport>(memory));
  }
  one_dtype_each_ &= known->second.dtype == elements;
  begin_tuple(5);
  text("storage");
  global(storage_of_dtype(x.dtype()));
  text(std::to_string(known->second.key));
  text(device_name(memory->device()));
  integer(int64_t(memory->nbytes()) / item_size(elements));
  end_tuple(5);
  remember();
  op(Op::BinPersId);
}

void Pickler::rebuild_tensor(const Tensor& x, bool requires_grad) {
  const bool named = is_stored(x.dtype());
  const size_t size = named ? 7 : 6;
  global(named ? kRebuildTensorV3 : kRebuildTensor);
  begin_tuple(size);
  storage(x);
  integer(x.offset());
  dims(x.shape());
  dims(x.strides());
  boolean(requires_grad);
  hooks();
  if (named) global(global_of_dtype(x.dtype()));
  end_tuple(size);
  remember();
  op(Op::Reduce);
}

void Pickler::tensor(const Tensor& x, bool parameter) {
  if (!parameter) return rebuild_tensor(x, x.requires_grad());
  global(kRebuildParameter);
  begin_tuple(3);
  rebuild_tensor(x, false);
  remember();
  boolean(x.requires_grad());
  hooks();
  end_tuple(3);
  remember();
  op(Op::Reduce);
}

}  // namespace cnn::pickle
