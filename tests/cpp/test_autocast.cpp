// Autocast for C++ programs: the guard, the lists, and that what an op calls is not cast.
#include <thread>

#include "autograd/autocast.h"
#include "cnn/cnn.h"
#include "expect.h"

using namespace cnn;

namespace {

Tensor weight(const Dims& shape, double value = 0.5) {
  Tensor x = full(shape, value, DType::Float32);
  x.set_requires_grad(true);
  return x;
}

constexpr DType kHalf = DType::Float16, kBrain = DType::BFloat16, kFloat = DType::Float32;

void test_ops() {
  const Tensor x = ones({3, 4}), w = weight({2, 4}), image = ones({1, 2, 5, 5}), kernel = weight({3, 2, 3, 3});
  const Tensor narrow = to_dtype(x, kBrain);
  EXPECT(linear(x, w).dtype() == kFloat);
  {
    const AutocastGuard on(DeviceType::Cpu);
    EXPECT(autocast_enabled(DeviceType::Cpu) && !autocast_enabled(DeviceType::Cuda));
    EXPECT(linear(x, w).dtype() == kBrain && mm(x, t(w)).dtype() == kBrain && conv2d(image, kernel).dtype() == kBrain);
    EXPECT(matmul(x, t(w)).dtype() == kBrain && scaled_dot_product_attention(x, x, x).dtype() == kBrain);
    EXPECT(mse_loss(narrow, x).dtype() == kFloat && prod(narrow).dtype() == kFloat);
    EXPECT(cat({narrow, x}).dtype() == kFloat && stack({narrow, narrow}).dtype() == kBrain);
    // In no list of the CPU.
    EXPECT(add(x, x).dtype() == kFloat && exp(narrow).dtype() == kBrain && softmax(narrow, 1).dtype() == kBrain);
    // Neither what the caller has made, nor float64, nor integers.
    const Tensor out = empty({3, 2}, kFloat), wide = to_dtype(x, DType::Float64);
    EXPECT(mm(x, t(w.impl()->requires_grad ? detach(w) : w), Dest::out(out)).dtype() == kFloat);
    EXPECT(mm(wide, t(wide)).dtype() == DType::Float64);
    EXPECT(mm(ones({2, 2}, DType::Int64), ones({2, 2}, DType::Int64)).dtype() == DType::Int64);
    // Shapes alone: there is no autocast for meta tensors.
    const Tensor shape = empty({3, 4}, kFloat, kMeta);
    EXPECT(mm(shape, t(shape)).dtype() == kFloat);
  }
  EXPECT(!autocast_enabled(DeviceType::Cpu) && linear(x, w).dtype() == kFloat);
}

// A network of one kernel, whose inside multiplies: cast as a whole, or step by step out of ops that are.
void test_networks() {
  const Tensor x = ones({3, 2, 4}), zero = zeros({1, 2, 5});
  const auto params = [](int64_t gates) { return Tensors{weight({gates * 5, 4}), weight({gates * 5, 5})}; };
  const AutocastGuard on(DeviceType::Cpu);
  const auto [y, h, c] = lstm(x, {zero, zero}, params(4), false, 1, 0, true, false, false);
  EXPECT(y.dtype() == kBrain && h.dtype() == kBrain && c.dtype() == kBrain);
  const auto [gru_y, gru_h] = gru(x, zero, params(3), false, 1, 0, true, false, false);
  EXPECT(gru_y.dtype() == kFloat && gru_h.dtype() == kFloat);
  const auto [rnn_y, rnn_h] = rnn_tanh(x, zero, params(1), false, 1, 0, true, false, false);
  EXPECT(rnn_y.dtype() == kBrain && rnn_h.dtype() == kBrain);
  backward({sum(gru_y)});
}

void test_gradients() {
  const Tensor x = ones({3, 4}), w = weight({2, 4}), target = zeros({3, 2});
  Tensor loss;
  {
    const AutocastGuard on(DeviceType::Cpu);
    loss = mse_loss(linear(x, w), target);
    EXPECT(loss.dtype() == kFloat);
  }
  backward({loss});
  EXPECT(w.grad().dtype() == kFloat && w.grad().data<float>()[0] == 2);  // 2 * (4 * 0.5) * 1 * 3 / 6
  // Backward inside the guard computes in the dtypes of forward, too.
  const Tensor v = weight({2, 4}), y = sum(mm(x, t(v)));
  const AutocastGuard on(DeviceType::Cpu);
  backward({y});
  EXPECT(v.grad().dtype() == kFloat && v.grad().data<float>()[0] == 3);
}

void test_cache() {
  const Tensor x = ones({3, 4}), w = weight({4, 4});
  const auto cast_of = [&] {  // what mm has saved of w
    const Tensor y = mm(x, w);
    return y.grad_fn()->edges()[1].node.get();
  };
  {
    const AutocastGuard on(DeviceType::Cpu);
    Node* const first = cast_of();
    EXPECT(first && cast_of() == first);
    {
      const AutocastGuard inner(DeviceType::Cpu);
      EXPECT(cast_of() == first);
    }
    EXPECT(cast_of() == first);  // kept until the outermost guard ends
    {
      NoGrad guard;
      EXPECT(!mm(x, w).requires_grad());
    }
    EXPECT(mm(x, w).requires_grad());  // a cast without history is not that of the weight
    {
      const AutocastGuard half(DeviceType::Cpu, kHalf);
      EXPECT(mm(x, w).dtype() == kHalf);
    }
    EXPECT(mm(x, w).dtype() == kBrain);
    {
      NoGrad guard;
      fill_(w, Scalar(2.0));
    }
    EXPECT(sum(mm(x, w)).item().to_double() == 3 * 4 * 4 * 2);  // its new values
    set_autocast_cache_enabled(false);
    const Tensor a = mm(x, w), b = mm(x, w);
    EXPECT(a.grad_fn()->edges()[1].node.get() != b.grad_fn()->edges()[1].node.get());
  }
  EXPECT(autocast_cache_enabled());
}

void test_state() {
  EXPECT(autocast_dtype(DeviceType::Cpu) == kBrain && autocast_dtype(DeviceType::Cuda) == kHalf);
  EXPECT_ERROR("no autocast", autocast_enabled(DeviceType::Meta));
  EXPECT_ERROR("no autocast", AutocastGuard{DeviceType::Meta});
  const Tensor x = ones({2, 2});
  {
    const AutocastGuard on(DeviceType::Cpu, kHalf);
    EXPECT(mm(x, x).dtype() == kHalf);
    {
      const AutocastGuard off(DeviceType::Cpu, {}, false);
      EXPECT(mm(x, x).dtype() == kFloat && autocast_dtype(DeviceType::Cpu) == kHalf);
    }
    EXPECT(mm(x, x).dtype() == kHalf);
    std::thread([&] { EXPECT(mm(x, x).dtype() == kFloat); }).join();
    try {
      const AutocastGuard inner(DeviceType::Cpu, kBrain);
      mm(x, ones({3, 3}));
    } catch (const Error&) {
    }
    EXPECT(mm(x, x).dtype() == kHalf);
    EXPECT_ERROR("cannot be multiplied", mm(x, ones({3, 3})));
    EXPECT(autocast_enabled(DeviceType::Cpu));
    // An op that raises where it asks for its destination.
    const Tensor leaf = weight({2, 2});
    EXPECT_ERROR("leaf", add(leaf, x, Scalar(1), Dest::in_place(leaf)));
    EXPECT(autocast_enabled(DeviceType::Cpu));
  }
  EXPECT(autocast_dtype(DeviceType::Cpu) == kBrain);
  warning_handler = [](const std::string&) {};
  const AutocastGuard unsupported(DeviceType::Cpu, kFloat);
  EXPECT(!autocast_enabled(DeviceType::Cpu) && mm(x, x).dtype() == kFloat);
}

void test_lists() {
  EXPECT(!cast_policies("add") && cast_policies("linear")->cpu == CastPolicy::Lower);
  EXPECT(cast_policies("exp")->cpu == CastPolicy::None && cast_policies("exp")->cuda == CastPolicy::Float32);
  EXPECT(cast_policies("prod")->cpu == CastPolicy::Float32 && cast_policies("prod")->cuda == CastPolicy::Float32Result);
  EXPECT(cast_policies("binary_cross_entropy")->cuda == CastPolicy::Banned);
  for (const std::string_view name : cast_op_names()) EXPECT(cast_policies(name) && !name.empty());
  EXPECT(cast_op_names().size() > 180);
}

}  // namespace

int main() {
  test_ops();
  test_networks();
  test_gradients();
  test_cache();
  test_state();
  test_lists();
  return report();
}
