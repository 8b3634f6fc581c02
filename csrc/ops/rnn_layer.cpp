// A recurrent layer by its kernels: the input product of all steps is one matrix product, as are the gradients of the
// weights. The composed form gives gradients of gradients.
#include "ops/rnn_layer.h"

#include <atomic>

#include "autograd/recorder.h"
#include "cnn/autograd.h"
#include "cnn/ops.h"
#include "ops/heavy.h"
#include "ops/tf32.h"

namespace cnn {
namespace {

// The inputs of one layer, in the order of its node's edges.
enum Input { kX, kH, kC, kWih, kWhh, kBih, kBhh, kWhr, kInputs };

struct Layer {
  RnnCell cell;
  BatchSizes sizes;
  bool reverse;
  int64_t batch() const { return sizes->front(); }
};

RnnWeights weights_of(const Tensor* in) { return {in[kWih], in[kWhh], in[kBih], in[kBhh], in[kWhr]}; }

// --- composed -------------------------------------------------------------------------------------------------------

Tensor first_rows(const Tensor& x, int64_t n) { return x.shape()[0] == n ? x : narrow(x, 0, 0, n); }

// x, then the rows of `rest` from its x'th on.
Tensor with_rest(const Tensor& x, const Tensor& rest) {
  const int64_t have = x.shape()[0], all = rest.shape()[0];
  return have == all ? x : cat({x, narrow(rest, 0, have, all - have)}, 0);
}

RnnResult composed(const Layer& layer, const Tensor* in) {
  const RnnWeights w = weights_of(in);
  const std::optional<Tensor> bias = w.b_ih.defined() ? std::optional<Tensor>(w.b_ih) : std::nullopt;
  const Tensor gates = linear(in[kX], w.w_ih, bias);
  const std::vector<int64_t>& sizes = *layer.sizes;
  const int64_t steps = int64_t(sizes.size());
  std::vector<int64_t> first(sizes.size(), 0);
  for (int64_t t = 1; t < steps; ++t) first[t] = first[t - 1] + sizes[t - 1];
  RnnStates all = {in[kH], in[kC]};  // the states of every row, after its latest step
  Tensors y(sizes.size());
  for (int64_t i = 0; i < steps; ++i) {
    const int64_t t = layer.reverse ? steps - 1 - i : i, rows = sizes[t];
    const RnnStates before = {first_rows(all.h, rows), all.c.defined() ? first_rows(all.c, rows) : all.c};
    const RnnStates after = rnn_step(layer.cell, narrow(gates, 0, first[t], rows), before, w);
    y[t] = after.h;
    all.h = with_rest(after.h, all.h);
    if (all.c.defined()) all.c = with_rest(after.c, all.c);
  }
  // Under autocast a step may have narrowed the states of some rows only.
  return {cat(y, 0), to_dtype(all.h, y[0].dtype()), all.c};
}

// Gradients through the composed form, themselves with gradients. Each input is taken by an alias of its own, so that
// one tensor in two places counts twice.
void composed_backward(const Layer& layer, Tensor* in, Grads& g) {
  Tensors wanted;
  std::vector<int> which;
  for (int i = 0; i < kInputs; ++i) {
    if (!in[i].defined() || !g.wants(i)) continue;
    in[i] = view(in[i], in[i].shape());
    wanted.push_back(in[i]);
    which.push_back(i);
  }
  const RnnResult r = composed(layer, in);
  Tensors outputs, gradients;
  const Tensor* const results[] = {&r.y, &r.h, &r.c};
  for (int i = 0; i < 3; ++i) {
    if (!results[i]->defined() || !g.has(i)) continue;
    outputs.push_back(*results[i]);
    gradients.push_back(g.out(i));
  }
  const Tensors found = grad(outputs, wanted, gradients, true, true, true);
  for (size_t i = 0; i < which.size(); ++i) g[which[i]] = found[i];
}

// --- by kernels -----------------------------------------------------------------------------------------------------

// What forward leaves for backward, besides the inputs.
struct Trace {
  Tensor gates, hn, h_before, c_before, h_whole;
};

std::atomic<bool> rnn_tf32{true};

RnnArgs args_of(const Layer& layer, const Tensor* in, const Trace& trace) {
  RnnArgs a;
  a.dtype = in[kX].dtype();
  a.cell = layer.cell;
  a.reverse = layer.reverse;
  a.tf32 = rnn_tf32.load(std::memory_order_relaxed);
  a.steps = int64_t(layer.sizes->size());
  a.batch = layer.batch();
  a.total = in[kX].shape()[0];
  a.hidden = in[kWhh].shape()[0] / rnn_gates(layer.cell);
  a.state = in[kWhh].shape()[1];
  a.batch_sizes = layer.sizes->data();
  const auto raw = [](const Tensor& t) { return t.defined() ? t.raw() : nullptr; };
  a.w_hh = raw(in[kWhh]);
  a.w_hr = raw(in[kWhr]);
  a.gates = raw(trace.gates);
  a.hn = raw(trace.hn);
  a.h_before = raw(trace.h_before);
  a.c_before = raw(trace.c_before);
  a.h_whole = raw(trace.h_whole);
  return a;
}

// The biases that are added before the recurrence: all, but of a GRU the recurrent one of n.
std::optional<Tensor> input_bias(RnnCell cell, const Tensor* in) {
  if (!in[kBih].defined()) return {};
  if (cell != RnnCell::Gru) return in[kBih] + in[kBhh];
  const int64_t hidden = in[kBih].shape()[0] / 3;
  return cat({narrow(in[kBih], 0, 0, 2 * hidden) + narrow(in[kBhh], 0, 0, 2 * hidden),
              narrow(in[kBih], 0, 2 * hidden, hidden)},
             0);
}

RnnResult forward(const Layer& layer, const Tensor* in, Trace& trace) {
  const Tf32Products products(rnn_tf32);
  const DType t = in[kX].dtype();
  const int64_t total = in[kX].shape()[0], hidden = in[kWhh].shape()[0] / rnn_gates(layer.cell),
                state = in[kWhh].shape()[1];
  const auto make = [&](int64_t width) { return empty({total, width}, t, in[kX].device()); };
  trace.gates = linear(in[kX], in[kWih], input_bias(layer.cell, in));
  trace.h_before = make(state);
  if (layer.cell == RnnCell::Gru) trace.hn = make(hidden);
  if (layer.cell == RnnCell::Lstm) trace.c_before = make(hidden);
  if (in[kWhr].defined()) trace.h_whole = make(hidden);
  RnnResult r = {make(state), clone(in[kH]), in[kC].defined() ? clone(in[kC]) : Tensor()};
  RnnArgs a = args_of(layer, in, trace);
  const Tensor b_hn =
      layer.cell == RnnCell::Gru && in[kBhh].defined() ? narrow(in[kBhh], 0, 2 * hidden, hidden) : Tensor();
  a.b_hn = b_hn.defined() ? b_hn.raw() : nullptr;
  a.y = r.y.raw(), a.h = r.h.raw(), a.c = r.c.defined() ? r.c.raw() : nullptr;
  const Recorded range("rnn_layer", trace.gates, in[kWhh], in[kWhr]);
  run_heavy("rnn", in[kX].device(), &HeavyTable::rnn_forward, a);
  return r;
}

void backward(const Layer& layer, const Tensor* in, const Trace& trace, Grads& g) {
  NoGrad guard;
  const Tf32Products products(rnn_tf32);
  const auto state_gradient = [&](int output, const Tensor& like) {
    return g.has(output) ? clone(contiguous(g.out(output))) : zeros(like.shape(), like.dtype(), like.device());
  };
  const auto same = [](const Tensor& t) { return empty(t.shape(), t.dtype(), t.device()); };
  const bool lstm = layer.cell == RnnCell::Lstm;
  const Tensor dy = g.has(0) ? contiguous(g.out(0)) : Tensor();
  const Tensor dh = state_gradient(1, in[kH]), dc = lstm ? state_gradient(2, in[kC]) : Tensor();
  const Tensor d_gates = same(trace.gates), d_hidden = layer.cell == RnnCell::Gru ? same(trace.gates) : d_gates;
  const Tensor d_state = in[kWhr].defined() ? same(trace.h_before) : Tensor();
  RnnArgs a = args_of(layer, in, trace);
  a.dy = dy.defined() ? dy.raw() : nullptr;
  a.h = dh.raw(), a.c = lstm ? dc.raw() : nullptr;
  a.d_gates = d_gates.raw();
  a.d_hidden = layer.cell == RnnCell::Gru ? d_hidden.raw() : nullptr;
  a.d_state = d_state.defined() ? d_state.raw() : nullptr;
  {
    const Recorded range("rnn_layer_backward", trace.gates, in[kWhh], in[kWhr]);
    run_heavy("rnn", in[kX].device(), &HeavyTable::rnn_backward, a);
  }
  if (g.wants(kX)) g[kX] = mm(d_gates, in[kWih]);
  g[kH] = dh;
  if (lstm) g[kC] = dc;
  if (g.wants(kWih)) g[kWih] = mm(t(d_gates), in[kX]);
  if (g.wants(kWhh)) g[kWhh] = mm(t(d_hidden), trace.h_before);
  if (in[kBih].defined() && (g.wants(kBih) || g.wants(kBhh))) {
    g[kBih] = sum(d_gates, Dims{0});
    g[kBhh] = layer.cell == RnnCell::Gru ? sum(d_hidden, Dims{0}) : clone(g[kBih]);
  }
  if (in[kWhr].defined() && g.wants(kWhr)) g[kWhr] = mm(t(d_state), trace.h_whole);
}

}  // namespace

RnnStates rnn_step(RnnCell cell, const Tensor& gates, const RnnStates& before, const RnnWeights& w) {
  const std::optional<Tensor> bias = w.b_hh.defined() ? std::optional<Tensor>(w.b_hh) : std::nullopt;
  const Tensor hidden = linear(before.h, w.w_hh, bias);
  if (cell == RnnCell::Tanh) return {tanh(gates + hidden), {}};
  if (cell == RnnCell::Relu) return {relu(gates + hidden), {}};
  if (cell == RnnCell::Gru) {
    const Tensors a = chunk(gates, 3, 1), b = chunk(hidden, 3, 1);
    const Tensor r = sigmoid(a[0] + b[0]), z = sigmoid(a[1] + b[1]), n = tanh(a[2] + r * b[2]);
    return {n + z * (before.h - n), {}};
  }
  const Tensors a = chunk(gates + hidden, 4, 1);
  const Tensor c = sigmoid(a[1]) * before.c + sigmoid(a[0]) * tanh(a[2]);
  const Tensor h = sigmoid(a[3]) * tanh(c);
  return {w.w_hr.defined() ? linear(h, w.w_hr) : h, c};
}

RnnResult rnn_layer(RnnCell cell, const Tensor& x, const BatchSizes& sizes, const Tensor& h, const Tensor& c,
                    const RnnWeights& w, bool reverse) {
  const Layer layer = {cell, sizes, reverse};
  const Tensor given[kInputs] = {x, h, c, w.w_ih, w.w_hh, w.b_ih, w.b_hh, w.w_hr};
  if (x.device().is_cpu() && mode_word & kAutocastCpu) [[unlikely]]
    return composed(layer, given);
  Grad recorder({given[0], given[1], given[2], given[3], given[4], given[5], given[6], given[7]});
  Trace trace;
  RnnResult r;
  {
    NoGrad guard;
    Tensor in[kInputs];
    for (int i = 0; i < kInputs; ++i)
      if (given[i].defined()) in[i] = contiguous(given[i]);
    r = forward(layer, in, trace);
  }
  if (!recorder) return r;
  struct Kept {
    Saved in[kInputs];
    Trace trace;
  } kept;
  for (int i = 0; i < kInputs; ++i) kept.in[i] = recorder.save(given[i]);
  kept.trace = std::move(trace);
  Tensors outputs = {r.y, r.h};
  if (r.c.defined()) outputs.push_back(r.c);
  recorder.record("MkldnnRnnLayerBackward0", outputs, [layer, kept = std::move(kept)](Grads& g) {
    Tensor in[kInputs];
    for (int i = 0; i < kInputs; ++i)
      if (kept.in[i].defined()) in[i] = kept.in[i].get(g);
    if (grad_enabled()) return composed_backward(layer, in, g);
    {
      NoGrad guard;
      for (Tensor& x : in)
        if (x.defined()) x = contiguous(x);
    }
    backward(layer, in, kept.trace, g);
  });
  return r;
}

bool rnn_tf32_allowed() { return rnn_tf32; }
void allow_rnn_tf32(bool on) { rnn_tf32 = on; }

}  // namespace cnn
