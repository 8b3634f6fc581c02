"""What is proved of every row of the op table."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import cnn
from op_cases import EPSILON, FLOATS, X, flat_tensors, results_of, to_array
from op_table import NOT_OPS, ROWS

rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def with_dtypes(chosen=lambda row: True):
    pairs = [(row, dtype) for row in ROWS if chosen(row) for dtype in row.dtypes]
    names = [f"{row.name}-{str(dtype)[6:]}" for row, dtype in pairs]
    return pytest.mark.parametrize("row, dtype", pairs, ids=names)


def result_dtype(spec, dtype, want):
    """The dtype that the row states for a result, `want` being the reference's."""
    if spec == "float":
        return dtype if dtype in FLOATS else cnn.float32
    return spec or (cnn.bool if want.dtype == bool and dtype == cnn.bool else dtype)


def check_against_reference(row, dtype, call, change=None):
    arrays, tensors = call.make(dtype, change)
    before = [bits(t) for t in flat_tensors(tensors)]
    got = results_of(row.call(*tensors, **call.kwargs))
    assert [bits(t) for t in flat_tensors(tensors)] == before, "an input was changed"
    if row.result in ("float", cnn.float64):
        arrays = [a.astype(float) if isinstance(a, np.ndarray) else a for a in arrays]
    with np.errstate(all="ignore"):
        want = results_of(row.reference(*arrays, **call.kwargs))
    assert len(got) == len(want)
    specs = row.result if isinstance(row.result, tuple) else (row.result,) * len(got)
    for g, w, spec in zip(got, want, specs):
        w = np.asarray(w)
        assert g.dtype == result_dtype(spec, dtype, w)
        near(g, w, row.tolerance, dtype)


def near(got, want, tolerance, dtype):
    assert tuple(got.shape) == want.shape
    if not got.is_floating_point():
        as_int = cnn.from_numpy(np.array(want.astype(np.int64))).to(got.dtype)  # wraps around
        np.testing.assert_array_equal(to_array(got), to_array(as_int))
        return
    rtol = max(EPSILON[got.dtype], EPSILON.get(dtype, 0)) * tolerance
    finite = np.abs(want[np.isfinite(want)])
    scale = max(1.0, finite.max()) if finite.size else 1.0
    np.testing.assert_allclose(to_array(got), want, rtol=rtol, atol=rtol * scale / 4)


def bits(tensor):
    """The very bytes of the elements."""
    tensor = tensor.detach().contiguous()
    if tensor.dtype == cnn.bfloat16:
        tensor = tensor.float()  # exact, and NumPy has it
    return tensor.numpy().tobytes()


def leaves(row, call, dtype=cnn.float64, change=None):
    """Arguments whose differentiable tensors require grad, and those tensors."""
    _, args = call.make(dtype, change)
    wanted = [
        t.requires_grad_() for t, grad in zip(flat_tensors(args), call.gradient_specs()) if grad
    ]
    return args, wanted


def bound(row, args, call):
    """The call as a function that looks at `args` anew each time."""
    return lambda *_: row.call(*args, **call.kwargs)


def differentiable_cases(row):
    if cnn.float64 not in row.dtypes:
        return []
    return [c for c in row.cases_for(cnn.float64) if c.differentiable]


# Values ------------------------------------------------------------------------------------------


@with_dtypes()
def test_values(row, dtype):
    for call in row.cases_for(dtype):
        check_against_reference(row, dtype, call)


def transposed(array, tensor):
    if tensor.dim() < 2:
        return array, tensor
    return array, tensor.transpose(0, -1).contiguous().transpose(0, -1)


def sliced(array, tensor):
    """Every second element of a larger tensor, the others of which would show."""
    big = cnn.full([2 * n + 1 for n in tensor.shape], 77, dtype=tensor.dtype)
    view = big[tuple(slice(1, None, 2) for _ in tensor.shape)]
    view.copy_(tensor)
    return array, view


def expanded(array, tensor):
    """The first element along the first dimension, repeated without memory."""
    if tensor.dim() < 1 or tensor.shape[0] < 1:
        return array, tensor
    return np.broadcast_to(array[:1], array.shape), tensor[:1].expand(tensor.shape)


def rotated(array, tensor):
    """Dimensions stored in another order, with gaps between elements and before the first."""
    big = cnn.full(
        [3] + [n + 2 for n in (*tensor.shape[1:], *tensor.shape[:1])], 77, dtype=tensor.dtype
    )
    view = big[1].movedim(-1, 0) if tensor.dim() else big[1]
    view = view[tuple(slice(1, 1 + n) for n in tensor.shape)]
    view.copy_(tensor)
    return array, view


