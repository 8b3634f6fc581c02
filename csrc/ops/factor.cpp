#include "ops/factor.h"

#include <algorithm>

#include "autograd/autocast.h"
#include "cnn/autograd.h"
#include "cnn/ops.h"
#include "kernels/factor.h"
#include "ops/each.h"
#include "ops/tf32.h"

namespace cnn {
namespace {

constexpr int64_t kBlock = 32;  // rows of a triangle, or columns of a panel, that one kernel works on

// What happens inside a factorization is neither recorded nor cast, nor rounded by a GPU.
struct Inside {
  NoGrad no_grad;
  WithoutAutocast no_autocast;
  Tf32Products no_tf32{false};
};

void check_matrices(const char* op, const Tensor& x) {
  check(x.dim() >= 2, op, "The input tensor A must have at least 2 dimensions.");
  check_implemented(x.dtype() == DType::Float32 || x.dtype() == DType::Float64, op, "expected float32 or float64, got ",
                    x.dtype());
}
void check_square(const char* op, const Tensor& x) {
  const int d = x.dim();
  check(x.shape()[d - 1] == x.shape()[d - 2], op, "A must be batches of square matrices, but they are ",
        x.shape()[d - 2], " by ", x.shape()[d - 1], " matrices");
}

Dims batch_of(const Tensor& x) { return Dims(x.shape().data(), x.dim() - 2); }
Dims with(Dims shape, std::initializer_list<int64_t> last) {
  for (int64_t s : last) shape.push_back(s);
  return shape;
}
int64_t count_of(const Dims& shape) {
  int64_t n = 1;
  for (int64_t s : shape) n *= s;
  return n;
}

// As [batch, rows, columns].
Tensor flat(const Tensor& x) {
  const int d = x.dim();
  return reshape(x, {count_of(batch_of(x)), x.shape()[d - 2], x.shape()[d - 1]});
}
// A copy that is written over, its rows dense.
Tensor workspace(const Tensor& x) { return clone(flat(detach(x)), MemoryFormat::Contiguous); }

Tensor block(const Tensor& x, int64_t row, int64_t rows, int64_t column, int64_t columns) {
  return narrow(narrow(x, 1, row, rows), 2, column, columns);
}
Tensor flipped(const Tensor& x) { return transpose(x, -2, -1); }
void subtract_product(const Tensor& to, const Tensor& a, const Tensor& b) {
  if (to.numel() > 0) sub(to, bmm(a, b), 1, Dest::in_place(to));
}

// f(i) for n indices that cost `cost` multiplications each.
template <class F>
void each_block(const F& f, int64_t n, const Tensor& x, int64_t cost) {
  const Backend& b = backend(x.device());
  check_implemented(b.has_each(kernels::IdOf<F>::value, x.dtype()), "",
                    "factorizations of matrices are not implemented on ", x.device(), "; use .cpu()");
  EachCall call;
  call.functor = &f;
  call.n = n;
  call.dtype = x.dtype();
  call.cost = int(std::clamp<int64_t>(cost, 1, 1 << 16));
  if (n > 0) b.each(kernels::IdOf<F>::value, call);
}

// On the CPU float32 products may be allowed to round their operands to bfloat16, which no factorization is made for.
Tensor in_full_precision(const Tensor& x) {
  const bool rounds =
      x.dtype() == DType::Float32 && x.device().is_cpu() && float32_matmul_precision() == MatmulPrecision::Medium;
  return rounds ? to_dtype(x, DType::Float64) : x;
}

// Where something of n rows is cut.
int64_t half_of(int64_t n) { return std::max(n / 2 / kBlock, int64_t(1)) * kBlock; }

void solve_in_place(const Tensor& a, const Tensor& x, bool upper, bool unit) {
  const int64_t n = x.shape()[1], columns = x.shape()[2];
  if (x.numel() == 0) return;
  if (n <= kBlock) {
    kernels::TriangularBlock f;
    f.a = a.raw(), f.x = x.raw();
    f.n = n, f.columns = columns;
    f.chunks = (columns - 1) / kernels::TriangularBlock::kColumns + 1;
    f.a_batch = a.strides()[0], f.a_row = a.strides()[1], f.a_column = a.strides()[2];
    f.x_batch = x.strides()[0], f.x_row = x.strides()[1];
    f.upper = upper, f.unit = unit;
    each_block(f, x.shape()[0] * f.chunks, x, n * n / 2 * std::min(columns, kernels::TriangularBlock::kColumns));
    return;
  }
  const int64_t half = half_of(n), rest = n - half;
  const Tensor top = narrow(x, 1, 0, half), bottom = narrow(x, 1, half, rest);
  if (upper) {
    solve_in_place(block(a, half, rest, half, rest), bottom, upper, unit);
    subtract_product(top, block(a, 0, half, half, rest), bottom);
    solve_in_place(block(a, 0, half, 0, half), top, upper, unit);
  } else {
    solve_in_place(block(a, 0, half, 0, half), top, upper, unit);
    subtract_product(bottom, block(a, half, rest, 0, half), top);
    solve_in_place(block(a, half, rest, half, rest), bottom, upper, unit);
  }
}

// u is a block on the diagonal, from row `first` of the whole on.
void cholesky_in_place(const Tensor& u, const Tensor& info, int64_t first) {
  const int64_t n = u.shape()[1];
  if (n <= kBlock) {
    kernels::CholeskyBlock f;
    f.a = u.raw(), f.info = static_cast<int32_t*>(info.raw());
    f.n = n, f.batch_stride = u.strides()[0], f.row_stride = u.strides()[1];
    f.first = first;
    each_block(f, u.shape()[0], u, n * n * n / 3);
    return;
  }
  const int64_t half = half_of(n), rest = n - half;
  const Tensor left = block(u, 0, half, 0, half), right = block(u, 0, half, half, rest);
  const Tensor corner = block(u, half, rest, half, rest);
  cholesky_in_place(left, info, first);
  solve_in_place(flipped(left), right, false, false);
  subtract_product(corner, flipped(right), right);
  cholesky_in_place(corner, info, first + half);
}

// Columns [first, first + width) of the whole lu, all of whose rows are exchanged.
void lu_in_place(const Tensor& lu, const Tensor& pivots, const Tensor& info, int64_t first, int64_t width) {
  const int64_t m = lu.shape()[1], n = lu.shape()[2];
  if (width <= kBlock) {
    kernels::LuPanel f;
    f.a = lu.raw();
    f.pivots = static_cast<int32_t*>(pivots.raw()), f.info = static_cast<int32_t*>(info.raw());
    f.m = m, f.n = n, f.batch_stride = lu.strides()[0], f.pivots_stride = pivots.shape()[1];
    f.first = first, f.width = width;
    each_block(f, lu.shape()[0], lu, std::max<int64_t>(m - first, 1) * width * width);
    return;
  }
  const int64_t half = half_of(width), rest = width - half;
  const int64_t middle = first + half;
  lu_in_place(lu, pivots, info, first, half);
  const Tensor right = block(lu, first, half, middle, rest);
  solve_in_place(block(lu, first, half, first, half), right, false, true);
  subtract_product(block(lu, middle, m - middle, middle, rest), block(lu, middle, m - middle, first, half), right);
  lu_in_place(lu, pivots, info, middle, rest);
}

}  // namespace

std::pair<Tensor, Tensor> cholesky_factor(const Tensor& a) {
  check_matrices("linalg.cholesky", a);
  check_square("linalg.cholesky", a);
  const Inside inside;
  const Tensor u = workspace(in_full_precision(a));
  const Tensor info = zeros({u.shape()[0]}, DType::Int32, a.device());
  if (u.numel() > 0) cholesky_in_place(u, info, 0);
  return {reshape(triu(to_dtype(u, a.dtype())), a.shape()), reshape(info, batch_of(a))};
}

std::tuple<Tensor, Tensor, Tensor> lu_factor(const Tensor& a) {
  check_matrices("linalg.lu_factor", a);
  const Inside inside;
  const Tensor lu = workspace(in_full_precision(a));
  const int64_t m = lu.shape()[1], n = lu.shape()[2], k = std::min(m, n);
  const Tensor pivots = zeros({lu.shape()[0], k}, DType::Int32, a.device());
  const Tensor info = zeros({lu.shape()[0]}, DType::Int32, a.device());
  if (lu.numel() > 0) {
    lu_in_place(lu, pivots, info, 0, k);
    if (n > m) solve_in_place(block(lu, 0, m, 0, m), block(lu, 0, m, m, n - m), false, true);
  }
  const Dims batch = batch_of(a);
  return {reshape(to_dtype(lu, a.dtype()), a.shape()), reshape(pivots, with(batch, {k})), reshape(info, batch)};
}

Tensor solve_triangle(const Tensor& a, const Tensor& b, bool upper, bool left, bool unit) {
  const char* const op = "linalg.solve_triangular";
  check_matrices(op, a);
  check_square(op, a);
  check(b.dim() >= 2, op, "The input tensor B must have at least 2 dimensions.");
  check(a.dtype() == b.dtype(), op, "Expected A and B to have the same dtype, but found A of type ", a.dtype(),
        " and B of type ", b.dtype(), " instead");
  check(a.device() == b.device(), op, "Expected A and B to be on the same device, but found A on ", a.device(),
        " and B on ", b.device(), " instead");
  const int64_t n = a.shape()[a.dim() - 1], rows = b.shape()[b.dim() - 2], columns = b.shape()[b.dim() - 1];
  check((left ? rows : columns) == n, op, "Incompatible shapes of A and B for the equation ",
        left ? "AX = B" : "XA = B", " (", n, "x", n, " and ", rows, "x", columns, ")");
  const Inside inside;
  if (!left) return flipped(solve_triangle(flipped(a), flipped(b), !upper, true, unit));
  const Dims batch = broadcast_shapes(op, batch_of(a), batch_of(b));
  const Tensor x = workspace(in_full_precision(expand(b, with(batch, {n, columns}))));
  if (x.numel() > 0) solve_in_place(flat(expand(in_full_precision(detach(a)), with(batch, {n, n}))), x, upper, unit);
  return reshape(to_dtype(x, a.dtype()), with(batch, {n, columns}));
}

}  // namespace cnn
