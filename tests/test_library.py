"""Operators that programs define: `cnn.library` and `cnn.ops`."""

from __future__ import annotations

import gc
import pickle

import numpy as np
import pytest

import cnn
from cnn import Tensor
from cnn.library import Library, custom_op, infer_schema


@custom_op("tests::numpy_sin", mutates_args=())
def numpy_sin(x: Tensor) -> Tensor:
    return cnn.from_numpy(np.sin(x.numpy()))


@custom_op("tests::scaled", mutates_args=())
def scaled(x: Tensor, factor: float = 2.0, *, shift: float = 0.0) -> Tensor:
    return x * factor + shift


@custom_op("tests::joined", mutates_args=())
def joined(tensors: list[Tensor], times: int) -> tuple[Tensor, Tensor]:
    whole = cnn.cat(tensors)
    return whole * times, whole + times


@custom_op("tests::double_", mutates_args={"x"})
def double_(x: Tensor) -> None:
    x.numpy()[...] *= 2


scaled.register_autograd(
    lambda ctx, g: (g * ctx.factor, None),
    setup_context=lambda ctx, inputs, keyword_only_inputs, output: setattr(
        ctx, "factor", inputs[1]
    ),
)


def test_calls():
    x = cnn.tensor([0.0, 1.0])
    for call in (numpy_sin, cnn.ops.tests.numpy_sin, cnn.ops.tests.numpy_sin.default):
        assert cnn.allclose(call(x), x.sin())
    assert scaled(x, shift=1.0).tolist() == [1.0, 3.0] and scaled(x, 3).tolist() == [0.0, 3.0]


def test_without_a_formula_backward_raises():
    y = numpy_sin(cnn.ones(2, requires_grad=True))
    assert y.requires_grad
    with pytest.raises(RuntimeError, match="Trying to backward through tests.numpy_sin.default"):
        y.sum().backward()
    with cnn.no_grad():
        assert not numpy_sin(cnn.ones(2, requires_grad=True)).requires_grad


def test_gradients():
    x = cnn.tensor([1.0, 2.0], requires_grad=True)
    scaled(x, 5.0, shift=1.0).sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]


def test_gradients_of_lists():
    def setup(ctx, inputs, output):
        assert ctx.needs_input_grad == ([True, True], False)
        ctx.times = inputs[1]

    def backward(ctx, first, second):
        whole = first * ctx.times + second
        return [whole[:1], whole[1:]], None

    joined.register_autograd(backward, setup_context=setup)
    a, b = cnn.ones(1, requires_grad=True), cnn.ones(2, requires_grad=True)
    first, second = joined([a, b], 3)
    (first.sum() + 2 * second.sum()).backward()
    assert a.grad.tolist() == [5.0] and b.grad.tolist() == [5.0, 5.0]


def test_writing_operators_count_as_writes():
    w, x = cnn.ones(2, requires_grad=True), cnn.ones(2)
    y = (w * x).sum()
    double_(x)
    assert x.tolist() == [2.0, 2.0]
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
    with pytest.raises(RuntimeError, match="non-functional operator"):
        double_.register_autograd(lambda ctx, g: g)


def test_results_may_not_share_memory_with_arguments():
    @custom_op("tests::same", mutates_args=())
    def same(x: Tensor) -> Tensor:
        return x.view(-1)

    with pytest.raises(RuntimeError, match="may not alias any inputs"):
        same(cnn.ones(2))


def test_meta_needs_a_fake():
    x = cnn.empty(3, device="meta")
    with pytest.raises(RuntimeError, match=r"`numpy_sin.register_fake`"):
        numpy_sin(x)

    @custom_op("tests::padded", mutates_args=())
    def padded(x: Tensor) -> Tensor:
        return cnn.cat([x, x])

    @padded.register_fake
    def _(x):
        return x.new_empty(2 * len(x))

    assert padded(x).shape == (6,) and padded(x).is_meta
    assert cnn.library.opcheck(padded, (cnn.ones(2),)) == {
        "test_schema": "SUCCESS",
        "test_autograd_registration": "SUCCESS",
        "test_faketensor": "SUCCESS",
    }
    with pytest.raises(Exception, match="test_autograd_registration failed"):
        cnn.library.opcheck(padded, (cnn.ones(2, requires_grad=True),))


def test_kernels_by_device():
    @custom_op("tests::where", mutates_args=(), device_types="cuda")
    def where(x: Tensor) -> Tensor:
        return x + 1

    with pytest.raises(NotImplementedError, match="'cpu' backend: kernels are registered for"):
        where(cnn.ones(1))
    where.register_kernel("cpu", lambda x: x + 2)
    assert where(cnn.ones(1)).item() == 3
    where.register_kernel(None, lambda x: x + 3)
    with where.set_kernel_enabled("cpu", enabled=False):
        assert where(cnn.ones(1)).item() == 4
    assert where(cnn.ones(1)).item() == 3


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ((), {}, "missing value for argument 'x'"),
        (
            (1,),
            {},
            "Expected a value of type 'Tensor' for argument 'x' but instead found type 'int'",
        ),
        ((1, 2, 3), {}, r"expected at most 2 argument\(s\) but received 3"),
        ((cnn.ones(1), "a"), {}, "type 'float' for argument 'factor'"),
        ((cnn.ones(1),), {"other": 1}, "Unknown keyword argument 'other'"),
    ],
)
def test_arguments_that_do_not_fit(args, kwargs, words):
    with pytest.raises(RuntimeError, match=words):
        scaled(*args, **kwargs)


