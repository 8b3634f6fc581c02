// Functors by number: where a skeleton's tables hold their loops. A family's header numbers the functors of its own
// list, so that a new functor touches nothing but its family.
#pragma once

#include "kernels/hd.h"

namespace cnn::kernels::inline CNN_ISA {

inline constexpr int kFamilySize = 128;

// The families of each skeleton: `kMapUnary` has the numbers from kMapUnary * kFamilySize on.
enum { kMapArithmetic, kMapUnary, kMapBinary, kMapCompare, kMapActivation, kMapSelect, kMapFamilies };
enum { kReduceAll, kReduceFamilies };
enum { kRowsNorm, kRowsScan, kRowsRank, kRowsFamilies };
enum { kEachCreate, kEachIndex, kEachLoss, kEachOptim, kEachRandom, kEachVision, kEachFamilies };

inline constexpr int kMapIds = kMapFamilies * kFamilySize, kReduceIds = kReduceFamilies * kFamilySize,
                     kRowsIds = kRowsFamilies * kFamilySize, kEachIds = kEachFamilies * kFamilySize;

template <class F> struct IdOf;

#define CNN_ENUM_ID(name, ...) kIdOf##name,
#define CNN_ID_OF(name, ...) \
  template <> struct IdOf<name> { static constexpr int value = kIdOf##name; };
#define CNN_NUMBER(family, LIST)                                                        \
  enum { family##Before = family * kFamilySize - 1, LIST(CNN_ENUM_ID) family##End };      \
  static_assert(family##End <= (family + 1) * kFamilySize, "a family of more functors than numbers"); \
  LIST(CNN_ID_OF)

}  // namespace cnn::kernels::CNN_ISA
