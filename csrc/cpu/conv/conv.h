// The ways to compute a convolution, typed. choose.cpp chooses among them by shape.
#pragma once

#include "cpu/conv/geometry.h"
#include "cpu/gemm/finish.h"
#include "cpu/heavy.h"

namespace cnn::cpu::inline CNN_ISA {

enum class ConvPass : uint8_t { Forward, BackwardInput, BackwardWeight };

template <class T> Finish<T> finish_forward(const ConvArgs& a) {
  return {static_cast<const T*>(a.scale), static_cast<const T*>(a.bias), {T(a.low), T(a.high)}};
}
template <class T> Finish<T> finish_backward(const ConvArgs& a) { return {nullptr, static_cast<const T*>(a.bias), {}}; }

// One correlation of flat planes: a convolution, or one residue class of the gradient with respect to its input.
template <class T> struct Correlation {
  Axis axes[3];
  int64_t batch, groups;
  int64_t in_channels, out_channels;  // of one group
  const T* source;                    // [batch, groups * in_channels, axes' sources]
  const T* w;  // of group g, output o, input c, tap: g * w_group + o * w_out + c * w_in + tap's index
  int64_t w_group, w_out, w_in;
  int64_t weight_strides[3];  // of a tap
  Finish<T> finish;  // of all outputs
  T* to;  // output of channel c at (d, h, w): to + image * image_stride + c * channel_stride + ...
  int64_t image_stride, channel_stride;
  int64_t strides[3];
};

template <class T> void correlate(const Correlation<T>& c);

// Columns and a matrix product, for the shapes that flat planes serve badly: 1x1, tiny images, wide strides.
bool prefers_columns(const ConvArgs& args);
template <class T> void columns_forward(const ConvArgs& args);
template <class T> void columns_backward_input(const ConvArgs& args);
template <class T> void columns_backward_weight(const ConvArgs& args);

// Over flat planes, for what is left.
template <class T> void planes_forward(const ConvArgs& args);
template <class T> void planes_backward_input(const ConvArgs& args);
template <class T> void planes_backward_weight(const ConvArgs& args);

// The product of what few outputs read and all weights, for many channels of float.
bool prefers_few_pixels(const ConvArgs& args);
void few_pixels_forward(const ConvArgs& args);

// Winograd's algorithm, for 3x3 taps at stride 1 between many channels of float; see ConvArgs::winograd.
bool prefers_winograd(const ConvArgs& args);
void winograd_forward(const ConvArgs& args);
void winograd_backward_input(const ConvArgs& args);
void winograd_backward_weight(const ConvArgs& args);

// Over pixels, channels side by side, for many channels of float: strided, dilated, of any size.
bool prefers_pixels(const ConvArgs& args, ConvPass pass);
void pixels_forward(const ConvArgs& args);
void pixels_backward_input(const ConvArgs& args);
void pixels_backward_weight(const ConvArgs& args);

// A channel of its own for each group.
bool prefers_depthwise(const ConvArgs& args);
void depthwise_forward(const ConvArgs& args);
void depthwise_backward_input(const ConvArgs& args);
void depthwise_backward_weight(const ConvArgs& args);

// The same where channels lie side by side.
bool prefers_depthwise_pixels(const ConvArgs& args);
void depthwise_pixels_forward(const ConvArgs& args);
void depthwise_pixels_backward_input(const ConvArgs& args);
void depthwise_pixels_backward_weight(const ConvArgs& args);

// One tap at stride 1 and not too tiny: the planes of an image are a matrix as they lie.
bool is_matrix(const ConvArgs& args);

// One tap at stride 1 where channels lie side by side: all pixels are a matrix as they lie.
bool is_pixel_matrix(const ConvArgs& args);
template <class T> void pixel_matrix_forward(const ConvArgs& args);
template <class T> void pixel_matrix_backward_input(const ConvArgs& args);
template <class T> void pixel_matrix_backward_weight(const ConvArgs& args);

inline bool is_pointwise(const ConvArgs& args) {
  for (int i = 0; i < 3; ++i)
    if (args.kernel[i] != 1 || args.stride[i] != 1 || args.padding[i] != 0) return false;
  return true;
}

inline int64_t elements(const int64_t (&sizes)[3]) { return sizes[0] * sizes[1] * sizes[2]; }

}  // namespace cnn::cpu::CNN_ISA
