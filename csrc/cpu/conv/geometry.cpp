#include "cpu/conv/geometry.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

constexpr int64_t kSourceElements = 128 << 10;  // of one box: half a megabyte of floats
constexpr int64_t kFewPositions = 256;          // smaller images share a box
constexpr int64_t kBoxes = 8;                   // wanted, for the pool
constexpr int64_t kSharedElements = 4 << 20;    // of a box that the pool works on together,
constexpr int64_t kSharedPositions = 4096;      // and its positions
constexpr int64_t kSpreadGain = 8;              // positions saved, times their use, that repay copies for the taps

// n elements, `step` apart, to dense ones. Up to a vector of zeros may follow where `padded` says that rows written
// later or zeros come after them: a whole store costs less than part of one.
template <class T> void copy_row(const T* from, int64_t step, int64_t n, bool padded, T* to) {
  if (step == 1) {
    if (n < kLanes<T>) return vec_store_n(to, vec_load_n(from, n), padded ? kLanes<T> : n);
    int64_t i = 0;
    for (; i + kLanes<T> <= n; i += kLanes<T>) vec_store(to + i, vec_load(from + i));
    if (i < n) vec_store(to + n - kLanes<T>, vec_load(from + n - kLanes<T>));
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = from[i * step];
  }
}

int64_t greatest_common_divisor(int64_t a, int64_t b) { return b == 0 ? a : greatest_common_divisor(b, a % b); }

}  // namespace

Axis forward_axis(const ConvArgs& args, int axis) {
  Axis a;
  a.source = args.in[axis], a.out = args.out[axis];
  a.step = args.stride[axis];
  a.taps = args.kernel[axis];
  a.first = -args.padding[axis], a.gap = args.dilation[axis];
  return a;
}

// x[i] receives y[o] * w[t] where o * stride + t * dilation - padding = i:
// o = q + (residue + padding - t * dilation) / stride, for the taps that divide.
Axis backward_axis(const ConvArgs& args, int axis, int64_t residue) {
  const int64_t stride = args.stride[axis], dilation = args.dilation[axis], kernel = args.kernel[axis];
  const int64_t from = residue + args.padding[axis];
  Axis a;
  a.source = args.out[axis];
  a.out = args.in[axis] > residue ? ceil_div(args.in[axis] - residue, stride) : 0;
  const int64_t period = stride / greatest_common_divisor(stride, dilation);  // taps from one that divides to the next
  int64_t t = 0;
  while (t < period && t < kernel && (from - t * dilation) % stride != 0) ++t;
  a.taps = t < period && t < kernel ? ceil_div(kernel - t, period) : 0;
  a.first = floor_div(from - t * dilation, stride);
  a.gap = -(period * dilation / stride);
  a.weight_first = t, a.weight_gap = period;
  return a;
}

Plan::Plan(const Axis (&axes)[3], int64_t batch, int64_t channels, Sharing sharing) : batch_(batch) {
  const bool shared = sharing == Sharing::WithinBoxes;
  const int64_t elements = shared ? kSharedElements : kSourceElements;
  const int64_t positions = shared ? kSharedPositions : kFewPositions;
  int64_t reach[3];  // source elements that belong to no output of their own
  for (int i = 0; i < 3; ++i) {
    out_[i] = axes[i].out;
    reach[i] = (axes[i].taps - 1) * (axes[i].gap < 0 ? -axes[i].gap : axes[i].gap);
  }
  const auto source_of = [&](int64_t d, int64_t h) {
    return channels * (d * axes[0].step + reach[0]) * (h * axes[1].step + reach[1]) *
           (out_[2] * axes[2].step + reach[2]);
  };
  while (source_of(size(0), size(1)) > elements && size(0) > 1) cuts_[0] = min_of(cuts_[0] * 2, out_[0]);
  while (source_of(size(0), size(1)) > elements && size(1) * axes[1].step > 2 * reach[1] + 1 && size(1) > 1)
    cuts_[1] = min_of(cuts_[1] * 2, out_[1]);
  // Few images: more boxes, as long as they are not too small.
  while (!shared && batch * cuts_[0] * cuts_[1] < kBoxes && size(1) > 1 && size(0) * size(1) * out_[2] > positions)
    cuts_[1] *= 2;
  cuts_[1] = min_of(cuts_[1], max_of(out_[1], 1));
  image_groups_ = batch;
  if (cuts_[0] * cuts_[1] == 1 && batch > 1) {  // small images: several in a box
    int64_t images = max_of(positions / max_of(out_[0] * out_[1] * out_[2], 1), 1);
    images = min_of(images, max_of(elements / max_of(source_of(out_[0], out_[1]), 1), 1));
    if (!shared) images = min_of(images, max_of(batch / kBoxes, 1));
    image_groups_ = ceil_div(batch, images);
  }
}

Box Plan::box(int64_t i) const {
  Box b;
  const int64_t h = i % cuts_[1], d = i / cuts_[1] % cuts_[0], group = i / (cuts_[1] * cuts_[0]);
  const Parts images(batch_, image_groups_), slices(out_[0], cuts_[0]), rows(out_[1], cuts_[1]);
  b.image = images.begin(group), b.images = images.size(group);
  b.begin[0] = slices.begin(d), b.size[0] = slices.size(d);
  b.begin[1] = rows.begin(h), b.size[1] = rows.size(h);
  b.begin[2] = 0, b.size[2] = out_[2];
  return b;
}

