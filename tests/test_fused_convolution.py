"""Without gradients, a convolution in a Sequential takes its norm and bounds along, if nobody can
tell but by the time.
"""

import copy

import pytest

import cnn
from cnn import nn

# (kind, arguments, shape of x): one for each way a convolution is computed.
CASES = {
    "planes": (nn.Conv2d, (3, 8, 5), (2, 3, 9, 11)),
    "planes of one": (nn.Conv2d, (1, 6, 3, 2), (2, 1, 28, 28)),
    "pixels": (nn.Conv2d, (16, 24, 5, 2, 2), (2, 16, 13, 11)),
    "winograd": (nn.Conv2d, (32, 40, 3, 1, 1), (2, 32, 12, 15)),
    "winograd of many tiles": (nn.Conv2d, (16, 16, 3, 1, 1), (3, 16, 40, 40)),
    "matrix": (nn.Conv2d, (20, 33, 1), (2, 20, 9, 9)),
    "columns": (nn.Conv2d, (24, 24, 2, 5), (2, 24, 12, 12)),
    "depthwise": (nn.Conv2d, (19, 19, 3, 1, 1, 1, 19), (2, 19, 14, 15)),
    "depthwise strided": (nn.Conv2d, (32, 32, 3, 2, 1, 1, 32), (2, 32, 15, 15)),
    "groups": (nn.Conv2d, (12, 24, 3, 1, 1, 1, 3), (2, 12, 8, 8)),
    "dilated": (nn.Conv2d, (16, 32, 3, 1, 2, 2), (1, 16, 12, 12)),
    "one dimension": (nn.Conv1d, (16, 20, 3, 1, 1), (3, 16, 50)),
    "three dimensions": (nn.Conv3d, (4, 6, 3, 1, 1), (2, 4, 5, 6, 7)),
}
NORMS = {nn.Conv1d: nn.BatchNorm1d, nn.Conv2d: nn.BatchNorm2d, nn.Conv3d: nn.BatchNorm3d}
ACTIVATIONS = {
    "none": lambda: None,
    "relu": nn.ReLU,
    "relu in place": lambda: nn.ReLU(inplace=True),
    "relu6": nn.ReLU6,
    "hardtanh": lambda: nn.Hardtanh(-0.3, 0.4),
}


@pytest.fixture
def fused(monkeypatch):
    """Counts the fused calls."""
    calls = []
    op = cnn._C._conv_norm_clamp
    monkeypatch.setattr(cnn._C, "_conv_norm_clamp", lambda *args: calls.append(1) or op(*args))
    return calls


def net_of(case, activation="relu", norm=True, bias=True, dtype=None):
    cnn.manual_seed(0)
    kind, arguments, shape = CASES[case]
    conv = kind(*arguments, bias=bias)
    layers = [conv, NORMS[kind](conv.out_channels) if norm else None, ACTIVATIONS[activation]()]
    net = nn.Sequential(*(layer for layer in layers if layer)).eval()
    if norm:
        for tensor in net[1].state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 2)
    x = cnn.randn(shape)
    return net.to(dtype), x.to(dtype)


