// Tensor's methods, in a program as people write it for LibTorch.
#include <cmath>
#include <thread>
#include <vector>

#include "cnn/cnn.h"
#include "expect.h"

using namespace cnn;

namespace {

Tensor of(std::vector<float> values, const Dims& size) { return from_blob(values.data(), size).clone(); }
bool same(const Tensor& x, std::vector<float> values) {
  return x.numel() == int64_t(values.size()) && x.to(DType::Float32).reshape({-1}).equal(of(values, {x.numel()}));
}

void test_elementwise() {
  const Tensor x = of({-2, 0, 4}, {3});
  EXPECT(same(x.abs(), {2, 0, 4}) && same(x.neg(), {2, 0, -4}) && same(x.relu(), {0, 0, 4}));
  EXPECT(same(x.square(), {4, 0, 16}) && same(x.sign(), {-1, 0, 1}) &&
         same(x.abs().sqrt().square().round(), {2, 0, 4}));
  EXPECT(same(x.clamp(-1, 1), {-1, 0, 1}) && same(x.clamp_min(0), {0, 0, 4}) && same(x.clamp_max(0), {-2, 0, 0}));
  EXPECT(same(x.exp().log(), {-2, 0, 4}) && same(x.pow(2), {4, 0, 16}) && same(x.add(x, 2), {-6, 0, 12}));
  EXPECT(same(x.add(1).sub(2).mul(3).div(3), {-3, -1, 3}) && same(x.sub(x, 3), {4, 0, -8}));
  EXPECT(same(x.maximum(x.neg()), {2, 0, 4}) && same(x.minimum(x.neg()), {-2, 0, -4}));
  EXPECT(same(x.gt(0), {0, 0, 1}) && same(x.le(x), {1, 1, 1}) && x.eq(0).dtype() == DType::Bool);
  EXPECT(same(x.masked_fill(x.lt(0), 9), {9, 0, 4}) && same(x.masked_select(x.ne(0)), {-2, 4}));
  EXPECT(x.allclose(x.add(1e-9)) && !x.equal(x.add(1)));
}

void test_in_place() {
  const Tensor x = of({1, 2, 3, 4}, {2, 2});
  const Tensor row = x[1];
  EXPECT(row.add_(10).same(row) && same(x, {1, 2, 13, 14}));
  Tensor y = x;
  y += 1;
  y *= x;  // both are x
  EXPECT_ERROR("single memory location", x.add_(row));
  EXPECT(y.same(x) && same(x, {4, 9, 196, 225}));
  x.zero_().fill_(2).sub_(4).relu_().add_(row.clone(), 2).clamp_(0, 1);
  EXPECT(same(x, {0, 0, 0, 0}) && same(x.copy_(of({7, 8}, {2})), {7, 8, 7, 8}));
  y /= 2;
  y -= x;
  EXPECT(same(x, {0, 0, 0, 0}));
  const Tensor drawn = x.uniform_(2, 3);
  EXPECT(drawn.ge(2).all().item<bool>() && drawn.lt(3).all().item<bool>());
}

void test_reductions() {
  const Tensor x = arange(0, 6).to(DType::Float32).view({2, 3});
  EXPECT(x.sum().item<float>() == 15 && x.mean().item<double>() == 2.5 && x.prod().item<int>() == 0);
  EXPECT(same(x.sum(0), {3, 5, 7}) && same(x.sum(-1), {3, 12}) && same(x.sum({0, 1}), {15}) &&
         same(x.sum({1}), {3, 12}));
  EXPECT(same(x.sum({}), {15}) && x.sum({}, true).shape() == Dims({1, 1}) && x.mean(1, true).shape() == Dims({2, 1}));
  EXPECT(x.sum(0, false, DType::Float64).dtype() == DType::Float64);
  const size_t unsigned_dim = 1;
  EXPECT(same(x.amax(unsigned_dim), {2, 5}) && same(x.amin(Dims{0}), {0, 1, 2}));
  EXPECT(same(x.var(1), {1, 1}) && same(x.std(0), {std::sqrt(4.5f), std::sqrt(4.5f), std::sqrt(4.5f)}));
  EXPECT(std::abs(x.std(1, 0)[0].item<double>() - std::sqrt(2.0 / 3)) < 1e-6);
  const auto [values, indices] = x.max(1);
  EXPECT(same(values, {2, 5}) && same(indices, {2, 2}) && same(x.argmax(1), {2, 2}) && x.argmin().item<int64_t>() == 0);
  EXPECT(same(x.sort(1, true).first, {2, 1, 0, 5, 4, 3}) && same(x.topk(1).second, {2, 2}));
  EXPECT(same(x.softmax(1).sum(1).round(), {1, 1}) && same(x.cumsum(1), {0, 1, 3, 3, 7, 12}));
  EXPECT(std::abs(x.norm().item<double>() - std::sqrt(55.0)) < 1e-5 && same(x.norm(1, 1), {3, 12}));
  EXPECT(x.gt(4).any().item<bool>() && !x.gt(4).all().item<bool>() && x.nonzero().shape() == Dims({5, 2}));
}

void test_shapes() {
  const Tensor x = arange(0, 24).view({2, 3, 4});
  EXPECT(x.view({-1}).shape() == Dims({24}) && x.reshape({4, -1}).shape() == Dims({4, 6}));
  EXPECT(x.transpose(0, 2).shape() == Dims({4, 3, 2}) && x.permute({2, 0, 1}).shape() == Dims({4, 2, 3}));
  EXPECT(x.flatten(1).t().shape() == Dims({12, 2}) && x.unflatten(2, {2, 2}).dim() == 4);
  EXPECT(x.unsqueeze(1).squeeze().shape() == x.shape() && x.unsqueeze(0).squeeze(0).shape() == x.shape());
  EXPECT(x[1][2][3].item<int64_t>() == 23 && x.select(1, 2)[0][0].item<int>() == 8);
  EXPECT(x.slice(2, 1, {}, 2).shape() == Dims({2, 3, 2}) && x.narrow(1, 1, 2).shape() == Dims({2, 2, 4}));
  EXPECT_ERROR("has no dimensions", x.sum().size(-1));
  EXPECT_ERROR("has no dimensions", x.sum().stride(0));
  EXPECT(x.split(1).size() == 2 && x.chunk(2, 2)[1].shape() == Dims({2, 3, 2}) && x.unbind(1).size() == 3);
  EXPECT(x[0][0].expand({2, 4}).shape() == Dims({2, 4}) && x[0].expand_as(x).shape() == x.shape() &&
         x.view({24}).view_as(x).equal(x));
  EXPECT(same(x[0][0].flip({0}), {3, 2, 1, 0}) && same(x[0][0].repeat({2}), {0, 1, 2, 3, 0, 1, 2, 3}));
  EXPECT(same(x[0].gather(1, x[0].argmax(1, true)), {3, 7, 11}) &&
         same(x[0][0].index_select(0, x[0][0].narrow(0, 1, 2)), {1, 2}));
  const Tensor turned = x[0].t();
  EXPECT(!turned.is_contiguous() && turned.contiguous().is_contiguous() && turned.clone().equal(turned));
  EXPECT(x.to(DType::Int64).same(x) && x.to(kMeta, DType::Float32).device().is_meta() && x.cpu().same(x));
  EXPECT_ERROR("out of range", x[2]);
  EXPECT_ERROR("invalid for input of size 24", x.view({5}));
}

void test_products_and_gradients() {
  const Tensor w = ones({3, 2}).requires_grad_(), x = of({1, 2, 3, 4, 5, 6}, {2, 3});
  const Tensor loss = x.matmul(w).sum();
  loss.backward();
  EXPECT(same(w.grad(), {5, 5, 7, 7, 9, 9}) && x.mm(w).shape() == Dims({2, 2}));
  x.mm(w).backward(ones({2, 2}));
  EXPECT(same(w.grad(), {10, 10, 14, 14, 18, 18}) && !w.detach().requires_grad());
  EXPECT(same(x[0].dot(x[1]), {32}) && same(x.mv(x[0]), {14, 32}) && x.unsqueeze(0).bmm(w.unsqueeze(0)).dim() == 3);
  const Tensor y = w.mul(2);
  y.retain_grad();
  y.sum().backward({}, true);
  EXPECT(same(y.grad(), {1, 1, 1, 1, 1, 1}));
  const Tensor z = full({}, 3.0).requires_grad_();
  z.pow(3).backward({}, false, true);
  EXPECT(z.grad().item<double>() == 27 && z.grad().requires_grad());
  EXPECT_ERROR("scalar outputs", x.matmul(w).backward());
  EXPECT_ERROR("floating point", arange(0, 3).requires_grad_());
}

// An exception of an op reaches the thread that called it, and no other.
void test_threads() {
  std::vector<std::thread> threads;
  int caught[4] = {};
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&caught, i] {
      for (int k = 0; k < 100; ++k) {
        try {
          ones({2, 3}).matmul(ones({i + 4, 300}));
        } catch (const Error&) {
          ++caught[i];
        }
        if (ones({64, 64}).matmul(ones({64, 64})).sum().item<int>() != 64 * 64 * 64) caught[i] = -1000;
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const int n : caught) EXPECT(n == 100);
}

void test_undefined() {
  const Tensor none;
  EXPECT_ERROR("holds nothing", none.relu());
  EXPECT_ERROR("holds nothing", none.sum());
  EXPECT_ERROR("holds nothing", none[0]);
  EXPECT_ERROR("holds nothing", none.view({1}));
  EXPECT_ERROR("holds nothing", none.to(DType::Int64));
  EXPECT_ERROR("holds nothing", none.add_(1));
  EXPECT_ERROR("holds nothing", none.backward());
  EXPECT_ERROR("holds nothing", none.requires_grad_());
  EXPECT_ERROR("holds nothing", none.item<int>());
  EXPECT_ERROR("holds nothing", ones({2}).add(none));
  EXPECT_ERROR("holds nothing", none.expand_as(none));
  EXPECT_ERROR("holds nothing", ones({2}).expand_as(none));
}

}  // namespace

int main() {
  test_elementwise();
  test_in_place();
  test_reductions();
  test_shapes();
  test_products_and_gradients();
  test_threads();
  test_undefined();
  return report();
}
