// Convolutions of 3x3 taps at stride 1 by Winograd's algorithm (winograd_transform.h): forward, the gradient with
// respect to the input, which is a convolution of dy with the turned weights, and the gradient with respect to the
// weights.
#include "cpu/conv/winograd.h"

#include "core/parallel.h"
#include "cpu/gemm/panel_tile.h"

namespace cnn::cpu::inline CNN_ISA {
namespace winograd {
namespace {

constexpr int64_t kBlockElements = 300 << 10;  // of a block's points: about what a core's own cache holds
constexpr int64_t kFewTiles = 84, kGradientTiles = 256;  // blocks are not smaller: each of them reads all the weights
constexpr int64_t kManyChannels = 256;  // whose panels are a vector wide, to stay in the cache
constexpr int64_t kNoOffset = 0;
constexpr int64_t kFewWeights = 1 << 13, kLeastTiles = 24;
constexpr int64_t kBlocks = 8;  // as many blocks are given to the pool whole; fewer are shared inside

// The value of output o, channel c, tap t is w[o * out + c * in + (turned ? 8 - t : t) * tap]; `tap` or `in` is 1.
struct Weights {
  const float* w;
  int64_t out, in, tap;
  bool turned;
};

// The points of the weights of n outputs at most a vector, outputs in the lanes: channel c goes to to + c * row.
void transform_weights(const Weights& w, int64_t channels, int64_t o, int64_t n, float* to, int64_t row,
                       int64_t point) {
  constexpr int kAll = kTaps * kTaps;
  const float* from = w.w + o * w.out;
  const auto transform_taps = [&](const auto& tap) {
    transform<Filter>([&](int y, int x) { return tap(y * kTaps + x); },
                      [&](int y, int x, V v) { vec_store(to + (y * kIn + x) * point, v); });
    to += row;
  };
  if (w.tap == 1) {
    V taps[kAll], r[kSlice];
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t t = 0; t < kAll; t += kSlice) {
        const int64_t some = min_of(kSlice, kAll - t);
        load_transposed<float>(from + c * w.in + t, w.out, n, some, r);
        for (int64_t j = 0; j < some; ++j) taps[w.turned ? kAll - 1 - t - j : t + j] = r[j];
      }
      transform_taps([&](int t) { return taps[t]; });
    }
    return;
  }
  V taps[kAll][kSlice];  // of a slice of channels
  for (int64_t c = 0; c < channels; c += kSlice) {
    const int64_t some = min_of(kSlice, channels - c);
    for (int64_t t = 0; t < kAll; ++t)
      load_transposed<float>(from + c + t * w.tap, w.out, n, some, taps[w.turned ? kAll - 1 - t : t]);
    for (int64_t j = 0; j < some; ++j) transform_taps([&](int t) { return taps[t][j]; });
  }
}

// One convolution in the frame of the algorithm.
struct Problem {
  const float* source;
  float* to;
  bool channels_last;  // both
  int64_t batch, channels, outputs;
  int64_t in[2], out[2], padding[2];
  Weights weights;
  Finish<float> finish;
};

class Convolver {
 public:
  Convolver(const Problem& p, const Tiling& tiling)
      : p_(p),
        tiling_(tiling),
        pitch_in_(round_up(p.channels, kSlice)),
        pitch_out_(round_up(p.outputs, kSlice)),
        panels_(ceil_div(pitch_out_, kPanel)) {}

  void run() const {
    if (tiling_.count() == 1) run_panels();
    else run_blocks();
  }

