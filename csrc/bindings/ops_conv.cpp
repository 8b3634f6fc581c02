// Bindings of convolution and pooling: a line per op, for 1 to 3 dimensions at once.
#include <array>

#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/conv.h"
#include "cnn/ops/pool.h"

namespace cnn::python {

namespace {

// "conv#d(...)" is conv2d for two dimensions.
template <int N>
class Numbered {
 public:
  explicit Numbered(Registry& ops) : ops_(ops) {}

  template <auto F>
  void def_op(std::string text, std::string doc) {
    for (std::string* s : {&text, &doc})
      if (const size_t at = s->find('#'); at != s->npos) (*s)[at] = char('0' + N);
    ops_.def_op<F>(text.c_str(), doc.c_str(), kFunctionOnly);
  }

 private:
  Registry& ops_;
};

template <int N>
void bind_windows(Registry& registry) {
  Numbered<N> ops(registry);
  using Optional = std::optional<Tensor>;
  using OptionalDims = std::optional<Dims>;
  constexpr std::array convolutions = {&cnn::conv1d, &cnn::conv2d, &cnn::conv3d};
  ops.template def_op<convolutions[N - 1]>(
      "conv#d(Tensor input, Tensor weight, Tensor? bias=None, Dims stride=1, Dims padding=0, Dims dilation=1, "
      "int groups=1) -> Tensor",
      "#-D cross-correlation.");
  ops.template def_op<[](const Tensor& x, const Tensor& w, const Optional& b, const Dims& s, const std::string& p,
                         const Dims& d, int64_t g) { return cnn::conv_padded(N, x, w, b, s, p, d, g); }>(
      "conv#d(Tensor input, Tensor weight, Tensor? bias=None, Dims stride=1, str padding='valid', Dims dilation=1, "
      "int groups=1) -> Tensor",
      "#-D cross-correlation.");
  ops.template def_op<[](const Tensor& x, const Tensor& w, const Optional& b, const Dims& s, const Dims& p,
                         const Dims& o, int64_t g, const Dims& d) {
    return cnn::conv_transpose(N, x, w, b, s, p, o, g, d);
  }>("conv_transpose#d(Tensor input, Tensor weight, Tensor? bias=None, Dims stride=1, Dims padding=0, "
     "Dims output_padding=0, int groups=1, Dims dilation=1) -> Tensor",
     "#-D transposed convolution.");
  ops.template def_op<[](const Tensor& x, const Dims& k, const OptionalDims& s, const Dims& p, const Dims& d, bool c) {
    return cnn::max_pool(N, x, k, s.value_or(Dims()), p, d, c);
  }>("max_pool#d(Tensor input, Dims kernel_size, Dims? stride=None, Dims padding=0, Dims dilation=1, "
     "bool ceil_mode=False) -> Tensor",
     "The largest element of each window.");
  ops.template def_op<[](const Tensor& x, const Dims& k, const OptionalDims& s, const Dims& p, const Dims& d, bool c) {
    return cnn::max_pool_with_indices(N, x, k, s.value_or(Dims()), p, d, c);
  }>("max_pool#d_with_indices(Tensor input, Dims kernel_size, Dims? stride=None, Dims padding=0, Dims dilation=1, "
     "bool ceil_mode=False) -> (Tensor, Tensor)",
     "The largest element of each window, and where it is.");
  if constexpr (N == 1) {
    ops.template def_op<[](const Tensor& x, const Dims& k, const OptionalDims& s, const Dims& p, bool c, bool i) {
      return cnn::avg_pool(N, x, k, s.value_or(Dims()), p, c, i);
    }>("avg_pool#d(Tensor input, Dims kernel_size, Dims? stride=None, Dims padding=0, bool ceil_mode=False, "
       "bool count_include_pad=True) -> Tensor",
       "The mean of each window.");
  } else {
    ops.template def_op<[](const Tensor& x, const Dims& k, const OptionalDims& s, const Dims& p, bool c, bool i,
                           std::optional<int64_t> d) {
      return cnn::avg_pool(N, x, k, s.value_or(Dims()), p, c, i, d);
    }>("avg_pool#d(Tensor input, Dims kernel_size, Dims? stride=None, Dims padding=0, bool ceil_mode=False, "
       "bool count_include_pad=True, int? divisor_override=None) -> Tensor",
       "The mean of each window.");
  }
  ops.template def_op<[](const Tensor& x, const Dims& size) { return cnn::adaptive_avg_pool(N, x, size); }>(
      "adaptive_avg_pool#d(Tensor input, Dims output_size) -> Tensor", "Means of windows that make output_size.");
  ops.template def_op<[](const Tensor& x, const Dims& size) { return cnn::adaptive_max_pool(N, x, size); }>(
      "adaptive_max_pool#d(Tensor input, Dims output_size) -> (Tensor, Tensor)",
      "Maxima of windows that make output_size, and where they are.");
}

}  // namespace

void bind_conv(Registry& ops) {
  ops.def_op<&cnn::convolution>(
      "convolution(Tensor input, Tensor weight, Tensor? bias, Dims stride, Dims padding, Dims dilation, "
      "bool transposed, Dims output_padding, int groups) -> Tensor",
      "Convolution over 1 to 3 dimensions.", kFunctionOnly);
  ops.def_op<&cnn::conv_norm_clamp>(
      "_conv_norm_clamp(Tensor input, Tensor weight, Tensor? bias, Dims stride, Dims padding, Dims dilation, "
      "int groups, Tensor? norm_weight, Tensor? norm_bias, Tensor? running_mean, Tensor? running_var, float eps, "
      "float low, float high) -> Tensor",
      "clamp(batch_norm(convolution(...)), low, high) by running statistics, in one pass.", kFunctionOnly);
  bind_windows<1>(ops);
  bind_windows<2>(ops);
  bind_windows<3>(ops);
}

}  // namespace cnn::python
