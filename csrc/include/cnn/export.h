// The two macros of the library: CNN_API marks what the shared library exports, CNN_HD what runs on host and device.
#pragma once

#define CNN_API __attribute__((visibility("default")))

#ifdef __CUDACC__
#define CNN_HD __host__ __device__ inline
#else
#define CNN_HD inline __attribute__((always_inline))
#endif
