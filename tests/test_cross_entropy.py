"""Cross entropy's gradient goes past log-softmax in one kernel, unless somebody looks at what lies between."""

import pickle
import threading

import numpy as np
import pytest

import cnn
from cnn.nn import functional as F


def expected(x, target, weight=None, reduction="mean", ignored=-100):
    """The gradient of the sum of cross_entropy's result, in float64; x is [N, classes, ...]."""
    x = np.moveaxis(x.astype(np.float64), 1, -1)
    p = np.exp(x - x.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    weight = np.ones(x.shape[-1]) if weight is None else weight
    known = target != ignored
    scale = np.where(known, weight[np.where(known, target, 0)], 0)
    if reduction == "mean":
        scale = scale / scale.sum()
    hot = np.arange(x.shape[-1]) == target[..., None]
    return np.moveaxis((p - hot) * scale[..., None], -1, 1)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(1, 2), (32, 10), (7, 65), (3, 1000), (2, 5, 3, 4), (2, 5, 6)])
@pytest.mark.parametrize("dtype", [cnn.float32, cnn.float64, cnn.bfloat16])
def test_gradient(dtype, shape, weighted, reduction):
    cnn.manual_seed(1)
    x = (3 * cnn.randn(shape)).to(dtype).requires_grad_()
    target = cnn.randint(0, shape[1], (shape[0], *shape[2:]))
    target.view(-1)[0] = -100
    target.view(-1)[-1] = 1
    weight = cnn.rand(shape[1]).to(dtype) + 0.5 if weighted else None
    F.cross_entropy(x, target, weight, reduction=reduction).sum().backward()
    by_hand = expected(
        x.detach().double().numpy(),
        target.numpy(),
        weight.double().numpy() if weighted else None,
        reduction,
    )
    assert x.grad.dtype == dtype
    error = {cnn.float32: 1e-6, cnn.float64: 1e-14, cnn.bfloat16: 2e-2}[dtype]
    np.testing.assert_allclose(x.grad.double().numpy(), by_hand, rtol=error, atol=error)


def test_one_row_of_logits():
    x = cnn.randn(5, requires_grad=True)
    F.cross_entropy(x, cnn.tensor(3)).backward()
    hot = cnn.tensor([0.0, 0, 0, 1, 0])
    cnn.testing.assert_close(x.grad, x.detach().softmax(0) - hot)


def test_only_ignored_targets():
    x = cnn.randn(3, 4, requires_grad=True)
    loss = F.cross_entropy(x, cnn.full((3,), -100))
    loss.backward()
    assert loss.isnan() and (x.grad == 0).all()


def problem():
    cnn.manual_seed(2)
    x = cnn.randn(6, 5, requires_grad=True)
    logits = x * 2
    target = cnn.tensor([0, 1, 2, 3, 4, -100])
    loss = F.cross_entropy(logits, target)
    p = logits.detach().softmax(1)
    hot = F.one_hot(target.clamp(min=0), 5) * (target >= 0)[:, None]
    at_logs = -hot / 5
    return x, logits, loss, at_logs, 2 * (p * (target >= 0)[:, None] / 5 + at_logs)


def test_the_graph_has_both_nodes():
    _, _, loss, _, _ = problem()
    assert loss.grad_fn.name() == "NllLossBackward0"
    assert loss.grad_fn.next_functions[0][0].name() == "LogSoftmaxBackward0"


def test_hooks_of_the_nodes_see_the_gradient_between():
    for hooked in "upper", "lower":
        x, _, loss, at_logs, at_x = problem()
        seen = []
        if hooked == "upper":
            loss.grad_fn.register_hook(lambda into, out, seen=seen: seen.append(into[0]))
        else:
            node = loss.grad_fn.next_functions[0][0]
            node.register_prehook(lambda out, seen=seen: seen.append(out[0]))
        loss.backward()
        cnn.testing.assert_close(seen[0], at_logs)
        cnn.testing.assert_close(x.grad, at_x)


def test_the_gradient_between_can_be_asked_for():
    x, _, loss, at_logs, at_x = problem()
    edge = cnn.autograd.graph.GradientEdge(loss.grad_fn.next_functions[0][0], 0)
    between, end = cnn.autograd.grad(loss, (edge, x))
    cnn.testing.assert_close(between, at_logs)
    cnn.testing.assert_close(end, at_x)


def test_only_the_gradient_between():
    _, _, loss, at_logs, _ = problem()
    edge = cnn.autograd.graph.GradientEdge(loss.grad_fn.next_functions[0][0], 0)
    (between,) = cnn.autograd.grad(loss, (edge,))
    cnn.testing.assert_close(between, at_logs)


def test_the_logits_alone_and_their_hooks():
    x, logits, loss, _, at_x = problem()
    seen = []
    logits.register_hook(seen.append)
    logits.retain_grad()
    (given,) = cnn.autograd.grad(loss, logits, retain_graph=True)
    cnn.testing.assert_close(given, at_x / 2)
    assert x.grad is None
    loss.backward()
    cnn.testing.assert_close(logits.grad, at_x)  # of both runs
    cnn.testing.assert_close(seen[-1], at_x / 2)


