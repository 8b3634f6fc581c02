// Recurrent networks as stacks of layers and directions, and their cells.
#include "cnn/ops/rnn.h"

#include "autograd/autocast.h"
#include "device/backend.h"
#include "cnn/ops.h"
#include "ops/rnn_layer.h"

namespace cnn {
namespace {

// What PyTorch's lists call a network that runs as one op: any on CUDA; on the CPU an LSTM that is neither packed nor
// projected.
constexpr const char *kNetwork = "mkldnn_rnn_layer", *kCudaNetwork = "_cudnn_rnn";

struct Stack {
  const char* op;
  RnnCell cell;
  bool biases;
  int64_t layers;
  double dropout;
  bool train, bidirectional;
  int64_t directions() const { return bidirectional ? 2 : 1; }
};

// Under autocast a network that is no op of the lists runs step by step, out of ops that are: dtypes meet there.
bool composes(const Tensor& x) { return x.device().is_cpu() && mode_word & kAutocastCpu; }

void check_same(const char* op, const Tensor& x, const Tensor& other, const char* what) {
  check(x.dtype() == other.dtype() || composes(x), op, "Input and ", what,
        " tensors are not the same dtype, found input tensor with ", dtype_type_name(x.dtype()), " and ", what,
        " tensor with ", dtype_type_name(other.dtype()));
  check(x.device() == other.device(), op, "Input and ", what,
        " tensors are not at the same device, found input tensor at ", x.device(), " and ", what, " tensor at ",
        other.device());
}

// The weights of every layer and direction, checked against the width of what goes into them.
std::vector<RnnWeights> weights_of(const Stack& s, const Tensor& x, const Tensors& params, int64_t hidden,
                                   int64_t state) {
  const bool projected = s.cell == RnnCell::Lstm && state != hidden;
  const size_t each = 2 + (s.biases ? 2 : 0) + (projected ? 1 : 0);
  const size_t count = size_t(s.layers * s.directions());
  check(params.size() % each == 0 && params.size() / each == count, s.op, "expected ", int64_t(each),
        " weight tensors for each of ", s.layers, " layers and ", s.directions(), " directions, got ",
        int64_t(params.size()));
  std::vector<RnnWeights> all;
  const int64_t rows = rnn_gates(s.cell) * hidden;
  for (size_t i = 0; i < count; ++i) {
    const Tensor* p = params.data() + i * each;
    RnnWeights w = {p[0], p[1], {}, {}, {}};
    if (s.biases) w.b_ih = p[2], w.b_hh = p[3];
    if (projected) w.w_hr = p[each - 1];
    const bool first = i < size_t(s.directions());
    const int64_t width = first ? x.shape().back() : state * s.directions();
    const auto expect = [&](const char* name, const Tensor& t, const Dims& shape) {
      if (!t.defined()) return;
      check_same(s.op, x, t, "parameter");
      check(t.shape() == shape, s.op, "expected ", name, " of layer ", int64_t(i) / s.directions(), " to have shape ",
            shape, ", but got ", t.shape());
    };
    expect("weight_ih", w.w_ih, {rows, width});
    expect("weight_hh", w.w_hh, {rows, state});
    expect("bias_ih", w.b_ih, {rows});
    expect("bias_hh", w.b_hh, {rows});
    expect("weight_hr", w.w_hr, {state, hidden});
    all.push_back(w);
  }
  return all;
}

void check_states(const Stack& s, const Tensor& x, const Tensor& states, int64_t batch) {
  check(states.dim() == 3, s.op, "expected hidden states of 3 dimensions, got ", states.shape());
  check(states.shape()[0] == s.layers * s.directions(), s.op, "Expected ",
        states.shape()[0] < s.layers * s.directions() ? "more" : "fewer",
        " hidden states in stacked_rnn: ", s.layers * s.directions(), ", got ", states.shape()[0]);
  check(states.shape()[1] == batch, s.op, "Expected hidden states of batch size ", batch, ", got ", states.shape());
  check_same(s.op, x, states, "hidden");
}

// x [total, features] through all layers. h and c [layers * directions, batch, width].
RnnResult run_layers(const Stack& s, Tensor x, const BatchSizes& sizes, const Tensor& h, const Tensor& c,
                     const Tensors& params, bool packed) {
  const int64_t state = h.shape()[2], hidden = c.defined() ? c.shape()[2] : state;
  const std::vector<RnnWeights> weights = weights_of(s, x, params, hidden, state);
  const Tensors h0 = unbind(h, 0), c0 = c.defined() ? unbind(c, 0) : Tensors();
  Tensors h_last, c_last;
  for (int64_t layer = 0; layer < s.layers; ++layer) {
    Tensors ys;
    for (int64_t d = 0; d < s.directions(); ++d) {
      const size_t i = size_t(layer * s.directions() + d);
      RnnResult r = rnn_layer(s.cell, x, sizes, h0[i], c.defined() ? c0[i] : Tensor(), weights[i], d == 1);
      ys.push_back(r.y);
      h_last.push_back(r.h);
      if (c.defined()) c_last.push_back(r.c);
    }
    x = ys.size() == 1 ? ys[0] : cat(ys, 1);
    if (s.dropout > 0 && s.train && layer + 1 < s.layers) {
      // As [steps, batch, width], the shape that PyTorch draws for; the order of the numbers is the same.
      if (!packed) x = view(x, {int64_t(sizes->size()), sizes->front(), x.shape()[1]});
      x = dropout(x, s.dropout, true);
      if (!packed) x = view(x, {x.shape()[0] * x.shape()[1], x.shape()[2]});
    }
  }
  return {x, stack(h_last, 0), c.defined() ? stack(c_last, 0) : Tensor()};
}

void check_stack(const Stack& s, const Tensor& x) {
  check(s.layers > 0, s.op, "num_layers must be greater than zero, got ", s.layers);
  check(s.dropout >= 0 && s.dropout <= 1, s.op, "dropout probability has to be between 0 and 1, but got ", s.dropout);
  if (!is_floating(x.dtype())) not_implemented(s.op, x.dtype());
}

// 16-bit floats go through float.
Tensor widened(const Tensor& x) { return is_reduced(x.dtype()) ? to_dtype(x, DType::Float32) : x; }
Tensors widened(const Tensors& list) {
  Tensors out;
  for (const Tensor& x : list) out.push_back(widened(x));
  return out;
}
RnnResult narrowed(const RnnResult& r, DType t) {
  return {to_dtype(r.y, t), to_dtype(r.h, t), r.c.defined() ? to_dtype(r.c, t) : r.c};
}

RnnResult run_padded(const Stack& s, const Tensor& input, const Tensors& hx, const Tensors& params, bool batch_first) {
  check_stack(s, input);
  check(input.dim() == 3, s.op, "input must have 3 dimensions, got ", int64_t(input.dim()));
  const Tensor x = batch_first ? transpose(input, 0, 1) : input;
  const int64_t steps = x.shape()[0], batch = x.shape()[1];
  check(steps > 0, "", "Expected sequence length to be larger than 0 in RNN");
  for (const Tensor& states : hx) check_states(s, input, states, batch);
  if (is_reduced(input.dtype()) && !composes(input))
    return narrowed(run_padded(s, widened(input), widened(hx), widened(params), batch_first), input.dtype());
  const auto sizes = std::make_shared<const std::vector<int64_t>>(size_t(steps), batch);
  RnnResult r = run_layers(s, reshape(x, {steps * batch, x.shape()[2]}), sizes, hx[0], hx.size() > 1 ? hx[1] : Tensor(),
                           params, false);
  r.y = view(r.y, {steps, batch, r.y.shape()[1]});
  if (batch_first) r.y = transpose(r.y, 0, 1);
  return r;
}

BatchSizes sizes_of(const Stack& s, const Tensor& batch_sizes, const Tensor& data) {
  check(batch_sizes.dim() == 1 && batch_sizes.dtype() == DType::Int64 && batch_sizes.device() == kCpu, s.op,
        "batch_sizes should be a 1D CPU int64 tensor, got ", batch_sizes.dtype(), " of shape ", batch_sizes.shape(),
        " on ", batch_sizes.device());
  check(batch_sizes.numel() > 0, "", "Expected sequence length to be larger than 0 in RNN");
  const Tensor dense = contiguous(batch_sizes);
  const int64_t* begin = dense.data<int64_t>();
  // What is checked is what is used.
  auto p = std::vector<int64_t>(begin, begin + dense.numel());
  int64_t total = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    check(p[i] > 0 && (i == 0 || p[i] <= p[i - 1]), s.op, "batch_sizes must be positive and not rise, got ", p[i],
          " at step ", int64_t(i));
    total += p[i];
  }
  check(total == data.shape()[0], s.op, "batch_sizes sum to ", total, ", but data has ", data.shape()[0], " rows");
  return std::make_shared<const std::vector<int64_t>>(std::move(p));
}

RnnResult run_packed(const Stack& s, const Tensor& data, const Tensor& batch_sizes, const Tensors& hx,
                     const Tensors& params) {
  check_stack(s, data);
  check(data.dim() == 2, s.op, "input must have 2 dimensions, got ", int64_t(data.dim()));
  const BatchSizes sizes = sizes_of(s, batch_sizes, data);
  for (const Tensor& states : hx) check_states(s, data, states, sizes->front());
  if (is_reduced(data.dtype()) && !composes(data))
    return narrowed(run_packed(s, widened(data), batch_sizes, widened(hx), widened(params)), data.dtype());
  return run_layers(s, data, sizes, hx[0], hx.size() > 1 ? hx[1] : Tensor(), params, true);
}

std::tuple<Tensor, Tensor> two(const RnnResult& r) { return {r.y, r.h}; }
std::tuple<Tensor, Tensor, Tensor> three(const RnnResult& r) { return {r.y, r.h, r.c}; }

void check_cell(const char* op, RnnCell cell, const Tensor& x, const RnnStates& before, const RnnWeights& w) {
  const Tensor& h = before.h;
  check(x.dim() == 2 && h.dim() == 2, op, "expected 2-dimensional input and hidden state, got ", x.shape(), " and ",
        h.shape());
  check(x.shape()[0] == h.shape()[0], "", "Input batch size ", x.shape()[0], " doesn't match hidden0 batch size ",
        h.shape()[0]);
  check(w.w_ih.dim() == 2 && w.w_hh.dim() == 2, op, "expected 2-dimensional weights, got ", w.w_ih.shape(), " and ",
        w.w_hh.shape());
  check(x.shape()[1] == w.w_ih.shape()[1], "", "input has inconsistent input_size: got ", x.shape()[1], " expected ",
        w.w_ih.shape()[1]);
  const int64_t hidden = w.w_hh.shape()[1], rows = rnn_gates(cell) * hidden;
  check(h.shape()[1] == hidden, "", "hidden0 has inconsistent hidden_size: got ", h.shape()[1], ", expected ", hidden);
  check(!before.c.defined() || before.c.shape() == h.shape(), "", "hidden0 of shape ", h.shape(),
        " and hidden1 of shape ", before.c.defined() ? before.c.shape() : Dims(), " do not match");
  for (const auto& [name, t] : {std::pair("weight_ih", &w.w_ih), std::pair("weight_hh", &w.w_hh)})
    check(t->shape()[0] == rows, "", name, " first dim must be ", int64_t(rnn_gates(cell)), " * hidden_size = ", rows,
          ", but got ", t->shape()[0]);
  for (const auto& [name, t] : {std::pair("bias_ih", &w.b_ih), std::pair("bias_hh", &w.b_hh)})
    check(!t->defined() || (t->dim() == 1 && t->shape()[0] == rows), "", name, " must have shape ", Dims{rows},
          ", but got ", t->defined() ? t->shape() : Dims());
  check(is_floating(x.dtype()), "", "result type Float can't be cast to the desired output type ",
        dtype_type_name(x.dtype()));
  check_same(op, x, h, "hidden");
  if (before.c.defined()) check_same(op, x, before.c, "hidden");
  for (const Tensor* t : {&w.w_ih, &w.w_hh, &w.b_ih, &w.b_hh})
    if (t->defined()) check_same(op, x, *t, "parameter");
}

RnnStates run_cell(const char* op, RnnCell cell, const Tensor& x, const RnnStates& before, const Tensor& w_ih,
                   const Tensor& w_hh, const std::optional<Tensor>& b_ih, const std::optional<Tensor>& b_hh) {
  const RnnWeights w = {w_ih, w_hh, b_ih.value_or(Tensor()), b_hh.value_or(Tensor()), {}};
  check_cell(op, cell, x, before, w);
  return rnn_step(cell, linear(x, w_ih, b_ih), before, w);
}

}  // namespace

