// Element types in the notation of Python's struct module, as the buffer protocol has it.
#pragma once

#include <optional>
#include <string_view>

#include "cnn/dtype.h"

namespace cnn::python {

const char* format_of(DType t);  // null for bfloat16, which has none
std::optional<DType> dtype_of_format(std::string_view format, int item_size);

}  // namespace cnn::python
