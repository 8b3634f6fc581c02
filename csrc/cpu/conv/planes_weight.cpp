// The gradient of a convolution with respect to its weights: for each output channel and tap, the dot product of a flat
// plane of dy with a shifted flat plane of x (see WeightShares for how the pool takes part).
#include "core/parallel.h"
#include "cpu/conv/conv.h"
#include "cpu/gemm/dot_tile.h"
#include "cpu/gemm/gemm.h"
#include "cpu/heavy_kernels.h"
#include "cpu/conv/weight_shares.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

// Rows are planes of dy, aligned; columns shifted planes of x, whose loads cost more.
constexpr int kRows = kRegisters == 32 ? 6 : 3, kCols = kVecBytes == 16 ? 3 : 4;
constexpr int64_t kParallelGroups = 8;  // from here on the pool shares the groups instead
constexpr int64_t kGradientTasks = 24;  // of a box, for the pool

template <class T> struct WeightTile {
  const T* dy;  // rows `length` apart
  int64_t length;  // positions, whole vectors
  const T* x[kCols];
  T* dw;
  int64_t dw_row;
  bool first;  // overwrite instead of add
};

template <class T, int kR, int kC> void run_weight_tile(const WeightTile<T>& t) {
  Vec<T> acc[kR][kC] = {};
  dot_accumulate<T, kR, kC>(acc, t.dy, t.length, t.x, t.length);
#pragma GCC unroll 8
  for (int r = 0; r < kR; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < kC; ++c) {
      T* dw = t.dw + r * t.dw_row + c;
      const T sum = vec_sum<T>(acc[r][c]);
      *dw = t.first ? sum : *dw + sum;
    }
}

template <class T> using WeightTileFn = void (*)(const WeightTile<T>&);
template <class T, int kR, int kC> WeightTileFn<T> weight_tile_of(int64_t rows, int64_t cols) {
  if constexpr (kR > 1)
    if (rows < kR) return weight_tile_of<T, kR - 1, kC>(rows, cols);
  if constexpr (kC > 1)
    if (cols < kC) return weight_tile_of<T, kR, kC - 1>(rows, cols);
  return run_weight_tile<T, kR, kC>;
}

template <class T> class WeightGradient {
 public:
  WeightGradient(const ConvArgs& args, const Axis (&axes)[3])
      : args_(args),
        in_(args.channels / args.groups),
        out_(args.out_channels / args.groups),
        shares_(args, out_ * in_ * elements(args.kernel)),
        plan_(axes, args.batch, in_ + out_, shares_.sharing()),
        layout_(axes, plan_, out_ * axes[0].taps * axes[1].taps, kLanes<T>),
        columns_(columns_count()) {
    const int64_t strides[3] = {args.kernel[1] * args.kernel[2], args.kernel[2], 1}, taps = layout_.taps();
    Scratch<int64_t> weights(taps);  // in the order of the taps
    layout_.fill_taps(strides, columns_, weights);
    for (int64_t q = taps; q < in_ * taps; ++q) columns_[q] = columns_[q - taps] + layout_.plane();
    const int64_t longest = layout_.position(plan_.images() - 1, plan_.size(0) - 1, plan_.size(1) - 1) + plan_.size(2);
    room_ = ceil_div(longest, kLanes<T>) * kLanes<T>;
  }

  void run() const {
    T* const dw = static_cast<T*>(args_.dw);
    const int64_t sums = out_ * columns_count();
    if (args_.groups == 1) {
      return shares_.run(plan_.count(), sums, dw,
                         [&](int64_t begin, int64_t end, T* to) { run_boxes(0, begin, end, to); });
    }
    const int64_t grain = args_.groups >= kParallelGroups ? 1 : args_.groups;
    parallel_for(args_.groups, grain, [&](int64_t begin, int64_t end) {
      for (int64_t g = begin; g < end; ++g) run_boxes(g, 0, plan_.count(), dw + g * sums);
    });
  }

 private:
  int64_t columns_count() const { return in_ * layout_.taps(); }

  void run_boxes(int64_t group, int64_t begin, int64_t end, T* dw) const {
    Scratch<T> x(in_ * layout_.plane()), dy(out_ * room_);
    for (int64_t i = begin; i < end; ++i) run_box(plan_.box(i), group, i == begin, x, dy, dw);
  }

  void run_box(const Box& box, int64_t group, bool first, T* x, T* dy, T* dw) const {
    const int64_t in_plane = elements(args_.in), out_plane = elements(args_.out), plane = layout_.plane();
    const T* x_from = static_cast<const T*>(args_.x) + (box.image * args_.channels + group * in_) * in_plane;
    const T* dy_from = static_cast<const T*>(args_.dy) + (box.image * args_.out_channels + group * out_) * out_plane;
    const int64_t length = ceil_div(layout_.positions(box), kLanes<T>) * kLanes<T>;
    parallel_for(in_ + out_, 1 + (1 << 14) / length, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        if (i < in_) layout_.pack(box, x_from + i * in_plane, args_.channels * in_plane, x + i * plane);
        else
          layout_.pack_outputs(box, dy_from + (i - in_) * out_plane, args_.out_channels * out_plane,
                               dy + (i - in_) * length, length);
      }
    });

    const int64_t columns = columns_count(), tiles = ceil_div(out_, kRows) * ceil_div(columns, kCols);
    const int64_t grain = max_of(1 + kSerialWork / (length * kRows * kCols), ceil_div(tiles, kGradientTasks));
    parallel_for(tiles, grain, [&](int64_t begin, int64_t end) { run_tiles(begin, end, x, dy, length, dw, first); });
  }

  // Tiles [begin, end) of all output channels by all columns, row after row.
  void run_tiles(int64_t begin, int64_t end, const T* x, const T* dy, int64_t length, T* dw, bool first) const {
    const int64_t columns = columns_count();
    const Parts rows(out_, ceil_div(out_, kRows)), cols(columns, ceil_div(columns, kCols));
    WeightTile<T> t;
    t.length = length, t.dw_row = columns, t.first = first;
    int64_t r = begin / cols.count, c = begin % cols.count;
    for (int64_t i = begin; i < end; ++i, ++c) {
      if (c == cols.count) c = 0, ++r;
      const int64_t o = rows.begin(r), q = cols.begin(c);
      t.dy = dy + o * length;
      t.dw = dw + o * columns + q;
      for (int64_t j = 0; j < cols.size(c); ++j) t.x[j] = x + columns_[q + j];
      weight_tile_of<T, kRows, kCols>(rows.size(r), cols.size(c))(t);
    }
  }

  const ConvArgs& args_;
  int64_t in_, out_;  // channels of one group
  WeightShares shares_;
  Plan plan_;
  Layout layout_;
  int64_t room_;  // positions of the largest box, whole vectors
  Scratch<int64_t> columns_;  // where each (channel, tap) begins in the planes of x
};

}  // namespace

template <class T> void planes_backward_weight(const ConvArgs& args) {
  Axis axes[3];
  for (int i = 0; i < 3; ++i) axes[i] = forward_axis(args, i);
  WeightGradient<T>(args, axes).run();
}
template void planes_backward_weight<float>(const ConvArgs&);
template void planes_backward_weight<double>(const ConvArgs&);

}  // namespace cnn::cpu::CNN_ISA
