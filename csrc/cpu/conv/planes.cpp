// Direct convolution on flat planes (geometry.h): forward, and the gradient with respect to the input.
#include "cpu/conv/conv.h"

#include "core/parallel.h"
#include "cpu/conv/planes_tile.h"
#include "cpu/gemm/gemm.h"
#include "cpu/heavy_kernels.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

// Rows of sums to outputs: `count` rows of n, from_row and to_row apart, columns of `to` `step` apart.
template <class T> struct Rows {
  int64_t count, n, from_row, to_row, step;
  T scale, bias;
  Bounds<T> bounds;
};

template <class T> void write_rows(const Rows<T>& r, const T* from, T* to) {
  const Vec<T> scale = vec_splat(r.scale), bias = vec_splat(r.bias);
  const Vec<T> low = vec_splat(r.bounds.low), high = vec_splat(r.bounds.high);
  // Sums are padded to whole vectors.
  const auto finished = [&](const T* p) { return bounded<T>(vec_fma(vec_load(p), scale, bias), low, high); };
  const int64_t whole = r.n / kLanes<T> * kLanes<T>;
  for (int64_t row = 0; row < r.count; ++row, from += r.from_row, to += r.to_row) {
    if (r.step != 1) {
      for (int64_t i = 0; i < r.n; ++i) to[i * r.step] = r.bounds(from[i] * r.scale + r.bias);
      continue;
    }
    for (int64_t i = 0; i < whole; i += kLanes<T>) vec_store(to + i, finished(from + i));
    if (whole == r.n) continue;
    // The last vector overlaps the one before: cheaper than part of a vector.
    if (whole) vec_store(to + r.n - kLanes<T>, finished(from + r.n - kLanes<T>));
    else vec_store_n(to, finished(from), r.n);
  }
}

// The weights of all groups, in the order in which the tiles read them:
// [group][block of outputs][channel][tap][output].
template <class T> void pack_weights(const Correlation<T>& c, int64_t blocks, const int64_t* taps, int64_t count,
                                     T* to) {
  const int64_t depth = c.in_channels * count;
  const Parts parts(c.out_channels, blocks);
  const int64_t grain = 1 + (1 << 15) / (1 + depth * ceil_div(c.out_channels, blocks));
  parallel_for(c.groups * blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t group = i / blocks, o = parts.begin(i % blocks), rows = parts.size(i % blocks);
      const T* from = c.w + group * c.w_group + o * c.w_out;
      T* p = to + (group * c.out_channels + o) * depth;
      for (int64_t ch = 0; ch < c.in_channels; ++ch)
        for (int64_t t = 0; t < count; ++t)
          for (int64_t r = 0; r < rows; ++r) *p++ = from[r * c.w_out + ch * c.w_in + taps[t]];
    }
  });
}

