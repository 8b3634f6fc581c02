// What the runtime says of an emulated device. cuda_emulation.h includes this where its types are known.
#pragma once

#include <cstdio>
#include <cstring>

struct cudaUUID_t {
  char bytes[16];
};
struct cudaDeviceProp {
  char name[256];
  cudaUUID_t uuid;
  size_t totalGlobalMem, sharedMemPerBlock, sharedMemPerBlockOptin, sharedMemPerMultiprocessor;
  int major, minor, multiProcessorCount, warpSize, maxThreadsPerBlock, maxThreadsPerMultiProcessor;
  int regsPerMultiprocessor, memoryBusWidth, l2CacheSize, pciBusID, pciDeviceID, pciDomainID;
  int integrated, isMultiGpuBoard;
};
enum cudaDeviceAttr { cudaDevAttrClockRate = 13, cudaDevAttrMemoryClockRate = 36 };

inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device) {
  *p = {};
  std::snprintf(p->name, sizeof p->name, "emulated on the host");
  p->uuid.bytes[15] = char(device + 1);
  p->totalGlobalMem = cnn::emulation::memory(device).limit;
  p->sharedMemPerBlock = 48 << 10, p->sharedMemPerBlockOptin = 227 << 10, p->sharedMemPerMultiprocessor = 228 << 10;
  p->major = 9, p->multiProcessorCount = 132, p->warpSize = 32;
  p->maxThreadsPerBlock = 1024, p->maxThreadsPerMultiProcessor = 2048, p->regsPerMultiprocessor = 65536;
  p->memoryBusWidth = 5120, p->l2CacheSize = 50 << 20, p->pciBusID = device;
  return cudaSuccess;
}
inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr what, int) {
  *value = what == cudaDevAttrClockRate ? 1980000 : 2619000;
  return cudaSuccess;
}

// The architecture that a kernel was compiled for.
struct cudaFuncAttributes {
  int binaryVersion, ptxVersion;
};
inline cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* a, const void*) {
  *a = {90, 90};
  return cudaSuccess;
}
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
template <class T>
cudaError_t cudaFuncSetAttribute(T* kernel, cudaFuncAttribute, int bytes) {
  const cnn::emulation::Access lock;
  if (bytes < 0 || size_t(bytes) > cnn::emulation::kMostShared) return cudaErrorInvalidValue;
  cnn::emulation::allowed_shared(cnn::emulation::current_device(), reinterpret_cast<const void*>(kernel)) = bytes;
  return cudaSuccess;
}
