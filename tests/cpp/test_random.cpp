// The generator and the fills: check values of PyTorch 2.13, the state's layout, fork and threads.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "core/random.h"
#include "ops/variates.h"
#include "expect.h"
#include "kernels/philox.h"

using namespace cnn;

namespace {

template <class T>
bool close(const std::vector<T>& got, const std::vector<double>& want, double tolerance) {
  if (got.size() != want.size()) return false;
  for (size_t i = 0; i < got.size(); ++i) {
    if (!(std::abs(double(got[i]) - want[i]) <= tolerance)) return false;
  }
  return true;
}

template <class T, class Fill>
std::vector<T> filled(size_t n, const Fill& fill) {
  std::vector<T> out(n);
  fill(out.data(), int64_t(n));
  return out;
}

void engine_is_mt19937() {
  Generator generator(5489);
  std::mt19937 reference(5489);
  bool same = true;
  for (int i = 0; i < 2000; ++i) same = same && generator.u32() == reference();
  EXPECT(same);
  generator.manual_seed((uint64_t(1) << 33) + 5);  // the upper half of a seed is not used
  reference.seed(5);
  EXPECT(generator.u32() == reference());
  EXPECT(generator.initial_seed() == (uint64_t(1) << 33) + 5);
  Generator fresh;
  EXPECT(fresh.initial_seed() == 67280421310721);
}

void check_values() {
  Generator g(42);
  EXPECT(close(filled<float>(3, [&](float* p, int64_t n) { fill_uniform(g, p, n, 0, 1); }),
               {0.88226926, 0.91500396, 0.38286376}, 5e-9));
  g.manual_seed(42);
  EXPECT(close(filled<float>(5, [&](float* p, int64_t n) { fill_normal(g, p, n, 0, 1); }),
               {0.33669037, 0.12880941, 0.23446237, 0.23033303, -1.12285638}, 5e-9));
  g.manual_seed(42);
  EXPECT(close(filled<int64_t>(10, [&](int64_t* p, int64_t n) { fill_randperm(g, p, n); }),
               {2, 6, 1, 8, 4, 5, 0, 9, 3, 7}, 0));
  g.manual_seed(42);
  EXPECT(close(filled<int64_t>(8, [&](int64_t* p, int64_t n) { fill_randint(g, p, n, 0, 10); }),
               {2, 7, 6, 4, 6, 5, 0, 4}, 0));
  g.manual_seed(42);
  EXPECT(close(filled<float>(12, [&](float* p, int64_t n) { fill_bernoulli(g, p, n, 0.5); }),
               {1, 1, 1, 1, 0, 1, 0, 0, 1, 1, 1, 1}, 0));
  g.manual_seed(42);
  EXPECT(close(filled<float>(4, [&](float* p, int64_t n) { fill_exponential(g, p, n, 1); }),
               {0.05991402, 0.06497613, 0.13191678, 0.05401295}, 5e-9));
  // A block of normals and its tail, and one value that the cache keeps for the next call.
  g.manual_seed(42);
  const auto block = filled<float>(21, [&](float* p, int64_t n) { fill_normal(g, p, n, 1, 2); });
  EXPECT(close(std::vector<float>{block[0], block[7], block[8], block[15], block[19], block[20]},
               {4.853830337524414, 4.361241340637207, 1.7117197513580322, 2.719717025756836, -0.24319076538085938,
                -0.18400108814239502},
               0));
  EXPECT(close(filled<double>(3, [&](double* p, int64_t n) { fill_normal(g, p, n, 0, 1); }),
               {0.18634358398028986, 1.6272602436002883, 1.1214427458975096}, 1e-15));
  EXPECT(close(filled<float>(2, [&](float* p, int64_t n) { fill_uniform(g, p, n, -1, 2); }),
               {-0.155758798122406, 1.3658969402313232}, 0));
  g.manual_seed(42);
  EXPECT(close(filled<int64_t>(3, [&](int64_t* p, int64_t n) { fill_randint(g, p, n, 0, 1 << 28); }),
               {199900595.0, 250975502.0, 127521863.0}, 0));
}

void moments() {
  Generator g(7);
  const int64_t n = 200000;
  std::vector<double> x(n);
  fill_normal(g, x.data(), n, 1.5, 0.5);
  double mean = 0, variance = 0;
  for (double v : x) mean += v / double(n);
  for (double v : x) variance += (v - mean) * (v - mean) / double(n);
  EXPECT(std::abs(mean - 1.5) < 0.005 && std::abs(variance - 0.25) < 0.005);
  std::vector<BFloat16> h(n);
  fill_uniform(g, h.data(), n, 0, 1);
  bool inside = true;
  for (BFloat16 v : h) inside = inside && float(v) >= 0 && float(v) < 1;
  EXPECT(inside);
  std::vector<float> f(n);
  fill_randint(g, f.data(), n, 0, int64_t(1) << 25);
  for (float v : f) inside = inside && v >= 0 && v < float(1 << 25);
  EXPECT(inside);
}

void state_round_trip() {
  Generator g(11);
  for (const int draws : {0, 1, 623, 624, 625, 1000}) {
    g.manual_seed(11);
    for (int i = 0; i < draws; ++i) g.u32();
    g.normal();  // leaves one in the cache
    const std::vector<uint8_t> state = g.get_state();
    EXPECT(state.size() == 5056);
    std::vector<double> first, second;
    for (int i = 0; i < 700; ++i) first.push_back(i % 3 ? g.normal() : double(g.u32()));
    Generator other(1);
    other.set_state(state.data(), state.size());
    EXPECT(other.get_state() == state);
    for (int i = 0; i < 700; ++i) second.push_back(i % 3 ? other.normal() : double(other.u32()));
    EXPECT(first == second);
  }
  std::vector<uint8_t> state = g.get_state();
  EXPECT_ERROR("size 5056", g.set_state(state.data(), 10));
  std::vector<uint8_t> zeros(5056);
  EXPECT_ERROR("Invalid mt19937 state", g.set_state(zeros.data(), zeros.size()));
  state[16] = 0xff, state[17] = 0x7f;  // the position, past the block
  EXPECT_ERROR("Invalid mt19937 state", g.set_state(state.data(), state.size()));
  EXPECT(g.seed() != g.seed());
}

void threads_share_a_generator() {
  Generator g(3);
  std::vector<std::vector<float>> parts(8, std::vector<float>(10000));
  std::vector<std::thread> threads;
  for (auto& part : parts) {
    threads.emplace_back([&] { fill_uniform(g, part.data(), int64_t(part.size()), 0, 1); });
  }
  for (std::thread& t : threads) t.join();
  // Each fill is one stretch of the one stream.
  g.manual_seed(3);
  std::vector<float> all(80000);
  fill_uniform(g, all.data(), 80000, 0, 1);
  for (const auto& part : parts) {
    bool found = false;
    for (int i = 0; i < 8; ++i) {
      found = found || std::memcmp(&all[size_t(i) * 10000], part.data(), 40000) == 0;
    }
    EXPECT(found);
  }
}

void fork_while_others_draw() {
#if !defined(__SANITIZE_THREAD__)
  auto g = std::make_unique<Generator>(3);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    std::vector<float> x(1000);
    while (!stop) fill_uniform(*g, x.data(), 1000, 0, 1);
  });
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);  // ends a child that hangs
      float x[32];
      fill_normal(*g, x, 32, 0, 1);
      fill_normal(default_generator(), x, 32, 0, 1);
      _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  stop = true;
  other.join();
