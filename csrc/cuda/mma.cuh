// Products of small matrices by a warp: the instructions of compute capability 8.0 for 16-bit floats and for float32
// rounded to TF32, with sums in float32. A matrix is spread over the lanes as PTX's documentation says of mma.m16n8k16
// and, of TF32, m16n8k8; with lane = 4 g + t
//   a [16, 16]: word 0 holds a[g][2t, 2t+1], word 1 a[g+8][..], word 2 a[g][2t+8, 2t+9], word 3 a[g+8][2t+8, 2t+9]
//   b [16, 8]:  word 0 holds b[2t, 2t+1][g], word 1 b[2t+8, 2t+9][g]
//   a [16, 8] of TF32: word 0 holds a[g][t], word 1 a[g+8][t], word 2 a[g][t+4], word 3 a[g+8][t+4]
//   b [8, 8] of TF32:  word 0 holds b[t][g], word 1 b[t+4][g]
//   c [16, 8]:  c[g][2t, 2t+1], then c[g+8][2t, 2t+1]
// so two blocks of c side by side, rounded to 16 bits, are an a. A block of c rounded to TF32 is one as well, where the
// terms of a sum are taken in another order: t is the 2t-th, t + 4 the (2t+1)-th.
#pragma once

#include "cuda/runtime.h"
#include "kernels/for_types.h"
#include "kernels/math.h"

namespace cnn::cuda {

// Eight 16-bit floats of a row, or four float32.
struct alignas(16) Chunk {
  uint32_t words[4];
};

namespace ptx {
#ifdef __CUDACC__

// Where they are missing a kernel compiles, and is not launched: hosts look at what it was compiled for.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
inline constexpr bool kMissing = true;
#else
inline constexpr bool kMissing = false;
#endif

using SharedAddress = uint32_t;
__device__ inline SharedAddress shared_address(const Chunk* p) { return uint32_t(__cvta_generic_to_shared(p)); }

// c += a b; float is TF32.
template <class E>
__device__ inline void multiply(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  if constexpr (kMissing) __trap();
  else if constexpr (kernels::Same<E, Half>::value)
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  else if constexpr (kernels::Same<E, float>::value)
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  else
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Four matrices [8, 8] of 16-bit floats from shared memory: lane i gives row i % 8 of matrix i / 8. Word m gets
// [g][2t, 2t+1] of matrix m, or, turned, its [2t, 2t+1][g]. Of matrices [8, 4] of float32 word m gets [g][t].
__device__ inline void load_matrices(uint32_t (&x)[4], SharedAddress row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
               : "r"(row)
               : "memory");
}
__device__ inline void load_turned(uint32_t (&x)[4], SharedAddress row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
               : "r"(row)
               : "memory");
}

__device__ inline Chunk load_chunk(SharedAddress from) {
  Chunk x;
  asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
               : "=r"(x.words[0]), "=r"(x.words[1]), "=r"(x.words[2]), "=r"(x.words[3])
               : "r"(from)
               : "memory");
  return x;
}
__device__ inline void store_chunk(SharedAddress to, const Chunk& x) {
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};"
               :
               : "r"(to), "r"(x.words[0]), "r"(x.words[1]), "r"(x.words[2]), "r"(x.words[3])
               : "memory");
}
// *to = there ? *from : zeros, at some time before this thread's await_copies returns.
__device__ inline void copy_later(SharedAddress to, const Chunk* from, bool there) {
  if constexpr (kMissing) __trap();
  else
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :
                 : "r"(to), "l"(from), "r"(there ? 16 : 0)
                 : "memory");
}
__device__ inline void await_copies() {
  if constexpr (kMissing) __trap();
  else asm volatile("cp.async.wait_all;" : : : "memory");
}

// Two floats rounded to E, the first in the lower half.
template <class E> __device__ inline uint32_t pack(float low, float high) {
  uint32_t both = 0;
  if constexpr (kMissing) __trap();
  else if constexpr (kernels::Same<E, Half>::value)
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  else asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
}

// x rounded to TF32, halves away from zero.
__device__ inline uint32_t to_tf32(float x) {
  uint32_t y = 0;
  if constexpr (kMissing) __trap();
  else asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
  return y;
}

// Within 2 ulp; results below the normal numbers are 0.
__device__ inline float exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// The memory of a block that CNN_LAUNCH_SHARED asks for.
__device__ inline Chunk* launched_shared() {
  alignas(1024) extern __shared__ Chunk chunks[];
  return chunks;
}

#else  // the emulation has the instructions
using namespace emulation::warp;

using SharedAddress = uintptr_t;
inline SharedAddress shared_address(const Chunk* p) { return reinterpret_cast<uintptr_t>(p); }
inline Chunk load_chunk(SharedAddress from) { return *reinterpret_cast<const Chunk*>(from); }
inline void store_chunk(SharedAddress to, const Chunk& x) { *reinterpret_cast<Chunk*>(to) = x; }

template <class E> uint32_t pack(float low, float high) { return E(low).bits | uint32_t(E(high).bits) << 16; }
inline float exp2(float x) { return kernels::exp2(x); }
inline Chunk* launched_shared() { return reinterpret_cast<Chunk*>(emulation::launched_shared()); }
#endif
}  // namespace ptx

}  // namespace cnn::cuda
