// Tensor's methods: each is the function of its name.
#pragma once

#include "cnn/autograd.h"
#include "cnn/ops.h"

namespace cnn {

inline Tensor Tensor::abs() const { return cnn::abs(*this); }
inline Tensor Tensor::neg() const { return cnn::neg(*this); }
inline Tensor Tensor::exp() const { return cnn::exp(*this); }
inline Tensor Tensor::expm1() const { return cnn::expm1(*this); }
inline Tensor Tensor::log() const { return cnn::log(*this); }
inline Tensor Tensor::log1p() const { return cnn::log1p(*this); }
inline Tensor Tensor::log2() const { return cnn::log2(*this); }
inline Tensor Tensor::sqrt() const { return cnn::sqrt(*this); }
inline Tensor Tensor::rsqrt() const { return cnn::rsqrt(*this); }
inline Tensor Tensor::square() const { return cnn::square(*this); }
inline Tensor Tensor::reciprocal() const { return cnn::reciprocal(*this); }
inline Tensor Tensor::sign() const { return cnn::sign(*this); }
inline Tensor Tensor::sin() const { return cnn::sin(*this); }
inline Tensor Tensor::cos() const { return cnn::cos(*this); }
inline Tensor Tensor::tanh() const { return cnn::tanh(*this); }
inline Tensor Tensor::sigmoid() const { return cnn::sigmoid(*this); }
inline Tensor Tensor::relu() const { return cnn::relu(*this); }
inline Tensor Tensor::erf() const { return cnn::erf(*this); }
inline Tensor Tensor::floor() const { return cnn::floor(*this); }
inline Tensor Tensor::ceil() const { return cnn::ceil(*this); }
inline Tensor Tensor::round() const { return cnn::round(*this); }
inline Tensor Tensor::isnan() const { return cnn::isnan(*this); }
inline Tensor Tensor::isinf() const { return cnn::isinf(*this); }
inline Tensor Tensor::isfinite() const { return cnn::isfinite(*this); }
inline Tensor Tensor::logical_not() const { return cnn::logical_not(*this); }
inline Tensor Tensor::clamp(std::optional<Scalar> min, std::optional<Scalar> max) const {
  return cnn::clamp(*this, min, max);
}
inline Tensor Tensor::clamp_min(Scalar min) const { return cnn::clamp(*this, min); }
inline Tensor Tensor::clamp_max(Scalar max) const { return cnn::clamp(*this, std::nullopt, max); }
inline Tensor Tensor::add(const Tensor& other, Scalar alpha) const { return cnn::add(*this, other, alpha); }
inline Tensor Tensor::add(Scalar other, Scalar alpha) const { return cnn::add(*this, wrapped_number(other), alpha); }
inline Tensor Tensor::sub(const Tensor& other, Scalar alpha) const { return cnn::sub(*this, other, alpha); }
inline Tensor Tensor::sub(Scalar other, Scalar alpha) const { return cnn::sub(*this, wrapped_number(other), alpha); }
inline Tensor Tensor::mul(const Tensor& other) const { return cnn::mul(*this, other); }
inline Tensor Tensor::mul(Scalar other) const { return cnn::mul(*this, wrapped_number(other)); }
inline Tensor Tensor::div(const Tensor& other) const { return cnn::div(*this, other); }
inline Tensor Tensor::div(Scalar other) const { return cnn::div(*this, wrapped_number(other)); }
inline Tensor Tensor::pow(const Tensor& exponent) const { return cnn::pow(*this, exponent); }
inline Tensor Tensor::pow(Scalar exponent) const { return cnn::pow(*this, wrapped_number(exponent)); }
inline Tensor Tensor::maximum(const Tensor& other) const { return cnn::maximum(*this, other); }
inline Tensor Tensor::minimum(const Tensor& other) const { return cnn::minimum(*this, other); }
inline Tensor Tensor::eq(const Tensor& other) const { return cnn::eq(*this, other); }
inline Tensor Tensor::eq(Scalar other) const { return cnn::eq(*this, wrapped_number(other)); }
inline Tensor Tensor::ne(const Tensor& other) const { return cnn::ne(*this, other); }
inline Tensor Tensor::ne(Scalar other) const { return cnn::ne(*this, wrapped_number(other)); }
inline Tensor Tensor::lt(const Tensor& other) const { return cnn::lt(*this, other); }
inline Tensor Tensor::lt(Scalar other) const { return cnn::lt(*this, wrapped_number(other)); }
inline Tensor Tensor::le(const Tensor& other) const { return cnn::le(*this, other); }
inline Tensor Tensor::le(Scalar other) const { return cnn::le(*this, wrapped_number(other)); }
inline Tensor Tensor::gt(const Tensor& other) const { return cnn::gt(*this, other); }
inline Tensor Tensor::gt(Scalar other) const { return cnn::gt(*this, wrapped_number(other)); }
inline Tensor Tensor::ge(const Tensor& other) const { return cnn::ge(*this, other); }
inline Tensor Tensor::ge(Scalar other) const { return cnn::ge(*this, wrapped_number(other)); }
inline bool Tensor::equal(const Tensor& other) const { return cnn::equal(*this, other); }
inline bool Tensor::allclose(const Tensor& other, double rtol, double atol, bool equal_nan) const {
  return cnn::allclose(*this, other, rtol, atol, equal_nan);
}
inline Tensor Tensor::masked_fill(const Tensor& mask, const Tensor& value) const {
  return cnn::masked_fill(*this, mask, value);
}
inline Tensor Tensor::masked_fill(const Tensor& mask, Scalar value) const {
  return cnn::masked_fill(*this, mask, wrapped_number(value));
}
inline Tensor Tensor::add_(const Tensor& other, Scalar alpha) const {
  return cnn::add(*this, other, alpha, Dest::in_place(*this));
}
inline Tensor Tensor::add_(Scalar other, Scalar alpha) const {
  return cnn::add(*this, wrapped_number(other), alpha, Dest::in_place(*this));
}
inline Tensor Tensor::sub_(const Tensor& other, Scalar alpha) const {
  return cnn::sub(*this, other, alpha, Dest::in_place(*this));
}
inline Tensor Tensor::sub_(Scalar other, Scalar alpha) const {
  return cnn::sub(*this, wrapped_number(other), alpha, Dest::in_place(*this));
}
inline Tensor Tensor::mul_(const Tensor& other) const { return cnn::mul(*this, other, Dest::in_place(*this)); }
inline Tensor Tensor::mul_(Scalar other) const { return cnn::mul(*this, wrapped_number(other), Dest::in_place(*this)); }
inline Tensor Tensor::div_(const Tensor& other) const { return cnn::div(*this, other, Dest::in_place(*this)); }
inline Tensor Tensor::div_(Scalar other) const { return cnn::div(*this, wrapped_number(other), Dest::in_place(*this)); }
inline Tensor Tensor::relu_() const { return cnn::relu(*this, Dest::in_place(*this)); }
inline Tensor Tensor::clamp_(std::optional<Scalar> min, std::optional<Scalar> max) const {
  return cnn::clamp(*this, min, max, Dest::in_place(*this));
}
inline Tensor Tensor::fill_(Scalar value) const { return cnn::fill_(*this, value); }
inline Tensor Tensor::zero_() const { return cnn::zero_(*this); }
inline Tensor Tensor::copy_(const Tensor& src) const { return cnn::copy_(*this, src); }
inline Tensor Tensor::uniform_(double from, double to) const { return cnn::uniform_(*this, from, to); }
inline Tensor Tensor::normal_(double mean, double std) const { return cnn::normal_(*this, mean, std); }
inline Tensor Tensor::sum(const DimArgs& dim, bool keepdim, std::optional<DType> dtype) const {
  return cnn::sum(*this, dim, keepdim, dtype);
}
inline Tensor Tensor::mean(const DimArgs& dim, bool keepdim, std::optional<DType> dtype) const {
  return cnn::mean(*this, dim, keepdim, dtype);
}
inline Tensor Tensor::var(const DimArgs& dim, Scalar correction, bool keepdim) const {
  return cnn::var(*this, dim, correction, keepdim);
}
inline Tensor Tensor::std(const DimArgs& dim, Scalar correction, bool keepdim) const {
  return cnn::std(*this, dim, correction, keepdim);
}
inline Tensor Tensor::prod() const { return cnn::prod(*this); }
inline Tensor Tensor::prod(int64_t dim, bool keepdim) const { return cnn::prod(*this, dim, keepdim); }
inline Tensor Tensor::all() const { return cnn::all(*this); }
inline Tensor Tensor::any() const { return cnn::any(*this); }
inline Tensor Tensor::max() const { return cnn::max(*this); }
inline Tensor Tensor::min() const { return cnn::min(*this); }
inline std::pair<Tensor, Tensor> Tensor::max(int64_t dim, bool keepdim) const { return cnn::max(*this, dim, keepdim); }
inline std::pair<Tensor, Tensor> Tensor::min(int64_t dim, bool keepdim) const { return cnn::min(*this, dim, keepdim); }
inline Tensor Tensor::amax(const DimArgs& dim, bool keepdim) const { return cnn::amax(*this, dim, keepdim); }
inline Tensor Tensor::amin(const DimArgs& dim, bool keepdim) const { return cnn::amin(*this, dim, keepdim); }
inline Tensor Tensor::argmax(std::optional<int64_t> dim, bool keepdim) const {
  return cnn::argmax(*this, dim, keepdim);
}
inline Tensor Tensor::argmin(std::optional<int64_t> dim, bool keepdim) const {
  return cnn::argmin(*this, dim, keepdim);
}
inline Tensor Tensor::norm(Scalar p) const { return cnn::norm(*this, p); }
inline Tensor Tensor::norm(Scalar p, const DimArgs& dim, bool keepdim) const {
  return cnn::norm(*this, p, dim, keepdim);
}
inline Tensor Tensor::logsumexp(const DimArgs& dim, bool keepdim) const { return cnn::logsumexp(*this, dim, keepdim); }
inline Tensor Tensor::softmax(int64_t dim) const { return cnn::softmax(*this, dim); }
inline Tensor Tensor::log_softmax(int64_t dim) const { return cnn::log_softmax(*this, dim); }
inline Tensor Tensor::cumsum(int64_t dim) const { return cnn::cumsum(*this, dim); }
inline std::pair<Tensor, Tensor> Tensor::sort(int64_t dim, bool descending) const {
  return cnn::sort(*this, dim, descending);
}
inline std::pair<Tensor, Tensor> Tensor::topk(int64_t k, int64_t dim, bool largest) const {
  return cnn::topk(*this, k, dim, largest);
}
inline Tensor Tensor::matmul(const Tensor& other) const { return cnn::matmul(*this, other); }
inline Tensor Tensor::mm(const Tensor& mat2) const { return cnn::mm(*this, mat2); }
inline Tensor Tensor::bmm(const Tensor& mat2) const { return cnn::bmm(*this, mat2); }
inline Tensor Tensor::mv(const Tensor& vec) const { return cnn::mv(*this, vec); }
inline Tensor Tensor::dot(const Tensor& other) const { return cnn::dot(*this, other); }
inline Tensor Tensor::operator[](int64_t i) const { return cnn::select(*this, 0, i); }
inline Tensor Tensor::view(const Dims& size) const { return cnn::view(*this, size); }
inline Tensor Tensor::reshape(const Dims& size) const { return cnn::reshape(*this, size); }
inline Tensor Tensor::expand(const Dims& size) const { return cnn::expand(*this, size); }
inline Tensor Tensor::expand_as(const Tensor& other) const { return cnn::expand(*this, other.shape()); }
inline Tensor Tensor::view_as(const Tensor& other) const { return cnn::view(*this, other.shape()); }
inline Tensor Tensor::permute(const Dims& dims) const { return cnn::permute(*this, dims); }
inline Tensor Tensor::transpose(int64_t dim0, int64_t dim1) const { return cnn::transpose(*this, dim0, dim1); }
inline Tensor Tensor::t() const { return cnn::t(*this); }
inline Tensor Tensor::flatten(int64_t start_dim, int64_t end_dim) const {
  return cnn::flatten(*this, start_dim, end_dim);
}
inline Tensor Tensor::unflatten(int64_t dim, const Dims& sizes) const { return cnn::unflatten(*this, dim, sizes); }
inline Tensor Tensor::squeeze() const { return cnn::squeeze(*this); }
inline Tensor Tensor::squeeze(int64_t dim) const { return cnn::squeeze(*this, Dims{dim}); }
inline Tensor Tensor::unsqueeze(int64_t dim) const { return cnn::unsqueeze(*this, dim); }
inline Tensor Tensor::select(int64_t dim, int64_t index) const { return cnn::select(*this, dim, index); }
inline Tensor Tensor::slice(int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step) const {
  return cnn::slice(*this, dim, start, end, step);
}
inline Tensor Tensor::narrow(int64_t dim, int64_t start, int64_t length) const {
  return cnn::narrow(*this, dim, start, length);
}
inline Tensors Tensor::split(int64_t split_size, int64_t dim) const { return cnn::split(*this, split_size, dim); }
inline Tensors Tensor::chunk(int64_t chunks, int64_t dim) const { return cnn::chunk(*this, chunks, dim); }
inline Tensors Tensor::unbind(int64_t dim) const { return cnn::unbind(*this, dim); }
inline Tensor Tensor::repeat(const Dims& repeats) const { return cnn::repeat(*this, repeats); }
inline Tensor Tensor::flip(const Dims& dims) const { return cnn::flip(*this, dims); }
inline Tensor Tensor::index_select(int64_t dim, const Tensor& index) const {
  return cnn::index_select(*this, dim, index);
}
inline Tensor Tensor::gather(int64_t dim, const Tensor& index) const { return cnn::gather(*this, dim, index); }
inline Tensor Tensor::masked_select(const Tensor& mask) const { return cnn::masked_select(*this, mask); }
inline Tensor Tensor::nonzero() const { return cnn::nonzero(*this); }
inline Tensor Tensor::clone() const { return cnn::clone(*this); }
inline Tensor Tensor::contiguous() const { return cnn::contiguous(*this); }
inline Tensor Tensor::to(DType dtype) const { return cnn::to(*this, dtype, {}); }
inline Tensor Tensor::to(Device device) const { return cnn::to(*this, {}, device); }
inline Tensor Tensor::to(Device device, DType dtype) const { return cnn::to(*this, dtype, device); }
inline Tensor Tensor::cpu() const { return cnn::to(*this, {}, kCpu); }
inline Tensor Tensor::detach() const { return cnn::detach(*this); }
inline Tensor Tensor::requires_grad_(bool value) const {
  set_requires_grad(value);
  return *this;
}
inline void Tensor::retain_grad() const { cnn::retain_grad(*this); }
inline void Tensor::backward(const Tensor& gradient, bool retain_graph, bool create_graph) const {
  cnn::backward({*this}, {gradient}, retain_graph, create_graph);
}

}  // namespace cnn
