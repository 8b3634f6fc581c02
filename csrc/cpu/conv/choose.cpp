// Which way a convolution takes: the first of nine that suits its shape. docs/design.md has the same table.
#include "cpu/conv/conv.h"
#include "cpu/conv/turn_pixels.h"
#include "cpu/heavy_kernels.h"
#include "cpu/scratch.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

using Run = void (*)(const ConvArgs&);

struct Way {
  bool (*suits)(const ConvArgs& args, ConvPass pass);
  Run run[3];  // by ConvPass
  bool pixels;  // takes `channels_last`; for the others tensors are turned first
  bool weights = false;  // takes `w_channels_last`, forward
};

// Of a way that has floats and doubles.
template <Run kFloat, Run kDouble> void typed(const ConvArgs& args) {
  return args.dtype == DType::Float32 ? kFloat(args) : kDouble(args);
}

constexpr Way kWays[] = {
    {[](const ConvArgs& args, ConvPass pass) { return pass == ConvPass::Forward && prefers_few_pixels(args); },
     {few_pixels_forward},
     true,
     true},
    {[](const ConvArgs& args, ConvPass) { return prefers_winograd(args); },
     {winograd_forward, winograd_backward_input, winograd_backward_weight},
     true,
     true},
    {[](const ConvArgs& args, ConvPass) { return prefers_depthwise_pixels(args); },
     {depthwise_pixels_forward, depthwise_pixels_backward_input, depthwise_pixels_backward_weight},
     true},
    {[](const ConvArgs& args, ConvPass) { return prefers_depthwise(args); },
     {depthwise_forward, depthwise_backward_input, depthwise_backward_weight},
     true},
    {prefers_pixels, {pixels_forward, pixels_backward_input, pixels_backward_weight}, true, true},
    {[](const ConvArgs& args, ConvPass) { return is_pixel_matrix(args); },
     {typed<pixel_matrix_forward<float>, pixel_matrix_forward<double>>,
      typed<pixel_matrix_backward_input<float>, pixel_matrix_backward_input<double>>,
      typed<pixel_matrix_backward_weight<float>, pixel_matrix_backward_weight<double>>},
     true},
    // Matrix and columns: the product is the same, of planes as they lie or of what each output reads.
    {[](const ConvArgs& args, ConvPass) { return prefers_columns(args); },
     {typed<columns_forward<float>, columns_forward<double>>,
      typed<columns_backward_input<float>, columns_backward_input<double>>,
      typed<columns_backward_weight<float>, columns_backward_weight<double>>},
     false},
    {[](const ConvArgs&, ConvPass) { return true; },
     {typed<planes_forward<float>, planes_forward<double>>,
      typed<planes_backward_input<float>, planes_backward_input<double>>,
      typed<planes_backward_weight<float>, planes_backward_weight<double>>},
     false},
};

// A way that knows planes only, of tensors whose channels lie side by side.
template <class T> void run_turned(const Way& way, const ConvArgs& args, ConvPass pass) {
  const int64_t x_plane = elements(args.in), y_plane = elements(args.out);
  const int64_t x_size = args.batch * args.channels * x_plane, y_size = args.batch * args.out_channels * y_plane;
  Scratch<T> x(x_size), y(y_size);
  ConvArgs planes = args;
  planes.channels_last = false;
  planes.x = planes.dx = x, planes.y = y, planes.dy = y;
  const bool reads_x = pass != ConvPass::BackwardInput, reads_y = pass != ConvPass::Forward;
  if (reads_x) turn_matrices<T>(args.batch, x_plane, args.channels, static_cast<const T*>(args.x), x);
  if (reads_y) turn_matrices<T>(args.batch, y_plane, args.out_channels, static_cast<const T*>(args.dy), y);
  way.run[int(pass)](planes);
  if (!reads_x) turn_matrices<T>(args.batch, args.channels, x_plane, x, static_cast<T*>(args.dx));
  if (!reads_y) turn_matrices<T>(args.batch, args.out_channels, y_plane, y, static_cast<T*>(args.y));
}

template <class T> void run(const Way& way, const ConvArgs& args, ConvPass pass) {
  if (args.w_channels_last && !(way.weights && pass == ConvPass::Forward)) {
    const int64_t taps = elements(args.kernel), in = args.channels / args.groups;
    Scratch<T> w(args.out_channels * in * taps);
    turn_matrices<T>(args.out_channels, taps, in, static_cast<const T*>(args.w), w);
    ConvArgs turned = args;
    turned.w = w, turned.w_channels_last = false, turned.keeper = nullptr;
    return run<T>(way, turned, pass);
  }
  if (way.pixels || !args.channels_last) return way.run[int(pass)](args);
  run_turned<T>(way, args, pass);
}

void convolve(const ConvArgs& args, ConvPass pass) {
  for (const Way& way : kWays) {
    if (!way.suits(args, pass)) continue;
    return args.dtype == DType::Float32 ? run<float>(way, args, pass) : run<double>(way, args, pass);
  }
}

}  // namespace

void conv_forward(const ConvArgs& args) { convolve(args, ConvPass::Forward); }
void conv_backward_input(const ConvArgs& args) { convolve(args, ConvPass::BackwardInput); }

void conv_backward_weight(const ConvArgs& args) {
  const int64_t count = args.out_channels * (args.channels / args.groups) * elements(args.kernel);
  if (count == 0) return;
  if (args.batch == 0 || elements(args.out) == 0) {  // a sum of nothing
    __builtin_memset(args.dw, 0, size_t(count) * size_t(item_size(args.dtype)));
    return;
  }
  convolve(args, ConvPass::BackwardWeight);
}

}  // namespace cnn::cpu::CNN_ISA
