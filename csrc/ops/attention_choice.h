// Which of PyTorch's kernels a program lets attention use. All of them are one here, so that a choice changes no
// number; one that a CPU does not have, or that could not do what is asked for, raises.
#pragma once

#include <cstdint>

#include "cnn/export.h"

namespace cnn {

// Bits of a choice, in PyTorch's order.
enum class AttentionBackend { Math, Flash, Efficient, Cudnn, Overrideable };
inline constexpr uint32_t kAllAttentionBackends = 0b11111;

CNN_API uint32_t attention_backends();
CNN_API void set_attention_backends(uint32_t bits);

}  // namespace cnn
