"""A batch norm and a ReLU side by side in a Sequential run in one pass, if nobody can tell."""

import copy

import pytest

import cnn
from cnn import nn

SHAPES = {
    nn.BatchNorm1d: [(6, 4), (3, 4, 5)],
    nn.BatchNorm2d: [(2, 4, 3, 5)],
    nn.BatchNorm3d: [(2, 4, 2, 3, 2)],
}
CASES = [(kind, shape) for kind, shapes in SHAPES.items() for shape in shapes]


@pytest.fixture
def fused(monkeypatch):
    """Counts the fused calls."""
    calls = []
    both = cnn._C._batch_norm_relu
    monkeypatch.setattr(cnn._C, "_batch_norm_relu", lambda *args: calls.append(1) or both(*args))
    return calls


def one_by_one(net, x):
    for module in net:
        x = module(x)
    return x


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"affine": False}, {"momentum": None}, {"track_running_stats": False}]
)
@pytest.mark.parametrize(("kind", "shape"), CASES)
def test_like_one_after_the_other(fused, kind, shape, options, inplace, training):
    cnn.manual_seed(0)
    net = nn.Sequential(kind(4, **options), nn.ReLU(inplace)).train(training)
    for tensor in net.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.5, 2)
    other = copy.deepcopy(net)
    data, g = cnn.randn(shape), cnn.randn(shape)
    results = []
    for model, run in ((net, nn.Sequential.__call__), (other, one_by_one)):
        x = data.clone().requires_grad_()
        y = run(model, x)
        (first,) = cnn.autograd.grad(y, x, g, create_graph=True)
        y.backward(g, retain_graph=True)
        second = cnn.autograd.grad(first.square().sum(), x, allow_unused=True)[0]
        results.append([y, x.grad, second, *(p.grad for p in model.parameters()), *model.buffers()])
    assert len(fused) == 1
    for a, b in zip(*results, strict=True):
        cnn.testing.assert_close(a, b, rtol=0, atol=0)


def test_the_graph_has_both_nodes(fused):
    y = nn.Sequential(nn.BatchNorm1d(4), nn.ReLU())(cnn.randn(6, 4))
    assert fused and y.grad_fn.name() == "ReluBackward0"
    assert y.grad_fn.next_functions[0][0].name() == "NativeBatchNormBackward0"


def test_nan_stays(fused):
    x = cnn.tensor([[float("nan"), 1.0], [2.0, -1.0], [0.0, 0.0]])
    y = nn.Sequential(nn.BatchNorm1d(2), nn.ReLU())(x)
    assert fused and y[:, 0].isnan().all() and not y[:, 1].isnan().any()


def test_hooks_see_what_lies_between(fused):
    for register in "register_forward_hook", "register_forward_pre_hook":
        for watched in 0, 1:
            net = nn.Sequential(nn.BatchNorm1d(4), nn.ReLU())
            seen = []
            handle = getattr(net[watched], register)(lambda *args, seen=seen: seen.append(args))
            net(cnn.randn(6, 4))
            assert len(seen) == 1 and not fused
            handle.remove()
            net(cnn.randn(6, 4))
            assert len(fused) == 1
            fused.clear()


def test_global_hooks_see_every_module(fused):
    seen = []
    handle = nn.modules.module.register_module_forward_hook(lambda m, x, y: seen.append(type(m)))
    nn.Sequential(nn.BatchNorm1d(4), nn.ReLU())(cnn.randn(6, 4))
    handle.remove()
    assert seen == [nn.BatchNorm1d, nn.ReLU, nn.Sequential] and not fused


def test_backward_hooks(fused):
    net = nn.Sequential(nn.BatchNorm1d(4), nn.ReLU())
    seen = []
    net[1].register_full_backward_hook(lambda m, into, out: seen.append(into[0].shape))
    net(cnn.randn(6, 4)).sum().backward()
    assert seen == [(6, 4)] and not fused


def test_other_classes_are_called(fused, monkeypatch):
    class Loud(nn.ReLU):
        def forward(self, x):
            return super().forward(x) + 1

    class Norm(nn.BatchNorm1d):
        pass

    x = cnn.randn(6, 4)
    assert (nn.Sequential(nn.BatchNorm1d(4), Loud())(x) >= 1).all()
    nn.Sequential(Norm(4), nn.ReLU())(x)
    nn.Sequential(nn.Identity(), nn.BatchNorm1d(4), nn.Identity(), nn.ReLU())(x)
    net = nn.Sequential(nn.BatchNorm1d(4), nn.ReLU())
    net[1].forward = lambda x: x + 5
    assert net(x).min() > 1  # the normalised x, plus 5
    monkeypatch.setattr(nn.ReLU, "forward", lambda self, x: x * 0)
    assert (nn.Sequential(nn.BatchNorm1d(4), nn.ReLU())(x) == 0).all()
    assert not fused


def test_subclasses_of_tensor_see_both_functions(fused):
    names = []

    class Watched(cnn.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            names.append(function.__name__)
            return super().__torch_function__(function, types, args, kwargs or {})

    nn.Sequential(nn.BatchNorm1d(4), nn.ReLU())(cnn.randn(6, 4).as_subclass(Watched))
    assert "relu" in names and not fused


def test_what_follows_is_called_too(fused):
    cnn.manual_seed(0)
    norms = [nn.BatchNorm1d(4), nn.BatchNorm1d(4)]
    net = nn.Sequential(norms[0], norms[1], nn.Tanh(), nn.BatchNorm1d(4))
    x = cnn.randn(6, 4)
    cnn.testing.assert_close(net.eval()(x), one_by_one(net, x), rtol=0, atol=0)
    net = nn.Sequential(nn.BatchNorm1d(4))
    net.add_module("nothing", None)
    with pytest.raises(TypeError, match="not callable"):
        net(x)
    assert not fused


def test_errors_say_where(fused):
    net = nn.Sequential(nn.Flatten(), nn.BatchNorm2d(4), nn.ReLU())
    with pytest.raises(ValueError, match="expected 4D input") as error:
        net(cnn.randn(6, 4))
    assert "in 1 (BatchNorm2d)" in getattr(error.value, "__notes__", ["in 1 (BatchNorm2d)"])
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        nn.Sequential(nn.BatchNorm1d(4), nn.ReLU())(cnn.randn(1, 4))


@pytest.mark.parametrize("format", [cnn.contiguous_format, cnn.channels_last])
@pytest.mark.parametrize("shape", [(8, 6, 5, 7), (32, 24, 8, 8), (2, 64, 14, 14)])
def test_the_gradient_masks_as_the_relu_does(shape, format):
    cnn.manual_seed(0)
    net = nn.Sequential(nn.BatchNorm2d(shape[1]), nn.ReLU())
    with cnn.no_grad():
        net[0].weight.uniform_(-1, 1)
        net[0].bias.normal_()
    x, g = (cnn.randn(shape).contiguous(memory_format=format) for _ in range(2))
    results = []
    for apart in (False, True):
        leaf = x.clone().requires_grad_()
        y = net(leaf)
        if apart:  # somebody who would see the gradient between the two
            y.grad_fn.register_hook(lambda *gradients: None)
        results.append(cnn.autograd.grad(y, [leaf, *net.parameters()], g))
    for a, b in zip(*results, strict=True):
        cnn.testing.assert_close(a, b, rtol=0, atol=0)
