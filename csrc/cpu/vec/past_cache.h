// Stores that do not read the cache line that they write; other threads see them after a full fence only.
#pragma once

#include "cpu/vec/vec.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace cnn::cpu::inline CNN_ISA {

// `to` is aligned to the vector.
template <class V> CNN_HD void store_past_cache(void* to, V v) {
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64) return _mm512_stream_si512(static_cast<__m512i*>(to), (__m512i)v);
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(V) == 32) return _mm256_stream_si256(static_cast<__m256i*>(to), (__m256i)v);
#endif
#if defined(__SSE2__)
  if constexpr (sizeof(V) == 16) return _mm_stream_si128(static_cast<__m128i*>(to), (__m128i)v);
#endif
  __builtin_memcpy(to, &v, sizeof v);
}

}  // namespace cnn::cpu::CNN_ISA
