#include "cuda/rnn.cuh"

namespace cnn::cuda {

void rnn_forward(const RnnArgs& args) {
  if (args.dtype == DType::Float64) run_rnn<double>(args, true);
  else run_rnn<float>(args, true);
}
void rnn_backward(const RnnArgs& args) {
  if (args.dtype == DType::Float64) run_rnn<double>(args, false);
  else run_rnn<float>(args, false);
}

}  // namespace cnn::cuda
