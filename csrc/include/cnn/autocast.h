// Autocast: while it is on, the ops of three lists choose the dtype they run in. The lists are PyTorch's
// (csrc/autograd/autocast.cpp), one set for tensors on the CPU and one for those on CUDA devices.
//
//   Tensor loss;
//   {
//     AutocastGuard on(DeviceType::Cpu);        // linear, conv2d, matmul, ... take and give bfloat16
//     loss = mse_loss(linear(x, weight), target);
//   }
//   backward({loss});                           // gradients are computed in the dtypes of forward
#pragma once

#include <optional>

#include "cnn/autograd.h"

namespace cnn {

// All of this is the thread's own. RuntimeError for a device without autocast: meta.
CNN_API bool autocast_enabled(DeviceType device);
CNN_API void set_autocast_enabled(DeviceType device, bool on);
CNN_API DType autocast_dtype(DeviceType device);  // bfloat16 on the CPU and float16 on CUDA, until it is set
CNN_API void set_autocast_dtype(DeviceType device, DType dtype);

// The cast of a float32 leaf that requires grad, a weight, is kept until the outermost guard ends, so that a weight is
// cast once however often it is used. Where its values have changed since, or grad mode, it is cast anew.
CNN_API bool autocast_cache_enabled();
CNN_API void set_autocast_cache_enabled(bool on);
CNN_API void clear_autocast_cache();  // of all threads
// How many guards are under way in this thread; both return the new number.
CNN_API int increment_autocast_nesting();
CNN_API int decrement_autocast_nesting();

// Sets all of it for a scope, and the cache ends with the outermost one. With a dtype that is neither bfloat16 nor
// float16 it warns, and autocast is off.
class CNN_API AutocastGuard {
 public:
  explicit AutocastGuard(DeviceType device, std::optional<DType> dtype = {}, bool enabled = true,
                         std::optional<bool> cache_enabled = {});
  ~AutocastGuard();
  AutocastGuard(const AutocastGuard&) = delete;

 private:
  DeviceType device_;
  DType dtype_before_;
  bool enabled_before_, cache_before_;
};

}  // namespace cnn
