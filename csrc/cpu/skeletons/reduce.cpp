// Drives reductions. What is reduced is cut into parts by shape alone; each part fills accumulators, and the parts
// are joined in a tree, in index order: the result does not depend on threads.
#include "core/allocator.h"
#include "core/parallel.h"
#include "cpu/skeletons/skeletons.h"

namespace cnn::cpu {
namespace {

constexpr int64_t kRowPart = 2048;     // elements of a row in a part
constexpr int64_t kShortRow = 256;     // rows of several batches up to this length are joined
constexpr int64_t kColumnPart = 128;   // rows of a column in a part
constexpr int64_t kMinColumns = 8;     // fewer columns than this are gathered into rows
constexpr int64_t kOutputs = 256;      // accumulators on the stack
constexpr int64_t kTurnedRow = 128;    // dense rows up to this length are turned into columns
constexpr int64_t kScratch = 4096;     // elements gathered at a time
constexpr int64_t kGrain = 1 << 15;    // elements of cost 1 in a task
constexpr int kMaxItem = 8, kMaxAcc = 24;

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

class Reduction {
 public:
  Reduction(int functor, const ReduceCall& call)
      : call_(call), tables_(tables()), loops_(tables_.reduce[functor][int(call.key)]) {
    columns_ = call.inner >= kMinColumns && call.inner_stride == 1;
    if (!columns_ && call.batch > 1 && call.n <= kShortRow) joined_ = kRowPart / call.n;
    direct_ = call.dtype == call.key && joined_ == 1 && (columns_ || call.n_stride == 1 || call.n == 1);
    const bool one_each = loops_.acc_bytes == item();  // else a row takes longer to begin and end with
    const bool fills_vectors =
        loops_.ragged_rows ? call.n >= (one_each ? 32 : 64) : call.n % 16 == 0 && call.n >= 64 && one_each;
    turned_ = direct_ && !columns_ && call.n > 1 && call.n <= kTurnedRow && !fills_vectors &&
              call.outer * call.inner >= kMinColumns;
    part_ = columns_ ? kColumnPart : kRowPart;
    parts_per_batch_ = (call.n + part_ - 1) / part_;
    parts_ = joined_ > 1 ? (call.batch + joined_ - 1) / joined_ : parts_per_batch_ * call.batch;
    outputs_ = call.outer * call.inner;
    in_order_ = direct_ && !columns_ && call.inner == 1 && call.batch == 1;
    to_ = tables_.cast[int(call.dtype)][int(call.key)];
  }

  void run() {
    const int64_t total = call_.batch * call_.n;
    if (parts_ <= 1) {
      for_tasks(outputs_, total, [&](int64_t begin, int64_t end) {
        alignas(64) char acc[kOutputs * kMaxAcc];
        for (int64_t r = begin; r < end; r += kOutputs) {
          const int64_t stop = smaller(end, r + kOutputs);
          accumulate(0, r, stop, acc);
          finish(r, stop, acc);
        }
      });
      return;
    }
    const int64_t row_bytes = outputs_ * loops_.acc_bytes;
    const Partials partials(parts_ * row_bytes);
    for_tasks(parts_ * outputs_, smaller(call_.n * joined_, part_), [&](int64_t begin, int64_t end) {
      if (in_order_) {
        for (; begin < end; ++begin) {
          const int64_t r = begin / parts_, part = begin - r * parts_;
          accumulate_part(part, r, end - begin, partials.data + part * row_bytes + r * loops_.acc_bytes);
        }
        return;
      }
      while (begin < end) {
        const int64_t part = begin / outputs_, r = begin - part * outputs_;
        const int64_t stop = smaller(outputs_, r + end - begin);
        accumulate(part, r, stop, partials.data + part * row_bytes + r * loops_.acc_bytes);
        begin += stop - r;
      }
    });
    for_tasks(outputs_, parts_, [&](int64_t begin, int64_t end) {
      for (int64_t step = 1; step < parts_; step *= 2)
        for (int64_t p = 0; p + step < parts_; p += 2 * step)
          loops_.combine(call_.functor, end - begin, partials.data + p * row_bytes + begin * loops_.acc_bytes,
                         partials.data + (p + step) * row_bytes + begin * loops_.acc_bytes);
      for (int64_t r = begin; r < end; r += kOutputs)
        finish(r, smaller(end, r + kOutputs), partials.data + r * loops_.acc_bytes);
    });
  }