#endif
}

// Values of PyTorch 2.13 after seed 42; then means and variances over 20,000 draws.
void variates() {
  Generator g(42);
  EXPECT(std::abs(gamma_variate(g, 0.1) - 0.6927260634293273) < 1e-15);
  EXPECT(std::abs(gamma_variate(g, 2.5) - 2.471035255435171) < 1e-14);
  EXPECT(poisson_variate(g, 4) == 4 && poisson_variate(g, 300) == 280);
  EXPECT(binomial_variate(g, 20.0, 0.3) == 8 && binomial_variate(g, 1000.0, 0.7) == 692);
  const auto has_moments = [&](double mean, double variance, const auto& draw) {
    constexpr int n = 20000;
    double sum = 0, squares = 0;
    for (int i = 0; i < n; ++i) {
      const double x = draw() - mean;
      sum += x;
      squares += x * x;
    }
    return std::abs(sum / n) < 5 * std::sqrt(variance / n) && std::abs(squares / n / variance - 1) < 0.1;
  };
  for (const double a : {0.3, 1.0, 7.5}) EXPECT(has_moments(a, a, [&] { return gamma_variate(g, a); }));
  for (const double rate : {0.4, 9.0, 11.0, 500.0}) {
    EXPECT(has_moments(rate, rate, [&] { return poisson_variate(g, rate); }));
  }
  for (const double n : {5.0, 40.0, 1000.0}) {
    for (const double p : {0.1, 0.5, 0.8}) {
      EXPECT(has_moments(n * p, n * p * (1 - p), [&] { return binomial_variate(g, n, p); }));
    }
  }
}

// The vectors that the authors of Philox publish.
void philox_is_its_authors() {
  const auto gives = [](kernels::Words counter, uint64_t key, kernels::Words want) {
    return std::memcmp(kernels::philox(counter, key).at, want.at, sizeof want.at) == 0;
  };
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT(gives({{0, 0, 0, 0}}, 0, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}));
  EXPECT(gives({{kOnes, kOnes, kOnes, kOnes}}, ~uint64_t(0), {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}));
  EXPECT(gives({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0x299f31d0a4093822,
               {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}));
  // Words of a sequence, from an offset on.
  const kernels::Words block = kernels::Philox{7, 3}.block(uint64_t(5) << 32 | 1, 2);
  EXPECT(gives({{5, 0, 1, 5}}, 7, block));
}

void generators_of_gpus_count() {
  Generator g({DeviceType::Cuda, 1}, 9);
  EXPECT(g.device().index == 1 && g.initial_seed() == 9 && g.offset() == 0);
  EXPECT(g.take_offsets(5).offset == 0 && g.take_offsets(4).offset == 8 && g.offset() == 12);
  const std::vector<uint8_t> state = g.get_state();
  EXPECT(state.size() == Generator::kCudaStateBytes);
  Generator other({DeviceType::Cuda, 1});
  other.set_state(state.data(), state.size());
  EXPECT(other.initial_seed() == 9 && other.offset() == 12);
  g.manual_seed(3);
  EXPECT(g.offset() == 0);
  seed_cuda_generators(21);
  Generator& standard = default_generator({DeviceType::Cuda, 3});
  EXPECT(standard.initial_seed() == 21 && &standard == &default_generator({DeviceType::Cuda, 3}));
  EXPECT(&standard != &default_generator());
}

}  // namespace

int main() {
  philox_is_its_authors();
  generators_of_gpus_count();
  engine_is_mt19937();
  check_values();
  moments();
  variates();
  state_round_trip();
  threads_share_a_generator();
  fork_while_others_draw();
  return report();
}
