// The gradient of a convolution with respect to its weights: for each output channel and tap, the dot product of a flat
// plane of dy with a shifted flat plane of x. Boxes of images follow one another in order; the pool shares the dot products
// of one box, so the sums do not depend on the number of threads.
#include "core/parallel.h"
#include "cpu/conv.h"
#include "cpu/dot_tile.h"
#include "cpu/gemm.h"
#include "cpu/heavy_kernels.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

// Rows are planes of dy, aligned; columns shifted planes of x, whose loads cost more.
constexpr int kRows = kRegisters == 32 ? 6 : 3, kCols = kVecBytes == 16 ? 3 : 4;
constexpr int64_t kParallelGroups = 8;  // from here on the pool shares the groups instead

template <class T> struct WeightTile {
  const T* dy;      // first row, rows apart by `length`
  int64_t length;   // positions, whole vectors
  const T* x[kCols];
  T* dw;
  int64_t dw_row;
  bool first;       // overwrite instead of add
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
        plan_(axes, args.batch, in_ + out_, Plan::Sharing::WithinBoxes),
        layout_(axes, plan_, out_ * axes[0].taps * axes[1].taps, kLanes<T>),
        offsets_(2 * layout_.taps()) {
    const int64_t strides[3] = {args.kernel[1] * args.kernel[2], args.kernel[2], 1};
    layout_.fill_taps(strides, offsets_, offsets_ + layout_.taps());
    const int64_t longest = layout_.position(plan_.images() - 1, plan_.size(0) - 1, plan_.size(1) - 1) + plan_.size(2);
    room_ = ceil_div(longest, kLanes<T>) * kLanes<T>;
  }

  void run() const {
    const int64_t grain = args_.groups >= kParallelGroups ? 1 : args_.groups;
    parallel_for(args_.groups, grain, [&](int64_t begin, int64_t end) {
      Scratch<T> x(in_ * layout_.plane()), dy(out_ * room_);
      for (int64_t g = begin; g < end; ++g)
        for (int64_t i = 0; i < plan_.count(); ++i) run_box(plan_.box(i), g, i == 0, x, dy);
    });
  }

 private:
  void run_box(const Box& box, int64_t group, bool first, T* x, T* dy) const {
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

    const int64_t taps = layout_.taps(), columns = in_ * taps;
    const int64_t row_tiles = ceil_div(out_, kRows), col_tiles = ceil_div(columns, kCols);
    T* const dw = static_cast<T*>(args_.dw) + group * out_ * columns;
    parallel_for(row_tiles * col_tiles, 1 + kSerialWork / 2 / (length * kRows * kCols), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t o = part_begin(out_, row_tiles, i / col_tiles), q = part_begin(columns, col_tiles, i % col_tiles);
        const int64_t rows = part_begin(out_, row_tiles, i / col_tiles + 1) - o;
        const int64_t cols = part_begin(columns, col_tiles, i % col_tiles + 1) - q;
        WeightTile<T> t;
        t.dy = dy + o * length, t.length = length;
        for (int64_t c = 0; c < cols; ++c) t.x[c] = x + (q + c) / taps * plane + offsets_[(q + c) % taps];
        t.dw = dw + o * columns + q, t.dw_row = columns;
        t.first = first;
        weight_tile_of<T, kRows, kCols>(rows, cols)(t);
      }
    });
  }

  const ConvArgs& args_;
  int64_t in_, out_;  // channels of one group
  Plan plan_;
  Layout layout_;
  int64_t room_;      // positions of the largest box, whole vectors
  Scratch<int64_t> offsets_;
};

template <class T> void backward_weight(const ConvArgs& args) {
  const int64_t taps = elements(args.kernel);
  const int64_t count = args.out_channels * (args.channels / args.groups) * taps;
  if (count == 0) return;
  if (args.batch == 0 || elements(args.out) == 0) {
    __builtin_memset(args.dw, 0, size_t(count) * sizeof(T));
    return;
  }
  if (prefers_gemm<T>(args)) return gemm_backward_weight<T>(args);
  Axis axes[3];
  for (int i = 0; i < 3; ++i) axes[i] = forward_axis(args, i);
  WeightGradient<T>(args, axes).run();
}

}  // namespace

void conv_backward_weight(const ConvArgs& args) {
  if (args.dtype == DType::Float32) backward_weight<float>(args);
  else backward_weight<double>(args);
}

}  // namespace cnn::cpu::CNN_ISA
