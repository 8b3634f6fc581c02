// Reads the pickle of a state dict. What torch.save names as functions (rebuild a tensor, make an OrderedDict) is
// recognised by name, and done here. What the reader in Python refuses, this one refuses too.
#include <algorithm>
#include <map>
#include <new>
#include <optional>
#include <set>
#include <unordered_map>

#include "cnn/io.h"
#include "io/archive.h"
#include "io/unpickler.h"

namespace cnn {
namespace {

using pickle::Kind;
using pickle::Value;

constexpr const char* kOp = "load_state_dict";

struct Memory {
  Ref<Storage> storage;
  DType dtype;
  int64_t count;
};

class Reader final : pickle::Unpickler {
 public:
  Reader(const Archive& archive, const std::string& path)
      : Unpickler(archive.read("data.pkl"), path), archive_(archive) {}
  StateDict read();

 private:
  void check_global(std::string_view name) override;
  void refer(const Value& id) override;
  void call(const Value& function, const Value& args) override;

  void make_ordered_dict(const std::vector<const Value*>& args);
  void rebuild_tensor(const std::vector<const Value*>& args, bool named);
  void rebuild_parameter(const std::vector<const Value*>& args);
  void check_requires_grad(const Value& requires_grad, DType dtype) const {
    need(requires_grad.kind == Kind::Bool && (!requires_grad.number || is_floating(dtype)), "a gradient of integers");
  }
  Dims dims(const Value& v);

