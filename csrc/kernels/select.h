// Choosing between values; they only move, so one loop serves all types of a size.
#pragma once

#include "kernels/functor.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, inputs, types)
#define CNN_MAP_SELECT(X) X(Where, 3, Bits)

// mask ? a : b, on unsigned words and without a branch
struct Where : Functor {
  template <class T> CNN_HD T operator()(bool mask, T a, T b) const {
    const T keep = T(T(0) - T(mask));
    return T((a & keep) | (b & T(~keep)));
  }
};

CNN_NUMBER(kMapSelect, CNN_MAP_SELECT)

}  // namespace cnn::kernels::CNN_ISA
