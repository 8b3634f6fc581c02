// Bindings of the conv ops: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/conv.h"
#include "cnn/ops/pool.h"

namespace cnn::python {

void bind_conv(Registry& ops) {
  ops.def_op<&cnn::convolution>(
      "convolution(Tensor input, Tensor weight, Tensor? bias, Dims stride, Dims padding, Dims dilation, bool transposed, Dims output_padding, int groups) -> Tensor",
      "Convolution over 1 to 3 dimensions.", kFunctionOnly);
  ops.def_op<&cnn::conv1d>(
      "conv1d(Tensor input, Tensor weight, Tensor? bias=None, Dims stride=1, Dims padding=0, Dims dilation=1, int groups=1) -> Tensor",
      "1-D cross-correlation.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Tensor& w, const std::optional<Tensor>& b, const Dims& s, const std::string& p,
                const Dims& d, int64_t g) {
    return cnn::conv_padded(1, x, w, b, s, p, d, g);
  }>("conv1d(Tensor input, Tensor weight, Tensor? bias=None, Dims stride=1, str padding='valid', Dims dilation=1, int groups=1) -> Tensor",
     "1-D cross-correlation.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Tensor& w, const std::optional<Tensor>& b, const Dims& s, const Dims& p,
                const Dims& o, int64_t g, const Dims& d) {
    return cnn::conv_transpose(1, x, w, b, s, p, o, g, d);
  }>("conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, Dims stride=1, Dims padding=0, Dims output_padding=0, int groups=1, Dims dilation=1) -> Tensor",
     "1-D transposed convolution.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& k, const std::optional<Dims>& s, const Dims& p, const Dims& d, bool c) {
    return cnn::max_pool(1, x, k, s.value_or(Dims()), p, d, c);
  }>("max_pool1d(Tensor input, Dims kernel_size, Dims? stride=None, Dims padding=0, Dims dilation=1, bool ceil_mode=False) -> Tensor",
     "The largest element of each window.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& k, const std::optional<Dims>& s, const Dims& p, const Dims& d, bool c) {
    return cnn::max_pool_with_indices(1, x, k, s.value_or(Dims()), p, d, c);
  }>("max_pool1d_with_indices(Tensor input, Dims kernel_size, Dims? stride=None, Dims padding=0, Dims dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)",
     "The largest element of each window, and where it is.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& k, const std::optional<Dims>& s, const Dims& p, bool c, bool i) {
    return cnn::avg_pool(1, x, k, s.value_or(Dims()), p, c, i);
  }>("avg_pool1d(Tensor input, Dims kernel_size, Dims? stride=None, Dims padding=0, bool ceil_mode=False, bool count_include_pad=True) -> Tensor",
     "The mean of each window.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& size) { return cnn::adaptive_avg_pool(1, x, size); }>(
      "adaptive_avg_pool1d(Tensor input, Dims output_size) -> Tensor", "Means of windows that make output_size.",
      kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& size) { return cnn::adaptive_max_pool(1, x, size); }>(
      "adaptive_max_pool1d(Tensor input, Dims output_size) -> (Tensor, Tensor)",
      "Maxima of windows that make output_size, and where they are.", kFunctionOnly);
  ops.def_op<&cnn::conv2d>(
      "conv2d(Tensor input, Tensor weight, Tensor? bias=None, Dims stride=1, Dims padding=0, Dims dilation=1, int groups=1) -> Tensor",
      "2-D cross-correlation.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Tensor& w, const std::optional<Tensor>& b, const Dims& s, const std::string& p,
                const Dims& d, int64_t g) {
    return cnn::conv_padded(2, x, w, b, s, p, d, g);
  }>("conv2d(Tensor input, Tensor weight, Tensor? bias=None, Dims stride=1, str padding='valid', Dims dilation=1, int groups=1) -> Tensor",
     "2-D cross-correlation.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Tensor& w, const std::optional<Tensor>& b, const Dims& s, const Dims& p,
                const Dims& o, int64_t g, const Dims& d) {
    return cnn::conv_transpose(2, x, w, b, s, p, o, g, d);
  }>("conv_transpose2d(Tensor input, Tensor weight, Tensor? bias=None, Dims stride=1, Dims padding=0, Dims output_padding=0, int groups=1, Dims dilation=1) -> Tensor",
     "2-D transposed convolution.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& k, const std::optional<Dims>& s, const Dims& p, const Dims& d, bool c) {
    return cnn::max_pool(2, x, k, s.value_or(Dims()), p, d, c);
  }>("max_pool2d(Tensor input, Dims kernel_size, Dims? stride=None, Dims padding=0, Dims dilation=1, bool ceil_mode=False) -> Tensor",
     "The largest element of each window.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& k, const std::optional<Dims>& s, const Dims& p, const Dims& d, bool c) {
    return cnn::max_pool_with_indices(2, x, k, s.value_or(Dims()), p, d, c);
  }>("max_pool2d_with_indices(Tensor input, Dims kernel_size, Dims? stride=None, Dims padding=0, Dims dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)",
     "The largest element of each window, and where it is.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& k, const std::optional<Dims>& s, const Dims& p, bool c, bool i,
                std::optional<int64_t> d) {
    return cnn::avg_pool(2, x, k, s.value_or(Dims()), p, c, i, d);
  }>("avg_pool2d(Tensor input, Dims kernel_size, Dims? stride=None, Dims padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor",
     "The mean of each window.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& size) { return cnn::adaptive_avg_pool(2, x, size); }>(
      "adaptive_avg_pool2d(Tensor input, Dims output_size) -> Tensor", "Means of windows that make output_size.",
      kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& size) { return cnn::adaptive_max_pool(2, x, size); }>(
      "adaptive_max_pool2d(Tensor input, Dims output_size) -> (Tensor, Tensor)",
      "Maxima of windows that make output_size, and where they are.", kFunctionOnly);
  ops.def_op<&cnn::conv3d>(
      "conv3d(Tensor input, Tensor weight, Tensor? bias=None, Dims stride=1, Dims padding=0, Dims dilation=1, int groups=1) -> Tensor",
      "3-D cross-correlation.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Tensor& w, const std::optional<Tensor>& b, const Dims& s, const std::string& p,
                const Dims& d, int64_t g) {
    return cnn::conv_padded(3, x, w, b, s, p, d, g);
  }>("conv3d(Tensor input, Tensor weight, Tensor? bias=None, Dims stride=1, str padding='valid', Dims dilation=1, int groups=1) -> Tensor",
     "3-D cross-correlation.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Tensor& w, const std::optional<Tensor>& b, const Dims& s, const Dims& p,
                const Dims& o, int64_t g, const Dims& d) {
    return cnn::conv_transpose(3, x, w, b, s, p, o, g, d);
  }>("conv_transpose3d(Tensor input, Tensor weight, Tensor? bias=None, Dims stride=1, Dims padding=0, Dims output_padding=0, int groups=1, Dims dilation=1) -> Tensor",
     "3-D transposed convolution.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& k, const std::optional<Dims>& s, const Dims& p, const Dims& d, bool c) {
    return cnn::max_pool(3, x, k, s.value_or(Dims()), p, d, c);
  }>("max_pool3d(Tensor input, Dims kernel_size, Dims? stride=None, Dims padding=0, Dims dilation=1, bool ceil_mode=False) -> Tensor",
     "The largest element of each window.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& k, const std::optional<Dims>& s, const Dims& p, const Dims& d, bool c) {
    return cnn::max_pool_with_indices(3, x, k, s.value_or(Dims()), p, d, c);
  }>("max_pool3d_with_indices(Tensor input, Dims kernel_size, Dims? stride=None, Dims padding=0, Dims dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)",
     "The largest element of each window, and where it is.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& k, const std::optional<Dims>& s, const Dims& p, bool c, bool i,
                std::optional<int64_t> d) {
    return cnn::avg_pool(3, x, k, s.value_or(Dims()), p, c, i, d);
  }>("avg_pool3d(Tensor input, Dims kernel_size, Dims? stride=None, Dims padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor",
     "The mean of each window.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& size) { return cnn::adaptive_avg_pool(3, x, size); }>(
      "adaptive_avg_pool3d(Tensor input, Dims output_size) -> Tensor", "Means of windows that make output_size.",
      kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& size) { return cnn::adaptive_max_pool(3, x, size); }>(
      "adaptive_max_pool3d(Tensor input, Dims output_size) -> (Tensor, Tensor)",
      "Maxima of windows that make output_size, and where they are.", kFunctionOnly);
}

}  // namespace cnn::python
