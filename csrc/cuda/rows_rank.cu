#include "cuda/rows.cuh"
#include "kernels/rank.h"

namespace cnn::cuda {

void fill_rows_rank(Tables& t) {
#define CNN_ADD(name, types) add_rows<kernels::name, kernels::RowTypes::types>(t);
  CNN_ROWS_RANK(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cuda
