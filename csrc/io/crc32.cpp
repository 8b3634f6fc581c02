// By tables, sixteen bytes at a time (Kounavis and Berry 2005, "slicing"); by products of polynomials where the
// processor has them (Gopal et al. 2009, "Fast CRC computation for generic polynomials using PCLMULQDQ").
#include "io/crc32.h"

#include <array>
#include <cstring>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace cnn {
namespace {

using Table = std::array<std::array<uint32_t, 256>, 16>;

// Row k: what a byte does to the checksum when k more bytes follow.
constexpr Table make_table() {
  Table t{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    t[0][i] = c;
  }
  for (size_t k = 1; k < 16; ++k)
    for (uint32_t i = 0; i < 256; ++i) t[k][i] = t[k - 1][i] >> 8 ^ t[0][t[k - 1][i] & 0xff];
  return t;
}
constexpr Table kTable = make_table();

// Four bytes, `k` more and those of this word follow.
uint32_t word(uint32_t v, size_t k) {
  return kTable[k + 3][v & 0xff] ^ kTable[k + 2][v >> 8 & 0xff] ^ kTable[k + 1][v >> 16 & 0xff] ^ kTable[k][v >> 24];
}

#ifdef __x86_64__

struct Folding {
  // x to the powers that move 64 bits past what follows them, modulo the polynomial, bits reversed.
  alignas(16) static constexpr uint64_t past64[2] = {0x154442bd4, 0x1c6e41596};  // 64 bytes
  alignas(16) static constexpr uint64_t past16[2] = {0x1751997d0, 0x0ccaa009e};
  alignas(16) static constexpr uint64_t past4[2] = {0x163cd6124, 0};
  alignas(16) static constexpr uint64_t barrett[2] = {0x1db710641, 0x1f7011641};  // the polynomial, and its inverse
};

#define CNN_CLMUL __attribute__((target("pclmul,sse4.1"), always_inline)) inline

CNN_CLMUL __m128i load(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }

// `a` past what `by` says, onto `b`.
CNN_CLMUL __m128i fold(__m128i a, __m128i by, __m128i b) {
  return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(a, by, 0x00), _mm_clmulepi64_si128(a, by, 0x11)), b);
}

// The register after `size` bytes: a multiple of 16, 64 or more.
__attribute__((target("pclmul,sse4.1"))) uint32_t by_products(uint32_t c, const uint8_t* p, size_t size) {
  __m128i x[4];
  for (int i = 0; i < 4; ++i) x[i] = load(p + 16 * i);
  x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128(int(c)));
  __m128i by = load(Folding::past64);
  for (p += 64, size -= 64; size >= 64; p += 64, size -= 64)
    for (int i = 0; i < 4; ++i) x[i] = fold(x[i], by, load(p + 16 * i));
  by = load(Folding::past16);
  __m128i y = x[0];
  for (int i = 1; i < 4; ++i) y = fold(y, by, x[i]);
  for (; size > 0; p += 16, size -= 16) y = fold(y, by, load(p));
  // 128 bits to 96, to 64, to 32.
  const __m128i low = _mm_setr_epi32(-1, 0, -1, 0);
  y = _mm_xor_si128(_mm_srli_si128(y, 8), _mm_clmulepi64_si128(y, by, 0x10));
  y = _mm_xor_si128(_mm_srli_si128(y, 4), _mm_clmulepi64_si128(_mm_and_si128(y, low), load(Folding::past4), 0x00));
  by = load(Folding::barrett);
  __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(y, low), by, 0x10);
  quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, low), by, 0x00);
  return uint32_t(_mm_extract_epi32(_mm_xor_si128(y, quotient), 1));
}
#undef CNN_CLMUL

const bool has_products = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");

#endif

}  // namespace

uint32_t crc32(const void* data, size_t size, uint32_t before) {
  const auto* p = static_cast<const uint8_t*>(data);
  uint32_t c = ~before;
#ifdef __x86_64__
  if (size >= 64 && has_products) {
    const size_t most = size - size % 16;
    c = by_products(c, p, most);
    p += most;
    size -= most;
  }
#endif
  for (; size >= 16; size -= 16, p += 16) {
    uint32_t v[4];
    std::memcpy(v, p, 16);
    c = word(c ^ v[0], 12) ^ word(v[1], 8) ^ word(v[2], 4) ^ word(v[3], 0);
  }
  for (; size > 0; --size) c = kTable[0][(c ^ *p++) & 0xff] ^ c >> 8;
  return ~c;
}

}  // namespace cnn
