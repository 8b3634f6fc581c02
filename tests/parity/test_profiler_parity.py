"""Profiles and counts of operations beside PyTorch's.

Compared are the names and counts of what a program sees: the ops that it calls, the nodes of the graph and the engine
at each of them, the ranges of optimizers, loaders and the program itself, and the heavy ops inside. What stands inside
an op is each library's own; an event is never shown that did not happen.
"""

import json
from collections import Counter

import pytest

import cnn
from cnn.autograd.profiler import record_function
from cnn.profiler import profile
from cnn.utils import flop_counter
from cnn.utils.flop_counter import FlopCounterMode

torch = pytest.importorskip("torch")
torch_flops = pytest.importorskip("torch.utils.flop_counter")
pytestmark = pytest.mark.filterwarnings("ignore")


def lenet(lib):
    nn, F = lib.nn, lib.nn.functional

    class LeNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
            self.conv2 = nn.Conv2d(6, 16, 5)
            self.fc1 = nn.Linear(400, 120)
            self.fc2 = nn.Linear(120, 84)
            self.fc3 = nn.Linear(84, 10)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.conv1(x)), 2)
            x = F.max_pool2d(F.relu(self.conv2(x)), 2)
            x = lib.flatten(x, 1)
            x = F.relu(self.fc2(F.relu(self.fc1(x))))
            return self.fc3(x)

    return LeNet()


def profiled(lib, prof, named_range, loss_of, fused):
    """The events of a training step, after one that makes what is only made once."""
    F = lib.nn.functional
    model = lenet(lib)
    sgd = lib.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, **fused)
    x, y = lib.ones(4, 1, 28, 28), lib.tensor([0, 1, 2, 3])

    def step():
        with named_range("forward"):
            out = model(x)
        loss = loss_of(F, out, y)
        sgd.zero_grad()
        loss.backward()
        sgd.step()

    step()
    with prof(record_shapes=True) as p:
        step()
    return p


def both(loss_of):
    fused = {"fused": True}  # a step is one call here; that is what PyTorch calls fused
    mine = profiled(cnn, profile, record_function, loss_of, {})
    theirs = profiled(torch, torch.profiler.profile, torch.profiler.record_function, loss_of, fused)
    return mine, theirs


def is_op(event):
    return event is not None and event.name.startswith(("aten::", "cnn::"))


def of_the_user(events):
    """Ops that no other op called and no node of the graph, by name."""

    def is_inside(event):
        while event is not None:
            if is_op(event) or event.name.startswith("autograd::"):
                return True
            event = event.cpu_parent
        return False

    return Counter(e.name for e in events if is_op(e) and not is_inside(e.cpu_parent))


def of_the_graph(events):
    return Counter(e.name for e in events if e.scope == 1 or e.name.startswith("autograd::"))


def of_the_program(events):
    return Counter(e.name for e in events if e.is_user_annotation)


def cross_entropy(F, out, y):
    return F.cross_entropy(out, y)


def nll_of_log_softmax(F, out, y):
    return F.nll_loss(F.log_softmax(out, 1), y)


EVALUATE = "autograd::engine::evaluate_function: "


def nodes_only_there(*names):
    return Counter({prefix + name: n for name, n in names for prefix in ("", EVALUATE)})


@pytest.mark.parametrize("loss_of", [cross_entropy, nll_of_log_softmax])
def test_a_training_step_of_lenet(loss_of):
    mine, theirs = both(loss_of)
    a, b = mine.events(), theirs.events()
    assert of_the_user(a) == of_the_user(b)
    assert of_the_program(a) == of_the_program(b)
    assert of_the_user(a)["aten::conv2d"] == 2 and of_the_program(a)["forward"] == 1
    # linear's node leads to the weight, where PyTorch has a transpose between; and one kernel does the work of the
    # nodes of nll_loss and log_softmax where the second follows the first and nobody sees the gradient between.
    only_there = nodes_only_there(("TBackward0", 3))
    if loss_of is cross_entropy:
        only_there += nodes_only_there(("LogSoftmaxBackward0", 1))
    assert of_the_graph(a) + only_there == of_the_graph(b)
    # The heavy ops within: all products, convolutions and poolings of both passes.
    heavy = (
        "aten::convolution", "aten::convolution_backward", "aten::addmm", "aten::mm",
        "aten::max_pool2d_with_indices", "aten::max_pool2d_with_indices_backward",
    )  # fmt: skip
    counts, expected = Counter(e.name for e in a), Counter(e.name for e in b)
    assert {name: counts[name] for name in heavy} == {name: expected[name] for name in heavy}


