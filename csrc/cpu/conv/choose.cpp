// Which way a convolution takes: the first of nine that suits its shape. docs/design.md has the same table.
#include "core/parallel.h"
#include "cpu/conv/bf16.h"
#include "cpu/conv/conv.h"
#include "cpu/conv/turn_pixels.h"
#include "cpu/heavy_kernels.h"
#include "cpu/scratch.h"
#include "cpu/vec/half.h"

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

void convolve(const ConvArgs& args, ConvPass pass);

// n elements in another type, rounded to By on the way.
template <class By, class From, class To> void convert(int64_t n, const From* from, To* to) {
  parallel_for(n, 1 << 14, [&](int64_t begin, int64_t end) {
    if constexpr (std::is_same_v<By, To>) cast_dense(end - begin, from + begin, to + begin);
    else
      for (int64_t i = begin; i < end; ++i) to[i] = To(By(from[i]));
  });
}

// Of bfloat16, through copies in float.
void widened(const ConvArgs& args, ConvPass pass) {
  const int64_t x_size = args.batch * args.channels * elements(args.in),
                y_size = args.batch * args.out_channels * elements(args.out),
                w_size = args.out_channels * (args.channels / args.groups) * elements(args.kernel);
  Scratch<float> x(x_size), y(y_size), w(w_size);
  const auto read = [](const void* from, int64_t n, float* to) {
    convert<float>(n, static_cast<const BFloat16*>(from), to);
  };
  if (pass != ConvPass::BackwardInput) read(args.x, x_size, x);
  if (pass != ConvPass::Forward) read(args.dy, y_size, y);
  if (args.rounds_w) convert<BFloat16>(w_size, static_cast<const float*>(args.w), static_cast<float*>(w));
  else if (pass != ConvPass::BackwardWeight) read(args.w, w_size, w);
  ConvArgs wide = args;
  wide.dtype = DType::Float32, wide.rounds_w = false, wide.keeper = nullptr;
  const bool turns_dw = pass == ConvPass::BackwardWeight && args.w_channels_last;
  if (turns_dw) wide.w_channels_last = false;
  wide.x = x, wide.dx = x, wide.w = w, wide.dw = w, wide.y = y, wide.dy = y;
  convolve(wide, pass);
  const auto write = [](int64_t n, const float* from, void* to) {
    convert<BFloat16>(n, from, static_cast<BFloat16*>(to));
  };
  if (pass == ConvPass::Forward) write(y_size, y, args.y);
  else if (pass == ConvPass::BackwardInput) write(x_size, x, args.dx);
  else if (!turns_dw) write(w_size, w, args.dw);
  else {
    Scratch<float> pixels(w_size);
    turn_matrices<float>(args.out_channels, args.channels / args.groups, elements(args.kernel), w, pixels);
    write(w_size, pixels, args.dw);
  }
}

void convolve_bf16(const ConvArgs& args, ConvPass pass) {
#if defined(__AVX512F__) && defined(__x86_64__)
  constexpr Run kRun[] = {bf16_forward, bf16_backward_input, bf16_backward_weight};
  if (prefers_bf16(args, pass)) return kRun[int(pass)](args);
#endif
  widened(args, pass);
}

void convolve(const ConvArgs& args, ConvPass pass) {
  if (args.dtype == DType::BFloat16) return convolve_bf16(args, pass);
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
