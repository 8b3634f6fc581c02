// How elements lie in memory: orders of strides, and the formats that PyTorch has names for.
#pragma once

#include <initializer_list>

#include "cnn/shape.h"

namespace cnn {

class Tensor;

// ChannelsLast, of 4 dimensions [N, C, H, W], and ChannelsLast3d, of 5, have the channels of a pixel side by side.
enum class MemoryFormat : uint8_t { Contiguous, Preserve, ChannelsLast, ChannelsLast3d };
CNN_API const char* memory_format_name(MemoryFormat format);

// Strides without gaps in a format other than Preserve. RuntimeError when the number of dimensions is not the format's.
CNN_API Dims strides_in(MemoryFormat format, const Dims& sizes);
// Has every element a place of its own, with no gaps between, in some order of dimensions?
CNN_API bool is_dense(const Dims& sizes, const Dims& strides);
// Strides without gaps for `sizes`, its dimensions ordered as in the operands, each given by its strides over `sizes`
// (0 where it is broadcast); the first that can tell decides, C order where none can (PyTorch's TensorIterator).
CNN_API Dims strides_in_order_of(const Dims& sizes, const Dims* operands, int count);
// Do the strides fall as those of ChannelsLast or ChannelsLast3d do, gaps or not? No where C order would have them too.
CNN_API bool falls_as_channels_last(const Dims& sizes, const Dims& strides);

// x's own format: ChannelsLast or ChannelsLast3d if its strides fall so, else Contiguous (suggest_memory_format).
CNN_API MemoryFormat memory_format_of(const Tensor& x);
// The format that an op gives a result of these operands: the first channels-last one among them.
CNN_API MemoryFormat common_memory_format(std::initializer_list<const Tensor*> operands);
// Dense and in the format? Preserve asks for C order, as in PyTorch.
CNN_API bool is_contiguous(const Tensor& x, MemoryFormat format);

}  // namespace cnn