  const Archive& archive_;
  std::map<std::string_view, size_t> storages_;  // by key: the place in memories_
  std::vector<Memory> memories_;
  std::vector<Tensor> tensors_;
};

void Reader::check_global(std::string_view name) {
  static const std::set<std::string_view> known = {
      pickle::kRebuildTensor, pickle::kRebuildTensorV3, pickle::kRebuildParameter, pickle::kOrderedDict,
      "torch\nSize",          "torch\ndevice"};
  if (known.count(name) || pickle::dtype_of_storage(name) || pickle::dtype_of_global(name)) return;
  std::string shown(name);
  std::replace(shown.begin(), shown.end(), '\n', '.');
  fail(ErrorKind::Runtime, kOp, path_, " names ", shown,
       ", which a state dict does not need; save model.state_dict() instead of the model");
}

// ("storage", type, key, location, number of elements)
void Reader::refer(const Value& id) {
  need(id.kind == Kind::Tuple && id.items.size() == 5 && id.items[0]->kind == Kind::Text &&
           id.items[0]->text == "storage" && id.items[1]->kind == Kind::Global && id.items[2]->kind == Kind::Text &&
           id.items[3]->kind == Kind::Text && id.items[4]->kind == Kind::Int,
       "a reference that is not to a storage");
  const std::optional<DType> dtype = pickle::dtype_of_storage(id.items[1]->text);
  need(dtype.has_value(), "a storage of a type that is no storage's");
  need(id.items[2]->text.size() <= 100, "a storage of a name that none has");  // comparing it takes time
  const int64_t count = id.items[4]->number;
  const auto [place, fresh] = storages_.emplace(id.items[2]->text, memories_.size());
  if (fresh) {
    const std::string name = "data/" + std::string(place->first);
    const uint64_t size = archive_.size(name);
    uint64_t told;
    need(count >= 0 && !__builtin_mul_overflow(uint64_t(count), uint64_t(item_size(*dtype)), &told) && told == size,
         "a storage of another size than stated");
    Ref<Storage> storage = Storage::allocate(size, kCpu);
    archive_.read_into(name, storage->data());
    memories_.push_back({std::move(storage), *dtype, count});
  }
  const Memory& memory = memories_[place->second];
  need(memory.dtype == *dtype && memory.count == count, "a storage with two dtypes or two sizes");
  push_number(Kind::Storage, int64_t(place->second));
}

Dims Reader::dims(const Value& v) {
  need(v.is_sequence(), "sizes that are no tuple");
  spend(v.items.size());
  Dims d;
  d.resize(int(v.items.size()));
  for (int i = 0; i < d.size(); ++i) {
    const Value& n = *v.items[size_t(i)];
    need(n.kind == Kind::Int && n.number >= 0, "a size that is no natural number");
    d[i] = n.number;
  }
  return d;
}

void Reader::call(const Value& function, const Value& args) {
  if (function.text == pickle::kOrderedDict) return make_ordered_dict(args.items);
  if (function.text == pickle::kRebuildTensor) return rebuild_tensor(args.items, false);
  if (function.text == pickle::kRebuildTensorV3) return rebuild_tensor(args.items, true);
  if (function.text == pickle::kRebuildParameter) return rebuild_parameter(args.items);
  damaged("a call of what is no function of state dicts");
}

// Empty, or of a list of pairs.
void Reader::make_ordered_dict(const std::vector<const Value*>& args) {
  need(args.size() <= 1, "an OrderedDict of more than one object");
  std::vector<const Value*> flat;
  if (!args.empty()) {
    need(args[0]->is_sequence(), "an OrderedDict of something else than pairs");
    spend(args[0]->items.size());
    for (const Value* pair : args[0]->items) {
      need(pair->is_sequence() && pair->items.size() == 2, "an item of an OrderedDict that is no pair");
      flat.insert(flat.end(), pair->items.begin(), pair->items.end());
    }
  }
  push(Kind::OrderedDict).items = std::move(flat);
}

// (tensor, requires_grad, hooks)
void Reader::rebuild_parameter(const std::vector<const Value*>& args) {
  need(args.size() == 3 && args[0]->kind == Kind::Tensor, "a parameter without a tensor");
  check_requires_grad(*args[1], tensors_[size_t(args[0]->number)].dtype());
  push_number(Kind::Tensor, args[0]->number);
}

// (storage, offset, size, stride, requires_grad, hooks), with `named` the dtype, and perhaps metadata.
void Reader::rebuild_tensor(const std::vector<const Value*>& args, bool named) {
  const size_t size = named ? 7 : 6;
  need((args.size() == size || args.size() == size + 1) && args[0]->kind == Kind::Storage && args[1]->kind == Kind::Int,
       "a tensor without a storage");
  if (args.size() == size + 1) {
    const Value& metadata = *args[size];
    need(metadata.kind == Kind::None || (metadata.is_dict() && metadata.items.empty()), "a conjugate or negative view");
  }
  const Memory& memory = memories_[size_t(args[0]->number)];
  DType dtype = memory.dtype;
  if (named) {
    const std::optional<DType> given =
        args[6]->kind == Kind::Global ? pickle::dtype_of_global(args[6]->text) : std::nullopt;
    need(given.has_value(), "a dtype that is none");
    dtype = *given;
  }
  const int64_t count = int64_t(memory.storage->nbytes()) / item_size(dtype);
  check_requires_grad(*args[4], dtype);
  const int64_t offset = args[1]->number;
  const Dims sizes = dims(*args[2]), strides = dims(*args[3]);
  need(sizes.size() == strides.size(), "sizes and strides of different length");
  const bool none = numel_of(kOp, sizes) == 0;
  int64_t last = offset;
  for (int i = 0; i < sizes.size() && !none; ++i) {
    int64_t span;
    need(!__builtin_mul_overflow(sizes[i] - 1, strides[i], &span) && !__builtin_add_overflow(last, span, &last),
         "a tensor that leaves its storage");
  }
  need(offset >= 0 && offset <= count && (none || last < count), "a tensor that leaves its storage");
  push_number(Kind::Tensor, int64_t(tensors_.size()));
  tensors_.push_back(Tensor(make_ref<TensorImpl>(memory.storage, sizes, strides, offset, dtype)));
}

StateDict Reader::read() {
  const Value& root = run();
  check(root.is_dict(), kOp, path_, " holds no dict");
  StateDict state;
  // A name that comes again replaces the tensor, as in a dict. One text, mentioned again, is not compared again.
  std::map<std::string_view, size_t> places;
  std::unordered_map<const Value*, size_t> seen;
  for (size_t i = 0; i + 1 < root.items.size(); i += 2) {
    const Value *name = root.items[i], *tensor = root.items[i + 1];
    check(name->kind == Kind::Text && tensor->kind == Kind::Tensor, kOp, path_,
          " holds something else than tensors by name");
    const auto [known, unseen] = seen.emplace(name, 0);
    if (unseen) known->second = places.emplace(name->text, state.size()).first->second;
    const Tensor& value = tensors_[size_t(tensor->number)];
    if (known->second == state.size()) state.emplace_back(std::string(name->text), value);
    else state[known->second].second = value;
  }
  return state;
}

// The archive's version is a number of few digits.
void check_format(const Archive& archive, const std::string& path) {
  check(!archive.contains("constants.pkl"), kOp, path, " is a TorchScript archive, which holds code");
  std::string version = archive.read("version");
  version.erase(version.find_last_not_of(" \t\n\v\f\r") + 1);
  const bool digits = version.find_first_not_of("0123456789") == std::string::npos;
  check(!version.empty() && version.size() <= 9 && digits && std::stoi(version) <= 10, kOp, path,
        " is of a format newer than this reader");
  check(!archive.contains("byteorder") || archive.read("byteorder") == "little", kOp, path, " is big-endian");
}

}  // namespace

StateDict load_state_dict(const std::string& path) {
  check(path.find('\0') == std::string::npos, kOp, "the path holds a zero byte");
  try {
    const Archive archive(path);
    check_format(archive, path);
    return Reader(archive, path).read();
  } catch (const std::bad_alloc&) {
    fail(ErrorKind::OutOfMemory, kOp, "there is too little memory for ", path);
  }
}

const Tensor& find(const StateDict& state, const std::string& name) {
  for (const auto& [known, tensor] : state)
    if (known == name) return tensor;
  fail(ErrorKind::Runtime, "find", "the state dict has no tensor named ", name);
}

}  // namespace cnn
