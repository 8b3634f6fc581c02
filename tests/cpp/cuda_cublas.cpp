// cuBLASLt's calls on the host, by plain loops over what the descriptors say, and strict about them: leading
// dimensions, batches, types, pointers and their alignment, workspace, and that an algorithm runs the product that it
// was chosen for.
// What it refuses fails, and says why on stderr.
#include <cublasLt.h>

#include <cmath>
#include <cstring>

#include "emulation/numbers.h"

struct cublasLtContext {
  int device;
};
struct cublasLtMatrixLayoutOpaque_t {
  cudaDataType type;
  uint64_t rows, columns;
  int64_t pitch;
  int32_t batch = 1;
  int64_t stride = 0;
};
struct cublasLtMatmulDescOpaque_t {
  cublasComputeType_t compute;
  cudaDataType scale;
  cublasOperation_t a = CUBLAS_OP_N, b = CUBLAS_OP_N;
  uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
  int64_t bias_stride = 0;
  int32_t bias_type = -1;
};
struct cublasLtMatmulPreferenceOpaque_t {
  uint64_t workspace = 0;
  uint32_t schemes = 7, a = 256, b = 256, c = 256, d = 256;  // alignments in bytes
};

namespace {

using Layout = cublasLtMatrixLayoutOpaque_t;
using Product = cublasLtMatmulDescOpaque_t;
using Preference = cublasLtMatmulPreferenceOpaque_t;
namespace em = cnn::emulation;

struct Done {
  int64_t products = 0, with_bias = 0, batched = 0, accumulated = 0, narrow = 0;
};
Done& done() {
  static Done d;
  return d;
}

template <class... Parts> cublasStatus_t refuse(cublasStatus_t status, const char* format, Parts... parts) {
  em::say_refused("cuBLASLt", format, parts...);
  return status;
}

template <class T>
cublasStatus_t set(T& field, const void* value, size_t size) {
  if (size != sizeof field)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, "an attribute of %zu bytes, not %zu", size, sizeof field);
  std::memcpy(&field, value, size);
  return CUBLAS_STATUS_SUCCESS;
}

int64_t size_of(cudaDataType type) {
  return type == CUDA_R_64F ? 8 : type == CUDA_R_32F || type == CUDA_R_32I ? 4 : type == CUDA_R_8I ? 1 : 2;
}
cnn::DType dtype_of(cudaDataType type) {
  switch (type) {
    case CUDA_R_64F:
      return cnn::DType::Float64;
    case CUDA_R_32F:
      return cnn::DType::Float32;
    case CUDA_R_16F:
      return cnn::DType::Float16;
    default:
      return cnn::DType::BFloat16;
  }
}
double load(const void* p, int64_t i, cudaDataType type) { return em::load(p, i, dtype_of(type)); }

// What decides whether an algorithm fits a product.
uint64_t mark(const Product& p, const Layout& a, const Layout& b, const Layout& c, const Layout& d) {
  uint64_t h = 14695981039346656037u;
  const auto add = [&h](uint64_t x) { h = (h ^ x) * 1099511628211u; };
  for (const uint64_t x : {uint64_t(p.compute), uint64_t(p.scale), uint64_t(p.a), uint64_t(p.b), uint64_t(p.epilogue),
                           uint64_t(p.bias_stride), uint64_t(p.bias_type)})
    add(x);
  for (const Layout* l : {&a, &b, &c, &d})
    for (const uint64_t x :
         {uint64_t(l->type), l->rows, l->columns, uint64_t(l->pitch), uint64_t(l->batch), uint64_t(l->stride)})
      add(x);
  return h;
}

bool aligned(const void* p, uint64_t to) { return reinterpret_cast<uintptr_t>(p) % to == 0; }

// Are all the matrices of a batch in one block of this device?
bool inside(const void* p, const Layout& l, int device) {
  if (em::device_of(p) != device) return false;
  const auto* const block = em::memory(device).block_at(p);
  if (!block || l.stride < 0) return false;
  const int64_t elements = (l.batch - 1) * l.stride + int64_t(l.columns - 1) * l.pitch + int64_t(l.rows);
  return static_cast<const char*>(p) + elements * size_of(l.type) <= block->first + block->second.size;
}

