"""Counts of floating-point operations: by op, by module, forward and backward."""

import threading

import pytest

import cnn
from cnn import nn
from cnn.autograd import profiler as autograd_profiler
from cnn.nn import functional as F
from cnn.utils import flop_counter
from cnn.utils.checkpoint import checkpoint
from cnn.utils.flop_counter import FlopCounterMode, register_flop_formula


def counted(function, **options):
    with FlopCounterMode(display=False, **options) as counter:
        function()
    return counter.get_flop_counts()


A, B = cnn.ones(2, 3), cnn.ones(3, 5)
BATCH = cnn.ones(4, 2, 3)


@pytest.mark.parametrize(
    "function, counts",
    [
        (lambda: A @ B, {"aten.mm": 60}),
        (lambda: cnn.mm(A, B), {"aten.mm": 60}),
        (lambda: F.linear(A, B.t(), cnn.ones(5)), {"aten.addmm": 60}),
        (lambda: F.linear(BATCH, B.t(), cnn.ones(5)), {"aten.addmm": 240}),
        (lambda: cnn.addmm(cnn.ones(5), A, B), {"aten.addmm": 60}),
        (lambda: BATCH @ cnn.ones(4, 3, 5), {"aten.bmm": 240}),
        (lambda: BATCH @ B, {"aten.mm": 240}),
        (lambda: cnn.baddbmm(cnn.ones(1), BATCH, cnn.ones(4, 3, 5)), {"aten.baddbmm": 240}),
        (lambda: cnn.einsum("ij,jk->ik", A, B), {"aten.bmm": 60}),
        (lambda: A + A, {}),
        (
            lambda: F.conv2d(cnn.ones(2, 4, 8, 9), cnn.ones(6, 2, 3, 3), groups=2),
            {"aten.convolution": 2 * 2 * 6 * 7 * 108},
        ),
        (
            lambda: F.conv_transpose1d(cnn.ones(2, 4, 8), cnn.ones(4, 5, 3)),
            {"aten.convolution": 2 * 2 * 8 * 60},
        ),
        (lambda: F.conv1d(cnn.ones(4, 8), cnn.ones(5, 4, 3)), {"aten.convolution": 2 * 6 * 60}),
        (
            lambda: F.scaled_dot_product_attention(*cnn.ones(3, 2, 4, 5, 8)),
            {"aten._scaled_dot_product_flash_attention_for_cpu": 2 * 2 * 8 * 5 * 5 * 8},
        ),
    ],
)
def test_ops(function, counts):
    assert counted(function).get("Global", {}) == counts


def test_an_op_that_fails_is_not_counted():
    def fails():
        for op in (cnn.mm, cnn.addmm, cnn.bmm):
            with pytest.raises((RuntimeError, TypeError)):
                op(*[A] * (3 if op is cnn.addmm else 2))
        A @ B

    assert counted(fails)["Global"] == {"aten.mm": 60}


@pytest.mark.parametrize("wants_input", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_backward_of_convolutions(wants_input, transposed):
    conv = (nn.ConvTranspose2d if transposed else nn.Conv2d)(3, 5, 3, stride=2)
    x = cnn.ones(2, 3, 7, 7, requires_grad=wants_input)
    counts = counted(lambda: conv(x).sum().backward())["Global"]
    forward = counts["aten.convolution"]
    assert forward == 2 * 2 * 135 * (49 if transposed else 9)
    by_weight = 2 * 2 * 135 * 9
    if transposed:
        by_weight = 2 * 15 * 2 * 49 * 9
    assert counts["aten.convolution_backward"] == by_weight + wants_input * forward


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 5))
        self.head = nn.Linear(5, 2)

    def forward(self, x):
        return self.head(self.body(x))


def test_modules_forward_and_backward():
    net = Net()
    counts = counted(lambda: net(A).sum().backward())
    first, second, head = 2 * 2 * 12, 2 * 2 * 20, 2 * 2 * 10
    assert counts["Net.body.0"] == {"aten.addmm": first, "aten.mm": first}  # A wants no gradient
    assert counts["Net.body.2"] == {"aten.addmm": second, "aten.mm": 2 * second}
    assert counts["Net.body"] == {"aten.addmm": first + second, "aten.mm": first + 2 * second}
    assert counts["Net.head"] == {"aten.addmm": head, "aten.mm": 2 * head}
    everything = {"aten.addmm": first + second + head, "aten.mm": first + 2 * (second + head)}
    assert counts["Net"] == counts["Global"] == everything
    assert "Net.body.1" not in counts


@pytest.mark.parametrize("projection", [0, 3])
def test_recurrent_layers_count_as_the_products_that_they_are_made_of(projection):
    lstm = nn.LSTM(4, 5, proj_size=projection)
    x = cnn.ones(6, 2, 4, requires_grad=True)
    counts = counted(lambda: lstm(x)[0].sum().backward())["Global"]
    rows, gates, state = 12, 20, projection or 5
    assert counts["aten.addmm"] == 2 * rows * 4 * gates
    recurrent = 2 * rows * (state * gates + projection * 5)
    assert counts["cnn.rnn_layer"] == counts["cnn.rnn_layer_backward"] == recurrent
    weights = 2 * rows * (4 * gates + state * gates + projection * 5)
    assert counts["aten.mm"] == weights + 2 * rows * 4 * gates  # and the input


