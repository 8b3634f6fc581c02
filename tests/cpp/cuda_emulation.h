// CUDA on the host, to run kernels where there is no GPU: memory.h has the devices' memory, stream.h the order of work,
// fibers.h the threads of a kernel, checks.h what can be watched of them, graphs.h recorded work. Here are the other
// calls of the runtime.
// Not covered: memory ordering within a barrier's phase, timing.
#pragma once

#include <cstdint>
#include <cstdio>

#include "emulation/fibers.h"

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInitializationError = 3,
  cudaErrorInvalidDevicePointer = 17,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorInvalidResourceHandle = 400,
  cudaErrorIllegalState = 401,
  cudaErrorNotReady = 600,
  cudaErrorPeerAccessAlreadyEnabled = 704,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureInvalidated = 901,
  cudaErrorStreamCaptureMerge = 902,
  cudaErrorStreamCaptureUnmatched = 903,
  cudaErrorStreamCaptureUnjoined = 904,
  cudaErrorStreamCaptureIsolation = 905,
  cudaErrorStreamCaptureImplicit = 906,
  cudaErrorCapturedEvent = 907,
  cudaErrorStreamCaptureWrongThread = 908,
};
enum cudaMemcpyKind {
  cudaMemcpyHostToHost,
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault
};
enum cudaMemoryType { cudaMemoryTypeUnregistered, cudaMemoryTypeHost, cudaMemoryTypeDevice, cudaMemoryTypeManaged };
inline constexpr unsigned cudaStreamDefault = 0, cudaStreamNonBlocking = 1;
inline constexpr unsigned cudaEventDefault = 0, cudaEventBlockingSync = 1, cudaEventDisableTiming = 2;
inline constexpr unsigned cudaHostAllocDefault = 0, cudaHostAllocPortable = 1, cudaHostAllocMapped = 2;
#include "emulation/graphs.h"

struct cudaPointerAttributes {
  cudaMemoryType type;
  int device;
  void* devicePointer;
  void* hostPointer;
};

namespace cnn::emulation {

// The process that used CUDA first: after a fork the driver refuses the child.
inline bool forked() {
  static const pid_t started = getpid();
  return getpid() != started;
}

// Between any two places, by a device whose memory one of them is in.
inline void copy(void* to, const void* from, size_t n) {
  const Access access(device_of(to), device_of(from));
  std::memmove(to, from, n);
  checks::fill(to, n);
}

inline bool in_one_block(const void* p, size_t n) {
  const int device = device_of(p);
  if (device < 0) return true;
  const auto* const block = memory(device).block_at(p);
  return block && static_cast<const char*>(p) + n <= block->first + block->second.size;
}

inline cudaError_t copy_in_order(void* to, const void* from, size_t n, cudaStream_t stream, bool host_waits) {
  const Access lock;
  if (n == 0) return cudaSuccess;
  if (forked()) return cudaErrorInitializationError;
  if (!in_one_block(to, n) || !in_one_block(from, n)) return cudaErrorInvalidValue;
  const bool up = device_of(to) >= 0, down = device_of(from) >= 0;
  const void* const host = up ? from : to;
  const bool pageable = up != down && !pinned_at(host);
  if (const auto& capture = queue().stream(stream).capture) {
    if (pageable) {
      capture->invalid = true;
      return cudaErrorStreamCaptureUnsupported;
    }
    queue().add(stream, [=] {
      if (!in_one_block(to, n) || !in_one_block(from, n) || (up != down && !pinned_at(host)))
        throw std::runtime_error("a graph copies from or to memory that has been freed");
      copy(to, from, n);
    });
    return cudaSuccess;
  }
  if (up != down && (pageable || host_waits)) {
    counts().copies += up;
    counts().waits += down;
    queue().finish(stream);
    copy(to, from, n);
    return cudaSuccess;
  }
  if (down && !up) std::memset(to, kFresh, n);  // who reads before it waits sees this
  queue().add(stream, [=] { copy(to, from, n); });
  if (host_waits && !up && !down) queue().finish(stream);
  return cudaSuccess;
}

}  // namespace cnn::emulation

inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline cudaError_t cudaPeekAtLastError() { return cudaSuccess; }
inline const char* cudaGetErrorString(cudaError_t e) {
  switch (e) {
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInitializationError:
      return "initialization error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
      return "operation failed due to a previous error during capture";
    case cudaErrorStreamCaptureUnjoined:
      return "capturing stream has unjoined work";
    case cudaErrorStreamCaptureIsolation:
      return "dependency created on uncaptured work in another stream";
    case cudaErrorCapturedEvent:
      return "operation not permitted on an event last recorded in a capturing stream";
    default:
      return "an emulated error";
  }
}
inline const char* cudaGetErrorName(cudaError_t) { return "cudaError"; }

