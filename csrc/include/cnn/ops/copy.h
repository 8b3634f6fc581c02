// Copies and conversions.
#pragma once

#include <optional>

#include "cnn/tensor.h"

namespace cnn {

// A new tensor with the same elements, by default in the order of the input's strides.
CNN_API Tensor clone(const Tensor& input, MemoryFormat format = MemoryFormat::Preserve);
// The tensor itself when it is dense in the format.
CNN_API Tensor contiguous(const Tensor& input, MemoryFormat format = MemoryFormat::Contiguous);
// Writes src, broadcast and converted, into dst. `non_blocking`: copies between a GPU and pinned memory go on while the
// program does (cuda_synchronize waits for them).
CNN_API Tensor copy_(const Tensor& dst, const Tensor& src, bool non_blocking = false);
// The tensor itself when nothing changes (unless `copy`).
CNN_API Tensor to(const Tensor& input, std::optional<DType> dtype, std::optional<Device> device, bool copy = false,
                  MemoryFormat format = MemoryFormat::Preserve, bool non_blocking = false);
CNN_API Tensor to_dtype(const Tensor& input, DType dtype);
CNN_API Tensor to_device(const Tensor& input, Device device);
// A copy in pinned memory, which GPUs reach by themselves; the tensor itself when it lies there. RuntimeError without a
// GPU.
CNN_API Tensor pin_memory(const Tensor& input);
CNN_API bool is_pinned(const Tensor& input);

// Gives a tensor another shape, dense in the format, growing its storage where needed; keeps the elements that fit.
CNN_API Tensor resize_(const Tensor& input, const Dims& size, MemoryFormat format = MemoryFormat::Contiguous);
// The same for an `out=` argument: only for a tensor without gradient.
CNN_API void resize_output(const char* op, const Tensor& out, const Dims& size);

}  // namespace cnn
