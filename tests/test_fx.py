"""Graphs of modules: `cnn.fx`."""

import copy
import operator
import pickle
import sys

import pytest

import cnn
import cnn.nn.functional as F
from cnn import fx, nn
from cnn.fx.passes.shape_prop import ShapeProp


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.scale = nn.Parameter(cnn.full((4,), 2.0))
        self.register_buffer("shift", cnn.ones(4))

    def forward(self, x):
        return F.relu(self.linear(x) * self.scale + self.shift)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2), nn.ReLU())

    def forward(self, x, flat: bool = True):
        for block in self.blocks:
            x = block(x) + x
        x = cnn.flatten(x, 1)
        return {"out": self.head(x), "rows": x.size(0)}


@pytest.fixture
def traced():
    return fx.symbolic_trace(Net())


def names(graph):
    return [node.name for node in graph.nodes]


X = cnn.arange(12.0).reshape(3, 4) / 12


def test_a_graph_is_what_the_module_does():
    net = Net()
    traced = fx.symbolic_trace(net)
    assert names(traced.graph) == [
        "x", "flat", "blocks_0_linear", "blocks_0_scale", "mul", "blocks_0_shift", "add", "relu",
        "add_1", "blocks_1_linear", "blocks_1_scale", "mul_1", "blocks_1_shift", "add_2", "relu_1",
        "add_3", "flatten", "head_0", "head_1", "head_2", "size", "output",
    ]  # fmt: skip
    assert cnn.equal(traced(X)["out"], net(X)["out"]) and traced(X)["rows"] == 3
    assert type(traced).__name__ == "Net" and isinstance(traced, fx.GraphModule)
    assert list(traced.state_dict()) == list(net.state_dict())
    traced.graph.lint()


def test_code():
    code = fx.symbolic_trace(Block()).code
    assert code == (
        "\n\n\ndef forward(self, x):\n"
        "    linear = self.linear(x);  x = None\n"
        "    scale = self.scale\n"
        "    mul = linear * scale;  linear = scale = None\n"
        "    shift = self.shift\n"
        "    add = mul + shift;  mul = shift = None\n"
        "    relu = torch.nn.functional.relu(add, inplace = False);  add = None\n"
        "    return relu\n    "
    )
    assert "def forward(self, x, flat : bool = True):" in fx.symbolic_trace(Net()).code
    assert "class Block(torch.nn.Module):" in fx.symbolic_trace(Block()).print_readable(False)
    assert "eval_with_key" in fx.symbolic_trace(Block()).forward.__code__.co_filename


def test_copies(traced):
    for other in (copy.deepcopy(traced), pickle.loads(pickle.dumps(traced))):
        assert other.code == traced.code and isinstance(other, fx.GraphModule)
        assert cnn.equal(other.eval()(X)["out"], traced.eval()(X)["out"])
        assert other.blocks is not traced.blocks
        traced.train()
    assert getattr(copy.copy(traced).head, "0") is getattr(traced.head, "0")


def test_modules_skip_modules_methods_again_after_tracing():
    layer, entered = nn.Linear(2, 2), []

    def frames():
        entered.clear()
        sys.setprofile(lambda frame, event, _: event == "call" and entered.append(frame.f_code))
        try:
            layer.weight, layer(cnn.ones(1, 2))
        finally:
            sys.setprofile(None)
        return [code.co_name for code in entered if code.co_name.startswith("__")]

    assert frames() == []
    call = nn.Module.__call__
    fx.symbolic_trace(Net())
    with pytest.raises(fx.proxy.TraceError):
        fx.symbolic_trace(lambda x: x if x else -x)
    assert nn.Module.__call__ is call and frames() == []


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: 1 if x > 0 else 2, "inputs to control flow"),
        (lambda x: sum(2 * a for a in x), "cannot be iterated"),
    ],
)
def test_what_depends_on_values_raises(function, words):
    with pytest.raises((fx.proxy.TraceError, RuntimeError), match=words):
        fx.symbolic_trace(function)


def test_operators_methods_and_functions():
    def function(x):
        a, b = x.chunk(2, 0)
        y = (2**a - b / 3) @ b.T
        return cnn.cat([y, -y], dim=1)[:, 1:].clamp(min=0).mean([0]), F.softmax(y, -1), x.shape[0]

    traced = fx.symbolic_trace(function)
    x = cnn.rand(4, 3)
    for got, want in zip(traced(x), function(x)):
        assert got == want if isinstance(want, int) else cnn.equal(got, want)
    targets = {n.name: n.target for n in traced.graph.nodes}
    assert targets["pow_1"] is operator.pow and targets["cat"] is cnn.cat
    assert targets["softmax"] is F.softmax and targets["clamp"] == "clamp"


