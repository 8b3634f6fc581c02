// Factors of matrices and triangular systems: float32 and float64, any leading dimensions, nothing recorded. They are
// cut in halves down to blocks of one kernel, so that most of the work is matrix products; the bits do not depend on
// the number of threads.
#pragma once

#include <tuple>
#include <utility>

#include "cnn/tensor.h"

namespace cnn {

// U and info of A = U' U for A [..., n, n], whose upper triangle alone is read. info (int32, one for a matrix) is 0,
// or the order of the first leading minor that is not positive.
CNN_API std::pair<Tensor, Tensor> cholesky_factor(const Tensor& a);

// LU in one matrix, pivots and info of P A = L U for A [..., m, n]. pivots (int32, [..., min(m, n)]) are the rows that
// were exchanged, info the first column without a pivot, all counted from 1.
CNN_API std::tuple<Tensor, Tensor, Tensor> lu_factor(const Tensor& a);

// X of A X = B, or of X A = B where not `left`, for a triangle A [..., n, n]; what lies in the other triangle is not
// read. The leading dimensions broadcast.
CNN_API Tensor solve_triangle(const Tensor& a, const Tensor& b, bool upper, bool left, bool unit);

}  // namespace cnn
