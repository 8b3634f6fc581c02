// The emulation of CUDA finds the faults that are planted here, and is silent where there are none.
#include <cublasLt.h>
#include <sys/wait.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cuda/memory.h"
#include "cuda/runtime.h"
#include "expect.h"

namespace {

using namespace cnn;
namespace em = emulation;

constexpr int kThreads = 64;

// ---- Kernels ----

__global__ void copy_all(const int* x, int* y) {
  y[blockIdx.x * blockDim.x + threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
}
template <bool kBarrier>
__global__ void reverse(const int* x, int* y) {
  __shared__ int row[kThreads];
  row[threadIdx.x] = x[threadIdx.x];
  if (kBarrier) __syncthreads();
  y[threadIdx.x] = row[kThreads - 1 - threadIdx.x];
}
// A sum in two phases; the barrier between the turns keeps a fast thread from the next turn's writes.
template <bool kBarrier>
__global__ void sum_twice(const int* x, int* y) {
  __shared__ int all[kThreads];
  for (int turn = 0; turn < 2; ++turn) {
    all[threadIdx.x] = x[threadIdx.x] + turn;
    __syncthreads();
    if (threadIdx.x == 0) {
      int sum = 0;
      for (int t = 0; t < kThreads; ++t) sum += all[t];
      y[turn] = sum;
    }
    if (kBarrier) __syncthreads();
  }
}
__global__ void sum_by_warps(const int* x, int* y) {
  int sum = x[threadIdx.x];
  for (int step = 16; step > 0; step /= 2) sum += __shfl_down_sync(~0u, sum, step);
  if (threadIdx.x % 32 == 0) y[threadIdx.x / 32] = sum;
}
// Through shared memory that the launch asks for, from `first` on.
__global__ void through_shared(int* y, int first) {
  int* const row = reinterpret_cast<int*>(em::launched_shared());
  row[first + int(threadIdx.x)] = int(threadIdx.x);
  __syncthreads();
  y[threadIdx.x] = row[first + kThreads - 1 - int(threadIdx.x)];
}
// Each thread's four numbers, by a copy that happens later.
template <bool kAwaits>
__global__ void copy_later(const int* x, int* y) {
  alignas(16) __shared__ int row[kThreads];
  int* const mine = row + 4 * threadIdx.x;
  for (int i = 0; i < 4; ++i) mine[i] = -1;
  em::warp::copy_later(reinterpret_cast<uintptr_t>(mine), x + 4 * threadIdx.x, true);
  if (kAwaits) em::warp::await_copies();
  for (int i = 0; i < 4; ++i) y[4 * threadIdx.x + unsigned(i)] = mine[i];
}
__global__ void half_waits(int) {
  if (threadIdx.x < 32) __syncwarp();
  if (threadIdx.x == 5) __syncwarp();
  __syncthreads();
}
__global__ void all_write(int* y) { y[0] = 7; }
__global__ void block_writes(int* y) {
  if (threadIdx.x == 0) y[0] = int(blockIdx.x);
}
__global__ void block_reads(const int* x, int* y) {
  if (threadIdx.x == 0) y[1 + blockIdx.x] = blockIdx.x == 0 ? 1 : x[1];
}
__global__ void count(int* y) { atomicAdd(y, 1); }
__global__ void read_fresh(const int* x, int* y) { y[threadIdx.x] = x[threadIdx.x] + 1; }
__global__ void read_shared(int* y) {
  __shared__ int left[kThreads];
  y[blockIdx.x] = left[0];
  if (blockIdx.x == 0) left[0] = 1;
}
__global__ void at_odd_place(const char* x, int* y) { y[threadIdx.x] = *reinterpret_cast<const int*>(x + 2); }
__global__ void by_address(int* const* where) { **where = 1; }

// ---- Memory ----

int* ints(size_t n, int device = 0) {
  void* p = nullptr;
  cudaSetDevice(device);
  EXPECT(cudaMalloc(&p, n * sizeof(int)) == cudaSuccess);
  return static_cast<int*>(p);
}
int* ints(const std::vector<int>& values) {
  int* const p = ints(values.size());
  cudaMemcpy(p, values.data(), values.size() * sizeof(int), cudaMemcpyHostToDevice);
  return p;
}
std::vector<int> values(const int* p, size_t n) {
  std::vector<int> v(n);
  cudaMemcpy(v.data(), p, n * sizeof(int), cudaMemcpyDeviceToHost);
  return v;
}
std::vector<int> numbers() {
  std::vector<int> v(kThreads);
  for (int i = 0; i < kThreads; ++i) v[size_t(i)] = i * i % 37;
  return v;
}

// What a launch says of itself; empty where nothing is wrong.
template <class F> std::string said(const F& f) {
  try {
    f();
    cudaDeviceSynchronize();
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "";
}
bool has(const std::string& text, const char* part) { return text.find(part) != text.npos; }

// In a process of its own: does it come to its end?
template <class F> bool dies(const F& f) {
  const pid_t child = fork();
  if (child == 0) {
    if (!std::freopen("/dev/null", "w", stderr)) _exit(1);
    said(f);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status != 0;
}

// ---- What is found in every build ----

void test_forbidden_memory() {
  EXPECT(!dies([] { values(ints(4), 4); }));
  EXPECT(dies([] { ints(4)[0] = 1; }));  // from the host
  EXPECT(dies([] {  // on the other device
    int *const x = ints(kThreads, 1), *const y = ints(kThreads, 0);
    CNN_LAUNCH(copy_all, 1, kThreads, x, y);
    cudaDeviceSynchronize();
  }));
  EXPECT(dies([] {  // past the end
    int *const x = ints(kThreads), *const y = ints(kThreads);
    CNN_LAUNCH(copy_all, 2, kThreads, x, y);
    cudaDeviceSynchronize();
  }));
  EXPECT(dies([] {  // after it was freed
    int *const x = ints(kThreads), *const y = ints(kThreads);
    cudaFree(x);
    CNN_LAUNCH(copy_all, 1, kThreads, x, y);
    cudaDeviceSynchronize();
  }));
}

void test_margins() {
  int* const y = ints(3);
  const std::string fault = said([&] { CNN_LAUNCH(block_writes, 1, 1, y + 3); });
  EXPECT(has(fault, "outside of every block") == em::checks::kOn);
  EXPECT(has(said([&] { cudaFree(y); }), "behind the end"));
}

void test_shared_memory() {
  int* const y = ints(kThreads);
  constexpr int size = kThreads * int(sizeof(int)), large = 99 << 10, first = large / int(sizeof(int)) - kThreads;
  EXPECT(said([&] { CNN_LAUNCH_SHARED(through_shared, 1, kThreads, size, y, 0); }).empty());
  EXPECT(values(y, 1)[0] == kThreads - 1);
  const std::string fault = said([&] { CNN_LAUNCH_SHARED(through_shared, 1, kThreads, size, y, 1); });
  EXPECT(has(fault, "goes past the end of 256 bytes of shared memory") == em::checks::kOn);
  EXPECT(has(said([&] { CNN_LAUNCH_SHARED(through_shared, 1, kThreads, large, y, first); }), "has been allowed"));
  const auto allow = [](int n) {
    return cudaFuncSetAttribute(through_shared, cudaFuncAttributeMaxDynamicSharedMemorySize, n);
  };
  EXPECT(allow(large) == cudaSuccess && allow(228 << 10) == cudaErrorInvalidValue);
  EXPECT(said([&] { CNN_LAUNCH_SHARED(through_shared, 1, kThreads, large, y, first); }).empty());
  cudaSetDevice(1);  // each device is asked
  EXPECT(has(said([&] { CNN_LAUNCH_SHARED(through_shared, 1, kThreads, large, y, first); }), "has been allowed"));
  cudaSetDevice(0);
}

void test_barriers() {
  const std::vector<int> x = numbers();
  std::vector<int> wanted(x.rbegin(), x.rend());
  int *const from = ints(x), *const to = ints(x.size());
  bool right = true, wrong_without = false;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    em::set_seed(seed);
    EXPECT(said([&] { CNN_LAUNCH(reverse<true>, 1, kThreads, from, to); }).empty());
    right &= values(to, x.size()) == wanted;
    const std::string fault = said([&] { CNN_LAUNCH(reverse<false>, 1, kThreads, from, to); });
    EXPECT(fault.empty() != em::checks::kOn);
    wrong_without |= values(to, x.size()) != wanted;
  }
  EXPECT(right);
  EXPECT(wrong_without);  // a missing barrier shows in the result too
  EXPECT(said([&] { CNN_LAUNCH(copy_later<true>, 1, kThreads / 4, from, to); }).empty());
  EXPECT(values(to, x.size()) == x);
  EXPECT(said([&] { CNN_LAUNCH(copy_later<false>, 1, kThreads / 4, from, to); }).empty());
  EXPECT(values(to, x.size()) != x);  // nor can copies go unawaited
  EXPECT(has(said([] { CNN_LAUNCH(half_waits, 1, kThreads, 0); }), "deadlock"));
  EXPECT(said([&] { CNN_LAUNCH(sum_twice<true>, 1, kThreads, from, to); }).empty());
  EXPECT(said([&] { CNN_LAUNCH(sum_by_warps, 1, kThreads, from, to); }).empty());
  EXPECT(values(to, 1)[0] == [&] {
    int sum = 0;
    for (int i = 0; i < 32; ++i) sum += x[size_t(i)];
    return sum;
  }());
}

void test_devices() {
  int count = 0;
  cudaGetDeviceCount(&count);
  EXPECT(count == 2);
  int *const x = ints(kThreads, 1), *const y = ints(kThreads, 0);
  EXPECT(em::device_of(x) == 1 && em::device_of(y) == 0);
  cudaStream_t stream;
  cudaSetDevice(1);
  cudaStreamCreate(&stream);
  cudaSetDevice(0);
  EXPECT(has(said([&] { em::launch("", 1, kThreads, 0, stream, copy_all, y, y); }), "another device"));
  const std::vector<int> sent = numbers();
  cudaMemcpy(x, sent.data(), sent.size() * sizeof(int), cudaMemcpyHostToDevice);
  EXPECT(cudaMemcpyPeer(y, 0, x, 1, kThreads * sizeof(int)) == cudaSuccess);
  EXPECT(values(y, kThreads) == sent);
  EXPECT(cudaMemcpyPeer(y, 1, x, 1, 4) == cudaErrorInvalidValue);
  EXPECT(cudaSetDevice(2) == cudaErrorInvalidDevice);
}

// ---- cuBLASLt ----

// d [3, 2] = a [3, 4] b [4, 2] + bias, in column order; each member can be made wrong.
struct Product {
  int64_t pitch = 3, stride = 6, offset = 0;  // of d; first element of all
  int32_t batch = 1;
  cudaDataType_t type = CUDA_R_32F;
  uint32_t alignment = 4, epilogue = CUBLASLT_EPILOGUE_BIAS;
  float *a, *b, *d, *bias;
  size_t workspace = 256;
  int columns = 2, chosen_for = 2;

  Product() : a(floats()), b(floats()), d(floats()), bias(floats()) {}

  static float* floats() {
    float values[32];
    for (int i = 0; i < 32; ++i) values[i] = float(i);
    float* const p = reinterpret_cast<float*>(ints(32));
    cudaMemcpy(p, values, sizeof values, cudaMemcpyHostToDevice);
    return p;
  }

  cublasStatus_t run() const {
    cublasLtHandle_t handle;
    cublasLtMatmulDesc_t product;
    cublasLtMatrixLayout_t first, second, result, other;
    cublasLtMatmulPreference_t preference;
    cublasLtMatmulHeuristicResult_t found;
    int count = 0;
    cublasLtCreate(&handle);
    cublasLtMatmulDescCreate(&product, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    cublasLtMatmulDescSetAttribute(product, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue);
    cublasLtMatmulDescSetAttribute(product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias);
    if (cublasLtMatrixLayoutCreate(&result, CUDA_R_32F, 3, uint64_t(columns), pitch) != CUBLAS_STATUS_SUCCESS)
      return CUBLAS_STATUS_INVALID_VALUE;
    cublasLtMatrixLayoutCreate(&first, CUDA_R_32F, 3, 4, 3);
    cublasLtMatrixLayoutCreate(&second, type, 4, uint64_t(columns), 4);
    cublasLtMatrixLayoutCreate(&other, CUDA_R_32F, 3, uint64_t(chosen_for), pitch);
    for (cublasLtMatrixLayout_t layout : {first, second, result, other}) {
      cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof batch);
      cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof stride);
    }
    cublasLtMatmulPreferenceCreate(&preference);
    const uint32_t schemes = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    const uint64_t room = 256;
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t what, const auto& value) {
      cublasLtMatmulPreferenceSetAttribute(preference, what, &value, sizeof value);
    };
    prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, schemes);
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, room);
    for (const auto what : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                            CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
      prefer(what, alignment);
    cublasLtMatrixLayout_t b_layout = second, d_layout = result;
    if (chosen_for != columns) {
      cublasLtMatrixLayoutCreate(&b_layout, type, 4, uint64_t(chosen_for), 4);
      d_layout = other;
    }
    cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(handle, product, first, b_layout, d_layout, d_layout,
                                                           preference, 1, &found, &count);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
    const float one = 1, zero = 0;
    static void* const scratch = ints(1024);
    return cublasLtMatmul(handle, product, &one, a + offset, first, b, second, &zero, d, result, d, result, &found.algo,
                          scratch, workspace, nullptr);
  }
};