def test_the_graph_runs_once_unless_it_is_retained():
    x, _, loss, _, at_x = problem()
    loss.backward(retain_graph=True)
    loss.backward()
    cnn.testing.assert_close(x.grad, 2 * at_x)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_log_softmax_is_released_with_the_loss():
    x, _, loss, _, _ = problem()
    below = loss.grad_fn.next_functions[0][0]
    loss.backward()
    with pytest.raises(RuntimeError, match="second time"):
        cnn.autograd.grad(cnn.autograd.graph.GradientEdge(below, 0), x, cnn.ones(6, 5))


def test_second_order():
    x = cnn.randn(4, 3, dtype=cnn.float64, requires_grad=True)
    target = cnn.tensor([0, 2, -100, 1])
    weight = cnn.tensor([0.5, 1.0, 2.0], dtype=cnn.float64)
    assert cnn.autograd.gradcheck(lambda x: F.cross_entropy(x, target, weight), (x,))
    assert cnn.autograd.gradgradcheck(lambda x: F.cross_entropy(x, target, weight), (x,))


def test_with_and_without_a_witness():
    cnn.manual_seed(3)
    data, target = cnn.randn(33, 65), cnn.randint(0, 65, (33,))
    gradients = []
    for watched in False, True:
        x = data.clone().requires_grad_()
        loss = F.cross_entropy(x, target)
        if watched:
            loss.grad_fn.register_hook(lambda into, out: None)
        loss.backward()
        gradients.append(x.grad)
    cnn.testing.assert_close(*gradients, rtol=2e-7, atol=1e-9)


def test_two_threads_in_one_graph():
    x, _, loss, _, at_x = problem()
    results = []

    def run():
        for _ in range(200):
            results.append(cnn.autograd.grad(loss, x, retain_graph=True)[0])

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 400
    for gradient in results:
        cnn.testing.assert_close(gradient, at_x)


def test_saved_tensor_hooks():
    packed = []
    with cnn.autograd.graph.saved_tensors_hooks(
        lambda t: packed.append(t) or t.clone(), lambda t: t
    ):
        x, _, loss, _, at_x = problem()
    assert packed
    loss.backward()
    cnn.testing.assert_close(x.grad, at_x)


PARTS = [{}, {"batch_chunk_size": 2}, {"batch_chunk_size": 20}, {"chunking_method": "aspect_ratio"}]


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("options", PARTS)
def test_of_a_linear_layer_in_parts(monkeypatch, options, weighted, reduction):
    rng = np.random.default_rng(1)
    leaves = [rng.standard_normal(shape) for shape in ((9, 5), (40, 5), (40,))]
    target = cnn.from_numpy(rng.integers(0, 40, 9))
    target[2] = -100
    weight = cnn.from_numpy(rng.random(40)) if weighted else None
    sizes = []
    linear = cnn._C.linear
    monkeypatch.setattr(cnn._C, "linear", lambda x, *a: sizes.append(x.size(0)) or linear(x, *a))

    def results(options):
        x, w, b = (cnn.tensor(v, requires_grad=True) for v in leaves)
        loss = F.linear_cross_entropy(
            x, w, target, linear_bias=b, weight=weight, reduction=reduction, options=options
        )
        (loss * cnn.arange(1.0, loss.numel() + 1).reshape(loss.shape)).sum().backward()
        return loss.detach(), x.grad, w.grad, b.grad

    whole = results(None)
    assert sizes == [9]
    for a, b in zip(results(cnn.nn.LinearCrossEntropyOptions(**options)), whole):
        cnn.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)
    # Next to 8 classes for a feature, a part is ceil(9 / 8) rows rounded up to a power of 2, or half.
    rows = {"batch_chunk_size": 2, "chunking_method": 2}.get(next(iter(options), ""), 1)
    assert max(sizes[1:]) == min(9, options.get("batch_chunk_size", rows))
    assert sum(sizes[1:]) == 18  # forward, and once more for the gradient


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_chunk_size": 0},
        {"chunking_method": "rows"},
        {"acc_policy": "x"},
        {"acc_dtype": cnn.int64},
    ],
)
def test_options_of_a_linear_layer(wrong):
    with pytest.raises(ValueError):
        cnn.nn.LinearCrossEntropyOptions(**wrong)
    options = cnn.nn.LinearCrossEntropyOptions(batch_chunk_size=2)
    assert pickle.loads(pickle.dumps(options)) == options != cnn.nn.LinearCrossEntropyOptions()
    with pytest.raises(AttributeError, match="cannot assign to field"):
        options.batch_chunk_size = 3
    with pytest.warns(UserWarning, match="``options`` ignored"):
        F.linear_cross_entropy(
            cnn.ones(2, 3),
            cnn.ones(4, 3),
            cnn.zeros(2, dtype=cnn.int64),
            label_smoothing=0.1,
            options=cnn.nn.LinearCrossEntropyOptions(),
        )
