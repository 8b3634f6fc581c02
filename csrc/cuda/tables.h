// Launchers of the kernels, by functor and T; each .cu file fills its part.
#pragma once

#include "device/backend.h"
#include "kernels/ids.h"

namespace cnn::cuda {

using MapLaunch = void (*)(const MapCall& call);  // fewer than 2^31 elements
using ReduceLaunch = void (*)(const ReduceCall& call);
using EachLaunch = void (*)(const EachCall& call);
using EachManyLaunch = void (*)(const EachCall* calls, int count);

// Rows of operands that lie dense in the functor's types. Strides in bytes, from row to row.
struct RowsBlock {
  const void* functor;
  int64_t n, rows;
  char* data[kMapOperands];
  int64_t strides[kMapOperands];
};
using RowsLaunch = void (*)(const RowsBlock& block);

struct Tables {
  MapLaunch map[kernels::kMapIds][kDTypes];
  ReduceLaunch reduce[kernels::kReduceIds][kDTypes];
  EachLaunch each[kernels::kEachIds][kDTypes];
  EachManyLaunch each_many[kernels::kEachIds][kDTypes];  // of functors that often come many at once
  RowsLaunch rows[kernels::kRowsIds][kDTypes];
};

const Tables& tables();

void fill_map_activation(Tables& t);
void fill_map_arithmetic(Tables& t);
void fill_map_binary(Tables& t);
void fill_map_compare(Tables& t);
void fill_map_select(Tables& t);
void fill_map_special(Tables& t);
void fill_map_unary(Tables& t);
void fill_each(Tables& t);
void fill_each_random(Tables& t);
void fill_each_vision(Tables& t);
void fill_factor(Tables& t);
void fill_reduce(Tables& t);
void fill_rows_norm(Tables& t);
void fill_rows_rank(Tables& t);
void fill_rows_scan(Tables& t);

}  // namespace cnn::cuda
