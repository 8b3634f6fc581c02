"""The graph: leaves, nodes, accumulation, running backward twice, hooks, modes."""

from __future__ import annotations

from facts import fact, raised


def leaf(torch, *values):
    return torch.tensor([float(v) for v in values], requires_grad=True)


@fact([True, True, True, True])
def wrappers_keep_their_identity(torch):
    p = leaf(torch, 1, 2)
    y = p * 2
    (y * y).sum().backward()
    return [p.grad is p.grad, y.grad_fn is y.grad_fn, p.grad_fn is None, y.grad_fn == y.grad_fn]


@fact(["SumBackward0", "MulBackward0", "AccumulateGrad", True])
def nodes_are_walked(torch):
    x = leaf(torch, 1, 2)
    node = (x * 3).sum().grad_fn
    mul = node.next_functions[0][0]
    last = mul.next_functions[0][0]
    return [node.name(), mul.name(), last.name().split("::")[-1], last.variable is x]


@fact(["AddmmBackward0", 3, True, True])
def linear_has_one_node_of_bias_input_and_weight(torch):
    x = torch.ones(1, 3, requires_grad=True)
    linear = torch.nn.Linear(3, 2)
    node = linear(x).grad_fn
    edges = [f for f, _ in node.next_functions]
    return [node.name(), len(edges), edges[0].variable is linear.bias, edges[1].variable is x]


@fact([[1.0, 1.0], [2.0, 2.0]])
def backward_twice_through_sum(torch):
    x = leaf(torch, 1, 2)
    y = x.sum()
    y.backward()
    first = x.grad.tolist()
    y.backward()
    return [first, x.grad.tolist()]


@fact(("RuntimeError", True))
def backward_twice_through_saved_tensors(torch):
    x = leaf(torch, 1, 2)
    y = (x * x).sum()
    y.backward()
    return raised(y.backward, "Trying to backward through the graph a second time")


@fact([4.0, 8.0])
def backward_twice_with_retain_graph(torch):
    x = leaf(torch, 2)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    first = x.grad.item()
    y.backward()
    return [first, x.grad.item()]


@fact([("RuntimeError", True), ("RuntimeError", True), ("RuntimeError", True)])
def messages_of_backward(torch):
    x = leaf(torch, 1, 2)
    return [
        raised(
            lambda: torch.ones(1).backward(), "does not require grad and does not have a grad_fn"
        ),
        raised(
            lambda: (x * 2).backward(), "grad can be implicitly created only for scalar outputs"
        ),
        raised(
            lambda: (x * 2).backward(torch.ones(3)),
            "Mismatch in shape: grad_output[0] has a shape of torch.Size([3]) and output[0]",
        ),
    ]


@fact([("RuntimeError", True), None, [2.0, 2.0]])
def grad_of_what_was_not_used(torch):
    x, z = leaf(torch, 1, 2), leaf(torch, 1)
    y = (x * 2).sum()
    grad = torch.autograd.grad
    return [
        raised(
            lambda: grad(y, [z], retain_graph=True), "appears to not have been used in the graph"
        ),
        grad(y, [z], allow_unused=True, retain_graph=True)[0],
        grad(y, [x])[0].tolist(),
    ]


@fact([12.0, 6.0 * 2])
def second_order_by_create_graph(torch):
    x = leaf(torch, 2)
    (first,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    return [first.item(), second.item()]


@fact([None, [6.0], True])
def retain_grad_of_an_inner_tensor(torch):
    x = leaf(torch, 3)
    y = x * 2
    z = y * 1
    y.retain_grad()
    y.retain_grad()
    before = y.grad
    (z * z / 2).sum().backward()
    return [before, y.grad.tolist(), y.retains_grad]


@fact([[2.0], [20.0]])
def retain_grad_comes_after_hooks(torch):
    x = leaf(torch, 1)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 2)
    y.sum().backward()
    y2 = x.detach().requires_grad_() * 1
    y2.retain_grad()
    y2.register_hook(lambda g: g * 20)
    y2.sum().backward()
    return [y.grad.tolist(), y2.grad.tolist()]


@fact([[6.0], ["a", "b"], [1.0]])
def hooks_run_in_order_and_change_gradients(torch):
    x = leaf(torch, 1)
    order = []

    def first(g):
        order.append("a")
        return g * 2

    def second(g):
        order.append("b")
        return g * 3

    handle = x.register_hook(first)
    other = x.register_hook(second)
    x.sum().backward()
    changed = x.grad.tolist()
    handle.remove()
    other.remove()
    x.grad = None
    x.sum().backward()
    return [changed, order, x.grad.tolist()]


@fact([["leaf", "accumulated"], None])
def post_accumulate_hooks_see_the_gradient(torch):
    x = leaf(torch, 1)
    seen = []
    x.register_hook(lambda g: seen.append("leaf"))

    def take(p):
        seen.append("accumulated" if p.grad is not None else "early")
        p.grad = None

    x.register_post_accumulate_grad_hook(take)
    (x * 2).sum().backward()
    return [seen, x.grad]


