"""Graphs and generated code of the same modules: PyTorch's names, targets and text."""

import collections
import types
import typing
import warnings

import pytest

torch = pytest.importorskip("torch")

import cnn  # noqa: E402
import cnn.fx  # noqa: E402
import cnn.fx.experimental.optimization  # noqa: E402

Pair = collections.namedtuple("Pair", "a b")


def residual(torch, nn, F):
    class Block(nn.Module):
        expansion = 2

        def __init__(self, planes, stride=1):
            super().__init__()
            self.conv1 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(planes)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = nn.Sequential(nn.Conv2d(planes, planes, 1, stride), nn.Identity())

        def forward(self, x):
            out = self.relu(self.bn1(self.conv1(x)))
            out += self.downsample(x)
            return self.relu(out)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU6())
            self.layer1 = nn.Sequential(Block(4), Block(4, 2))
            self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
            self.fc = nn.Linear(4, 10)

        def forward(self, x):
            x = self.layer1(self.stem(x))
            x = F.max_pool2d(x, 2, stride=1)
            x = torch.flatten(self.avgpool(x), 1)
            return F.log_softmax(self.fc(F.dropout(x, training=self.training)), dim=1)

    return Net(), {}


def transformer(torch, nn, F):
    class Attention(nn.Module):
        def __init__(self, dim, heads):
            super().__init__()
            self.heads, self.scale = heads, dim**-0.5
            self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
            self.register_buffer("mask", torch.ones(1))

        def forward(self, x):
            b, n, c = x.shape
            qkv = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads)
            q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
            weights = (q @ k.transpose(-2, -1)) * self.scale + self.mask
            x = F.softmax(weights, dim=-1) @ v
            return self.proj(x.transpose(1, 2).reshape(b, n, -1))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.zeros(1, 1, 8))
            self.norm, self.attention = nn.LayerNorm(8), Attention(8, 2)
            self.mlp = nn.ModuleList([nn.Linear(8, 8), nn.GELU()])

        def forward(self, x, *rest, mask=None, **options):
            x = torch.cat((self.token.expand(x.shape[0], -1, -1), x), dim=1)
            x = x + self.attention(self.norm(x))
            for layer in self.mlp:
                x = layer(x)
            return {"cls": x[:, 0], "rest": [x[:, 1:], F.layer_norm(x, (8,))]}

    return Net(), {}


def functions(torch, nn, F):
    def run(x, y=None, scale=2.0):
        a = torch.einsum("bi,bj->bij", x, x)
        b = torch.stack([x, F.gelu(x), F.relu(x, inplace=True)], 1)
        c = torch.where(x > 0, x, -x).clamp(min=0) ** scale / (1 + abs(x))
        d = F.interpolate(b.unsqueeze(1), scale_factor=2, mode="bilinear", align_corners=False)
        e = F.pad(c, (1, 1)).mean([0, 1]) - F.cross_entropy(x, y) + torch.norm(x)
        f = F.conv2d(d, torch.ones(1, 1, 1, 1)), F.scaled_dot_product_attention(b, b, b)
        g = x.to(torch.float16).view(x.size(0), -1).contiguous().float()[..., None, 1:]
        h = torch.split(x, 2, dim=1), F.normalize(x), F.embedding(y, x), F.one_hot(y)
        i = torch.meshgrid(x, y, indexing="ij"), torch.tensor([1.0]) * x, y is not None
        e = e + torch.linalg.norm(c) + torch.linalg.qr(c)[0].sum()
        return a, d, e, f, g, h, i, F.avg_pool2d(d, 2), F.adaptive_avg_pool2d(d, (1, 1))

    return run, {}


def annotated(torch, nn, F):
    def run(
        x: typing.Optional[torch.Tensor] = None,  # noqa: UP045
        y: typing.List[int] = None,  # noqa: UP006
        z: typing.Dict[str, torch.Tensor] = None,  # noqa: UP006
        u: int | str = 3,
        w: list[int] = None,
        d: torch.dtype = torch.float32,
        *args,
        **options,
    ) -> typing.Tuple[torch.Tensor, int]:  # noqa: UP006
        return x.to(d) + args[0] + options["k"], float("inf") * x, slice(x, None)

    return run, {}


