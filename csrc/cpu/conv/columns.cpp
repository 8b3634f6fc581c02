// Convolution as columns and a matrix product, for the shapes that flat planes serve badly: kernels of one tap, tiny
// images, wide strides. A column matrix holds [channels * taps, images * positions] of one group and some images.
#include "core/parallel.h"
#include "cpu/conv/conv.h"
#include "cpu/gemm/gemm.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

constexpr int64_t kColumnElements = 512 << 10;  // of one column matrix
constexpr int64_t kFarSmaller = 64;             // times that y has fewer elements than x
constexpr int64_t kManyPhases = 9;              // product of strides beyond which planes fall apart,
constexpr int64_t kFewTaps = 4;                 // if fewer taps than this fall on a phase
constexpr int64_t kManyChannels = 24;           // of both sides, that repay building columns
constexpr int64_t kTinyImage = 12;              // outputs of an image too small for planes
constexpr int64_t kTinyMatrix = 48;             // outputs of an image too small for a matrix product of its own
constexpr int64_t kFewChannels = 4;             // of a kernel of one tap, better left to planes

// The column matrix of one group, some images at a time.
template <class T> class Columns {
 public:
  explicit Columns(const ConvArgs& a)
      : a_(a),
        in_(a.channels / a.groups),
        taps_(elements(a.kernel)),
        positions_(elements(a.out)),
        images_(min_of(max_of(kColumnElements / max_of(in_ * taps_ * positions_, 1), 1), a.batch)) {}

  int64_t images() const { return images_; }

  // columns[(c, tap), (image, position)] = x, or 0 outside.
  void gather(int64_t image, int64_t images, int64_t group, T* columns) const {
    parallel_for(in_ * taps_, 1 + (1 << 14) / (1 + images * positions_), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        for (int64_t i = 0; i < images; ++i) {
          const T* x = static_cast<const T*>(a_.x) + plane_of(image + i, group, row);
          each_row(row, [&](int64_t at, int64_t first, int64_t last, int64_t from) {
            T* to = columns + (row * images + i) * positions_ + at;
            const int64_t step = a_.stride[2];
            for (int64_t o = 0; o < first; ++o) to[o] = T(0);
            for (int64_t o = first; o < last; ++o) to[o] = x[from + o * step];
            for (int64_t o = last; o < a_.out[2]; ++o) to[o] = T(0);
          });
        }
    });
  }

  // The reverse: dx += columns, tap after tap. dx holds zeros or the bias.
  void scatter(int64_t image, int64_t images, int64_t group, const T* columns) const {
    parallel_for(in_ * images, 1 + (1 << 14) / (1 + taps_ * positions_), [&](int64_t begin, int64_t end) {
      for (int64_t item = begin; item < end; ++item)
        for (int64_t tap = 0; tap < taps_; ++tap) {
          const int64_t row = item / images * taps_ + tap, i = item % images;
          T* dx = static_cast<T*>(a_.dx) + plane_of(image + i, group, row);
          each_row(row, [&](int64_t at, int64_t first, int64_t last, int64_t from) {
            const T* source = columns + (row * images + i) * positions_ + at;
            const int64_t step = a_.stride[2];
            for (int64_t o = first; o < last; ++o) dx[from + o * step] += source[o];
          });
        }
    });
  }

 private:
  int64_t plane_of(int64_t image, int64_t group, int64_t row) const {
    return (image * a_.channels + group * in_ + row / taps_) * elements(a_.in);
  }

  // f(start of the row of outputs, first output inside x, one past the last, where output 0 would read) for each row of
  // outputs of one tap; rows outside have no outputs inside.
  template <class F> void each_row(int64_t row, const F& f) const {
    int64_t rest = row % taps_, start[3];  // where output 0 reads along each axis
    for (int i = 2; i >= 0; --i) {
      start[i] = rest % a_.kernel[i] * a_.dilation[i] - a_.padding[i];
      rest /= a_.kernel[i];
    }
    const int64_t width = a_.out[2];
    const int64_t first = start[2] < 0 ? min_of(ceil_div(-start[2], a_.stride[2]), width) : 0;
    const int64_t inside = a_.in[2] - start[2];
    const int64_t last = max_of(first, inside <= 0 ? 0 : min_of(ceil_div(inside, a_.stride[2]), width));
    for (int64_t d = 0; d < a_.out[0]; ++d)
      for (int64_t h = 0; h < a_.out[1]; ++h) {
        const int64_t z = start[0] + d * a_.stride[0], y = start[1] + h * a_.stride[1];
        const bool outside = z < 0 || z >= a_.in[0] || y < 0 || y >= a_.in[1];
        f((d * a_.out[1] + h) * width, outside ? width : first, outside ? width : last,
          (z * a_.in[1] + y) * a_.in[2] + start[2]);
      }
  }

  const ConvArgs& a_;
  int64_t in_, taps_, positions_, images_;
};