def test_a_graph_from_before_counts_for_nobody_in_particular():
    y = Net()(A).sum()
    assert set(counted(y.backward)) == {"Global"}


def test_recomputed_modules():
    net = Net()
    x = cnn.ones(2, 3, requires_grad=True)

    def run():
        y = checkpoint(net.body, x, use_reentrant=False)
        y.sum().backward()

    counts = counted(run)
    assert counts["Sequential"]["aten.addmm"] == counts["Global"]["aten.addmm"] == 2 * 2 * 2 * 32
    assert counts["Sequential.2"]["aten.mm"] == 2 * 2 * 2 * 20


def test_gradients_of_gradients():
    x = cnn.ones(2, 3, requires_grad=True)

    def run():
        (g,) = cnn.autograd.grad((x @ B).pow(2).sum(), x, create_graph=True)
        g.sum().backward()

    # x @ B; its gradient; the gradients of both.
    assert counted(run)["Global"]["aten.mm"] == 60 * 4
    w = cnn.ones(2, 1, 3, requires_grad=True)
    z = cnn.ones(1, 1, 8, requires_grad=True)

    def convolve():
        (g,) = cnn.autograd.grad(F.conv1d(z, w).pow(2).sum(), z, create_graph=True)
        g.sum().backward()

    assert counted(convolve)["Global"]["aten.convolution_backward"] > 0


def test_a_module_that_raises():
    class Raises(nn.Module):
        def forward(self, x):
            x @ B
            raise ValueError("no")

    net, bad = Net(), Raises()

    def run():
        with pytest.raises(ValueError):
            bad(A)
        net.head(cnn.ones(1, 5))

    counts = counted(run)
    assert counts["Raises"] == {"aten.mm": 60} and counts["Linear"] == {"aten.addmm": 20}


def test_other_threads_do_not_count():
    def run():
        thread = threading.Thread(target=lambda: Net()(A))
        thread.start()
        thread.join()
        A @ B

    assert counted(run) == {"Global": {"aten.mm": 60}}


def test_counting_goes_on_while_it_is_asked():
    with FlopCounterMode(display=False) as counter:
        A @ B
        assert counter.get_total_flops() == 60
        A @ B
        assert counter.get_total_flops() == 120
    assert counter.get_total_flops() == 120
    with counter:
        A @ B
        with pytest.raises(RuntimeError, match="not reentrant"):
            counter.__enter__()
    assert counter.get_total_flops() == 60


def test_with_a_profile_around_it():
    with autograd_profiler.profile() as prof:
        assert counted(lambda: Net()(A))["Global"]["aten.addmm"] == 2 * 2 * 42
        assert cnn._C._is_recording()
    assert not cnn._C._is_recording()
    assert "Net" not in {event.name for event in prof.function_events}


def test_left_by_an_exception():
    with pytest.raises(ZeroDivisionError):
        with FlopCounterMode(display=False) as counter:
            A @ B
            1 / 0
    assert counter.get_total_flops() == 60 and not cnn._C._is_recording()
    assert not nn.modules.module._global_forward_pre_hooks


def test_formulas_of_ones_own():
    def of_tanh(x_shape, *args, out_shape=None, **kwargs):
        return 7 * x_shape[0] * out_shape[1]

    counts = counted(lambda: A.tanh(), custom_mapping={cnn.tanh: of_tanh})
    assert counts["Global"] == {"aten.tanh": 42}
    assert counted(lambda: A.tanh()) == {}
    with pytest.raises(RuntimeError, match="duplicate registrations for aten.mm"):
        register_flop_formula("mm")(of_tanh)
    with pytest.raises(ValueError, match="name of an op"):
        register_flop_formula(3)(of_tanh)
    try:
        register_flop_formula(["tanh", cnn.exp])(of_tanh)
        assert counted(lambda: A.exp())["Global"] == {"aten.exp": 42}
    finally:
        del flop_counter.flop_registry["aten.tanh"], flop_counter.flop_registry["aten.exp"]
    with pytest.warns(UserWarning, match="mods argument is not needed"):
        FlopCounterMode(Net())


def test_tables(capsys):
    net = Net()
    with FlopCounterMode() as counter:
        net(cnn.ones(100, 3))
    assert capsys.readouterr().out == counter.get_table() + "\n"
    assert counter.get_table(1) == (
        "Module             FLOP    % Total\n"
        "-------------  --------  ---------\n"
        "Net            8400.000    100.00%\n"
        " - aten.addmm  8400.000    100.00%"
    )
    table = counter.get_table(2).splitlines()
    assert table[0].split() == ["Module", "FLOP", "%", "Total"]
    assert [row.split()[0] for row in table[2:]] == ["Net", "-", "Net.body", "-", "Net.head", "-"]
    assert table[4].startswith(" Net.body") and table[4].endswith("76.19%")
    with FlopCounterMode(display=False) as outside:
        A @ B
        net(A)
    assert outside.get_table(1).splitlines()[2].startswith("Global")
    with FlopCounterMode(display=False) as nothing:
        pass
    assert nothing.get_table().splitlines()[2].split() == ["Global", "0", "0%"]