std::tuple<Tensor, Tensor, Tensor> lstm(const Tensor& input, const Tensors& hx, const Tensors& params, bool has_biases,
                                        int64_t num_layers, double dropout, bool train, bool bidirectional,
                                        bool batch_first) {
  check(hx.size() == 2, "", "lstm expects two hidden states");
  const bool projected = hx[0].shape() != hx[1].shape();
  if (const Autocast cast{projected ? kCudaNetwork : kNetwork, input}) [[unlikely]]
    return cast([](const auto&... a) { return lstm(a...); }, input, hx, params, has_biases, num_layers, dropout, train,
                bidirectional, batch_first);
  return three(run_padded({"lstm", RnnCell::Lstm, has_biases, num_layers, dropout, train, bidirectional}, input, hx,
                          params, batch_first));
}
std::tuple<Tensor, Tensor> gru(const Tensor& input, const Tensor& hx, const Tensors& params, bool has_biases,
                               int64_t num_layers, double dropout, bool train, bool bidirectional, bool batch_first) {
  if (const Autocast cast{kCudaNetwork, input}) [[unlikely]]
    return cast([](const auto&... a) { return gru(a...); }, input, hx, params, has_biases, num_layers, dropout, train,
                bidirectional, batch_first);
  return two(run_padded({"gru", RnnCell::Gru, has_biases, num_layers, dropout, train, bidirectional}, input, {hx},
                        params, batch_first));
}
std::tuple<Tensor, Tensor> rnn_tanh(const Tensor& input, const Tensor& hx, const Tensors& params, bool has_biases,
                                    int64_t num_layers, double dropout, bool train, bool bidirectional,
                                    bool batch_first) {
  if (const Autocast cast{kCudaNetwork, input}) [[unlikely]]
    return cast([](const auto&... a) { return rnn_tanh(a...); }, input, hx, params, has_biases, num_layers, dropout,
                train, bidirectional, batch_first);
  return two(run_padded({"rnn_tanh", RnnCell::Tanh, has_biases, num_layers, dropout, train, bidirectional}, input, {hx},
                        params, batch_first));
}
std::tuple<Tensor, Tensor> rnn_relu(const Tensor& input, const Tensor& hx, const Tensors& params, bool has_biases,
                                    int64_t num_layers, double dropout, bool train, bool bidirectional,
                                    bool batch_first) {
  if (const Autocast cast{kCudaNetwork, input}) [[unlikely]]
    return cast([](const auto&... a) { return rnn_relu(a...); }, input, hx, params, has_biases, num_layers, dropout,
                train, bidirectional, batch_first);
  return two(run_padded({"rnn_relu", RnnCell::Relu, has_biases, num_layers, dropout, train, bidirectional}, input, {hx},
                        params, batch_first));
}