 private:
  struct Partials {
    explicit Partials(int64_t n) : nbytes(size_t(n)), data(static_cast<char*>(cpu_allocate(nbytes))) {}
    ~Partials() { cpu_free(data, nbytes); }
    Partials(const Partials&) = delete;
    size_t nbytes;
    char* data;
  };

  template <class F>
  void for_tasks(int64_t count, int64_t length, const F& f) const {
    const int64_t each = (length > 0 ? length : 1) * loops_.cost;
    const int64_t grain = kGrain / each > 0 ? kGrain / each : 1;
    if (count <= grain) {
      f(0, count);
      return;
    }
    WorkScope scope(0.3 * double(count) * double(each));
    parallel_for(count, grain, f);
  }

  // The accumulator of one row over one part, the first of `count` that are read one after the other.
  void accumulate_part(int64_t part, int64_t row, int64_t count, char* acc) const {
    const int64_t at = part * part_, left = call_.n - at;
    const int64_t following = call_.outer_stride == call_.n ? count * part_ : smaller(left, count * part_);
    loops_.rows(call_.functor, static_cast<const char*>(call_.x) + (row * call_.outer_stride + at) * size(), 1,
                following, smaller(part_, left), at, acc);
  }

  // The accumulators of outputs [begin, end) over one part.
  void accumulate(int64_t part, int64_t begin, int64_t end, char* acc) const {
    const int64_t b = joined_ > 1 ? part * joined_ : parts_per_batch_ > 0 ? part / parts_per_batch_ : 0;
    const int64_t at = joined_ > 1 ? 0 : (part - b * parts_per_batch_) * part_;
    const int64_t batches = smaller(joined_, call_.batch - b);
    const int64_t n = smaller(part_, call_.n - at) * batches, base = b * call_.n + at;
    const char* x = static_cast<const char*>(call_.x) + (b * call_.batch_stride + at * call_.n_stride) * size();
    if (call_.inner == 1) {
      run_rows(x + begin * call_.outer_stride * size(), end - begin, call_.outer_stride, n, base, acc);
      return;
    }
    while (begin < end) {
      const int64_t o = begin / call_.inner, j = begin - o * call_.inner;
      const int64_t stop = smaller(call_.inner, j + end - begin);
      const char* from = x + (o * call_.outer_stride + j * call_.inner_stride) * size();
      if (columns_) run_columns(from, stop - j, n, base, acc);
      else run_rows(from, stop - j, call_.inner_stride, n, base, acc);
      acc += (stop - j) * loops_.acc_bytes;
      begin += stop - j;
    }
  }

  void run_rows(const char* x, int64_t rows, int64_t stride, int64_t n, int64_t base, char* acc) const {
    if (turned_) {
      run_turned(x, rows, stride, n, base, acc);
      return;
    }
    if (direct_ || n == 0) {
      loops_.rows(call_.functor, x, rows, rows == 1 ? n : stride, n, base, acc);
      return;
    }
    alignas(64) char scratch[kScratch * kMaxItem];
    const int64_t group = kScratch / n, piece = joined_ > 1 ? call_.n : n;
    for (int64_t r = 0; r < rows; r += group) {
      const int64_t count = smaller(group, rows - r);
      for (int64_t k = 0; k < count; ++k)
        for (int64_t i = 0; i < n; i += piece)  // one of them, or the same row of each batch
          to_(piece, x + ((r + k) * stride + i / piece * call_.batch_stride) * size(), call_.n_stride * size(),
              scratch + (k * n + i) * item(), item());
      loops_.rows(call_.functor, scratch, count, n, n, base, acc + r * loops_.acc_bytes);
    }
  }