 private:
  // Many tiles: the points of all weights once, then block after block.
  void run_blocks() const {
    const int64_t count = tiling_.count(), point = point_stride(panels_ * kPanel * p_.channels);
    Scratch<float> weights(kPoints * point);
    parallel_for(pitch_out_ / kSlice, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        transform_weights(p_.weights, p_.channels, i * kSlice, min_of(kSlice, p_.outputs - i * kSlice),
                          weights + i / 2 * p_.channels * kPanel + i % 2 * kSlice, kPanel, point);
    });
    parallel_for(count, count >= kBlocks ? 1 : count, [&](int64_t begin, int64_t end) {
      const int64_t tiles = tiling_.largest();
      Scratch<float> in(kPoints * point_stride(tiles * pitch_in_)), out(kPoints * point_stride(tiles * pitch_out_));
      for (int64_t i = begin; i < end; ++i) {
        const Block b = tiling_.block(i);
        const int64_t here = tiling_.tiles(b);
        const int64_t in_point = point_stride(here * pitch_in_), out_point = point_stride(here * pitch_out_);
        transform_block(b, in, in_point);
        parallel_for(kPoints, 1, [&](int64_t first, int64_t last) {
          for (int64_t k = first; k < last; ++k)
            for (int64_t q = 0; q < panels_; ++q)
              multiply(in + k * in_point, weights + k * point + q * p_.channels * kPanel, kPanel,
                       min_of(kPanel, pitch_out_ - q * kPanel), out + k * out_point + q * kPanel, pitch_out_, here);
        });
        const int64_t slices = pitch_out_ / kSlice;
        parallel_for(b.images * slices, 1, [&](int64_t first, int64_t last) {
          for (int64_t k = first; k < last; ++k)
            restore(b, k / slices, k % slices * kSlice, out + k % slices * kSlice, out_point, pitch_out_);
        });
      }
    });
  }

  // Few tiles: the weights are most of the work, and the points of a panel of them never leave the core's own cache.
  void run_panels() const {
    const Block b = tiling_.block(0);
    const int64_t tiles = tiling_.tiles(b), in_point = point_stride(tiles * pitch_in_);
    const int64_t width = p_.channels > kManyChannels ? kSlice : kPanel;
    Scratch<float> in(kPoints * in_point);
    transform_block(b, in, in_point);
    parallel_for(ceil_div(pitch_out_, width), 1, [&](int64_t begin, int64_t end) {
      const int64_t point = point_stride(p_.channels * width), out_point = point_stride(tiles * width);
      Scratch<float> weights(kPoints * point), out(kPoints * out_point);
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = i * width, here = min_of(width, pitch_out_ - first);
        for (int64_t o = 0; o < here; o += kSlice)
          transform_weights(p_.weights, p_.channels, first + o, min_of(kSlice, p_.outputs - first - o), weights + o,
                            width, point);
        for (int64_t k = 0; k < kPoints; ++k)
          multiply(in + k * in_point, weights + k * point, width, here, out + k * out_point, width, tiles);
        for (int64_t o = 0; o < here; o += kSlice)
          for (int64_t image = 0; image < b.images; ++image) restore(b, image, first + o, out + o, out_point, width);
      }
    });
  }

  void transform_block(const Block& b, float* in, int64_t point) const {
    const int64_t slices = pitch_in_ / kSlice;
    const ImageSteps steps = image_steps(p_.channels_last, p_.channels, p_.in[0] * p_.in[1]);
    parallel_for(b.images * slices, 1, [&](int64_t begin, int64_t end) {
      Scratch<float> pixels(tiling_.height(b.rows, kIn) * tiling_.width(kIn) * kSlice);
      for (int64_t i = begin; i < end; ++i) {
        const int64_t image = i / slices, c = i % slices * kSlice;
        const Planes<const float> planes = {p_.source + (b.image + image) * steps.image + c * steps.channel, steps,
                                            min_of(kSlice, p_.channels - c), p_.in[0], p_.in[1]};
        transform_tiles<Input>(tiling_, b, planes, p_.padding, pixels,
                               in + image * b.rows * tiling_.cols * pitch_in_ + c, point, pitch_in_);
      }
    });
  }

  // Outputs from o on, a vector of them, of one image; `out` holds them of the block's first tile.
  void restore(const Block& b, int64_t image, int64_t o, const float* out, int64_t point, int64_t pitch) const {
    Scratch<float> pixels(tiling_.height(b.rows, kOut) * tiling_.width(kOut) * kSlice);
    const ImageSteps steps = image_steps(p_.channels_last, p_.outputs, p_.out[0] * p_.out[1]);
    const Planes<float> planes = {p_.to + (b.image + image) * steps.image + o * steps.channel, steps,
                                  min_of(kSlice, p_.outputs - o), p_.out[0], p_.out[1]};
    restore_tiles(tiling_, b, planes, p_.finish.from(o), pixels, out + image * b.rows * tiling_.cols * pitch, point,
                  pitch);
  }

  // out[tile, output] = sum over c of in[tile, c] * weights[c, output], at one point, for a panel of outputs.
  void multiply(const float* in, const float* weights, int64_t width, int64_t outputs, float* out, int64_t pitch,
                int64_t tiles) const {
    const int64_t vecs = outputs / kSlice;
    const Parts rows(tiles, ceil_div(tiles, panel_rows(int(vecs))));
    const PanelTileFn<float> low = panel_tile_of<float, false>(rows.low, vecs),
                             high = panel_tile_of<float, false>(rows.largest(), vecs);
    PanelTile<float> t;
    t.offsets = &kNoOffset, t.runs = 1;
    t.a_step = pitch_in_, t.b_row = width, t.c_row = pitch;
    const Parts chains(p_.channels, ceil_div(p_.channels, kChain));
    for (int64_t i = 0; i < rows.count; ++i) {
      t.c = out + rows.begin(i) * pitch;
      for (int64_t j = 0; j < chains.count; ++j) {
        t.a = in + rows.begin(i) * pitch_in_ + chains.begin(j);
        t.b = weights + chains.begin(j) * width;
        t.k = chains.size(j), t.accumulate = j > 0;
        (i < rows.longer ? high : low)(t);
      }
    }
  }

  const Problem& p_;
  const Tiling& tiling_;
  int64_t pitch_in_, pitch_out_, panels_;
};

