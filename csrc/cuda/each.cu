#include "cuda/each.cuh"
#include "kernels/create.h"
#include "kernels/index.h"
#include "kernels/loss.h"
#include "kernels/optim.h"

namespace cnn::cuda {

namespace {
void fill_each_many(Tables& t) {
#define CNN_ADD(name, types) add_each_many<kernels::name, kernels::Types::types>(t);
  CNN_EACH_OPTIM(CNN_ADD) CNN_EACH_COUNTED(CNN_ADD)
#undef CNN_ADD
}
}  // namespace

void fill_each(Tables& t) {
  fill_each_many(t);
#define CNN_ADD(name, types) add_each<kernels::name, kernels::Types::types>(t);
  CNN_EACH_CREATE(CNN_ADD)
  CNN_EACH_INDEX(CNN_ADD) CNN_EACH_LOSS(CNN_ADD) CNN_EACH_OPTIM(CNN_ADD) CNN_EACH_COUNTED(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cuda
