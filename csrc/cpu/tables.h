// What one instruction set's build of the CPU kernels offers: tables of loops, one function to get at them.
#pragma once

#include "backend.h"
#include "kernels/list.h"

namespace cnn::cpu {

// `rows` rows of n elements; operands with byte strides along the row and from row to row, outputs first.
using MapLoop = void (*)(const void* functor, int64_t n, int64_t rows, void* const* data, const int64_t* strides,
                         const int64_t* row_strides);
// n elements from one dtype to another, byte strides.
using CastLoop = void (*)(int64_t n, const void* from, int64_t from_stride, void* to, int64_t to_stride);

// functor(i) for i in [begin, end).
using EachLoop = void (*)(const void* functor, int64_t begin, int64_t end);

struct Tables {
  EachLoop each[int(kernels::EachId::kCount)][kDTypes];
  MapLoop map[int(kernels::MapId::kCount)][kDTypes];
  CastLoop cast[kDTypes][kDTypes];
};

}  // namespace cnn::cpu
