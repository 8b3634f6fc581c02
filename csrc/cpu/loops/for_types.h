// Over which C++ types a functor's loops are instantiated.
#pragma once

#include "kernels/for_types.h"

namespace cnn::cpu::inline CNN_ISA {

using kernels::for_types;
using kernels::Same;

}  // namespace cnn::cpu::CNN_ISA
