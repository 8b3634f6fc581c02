// Convolution as a correlation over flat planes. A source plane is copied into a row-after-row layout with its zero
// padding, strided columns taken apart into phases; then every tap of the kernel is one constant offset, and one vector
// covers outputs across the ends of rows. Positions between the rows are computed and dropped; where they would be
// many, each tap along the row gets a copy of its own without gaps.
#pragma once

#include "cpu/heavy.h"
#include "cpu/scratch.h"
#include "cpu/vec/vec.h"

namespace cnn::cpu::inline CNN_ISA {

CNN_HD int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

// One spatial axis of out[o] = sum over taps t of source[step * (o + shift(t)) + phase(t)], zero outside.
struct Axis {
  int64_t source = 1, out = 1, step = 1;
  int64_t taps = 1;  // that take part
  int64_t first = 0, gap = 1;  // tap t of them reads step * o + first + t * gap
  int64_t weight_first = 0, weight_gap = 1;  // its index along this axis of the weight

  int64_t phase(int64_t t) const { return (first + t * gap) - shift(t) * step; }
  int64_t shift(int64_t t) const { return floor_div(first + t * gap, step); }
};

// y[o] of a convolution, and x[step * q + residue] of the gradient with respect to its input.
Axis forward_axis(const ConvArgs& args, int axis);
Axis backward_axis(const ConvArgs& args, int axis, int64_t residue);

// The part of the outputs that one task computes: some images, and of each the same box of rows.
struct Box {
  int64_t image, images;
  int64_t begin[3], size[3];  // outputs along each axis; whole along the last
};

// How the outputs are cut into boxes: by shape only, so that a box's source stays in the caches.
class Plan {
 public:
  // The pool takes a box each, or works on one box after the other together.
  enum class Sharing { Boxes, WithinBoxes };
  Plan(const Axis (&axes)[3], int64_t batch, int64_t channels, Sharing sharing);
  int64_t count() const { return image_groups_ * cuts_[0] * cuts_[1]; }
  Box box(int64_t i) const;
  int64_t images() const { return ceil_div(batch_, image_groups_); }  // largest of a box
  int64_t size(int axis) const { return axis == 2 ? out_[2] : ceil_div(out_[axis], cuts_[axis]); }

 private:
  int64_t batch_, image_groups_ = 1;
  int64_t out_[3], cuts_[2] = {1, 1};
};

// The flat layout of the sources of a plan's boxes.
class Layout {
 public:
  // `reuse` is how often an element is used in one row of taps: much reuse repays rows without gaps, a copy for each
  // tap.
  Layout(const Axis (&axes)[3], const Plan& plan, int64_t reuse, int64_t lanes);

  int64_t plane() const { return plane_; }  // elements of one channel
  int64_t position(int64_t image, int64_t d, int64_t h) const { return image * jump_[0] + d * jump_[1] + h * jump_[2]; }
  // Positions from the first output of a box to its last.
  int64_t positions(const Box& box) const {
    return position(box.images - 1, box.size[0] - 1, box.size[1] - 1) + box.size[2];
  }
  // No gaps between the rows: the outputs of a slice are one long row.
  bool gapless(const Box& box) const { return jump_[2] == box.size[2]; }
  // Of each tap: where it lies from an output's position, and its index in a weight of these strides.
  int64_t taps() const { return axes_[0].taps * axes_[1].taps * axes_[2].taps; }
  void fill_taps(const int64_t (&weight_strides)[3], int64_t* offsets, int64_t* weights) const;

  // One channel of a box, plane() elements; `source` is its plane in the box's first image.
  template <class T> void pack(const Box& box, const T* source, int64_t image_stride, T* to) const;
  // A dense channel of outputs, each at its position, zeros between the rows and up to `length`.
  template <class T>
  void pack_outputs(const Box& box, const T* source, int64_t image_stride, T* to, int64_t length) const;

 private:
  template <class T> void pack_slot(const Box& box, const T* source, const int64_t (&slot)[3], T* to) const;
  // Source element of entry 0 of a slot along an axis, for a box that begins there.
  int64_t origin(int axis, int64_t slot) const;

  Axis axes_[3];
  int64_t low_[3];  // smallest shift
  int64_t span_[3];  // largest minus smallest
  int64_t slots_[3];  // planes along the axis: phases, or the only phase in use, or (spread_, along rows) taps
  int64_t only_[3];  // that phase
  bool spread_;
  int64_t jump_[3];  // from image to image, slice to slice, row to row
  int64_t slot_plane_, plane_;
};

}  // namespace cnn::cpu::CNN_ISA