def containers(torch, nn, F):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.ModuleDict({"x-y": nn.Linear(2, 2), "0": nn.Identity()})
            self.list = nn.ParameterList([nn.Parameter(torch.ones(2))])
            self.rnn, self.table = nn.LSTM(2, 2), nn.Embedding(3, 2)

        def forward(self, x):
            y, (h, c) = self.rnn(self.parts["x-y"](x))
            return Pair(self.parts["0"](y) * self.list[0], h), self.table.weight, self.table(x)

    return Net(), {}


def concrete(torch, nn, F):
    class Net(nn.Module):
        def forward(self, x: torch.Tensor, flag=None, double=True) -> torch.Tensor:
            return x * 2 if double and flag is None else x

    return Net(), {"concrete_args": {"flag": None, "double": False}}


def traced(package, make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root, options = make(package, package.nn, package.nn.functional)
        if isinstance(root, package.nn.Module):
            root.eval()  # what the graph holds of `self.training`
        return package.fx.symbolic_trace(root, **options)


def kind(target):
    if isinstance(target, str):
        return target
    return getattr(target, "__name__", str(target)).removeprefix("linalg_")


@pytest.mark.parametrize(
    "make", [residual, transformer, functions, annotated, containers, concrete]
)
def test_graphs_and_code(make):
    own, other = traced(cnn, make), traced(torch, make)
    assert own.code == other.code
    assert str(own.graph).replace("cnn.", "torch.") == str(other.graph)
    for a, b in zip(own.graph.nodes, other.graph.nodes):
        assert (a.op, a.name, kind(a.target)) == (b.op, b.name, kind(b.target))
        assert [n.name for n in a.users] == [n.name for n in b.users]
        assert [n.name for n in a.all_input_nodes] == [n.name for n in b.all_input_nodes]
        stack, wanted = a.meta.get("nn_module_stack", {}), b.meta.get("nn_module_stack", {})
        assert [(k, v[0]) for k, v in stack.items()] == [(k, v[0]) for k, v in wanted.items()]
    assert own.print_readable(False) == other.print_readable(False)


def test_values_of_a_traced_module():
    own, other = traced(cnn, residual).eval(), traced(torch, residual).eval()
    own.load_state_dict({k: cnn.from_numpy(v.numpy()) for k, v in other.state_dict().items()})
    x = torch.rand(2, 3, 9, 9)
    got = own(cnn.from_numpy(x.numpy())).detach().numpy()
    assert abs(got - other(x).detach().numpy()).max() < 1e-5


@pytest.mark.parametrize(
    "candidates",
    [
        ["x", "x", "x_1", "x_3", "x_1"],
        ["maxPool", "ALL_CAPS", "2d", "a.b", "", "len", "for", "add_01", "a b", "__x__", "_"],
        ["add_1", "add", "add", "add_1", "add_5", "add"],
    ],
)
def test_names(candidates):
    own, other = cnn.fx.graph._Namespace(), torch.fx.graph._Namespace()
    assert [own.create_name(c, None) for c in candidates] == [
        other.create_name(c, None) for c in candidates
    ]
    for name in candidates:
        assert cnn.fx.graph._snake_case(name) == torch.fx.graph._snake_case(name)


def test_patterns_replace_the_same():
    def make(torch, nn, F):
        def run(x, w):
            a = torch.relu(x @ w) + torch.relu(x @ w)
            return torch.relu(a + 1) * torch.relu(a @ w)

        return run, {}

    codes = []
    for package in (cnn, torch):
        graph = traced(package, make)

        pattern = types.FunctionType(_two("relu", "@").__code__, {"torch": package})
        replacement = types.FunctionType(_two("tanh", "-").__code__, {"torch": package})
        found = package.fx.replace_pattern(graph, pattern, replacement)
        codes.append((len(found), graph.code, [m.anchor.name for m in found]))
    assert codes[0] == codes[1]


def _two(function, operator):
    names = {}
    exec(f"def f(a, b):\n    return torch.{function}(a {operator} b)", names)
    return names["f"]


def test_refusals():
    for function in (lambda x: 1 if x else 2, lambda x: sum(2 * a for a in x)):
        messages = []
        for package in (cnn, torch):
            with pytest.raises(package.fx.proxy.TraceError) as caught:
                package.fx.symbolic_trace(function)
            messages.append(str(caught.value))
        assert messages[0] == messages[1]
