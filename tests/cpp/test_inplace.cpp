// Writing in place: versions of saved tensors, views and their bases, what is refused, saved-tensor hooks, functions
// written by hand.
#include <cmath>
#include <vector>

#include "autograd/hooks.h"
#include "cnn/autograd.h"
#include "cnn/ops.h"
#include "expect.h"

using namespace cnn;

namespace {

Tensor leaf(const Dims& shape, double value = 1) {
  Tensor x = full(shape, value, DType::Float32);
  x.set_requires_grad(true);
  return x;
}
Tensor constant(const Dims& shape, double value) { return full(shape, value, DType::Float32); }
Tensor mul_(const Tensor& x, const Tensor& y) { return mul(x, y, Dest::in_place(x)); }
Tensor add_(const Tensor& x, const Tensor& y) { return add(x, y, 1, Dest::in_place(x)); }
Tensor part(const Tensor& x, int64_t from, int64_t to) { return slice(x, 0, from, to); }

std::vector<float> values(const Tensor& x) {
  const Tensor c = contiguous(detach(x));
  return std::vector<float>(c.data<float>(), c.data<float>() + c.numel());
}
using Values = std::vector<float>;

void test_versions() {
  const Tensor x = leaf({2, 3});
  {
    const Tensor y = add(x, x), z = mul(y, y);
    add_(y, ones({}));
    EXPECT_ERROR(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        "[torch.FloatTensor [2, 3]], which is output 0 of Add, is at version 1; expected version 0 instead. "
        "Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
        "torch.autograd.set_detect_anomaly(True, check_nan=False).",
        backward({sum(z)}));
  }
  {
    const Tensor w = constant({3}, 1), z = mul(x, w);
    add_(w, ones({}));
    EXPECT_ERROR("[torch.FloatTensor [3]] is at version 1; expected version 0", backward({sum(z)}));
  }
  {
    const Tensor z = exp(x);
    add_(z, ones({}));
    EXPECT_ERROR("which is output 0 of Exp, is at version 1", backward({sum(z)}));
  }
  {
    // A write through any alias counts, but not one through .data.
    const Tensor y = mul(x, x), z = mul(y, y), w = mul(y, y);
    add_(detached_alias(y, /*share_version=*/false), ones({}));
    backward({sum(z)}, {}, true);
    add_(detach(y), ones({}));
    EXPECT_ERROR("modified by an inplace operation", backward({sum(w)}));
  }
  // What is not saved may be written.
  const Tensor a = add(x, x);
  x.set_grad({});
  const Tensor b = add(a, a);
  add_(a, ones({}));
  backward({sum(b)});
  EXPECT(values(x.grad())[0] == 4);
}

void test_operand_zero() {
  // Saved under an in-place Dest, operand 0 keeps its old value.
  const Tensor x = leaf({2}, 3), w = leaf({2}, 5), y = add(x, constant({2}, 0));
  mul_(y, w);
  EXPECT(y.grad_fn()->name() == "MulBackward0" && values(y) == Values({15, 15}));
  backward({sum(y)});
  EXPECT(values(x.grad()) == Values({5, 5}) && values(w.grad()) == Values({3, 3}));
  // Without a need for it there is no copy: the constant is the only thing saved.
  const Tensor z = add(x, constant({2}, 0));
  mul_(z, constant({2}, 2));
  mul_(z, constant({2}, 2));
  x.set_grad({});
  backward({sum(z)});
  EXPECT(values(x.grad()) == Values({4, 4}));
  // Twice differentiable through the copy.
  const Tensor v = leaf({}, 2), u = add(v, constant({}, 0));
  mul_(u, v);  // v^2
  const Tensor g = grad({u}, {v}, {}, false, /*create_graph=*/true)[0];
  EXPECT(values(grad({g}, {v})[0]) == Values({2}));
}

void test_refused() {
  const Tensor x = leaf({4}), y = mul(x, ones({4}));
  EXPECT_ERROR("a leaf Variable that requires grad is being used in an in-place operation.", add_(x, x));
  EXPECT_ERROR("a view of a leaf Variable that requires grad is being used in an in-place operation.",
               add_(part(x, 0, 2), ones({2})));
  EXPECT(values(x) == Values({1, 1, 1, 1}));  // nothing was written
  EXPECT_ERROR("functions with out=... arguments don't support automatic differentiation",
               [&] { mul(x, x, Dest::out(ones({4}))); }());
  const Tensors halves = split(y, 2);
  EXPECT_ERROR(
      "is a view and is being modified inplace. This view is the output of a function that returns multiple "
      "views.",
      add_(halves[0], ones({2})));
  EXPECT_ERROR("This view is the output of a function that returns multiple views",
               [&] { add_(part(halves[1], 0, 1), ones({1})); }());
  Tensor quiet;
  {
    NoGrad guard;
    quiet = part(y, 0, 2);
    add_(x, ones({4}));  // as an optimizer does
  }
  EXPECT(quiet.requires_grad() && quiet.is_leaf());
  EXPECT_ERROR("A view was created in no_grad mode and is being modified inplace with grad mode enabled.",
               add_(quiet, ones({2})));
  add_(y, ones({4}));
  EXPECT_ERROR(
      "Output 0 of SplitWithSizes is a view and its base or another view of its base has been modified inplace.",
      mul(halves[0], ones({2})));
  EXPECT_ERROR("and its base or another view of its base has been modified inplace with grad mode enabled.",
               mul(quiet, ones({2})));
}

void test_inference() {
  const Tensor x = leaf({4}), y = mul(x, ones({4}));
  Tensor made, view, of_normal;
  {
    InferenceMode guard;
    made = ones({4});
    view = part(made, 0, 2);
    of_normal = part(y, 0, 2);
    add_(made, ones({4}));
    EXPECT(!mul(x, x).requires_grad());
  }
  EXPECT(made.impl()->inference && view.impl()->inference && !of_normal.impl()->inference);
  EXPECT(part(made, 0, 1).impl()->inference && !clone(made).impl()->inference);
  EXPECT_ERROR("Inplace update to inference tensor outside InferenceMode is not allowed.", add_(made, ones({4})));
  EXPECT_ERROR("Inference tensors cannot be saved for backward.", mul(x, made));
  EXPECT(add(x, made).requires_grad());  // saves nothing
  EXPECT_ERROR("Setting requires_grad=True on inference tensor outside InferenceMode", made.set_requires_grad(true));
  EXPECT_ERROR("A view was created in inference mode and is being modified inplace in normal mode.",
               add_(of_normal, ones({2})));
}

void test_views() {
  // Writing into a view: the base's history goes through CopySlices, the view's through the base.
  const Tensor x = leaf({4}, 2), w = leaf({2}, 3), b = mul(x, constant({4}, 1)), v = part(b, 1, 3);
  mul_(v, w);
  EXPECT(b.grad_fn()->class_name() == "CopySlices" && b.grad_fn()->name() == "torch::autograd::CopySlices");
  EXPECT(v.grad_fn()->name() == "AsStridedBackward0" && v.grad_fn()->edges()[0].node == b.grad_fn());
  EXPECT(v.grad_fn() == v.grad_fn());
  EXPECT(values(b) == Values({2, 6, 6, 2}));
  backward({sum(mul(b, constant({4}, 10)))});
  EXPECT(values(x.grad()) == Values({10, 30, 30, 10}) && values(w.grad()) == Values({20, 20}));

  // Writing into the base: a view made before follows.
  x.set_grad({});
  const Tensor c = mul(x, constant({4}, 1)), u = part(c, 0, 2), m = reshape(c, {2, 2});
  mul_(c, constant({4}, 5));
  EXPECT(u.grad_fn()->name() == "AsStridedBackward0");
  backward({add(sum(u), sum(select(m, 0, 0)))});
  EXPECT(values(x.grad()) == Values({10, 10, 0, 0}));

  // A base without gradient gets one by a write into its view; so do its other views.
  w.set_grad({});
  const Tensor plain = constant({3}, 1), left = part(plain, 0, 2), right = part(plain, 1, 3);
  mul_(left, w);
  EXPECT(plain.requires_grad() && right.requires_grad() && !plain.is_leaf());
  EXPECT(!plain.grad_fn()->edges()[0].node);
  backward({sum(right)});
  EXPECT(values(w.grad()) == Values({0, 1}));

  // One write after the other, through views of views, transposed and repeated.
  x.set_grad({});
  const Tensor d = mul(x, constant({4}, 1)), t = transpose(reshape(d, {2, 2}), 0, 1);
  mul_(t, constant({2, 2}, 2));
  mul_(select(t, 0, 0), constant({2}, 3));  // elements 0 and 2
  copy_(part(d, 3, 4), ones({1}));
  backward({sum(d)});
  EXPECT(values(x.grad()) == Values({6, 2, 6, 0}));

  // zero_ and fill_ cut the history of what they cover.
  x.set_grad({});
  const Tensor e = mul(x, constant({4}, 3));
  zero_(part(e, 0, 3));
  backward({sum(e)});
  EXPECT(values(x.grad()) == Values({0, 0, 0, 3}));

  // A write that autograd does not see makes the view's history anew, with the same gradient.
  x.set_grad({});
  const Tensor f = mul(x, constant({4}, 1)), p = part(f, 2, 4);
  {
    NoGrad guard;
    add_(p, ones({2}));
  }
  EXPECT(p.grad_fn()->name() == "AsStridedBackward0");
  backward({sum(p)});
  EXPECT(values(x.grad()) == Values({0, 0, 1, 1}));
}

void test_view_higher_order() {
  // A node that saves its output writes into a view: (e^x, x).
  const Tensor x = leaf({2}, 0.5), z = add(x, constant({2}, 0)), head = part(z, 0, 1);
  const double e = 1.6487212707;
  exp(head, Dest::in_place(head));
  const Tensor g = grad({sum(mul(z, z))}, {x}, {}, false, /*create_graph=*/true)[0];  // (2 e^2x, 2x)
  EXPECT(std::abs(values(g)[0] - 2 * e * e) < 1e-4 && values(g)[1] == 1);
  const Tensor gg = grad({sum(g)}, {x})[0];  // (4 e^2x, 2)
  EXPECT(std::abs(values(gg)[0] - 4 * e * e) < 1e-4 && values(gg)[1] == 2);
}

void test_retain_grad() {
  const Tensor x = leaf({3}), y = mul(x, constant({3}, 1));
  retain_grad(y);
  mul_(y, constant({3}, 3));
  backward({sum(mul(y, constant({3}, 2)))});
  EXPECT(values(y.grad()) == Values({2, 2, 2}) && values(x.grad()) == Values({6, 6, 6}));
  const Tensor b = mul(x, constant({3}, 1)), v = part(b, 0, 2);
  retain_grad(v);
  mul_(v, constant({2}, 3));
  backward({sum(mul(v, constant({2}, 2)))});
  EXPECT(values(v.grad()) == Values({2, 2}));
  // A tensor that is gone is not waited for.
  Tensor kept = mul(x, x), loss = sum(kept);
  retain_grad(kept);
  kept = Tensor();
  backward({loss});
}

// ---- Saved-tensor hooks ----

struct Doubling final : SavedHooks {
  struct Copy final : RefCounted {
    Tensor x;
  };
  Ref<RefCounted> pack(const Tensor& x) override {
    ++packed;
    EXPECT(!x.requires_grad());
    auto copy = make_ref<Copy>();
    copy->x = mul(x, constant({}, 2));
    return copy;
  }
  Tensor unpack(RefCounted& object) override {
    ++unpacked;
    return static_cast<Copy&>(object).x;
  }
  int packed = 0, unpacked = 0;
};

void test_saved_hooks() {
  const auto hooks = make_ref<Doubling>();
  const Tensor x = leaf({}, 3), one = constant({}, 1);
  push_saved_hooks(hooks);
  const Tensor y = mul(x, x), z = exp(mul(x, constant({}, 0)));
  pop_saved_hooks();
  EXPECT(hooks->packed >= 3);
  backward({y});
  EXPECT(values(x.grad()) == Values({12}) && hooks->unpacked == 2);
  x.set_grad({});
  // Unpacked tensors have their history again: d2(x^2)/dx2 with both factors doubled.
  push_saved_hooks(hooks);
  const Tensor u = mul(x, x);
  pop_saved_hooks();
  const Tensor g = grad({u}, {x}, {}, false, /*create_graph=*/true)[0];
  backward({g});
  EXPECT(values(x.grad()) == Values({2}));
  disable_saved_hooks("not here");
  EXPECT_ERROR("not here", push_saved_hooks(hooks));
  disable_saved_hooks(std::nullopt);
  // An output: its history is the node's own.
  x.set_grad({});
  push_saved_hooks(hooks);
  const Tensor v = exp(x);
  pop_saved_hooks();
  EXPECT(std::abs(values(grad({v}, {x})[0])[0] - 2 * values(v)[0]) < 1e-3);
}

// ---- Functions written by hand ----

class Hand final : public Node {
 public:
  Hand() : Node("HandBackward") {}
  void run(Grads& g) override {
    const Tensor saved_x = x.unpack(*this);
    if (saved_x.defined()) EXPECT(saved_x.requires_grad());
    for (int i = 0; i < g.inputs(); ++i) g[i] = g.out_or_zeros(0);
  }
  bool runs_undefined() const override { return true; }
  Saved x;
};

void test_custom() {
  const auto apply = [](const Tensors& inputs, auto forward, const Tensors& dirty = {}, bool differentiable = true) {
    Ref<Node> node(new Hand);
    const bool needed = connect(*node, inputs);
    Tensors outputs;
    {
      NoGrad guard;
      outputs = forward();
    }
    return attach_custom(needed ? node : nullptr, inputs, outputs, dirty, differentiable ? Tensors() : outputs);
  };
  const Tensor x = leaf({2}), h = mul(x, constant({2}, 1));
  // A new tensor; saved as an output without a cycle.
  const Tensor y = apply({x}, [&] { return Tensors{mul(x, x)}; })[0];
  EXPECT(y.grad_fn()->name() == "HandBackward" && !y.is_leaf());
  static_cast<Hand&>(*y.grad_fn()).x = Saved::of(y, y.grad_fn().get());
  EXPECT(static_cast<Hand&>(*y.grad_fn()).x.unpack(*y.grad_fn()).grad_fn() == y.grad_fn());
  backward({sum(y)});
  EXPECT(values(x.grad()) == Values({1, 1}));
  // An input as it came.
  const Tensor same = apply({h}, [&] { return Tensors{h}; })[0];
  EXPECT(!same.same(h) && same.is_view() && same.grad_fn()->name() == "HandBackward");
  EXPECT_ERROR(
      "Output 0 of Hand is a view and is being modified inplace. This view was created inside a custom Function",
      add_(same, ones({2})));
  EXPECT(h.grad_fn()->name() == "MulBackward0");
  // A view made in forward.
  const Tensor flat = apply({h}, [&] { return Tensors{reshape(h, {2, 1})}; })[0];
  EXPECT_ERROR("This view was created inside a custom Function", add_(flat, ones({2, 1})));
  // Written in place.
  const Tensor k = mul(x, constant({2}, 1));
  const Tensor dirty = apply({k}, [&] { return Tensors{add_(k, ones({2}))}; }, {k})[0];
  EXPECT(dirty.same(k) && k.grad_fn()->name() == "HandBackward" && k.impl()->version() == 2);
  const Tensor b = mul(x, constant({2}, 1)), v = part(b, 0, 1);
  apply({v}, [&] { return Tensors{add_(v, ones({1}))}; }, {v});
  EXPECT(b.grad_fn()->class_name() == "CopySlices" && v.grad_fn()->name() == "AsStridedBackward0");
  x.set_grad({});
  backward({sum(b)});
  EXPECT(values(x.grad()) == Values({1, 1}));
  EXPECT_ERROR("a leaf Variable that requires grad has been used in an in-place operation.",
               [&] { apply({x}, [&] { return Tensors{add_(x, ones({2}))}; }, {x}); }());
  // Not differentiable.
  EXPECT(!apply({x}, [&] { return Tensors{mul(x, x)}; }, {}, false)[0].requires_grad());
  const Tensor detached = apply({x}, [&] { return Tensors{x}; }, {}, false)[0];
  EXPECT(!detached.requires_grad() && x.requires_grad() && !detached.is_view());
  const Tensor plain = constant({2}, 1);
  const Tensor quiet = apply({plain}, [&] { return Tensors{plain}; })[0];
  EXPECT(!quiet.same(plain) && quiet.is_view() && !quiet.requires_grad());
}

}  // namespace

int main() {
  test_versions();
  test_operand_zero();
  test_refused();
  test_inference();
  test_views();
  test_view_higher_order();
  test_retain_grad();
  test_saved_hooks();
  test_custom();
  return report();
}
