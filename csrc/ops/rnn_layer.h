// One layer in one direction, as the stacks of rnn.cpp use it.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "cnn/tensor.h"
#include "device/heavy_table.h"

namespace cnn {

// What a layer multiplies by; undefined where it has no such thing.
struct RnnWeights {
  Tensor w_ih, w_hh;  // [G hidden, features], [G hidden, state]
  Tensor b_ih, b_hh;  // [G hidden]
  Tensor w_hr;        // [state, hidden]
};

// Lengths of the steps, falling.
using BatchSizes = std::shared_ptr<const std::vector<int64_t>>;

struct RnnResult {
  Tensor y, h, c;  // [total, state], [batch, state], [batch, hidden] (LSTM)
};

inline int rnn_gates(RnnCell cell) { return cell == RnnCell::Lstm ? 4 : cell == RnnCell::Gru ? 3 : 1; }

// x [total, features], h [batch, state], c [batch, hidden]; shapes and dtypes are checked by the caller.
RnnResult rnn_layer(RnnCell cell, const Tensor& x, const BatchSizes& sizes, const Tensor& h, const Tensor& c,
                    const RnnWeights& w, bool reverse);

// One step of a cell out of ops: states from states. `gates` is W x + b_ih.
struct RnnStates {
  Tensor h, c;
};
RnnStates rnn_step(RnnCell cell, const Tensor& gates, const RnnStates& before, const RnnWeights& w);

}  // namespace cnn
