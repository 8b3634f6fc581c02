// LeNet without Python: loads what examples/digits.py wrote and prints the logits of a few digits.
//
//   embed out/digits.pt out/samples.pt
#include <cnn/cnn.h>
#include <cnn/io.h>

#include <cstdio>
#include <exception>
#include <string>

namespace {

class LeNet {
 public:
  explicit LeNet(const std::string& path) : weights_(cnn::load_state_dict(path)) {}

  // [N, 1, 28, 28] to [N, 10] logits.
  cnn::Tensor operator()(const cnn::Tensor& images) const {
    cnn::Tensor x = cnn::conv2d(images, at("conv1.weight"), at("conv1.bias"), {1}, {2});
    x = cnn::max_pool(2, cnn::relu(x), {2});
    x = cnn::conv2d(x, at("conv2.weight"), at("conv2.bias"));
    x = cnn::max_pool(2, cnn::relu(x), {2});
    x = cnn::flatten(x, 1);
    x = cnn::relu(cnn::linear(x, at("fc1.weight"), at("fc1.bias")));
    x = cnn::relu(cnn::linear(x, at("fc2.weight"), at("fc2.bias")));
    return cnn::linear(x, at("fc3.weight"), at("fc3.bias"));
  }

 private:
  const cnn::Tensor& at(const std::string& name) const { return cnn::find(weights_, name); }

  cnn::StateDict weights_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s digits.pt samples.pt\n", argv[0]);
    return 2;
  }
  try {
    const LeNet model(argv[1]);
    const cnn::Tensor logits = model(cnn::find(cnn::load_state_dict(argv[2]), "images"));
    const float* value = logits.data<float>();
    for (int64_t row = 0; row < logits.size(0); ++row)
      for (int64_t digit = 0; digit < logits.size(1); ++digit)
        std::printf("%.9g%c", double(*value++), digit + 1 < logits.size(1) ? ' ' : '\n');
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
