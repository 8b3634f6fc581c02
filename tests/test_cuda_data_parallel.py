"""DataParallel and its parts over two GPUs: what comes out is what one GPU computes of the batch."""

import collections
import copy

import pytest

import cnn
from cnn import nn
from cnn.nn.parallel import (
    DataParallel,
    comm,
    data_parallel,
    gather,
    parallel_apply,
    replicate,
    scatter,
)  # fmt: skip

pytestmark = pytest.mark.cuda
F = nn.functional
Pair = collections.namedtuple("Pair", "a b")


@pytest.fixture(autouse=True)
def two_devices():
    if cnn.cuda.device_count() < 2:
        pytest.skip("one GPU")
    cnn.manual_seed(0)
    yield
    cnn.cuda.set_device(0)


def near(got, want):
    cnn.testing.assert_close(got.cpu(), want.cpu(), rtol=1e-6, atol=1e-6)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.rnn = nn.LSTM(4, 5, batch_first=True)
        self.conv = nn.Conv1d(5, 6, 3, padding=1)
        self.norm = nn.GroupNorm(2, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, words, scale=1.0, bias=None):
        x, _ = self.rnn(self.embed(words))
        x = self.norm(self.conv(x.transpose(1, 2)).relu()).mean(2)
        y = self.head(x) * scale
        return y if bias is None else y + bias


def run(call, module, *args, **kwargs):
    """The result, and the gradients of parameters and of the last argument that has one."""
    module.zero_grad()
    y = call(*args, **kwargs)
    y.square().sum().backward()
    return [y, *(p.grad for p in module.parameters())]


@pytest.mark.parametrize("batch", (1, 2, 5))
@pytest.mark.parametrize("ids", ([0, 1], [1, 0]))
def test_is_one_gpu(batch, ids):
    net = Net().to(f"cuda:{ids[0]}")
    words = cnn.randint(0, 7, (batch, 6))
    bias = cnn.randn(batch, 3)
    want = run(net, net, words.to(f"cuda:{ids[0]}"), 2.0, bias=bias.to(f"cuda:{ids[0]}"))
    wrapped = DataParallel(net, ids)
    for source in ("cpu", f"cuda:{ids[0]}", f"cuda:{ids[1]}"):
        got = run(wrapped, net, words.to(source), 2.0, bias=bias.to(source))
        assert got[0].device == cnn.device("cuda", ids[0])
        for g, w in zip(got, want, strict=True):
            assert g.device == w.device
            near(g, w)
    y = data_parallel(net, words, ids, module_kwargs={"scale": 2.0, "bias": bias})
    near(y, want[0])


def test_all_gpus_are_the_default():
    net = nn.Linear(3, 2)
    wrapped = DataParallel(net)
    assert wrapped.device_ids == list(range(cnn.cuda.device_count()))
    assert wrapped.output_device == 0 and not net.weight.is_cuda
    want = r"on device cuda:0 \(device_ids\[0\]\) but found one of them on device: cpu"
    for call in (wrapped, lambda x: data_parallel(net, x)):
        with pytest.raises(RuntimeError, match=want):
            call(cnn.ones(4, 3))
    assert DataParallel(net, [1]).module.weight.get_device() == 1
    with pytest.raises(RuntimeError, match="on device cuda:0 .* found one of them on device: cuda"):
        wrapped(cnn.ones(4, 3))
    assert DataParallel(net, ["cuda:0", cnn.device("cuda", 1)]).device_ids == [0, 1]
    assert DataParallel(net, []).device_ids == [0]


def test_where_results_go():
    net = nn.Linear(3, 2).cuda(0)
    x = cnn.randn(4, 3)
    want = net(x.cuda())
    assert DataParallel(net, [0, 1], output_device=1)(x).get_device() == 1
    y = data_parallel(net, x, [0, 1], "cuda:1")
    assert y.get_device() == 1
    near(y, want)
    # along another dimension
    near(DataParallel(nn.ReLU(), [0, 1], dim=1)(x), x.relu())
    assert DataParallel(nn.ReLU(), [0, 1])(cnn.ones(1, 2)).get_device() == 0


