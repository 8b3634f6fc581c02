"""Training by CUDA graphs: whole steps that are recorded, and modules whose calls are."""

import copy

import pytest

import cnn
from cnn import nn
from cnn.cuda import CUDAGraph, graph, make_graphed_callables
from test_cuda_graphs import near, seed  # noqa: F401 (a fixture that all tests here use)

pytestmark = pytest.mark.cuda
F = nn.functional


def beside(function):
    """Runs something on the stream of captures, as it is warmed up before one."""
    side = graph(CUDAGraph()).capture_stream
    side.wait_stream(cnn.cuda.current_stream())
    with cnn.cuda.stream(side):
        function()
    cnn.cuda.current_stream().wait_stream(side)


# Steps --------------------------------------------------------------------------------------------


class Mlp(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3)
        )


class Convolutional(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
            nn.AvgPool2d((2, 1)), nn.Flatten(), nn.Linear(12, 3),
        )  # fmt: skip


class Embedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.rnn, self.head = nn.Embedding(9, 4), nn.GRU(4, 5), nn.Linear(5, 3)
        self.norm = nn.LayerNorm(5)

    def forward(self, x):
        words = (x * 3).long().clamp(0, 8)
        y, _ = self.rnn(self.embed(words).transpose(0, 1))
        return self.head(self.norm(F.scaled_dot_product_attention(y, y, y)).mean(0))


def training(net, optimizer, data, recorded):
    """The losses of a step for each of the data, and the parameters then."""
    x, target = (t.clone() for t in data[0])

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(net(x), target)
        loss.backward()
        optimizer.step()
        return loss

    def feed(batch):
        x.copy_(batch[0])
        target.copy_(batch[1])

    losses = []
    for batch in data[:2]:
        feed(batch)
        beside(lambda: losses.append(step().item()))
    if recorded:
        g = CUDAGraph()
        optimizer.zero_grad(set_to_none=True)
        with graph(g):
            loss = step()
        places = [p.grad.data_ptr() for p in net.parameters()]
    for batch in data[2:]:
        feed(batch)
        if recorded:
            g.replay()
            losses.append(loss.item())
            assert places == [p.grad.data_ptr() for p in net.parameters()]
        else:
            losses.append(step().item())
    return losses, [p.detach().cpu() for p in net.parameters()]


OPTIMIZERS = {
    "SGD": lambda p: cnn.optim.SGD(p, 0.1, momentum=0.9),
    "Adam": lambda p: cnn.optim.Adam(p, 0.01, capturable=True),
    "AMSGrad": lambda p: cnn.optim.Adam(
        p, cnn.tensor(0.01, device="cuda"), amsgrad=True, capturable=True, weight_decay=0.1
    ),
    "AdamW": lambda p: cnn.optim.AdamW(p, 0.01, capturable=True, maximize=True),
}


@pytest.mark.filterwarnings("ignore:This instance was constructed with capturable")
@pytest.mark.parametrize(
    ("kind", "optimizer"),
    [(Mlp, name) for name in OPTIMIZERS] + [(Convolutional, "SGD"), (Embedded, "SGD")],
)
def test_training_is_that_of_eager_steps(kind, optimizer):
    data = [(cnn.rand(5, 6).cuda(), cnn.randint(0, 3, (5,)).cuda()) for _ in range(7)]
    net = kind().cuda()
    other = copy.deepcopy(net)
    losses, found = training(net, OPTIMIZERS[optimizer](net.parameters()), data, recorded=True)
    want_losses, want = training(
        other, OPTIMIZERS[optimizer](other.parameters()), data, recorded=False
    )
    assert losses == want_losses
    assert all(map(cnn.equal, found, want))


def test_a_learning_rate_can_change_between_replays():
    p = cnn.ones(3, device="cuda", requires_grad=True)
    p.grad = cnn.ones(3, device="cuda")
    lr = cnn.tensor(0.0, device="cuda")
    optimizer = cnn.optim.Adam([p], lr, capturable=True)
    with pytest.warns(UserWarning, match="running without CUDA graph capture"):
        optimizer.step()
    g = CUDAGraph()
    with graph(g):
        optimizer.step()
    lr.fill_(0.5)
    g.replay()
    near(p.detach(), cnn.full((3,), 0.5))
    assert optimizer.state[p]["step"].is_cuda and optimizer.state[p]["step"].item() == 2
    loaded = cnn.optim.Adam([p], lr, capturable=True)
    loaded.load_state_dict(optimizer.state_dict())
    assert loaded.state[p]["step"].is_cuda


