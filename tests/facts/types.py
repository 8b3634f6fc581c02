"""Tensor as a Python type: subclasses, attributes, copies, comparison, iteration."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

from facts import fact, raised
from facts.graph import leaf


@fact([True, "kept", True])
def a_tensor_held_only_by_its_graph_comes_back(torch):
    x = leaf(torch, 1, 2)
    x.note = "kept"
    first = id(x)
    y = x * 2
    del x
    gc.collect()
    back = y.grad_fn.next_functions[0][0].variable
    return [id(back) == first, back.note, back.requires_grad]


@fact(["Mine", "kept", True])
def a_subclass_held_only_by_its_graph_comes_back(torch):
    class Mine(torch.Tensor):
        pass

    x = torch.ones(2).as_subclass(Mine).requires_grad_()
    x.note = "kept"
    node = (x.as_subclass(torch.Tensor) * 1).grad_fn
    while node.next_functions and node.next_functions[0][0] is not None:
        node = node.next_functions[0][0]
    del x
    gc.collect()
    back = node.variable
    return [type(back).__name__, back.note, back.is_leaf]


@fact([True, "Parameter", "tag"])
def a_parameter_held_only_as_a_gradient_s_owner_keeps_its_attributes(torch):
    p = torch.nn.Parameter(torch.ones(2))
    p.tag = "tag"
    y = (p * 2).sum()
    del p
    gc.collect()
    back = y.grad_fn.next_functions[0][0].next_functions[0][0].variable
    return [isinstance(back, torch.nn.Parameter), type(back).__name__, back.tag]


@fact([True, True])
def a_gradient_keeps_its_attributes(torch):
    x = leaf(torch, 1)
    (x * 2).sum().backward()
    x.grad.mark = "here"
    gc.collect()
    return [x.grad.mark == "here", x.grad is x.grad]


@fact([None, None])
def cycles_are_collected(torch):
    class Holder:
        pass

    x = torch.ones(2)
    x.me = x
    y = leaf(torch, 1)
    holder = Holder()
    holder.y = y
    y.register_hook(lambda g, h=holder: None)
    first, second = weakref.ref(x), weakref.ref(holder)
    del x, y, holder
    gc.collect()
    return [first(), second()]


@fact([None])
def a_cycle_through_a_function_s_context_is_collected(torch):
    class Keep(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.holder = []
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g

    y = Keep.apply(leaf(torch, 1))
    y.grad_fn.holder.append(y)
    probe = weakref.ref(y)
    del y
    gc.collect()
    return [probe()]


@fact([True, False, True, 2])
def hashing_and_comparison(torch):
    a, b = torch.ones(2), torch.ones(2)
    table = {a: 1, b: 2}
    return [a in table, hash(a) == hash(b), (a == b).all().item(), len(table)]


@fact([[1.0, 2.0], ("TypeError", True), ("TypeError", True)])
def iteration_and_length(torch):
    x = torch.tensor([1.0, 2.0])
    zero = torch.tensor(1.0)
    return [
        [float(v) for v in x],
        raised(lambda: len(zero), "len() of a 0-d tensor"),
        raised(lambda: list(zero), "iteration over a 0-d tensor"),
    ]


@fact([3, 2.5, True, ("RuntimeError", True), ("TypeError", True)])
def numbers_of_one_element(torch):
    return [
        int(torch.tensor(3.7)),
        float(torch.tensor([2.5])),
        bool(torch.tensor([[1]])),
        raised(
            lambda: torch.ones(2).item(), "a Tensor with 2 elements cannot be converted to Scalar"
        ),
        raised(
            lambda: [1, 2][torch.tensor(1.5)], "only integer tensors of a single element can be"
        ),
    ]


@fact(["Mine", "Mine", "Mine", "Tensor", "Mine"])
def subclasses_are_kept_by_ops(torch):
    class Mine(torch.Tensor):
        pass

    x = torch.ones(2).as_subclass(Mine)
    plain = x.as_subclass(torch.Tensor)
    return [type(v).__name__ for v in (x + 1, torch.ones(2) + x, x[0], plain, x.clone())]


@fact(["Parameter", "Tensor", "Tensor", "Tensor"])
def parameters_are_not_kept_by_ops(torch):
    p = torch.nn.Parameter(torch.ones(2))
    return [type(v).__name__ for v in (p, p + 1, p.detach(), p.data)]


@fact([True, False, "here", [2.0, 2.0], True])
def deepcopy_of_a_leaf(torch):
    x = leaf(torch, 1, 1)
    x.note = ["here"]
    (x * 2).sum().backward()
    y = copy.deepcopy(x)
    return [
        y.requires_grad and y.is_leaf,
        y.data_ptr() == x.data_ptr(),
        y.note[0] if y.note is not x.note else "shared",
        y.grad.tolist(),
        y.grad is not x.grad,
    ]


@fact(("RuntimeError", True))
def deepcopy_of_an_inner_tensor_is_refused(torch):
    y = leaf(torch, 1) * 2
    return raised(
        lambda: copy.deepcopy(y), "Only Tensors created explicitly by the user (graph lea"
    )


@fact([True, (3, 1), True])
def deepcopy_keeps_sharing_and_strides(torch):
    x = torch.arange(12.0)
    pair = copy.deepcopy([x, x.view(4, 3)[1:]])
    pair[0][3] = 100
    return [pair[1][0, 0].item() == 100, pair[1].stride(), x[3].item() == 3]


@fact([True, True, "torch.float16", (1, 2), [1.0, 2.0]])
def pickles_keep_type_flags_and_strides(torch):
    x = leaf(torch, 1, 2)
    back = pickle.loads(pickle.dumps(x))
    half = pickle.loads(pickle.dumps(torch.ones(2).half()))
    turned = pickle.loads(pickle.dumps(torch.ones(3, 2).t()))
    return [back.requires_grad, back.is_leaf, str(half.dtype), turned.stride(), back.tolist()]


@fact([True, True, ["0.weight", "0.bias"], True, True])
def modules_are_copied_and_pickled(torch):
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    net.shared = net[0]
    other = copy.deepcopy(net)
    back = pickle.loads(pickle.dumps(net))
    x = torch.ones(1, 2)
    return [
        torch.equal(other[0](x), net[0](x)),
        other.shared is other[0],
        [name for name, _ in back[:1].named_parameters()],
        torch.equal(back[0].weight, net[0].weight),
        back.shared is back[0],
    ]


@fact([("AttributeError", True), ("TypeError", True), ("TypeError", True)])
def attributes_that_are_not_there(torch):
    x = torch.ones(2)
    return [
        raised(lambda: x.nothing, "'Tensor' object has no attribute 'nothing'"),
        raised(lambda: x.view("a"), "view"),
        raised(lambda: x + "a", "unsupported operand type(s) for +: 'Tensor' and 'str'"),
    ]


@fact([True, True, False, True])
def marker_types(torch):
    x = torch.ones(2)
    return [
        isinstance(x, torch.FloatTensor),
        isinstance(x.long(), torch.LongTensor),
        isinstance(x, torch.LongTensor),
        x.type() == "torch.FloatTensor",
    ]
