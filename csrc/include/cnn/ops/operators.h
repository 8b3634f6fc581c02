// a + b, a * 2, -a, a += b in C++.
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

// Into a's memory, and seen by whoever shares it.
inline Tensor operator+=(const Tensor& a, const Tensor& b) { return add(a, b, 1, Dest::in_place(a)); }
inline Tensor operator-=(const Tensor& a, const Tensor& b) { return sub(a, b, 1, Dest::in_place(a)); }
inline Tensor operator*=(const Tensor& a, const Tensor& b) { return mul(a, b, Dest::in_place(a)); }
inline Tensor operator/=(const Tensor& a, const Tensor& b) { return div(a, b, Dest::in_place(a)); }
inline Tensor operator+=(const Tensor& a, Scalar b) { return a += wrapped_number(b); }
inline Tensor operator-=(const Tensor& a, Scalar b) { return a -= wrapped_number(b); }
inline Tensor operator*=(const Tensor& a, Scalar b) { return a *= wrapped_number(b); }
inline Tensor operator/=(const Tensor& a, Scalar b) { return a /= wrapped_number(b); }

}  // namespace cnn
