// Bindings of padding and resizing: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/resample.h"

namespace cnn::python {
namespace {

// The scale factors that were given, as a float64 tensor on the CPU.
std::vector<double> factors(const std::optional<Tensor>& given) {
  if (!given) return {};
  check(given->dtype() == DType::Float64 && given->is_contiguous() && given->device().is_cpu(), "upsample",
        "scale_factors must be a dense float64 tensor on the CPU, got ", given->dtype(), " of shape ", given->shape(),
        " on ", given->device());
  return {given->data<double>(), given->data<double>() + given->numel()};
}

}  // namespace

void bind_resample(Registry& ops) {
  ops.def_op<[](const Tensor& x, const Dims& p) { return cnn::reflection_pad(1, x, p); }>(
      "reflection_pad1d(Tensor input, Dims padding) -> Tensor", "Padded with its mirror image.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& p) { return cnn::replication_pad(1, x, p); }>(
      "replication_pad1d(Tensor input, Dims padding) -> Tensor", "Padded with its border.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& s, const std::optional<Tensor>& f) {
    return cnn::upsample_nearest(1, x, s, factors(f));
  }>("upsample_nearest1d(Tensor input, Dims output_size, Tensor? scale_factors=None) -> Tensor",
     "Resized by repetition.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& s, const std::optional<Tensor>& f) {
    return cnn::upsample_nearest(1, x, s, factors(f), true);
  }>("_upsample_nearest_exact1d(Tensor input, Dims output_size, Tensor? scale_factors=None) -> Tensor",
     "Resized by the nearest centre.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& s, bool a, const std::optional<Tensor>& f) {
    return cnn::upsample_linear(1, x, s, a, factors(f));
  }>("upsample_linear1d(Tensor input, Dims output_size, bool align_corners, Tensor? scale_factors=None) -> Tensor",
     "Resized by linear interpolation.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& p) { return cnn::reflection_pad(2, x, p); }>(
      "reflection_pad2d(Tensor input, Dims padding) -> Tensor", "Padded with its mirror image.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& p) { return cnn::replication_pad(2, x, p); }>(
      "replication_pad2d(Tensor input, Dims padding) -> Tensor", "Padded with its border.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& s, const std::optional<Tensor>& f) {
    return cnn::upsample_nearest(2, x, s, factors(f));
  }>("upsample_nearest2d(Tensor input, Dims output_size, Tensor? scale_factors=None) -> Tensor",
     "Resized by repetition.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& s, const std::optional<Tensor>& f) {
    return cnn::upsample_nearest(2, x, s, factors(f), true);
  }>("_upsample_nearest_exact2d(Tensor input, Dims output_size, Tensor? scale_factors=None) -> Tensor",
     "Resized by the nearest centre.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& s, bool a, const std::optional<Tensor>& f) {
    return cnn::upsample_linear(2, x, s, a, factors(f));
  }>("upsample_bilinear2d(Tensor input, Dims output_size, bool align_corners, Tensor? scale_factors=None) -> Tensor",
     "Resized by linear interpolation.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& p) { return cnn::reflection_pad(3, x, p); }>(
      "reflection_pad3d(Tensor input, Dims padding) -> Tensor", "Padded with its mirror image.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& p) { return cnn::replication_pad(3, x, p); }>(
      "replication_pad3d(Tensor input, Dims padding) -> Tensor", "Padded with its border.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& s, const std::optional<Tensor>& f) {
    return cnn::upsample_nearest(3, x, s, factors(f));
  }>("upsample_nearest3d(Tensor input, Dims output_size, Tensor? scale_factors=None) -> Tensor",
     "Resized by repetition.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& s, const std::optional<Tensor>& f) {
    return cnn::upsample_nearest(3, x, s, factors(f), true);
  }>("_upsample_nearest_exact3d(Tensor input, Dims output_size, Tensor? scale_factors=None) -> Tensor",
     "Resized by the nearest centre.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& s, bool a, const std::optional<Tensor>& f) {
    return cnn::upsample_linear(3, x, s, a, factors(f));
  }>("upsample_trilinear3d(Tensor input, Dims output_size, bool align_corners, Tensor? scale_factors=None) -> Tensor",
     "Resized by linear interpolation.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& s, bool a, const std::optional<Tensor>& f) {
    return cnn::upsample_bicubic2d(x, s, a, factors(f));
  }>("upsample_bicubic2d(Tensor input, Dims output_size, bool align_corners, Tensor? scale_factors=None) -> Tensor",
     "Resized by cubic interpolation.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& s, bool a, const std::optional<Tensor>& f) {
    return cnn::upsample_bilinear2d_aa(x, s, a, factors(f));
  }>("_upsample_bilinear2d_aa(Tensor input, Dims output_size, bool align_corners, Tensor? scale_factors=None) "
     "-> Tensor",
     "Resized by linear interpolation, against aliasing.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Dims& s, bool a, const std::optional<Tensor>& f) {
    return cnn::upsample_bicubic2d_aa(x, s, a, factors(f));
  }>("_upsample_bicubic2d_aa(Tensor input, Dims output_size, bool align_corners, Tensor? scale_factors=None) "
     "-> Tensor",
     "Resized by cubic interpolation, against aliasing.", kFunctionOnly);
}

}  // namespace cnn::python