def test_constants_become_attributes():
    traced = fx.symbolic_trace(lambda x: x + cnn.ones(2))
    assert names(traced.graph) == ["x", "_tensor_constant0", "add", "output"]
    assert traced(cnn.ones(2)).tolist() == [2.0, 2.0]


def test_concrete_arguments():
    def function(x, mode=None, double=True):
        return x * 2 if double and mode is None else x

    traced = fx.symbolic_trace(function, concrete_args={"mode": None, "double": False})
    assert traced(cnn.ones(1), None, False).item() == 1
    with pytest.raises(AssertionError, match="double has been specialized to have value False"):
        traced(cnn.ones(1), None, True)
    inputs = {"pair": {"a": fx.PH, "b": fx.PH}}
    traced = fx.symbolic_trace(lambda pair: [pair["a"] + pair["b"]], concrete_args=inputs)
    assert traced({"a": cnn.ones(1), "b": cnn.ones(1)})[0].item() == 2


def test_changing_a_graph(traced):
    graph = traced.graph
    for node in list(graph.nodes):
        if node.target is F.relu:
            with graph.inserting_before(node):
                new = graph.call_function(cnn.sigmoid, (node.args[0],))
            node.replace_all_uses_with(new)
            graph.erase_node(node)
    traced.recompile()
    assert "sigmoid" in traced.code and "functional.relu" not in traced.code
    mul = next(n for n in graph.nodes if n.name == "mul")
    with pytest.raises(RuntimeError, match="still had 1 users in the graph"):
        graph.erase_node(mul)
    with graph.inserting_before(graph.output_node()):
        dead = graph.call_method("abs", (mul,))
    assert list(mul.users)[-1] is dead and dead.all_input_nodes == [mul]
    assert graph.eliminate_dead_code() and dead not in mul.users
    with pytest.raises(TypeError, match="does not support mutation"):
        mul.kwargs["a"] = 1
    mul.update_arg(1, 3.0)
    assert mul.args[1] == 3.0 and len(mul.all_input_nodes) == 1


def test_lint():
    graph = fx.Graph()
    x = graph.placeholder("x")
    y = graph.call_function(operator.neg, (x,))
    graph.output(y)
    graph.lint()
    y.append(x)
    with pytest.raises(RuntimeError, match="was used before it has been defined"):
        graph.lint()
    module = fx.GraphModule(nn.Module(), fx.Graph())
    with pytest.warns(UserWarning, match="no underlying reference"):
        module.graph.get_attr("missing")
    with pytest.raises(RuntimeError, match="nonexistent attribute missing"):
        module.graph.lint()
    with pytest.raises(ValueError, match="but a Callable is expected"):
        graph.create_node("call_function", "relu")


def test_graphs_by_hand():
    graph = fx.Graph()
    x = graph.placeholder("x", default_value=None)
    layer = graph.call_module("layer", (x,))
    graph.output((layer, graph.get_attr("weight")))
    module = fx.GraphModule({"layer": nn.ReLU(), "weight": nn.Parameter(cnn.ones(1))}, graph)
    assert module(cnn.tensor([-1.0]))[0].item() == 0 and "weight" in dict(module.named_parameters())
    with pytest.raises(RuntimeError, match="target layer but that target was not provided"):
        fx.GraphModule({}, graph)
    assert "call_module[target=layer](args = (%x,), kwargs = {})" in str(graph)


def test_submodules(traced):
    traced.add_submodule("extra.inner", nn.ReLU())
    assert isinstance(traced.extra.inner, nn.ReLU)
    traced.delete_all_unused_submodules()
    assert not hasattr(traced, "extra") and hasattr(traced.head, "0")
    assert not traced.delete_submodule("nothing.there")


class Tanh(fx.Transformer):
    def call_function(self, target, args, kwargs):
        if target is F.relu:
            return super().call_function(cnn.tanh, args[:1], {})
        return super().call_function(target, args, kwargs)


def test_interpreters():
    net = Net().eval()
    traced = fx.symbolic_trace(net)
    assert cnn.equal(fx.Interpreter(traced).run(X)["out"], net(X)["out"])
    seen = []

    class Watching(fx.Interpreter):
        def run_node(self, n):
            seen.append(n.op)
            return super().run_node(n)

    Watching(traced).run(X)
    assert len(seen) == len(traced.graph.nodes)
    with pytest.raises(RuntimeError, match="While executing %x"):
        fx.Interpreter(traced).run()
    block = Block()
    changed = Tanh(fx.symbolic_trace(block)).transform()
    assert "torch.tanh" in changed.code
    assert cnn.equal(changed(X), cnn.tanh(block.linear(X) * 2 + 1))