class WeightGradient {
 public:
  explicit WeightGradient(const ConvArgs& a)
      : a_(a),
        tiling_(a, a.out, kGradientTiles),
        pitch_in_(round_up(a.channels, kSlice)),
        pitch_out_(round_up(a.out_channels, kSlice)),
        panels_(ceil_div(pitch_out_, kPanel)) {}

  void run() const {
    const int64_t tiles = tiling_.largest();
    Scratch<float> in(kPoints * in_point(tiles)), out(kPoints * out_point(tiles));
    if (tiling_.count() == 1) run_panels(tiling_.block(0), in, out);
    else run_blocks(in, out);
  }

 private:
  int64_t in_point(int64_t tiles) const { return point_stride(tiles * pitch_in_); }
  int64_t out_point(int64_t tiles) const { return point_stride(tiles * panels_ * kPanel); }

  void run_blocks(float* in, float* out) const {
    const int64_t point = point_stride(a_.channels * pitch_out_);
    Scratch<float> sums(kPoints * point);
    for (int64_t i = 0; i < tiling_.count(); ++i) {
      const Block b = tiling_.block(i);
      const int64_t tiles = tiling_.tiles(b);
      transform_block(b, in, out);
      parallel_for(kPoints, 1, [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k)
          for (int64_t q = 0; q < panels_; ++q)
            multiply(in + k * in_point(tiles), out + k * out_point(tiles) + q * tiles * kPanel, tiles,
                     min_of(kPanel, pitch_out_ - q * kPanel), i > 0, sums + k * point + q * kPanel, pitch_out_);
      });
    }
    parallel_for(pitch_out_ / kSlice, 1, [&](int64_t begin, int64_t end) {
      for (int64_t s = begin; s < end; ++s) restore(s * kSlice, sums + s * kSlice, pitch_out_, point);
    });
  }

  // One block: the sums of a panel of outputs never leave the core's own cache.
  void run_panels(const Block& b, float* in, float* out) const {
    const int64_t tiles = tiling_.tiles(b), point = point_stride(a_.channels * kPanel);
    transform_block(b, in, out);
    parallel_for(panels_, 1, [&](int64_t begin, int64_t end) {
      Scratch<float> sums(kPoints * point);
      for (int64_t q = begin; q < end; ++q) {
        const int64_t here = min_of(kPanel, pitch_out_ - q * kPanel);
        for (int64_t k = 0; k < kPoints; ++k)
          multiply(in + k * in_point(tiles), out + k * out_point(tiles) + q * tiles * kPanel, tiles, here, false,
                   sums + k * point, kPanel);
        for (int64_t o = 0; o < here; o += kSlice) restore(q * kPanel + o, sums + o, kPanel, point);
      }
    });
  }

  void transform_block(const Block& b, float* in, float* out) const {
    const int64_t tiles = tiling_.tiles(b), each = b.rows * tiling_.cols;
    const int64_t in_slices = pitch_in_ / kSlice, slices = in_slices + pitch_out_ / kSlice;
    parallel_for(b.images * slices, 1, [&](int64_t begin, int64_t end) {
      Scratch<float> pixels(tiling_.height(b.rows, kIn) * tiling_.width(kIn) * kSlice);
      const int64_t padding[2] = {a_.padding[1], a_.padding[2]}, none[2] = {0, 0};
      const ImageSteps in_steps = image_steps(a_.channels_last, a_.channels, elements(a_.in)),
                       out_steps = image_steps(a_.channels_last, a_.out_channels, elements(a_.out));
      for (int64_t i = begin; i < end; ++i) {
        const int64_t image = i / slices, slice = i % slices;
        if (slice < in_slices) {
          const int64_t c = slice * kSlice;
          const float* x = static_cast<const float*>(a_.x) + (b.image + image) * in_steps.image + c * in_steps.channel;
          transform_tiles<Input>(tiling_, b, {x, in_steps, min_of(kSlice, a_.channels - c), a_.in[1], a_.in[2]},
                                 padding, pixels, in + image * each * pitch_in_ + c, in_point(tiles), pitch_in_);
        } else {
          const int64_t s = slice - in_slices, o = s * kSlice;
          const float* dy =
              static_cast<const float*>(a_.dy) + (b.image + image) * out_steps.image + o * out_steps.channel;
          transform_tiles<OutputGradient>(
              tiling_, b, {dy, out_steps, min_of(kSlice, a_.out_channels - o), a_.out[1], a_.out[2]}, none, pixels,
              out + (s / 2 * tiles + image * each) * kPanel + s % 2 * kSlice, out_point(tiles), kPanel);
        }
      }
    });
  }

  // sums[c, output] (+)= sum over the tiles of in[tile, c] * out[tile, output], at one point, for a panel of outputs.
  void multiply(const float* in, const float* out, int64_t tiles, int64_t outputs, bool accumulate, float* sums,
                int64_t pitch) const {
    const int64_t vecs = outputs / kSlice;
    const Parts rows(a_.channels, ceil_div(a_.channels, panel_rows(int(vecs))));
    const PanelTileFn<float> low = panel_tile_of<float, true>(rows.low, vecs),
                             high = panel_tile_of<float, true>(rows.largest(), vecs);
    PanelTile<float> t;
    t.offsets = &kNoOffset, t.runs = 1;
    t.a_step = pitch_in_, t.b_row = kPanel, t.c_row = pitch;
    const Parts chains(tiles, ceil_div(tiles, kChain));
    for (int64_t i = 0; i < rows.count; ++i) {
      t.c = sums + rows.begin(i) * pitch;
      for (int64_t j = 0; j < chains.count; ++j) {
        t.a = in + rows.begin(i) + chains.begin(j) * pitch_in_;
        t.b = out + chains.begin(j) * kPanel;
        t.k = chains.size(j), t.accumulate = accumulate || j > 0;
        (i < rows.longer ? high : low)(t);
      }
    }
  }

  // dw of a vector of outputs from their points, `pitch` from channel to channel.
  void restore(int64_t o, const float* from, int64_t pitch, int64_t point) const {
    constexpr int kAll = kTaps * kTaps;
    const int64_t row = a_.channels * kAll, n = min_of(kSlice, a_.out_channels - o);
    float* to = static_cast<float*>(a_.dw) + o * row;
    V taps[kAll], r[kSlice];
    for (int64_t c = 0; c < a_.channels; ++c, from += pitch, to += kAll) {
      transform<FilterGradient>([&](int y, int x) { return vec_load(from + (y * kIn + x) * point); },
                                [&](int y, int x, V v) { taps[y * kTaps + x] = v; });
      for (int64_t t = 0; t < kAll; t += kSlice) {
        const int64_t some = min_of(kSlice, kAll - t);
        for (int64_t j = 0; j < kSlice; ++j) r[j] = j < some ? taps[t + j] : V{};
        store_transposed<float>(r, to + t, row, n, some);
      }
    }
  }

  const ConvArgs& a_;
  Tiling tiling_;
  int64_t pitch_in_, pitch_out_, panels_;
};