def pixels(array, tensor):
    """Channels last, of images and volumes."""
    if tensor.dim() not in (4, 5):
        return array, tensor
    return array, tensor.movedim(1, -1).contiguous().movedim(-1, 1)


def has_images(row):
    shapes = (arg.shape for call in row.cases for arg in call.args if isinstance(arg, X))
    return any(len(shape) in (4, 5) for shape in shapes)


def layouts():
    """(row, change) for every layout of operands that makes a difference to the row."""
    changes = [transposed, sliced, rotated]
    pairs = [(row, change) for row in ROWS for change in changes + [pixels] * has_images(row)]
    names = [f"{row.name}-{change.__name__}" for row, change in pairs]
    return pytest.mark.parametrize("row, change", pairs, ids=names)


@layouts()
def test_layouts_give_the_same_values(row, change):
    for dtype in row.dtypes[:2] if row.strided else []:
        for call in row.cases_for(dtype):
            check_against_reference(row, dtype, call, change)


@rows
def test_expanded_inputs(row):
    for dtype in row.dtypes[:2] if row.strided else []:
        for call in row.cases_for(dtype):
            check_against_reference(row, dtype, call, expanded)


# Gradients ---------------------------------------------------------------------------------------


@rows
def test_gradients_of_first_order(row):
    for call in differentiable_cases(row):
        args, wanted = leaves(row, call)
        out = [o for o in results_of(row.call(*args, **call.kwargs)) if o.is_floating_point()]
        if row.grad == 0 or not wanted:
            assert not any(o.requires_grad for o in out)
            continue
        assert any(o.requires_grad for o in out)
        assert cnn.autograd.gradcheck(bound(row, args, call), wanted)


@rows
def test_gradients_of_second_order(row):
    for call in differentiable_cases(row):
        args, wanted = leaves(row, call)
        if row.grad >= 2 and wanted:
            assert cnn.autograd.gradgradcheck(bound(row, args, call), wanted)


def random_seed(out):
    return cnn.from_numpy(np.array(np.random.default_rng(7).uniform(0.5, 1, tuple(out.shape))))


def gradients(row, call, change=None, seed=random_seed):
    args, wanted = leaves(row, call, change=change)
    out = [o for o in results_of(row.call(*args, **call.kwargs)) if o.requires_grad]
    return wanted, cnn.autograd.grad(out, wanted, [seed(o) for o in out], allow_unused=True)


def check_the_same_gradients(row, inputs, want, got):
    for x, w, g in zip(inputs, want, got):
        assert (w is None) == (g is None)
        if g is not None:
            assert g.dtype == x.dtype and g.shape == x.shape
            near(g, w.numpy(), 10 * row.tolerance, cnn.float64)


@layouts()
def test_gradients_of_layouts(row, change):
    def strided(out):
        return sliced(None, transposed(None, random_seed(out))[1])[1]

    for call in differentiable_cases(row) if row.grad and row.strided else []:
        if leaves(row, call)[1]:
            _, want = gradients(row, call)
            inputs, got = gradients(row, call, change, strided)
            check_the_same_gradients(row, inputs, want, got)


@rows
def test_gradients_of_expanded_operands_and_results(row):
    """The gradient that comes in is one number without strides, as after a sum."""

    def in_memory(array, tensor):
        return array, expanded(array, tensor)[1].contiguous()

    def dense(out):
        return cnn.full(out.shape, 0.7, dtype=out.dtype)

    def one_number(out):
        return cnn.tensor(0.7, dtype=out.dtype).expand(out.shape)

    for call in differentiable_cases(row) if row.grad and row.strided else []:
        for change in (None, expanded):
            if leaves(row, call, change=change)[1]:
                _, want = gradients(row, call, change and in_memory, dense)
                inputs, got = gradients(row, call, change, one_number)
                check_the_same_gradients(row, inputs, want, got)


@rows
def test_nothing_is_recorded_under_no_grad(row):
    for call in differentiable_cases(row):
        args, _ = leaves(row, call)
        with cnn.no_grad():
            for out in results_of(row.call(*args, **call.kwargs)):
                # PyTorch's rule: any view of what requires grad requires grad.
                base = out if out._base is None else out._base
                assert out.grad_fn is None
                assert not out.requires_grad or any(base is t for t in flat_tensors(args))


