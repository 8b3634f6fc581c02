// Which way a convolution takes: the first of six that suits its shape. docs/design.md has the same table.
#include "cpu/conv/conv.h"
#include "cpu/heavy_kernels.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

using Run = void (*)(const ConvArgs&);

struct Way {
  bool (*suits)(const ConvArgs& args, ConvPass pass);
  Run run[3];  // by ConvPass
};

// Of a way that has floats and doubles.
template <Run kFloat, Run kDouble> void typed(const ConvArgs& args) {
  return args.dtype == DType::Float32 ? kFloat(args) : kDouble(args);
}

constexpr Way kWays[] = {
    {[](const ConvArgs& args, ConvPass) { return prefers_winograd(args); },
     {winograd_forward, winograd_backward_input, winograd_backward_weight}},
    {[](const ConvArgs& args, ConvPass) { return prefers_depthwise(args); },
     {depthwise_forward, depthwise_backward_input, depthwise_backward_weight}},
    {prefers_pixels, {pixels_forward, pixels_backward_input, pixels_backward_weight}},
    // Matrix and columns: the product is the same, of planes as they lie or of what each output reads.
    {[](const ConvArgs& args, ConvPass) { return prefers_columns(args); },
     {typed<columns_forward<float>, columns_forward<double>>,
      typed<columns_backward_input<float>, columns_backward_input<double>>,
      typed<columns_backward_weight<float>, columns_backward_weight<double>>}},
    {[](const ConvArgs&, ConvPass) { return true; },
     {typed<planes_forward<float>, planes_forward<double>>,
      typed<planes_backward_input<float>, planes_backward_input<double>>,
      typed<planes_backward_weight<float>, planes_backward_weight<double>>}},
};

void convolve(const ConvArgs& args, ConvPass pass) {
  for (const Way& way : kWays)
    if (way.suits(args, pass)) return way.run[int(pass)](args);
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
