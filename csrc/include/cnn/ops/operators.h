// a + b, a * 2, -a in C++.
#pragma once

#include "cnn/ops/arithmetic.h"

namespace cnn {

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator-(const Tensor& a) { return neg(a); }
inline Tensor operator+(const Tensor& a, Scalar b) { return add(a, wrapped_number(b)); }
inline Tensor operator-(const Tensor& a, Scalar b) { return sub(a, wrapped_number(b)); }
inline Tensor operator*(const Tensor& a, Scalar b) { return mul(a, wrapped_number(b)); }
inline Tensor operator/(const Tensor& a, Scalar b) { return div(a, wrapped_number(b)); }
inline Tensor operator+(Scalar a, const Tensor& b) { return add(wrapped_number(a), b); }
inline Tensor operator-(Scalar a, const Tensor& b) { return sub(wrapped_number(a), b); }
inline Tensor operator*(Scalar a, const Tensor& b) { return mul(wrapped_number(a), b); }
inline Tensor operator/(Scalar a, const Tensor& b) { return div(wrapped_number(a), b); }

}  // namespace cnn
