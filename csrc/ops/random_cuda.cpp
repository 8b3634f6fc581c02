#include "ops/random_cuda.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>

#include "cnn/autograd.h"
#include "cnn/ops/arithmetic.h"
#include "cnn/ops/binary.h"
#include "cnn/ops/compare.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/scan.h"
#include "cnn/ops/sort.h"
#include "cnn/ops/view.h"
#include "core/cuda_plugin.h"
#include "kernels/random.h"
#include "ops/each.h"

namespace cnn {
namespace {

constexpr int64_t kBlockThreads = 256;

// Threads that PyTorch starts for n elements: as many as a GPU holds at once, if there is work for them.
int64_t threads_for(Device device, int64_t n) {
  static std::atomic<int64_t> most[128];
  std::atomic<int64_t>& known = most[device.index];
  int64_t held = known.load(std::memory_order_relaxed);
  if (held == 0) {
    const CudaProperties p = cuda_calls(device.index).properties(device.index);
    held = int64_t(p.processors) * (p.threads_per_processor / kBlockThreads) * kBlockThreads;
    known.store(held, std::memory_order_relaxed);
  }
  return std::min(held, (n + kBlockThreads - 1) / kBlockThreads * kBlockThreads);
}

// Blocks of `lanes` numbers that each of the threads draws.
int64_t turns_for(int64_t n, int64_t threads, int64_t lanes) { return (n - 1) / (threads * lanes) + 1; }

// For kernels of a device, which need not be the generator's.
kernels::Philox taken(Device device, Generator& g, int64_t count) {
  uint64_t first = 0;
  if (const uint64_t* of_run = cuda_calls(device.index, false).draw_in_graph(g, uint64_t(count), first))
    return {0, first / 4, of_run};
  const Generator::Stretch s = g.take_offsets(uint64_t(count));
  return {s.seed, s.offset / 4};
}

// The dimensions in `order` as places, joined where they step evenly through both tensors.
kernels::DrawPlaces places_in(const char* op, const Dims& order, const Dims& sizes, const Dims& strides,
                              const Dims& other) {
  kernels::DrawPlaces p;
  for (const int64_t d : order) {
    const int k = int(d);
    if (sizes[k] == 1) continue;
    const int last = p.ndim - 1;
    if (last >= 0 && p.strides[last] == sizes[k] * strides[k] && p.other_strides[last] == sizes[k] * other[k]) {
      p.sizes[last] *= sizes[k];
      p.strides[last] = strides[k];
      p.other_strides[last] = other[k];
      continue;
    }
    check_implemented(p.ndim < kernels::kDrawDims, op, "more than ", kernels::kDrawDims,
                      " dimensions that do not coalesce; call contiguous() first");
    p.sizes[p.ndim] = sizes[k];
    p.strides[p.ndim] = strides[k];
    p.other_strides[p.ndim] = other[k];
    ++p.ndim;
  }
  if (p.ndim == 1 && p.strides[0] == 1 && p.other_strides[0] == 1) p.ndim = 0;
  return p;
}

Dims in_c_order(int count) {
  Dims order = Dims::filled(count, 0);
  std::iota(order.begin(), order.end(), 0);
  return order;
}
// Elements are drawn as they lie: the dimension of the longest steps is the outermost.
Dims as_it_lies(const Tensor& x) {
  const Dims dense = strides_in_order_of(x.shape(), &x.strides(), 1);
  Dims order = in_c_order(dense.size());
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return dense[int(a)] > dense[int(b)]; });
  return order;
}

// Runs a functor of `lanes` numbers to a block over x, as it lies.
template <class F>
void draw(const char* op, F f, const Tensor& x, DType t, Generator& g) {
  const int64_t lanes = t == DType::Float64 ? 2 : 4;
  f.n = x.numel();
  f.threads = threads_for(x.device(), f.n);
  const int64_t turns = turns_for(f.n, f.threads, lanes);
  f.random = taken(x.device(), g, turns * 4);
  f.y = x.raw();
  f.dtype = x.dtype();
  if (!is_dense(x.shape(), x.strides())) f.places = places_in(op, as_it_lies(x), x.shape(), x.strides(), x.strides());
  each(f, turns * f.threads, t, x.device());
}
DType drawn_in(const Tensor& x) { return x.dtype() == DType::Float64 ? DType::Float64 : DType::Float32; }

