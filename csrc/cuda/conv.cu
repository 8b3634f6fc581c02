#include "cuda/conv.cuh"

#include "cuda/conv_kernels.h"
#include "cuda/memory.h"

namespace cnn::cuda {
namespace {

template <class T> T* moved(const void* p, int64_t elements) {
  return p ? static_cast<T*>(const_cast<void*>(p)) + elements : nullptr;
}

FastDiv by(int64_t n) { return FastDiv(uint32_t(n > 0 ? n : 1)); }

Pixels pixels_of_x(const ConvArgs& a) { return {by(a.channels), by(elements(a.in)), a.channels_last}; }
Pixels pixels_of_y(const ConvArgs& a) { return {by(a.out_channels), by(elements(a.out)), a.channels_last}; }

}  // namespace

void check_sizes(const ConvArgs& a) {
  bool small = a.channels * elements(a.in) <= kMaxOver && a.out_channels * elements(a.out) <= kMaxOver &&
               a.out_channels * (a.channels / a.groups) * elements(a.kernel) <= kMaxOver;
  for (int i = 0; i < 3; ++i)
    small &= a.padding[i] <= kMaxOver / 4 && a.stride[i] <= kMaxOver && a.kernel[i] - 1 <= kMaxOver / 4 / a.dilation[i];
  check_implemented(small, "",
                    "convolution of images, weights or paddings of 2^28 elements and more on CUDA; call .cpu() first");
}

void gather_columns(const ConvArgs& a, const Piece& piece, const ColumnsLayout& layout, void* columns) {
  const int64_t x_image = a.channels * elements(a.in), n = piece.rows() * a.channels;
  with_float(a.dtype, [&]<class E>() {
    const E* const x = moved<const E>(a.x, piece.image * x_image);
    E* const to = static_cast<E*>(columns);
    if (a.channels_last)
      over(GatherPixels<E>{Grid(a), by(piece.positions), by(a.channels), by(a.channels / a.groups),
                           uint32_t(piece.position), uint32_t(piece.rows()), x, to},
           n);
    else
      over(GatherPlanes<E>{Grid(a), by(piece.positions), by(a.channels), uint32_t(piece.position), layout.image_pitch,
                           uint32_t(layout.row_pitch), x, to},
           n);
  });
}

void sum_columns(const ConvArgs& a, const Piece& piece, const ColumnsLayout& layout, const void* columns, void* kept) {
  const int64_t plane = elements(a.in), n = piece.images * a.channels * plane;
  with_float(a.dtype, [&]<class E>() {
    using S = Sum<E>;
    const ColumnSum<E> s = {uint32_t(piece.position),
                            uint32_t(piece.positions),
                            static_cast<const S*>(a.bias),
                            static_cast<S*>(kept),
                            piece.position == 0,
                            piece.position + piece.positions == elements(a.out),
                            moved<E>(a.dx, piece.image * a.channels * plane)};
    const S* const from = static_cast<const S*>(columns);
    if (a.channels_last)
      over(SumPixels<E>{Grid(a), s, by(plane), by(a.channels), by(a.channels / a.groups), uint32_t(piece.rows()), from},
           n);
    else
      over(SumPlanes<E>{Grid(a), s, by(plane), by(a.channels), layout.image_pitch, uint32_t(layout.row_pitch), from},
           n);
  });
}

void finish_rows(DType t, const FinishRows& r) {
  with_float(t, [&]<class E>() {
    using S = Sum<E>;
    const auto run = [&]<class From>(const From* from) {
      over(Finish<From, E>{by(r.n),
                           by(r.channels),
                           r.by_column,
                           {static_cast<const S*>(r.scale), static_cast<const S*>(r.bias), S(r.low), S(r.high)},
                           from,
                           r.from_pitch,
                           static_cast<E*>(r.to),
                           r.to_pitch},
           r.rows * r.n);
    };
    if (r.from_type == t) run(static_cast<const E*>(r.from));
    else run(static_cast<const S*>(r.from));
  });
}

void turn(DType from_type, const void* from, DType to_type, void* to, int64_t outer, int64_t rows, int64_t columns) {
  const auto run = [&]<class From, class To>() {
    over(Turn<From, To>{by(rows), by(columns), static_cast<const From*>(from), static_cast<To*>(to)},
         outer * rows * columns);
  };
  with_float(is_reduced(from_type) ? from_type : to_type, [&]<class E>() {
    if (from_type == to_type) run.template operator()<E, E>();
    else if (is_reduced(from_type)) run.template operator()<E, Sum<E>>();
    else run.template operator()<Sum<E>, E>();
  });
}

void add_parts(DType t, int64_t parts, int64_t n, const void* from, bool accumulate, void* to) {
  if (t == DType::Float64)
    over(AddParts<double>{uint32_t(parts), n, static_cast<const double*>(from), accumulate, static_cast<double*>(to)},
         n);
  else
    over(AddParts<float>{uint32_t(parts), n, static_cast<const float*>(from), accumulate, static_cast<float*>(to)}, n);
}

// ---- Depthwise ----

bool is_depthwise(const ConvArgs& a) { return a.groups > 1 && a.channels == a.groups; }

namespace {

// f(args of some images, how many) for all, cut so that indices have 32 bits.
template <class F> void each_piece(const ConvArgs& a, const F& f) {
  const int64_t in = a.channels * elements(a.in), out = a.out_channels * elements(a.out), item = item_size(a.dtype);
  const int64_t most = kMaxOver / (in > out ? in : out > 0 ? out : 1);
  ConvArgs part = a;
  for (int64_t first = 0; first < a.batch; first += most) {
    part.batch = a.batch - first < most ? a.batch - first : most;
    part.x = moved<const char>(a.x, first * in * item), part.dx = moved<char>(a.dx, first * in * item);
    part.y = moved<char>(a.y, first * out * item), part.dy = moved<const char>(a.dy, first * out * item);
    f(part);
  }
}

}  // namespace

void depthwise_forward(const ConvArgs& args) {
  each_piece(args, [](const ConvArgs& a) {
    with_float(a.dtype, [&]<class E>() {
      using S = Sum<E>;
      over(DepthwiseForward<E>{Grid(a),
                               pixels_of_x(a),
                               pixels_of_y(a),
                               by(a.out_channels / a.channels),
                               {static_cast<const S*>(a.scale), static_cast<const S*>(a.bias), S(a.low), S(a.high)},
                               static_cast<const E*>(a.x),
                               static_cast<const E*>(a.w),
                               static_cast<E*>(a.y)},
           a.batch * a.out_channels * elements(a.out));
    });
  });
}

void depthwise_backward_input(const ConvArgs& args) {
  each_piece(args, [](const ConvArgs& a) {
    with_float(a.dtype, [&]<class E>() {
      over(DepthwiseInput<E>{Grid(a), pixels_of_x(a), pixels_of_y(a), uint32_t(a.out_channels / a.channels),
                             static_cast<const Sum<E>*>(a.bias), static_cast<const E*>(a.dy),
                             static_cast<const E*>(a.w), static_cast<E*>(a.dx)},
           a.batch * a.channels * elements(a.in));
    });
  });
}

void depthwise_backward_weight(const ConvArgs& args, void* dw) {
  constexpr int64_t kSteps = 256, kMostParts = 1024;  // of a lane in a part; parts
  const int64_t n = args.out_channels * elements(args.kernel);
  bool accumulate = false;
  each_piece(args, [&](const ConvArgs& a) {
    const int64_t rows = a.batch * elements(a.out), width = a.channels_last ? 32 : 1;
    int64_t part = kDepthwiseThreads / width * kSteps;
    while ((rows + part - 1) / part > kMostParts) part *= 2;
    const int64_t parts = (rows + part - 1) / part, blocks = (a.out_channels + width - 1) / width,
                  taps = elements(a.kernel);
    check_implemented(parts * blocks * taps <= kMaxOver, "", "the gradient of ", n,
                      " weights of a depthwise convolution on CUDA");
    with_float(a.dtype, [&]<class E>() {
      const Scratch sums(size_t(parts * n) * sizeof(Sum<E>));
      const DepthwiseWeight<E> f = {Grid(a),
                                    pixels_of_x(a),
                                    pixels_of_y(a),
                                    by(a.out_channels / a.channels),
                                    uint32_t(width),
                                    uint32_t(taps),
                                    uint32_t(blocks),
                                    uint32_t(rows),
                                    uint32_t(part),
                                    static_cast<const E*>(a.x),
                                    static_cast<const E*>(a.dy),
                                    static_cast<Sum<E>*>(sums.data())};
      const auto kernel = depthwise_weight<E>;
      CNN_LAUNCH(kernel, unsigned(parts * blocks * taps), kDepthwiseThreads, f);
      add_parts(sum_type(a.dtype), parts, n, sums.data(), accumulate, dw);
      accumulate = true;
    });
  });
}

}  // namespace cnn::cuda
