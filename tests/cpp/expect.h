// Checks for the C++ tests: they print what failed and count it; main returns report().
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "cnn/check.h"

inline int failures = 0;

inline void expect(bool ok, const char* text, const char* file, int line) {
  if (ok) return;
  ++failures;
  std::printf("%s:%d: FAILED: %s\n", file, line, text);
}
#define EXPECT(condition) expect(bool(condition), #condition, __FILE__, __LINE__)

// The text of the cnn::Error that f raises; "" when it raises none.
template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const cnn::Error& e) {
    return e.what();
  }
  return "";
}
inline void expect_error(const std::string& text, const char* part, const char* file, int line) {
  if (text.find(part) != std::string::npos) return;
  ++failures;
  std::printf("%s:%d: FAILED: expected an error with \"%s\", got \"%s\"\n", file, line, part, text.c_str());
}
#define EXPECT_ERROR(part, ...) expect_error(error_of([&] { __VA_ARGS__; }), part, __FILE__, __LINE__)

// QEMU does not limit a process's address space, and ends where a child forked from several threads starts a thread.
inline bool beyond_emulation(const char* test) {
  const bool emulated = std::getenv("CNN_EMULATED") != nullptr;  // .ci/aarch64-linux-gnu.cmake
  if (emulated) std::printf("%s: not in an emulation\n", test);
  return emulated;
}

inline int report() {
  std::printf(failures ? "%d failed\n" : "ok\n", failures);
  return failures ? 1 : 0;
}