double rounded(DType t, double value) {
  switch (t) {
    case DType::Float64:
      return value;
    case DType::Float16:
      return float(Half(float(value)));
    case DType::BFloat16:
      return float(BFloat16(float(value)));
    default:
      return float(value);
  }
}

bool is_aligned(const Tensor& x, int64_t elements) {
  return reinterpret_cast<uintptr_t>(x.raw()) % uintptr_t(elements * item_size(x.dtype())) == 0;
}

}  // namespace

Generator& generator_for(Device device, Generator* given) {
  if (!given) return default_generator(device.is_cuda() ? device : kCpu);
  check(given->device().type == device.type || device.is_meta(), "", "Expected a '", device_type_name(device.type),
        "' device type for generator but found '", device_type_name(given->device().type), "'");
  return *given;
}

void cuda_uniform(const Tensor& x, double from, double to, Generator& g) {
  kernels::DrawUniform f;
  f.from = rounded(x.dtype(), from);
  f.to = rounded(x.dtype(), to);
  f.range = rounded(x.dtype(), f.to - f.from);
  draw("uniform_", f, x, drawn_in(x), g);
}
void cuda_normal(const Tensor& x, double mean, double std, Generator& g) {
  kernels::DrawNormal f;
  f.mean = mean;
  f.std = std;
  draw("normal_", f, x, drawn_in(x), g);
}
void cuda_log_normal(const Tensor& x, double mean, double std, Generator& g) {
  kernels::DrawLogNormal f;
  f.mean = mean;
  f.std = std;
  draw("log_normal_", f, x, drawn_in(x), g);
}
void cuda_exponential(const Tensor& x, double lambd, Generator& g) {
  kernels::DrawExponential f;
  f.factor = -1 / lambd;
  draw("exponential_", f, x, drawn_in(x), g);
}
void cuda_cauchy(const Tensor& x, double median, double sigma, Generator& g) {
  kernels::DrawCauchy f;
  f.median = median;
  f.sigma = sigma;
  draw("cauchy_", f, x, drawn_in(x), g);
}
void cuda_geometric(const Tensor& x, double p, Generator& g) {
  kernels::DrawGeometric f;
  f.log_miss = std::log1p(-p);
  draw("geometric_", f, x, drawn_in(x), g);
}
void cuda_bernoulli(const Tensor& x, double p, double one, Generator& g) {
  kernels::DrawBernoulli f;
  f.p = p == 1 ? 2 : p;  // numbers of (0, 1] are below it; PyTorch draws a 0 where one of 2^25 is 1
  f.one = one;
  draw("bernoulli_", f, x, drawn_in(x), g);
}
void cuda_integers(const Tensor& x, int64_t low, uint64_t range, bool wide, Generator& g) {
  kernels::DrawIntegers f;
  f.base = uint64_t(low);
  f.range = range;
  draw("random_", f, x, wide ? DType::Float64 : DType::Float32, g);
}

namespace {
void fail_chance(const Watch& w, int64_t, const char* when) {
  fail(w.kind, w.op, "Expected p_in >= 0 && p_in <= 1 to be true, but got false.", when);
}
}  // namespace

void cuda_bernoulli(const Tensor& x, const Tensor& p, Generator& g) {
  const Tensor chances = expand(p, x.shape());
  kernels::DrawByChance f;
  f.n = x.numel();
  f.random = taken(x.device(), g, 10);
  f.y = x.raw();
  f.dtype = x.dtype();
  f.p = chances.raw();
  f.p_dtype = p.dtype();
  f.places = places_in("bernoulli_", as_it_lies(x), x.shape(), x.strides(), chances.strides());
  f.bad = backend(x.device()).watch({fail_chance, "bernoulli_", ErrorKind::Runtime, 0, 0});
  each(f, (f.n + 3) / 4, drawn_in(x), x.device());
}

