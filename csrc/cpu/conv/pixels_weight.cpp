// The gradient of a convolution with respect to its weights over pixels (pixels.h): sums[tap, channel][output] +=
// x[pixel of the output through the tap][channel] * dy[pixel][output] (see WeightShares for how the pool takes part).
#include "core/parallel.h"
#include "cpu/conv/pixels.h"
#include "cpu/gemm/panel_tile.h"
#include "cpu/conv/weight_shares.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

constexpr int64_t kFewSums = 128 << 10;  // that stay in a core's own cache
constexpr int64_t kShort = 192, kLong = 768;  // positions multiplied at a time with few and with many sums

class PixelWeightGradient {
 public:
  explicit PixelWeightGradient(const ConvArgs& a)
      : a_(a),
        class_(forward_class(a)),
        pitch_(ceil_div(a.out_channels, kPanel) * kPanel),
        depth_(elements(a.kernel) * a.channels),
        shares_(a, depth_ * pitch_),
        plan_(class_.axes, a.batch, a.channels + a.out_channels, shares_.sharing()),
        source_(plan_, Windows(&class_, 1).all, a.in, a.channels,
                image_steps(a.channels_last, a.channels, elements(a.in))),
        in_run_(a.dilation[2] == 1 && source_.pixel() == a.channels ? a.kernel[2] : 1),
        sums_(depth_ * pitch_) {}

  void run() const {
    shares_.run<float>(plan_.count(), depth_ * pitch_, sums_, [&](int64_t begin, int64_t end, float* sums) {
      const int64_t rows = plan_.images() * plan_.size(0) * plan_.size(1);
      Scratch<float> pixels(source_.room()), out(rows * plan_.size(2) * pitch_);
      Scratch<int64_t> offsets(3 * rows);
      for (int64_t i = begin; i < end; ++i) run_box(plan_.box(i), i == begin, pixels, out, offsets, sums);
    });
    restore();
  }