def test_shapes_of_a_step():
    mine, theirs = both(cross_entropy)

    def shapes(events):
        names = ("aten::conv2d", "aten::relu", "aten::linear", "aten::addmm", "aten::max_pool2d")
        return [(e.name, e.input_shapes[:3]) for e in events if e.name in names]

    def products(events):  # which gradient of a layer comes first is each library's own
        return sorted(e.input_shapes for e in events if e.name == "aten::mm")

    def of_addmm(pairs):  # PyTorch also lists beta and alpha
        return [(name, s) for name, s in pairs if name != "aten::linear"]

    a, b = mine.events(), theirs.events()
    assert shapes(a) == shapes(b)
    assert products(a) == products(b) and of_addmm(shapes(a))
    nodes = [
        Counter((e.name, str(e.input_shapes[0])) for e in events if e.scope == 1)
        for events in (a, b)
    ]
    assert not nodes[0] - nodes[1]


def test_the_tables_look_the_same():
    mine, theirs = both(cross_entropy)

    def frame(prof):
        lines = prof.key_averages().table(sort_by="count", row_limit=3).splitlines()
        return lines[0], lines[1], lines[2], lines[-2], lines[-1].partition(":")[0], len(lines)

    def columns(line):
        return [len(part) for part in line.split()]

    a, b = frame(mine), frame(theirs)
    assert a[1].split() == b[1].split() and a[4:] == b[4:]
    assert columns(a[0])[:7] == columns(b[0])[:7] and a[0] == a[2] == a[3]
    by_shape = mine.key_averages(group_by_input_shape=True).table()
    assert "Input Shapes" in by_shape and "[[4, 1, 28, 28], [6, 1, 5, 5], [6]" in by_shape


OPS = [
    lambda t, x, i: x + x,
    lambda t, x, i: 1 - x,
    lambda t, x, i: x @ x.t(),
    lambda t, x, i: x[0],
    lambda t, x, i: x[1:2, 0],
    lambda t, x, i: x[:, None],
    lambda t, x, i: x[i],
    lambda t, x, i: (x.T, x.mT, x.H, x.mH),
    lambda t, x, i: x.double(),
    lambda t, x, i: float(x.sum()),
    lambda t, x, i: bool(x.sum()),
    lambda t, x, i: x.contiguous(),
    lambda t, x, i: (x.size(), x.dim(), x.numel(), x.is_floating_point()),
    lambda t, x, i: x.clone().mul_(2),
    lambda t, x, i: t.cat([x, x]),
    lambda t, x, i: t.stack([x, x]),
    lambda t, x, i: t.ones(3),
    lambda t, x, i: t.einsum("ij,kj->ik", x, x),
    lambda t, x, i: list(x),
    lambda t, x, i: x.reshape(-1).view(16).permute(0),
    lambda t, x, i: t.nn.functional.dropout(x),
    lambda t, x, i: t.nn.functional.softmax(x, 1),
    lambda t, x, i: t.nn.functional.gelu(x),
    lambda t, x, i: t.nn.functional.layer_norm(x, (4,)),
    lambda t, x, i: t.nn.functional.batch_norm(x, None, None, training=True),
    lambda t, x, i: t.nn.functional.embedding(i, x),
    lambda t, x, i: t.nn.functional.pad(x, (1, 1)),
    lambda t, x, i: t.nn.functional.avg_pool2d(x[None], 2),
    lambda t, x, i: t.nn.functional.adaptive_avg_pool2d(x[None], 2),
    lambda t, x, i: t.nn.functional.scaled_dot_product_attention(x, x, x),
    lambda t, x, i: t.nn.functional.binary_cross_entropy(x.sigmoid(), x.sigmoid()),
    lambda t, x, i: t.nn.functional.normalize(x).detach(),
]