def test_patterns():
    class Twice(nn.Module):
        def forward(self, x, w1, w2):
            a = cnn.cat([w1, w2]).sum()
            b = cnn.cat([w1, w2]).sum()
            return x + a + b.max()

    traced = fx.symbolic_trace(Twice())
    matches = fx.replace_pattern(
        traced,
        lambda a, b: cnn.cat([a, b]).sum(),
        lambda a, b: cnn.stack([a, b]).mean(),
    )
    assert len(matches) == 2 and "stack" in traced.code and "cat" not in traced.code
    x = cnn.ones(2)
    assert traced(x, x, 3 * x).tolist() == [5.0, 5.0]
    traced = fx.symbolic_trace(lambda x: cnn.add(x, 1))
    assert not fx.replace_pattern(traced, lambda x: cnn.add(x, 2), lambda x: x)


def test_shapes(traced):
    ShapeProp(traced).propagate(X)
    meta = {n.name: n.meta.get("tensor_meta") for n in traced.graph.nodes}
    assert meta["head_0"].shape == (3, 2) and meta["mul"].dtype is cnn.float32
    assert meta["size"] is None


def test_leaves_and_scopes():
    class Whole(fx.Tracer):
        def is_leaf_module(self, m, name):
            return isinstance(m, Block) or super().is_leaf_module(m, name)

    tracer = Whole()
    graph = tracer.trace(Net())
    assert [n.target for n in graph.nodes if n.op == "call_module"][:2] == ["blocks.0", "blocks.1"]
    node = next(n for n in graph.nodes if n.name == "head_1")
    assert (
        list(node.meta["nn_module_stack"]) == ["head", "head.1"]
        or "head.1" in (node.meta["nn_module_stack"])
    )
    assert tracer.path_of_module(tracer.root.head) == "head"
    with pytest.raises(NameError, match="not installed as a submodule"):
        tracer.path_of_module(nn.ReLU())
    assert not fx._symbolic_trace.is_fx_tracing()


@fx.wrap
def by_itself(x, times):
    return x * times if times else x


fx.wrap("len")


def test_wrapped_functions():
    with pytest.raises(RuntimeError, match="'len' is not supported"):
        fx.Proxy(fx.Graph().placeholder("x")).__len__()
    traced = fx.symbolic_trace(lambda x: by_itself(x, 3) + len(x))
    assert names(traced.graph) == ["x", "by_itself", "len_1", "add", "output"]
    assert traced(cnn.ones(2)).tolist() == [5.0, 5.0]
    assert by_itself(cnn.ones(1), 0).item() == 1 and len([1, 2]) == 2
    with pytest.raises(NotImplementedError, match="top level of a module"):
        fx.wrap("len")


def test_dead_code_with_effects_stays():
    def function(x):
        cnn._assert(x.shape[0] == 2, "two rows")
        x.abs()
        cnn.rand(2)
        cnn.rand_like(x)
        return x

    traced = fx.symbolic_trace(function)
    traced.graph.eliminate_dead_code()
    traced.recompile()
    assert "_assert" in traced.code and "abs" not in traced.code
    assert "rand_like" in traced.code  # or other numbers would come after it
    with pytest.raises(AssertionError, match="two rows"):
        traced(cnn.ones(3))


def test_generated_code_can_be_changed():
    traced = fx.symbolic_trace(lambda x: x + 1)

    def make(before):
        return lambda body: ["seen.append(1)\n", *body]

    seen = []
    with traced.graph.on_generate_code(make):
        assert "seen.append(1)" in traced.recompile().src
    traced.recompile()
    assert "seen" not in traced.code and not seen


def test_operators_of_programs_are_traced():
    @cnn.library.custom_op("fx_tests::twice", mutates_args=())
    def twice(x: cnn.Tensor) -> cnn.Tensor:
        return x * 2

    traced = fx.symbolic_trace(lambda x: cnn.ops.fx_tests.twice(x) + 1)
    assert "torch.ops.fx_tests.twice(x)" in traced.code
    assert traced(cnn.ones(1)).item() == 3


def test_fusing():
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout()).eval()
    model[1].running_mean += 0.5
    fused = fx.experimental.optimization.fuse(model)
    x = cnn.rand(1, 2, 5, 5)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in fused.modules() if m is not fused) or (
        "1" not in [n.target for n in fused.graph.nodes]
    )
    assert cnn.allclose(fused(x), model(x), atol=1e-5)
    kept = fx.experimental.optimization.remove_dropout(model)
    assert "3" not in [n.target for n in kept.graph.nodes]


def test_tracing_below_autograd_is_refused():
    with pytest.raises(NotImplementedError, match="symbolic_trace"):
        fx.experimental.proxy_tensor.make_fx(lambda x: x)