void test_products() {
  Product right;
  EXPECT(right.run() == CUBLAS_STATUS_SUCCESS);
  float d[6];
  cudaMemcpy(d, right.d, sizeof d, cudaMemcpyDeviceToHost);
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 2; ++j) {
      float sum = float(i);
      for (int q = 0; q < 4; ++q) sum += float(i + 3 * q) * float(q + 4 * j);
      EXPECT(d[i + 3 * j] == sum);
    }
  if (!std::freopen("/dev/null", "w", stderr)) return;  // where it says why
  const auto refused = [](const auto& change) {
    Product p;
    change(p);
    return p.run() != CUBLAS_STATUS_SUCCESS;
  };
  EXPECT(!refused([](Product&) {}));
  EXPECT(refused([](Product& p) { p.pitch = 2; }));  // columns on top of each other
  EXPECT(refused([](Product& p) { p.pitch = 30; }));  // past the end of the block
  EXPECT(refused([](Product& p) { p.offset = 24; }));
  EXPECT(!refused([](Product& p) { p.offset = 1; }));
  EXPECT(refused([](Product& p) { p.offset = 1, p.alignment = 8; }));  // less aligned than promised
  EXPECT(refused([](Product& p) { p.bias += 1, p.alignment = 8; }));
  EXPECT(refused([](Product& p) { p.bias += 30; }));
  EXPECT(refused([](Product& p) { p.bias = nullptr; }));
  EXPECT(refused([](Product& p) { p.type = CUDA_R_64F; }));
  EXPECT(refused([](Product& p) { p.batch = 2, p.stride = 0; }));
  EXPECT(refused([](Product& p) { p.batch = 2, p.stride = 12; }));  // one bias for two
  EXPECT(!refused([](Product& p) { p.batch = 2, p.stride = 12, p.epilogue = CUBLASLT_EPILOGUE_DEFAULT; }));
  EXPECT(refused([](Product& p) { p.batch = 4, p.stride = 12, p.epilogue = CUBLASLT_EPILOGUE_DEFAULT; }));
  EXPECT(refused([](Product& p) { p.workspace = 128; }));
  EXPECT(refused([](Product& p) { p.chosen_for = 1; }));  // another product's algorithm
  EXPECT(refused([](Product& p) {  // another device's memory
    p.b = reinterpret_cast<float*>(ints(32, 1));
    cudaSetDevice(0);
  }));
}