def test_training_is_that_of_one_gpu_and_repeats():
    def train(wrap):
        cnn.manual_seed(3)
        net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).cuda()
        model = wrap(net)
        optimizer = cnn.optim.SGD(model.parameters(), 0.1, momentum=0.9)
        for _ in range(4):
            x, target = cnn.randn(9, 6), cnn.randint(0, 3, (9,)).cuda()
            optimizer.zero_grad()
            y = model(x if isinstance(model, DataParallel) else x.cuda())
            F.cross_entropy(y, target).backward()
            optimizer.step()
        return [p.detach().cpu() for p in net.parameters()]

    both = train(lambda net: DataParallel(net, [0, 1]))
    for a, b in zip(both, train(lambda net: net), strict=True):
        near(a, b)
    assert all(map(cnn.equal, both, train(lambda net: DataParallel(net, [0, 1]))))


def test_buffers_are_those_of_the_first_gpu():
    net = nn.BatchNorm1d(3).cuda()
    alone = copy.deepcopy(net)
    x = cnn.randn(7, 3)
    y = DataParallel(net, [0, 1])(x)
    first = alone(x[:4].cuda())
    near(net.running_mean, alone.running_mean)
    near(net.running_var, alone.running_var)
    assert net.num_batches_tracked.item() == 1
    near(y, cnn.cat([first, alone(x[4:].cuda())]))


def test_parameters_that_some_copies_do_not_use():
    class Sometimes(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)
            self.frozen = nn.Parameter(cnn.ones(2), requires_grad=False)

        def forward(self, x):
            assert not self.frozen.requires_grad and self.a.weight.requires_grad
            return (self.a if x.get_device() == 0 else self.b)(x) * self.frozen

    net = Sometimes().cuda()
    x = cnn.randn(4, 2)
    DataParallel(net, [0, 1])(x).sum().backward()
    near(net.a.weight.grad[0], x[:2].sum(0))
    near(net.b.weight.grad[0], x[2:].sum(0))
    assert net.frozen.grad is None


def test_nested_arguments_and_results():
    class Nested(nn.Module):
        def forward(self, pair, *rest, more):
            assert rest == ("text",) and isinstance(more, dict)
            return {"sum": pair.a + pair.b[0], "all": Pair(more["x"], [pair.a]), "none": None}

    x, z = cnn.randn(5, 2), cnn.randn(5)
    wrapped = DataParallel(Nested(), [0, 1])
    y = wrapped(Pair(x, [x + 1, 3]), "text", more={"x": z})
    near(y["sum"], 2 * x + 1)
    assert type(y["all"]) is Pair and y["none"] is None
    near(y["all"].a, z)
    near(y["all"].b[0], x)


def test_a_call_without_tensors_runs_once():
    class Made(nn.Module):
        def forward(self, n=3):
            return cnn.ones(n, device="cuda")

    near(DataParallel(Made(), [0, 1])(), cnn.ones(3))
    near(data_parallel(Made(), None, [0, 1]), cnn.ones(3))


class Modes(nn.Module):
    def forward(self, x):
        self.seen.append(
            (
                cnn.is_grad_enabled(),
                cnn.is_autocast_enabled("cuda"),
                cnn.get_autocast_dtype("cuda"),
                cnn.cuda.current_device(),
                cnn.cuda.current_stream().cuda_stream,
            )
        )
        return x @ x.t()


def test_threads_have_the_modes_and_streams_of_the_caller():
    module = Modes()
    module.seen = []
    xs = [cnn.ones(2, 2, device=f"cuda:{i}") for i in range(2)]
    with cnn.no_grad(), cnn.autocast("cuda", cnn.bfloat16):
        ys = parallel_apply([module] * 2, xs)
    assert sorted(module.seen) == [(False, True, cnn.bfloat16, i, 0) for i in range(2)]
    assert [y.dtype for y in ys] == [cnn.bfloat16] * 2
    module.seen = []
    streams = [cnn.cuda.Stream(i) for i in range(2)]
    cnn.cuda.synchronize(0), cnn.cuda.synchronize(1)
    with cnn.cuda.stream(streams[1]), cnn.cuda.stream(streams[0]):
        ys = parallel_apply([module] * 2, xs, devices=["cuda:0", cnn.device("cuda", 1)])
        joined = gather(ys, 0)
    streams[0].synchronize()
    near(joined, cnn.full((4, 2), 2.0))
    assert sorted(s[3:] for s in module.seen) == [(i, s.cuda_stream) for i, s in enumerate(streams)]
    assert all(seen[:2] == (True, False) for seen in module.seen)
    assert cnn.cuda.current_stream(0).cuda_stream == cnn.cuda.current_stream(1).cuda_stream == 0


