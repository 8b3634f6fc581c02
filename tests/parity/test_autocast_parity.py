"""Autocast: the lists by name, the dtype and the values of every op under it, training, and GradScaler."""

from __future__ import annotations

import os
import pathlib
import re
import sys
import types
import unittest
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
sys.path[:0] = [os.path.dirname(__file__), os.path.dirname(os.path.dirname(__file__))]

# PyTorch's module of lists imports its test runner, which is not in the wheel's requirements.
sys.modules.setdefault("expecttest", types.SimpleNamespace(TestCase=unittest.TestCase))

from torch.testing._internal.autocast_test_lists import AutocastCPUTestLists  # noqa: E402

import cnn  # noqa: E402
from op_cases import flat_tensors, results_of  # noqa: E402
from op_table import ROWS  # noqa: E402

HALVES = ("bfloat16", "float16")


def dtype_name(value):
    return str(value.dtype).rpartition(".")[2]


def to_cnn(value):
    """An argument of PyTorch's as one of ours."""
    if isinstance(value, torch.Tensor):
        wide = value.detach().to(torch.float64 if value.is_floating_point() else value.dtype)
        return cnn.from_numpy(wide.numpy().copy()).to(getattr(cnn, dtype_name(value)))
    if isinstance(value, (list, tuple)):
        return type(value)(map(to_cnn, value))
    return value


def to_torch(value):
    if isinstance(value, cnn.Tensor):
        wide = value.detach().to(cnn.float64 if value.is_floating_point() else value.dtype)
        return torch.from_numpy(wide.numpy().copy()).to(getattr(torch, dtype_name(value)))
    if isinstance(value, cnn.dtype):
        return getattr(torch, str(value).rpartition(".")[2])
    if isinstance(value, (list, tuple)):
        return type(value)(map(to_torch, value))
    return value


def numbers(tensor):
    return np.array(tensor.detach().tolist(), dtype=np.float64)


# ---- The lists ----


def of_dispatcher(key):
    """The ops, without overload, that PyTorch's dispatcher stops at for that key."""
    has = torch._C._dispatch_has_kernel_for_dispatch_key
    names = torch._C._dispatch_get_all_op_names()
    return {n[6:].partition(".")[0] for n in names if n.startswith("aten::") and has(n, key)}


# Registered by the part of PyTorch that is built with cuDNN alone.
OF_CUDNN = {"_cudnn_rnn"}


@pytest.mark.parametrize("device, key", [("cpu", "AutocastCPU"), ("cuda", "AutocastCUDA")])
def test_lists_have_the_same_names(device, key):
    ours = {op for op in cnn._C._autocast_ops() if cnn._C._autocast_policy(op, device)}
    assert ours - OF_CUDNN == of_dispatcher(key)


def of_header(macro):
    """The names of one of the lists in PyTorch's header, which its CUDA key registers."""
    path = pathlib.Path(torch.__file__).parent / "include" / "ATen" / "autocast_mode.h"
    text = re.search(rf"#define {macro}\(_\)(.*?)\n\n", path.read_text(), re.S)[1]
    if "ADD_NS" in text:
        return {name.partition(".")[0] for name in re.findall(r'"([^"]+)"', text)}
    return {name.partition(",")[0] for name in re.findall(r"_\(([^)]+)\)", text)}


@pytest.mark.parametrize(
    "macro, policy",
    [
        ("AT_FORALL_LOWER_PRECISION_FP", "lower_precision_fp"),
        ("AT_FORALL_FP32", "fp32"),
        ("AT_FORALL_FP32_SET_OPT_DTYPE", "fp32_set_opt_dtype"),
        ("AT_FORALL_DIFFERENT_REDISPATCH_SIGNATURE", "fp32_set_opt_dtype"),
        ("AT_FORALL_PROMOTE", "promote"),
    ],
)
def test_policies_on_cuda(macro, policy):
    names = of_header(macro)
    assert names
    assert {name: cnn._C._autocast_policy(name, "cuda") for name in names} == dict.fromkeys(
        names, policy
    )


# ---- PyTorch's own lists of calls for the CPU ----

torch.manual_seed(0)  # the lists draw their operands
LISTS = AutocastCPUTestLists(torch.device("cpu"))
# What cnn does not have, or has under another name and with other arguments.
ABSENT = {"_addmm_activation", "_native_multi_head_attention"}
# Whose sums PyTorch rounds to 16 bits at each of the kernel's elements.
ROUNDED_OFTEN = {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}


def calls():
    for name, result in (
        ("torch_16", None), ("nn_16", None), ("torch_fp32", "float32"), ("nn_fp32", "float32"),
    ):  # fmt: skip
        for op, args, *rest in getattr(LISTS, name):
            yield op, args, rest[0] if rest else {}, result
    for op, args, half_args in LISTS.torch_need_autocast_promote:
        yield op, args, {}, "float32"
        yield op, half_args, {}, "float32"


CALLS = list(calls())


def found_in(lib, op):
    core = lib._C._nn if lib is torch else lib._C
    return next((getattr(h, op) for h in (lib.nn.functional, lib, core) if hasattr(h, op)), None)