Tensor cuda_randperm(int64_t n, Device device, Generator& g) {
  // Keys of so many bits that with probability 0.9 no two of them are equal.
  const double size = double(n);
  const int bits = std::min(64, int(std::ceil(std::log2(size - (6 * size * size + 1) / (12 * std::log(0.9))))));
  Tensor keys = empty({n}, DType::Int64, device);
  if (bits <= 32) {  // as PyTorch's int32, whose range is one less
    cuda_integers(keys, INT32_MIN, uint64_t(UINT32_MAX), true, g);
  } else {
    cuda_integers(keys, INT64_MIN, UINT64_MAX, true, g);
  }
  if (bits < 64 && bits != 32) keys = bitwise_and(keys, full(Dims(), Scalar((int64_t(1) << bits) - 1), DType::Int64));
  const auto [sorted, order] = sort(keys, 0);  // stable
  kernels::ShuffleTies f;
  f.random = taken(device, g, n);
  f.n = n;
  f.keys = sorted.data<int64_t>();
  f.order = order.data<int64_t>();
  each(f, n, DType::Float32, device);
  return order;
}

std::pair<Tensor, Tensor> cuda_dropout(const Tensor& x, double p, Generator& g) {
  const Tensor y = empty_like(x, x.dtype()), kept = empty_like(y, DType::Bool);
  kernels::DrawDropout f;
  const bool wide = x.dtype() == DType::Float64;
  f.n = x.numel();
  f.threads = threads_for(x.device(), f.n);
  f.x = x.raw();
  f.y = y.raw();
  f.mask = static_cast<uint8_t*>(kept.raw());
  f.dtype = x.dtype();
  f.keep = wide ? 1 - p : float(1 - p);
  f.scale = wide ? 1 / f.keep : float(1 / f.keep);
  if (is_dense(x.shape(), x.strides())) {
    f.pack = 16 / item_size(x.dtype());
    while (f.pack > 1 && !(is_aligned(x, f.pack) && is_aligned(y, f.pack) && is_aligned(kept, f.pack))) f.pack /= 2;
    while (f.pack > 1 && f.n % f.pack != 0) f.pack /= 2;
  }
  int64_t turns = turns_for(f.n, f.threads, 4), blocks = turns;
  if (f.pack > 1) {
    turns = turns_for(f.n, f.threads, f.pack);
    blocks = turns * (f.pack > 4 ? 2 : 1);  // PyTorch counts fewer, and draws the rest again for the next call
  } else {
    f.places = places_in("dropout", in_c_order(x.shape().size()), x.shape(), y.strides(), x.strides());
  }
  f.random = taken(x.device(), g, blocks * 4);
  each(f, turns * f.threads, drawn_in(x), x.device());
  return {y, kept};
}

Tensor scale_kept(const Tensor& x, const Tensor& kept, double scale) {
  Grad grad({x});
  const Tensor y = empty_strided(kept.shape(), kept.strides(), x.dtype(), x.device());
  if (y.numel() > 0) {
    kernels::ScaleKept f;
    f.n = x.numel();
    f.x = x.raw();
    f.mask = static_cast<const uint8_t*>(kept.raw());
    f.y = y.raw();
    f.dtype = x.dtype();
    f.scale = scale;
    f.places = places_in("native_dropout_backward", as_it_lies(y), y.shape(), y.strides(), x.strides());
    if (f.places.ndim == 0 && f.n % 4 == 0 && is_aligned(x, 4) && is_aligned(y, 4) && is_aligned(kept, 4)) f.pack = 4;
    each(f, f.n / f.pack, drawn_in(x), x.device());
  }
  if (!grad) return y;
  return grad.record("NativeDropoutBackwardBackward0", y,
                     [kept, scale](Grads& g) { g[0] = scale_kept(g.out(), kept, scale); });
}

