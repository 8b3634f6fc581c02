// Convolution over pixels (pixels.h): forward, and the gradient with respect to the input.
#include "cpu/conv/pixels.h"

#include "core/parallel.h"
#include "cpu/gemm/panel_tile.h"
#include "cpu/kept_layout.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

constexpr int64_t kBlockK =
    448 / kPanelVecs;      // products in a tile before the next tile takes the same weights from the first cache
constexpr int64_t kWide = kPanelVecs * kSlice;  // columns of a packed panel of weights
constexpr int64_t kBoxes = 6;         // as many are given to the pool whole; fewer are shared inside
constexpr char kPackedWeights = 0;  // the kind of their layout
constexpr int64_t kShort = 1 << 16;  // of the numbers in its key
constexpr int64_t kManyWeights = 512 << 10;
constexpr int64_t kMinOutputs = 16;   // fewer leave lanes empty
constexpr int64_t kMinRun = 24;  // products along a row of taps that repay turning the source,
constexpr int64_t kMinPixelRun = 6;  // and that repay a tile where there is nothing to turn
constexpr int64_t kConflict =
    256;  // channels whose pixels, a power of two apart, would fall into few sets of the cache

}  // namespace

void Window::include(const Axis& axis) {
  step = axis.step;
  if (axis.taps == 0) return;
  const int64_t last = axis.first + (axis.taps - 1) * axis.gap;
  lowest = min_of(lowest, min_of(axis.first, last));
  highest = max_of(highest, max_of(axis.first, last));
}

Windows::Windows(const TapClass* classes, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    for (int axis = 0; axis < 3; ++axis) all[axis].include(classes[i].axes[axis]);
}

TapClass forward_class(const ConvArgs& a) {
  TapClass c;
  for (int i = 0; i < 3; ++i) c.axes[i] = forward_axis(a, i), c.residue[i] = 0;
  return c;
}

int64_t backward_classes(const ConvArgs& a, TapClass* classes) {
  int64_t count = 0;
  for (int64_t d = 0; d < a.stride[0]; ++d)
    for (int64_t h = 0; h < a.stride[1]; ++h)
      for (int64_t w = 0; w < a.stride[2]; ++w) {
        TapClass& c = classes[count++];
        c.residue[0] = d, c.residue[1] = h, c.residue[2] = w;
        for (int i = 0; i < 3; ++i) c.axes[i] = backward_axis(a, i, c.residue[i]);
      }
  return count;
}

PixelSource::PixelSource(const Plan& plan, const Window (&windows)[3], const int64_t (&source)[3], int64_t channels,
                         ImageSteps steps)
    : windows_{windows[0], windows[1], windows[2]},
      source_{source[0], source[1], source[2]},
      channels_(channels),
      steps_(steps),
      images_(plan.images()),
      largest_{plan.size(0), plan.size(1)},
      left_(min_of(windows[2].lowest, 0)),
      width_(max_of(windows[2].length(plan.size(2)) + windows[2].lowest, source[2]) - left_),
      pixel_(channels % kConflict == 0 ? channels + kSlice : channels),
      row_(width_ * pixel_) {}

int64_t PixelSource::room() const {
  return images_ * windows_[0].length(largest_[0]) * windows_[1].length(largest_[1]) * row_;
}

void PixelSource::fill(const Box& box, int64_t image, const float* x, int64_t c, int64_t n, float* to) const {
  x += (box.image + image) * steps_.image + c * steps_.channel;
  const int64_t right = width_ + left_ - source_[2];
  const int64_t depth = size(0, box), height = size(1, box);
  const auto clear = [&](float* p, int64_t pixels) {
    if (whole_slices(n, pixel_))
      for (int64_t j = 0; j < pixels; ++j) vec_store(p + j * pixel_, Vec<float>{});
    else
      for (int64_t j = 0; j < pixels; ++j) vec_store_n(p + j * pixel_, Vec<float>{}, n);
  };
  to += image * depth * height * row_;
  for (int64_t d = 0; d < depth; ++d, to += height * row_) {
    const int64_t z = windows_[0].start(box.begin[0]) + d, first = windows_[1].start(box.begin[1]);
    const bool outside = z < 0 || z >= source_[0];
    const int64_t above = outside ? height : min_of(max_of(-first, 0), height);
    const int64_t below = max_of(above, min_of(height, source_[1] - first));  // rows [above, below) lie inside
    clear(to, above * width_);
    clear(to + below * row_, (height - below) * width_);
    for (int64_t h = above; h < below; ++h) {
      clear(to + h * row_, -left_);
      clear(to + (h + 1) * row_ - right * pixel_, right);
    }
    if (above < below)
      turn_in({x + z * source_[1] * source_[2] * steps_.pixel, steps_, n, source_[1], source_[2]}, first + above,
              first + below, to + above * row_ - left_ * pixel_, {pixel_, row_});
  }
}