template <class T> class Correlator {
 public:
  explicit Correlator(const Correlation<T>& c)
      : c_(c),
        plan_(c.axes, c.batch, c.in_channels, Plan::Sharing::Boxes),
        layout_(c.axes, plan_, c.out_channels * c.axes[0].taps * c.axes[1].taps, kLanes<T>),
        blocks_(ceil_div(c.out_channels, kConvRows)),
        offsets_(2 * layout_.taps()),
        weights_(c.groups * c.out_channels * c.in_channels * layout_.taps()) {
    layout_.fill_taps(c.weight_strides, offsets_, offsets_ + layout_.taps());
    pack_weights<T>(c, blocks_, offsets_ + layout_.taps(), layout_.taps(), weights_);
  }

  void run() const {
    const int64_t items = plan_.count() * c_.groups;
    const double work = double(c_.batch) * double(c_.axes[0].out * c_.axes[1].out * c_.axes[2].out) *
                        double(c_.out_channels * c_.in_channels * layout_.taps()) * double(c_.groups);
    parallel_for(items, 1 + int64_t(double(kSerialWork) * double(items) / (work + 1)), [&](int64_t begin, int64_t end) {
      const int64_t longest =
          layout_.position(plan_.images() - 1, plan_.size(0) - 1, plan_.size(1) - 1) + plan_.size(2);
      const int64_t pitch = (ceil_div(longest, kLanes<T>) + 1) * kLanes<T>;  // rows are written from whole vectors
      Scratch<T> source(c_.in_channels * layout_.plane()), sums(kConvRows * pitch);
      for (int64_t i = begin; i < end; ++i) run_box(plan_.box(i / c_.groups), i % c_.groups, source, sums, pitch);
    });
  }

 private:
  void run_box(const Box& box, int64_t group, T* source, T* sums, int64_t pitch) const {
    const int64_t source_plane = c_.axes[0].source * c_.axes[1].source * c_.axes[2].source;
    const int64_t source_channels = c_.groups * c_.in_channels;
    const T* from = c_.source + (box.image * source_channels + group * c_.in_channels) * source_plane;
    for (int64_t ch = 0; ch < c_.in_channels; ++ch)
      layout_.pack(box, from + ch * source_plane, source_channels * source_plane, source + ch * layout_.plane());

    const int64_t positions = layout_.positions(box), taps = layout_.taps();
    ConvTile<T> t;
    t.plane = layout_.plane();
    t.offsets = offsets_, t.taps = taps;
    t.pitch = pitch;
    const Parts parts(c_.out_channels, blocks_);
    const Parts chains(c_.in_channels, min_of(c_.in_channels, ceil_div(c_.in_channels * taps, kConvChain)));
    for (int64_t block = 0; block < blocks_; ++block) {
      const int64_t o = parts.begin(block), rows = parts.size(block);
      const int64_t vecs = ceil_div(positions, kLanes<T>);
      const Parts tiles(vecs, ceil_div(vecs, conv_vecs(int(rows))));
      const ConvTileFn<T> low = conv_tile_of<T, kConvRows>(rows, tiles.low);
      const ConvTileFn<T> high = conv_tile_of<T, kConvRows>(rows, tiles.largest());
      const T* const w = weights_ + (group * c_.out_channels + o) * c_.in_channels * taps;
      for (int64_t i = 0; i < tiles.count; ++i) {
        const int64_t p = tiles.begin(i) * kLanes<T>;
        t.sums = sums + p;
        for (int64_t j = 0; j < chains.count; ++j) {
          t.source = source + p + chains.begin(j) * t.plane, t.w = w + chains.begin(j) * taps * rows;
          t.channels = chains.size(j), t.accumulate = j > 0;
          (i < tiles.longer ? high : low)(t);
        }
      }
      for (int64_t r = 0; r < rows; ++r) write_channel(box, group * c_.out_channels + o + r, sums + r * pitch);
    }
  }

  void write_channel(const Box& box, int64_t channel, const T* sums) const {
    const bool joined = layout_.gapless(box) && c_.strides[1] == box.size[2] * c_.strides[2];
    Rows<T> r;
    r.count = joined ? 1 : box.size[1], r.n = joined ? box.size[1] * box.size[2] : box.size[2];
    r.from_row = layout_.position(0, 0, 1), r.to_row = c_.strides[1], r.step = c_.strides[2];
    const Finish<T> finish = c_.finish.from(channel);
    r.scale = finish.scale ? *finish.scale : T(1), r.bias = finish.bias ? *finish.bias : T(0);
    r.bounds = finish.bounds;
    for (int64_t i = 0; i < box.images; ++i)
      for (int64_t d = 0; d < box.size[0]; ++d)
        write_rows(r, sums + layout_.position(i, d, 0),
                   c_.to + (box.image + i) * c_.image_stride + channel * c_.channel_stride +
                       (box.begin[0] + d) * c_.strides[0] + box.begin[1] * c_.strides[1]);
  }

  const Correlation<T>& c_;
  Plan plan_;
  Layout layout_;
  int64_t blocks_;
  Scratch<int64_t> offsets_;  // of the taps; then their indices in the weight
  Scratch<T> weights_;
};

