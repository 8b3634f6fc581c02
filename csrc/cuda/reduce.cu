#include "cuda/reduce.cuh"

namespace cnn::cuda {

void fill_reduce(Tables& t) {
#define CNN_ADD(name, types) add_reduce<kernels::name, kernels::ReduceTypes::types>(t);
  CNN_REDUCE_ALL(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cuda
