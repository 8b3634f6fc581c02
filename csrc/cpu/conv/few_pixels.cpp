// Convolution of few outputs by many weights, as in the last layers of a network that sees one image: what each output
// reads is gathered, and multiplied by panels of the weights, which are read once.
#include "core/parallel.h"
#include "cpu/conv/conv.h"
#include "cpu/conv/turn_pixels.h"
#include "cpu/gemm/gemm.h"
#include "cpu/scratch.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

constexpr int64_t kFewPixels = 64;
constexpr int64_t kManyOutputs = 64, kManyProducts = 128;
constexpr int64_t kLargeMatrix = 1 << 20;  // of weights, whose panels are much memory for what they gain over a product

// What output `position` of an image reads through tap `tap`, as an element of a plane; -1 is padding.
int64_t source_of(const ConvArgs& a, int64_t position, int64_t tap) {
  int64_t element = 0, taps = elements(a.kernel), outputs = elements(a.out);
  for (int i = 0; i < 3; ++i) {
    taps /= a.kernel[i], outputs /= a.out[i];
    const int64_t o = position / outputs % a.out[i], t = tap / taps % a.kernel[i];
    const int64_t at = o * a.stride[i] - a.padding[i] + t * a.dilation[i];
    if (at < 0 || at >= a.in[i]) return -1;
    element = element * a.in[i] + at;
  }
  return element;
}

// [channels * taps, images * outputs], or by w_channels_last [taps * channels, ...]: `sources` is [taps, outputs].
void gather(const ConvArgs& a, const int64_t* sources, float* to) {
  const int64_t taps = elements(a.kernel), outputs = elements(a.out), plane = elements(a.in);
  const float* x = static_cast<const float*>(a.x);
  const int64_t pixel = a.channels_last ? a.channels : 1, channel = a.channels_last ? 1 : plane;
  parallel_for(a.channels, 1 + kPackWork / (taps * a.batch * outputs), [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c)
      for (int64_t tap = 0; tap < taps; ++tap) {
        float* row = to + (a.w_channels_last ? tap * a.channels + c : c * taps + tap) * a.batch * outputs;
        for (int64_t image = 0; image < a.batch; ++image) {
          const float* from = x + image * a.channels * plane + c * channel;
          for (int64_t o = 0; o < outputs; ++o) {
            const int64_t at = sources[tap * outputs + o];
            *row++ = at < 0 ? 0.0f : from[at * pixel];
          }
        }
      }
  });
}

// The same of pixels as rows, one for each output: their channels are copied whole.
void gather_pixels(const ConvArgs& a, const int64_t* sources, float* to) {
  const int64_t taps = elements(a.kernel), outputs = elements(a.out), plane = elements(a.in);
  parallel_for(a.batch * outputs, 1 + kPackWork / (taps * a.channels), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t tap = 0; tap < taps; ++tap) {
        float* const row = to + (i * taps + tap) * a.channels;
        const int64_t at = sources[tap * outputs + i % outputs];
        const size_t bytes = size_t(a.channels) * sizeof(float);
        if (at < 0) __builtin_memset(row, 0, bytes);
        else __builtin_memcpy(row, static_cast<const float*>(a.x) + (i / outputs * plane + at) * a.channels, bytes);
      }
  });
}

}  // namespace

bool prefers_few_pixels(const ConvArgs& a) {
  return a.dtype == DType::Float32 && a.groups == 1 && a.batch > 0 && elements(a.in) > 0 && elements(a.out) > 0 &&
         a.batch * elements(a.out) <= kFewPixels && a.out_channels >= kManyOutputs &&
         a.channels * elements(a.kernel) >= kManyProducts &&
         !(is_pointwise(a) && a.out_channels >= a.channels && a.out_channels * a.channels >= kLargeMatrix);
}

void few_pixels_forward(const ConvArgs& a) {
  const int64_t taps = elements(a.kernel), outputs = elements(a.out), rows = a.batch * outputs,
                depth = a.channels * taps;
  const bool in_place = is_pointwise(a) && (a.channels_last || a.batch == 1);
  const bool by_pixels = a.channels_last && (a.w_channels_last || taps == 1);
  Scratch<float> gathered(in_place ? 0 : rows * depth);
  if (!in_place) {
    Scratch<int64_t> sources(taps * outputs);
    for (int64_t i = 0; i < taps * outputs; ++i) sources[i] = source_of(a, i % outputs, i / outputs);
    (by_pixels ? gather_pixels : gather)(a, sources, gathered);
  }
  // y [rows, outputs' channels]; planes are turned into at the end.
  Scratch<float> pixels(a.channels_last ? 0 : rows * a.out_channels);
  Gemm<float> g;
  g.m = rows, g.n = a.out_channels, g.k = depth;
  g.a = in_place ? static_cast<const float*>(a.x) : gathered;
  g.a_row = by_pixels ? depth : 1, g.a_col = by_pixels ? 1 : rows;
  g.b = static_cast<const float*>(a.w), g.b_row = 1, g.b_col = depth;
  g.c = a.channels_last ? static_cast<float*>(a.y) : pixels, g.c_row = a.out_channels;
  const Finish<float> finish = finish_forward<float>(a);
  g.col_scale = finish.scale, g.col_bias = finish.bias, g.bounds = finish.bounds;
  g.keeper = a.keeper;
  gemm_by_panels(g);
  if (!a.channels_last) turn_matrices<float>(a.batch, outputs, a.out_channels, pixels, static_cast<float*>(a.y));
}

}  // namespace cnn::cpu::CNN_ISA
