// Products of float matrices by cuBLASLt, of float32 in full precision unless TF32 is allowed. Algorithms are its
// heuristics' choice for the shape, without in-place reductions, whose order may differ from run to run.
#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <utility>

#include "cuda/heavy_entries.h"
#include "cuda/memory.h"
#include "cuda/runtime.h"

namespace cnn::cuda {
namespace {

constexpr size_t kWorkspace = size_t(32) << 20;
constexpr size_t kMaxPlans = 4096;

void check_cublas(cublasStatus_t status, const char* what) {
  check(status == CUBLAS_STATUS_SUCCESS, "", "cuBLASLt error: ", cublasLtGetStatusString(status), " (", what, ")");
}

// A matrix as cuBLASLt sees it, in column order.
struct Matrix {
  int64_t rows = 0, columns = 0, pitch = 0, batch_stride = 0;
  bool transposed = false;  // is it the transpose of what is multiplied?
  bool fits = false;
};

// The transpose of x [rows, columns]: rows of stride 1 are its columns.
Matrix transpose_of(int64_t rows, int64_t columns, int64_t row, int64_t column, int64_t batch) {
  if ((column == 1 || columns == 1) && (row >= columns || rows == 1))
    return {columns, rows, rows == 1 ? columns : row, batch, false, true};
  if ((row == 1 || rows == 1) && (column >= rows || columns == 1))
    return {rows, columns, columns == 1 ? rows : column, batch, true, true};
  return {};
}

// The same product, transposed: c' = b' a'.
GemmArgs transposed(GemmArgs g) {
  std::swap(g.m, g.n);
  std::swap(g.a, g.b);
  std::swap(g.a_batch, g.b_batch);
  const int64_t a_row = g.a_row, a_col = g.a_col;
  g.a_row = g.b_col, g.a_col = g.b_row;
  g.b_row = a_col, g.b_col = a_row;
  std::swap(g.c_row, g.c_col);
  g.bias_of = g.bias_of == BiasOf::Column ? BiasOf::Row : BiasOf::Column;
  return g;
}

// The largest power of two, up to 256, that divides all addresses of a batch's matrices.
uint32_t alignment_of(const void* p, int64_t batch_bytes) {
  const uint64_t bits = reinterpret_cast<uintptr_t>(p) | uint64_t(batch_bytes) | 256;
  return uint32_t(bits & -bits);
}

// Destroys what it holds.
template <class T, cublasStatus_t (*destroy)(T)> struct Owned {
  T it = nullptr;
  ~Owned() {
    if (it) destroy(it);
  }
};
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Product = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

cudaDataType_t type_of(DType t) {
  switch (t) {
    case DType::Float16:
      return CUDA_R_16F;
    case DType::BFloat16:
      return CUDA_R_16BF;
    case DType::Float64:
      return CUDA_R_64F;
    default:
      return CUDA_R_32F;
  }
}

void make_layout(Layout& layout, cudaDataType_t type, const Matrix& x, int64_t batch) {
  check_cublas(cublasLtMatrixLayoutCreate(&layout.it, type, uint64_t(x.rows), uint64_t(x.columns), x.pitch), "layout");
  const int32_t count = int32_t(batch);
  const auto set = [&](cublasLtMatrixLayoutAttribute_t what, const auto& value) {
    check_cublas(cublasLtMatrixLayoutSetAttribute(layout.it, what, &value, sizeof value), "layout");
  };
  set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, count);
  set(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, x.batch_stride);
}

cublasLtHandle_t handle_of(int device) {
  static cublasLtHandle_t handles[kMaxDevices] = {};
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  if (!handles[device]) check_cublas(cublasLtCreate(&handles[device]), "starting");
  return handles[device];
}

class Run {
 public:
  Run(const GemmArgs& g, DType c_type, const Matrix& a, const Matrix& b, const Matrix& c)
      : g_(g), c_type_(c_type), a_(a), b_(b), c_(c) {
    fused_ = g.bias && g.dtype != DType::Float64 && c_type == g.dtype && g.batch == 1 && g.bias_of == BiasOf::Column &&
             g.bias_stride == 1;
    const bool wide = g.dtype == DType::Float64;  // sums and alpha are double, else float
    const cublasComputeType_t sums = wide     ? CUBLAS_COMPUTE_64F
                                     : tf32() ? CUBLAS_COMPUTE_32F_FAST_TF32
                                              : CUBLAS_COMPUTE_32F;
    check_cublas(cublasLtMatmulDescCreate(&product_.it, sums, wide ? CUDA_R_64F : CUDA_R_32F), "product");
    // Column order: c' [n, m] = b' [n, k] a' [k, m].
    set(CUBLASLT_MATMUL_DESC_TRANSA, b.transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(CUBLASLT_MATMUL_DESC_TRANSB, a.transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (fused_) {
      set(CUBLASLT_MATMUL_DESC_EPILOGUE,
          g.activation == Activation::Relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS);
      set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, g.bias);
    }
    make_layout(a_layout_, type_of(g.dtype), a, g.batch);
    make_layout(b_layout_, type_of(g.dtype), b, g.batch);
    make_layout(c_layout_, type_of(c_type), c, g.batch);
  }

  void run() {
    const cublasLtMatmulAlgo_t algorithm = chosen();
    const Scratch workspace(kWorkspace);
    const float alpha = float(g_.alpha), beta = g_.accumulate ? 1 : 0;
    const double wide_alpha = g_.alpha, wide_beta = beta;
    const bool single = g_.dtype != DType::Float64;
    check_cublas(cublasLtMatmul(handle_of(selected()), product_.it,
                                single ? static_cast<const void*>(&alpha) : static_cast<const void*>(&wide_alpha), g_.b,
                                b_layout_.it, g_.a, a_layout_.it,
                                single ? static_cast<const void*>(&beta) : static_cast<const void*>(&wide_beta), g_.c,
                                c_layout_.it, g_.c, c_layout_.it, &algorithm, workspace.data(), kWorkspace, kStream),
                 "product");
    if (!fused_ && (g_.bias || g_.activation != Activation::None)) finish_gemm(g_);
  }

 private:
  bool tf32() const { return g_.tf32 && g_.dtype == DType::Float32; }
  template <class T> void set(cublasLtMatmulDescAttributes_t what, const T& value) {
    check_cublas(cublasLtMatmulDescSetAttribute(product_.it, what, &value, sizeof value), "product");
  }

  // Asked once for each shape, layout and alignment. The bias of an epilogue has no preference of its own: kernels that
  // read it in vectors are left out by what is promised of D.
  cublasLtMatmulAlgo_t chosen() {
    const int64_t item = item_size(g_.dtype), c_item = item_size(c_type_);
    const uint32_t a_align = alignment_of(g_.a, g_.a_batch * item), b_align = alignment_of(g_.b, g_.b_batch * item),
                   c_align = alignment_of(g_.c, g_.c_batch * c_item),
                   d_align = fused_ ? std::min(c_align, alignment_of(g_.bias, 0)) : c_align;
    const bool relu = g_.activation == Activation::Relu;
    const Key key = {selected(),
                     int64_t(g_.dtype) << 8 | int64_t(c_type_),
                     g_.batch,
                     g_.m,
                     g_.n,
                     g_.k,
                     a_.pitch,
                     a_.batch_stride,
                     a_.transposed,
                     b_.pitch,
                     b_.batch_stride,
                     b_.transposed,
                     c_.pitch,
                     c_.batch_stride,
                     int64_t(a_align) << 30 | int64_t(b_align) << 20 | int64_t(c_align) << 10 | d_align,
                     tf32() * 8 + fused_ * 4 + relu * 2 + g_.accumulate};
    static std::mutex mutex;
    static auto* const plans = new std::map<Key, cublasLtMatmulAlgo_t>;
    std::lock_guard lock(mutex);
    const auto found = plans->find(key);
    if (found != plans->end()) return found->second;

    Preference preference;
    check_cublas(cublasLtMatmulPreferenceCreate(&preference.it), "preference");
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t what, const auto& value) {
      check_cublas(cublasLtMatmulPreferenceSetAttribute(preference.it, what, &value, sizeof value), "preference");
    };
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t(kWorkspace));
    prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
           uint32_t(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE | CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, b_align);
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, a_align);
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, c_align);
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, d_align);
    cublasLtMatmulHeuristicResult_t result{};
    int count = 0;
    check_cublas(cublasLtMatmulAlgoGetHeuristic(handle_of(selected()), product_.it, b_layout_.it, a_layout_.it,
                                                c_layout_.it, c_layout_.it, preference.it, 1, &result, &count),
                 "choosing an algorithm");
    check(count > 0, "", "cuBLASLt has no algorithm for a product of [", g_.m, ", ", g_.k, "] and [", g_.k, ", ", g_.n,
          "]");
    if (plans->size() >= kMaxPlans) plans->clear();
    plans->emplace(key, result.algo);
    return result.algo;
  }

  using Key = std::array<int64_t, 16>;
  const GemmArgs& g_;
  const DType c_type_;
  const Matrix &a_, &b_, &c_;
  bool fused_ = false;
  Product product_;
  Layout a_layout_, b_layout_, c_layout_;
};

}  // namespace

bool gemm_by_cublas(const GemmArgs& args, DType c_type) {
  if (!is_floating(args.dtype) || args.k == 0) return false;
  const bool by_columns = args.c_col != 1 && args.n != 1;
  const GemmArgs g = by_columns ? transposed(args) : args;
  if (g.batch > INT32_MAX) return false;
  const Matrix a = transpose_of(g.m, g.k, g.a_row, g.a_col, g.a_batch);
  const Matrix b = transpose_of(g.k, g.n, g.b_row, g.b_col, g.b_batch);
  const Matrix c = transpose_of(g.m, g.n, g.c_row, g.c_col, g.c_batch);
  if (!a.fits || !b.fits || !c.fits || c.transposed) return false;
  Run(g, c_type, a, b, c).run();
  return true;
}

}  // namespace cnn::cuda
