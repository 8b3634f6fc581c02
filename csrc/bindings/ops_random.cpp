// Bindings of the random ops: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/fresh.h"
#include "bindings/generator.h"
#include "bindings/ops.h"
#include "cnn/ops/random.h"
#include "cnn/ops/draw_gradients.h"

namespace cnn::python {
namespace {

using Format = std::optional<MemoryFormat>;

}  // namespace

void bind_random(Registry& ops) {
  ops.def_op<&cnn::uniform_>("uniform_(Tensor input, float from=0, float to=1, *, Generator? generator=None) -> Tensor",
                             "Uniform in [from, to).", kMethodOnly);
  ops.def_op<&cnn::normal_>("normal_(Tensor input, float mean=0, float std=1, *, Generator? generator=None) -> Tensor",
                            "Normal.", kMethodOnly);
  ops.def_op<&cnn::bernoulli_tensor_>("bernoulli_(Tensor input, Tensor p, *, Generator? generator=None) -> Tensor",
                                      "1 with probability p, else 0.", kMethodOnly);
  ops.def_op<&cnn::bernoulli_>("bernoulli_(Tensor input, float p=0.5, *, Generator? generator=None) -> Tensor",
                               "1 with probability p, else 0.", kMethodOnly);
  ops.def_op<&cnn::exponential_>("exponential_(Tensor input, float lambd=1, *, Generator? generator=None) -> Tensor",
                                 "Exponential of rate lambd.", kMethodOnly);
  ops.def_op<&cnn::cauchy_>(
      "cauchy_(Tensor input, float median=0, float sigma=1, *, Generator? generator=None) -> Tensor", "Cauchy.",
      kMethodOnly);
  ops.def_op<&cnn::log_normal_>(
      "log_normal_(Tensor input, float mean=1, float std=2, *, Generator? generator=None) -> Tensor",
      "exp of a normal.", kMethodOnly);
  ops.def_op<&cnn::geometric_>("geometric_(Tensor input, float p, *, Generator? generator=None) -> Tensor",
                               "Trials up to the first success.", kMethodOnly);
  ops.def_op<[](const Tensor& x, Generator* g) { return cnn::random_(x, {}, {}, g); }>(
      "random_(Tensor input, *, Generator? generator=None) -> Tensor", "Any integer that the dtype holds exactly.",
      kMethodOnly);
  ops.def_op<[](const Tensor& x, int64_t to, Generator* g) { return cnn::random_(x, {}, to, g); }>(
      "random_(Tensor input, int to, *, Generator? generator=None) -> Tensor", "Integers in [0, to).", kMethodOnly);
  ops.def_op<[](const Tensor& x, int64_t from, std::optional<int64_t> to, Generator* g) {
    return cnn::random_(x, from, to, g);
  }>("random_(Tensor input, int from, int? to, *, Generator? generator=None) -> Tensor", "Integers in [from, to).",
     kMethodOnly);
  ops.def_op<[](const Dims& size, Generator* g, DType t, Device d) { return cnn::rand(size, g, t, d); }>(
      "rand(Dims size, *, Generator? generator=None, TensorOptions) -> Tensor", "Uniform in [0, 1).", kOut);
  ops.def_op<[](const Tensor& x, Generator* g, std::optional<DType> t, std::optional<Device> d, Format f) {
    return cnn::uniform_(empty_like_on(x, t, d, f), 0, 1, g);
  }>("rand_like(Tensor input, *, Generator? generator=None, TensorOptions, MemoryFormat? memory_format=None) -> Tensor",
     "Uniform in [0, 1). In the shape of input.", kFunctionOnly);
  ops.def_op<[](const Dims& size, Generator* g, DType t, Device d) { return cnn::randn(size, g, t, d); }>(
      "randn(Dims size, *, Generator? generator=None, TensorOptions) -> Tensor", "Standard normal.", kOut);
  ops.def_op<[](const Tensor& x, Generator* g, std::optional<DType> t, std::optional<Device> d, Format f) {
    return cnn::normal_(empty_like_on(x, t, d, f), 0, 1, g);
  }>("randn_like(Tensor input, *, Generator? generator=None, TensorOptions, "
     "MemoryFormat? memory_format=None) -> Tensor",
     "Standard normal. In the shape of input.", kFunctionOnly);
  ops.def_op<[](int64_t high, const Dims& size, Generator* g, std::optional<DType> t, Device d) {
    return cnn::randint(0, high, size, g, t.value_or(DType::Int64), d);
  }>("randint(int high, Dims size, *, Generator? generator=None, TensorOptions) -> Tensor", "Integers in [0, high).",
     kOut);
  ops.def_op<[](int64_t low, int64_t high, const Dims& size, Generator* g, std::optional<DType> t, Device d) {
    return cnn::randint(low, high, size, g, t.value_or(DType::Int64), d);
  }>("randint(int low, int high, Dims size, *, Generator? generator=None, TensorOptions) -> Tensor",
     "Integers in [low, high).", kOut);
  ops.def_op<[](const Tensor& x, int64_t high, Generator* g, std::optional<DType> t, std::optional<Device> d,
                Format f) { return cnn::random_(empty_like_on(x, t, d, f), 0, high, g); }>(
      "randint_like(Tensor input, int high, *, Generator? generator=None, TensorOptions, "
      "MemoryFormat? memory_format=None) -> Tensor",
      "Integers in [0, high).", kFunctionOnly);
  ops.def_op<[](const Tensor& x, int64_t low, int64_t high, Generator* g, std::optional<DType> t,
                std::optional<Device> d, Format f) { return cnn::random_(empty_like_on(x, t, d, f), low, high, g); }>(
      "randint_like(Tensor input, int low, int high, *, Generator? generator=None, TensorOptions, "
      "MemoryFormat? memory_format=None) -> Tensor",
      "Integers in [low, high).", kFunctionOnly);
  ops.def_op<[](int64_t n, Generator* g, std::optional<DType> t, Device d) {
    return cnn::randperm(n, g, t.value_or(DType::Int64), d);
  }>("randperm(int n, *, Generator? generator=None, TensorOptions) -> Tensor", "A permutation of 0 to n - 1.", kOut);
  ops.def_op<&cnn::bernoulli>("bernoulli(Tensor input, *, Generator? generator=None) -> Tensor",
                              "1 with the probabilities of input, else 0.", kOut);
  ops.def_op<[](const Tensor& x, double p, Generator* g) {
    return cnn::bernoulli_(empty(x.shape(), x.dtype(), x.device()), p, g);
  }>("bernoulli(Tensor input, float p, *, Generator? generator=None) -> Tensor", "1 with probability p, else 0.");
  ops.def_op<[](double mean, double std, const Dims& size, Generator* g, DType t, Device d) {
    return cnn::normal_(empty(size, t, d), mean, std, g);
  }>("normal(float mean, float std, Dims size, *, Generator? generator=None, TensorOptions) -> Tensor", "Normal.",
     kFunctionOnly | kOut);
  ops.def_op<&cnn::normal>("normal(Tensor|Number mean, Tensor|Number std=1.0, *, Generator? generator=None) -> Tensor",
                           "Normal, with a mean and a deviation for each element.", kFunctionOnly | kOut);
  ops.def_op<&cnn::multinomial>(
      "multinomial(Tensor input, int num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor",
      "Indices drawn with the probabilities of each row.", kOut);
  ops.def_op<&cnn::poisson>("poisson(Tensor input, Generator? generator=None) -> Tensor",
                            "Poisson, with the rates of input.", kFunctionOnly);
  ops.def_op<&cnn::binomial>("binomial(Tensor count, Tensor prob, Generator? generator=None) -> Tensor",
                             "Successes of count trials of probability prob.", kFunctionOnly);
  ops.def_op<&cnn::_standard_gamma>("_standard_gamma(Tensor input, Generator? generator=None) -> Tensor",
                                    "Gamma of rate 1, with the concentrations of input.", kFunctionOnly);
  ops.def_op<&cnn::_sample_dirichlet>("_sample_dirichlet(Tensor input, Generator? generator=None) -> Tensor",
                                      "Dirichlet, with the concentrations of each row of input.", kFunctionOnly);
  ops.def_op<&cnn::_standard_gamma_grad>("_standard_gamma_grad(Tensor input, Tensor output) -> Tensor",
                                         "Derivative of draws by their concentration.", kFunctionOnly);
  ops.def_op<&cnn::_dirichlet_grad>("_dirichlet_grad(Tensor x, Tensor alpha, Tensor total) -> Tensor",
                                    "Derivative of draws of Beta(alpha, total - alpha) by alpha, over 1 - x.",
                                    kFunctionOnly);
  ops.def_op<&cnn::dropout>("dropout(Tensor input, float p, bool train) -> Tensor",
                            "Zeroed with probability p, the rest times 1 / (1 - p).", kFunctionOnly | kNoOut);
}

}  // namespace cnn::python
