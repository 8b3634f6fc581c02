#include "cpu/loops/each.h"
#include "cpu/loops/fill_tables.h"
#include "kernels/create.h"
#include "kernels/factor.h"

namespace cnn::cpu::inline CNN_ISA {

void fill_create(Tables& t) {
#define CNN_ADD(name, types) add_each<kernels::name, kernels::Types::types>(t.each);
  CNN_EACH_CREATE(CNN_ADD) CNN_EACH_FACTOR(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cpu::CNN_ISA
