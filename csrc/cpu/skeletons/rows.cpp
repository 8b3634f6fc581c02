// Drives functors over whole rows. Rows that do not lie dense in the functor's types (another dtype, or a dimension
// that is not the last) go through working memory, many at a time.
#include "core/allocator.h"
#include "core/parallel.h"
#include "cpu/skeletons/skeletons.h"
#include "kernels/rows.h"

namespace cnn::cpu {
namespace {

constexpr int64_t kGrain = 1 << 15;       // elements of cost 1 in a task
constexpr int64_t kGathered = 1 << 13;    // elements of an operand in working memory
constexpr int64_t kMinColumns = 8;        // rows side by side from which they are worked on as columns
constexpr int64_t kColumnsInTask = 32;    // a multiple of it: two cache lines
constexpr int64_t kShortRow = 64;         // elements up to which rows are turned into columns, if there are enough
constexpr int64_t kRaggedRow = 120;       // the same of rows that do not fill vectors
constexpr int64_t kTurned = 64;           // rows turned at a time
constexpr int64_t kMinGathered = 16;      // columns gathered together where rows are long: a cache line

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
int64_t aligned(int64_t n) { return (n + 63) / 64 * 64; }

// Does the functor take operands of bfloat16 among those of float, as columns?
bool mixes(int functor) {
  bool found = false;
#define CNN_ADD(name, types) found |= kernels::name::kMixed && functor == kernels::IdOf<kernels::name>::value;
  CNN_ROWS_NORM(CNN_ADD)
#undef CNN_ADD
  return found;
}

class RowsRun {
 public:
  RowsRun(int functor, const RowsCall& call, const RowsLoop& loop) : call_(call), loop_(loop), tables_(tables()) {
    int64_t longest = call.n;
    for (int k = 0; k < call.operands; ++k) {
      const RowsOperand& a = call.operand[k];
      length_[k] = a.kind == RowKind::Single ? 1 : a.length;
      const bool dense = call.inner == 1 || a.kind != RowKind::Whole;
      direct_[k] = !a.data || (dense && a.dtype == a.compute);
      all_direct_ &= direct_[k];
      same_dtype_ &= !a.data || a.dtype == a.compute;
      mixed_ &= !a.data || (a.kind != RowKind::Shared && a.compute == DType::Float32 &&
                            (a.dtype == DType::Float32 || a.dtype == DType::BFloat16));
      longest = larger(longest, length_[k]);
    }
    mixed_ &= mixes(functor) && !same_dtype_;
    columns_ = loop.columns && call.inner >= kMinColumns && (same_dtype_ || mixed_);
    turned_ = loop.columns && all_direct_ && call.inner == 1 && call.outer >= kMinColumns && call.n > 1 &&
              call.n <= (call.n % 16 ? kRaggedRow : kShortRow);
    batch_ = larger(1, kGathered / larger(longest, 1));
    if (call.inner > 1 && longest <= (1 << 16)) batch_ = larger(batch_, kMinGathered);
    if (call.inner > 1) batch_ = smaller(batch_, call.inner);
    int64_t bytes = 0;
    for (int k = 0; k < call.operands; ++k) {
      at_[k] = bytes;
      pitch_[k] = length_[k] * item_size(call.operand[k].compute);
      // Columns written side by side must not fall on the same lines of the cache.
      if (call.inner > 1 && length_[k] > 1) pitch_[k] = aligned(pitch_[k]) + 64;
      if (!direct_[k]) bytes += aligned(batch_ * pitch_[k]);
    }
    for (int k = 0; turned_ && k < call.operands; ++k) {
      at_[k] = bytes;
      if (turns(k)) bytes += kTurned * length_[k] * item_size(call.operand[k].dtype);
    }
    buffer_bytes_ = bytes;
    nbytes_ = size_t(bytes + loop.scratch * call.n);
  }

  bool columns() const { return columns_; }
  bool turned() const { return turned_; }

  void run(int64_t begin, int64_t end) const {
    if (columns_) {
      run_columns(begin, end);
      return;
    }
    const Memory memory(nbytes_);
    if (turned_) {
      for (; begin < end; begin += kTurned) run_turned(begin, smaller(kTurned, end - begin), memory.data);
      return;
    }
    if (all_direct_ && call_.inner == 1) {
      run_direct(begin, end, memory.data);
      return;
    }
    while (begin < end) {
      const int64_t o = begin / call_.inner, j = begin - o * call_.inner;
      int64_t rows = smaller(batch_, end - begin);
      if (call_.inner > 1) rows = smaller(rows, call_.inner - j);
      run_gathered(o, j, begin, rows, memory.data);
      begin += rows;
    }
  }

 private:
  struct Memory {
    explicit Memory(size_t n) : nbytes(n), data(n ? static_cast<char*>(cpu_allocate(n)) : nullptr) {}
    ~Memory() {
      if (data) cpu_free(data, nbytes);
    }
    Memory(const Memory&) = delete;
    size_t nbytes;
    char* data;
  };

  void run_columns(int64_t begin, int64_t end) const {
    while (begin < end) {
      const int64_t o = begin / call_.inner, j = begin - o * call_.inner;
      const int64_t count = smaller(call_.inner - j, end - begin);
      void* p[kMapOperands] = {};
      int64_t steps[kMapOperands] = {};
      for (int k = 0; k < call_.operands; ++k) {
        const RowsOperand& a = call_.operand[k];
        steps[k] = a.kind == RowKind::Shared ? 0 : item_size(a.dtype);
        const int64_t at = o * length_[k] * call_.inner + j;
        p[k] = a.data ? static_cast<char*>(a.data) + at * steps[k] : nullptr;
      }
      loop_.columns(call_.functor, call_.n, count, call_.inner, p, steps);
      begin += count;
    }
  }

