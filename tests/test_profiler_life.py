"""Profiles that are left, nested, cut short and shared between threads and processes: nothing is left behind."""

import os
import threading
import time

import pytest

import cnn
from cnn.autograd import Function
from cnn.autograd import profiler as autograd_profiler
from cnn.profiler import profile, record_function

X = cnn.arange(6.0).view(2, 3)


def recorded(function, **options):
    with profile(**options) as prof:
        function()
    assert not cnn._C._is_recording()
    return prof.events()


def test_left_by_an_exception():
    with pytest.raises(ZeroDivisionError):
        with profile() as prof, record_function("range"):
            X + X
            1 / 0
    assert not cnn._C._is_recording()
    assert [event.name for event in prof.events()] == ["range", "aten::add"]
    with profile() as prof:
        with pytest.raises(RuntimeError):
            X @ X
    assert [event.name for event in prof.events()] == ["aten::matmul"]
    assert not cnn._C._is_recording()


def test_entered_twice():
    prof = autograd_profiler.profile()
    with prof:
        with pytest.raises(RuntimeError, match="Profiler context manager is not reentrant"):
            prof.__enter__()
        X + X
    assert [event.name for event in prof.function_events] == ["aten::add"]
    with pytest.raises(RuntimeError, match="not reentrant"):
        prof.__enter__()
    assert not cnn._C._is_recording()


def test_profiles_inside_profiles_have_their_own_events():
    with profile() as outer:
        X + X
        with record_function("range"), profile(record_shapes=True) as inner:
            X * X
        X - X
    assert [e.name for e in inner.events()] == ["aten::mul"]
    assert inner.events()[0].cpu_parent is None and inner.events()[0].input_shapes == [[2, 3]] * 2
    assert [e.name for e in outer.events()] == ["aten::add", "range", "aten::mul", "aten::sub"]
    assert not cnn._C._is_recording()


def test_ranges_that_overlap():
    first, second = record_function("first"), record_function("second")
    with profile() as prof:
        first.__enter__()
        second.__enter__()
        time.sleep(0.001)
        first.__exit__(None, None, None)
        X + X
        second.__exit__(None, None, None)
        X * X
    a, b, add, mul = prof.events()
    assert b.cpu_parent is None and add.cpu_parent is b and mul.cpu_parent is None
    assert a.time_range.end < b.time_range.end and a.self_cpu_time_total == a.cpu_time_total


def test_a_range_that_another_thread_ends():
    with profile() as prof:
        within = record_function("range")
        within.__enter__()
        thread = threading.Thread(target=within.__exit__, args=(None, None, None))
        thread.start()
        thread.join()
        X + X
    assert [e.name for e in prof.events()] == ["range", "aten::add"]
    assert prof.events()[0].time_range.end > prof.events()[1].time_range.end


def test_a_range_that_outlives_its_profile():
    open_range = record_function("open")
    with profile() as prof:
        open_range.__enter__()
    assert [event.name for event in prof.events()] == ["open"]
    with profile() as other:
        open_range.__exit__(None, None, None)
        X + X
    assert [event.name for event in other.events()] == ["aten::add"]
    # One that was begun before is none of the profile's.
    open_range.__enter__()
    assert recorded(lambda: open_range.__exit__(None, None, None)) == []


def test_a_profile_stopped_within_backward():
    prof = profile()

    class Stops(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            prof.stop()
            prof.start()
            return grad * 1

    x = cnn.ones(3, requires_grad=True)
    y = Stops.apply(x).sum()
    prof.start()
    y.backward()
    prof.stop()
    names = [event.name for event in prof.events()]
    assert names[0] == "aten::mul" and "torch::autograd::AccumulateGrad" in names
    assert not cnn._C._is_recording()


def test_threads_are_recorded_apart():
    def other():
        X.exp()
        mine.append([e.name for e in recorded(X.sin)])

    mine = []
    with profile() as prof:
        X + X
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    # As in PyTorch, a profile is of its own thread, and of those that work for it.
    assert [event.name for event in prof.events()] == ["aten::add"]
    assert mine == [["aten::sin"]]


def test_the_engines_helper_thread_is_recorded_with_its_own_number():
    class Nested(Function):
        @staticmethod
        def forward(ctx, x, depth):
            ctx.depth = depth
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            if ctx.depth:
                with cnn.enable_grad():
                    x = cnn.ones(1, requires_grad=True)
                    Nested.apply(x, ctx.depth - 1).sum().backward()
            return grad, None

    x = cnn.ones(1, requires_grad=True)
    y = Nested.apply(x, 60).sum()
    events = recorded(y.backward)
    nodes = [e for e in events if e.name == "NestedBackward"]
    assert len(nodes) == 61
    assert len({e.thread for e in nodes}) == 2 and len({e.device_resource_id for e in nodes}) == 2


def test_a_profile_stopped_by_the_engines_helper_thread():
    prof = profile()

    class Nested(Function):
        @staticmethod
        def forward(ctx, x, depth):
            ctx.depth = depth
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            if not ctx.depth:
                prof.stop()
                return grad, None
            with cnn.enable_grad():
                x = cnn.ones(1, requires_grad=True)
                Nested.apply(x, ctx.depth - 1).sum().backward()
            return grad, None

    y = Nested.apply(cnn.ones(1, requires_grad=True), 60).sum()
    prof.start()
    y.backward()
    assert not cnn._C._is_recording()
    assert sum(e.name == "NestedBackward" for e in prof.events()) == 61
    assert [event.name for event in recorded(X.exp) if event.cpu_parent is None] == ["aten::exp"]


def test_a_forked_child_records_nothing():
    with profile() as prof:
        child = os.fork()
        if child == 0:
            os._exit(3 if cnn._C._is_recording() else 0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        X + X
    assert [event.name for event in prof.events()] == ["aten::add"]
