#include "cnn/ops/random.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "cnn/autograd.h"
#include "cnn/ops/arithmetic.h"
#include "cnn/ops/binary.h"
#include "cnn/ops/compare.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/index.h"
#include "cnn/ops/operators.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/scan.h"
#include "cnn/ops/sort.h"
#include "cnn/ops/unary.h"
#include "cnn/ops/view.h"
#include "cnn/cuda.h"
#include "core/random.h"
#include "ops/map.h"
#include "ops/random_cuda.h"

namespace cnn {
namespace {

// Writes x through fill.operator()<T>(generator, pointer, n, contiguous), T being x's type and `contiguous` telling
// whether x is; on a GPU through draw(generator).
template <class F, class G>
Tensor fill_in_place(const char* op, const Tensor& x, Generator* given, const F& fill, const G& draw) {
  Grad grad({x}, Dest::in_place(x));
  Generator& generator = generator_for(x.device(), given);
  check_no_internal_overlap(op, x);
  x.impl()->bump_version();
  if (is_stored(x.dtype())) not_implemented(op, x.dtype());
  if (x.device().is_cuda() && x.numel() > 0) {
    draw(generator);
  } else if (!x.device().is_meta() && x.numel() > 0) {
    NoGrad guard;
    const bool direct = is_dense(x.shape(), x.strides());
    const Tensor target = direct ? x : empty(x.shape(), x.dtype());  // in the order in which numbers are drawn
    visit_dtype(x.dtype(), [&]<class T>() {
      fill.template operator()<T>(generator, static_cast<T*>(target.raw()), x.numel(), x.is_contiguous());
    });
    if (!direct) copy_(x, target);
  }
  if (!grad) return x;
  return grad.record("RandomBackward0", x, [](Grads& g) { g[0] = zeros_like(g.out()); });
}

template <class T>
constexpr bool kContinuous = !std::is_integral_v<T>;

void check_floating(const char* op, const Tensor& x) {
  if (!is_floating(x.dtype())) not_implemented(op, x.dtype());
}
void check_computing_float(const char* op, const Tensor& x) {
  if (!is_floating(x.dtype()) || is_stored(x.dtype())) not_implemented(op, x.dtype());
}

}  // namespace

Tensor uniform_(const Tensor& x, double from, double to, Generator* generator) {
  check_computing_float("check_uniform_bounds", x);
  check(from <= to, "uniform_", "uniform_ expects to return a [from, to) range, but found from=", from, " > to=", to);
  for (const auto& [name, bound] : {std::pair{"from", from}, {"to", to}})
    check(std::abs(bound) <= largest(x.dtype()), "", name, " is out of bounds for ", type_in_c(x.dtype()));
  check(std::isfinite(to - from), "uniform_", "uniform_ expects to-from to be finite, but found to=", to,
        " and from=", from);
  return fill_in_place(
      "uniform_", x, generator,
      [&]<class T>(Generator& g, T* out, int64_t n, bool) {
        if constexpr (kContinuous<T>) fill_uniform(g, out, n, from, to);
      },
      [&](Generator& g) { cuda_uniform(x, from, to, g); });
}

Tensor normal_(const Tensor& x, double mean, double std, Generator* generator) {
  check_computing_float("normal_kernel_cpu", x);
  check(std >= 0, "normal_", "normal expects std >= 0.0, but found std ", std);
  return fill_in_place(
      "normal_", x, generator,
      [&]<class T>(Generator& g, T* out, int64_t n, bool contiguous) {
        if constexpr (kContinuous<T>) {
          if (contiguous) fill_normal(g, out, n, mean, std);
          else fill_normal_singly(g, out, n, mean, std);
        }
      },
      [&](Generator& g) { cuda_normal(x, mean, std, g); });
}

Tensor bernoulli_(const Tensor& x, double p, Generator* generator) {
  check(p >= 0 && p <= 1, "bernoulli_", "bernoulli_ expects p to be in [0, 1], but got p=", p);
  return fill_in_place(
      "bernoulli_", x, generator, [&]<class T>(Generator& g, T* out, int64_t n, bool) { fill_bernoulli(g, out, n, p); },
      [&](Generator& g) { cuda_bernoulli(x, p, 1, g); });
}

Tensor bernoulli_tensor_(const Tensor& x, const Tensor& p, Generator* generator) {
  check_floating("bernoulli_tensor_cpu_p_", p);
  check_device("bernoulli_", x.device(), p.device());
  Tensor probabilities;  // on the CPU, in the order in which x is filled
  if (x.device().is_cpu()) {
    NoGrad guard;
    const DType t = p.dtype() == DType::Float64 ? DType::Float64 : DType::Float32;
    probabilities = is_dense(x.shape(), x.strides()) ? empty_strided(x.shape(), x.strides(), t) : empty(x.shape(), t);
    copy_(probabilities, expand(p, x.shape()));
    const Tensor good = logical_and(ge(probabilities, wrapped_number(0.0)), le(probabilities, wrapped_number(1.0)));
    check(all(good).item().to_bool(), "bernoulli_", "Expected p_in >= 0 && p_in <= 1 to be true, but got false.");
  } else {
    expand(p, x.shape());  // or its error
  }
  return fill_in_place(
      "bernoulli_", x, generator,
      [&]<class T>(Generator& g, T* out, int64_t n, bool) {
        if (probabilities.dtype() == DType::Float64) fill_bernoulli(g, out, n, probabilities.data<double>());
        else fill_bernoulli(g, out, n, probabilities.data<float>());
      },
      [&](Generator& g) { cuda_bernoulli(x, p, g); });
}

Tensor exponential_(const Tensor& x, double lambd, Generator* generator) {
  check(is_floating(x.dtype()), "",
        "Exponential distribution is a continuous probability distribution. dtype must be a "
        "floating point but you specified ",
        dtype_type_name(x.dtype()));
  check(lambd > 0, "exponential_", "exponential_ expects lambda > 0.0, but found lambda=", lambd);
  return fill_in_place(
      "exponential_", x, generator,
      [&]<class T>(Generator& g, T* out, int64_t n, bool) {
        if constexpr (kContinuous<T>) fill_exponential(g, out, n, lambd);
      },
      [&](Generator& g) { cuda_exponential(x, lambd, g); });
}

Tensor cauchy_(const Tensor& x, double median, double sigma, Generator* generator) {
  check(is_floating(x.dtype()), "",
        "Cauchy distribution is a continuous probability distribution. dtype must be a floating "
        "point but you specified ",
        dtype_type_name(x.dtype()));
  check(sigma > 0, "cauchy_", "cauchy_ expects sigma > 0.0, but found sigma=", sigma);
  return fill_in_place(
      "cauchy_", x, generator,
      [&]<class T>(Generator& g, T* out, int64_t n, bool) {
        if constexpr (kContinuous<T>) fill_cauchy(g, out, n, median, sigma);
      },
      [&](Generator& g) { cuda_cauchy(x, median, sigma, g); });
}

Tensor log_normal_(const Tensor& x, double mean, double std, Generator* generator) {
  check_computing_float("log_normal_cpu", x);
  check(std > 0, "log_normal_", "log_normal_ expects std > 0.0, but found std=", std);
  return fill_in_place(
      "log_normal_", x, generator,
      [&]<class T>(Generator& g, T* out, int64_t n, bool) {
        if constexpr (kContinuous<T>) fill_log_normal(g, out, n, mean, std);
      },
      [&](Generator& g) { cuda_log_normal(x, mean, std, g); });
}

Tensor geometric_(const Tensor& x, double p, Generator* generator) {
  check(p > 0 && p < 1, "geometric_", "geometric_ expects p to be in (0, 1), but got p=", p);
  if (x.dtype() == DType::Bool) not_implemented("geometric_", x.dtype());
  return fill_in_place(
      "geometric_", x, generator,
      [&]<class T>(Generator& g, T* out, int64_t n, bool) {
        if constexpr (!std::is_same_v<T, bool>) fill_geometric(g, out, n, p);
      },
      [&](Generator& g) { cuda_geometric(x, p, g); });
}

namespace {
// RuntimeError when T cannot hold the integers from `low` to `to` - 1, or its largest without `to`.
template <class T>
void check_limits(DType dtype, int64_t low, std::optional<int64_t> to) {
  const char* name = dtype == DType::Float16  ? "c10::Half"
                     : dtype == DType::UInt16 ? "short unsigned int"
                     : dtype == DType::UInt32 ? "unsigned int"
                     : dtype == DType::UInt64 ? "long unsigned int"
                                              : dtype_name(dtype);
  if constexpr (std::is_same_v<T, uint64_t>) {
    check(low >= 0, "random_", "from is out of bounds for ", name);
  } else if constexpr (std::is_integral_v<T>) {
    const int64_t least = int64_t(std::numeric_limits<T>::min()), most = int64_t(std::numeric_limits<T>::max());
    check(low >= least && low <= most, "random_", "from is out of bounds for ", name);
    check(!to || (*to - 1 >= least && *to - 1 <= most), "random_", "to - 1 is out of bounds for ", name);
  } else {
    const auto fits = [&](int64_t v) { return dtype != DType::Float16 || (v >= -65504 && v <= 65504); };
    check(fits(low), "random_", "from is out of bounds for ", name);
    check(!to || fits(*to - 1), "random_", "to - 1 is out of bounds for ", name);
    const int digits = dtype == DType::Float64 ? 53 : dtype == DType::Float32 ? 24 : dtype == DType::Float16 ? 11 : 8;
    check(to || low < int64_t(1) << digits, "random_",
          "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, but got from=",
          low, " > to_inc=", int64_t(1) << digits);
  }
}
}  // namespace

Tensor random_(const Tensor& x, std::optional<int64_t> from, std::optional<int64_t> to, Generator* generator) {
  if (is_stored(x.dtype()) && !from && !to) not_implemented("random_kernel_cpu", x.dtype());
  const auto on_gpu = [&](Generator& g, const IntegerDraw& d) { cuda_integers(x, d.low, d.range, d.wide, g); };
  if (!from && !to)
    return fill_in_place(
        "random_", x, generator, [&]<class T>(Generator& g, T* out, int64_t n, bool) { fill_random(g, out, n); },
        [&](Generator& g) { visit_dtype(x.dtype(), [&]<class T>() { on_gpu(g, all_integers<T>()); }); });
  const int64_t low = from.value_or(0);
  const bool full = !to && low == INT64_MIN;
  check(!to || low < *to, "random_", "random_ expects 'from' to be less than 'to', but got from=", low,
        " >= to=", to.value_or(0));
  if (full) {
    if (x.dtype() == DType::Bool || x.dtype() == DType::Float16)
      not_implemented("random_full_64_bits_range_kernel_cpu", x.dtype());
    check(x.dtype() == DType::Int64 || is_floating(x.dtype()), "",
          "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16");
  } else {
    if (is_float8(x.dtype())) not_implemented(to ? "random_update_from_to" : "random_update_from", x.dtype());
    visit_any_dtype(x.dtype(), [&]<class T>() { check_limits<T>(x.dtype(), low, to); });
  }
  if (is_stored(x.dtype()) && to) {  // drawn in int64, which has the same numbers in the same order
    NoGrad guard;
    check_no_internal_overlap("random_", x);
    return copy_(x, random_(empty_like(x, DType::Int64), low, to, generator));
  }
  return fill_in_place(
      "random_", x, generator,
      [&]<class T>(Generator& g, T* out, int64_t n, bool) {
        if (to) fill_randint(g, out, n, low, *to);
        else if (!full) fill_random_from(g, out, n, low);
        else if constexpr (!std::is_same_v<T, bool>) fill_random_full(g, out, n);
      },
      [&](Generator& g) {
        visit_dtype(x.dtype(), [&]<class T>() {
          on_gpu(g, to ? integers_between<T>(low, *to) : full ? IntegerDraw{0, 0, true} : integers_from<T>(low));
        });
      });
}

Tensor rand(const Dims& size, Generator* generator, DType dtype, Device device) {
  return uniform_(empty(size, dtype, device), 0, 1, generator);
}
Tensor randn(const Dims& size, Generator* generator, DType dtype, Device device) {
  return normal_(empty(size, dtype, device), 0, 1, generator);
}
Tensor randint(int64_t low, int64_t high, const Dims& size, Generator* generator, DType dtype, Device device) {
  check(low < high, "randint", "random_ expects 'from' to be less than 'to', but got from=", low, " >= to=", high);
  return random_(empty(size, dtype, device), low, high, generator);
}

Tensor randperm(int64_t n, Generator* generator, DType dtype, Device device) {
  check(n >= 0, "randperm", "n must be non-negative, got ", n);
  const int64_t most = dtype == DType::UInt8      ? 255
                       : dtype == DType::Int8     ? 127
                       : dtype == DType::Int16    ? 32767
                       : dtype == DType::Int32    ? 2147483647
                       : dtype == DType::Float16  ? 2048
                       : dtype == DType::BFloat16 ? 256
                       : dtype == DType::Float32  ? 1 << 24
                                                  : INT64_MAX;
  if (is_stored(dtype)) not_implemented("randperm", dtype);
  check(n <= most && dtype != DType::Bool, "randperm", "n is too large for result tensor type: '",
        dtype_type_name(dtype), "'");
  if (device.is_cuda() && n > 0) {
    const Device gpu = cuda_device(device);
    return to_dtype(cuda_randperm(n, gpu, generator_for(gpu, generator)), dtype);
  }
  Generator& g = generator_for(device, generator);
  Tensor p = empty({n}, DType::Int64);
  if (!device.is_meta()) fill_randperm(g, p.data<int64_t>(), n);
  return to(p, dtype, device);
}

Tensor bernoulli(const Tensor& input, Generator* generator) {
  Grad grad({input});
  Tensor y;
  {
    NoGrad guard;
    y = bernoulli_tensor_(empty(input.shape(), input.dtype(), input.device()), input, generator);  // in C order
  }
  if (!grad) return y;
  return grad.record("BernoulliBackward0", y, [](Grads& g) { g[0] = zeros_like(g.out()); });
}

Tensor normal(const Tensor& mean, const Tensor& std, Generator* generator) {
  check(is_floating(std.dtype()), "normal", "normal expects a floating-point std, got ", std.dtype());
  NoGrad guard;
  if (!std.device().is_meta())
    check(std.numel() == 0 || !any(lt(std, wrapped_number(0.0))).item().to_bool(), "normal",
          "normal expects all elements of std >= 0.0");
  const Tensor* inputs[] = {&mean, &std};
  const DType t = mean.impl()->wrapped_number  ? std.dtype()
                  : std.impl()->wrapped_number ? mean.dtype()
                                               : promote(mean.dtype(), std.dtype());
  const Tensor y =
      normal_(empty(broadcast_all("normal", inputs, 2), t, common_device("normal", inputs, 2)), 0, 1, generator);
  mul(y, std, Dest::in_place(y));
  return add(y, mean, 1, Dest::in_place(y));
}

Tensor multinomial(const Tensor& input, int64_t num_samples, bool replacement, Generator* generator) {
  check(input.dim() == 1 || input.dim() == 2, "multinomial", "prob_dist must be 1 or 2 dim, got ", input.shape());
  check(is_floating(input.dtype()), "multinomial",
        "multinomial only supports floating-point dtypes for input, got: ", dtype_type_name(input.dtype()));
  check(num_samples > 0, "multinomial", "cannot sample n_sample <= 0 samples");
  const int64_t n = input.shape().back();
  check(replacement || num_samples <= n, "multinomial",
        "cannot sample n_sample > prob_dist.size(-1) samples without replacement");
  NoGrad guard;
  constexpr const char* kNoWeights = "invalid multinomial distribution (sum of probabilities <= 0)";
  const bool on_gpu = input.device().is_cuda();
  const Tensor total = sum(input, Dims{-1}, true);
  check(n > 0 || total.numel() == 0, "", kNoWeights);
  if (on_gpu) {
    cuda_watch_weights(input, total);
  } else {
    const Tensor bad = logical_or(logical_not(isfinite(input)), lt(input, wrapped_number(0.0)));
    check(!any(bad).item().to_bool(), "", "probability tensor contains either `inf`, `nan` or element < 0");
    check(!any(eq(total, wrapped_number(0.0))).item().to_bool(), "", kNoWeights);
  }
  if (!replacement || num_samples == 1) {  // the largest p / q, q exponential (Efraimidis and Spirakis 2006)
    const Tensor q = exponential_(empty_like(input, input.dtype()), 1, generator);
    const Tensor keys = div(input, q);
    return num_samples == 1 ? argmax(keys, -1, true) : topk(keys, num_samples, -1, true, true).second;
  }
  Dims shape = input.shape();
  shape[shape.size() - 1] = num_samples;
  if (on_gpu && total.numel() > 0)
    return cuda_categories(input, total, num_samples, generator_for(input.device(), generator));
  const Tensor distribution = div(cumsum(input, -1), total);
  const Tensor places = uniform_(empty(shape, DType::Float64, input.device()), 0, 1, generator);
  return clamp(searchsorted(distribution, places), {}, Scalar(n - 1));
}

Tensor dropout(const Tensor& x, double p, bool train, Dest dest) {
  check(p >= 0 && p <= 1, "dropout", "dropout probability has to be between 0 and 1, but got ", p);
  if (p == 0 || !train || x.numel() == 0) return x;
  if (is_stored(x.dtype())) not_implemented("bernoulli_scalar_cpu_", x.dtype());
  check(is_floating(x.dtype()), "dropout", "result type Float can't be cast to the desired output type ",
        dtype_type_name(x.dtype()));
  if (p == 1) return mul(x, zeros(Dims(), x.dtype(), x.device()), dest);
  if (x.device().is_cuda() && !dest) {
    Grad grad({x});
    const auto [y, kept] = cuda_dropout(x, p, generator_for(x.device(), nullptr));
    if (!grad) return y;
    return grad.record("NativeDropoutBackward0", y,
                       [kept = kept, p](Grads& g) { g[0] = scale_kept(g.out(), kept, 1 / (1 - p)); });
  }
  const Tensor mask = empty_like(x, x.dtype());
  fill_in_place(
      "dropout", mask, nullptr,
      [&]<class T>(Generator& g, T* out, int64_t n, bool) {
        if constexpr (kContinuous<T>) fill_dropout(g, out, n, p);
      },
      [&](Generator& g) { cuda_bernoulli(mask, 1 - p, 1 / (1 - p), g); });
  return mul(x, mask, dest);
}

}  // namespace cnn