@rows
def test_nothing_stays_alive(row):
    def run():
        for call in differentiable_cases(row):
            args, wanted = leaves(row, call)
            out = [o for o in results_of(row.call(*args, **call.kwargs)) if o.requires_grad]
            if out and wanted:
                cnn.autograd.grad(
                    out,
                    wanted,
                    [cnn.ones_like(o) for o in out],
                    allow_unused=True,
                    create_graph=True,
                )
                cnn.autograd.backward(out, [cnn.ones_like(o) for o in out])

    run()
    gc.collect()
    before = cnn._C._memory_stats()["allocated_bytes"]
    gc.disable()  # references alone must free everything
    try:
        run()
        assert cnn._C._memory_stats()["allocated_bytes"] == before
    finally:
        gc.enable()


# Destinations ------------------------------------------------------------------------------------


@with_dtypes(lambda row: row.in_place_call is not None)
def test_in_place_equals_out_of_place(row, dtype):
    for call in row.cases_for(dtype):
        _, args = call.make(dtype)
        if not isinstance(args[0], cnn.Tensor):
            continue
        want = row.call(*args, **call.kwargs)
        for layout in (None, transposed, sliced):
            _, args = call.make(dtype, layout)
            check_in_place(row, args, call.kwargs, want)


# Their in-place forms give the tensor another shape.
TURNED = {"squeeze", "swapaxes", "swapdims", "t", "transpose", "unsqueeze"}


def check_in_place(row, args, kwargs, want):
    target, before, version = args[0], bits(args[0]), args[0]._version
    if row.name in TURNED:
        turned = row.call(*args, **kwargs)
        assert row.in_place_call(*args, **kwargs) is target
        assert (target.shape, target.stride()) == (turned.shape, turned.stride())
        assert bits(target) == bits(want) and target._version > version
        return
    if want.shape != target.shape or not cnn.can_cast(want.dtype, target.dtype):
        with pytest.raises(RuntimeError):
            row.in_place_call(*args, **kwargs)
        assert bits(target) == before and target._version == version
        return
    strides = target.stride()
    assert row.in_place_call(*args, **kwargs) is target
    if row.tolerance > 1 and want.is_floating_point():  # may fuse and order its sums otherwise
        near(target, to_array(want), row.tolerance, target.dtype)
    else:
        assert bits(target) == bits(want.to(target.dtype))
    assert target.stride() == strides and target._version > version


@rows
def test_gradients_of_the_in_place_form(row):
    if row.in_place_call is None or not row.grad:
        return
    for call in differentiable_cases(row):
        args, wanted = leaves(row, call)
        shape = getattr(args[0], "shape", None)
        if not wanted or row.call(*args, **call.kwargs).shape != shape:
            continue
        seed = cnn.full(shape, 0.7, dtype=cnn.float64)
        want = cnn.autograd.grad(row.call(*args, **call.kwargs), wanted, seed, allow_unused=True)
        copy = args[0].clone()
        row.in_place_call(copy, *args[1:], **call.kwargs)
        got = cnn.autograd.grad(copy, wanted, seed, allow_unused=True)
        for w, g in zip(want, got):
            assert (w is None) == (g is None)
            if g is not None:
                near(g, w.numpy(), row.tolerance, cnn.float64)


@rows
def test_out(row):
    if not row.has_out:
        return
    for dtype in row.dtypes[:1]:
        for call in row.cases_for(dtype):
            _, args = call.make(dtype)
            want = results_of(row.call(*args, **call.kwargs))
            for layout in (None, transposed, sliced):
                check_out(row, args, call.kwargs, want, layout)


def check_out(row, args, kwargs, want, layout):
    out = [cnn.full(w.shape, 5, dtype=w.dtype) for w in want]
    out = [layout(None, o)[1] for o in out] if layout else [o.new_empty(0) for o in out]
    got = results_of(row.call(*args, **kwargs, out=tuple(out) if len(out) > 1 else out[0]))
    for o, g, w in zip(out, got, want):
        assert g is o and o.shape == w.shape and bits(o) == bits(w)
    wrong = [cnn.ones(w.shape, dtype=cnn.bool if w.dtype != cnn.bool else cnn.int64) for w in want]
    if want[0].dtype == cnn.bool or row.any_out:
        return  # casts to everything
    if next(flat_tensors(args), None) is None:
        return  # what creates takes the dtype of `out`
    before = [bits(w) for w in wrong]
    with pytest.raises(RuntimeError):
        row.call(*args, **kwargs, out=tuple(wrong) if len(out) > 1 else wrong[0])
    assert [bits(w) for w in wrong] == before


