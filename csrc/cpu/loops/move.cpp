// Bytes from place to place: past the cache, and transposed.
#include <type_traits>

#include "cpu/loops/fill_tables.h"
#include "cpu/vec/past_cache.h"
#include "cpu/vec/transpose.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

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

// A square block of as many rows as a vector has lanes, turned in registers.
template <class T>
struct Block {
  static constexpr int kBytes = sizeof(T) < 4 ? 16 : kVecBytes, kSide = kBytes / int(sizeof(T));
  typedef T V __attribute__((vector_size(kBytes)));

  CNN_HD static void turn(const char* from, int64_t from_pitch, char* to, int64_t to_pitch, bool past_cache) {
    V a[kSide];
#pragma GCC unroll 16
    for (int i = 0; i < kSide; ++i) __builtin_memcpy(&a[i], from + i * from_pitch, kBytes);
    transpose_lanes(a);
    if (past_cache) {
#pragma GCC unroll 16
      for (int i = 0; i < kSide; ++i) store_past_cache(to + i * to_pitch, a[i]);
    } else {
#pragma GCC unroll 16
      for (int i = 0; i < kSide; ++i) __builtin_memcpy(to + i * to_pitch, &a[i], kBytes);
    }
  }

  // The same of what is left at an edge: to[rows][columns].
  static void turn_part(const char* from, int64_t from_pitch, char* to, int64_t to_pitch, int64_t rows,
                        int64_t columns) {
    V a[kSide];
#pragma GCC unroll 16
    for (int i = 0; i < kSide; ++i) a[i] = i < columns ? load_part(from + i * from_pitch, rows) : V{};
    transpose_lanes(a);
#pragma GCC unroll 16
    for (int i = 0; i < kSide; ++i)
      if (i < rows) store_part(to + i * to_pitch, a[i], columns);
  }

 private:
  using Float = std::conditional_t<sizeof(T) == 8, double, float>;  // for the masks of vec.h; bits stay as they are

  CNN_HD static V load_part(const char* from, int64_t n) {
    V v{};
    if constexpr (sizeof(T) >= 4) v = (V)vec_load_n(reinterpret_cast<const Float*>(from), n);
    else __builtin_memcpy(&v, from, size_t(n) * sizeof(T));
    return v;
  }
  CNN_HD static void store_part(char* to, V v, int64_t n) {
    if constexpr (sizeof(T) >= 4) vec_store_n(reinterpret_cast<Float*>(to), (Vec<Float>)v, n);
    else __builtin_memcpy(to, &v, size_t(n) * sizeof(T));
  }
};

template <class T>
void transpose(const void* from, int64_t from_pitch, void* to, int64_t to_pitch, int64_t rows, int64_t columns,
               bool past_cache) {
  using B = Block<T>;
  constexpr int64_t side = B::kSide, w = sizeof(T);
  past_cache &= (reinterpret_cast<uintptr_t>(to) | uintptr_t(to_pitch)) % B::kBytes == 0;
  for (int64_t i = 0; i < rows; i += side)
    for (int64_t j = 0; j < columns; j += side) {
      const char* const x = static_cast<const char*>(from) + j * from_pitch + i * w;
      char* const y = static_cast<char*>(to) + i * to_pitch + j * w;
      if (rows - i >= side && columns - j >= side) B::turn(x, from_pitch, y, to_pitch, past_cache);
      else B::turn_part(x, from_pitch, y, to_pitch, min_of(rows - i, side), min_of(columns - j, side));
    }
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
