#include "cpu/loops/fill_tables.h"
#include "cpu/loops/map.h"
#include "kernels/special.h"

namespace cnn::cpu::inline CNN_ISA {

void fill_special(Tables& t) {
#define CNN_ADD(name, inputs, types) add_loops<kernels::name, inputs, kernels::Types::types>(t.map);
  CNN_MAP_SPECIAL(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cpu::CNN_ISA
