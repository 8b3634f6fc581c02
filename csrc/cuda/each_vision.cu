#include "cuda/each.cuh"
#include "kernels/vision.h"

namespace cnn::cuda {

void fill_each_vision(Tables& t) {
#define CNN_ADD(name, types) add_each<kernels::name, kernels::Types::types>(t);
  CNN_EACH_VISION(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cuda
