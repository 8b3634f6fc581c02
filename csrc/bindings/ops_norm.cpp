// Bindings of softmax, the normalisations and the losses of classification: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/loss.h"
#include "cnn/ops/norm.h"
#include "cnn/ops/softmax.h"

namespace cnn::python {
namespace {

using OptTensor = std::optional<Tensor>;

}  // namespace

void bind_norm(Registry& ops) {
  ops.def_op<&cnn::softmax>("softmax(Tensor input, int dim, Dtype? dtype=None) -> Tensor",
                            "exp(input), scaled to sum 1 along dim.", kNoInPlace);
  ops.def_op<&cnn::log_softmax>("log_softmax(Tensor input, int dim, Dtype? dtype=None) -> Tensor",
                                "log(softmax(input)), without underflow.", kNoInPlace);
  ops.def_op<&cnn::_softmax_backward_data>(
      "_softmax_backward_data(Tensor grad_output, Tensor output, int dim, Dtype input_dtype) -> Tensor",
      "The gradient of softmax, given its output.", kFunctionOnly);
  ops.def_op<&cnn::_log_softmax_backward_data>(
      "_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, Dtype input_dtype) -> Tensor",
      "The gradient of log_softmax, given its output.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& s, const OptTensor& w, const OptTensor& b, double eps, bool) {
    return cnn::layer_norm(x, s, w, b, eps);
  }>("layer_norm(Tensor input, Dims normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, "
     "bool cudnn_enable=True) -> Tensor",
     "Normalised over the last dimensions.", kFunctionOnly);
  ops.def_op<&cnn::native_layer_norm>(
      "native_layer_norm(Tensor input, Dims normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, "
      "Tensor, Tensor)",
      "layer_norm, its mean and 1 / standard deviation.", kFunctionOnly);
  ops.def_op<&cnn::rms_norm>(
      "rms_norm(Tensor input, Dims normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor",
      "Divided by the root mean square over the last dimensions.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const OptTensor& w, const OptTensor& b, const OptTensor& m, const OptTensor& v, bool t,
                double mo, double eps, bool) {
    return cnn::batch_norm(x, w, b, m, v, t, mo, eps);
  }>("batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, "
     "float momentum, float eps, bool cudnn_enabled) -> Tensor",
     "Channels normalised over the batch; running statistics move by momentum.", kFunctionOnly);
  ops.def_op<&cnn::batch_norm_relu>(
      "_batch_norm_relu(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, "
      "bool training, float momentum, float eps) -> Tensor",
      "relu(batch_norm(...)) in one pass.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const OptTensor& w, const OptTensor& b, const OptTensor& m, const OptTensor& v, bool t,
                double mo, double eps, bool) { return cnn::instance_norm(x, w, b, m, v, t, mo, eps); }>(
      "instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, "
      "bool use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor",
      "Channels normalised over each image.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, int64_t n, const OptTensor& w, const OptTensor& b, double eps, bool) {
    return cnn::group_norm(x, n, w, b, eps);
  }>("group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, "
     "bool cudnn_enabled=True) -> Tensor",
     "Groups of channels normalised over each image.", kFunctionOnly);
  ops.def_op<&cnn::nll_loss_nd>(
      "nll_loss_nd(Tensor input, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100) -> Tensor",
      "-weight[target] * input[target], reduced.", kFunctionOnly);
  ops.def_op<&cnn::nll_loss_nd>(
      "nll_loss(Tensor input, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100) -> Tensor",
      "-weight[target] * input[target], reduced.", kFunctionOnly);
  ops.def_op<&cnn::cross_entropy_loss>(
      "cross_entropy_loss(Tensor input, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100, "
      "float label_smoothing=0.0) -> Tensor",
      "Cross entropy of logits against classes or probabilities, reduced.", kFunctionOnly);
}

}  // namespace cnn::python
