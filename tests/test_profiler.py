"""Profiles: which events there are, how they nest, tables, traces, schedules, and that nothing is left behind."""

import gzip
import json
import os
import subprocess
import sys
import time
import warnings

import pytest

import cnn
from cnn import nn, optim, profiler
from cnn.autograd import Function
from cnn.autograd import profiler as autograd_profiler
from cnn.autograd.profiler_util import EventList, FunctionEvent, FunctionEventAvg
from cnn.nn import functional as F
from cnn.profiler import ProfilerAction, ProfilerActivity, profile, record_function, schedule
from cnn.utils.data import DataLoader, TensorDataset


def recorded(function, **options):
    with profile(**options) as prof:
        function()
    assert not cnn._C._is_recording()
    return prof.events()


def outermost(function, **options):
    return [event.name for event in recorded(function, **options) if event.cpu_parent is None]


X = cnn.arange(6.0).view(2, 3)
FLAGS = cnn.tensor([0, 1])


@pytest.mark.parametrize(
    "function, names",
    [
        (lambda: X + X, ["aten::add"]),
        (lambda: 1 - X, ["aten::rsub"]),
        (lambda: X @ X.t(), ["aten::t", "aten::matmul"]),
        (lambda: cnn.relu(X), ["aten::relu"]),
        (lambda: X.clone().add_(1), ["aten::clone", "aten::add_"]),
        (lambda: -X, ["aten::neg"]),
        (lambda: X > 1, ["aten::gt"]),
        (lambda: X.sum(), ["aten::sum"]),
        (lambda: X.double(), ["aten::to"]),
        (lambda: X[0], ["aten::select"]),
        (lambda: X[0, 1:], ["aten::select", "aten::slice"]),
        (lambda: X[:, None], ["aten::unsqueeze"]),
        (lambda: X[FLAGS], ["aten::index"]),
        (lambda: X.t().contiguous(), ["aten::t", "aten::contiguous"]),
        (lambda: float(X[0, 0]), ["aten::select", "aten::select", "aten::item"]),
        (lambda: bool(X.sum()), ["aten::sum", "aten::is_nonzero"]),
        (lambda: F.cross_entropy(X, FLAGS), ["aten::cross_entropy_loss"]),
        (lambda: F.mse_loss(X, X), ["aten::mse_loss"]),
        (lambda: F.dropout(X, 0.5), ["aten::dropout"]),
        (lambda: F.linear(X, X), ["aten::linear"]),
        (lambda: cnn.einsum("ij,kj->ik", X, X), ["aten::einsum"]),
        (lambda: cnn.ones(2, 3), ["aten::ones"]),
        # Questions about a tensor are no events, nor is what gives it back as it is.
        (lambda: (X.size(), X.numel(), X.dim(), X.is_contiguous(), X.stride(), X.shape), []),
        (lambda: X.contiguous(), []),
        (lambda: X.clone().requires_grad_(), ["aten::clone"]),
    ],
)
def test_calls_are_events_under_pytorchs_names(function, names):
    assert outermost(function) == names


def test_a_call_is_one_event_and_contains_what_it_runs():
    events = recorded(lambda: F.linear(X, X, cnn.zeros(2)))
    linear = next(event for event in events if event.name == "aten::linear")
    assert [child.name for child in linear.cpu_children] == ["aten::addmm"]
    assert linear.cpu_children[0].cpu_parent is linear
    assert [event.name for event in recorded(lambda: X * X)] == ["aten::mul"]


def test_times_nest_and_add_up():
    def work():
        with record_function("outer"):
            time.sleep(0.002)
            with record_function("inner"):
                time.sleep(0.002)

    outer, inner = recorded(work)
    assert (outer.name, inner.name) == ("outer", "inner")
    assert outer.time_range.start < inner.time_range.start
    assert inner.time_range.end <= outer.time_range.end
    assert inner.cpu_time_total >= 2000 and outer.cpu_time_total >= 4000
    assert outer.self_cpu_time_total == pytest.approx(outer.cpu_time_total - inner.cpu_time_total)
    assert outer.is_user_annotation and outer.scope == 7
    average = EventList([outer, inner]).total_average()
    assert average.key == "Total" and average.count == 2
    assert average.self_cpu_time_total == pytest.approx(outer.cpu_time_total)


