// What a C++ program does without Python: memory of its own, printing, training.
#include <sstream>
#include <vector>

#include "cnn/cnn.h"
#include "expect.h"

using namespace cnn;

namespace {

std::string printed(const Tensor& x) {
  std::ostringstream stream;
  stream << x;
  return stream.str();
}

void test_from_blob() {
  std::vector<float> memory = {1, 2, 3, 4, 5, 6};
  const Tensor x = from_blob(memory.data(), {2, 3});
  memory[5] = 7;
  EXPECT(sum(x).item().to_double() == 22);
  const Tensor columns = from_blob(memory.data(), {3, 2}, {1, 3});
  EXPECT(columns.strides() == Dims({1, 3}) && contiguous(columns).data<float>()[1] == 4);
  static int released = 0;
  {
    const Tensor held = from_blob(memory.data(), {6}, {1}, DType::Float32, [](void*) { ++released; });
    const Tensor part = narrow(held, 0, 2, 2);
  }
  EXPECT(released == 1);
  EXPECT_ERROR("negative dimension", from_blob(memory.data(), {-1}));
  EXPECT_ERROR("a stride for each size", from_blob(memory.data(), {2, 3}, {1}));
  EXPECT_ERROR("must not be negative", from_blob(memory.data(), {2}, {-1}));
  EXPECT_ERROR("pointer is null", from_blob(nullptr, {3}));
  EXPECT(from_blob(nullptr, {0, 3}).sum().item<float>() == 0);
  EXPECT_ERROR("elements of type Int", x.data<int>());
  EXPECT_ERROR("not resizable", resize_(x, {100}));
  EXPECT_ERROR("more than one element", from_blob(memory.data(), {4}, {0}).add_(1));
  uint8_t bytes[] = {0, 2, 255};  // no bools of C++'s
  EXPECT(from_blob(bytes, {3}, DType::Bool).sum().item<int>() == 2);
  EXPECT_ERROR("beyond any memory", from_blob(memory.data(), {3}, {int64_t(1) << 62}));
}

void test_print() {
  EXPECT(printed(zeros({0})) == "tensor([])");
  const float values[] = {1, 2.5, -3, 4};
  Tensor x = empty({2, 2}, DType::Float32);
  for (int i = 0; i < 4; ++i) x.data<float>()[i] = values[i];
  EXPECT(printed(x) == "tensor([[ 1.0000,  2.5000],\n        [-3.0000,  4.0000]])");
  EXPECT(printed(arange(0, 3)) == "tensor([0, 1, 2])");
  EXPECT(printed(arange(0.0, 3.0)) == "tensor([0., 1., 2.])");
  EXPECT(printed(full({2}, true)) == "tensor([True, True])");
  EXPECT(printed(full({}, 1e10)) == "tensor(1.0000e+10)");
  EXPECT(printed(zeros({2, 0}, DType::Float64)) == "tensor([], size=(2, 0), dtype=torch.float64)");
  EXPECT(printed(zeros({2}, DType::Float32, kMeta)) == "tensor(..., device='meta', size=(2,))");
  const std::string cut = printed(arange(0, 2000));
  EXPECT(cut == "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])");
  EXPECT(printed(Tensor()) == "tensor()");
  x.set_requires_grad(true);
  EXPECT(printed(x).ends_with(", requires_grad=True)"));
}

// The line y = 2x + 1, by each optimizer.
template <class O, class Options>
void train(const char* name, Options options, int steps) {
  const Tensor points = arange(-1.0, 1.0, 0.1);
  Tensor slope = zeros({}), shift = zeros({});
  slope.set_requires_grad(true), shift.set_requires_grad(true);
  O optimizer({slope, shift}, options);
  for (int i = 0; i < steps; ++i) {
    const Tensor error = sub(add(mul(points, slope), shift),
                             add(mul(points, scalar_tensor(2, DType::Float32)), scalar_tensor(1, DType::Float32)));
    optimizer.zero_grad();
    backward({mean(mul(error, error))});
    optimizer.step();
  }
  const bool close = std::abs(slope.item().to_double() - 2) < 0.02 && std::abs(shift.item().to_double() - 1) < 0.02;
  if (!close) std::printf("%s does not find the line\n", name);
  EXPECT(close);
}

void test_optimizers() {
  train<SGD>("SGD", SGDOptions{.lr = 0.5}, 60);
  train<SGD>("SGD with momentum", SGDOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true}, 100);
  train<Adam>("Adam", AdamOptions{.lr = 0.1, .amsgrad = true}, 300);
  train<AdamW>("AdamW", AdamOptions{.lr = 0.1, .weight_decay = 1e-4}, 300);
  // One step, by hand: p - lr * (g + weight_decay * p), g = 1.
  Tensor p = full({}, 2.0);
  p.set_requires_grad(true);
  SGD sgd({p}, {.lr = 0.5, .weight_decay = 0.1});
  sgd.step();
  EXPECT(p.item().to_double() == 2);
  backward({mul(p, scalar_tensor(1, DType::Float32))});
  sgd.step();
  EXPECT(std::abs(p.item().to_double() - (2 - 0.5 * 1.2)) < 1e-6);
  EXPECT_ERROR("empty parameter list", SGD({}, {}));
  EXPECT_ERROR("Invalid learning rate", SGD({p}, {.lr = -1}));
  EXPECT_ERROR("beta parameter at index 0", Adam({p}, {.beta1 = 1}));
  EXPECT_ERROR("non-leaf", SGD({mul(p, p)}, {}));
}

}  // namespace

int main() {
  const int threads = num_threads();
  set_num_threads(1);
  EXPECT(num_threads() == 1);
  set_num_threads(threads);
  EXPECT_ERROR("threads", set_num_threads(0));
  test_from_blob();
  test_print();
  test_optimizers();
  return report();
}