// ---- Deferred ----

void test_deferred() {
  em::options().deferred = true;
  const std::vector<int> first = numbers(), second(first.rbegin(), first.rend());
  int *const x = ints(first), *const y = ints(kThreads), *const z = ints(kThreads);
  const size_t bytes = kThreads * sizeof(int);
  void* pinned = nullptr;
  cudaHostAlloc(&pinned, bytes);
  int* const host = static_cast<int*>(pinned);
  bool late = false, early = false, changed = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    em::set_seed(seed);
    CNN_LAUNCH(copy_all, 1, kThreads, x, y);
    cudaMemcpyAsync(host, y, bytes, cudaMemcpyDeviceToHost);
    late |= host[1] != first[1];  // who does not wait finds this
    cudaDeviceSynchronize();
    EXPECT(std::equal(first.begin(), first.end(), host));

    cudaMemcpyAsync(y, host, bytes, cudaMemcpyHostToDevice);
    host[1] = -1;  // too early, if the copy is late
    cudaDeviceSynchronize();
    changed |= values(y, kThreads)[1] == -1;

    // A stream that does not wait for the event may come first.
    cudaStream_t a, b;
    cudaEvent_t done;
    cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking);
    cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking);
    cudaEventCreate(&done);
    for (const bool waits : {true, false}) {
      cudaMemset(y, 0, bytes);
      cudaMemset(z, 0, bytes);
      cudaDeviceSynchronize();
      em::launch("", 1, kThreads, 0, a, copy_all, x, y);
      cudaEventRecord(done, a);
      if (waits) cudaStreamWaitEvent(b, done);
      em::launch("", 1, kThreads, 0, b, copy_all, y, z);
      cudaStreamSynchronize(b);
      if (waits) EXPECT(values(z, kThreads) == first);
      else early |= values(z, kThreads) != first;
      cudaStreamSynchronize(a);
    }
    cudaEventDestroy(done);
    cudaStreamDestroy(a);
    cudaStreamDestroy(b);
  }
  EXPECT(late);
  EXPECT(changed);
  EXPECT(early);
  cudaFreeHost(pinned);
  em::options().deferred = false;
}

