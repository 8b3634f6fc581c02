// Every op with tensors that hold nothing: it raises, whichever operand it is, or does without an optional one.
#include <tuple>

#include "cnn/cnn.h"
#include "expect.h"

using namespace cnn;

namespace {

// Makes the arguments of one call. Tensor operands are counted from 0; those in `missing` are undefined.
struct Arguments {
  uint64_t missing;
  int operands = 0;

  Tensor operand() {
    const bool undefined = missing >> operands++ & 1;
    return undefined ? Tensor() : ones({2, 3}, DType::Float32);
  }

  template <class T>
  T make() {
    if constexpr (std::is_same_v<T, Tensor>) return operand();
    else if constexpr (std::is_same_v<T, std::optional<Tensor>>) return operand();
    else if constexpr (std::is_same_v<T, Tensors>) return {operand()};
    else if constexpr (std::is_same_v<T, Indices>) return {operand()};
    else if constexpr (std::is_same_v<T, Scalar>) return Scalar(1);
    else if constexpr (std::is_same_v<T, Dims>) return {2, 3};
    else if constexpr (std::is_same_v<T, DType>) return DType::Float32;
    else if constexpr (std::is_same_v<T, Device>) return kCpu;
    else if constexpr (std::is_same_v<T, bool>) return true;
    else if constexpr (std::is_same_v<T, double>) return 0.5;
    else if constexpr (std::is_same_v<T, const char*>) return "test";
    else return T();
  }
};

template <class R, class... P>
void sweep(const char* name, R (*op)(P...)) {
  const auto call = [&](uint64_t missing, bool* raised) {
    Arguments arguments{missing};
    std::tuple<std::decay_t<P>...> made{arguments.make<std::decay_t<P>>()...};  // braces: from left to right
    try {
      std::apply(op, made);
    } catch (const Error&) {
      *raised = true;
    }
    return arguments.operands;
  };
  bool raised = false;
  const int operands = call(~uint64_t(0), &raised);
  if (!raised) {
    ++failures;
    std::printf("%s took undefined tensors\n", name);
  }
  for (int i = 0; i < operands; ++i) call(uint64_t(1) << i, &raised);
}

using Layer = std::tuple<Tensor, Tensor> (*)(const Tensor&, const Tensor&, const Tensors&, bool, int64_t, double, bool,
                                             bool, bool);
using Packed = std::tuple<Tensor, Tensor> (*)(const Tensor&, const Tensor&, const Tensor&, const Tensors&, bool,
                                              int64_t, double, bool, bool);

#define EACH_OP(X) \
  X(relu) X(threshold) X(leaky_relu) X(prelu) X(elu) X(selu) X(celu) X(gelu) X(silu) X(mish) X(softplus) \
  X(log_sigmoid) X(hardtanh) X(hardswish) X(hardsigmoid) X(hardshrink) X(softshrink) X(mse_loss) X(smooth_l1_loss) \
  X(huber_loss) X(binary_cross_entropy) X(binary_cross_entropy_with_logits) X(add) X(sub) X(mul) X(div) X(neg) \
  X(scaled_dot_product_attention) X(div_rounded) X(floor_divide) X(remainder) X(fmod) X(pow) X(float_power) X(rsub) \
  X(atan2) X(hypot) X(maximum) X(minimum) X(fmax) X(fmin) X(copysign) X(logaddexp) X(logaddexp2) X(xlogy) \
  X(heaviside) X(nextafter) X(ldexp) X(gcd) X(lcm) X(lerp) X(addcmul) X(addcdiv) X(clamp) X(clamp_tensor) X(where) \
  X(masked_fill) X(eq) X(ne) X(lt) X(le) X(gt) X(ge) X(logical_and) X(logical_or) X(logical_xor) X(bitwise_and) \
  X(bitwise_or) X(bitwise_xor) X(bitwise_left_shift) X(bitwise_right_shift) X(isclose) X(allclose) X(equal) \
  X(convolution) X(conv1d) X(conv2d) X(conv3d) X(conv_padded) X(conv_transpose) X(clone) X(contiguous) X(copy_) \
  X(pin_memory) X(is_pinned) \
  X(to) X(to_dtype) X(to_device) X(resize_) X(resize_output) X(zeros_like) X(ones_like) X(full_like) X(fill_) \
  X(zero_) X(index) X(index_put) X(index_select) X(index_add) X(index_copy) X(index_fill) X(index_reduce) X(put) \
  X(gather) X(scatter) \
  X(scatter_add) X(scatter_reduce) X(take) X(take_along_dim) X(nonzero) X(masked_select) X(masked_scatter) \
  X(embedding) X(searchsorted) X(bincount) X(one_hot) X(cat) X(stack) X(nll_loss_nd) X(cross_entropy_loss) X(mm) \
  X(bmm) X(mv) X(dot) X(outer) X(matmul) X(linear) X(addmm) X(addmv) X(addr) X(baddbmm) X(addbmm) X(layer_norm) \
  X(native_layer_norm) X(rms_norm) X(batch_norm) X(batch_norm_relu) X(instance_norm) X(group_norm) X(_sgd_step) \
  X(conv_norm_clamp) X(_adam_step) X(_adagrad_step) X(_rmsprop_step) X(_adadelta_step) X(_adamax_step) \
  X(_nadam_step) X(_radam_step) X(_rprop_step) X(_asgd_step) X(_scale_all_) X(_norm_of_all) \
  X(max_pool_with_indices) X(max_pool) X(avg_pool) \
  X(adaptive_avg_pool) X(adaptive_max_pool) X(uniform_) X(normal_) X(bernoulli_) X(bernoulli_tensor_) \
  X(exponential_) X(cauchy_) X(log_normal_) X(geometric_) X(random_) X(bernoulli) X(normal) X(multinomial) \
  X(poisson) X(binomial) X(_standard_gamma) X(_sample_dirichlet) X(_standard_gamma_grad) X(_dirichlet_grad) X(igamma) \
  X(igammac) \
  X(dropout) X(sum) X(sum_to_size) X(mean) X(nansum) X(nanmean) X(prod) X(any) X(all) X(count_nonzero) X(trace) \
  X(amax) X(amin) X(aminmax) X(argmax) X(argmin) X(var) X(std) X(var_mean) X(std_mean) X(linalg_vector_norm) X(norm) \
  X(dist) X(logsumexp) X(reflection_pad) X(replication_pad) X(upsample_nearest) X(upsample_linear) \
  X(upsample_bicubic2d) X(upsample_bilinear2d_aa) X(upsample_bicubic2d_aa) X(lstm_cell) X(gru_cell) X(rnn_tanh_cell) \
  X(rnn_relu_cell) X(cumsum) X(cumprod) X(cummax) \
  X(cummin) X(logcumsumexp) X(flip) X(roll) X(repeat) X(repeat_interleave) X(tril) X(triu) X(diag_embed) X(diag) \
  X(constant_pad_nd) X(chunk) X(tensor_split) X(tensor_split_at) X(softmax) X(log_softmax) X(_softmax_backward_data) \
  X(_log_softmax_backward_data) X(sort) X(sort_stable) X(argsort) X(msort) X(topk) X(kthvalue) X(mode) X(abs) \
  X(sign) X(sgn) X(exp) X(exp2) X(expm1) X(log) X(log2) X(log10) X(log1p) X(sqrt) X(rsqrt) X(reciprocal) X(square) \
  X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(sinh) X(cosh) X(tanh) X(asinh) X(acosh) X(atanh) X(sigmoid) X(erf) \
  X(erfc) X(erfinv) X(lgamma) X(digamma) X(sinc) X(floor) X(ceil) X(trunc) X(frac) X(deg2rad) X(rad2deg) X(isnan) \
  X(isinf) X(isfinite) X(isposinf) X(isneginf) X(signbit) X(logical_not) X(bitwise_not) X(round) X(logit) \
  X(nan_to_num) X(polygamma) X(positive) X(as_strided) X(as_strided_) X(as_strided_scatter) X(view) X(view_dtype) \
  X(reshape) \
  X(expand) X(broadcast_tensors) X(permute) X(transpose) X(t) X(select) X(slice) X(narrow) X(squeeze) X(unsqueeze) \
  X(transpose_) X(t_) X(squeeze_) X(unsqueeze_) X(diagonal) X(unfold) X(flatten) X(unflatten) X(movedim) X(split) \
  X(split_with_sizes) X(unbind) X(select_backward) X(slice_backward) X(diagonal_backward) X(unfold_backward) \
  X(nms) X(box_iou_rotated) X(roi_align) X(roi_align_backward) X(ps_roi_align) X(ps_roi_align_backward) X(roi_pool) \
  X(roi_pool_backward) X(ps_roi_pool) X(ps_roi_pool_backward) X(deform_conv2d) X(deform_conv2d_backward) \
  X(angle) X(renorm) X(i0) X(special_i0e) X(special_i1) X(special_i1e) X(special_bessel_j0) X(special_entr) \
  X(special_erfcx) X(special_ndtr) X(special_ndtri) X(special_log_ndtr) X(special_xlog1py) X(special_zeta) X(igamma) \
  X(igammac) X(mvlgamma) X(frexp) X(special_chebyshev_polynomial_t) X(special_hermite_polynomial_h) \
  X(select_scatter) X(slice_scatter) X(diagonal_scatter) X(fill_diagonal_) \
  X(special_modified_bessel_i0) X(special_modified_bessel_i1) X(special_modified_bessel_k0) \
  X(special_modified_bessel_k1) X(special_scaled_modified_bessel_k0) X(special_scaled_modified_bessel_k1) \
  X(special_bessel_j1) X(special_bessel_y0) X(special_bessel_y1) X(special_spherical_bessel_j0) X(special_airy_ai) \
  X(special_chebyshev_polynomial_u) X(special_chebyshev_polynomial_v) X(special_chebyshev_polynomial_w) \
  X(special_shifted_chebyshev_polynomial_t) X(special_shifted_chebyshev_polynomial_u) \
  X(special_shifted_chebyshev_polynomial_v) X(special_shifted_chebyshev_polynomial_w) \
  X(special_hermite_polynomial_he) X(special_laguerre_polynomial_l) X(special_legendre_polynomial_p)

void test_every_op() {
#define SWEEP(name) sweep(#name, &cnn::name);
  EACH_OP(SWEEP)
#undef SWEEP
}

void test_overloaded_ops() {
  using Whole = Tensor (*)(const Tensor&, Dest);
  using Along = std::pair<Tensor, Tensor> (*)(const Tensor&, int64_t, bool, Dest, Dest);
  using Single = Tensor (*)(const Tensor&);
  sweep("max", Whole(&max));
  sweep("min", Whole(&min));
  sweep("median", Single(&median));
  sweep("nanmedian", Single(&nanmedian));
  sweep("max", Along(&max));
  sweep("min", Along(&min));
  sweep("median", Along(&median));
  sweep("nanmedian", Along(&nanmedian));
  const Tensor none, x = ones({2, 3}, DType::Float32), h = ones({1, 2, 3}, DType::Float32);
  const Tensor sizes = arange(1, 3);
  for (const Tensor& input : {x, none})
    for (const Tensor& state : {h, none}) {
      EXPECT(error_of([&] { lstm(input, {state, state}, {none}, true, 1, 0, false, false, false); }) != "");
      EXPECT(error_of([&] { lstm(input, none, {state, state}, {none}, true, 1, 0, false, false); }) != "");
      EXPECT(error_of([&] { lstm(input, sizes, {state, state}, {none}, true, 1, 0, false, false); }) != "");
      for (auto layer : {Layer(&gru), Layer(&rnn_tanh), Layer(&rnn_relu)})
        EXPECT(error_of([&] { layer(input, state, {none, none, none, none}, true, 1, 0, false, false, false); }) != "");
      for (auto layer : {Packed(&gru), Packed(&rnn_tanh), Packed(&rnn_relu)})
        EXPECT(error_of([&] { layer(input, none, state, {none, none, none, none}, true, 1, 0, false, false); }) != "");
    }
}

void test_everything_else_that_looks_into_a_tensor() {
  const Tensor none;
  EXPECT(!none.defined());
  EXPECT(none.same(Tensor()));
  EXPECT_ERROR("expected a defined Tensor", none.dim());
  EXPECT_ERROR("expected a defined Tensor", none.shape());
  EXPECT_ERROR("expected a defined Tensor", none.strides());
  EXPECT_ERROR("expected a defined Tensor", none.size(0));
  EXPECT_ERROR("expected a defined Tensor", none.numel());
  EXPECT_ERROR("expected a defined Tensor", none.dtype());
  EXPECT_ERROR("expected a defined Tensor", none.device());
  EXPECT_ERROR("expected a defined Tensor", none.storage());
  EXPECT_ERROR("expected a defined Tensor", none.raw());
  EXPECT_ERROR("expected a defined Tensor", none.data<float>());
  EXPECT_ERROR("expected a defined Tensor", none.item());
  EXPECT_ERROR("expected a defined Tensor", none.grad());
  EXPECT_ERROR("expected a defined Tensor", none.set_grad(Tensor()));
  EXPECT_ERROR("expected a defined Tensor", none.grad_fn());
  EXPECT_ERROR("expected a defined Tensor", none.requires_grad());
  EXPECT_ERROR("expected a defined Tensor", none.set_requires_grad(true));
  EXPECT_ERROR("expected a defined Tensor", none.is_leaf());
  EXPECT_ERROR("expected a defined Tensor", empty_like(none, DType::Float32));
  EXPECT_ERROR("expected a defined Tensor", alias(none, {1}, {1}, 0));
  EXPECT_ERROR("expected a defined Tensor", detach(none));
  EXPECT_ERROR("expected a defined Tensor", detach_(none));
  EXPECT_ERROR("expected a defined Tensor", retain_grad(none));
  EXPECT_ERROR("expected a defined Tensor", output_number(none));
  EXPECT_ERROR("expected a defined Tensor", backward({none}));
  EXPECT_ERROR("expected a defined Tensor", relu(none));
  EXPECT_ERROR("expected a defined Tensor", none + 1);
  EXPECT_ERROR("expected a defined Tensor", relu(ones({2}), Dest::in_place(none)));
  EXPECT_ERROR("expected a defined Tensor", relu(ones({2}), Dest::out(none)));
}

void test_elements_of_another_type() {
  const Tensor x = ones({3}, DType::Float32);
  EXPECT(x.data<float>()[2] == 1);
  EXPECT_ERROR("data: expected elements of type Double, but the tensor of shape [3] has Float", x.data<double>());
  EXPECT_ERROR("expected elements of type Long", x.data<int64_t>());
  EXPECT_ERROR("expected elements of type Byte", ones({3}, DType::Bool).data<uint8_t>());
}

}  // namespace

int main() {
  test_every_op();
  test_overloaded_ops();
  test_everything_else_that_looks_into_a_tensor();
  test_elements_of_another_type();
  return report();
}
