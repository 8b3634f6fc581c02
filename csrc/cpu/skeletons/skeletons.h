// The CPU's skeletons, as the backend table lists them, and the kernel tables they drive.
#pragma once

#include "cpu/loops/tables.h"

namespace cnn::cpu {

// The loops of the instruction set chosen at load.
const Tables& tables();

bool has_map(int functor, DType key);
bool has_reduce(int functor, DType key);
bool has_rows(int functor, DType key);
bool has_each(int functor, DType dtype);
void map(int functor, const MapCall& call);
// Runs the call if its operands lie along different dimensions, else does nothing and returns false.
bool map_turned(int functor, const MapCall& call);
void each(int functor, const EachCall& call);
void reduce(int functor, const ReduceCall& call);
void rows(int functor, const RowsCall& call);

}  // namespace cnn::cpu
