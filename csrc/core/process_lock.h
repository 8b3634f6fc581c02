// A lock of the whole process, one for each Tag. A fork takes it, so that no child finds it held by a thread that the
// child does not have: for short sections that take no other lock and run no foreign code.
#pragma once

#include <pthread.h>

#include <mutex>

namespace cnn {

template <class Tag>
std::mutex& process_lock() {
  static std::mutex& lock = []() -> std::mutex& {
    const auto take = [] { process_lock<Tag>().lock(); };
    const auto release = [] { process_lock<Tag>().unlock(); };
    pthread_atfork(take, release, release);
    return *new std::mutex;  // outlives everything
  }();
  return lock;
}

}  // namespace cnn
