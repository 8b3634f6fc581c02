#include "cuda/scan_rows.cuh"

namespace cnn::cuda {

void fill_rows_scan(Tables& t) {
#define CNN_ADD(name, types) add_scanned<kernels::name, kernels::RowTypes::types>(t);
  CNN_ROWS_SCAN(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cuda