def test_backward_shows_the_engine_its_nodes_and_their_ops():
    w, b = cnn.ones(2, 3, requires_grad=True), cnn.zeros(2, requires_grad=True)
    loss = F.linear(X, w, b).sum()
    events = recorded(loss.backward)
    top = [event.name for event in events if event.cpu_parent is None]
    evaluate = "autograd::engine::evaluate_function: "
    assert top == [
        "aten::ones_like",
        evaluate + "SumBackward0",
        evaluate + "AddmmBackward0",
        evaluate + "torch::autograd::AccumulateGrad",
        evaluate + "torch::autograd::AccumulateGrad",
    ]
    node = next(event for event in events if event.name == "AddmmBackward0")
    assert node.scope == 1 and node.cpu_parent.name == evaluate + "AddmmBackward0"
    assert {"aten::mm", "aten::sum"} <= {child.name for child in node.cpu_children}
    assert node.sequence_nr >= 0
    leaf = next(event for event in events if event.name == "torch::autograd::AccumulateGrad")
    assert leaf.sequence_nr == -1


def test_functions_written_by_hand_are_nodes_too():
    class Twice(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            with record_function("inside"):
                return grad * 2

    x = cnn.ones(3, requires_grad=True)
    events = recorded(lambda: Twice.apply(x).sum().backward(), record_shapes=True)
    twice, mul = events[:2]
    assert twice.name == "Twice" and twice.input_shapes == [[3]] and mul.cpu_parent is twice
    events = {event.name: event for event in events}
    assert twice.sequence_nr == events["TwiceBackward"].sequence_nr
    assert events["inside"].cpu_parent.name == "TwiceBackward"
    assert events["inside"].cpu_children[0].name == "aten::mul"


def test_optimizers_and_loaders_are_ranges():
    layer = nn.Linear(3, 1)
    loader = DataLoader(TensorDataset(X), batch_size=1)
    adam = optim.AdamW(layer.parameters())

    def steps():
        for (x,) in loader:
            adam.zero_grad()
            layer(x).sum().backward()
            adam.step()

    counts = {event.key: event.count for event in recorded(steps).key_averages()}
    assert counts["Optimizer.step#AdamW.step"] == 2
    assert counts["Optimizer.zero_grad#AdamW.zero_grad"] == 2
    # Two batches, and the one call that finds that there are no more.
    assert counts["enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__"] == 3
    assert counts["AddmmBackward0"] == 2


def test_shapes_and_values_of_arguments():
    def work():
        F.linear(X, cnn.ones(4, 3), cnn.ones(4))
        cnn.cat([X, X], 1)
        cnn.sum(X, 1, keepdim=True)

    events = {event.name: event for event in recorded(work, record_shapes=True)}
    assert events["aten::linear"].input_shapes == [[2, 3], [4, 3], [4]]
    assert events["aten::addmm"].input_shapes == [[4], [2, 3], [3, 4]]
    assert events["aten::cat"].input_shapes == [[], []]
    assert events["aten::cat"].structured_input_shapes == [[[2, 3], [2, 3]], []]
    assert events["aten::sum"].input_shapes[0] == [2, 3]
    assert events["aten::sum"].concrete_inputs[1:3] == [1, True]
    assert all(event.input_shapes == [] for event in recorded(work))


def test_averages_by_shape():
    def work():
        for n in (2, 2, 5):
            cnn.ones(n) * 2

    events = recorded(work, record_shapes=True)
    by_name = {e.key: e.count for e in events.key_averages()}
    assert by_name["aten::mul"] == 3
    by_shape = events.key_averages(group_by_input_shapes=True)
    muls = [(e.input_shapes, e.count) for e in by_shape if e.key == "aten::mul"]
    assert muls == [([[2], []], 2), ([[5], []], 1)]
    assert isinstance(by_shape[0], FunctionEventAvg) and isinstance(events[0], FunctionEvent)


def called_here():
    return X.exp()


def test_stacks_name_files_lines_and_functions(tmp_path):
    w = cnn.ones(3, requires_grad=True)

    def work():
        called_here()
        (w * 2).sum().backward()

    with profile(with_stack=True) as prof:
        work()
    events = {event.name: event for event in prof.events()}
    line = called_here.__code__.co_firstlineno + 1
    assert events["aten::exp"].stack[0] == f"{__file__}({line}): called_here"
    assert ": work" in events["aten::exp"].stack[1]
    # What runs in backward has the stack of the call that made its node.
    assert ": work" in events["MulBackward0"].stack[0]
    averages = prof.key_averages(group_by_stack_n=2)
    assert all(len(average.stack) <= 2 for average in averages)
    assert "called_here" in averages.table(max_src_column_width=200)
    path = tmp_path / "stacks"
    cnn.ones(300, 300).exp()
    with profile(with_stack=True) as prof:
        for _ in range(20):
            cnn.ones(300, 300).exp()
    prof.export_stacks(str(path))
    assert all(row.rpartition(" ")[2].isdigit() for row in path.read_text().splitlines())
    with pytest.raises(ValueError, match="self_cpu_time_total"):
        prof.events().export_stacks(str(path), "cuda_time")
    with autograd_profiler.profile() as plain:
        pass
    with pytest.raises(AssertionError, match="with_stack"):
        plain.export_stacks(str(path))


def test_memory_that_events_leave_allocated():
    kept = []

    def work():
        kept.append(cnn.ones(1 << 18))
        (cnn.ones(1 << 18) + 1).sum()

    prof = profile(profile_memory=True)
    with prof:
        work()
    ones, other, add, total = (e for e in prof.events() if e.cpu_parent is None)
    assert 1 << 20 <= ones.cpu_memory_usage <= 9 << 17
    assert ones.cpu_memory_usage == other.cpu_memory_usage == add.cpu_memory_usage
    assert total.cpu_memory_usage <= 4096
    table = prof.key_averages().table()
    assert "CPU Mem" in table and "1.00 MB" in table


@pytest.mark.parametrize(
    "function, flops",
    [
        (lambda: X @ X.t(), {"aten::mm": 24}),
        (lambda: F.linear(X, X, X[:, 0]), {"aten::addmm": 24}),
        (lambda: X * X, {"aten::mul": 6}),
        (lambda: X + 1, {"aten::add": 6}),
        (lambda: X.exp(), {}),
        (
            lambda: F.conv2d(
                cnn.ones(2, 4, 8, 9), cnn.ones(6, 2, 3, 3), stride=2, padding=1, groups=2
            ),
            {"aten::conv2d": 2 * 2 * 6 * 4 * 5 * 9 * 2},
        ),
    ],
)
def test_flops(function, flops):
    events = recorded(function, with_flops=True)
    assert {e.name: e.flops for e in events if e.flops} == flops
    assert ("FLOPs" in events.key_averages().table()) == bool(flops)


def test_the_table():
    def work():
        for _ in range(3):
            X + X
        with record_function("a name that is longer than the column is wide, by quite a lot"):
            X.exp()

    table = recorded(work).key_averages().table(sort_by="count", row_limit=2)
    lines = table.splitlines()
    assert lines[1].split() == (
        "Name Self CPU % Self CPU CPU total % CPU total CPU time avg # of Calls".split()
    )
    assert lines[0] == lines[2] == lines[-2] and set(lines[0]) == {"-", " "}
    assert lines[3].split()[0] == "aten::add" and lines[3].split()[-1] == "3"
    assert len(lines) == 7 and lines[-1].startswith("Self CPU time total: ")
    whole = recorded(work).key_averages().table(row_limit=-1, header="Header", time_unit="ms")
    assert "by quite" not in whole and "is wide, by qu..." in whole
    assert whole.splitlines()[1] == "Header" and "ms" in whole and "us" not in whole
    top = recorded(work).table(top_level_events_only=True)
    assert "aten::exp" not in top and top.count("aten::add") == 3
    assert EventList().table() == ""


@pytest.mark.parametrize("name", ["trace.json", "trace.json.gz"])
def test_traces_are_chromes(tmp_path, name):
    path = tmp_path / name
    w = cnn.ones(3, requires_grad=True)
    with profile(record_shapes=True) as prof:
        with record_function('quoted "name"'):
            (w * 2).sum().backward()
    prof.add_metadata("told", 'by "hand"')
    prof.add_metadata_json("number", "[1, 2]")
    prof.export_chrome_trace(str(path))
    with (gzip.open if name.endswith("gz") else open)(path, "rt") as file:
        trace = json.load(file)
    assert trace["told"] == 'by "hand"' and trace["number"] == [1, 2]
    events = {}
    for e in trace["traceEvents"]:
        if e["ph"] == "X":
            events.setdefault(e["name"], e)
    assert events['quoted "name"']["cat"] == "user_annotation"
    mul = events["aten::mul"]
    assert mul["cat"] == "cpu_op" and mul["pid"] == os.getpid() and mul["dur"] > 0
    assert mul["args"]["Input Dims"] == [[3], []] and mul["args"]["Concrete Inputs"] == ["", "2"]
    start = events["aten::mul"]["args"]["Sequence number"]
    assert start == events["MulBackward0"]["args"]["Sequence number"]
    assert {e["ph"] for e in trace["traceEvents"] if e["name"] == "fwdbwd"} <= {"s", "f"}
    path2 = tmp_path / "events.json"
    prof.events().export_chrome_trace(str(path2))
    assert json.load(open(path2))["traceEvents"]


def test_decorated_functions_and_recursion():
    @record_function("down")
    def down(n):
        return n and down(n - 1)

    events = recorded(lambda: down(2))
    assert [event.name for event in events] == ["down"] * 3
    assert events[2].cpu_parent is events[1] and events[1].cpu_parent is events[0]
    assert down(3) == 0


# Schedules ----------------------------------------------------------------------------------------


def test_schedule():
    plan = schedule(wait=1, warmup=1, active=2, repeat=2, skip_first=1)
    none, warmup, record, save = list(ProfilerAction)[:4]
    cycle = [none, warmup, record, save]
    assert [plan(step) for step in range(10)] == [none] + cycle * 2 + [none]
    plan = schedule(wait=2, warmup=1, active=1, skip_first=1, skip_first_wait=1)
    assert [plan(step) for step in range(6)] == [none, warmup, save, none, none, warmup]
    with pytest.raises(AssertionError, match="active=0"):
        schedule(wait=0, warmup=1, active=0)
    with pytest.warns(UserWarning, match="warmup"):
        schedule(wait=0, warmup=0, active=1)
    with pytest.raises(AssertionError, match="non-negative"):
        plan(-1)


def test_steps_of_a_schedule():
    ready = []

    def on_ready(prof):
        ready.append((prof.step_num, [e.name for e in prof.events()]))

    with profile(
        schedule=schedule(wait=1, warmup=1, active=2, repeat=2), on_trace_ready=on_ready
    ) as prof:
        for _ in range(10):
            X + X
            prof.step()
    step = ["ProfilerStep*", "aten::add"]
    assert ready == [(4, step * 2), (8, step * 2)]
    assert prof.events()[0].trace_name == "ProfilerStep#6"
    assert not cnn._C._is_recording()


def test_a_profile_without_schedule_is_ready_at_its_end():
    ready = []
    with profile(on_trace_ready=ready.append) as prof:
        X + X
    assert ready == [prof] and len(prof.events()) == 1


def test_a_schedule_cut_short():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with profile(schedule=schedule(wait=0, warmup=5, active=1)) as prof:
            X + X
            prof.step()
    assert prof.events() == []
    with pytest.warns(UserWarning, match="RECORD followed by NONE"):
        with profile(schedule=lambda i: [ProfilerAction.RECORD, ProfilerAction.NONE][i]) as prof:
            X + X
            prof.step()
    assert [e.name for e in prof.events()] == ["ProfilerStep*", "aten::add"]
    with pytest.raises(ValueError, match="DEVICE_STOPPED"):
        profile(schedule=lambda i: ProfilerAction.DEVICE_STOPPED)


def test_events_of_all_cycles():
    plan = schedule(wait=0, warmup=1, active=1)

    def on_ready(prof):
        counts.append(sum(e.name == "aten::exp" for e in prof.events()))

    for keeps, expected in ((False, [1, 1, 1]), (True, [1, 2, 3])):
        counts = []
        with profile(schedule=plan, acc_events=keeps, on_trace_ready=on_ready) as prof:
            for _ in range(6):
                X.exp()
                prof.step()
        assert counts == expected


def test_tensorboard_handler(tmp_path):
    directory = tmp_path / "new" / "log"
    handler = profiler.tensorboard_trace_handler(str(directory), "worker", use_gzip=True)
    with profile(on_trace_ready=handler):
        X + X
    (path,) = directory.iterdir()
    assert path.name.startswith("worker.") and path.name.endswith(".pt.trace.json.gz")
    assert json.load(gzip.open(path))["traceEvents"]


# What is left behind ------------------------------------------------------------------------------


def test_function_modes_and_profiles():
    class Doubles(cnn.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return func(*args, **(kwargs or {}))

    with Doubles():
        assert outermost(lambda: X + X) == ["aten::add"]
        assert outermost(lambda: F.relu(X)) == ["aten::relu"]


def test_what_is_refused():
    assert profiler.supported_activities() == {ProfilerActivity.CPU}
    with pytest.warns(UserWarning, match="CUDA is not profiled"):
        profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA])
    with pytest.raises(ValueError, match="more than once"):
        profile(activities=[ProfilerActivity.CPU] * 2)
    with pytest.raises(TypeError, match="ProfilerActivity"):
        profile(activities=["cpu"])
    with pytest.raises(AssertionError, match="No valid"):
        profile(activities=[])
    with pytest.raises(AssertionError, match="initialized"):
        profile().events()
    with pytest.raises(RuntimeError, match="didn't finish"):
        autograd_profiler.profile().function_events  # noqa: B018
    with pytest.raises(RuntimeError, match="NVTX"):
        autograd_profiler.emit_nvtx().__enter__()
    with autograd_profiler.emit_nvtx(enabled=False):
        pass
    with pytest.raises(NotImplementedError, match="export_chrome_trace"):
        profiler.ExecutionTraceObserver().register_callback("x")
    with autograd_profiler.profile(enabled=False) as off:
        X + X
    assert off is None
    with pytest.raises(RuntimeError, match="nothing is recorded"):
        cnn._C._recorder_stop(0)