@pytest.mark.parametrize("call", OPS, ids=range(len(OPS)))
def test_ops_of_a_program(call):
    names = []
    for lib, prof in ((cnn, profile), (torch, torch.profiler.profile)):
        x, i = lib.arange(16.0).view(4, 4) / 16, lib.tensor([0, 1])
        call(lib, x, i)
        with prof() as p:
            call(lib, x, i)
        names.append(of_the_user(p.events()))
    assert names[0] == names[1]


FLOPS = [
    lambda t, x: x @ x.t(),
    lambda t, x: t.addmm(x[:, :3], x, x.t()),
    lambda t, x: t.bmm(x[None], x.t()[None]),
    lambda t, x: x + x,
    lambda t, x: x * 2,
    lambda t, x: x.mul_(2),
    lambda t, x: t.nn.functional.linear(x, x),
    lambda t, x: t.nn.functional.conv2d(
        t.ones(2, 4, 8, 9), t.ones(6, 2, 3, 3), stride=2, padding=1, groups=2
    ),
]


@pytest.mark.parametrize("call", FLOPS, ids=range(len(FLOPS)))
def test_flops_of_a_profile(call):
    found = []
    for lib, prof in ((cnn, profile), (torch, torch.profiler.profile)):
        x = lib.ones(3, 4)
        with prof(with_flops=True) as p:
            call(lib, x)
        found.append(sum(e.flops for e in p.events()))
    assert found[0] == found[1]


def test_traces_have_the_same_events(tmp_path):
    mine, theirs = both(cross_entropy)
    names = []
    for i, prof in enumerate((mine, theirs)):
        path = str(tmp_path / f"{i}.json")
        prof.export_chrome_trace(path)
        with open(path) as file:
            events = json.load(file)["traceEvents"]
        names.append({e["name"] for e in events if e.get("cat") in ("cpu_op", "user_annotation")})
        assert {"ph", "name", "pid", "tid", "ts", "dur", "args"} <= set(
            next(e for e in events if e.get("cat") == "cpu_op")
        )
    assert {"aten::conv2d", "forward", "AddmmBackward0"} <= names[0] & names[1]


# Counts of operations -----------------------------------------------------------------------------


def flops_of(lib, counter, make_model, shape, backward):
    model = make_model(lib)
    x = lib.ones(*shape, requires_grad=True)
    with counter(display=False) as c:
        y = model(x)
        if backward:
            y.sum().backward()
    return {
        module: {str(op): n for op, n in counts.items()}
        for module, counts in c.get_flop_counts().items()
    }


def perceptron(lib):
    nn = lib.nn
    return nn.Sequential(
        nn.Linear(12, 20), nn.Tanh(), nn.Linear(20, 20), nn.GELU(), nn.Linear(20, 3)
    )


def res_block(lib):
    nn, F = lib.nn, lib.nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(8)
            self.conv2 = nn.Conv2d(8, 8, 3, padding=1, groups=2)
            self.bn2 = nn.BatchNorm2d(8)
            self.down = nn.Sequential(nn.Conv2d(3, 8, 1, stride=2), nn.BatchNorm2d(8))

        def forward(self, x):
            y = F.relu(self.bn1(self.conv1(x)))
            return F.relu(self.bn2(self.conv2(y)) + self.down(x))

    return Block()


def encoder_layer(lib):
    return lib.nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)


MODELS = [
    (lenet, (4, 1, 28, 28)),
    (perceptron, (5, 12)),
    (res_block, (2, 3, 8, 8)),
    (encoder_layer, (2, 5, 16)),
]
# PyTorch does not count the kernel of attention that it has for the CPU.
NOT_COUNTED_THERE = "aten._scaled_dot_product_flash_attention_for_cpu"