// ---- Devices ----

inline cudaError_t cudaGetDeviceCount(int* count) {
  *count = cnn::emulation::options().devices;
  return cudaSuccess;
}
inline cudaError_t cudaSetDevice(int device) {
  if (cnn::emulation::forked()) return cudaErrorInitializationError;
  if (device < 0 || device >= cnn::emulation::options().devices) return cudaErrorInvalidDevice;
  cnn::emulation::current_device() = device;
  return cudaSuccess;
}
inline cudaError_t cudaGetDevice(int* device) {
  *device = cnn::emulation::current_device();
  return cudaSuccess;
}
inline cudaError_t cudaDeviceSynchronize() {
  const cnn::emulation::Access lock;
  if (const cudaError_t error = cnn::emulation::wait_for_device(cnn::emulation::current_device()); error != cudaSuccess)
    return error;
  ++cnn::emulation::counts().waits;
  cnn::emulation::queue().finish_device(cnn::emulation::current_device());
  return cudaSuccess;
}
inline cudaError_t cudaDeviceCanAccessPeer(int* can, int, int) {
  *can = 0;
  return cudaSuccess;
}
inline cudaError_t cudaDriverGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
inline cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}

#include "emulation/properties.h"

// ---- Memory ----

inline cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* a, const void* p) {
  const cnn::emulation::Access lock;
  const int device = cnn::emulation::device_of(p);
  void* const q = const_cast<void*>(p);
  if (device >= 0) *a = {cudaMemoryTypeDevice, device, q, nullptr};
  else if (cnn::emulation::pinned_at(p)) *a = {cudaMemoryTypeHost, 0, q, q};
  else *a = {cudaMemoryTypeUnregistered, -2, nullptr, q};
  return cudaSuccess;
}
inline cudaError_t cudaMalloc(void** p, size_t n) {
  const int device = cnn::emulation::current_device();
  const cnn::emulation::Access access(device);
  if (cnn::emulation::forked()) return cudaErrorInitializationError;
  if (const cudaError_t error = cnn::emulation::unsafe_call(); error != cudaSuccess) return error;
  *p = cnn::emulation::memory(device).take(n);
  if (!*p) return cudaErrorMemoryAllocation;
  cnn::emulation::checks::forget(*p, n);
  return cudaSuccess;
}
inline cudaError_t cudaFree(void* p) {
  if (!p) return cudaSuccess;
  const int device = cnn::emulation::device_of(p);
  if (device < 0) return cudaErrorInvalidDevicePointer;
  const cnn::emulation::Access access(device);
  if (const cudaError_t error = cnn::emulation::unsafe_call(); error != cudaSuccess) return error;
  cnn::emulation::queue().finish_device(device);
  cnn::emulation::memory(device).give_back(p);
  return cudaSuccess;
}
inline cudaError_t cudaMemGetInfo(size_t* left, size_t* total) {
  const cnn::emulation::Access lock;
  const auto& m = cnn::emulation::memory(cnn::emulation::current_device());
  *total = m.limit;
  *left = m.limit - m.taken;
  return cudaSuccess;
}
inline cudaError_t cudaHostAlloc(void** p, size_t n, unsigned = cudaHostAllocDefault) {
  const cnn::emulation::Access lock;
  if (cnn::emulation::forked()) return cudaErrorInitializationError;
  if (const cudaError_t error = cnn::emulation::unsafe_call(); error != cudaSuccess) return error;
  *p = std::aligned_alloc(cnn::emulation::kPage,
                          (n + cnn::emulation::kPage) / cnn::emulation::kPage * cnn::emulation::kPage);
  if (!*p) return cudaErrorMemoryAllocation;
  std::memset(*p, cnn::emulation::kFresh, n);
  cnn::emulation::pinned()[static_cast<const char*>(*p)] = n;
  return cudaSuccess;
}
inline cudaError_t cudaMallocHost(void** p, size_t n) { return cudaHostAlloc(p, n); }
inline cudaError_t cudaFreeHost(void* p) {
  const cnn::emulation::Access lock;
  if (!p) return cudaSuccess;
  if (const cudaError_t error = cnn::emulation::unsafe_call(); error != cudaSuccess) return error;
  for (int d = 0; d < cnn::emulation::options().devices; ++d) cnn::emulation::queue().finish_device(d);
  if (cnn::emulation::pinned().erase(static_cast<const char*>(p)) == 0) return cudaErrorInvalidValue;
  std::free(p);
  return cudaSuccess;
}
inline cudaError_t cudaHostGetDevicePointer(void** on_device, void* p, unsigned) {
  *on_device = p;
  return cudaSuccess;
}

// ---- Copies ----

