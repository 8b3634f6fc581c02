// Ops that give as many tensors as a number says.
#pragma once

#include <cstdint>

namespace cnn {

// RuntimeError when this machine has no room for so many tensors; asked before the first is made.
void check_parts(const char* op, int64_t count);

}  // namespace cnn
