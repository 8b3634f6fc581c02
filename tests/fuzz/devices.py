"""The same call on the CPU and on a GPU, or the emulation of one: both raise, or both give the same.

What is drawn from a generator, or is not written at all, is called and not compared. Nobody meddles,
and results are compared instead of used.
"""

from __future__ import annotations

import contextlib
import math
import re

import cnn

from . import call as calls
from . import values
from .grammar import TensorText

DEVICE = "cuda"
# Of the largest number of a result, or of 1.
TOLERANCES = {"float64": 1e-6, "float32": 1e-4, "bfloat16": 6e-2, "float16": 1e-2}
# What is drawn or not written at all, tells of places or of devices, or has more than one right answer.
NOT_COMPARED = re.compile(
    r"rand|dropout|Dropout|bernoulli|multinomial|normal\b|normal_|uniform|exponential_|cauchy_|geometric_|poisson\b"
    r"|binomial|rrelu|RReLU|gumbel|[Ff]ractional|Lazy|Transformer|\.init\.|make_tensor|Generator|rng|seed|capturable"
    r"|empty|resize|out=.*overlapping|_\(.*overlapping|svd|eig|qr\b|lowrank|lobpcg|pinv|lstsq|orthogonal|spectral"
    r"|matrix_power"
    r"|data_ptr|storage|Storage|dlpack|share|numpy|array|hash|repr|format|cuda|cpu|meta|device|pin_|type\b|Tensor\("
    r"|set_|default_|\bA\(|\* 70|2\*\*6[34]|\.new\b|nesting|Module\.|detach_|_stream|_indices|assert_|pack_|packed"
    r"|memory|nan|uint[136]"
)
# What a GPU may answer to that the CPU does not.
_EXPECTED = (NotImplementedError, cnn.OutOfMemoryError)
# Errors of one device alone: NumPy cannot have a GPU's numbers, and what overrides functions is moved there without.
_OF_ONE = re.compile("type tensor to numpy|Multiple dispatch failed")
_MOST = 256 << 20  # bytes of the GPU's memory that may be taken


def prepare():
    """Starts the GPU, in a process of calls, and has it count as the CPU does."""
    cnn.cuda.init()
    cnn.cuda.set_per_process_memory_fraction(_MOST / cnn.cuda.mem_get_info()[1])
    cnn.backends.cudnn.allow_tf32 = False


class Outcome:
    """What came of a call on a device: an error, or tensors (brought to the CPU) and numbers."""

    def __init__(self, call, device, progress):
        self.error, self.tensors, self.numbers = None, [], []
        calls.reset()
        values.DEVICE = device
        try:
            self._run(call, progress)
        except BaseException as error:  # an interruption, too
            self.error = error
        finally:
            values.DEVICE = None
            with contextlib.suppress(BaseException):
                cnn.cuda.synchronize()

    def _run(self, call, progress):
        progress(0)
        made, second = calls.arguments_of(call)
        function = calls.evaluate(call.target.expression)
        progress(1)
        result = calls.called(call, function, made, second)
        if values.DEVICE:
            cnn.cuda.synchronize()  # tells what kernels have noted
        results = list(calls.tensors_in(result))
        for x in results:
            calls.check(x)
        progress(4)
        given = [[positional, list(named.values())] for positional, named in (made, second)]
        try:
            calls.backward(call, results, given)
        except Exception as error:
            if calls.judge(error):
                raise
            self.tensors.append(type(error).__name__)
        progress(5)
        leaves = [x for x in calls.tensors_in(given) if x.requires_grad and x.is_leaf]
        found = [*results, *(x.grad for x in leaves if x.grad is not None)]
        self.tensors += [x.detach().to("cpu") for x in found if x.device.type != "meta"]
        if isinstance(result, (bool, int, float)):
            self.numbers.append(result)


def difference(ours, theirs):
    """What two outcomes do not have in common, in words; "" if nothing."""
    a, b = ours.error, theirs.error
    if any(error and not isinstance(error, Exception) for error in (a, b)):
        return ""  # it took too long
    if a is not None or b is not None:
        found_late = a is not None and b is not None and "out of bounds" in str(a)
        if (
            type(a) is type(b)
            or found_late
            or isinstance(b, _EXPECTED)
            or _OF_ONE.search(f"{a} {b}")
            or isinstance(a, cnn.OutOfMemoryError)
        ):
            return ""
        named = [f"{type(e).__name__}: {str(e)[:200]}" if e else "no error" for e in (a, b)]
        return f"{named[0]} on the CPU, {named[1]} on the GPU"
    if len(ours.tensors) != len(theirs.tensors):
        return f"{len(ours.tensors)} tensors on the CPU, {len(theirs.tensors)} on the GPU"
    for x, y in zip(ours.tensors, theirs.tensors):
        if isinstance(x, str) or isinstance(y, str):
            if x != y:
                return f"backward: {str(x)[:100]} on the CPU, {str(y)[:100]} on the GPU"
        elif text := _differ(x, y):
            return text
    for x, y in zip(ours.numbers, theirs.numbers):
        if not (x == y or math.isclose(x, y, rel_tol=1e-4, abs_tol=1e-6) or x != x and y != y):
            return f"{x!r} on the CPU, {y!r} on the GPU"
    return ""


def _differ(x, y):
    if (x.shape, x.dtype) != (y.shape, y.dtype):
        return f"{tuple(x.shape)} {x.dtype} on the CPU, {tuple(y.shape)} {y.dtype} on the GPU"
    if x.numel() > 1 << 16 or type(x) is values.Odd:
        return ""
    tolerance = TOLERANCES.get(str(x.dtype).rpartition(".")[2], 0)
    if not x.dtype.is_floating_point:
        return "" if cnn.equal(x, y) else _shown(x, y)
    x, y = x.double().reshape(-1), y.double().reshape(-1)
    finite = x.isfinite()
    scale = float(x[finite].abs().max()) if finite.any() else 0.0
    near = (x - y).abs() <= tolerance * max(scale, 1.0)
    same = near | (x == y) | (x.isnan() & y.isnan())
    return "" if same.all() else _shown(x, y)


def _shown(x, y):
    i = int((x.reshape(-1) != y.reshape(-1)).nonzero()[0])
    return f"{x.reshape(-1)[i].item()!r} on the CPU, {y.reshape(-1)[i].item()!r} on the GPU, at {i}"


def run(call, progress=lambda stage: None):
    """(succeeded, fault, text), as `call.run`."""
    if "Transformer" in call.target.name and calls.LARGE.search(call.expression()):
        return False, None, ""  # copies of a layer without end take longer to drop than to make
    ours, theirs = (Outcome(call, device, progress) for device in (None, DEVICE))
    for outcome in (ours, theirs):
        if outcome.error is not None and (kind := calls.fault(call, outcome.error)):
            return False, kind, calls.text_of(outcome.error)
    succeeded = ours.error is None
    text = ""
    if not NOT_COMPARED.search(call.expression()) and not _is_extreme(call):
        text = difference(ours, theirs)
    return succeeded, f"differs ({text.split(':')[0][:40]})" if text else None, text


def _is_extreme(call):
    """NaN, infinities and numbers at the end of their range: last digits decide what becomes of them."""
    texts = [text for _, text in call.arguments]
    return any(
        t.properties[2] == "special" if isinstance(t, TensorText) else "special" in t for t in texts
    )
