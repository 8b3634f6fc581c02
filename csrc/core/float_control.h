// The processor's control word of floating-point arithmetic, per thread: rounding, and whether subnormal numbers, which
// take a processor a hundred times as long as others, count as zero.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cnn {

// The bits that change results; where there are none, all functions do nothing.
#if defined(__x86_64__)
inline constexpr uint32_t kControlMask = 0xE040, kFlushBits = 0x8040;  // flush-to-zero and denormals-are-zero
[[gnu::always_inline]] inline uint32_t float_control() { return _mm_getcsr() & kControlMask; }
[[gnu::always_inline]] inline void set_float_control(uint32_t control) {
  const uint32_t now = _mm_getcsr();
  if ((now & kControlMask) != control) _mm_setcsr((now & ~kControlMask) | control);
}
#elif defined(__aarch64__)
inline constexpr uint32_t kControlMask = 0x1C00000, kFlushBits = 0x1000000;
[[gnu::always_inline]] inline uint32_t float_control() {
  uint64_t now;
  asm volatile("mrs %0, fpcr" : "=r"(now));
  return uint32_t(now & kControlMask);
}
[[gnu::always_inline]] inline void set_float_control(uint32_t control) {
  uint64_t now;
  asm volatile("mrs %0, fpcr" : "=r"(now));
  if ((now & kControlMask) != control) {
    asm volatile("msr fpcr, %0" : : "r"((now & ~uint64_t(kControlMask)) | control));
  }
}
#else
inline constexpr uint32_t kFlushBits = 0;
[[gnu::always_inline]] inline uint32_t float_control() { return 0; }
[[gnu::always_inline]] inline void set_float_control(uint32_t) {}
#endif

// Subnormal numbers count as zero as long as this lives, if `flush` says so.
class FlushSubnormals {
 public:
  [[gnu::always_inline]] explicit FlushSubnormals(bool flush) : before_(float_control()) {
    if (flush) set_float_control(before_ | kFlushBits);
  }
  [[gnu::always_inline]] ~FlushSubnormals() { set_float_control(before_); }
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
  uint32_t before_;
};

}  // namespace cnn
