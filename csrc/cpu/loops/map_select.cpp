#include "cpu/loops/fill_tables.h"
#include "cpu/loops/map.h"
#include "kernels/select.h"

namespace cnn::cpu::inline CNN_ISA {

// where(mask, a, b): the mask is bool, the values move by size.
template <class T>
struct Row<kernels::Where, T, 3> {
  static void run(const kernels::Where& f, int64_t n, void* const* p, const int64_t* s) {
    T* out = static_cast<T*>(p[0]);
    const Elements<bool> m = static_cast<Elements<bool>>(p[1]);
    const T *a = static_cast<const T*>(p[2]), *b = static_cast<const T*>(p[3]);
    constexpr int64_t w = sizeof(T);
    if (s[0] == w && s[1] == 1 && s[2] == w && s[3] == w) {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = f(m[i], a[i], b[i]);
    } else if (s[0] == w && s[1] == 1 && s[2] == 0 && s[3] == w) {
      const T x = *a;
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = f(m[i], x, b[i]);
    } else {
      for (int64_t i = 0; i < n; ++i)
        store<T>(p[0], i, s[0], f(load<bool>(p[1], i, s[1]), load<T>(p[2], i, s[2]), load<T>(p[3], i, s[3])));
    }
  }
};

void fill_select(Tables& t) {
#define CNN_ADD(name, inputs, types) add_loops<kernels::name, inputs, kernels::Types::types>(t.map);
  CNN_MAP_SELECT(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cpu::CNN_ISA