def test_an_error_names_its_copy():
    class Fails(nn.Module):
        def forward(self, x):
            if x.get_device() == 1:
                raise KeyError("missing")
            return x

    with pytest.raises(KeyError, match="Caught KeyError in replica 1 on device 1.") as caught:
        DataParallel(Fails(), [0, 1])(cnn.ones(4))
    assert "Original Traceback" in str(caught.value)
    with pytest.raises(RuntimeError, match="Caught RuntimeError in replica 0 on device 0."):
        DataParallel(nn.Linear(2, 2).cuda(), [0, 1])(cnn.ones(4, 3))


def test_gradients_of_inputs_and_second_order():
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).cuda()
    x = cnn.randn(5, 3, requires_grad=True)

    def penalty(model, x):
        (grad,) = cnn.autograd.grad(model(x).square().sum(), x, create_graph=True)
        net.zero_grad()
        grad.square().sum().backward()
        return [grad, *(p.grad for p in net.parameters() if p.grad is not None)]

    mine = x.detach().cuda().requires_grad_()
    for g, w in zip(penalty(DataParallel(net, [0, 1]), x), penalty(net, mine), strict=True):
        near(g, w)


def test_tensors_over_gpus():
    x, y = cnn.randn(5, 2).cuda(), cnn.arange(3.0).cuda()
    there = comm.broadcast(x, ["cuda:0", "cuda:1"])
    assert there[0] is x and there[1].get_device() == 1 and cnn.equal(there[1].cpu(), x.cpu())
    first, second = comm.broadcast_coalesced([x, y], [0, 1])
    assert first[0] is x and [t.get_device() for t in second] == [1, 1]
    out = [cnn.zeros(5, 2, device=f"cuda:{i}") for i in range(2)]
    comm.broadcast(x, out=out)
    assert all(cnn.equal(o.cpu(), x.cpu()) for o in out)
    near(comm.reduce_add([x, there[1]], 1), 2 * x)
    assert comm.reduce_add([x, there[1]], 1).get_device() == 1
    total, twice = comm.reduce_add_coalesced([[x, y], second], 0)
    near(total, 2 * x)
    near(twice, 2 * y)
    with pytest.raises(RuntimeError, match="same GPU with one of the tensors"):
        comm.reduce_add([x, x], 1)
    parts = comm.scatter(x, [1, 0], [1, 4])
    assert [(p.get_device(), len(p)) for p in parts] == [(1, 1), (0, 4)]
    whole = comm.gather(parts, 0, "cpu")
    assert whole.device.type == "cpu" and cnn.equal(whole, x.cpu())
    out = cnn.empty(5, 2, device="cuda:1")
    comm.gather(parts, out=out)
    assert cnn.equal(out.cpu(), x.cpu())


def test_copies_of_a_module():
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).cuda()
    net.train()
    copies = replicate(net, [0, 1])
    for i, replica in enumerate(copies):
        assert replica[0].weight.get_device() == replica[1].running_mean.get_device() == i
    x = cnn.randn(5, 3)
    y = gather(parallel_apply(copies, scatter(x, [0, 1])), "cpu")
    y.square().sum().backward()
    assert net[0].weight.grad is not None and net[0].weight.grad.get_device() == 0
    detached = replicate(net, [0, 1], detach=True)
    assert detached[0][0].weight is net[0].weight
    assert not detached[1][0].weight.requires_grad


def test_a_gpu_that_the_others_would_wait_for(monkeypatch):
    smaller = collections.namedtuple("Properties", "total_memory multi_processor_count")
    monkeypatch.setattr(
        cnn._utils, "_get_devices_properties", lambda ids: [smaller(100, 9), smaller(70, 9)]
    )
    with pytest.warns(UserWarning, match="exclude GPU 1 which .* cores of GPU 0"):
        DataParallel(nn.ReLU(), [0, 1])
