#include "cuda/map.cuh"
#include "kernels/unary.h"

namespace cnn::cuda {

void fill_map_unary(Tables& t) {
#define CNN_ADD(name, inputs, types) add_map<kernels::name, inputs, kernels::Types::types>(t);
  CNN_MAP_UNARY(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cuda
