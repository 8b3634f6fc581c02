// Pooling where the channels of a pixel lie side by side (PoolArgs::channels_last): channels in the lanes of vectors,
// whatever the window. Values and indices are those of the planes.
#pragma once

#include "cpu/heavy.h"

namespace cnn::cpu::inline CNN_ISA {

// How the windows lie: of one size at a stride, or dividing x evenly.
enum class PoolWindows : uint8_t { Strided, Adaptive };

template <class T> void max_pixels(const PoolArgs& args, PoolWindows windows);
template <class T> void max_pixels_backward(const PoolArgs& args);  // float, double, bfloat16
template <class T> void average_pixels(const PoolArgs& args, PoolWindows windows);  // int64_t too
template <class T> void spread_pixels(const PoolArgs& args, PoolWindows windows);

}  // namespace cnn::cpu::CNN_ISA
