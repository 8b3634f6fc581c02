#include "cuda/each.cuh"
#include "kernels/random.h"

namespace cnn::cuda {

void fill_each_random(Tables& t) {
#define CNN_ADD(name, types) add_each<kernels::name, kernels::Types::types>(t);
  CNN_EACH_RANDOM(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cuda