Layout::Layout(const Axis (&axes)[3], const Plan& plan, int64_t reuse, int64_t lanes) {
  int64_t pitch[3], length[3];
  for (int i = 0; i < 3; ++i) {
    const Axis& a = axes_[i] = axes[i];
    const int64_t ends[2] = {a.shift(0), a.shift(a.taps - 1)};
    low_[i] = min_of(ends[0], ends[1]);
    span_[i] = max_of(ends[0], ends[1]) - low_[i];
    slots_[i] = a.taps == 1 || a.gap % a.step == 0 ? 1 : a.step;
    only_[i] = slots_[i] == 1 ? a.phase(0) : 0;
    const int64_t size = plan.size(i);
    length[i] = size + span_[i];
    pitch[i] = length[i];
    if (size == a.out) {  // the zeros behind a row serve as those before the next
      const int64_t before = max_of(0, -low_[i]);
      const int64_t filled = ceil_div(max_of(a.source - only_[i], 0), a.step) - low_[i];
      pitch[i] -= min_of(before, max_of(0, length[i] - filled));
      pitch[i] = max_of(max_of(pitch[i], size), 1);
    }
  }
  const Axis& row = axes_[2];
  spread_ = row.taps > 1 && (pitch[2] - row.out) * reuse > kSpreadGain * row.out;
  if (spread_) {
    slots_[2] = row.taps;
    low_[2] = span_[2] = 0;
    pitch[2] = length[2] = row.out;
  }
  jump_[2] = pitch[2], jump_[1] = pitch[1] * jump_[2], jump_[0] = pitch[0] * jump_[1];
  const int64_t used = position(plan.images() - 1, length[0] - 1, length[1] - 1) + length[2];
  slot_plane_ = ceil_div(used + lanes, 16) * 16;
  plane_ = slots_[0] * slots_[1] * slots_[2] * slot_plane_;
}

void Layout::fill_taps(const int64_t (&weight_strides)[3], int64_t* offsets, int64_t* weights) const {
  for (int64_t d = 0; d < axes_[0].taps; ++d)
    for (int64_t h = 0; h < axes_[1].taps; ++h)
      for (int64_t w = 0; w < axes_[2].taps; ++w) {
        const int64_t tap[3] = {d, h, w};
        int64_t slot = 0, weight = 0, shift[3];
        for (int i = 0; i < 3; ++i) {
          const bool spread = i == 2 && spread_;
          slot = slot * slots_[i] + (spread ? w : slots_[i] == 1 ? 0 : axes_[i].phase(tap[i]));
          shift[i] = spread ? 0 : axes_[i].shift(tap[i]) - low_[i];
          weight += (axes_[i].weight_first + tap[i] * axes_[i].weight_gap) * weight_strides[i];
        }
        *offsets++ = slot * slot_plane_ + position(0, shift[0], shift[1]) + shift[2];
        *weights++ = weight;
      }
}

int64_t Layout::origin(int axis, int64_t slot) const {
  const Axis& a = axes_[axis];
  if (axis == 2 && spread_) return a.first + slot * a.gap;
  return a.step * low_[axis] + (slots_[axis] == 1 ? only_[axis] : slot);
}

template <class T>
void Layout::pack(const Box& box, const T* source, int64_t image_stride, T* to) const {
  __builtin_memset(to, 0, size_t(plane_) * sizeof(T));
  for (int64_t i = 0; i < slots_[0] * slots_[1] * slots_[2]; ++i) {
    const int64_t slot[3] = {i / (slots_[1] * slots_[2]), i / slots_[2] % slots_[1], i % slots_[2]};
    for (int64_t image = 0; image < box.images; ++image)
      pack_slot(box, source + image * image_stride, slot, to + i * slot_plane_ + image * jump_[0]);
  }
}

template <class T>
void Layout::pack_slot(const Box& box, const T* source, const int64_t (&slot)[3], T* to) const {
  int64_t first[3], begin[3], end[3];  // entry j along an axis is source[first + step * j]; begin <= j < end lie inside
  for (int i = 0; i < 3; ++i) {
    const int64_t step = axes_[i].step;
    first[i] = origin(i, slot[i]) + step * box.begin[i];
    begin[i] = first[i] < 0 ? ceil_div(-first[i], step) : 0;
    end[i] = min_of(box.size[i] + span_[i], ceil_div(max_of(axes_[i].source - first[i], 0), step));
  }
  if (end[2] <= begin[2]) return;
  const int64_t step = axes_[2].step, x = first[2] + step * begin[2];
  for (int64_t d = begin[0]; d < end[0]; ++d)
    for (int64_t h = begin[1]; h < end[1]; ++h) {
      const int64_t z = first[0] + axes_[0].step * d, y = first[1] + axes_[1].step * h;
      copy_row(source + (z * axes_[1].source + y) * axes_[2].source + x, step, end[2] - begin[2], true,
               to + d * jump_[1] + h * jump_[2] + begin[2]);
    }
}

template <class T>
void Layout::pack_outputs(const Box& box, const T* source, int64_t image_stride, T* to, int64_t length) const {
  __builtin_memset(to, 0, size_t(length) * sizeof(T));
  const int64_t rows = gapless(box) ? 1 : box.size[1], n = gapless(box) ? box.size[1] * box.size[2] : box.size[2];
  for (int64_t i = 0; i < box.images; ++i)
    for (int64_t d = 0; d < box.size[0]; ++d)
      for (int64_t h = 0; h < rows; ++h)
        copy_row(source + i * image_stride + ((box.begin[0] + d) * axes_[1].out + box.begin[1] + h) * axes_[2].out, 1,
                 n, false, to + position(i, d, h));
}

template void Layout::pack(const Box&, const float*, int64_t, float*) const;
template void Layout::pack(const Box&, const double*, int64_t, double*) const;
template void Layout::pack_outputs(const Box&, const float*, int64_t, float*, int64_t) const;
template void Layout::pack_outputs(const Box&, const double*, int64_t, double*, int64_t) const;

}  // namespace cnn::cpu::CNN_ISA
