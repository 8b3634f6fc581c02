// Recurrent networks. `hx` are the first states [layers * directions, batch, size], `params` the weights of each layer
// and direction in turn: w_ih, w_hh, then with biases b_ih, b_hh, then of an LSTM with projections w_hr.
#pragma once

#include <optional>
#include <tuple>

#include "cnn/tensor.h"

namespace cnn {

// input [steps, batch, features], or [batch, steps, features]; results (output, last states).
CNN_API std::tuple<Tensor, Tensor, Tensor> lstm(const Tensor& input, const Tensors& hx, const Tensors& params,
                                                bool has_biases, int64_t num_layers, double dropout, bool train,
                                                bool bidirectional, bool batch_first);
CNN_API std::tuple<Tensor, Tensor> gru(const Tensor& input, const Tensor& hx, const Tensors& params, bool has_biases,
                                       int64_t num_layers, double dropout, bool train, bool bidirectional,
                                       bool batch_first);
CNN_API std::tuple<Tensor, Tensor> rnn_tanh(const Tensor& input, const Tensor& hx, const Tensors& params,
                                            bool has_biases, int64_t num_layers, double dropout, bool train,
                                            bool bidirectional, bool batch_first);
CNN_API std::tuple<Tensor, Tensor> rnn_relu(const Tensor& input, const Tensor& hx, const Tensors& params,
                                            bool has_biases, int64_t num_layers, double dropout, bool train,
                                            bool bidirectional, bool batch_first);

// The same over packed sequences: data [sum of batch_sizes, features], batch_sizes int64 [steps], falling.
CNN_API std::tuple<Tensor, Tensor, Tensor> lstm(const Tensor& data, const Tensor& batch_sizes, const Tensors& hx,
                                                const Tensors& params, bool has_biases, int64_t num_layers,
                                                double dropout, bool train, bool bidirectional);
CNN_API std::tuple<Tensor, Tensor> gru(const Tensor& data, const Tensor& batch_sizes, const Tensor& hx,
                                       const Tensors& params, bool has_biases, int64_t num_layers, double dropout,
                                       bool train, bool bidirectional);
CNN_API std::tuple<Tensor, Tensor> rnn_tanh(const Tensor& data, const Tensor& batch_sizes, const Tensor& hx,
                                            const Tensors& params, bool has_biases, int64_t num_layers, double dropout,
                                            bool train, bool bidirectional);
CNN_API std::tuple<Tensor, Tensor> rnn_relu(const Tensor& data, const Tensor& batch_sizes, const Tensor& hx,
                                            const Tensors& params, bool has_biases, int64_t num_layers, double dropout,
                                            bool train, bool bidirectional);

// One step: input [batch, features], states [batch, hidden].
CNN_API std::tuple<Tensor, Tensor> lstm_cell(const Tensor& input, const Tensors& hx, const Tensor& w_ih,
                                             const Tensor& w_hh, const std::optional<Tensor>& b_ih = {},
                                             const std::optional<Tensor>& b_hh = {});
CNN_API Tensor gru_cell(const Tensor& input, const Tensor& hx, const Tensor& w_ih, const Tensor& w_hh,
                        const std::optional<Tensor>& b_ih = {}, const std::optional<Tensor>& b_hh = {});
CNN_API Tensor rnn_tanh_cell(const Tensor& input, const Tensor& hx, const Tensor& w_ih, const Tensor& w_hh,
                             const std::optional<Tensor>& b_ih = {}, const std::optional<Tensor>& b_hh = {});
CNN_API Tensor rnn_relu_cell(const Tensor& input, const Tensor& hx, const Tensor& w_ih, const Tensor& w_hh,
                             const std::optional<Tensor>& b_ih = {}, const std::optional<Tensor>& b_hh = {});

// May a GPU round the factors of float32 recurrence to TF32's 10 bits of fraction? True at first, as in PyTorch.
CNN_API bool rnn_tf32_allowed();
CNN_API void allow_rnn_tf32(bool on);

}  // namespace cnn