// ---- Recorded work ----

__global__ void add_one(int* x) { ++x[threadIdx.x]; }

// A stream that is recorded, and what becomes of it after `call`.
template <class F>
cudaError_t recorded(const F& call, cudaError_t expected) {
  cudaStream_t s;
  cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
  cudaGraph_t graph = nullptr;
  EXPECT(cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal) == cudaSuccess);
  EXPECT(call(s) == expected);
  const cudaError_t end = cudaStreamEndCapture(s, &graph);
  EXPECT((end == cudaSuccess) == (graph != nullptr));
  delete graph;
  cudaStreamDestroy(s);
  return end;
}

void test_recorded_work() {
  em::options().deferred = true;
  int* const x = ints(std::vector<int>(kThreads, 0));
  const size_t bytes = kThreads * sizeof(int);
  cudaStream_t a, b;
  cudaEvent_t fork, join;
  cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking);
  cudaEventCreate(&fork);
  cudaEventCreate(&join);
  int* const y = ints(std::vector<int>(kThreads, 0));
  const int64_t launches = em::counts().launches;
  for (const bool waits : {true, false}) {
    bool differs = false;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    cudaStreamBeginCapture(a, cudaStreamCaptureModeGlobal);
    em::launch("", 1, kThreads, 0, a, add_one, x);
    cudaEventRecord(fork, a);
    EXPECT(cudaEventQuery(fork) == cudaErrorCapturedEvent);
    cudaStreamWaitEvent(b, fork);
    em::launch("", 1, kThreads, 0, b, copy_all, static_cast<const int*>(x), y);
    cudaEventRecord(join, b);
    if (waits) cudaStreamWaitEvent(a, join);
    em::launch("", 1, kThreads, 0, a, add_one, x);
    if (!waits) cudaStreamWaitEvent(a, join);
    EXPECT(cudaStreamEndCapture(a, &graph) == cudaSuccess);
    cudaGraphInstantiate(&exec, graph, 0);
    cudaGraphDestroy(graph);
    EXPECT(values(x, 1)[0] == 0);  // nothing has been done
    for (uint64_t seed = 0; seed < 50; ++seed) {
      em::set_seed(seed);
      cudaMemsetAsync(x, 0, bytes, a);
      cudaGraphLaunch(exec, a);
      cudaStreamSynchronize(a);
      EXPECT(values(x, 1)[0] == 2);
      differs |= values(y, 1)[0] != 1;
      cudaMemset(x, 0, bytes);
      cudaDeviceSynchronize();
    }
    EXPECT(differs == !waits);  // what is not in order comes in any
    cudaGraphExecDestroy(exec);
  }
  EXPECT(em::counts().launches == launches + 100);
  em::options().deferred = false;

  // What upsets a capture makes it void.
  const auto invalid = [](const auto& call, cudaError_t error) {
    EXPECT(recorded(call, error) == cudaErrorStreamCaptureInvalidated);
  };
  constexpr cudaError_t kUnsupported = cudaErrorStreamCaptureUnsupported;
  invalid([](cudaStream_t s) { return cudaStreamSynchronize(s); }, kUnsupported);
  invalid([](cudaStream_t s) { return cudaStreamQuery(s); }, kUnsupported);
  invalid([](cudaStream_t) { return cudaDeviceSynchronize(); }, kUnsupported);
  void* p = nullptr;
  invalid([&](cudaStream_t) { return cudaMalloc(&p, 4); }, kUnsupported);
  invalid([&](cudaStream_t) { return cudaHostAlloc(&p, 4); }, kUnsupported);
  invalid([&](cudaStream_t) { return cudaFree(y); }, kUnsupported);
  int here[kThreads] = {};
  invalid([&](cudaStream_t s) { return cudaMemcpyAsync(x, here, bytes, cudaMemcpyHostToDevice, s); }, kUnsupported);
  invalid([&](cudaStream_t) { return cudaMemcpy(here, x, bytes, cudaMemcpyDeviceToHost); }, kUnsupported);
  cudaEvent_t before;
  cudaEventCreate(&before);
  cudaEventRecord(before, b);
  invalid([&](cudaStream_t s) { return cudaStreamWaitEvent(s, before); }, cudaErrorStreamCaptureIsolation);
  EXPECT(recorded([&](cudaStream_t s) { return cudaMemcpyAsync(x, y, bytes, cudaMemcpyDeviceToDevice, s); },
                  cudaSuccess) == cudaSuccess);
  EXPECT(recorded(
             [&](cudaStream_t) {
               cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
               cudaThreadExchangeStreamCaptureMode(&mode);
               const cudaError_t error = cudaMalloc(&p, 4);
               cudaThreadExchangeStreamCaptureMode(&mode);
               return error;
             },
             cudaSuccess) == cudaSuccess);
  EXPECT(recorded(
             [&](cudaStream_t s) {
               cudaEventRecord(before, s);
               cudaStreamWaitEvent(b, before);
               em::launch("", 1, kThreads, 0, b, add_one, x);
               return cudaSuccess;
             },
             cudaSuccess) == cudaErrorStreamCaptureUnjoined);
  EXPECT(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeGlobal) == kUnsupported);
  cudaGraph_t none = nullptr;
  EXPECT(cudaStreamEndCapture(a, &none) == cudaErrorIllegalState);
  EXPECT(cudaStreamSynchronize(b) == cudaSuccess);
  for (const cudaEvent_t e : {fork, join, before}) cudaEventDestroy(e);
  for (const cudaStream_t s : {a, b}) cudaStreamDestroy(s);
}

