#include "cpu/loops/each.h"
#include "cpu/loops/fill_tables.h"
#include "kernels/index.h"

namespace cnn::cpu::inline CNN_ISA {

// The first bad index, of one block that is seen to hold one.
template <class T>
struct EachRun<kernels::CheckRange, T> {
  static void run(const void* functor, int64_t begin, int64_t end) {
    const kernels::CheckRange f = *static_cast<const kernels::CheckRange*>(functor);
    constexpr int64_t kBlock = 64;
    for (; begin < end; begin += kBlock) {
      const int64_t stop = end - begin < kBlock ? end : begin + kBlock;
      int any = 0;
      for (int64_t i = begin; i < stop; ++i) any |= int(f.outside(i));
      for (int64_t i = begin; any && i < stop; ++i) f.operator()<int64_t>(i);
      if (any) return;
    }
  }
};

// Indexing goes along the last of the index's dimensions, or the divisions of coordinates would take all the time.
template <class T, class F>
void walk(const F& f, const kernels::IndexPlace& place, int64_t begin, int64_t end) {
  const int last = place.ndim - 1;
  const int64_t n = last < 0 ? 1 : place.sizes[last];
  const int64_t step = last < 0 ? 0 : place.x_strides[last], index_step = last < 0 ? 0 : place.index_strides[last];
  while (begin < end) {
    const int64_t outer = begin / n, stop = (outer + 1) * n < end ? (outer + 1) * n : end;
    const kernels::IndexPlace::Steps base = place.across(outer, last - 1);
    for (int64_t i = begin; i < stop; ++i) {
      const int64_t q = i - outer * n;
      kernels::IndexPlace::Steps s = {base.at + q * step, base.which + q * index_step};
      if (place.along(s)) f.template move<T>(i, s.at);
    }
    begin = stop;
  }
}
template <class T, class F>
void walk(const F& f, const kernels::GatherPlace& place, int64_t begin, int64_t end) {
  const int last = place.ndim - 1;
  const int64_t n = place.sizes[last], step = place.strides[last];
  while (begin < end) {
    const int64_t row = begin / n, stop = (row + 1) * n < end ? (row + 1) * n : end;
    const int64_t base = place.across(row, last - 1) - row * n * step;
    for (int64_t i = begin; i < stop; ++i) {
      int64_t at = base + i * step;
      if (place.along(i, at)) f.template move<T>(i, at);
    }
    begin = stop;
  }
}
template <class F, class T>
  requires requires(const F& f) { f.template move<T>(0, 0); }
struct EachRun<F, T> {
  static void run(const void* functor, int64_t begin, int64_t end) {
    const F f = *static_cast<const F*>(functor);
    walk<T>(f, f.place, begin, end);
  }
};

void fill_index(Tables& t) {
#define CNN_ADD(name, types) add_each<kernels::name, kernels::Types::types>(t.each);
  CNN_EACH_INDEX(CNN_ADD)
#undef CNN_ADD
}

}  // namespace cnn::cpu::CNN_ISA
