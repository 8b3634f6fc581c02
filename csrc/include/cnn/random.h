// Random number generators with PyTorch's seeding, draws and state, so that the same seed gives the same numbers: on
// the CPU MT19937, on GPUs Philox, whose numbers follow from a seed and an offset and are computed where they are used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "cnn/device.h"
#include "cnn/export.h"

namespace cnn {

class CNN_API Generator {
 public:
  static constexpr uint64_t kDefaultSeed = 67280421310721;
  static constexpr size_t kStateBytes = 5056, kCudaStateBytes = 16;

  explicit Generator(uint64_t seed = kDefaultSeed) : Generator(kCpu, seed) {}
  explicit Generator(Device device, uint64_t seed = kDefaultSeed);
  ~Generator();
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  Device device() const { return device_; }  // whose numbers it is for

  // These take the lock themselves. RuntimeError on a GPU's generator while this thread's stream there is recorded.
  void manual_seed(uint64_t seed);
  bool may_be_seeded(uint64_t seed) const;  // or the error; false where it is recorded and has that seed
  uint64_t initial_seed() const;
  uint64_t seed();  // seeds from the system's entropy and returns that seed
  // The layout of torch.Generator.get_state(). set_state raises RuntimeError for any other size and
  // for a state that no generator can be in.
  std::vector<uint8_t> get_state() const;
  void set_state(const uint8_t* state, size_t nbytes);

  // Of GPUs: how many numbers of each sequence were drawn, a multiple of 4. RuntimeError on the CPU.
  uint64_t offset() const;
  void set_offset(uint64_t offset);
  struct Stretch {
    uint64_t seed, offset;
  };
  Stretch take_offsets(uint64_t count);  // where the next `count` numbers begin, which are then drawn; in fours
  // The state itself, which others may share: what one draws, all have drawn.
  using Shared = std::shared_ptr<Stretch>;
  Shared shared_state() const;
  void share_state(Shared state);
  static Stretch take_offsets(const Shared& state, uint64_t count);

  // Draws on the CPU. The caller holds the lock, for the length of a whole tensor.
  std::mutex& mutex() const { return mutex_; }
  uint32_t u32() {
    if (next_ == kWords) refill();
    return words_[next_++];
  }
  uint64_t u64() {
    const uint64_t high = u32();
    return high << 32 | u32();
  }
  float uniform_float() { return float(u32() & ((1u << 24) - 1)) * 0x1p-24f; }  // [0, 1)
  double uniform_double() { return double(u64() & ((1ull << 53) - 1)) * 0x1p-53; }  // [0, 1)
  double normal();  // standard normal; every other one comes from the cache

  // The next up to `most` values of u32(), consumed at once; at least one. Valid until the next draw.
  struct Words {
    const uint32_t* data;
    int64_t count;
  };
  Words take(int64_t most) {
    if (next_ == kWords) refill();
    const int64_t left = kWords - next_;
    const Words words{words_ + next_, most < left ? most : left};
    next_ += int(words.count);
    return words;
  }

 private:
  static constexpr int kWords = 624;

  void reseed(uint64_t seed);
  void refill();
  void check_has_offset(const char* op) const;
  Stretch state_of_gpu() const;

  uint32_t state_[kWords];  // as the recurrence has it
  uint32_t words_[kWords];  // the same, tempered: what is drawn
  int next_ = kWords;  // kWords: the next draw refills
  bool fresh_ = true;  // seeded and not yet drawn from
  bool has_normal_ = false;
  double cached_normal_ = 0;
  uint64_t seed_ = kDefaultSeed;  // on the CPU
  Shared on_gpu_;
  Device device_;

  mutable std::mutex mutex_;
  Generator* previous_ = nullptr;  // all generators, for the locks that a fork takes
  Generator* following_ = nullptr;
};

// The generator of every op that is not given one, on the CPU or on a GPU. Seeded from the system until manual_seed.
CNN_API Generator& default_generator(Device device = kCpu);
// Seeds those of all GPUs, also of GPUs that nobody has used yet.
CNN_API void seed_cuda_generators(uint64_t seed);

}  // namespace cnn
