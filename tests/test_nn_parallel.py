"""nn.parallel: arguments and results over devices, modules copied and run on them.

Without a GPU, the CPU or the meta device stands for one.
"""

from __future__ import annotations

import collections
import warnings

import pytest

import cnn
from cnn import nn
from cnn.nn.parallel import _functions, comm, gather, parallel_apply, replicate, scatter
from cnn.nn.parallel.parallel_apply import get_a_var
from cnn.nn.parallel.scatter_gather import is_namedtuple, scatter_kwargs

Pair = collections.namedtuple("Pair", "a b")


@pytest.fixture
def devices_are(monkeypatch):
    """devices_are(kind): the numbers of GPUs mean the device of that kind."""

    def choose(kind):
        monkeypatch.setattr(comm, "_at", lambda index: cnn.device(kind))

    return choose


# One tensor ---------------------------------------------------------------------------------------


def test_a_tensor_on_several_devices(devices_are):
    devices_are("cpu")
    x = cnn.arange(3.0)
    assert all(copy is x for copy in comm.broadcast(x, [0, 1]))
    out = [cnn.zeros(3), cnn.zeros(3)]
    assert comm.broadcast(x, out=out)[1] is out[1] and out[1].tolist() == [0, 1, 2]
    assert [[t.tolist() for t in row] for row in comm.broadcast_coalesced([x, x + 1], [0, 1])] == [
        [[0, 1, 2], [1, 2, 3]]
    ] * 2
    with pytest.raises(RuntimeError, match="Exactly one of 'devices' and 'out'"):
        comm.broadcast(x)
    with pytest.raises(RuntimeError, match="same shape as the source"):
        comm.broadcast(x, out=[cnn.zeros(2)])


def test_parts_of_a_tensor(devices_are):
    devices_are("cpu")
    x = cnn.arange(10.0).reshape(5, 2)
    assert [part.shape[0] for part in comm.scatter(x, [0, 1])] == [3, 2]
    assert [part.tolist() for part in comm.scatter(x, [0, 1], [1, 1], dim=1)] == x.t()[
        :, :, None
    ].tolist()
    out = [cnn.zeros(4, 2), cnn.zeros(1, 2)]
    comm.scatter(x, out=out)
    assert out[0].tolist() == x[:4].tolist() and out[1].tolist() == x[4:].tolist()
    for name in ("devices", "chunk_sizes"):
        with pytest.raises(RuntimeError, match=f"'{name}' must not be specified"):
            comm.scatter(x, out=out, **{name: [0]})


def test_tensors_as_one(devices_are):
    devices_are("cpu")
    x, y = cnn.ones(1, 2), cnn.zeros(2, 2)
    assert comm.gather([x, y], destination="cpu").tolist() == [[1, 1], [0, 0], [0, 0]]
    out = cnn.empty(3, 2)
    assert comm.gather([x, y], out=out) is out and out.tolist() == [[1, 1], [0, 0], [0, 0]]
    with pytest.warns(FutureWarning, match="Using -1 to represent CPU"):
        comm.gather([x, x], 1, -1)
    with pytest.raises(RuntimeError, match="'destination' must not be specified"):
        comm.gather([x, y], destination=0, out=out)


def test_sums_are_for_gpus():
    with pytest.raises(AssertionError, match="input 0 is on CPU"):
        comm.reduce_add([cnn.ones(2), cnn.ones(2)], 0)
    with pytest.raises(ValueError, match="invalid size: got 3, but expected 2"):
        comm.reduce_add([cnn.ones(2, device="meta"), cnn.ones(3, device="meta")], 0)


def test_what_is_for_gpus_is_refused_on_the_cpu():
    x = cnn.ones(4, 2)
    for call in (lambda: scatter(x, ["cpu"]), lambda: replicate(nn.ReLU(), ["cpu"])):
        with pytest.raises(ValueError, match="Expected a non cpu device, but got: cpu"):
            call()
    for call in (lambda: gather([x, x], "cpu"), lambda: replicate(nn.Linear(2, 2), [0])):
        with pytest.raises(AssertionError, match="not implemented for CPU tensors"):
            call()


# Containers ---------------------------------------------------------------------------------------


def test_arguments_over_devices(devices_are):
    devices_are("cpu")
    x = cnn.arange(4.0, requires_grad=True)
    parts = scatter((x, [x, 5], {"k": Pair(x, "s")}), [0, 1])
    assert len(parts) == 2
    a, (b, five), named = parts[1]
    assert a.tolist() == b.tolist() == [2, 3] and five == 5
    assert type(named["k"]) is Pair and named["k"].b == "s"
    assert scatter_kwargs((x, 1), {}, [0, 1])[1] == ({}, {})
    assert scatter_kwargs((), {"a": 3}, [0, 1]) == (((), ()), ({"a": 3}, {"a": 3}))
    assert scatter([], [0, 1]) == [[], []]


def test_results_of_devices():
    nothing = {"a": None, "b": (None, [None])}
    assert gather([nothing, nothing], 0) == nothing
    assert gather([Pair(None, None)] * 2, 0) == Pair(None, None)
    with pytest.raises(ValueError, match="same number of keys"):
        gather([{"a": None}, {}], 0)
    with pytest.raises(TypeError, match="not iterable"):
        gather([3, 4], 0)
    with pytest.warns(FutureWarning, match="is_namedtuple"):
        assert is_namedtuple(Pair(1, 2)) and not is_namedtuple((1, 2))


