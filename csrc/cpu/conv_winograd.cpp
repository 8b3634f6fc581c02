// Convolutions of 3x3 taps at stride 1 by Winograd's algorithm (winograd_transform.h): forward, the gradient with respect to
// the input, which is a convolution of dy with the turned weights, and the gradient with respect to the weights.
#include "cpu/conv_winograd.h"

#include "core/parallel.h"
#include "cpu/panel_tile.h"

namespace cnn::cpu::inline CNN_ISA {
namespace winograd {
namespace {

constexpr int64_t kBlockElements = 300 << 10;  // of a block's points: about what a core's own cache holds
constexpr int64_t kFewTiles = 84, kGradientTiles = 256;  // blocks are not smaller: each of them reads all the weights
constexpr int64_t kNoOffset = 0;
constexpr int64_t kBlocks = 8;  // as many blocks are given to the pool whole; fewer are shared inside

// Weights of one tap order: the value of output o, channel c, tap t is w[o * out + c * in + (turned ? 8 - t : t)].
struct Weights {
  const float* w;
  int64_t out, in;
  bool turned;
};

// The points of all weights, outputs in the lanes: [point][panel of outputs][channel][kPanel].
void transform_weights(const Weights& w, int64_t channels, int64_t outputs, float* to, int64_t point) {
  constexpr int kAll = kTaps * kTaps;
  const int64_t slices = ceil_div(outputs, kSlice);
  parallel_for(slices * channels, 1 + (1 << 14) / (kPoints * kSlice), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t slice = i / channels, c = i % channels, n = min_of(kSlice, outputs - slice * kSlice);
      V taps[kAll], r[kSlice];
      for (int64_t t = 0; t < kAll; t += kSlice) {
        const int64_t some = min_of(kSlice, kAll - t);
        load_transposed<float>(w.w + slice * kSlice * w.out + c * w.in + t, w.out, n, some, r);
        for (int64_t j = 0; j < some; ++j) taps[w.turned ? kAll - 1 - t - j : t + j] = r[j];
      }
      float* at = to + (slice / 2 * channels + c) * kPanel + slice % 2 * kSlice;
      transform<Filter>([&](int y, int x) { return taps[y * kTaps + x]; },
                        [&](int y, int x, V v) { vec_store(at + (y * kIn + x) * point, v); });
    }
  });
}

// One convolution in the frame of the algorithm.
struct Problem {
  const float* source;
  float* to;
  int64_t batch, channels, outputs;
  int64_t in[2], out[2], padding[2];
  Weights weights;
  Finish finish;
};

class Convolver {
 public:
  Convolver(const Problem& p, const Tiling& tiling)
      : p_(p),
        tiling_(tiling),
        pitch_in_(round_up(p.channels, kSlice)),
        pitch_out_(round_up(p.outputs, kSlice)),
        panels_(ceil_div(pitch_out_, kPanel)),
        weight_point_(point_stride(panels_ * kPanel * p.channels)),
        weights_(kPoints * weight_point_) {
    transform_weights(p.weights, p.channels, p.outputs, weights_, weight_point_);
  }

  void run() const {
    const int64_t count = tiling_.count();
    parallel_for(count, count >= kBlocks ? 1 : count, [&](int64_t begin, int64_t end) {
      const int64_t tiles = tiling_.largest();
      Scratch<float> in(kPoints * point_stride(tiles * pitch_in_)), out(kPoints * point_stride(tiles * pitch_out_));
      for (int64_t i = begin; i < end; ++i) run_block(tiling_.block(i), in, out);
    });
  }

 private:
  void run_block(const Block& b, float* in, float* out) const {
    const int64_t tiles = tiling_.tiles(b), each = b.rows * tiling_.cols;
    const int64_t in_point = point_stride(tiles * pitch_in_), out_point = point_stride(tiles * pitch_out_);
    const int64_t in_slices = pitch_in_ / kSlice, out_slices = pitch_out_ / kSlice;
    parallel_for(b.images * in_slices, 1, [&](int64_t begin, int64_t end) {
      Scratch<float> pixels(tiling_.height(b.rows, kIn) * tiling_.width(kIn) * kSlice);
      const int64_t plane = p_.in[0] * p_.in[1];
      for (int64_t i = begin; i < end; ++i) {
        const int64_t image = i / in_slices, c = i % in_slices * kSlice;
        const Planes<const float> planes = {p_.source + ((b.image + image) * p_.channels + c) * plane, plane,
                                            min_of(kSlice, p_.channels - c), p_.in[0], p_.in[1]};
        transform_tiles<Input>(tiling_, b, planes, p_.padding, pixels, in + image * each * pitch_in_ + c, in_point,
                               pitch_in_);
      }
    });
    parallel_for(kPoints, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        multiply(in + i * in_point, weights_ + i * weight_point_, out + i * out_point, tiles);
    });
    parallel_for(b.images * out_slices, 1, [&](int64_t begin, int64_t end) {
      Scratch<float> pixels(tiling_.height(b.rows, kOut) * tiling_.width(kOut) * kSlice);
      const int64_t plane = p_.out[0] * p_.out[1];
      for (int64_t i = begin; i < end; ++i) {
        const int64_t image = i / out_slices, o = i % out_slices * kSlice;
        const Planes<float> planes = {p_.to + ((b.image + image) * p_.outputs + o) * plane, plane,
                                      min_of(kSlice, p_.outputs - o), p_.out[0], p_.out[1]};
        restore_tiles(tiling_, b, planes, {p_.finish.bias ? p_.finish.bias + o : nullptr, p_.finish.relu}, pixels,
                      out + image * each * pitch_out_ + o, out_point, pitch_out_);
      }
    });
  }

