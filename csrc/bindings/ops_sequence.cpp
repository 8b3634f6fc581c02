// Bindings of recurrent networks and attention: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/attention.h"
#include "cnn/ops/rnn.h"

namespace cnn::python {
namespace {

using Two = std::tuple<Tensor, Tensor>;
using Three = std::tuple<Tensor, Tensor, Tensor>;
using Padded = Two (*)(const Tensor&, const Tensor&, const Tensors&, bool, int64_t, double, bool, bool, bool);
using Packed = Two (*)(const Tensor&, const Tensor&, const Tensor&, const Tensors&, bool, int64_t, double, bool, bool);
using PaddedLstm = Three (*)(const Tensor&, const Tensors&, const Tensors&, bool, int64_t, double, bool, bool, bool);
using PackedLstm = Three (*)(const Tensor&, const Tensor&, const Tensors&, const Tensors&, bool, int64_t, double, bool,
                             bool);

// The two signatures of one network.
template <Padded kPadded, Packed kPacked>
void def_network(Registry& ops, const std::string& name, const char* doc) {
  ops.def_op<kPadded>(
      (name + "(Tensor input, Tensor hx, Tensors params, bool has_biases, int num_layers, float dropout, bool train, "
              "bool bidirectional, bool batch_first) -> (Tensor, Tensor)")
          .c_str(),
      doc, kFunctionOnly);
  ops.def_op<kPacked>(
      (name +
       "(Tensor data, Tensor batch_sizes, Tensor hx, Tensors params, bool has_biases, int num_layers, float dropout, "
       "bool train, bool bidirectional) -> (Tensor, Tensor)")
          .c_str(),
      doc, kFunctionOnly);
}

}  // namespace

void bind_sequence(Registry& ops) {
  ops.def_op<static_cast<PaddedLstm>(&cnn::lstm)>(
      "lstm(Tensor input, Tensors hx, Tensors params, bool has_biases, int num_layers, float dropout, bool train, "
      "bool bidirectional, bool batch_first) -> (Tensor, Tensor, Tensor)",
      "Layers of LSTM: (output, last h, last c).", kFunctionOnly);
  ops.def_op<static_cast<PackedLstm>(&cnn::lstm)>(
      "lstm(Tensor data, Tensor batch_sizes, Tensors hx, Tensors params, bool has_biases, int num_layers, "
      "float dropout, bool train, bool bidirectional) -> (Tensor, Tensor, Tensor)",
      "Layers of LSTM: (output, last h, last c).", kFunctionOnly);
  def_network<&cnn::gru, &cnn::gru>(ops, "gru", "Layers of gated recurrent units: (output, last h).");
  def_network<&cnn::rnn_tanh, &cnn::rnn_tanh>(ops, "rnn_tanh", "Recurrent layers with tanh: (output, last h).");
  def_network<&cnn::rnn_relu, &cnn::rnn_relu>(ops, "rnn_relu", "Recurrent layers with ReLU: (output, last h).");
  ops.def_op<&cnn::lstm_cell>(
      "lstm_cell(Tensor input, Tensors hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> (Tensor, "
      "Tensor)",
      "One step of an LSTM: (h, c).", kFunctionOnly);
  ops.def_op<&cnn::gru_cell>(
      "gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor",
      "One step of gated recurrent units.", kFunctionOnly);
  ops.def_op<&cnn::rnn_tanh_cell>(
      "rnn_tanh_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, "
      "Tensor? b_hh=None) -> Tensor",
      "One step with tanh.", kFunctionOnly);
  ops.def_op<&cnn::rnn_relu_cell>(
      "rnn_relu_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, "
      "Tensor? b_hh=None) -> Tensor",
      "One step with ReLU.", kFunctionOnly);
  ops.def_op<&cnn::scaled_dot_product_attention>(
      "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, "
      "float dropout_p=0.0, bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor",
      "softmax(scale query key^T + mask) value.", kFunctionOnly);
}

}  // namespace cnn::python