def call_of(lib, op, args):
    """The function, and the arguments as it takes them."""
    if op == "nll_loss2d":
        return lib.nn.functional.nll_loss, args
    if op == "poisson_nll_loss":  # the lists have the number of a reduction
        return lib.nn.functional.poisson_nll_loss, args[:4]
    if op == "margin_ranking_loss":
        return found_in(lib, op), (args[0], args[1], args[2].expand(8, 8))
    return found_in(lib, op), args


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("op, args, kwargs, result", CALLS, ids=[c[0] for c in CALLS])
def test_calls_of_pytorchs_lists(op, args, kwargs, result, half):
    if op in ABSENT:
        assert found_in(cnn, op) is None
        return
    theirs, args = call_of(torch, op, args)
    ours, _ = call_of(cnn, op, args)
    own = to_cnn(args)
    mixed = result == "float32" and op in ("cat", "stack")
    if mixed and not any(dtype_name(x) == half for x in args[0]):
        for lib, call, given in ((torch, theirs, args), (cnn, ours, own)):
            with lib.autocast("cpu", getattr(lib, half)):
                with pytest.raises(RuntimeError, match="Unexpected floating ScalarType"):
                    call(*given)
        return
    with torch.autocast("cpu", getattr(torch, half)):
        expected = theirs(*args, **kwargs)
    with cnn.autocast("cpu", getattr(cnn, half)):
        y = ours(*own, **kwargs)
        assert cnn.is_autocast_enabled("cpu")
    assert not cnn.is_autocast_enabled("cpu")
    assert dtype_name(y) == dtype_name(expected) == (result or half)
    if op in ROUNDED_OFTEN:
        expected = theirs(*[x.to(getattr(torch, half)).double() for x in args], **kwargs)
    tolerance = {"bfloat16": 3e-2, "float16": 4e-3, "float32": 2e-5}[dtype_name(y)]
    scale = max(1.0, np.abs(numbers(expected)).max())
    np.testing.assert_allclose(
        numbers(y), numbers(expected), rtol=tolerance, atol=tolerance * scale
    )
    # The same as casting by hand.
    by_hand = [x.to(y.dtype) if is_floating(x) else x for x in flat_arguments(own)]
    assert cnn.equal(ours(*rebuilt(own, by_hand), **kwargs), y)


def is_floating(x):
    return isinstance(x, cnn.Tensor) and x.is_floating_point()


def is_list_of_tensors(arg):
    return isinstance(arg, (list, tuple)) and any(True for _ in flat_tensors(arg))


def flat_arguments(args):
    return [x for arg in args for x in (arg if is_list_of_tensors(arg) else [arg])]


def rebuilt(args, flat):
    left = iter(flat)
    return [
        type(arg)(next(left) for _ in arg) if is_list_of_tensors(arg) else next(left)
        for arg in args
    ]


# ---- Every row of the op table ----


def function_of_torch(name):
    for home in (torch, torch._C._nn, torch.Tensor, torch.nn.functional):
        if callable(getattr(home, name, None)):
            return getattr(home, name)
    return None


def outcome(lib, function, args, kwargs, half):
    """The results, or None where the call raises."""
    try:
        with warnings.catch_warnings(), lib.autocast("cpu", getattr(lib, half)):
            warnings.simplefilter("ignore")
            return results_of(function(*args, **kwargs))
    except (RuntimeError, NotImplementedError, TypeError, ValueError, IndexError):
        return None


def kinds(results, lib):
    return [dtype_name(y) if isinstance(y, lib.Tensor) else type(y).__name__ for y in results]


