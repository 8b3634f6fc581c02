// Ops on pictures, with torchvision's names, arguments and results: boxes, poolings over regions of interest,
// deformable convolution. float32 and float64, on the CPU; on the meta device their shapes.
//
// `rois` [K, 5] has a region in each row: (index of the picture, x1, y1, x2, y2). The functions that end in _backward
// are gradients, which have none themselves.
#pragma once

#include <tuple>

#include "cnn/tensor.h"

namespace cnn {

using Tensor2 = std::tuple<Tensor, Tensor>;

// The indices, by falling score, of the boxes (x1, y1, x2, y2) that overlap no box of a higher score, among those kept,
// by more than the threshold (intersection over union).
CNN_API Tensor nms(const Tensor& boxes, const Tensor& scores, double iou_threshold);
// Intersection over union of every box (cx, cy, w, h, degrees) of boxes1 [N, 5] with every one of boxes2 [M, 5], in
// float32.
CNN_API Tensor box_iou_rotated(const Tensor& boxes1, const Tensor& boxes2);

// Means of bilinear samples in pooled_height x pooled_width bins of each region. Samples along a side of a bin:
// sampling_ratio, or where that is not positive, one to a pixel.
CNN_API Tensor roi_align(const Tensor& input, const Tensor& rois, double spatial_scale, int64_t pooled_height,
                         int64_t pooled_width, int64_t sampling_ratio, bool aligned);
CNN_API Tensor roi_align_backward(const Tensor& grad, const Tensor& rois, double spatial_scale, int64_t pooled_height,
                                  int64_t pooled_width, int64_t batch_size, int64_t channels, int64_t height,
                                  int64_t width, int64_t sampling_ratio, bool aligned);
// The same, where each bin has channels of its own; also the channel that each output was read from.
CNN_API Tensor2 ps_roi_align(const Tensor& input, const Tensor& rois, double spatial_scale, int64_t pooled_height,
                             int64_t pooled_width, int64_t sampling_ratio);
CNN_API Tensor ps_roi_align_backward(const Tensor& grad, const Tensor& rois, const Tensor& channel_mapping,
                                     double spatial_scale, int64_t pooled_height, int64_t pooled_width,
                                     int64_t sampling_ratio, int64_t batch_size, int64_t channels, int64_t height,
                                     int64_t width);
// The largest pixel of each bin, and its index in the plane (-1: the bin is empty).
CNN_API Tensor2 roi_pool(const Tensor& input, const Tensor& rois, double spatial_scale, int64_t pooled_height,
                         int64_t pooled_width);
CNN_API Tensor roi_pool_backward(const Tensor& grad, const Tensor& rois, const Tensor& argmax, double spatial_scale,
                                 int64_t pooled_height, int64_t pooled_width, int64_t batch_size, int64_t channels,
                                 int64_t height, int64_t width);
// Means of the pixels of each bin, which has channels of its own; also the channel that each output was read from.
CNN_API Tensor2 ps_roi_pool(const Tensor& input, const Tensor& rois, double spatial_scale, int64_t pooled_height,
                            int64_t pooled_width);
CNN_API Tensor ps_roi_pool_backward(const Tensor& grad, const Tensor& rois, const Tensor& channel_mapping,
                                    double spatial_scale, int64_t pooled_height, int64_t pooled_width,
                                    int64_t batch_size, int64_t channels, int64_t height, int64_t width);

// How the taps of a deformable convolution lie.
struct DeformGeometry {
  int64_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups, offset_groups;
  bool use_mask;
};
// A convolution each of whose taps reads at its place plus offset [N, 2 * offset_groups * taps, out_h, out_w] (y, x),
// and is multiplied by mask [N, offset_groups * taps, out_h, out_w] if that is used.
CNN_API Tensor deform_conv2d(const Tensor& input, const Tensor& weight, const Tensor& offset, const Tensor& mask,
                             const Tensor& bias, const DeformGeometry& geometry);
// Of input, weight, offset, mask and bias.
CNN_API std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> deform_conv2d_backward(
    const Tensor& grad, const Tensor& input, const Tensor& weight, const Tensor& offset, const Tensor& mask,
    const Tensor& bias, const DeformGeometry& geometry);

}  // namespace cnn