// to[i, j, :] = from[i, j, :], rows of n elements: images and channels change places through their strides.
template <class T>
void swap_outer(int64_t rows, int64_t cols, int64_t n, const T* from, int64_t row_stride, int64_t col_stride, T* to,
                int64_t to_row, int64_t to_col) {
  parallel_for(rows, 1 + (1 << 14) / (1 + cols * n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t j = 0; j < cols; ++j)
        for (int64_t p = 0; p < n; ++p) to[i * to_row + j * to_col + p] = from[i * row_stride + j * col_stride + p];
  });
}

template <class T> void fill_dx(const ConvArgs& a) {
  const int64_t plane = elements(a.in);
  parallel_for(a.batch * a.channels, 1 + (1 << 14) / (1 + plane), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T value = a.bias ? static_cast<const T*>(a.bias)[i % a.channels] : T(0);
      T* to = static_cast<T*>(a.dx) + i * plane;
      for (int64_t p = 0; p < plane; ++p) to[p] = value;
    }
  });
}

// f(image) for all: on the pool when the products are small, else each product on the pool.
template <class F> void each_image(const ConvArgs& a, const F& f) {
  const double work = double(a.channels / a.groups) * double(a.out_channels) * double(elements(a.out));
  if (work >= 16.0 * kSerialWork) {
    for (int64_t i = 0; i < a.batch; ++i) f(i);
    return;
  }
  parallel_for(a.batch, 1 + int64_t(kSerialWork / (work + 1)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

// Sizes of one group, and where its parts lie.
template <class T> struct Group {
  Group(const ConvArgs& a, int64_t g)
      : in(a.channels / a.groups),
        out(a.out_channels / a.groups),
        depth(in * elements(a.kernel)),
        positions(elements(a.out)),
        x_plane(elements(a.in)),
        w(g * out * depth),
        x(g * in * x_plane),
        y(g * out * positions),
        x_image(a.channels * x_plane),
        y_image(a.out_channels * positions) {}
  int64_t in, out, depth, positions, x_plane;
  int64_t w, x, y;           // offsets of the group
  int64_t x_image, y_image;  // from image to image
};

}  // namespace

bool is_matrix(const ConvArgs& a) { return is_pointwise(a) && elements(a.out) >= kTinyMatrix; }

bool prefers_columns(const ConvArgs& a) {
  const int64_t in = a.channels / a.groups, out = a.out_channels / a.groups;
  if (a.batch == 0 || in == 0 || out == 0 || elements(a.out) == 0 || elements(a.in) == 0) return false;
  if (is_pointwise(a)) return in >= kFewChannels && out >= kFewChannels;
  const int64_t phases = elements(a.stride);
  // A kernel as large as x, nearly: backward, flat planes would be made of padding.
  if (elements(a.in) > kFarSmaller * phases * elements(a.out)) return true;
  if (phases > kManyPhases && elements(a.kernel) < kFewTaps * phases) return true;
  return in >= kManyChannels && out >= kManyChannels && a.out[1] * a.out[2] <= kTinyImage;
}

template <class T> void columns_forward(const ConvArgs& a) {
  const T* const w = static_cast<const T*>(a.w);
  T* const y = static_cast<T*>(a.y);
  for (int64_t group = 0; group < a.groups; ++group) {
    const Group<T> s(a, group);
    Gemm<T> g;  // y = w @ columns
    g.m = s.out, g.n = s.positions, g.k = s.depth;
    g.a = w + s.w, g.a_row = s.depth, g.a_col = 1;
    g.b_col = 1;
    const Finish<T> finish = finish_forward<T>(a).from(group * s.out);
    g.row_scale = finish.scale, g.row_bias = finish.bias, g.bounds = finish.bounds;
    if (is_matrix(a)) {
      each_image(a, [&](int64_t i) {
        Gemm<T> one = g;
        one.b = static_cast<const T*>(a.x) + i * s.x_image + s.x, one.b_row = s.positions;
        one.c = y + i * s.y_image + s.y, one.c_row = s.positions;
        gemm(one);
      });
      continue;
    }
    const Columns<T> columns(a);
    Scratch<T> gathered(s.depth * columns.images() * s.positions), product(s.out * columns.images() * s.positions);
    for (int64_t i = 0; i < a.batch; i += columns.images()) {
      const int64_t images = min_of(columns.images(), a.batch - i), n = images * s.positions;
      columns.gather(i, images, group, gathered);
      g.n = n;
      g.b = gathered, g.b_row = n;
      g.c = product, g.c_row = n;
      gemm(g);
      swap_outer<T>(images, s.out, s.positions, product, s.positions, n, y + i * s.y_image + s.y, s.y_image,
                    s.positions);
    }
  }
}

template <class T> void columns_backward_input(const ConvArgs& a) {
  const T* const w = static_cast<const T*>(a.w);
  const T* const dy = static_cast<const T*>(a.dy);
  if (!is_matrix(a)) fill_dx<T>(a);
  for (int64_t group = 0; group < a.groups; ++group) {
    const Group<T> s(a, group);
    Gemm<T> g;  // columns = w^T @ dy
    g.m = s.depth, g.n = s.positions, g.k = s.out;
    g.a = w + s.w, g.a_row = 1, g.a_col = s.depth;
    g.b_col = 1;
    if (is_matrix(a)) {
      if (a.bias) g.row_bias = static_cast<const T*>(a.bias) + group * s.in;
      each_image(a, [&](int64_t i) {
        Gemm<T> one = g;
        one.b = dy + i * s.y_image + s.y, one.b_row = s.positions;
        one.c = static_cast<T*>(a.dx) + i * s.x_image + s.x, one.c_row = s.positions;
        gemm(one);
      });
      continue;
    }
    const Columns<T> columns(a);
    Scratch<T> spread(s.depth * columns.images() * s.positions), rows(s.out * columns.images() * s.positions);
    for (int64_t i = 0; i < a.batch; i += columns.images()) {
      const int64_t images = min_of(columns.images(), a.batch - i), n = images * s.positions;
      swap_outer<T>(s.out, images, s.positions, dy + i * s.y_image + s.y, s.positions, s.y_image, rows, n, s.positions);
      g.n = n;
      g.b = rows, g.b_row = n;
      g.c = spread, g.c_row = n;
      gemm(g);
      columns.scatter(i, images, group, spread);
    }
  }
}

template <class T> void columns_backward_weight(const ConvArgs& a) {
  const T* const dy = static_cast<const T*>(a.dy);
  for (int64_t group = 0; group < a.groups; ++group) {
    const Group<T> s(a, group);
    const Columns<T> columns(a);
    const bool direct = is_matrix(a);
    const int64_t step = direct ? 1 : columns.images();
    Scratch<T> gathered(direct ? 0 : s.depth * step * s.positions), rows(direct ? 0 : s.out * step * s.positions);
    Gemm<T> g;  // dw += dy @ columns^T
    g.m = s.out, g.n = s.depth;
    g.a_col = g.b_row = 1;
    g.c = static_cast<T*>(a.dw) + s.w, g.c_row = s.depth, g.c_col = 1;
    for (int64_t i = 0; i < a.batch; i += step) {
      const int64_t images = min_of(step, a.batch - i);
      g.k = g.a_row = g.b_col = images * s.positions;
      g.a = dy + i * s.y_image + s.y;
      g.b = static_cast<const T*>(a.x) + i * s.x_image + s.x;
      if (!direct) {
        columns.gather(i, images, group, gathered);
        swap_outer<T>(s.out, images, s.positions, g.a, s.positions, s.y_image, rows, g.k, s.positions);
        g.a = rows, g.b = gathered;
      }
      g.accumulate = i > 0;
      gemm(g);
    }
  }
}

template void columns_forward<float>(const ConvArgs&);
template void columns_forward<double>(const ConvArgs&);
template void columns_backward_input<float>(const ConvArgs&);
template void columns_backward_input<double>(const ConvArgs&);
template void columns_backward_weight<float>(const ConvArgs&);
template void columns_backward_weight<double>(const ConvArgs&);

}  // namespace cnn::cpu::CNN_ISA