# Whose cases PyTorch takes in another form, or refuses under autocast: cat of another 16-bit dtype.
NOT_COMPARED = {"broadcast_tensors", "cat", "concat", "concatenate", "index", "index_copy", "stack"}
# And PyTorch does not smooth 16-bit floats.
NOT_COMPARED |= {"_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa"}
# Functions of PyTorch's core, by which it reduces otherwise by default; their values are compared above.
REDUCED_OTHERWISE = set(
    """binary_cross_entropy binary_cross_entropy_with_logits cross_entropy_loss huber_loss mse_loss
    nll_loss nll_loss_nd smooth_l1_loss""".split()
)
TOLERANCES = {"float64": 1e-5, "float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}
TABLE = [row for row in ROWS if function_of_torch(row.name)]
IN_DTYPES = [
    (row, given)
    for given in ("float32", *HALVES)
    for row in TABLE
    if getattr(cnn, given) in row.dtypes
]


@pytest.mark.parametrize("row, given", IN_DTYPES, ids=[f"{r.name}-{g}" for r, g in IN_DTYPES])
@pytest.mark.parametrize("half", HALVES)
def test_the_op_table(row, given, half):
    dtype = getattr(cnn, given)
    compared = 0
    for case in row.cases_for(dtype):
        _, args = case.make(dtype)
        expected = outcome(
            torch, function_of_torch(row.name), to_torch(args),
            {k: to_torch(v) for k, v in case.kwargs.items()}, half,
        )  # fmt: skip
        if expected is None:
            continue
        found = outcome(cnn, row.call, args, case.kwargs, half)
        assert kinds(found, cnn) == kinds(expected, torch), (case.args, case.kwargs)
        compared += 1
        if row.name in REDUCED_OTHERWISE:
            continue
        for y, e in zip(found, expected):
            if isinstance(e, torch.Tensor) and e.is_floating_point():
                tolerance = TOLERANCES[dtype_name(e)]
                np.testing.assert_allclose(numbers(y), numbers(e), rtol=tolerance, atol=tolerance)
    assert compared or row.name in NOT_COMPARED


IN_PLACE = [row for row in TABLE if row.in_place_call and hasattr(torch.Tensor, row.name + "_")]
WITH_OUT = [row for row in TABLE if row.has_out]


def compare(case, calls, in_place=False):
    """The results of a call of each library, given float32, where PyTorch takes it."""
    _, args = case.make(cnn.float32)
    kwargs = {k: to_torch(v) for k, v in case.kwargs.items()}
    expected = outcome(torch, calls[1], to_torch(args), kwargs, "bfloat16")
    if expected is None or in_place and expected[0].shape != tuple(args[0].shape):
        return  # PyTorch resizes in addbmm_
    found = outcome(cnn, calls[0], args, case.kwargs, "bfloat16")
    assert kinds(found, cnn) == kinds(expected, torch)
    for y, e in zip(found, expected):
        if isinstance(e, torch.Tensor) and e.is_floating_point():
            tolerance = TOLERANCES[dtype_name(e)]
            np.testing.assert_allclose(numbers(y), numbers(e), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("row", IN_PLACE, ids=[row.name for row in IN_PLACE])
def test_calls_in_place(row):
    for case in row.cases_for(cnn.float32) if cnn.float32 in row.dtypes else ():
        compare(case, (row.in_place_call, getattr(torch.Tensor, row.name + "_")), in_place=True)


@pytest.mark.parametrize("row", WITH_OUT, ids=[row.name for row in WITH_OUT])
def test_calls_with_out(row):
    def written(lib, function):
        def call(*args, **kwargs):
            with lib.autocast("cpu", enabled=False):
                results = results_of(function(*args, **kwargs))
            outs = [lib.empty_like(y) for y in results]
            return function(*args, **kwargs, out=outs[0] if len(outs) == 1 else tuple(outs))

        return call

    for case in row.cases_for(cnn.float32) if cnn.float32 in row.dtypes else ():
        compare(case, (written(cnn, row.call), written(torch, function_of_torch(row.name))))


def leaves(lib, args):
    """The arguments with leaves for their floating-point tensors, and these."""
    found = []

    def leaf(value):
        if isinstance(value, lib.Tensor) and value.is_floating_point():
            found.append(value.detach().clone().requires_grad_())
            return found[-1]
        if isinstance(value, (list, tuple)):
            return type(value)(map(leaf, value))
        return value

    return [leaf(arg) for arg in args], found


def gradients(lib, function, args, kwargs):
    """By the sum of the results of a call under autocast; None where the library raises."""
    args, wanted = leaves(lib, args)
    results = outcome(lib, function, args, kwargs, "bfloat16")
    sums = [y.float().sum() for y in results or () if isinstance(y, lib.Tensor) and y.requires_grad]
    if not sums:
        return None
    try:
        sum(sums).backward()
    except (RuntimeError, NotImplementedError):
        return None
    return [x.grad for x in wanted]


# Whose gradients differ without autocast as well: PyTorch gives those of as_strided_scatter to the wrong elements, sgn
# a tensor of zeros without memory, and masked_scatter one that is none here.
OTHERWISE = {"as_strided_scatter", "masked_scatter", "sgn"} | REDUCED_OTHERWISE
DIFFERENTIABLE = [row for row in TABLE if row.grad and row.name not in OTHERWISE]


@pytest.mark.parametrize("row", DIFFERENTIABLE, ids=[row.name for row in DIFFERENTIABLE])
def test_gradients_of_the_op_table(row):
    """As precise as PyTorch's, and float32 as the operands are."""
    for case in row.cases_for(cnn.float32):
        if not case.differentiable or cnn.float32 not in row.dtypes:
            continue
        _, args = case.make(cnn.float32)
        kwargs = {k: to_torch(v) for k, v in case.kwargs.items()}
        expected = gradients(torch, function_of_torch(row.name), to_torch(args), kwargs)
        if expected is None:
            continue
        found = gradients(cnn, row.call, args, case.kwargs)
        for g, e in zip(found, expected, strict=True):
            assert (g is None) == (e is None)
            if e is not None:
                assert dtype_name(g) == dtype_name(e) == "float32"
                scale = max(1.0, np.abs(numbers(e)[np.isfinite(numbers(e))]).max(initial=0))
                np.testing.assert_allclose(numbers(g), numbers(e), rtol=5e-2, atol=5e-2 * scale)


def test_what_is_compared():
    assert len(TABLE) > 250
