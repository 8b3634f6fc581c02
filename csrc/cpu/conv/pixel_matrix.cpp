// Convolution by one tap where the channels of a pixel lie side by side: a product of [pixels, channels] and the
// weights.
#include "cpu/conv/conv.h"
#include "cpu/gemm/gemm.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

// The parts of one group.
template <class T> struct Group {
  Group(const ConvArgs& a, int64_t group)
      : pixels(a.batch * elements(a.in)),
        in(a.channels / a.groups),
        out(a.out_channels / a.groups),
        x(group * in),
        y(group * out),
        w(group * out * in) {}
  int64_t pixels, in, out;
  int64_t x, y, w;  // offsets
};

template <class T, class F> void each_group(const ConvArgs& a, const F& f) {
  for (int64_t i = 0; i < a.groups; ++i) f(Group<T>(a, i));
}

}  // namespace

bool is_pixel_matrix(const ConvArgs& a) {
  return a.channels_last && is_pointwise(a) && a.batch > 0 && a.channels > 0 && a.out_channels > 0 &&
         elements(a.in) > 0;
}

template <class T> void pixel_matrix_forward(const ConvArgs& a) {
  each_group<T>(a, [&](const Group<T>& s) {
    Gemm<T> g;  // y = x @ w^T
    g.m = s.pixels, g.n = s.out, g.k = s.in;
    g.a = static_cast<const T*>(a.x) + s.x, g.a_row = a.channels, g.a_col = 1;
    g.b = static_cast<const T*>(a.w) + s.w, g.b_row = 1, g.b_col = s.in;
    g.c = static_cast<T*>(a.y) + s.y, g.c_row = a.out_channels;
    const Finish<T> finish = finish_forward<T>(a).from(s.y);
    g.col_scale = finish.scale, g.col_bias = finish.bias, g.bounds = finish.bounds;
    gemm(g);
  });
}

template <class T> void pixel_matrix_backward_input(const ConvArgs& a) {
  each_group<T>(a, [&](const Group<T>& s) {
    Gemm<T> g;  // dx = dy @ w
    g.m = s.pixels, g.n = s.in, g.k = s.out;
    g.a = static_cast<const T*>(a.dy) + s.y, g.a_row = a.out_channels, g.a_col = 1;
    g.b = static_cast<const T*>(a.w) + s.w, g.b_row = s.in, g.b_col = 1;
    g.c = static_cast<T*>(a.dx) + s.x, g.c_row = a.channels;
    if (a.bias) g.col_bias = static_cast<const T*>(a.bias) + s.x;
    gemm(g);
  });
}

template <class T> void pixel_matrix_backward_weight(const ConvArgs& a) {
  each_group<T>(a, [&](const Group<T>& s) {
    Gemm<T> g;  // dw = dy^T @ x
    g.m = s.out, g.n = s.in, g.k = s.pixels;
    g.a = static_cast<const T*>(a.dy) + s.y, g.a_row = 1, g.a_col = a.out_channels;
    g.b = static_cast<const T*>(a.x) + s.x, g.b_row = a.channels, g.b_col = 1;
    g.c = static_cast<T*>(a.dw) + s.w, g.c_row = s.in;
    gemm(g);
  });
}

template void pixel_matrix_forward<float>(const ConvArgs&);
template void pixel_matrix_forward<double>(const ConvArgs&);
template void pixel_matrix_backward_input<float>(const ConvArgs&);
template void pixel_matrix_backward_input<double>(const ConvArgs&);
template void pixel_matrix_backward_weight<float>(const ConvArgs&);
template void pixel_matrix_backward_weight<double>(const ConvArgs&);

}  // namespace cnn::cpu::CNN_ISA