// Instead of few blocks that read few weights, smaller ones go to the pool whole: they wait for nobody.
int64_t block_tiles(const ConvArgs& a, const int64_t (&planes)[3]) {
  const int64_t usual = max_of(kBlockElements / (kPoints * (a.channels + a.out_channels)), kFewTiles);
  const int64_t all = Tiling(a, planes, 1).all();
  if (all >= kBlocks * usual || a.channels * a.out_channels > kFewWeights) return usual;
  return max_of(all / kBlocks, kLeastTiles);
}

}  // namespace
}  // namespace winograd

bool prefers_winograd(const ConvArgs& a) {
  using namespace winograd;
  if (!a.winograd || a.dtype != DType::Float32 || a.groups != 1 || a.batch == 0) return false;
  if (a.kernel[0] != 1 || a.in[0] != 1 || a.padding[0] != 0 || a.stride[0] != 1) return false;
  for (int i = 1; i < 3; ++i) {
    if (a.kernel[i] != kTaps || a.stride[i] != 1 || a.dilation[i] > kMaxDilation) return false;
    if (a.padding[i] > (kTaps - 1) * a.dilation[i] || min_of(a.in[i], a.out[i]) < kMinSize) return false;
  }
  return min_of(a.channels, a.out_channels) >= kMinChannels && Tiling(a, a.out, 1).all() >= kMinTiles;
}

