// The skeletons, as the backend table lists them.
#pragma once

#include "cuda/tables.h"

namespace cnn::cuda {

bool has_map(int functor, DType key);
bool has_reduce(int functor, DType key);
bool has_rows(int functor, DType key);
bool has_each(int functor, DType dtype);
void map(int functor, const MapCall& call);
void reduce(int functor, const ReduceCall& call);
void rows(int functor, const RowsCall& call);
void each(int functor, const EachCall& call);
void each_many(int functor, const EachCall* calls, int count);

}  // namespace cnn::cuda