 private:
  void run_box(const Box& box, bool first, float* pixels, float* out, int64_t* offsets, float* sums) const {
    const int64_t in_slices = ceil_div(a_.channels, kSlice), slices = in_slices + ceil_div(a_.out_channels, kSlice);
    const int64_t rows = box.images * box.size[0] * box.size[1];
    parallel_for(box.images * slices, 1 + kTurnWork / (kSlice * elements(a_.in)), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t image = i / slices, slice = i % slices;
        if (slice < in_slices) {
          const int64_t c = slice * kSlice;
          source_.fill(box, image, static_cast<const float*>(a_.x), c, min_of(kSlice, a_.channels - c), pixels + c);
        } else {
          turn_out_gradient(box, image, (slice - in_slices) * kSlice, out);
        }
      }
    });
    const Lines lines = {offsets, offsets + rows, offsets + 2 * rows};
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t h = row % box.size[1], d = row / box.size[1] % box.size[0];
      lines.offsets[row] = source_.offset(box, row / box.size[1] / box.size[0], d, h);
      lines.slices[row] = class_.axes[0].step * (box.begin[0] + d);
      lines.rows[row] = class_.axes[1].step * (box.begin[1] + h);
    }

    const int64_t wanted = depth_ * pitch_ <= kFewSums ? kShort : kLong;
    const Parts blocks(rows, ceil_div(rows, max_of(wanted / box.size[2], 1)));
    for (int64_t i = 0; i < blocks.count; ++i)
      multiply(box, blocks.begin(i), blocks.size(i), first && i == 0, pixels, out, lines, sums);
  }

  // dy as panels of pixels: [panel][position][kPanel].
  void turn_out_gradient(const Box& box, int64_t image, int64_t o, float* out) const {
    const ImageSteps steps = image_steps(a_.channels_last, a_.out_channels, elements(a_.out));
    const int64_t slice = a_.out[1] * a_.out[2] * steps.pixel;
    const int64_t positions = box.size[0] * box.size[1] * box.size[2];
    float* to = out + (o / kPanel * box.images + image) * positions * kPanel + o % kPanel;
    const float* dy = static_cast<const float*>(a_.dy) + (box.image + image) * steps.image + o * steps.channel;
    for (int64_t d = 0; d < box.size[0]; ++d)
      turn_in({dy + (box.begin[0] + d) * slice, steps, min_of(kSlice, a_.out_channels - o), a_.out[1], a_.out[2]},
              box.begin[1], box.begin[1] + box.size[1], to + d * box.size[1] * box.size[2] * kPanel,
              {kPanel, box.size[2] * kPanel});
  }

  // Rows of outputs: where they begin in the source, and the slice and row of it without padding and tap.
  struct Lines {
    int64_t *offsets, *slices, *rows;
  };

  // All sums over some rows of outputs: a task is some (tap, channel) of a row of taps times a panel of outputs.
  void multiply(const Box& box, int64_t row, int64_t rows, bool first, const float* pixels, const float* out,
                const Lines& lines, float* sums) const {
    const int64_t positions = box.images * box.size[0] * box.size[1] * box.size[2];
    const int64_t run = in_run_ * a_.channels, runs = depth_ / run;
    const Parts parts(run, ceil_div(run, kTileRows));
    const int64_t work = rows * box.size[2] * kTileRows * kPanel;
    parallel_for(pitch_ / kPanel * runs, ceil_div(kSerialChunk, work * parts.count), [&](int64_t begin, int64_t end) {
      PanelTile<float> t;
      t.a_step = source_.step(), t.k = box.size[2];
      t.b_row = kPanel, t.c_row = pitch_;
      t.accumulate = !first;
      for (int64_t i = begin; i < end; ++i) {
        const int64_t panel = i / runs, r = i % runs, tap = r * in_run_;
        const int64_t vecs = ceil_div(min_of(kPanel, a_.out_channels - panel * kPanel), kSlice);
        const PanelTileFn<float> low = panel_tile_of<float, true>(parts.low, vecs),
                                 high = panel_tile_of<float, true>(parts.largest(), vecs);
        const int64_t at[3] = {tap / a_.kernel[2] / a_.kernel[1], tap / a_.kernel[2] % a_.kernel[1],
                               tap % a_.kernel[2]};
        int64_t from[3];
        for (int axis = 0; axis < 3; ++axis) from[axis] = class_.axes[axis].first + at[axis] * class_.axes[axis].gap;
        const float* a = pixels + source_.tap(box, from);
        // Rows at the ends that this tap reads from the padding are left out.
        const auto inside = [&](int64_t line) {
          const int64_t z = lines.slices[line] + from[0], y = lines.rows[line] + from[1];
          return z >= 0 && z < a_.in[0] && y >= 0 && y < a_.in[1];
        };
        int64_t low_line = row, high_line = row + rows;
        while (low_line < high_line && !inside(low_line)) ++low_line;
        while (low_line < high_line && !inside(high_line - 1)) --high_line;
        if (low_line == high_line && !first) continue;
        t.offsets = lines.offsets + low_line, t.runs = high_line - low_line;
        t.b = out + (panel * positions + low_line * box.size[2]) * kPanel;
        for (int64_t j = 0; j < parts.count; ++j) {
          t.a = a + parts.begin(j);
          t.c = sums + (r * run + parts.begin(j)) * pitch_ + panel * kPanel;
          (j < parts.longer ? high : low)(t);
        }
      }
    });
  }

  // dw[output][channel][tap] from sums[tap][channel][output].
  void restore() const {
    const int64_t taps = elements(a_.kernel), slices = ceil_div(a_.out_channels, kSlice);
    const int64_t blocks = ceil_div(depth_, kSlice);
    parallel_for(slices * blocks, 1 + (1 << 14) / (kSlice * kSlice), [&](int64_t begin, int64_t end) {
      Vec<float> r[kSlice];
      for (int64_t i = begin; i < end; ++i) {
        const int64_t o = i / blocks * kSlice, f = i % blocks * kSlice, n = min_of(kSlice, depth_ - f);
        for (int64_t j = 0; j < kSlice; ++j) {
          const int64_t k = (f + j) % taps * a_.channels + (f + j) / taps;
          r[j] = j < n ? vec_load(sums_ + k * pitch_ + o) : Vec<float>{};
        }
        store_transposed<float>(r, static_cast<float*>(a_.dw) + o * depth_ + f, depth_,
                                min_of(kSlice, a_.out_channels - o), n);
      }
    });
  }

  static constexpr int64_t kSerialChunk = 1 << 19;  // products that are not worth a task of their own

  const ConvArgs& a_;
  TapClass class_;
  int64_t pitch_;  // outputs, whole panels
  int64_t depth_;  // (tap, channel) pairs
  WeightShares shares_;
  Plan plan_;
  PixelSource source_;
  int64_t in_run_;  // taps whose channels follow one another
  Scratch<float> sums_;
};

}  // namespace

void pixels_backward_weight(const ConvArgs& a) { PixelWeightGradient(a).run(); }

}  // namespace cnn::cpu::CNN_ISA
