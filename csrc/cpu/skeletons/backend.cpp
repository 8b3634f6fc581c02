#include "device/backend.h"

#include <cstring>

#include "core/allocator.h"
#include "core/cpu_info.h"
#include "cpu/heavy.h"
#include "cpu/skeletons/skeletons.h"

namespace cnn {
namespace cpu {

void fill_stored_casts(Tables&);
void fill_tables_baseline(Tables&);
void fill_tables_avx2(Tables&);
void fill_tables_avx512(Tables&);

namespace {

// Later sets fill over earlier ones, so a functor built for fewer sets is still found.
Tables make_tables() {
  Tables t{};
  fill_tables_baseline(t);
#ifdef CNN_HAVE_AVX2
  if (cpu_isa() >= Isa::Avx2) fill_tables_avx2(t);
#endif
#ifdef CNN_HAVE_AVX512
  if (cpu_isa() >= Isa::Avx512) fill_tables_avx512(t);
#endif
  fill_stored_casts(t);
  return t;
}

const HeavyTable& choose_heavy() {
#ifdef CNN_HAVE_AVX512
  if (cpu_isa() >= Isa::Avx512) return heavy_table_avx512();
#endif
#ifdef CNN_HAVE_AVX2
  if (cpu_isa() >= Isa::Avx2) return heavy_table_avx2();
#endif
  return heavy_table_baseline();
}

void* allocate(size_t nbytes, Device) { return cpu_allocate(nbytes); }
void release(void*, void* data, size_t nbytes) { cpu_free(data, nbytes); }
void copy_bytes(void* to, const void* from, size_t nbytes) { std::memcpy(to, from, nbytes); }

Scalar read_element(const TensorImpl& x) {
  const void* p = static_cast<const char*>(x.storage->data()) + x.offset * item_size(x.dtype);
  return visit_any_dtype(x.dtype, [&]<class T>() -> Scalar {
    if constexpr (std::is_same_v<T, bool>) return Scalar(*static_cast<const uint8_t*>(p) != 0);
    else if constexpr (std::is_same_v<T, uint64_t>) return Scalar::of_unsigned(*static_cast<const T*>(p));
    else if constexpr (std::is_integral_v<T>) return Scalar(int64_t(*static_cast<const T*>(p)));
    else return Scalar(double(*static_cast<const T*>(p)));
  });
}

}  // namespace

const Tables& tables() {
  static const Tables* const t = new Tables(make_tables());
  return *t;
}

}  // namespace cpu

const Backend cpu_backend = {
    .allocate = cpu::allocate,
    .free = cpu::release,
    .copy_bytes = cpu::copy_bytes,
    .read_element = cpu::read_element,
    .map = cpu::map,
    .reduce = cpu::reduce,
    .rows = cpu::rows,
    .each = cpu::each,
    .has_map = cpu::has_map,
    .has_reduce = cpu::has_reduce,
    .has_rows = cpu::has_rows,
    .has_each = cpu::has_each,
    .each_many = nullptr,
    .watch = nullptr,
    .heavy = &cpu::choose_heavy(),
};

}  // namespace cnn