def test_step_counts():
    tracker = autograd_profiler.KinetoStepTracker
    before = tracker.current_step()
    tracker.init_step_count("test")
    assert tracker.increment_step("test") == before + 1
    assert tracker.increment_step("other") == before + 1 or tracker.erase_step_count("other")
    assert tracker.erase_step_count("test") and not tracker.erase_step_count("test")
    tracker.erase_step_count("other")


PROGRAM = """
import torch
import torch.profiler
from torch.autograd import profiler as autograd_profiler
from torch.utils.flop_counter import FlopCounterMode
from torch.utils import benchmark

model = torch.nn.Linear(4, 3)
with torch.profiler.profile(
    activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True, with_flops=True
) as prof:
    with torch.profiler.record_function("model_inference"), torch.autograd.profiler.record_function("again"):
        model(torch.ones(2, 4)).sum().backward()
print(prof.key_averages(group_by_input_shape=True).table(sort_by="cpu_time_total", row_limit=10))
with FlopCounterMode(display=False) as counter:
    model(torch.ones(2, 4))
assert counter.get_total_flops() == 48
assert "1 thread" in repr(benchmark.Timer("model(x)", globals={"model": model, "x": torch.ones(2, 4)}).timeit(10))
assert type(prof).__module__ == "torch.profiler.profiler"
"""


def test_a_program_written_for_pytorch():
    done = subprocess.run(
        [sys.executable, "-m", "cnn", "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert "model_inference" in done.stdout and "aten::linear" in done.stdout
