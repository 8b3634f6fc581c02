// The blocks of factorizations and triangular systems (kernels/factor.h), by as many threads as a block has. Each
// element is computed as its functor does it, in the same order.
#include "kernels/factor.h"

#include <algorithm>

#include "cuda/each.cuh"

namespace cnn::cuda {
namespace {

constexpr int kFactorThreads = 256;
constexpr int kFactorRows = 32;  // of a block of Cholesky's, and columns of a panel of LU's
constexpr int64_t kMostFactors = 1 << 16;  // blocks of threads in a launch: they take what is left in turn

// The row of the largest element of a column from row j on, of equal ones the first. NaN is passed over, but at row j
// it stays there, as nothing is larger.
template <class T> struct Largest {
  T value;
  int64_t row;
  __device__ void take(T other, int64_t at) {
    if (other > value || (other == value && at < row)) value = other, row = at;
  }
};

template <class T>
__global__ void __launch_bounds__(kFactorThreads) cholesky_block(kernels::CholeskyBlock f, int64_t n) {
  __shared__ T tile[kFactorRows][kFactorRows + 1];
  const int x = int(threadIdx.x % kFactorRows), y = int(threadIdx.x / kFactorRows);
  constexpr int kStep = kFactorThreads / kFactorRows;
  const int size = int(f.n);
  for (int64_t i = blockIdx.x; i < n; i += gridDim.x) {
    if (f.info[i] != 0) continue;
    T* const block = static_cast<T*>(f.a) + i * f.batch_stride;
    for (int r = y; r < size; r += kStep)
      if (x < size) tile[r][x] = block[r * f.row_stride + x];
    __syncthreads();
    int done = 0;  // rows
    for (; done < size; ++done) {
      const T square = tile[done][done];
      if (!(square > T(0))) break;
      const T pivot = kernels::sqrt(square);
      __syncthreads();
      if (y == 0 && x > done && x < size) tile[done][x] /= pivot;
      if (y == 0 && x == done) tile[done][x] = pivot;
      __syncthreads();
      for (int r = done + 1 + y; r < size; r += kStep)
        if (x >= r && x < size) tile[r][x] -= tile[done][r] * tile[done][x];
      __syncthreads();
    }
    if (threadIdx.x == 0 && done < size) f.info[i] = int32_t(f.first + done + 1);
    for (int r = y; r < size; r += kStep)
      if (x >= r && x < size) block[r * f.row_stride + x] = tile[r][x];
    __syncthreads();
  }
}

template <class T>
__global__ void __launch_bounds__(kFactorThreads) lu_panel(kernels::LuPanel f, int64_t n) {
  __shared__ T values[kFactorThreads];
  __shared__ int64_t rows[kFactorThreads];
  const int64_t own = threadIdx.x, end = f.first + f.width;
  const int64_t x = own % kFactorRows, y = own / kFactorRows;
  for (int64_t i = blockIdx.x; i < n; i += gridDim.x) {
    T* const matrix = static_cast<T*>(f.a) + i * f.batch_stride;
    for (int64_t j = f.first; j < end && j < f.m; ++j) {
      T* const row = matrix + j * f.n;
      const T here = kernels::fabs(row[j]);
      Largest<T> best = {here, j};
      for (int64_t r = j + 1 + own; r < f.m; r += kFactorThreads) best.take(kernels::fabs(matrix[r * f.n + j]), r);
      values[own] = best.value, rows[own] = best.row;
      __syncthreads();
      for (int64_t half = kFactorThreads / 2; half > 0; half /= 2) {
        if (own < half) {
          best.take(values[own + half], rows[own + half]);
          values[own] = best.value, rows[own] = best.row;
        }
        __syncthreads();
      }
      const int64_t p = here == here ? rows[0] : j;
      if (own == 0) f.pivots[i * f.pivots_stride + j] = int32_t(p + 1);
      if (p != j)
        for (int64_t c = own; c < f.n; c += kFactorThreads) {
          const T t = row[c];
          row[c] = matrix[p * f.n + c];
          matrix[p * f.n + c] = t;
        }
      __syncthreads();
      const T pivot = row[j];
      if (pivot == T(0)) {
        if (own == 0 && f.info[i] == 0) f.info[i] = int32_t(j + 1);
        continue;
      }
      for (int64_t r = j + 1 + own; r < f.m; r += kFactorThreads) matrix[r * f.n + j] /= pivot;
      __syncthreads();
      if (const int64_t c = j + 1 + x; c < end)
        for (int64_t r = j + 1 + y; r < f.m; r += kFactorThreads / kFactorRows)
          matrix[r * f.n + c] -= matrix[r * f.n + j] * row[c];
      __syncthreads();
    }
  }
}

// A thread to a column.
template <class T>
__global__ void __launch_bounds__(kFactorThreads) triangular_block(kernels::TriangularBlock f, int64_t n) {
  for (int64_t i = blockIdx.x; i < n; i += gridDim.x) {
    const int64_t batch = i / f.chunks, column = i % f.chunks * f.kColumns + threadIdx.x;
    if (column >= f.columns) continue;
    const T* const t = static_cast<const T*>(f.a) + batch * f.a_batch;
    T* const block = static_cast<T*>(f.x) + batch * f.x_batch + column;
    for (int64_t s = 0; s < f.n; ++s) {
      const int64_t r = f.upper ? f.n - 1 - s : s;
      T value = block[r * f.x_row];
      for (int64_t q = 0; q < s; ++q) {
        const int64_t solved = f.upper ? f.n - 1 - q : q;
        value -= t[r * f.a_row + solved * f.a_column] * block[solved * f.x_row];
      }
      block[r * f.x_row] = f.unit ? value : value / t[r * (f.a_row + f.a_column)];
    }
  }
}

unsigned blocks_for(int64_t n) { return unsigned(std::min(n, kMostFactors)); }

template <class T> struct Factors {
  static void cholesky(const EachCall& call) {
    const auto kernel = cholesky_block<T>;
    CNN_LAUNCH(kernel, blocks_for(call.n), kFactorThreads, *static_cast<const kernels::CholeskyBlock*>(call.functor),
               call.n);
  }
  static void lu(const EachCall& call) {
    const auto kernel = lu_panel<T>;
    CNN_LAUNCH(kernel, blocks_for(call.n), kFactorThreads, *static_cast<const kernels::LuPanel*>(call.functor), call.n);
  }
  static void triangle(const EachCall& call) {
    const auto& f = *static_cast<const kernels::TriangularBlock*>(call.functor);
    static_assert(f.kColumns == kFactorThreads);
    const auto kernel = triangular_block<T>;
    const int threads = int(std::min<int64_t>((f.columns + 31) / 32 * 32, kFactorThreads));
    CNN_LAUNCH(kernel, blocks_for(call.n), threads, f, call.n);
  }
};

}  // namespace

void fill_factor(Tables& t) {
  kernels::for_types<kernels::Types::Floats>([&]<class T>(DType dtype) {
    t.each[kernels::IdOf<kernels::CholeskyBlock>::value][int(dtype)] = Factors<T>::cholesky;
    t.each[kernels::IdOf<kernels::LuPanel>::value][int(dtype)] = Factors<T>::lu;
    t.each[kernels::IdOf<kernels::TriangularBlock>::value][int(dtype)] = Factors<T>::triangle;
  });
}

}  // namespace cnn::cuda
