"""Operands that no op expects: each either gives a result or raises, and the process lives.

Every row of the op table is called with each of its operands replaced in turn by one of another
dtype, shape or device, by an undefined one, and with each of its numbers replaced by one that does
not fit. A row runs in a process of its own, with a limit on its time and memory; it writes down
each call before it makes it, so that a signal names the call.
"""

from __future__ import annotations

import os
import resource
import signal
import time

import numpy as np
import pytest

import cnn
from op_cases import FLOATS, flat_tensors, results_of
from op_table import ROWS
from test_ops import bits

REFUSALS = (RuntimeError, ValueError, TypeError, IndexError, OverflowError, AttributeError)
NUMBERS = (2**63 - 1, -(2**63), 2**62, 2**40, 2**31, 256, -1, 0, 1e300, -0.5, np.nan, np.inf, None)
SECONDS_FOR_A_CALL = 10
BYTES = 1 << 30  # beyond what the process has already


def other_operands(t):
    """(what it is, the replacement) for every way in which an operand may be wrong."""
    for dtype in (cnn.float32, cnn.float64, cnn.float16, cnn.int64, cnn.int8, cnn.uint8, cnn.bool):
        if dtype != t.dtype:
            yield f"of {dtype}", t.to(dtype)
    yield "on meta", t.to("meta")
    yield "undefined", None
    yield "of shape (0,)", t.new_zeros(0)
    yield "of no dimension", t.new_zeros(())
    yield "of no dimension, on meta", t.new_zeros(()).to("meta")
    yield "of another dimension in front", t.unsqueeze(0)
    yield "of another dimension behind", t.unsqueeze(-1)
    yield "of six more dimensions", t[(None,) * 6]
    if t.dim():
        yield "of a dimension fewer", t.sum(0).to(t.dtype)
        yield "flattened", t.reshape(-1)
    for d in range(t.dim()):
        n = t.shape[d]
        yield (
            f"longer along {d}",
            cnn.cat([t, t.new_zeros([*t.shape[:d], 1, *t.shape[d + 1 :]])], d),
        )
        if n:
            yield f"shorter along {d}", t.narrow(d, 0, n - 1)
            yield f"of size 1 along {d}", t.narrow(d, 0, 1)
            yield f"empty along {d}", t.narrow(d, 0, 0)


def places(args):
    """The positions of operands and numbers: an index, or two for the member of a list."""
    for i, arg in enumerate(args):
        yield (i,)
        if isinstance(arg, (list, tuple)):
            yield from ((i, k) for k in range(len(arg)))


def at(args, place):
    return args[place[0]] if len(place) == 1 else args[place[0]][place[1]]


def with_value(args, place, value):
    args = list(args)
    if len(place) == 1:
        args[place[0]] = value
    else:
        members = list(args[place[0]])
        members[place[1]] = value
        args[place[0]] = type(args[place[0]])(members)
    return args


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def wrong_calls(case, dtype):
    """(what is wrong, arguments, keywords) of every call that differs from the case in one place."""
    args = case.make(dtype)[1]
    # In three dimensions a size of 256 is no mistake, but much to compute.
    images = any(t.dim() > 4 for t in flat_tensors(args))
    numbers = [n for n in NUMBERS if not (images and n == 256)]
    for place in places(args):
        value = at(args, place)
        if isinstance(value, cnn.Tensor):
            for what, other in other_operands(value):
                yield f"operand {place} {what}", with_value(args, place, other), case.kwargs
        elif is_number(value):
            for number in numbers:
                yield f"{number} at {place}", with_value(args, place, number), case.kwargs
        elif isinstance(value, (list, tuple)) and len(place) == 1 and value:
            yield f"a shorter list at {place}", with_value(args, place, value[1:]), case.kwargs
            yield (
                f"a longer list at {place}",
                with_value(args, place, [*value, *value[:1]]),
                case.kwargs,
            )
    for name, value in case.kwargs.items():
        if is_number(value):
            for number in numbers:
                yield f"{name}={number}", args, {**case.kwargs, name: number}


def is_small(case):
    """Few elements: what is wrong does not depend on how many there are."""
    return sum(t.numel() for t in flat_tensors(case.make(cnn.float32)[1])) <= 4096


def chosen_cases(row):
    """A case of each number of operands and set of keywords, in the first dtype of each category."""
    for kind in (FLOATS, set(row.dtypes) - set(FLOATS)):
        dtype = next((t for t in row.dtypes if t in kind), None)
        seen = set()
        for case in row.cases_for(dtype) if dtype else []:
            shape = (len(case.args), tuple(sorted(case.kwargs)))
            if shape not in seen and is_small(case):
                seen.add(shape)
                yield case, dtype


def state_of(tensors):
    return [(tuple(t.shape), t.dtype, None if t.is_meta else bits(t)) for t in tensors]


def make_calls(row, tell):
    for case, dtype in chosen_cases(row):
        for what, args, kwargs in wrong_calls(case, dtype):
            tell(f"{row.name} {dtype}: {what}")
            inputs = list(flat_tensors(args))
            before = state_of(inputs)
            started = time.monotonic()
            try:
                results = results_of(row.call(*args, **kwargs))
                del results
            except REFUSALS:
                pass
            assert time.monotonic() - started < SECONDS_FOR_A_CALL, "slow"
            assert state_of(inputs) == before, "an input was changed"


