#include "cpu/loops/fill_tables.h"
#include "cpu/loops/map.h"
#include "kernels/binary.h"

namespace cnn::cpu::inline CNN_ISA {

void fill_binary(Tables& t) {
#define CNN_ADD(name, inputs, types) add_loops<kernels::name, inputs, kernels::Types::types>(t.map);
  CNN_MAP_BINARY(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cpu::CNN_ISA