inline cudaError_t cudaMemcpy(void* to, const void* from, size_t n, cudaMemcpyKind) {
  const cnn::emulation::Access lock;
  if (const cudaError_t error = cnn::emulation::unsafe_call(); error != cudaSuccess) return error;
  return cnn::emulation::copy_in_order(to, from, n, nullptr, true);
}
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t n, cudaMemcpyKind,
                                   cudaStream_t stream = nullptr) {
  return cnn::emulation::copy_in_order(to, from, n, stream, false);
}
inline cudaError_t cudaMemcpyPeer(void* to, int there, const void* from, int here, size_t n) {
  const cnn::emulation::Access lock;
  if (cnn::emulation::device_of(to) != there || cnn::emulation::device_of(from) != here) return cudaErrorInvalidValue;
  if (!cnn::emulation::in_one_block(to, n) || !cnn::emulation::in_one_block(from, n)) return cudaErrorInvalidValue;
  if (const cudaError_t error = cnn::emulation::unsafe_call(); error != cudaSuccess) return error;
  cnn::emulation::queue().add_between(there, here, [=] { cnn::emulation::copy(to, from, n); });
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyPeerAsync(void* to, int there, const void* from, int here, size_t n,
                                       cudaStream_t stream = nullptr) {
  if (cnn::emulation::device_of(to) != there || cnn::emulation::device_of(from) != here) return cudaErrorInvalidValue;
  return cnn::emulation::copy_in_order(to, from, n, stream, false);
}
inline cudaError_t cudaMemsetAsync(void* to, int value, size_t n, cudaStream_t stream = nullptr) {
  const cnn::emulation::Access lock;
  if (!cnn::emulation::in_one_block(to, n)) return cudaErrorInvalidValue;
  cnn::emulation::queue().add(stream, [=] {
    const cnn::emulation::Access access(cnn::emulation::device_of(to));
    std::memset(to, value, n);
    cnn::emulation::checks::fill(to, n);
  });
  return cudaSuccess;
}
inline cudaError_t cudaMemset(void* to, int value, size_t n) { return cudaMemsetAsync(to, value, n); }

// ---- Streams and events ----

inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const cnn::emulation::Access lock;
  *stream = cnn::emulation::queue().create(!(flags & cudaStreamNonBlocking));
  return cudaSuccess;
}
inline cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, 0); }
inline cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return cudaStreamCreateWithFlags(stream, flags);
}
inline cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0, *greatest = -5;
  return cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const cnn::emulation::Access lock;
  cnn::emulation::queue().destroy(stream);
  return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const cnn::emulation::Access lock;
  if (const cudaError_t error = cnn::emulation::wait_for(stream); error != cudaSuccess) return error;
  ++cnn::emulation::counts().waits;
  cnn::emulation::queue().finish(stream);
  return cudaSuccess;
}
inline cudaError_t cudaStreamQuery(cudaStream_t stream) {
  const cnn::emulation::Access lock;
  if (const cudaError_t error = cnn::emulation::wait_for(stream); error != cudaSuccess) return error;
  cnn::emulation::queue().some(1);
  return cnn::emulation::queue().is_done(stream) ? cudaSuccess : cudaErrorNotReady;
}
inline cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned = 0) {
  const cnn::emulation::Access lock;
  return cnn::emulation::await(stream, *event);
}
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}
inline cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
inline cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream = nullptr) {
  const cnn::emulation::Access lock;
  if (cnn::emulation::queue().stream(stream).device != event->device) return cudaErrorInvalidResourceHandle;
  cnn::emulation::queue().record(*event, stream);
  return cudaSuccess;
}
inline cudaError_t cudaEventQuery(cudaEvent_t event) {
  const cnn::emulation::Access lock;
  if (const cudaError_t error = cnn::emulation::wait_for(*event); error != cudaSuccess) return error;
  cnn::emulation::queue().some(1);
  return cnn::emulation::queue().is_done(event->after) ? cudaSuccess : cudaErrorNotReady;
}
inline cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const cnn::emulation::Access lock;
  if (const cudaError_t error = cnn::emulation::wait_for(*event); error != cudaSuccess) return error;
  ++cnn::emulation::counts().waits;
  cnn::emulation::queue().finish(event->after);
  return cudaSuccess;
}
// A millisecond for each piece of work issued between the two.
inline cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end) {
  const cnn::emulation::Access lock;
  if (start->capture || end->capture) return cudaErrorCapturedEvent;
  if (start->time == 0 || end->time == 0) return cudaErrorInvalidResourceHandle;
  if (!cnn::emulation::queue().is_done(end->after)) return cudaErrorNotReady;
  *ms = float(end->time) - float(start->time);
  return cudaSuccess;
}
