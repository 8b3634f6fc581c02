// What the ops on pictures share.
#pragma once

#include <cmath>
#include <vector>

#include "autograd/recorder.h"
#include "cnn/autograd.h"
#include "cnn/check.h"
#include "cnn/ops/copy.h"
#include "cnn/tensor.h"
#include "core/parallel.h"
#include "device/backend.h"
#include "kernels/vision.h"

namespace cnn {

// Calls f with a value of the dtype's type: float or double. `kernel` is the name in the error for any other.
template <class F>
auto with_float(const char* kernel, DType t, const F& f) {
  if (t == DType::Float64) return f(double());
  if (t != DType::Float32) not_implemented(kernel, t);
  return f(float());
}

inline void check_vision_devices(const char* op, std::initializer_list<const Tensor*> operands) {
  const Device device = (*operands.begin())->device();
  for (const Tensor* x : operands)
    check(x->device() == device, op, "expected all tensors to be on one device, but found ", device, " and ",
          x->device());
}

inline void check_same_dtype(const char* op, const char* first, const Tensor& a, const char* second, const Tensor& b) {
  check(a.dtype() == b.dtype(), op, "Expected tensor for ", first, " to have the same type as tensor for ", second,
        "; but type ", dtype_type_name(a.dtype()), " does not equal ", dtype_type_name(b.dtype()));
}

template <class T>
const T* values_of(const Tensor& dense) {
  return static_cast<const T*>(dense.raw());
}
template <class T>
T* written_to(const Tensor& fresh) {
  return static_cast<T*>(fresh.raw());
}

// Items for a task of about 2^15 steps.
inline int64_t grain_of(double steps_of_one) { return int64_t(std::ceil(32768 / std::max(steps_of_one, 1.0))); }

// A gradient that cannot be differentiated again says so when it is tried.
inline Tensor without_second_order(const char* op, Grad& grad, const Tensor& y) {
  if (!grad) return y;
  return grad.record("NoDoubleBackward0", y,
                     [op](Grads&) { fail(ErrorKind::Runtime, "", "double backwards on ", op, " not supported"); });
}

// ---- Regions of interest ----

// What a pooling over regions is asked for. `op` is its name.
struct RoiPooling {
  const char* op;
  double scale;
  int64_t bins_h, bins_w;
  int64_t images, channels, height, width;
  bool own_channels = false;  // does each bin have channels of its own?

  int64_t bins() const { return bins_h * bins_w; }
  int64_t out_channels() const { return own_channels ? channels / bins() : channels; }
  // The channel that output channel c reads in bin (h, w).
  int64_t channel(int64_t c, int64_t h, int64_t w) const { return own_channels ? (c * bins_h + h) * bins_w + w : c; }
  Dims output(int64_t regions) const { return {regions, out_channels(), bins_h, bins_w}; }
  Dims input() const { return {images, channels, height, width}; }
  kernels::RoiGrid grid() const {  // without regions
    return {nullptr, 0, bins_h, bins_w, images, channels, height, width, scale, own_channels, nullptr};
  }
};

// Checks the operands of a pooling, or of its gradient (`name`: what they are called), all but the regions' values.
void check_pooling(const RoiPooling& p, const char* name, const Tensor& x, const Tensor& rois);
RoiPooling pooling_of(const char* op, const Tensor& input, const Tensor& rois, double scale, int64_t bins_h,
                      int64_t bins_w, bool own_channels);
// The same of the gradient of y.
RoiPooling pooling_back(const char* op, const Tensor& dy, const Tensor& rois, double scale, int64_t bins_h,
                        int64_t bins_w, const Dims& input, bool own_channels);

using kernels::Region;
// All of them, copied: what was checked is what is used. IndexError for an index of no picture.
template <class T>
std::vector<Region<T>> regions_of(const RoiPooling& p, const Tensor& rois);
// The geometry as kernels take it; `rois` is dense. On a GPU an index of no picture is told by a later call.
kernels::RoiGrid grid_of(const RoiPooling& p, const Tensor& rois);

// Room for the gradient of the pictures: a GPU writes it whole, the CPU adds to zeros.
Tensor gradient_of_pictures(const RoiPooling& p, const Tensor& dy);

// int32: the channel that each output of a pooling with channels of its own reads.
Tensor channel_mapping_of(const RoiPooling& p, int64_t regions, Device device);

}  // namespace cnn