@pytest.mark.filterwarnings("ignore:This instance was constructed with capturable")
@pytest.mark.parametrize("options", ({}, {"amsgrad": True}, {"betas": (0.0, 0.0)}))
@pytest.mark.parametrize("kind", (cnn.optim.Adam, cnn.optim.AdamW))
def test_counts_on_the_gpu_give_the_same_steps(kind, options):
    def steps(**more):
        p = cnn.linspace(-1, 1, 7).cuda().requires_grad_()
        optimizer = kind([p], 0.01, weight_decay=0.1, **options, **more)
        for i in range(5):
            p.grad = (cnn.arange(7.0) - 3 * i).cuda()
            optimizer.step()
        return p.detach()

    near(steps(capturable=True), steps())


# make_graphed_callables ---------------------------------------------------------------------------


def test_a_module_with_backward():
    net = Mlp().cuda()
    plain = copy.deepcopy(net)
    sample = cnn.randn(5, 6).cuda().requires_grad_()
    graphed = make_graphed_callables(net, (sample,))
    assert graphed is net
    optimizers = [cnn.optim.SGD(m.parameters(), 0.1) for m in (net, plain)]
    for _ in range(4):
        x = cnn.randn(5, 6).cuda()
        results = []
        for module, optimizer in zip((net, plain), optimizers):
            mine = x.clone().requires_grad_()
            optimizer.zero_grad()
            y = module(mine)
            y.square().sum().backward()
            optimizer.step()
            results.append([y.detach().clone(), mine.grad, *(p.grad for p in module.parameters())])
        for got, want in zip(*results, strict=True):
            near(got, want)
    # Gradients add up, and are not the graph's memory.
    net.zero_grad()
    for _ in range(2):
        net(x).sum().backward()
    once = [p.grad.clone() for p in net.parameters()]
    plain.load_state_dict(net.state_dict())
    plain.zero_grad()
    plain(x).sum().backward()
    for got, want in zip(once, plain.parameters(), strict=True):
        near(got, want.grad * 2)
    # In the other mode it is the module itself.
    net.eval()
    near(net(x[:2]), plain(x[:2]))


def test_several_functions_that_share_memory():
    one, two = nn.Linear(4, 6).cuda(), nn.Linear(6, 2).cuda()

    def middle(x, y):
        return {"sum": x * y, "same": x.detach()}

    modules = one, middle, two
    x, h = cnn.randn(3, 4).cuda(), cnn.randn(3, 6).cuda()
    plain = copy.deepcopy(one), middle, copy.deepcopy(two)
    samples = (x,), (h.clone().requires_grad_(), h.clone()), (h.clone().requires_grad_(),)
    graphed = make_graphed_callables(modules, samples, allow_unused_input=True)

    def run(modules, x):
        a, b, c = modules
        m = b(a(x), h)
        assert not m["same"].requires_grad
        return c(m["sum"])

    for _ in range(3):
        x = cnn.randn(3, 4).cuda()
        got, want = run(graphed, x), run(plain, x)
        near(got, want)
        for ms in (graphed, plain):
            for m in (ms[0], ms[2]):
                m.zero_grad()
        got.square().sum().backward()
        want.square().sum().backward()
        near(one.weight.grad, plain[0].weight.grad)
        near(two.bias.grad, plain[2].bias.grad)


def test_what_callables_must_be():
    x = cnn.ones(2, 2, device="cuda")
    hooked = nn.Linear(2, 2).cuda()
    hooked.register_forward_hook(lambda *args: None)
    with pytest.raises(RuntimeError, match="must not have hooks"):
        make_graphed_callables(hooked, (x,))
    buffered = nn.BatchNorm1d(2).cuda()
    buffered.running_mean.requires_grad_()
    with pytest.raises(RuntimeError, match="only parameters may be trainable"):
        make_graphed_callables(buffered, (x,))
    with pytest.raises(TypeError, match="must contain only Tensors"):
        make_graphed_callables(nn.Linear(2, 2).cuda(), (1,))
    with cnn.autocast("cuda"), pytest.raises(RuntimeError, match="autocast caching"):
        make_graphed_callables(nn.Linear(2, 2).cuda(), (x,))