  // Short rows have little for a vector: as columns, many are worked on side by side.
  void run_turned(const char* x, int64_t rows, int64_t stride, int64_t n, int64_t base, char* acc) const {
    alignas(64) char scratch[kScratch * kMaxItem];
    const int64_t group = kScratch / kTurnedRow;
    for (int64_t r = 0; r < rows; r += group) {
      const int64_t count = smaller(group, rows - r);
      tables_.transpose_of(call_.key)(x + r * stride * size(), stride * size(), scratch, group * size(), n, count,
                                      false);
      loops_.columns(call_.functor, scratch, count, n, group, base, acc + r * loops_.acc_bytes);
    }
  }

  void run_columns(const char* x, int64_t m, int64_t n, int64_t base, char* acc) const {
    const int64_t width = direct_ ? kOutputs : kScratch / kColumnPart;
    alignas(64) char scratch[kScratch * kMaxItem];
    for (int64_t j = 0; j < m; j += width) {
      const int64_t count = smaller(width, m - j);
      char* const out = acc + j * loops_.acc_bytes;
      const char* const from = x + j * size();
      if (direct_) {
        loops_.columns(call_.functor, from, count, n, call_.n_stride, base, out);
        continue;
      }
      for (int64_t i = 0; i < n; ++i)
        to_(count, from + i * call_.n_stride * size(), size(), scratch + i * count * item(), item());
      loops_.columns(call_.functor, scratch, count, n, count, base, out);
    }
  }

  // Results of outputs [begin, end), at most kOutputs of them, in the output's dtype and strides.
  void finish(int64_t begin, int64_t end, const char* acc) const {
    alignas(64) char results[2][kOutputs * kMaxItem];
    const int64_t count = end - begin;
    void* y[2];
    bool dense[2];
    for (int k = 0; k < 2; ++k) {
      dense[k] =
          call_.y_dtype[k] == loops_.y_dtype[k] && call_.y_inner_stride == 1 && call_.y_outer_stride == call_.inner;
      y[k] = !call_.y[k] ? nullptr : dense[k] ? place(k, begin) : results[k];
    }
    loops_.finish(call_.functor, count, call_.batch * call_.n, acc, y[0], y[1]);
    for (int k = 0; k < 2; ++k) {
      if (!call_.y[k] || dense[k]) continue;
      const CastLoop cast = tables_.cast[int(loops_.y_dtype[k])][int(call_.y_dtype[k])];
      const int64_t from = item_size(loops_.y_dtype[k]), to = item_size(call_.y_dtype[k]);
      for (int64_t r = begin; r < end;) {
        const int64_t stop = call_.inner == 1 ? end : smaller(end, (r / call_.inner + 1) * call_.inner);
        const int64_t step = call_.inner == 1 ? call_.y_outer_stride : call_.y_inner_stride;
        cast(stop - r, results[k] + (r - begin) * from, from, place(k, r), step * to);
        r = stop;
      }
    }
  }

  char* place(int k, int64_t r) const {
    const int64_t o = r / call_.inner, j = r - o * call_.inner;
    return static_cast<char*>(call_.y[k]) +
           (o * call_.y_outer_stride + j * call_.y_inner_stride) * item_size(call_.y_dtype[k]);
  }

  int64_t size() const { return item_size(call_.dtype); }
  int64_t item() const { return item_size(call_.key); }

  const ReduceCall& call_;
  const Tables& tables_;
  const ReduceLoops& loops_;
  bool columns_ = false;  // along dense columns, else along rows
  bool direct_ = false;   // x is read where it lies
  bool turned_ = false;   // rows are turned into columns
  bool in_order_ = false;  // the parts of a row are read one after the other, then those of the next
  int64_t joined_ = 1;    // batches in one part
  int64_t part_, parts_per_batch_, parts_, outputs_;
  CastLoop to_;
};

}  // namespace

bool has_reduce(int functor, DType key) { return tables().reduce[functor][int(key)].rows != nullptr; }

void reduce(int functor, const ReduceCall& call) {
  if (call.outer * call.inner > 0) Reduction(functor, call).run();
}

}  // namespace cnn::cpu
