// The engine: values, order, memory, hooks, nesting, threads.
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include "autograd/hooks.h"
#include "cnn/autograd.h"
#include "cnn/ops.h"
#include "expect.h"

using namespace cnn;

namespace {

Tensor leaf(const Dims& shape, double value = 1, DType dtype = DType::Float32) {
  Tensor x = full(shape, value, dtype);
  x.set_requires_grad(true);
  return x;
}
double at(const Tensor& x, int64_t i) { return reshape(detach(x), {x.numel()}).data<float>()[i]; }
double value(const Tensor& x) { return x.item().to_double(); }

// f(x) = x, with a gradient of its own.
template <class F>
Tensor custom(const char* name, const Tensor& x, F backward) {
  Grad grad({x});
  Tensor y = detach(clone(detach(x)));
  return grad ? grad.record(name, y, backward) : y;
}

void test_values() {
  const Tensor a = leaf({2, 3}, 2), b = leaf({3}, 3), c = leaf({}, 4);
  const Tensor y = sum(mul(add(a, b), c));
  EXPECT(y.grad_fn()->name() == "SumBackward0");
  backward({y});
  EXPECT(a.grad().shape() == Dims({2, 3}) && at(a.grad(), 0) == 4);
  EXPECT(b.grad().shape() == Dims({3}) && at(b.grad(), 2) == 8);
  EXPECT(c.grad().shape().empty() && value(c.grad()) == 30);
  backward({sum(mul(a, c))});
  EXPECT(at(a.grad(), 5) == 8);  // accumulated

  // The gradient has the dtype of its input.
  const Tensor d = leaf({}, 2, DType::Float64), h = leaf({2}, 1, DType::Float16);
  backward({sum(mul(d, to_dtype(h, DType::Float32)))});
  EXPECT(d.grad().dtype() == DType::Float64 && h.grad().dtype() == DType::Float16);

  // The same root twice, a leaf as root, a root above another.
  const Tensor x = leaf({}, 3), z = mul(x, x);
  backward({z, z, mul(z, z), x});
  EXPECT(value(x.grad()) == 6 + 6 + 4 * 27 + 1);
}

void test_grad_and_inputs() {
  const Tensor x = leaf({1}, 2), w = leaf({1}, 5), h = mul(x, w), y = sum(mul(h, h));
  const Tensors g = grad({y}, {h, x, x}, {}, /*retain_graph=*/true);
  EXPECT(at(g[0], 0) == 20 && at(g[1], 0) == 100 && at(g[2], 0) == 100);
  EXPECT(!x.grad().defined() && !w.grad().defined());
  EXPECT(at(grad({x}, {x}, {full({1}, 7.0)})[0], 0) == 7);

  const Tensor other = leaf({1});
  EXPECT_ERROR("The differentiated Tensor at index 1 appears to not have been used in the graph",
               grad({y}, {x, other}, {}, true));
  EXPECT(!grad({y}, {x, other}, {}, true, false, /*allow_unused=*/true)[1].defined());
  EXPECT_ERROR("does not require grad", grad({y}, {ones({1})}, {}, true));

  backward({y}, {}, true, false, {w, h});
  EXPECT(!x.grad().defined() && at(w.grad(), 0) == 40 && at(h.grad(), 0) == 20);
  EXPECT_ERROR("`inputs` argument to `backward()` cannot be empty.", backward({y}, {}, true, false, {}, false));

  // wants() means needed by this run.
  bool wanted[2];
  Grad record({x, w});
  const Tensor z = record.record("ProbeBackward0", ones({1}), [&](Grads& gr) {
    for (int i = 0; i < 2; ++i) wanted[i] = gr.wants(i);
    gr[0] = gr[1] = gr.out();
  });
  grad({z}, {w}, {}, true);
  EXPECT(!wanted[0] && wanted[1]);
  backward({z});
  EXPECT(wanted[0] && wanted[1]);
}

void test_higher_order() {
  const Tensor x = leaf({}, 2);
  Tensor y = mul(mul(x, x), x), g = y;
  const double expected[] = {12, 12, 6};
  for (double e : expected) {
    g = grad({g}, {x}, {}, false, /*create_graph=*/true)[0];
    EXPECT(value(g) == e);
  }
  // .grad made with create_graph has a history.
  const Tensor w = leaf({}, 3);
  backward({mul(w, w)}, {}, false, /*create_graph=*/true);
  EXPECT(w.grad().requires_grad());
  const Tensor before = w.grad();
  backward({mul(w, w)}, {}, false, /*create_graph=*/true);
  EXPECT(value(w.grad()) == 12 && value(before) == 6);  // added out of place
  w.set_grad({});
}

void test_errors() {
  const Tensor x = leaf({3});
  EXPECT_ERROR("grad can be implicitly created only for scalar outputs", backward({mul(x, x)}));
  EXPECT_ERROR("element 0 of tensors does not require grad and does not have a grad_fn", backward({ones({1})}));
  EXPECT_ERROR(
      "Mismatch in shape: grad_output[0] has a shape of torch.Size([2]) and output[0] has a shape of "
      "torch.Size([3]).",
      backward({mul(x, x)}, {ones({2})}));
  EXPECT_ERROR("got 2 tensors and 1 gradients", backward({x, x}, {ones({3})}));
  const Tensor y = sum(mul(x, x));
  backward({y});
  EXPECT_ERROR("Trying to backward through the graph a second time", backward({y}));
  const Tensor s = sum(x);  // saves nothing
  x.set_grad({});
  backward({s});
  backward({s});
  EXPECT(at(x.grad(), 0) == 2);

  EXPECT_ERROR(
      "Function BadBackward returned an invalid gradient at index 0 - got [2] but expected shape compatible "
      "with [3]",
      backward({sum(custom("BadBackward", x, [](Grads& g) { g[0] = ones({2}); }))}));
  EXPECT_ERROR("expected device cpu but got meta",
               backward({sum(custom("BadBackward", x, [](Grads& g) { g[0] = empty({3}, DType::Float32, kMeta); }))}));
  // An op's error inside backward says in which node; the graph stays usable.
  bool broken = true;
  const Tensor z =
      sum(custom("BrokenBackward0", x, [&](Grads& g) { g[0] = broken ? add(g.out(), ones({7})) : g.out(); }));
  EXPECT_ERROR("(in BrokenBackward0)", backward({z}, {}, true));
  broken = false;
  x.set_grad({});
  backward({z});
  EXPECT(at(x.grad(), 0) == 1);
}

void test_leaf_rules() {
  EXPECT_ERROR("only Tensors of floating point dtype can require gradients",
               zeros({2}, DType::Int64).set_requires_grad(true));
  const Tensor x = leaf({2}), y = mul(x, x);
  EXPECT(x.is_leaf() && !y.is_leaf() && y.requires_grad() && !x.grad_fn());
  EXPECT_ERROR("you can only change requires_grad flags of leaf variables.", y.set_requires_grad(false));
  y.set_requires_grad(true);
  EXPECT_ERROR("can't assign Variable as its own grad", x.set_grad(x));
  EXPECT_ERROR("attempting to assign a gradient of size '[3]' to a tensor of size '[2]'", x.set_grad(ones({3})));
  EXPECT_ERROR("attempting to assign a gradient with dtype 'double' to a tensor with grad_dtype 'Float'",
               x.set_grad(ones({2}, DType::Float64)));
  EXPECT_ERROR("with device type 'meta'", x.set_grad(empty({2}, DType::Float32, kMeta)));
  EXPECT_ERROR("can't retain_grad on Tensor that has requires_grad=False", retain_grad(ones({2})));

  const Edge edge = gradient_edge(x);
  EXPECT(edge.node->name() == "torch::autograd::AccumulateGrad" && edge.node->class_name() == "AccumulateGrad");
  EXPECT(leaf_of(*edge.node).same(x) && y.grad_fn()->edges()[0].node == edge.node);
  EXPECT(y.grad_fn()->forward_name() == "Mul");

  const Tensor d = detach(y);
  EXPECT(!d.requires_grad() && d.storage() == y.storage() && !d.is_view());
  detach_(y);
  EXPECT(y.is_leaf() && !y.requires_grad());
  EXPECT_ERROR("Can't detach views in-place", detach_(select(mul(x, x), 0, 0)));
  {
    NoGrad guard;
    EXPECT(!mul(x, x).requires_grad());
  }
}

// What .grad is made of: stolen, cloned, or added to.
void test_ownership() {
  const Tensor x = leaf({2}), w = full({2}, 3.0);
  const void* made = nullptr;
  backward({sum(custom("OwnBackward", x, [&](Grads& g) {
    g[0] = mul(g.out(), full({2}, 3.0));
    made = g[0].raw();
  }))});
  EXPECT(x.grad().raw() == made);  // stolen
  const Tensor first = x.grad();
  backward({sum(mul(x, w))});
  EXPECT(x.grad().same(first) && at(first, 0) == 6);  // added in place

  const Tensor y = leaf({2}), given = full({2}, 5.0);
  backward({mul(y, full({2}, 1.0))}, {given});
  backward({y}, {given});
  EXPECT(at(given, 0) == 5 && at(y.grad(), 0) == 10);
  const Tensor a = leaf({2}), b = leaf({2});
  backward({add(a, b)}, {given});
  EXPECT(a.grad().storage() != b.grad().storage() && a.grad().storage() != given.storage());
  const Tensor e = leaf({3});
  backward({sum(e)});
  EXPECT(e.grad().strides() == Dims({1}));  // not expanded

  const Tensor base = full({2, 3}, 1.0), t = detach(transpose(base, 0, 1));
  t.set_requires_grad(true);
  backward({sum(mul(t, ones({3, 2})))});
  EXPECT(t.grad().strides() == t.strides());
}

void test_chains() {
  const Tensor x = leaf({});
  for (int with_saved = 0; with_saved < 2; ++with_saved) {
    x.set_grad({});
    const Tensor one = ones({});
    Tensor y = x;
    for (int i = 0; i < 1000000; ++i) y = with_saved ? mul(y, y) : neg(y);
    backward({y});
    EXPECT(value(x.grad()) == (with_saved ? std::numeric_limits<double>::infinity() : 1));
    for (int i = 0; i < 1000000; ++i) y = neg(y);  // and freed without having run
  }
  // Fibonacci: every node used twice.
  x.set_grad({});
  Tensor a = x, b = x;
  for (int i = 0; i < 20; ++i) {
    Tensor c = add(a, b);
    a = b;
    b = c;
  }
  backward({b});
  EXPECT(value(x.grad()) == 17711);
}

// ---- Memory ----

int alive = 0;
struct Counted {
  Counted() { ++alive; }
  Counted(const Counted&) { ++alive; }
  ~Counted() { --alive; }
};

void test_memory() {
  const Tensor x = leaf({2});
  {
    const Tensor y = custom("CountBackward", x, [c = Counted(), k = Ref<RefCounted>()](Grads& g) { g[0] = g.out(); });
    EXPECT(alive == 1);
  }
  EXPECT(alive == 0);
  // An output saved by its own node is no cycle; what was saved goes as backward passes.
  const auto saved_storage_users = [&](bool run) {
    Tensor y = exp(x);
    const Ref<Storage> storage = y.storage();
    Tensor loss = sum(y);
    y = Tensor();
    if (run) backward({loss});
    else loss = Tensor();
    return storage->use_count();
  };
  EXPECT(saved_storage_users(false) == 1);
  EXPECT(saved_storage_users(true) == 1);
  // The accumulator refers to the leaf, not the other way round.
  Ref<TensorImpl> impl;
  {
    const Tensor z = leaf({2});
    impl = Ref<TensorImpl>(z.impl());
    backward({sum(mul(z, z))});
  }
  EXPECT(impl->use_count() == 1);
}

// ---- Hooks ----

struct Times final : TensorHook {
  explicit Times(double by, std::vector<int>* log = nullptr, int id = 0) : by(by), log(log), id(id) {}
  Tensor operator()(const Tensor& grad) override {
    if (log) log->push_back(id);
    return grad.defined() ? mul(grad, full({}, by)) : Tensor();
  }
  double by;
  std::vector<int>* log;
  int id;
};
struct Always final : TensorHook {
  explicit Always(Tensor x) : x(std::move(x)) {}
  Tensor operator()(const Tensor&) override { return x; }
  std::string name() const override { return "always"; }
  Tensor x;
};
struct After final : AccumulatedHook {
  void operator()(const Tensor& x) override {
    ++calls;
    x.set_grad({});
  }
  int calls = 0;
};
struct Before final : NodePreHook {
  void operator()(Tensors& outputs) override { outputs[0] = mul(outputs[0], full({}, 2.0)); }
};
struct Behind final : NodePostHook {
  void operator()(Tensors& inputs, const Tensors& outputs) override {
    seen = outputs[0];
    for (Tensor& g : inputs)
      if (g.defined()) g = neg(g);
  }
  Tensor seen;
};

void test_hooks() {
  const Tensor x = leaf({1}), h = mul(x, full({1}, 2.0)), y = sum(mul(h, full({1}, 3.0)));
  add_hook(h, make_ref<Times>(10.0));
  retain_grad(h);
  EXPECT(retains_grad(h));
  // A gradient handed out as it came when the node below runs too, after the hooks when it ends there.
  const Tensors both = grad({y}, {h, x}, {}, true);
  EXPECT(at(both[0], 0) == 3 && at(both[1], 0) == 60 && at(grad({y}, {h}, {}, true)[0], 0) == 30);
  const auto on_leaf = make_ref<Times>(7.0);
  add_hook(x, Ref<TensorHook>(on_leaf));
  EXPECT(at(grad({y}, {x}, {}, true)[0], 0) == 420);
  h.set_grad({});
  backward({y}, {}, true);
  EXPECT(at(h.grad(), 0) == 30 && at(x.grad(), 0) == 420);
  on_leaf->remove();
  x.set_grad({});
  const auto after = make_ref<After>();
  add_hook(x, Ref<AccumulatedHook>(after));
  backward({y}, {}, true);
  EXPECT(after->calls == 1 && !x.grad().defined());
  after->remove();
  add_hook(*h.grad_fn(), Ref<NodePreHook>(make_ref<Before>()));
  const auto behind = make_ref<Behind>();
  add_hook(*h.grad_fn(), Ref<NodePostHook>(behind));
  backward({y});
  EXPECT(at(x.grad(), 0) == -120 && at(behind->seen, 0) == 60);

  EXPECT_ERROR("cannot register a hook on a tensor that doesn't require gradient",
               add_hook(ones({1}), Ref<TensorHook>(make_ref<Times>(1.0))));
  EXPECT_ERROR("post accumulate grad hooks cannot be registered on non-leaf tensors",
               add_hook(mul(x, x), Ref<AccumulatedHook>(after)));
  const Tensor z = mul(x, x);
  add_hook(z, make_ref<Always>(ones({17})));
  EXPECT_ERROR("hook 'always' has changed the size of value", backward({z}));
  const Tensor u = leaf({1});
  add_hook(u, make_ref<Always>(ones({1}, DType::Float64)));
  EXPECT_ERROR("has changed the type of value (was torch.FloatTensor got torch.DoubleTensor)", backward({u}));

  // Hooks run in the order in which they came; a later write in place leaves the earlier ones on the old value.
  std::vector<int> log;
  const Tensor v = mul(x, full({1}, 1.0));
  add_hook(v, make_ref<Times>(1.0, &log, 1));
  add_hook(v, make_ref<Times>(1.0, &log, 2));
  mul(v, full({1}, 3.0), Dest::in_place(v));
  add_hook(v, make_ref<Times>(1.0, &log, 3));
  backward({sum(v)});
  EXPECT(log == std::vector<int>({3, 1, 2}));
}

void test_undefined() {
  // A node of two outputs, one of which is not used.
  const Tensor x = leaf({2});
  bool has[2];
  Tensors parts = {ones({2}), ones({3}), zeros({1}, DType::Int64)};
  Grad record({x});
  record.record("TwoBackward", parts, [&](Grads& g) {
    for (int i = 0; i < 2; ++i) has[i] = g.has(i);
    EXPECT(g.out_or_zeros(1).shape() == Dims({3}) && g.outputs() == 3);
    g[0] = g.out();
  });
  EXPECT(parts[1].requires_grad() && output_number(parts[1]) == 1 && !parts[2].requires_grad());
  backward({sum(parts[0])});
  EXPECT(has[0] && !has[1]);
  // No gradient at all: the closures above do not run, the others still get theirs.
  std::vector<int> log;
  const Tensor y = exp(x);
  const Tensor none = custom("NoneBackward", y, [](Grads&) {});
  x.set_grad({});
  backward({add(sum(none), sum(x))});
  EXPECT(at(x.grad(), 0) == 1);
}

// ---- Nesting and threads ----

void test_nested() {
  // A backward inside a node, over a graph that shares the leaf and the outer graph's nodes.
  const Tensor x = leaf({}, 3), shared = mul(x, x);
  const Tensor y = custom("OuterBackward", shared, [&](Grads& g) {
    EnableGrad guard;
    const Tensor inner = mul(shared, x);
    backward({inner}, {}, /*retain_graph=*/true);  // 3 x^2 = 27
    EXPECT(current_node() == &g.node());
    g[0] = g.out();
  });
  backward({y});
  EXPECT(value(x.grad()) == 27 + 6);
  EXPECT(current_node() == nullptr);
}

Tensor nested_chain(const Tensor& x, int depth) {
  return custom("DeepBackward", x, [depth](Grads& g) {
    if (depth > 0) {
      EnableGrad guard;
      const Tensor inner = leaf({});
      backward({nested_chain(inner, depth - 1)});
      g[0] = inner.grad();
    } else {
      g[0] = g.out();
    }
  });
}

void test_deep_nesting() {
  const Tensor x = leaf({});
  backward({nested_chain(x, 500)});
  EXPECT(value(x.grad()) == 1);
  EXPECT_ERROR("(in DeepErrorBackward)",
               backward({custom("DeepErrorBackward", x, [](Grads&) { add(ones({2}), ones({3})); })}));
}

template <class F>
void in_threads(int count, F f) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&f, i] { f(i); });
  for (std::thread& t : threads) t.join();
}

