// Convolution over pixels: the source of a box of outputs is turned so that its channels lie side by side, zero padding
// included. A tap is then a constant offset, a row of taps one run of products, and the register tile multiplies the
// pixels of some outputs of a row, whatever the stride, by panels of weights with the outputs' channels in the lanes.
#pragma once

#include "cpu/conv/conv.h"
#include "cpu/conv/turn_pixels.h"

namespace cnn::cpu::inline CNN_ISA {

// One axis of the part of a source under some outputs.
struct Window {
  int64_t lowest = 0, highest = 0;  // source element of output 0 through the first and the last tap
  int64_t step = 1;
  void include(const Axis& axis);
  int64_t start(int64_t output) const { return step * output + lowest; }
  int64_t length(int64_t outputs) const { return step * (outputs - 1) + highest - lowest + 1; }
};

// The taps that reach one residue class of the outputs, which lie a stride apart; a forward convolution has one class.
struct TapClass {
  Axis axes[3];
  int64_t residue[3];
  int64_t weights = 0;  // where its packed weights begin
  int64_t taps() const { return axes[0].taps * axes[1].taps * axes[2].taps; }
};
inline constexpr int64_t kMaxClasses = 16;
TapClass forward_class(const ConvArgs& args);
int64_t backward_classes(const ConvArgs& args, TapClass* classes);  // how many

struct Windows {
  Windows(const TapClass* classes, int64_t count);
  Window all[3];
};

// The turned source of a box: [image][slice][row][column][channel], columns from `left` on.
class PixelSource {
 public:
  // `channels` at most are turned at a time, of a tensor of these steps.
  PixelSource(const Plan& plan, const Window (&windows)[3], const int64_t (&source)[3], int64_t channels,
              ImageSteps steps);

  int64_t room() const;  // floats that the largest box needs
  int64_t channels() const { return channels_; }
  int64_t pixel() const { return pixel_; }
  int64_t step() const { return windows_[2].step * pixel_; }  // from output to output of a row
  // Where output (d, h, 0) of a box reads through the tap at source elements `first` of output 0 along each axis.
  int64_t offset(const Box& box, int64_t image, int64_t d, int64_t h) const {
    return ((image * size(0, box) + windows_[0].step * d) * size(1, box) + windows_[1].step * h) * row_;
  }
  int64_t tap(const Box& box, const int64_t (&first)[3]) const {
    return ((first[0] - windows_[0].lowest) * size(1, box) + first[1] - windows_[1].lowest) * row_ +
           (first[2] - left_) * pixel_;
  }
  // n channels at most a vector, from c on, of an image of the box: `to` is the channel of the first pixel of all.
  void fill(const Box& box, int64_t image, const float* x, int64_t c, int64_t n, float* to) const;

 private:
  int64_t size(int axis, const Box& box) const { return windows_[axis].length(box.size[axis]); }

  Window windows_[3];
  int64_t source_[3], channels_;
  ImageSteps steps_;
  int64_t images_, largest_[2];
  int64_t left_, width_;  // columns of a row
  int64_t pixel_, row_;
};

}  // namespace cnn::cpu::CNN_ISA
