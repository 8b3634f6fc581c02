#include "cpu/loops/each.h"
#include "cpu/loops/fill_tables.h"
#include "kernels/optim.h"

namespace cnn::cpu::inline CNN_ISA {

void fill_optim(Tables& t) {
#define CNN_ADD(name, types) add_each<kernels::name, kernels::Types::types>(t.each);
  CNN_EACH_OPTIM(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cpu::CNN_ISA