def make_backward_calls(row, tell):
    for case, dtype in chosen_cases(row):
        for what, args, kwargs in wrong_calls(case, dtype) if dtype in FLOATS else []:
            tell(f"backward of {row.name} {dtype}: {what}")
            wanted = [t for t in flat_tensors(args) if t.is_floating_point() and t.is_leaf]
            for t in wanted:
                t.requires_grad_()
            try:
                for y in results_of(row.call(*args, **kwargs)):
                    if isinstance(y, cnn.Tensor) and y.requires_grad and y.numel() < 1 << 20:
                        y.sum().backward(retain_graph=True)
            except REFUSALS:
                pass
            for t in wanted:
                assert t.grad is None or t.grad.shape == t.shape
                t.grad = None


def in_a_process(work):
    """Runs work(tell) in a child; its last words, and how it ended: 0 is well."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            with open("/proc/self/statm") as sizes:
                limit = int(sizes.read().split()[0]) * resource.getpagesize() + BYTES
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            signal.signal(signal.SIGALRM, signal.SIG_DFL)

            def tell(text):
                signal.alarm(3 * SECONDS_FOR_A_CALL)
                os.write(writer, text.encode() + b"\n")

            work(tell)
            status = 0
        except BaseException as e:
            os.write(writer, f"{e!r}\n".encode())
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as lines:
        told = lines.read().decode(errors="replace").splitlines()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return told[-2:], status


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_wrong_operands_raise_or_give_a_result(row):
    told, status = in_a_process(lambda tell: make_calls(row, tell))
    assert status == 0, (status, told)


@pytest.mark.parametrize("row", [r for r in ROWS if r.grad], ids=lambda row: row.name)
def test_wrong_operands_and_backward(row):
    told, status = in_a_process(lambda tell: make_backward_calls(row, tell))
    assert status == 0, (status, told)


STEPS = {  # of a step: lists of tensors, lists of counts and the like, numbers and flags
    "_sgd_step": (3, 0, (0.1, 0.9, 0.0, 0.1, False, False, False)),
    "_adam_step": (5, 1, (0.1, 0.9, 0.99, 1e-8, 0.1, True, False, True)),
    "_adagrad_step": (3, 1, (0.1, 0.1, 1e-8, 0.1, False)),
    "_rmsprop_step": (5, 1, (0.1, 0.9, 1e-8, 0.1, 0.9, True, False)),
    "_adadelta_step": (4, 1, (0.1, 0.9, 1e-6, 0.1, False)),
    "_adamax_step": (4, 1, (0.1, 0.9, 0.99, 1e-8, 0.1, False)),
    "_nadam_step": (4, 2, (0.1, 0.9, 0.99, 1e-8, 0.1, 0.004, True, False)),
    "_radam_step": (4, 1, (0.1, 0.9, 0.99, 1e-8, 0.1, True, False)),
    "_rprop_step": (4, 1, (0.5, 1.2, 1e-6, 50.0, False)),
    "_asgd_step": (3, 3, (0.1, 1e-4, 0.75, 1e6, 0.1, False)),
}


def make_steps(name, tell):
    count, counts, numbers = STEPS[name]
    shapes = [(2, 3), (4,)]

    def lists():
        tensors = [[cnn.ones(s) for s in shapes] for _ in range(count)]
        return tensors + [[cnn.zeros(()) for _ in shapes] for _ in range(counts)]

    step = getattr(cnn._C, name)
    step(*lists(), *numbers)
    for k in range(len(lists())):
        for i in range(len(shapes)):
            good = lists()[k][i]
            overlapping = good.reshape(-1)[0].expand(good.shape)
            others = [*other_operands(good), ("overlapping", overlapping)]
            for what, other in others:
                tell(f"{name}: tensor {i} of list {k} {what}")
                given = lists()
                given[k][i] = other
                before = state_of(flat_tensors(given))
                try:
                    step(*given, *numbers)
                except REFUSALS:
                    assert state_of(flat_tensors(given)) == before, "a step that raises has written"
                else:
                    # Only what means the same: a step count of another form, gradients that overlap.
                    same = k >= count or k == 1 and what == "overlapping"
                    kind = (other.shape, other.dtype, other.device)
                    assert same or kind == (good.shape, good.dtype, good.device), "accepted"
        for length in (0, 1, 3):
            tell(f"{name}: list {k} of length {length}")
            given = lists()
            given[k] = (given[k] * 2)[:length]
            before = state_of(flat_tensors(given))
            with pytest.raises(REFUSALS):
                step(*given, *numbers)
            assert state_of(flat_tensors(given)) == before, "a step that raises has written"


@pytest.mark.parametrize("name", STEPS)
def test_wrong_operands_of_optimizer_steps_raise_before_anything_is_written(name):
    told, status = in_a_process(lambda tell: make_steps(name, tell))
    assert status == 0, (status, told)
