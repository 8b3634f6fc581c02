// Conversions of dtypes that are only stored, put together of others: the same loop where bits are the same, or one
// loop after another, by way of a dtype that has all numbers.
#include <utility>

#include "cpu/skeletons/skeletons.h"

namespace cnn::cpu {
namespace {

constexpr int64_t kBlock = 512;  // elements in the dtype between, which stay in the cache

constexpr bool is_unsigned(DType t) { return t >= DType::UInt16; }

// The dtype between; `from` where there is none. Floats of 8 bits are made of floats, and 16-bit floats as well.
constexpr DType between(DType from, DType to) {
  if (from == to || (!is_stored(from) && !is_stored(to))) return from;
  if (is_float8(from) || is_float8(to)) return to == DType::Float32 ? from : DType::Float32;
  if (from == DType::UInt16) return to == DType::Int32 ? from : DType::Int32;
  if (is_reduced(from) || is_reduced(to)) return DType::Float32;
  const bool direct = to == DType::Int64 || to == DType::Float32 || to == DType::Float64;
  return from != DType::UInt32 || direct ? from : DType::Int64;
}

template <DType kFrom, DType kTo>
void cast_through(int64_t n, const void* from, int64_t from_stride, void* to, int64_t to_stride) {
  constexpr DType kMiddle = between(kFrom, kTo);
  constexpr int64_t kSize = item_size(kMiddle);
  const CastLoop first = tables().cast[int(kFrom)][int(kMiddle)], then = tables().cast[int(kMiddle)][int(kTo)];
  alignas(64) char middle[kBlock * kSize];
  for (int64_t i = 0; i < n; i += kBlock) {
    const int64_t count = n - i < kBlock ? n - i : kBlock;
    first(count, static_cast<const char*>(from) + i * from_stride, from_stride, middle, kSize);
    then(count, middle, kSize, static_cast<char*>(to) + i * to_stride, to_stride);
  }
}

template <DType kFrom, int... kTo>
void fill_row(CastLoop* row, std::integer_sequence<int, kTo...>) {
  const auto fill = [&]<DType kInto>() {
    if constexpr (between(kFrom, kInto) != kFrom && between(kFrom, kInto) != kInto)
      row[int(kInto)] = cast_through<kFrom, kInto>;
  };
  (fill.template operator()<DType(kTo)>(), ...);
}
template <int... kFrom>
void fill_rows(Tables& t, std::integer_sequence<int, kFrom...> all) {
  (fill_row<DType(kFrom)>(t.cast[kFrom], all), ...);
}

// The integer of the same bits.
constexpr DType signed_of(DType t) {
  return t == DType::UInt16 ? DType::Int16 : t == DType::UInt32 ? DType::Int32 : DType::Int64;
}

}  // namespace

// Once the loops are there.
void fill_stored_casts(Tables& t) {
  fill_rows(t, std::make_integer_sequence<int, kDTypes>());
  for (const DType to : {DType::UInt16, DType::UInt32, DType::UInt64}) {
    for (int from = 0; from <= int(DType::Bool); ++from) t.cast[from][int(to)] = t.cast[from][int(signed_of(to))];
    t.cast[int(to)][int(to)] = t.cast[int(signed_of(to))][int(signed_of(to))];
  }
  CastLoop* const of_widest = t.cast[int(DType::UInt64)];
  for (int to = 0; to < kDTypes; ++to) {
    const bool same_bits = to <= int(DType::Bool) || is_unsigned(DType(to));
    if (same_bits) of_widest[to] = t.cast[int(DType::Int64)][to];
    if (is_float8(DType(to))) t.cast[to][to] = t.cast[int(DType::UInt8)][int(DType::UInt8)];
  }
}

}  // namespace cnn::cpu
