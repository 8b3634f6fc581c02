// Over which C++ types a functor is instantiated, on any device.
#pragma once

#include "kernels/functor.h"

namespace cnn::kernels::inline CNN_ISA {

// Types without <type_traits>: kernel objects must not carry inline functions of std.
template <class A, class B> struct Same {
  static constexpr bool value = false;
};
template <class A> struct Same<A, A> {
  static constexpr bool value = true;
};

// Calls f.operator()<T>(dtype) for each dtype of the group; `Bits` has one T for all dtypes of a size.
template <Types kTypes, class F>
inline __attribute__((always_inline)) void for_types(const F& f) {
  if constexpr (kTypes == Types::Bits) {
    f.template operator()<uint8_t>(DType::UInt8);
    f.template operator()<uint8_t>(DType::Int8);
    f.template operator()<uint8_t>(DType::Bool);
    f.template operator()<uint16_t>(DType::Int16);
    f.template operator()<uint16_t>(DType::Float16);
    f.template operator()<uint16_t>(DType::BFloat16);
    f.template operator()<uint32_t>(DType::Int32);
    f.template operator()<uint32_t>(DType::Float32);
    f.template operator()<uint64_t>(DType::Int64);
    f.template operator()<uint64_t>(DType::Float64);
    f.template operator()<uint8_t>(DType::Float8E4M3FN);
    f.template operator()<uint8_t>(DType::Float8E5M2);
    f.template operator()<uint8_t>(DType::Float8E4M3FNUZ);
    f.template operator()<uint8_t>(DType::Float8E5M2FNUZ);
    f.template operator()<uint8_t>(DType::Float8E8M0FNU);
    f.template operator()<uint16_t>(DType::UInt16);
    f.template operator()<uint32_t>(DType::UInt32);
    f.template operator()<uint64_t>(DType::UInt64);
  } else {
    if constexpr (kTypes != Types::Integers) {
      f.template operator()<float>(DType::Float32);
      f.template operator()<double>(DType::Float64);
    }
    if constexpr (kTypes != Types::Floats) {
      f.template operator()<uint8_t>(DType::UInt8);
      f.template operator()<int8_t>(DType::Int8);
      f.template operator()<int16_t>(DType::Int16);
      f.template operator()<int32_t>(DType::Int32);
      f.template operator()<int64_t>(DType::Int64);
      if constexpr (kTypes != Types::Numbers) f.template operator()<bool>(DType::Bool);
    }
  }
}

}  // namespace cnn::kernels::CNN_ISA
