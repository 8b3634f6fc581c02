"""One call: its arguments are made, it is called, differentiated, and what came of it is used and judged."""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import operator
import re

import numpy as np

import cnn

from . import values
from .grammar import TensorText

NAMES = {**vars(values), "functools": functools, "operator": operator}
STAGES = ("arguments", "call", "check", "meddling", "backward", "use", "end")
CPP_WORDS = re.compile(
    r"std::|bad_alloc|vector::|basic_string|map::at|_M_\w|bad_\w+_cast|bad_function|bad_variant|stoll?\b|terminate"
    r"|deque::|optional_access|pure virtual"
)
_code = {}


class Lie(Exception):
    """A result that says of itself what is not so."""


def evaluate(text):
    if isinstance(text, TensorText):  # which saves compiling it
        return values.T(*text.properties)
    code = _code.get(text)
    if code is None:
        if len(_code) > 20000:
            _code.clear()
        code = _code[text] = compile(text, "<argument>", "eval")
    return eval(code, NAMES)


# Numbers that may well ask for too much memory; and Python repeats a sequence as often as a tensor says.
LARGE = re.compile(r"\*\*|\d{7}|operator\.i?mul")


def judge(error):
    """The kind of fault that an exception is, or None for one that may be."""
    if isinstance(error, Lie):
        return "lie"
    text = str(error)
    if isinstance(error, SystemError):
        return "SystemError"
    if isinstance(error, MemoryError) and not text.startswith("DefaultCPUAllocator"):
        return "MemoryError"
    if CPP_WORDS.search(text):
        return "words of C++"
    if isinstance(error, (NameError, UnboundLocalError)):
        return type(error).__name__
    return None


def fault(call, error):
    """The kind of fault that an error in a call is, or None."""
    kind = judge(error)
    return None if kind == "MemoryError" and LARGE.search(call.expression()) else kind


def tensors_in(value, depth=4):
    if isinstance(value, cnn.Tensor):
        yield value
    elif depth and isinstance(value, (tuple, list)):
        for item in value[:8]:
            yield from tensors_in(item, depth - 1)
    elif depth and isinstance(value, dict):
        for item in list(value.values())[:8]:
            yield from tensors_in(item, depth - 1)


def _true(condition, what):
    if not condition:
        raise Lie(what)


def check(x):
    """Does the tensor say the truth of itself?"""
    if isinstance(x, values.Odd):
        return
    shape, strides = tuple(x.shape), x.stride()
    count = 1
    for size in shape:
        _true(size >= 0, f"shape {shape}")
        count *= size
    _true(
        x.dim() == len(shape) == len(strides),
        f"{x.dim()} dimensions, shape {shape}, strides {strides}",
    )
    _true(x.numel() == count, f"numel {x.numel()} of shape {shape}")
    if x.device.type != "cpu" or count == 0:
        return
    end = x.storage_offset() + 1 + sum((n - 1) * s for n, s in zip(shape, strides))
    held = x.untyped_storage().nbytes()
    _true(end * x.element_size() <= held, f"shape {shape} with strides {strides} in {held} bytes")
    if count <= 64 and type(x) is cnn.Tensor and not _without_numpy(x.dtype):
        array = x.detach().numpy()
        _true(
            array.shape == shape and array.dtype.name == str(x.dtype)[len("torch.") :],
            f"{array.dtype} of {x.dtype}",
        )


def _without_numpy(dtype):
    return dtype is cnn.bfloat16 or str(dtype).startswith("torch.float8")


def _small(x):
    """Not too large to print: a list of 2**31 empty lists is, too."""
    return x.device.type == "cpu" and max((x.numel(), *x.shape)) <= 4096


def _meddle(way, arguments):
    """Changes the memory of arguments behind the library's back, or with ways that it offers."""
    for array in values.BUFFERS:
        if array.flags.writeable:
            kind = array.dtype.kind
            array[...] = {"f": np.nan, "b": True}.get(kind, 10**9 if array.itemsize > 2 else 100)
    for x in tensors_in(arguments):
        if way == "empty":
            x.data = cnn.zeros(0, dtype=x.dtype)
        elif way == "resize":
            x.detach().resize_(0) if x.requires_grad else x.resize_(1)
        elif way == "write" and _small(x):
            x.data.fill_(100)


def _unpacked(x):
    return x + 10**9 if x.dtype is cnn.int64 else x[..., :0] if x.dim() else x