void test_threads() {
  // Many threads record and run over one leaf, which has no accumulator at first.
  const Tensor x = leaf({8});
  in_threads(64, [&](int) {
    for (int k = 0; k < 20; ++k) backward({sum(mul(x, full({8}, 2.0)))});
  });
  EXPECT(at(x.grad(), 7) == 64 * 20 * 2);
  // Many threads over one graph.
  const Tensor y = leaf({8});
  Tensor shared = mul(y, y);
  for (int i = 0; i < 20; ++i) shared = add(shared, mul(y, full({8}, 0.5)));
  const Tensor loss = sum(shared);
  in_threads(16, [&](int) {
    for (int k = 0; k < 10; ++k) backward({loss}, {}, /*retain_graph=*/true);
  });
  EXPECT(at(y.grad(), 0) == 16 * 10 * (2 + 10));
  // The same without retain_graph: each run works or says that the graph was freed; none crashes.
  for (int k = 0; k < 20; ++k) {
    const Tensor z = leaf({8});
    Tensor c = z;
    for (int i = 0; i < 50; ++i) c = mul(c, full({8}, 1.0));
    const Tensor l = sum(mul(c, c));
    std::atomic<int> worked{0};
    in_threads(8, [&](int) {
      const std::string text = error_of([&] { backward({l}); });
      if (text.empty()) ++worked;
      else EXPECT(text.find("a second time") != std::string::npos);
    });
    EXPECT(worked >= 1);
  }
}

