#include "cuda/rows.cuh"
#include "kernels/scan.h"

namespace cnn::cuda {

void fill_rows_scan(Tables& t) {
#define CNN_ADD(name, types) add_rows<kernels::name, kernels::RowTypes::types>(t);
  CNN_ROWS_SCAN(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cuda
