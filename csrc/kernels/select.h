// Choosing between values; they only move, so one loop serves all types of a size.
#pragma once

#include "kernels/functor.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, inputs, types)
#define CNN_MAP_SELECT(X) X(Where, 3, Bits)

struct Where : Functor {
  template <class T> CNN_HD T operator()(bool mask, T a, T b) const { return mask ? a : b; }
};

}  // namespace cnn::kernels::CNN_ISA
