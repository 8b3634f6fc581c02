#include "cpu/loops/reduce.h"

#include "cpu/loops/fill_tables.h"

namespace cnn::cpu::inline CNN_ISA {

void fill_reduce(Tables& t) {
#define CNN_ADD(name, types) add_reduce<kernels::name, kernels::ReduceTypes::types>(t.reduce);
  CNN_REDUCE_ALL(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cpu::inline CNN_ISA
