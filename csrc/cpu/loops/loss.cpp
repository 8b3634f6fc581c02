#include "cpu/loops/each.h"
#include "cpu/loops/fill_tables.h"
#include "kernels/loss.h"

namespace cnn::cpu::inline CNN_ISA {

void fill_loss(Tables& t) {
#define CNN_ADD(name, types) add_each<kernels::name, kernels::Types::types>(t.each);
  CNN_EACH_LOSS(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cpu::inline CNN_ISA