// ---- What only the checked build finds ----

void test_checks() {
  int *const x = ints(numbers()), *const y = ints(kThreads);
  // Right ones first.
  EXPECT(said([&] { CNN_LAUNCH(copy_all, 1, kThreads, x, y); }).empty());
  EXPECT(said([&] { CNN_LAUNCH(sum_twice<true>, 1, kThreads, x, y); }).empty());
  EXPECT(said([&] { CNN_LAUNCH(sum_by_warps, 1, kThreads, x, y); }).empty());
  cudaMemset(y, 0, 4);
  EXPECT(said([&] { CNN_LAUNCH(count, 3, kThreads, y); }).empty());
  EXPECT(values(y, 1)[0] == 3 * kThreads);

  EXPECT(has(said([&] { CNN_LAUNCH(reverse<false>, 1, kThreads, x, y); }), "shared memory"));
  // Whichever comes first: another thread's write, or the read of thread 0.
  EXPECT(has(said([&] { CNN_LAUNCH(sum_twice<false>, 1, kThreads, x, y); }), "a race with the "));
  EXPECT(has(said([&] { CNN_LAUNCH(all_write, 1, kThreads, y); }), "a race with the write of"));
  EXPECT(has(said([&] { CNN_LAUNCH(block_writes, 2, 1, y); }), "a race with the write of thread 0 of block 0"));
  EXPECT(has(said([&] { CNN_LAUNCH(block_reads, 2, kThreads, y, y); }), "a race with the write of"));
  EXPECT(has(said([&] { CNN_LAUNCH(read_fresh, 1, 4, ints(4), y); }), "nobody has written"));
  EXPECT(has(said([&] { CNN_LAUNCH(read_shared, 2, 1, y); }), "nobody has written"));
  EXPECT(has(said([&] { CNN_LAUNCH(at_odd_place, 1, 1, reinterpret_cast<const char*>(x), y); }), "misaligned"));
  int here = 0;
  void* where = nullptr;
  cudaMalloc(&where, sizeof(int*));
  for (int* p : {&here, x}) {
    cudaMemcpy(where, &p, sizeof p, cudaMemcpyHostToDevice);
    const std::string fault = said([&] { CNN_LAUNCH(by_address, 1, 1, static_cast<int* const*>(where)); });
    EXPECT(has(fault, "memory of the host") == (p == &here));
  }
}

}  // namespace

int main() {
  if (beyond_emulation("test_cuda_emulation")) return report();
  em::options().guarded = true;
  test_forbidden_memory();
  test_barriers();
  test_margins();
  test_shared_memory();
  test_devices();
  test_deferred();
  test_recorded_work();
  if (em::checks::kOn) test_checks();
  test_products();
  return report();
}
