#include "cuda/rows.cuh"

namespace cnn::cuda {

void fill_rows_norm(Tables& t) {
#define CNN_ADD(name, types) add_rows<kernels::name>(t);
  CNN_ROWS_NORM(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cuda
