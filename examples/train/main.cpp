// Learns which points of a square lie in a circle; saves what it has learnt, loads it again and asks it.
//
//   train net.pt
#include <cnn/cnn.h>

#include <cmath>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>

using cnn::Tensor;

class Net {
 public:
  Net() {
    add_layer("hidden", 2, 32);
    add_layer("out", 32, 2);
  }
  explicit Net(const std::string& path) : state_(cnn::load_state_dict(path)) {}

  // [N, 2] points to [N, 2] logits.
  Tensor operator()(const Tensor& points) const {
    const Tensor hidden = cnn::linear(points, at("hidden.weight"), at("hidden.bias")).relu();
    return cnn::linear(hidden, at("out.weight"), at("out.bias"));
  }
  cnn::Tensors parameters() const {
    cnn::Tensors all;
    for (const auto& [name, tensor] : state_) all.push_back(tensor);
    return all;
  }
  const cnn::StateDict& state() const { return state_; }

 private:
  const Tensor& at(const std::string& name) const { return cnn::find(state_, name); }
  void add_layer(const std::string& name, int64_t in, int64_t out) {
    const double bound = 1 / std::sqrt(double(in));
    for (const auto& [part, size] : {std::pair{".weight", cnn::Dims{out, in}}, {".bias", cnn::Dims{out}}})
      state_.emplace_back(name + part, cnn::empty(size, cnn::DType::Float32).uniform_(-bound, bound).requires_grad_());
  }

  cnn::StateDict state_;
};

double accuracy(const Net& net, const Tensor& points, const Tensor& labels) {
  const cnn::NoGrad no_grad;
  return net(points).argmax(1).eq(labels).to(cnn::DType::Float32).mean().item<double>();
}

int main(int argc, char** argv) {
  try {
    const std::string path = argc > 1 ? argv[1] : "net.pt";
    cnn::default_generator().manual_seed(0);
    const Tensor points = cnn::rand({1000, 2}) * 2 - 1;
    const Tensor labels = points.square().sum(1).lt(0.5).to(cnn::DType::Int64);

    const Net net;
    cnn::AdamW optimizer(net.parameters(), {.lr = 0.01});
    for (int step = 0; step <= 300; ++step) {
      const Tensor loss = cnn::cross_entropy_loss(net(points), labels);
      if (step % 100 == 0) std::printf("step %3d: loss %.3f\n", step, loss.item<double>());
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
    }
    cnn::save_state_dict(path, net.state());

    const Net loaded(path);
    const double right = accuracy(loaded, points, labels);
    std::printf("%.1f %% of the points are told right\n", 100 * right);
    float corners[] = {0, 0, 1, 1};
    const cnn::NoGrad no_grad;
    std::cout << loaded(cnn::from_blob(corners, {2, 2})).softmax(1) << '\n';
    return right > 0.95 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
