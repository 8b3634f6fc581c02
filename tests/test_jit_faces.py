"""PyTorch's names around compilers: functions run as they are, and what cannot be raises."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

import cnn
from cnn import nn


def double(x):
    return 2 * x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.linear(x))

    def scaled(self, x):
        return self.linear(x) * 2


# jit ----------------------------------------------------------------------------------------------


def test_script_gives_back_what_it_is_given():
    net = Net()
    for thing in (double, net, Net, {"a": 1}):
        assert cnn.jit.script(thing) is thing
    with pytest.raises(RuntimeError, match="not int"):
        cnn.jit.script(5)
    for mark in (cnn.jit.unused, cnn.jit.ignore, cnn.jit.export, cnn.jit.script_if_tracing):
        assert mark(double) is double
    assert cnn.jit.ignore(drop=True)(double) is double
    assert cnn._jit_internal.should_drop(double)
    assert cnn.jit.interface(Net) is Net and cnn.jit.annotate(int, 3) == 3
    assert not cnn.jit.is_scripting() and not cnn.jit.is_tracing()


def test_traced_modules_run_the_module():
    net = Net().eval()
    x = cnn.ones(1, 2)
    traced = cnn.jit.trace(net, x)
    assert cnn.equal(traced(x), net(x)) and list(traced.state_dict()) == list(net.state_dict())
    assert traced.linear is net.linear and cnn.equal(traced.scaled(x), net.scaled(x))
    assert isinstance(traced, cnn.jit.ScriptModule) and traced.original_name == "Net"
    traced.train()
    assert net.training and net.drop.training
    with cnn.no_grad():
        net.linear.weight.zero_()
        net.linear.bias.zero_()
    assert traced.eval()(x).tolist() == [[0.0, 0.0]]
    calls = []
    traced = cnn.jit.trace(lambda a, b: calls.append(1) or a + b, (x, x))
    assert len(calls) == 1 and traced(x, x).tolist() == [[2.0, 2.0]] and len(calls) == 2
    both = cnn.jit.trace_module(net, {"forward": x, "scaled": x})
    assert both.scaled(x).shape == (1, 2)
    with pytest.raises(RuntimeError, match="shapes|size|mat1"):
        cnn.jit.trace(net, cnn.ones(1, 3))


def test_scripts_are_not_kept(tmp_path):
    for call in (
        lambda: cnn.jit.save(Net(), tmp_path / "a.pt"),
        lambda: cnn.jit.load(tmp_path / "a.pt"),
        lambda: cnn.jit.trace(Net(), cnn.ones(1, 2)).save("a.pt"),
    ):
        with pytest.raises(NotImplementedError, match=r"cnn\.save\(model\.state_dict\(\), path\)"):
            call()


def test_isinstance_looks_inside():
    assert cnn.jit.isinstance([1, 2], list[int]) and not cnn.jit.isinstance([1, "a"], list[int])
    assert cnn.jit.isinstance({"a": (1, 2.0)}, dict[str, tuple[int, float]])
    assert cnn.jit.isinstance(None, int | None) and cnn.jit.isinstance(1, (str, int))
    with pytest.raises(RuntimeError, match="without a contained type"):
        cnn.jit.isinstance([1], list)
    with pytest.warns(UserWarning, match="inner type of a container is lost"):
        assert cnn.jit.isinstance([], list[str])


def test_freezing():
    with pytest.raises(RuntimeError, match="eval mode"):
        cnn.jit.freeze(Net())
    net = Net().eval()
    assert cnn.jit.freeze(net) is net
    assert not cnn.jit.optimize_for_inference(net.train()).training


def test_switches_of_fusion():
    cnn.jit.enable_onednn_fusion(True)
    assert cnn.jit.onednn_fusion_enabled()
    cnn.jit.enable_onednn_fusion(False)
    assert not cnn.jit.onednn_fusion_enabled()
    with cnn.jit.fuser("fuser1"), cnn.jit.optimized_execution(False), cnn.jit.strict_fusion():
        pass
    with pytest.raises(Exception, match="unrecognized fuser option"), cnn.jit.fuser("other"):
        pass


def test_fork_and_futures():
    assert cnn.jit.wait(cnn.jit.fork(double, 4)) == 8
    failed = cnn.jit.fork(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cnn.jit.wait(failed)
    future = cnn.futures.Future()
    later = future.then(lambda f: f.value() + 1)
    assert not future.done() and not later.done()
    future.set_result(1)
    assert later.wait() == 2 and cnn.futures.wait_all([future, later]) == [1, 2]
    with pytest.raises(RuntimeError, match="only be marked completed once"):
        future.set_result(2)
    with pytest.raises(ZeroDivisionError):
        cnn.futures.wait_all([future, failed])


def test_internal_helpers():
    chosen = cnn._jit_internal.boolean_dispatch(
        "flag", 1, False, lambda x, flag=True: "yes", lambda x, flag=False: "no", "here", "chosen"
    )
    assert chosen(1) == "no" and chosen(1, True) == "yes" and chosen(1, flag=True) == "yes"
    assert chosen.__name__ == "chosen" and chosen.__module__ == "here"
    assert cnn._jit_internal._overload(double) is double
    assert cnn._jit_internal.BroadcastingList2[int] is None


# compile ------------------------------------------------------------------------------------------


def test_compile_gives_back_what_it_is_given():
    net = Net()
    assert cnn.compile(net) is net and cnn.compile(double) is double
    assert cnn.compile(mode="max-autotune", dynamic=True)(double) is double
    assert cnn.compiler.compile(double, fullgraph=True) is double
    assert net.compile(backend="inductor") is None
    assert "linear.weight" in cnn.compile(net).state_dict()


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"mode": "fast"}, RuntimeError, "Unrecognized mode=fast"),
        ({"mode": "default", "options": {}}, RuntimeError, "both can't be specified"),
        ({"backend": "nothing"}, RuntimeError, "Invalid backend: 'nothing'"),
        ({"backend": lambda g, i: g}, NotImplementedError, "cnn.fx"),
        ({"wrong": 1}, TypeError, "wrong"),
    ],
)
def test_compile_looks_at_its_arguments(options, kind, words):
    with pytest.raises(kind, match=words):
        cnn.compile(double, **options)


def test_questions_and_decorators():
    assert not cnn.compiler.is_compiling() and not cnn._dynamo.is_compiling()
    assert cnn.compiler.disable(double) is double and cnn.compiler.disable()(double) is double
    assert cnn._dynamo.disable(recursive=False)(double) is double
    assert cnn.compiler.allow_in_graph(double) is double
    with cnn.compiler.set_stance("force_eager"):
        pass
    with pytest.raises(RuntimeError, match="invalid torch.compile stance"):
        cnn.compiler.set_stance("other")
    assert cnn.compiler.list_backends() == ["cudagraphs", "inductor"]
    cnn._dynamo.mark_dynamic(cnn.ones(2), 0)
    with pytest.raises(IndexError):
        cnn._dynamo.mark_dynamic(cnn.ones(2), 1)
    assert not isinstance(Net(), cnn._dynamo.OptimizedModule)
    assert cnn.compiler.wrap_numpy(lambda a: a + 1)(cnn.ones(2)).tolist() == [2.0, 2.0]


def test_settings_can_be_set_and_patched():
    config = cnn._dynamo.config
    with config.patch(cache_size_limit=99, verbose=True):
        assert config.cache_size_limit == 99
    assert config.cache_size_limit == 8 and not config.verbose
    config.suppress_errors = True
    config.suppress_errors = False
    with pytest.raises(AttributeError, match="no compiler"):
        cnn._inductor.config.never_heard_of  # noqa: B018


# The rest -----------------------------------------------------------------------------------------


def test_exporting_names_what_to_use():
    for call, words in (
        (lambda: cnn.export.export(Net(), ()), "symbolic_trace"),
        (lambda: cnn.export.load("a.pt2"), "state_dict"),
        (lambda: cnn.onnx.export(Net(), (), "a.onnx"), r"cnn\.save"),
    ):
        with pytest.raises(NotImplementedError, match=words):
            call()
    assert not cnn.onnx.is_in_onnx_export()
    batch = cnn.export.Dim("batch", min=1, max=8)
    assert (batch.min, batch.max) == (1, 8) and cnn.export.dims("a", "b")[1].__name__ == "b"
    with pytest.raises(AssertionError, match="inconsistent"):
        cnn.export.Dim("batch", min=3, max=2)
    shapes, x = cnn.export.ShapesCollection(), cnn.ones(2)
    shapes[x] = {0: batch}
    assert shapes.dynamic_shapes(None, (x,)) == (({0: batch},), {})


def test_what_would_be_inert_raises_when_it_is_used():
    from cnn._subclasses import FakeTensorMode
    from cnn.utils._python_dispatch import TorchDispatchMode, is_traceable_wrapper_subclass

    with pytest.raises(NotImplementedError, match="TorchFunctionMode"), TorchDispatchMode():
        pass
    with pytest.raises(NotImplementedError, match="meta device"), FakeTensorMode():
        pass
    assert not is_traceable_wrapper_subclass(cnn.ones(1))
    for cls in (cnn.SymInt, cnn.SymFloat, cnn.SymBool, cnn.jit.ScriptFunction):
        with pytest.raises(NotImplementedError):
            cls(None)


def test_symbolic_functions_take_numbers():
    assert cnn.sym_int(-2.7) == -2 and cnn.sym_float(2) == 2.0 and cnn.sym_not(False)
    assert (cnn.sym_max(1, 2.0), cnn.sym_min(1, 2.0)) == (2.0, 1.0)
    assert type(cnn.sym_min(1, 2.0)) is float and cnn.sym_sum([1, 2]) == 3
    assert cnn.sym_ite(True, 1, 2) == 1 and not isinstance(3, cnn.SymInt)


def test_checks_of_programs():
    cnn._check(True)
    cnn._assert(True, "")
    for call, kind in (
        (lambda: cnn._check(False, lambda: "no"), RuntimeError),
        (lambda: cnn._check_value(False, lambda: "no"), ValueError),
        (lambda: cnn._check_tensor_all(cnn.tensor([True, False]), lambda: "no"), RuntimeError),
        (lambda: cnn._assert(False, "no"), AssertionError),
    ):
        with pytest.raises(kind, match="no"):
            call()


def test_operators_over_functions_are_python():
    from cnn._higher_order_ops import cond, map, scan, while_loop

    x = cnn.tensor([1.0, 2.0])
    assert cond(x.sum() > 2, lambda a: a + 1, lambda a: a, (x,)).tolist() == [2.0, 3.0]
    assert map(lambda a, k: a * k, x, 3).tolist() == [3.0, 6.0]
    assert while_loop(lambda i: i < 3, lambda i: (i + 1,), (0,)) == (3,)
    carry, out = scan(lambda c, a: (c + a, c + a), cnn.tensor(0.0), x)
    assert carry.item() == 3.0 and out.tolist() == [1.0, 3.0]


def test_names_of_the_core():
    assert cnn._C._log_api_usage_once("event") is None and not cnn._C._is_tracing()
    with pytest.raises(AttributeError, match="nothing in its place"):
        cnn._C.never_heard_of  # noqa: B018
    assert not hasattr(cnn._C, "__wrapped__")


def test_nothing_of_this_is_loaded_by_the_import():
    loaded = subprocess.run(
        [sys.executable, "-c", "import cnn, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    heavy = ("fx", "jit", "_dynamo", "library", "_ops", "func", "export", "compiler", "_functorch")
    assert not {f"cnn.{name}" for name in heavy} & set(loaded)


def test_importing_them_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        names = "fx jit _dynamo library func export onnx compiler _inductor.config _guards"
        for name in names.split():
            __import__(f"cnn.{name}")


def test_the_packages_own_names_of_them():
    x = cnn.tensor([1.0])
    assert cnn.cond(x > 0, lambda a: a + 1, lambda a: a - 1, (x,)).item() == 2.0
    with pytest.raises(RuntimeError, match="pred to be bool or tensor"):
        cnn.cond("yes", lambda: 1, lambda: 2)
    assert cnn.wait(cnn.fork(double, 2)) == 4 and cnn.DispatchKey.CPU.name == "CPU"
    assert cnn.parse_schema("a::b(Tensor x) -> Tensor").name == "a::b"
