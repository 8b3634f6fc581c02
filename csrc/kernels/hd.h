// What a kernel functor may use on host and device, besides its arguments.
#pragma once

#include <stdint.h>

#include "cnn/dtype.h"
#include "cnn/export.h"

// Kernels are compiled once per instruction set, each in a namespace of its own; elsewhere they are only named.
#ifndef CNN_ISA
#define CNN_ISA host
#endif

namespace cnn::kernels::inline CNN_ISA {

// a * b + c, rounded once where the instruction set has it; the same in vector bodies and scalar tails.
CNN_HD float fma(float a, float b, float c) {
#if defined(__FMA__) || defined(__CUDACC__) || defined(__ARM_FEATURE_FMA)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}
CNN_HD double fma(double a, double b, double c) {
#if defined(__FMA__) || defined(__CUDACC__) || defined(__ARM_FEATURE_FMA)
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

}  // namespace cnn::kernels::CNN_ISA
