// Planes turned into pixels, the channels side by side, and back: squares of a vector of channels by a vector of
// pixels.
#pragma once

#include "cpu/gemm/finish.h"
#include "cpu/vec/transpose.h"

namespace cnn::cpu::inline CNN_ISA {

inline constexpr int64_t kSlice = kLanes<float>;  // channels in a vector
inline constexpr int64_t kPanel = 2 * kSlice;  // columns of a packed panel
inline constexpr int64_t kTurnWork = 1 << 14;  // elements whose turning is not worth a task of its own

CNN_HD int64_t round_up(int64_t n, int64_t step) { return ceil_div(n, step) * step; }

// From image to image, from channel to channel and from pixel to pixel of a tensor.
struct ImageSteps {
  int64_t image, channel, pixel;
};
CNN_HD ImageSteps image_steps(bool channels_last, int64_t channels, int64_t plane) {
  return {channels * plane, channels_last ? 1 : plane, channels_last ? channels : 1};
}

// Some channels of one image; channels or pixels lie side by side.
template <class F> struct Planes {
  F* at;
  ImageSteps steps;
  int64_t channels, height, width;
  CNN_HD bool channels_last() const { return steps.pixel != 1; }
};

// Pixel (row, column) is at row * row_step + column * step.
struct PixelStep {
  int64_t step, row_step;
};

// Where pixels lie whole vectors apart, a slice of fewer channels is filled up with zeros: products with what memory
// happens to hold may be slow.
CNN_HD bool whole_slices(int64_t channels, int64_t step) { return channels == kSlice || step % kSlice == 0; }

// Rows [first, last) of at most kSlice planes to pixels; row `first` goes to row 0.
void turn_in(const Planes<const float>& planes, int64_t first, int64_t last, float* to, PixelStep steps);

void turn_out(const float* from, PixelStep steps, const Planes<float>& planes, int64_t first, int64_t last,
              const Finish<float>& finish);

// [batch, rows, cols] to [batch, cols, rows].
template <class T> void turn_matrices(int64_t batch, int64_t rows, int64_t cols, const T* from, T* to);

}  // namespace cnn::cpu::CNN_ISA