// ---- Anomaly mode ----

std::string reported;

void test_anomaly() {
  struct Trace final : RefCounted {};
  anomaly_trace = []() -> Ref<RefCounted> { return make_ref<Trace>(); };
  anomaly_report = [](const Node& node, RefCounted* trace) { reported = node.name() + (trace ? " traced" : ""); };
  {
    ModeGuard guard(kAnomaly, true);
    const Tensor x = leaf({1}, 0.0);
    EXPECT_ERROR("Function 'SqrtBackward0' returned nan values in its 0th output.",
                 backward({sum(mul(sqrt(x), full({1}, 0.0)))}));
    EXPECT(reported == "SqrtBackward0 traced");
  }
  anomaly_trace = nullptr;
  anomaly_report = nullptr;
}

void test_speed() {
  const Tensor x = leaf({4});
  double best = 1e9;
  for (int round = 0; round < 20; ++round) {
    const auto start = std::chrono::steady_clock::now();
    Tensor y = x;
    for (int i = 0; i < 1000; ++i) y = add(y, x);
    const Tensor one = ones({4});
    backward({y}, {one});
    y = Tensor();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::printf("1000 additions with backward: %.3f us each\n", best * 1e3);
}

}  // namespace

int main() {
  test_values();
  test_grad_and_inputs();
  test_higher_order();
  test_errors();
  test_leaf_rules();
  test_ownership();
  test_chains();
  test_memory();
  test_hooks();
  test_undefined();
  test_nested();
  test_deep_nesting();
  test_threads();
  test_anomaly();
  test_speed();
  return report();
}
