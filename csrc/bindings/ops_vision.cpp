// Bindings of torchvision's ops: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/vision.h"

namespace cnn::python {

void bind_vision(Registry& ops) {
  ops.def_op<&cnn::nms>("_vision_nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
                        "The boxes that overlap no kept box of a higher score.", kFunctionOnly);
  ops.def_op<&cnn::box_iou_rotated>("_vision_box_iou_rotated(Tensor boxes1, Tensor boxes2) -> Tensor",
                                    "Intersection over union of rotated boxes.", kFunctionOnly);
  ops.def_op<&cnn::roi_align>(
      "_vision_roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width, "
      "int sampling_ratio, bool aligned) -> Tensor",
      "Means of bilinear samples of regions.", kFunctionOnly);
  ops.def_op<&cnn::roi_align_backward>(
      "_vision__roi_align_backward(Tensor grad, Tensor rois, float spatial_scale, int pooled_height, "
      "int pooled_width, int batch_size, int channels, int height, int width, int sampling_ratio, bool aligned) "
      "-> Tensor",
      "The gradient of roi_align.", kFunctionOnly);
  ops.def_op<&cnn::ps_roi_align>(
      "_vision_ps_roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width, "
      "int sampling_ratio) -> (Tensor, Tensor)",
      "The same with channels for each bin: (output, channel_mapping).", kFunctionOnly);
  ops.def_op<&cnn::ps_roi_align_backward>(
      "_vision__ps_roi_align_backward(Tensor grad, Tensor rois, Tensor channel_mapping, float spatial_scale, "
      "int pooled_height, int pooled_width, int sampling_ratio, int batch_size, int channels, int height, int width) "
      "-> Tensor",
      "The gradient of ps_roi_align.", kFunctionOnly);
  ops.def_op<&cnn::roi_pool>(
      "_vision_roi_pool(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width) "
      "-> (Tensor, Tensor)",
      "The largest pixels of regions: (output, argmax).", kFunctionOnly);
  ops.def_op<&cnn::roi_pool_backward>(
      "_vision__roi_pool_backward(Tensor grad, Tensor rois, Tensor argmax, float spatial_scale, int pooled_height, "
      "int pooled_width, int batch_size, int channels, int height, int width) -> Tensor",
      "The gradient of roi_pool.", kFunctionOnly);
  ops.def_op<&cnn::ps_roi_pool>(
      "_vision_ps_roi_pool(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width) "
      "-> (Tensor, Tensor)",
      "Means of regions with channels for each bin: (output, channel_mapping).", kFunctionOnly);
  ops.def_op<&cnn::ps_roi_pool_backward>(
      "_vision__ps_roi_pool_backward(Tensor grad, Tensor rois, Tensor channel_mapping, float spatial_scale, "
      "int pooled_height, int pooled_width, int batch_size, int channels, int height, int width) -> Tensor",
      "The gradient of ps_roi_pool.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, const Tensor& w, const Tensor& offset, const Tensor& mask, const Tensor& bias,
                int64_t stride_h, int64_t stride_w, int64_t pad_h, int64_t pad_w, int64_t dilation_h,
                int64_t dilation_w, int64_t groups, int64_t offset_groups, bool use_mask) {
    return cnn::deform_conv2d(
        x, w, offset, mask, bias,
        {stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups, offset_groups, use_mask});
  }>("_vision_deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, int stride_h, "
     "int stride_w, int pad_h, int pad_w, int dilation_h, int dilation_w, int groups, int offset_groups, "
     "bool use_mask) -> Tensor",
     "A convolution whose taps move.", kFunctionOnly);
  ops.def_op<[](const Tensor& dy, const Tensor& x, const Tensor& w, const Tensor& offset, const Tensor& mask,
                const Tensor& bias, int64_t stride_h, int64_t stride_w, int64_t pad_h, int64_t pad_w,
                int64_t dilation_h, int64_t dilation_w, int64_t groups, int64_t offset_groups, bool use_mask) {
    return cnn::deform_conv2d_backward(
        dy, x, w, offset, mask, bias,
        {stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups, offset_groups, use_mask});
  }>("_vision__deform_conv2d_backward(Tensor grad, Tensor input, Tensor weight, Tensor offset, Tensor mask, "
     "Tensor bias, int stride_h, int stride_w, int pad_h, int pad_w, int dilation_h, int dilation_w, int groups, "
     "int offset_groups, bool use_mask) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
     "The gradient of deform_conv2d.", kFunctionOnly);
}

}  // namespace cnn::python