// Why a product cannot be; null where it can.
const char* fault_of(const Product& p, const Layout& a, const Layout& b, const Layout& c, const Layout& d) {
  const uint64_t m = p.a == CUBLAS_OP_N ? a.rows : a.columns, k = p.a == CUBLAS_OP_N ? a.columns : a.rows;
  const uint64_t n = p.b == CUBLAS_OP_N ? b.columns : b.rows, k_of_b = p.b == CUBLAS_OP_N ? b.rows : b.columns;
  if (k != k_of_b || m != d.rows || n != d.columns || c.rows != d.rows || c.columns != d.columns)
    return "shapes that do not fit";
  for (const Layout* l : {&a, &b, &c})
    if (l->batch != d.batch) return "different batches";
  if (a.type != b.type || c.type != d.type) return "different types";
  const bool narrow = a.type == CUDA_R_16F || a.type == CUDA_R_16BF;
  if (a.type != d.type && !(narrow && d.type == CUDA_R_32F)) return "a result of another type";
  const bool wide = a.type == CUDA_R_64F;
  if (p.compute != (wide ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F) &&
      !(p.compute == CUBLAS_COMPUTE_32F_FAST_TF32 && a.type == CUDA_R_32F))
    return "a type of sums that does not fit";
  if (p.scale != (wide ? CUDA_R_64F : CUDA_R_32F)) return "a scale of another type than the sums";
  if (d.batch > 1 && d.stride == 0) return "results on top of each other";
  const bool has_bias = p.epilogue & CUBLASLT_EPILOGUE_BIAS;
  if (p.epilogue != CUBLASLT_EPILOGUE_DEFAULT && wide) return "an epilogue in double";
  if (has_bias && d.batch > 1 && p.bias_stride == 0) return "one bias for a batch";
  if (p.bias_type >= 0 && p.bias_type != int32_t(d.type) && !(narrow && p.bias_type == CUDA_R_32F))
    return "a bias of another type";
  return nullptr;
}

// A product to be run later: what the descriptors said when it was asked for.
struct Run {
  Product p;
  Layout a_layout, b_layout, c_layout, d_layout;
  const void *a, *b, *c;
  void *d, *workspace;
  double alpha, beta;
  int device;

  template <class Sum> void sums() const {
    const int64_t m = int64_t(d_layout.rows), n = int64_t(d_layout.columns);
    const int64_t k = int64_t(p.a == CUBLAS_OP_N ? a_layout.columns : a_layout.rows);
    const int64_t a_row = p.a == CUBLAS_OP_N ? 1 : a_layout.pitch, a_column = p.a == CUBLAS_OP_N ? a_layout.pitch : 1;
    const int64_t b_row = p.b == CUBLAS_OP_N ? 1 : b_layout.pitch, b_column = p.b == CUBLAS_OP_N ? b_layout.pitch : 1;
    const bool biased = p.epilogue & CUBLASLT_EPILOGUE_BIAS;
    const cudaDataType bias_type = p.bias_type >= 0 ? cudaDataType(p.bias_type) : d_layout.type;
    const bool tf32 = p.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    const auto factor = [tf32](const void* x, int64_t at, cudaDataType type) {
      const double value = load(x, at, type);
      return Sum(tf32 ? em::to_tf32(float(value)) : value);
    };
    for (int64_t s = 0; s < d_layout.batch; ++s)
      for (int64_t j = 0; j < n; ++j)
        for (int64_t i = 0; i < m; ++i) {
          Sum sum = 0;
          for (int64_t q = 0; q < k; ++q)
            sum += factor(a, s * a_layout.stride + i * a_row + q * a_column, a_layout.type) *
                   factor(b, s * b_layout.stride + q * b_row + j * b_column, b_layout.type);
          Sum y = Sum(alpha) * sum;
          if (beta != 0) y += Sum(beta) * Sum(load(c, s * c_layout.stride + j * c_layout.pitch + i, c_layout.type));
          if (biased) y += Sum(load(p.bias, s * p.bias_stride + i, bias_type));
          if (p.epilogue & CUBLASLT_EPILOGUE_RELU && y < 0) y = 0;
          if (p.epilogue & CUBLASLT_EPILOGUE_GELU)  // by tanh, as the library does it
            y = y / 2 * (1 + std::tanh(Sum(0.7978845608028654) * (y + Sum(0.044715) * y * y * y)));
          const int64_t at = s * d_layout.stride + j * d_layout.pitch + i;
          em::store(d, at, dtype_of(d_layout.type), y);
          em::checks::fill(static_cast<char*>(d) + at * size_of(d_layout.type), size_t(size_of(d_layout.type)));
        }
  }

  void operator()() const {
    const em::Access access(device);
    if (workspace) std::memset(workspace, 0x5a, 4096);  // nobody else's
    if (a_layout.type == CUDA_R_64F) sums<double>();
    else sums<float>();
  }
};

}  // namespace

// Products so far; those with a bias, in batches, added to what was there, of 16-bit floats.
extern "C" __attribute__((visibility("default"))) void cnn_emulation_products(int64_t* out) {
  const em::Access lock;
  const Done& d = done();
  out[0] = d.products, out[1] = d.with_bias, out[2] = d.batched, out[3] = d.accumulated, out[4] = d.narrow;
}