namespace {

// One pass: to[o] = sum over channels and taps of source * w, of all images.
struct Pass {
  const float* source;
  float* to;
  bool channels_last;  // both
  int64_t batch, channels, outputs;  // channels of the source, and of what is computed
  int64_t in[3], out[3], step[3];  // spatial sizes of both; outputs of a class lie `step` apart
  const float* w;
  int64_t w_out, w_in, kernel[3];
  bool w_channels_last = false;  // forward: [outputs, taps, channels]
  Storage* keeper = nullptr;  // of w
  Finish<float> finish;
};

class PixelConvolver {
 public:
  PixelConvolver(const Pass& p, const TapClass* classes, int64_t count)
      : p_(p),
        classes_(classes),
        count_(count),
        plan_(classes[0].axes, p.batch, p.channels, sharing_of(p)),
        source_(plan_, Windows(classes, count).all, p.in, p.channels,
                image_steps(p.channels_last, p.channels, elements(p.in))),
        to_steps_(image_steps(p.channels_last, p.outputs, elements(p.out))),
        panels_(ceil_div(p.outputs, kWide)),
        depth_(classes[count - 1].weights + classes[count - 1].taps() * p.channels),
        weights_(p.keeper, key_of(p, classes[0])) {
    weights_.fill(panels_ * kWide * depth_, [&](float* to) {
      parallel_for(panels_ * count_, 1 + kTurnWork / (kWide * depth_ / count_ + 1), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) pack(classes_[i % count_], i / count_, to);
      });
    });
  }

  void run() const {
    const int64_t boxes = plan_.count();
    parallel_for(boxes, boxes >= min_of(kBoxes, panels_) ? 1 : boxes, [&](int64_t begin, int64_t end) {
      Scratch<float> pixels(source_.room());
      for (int64_t i = begin; i < end; ++i) run_box(plan_.box(i), pixels);
    });
  }

 private:
  // Many weights and few pixels: one box after the other, or each would read all the weights again.
  static Plan::Sharing sharing_of(const Pass& p) {
    const int64_t weights = p.outputs * p.channels * elements(p.kernel), pixels = p.batch * p.channels * elements(p.in);
    return weights > kManyWeights && pixels < weights ? Plan::Sharing::WithinBoxes : Plan::Sharing::Boxes;
  }

  static LayoutKey key_of(const Pass& p, const TapClass& c) {
    LayoutKey key = {&kPackedWeights, p.w, {p.w_out, p.w_channels_last ? 0 : p.w_in, p.outputs, p.channels}};
    for (int i = 0; i < 3; ++i) {  // of each axis 16 bits in four numbers; nothing is kept where they are too few
      const Axis& axis = c.axes[i];
      const int64_t parts[] = {axis.taps, axis.weight_first, axis.weight_gap + (axis.gap < 0 ? kShort / 2 : 0),
                               p.kernel[i]};
      for (int j = 0; j < 4; ++j) key.shape[4 + j] = key.shape[4 + j] * kShort + parts[j];
    }
    return key;
  }

  // Weights in the order of the products: [panel][class][tap][channel][kWide].
  void pack(const TapClass& c, int64_t panel, float* packed) const {
    const int64_t taps = c.taps(), all = p_.kernel[0] * p_.kernel[1] * p_.kernel[2];
    if (taps == 0) return;
    Scratch<int64_t> place(all);  // of a tap among those of the class
    for (int64_t t = 0; t < all; ++t) place[t] = -1;
    for (int64_t t = 0, d = 0; d < c.axes[0].taps; ++d)
      for (int64_t h = 0; h < c.axes[1].taps; ++h)
        for (int64_t w = 0; w < c.axes[2].taps; ++w, ++t) {
          const int64_t at[3] = {d, h, rising(c.axes[2], w)};
          int64_t index = 0;
          for (int i = 0; i < 3; ++i)
            index = index * p_.kernel[i] + c.axes[i].weight_first + at[i] * c.axes[i].weight_gap;
          place[index] = t;
        }
    // All that one output is multiplied by is one long row, if it follows one another in memory.
    const bool joined = p_.w_channels_last || p_.w_in == all;
    const int64_t length = joined ? p_.channels * all : all, rows = joined ? 1 : p_.channels;
    float* const to = packed + (panel * depth_ + c.weights) * kWide;
    Vec<float> r[kSlice];
    for (int64_t half = 0; half < kWide; half += kSlice) {
      const int64_t o = panel * kWide + half, n = min_of(kSlice, p_.outputs - o);
      if (n <= 0) break;
      for (int64_t row = 0; row < rows; ++row) {
        int64_t channel = row, at = 0;
        for (int64_t f = 0; f < length; f += kSlice) {
          const int64_t some = min_of(kSlice, length - f);
          load_transposed<float>(p_.w + o * p_.w_out + row * p_.w_in + f, p_.w_out, n, some, r);
          for (int64_t j = 0; j < some; ++j) {
            const int64_t tap = place[at];
            if (tap >= 0) vec_store(to + (tap * p_.channels + channel) * kWide + half, r[j]);
            if (p_.w_channels_last) {
              if (++channel == p_.channels) channel = 0, ++at;
            } else if (++at == all) {
              at = 0, ++channel;
            }
          }
        }
      }
    }
  }

  // Taps of a row in the order of their pixels.
  static int64_t rising(const Axis& a, int64_t w) { return a.gap < 0 ? a.taps - 1 - w : w; }

  void run_box(const Box& box, float* pixels) const {
    const int64_t slices = ceil_div(p_.channels, kSlice), plane = p_.in[0] * p_.in[1] * p_.in[2];
    parallel_for(box.images * slices, 1 + kTurnWork / (kSlice * plane), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t image = i / slices, c = i % slices * kSlice;
        source_.fill(box, image, p_.source, c, min_of(kSlice, p_.channels - c), pixels + c);
      }
    });
    int64_t size[3], first[3];  // of the outputs of all classes
    for (int i = 0; i < 3; ++i) {
      first[i] = box.begin[i] * p_.step[i];
      size[i] = min_of(box.size[i] * p_.step[i], p_.out[i] - first[i]);
    }
    parallel_for(panels_, 1, [&](int64_t begin, int64_t end) {
      const int64_t positions = size[0] * size[1] * size[2];
      Scratch<float> sums(box.images * positions * kWide);
      for (int64_t panel = begin; panel < end; ++panel) {
        for (int64_t i = 0; i < count_; ++i) run_class(classes_[i], box, size, panel, pixels, sums);
        for (int64_t o = panel * kWide; o < min_of((panel + 1) * kWide, p_.outputs); o += kSlice)
          write(box, first, size, o, sums + o % kWide);
      }
    });
  }

  void run_class(const TapClass& c, const Box& box, const int64_t (&size)[3], int64_t panel, const float* pixels,
                 float* sums) const {
    const Axis& row = c.axes[2];
    const bool joined = (row.gap == 1 || row.gap == -1) && source_.pixel() == p_.channels;
    const int64_t in_run = joined ? row.taps : 1, run = in_run * p_.channels;
    const int64_t runs = in_run ? c.taps() / in_run : 0;
    Scratch<int64_t> offsets(max_of(runs, 1)), slices(max_of(runs, 1)), rows(max_of(runs, 1));
    for (int64_t i = 0; i < runs; ++i) {
      const int64_t t = i * in_run, w = t % row.taps, h = t / row.taps % c.axes[1].taps,
                    d = t / row.taps / c.axes[1].taps;
      const int64_t from[3] = {c.axes[0].first + d * c.axes[0].gap, c.axes[1].first + h * c.axes[1].gap,
                               row.first + rising(row, w) * row.gap};
      offsets[i] = source_.tap(box, from), slices[i] = from[0], rows[i] = from[1];
    }
    const auto runs_from = [&](int64_t i, int64_t n) { return Runs{offsets + i, slices + i, rows + i, n}; };
    const float* w = weights_ + (panel * depth_ + c.weights) * kWide;
    if (run <= kBlockK || runs == 0) {
      const int64_t group = max_of(kBlockK / max_of(run, 1), 1);
      for (int64_t i = 0; i < max_of(runs, 1); i += group)
        run_block(c, box, size, panel, pixels, runs_from(i, min_of(group, runs - i)), run, w + i * run * kWide, i == 0,
                  sums);
    } else {
      const Parts parts(run, ceil_div(run, kBlockK));
      for (int64_t i = 0; i < runs; ++i)
        for (int64_t j = 0; j < parts.count; ++j)
          run_block(c, box, size, panel, pixels + parts.begin(j), runs_from(i, 1), parts.size(j),
                    w + (i * run + parts.begin(j)) * kWide, i == 0 && j == 0, sums);
    }
  }

  // Rows of taps: where they begin, and the slice and row of the source that output 0 reads through them.
  struct Runs {
    const int64_t *offsets, *slices, *rows;
    int64_t count;
  };

  // Some of the products for all outputs of a class in the box, but for the rows of taps that lie in the padding.
  void run_block(const TapClass& c, const Box& box, const int64_t (&size)[3], int64_t panel, const float* pixels,
                 const Runs& runs, int64_t k, const float* w, bool first, float* sums) const {
    int64_t outs[3];
    for (int i = 0; i < 3; ++i) outs[i] = max_of(min_of(box.size[i], c.axes[i].out - box.begin[i]), 0);
    if (outs[2] == 0) return;
    const int64_t vecs = ceil_div(min_of(kWide, p_.outputs - panel * kWide), kSlice);
    const Parts parts(outs[2], ceil_div(outs[2], panel_rows(int(vecs))));
    const PanelTileFn<float> low = panel_tile_of<float, false>(parts.low, vecs),
                             high = panel_tile_of<float, false>(parts.largest(), vecs);
    PanelTile<float> t;
    t.a_step = source_.step(), t.k = k, t.b_row = kWide, t.c_row = p_.step[2] * kWide;
    t.accumulate = !first;
    // The next products' weights come to the cache by portions: they are read in one go, faster than memory gives them.
    const float* next = w + runs.count * k * kWide;
    const int64_t lines = runs.count * k * kPanelVecs;
    const int64_t portion = ceil_div(lines, max_of(box.images * outs[0] * outs[1] * parts.count, 1)) * kSlice;
    for (int64_t image = 0; image < box.images; ++image)
      for (int64_t d = 0; d < outs[0]; ++d)
        for (int64_t h = 0; h < outs[1]; ++h) {
          const int64_t z = c.axes[0].step * (box.begin[0] + d), y = c.axes[1].step * (box.begin[1] + h);
          const auto inside = [&](int64_t i) {
            return z + runs.slices[i] >= 0 && z + runs.slices[i] < p_.in[0] && y + runs.rows[i] >= 0 &&
                   y + runs.rows[i] < p_.in[1];
          };
          int64_t low_run = 0, high_run = runs.count;
          while (low_run < high_run && !inside(low_run)) ++low_run;
          while (low_run < high_run && !inside(high_run - 1)) --high_run;
          if (low_run == high_run && !first) continue;
          t.offsets = runs.offsets + low_run, t.runs = high_run - low_run, t.b = w + low_run * k * kWide;
          const float* a = pixels + source_.offset(box, image, d, h);
          float* to =
              sums +
              (((image * size[0] + d * p_.step[0] + c.residue[0]) * size[1] + h * p_.step[1] + c.residue[1]) * size[2] +
               c.residue[2]) *
                  kWide;
          for (int64_t i = 0; i < parts.count; ++i) {
            t.a = a + parts.begin(i) * t.a_step;
            t.c = to + parts.begin(i) * t.c_row;
            (i < parts.longer ? high : low)(t);
            for (const float* end = next + portion; next < end; next += kSlice) __builtin_prefetch(next, 0, 2);
          }
        }
  }

  void write(const Box& box, const int64_t (&first)[3], const int64_t (&size)[3], int64_t o, const float* sums) const {
    const int64_t slice = p_.out[1] * p_.out[2] * to_steps_.pixel;
    const Finish<float> finish = p_.finish.from(o);
    for (int64_t image = 0; image < box.images; ++image)
      for (int64_t d = 0; d < size[0]; ++d) {
        float* to = p_.to + (box.image + image) * to_steps_.image + o * to_steps_.channel + (first[0] + d) * slice;
        turn_out(sums + (image * size[0] + d) * size[1] * size[2] * kWide, {kWide, size[2] * kWide},
                 {to, to_steps_, min_of(kSlice, p_.outputs - o), p_.out[1], p_.out[2]}, first[1], first[1] + size[1],
                 finish);
      }
  }

  const Pass& p_;
  const TapClass* classes_;
  int64_t count_;
  Plan plan_;
  PixelSource source_;
  ImageSteps to_steps_;
  int64_t panels_, depth_;
  KeptLayout<float> weights_;
};

}  // namespace