std::tuple<Tensor, Tensor, Tensor> lstm(const Tensor& data, const Tensor& batch_sizes, const Tensors& hx,
                                        const Tensors& params, bool has_biases, int64_t num_layers, double dropout,
                                        bool train, bool bidirectional) {
  check(hx.size() == 2, "", "lstm expects two hidden states");
  if (const Autocast cast{kCudaNetwork, data}) [[unlikely]]
    return cast([](const auto&... a) { return lstm(a...); }, data, batch_sizes, hx, params, has_biases, num_layers,
                dropout, train, bidirectional);
  return three(run_packed({"lstm", RnnCell::Lstm, has_biases, num_layers, dropout, train, bidirectional}, data,
                          batch_sizes, hx, params));
}
std::tuple<Tensor, Tensor> gru(const Tensor& data, const Tensor& batch_sizes, const Tensor& hx, const Tensors& params,
                               bool has_biases, int64_t num_layers, double dropout, bool train, bool bidirectional) {
  if (const Autocast cast{kCudaNetwork, data}) [[unlikely]]
    return cast([](const auto&... a) { return gru(a...); }, data, batch_sizes, hx, params, has_biases, num_layers,
                dropout, train, bidirectional);
  return two(run_packed({"gru", RnnCell::Gru, has_biases, num_layers, dropout, train, bidirectional}, data, batch_sizes,
                        {hx}, params));
}
std::tuple<Tensor, Tensor> rnn_tanh(const Tensor& data, const Tensor& batch_sizes, const Tensor& hx,
                                    const Tensors& params, bool has_biases, int64_t num_layers, double dropout,
                                    bool train, bool bidirectional) {
  if (const Autocast cast{kCudaNetwork, data}) [[unlikely]]
    return cast([](const auto&... a) { return rnn_tanh(a...); }, data, batch_sizes, hx, params, has_biases, num_layers,
                dropout, train, bidirectional);
  return two(run_packed({"rnn_tanh", RnnCell::Tanh, has_biases, num_layers, dropout, train, bidirectional}, data,
                        batch_sizes, {hx}, params));
}
std::tuple<Tensor, Tensor> rnn_relu(const Tensor& data, const Tensor& batch_sizes, const Tensor& hx,
                                    const Tensors& params, bool has_biases, int64_t num_layers, double dropout,
                                    bool train, bool bidirectional) {
  if (const Autocast cast{kCudaNetwork, data}) [[unlikely]]
    return cast([](const auto&... a) { return rnn_relu(a...); }, data, batch_sizes, hx, params, has_biases, num_layers,
                dropout, train, bidirectional);
  return two(run_packed({"rnn_relu", RnnCell::Relu, has_biases, num_layers, dropout, train, bidirectional}, data,
                        batch_sizes, {hx}, params));
}