def test_gradients_come_back_from_the_parts(devices_are):
    devices_are("meta")
    x = cnn.ones(5, 2, device="meta", requires_grad=True)
    parts = scatter(x, [0, 1])
    assert [tuple(part.shape) for part in parts] == [(3, 2), (2, 2)]
    whole = _functions.Gather.apply(0, 0, *parts)
    whole.sum().backward()
    assert whole.shape == x.grad.shape == (5, 2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scalars = [cnn.ones((), device="meta", requires_grad=True) for _ in range(3)]
        vector = gather(scalars, 0)
    assert vector.shape == (3,) and "unsqueeze and return a vector" in str(caught[0].message)
    vector.sum().backward()
    assert scalars[0].grad.shape == ()


# Modules ------------------------------------------------------------------------------------------


def test_copies_of_a_module(devices_are, monkeypatch):
    devices_are("meta")
    monkeypatch.setattr(cnn.Tensor, "get_device", lambda self: 0)
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 3), nn.ReLU()).to("meta")
    net[2].weight = nn.Parameter(net[0].weight.detach().t().clone())
    net.add_module("none", None)
    a, b = replicate(net, [0, 1])
    assert repr(a) == repr(net) and type(a[0]) is nn.Linear and a is not b
    assert list(a.parameters()) == [] and a[0].weight is not net[0].weight
    assert list(a[0]._former_parameters) == ["weight", "bias"]
    a[2](a[1](a[0](cnn.ones(4, 3, device="meta")))).sum().backward()
    assert net[0].weight.grad.shape == (2, 3) and net[2].bias.grad.shape == (3,)
    (c,) = replicate(net, [0], detach=True)
    assert c[0].weight is net[0].weight
    with pytest.warns(UserWarning, match=r"Calling .zero_grad\(\) from a module created with"):
        a.zero_grad()


def test_copies_of_modules_without_tensors():
    copies = replicate(nn.Sequential(nn.ReLU()), [0, 0])
    assert len(copies) == 2 and copies[0][0] is not copies[1][0]
    assert replicate(nn.ReLU(), []) == []
    with pytest.raises(RuntimeError, match="uninitialized parameters can't be used"):
        nn.LazyLinear(2)._replicate_for_data_parallel()
    lstm = nn.LSTM(2, 2)
    assert lstm._replicate_for_data_parallel()._flat_weights is not lstm._flat_weights


@pytest.fixture
def a_gpu(monkeypatch):
    """The CPU, as a GPU on which modules can be run."""

    class device:
        def __init__(self, index):
            assert index == 0

        __enter__ = __exit__ = lambda self, *args: None

    monkeypatch.setattr(cnn.cuda, "is_available", lambda: True)
    monkeypatch.setattr(cnn.cuda, "device", device)


def test_modules_run_together(a_gpu):
    layers = [nn.Linear(2, 2) for _ in range(3)]
    xs = [cnn.full((1, 2), float(i)) for i in range(3)]
    found = parallel_apply(layers, xs, devices=[0, 0, 0])
    assert [y.tolist() for y in found] == [layer(x).tolist() for layer, x in zip(layers, xs)]
    with cnn.no_grad():
        (y,) = parallel_apply(layers[:1], [(xs[0],)], [{}], [0])
    assert not y.requires_grad and found[0].requires_grad


def test_an_error_of_one_of_them_is_raised(a_gpu):
    layers, xs = [nn.Linear(2, 2), nn.Linear(2, 2)], [cnn.ones(1, 2), cnn.ones(1, 3)]
    with pytest.raises(
        RuntimeError, match="Caught RuntimeError in replica 1 on device 0"
    ) as caught:
        parallel_apply(layers, xs, devices=[0, 0])
    assert "Traceback" in str(caught.value)
    with pytest.raises(ValueError, match="no tensor input was found"):
        parallel_apply(layers, [(), ()])


def test_numbers_of_modules_and_arguments():
    layer, x = nn.Linear(2, 2), cnn.ones(1, 2)
    for arguments, what in (
        (([x, x],), "inputs 2"),
        (([x], []), "kwargs_tup 0"),
        (([x], None, [0, 0]), "devices 2"),
    ):
        with pytest.raises(AssertionError, match=f"is not equal to the number of {what}"):
            parallel_apply([layer], *arguments)
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        parallel_apply([layer], [x], devices=["cpu"])
    assert get_a_var([1, {"a": (x,)}]) is x and get_a_var({"a": 1}) is None


@pytest.mark.skipif(cnn.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu():
    with pytest.raises(RuntimeError, match="when none is available"):
        parallel_apply([nn.Linear(2, 2)], [cnn.ones(1, 2)])
    wrapped = nn.DataParallel(nn.Linear(2, 2), [0, 1])
    assert wrapped.device_ids == [] and wrapped(cnn.ones(1, 2)).shape == (1, 2)


@pytest.mark.cuda
def test_on_a_gpu():
    layer = nn.Linear(3, 2)
    wrapped = nn.DataParallel(layer, [0])
    assert wrapped.device_ids == [0] and layer.weight.is_cuda
    x = cnn.randn(4, 3, requires_grad=True)
    y = wrapped(x)
    y.sum().backward()
    assert y.is_cuda and not x.grad.is_cuda
    assert y.cpu().tolist() == layer(x.cuda()).cpu().tolist()
    assert nn.parallel.data_parallel(layer, x, [0]).cpu().tolist() == y.cpu().tolist()
    copies = replicate(layer, [0, 0])
    parts = scatter(x, [0, 0])
    joined = gather(parallel_apply(copies, parts), 0)
    cnn.testing.assert_close(joined, y)
    layer.weight.grad = None
    joined.sum().backward()
    cnn.testing.assert_close(layer.weight.grad[0], x.sum(0).cuda())
    assert comm.reduce_add([y, y], 0).tolist() == (y * 2).tolist()