  // out[tile, output] = sum over c of in[tile, c] * weights[c, output], at one point.
  void multiply(const float* in, const float* weights, float* out, int64_t tiles) const {
    const Parts rows(tiles, ceil_div(tiles, kTileRows));
    PanelTile<float> t;
    t.a_step = pitch_in_, t.b_row = kPanel, t.k = p_.channels, t.c_row = pitch_out_;
    t.offsets = &kNoOffset, t.runs = 1;
    t.accumulate = false;
    for (int64_t q = 0; q < panels_; ++q) {
      const int64_t vecs = min_of(2, (pitch_out_ - q * kPanel) / kSlice);
      const PanelTileFn<float> low = panel_tile_of<float, false>(rows.low, vecs),
                               high = panel_tile_of<float, false>(rows.largest(), vecs);
      t.b = weights + q * p_.channels * kPanel;
      for (int64_t i = 0; i < rows.count; ++i) {
        t.a = in + rows.begin(i) * pitch_in_;
        t.c = out + rows.begin(i) * pitch_out_ + q * kPanel;
        (i < rows.longer ? high : low)(t);
      }
    }
  }

  const Problem& p_;
  const Tiling& tiling_;
  int64_t pitch_in_, pitch_out_, panels_, weight_point_;
  Scratch<float> weights_;
};

class WeightGradient {
 public:
  explicit WeightGradient(const ConvArgs& a)
      : a_(a),
        tiling_(a, a.out, kGradientTiles),
        pitch_in_(round_up(a.channels, kSlice)),
        pitch_out_(round_up(a.out_channels, kSlice)),
        panels_(ceil_div(pitch_out_, kPanel)),
        sum_point_(point_stride(a.channels * pitch_out_)),
        sums_(kPoints * sum_point_) {}

  void run() const {
    const int64_t tiles = tiling_.largest();
    Scratch<float> in(kPoints * point_stride(tiles * pitch_in_)), out(kPoints * point_stride(tiles * panels_ * kPanel));
    for (int64_t i = 0; i < tiling_.count(); ++i) run_block(tiling_.block(i), i == 0, in, out);
    restore_weights();
  }

