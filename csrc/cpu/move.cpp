// Bytes from place to place: past the cache, and transposed.
#include "cpu/fill_tables.h"
#include "cpu/vec.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace cnn::cpu::inline CNN_ISA {
namespace {

// One vector into memory without reading its cache line first; `to` is aligned to the vector.
template <class V>
CNN_HD void store_past_cache(void* to, V v) {
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

typedef uint8_t Bytes __attribute__((vector_size(kVecBytes)));

void stream(void* to, const void* from, int64_t nbytes) {
  char* y = static_cast<char*>(to);
  const char* x = static_cast<const char*>(from);
  int64_t head = -int64_t(reinterpret_cast<uintptr_t>(y)) & 63;
  if (head > nbytes) head = nbytes;
  __builtin_memcpy(y, x, size_t(head));
  int64_t i = head;
  for (; i + 64 <= nbytes; i += 64)
#pragma GCC unroll 4
    for (int64_t k = 0; k < 64; k += kVecBytes) {
      Bytes v;
      __builtin_memcpy(&v, x + i + k, sizeof v);
      store_past_cache(y + i + k, v);
    }
  __builtin_memcpy(y + i, x + i, size_t(nbytes - i));
}

// The lanes of two vectors by turns, of their lower or upper halves.
template <class V> CNN_HD V low_turns(V a, V b) {
  constexpr int n = sizeof(V) / sizeof(a[0]);
  if constexpr (n == 2) return __builtin_shufflevector(a, b, 0, 2);
  else if constexpr (n == 4) return __builtin_shufflevector(a, b, 0, 4, 1, 5);
  else if constexpr (n == 8) return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  else return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
template <class V> CNN_HD V high_turns(V a, V b) {
  constexpr int n = sizeof(V) / sizeof(a[0]);
  if constexpr (n == 2) return __builtin_shufflevector(a, b, 1, 3);
  else if constexpr (n == 4) return __builtin_shufflevector(a, b, 2, 6, 3, 7);
  else if constexpr (n == 8) return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  else return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

// A square block of as many rows as a vector has lanes, turned in registers: log2(lanes) rounds of taking turns.
template <class T>
struct Block {
  static constexpr int kBytes = sizeof(T) < 4 ? 16 : kVecBytes, kSide = kBytes / int(sizeof(T));
  typedef T V __attribute__((vector_size(kBytes)));

  CNN_HD static void turn(const char* from, int64_t from_pitch, char* to, int64_t to_pitch, bool past_cache) {
    V a[kSide], b[kSide];
#pragma GCC unroll 16
    for (int i = 0; i < kSide; ++i) __builtin_memcpy(&a[i], from + i * from_pitch, kBytes);
#pragma GCC unroll 4
    for (int round = 1; round < kSide; round *= 2) {
#pragma GCC unroll 8
      for (int i = 0; i < kSide / 2; ++i) {
        b[2 * i] = low_turns(a[i], a[i + kSide / 2]);
        b[2 * i + 1] = high_turns(a[i], a[i + kSide / 2]);
      }
#pragma GCC unroll 16
      for (int i = 0; i < kSide; ++i) a[i] = b[i];
    }
    if (past_cache) {
#pragma GCC unroll 16
      for (int i = 0; i < kSide; ++i) store_past_cache(to + i * to_pitch, a[i]);
    } else {
#pragma GCC unroll 16
      for (int i = 0; i < kSide; ++i) __builtin_memcpy(to + i * to_pitch, &a[i], kBytes);
    }
  }
};

template <class T>
void transpose(const void* from, int64_t from_pitch, void* to, int64_t to_pitch, int64_t rows, int64_t columns,
               bool past_cache) {
  constexpr int64_t side = Block<T>::kSide, w = sizeof(T);
  const char* x = static_cast<const char*>(from);
  char* y = static_cast<char*>(to);
  past_cache &= (reinterpret_cast<uintptr_t>(y) | uintptr_t(to_pitch)) % Block<T>::kBytes == 0;
  const int64_t whole_rows = rows / side * side, whole_columns = columns / side * side;
  for (int64_t i = 0; i < whole_rows; i += side)
    for (int64_t j = 0; j < whole_columns; j += side)
      Block<T>::turn(x + j * from_pitch + i * w, from_pitch, y + i * to_pitch + j * w, to_pitch, past_cache);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j)
      __builtin_memcpy(y + i * to_pitch + j * w, x + j * from_pitch + i * w, w);
}

}  // namespace

void fill_moves(Tables& t) {
  t.stream = stream;
  t.transpose[0] = transpose<uint8_t>;
  t.transpose[1] = transpose<uint16_t>;
  t.transpose[2] = transpose<uint32_t>;
  t.transpose[3] = transpose<uint64_t>;
}

}  // namespace cnn::cpu::CNN_ISA