bool prefers_pixels(const ConvArgs& a, ConvPass pass) {
  if (a.dtype != DType::Float32 || a.groups != 1 || a.batch == 0 || elements(a.in) == 0 || elements(a.out) == 0)
    return false;
  if (elements(a.stride) > kMaxClasses || is_matrix(a)) return false;
  // The weights' tile broadcasts every element once, which costs much where it takes instructions of its own.
  if (pass == ConvPass::BackwardWeight)
    return kVecBytes > 16 && a.out_channels >= kMinOutputs && elements(a.kernel) > 1;
  const bool backward = pass == ConvPass::BackwardInput;
  const int64_t channels = backward ? a.out_channels : a.channels, outputs = backward ? a.channels : a.out_channels;
  return outputs >= kMinOutputs && channels * a.kernel[2] >= (a.channels_last ? kMinPixelRun : kMinRun);
}

void pixels_forward(const ConvArgs& a) {
  Pass p;
  p.source = static_cast<const float*>(a.x), p.to = static_cast<float*>(a.y);
  p.batch = a.batch, p.channels = a.channels, p.outputs = a.out_channels, p.channels_last = a.channels_last;
  p.w = static_cast<const float*>(a.w), p.w_in = elements(a.kernel), p.w_out = a.channels * p.w_in;
  p.finish = finish_forward<float>(a);
  for (int i = 0; i < 3; ++i) p.in[i] = a.in[i], p.out[i] = a.out[i], p.kernel[i] = a.kernel[i], p.step[i] = 1;
  p.w_channels_last = a.w_channels_last;
  if (elements(a.kernel) < kShort / 2) p.keeper = a.keeper;
  const TapClass c = forward_class(a);
  PixelConvolver(p, &c, 1).run();
}

void pixels_backward_input(const ConvArgs& a) {
  Pass p;
  p.source = static_cast<const float*>(a.dy), p.to = static_cast<float*>(a.dx);
  p.batch = a.batch, p.channels = a.out_channels, p.outputs = a.channels, p.channels_last = a.channels_last;
  p.w = static_cast<const float*>(a.w), p.w_out = elements(a.kernel), p.w_in = a.channels * p.w_out;
  p.finish = finish_backward<float>(a);
  for (int i = 0; i < 3; ++i)
    p.in[i] = a.out[i], p.out[i] = a.in[i], p.kernel[i] = a.kernel[i], p.step[i] = a.stride[i];
  TapClass classes[kMaxClasses];
  const int64_t count = backward_classes(a, classes);
  int64_t depth = 0;
  for (int64_t i = 0; i < count; ++i) classes[i].weights = depth, depth += classes[i].taps() * p.channels;
  PixelConvolver(p, classes, count).run();
}

}  // namespace cnn::cpu::CNN_ISA
