// Attention (Vaswani et al. 2017).
#pragma once

#include <optional>

#include "cnn/tensor.h"

namespace cnn {

// softmax(scale query key^T + mask) value, query [..., heads, L, E], key [..., heads, S, E], value [..., heads, S, Ev].
// A bool mask says which keys are seen, a float one is added; it broadcasts to [..., L, S]. `is_causal`: query i sees
// keys 0 to i. `scale` is 1 / sqrt(E) unless given. `enable_gqa`: heads of query share those of key and value in
// groups.
CNN_API Tensor scaled_dot_product_attention(const Tensor& query, const Tensor& key, const Tensor& value,
                                            const std::optional<Tensor>& attn_mask = {}, double dropout_p = 0,
                                            bool is_causal = false, std::optional<double> scale = {},
                                            bool enable_gqa = false);

}  // namespace cnn