// ---- Parameters that are tensors ----

namespace {
void fail_plainly(const Watch& w, int64_t, const char* when) { fail(w.kind, "", w.op, when); }
kernels::Note* note_for(const Tensor& x, const char* message) {
  return backend(x.device()).watch({fail_plainly, message, ErrorKind::Runtime, 0, 0});
}

// `count` numbers are counted as drawn, as PyTorch counts, however many words an element takes.
template <class F>
void draw_variates(const char* op, F f, const Tensor& y, const Tensor& a, const Tensor& b, int64_t calls,
                   uint64_t count, Generator& g) {
  f.n = y.numel();
  f.random = taken(y.device(), g, int64_t(count));
  f.y = y.raw();
  f.dtype = y.dtype();
  f.places = places_in(op, in_c_order(y.shape().size()), y.shape(), a.strides(), b.strides());
  each(f, calls, drawn_in(y), y.device());
}
}  // namespace

void cuda_gamma(const Tensor& y, const Tensor& alpha, Generator& g) {
  if (y.numel() == 0) return;
  kernels::DrawGamma f;
  f.alpha = alpha.raw();
  draw_variates("_standard_gamma", f, y, y, alpha, y.numel(), 10, g);
}
void cuda_poisson(const Tensor& y, const Tensor& rate, Generator& g) {
  if (y.numel() == 0) return;
  kernels::DrawPoisson f;
  f.rate = rate.raw();
  f.bad = note_for(y, "invalid Poisson rate, expected rate to be non-negative");
  draw_variates("poisson", f, y, y, rate, y.numel(), 20, g);
}
void cuda_binomial(const Tensor& y, const Tensor& count, const Tensor& prob, Generator& g) {
  if (y.numel() == 0) return;
  const Tensor counts = expand(count, y.shape()), probs = expand(prob, y.shape());
  kernels::DrawBinomial f;
  f.count = counts.raw();
  f.p = probs.raw();
  constexpr int64_t kBlock = kernels::DrawBinomial::kThreads * kernels::DrawBinomial::kElements;
  draw_variates("binomial", f, y, counts, probs, (y.numel() + kBlock - 1) / kBlock * kernels::DrawBinomial::kThreads,
                42, g);
}

void cuda_watch_weights(const Tensor& weights, const Tensor& totals) {
  for (const Tensor* x : {&weights, &totals}) {
    const Tensor dense = contiguous(*x);
    kernels::NoteWeights f;
    f.x = dense.raw();
    f.dtype = x->dtype();
    f.totals = x == &totals;
    f.bad = note_for(*x, f.totals ? "invalid multinomial distribution (sum of probabilities <= 0)"
                                  : "probability tensor contains either `inf`, `nan` or element < 0");
    each(f, x->numel(), drawn_in(*x), x->device());
  }
}

Tensor cuda_categories(const Tensor& weights, const Tensor& totals, int64_t samples, Generator& g) {
  constexpr int64_t kThreads = 128, kMostRows = 65535;  // of a block and in a grid of PyTorch's launch
  const Tensor shares = contiguous(div(weights, totals)), sums = contiguous(cumsum(shares, -1));
  Dims shape = weights.shape();
  kernels::DrawCategories f;
  f.samples = shape[shape.size() - 1] = samples;
  f.categories = weights.shape().back();
  const int64_t rows = weights.numel() / f.categories;
  const Tensor y = empty(shape, DType::Int64, weights.device());
  f.row_threads = (samples + kThreads - 1) / kThreads * kThreads;
  f.most_rows = std::min(rows, kMostRows);
  f.random = taken(weights.device(), g, ((rows - 1) / f.most_rows + 1) * 4);
  f.shares = shares.raw();
  f.sums = sums.raw();
  f.dtype = weights.dtype();
  f.y = y.data<int64_t>();
  each(f, rows * samples, drawn_in(weights), weights.device());
  return y;
}

}  // namespace cnn