std::tuple<Tensor, Tensor> lstm_cell(const Tensor& input, const Tensors& hx, const Tensor& w_ih, const Tensor& w_hh,
                                     const std::optional<Tensor>& b_ih, const std::optional<Tensor>& b_hh) {
  if (const Autocast cast{"lstm_cell", input}) [[unlikely]]
    return cast(lstm_cell, input, hx, w_ih, w_hh, b_ih, b_hh);
  check(hx.size() == 2, "", "lstm_cell expects two hidden states");
  const RnnStates r = run_cell("lstm_cell", RnnCell::Lstm, input, {hx[0], hx[1]}, w_ih, w_hh, b_ih, b_hh);
  return {r.h, r.c};
}
Tensor gru_cell(const Tensor& input, const Tensor& hx, const Tensor& w_ih, const Tensor& w_hh,
                const std::optional<Tensor>& b_ih, const std::optional<Tensor>& b_hh) {
  if (const Autocast cast{"gru_cell", input}) [[unlikely]]
    return cast(gru_cell, input, hx, w_ih, w_hh, b_ih, b_hh);
  return run_cell("gru_cell", RnnCell::Gru, input, {hx, {}}, w_ih, w_hh, b_ih, b_hh).h;
}
Tensor rnn_tanh_cell(const Tensor& input, const Tensor& hx, const Tensor& w_ih, const Tensor& w_hh,
                     const std::optional<Tensor>& b_ih, const std::optional<Tensor>& b_hh) {
  if (const Autocast cast{"rnn_tanh_cell", input}) [[unlikely]]
    return cast(rnn_tanh_cell, input, hx, w_ih, w_hh, b_ih, b_hh);
  return run_cell("rnn_tanh_cell", RnnCell::Tanh, input, {hx, {}}, w_ih, w_hh, b_ih, b_hh).h;
}
Tensor rnn_relu_cell(const Tensor& input, const Tensor& hx, const Tensor& w_ih, const Tensor& w_hh,
                     const std::optional<Tensor>& b_ih, const std::optional<Tensor>& b_hh) {
  if (const Autocast cast{"rnn_relu_cell", input}) [[unlikely]]
    return cast(rnn_relu_cell, input, hx, w_ih, w_hh, b_ih, b_hh);
  return run_cell("rnn_relu_cell", RnnCell::Relu, input, {hx, {}}, w_ih, w_hh, b_ih, b_hh).h;
}

}  // namespace cnn
