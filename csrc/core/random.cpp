#include "cnn/random.h"

#include <pthread.h>

#include <cmath>
#include <cstring>
#include <random>

#include "cnn/check.h"
#include "core/cuda_plugin.h"

namespace cnn {
namespace {

constexpr int kShift = 397;

uint32_t twist(uint32_t upper, uint32_t lower) {
  const uint32_t mixed = (upper & 0x80000000u) | (lower & 0x7fffffffu);
  return (mixed >> 1) ^ (-(lower & 1u) & 0x9908b0dfu);
}

uint32_t temper(uint32_t y) {
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

// torch.Generator's state: an older struct of 64-bit words, with fields for the cached normals.
struct StateBytes {
  uint64_t seed;
  int32_t left;  // draws until the next refill, plus one
  int32_t seeded;
  uint64_t next;
  uint64_t state[624];
  double normal_x;
  double cached_normal;
  double normal_rho;
  int32_t has_normal;
  int32_t padding;
  float cached_float;
  uint8_t has_float;
  uint8_t padding_end[3];
};
static_assert(sizeof(StateBytes) == Generator::kStateBytes);

// The generators of GPUs, made when they are asked for and never destroyed.
struct CudaGenerators {
  std::mutex mutex;
  Generator* of[128] = {};
  bool seeded = false;  // all of them, with `seed`
  uint64_t seed = 0;
};
CudaGenerators& cuda_generators() {
  static CudaGenerators& instance = *new CudaGenerators;
  return instance;
}

uint64_t seed_of_system() {
  std::random_device entropy;
  const uint64_t high = entropy();
  return high << 32 | entropy();
}

// Of what generators share, all together: it is held for a few instructions.
std::mutex& shared_lock() {
  static std::mutex& instance = *new std::mutex;
  return instance;
}

// Kernels of a graph find the state of its runs, so that nobody may take it for that of the moment.
bool is_recorded(Device device) { return cuda_is_recorded(device.index < 0 ? 0 : device.index); }
void check_not_recorded(Device device, const char* what) {
  check(!is_recorded(device), "", "operation not permitted when stream is capturing: ", what,
        " of a GPU's random numbers");
}

// A fork takes the lock of every generator, so that the child may draw from each of them.
struct Registry {
  std::mutex mutex;
  Generator* first = nullptr;
};
Registry& registry() {
  static Registry& instance = *new Registry;  // never destroyed
  return instance;
}

}  // namespace

Generator::Generator(Device device, uint64_t seed) : device_(device) {
  if (device.is_cuda()) on_gpu_ = std::make_shared<Stretch>(Stretch{seed, 0});
  else reseed(seed);
  static const int handlers = pthread_atfork(
      [] {
        cuda_generators().mutex.lock();
        registry().mutex.lock();
        for (Generator* g = registry().first; g; g = g->following_) g->mutex_.lock();
        shared_lock().lock();
      },
      [] {
        shared_lock().unlock();
        for (Generator* g = registry().first; g; g = g->following_) g->mutex_.unlock();
        registry().mutex.unlock();
        cuda_generators().mutex.unlock();
      },
      [] {
        shared_lock().unlock();
        for (Generator* g = registry().first; g; g = g->following_) g->mutex_.unlock();
        registry().mutex.unlock();
        cuda_generators().mutex.unlock();
      });
  (void)handlers;
  std::lock_guard lock(registry().mutex);
  following_ = registry().first;
  if (following_) following_->previous_ = this;
  registry().first = this;
}

Generator::~Generator() {
  std::lock_guard lock(registry().mutex);
  (previous_ ? previous_->following_ : registry().first) = following_;
  if (following_) following_->previous_ = previous_;
}

void Generator::reseed(uint64_t seed) {
  seed_ = seed;
  state_[0] = uint32_t(seed);
  for (uint32_t i = 1; i < kWords; ++i) {
    state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
  }
  next_ = kWords;
  fresh_ = true;
  has_normal_ = false;
}

// The loops run over disjoint stretches, so that they are free of dependencies and vectorise.
void Generator::refill() {
  uint32_t* const s = state_;
  for (int i = 0; i < kWords - kShift; ++i) s[i] = s[i + kShift] ^ twist(s[i], s[i + 1]);
  for (int start = kWords - kShift; start < kWords - 1; start += kWords - kShift) {
    const int end = start + (kWords - kShift) < kWords - 1 ? start + (kWords - kShift) : kWords - 1;
#pragma GCC ivdep
    for (int i = start; i < end; ++i) s[i] = s[i + kShift - kWords] ^ twist(s[i], s[i + 1]);
  }
  s[kWords - 1] = s[kShift - 1] ^ twist(s[kWords - 1], s[0]);
  for (int i = 0; i < kWords; ++i) words_[i] = temper(s[i]);
  next_ = 0;
  fresh_ = false;
}

// Box and Muller's transform, two values at a time.
double Generator::normal() {
  if (has_normal_) {
    has_normal_ = false;
    return cached_normal_;
  }
  const double u1 = uniform_double();
  const double u2 = uniform_double();
  const double radius = std::sqrt(-2.0 * std::log1p(-u2));
  const double angle = 2.0 * M_PI * u1;
  cached_normal_ = radius * std::sin(angle);
  has_normal_ = true;
  return radius * std::cos(angle);
}

void Generator::manual_seed(uint64_t seed) {
  if (device_.is_cuda()) {
    const Shared state = shared_state();
    const bool changes = may_be_seeded(seed);
    std::lock_guard lock(shared_lock());
    if (changes) *state = {seed, 0};
    return;
  }
  std::lock_guard lock(mutex_);
  reseed(seed);
}

// Does that change anything? While its stream is recorded it may not.
bool Generator::may_be_seeded(uint64_t seed) const {
  if (!device_.is_cuda() || !is_recorded(device_)) return true;
  const Shared state = shared_state();
  std::lock_guard lock(shared_lock());
  check(state->seed == seed, "",
        "operation not permitted when stream is capturing: another seed for a GPU's random numbers");
  return false;
}

uint64_t Generator::initial_seed() const {
  if (device_.is_cuda()) return state_of_gpu().seed;
  std::lock_guard lock(mutex_);
  return seed_;
}

Generator::Shared Generator::shared_state() const {
  check_has_offset("graphsafe_get_state");
  std::lock_guard lock(mutex_);
  return on_gpu_;
}
void Generator::share_state(Shared state) {
  check_has_offset("graphsafe_set_state");
  std::lock_guard lock(mutex_);
  on_gpu_ = std::move(state);
}
Generator::Stretch Generator::take_offsets(const Shared& state, uint64_t count) {
  std::lock_guard lock(shared_lock());
  const Stretch taken = *state;
  state->offset += (count + 3) / 4 * 4;
  return taken;
}
Generator::Stretch Generator::state_of_gpu() const {
  check_not_recorded(device_, "the state");
  const Shared state = shared_state();
  std::lock_guard lock(shared_lock());
  return *state;
}

uint64_t Generator::seed() {
  const uint64_t seed = seed_of_system();
  manual_seed(seed);
  return seed;
}

std::vector<uint8_t> Generator::get_state() const {
  if (device_.is_cuda()) {
    std::vector<uint8_t> state(kCudaStateBytes);
    const Stretch held = state_of_gpu();
    static_assert(sizeof held == kCudaStateBytes);
    std::memcpy(state.data(), &held, sizeof held);
    return state;
  }
  StateBytes bytes{};
  {
    std::lock_guard lock(mutex_);
    bytes.seed = seed_;
    bytes.left = fresh_ ? 1 : kWords + 1 - next_;
    bytes.seeded = 1;
    bytes.next = fresh_ ? 0 : uint64_t(next_);
    for (int i = 0; i < kWords; ++i) bytes.state[i] = state_[i];
    bytes.cached_normal = has_normal_ ? cached_normal_ : 0;
    bytes.has_normal = has_normal_;
  }
  std::vector<uint8_t> state(sizeof bytes);
  std::memcpy(state.data(), &bytes, sizeof bytes);
  return state;
}

void Generator::set_state(const uint8_t* state, size_t nbytes) {
  if (device_.is_cuda()) {
    // Old states have no offset.
    check(nbytes == kCudaStateBytes || nbytes == sizeof seed_, "", "RNG state is wrong size");
    uint64_t seed, offset = 0;
    std::memcpy(&seed, state, sizeof seed);
    if (nbytes == kCudaStateBytes) std::memcpy(&offset, state + sizeof seed, sizeof offset);
    check(offset % 4 == 0, "", "offset must be a multiple of 4");
    check_not_recorded(device_, "another state");
    const Shared held = shared_state();
    std::lock_guard lock(shared_lock());
    *held = {seed, offset};
    return;
  }
  check(nbytes == sizeof(StateBytes), "", "Expected a CPUGeneratorImplState of size ", sizeof(StateBytes),
        " but found the input RNG state size to be ", nbytes);
  StateBytes bytes;
  std::memcpy(&bytes, state, sizeof bytes);
  // left == 1 asks for a refill; otherwise it and next count the same block from both ends.
  const bool refill_next = bytes.left == 1 && bytes.next <= kWords;
  const bool within = bytes.left > 1 && bytes.next >= 1 && bytes.next == uint64_t(kWords + 1 - bytes.left);
  check(bytes.seeded == 1 && (refill_next || within), "", "Invalid mt19937 state");
  std::lock_guard lock(mutex_);
  seed_ = bytes.seed;
  for (int i = 0; i < kWords; ++i) state_[i] = uint32_t(bytes.state[i]);
  for (int i = 0; i < kWords; ++i) words_[i] = temper(state_[i]);
  fresh_ = refill_next && bytes.next == 0;
  next_ = refill_next ? kWords : int(bytes.next);
  has_normal_ = bytes.has_normal != 0;
  cached_normal_ = has_normal_ ? bytes.cached_normal : 0;
}

void Generator::check_has_offset(const char* op) const {
  check(device_.is_cuda(), op, "CPU Generator does not use offset");
}
uint64_t Generator::offset() const {
  check_has_offset("get_offset");
  return state_of_gpu().offset;
}
void Generator::set_offset(uint64_t offset) {
  check_has_offset("set_offset");
  check(offset % 4 == 0, "", "offset must be a multiple of 4");
  check_not_recorded(device_, "another offset");
  const Shared state = shared_state();
  std::lock_guard lock(shared_lock());
  state->offset = offset;
}
Generator::Stretch Generator::take_offsets(uint64_t count) {
  check_has_offset("take_offsets");
  return take_offsets(shared_state(), count);
}

Generator& default_generator(Device device) {
  if (device.is_cuda()) {
    CudaGenerators& all = cuda_generators();
    std::lock_guard lock(all.mutex);
    Generator*& generator = all.of[device.index < 0 ? 0 : device.index];
    if (!generator) generator = new Generator(device, all.seeded ? all.seed : seed_of_system());
    return *generator;
  }
  static Generator& generator = []() -> Generator& {
    Generator* made = new Generator;  // never destroyed
    made->seed();
    return *made;
  }();
  return generator;
}

void seed_cuda_generators(uint64_t seed) {
  CudaGenerators& all = cuda_generators();
  std::lock_guard lock(all.mutex);
  for (const Generator* generator : all.of)
    if (generator) generator->may_be_seeded(seed);
  all.seeded = true;
  all.seed = seed;
  for (Generator* generator : all.of)
    if (generator) generator->manual_seed(seed);
}

}  // namespace cnn
