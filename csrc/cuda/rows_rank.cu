#include "cuda/rank.cuh"

namespace cnn::cuda {

void fill_rows_rank(Tables& t) {
#define CNN_ADD(name, types) add_ranked<kernels::name>(t);
  CNN_ROWS_RANK(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cuda