def test_schemas():
    def every(
        x: Tensor, n: int, s: str = "a", xs: list[Tensor] = None, f: float | None = 1.5,
        *, dtype: cnn.dtype = cnn.float32,
    ) -> tuple[Tensor, list[Tensor]]: ...  # fmt: skip

    with pytest.raises(ValueError, match="n has unsupported type|Parameter"):
        infer_schema(lambda n: n, mutates_args=())
    assert infer_schema(every, op_name="e", mutates_args={"x"}) == (
        'e(Tensor(a0!) x, SymInt n, str s="a", Tensor[] xs=None, float? f=1.5, *, '
        "ScalarType dtype=float32) -> (Tensor, Tensor[])"
    )
    schema = scaled._opoverload._schema
    assert str(schema) == "tests::scaled(Tensor x, float factor=2.0, *, float shift=0.0) -> Tensor"
    assert [a.name for a in schema.arguments] == ["x", "factor", "shift"]
    assert schema.arguments[1].default_value == 2.0 and not schema.is_mutable
    assert double_._opoverload._schema.is_mutable
    with pytest.raises(ValueError, match="not found in the custom op's signature"):
        infer_schema(every, mutates_args={"y"})


def test_libraries():
    library = Library("tests_lib", "DEF")
    library.define("clamp(Tensor x, *, float low=0.) -> Tensor")
    library.define("clamp.two(Tensor x, float low, float high) -> Tensor")
    packet = cnn.ops.tests_lib.clamp
    assert packet.overloads() == ["default", "two"] and str(packet.two) == "tests_lib.clamp.two"
    with pytest.raises(NotImplementedError, match="Could not run 'tests_lib::clamp'"):
        packet(cnn.ones(1))
    library.impl("clamp", lambda x, low: x.clamp(low))
    library.impl(packet.two, lambda x, low, high: x.clamp(low, high), "CPU")
    x = cnn.tensor([-1.0, 5.0], requires_grad=True)
    assert packet(x.detach(), 0.0, 2.0).tolist() == [0.0, 2.0]
    packet(x).sum().backward()  # made of other ops, it has their gradient
    assert x.grad.tolist() == [0.0, 1.0]
    with pytest.raises(RuntimeError, match="already a kernel"):
        library.impl("clamp", abs, allow_override=False)
    with pytest.raises(RuntimeError, match="multiple times"):
        library.define("clamp(Tensor x) -> Tensor")
    with pytest.raises(RuntimeError, match="does not exist"):
        library.impl("other", abs)
    with pytest.raises(NotImplementedError, match="CompositeExplicitAutograd serves every device"):
        library.impl("clamp", abs, "BackendSelect")
    del library
    gc.collect()
    assert not hasattr(cnn.ops.tests_lib, "clamp")


def test_functions_of_the_library():
    with cnn.library._scoped_library("tests_more", "FRAGMENT") as library:
        cnn.library.define("tests_more::inc", "(Tensor x) -> Tensor", lib=library)

        def inc(x):
            return x + 1

        cnn.library.impl("tests_more::inc", "cpu", inc, lib=library)

        @cnn.library.register_fake("tests_more::inc")
        def inc_fake(x):
            return cnn.empty_like(x)

        cnn.library.register_autograd("tests_more::inc", lambda ctx, g: g * 7)
        x = cnn.ones(2, requires_grad=True)
        cnn.ops.tests_more.inc(x).sum().backward()
        assert x.grad.tolist() == [7.0, 7.0]
        assert cnn.ops.tests_more.inc(cnn.ones(3, device="meta")).shape == (3,)
        assert cnn.library.get_kernel("tests_more::inc", "CPU") is inc
    with pytest.raises(ValueError, match="expected schema to look like"):
        cnn.library.define("tests_more::x", "Tensor x -> Tensor")


def test_autocast():
    @custom_op("tests::mm", mutates_args=())
    def mm(a: Tensor, b: Tensor) -> Tensor:
        return a @ b

    mm.register_autocast("cpu", cnn.bfloat16)
    a = cnn.ones(2, 2)
    assert mm(a, a).dtype is cnn.float32
    with cnn.autocast("cpu", dtype=cnn.bfloat16):
        assert mm(a, a).dtype is cnn.bfloat16


def test_own_ops_have_pytorchs_names():
    aten = cnn.ops.aten
    assert aten.add.Tensor(cnn.ones(2), cnn.ones(2)).tolist() == [2.0, 2.0]
    assert aten.add.Tensor is cnn.ops.aten.add.Tensor and aten.add.Tensor != aten.add.Scalar
    assert str(aten.mm.default) == "aten.mm.default" and aten.mm(cnn.eye(2), cnn.eye(2)).sum() == 2
    assert aten.sum.dim_IntList(cnn.ones(2, 3), [1]).tolist() == [3.0, 3.0]
    assert pickle.loads(pickle.dumps(aten.mul.Tensor)) is aten.mul.Tensor
    with pytest.raises(AttributeError, match="no op of that name"):
        aten.not_an_op  # noqa: B018
    with pytest.raises(AttributeError, match="no overload name 'wrong'"):
        aten.mm.wrong  # noqa: B018
    with pytest.raises(NotImplementedError, match="take the place of its own aten::div"):
        Library("aten", "IMPL").impl("div.Tensor", abs, "CPU")


def test_what_is_refused():
    with pytest.raises(ImportError, match=r"'/tmp/_C\.so'.*libtorch"):
        cnn.ops.load_library("/tmp/_C.so")
    for call in (
        lambda: cnn.library.triton_op("tests::t", mutates_args=()),
        lambda: numpy_sin.register_torch_dispatch(Tensor),
        lambda: cnn._ops.HigherOrderOperator("cond"),
    ):
        with pytest.raises(NotImplementedError):
            call()
    with pytest.raises(ValueError, match="namespace::name"):
        custom_op("nameless", mutates_args=())(numpy_sin._init_fn)