const char* cublasLtGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS ? "success" : "refused by the emulation";
}
cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new cublasLtContext{em::current_device()};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type, uint64_t rows,
                                          uint64_t columns, int64_t pitch) {
  if (rows == 0 || columns == 0 || pitch < int64_t(rows))
    return refuse(CUBLAS_STATUS_INVALID_VALUE, "a matrix of %ld x %ld with pitch %ld", long(rows), long(columns),
                  long(pitch));
  *layout = new Layout{type, rows, columns, pitch};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t what,
                                                const void* value, size_t size) {
  if (what == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT) return set(layout->batch, value, size);
  return set(layout->stride, value, size);
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete layout;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* product, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  *product = new Product{compute, scale};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t what,
                                              const void* value, size_t size) {
  switch (what) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return set(product->a, value, size);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return set(product->b, value, size);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return set(product->epilogue, value, size);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return set(product->bias, value, size);
    case CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE:
      return set(product->bias_stride, value, size);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
      return set(product->bias_type, value, size);
  }
  return refuse(CUBLAS_STATUS_INVALID_VALUE, "attribute %d of a product", int(what));
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product) {
  delete product;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = new Preference;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t what, const void* value,
                                                    size_t size) {
  switch (what) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return set(preference->workspace, value, size);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      return set(preference->schemes, value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
      return set(preference->a, value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
      return set(preference->b, value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
      return set(preference->c, value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      return set(preference->d, value, size);
  }
  return refuse(CUBLAS_STATUS_INVALID_VALUE, "attribute %d of a preference", int(what));
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete preference;
  return CUBLAS_STATUS_SUCCESS;
}

// The algorithm remembers what it was asked for: the product, the alignments that it may count on, the workspace.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t product, cublasLtMatrixLayout_t a,
                                              cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                                              cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference,
                                              int wanted, cublasLtMatmulHeuristicResult_t* results, int* found) {
  if (const char* why = fault_of(*product, *a, *b, *c, *d)) return refuse(CUBLAS_STATUS_INVALID_VALUE, "%s", why);
  if (preference->schemes & CUBLASLT_REDUCTION_SCHEME_INPLACE)
    return refuse(CUBLAS_STATUS_NOT_SUPPORTED, "reductions in place, whose order varies");
  results[0] = {};
  const Preference& p = *preference;
  results[0].algo = {{p.a, p.b, p.c, p.d, p.workspace, mark(*product, *a, *b, *c, *d), 0, 0}};
  results[0].workspaceSize = p.workspace;
  results[0].state = CUBLAS_STATUS_SUCCESS;
  *found = wanted >= 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t product, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout,
                              const void* beta, const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              size_t workspace_size, cudaStream_t stream) {
  const em::Access lock;
  const Product& p = *product;
  const uint64_t* const promised = algorithm->data;
  const int device = em::current_device();
  constexpr cublasStatus_t kInvalid = CUBLAS_STATUS_INVALID_VALUE;
  if (const char* why = fault_of(p, *a_layout, *b_layout, *c_layout, *d_layout)) return refuse(kInvalid, "%s", why);
  if (promised[5] != mark(p, *a_layout, *b_layout, *c_layout, *d_layout))
    return refuse(kInvalid, "an algorithm that was chosen for another product");
  if (handle->device != device) return refuse(kInvalid, "a handle of another device");
  const void* const places[] = {a, b, c, d};
  const Layout* const layouts[] = {a_layout, b_layout, c_layout, d_layout};
  for (int i = 0; i < 4; ++i) {
    if (!inside(places[i], *layouts[i], device))
      return refuse(kInvalid, "operand %c is not in a block of cuda:%d", "abcd"[i], device);
    const int64_t bytes = layouts[i]->batch > 1 ? layouts[i]->stride * size_of(layouts[i]->type) : 0;
    if (!aligned(places[i], promised[i]) || bytes % int64_t(promised[i]) != 0)
      return refuse(kInvalid, "operand %c is less aligned than the %ld bytes promised", "abcd"[i], long(promised[i]));
  }
  if (c == d && (c_layout->pitch != d_layout->pitch || c_layout->stride != d_layout->stride))
    return refuse(kInvalid, "a result in place of another layout");
  if (workspace_size < promised[4] || (promised[4] > 0 && !aligned(workspace, 256)) ||
      (workspace && !inside(workspace, {CUDA_R_8I, workspace_size, 1, int64_t(workspace_size)}, device)))
    return refuse(kInvalid, "a workspace of %zu bytes", workspace_size);
  const bool biased = p.epilogue & CUBLASLT_EPILOGUE_BIAS;
  if (biased) {
    Layout vector{p.bias_type >= 0 ? cudaDataType(p.bias_type) : d_layout->type,
                  d_layout->rows,
                  1,
                  int64_t(d_layout->rows),
                  d_layout->batch,
                  p.bias_stride};
    if (!inside(p.bias, vector, device)) return refuse(kInvalid, "a bias that is not in a block of cuda:%d", device);
    if (!aligned(p.bias, promised[3])) return refuse(kInvalid, "a bias less aligned than was promised of the result");
  }
  const bool wide = p.scale == CUDA_R_64F;
  const Run run{p,
                *a_layout,
                *b_layout,
                *c_layout,
                *d_layout,
                a,
                b,
                c,
                d,
                workspace,
                wide ? *static_cast<const double*>(alpha) : *static_cast<const float*>(alpha),
                wide ? *static_cast<const double*>(beta) : *static_cast<const float*>(beta),
                device};
  Done& so_far = done();
  ++so_far.products;
  so_far.with_bias += biased;
  so_far.batched += d_layout->batch > 1;
  so_far.accumulated += run.beta != 0;
  so_far.narrow += size_of(a_layout->type) == 2;
  em::counts().launches += !em::queue().stream(stream).capture;
  em::queue().add(stream, run);
  return CUBLAS_STATUS_SUCCESS;
}
