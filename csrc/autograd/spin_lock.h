// A lock of one byte for critical sections of a few instructions.
#pragma once

#include <sched.h>

#include <atomic>

namespace cnn {

class SpinLock {
 public:
  void lock() {
    while (held_.exchange(true, std::memory_order_acquire)) sched_yield();
  }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_{false};
};

}  // namespace cnn