 private:
  void run_block(const Block& b, bool first, float* in, float* out) const {
    const int64_t tiles = tiling_.tiles(b), each = b.rows * tiling_.cols;
    const int64_t in_point = point_stride(tiles * pitch_in_), out_point = point_stride(tiles * panels_ * kPanel);
    const int64_t in_slices = pitch_in_ / kSlice, slices = in_slices + pitch_out_ / kSlice;
    parallel_for(b.images * slices, 1, [&](int64_t begin, int64_t end) {
      Scratch<float> pixels(tiling_.height(b.rows, kIn) * tiling_.width(kIn) * kSlice);
      const int64_t padding[2] = {a_.padding[1], a_.padding[2]}, none[2] = {0, 0};
      const int64_t in_plane = elements(a_.in), out_plane = elements(a_.out);
      for (int64_t i = begin; i < end; ++i) {
        const int64_t image = i / slices, slice = i % slices;
        if (slice < in_slices) {
          const int64_t c = slice * kSlice;
          const float* x = static_cast<const float*>(a_.x) + ((b.image + image) * a_.channels + c) * in_plane;
          transform_tiles<Input>(tiling_, b, {x, in_plane, min_of(kSlice, a_.channels - c), a_.in[1], a_.in[2]},
                                 padding, pixels, in + image * each * pitch_in_ + c, in_point, pitch_in_);
        } else {
          const int64_t s = slice - in_slices, o = s * kSlice;
          const float* dy = static_cast<const float*>(a_.dy) + ((b.image + image) * a_.out_channels + o) * out_plane;
          transform_tiles<OutputGradient>(
              tiling_, b, {dy, out_plane, min_of(kSlice, a_.out_channels - o), a_.out[1], a_.out[2]}, none, pixels,
              out + (s / 2 * tiles + image * each) * kPanel + s % 2 * kSlice, out_point, kPanel);
        }
      }
    });
    parallel_for(kPoints, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        multiply(in + i * in_point, out + i * out_point, sums_ + i * sum_point_, tiles, first);
    });
  }

  // sums[c, output] (+)= sum over the tiles of in[tile, c] * out[tile, output], at one point.
  void multiply(const float* in, const float* out, float* sums, int64_t tiles, bool first) const {
    const Parts rows(a_.channels, ceil_div(a_.channels, kTileRows));
    PanelTile<float> t;
    t.a_step = pitch_in_, t.b_row = kPanel, t.k = tiles, t.c_row = pitch_out_;
    t.offsets = &kNoOffset, t.runs = 1;
    t.accumulate = !first;
    for (int64_t q = 0; q < panels_; ++q) {
      const int64_t vecs = min_of(2, (pitch_out_ - q * kPanel) / kSlice);
      const PanelTileFn<float> low = panel_tile_of<float, true>(rows.low, vecs),
                               high = panel_tile_of<float, true>(rows.largest(), vecs);
      t.b = out + q * tiles * kPanel;
      for (int64_t i = 0; i < rows.count; ++i) {
        t.a = in + rows.begin(i);
        t.c = sums + rows.begin(i) * pitch_out_ + q * kPanel;
        (i < rows.longer ? high : low)(t);
      }
    }
  }

  // dw from the points, outputs in the lanes.
  void restore_weights() const {
    constexpr int kAll = kTaps * kTaps;
    const int64_t slices = ceil_div(a_.out_channels, kSlice), row = a_.channels * kAll;
    parallel_for(slices * a_.channels, 1 + (1 << 14) / (kPoints * kSlice), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t o = i / a_.channels * kSlice, c = i % a_.channels;
        const float* from = sums_ + c * pitch_out_ + o;
        V taps[kAll], r[kSlice];
        transform<FilterGradient>([&](int y, int x) { return vec_load(from + (y * kIn + x) * sum_point_); },
                                  [&](int y, int x, V v) { taps[y * kTaps + x] = v; });
        float* to = static_cast<float*>(a_.dw) + o * row + c * kAll;
        for (int64_t t = 0; t < kAll; t += kSlice) {
          const int64_t some = min_of(kSlice, kAll - t);
          for (int64_t j = 0; j < kSlice; ++j) r[j] = j < some ? taps[t + j] : V{};
          store_transposed<float>(r, to + t, row, min_of(kSlice, a_.out_channels - o), some);
        }
      }
    });
  }

  const ConvArgs& a_;
  Tiling tiling_;
  int64_t pitch_in_, pitch_out_, panels_, sum_point_;
  Scratch<float> sums_;
};

int64_t block_tiles(const ConvArgs& a) {
  return max_of(kBlockElements / (kPoints * (a.channels + a.out_channels)), kFewTiles);
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
                     a.batch,
                     a.channels,
                     a.out_channels,
                     {a.in[1], a.in[2]},
                     {a.out[1], a.out[2]},
                     {a.padding[1], a.padding[2]},
                     {static_cast<const float*>(a.w), a.channels * kTaps * kTaps, kTaps * kTaps, false},
                     {static_cast<const float*>(a.bias), a.activation == Activation::Relu}};
  Convolver(p, Tiling(a, a.out, block_tiles(a))).run();
}

void winograd_backward_input(const ConvArgs& a) {
  using namespace winograd;
  const int64_t reach[2] = {(kTaps - 1) * a.dilation[1], (kTaps - 1) * a.dilation[2]};
  const Problem p = {static_cast<const float*>(a.dy),
                     static_cast<float*>(a.dx),
                     a.batch,
                     a.out_channels,
                     a.channels,
                     {a.out[1], a.out[2]},
                     {a.in[1], a.in[2]},
                     {reach[0] - a.padding[1], reach[1] - a.padding[2]},
                     {static_cast<const float*>(a.w), kTaps * kTaps, a.channels * kTaps * kTaps, true},
                     {static_cast<const float*>(a.bias), false}};
  Convolver(p, Tiling(a, a.in, block_tiles(a))).run();
}

void winograd_backward_weight(const ConvArgs& a) { winograd::WeightGradient(a).run(); }

}  // namespace cnn::cpu::CNN_ISA