  // Short rows have little for a vector: as columns of a buffer, many are worked on side by side.
  void run_turned(int64_t begin, int64_t count, char* memory) const {
    void *there[kMapOperands] = {}, *here[kMapOperands] = {};
    int64_t strides[kMapOperands] = {}, steps[kMapOperands] = {};
    for (int k = 0; k < call_.operands; ++k) {
      place(k, begin, there, strides);
      here[k] = there[k], steps[k] = strides[k];
      if (!turns(k)) continue;
      here[k] = memory + at_[k], steps[k] = item_size(call_.operand[k].dtype);
      if (k >= call_.outputs)
        transpose_of(k)(there[k], strides[k], here[k], kTurned * steps[k], length_[k], count, false);
    }
    loop_.columns(call_.functor, call_.n, count, kTurned, here, steps);
    for (int k = 0; k < call_.outputs; ++k)
      if (turns(k)) transpose_of(k)(here[k], kTurned * steps[k], there[k], strides[k], count, length_[k], false);
  }

  bool turns(int k) const { return call_.operand[k].data && call_.operand[k].kind == RowKind::Whole; }
  TransposeLoop transpose_of(int k) const { return tables_.transpose_of(call_.operand[k].dtype); }

  void run_direct(int64_t begin, int64_t end, char* memory) const {
    void* p[kMapOperands] = {};
    int64_t strides[kMapOperands] = {};
    for (int k = 0; k < call_.operands; ++k) place(k, begin, p, strides);
    loop_.run(call_.functor, call_.n, end - begin, p, strides, memory);
  }

  // Operand k where it lies, from row `begin` on.
  void place(int k, int64_t begin, void** p, int64_t* strides) const {
    const RowsOperand& a = call_.operand[k];
    strides[k] = a.kind == RowKind::Shared ? 0 : length_[k] * item_size(a.dtype);
    p[k] = a.data ? static_cast<char*>(a.data) + begin * strides[k] : nullptr;
  }

  void run_gathered(int64_t o, int64_t j, int64_t begin, int64_t rows, char* memory) const {
    void* p[kMapOperands] = {};
    int64_t strides[kMapOperands] = {};
    for (int k = 0; k < call_.operands; ++k) {
      const RowsOperand& a = call_.operand[k];
      if (direct_[k]) {
        place(k, begin, p, strides);
        continue;
      }
      p[k] = memory + at_[k];
      strides[k] = a.kind == RowKind::Shared ? 0 : pitch_[k];
      if (k >= call_.outputs) move(k, o, j, begin, rows, memory + at_[k], true);
    }
    loop_.run(call_.functor, call_.n, rows, p, strides, memory + buffer_bytes_);
    for (int k = 0; k < call_.outputs; ++k)
      if (!direct_[k]) move(k, o, j, begin, rows, memory + at_[k], false);
  }

  // Rows between memory and the buffer, where they lie dense one after the other.
  void move(int k, int64_t o, int64_t j, int64_t begin, int64_t rows, char* buffer, bool in) const {
    const RowsOperand& a = call_.operand[k];
    const int64_t size = item_size(a.dtype), item = item_size(a.compute), length = length_[k];
    char* const data = static_cast<char*>(a.data);
    const CastLoop cast = in ? tables_.cast[int(a.dtype)][int(a.compute)] : tables_.cast[int(a.compute)][int(a.dtype)];
    const auto copy = [&](int64_t n, char* there, int64_t there_stride, char* here, int64_t here_stride) {
      if (in) cast(n, there, there_stride, here, here_stride);
      else cast(n, here, here_stride, there, there_stride);
    };
    if (a.kind == RowKind::Shared) {
      copy(length, data, size, buffer, item);
    } else if (call_.inner == 1 || a.kind == RowKind::Single) {
      copy(rows * length, data + begin * length * size, size, buffer, item);
    } else {
      char* const first = data + (o * length * call_.inner + j) * size;
      if (a.dtype == a.compute) {
        const TransposeLoop turn = transpose_of(k);
        if (in) turn(first, call_.inner * size, buffer, pitch_[k], rows, length, false);
        else turn(buffer, pitch_[k], first, call_.inner * size, length, rows, false);
        return;
      }
      for (int64_t i = 0; i < length; ++i)
        copy(rows, first + i * call_.inner * size, size, buffer + i * item, pitch_[k]);
    }
  }

  const RowsCall& call_;
  const RowsLoop& loop_;
  const Tables& tables_;
  int64_t length_[kMapOperands], pitch_[kMapOperands], at_[kMapOperands];  // pitch: bytes from row to row of a buffer
  bool direct_[kMapOperands];
  bool all_direct_ = true, same_dtype_ = true, mixed_ = true, columns_ = false, turned_ = false;
  int64_t batch_, buffer_bytes_;
  size_t nbytes_;
};

}  // namespace

bool has_rows(int functor, DType key) { return tables().rows[functor][int(key)].run != nullptr; }

void rows(int functor, const RowsCall& call) {
  const RowsLoop& loop = tables().rows[functor][int(call.key)];
  const RowsRun run(functor, call, loop);
  const int64_t count = call.outer * call.inner, each = larger(call.n, 1) * loop.cost;
  int64_t grain = larger(1, kGrain / each);
  if (run.turned()) grain = (grain + kTurned - 1) / kTurned * kTurned;
  if (run.columns()) grain = (grain + kColumnsInTask - 1) / kColumnsInTask * kColumnsInTask;
  if (count <= grain) {
    run.run(0, count);
    return;
  }
  WorkScope scope(0.3 * double(count) * double(each));
  parallel_for(count, grain, [&](int64_t begin, int64_t end) { run.run(begin, end); });
}

}  // namespace cnn::cpu