void winograd_forward(const ConvArgs& a) {
  using namespace winograd;
  const Problem p = {static_cast<const float*>(a.x),
                     static_cast<float*>(a.y),
                     a.channels_last,
                     a.batch,
                     a.channels,
                     a.out_channels,
                     {a.in[1], a.in[2]},
                     {a.out[1], a.out[2]},
                     {a.padding[1], a.padding[2]},
                     {static_cast<const float*>(a.w), a.channels * kTaps * kTaps, a.w_channels_last ? 1 : kTaps * kTaps,
                      a.w_channels_last ? a.channels : 1, false},
                     finish_forward<float>(a)};
  Convolver(p, Tiling(a, a.out, block_tiles(a, a.out))).run();
}

void winograd_backward_input(const ConvArgs& a) {
  using namespace winograd;
  const int64_t reach[2] = {(kTaps - 1) * a.dilation[1], (kTaps - 1) * a.dilation[2]};
  const Problem p = {static_cast<const float*>(a.dy),
                     static_cast<float*>(a.dx),
                     a.channels_last,
                     a.batch,
                     a.out_channels,
                     a.channels,
                     {a.out[1], a.out[2]},
                     {a.in[1], a.in[2]},
                     {reach[0] - a.padding[1], reach[1] - a.padding[2]},
                     {static_cast<const float*>(a.w), kTaps * kTaps, a.channels * kTaps * kTaps, 1, true},
                     finish_backward<float>(a)};
  Convolver(p, Tiling(a, a.in, block_tiles(a, a.in))).run();
}

void winograd_backward_weight(const ConvArgs& a) { winograd::WeightGradient(a).run(); }

}  // namespace cnn::cpu::CNN_ISA