def products(counts):
    """Without attention, and all products as one: a bias is added by addmm, or after mm."""
    merged = {}
    for module, ops in counts.items():
        merged[module] = Counter()
        for op, n in ops.items():
            if not op.startswith(NOT_COUNTED_THERE):
                merged[module]["aten.mm" if op == "aten.addmm" else op] += n
    return merged


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("make_model, shape", MODELS, ids=[m[0].__name__ for m in MODELS])
def test_flops_by_module(make_model, shape, backward):
    mine = flops_of(cnn, FlopCounterMode, make_model, shape, backward)
    theirs = flops_of(torch, torch_flops.FlopCounterMode, make_model, shape, backward)
    if make_model is encoder_layer:
        attention = 2 * (2 * 2 * 2 * 5 * 5 * 8)
        assert mine["Global"][NOT_COUNTED_THERE] == attention
        if backward:
            assert mine["Global"][NOT_COUNTED_THERE + "_backward"] == attention * 5 // 2
        mine, theirs = products(mine), products(theirs)
    assert mine["Global"] == theirs["Global"]
    if backward:
        # PyTorch takes what runs for a module's from the gradient of its output to that of its input. A branch beside
        # it counts too then; and where it returns its input (a dropout that drops nothing), everything further down.
        # Here the module is known whose call made the node.
        for module in [m for m in theirs if ".down" in m or "dropout" in m]:
            mine.pop(module, None)
            theirs.pop(module)
    assert mine == theirs


def test_flops_of_branches():
    counts = flops_of(cnn, FlopCounterMode, res_block, (2, 3, 8, 8), True)
    forward = 2 * 2 * 16 * 3 * 8
    expected = {"aten.convolution": forward, "aten.convolution_backward": 2 * forward}
    assert counts["Block.down"] == counts["Block.down.0"] == expected


def test_formulas():
    for name in (
        "conv_backward_flop conv_flop conv_flop_count mm_flop addmm_flop bmm_flop baddbmm_flop sdpa_flop "
        "sdpa_flop_count sdpa_backward_flop sdpa_backward_flop_count get_shape get_suffix_str convert_num_with_suffix "
        "convert_to_percent_str register_flop_formula flop_registry FlopCounterMode"
    ).split():
        assert hasattr(torch_flops, name) and hasattr(flop_counter, name)
    args = ([2, 6, 4, 4], [2, 4, 8, 8], [6, 4, 3, 3], None, [1], [0], [1])
    for transposed in (False, True):
        rest = (transposed, [0], 1, [True, True, False])
        out = ([2, 4, 8, 8], [6, 4, 3, 3], None)
        assert flop_counter.conv_backward_flop(
            *args, *rest, out_val=out
        ) == torch_flops.conv_backward_flop(*args, *rest, out_val=out)
    shapes = [(2, 4, 5, 8), (2, 2, 7, 8), (2, 2, 7, 3)]
    assert flop_counter.sdpa_flop_count(*shapes) == torch_flops.sdpa_flop_count(*shapes)
    grad = (2, 4, 5, 3)
    assert flop_counter.sdpa_backward_flop_count(
        grad, *shapes
    ) == torch_flops.sdpa_backward_flop_count(grad, *shapes)


# utils.benchmark ----------------------------------------------------------------------------------


def measurements(module, spread):
    results = []
    for threads in (1, 4):
        for row in ("small", "a large one"):
            for column in ("add", "mul", "nothing measured"):
                if column == "nothing measured" and row == "small":
                    continue
                spec = module.TaskSpec(
                    stmt=f"{column}(x)", setup="pass", label="Ops", sub_label=row,
                    description=column, num_threads=threads,
                )  # fmt: skip
                base = 1e-6 * len(row) * len(column) * threads
                times = [base * (1 + spread * i) for i in range(8)]
                results.append(module.Measurement(10, [10 * t for t in times], spec))
    return results


@pytest.mark.parametrize("spread", [1e-4, 0.03, 0.2])
def test_measurements_and_their_tables(spread):
    from torch.utils import benchmark as theirs

    from cnn.utils import benchmark as mine

    a, b = measurements(mine, spread), measurements(theirs, spread)
    for m, n in zip(a, b):
        assert repr(m).splitlines()[1:] == repr(n).splitlines()[1:]
        assert m.median == pytest.approx(n.median) and m.iqr == pytest.approx(n.iqr)
        assert m.significant_figures == n.significant_figures
        assert m.has_warnings == n.has_warnings
    for change in ("extend_results", "trim_significant_figures", "colorize", "highlight_warnings"):
        tables = []
        for module, results in ((mine, a), (theirs, b)):
            table = module.Compare(results)
            getattr(table, change)(*[[]] if change == "extend_results" else [])
            tables.append(str(table))
        assert tables[0] == tables[1]