@rows
@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized")
def test_out_that_is_an_operand_of_another_shape(row):
    """Refused with nothing changed; or the op reads its operands before it writes."""
    if not row.has_out:
        return
    for call in row.cases_for(row.dtypes[0]):
        _, args = call.make(row.dtypes[0])
        out = results_of(row.call(*args, **call.kwargs))
        x = next(flat_tensors(args), None)
        if x is None or x.shape == out[0].shape or x.dtype != out[0].dtype:
            continue
        want, before, shape = out[0], bits(x), x.shape
        out[0] = x
        try:
            row.call(*args, **call.kwargs, out=tuple(out) if len(out) > 1 else x)
        except RuntimeError:
            assert x.shape == shape and bits(x) == before
        else:
            assert x.shape == want.shape and bits(x) == bits(want)


# Errors ------------------------------------------------------------------------------------------


@rows
def test_errors_come_before_writes(row):
    for wrong in row.errors:
        for form in [row.call] + [row.in_place_call] * (row.in_place_call is not None):
            _, args = wrong.call.make(wrong.dtype)
            if form is not row.call and not isinstance(args[0], cnn.Tensor):
                continue
            before = [(bits(t), t._version) for t in flat_tensors(args)]
            with pytest.raises(wrong.kind, match=wrong.match):
                form(*args, **wrong.call.kwargs)
            assert [(bits(t), t._version) for t in flat_tensors(args)] == before


@rows
def test_arguments_of_wrong_kinds(row):
    _, args = row.cases[0].make(row.dtypes[0])
    with pytest.raises(TypeError):
        row.call()
    with pytest.raises(TypeError):
        row.call(*args, **row.cases[0].kwargs, no_such_argument=1)
    if isinstance(args[0], cnn.Tensor) and args[0].dim() > 0:
        with pytest.raises(TypeError):
            row.call(object(), *args[1:], **row.cases[0].kwargs)


@rows
def test_devices_do_not_mix(row):
    call = row.cases[0]
    _, args = call.make(row.dtypes[0])
    tensors = [i for i, a in enumerate(args) if isinstance(a, cnn.Tensor) and a.dim() > 0]
    if len(tensors) > 1 and not row.mixed:
        args[tensors[-1]] = args[tensors[-1]].to("meta")
        with pytest.raises((RuntimeError, NotImplementedError)):
            row.call(*args, **call.kwargs)


# Devices and threads -----------------------------------------------------------------------------


def on_device(device):
    return lambda array, tensor: (array, tensor.to(device))


@rows
def test_meta_device(row):
    if not row.meta:
        return
    for dtype in row.dtypes[:1]:
        for call in row.cases_for(dtype):
            _, args = call.make(dtype)
            _, meta = call.make(dtype, on_device("meta"))
            want = results_of(row.call(*args, **call.kwargs))
            got = results_of(row.call(*meta, **call.kwargs))
            if not list(flat_tensors(meta)):
                continue
            for g, w in zip(got, want):
                assert g.is_meta and g.shape == w.shape and g.dtype == w.dtype
                assert g.stride() == w.stride()


@pytest.fixture
def threads():
    count = cnn.get_num_threads()
    yield cnn.set_num_threads
    cnn.set_num_threads(count)


@rows
def test_the_same_bits_with_any_number_of_threads(row, threads):
    assert row.large, "the row needs a case of about a million elements"
    dtype = cnn.float32 if cnn.float32 in row.dtypes else row.dtypes[0]
    if row.grad and row.large.differentiable:
        args, wanted = leaves(row, row.large, dtype)
    else:
        args, wanted = row.large.make(dtype)[1], []
    seen = set()
    for count in (1, 2, 3, 8):
        threads(count)
        out = results_of(row.call(*args, **row.large.kwargs))
        values = [bits(o) for o in out]
        out = [o for o in out if o.requires_grad]
        if out:
            seeds = [cnn.ones_like(o) for o in out]
            grads = cnn.autograd.grad(out, wanted, seeds, allow_unused=True)
            values += [bits(g) for g in grads if g is not None]
        seen.add(tuple(hash(v) for v in values))
    assert len(seen) == 1


# Completeness ------------------------------------------------------------------------------------


def test_every_bound_op_has_a_row():
    have = {row.name for row in ROWS}
    bound = {name.removeprefix("Tensor.") for name in cnn._C._signatures}
    missing = {name for name in bound - have if name.removesuffix("_") not in have}
    assert missing - NOT_OPS == set()
    assert NOT_OPS - bound == set(), "listed, but no longer bound"