// No tap reaches these outputs: they are the bias.
template <class T> void fill_bias(const Correlation<T>& c) {
  parallel_for(c.batch * c.groups * c.out_channels, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t channels = c.groups * c.out_channels, channel = i % channels;
      const T value = c.finish.bounds(c.finish.bias ? c.finish.bias[channel] : T(0));
      T* to = c.to + i / channels * c.image_stride + channel * c.channel_stride;
      for (int64_t d = 0; d < c.axes[0].out; ++d)
        for (int64_t h = 0; h < c.axes[1].out; ++h)
          for (int64_t w = 0; w < c.axes[2].out; ++w)
            to[d * c.strides[0] + h * c.strides[1] + w * c.strides[2]] = value;
    }
  });
}

template <class T> Correlation<T> correlation_of(const ConvArgs& a) {
  Correlation<T> c;
  c.batch = a.batch, c.groups = a.groups;
  const int64_t taps = elements(a.kernel), in = a.channels / a.groups, out = a.out_channels / a.groups;
  c.w = static_cast<const T*>(a.w);
  c.w_group = out * in * taps;
  c.in_channels = in, c.out_channels = out;
  c.w_out = in * taps, c.w_in = taps;
  c.weight_strides[2] = 1, c.weight_strides[1] = a.kernel[2], c.weight_strides[0] = a.kernel[1] * a.kernel[2];
  return c;
}

}  // namespace

template <class T> void correlate(const Correlation<T>& c) {
  if (c.batch == 0 || c.groups * c.out_channels == 0) return;
  for (const Axis& axis : c.axes)
    if (axis.out <= 0) return;
  if (c.in_channels == 0 || c.axes[0].taps * c.axes[1].taps * c.axes[2].taps == 0) return fill_bias(c);
  Correlator<T>(c).run();
}
template void correlate(const Correlation<float>&);
template void correlate(const Correlation<double>&);

template <class T> void planes_forward(const ConvArgs& a) {
  Correlation<T> c = correlation_of<T>(a);
  for (int i = 0; i < 3; ++i) c.axes[i] = forward_axis(a, i);
  c.source = static_cast<const T*>(a.x);
  c.finish = finish_forward<T>(a);
  c.to = static_cast<T*>(a.y);
  c.channel_stride = elements(a.out), c.image_stride = a.out_channels * c.channel_stride;
  c.strides[2] = 1, c.strides[1] = a.out[2], c.strides[0] = a.out[1] * a.out[2];
  correlate(c);
}
template void planes_forward<float>(const ConvArgs&);
template void planes_forward<double>(const ConvArgs&);

// x[stride * q + residue] of every residue is a correlation of dy with the taps that reach it.
template <class T> void planes_backward_input(const ConvArgs& a) {
  Correlation<T> c = correlation_of<T>(a);
  const int64_t forward_in = c.in_channels;
  c.in_channels = c.out_channels, c.out_channels = forward_in;
  const int64_t w_out = c.w_out;
  c.w_out = c.w_in, c.w_in = w_out;
  c.source = static_cast<const T*>(a.dy);
  c.finish = finish_backward<T>(a);
  c.channel_stride = elements(a.in), c.image_stride = a.channels * c.channel_stride;
  const int64_t strides[3] = {a.in[1] * a.in[2], a.in[2], 1};
  for (int64_t d = 0; d < a.stride[0]; ++d)
    for (int64_t h = 0; h < a.stride[1]; ++h)
      for (int64_t w = 0; w < a.stride[2]; ++w) {
        const int64_t residue[3] = {d, h, w};
        c.to = static_cast<T*>(a.dx);
        for (int i = 0; i < 3; ++i) {
          c.axes[i] = backward_axis(a, i, residue[i]);
          c.to += residue[i] * strides[i];
          c.strides[i] = a.stride[i] * strides[i];
        }
        correlate(c);
      }
}
template void planes_backward_input<float>(const ConvArgs&);
template void planes_backward_input<double>(const ConvArgs&);

}  // namespace cnn::cpu::CNN_ISA
