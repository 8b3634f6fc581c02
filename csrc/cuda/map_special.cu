#include "cuda/map.cuh"
#include "kernels/special.h"

namespace cnn::cuda {

void fill_map_special(Tables& t) {
#define CNN_ADD(name, inputs, types) add_map<kernels::name, inputs, kernels::Types::types>(t);
  CNN_MAP_SPECIAL(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cuda
