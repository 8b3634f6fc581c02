#include "cpu/loops/fill_tables.h"
#include "cpu/loops/map.h"
#include "cpu/vec/vec.h"
#include "kernels/unary.h"

namespace cnn::cpu::inline CNN_ISA {

#if defined(__AVX512F__)
// kernels::exp on vectors: the same values, with the instruction that scales by a power of two.
template <>
struct Row<kernels::Exp, float, 1> {
  static Vec<float> exp(Vec<float> given) {
    constexpr __mmask16 kAll = 0xffff;  // the unmasked intrinsics make GCC warn
    const auto splat = [](float v) { return vec_splat<float>(v); };
    const __m512 x = _mm512_maskz_max_ps(kAll, _mm512_set1_ps(-150.0f),
                                         _mm512_maskz_min_ps(kAll, _mm512_set1_ps(150.0f), (__m512)given));
    const Vec<float> n = vec_fma((Vec<float>)x, splat(1.44269504f), splat(12582912.0f)) - splat(12582912.0f);
    const Vec<float> r = vec_fma(n, splat(2.12194440e-4f), vec_fma(n, splat(-0.693359375f), (Vec<float>)x));
    const Vec<float> a = vec_fma(splat(1.9875691500e-4f), r, splat(1.3981999507e-3f));
    const Vec<float> b = vec_fma(splat(8.3334519073e-3f), r, splat(4.1665795894e-2f));
    const Vec<float> c = vec_fma(splat(1.6666665459e-1f), r, splat(5.0000001201e-1f)), z = r * r;
    const Vec<float> p = vec_fma(vec_fma(vec_fma(a, z, b), z, c), z, r) + splat(1.0f);
    return (Vec<float>)_mm512_maskz_scalef_ps(kAll, (__m512)p, (__m512)n);
  }
  static void run(const kernels::Exp& f, int64_t n, void* const* p, const int64_t* s) {
    float* out = static_cast<float*>(p[0]);
    const float* a = static_cast<const float*>(p[1]);
    if (s[0] != sizeof(float) || s[1] != sizeof(float)) {
      for (int64_t i = 0; i < n; ++i) store<float>(p[0], i, s[0], f(load<float>(p[1], i, s[1])));
      return;
    }
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) {
      const Vec<float> y0 = exp(vec_load(a + i)), y1 = exp(vec_load(a + i + 16));
      vec_store(out + i, y0);
      vec_store(out + i + 16, y1);
    }
    for (; i < n; i += 16) vec_store_n(out + i, exp(vec_load_n(a + i, n - i)), n - i);
  }
};
#endif

void fill_unary(Tables& t) {
#define CNN_ADD(name, inputs, types) add_loops<kernels::name, inputs, kernels::Types::types>(t.map);
  CNN_MAP_UNARY(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cpu::CNN_ISA