@fact(("RuntimeError", True))
def hooks_need_gradients(torch):
    return raised(
        lambda: torch.ones(1).register_hook(print),
        "cannot register a hook on a tensor that doesn't require gradient",
    )


@fact(("ZeroDivisionError", True))
def an_exception_in_a_hook_comes_out_of_backward(torch):
    x = leaf(torch, 1)
    x.register_hook(lambda g: 1 // 0)
    return raised(lambda: x.sum().backward(), "division")


@fact([False, True, False, True])
def no_grad_records_nothing(torch):
    x = leaf(torch, 1)
    with torch.no_grad():
        y = x * 2
        view = x.view(1)
    return [y.requires_grad, view.requires_grad, torch.is_inference(y), torch.is_grad_enabled()]


@fact([True, False, ("RuntimeError", True), ("RuntimeError", True), True])
def inference_tensors(torch):
    x = leaf(torch, 1, 2)
    with torch.inference_mode():
        y = x * 2
        inside = torch.is_inference_mode_enabled()
    return [
        y.is_inference(),
        y.requires_grad,
        raised(lambda: y.add_(1), "Inplace update to inference tensor outside InferenceMode"),
        raised(lambda: x * y, "Inference tensors cannot be saved for backward"),
        inside,
    ]


@fact([True, False, True])
def modes_are_decorators(torch):
    @torch.no_grad()
    def off():
        return torch.is_grad_enabled()

    @torch.enable_grad()
    def on():
        return torch.is_grad_enabled()

    with torch.no_grad():
        inside = on()
    return [inside, off(), torch.is_grad_enabled()]


@fact([[3.0, 3.0], [3.0, 3.0], True])
def gradients_of_broadcast_operands_are_summed(torch):
    row, x = leaf(torch, 1, 2), torch.ones(3, 2, requires_grad=True)
    (row + x).sum().backward()
    expanded = leaf(torch, 1, 2)
    expanded.expand(3, 2).sum().backward()
    return [row.grad.tolist(), expanded.grad.tolist(), x.grad.shape == x.shape]


@fact([False, True, True])
def a_gradient_is_not_shared_with_another_leaf(torch):
    a, b = leaf(torch, 1, 2), leaf(torch, 3, 4)
    seed = torch.ones(2)
    (a + b).backward(seed)
    address = a.grad.data_ptr()
    a.grad.add_(5)
    return [address == seed.data_ptr(), b.grad.tolist() == [1.0, 1.0], seed.tolist() == [1.0, 1.0]]


@fact([True, [3.0, 3.0]])
def an_existing_gradient_is_added_to_in_place(torch):
    x = leaf(torch, 1, 2)
    kept = torch.ones(2)
    x.grad = kept
    (x * 2).sum().backward()
    return [x.grad is kept, kept.tolist()]


@fact([("RuntimeError", True), ("RuntimeError", True), ("RuntimeError", True)])
def assigning_gradients_is_checked(torch):
    x = leaf(torch, 1, 2)

    def assign(value):
        x.grad = value

    return [
        raised(
            lambda: assign(torch.ones(3)), "assign a gradient of size '[3]' to a tensor of size"
        ),
        raised(
            lambda: assign(torch.ones(2, dtype=torch.float64)),
            "attempting to assign a gradient with dtype 'double' to a tensor with grad_dtype",
        ),
        raised(
            lambda: setattr(x * 2, "requires_grad", False),
            "you can only change requires_grad flags of leaf variables",
        ),
    ]


@fact(("RuntimeError", True))
def only_floating_tensors_require_grad(torch):
    return raised(
        lambda: torch.ones(2, dtype=torch.int64).requires_grad_(),
        "only Tensors of floating point dtype can require gradients",
    )


@fact([[4.0], None])
def backward_into_chosen_inputs(torch):
    a, b = leaf(torch, 3), leaf(torch, 4)
    (a * b).sum().backward(inputs=[a])
    return [a.grad.tolist(), b.grad]


@fact([1.0, [2.0]])
def nested_backward_inside_a_hook(torch):
    x, inner = leaf(torch, 1), leaf(torch, 5)

    def run_another(g):
        with torch.enable_grad():
            (inner * 2).sum().backward()

    x.register_hook(run_another)
    x.sum().backward()
    return [x.grad.item(), inner.grad.tolist()]


@fact(("RuntimeError", True))
def anomaly_mode_finds_nan(torch):
    x = leaf(torch, -1)
    with torch.autograd.detect_anomaly(check_nan=True):
        y = x.sqrt().sum()
        return raised(y.backward, "returned nan values in its 0th output")


@fact([["pack", "unpack"], [8.0]])
def saved_tensors_pass_through_hooks(torch):
    calls = []

    def pack(t):
        calls.append("pack")
        return t.tolist()

    def unpack(values):
        calls.append("unpack")
        return torch.tensor(values)

    x = leaf(torch, 4)
    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = x**2
    y.sum().backward()
    return [calls, x.grad.tolist()]