def one_by_one(net, x):
    for module in net:
        x = module(x)
    return x


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("dtype", [cnn.float32, cnn.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("case", CASES)
def test_like_one_after_the_other(fused, case, activation, dtype, last):
    net, x = net_of(case, activation, dtype=dtype)
    if last and x.dim() == 4:
        net, x = net.to(memory_format=cnn.channels_last), x.to(memory_format=cnn.channels_last)
    with cnn.no_grad():
        y, expected = net(x), one_by_one(net, x)
    assert len(fused) == 1
    assert y.stride() == expected.stride()
    tolerance = 1e-5 if dtype == cnn.float32 else 1e-13
    cnn.testing.assert_close(y, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", CASES)
def test_bounds_alone_are_the_same_bits(fused, case):
    net, x = net_of(case, "relu6", norm=False)
    with cnn.no_grad():
        assert net(x).equal(one_by_one(net, x))
    assert len(fused) == 1


@pytest.mark.parametrize("case", ["pixels", "matrix"])
def test_a_norm_without_weights_and_a_convolution_without_bias(fused, case):
    net, x = net_of(case, bias=False)
    net[1] = NORMS[type(net[0])](net[0].out_channels, affine=False).eval()
    net[1].running_var.uniform_(0.5, 2)
    with cnn.no_grad():
        cnn.testing.assert_close(net(x), one_by_one(net, x))
    assert len(fused) == 1


@pytest.mark.parametrize("case", CASES)
def test_nan_and_infinity_stay(case):
    net, x = net_of(case, "relu6", norm=False)
    x.view(-1)[0] = float("nan")
    x.view(-1)[-2] = float("inf")
    with cnn.inference_mode():
        y, expected = net(x), one_by_one(net, x)
    assert y.isnan().equal(expected.isnan())
    assert y.isnan().any()


def test_an_image_alone(fused):
    net, x = net_of("winograd", norm=False)
    with cnn.no_grad():
        assert net(x[0]).equal(one_by_one(net, x[0]))
    assert len(fused) == 1


def hooked(net):
    net[1].register_forward_hook(lambda module, args, y: y + 1)


def padded_with_mirrors(net):
    net[0].padding_mode = "reflect"


def in_training(net):
    net[1].train()


def with_statistics_of_the_batch(net):
    net[1].running_mean = net[1].running_var = None
    net[1].track_running_stats = False


def with_a_forward_of_its_own(net):
    net[0].forward = lambda x: cnn.ones(2, 40, 12, 15)


@pytest.mark.parametrize(
    "change",
    [
        hooked,
        padded_with_mirrors,
        in_training,
        with_statistics_of_the_batch,
        with_a_forward_of_its_own,
    ],
)
def test_what_others_would_notice_is_left_alone(fused, change):
    net, x = net_of("winograd")
    change(net)
    other = copy.deepcopy(net)
    with cnn.no_grad():
        assert net(x).equal(one_by_one(other, x))
    assert not fused
    for a, b in zip(net.buffers(), other.buffers(), strict=True):
        assert a.equal(b)


def test_with_gradients_each_is_called(fused):
    net, x = net_of("winograd")
    assert net(x).grad_fn is not None
    assert not fused


def test_profiles_show_each():
    net, x = net_of("winograd")
    with cnn.no_grad(), cnn.profiler.profile() as profile:
        net(x)
    names = {event.key for event in profile.key_averages()}
    assert {"aten::conv2d", "aten::batch_norm", "aten::relu"} <= names


def test_function_modes_see_each():
    net, x = net_of("winograd")
    seen = []

    class Note(cnn.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            seen.append(function.__name__)
            return function(*args, **(kwargs or {}))

    with cnn.no_grad(), Note():
        net(x)
    assert {"conv2d", "batch_norm", "relu"} <= set(seen)


def test_autocast_casts_each():
    net, x = net_of("winograd")
    with cnn.no_grad(), cnn.autocast("cpu", cnn.bfloat16):
        y, expected = net(x), one_by_one(net, x)
    assert y.dtype == expected.dtype
    assert y.equal(expected)


def test_sixteen_bits_are_rounded_after_each():
    net, x = net_of("winograd", dtype=cnn.bfloat16)
    with cnn.no_grad():
        assert net(x).equal(one_by_one(net, x))


@pytest.mark.parametrize("wrong", [(2, 3, 12, 15), (12,), (2, 32, 1, 15)])
def test_errors_are_those_of_the_convolution(wrong):
    net, _ = net_of("winograd")
    if len(wrong) == 4 and wrong[1] == 32:
        net[0].padding = (0, 0)
    x = cnn.randn(wrong)
    with cnn.no_grad():
        with pytest.raises(RuntimeError) as expected:
            net[0](x)
        with pytest.raises(RuntimeError) as error:
            net(x)
    assert str(error.value).splitlines()[0] == str(expected.value).splitlines()[0]


def test_a_bias_of_another_length_is_refused():
    net, x = net_of("winograd")
    net[0].bias = nn.Parameter(cnn.ones(1))
    with cnn.no_grad(), pytest.raises(RuntimeError, match="expected bias to be 1-dimensional"):
        net(x)


def test_weights_of_a_class_of_their_own_see_each_function(fused):
    names = []

    class Watched(nn.Parameter):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            names.append(function.__name__)
            return super().__torch_function__(function, types, args, kwargs or {})

    net, x = net_of("winograd")
    net[0].weight = Watched(net[0].weight.data)
    with cnn.no_grad():
        net(x)
    assert "conv2d" in names and not fused


def test_a_norm_of_other_channels_says_so():
    net, x = net_of("winograd")
    net[1] = nn.BatchNorm2d(7).eval()
    with (
        cnn.no_grad(),
        pytest.raises(RuntimeError, match="running_mean should contain 40 elements"),
    ):
        net(x)


def test_running_statistics_and_weights_may_change_between_calls():
    net, x = net_of("pixels")
    with cnn.no_grad():
        for _ in range(4):
            cnn.testing.assert_close(net(x), one_by_one(net, x), rtol=1e-5, atol=1e-5)
            net[1].running_mean.add_(0.1)
            net[1].weight.mul_(1.1)
            net[0].weight.mul_(0.9)


def test_a_norm_that_was_folded_into_the_convolution(fused):
    net, x = net_of("winograd")
    with cnn.no_grad():
        expected = one_by_one(net, x)
        net[0], net[1] = nn.utils.fusion.fuse_conv_bn_eval(net[0], net[1]), nn.Identity()
        cnn.testing.assert_close(net(x), expected, rtol=1e-5, atol=1e-5)
        assert len(fused) == 1
        net[1].register_forward_hook(lambda module, args, y: y - 1)
        assert net(x).equal(one_by_one(net, x))
        assert len(fused) == 1


def test_long_chains(fused):
    cnn.manual_seed(0)
    layers = []
    for _ in range(3):
        layers += [nn.Conv2d(16, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU()]
    net = nn.Sequential(
        *layers, nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 4, 1), nn.Flatten()
    ).eval()
    x = cnn.randn(2, 16, 10, 10)
    with cnn.no_grad():
        cnn.testing.assert_close(net(x), one_by_one(net, x), rtol=1e-5, atol=1e-5)
    assert len(fused) == 3
