"""What the core has recorded, in Python's terms: names as PyTorch gives them, and FLOP formulas."""

from __future__ import annotations

from enum import IntEnum
from math import prod
from typing import NamedTuple

from .. import _C

# Options of a recording.
ARGUMENTS, MEMORY, STACKS = 1, 2, 4


class Kind(IntEnum):
    """What a range is of."""

    OP = 0
    EVALUATE = 1
    NODE = 2
    USER = 3
    MODULE = 4
    FUNCTION = 5


class Range(NamedTuple):
    """One range, as the core hands it out. Times are in nanoseconds, `parent` is a place in the
    list; tensors among the arguments are tuples of their sizes.
    """

    kind: int
    name: str
    begin: int
    end: int
    parent: int
    thread: int
    system_thread: int
    first_sequence: int
    last_sequence: int
    memory: int
    arguments: list | None
    results: list | None
    stack: str


# Ops that have another name in PyTorch's dispatcher.
_RENAMED = {
    **dict.fromkeys(
        "bfloat16 bool byte char cpu cuda double float half int long short".split(), "to"
    ),
    "norm": "linalg_vector_norm",
    "layer_norm_backward": "native_layer_norm_backward",
    "_sgd_step": "_fused_sgd_",
    "_adagrad_step": "_fused_adagrad_",
}
# Steps of the library that PyTorch does not have as ops.
_OWN = frozenset(
    "_adadelta_step _adamax_step _asgd_step _nadam_step _norm_of_all _radam_step _rmsprop_step "
    "_rprop_step _scale_all_ batch_norm_relu channel_gradient channel_scale channel_sums "
    "cross_entropy_backward rnn_layer rnn_layer_backward".split()
)


def event_name(r):
    """The name of an event, as PyTorch's profiler shows it."""
    if r.kind == Kind.EVALUATE:
        return f"autograd::engine::evaluate_function: {r.name}"
    if r.kind != Kind.OP:
        return r.name
    if r.name in _OWN:
        return f"cnn::{r.name}"
    if r.name == "_adam_step":
        decoupled = bool(r.arguments) and r.arguments[-1] is True
        return "aten::_fused_adamw_" if decoupled else "aten::_fused_adam_"
    return f"aten::{_RENAMED.get(r.name, r.name)}"


def start(options):
    """Records what this thread does; returns what `stop` is to be given."""
    return _C._recorder_start(options)


def stop(since):
    """Ends the recording: the list of its ranges."""
    return [Range(*r) for r in _C._recorder_stop(since)]


def until_now(since):
    """The ranges so far; those that are still open end now."""
    return [Range(*r) for r in _C._recorder_events(since)]


# FLOPs of single ops, from their shapes, as `with_flops` counts them ------------------------------


def _of_products(first, second):
    return 2 * prod(first) * prod(second[-1:]) if first and second else 0


def _pair(value):
    return value * 2 if len(value) == 1 else value


def _of_conv2d(arguments):
    x, w, _, stride, padding, dilation, groups = arguments
    if len(x) != 4 or len(w) != 4 or not all(isinstance(v, list) for v in (padding, stride)):
        return 0
    stride, padding, dilation = map(_pair, (stride, padding, dilation))
    out = [
        (x[2 + i] + 2 * padding[i] - dilation[i] * (w[2 + i] - 1) - 1) // stride[i] + 1
        for i in (0, 1)
    ]
    return 2 * x[0] * prod(out) * w[2] * w[3] * x[1] * w[0] // groups


def flops(name, arguments):
    """The floating-point operations of an op; 0 for those that are not counted."""
    if not arguments:
        return 0
    if name in ("aten::mm", "aten::bmm"):
        return _of_products(*arguments[:2])
    if name in ("aten::addmm", "aten::baddbmm"):
        return _of_products(*arguments[1:3])
    if name in ("aten::add", "aten::mul"):
        return prod(arguments[0]) if isinstance(arguments[0], tuple) else 0
    if name == "aten::conv2d":
        return _of_conv2d([[v] if isinstance(v, int) else v for v in arguments[:6]] + arguments[6:])
    return 0