def _gradient(way, y):
    if way == "expanded":
        return cnn.ones((), dtype=y.dtype, device=y.device).expand(y.shape)
    if way == "step":
        return cnn.ones((*y.shape, 2), dtype=y.dtype, device=y.device)[..., 0]
    if way == "wrong":
        return cnn.ones(
            (*y.shape[:-1], 1), dtype=y.dtype, device="meta" if y.numel() % 2 else y.device
        )
    return cnn.ones_like(y)


def backward(call, results, arguments):
    leaves = [x for x in tensors_in(arguments) if x.requires_grad and x.is_leaf]
    for y in results:
        if not (y.requires_grad and y.numel() <= 4096):
            continue
        if call.gradient == "sum":
            y.sum().backward()
        elif call.gradient == "twice":
            y.sum().backward(create_graph=True)
            first = [x.grad for x in leaves if x.grad is not None and x.grad.requires_grad]
            if first:
                sum(g.sum() for g in first).backward()
        else:
            y.backward(_gradient(call.gradient, y))
    for x in leaves:
        if x.grad is not None:
            check(x.grad)


def _use(way, result, results):
    every = way == "all"
    if every or way == "repr":
        repr(result) if not isinstance(result, cnn.Tensor) or result.numel() <= 4096 else None
    for x in results:
        if not _small(x):
            continue
        if every or way == "list":
            x.tolist()
        if every or way == "sum":
            x.sum()
            x[..., :1] if x.dim() else x[None]
        if way == "save":
            cnn.save(x, io.BytesIO())
        if way == "copy":
            copy.deepcopy(x.detach())
        if every or way == "numpy":
            np.asarray(x.detach())


def arguments_of(call):
    """(positional, by keyword) for the target, and the same for the module that it made."""
    out = ([], {}), ([], {})
    for p, text in call.arguments:
        positional, named = out[p.second]
        if p.keyword:
            named[p.name] = evaluate(text)
        else:
            positional.append(evaluate(text))
    return out


def _move(value):
    if values.DEVICE is not None and isinstance(value, cnn.nn.Module):
        value.to(values.DEVICE)


def called(call, function, made, second):
    for arguments in (made[0], made[1].values()):
        for value in arguments:
            _move(value)
    result = function(*made[0], **made[1])
    if not call.target.module:
        return result
    _move(result)
    if isinstance(result, cnn.nn.Module):  # its parameters are looked at with the arguments
        made[1]["its parameters"] = list(result.parameters())
    return result(*second[0], **second[1])


def reset():
    """What a call may have left behind."""
    values.BUFFERS.clear()
    values.Odd.calls = 0
    cnn._C._set_grad_enabled(True)
    cnn._C._set_inference_mode(False)
    cnn.autograd.set_detect_anomaly(False)
    while cnn._C._len_torch_function_stack():
        cnn._C._pop_torch_function_stack()
    cnn.set_default_device(None)
    for device, dtype in (("cpu", cnn.bfloat16), ("cuda", cnn.float16)):
        cnn.set_autocast_enabled(device, False)
        cnn.set_autocast_dtype(device, dtype)
    cnn.set_autocast_cache_enabled(True)
    cnn.clear_autocast_cache()
    cnn.use_deterministic_algorithms(False)
    cnn._C._set_default_dtype(cnn.float32)
    cnn.manual_seed(0)


# Meddling that is there while the call runs.
AROUND = {
    "unpack": lambda: cnn.autograd.graph.saved_tensors_hooks(lambda x: x, _unpacked),
    "autocast": lambda: cnn.autocast("cpu"),
}


def run(call, progress=lambda stage: None):
    """(succeeded, fault, text): the fault is a kind, or None. `progress` hears of each stage before it begins."""
    reset()
    try:
        progress(0)
        made, second = arguments_of(call)
        function = evaluate(call.target.expression)
        progress(1)
        with AROUND.get(call.meddling, contextlib.nullcontext)():
            result = called(call, function, made, second)
    except BaseException as error:
        return False, fault(call, error), text_of(error)
    try:
        _afterwards(call, result, (made, second), progress)
    except BaseException as error:
        return True, judge(error), text_of(error)
    return True, None, ""


def _afterwards(call, result, arguments, progress):
    progress(2)
    results = list(tensors_in(result))
    for x in results:
        check(x)
    given = [[positional, list(named.values())] for positional, named in arguments]
    progress(3)
    if call.meddling and call.meddling not in AROUND:
        with contextlib.suppress(Exception):
            _meddle(call.meddling, given)
    progress(4)
    try:
        backward(call, results, given)
    except Exception as error:
        if judge(error):
            raise
    progress(5)
    _use(call.use, result, results)
    progress(6)


def text_of(error):
    try:
        return f"{type(error).__name__}: {error}"[:500]
    except Exception:  # an exception of an argument's own making
        return type(error).__name__
