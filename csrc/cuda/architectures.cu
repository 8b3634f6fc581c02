#include "cuda/runtime.h"

namespace cnn::cuda {

std::vector<int> architectures() {
#ifdef __CUDA_ARCH_LIST__  // nvcc's, with a zero at the end of each number
  std::vector<int> all = {__CUDA_ARCH_LIST__};
  for (int& number : all) number /= 10;
  return all;
#else
  return {};
#endif
}

}  // namespace cnn::cuda
