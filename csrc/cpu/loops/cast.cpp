// Conversions between dtypes. Floats to integers truncate; out of range is what int32 makes of it on x86, as in PyTorch
// (float64 to uint8: int64). Of dtypes that are only stored, those that are not put together of others
// (skeletons/stored_casts.cpp).
#include "cpu/loops/fill_tables.h"
#include "cpu/loops/map.h"
#include "cpu/vec/half.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

// An unsigned integer as wide as Int: floats from its middle on are cut below it.
template <class Int, class To, class From>
CNN_HD To halves(From x) {
  constexpr From kMiddle = From(To(1) << (8 * sizeof(To) - 1));
  const Int low = Int(x), high = Int(x - kMiddle);
  return x >= kMiddle ? To(high) ^ To(To(1) << (8 * sizeof(To) - 1)) : To(low);
}

template <class From, class To>
CNN_HD To convert(From x) {
  if constexpr (is_float8(dtype_of<From>) || is_float8(dtype_of<To>)) {
    return To(float(x));
  } else if constexpr (is_floating(dtype_of<From>) && Same<To, uint32_t>::value) {
    return halves<int32_t, To>(x);
  } else if constexpr (is_floating(dtype_of<From>) && Same<To, uint64_t>::value) {
    return halves<int64_t, To>(x);
  } else if constexpr (Same<To, bool>::value) {
    if constexpr (Same<From, Half>::value || Same<From, BFloat16>::value) return float(x) != 0.0f;
    else return x != From(0);
  } else if constexpr (Same<From, To>::value) {
    return x;
  } else if constexpr (Same<From, Half>::value || Same<From, BFloat16>::value) {
    return convert<float, To>(float(x));
  } else if constexpr (Same<To, Half>::value || Same<To, BFloat16>::value) {
    return To(float(x));
  } else if constexpr (Same<From, double>::value && Same<To, uint8_t>::value) {
    return To(int64_t(x));
  } else if constexpr (!Same<From, bool>::value && From(0.5) != From(0) && To(0.5) == To(0) && sizeof(To) < 8) {
    return To(int32_t(x));
  } else {
    return To(x);
  }
}

using cpu::cast_dense;  // of float16 and bfloat16

// float16 from and to what is not float goes through floats piece by piece, as the processor converts them in vectors.
template <class From, class To>
inline constexpr bool kThroughFloat = kConvertsHalf && Same<From, Half>::value != Same<To, Half>::value &&
                                      !Same<From, float>::value && !Same<To, float>::value;
template <class From, class To>
void cast_through_float(int64_t n, const From* a, To* y) {
  constexpr int64_t kPiece = 512;
  float piece[kPiece];
  for (int64_t i = 0; i < n; i += kPiece) {
    const int64_t m = n - i < kPiece ? n - i : kPiece;
    if constexpr (Same<From, Half>::value) {
      cast_dense(m, a + i, piece);
      for (int64_t k = 0; k < m; ++k) y[i + k] = convert<float, To>(piece[k]);
    } else {
      for (int64_t k = 0; k < m; ++k) piece[k] = convert<From, float>(a[i + k]);
      cast_dense(m, piece, y + i);
    }
  }
}

template <class From, class To>
CNN_HD void cast_dense(int64_t n, const From* a, To* y) {
  if constexpr (kThroughFloat<From, To>) return cast_through_float(n, a, y);
  for (int64_t i = 0; i < n; ++i) y[i] = convert<From, To>(a[i]);
}
template <class To>
CNN_HD void cast_dense(int64_t n, FlagBytes a, To* y) {
  const To one = convert<bool, To>(true), zero = convert<bool, To>(false);
  for (int64_t i = 0; i < n; ++i) y[i] = a[i] ? one : zero;
}

template <class From, class To>
void cast_loop(int64_t n, const void* from, int64_t from_stride, void* to, int64_t to_stride) {
  if (from_stride == sizeof(From) && to_stride == sizeof(To)) {
    cast_dense(n, static_cast<Elements<From>>(from), static_cast<To*>(to));
  } else {
    for (int64_t i = 0; i < n; ++i) store<To>(to, i, to_stride, convert<From, To>(load<From>(from, i, from_stride)));
  }
}

template <class From>
void fill_row(CastLoop* row) {
  row[int(DType::UInt8)] = cast_loop<From, uint8_t>;
  row[int(DType::Int8)] = cast_loop<From, int8_t>;
  row[int(DType::Int16)] = cast_loop<From, int16_t>;
  row[int(DType::Int32)] = cast_loop<From, int32_t>;
  row[int(DType::Int64)] = cast_loop<From, int64_t>;
  row[int(DType::Bool)] = cast_loop<From, bool>;
  row[int(DType::Float16)] = cast_loop<From, Half>;
  row[int(DType::BFloat16)] = cast_loop<From, BFloat16>;
  row[int(DType::Float32)] = cast_loop<From, float>;
  row[int(DType::Float64)] = cast_loop<From, double>;
}

template <class From, class To>
void fill(Tables& t) {
  t.cast[int(dtype_of<From>)][int(dtype_of<To>)] = cast_loop<From, To>;
}
template <class Float>
void fill_float8(Tables& t) {
  fill<float, Float>(t);
  fill<Float, float>(t);
}

}  // namespace

void fill_casts(Tables& t) {
  fill_row<uint8_t>(t.cast[int(DType::UInt8)]);
  fill_row<int8_t>(t.cast[int(DType::Int8)]);
  fill_row<int16_t>(t.cast[int(DType::Int16)]);
  fill_row<int32_t>(t.cast[int(DType::Int32)]);
  fill_row<int64_t>(t.cast[int(DType::Int64)]);
  fill_row<bool>(t.cast[int(DType::Bool)]);
  fill_row<Half>(t.cast[int(DType::Float16)]);
  fill_row<BFloat16>(t.cast[int(DType::BFloat16)]);
  fill_row<float>(t.cast[int(DType::Float32)]);
  fill_row<double>(t.cast[int(DType::Float64)]);
  fill_float8<Float8E4M3FN>(t);
  fill_float8<Float8E5M2>(t);
  fill_float8<Float8E4M3FNUZ>(t);
  fill_float8<Float8E5M2FNUZ>(t);
  fill_float8<Float8E8M0FNU>(t);
  fill<uint16_t, int32_t>(t);
  fill<uint32_t, int64_t>(t);
  fill<uint32_t, float>(t);
  fill<uint32_t, double>(t);
  fill<uint64_t, float>(t);
  fill<uint64_t, double>(t);
  fill<float, uint16_t>(t);
  fill<float, uint32_t>(t);
  fill<float, uint64_t>(t);
  fill<double, uint16_t>(t);
  fill<double, uint32_t>(t);
  fill<double, uint64_t>(t);
}

}  // namespace cnn::cpu::CNN_ISA
