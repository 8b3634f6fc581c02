"""What databases of ops do not judge: layouts, aliasing, graphs, in-place writes, Python types."""

from __future__ import annotations

import gc
import math
import threading
import warnings
import weakref

import pytest

import cnn
from facts import FACTS


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
def test_fact(fact):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert fact(cnn) == fact.expected


def test_a_chain_of_a_million_ops_runs_backward_and_is_freed():
    x = cnn.ones(1, requires_grad=True)
    y = x
    for _ in range(1_000_000):
        y = y + 1.0
    probe = weakref.ref(y)
    y.sum().backward()
    assert x.grad.item() == 1.0
    del y
    assert probe() is None


def test_a_chain_that_never_ran_is_freed():
    y = cnn.ones(1, requires_grad=True)
    for _ in range(300_000):
        y = y * 1.0
    del y


def test_a_chain_of_views_and_writes_runs_backward():
    x = cnn.ones(4, requires_grad=True)
    y = x * 1.0
    for _ in range(2_000):
        y[1:].mul_(1.0)
    y.sum().backward()
    assert x.grad.tolist() == [1.0] * 4


def test_64_threads_run_backward_on_one_leaf():
    x = cnn.ones(64, requires_grad=True)
    start = threading.Barrier(64)
    failures = []

    def run():
        try:
            start.wait()
            for _ in range(20):
                (x * 2.0).sum().backward()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert x.grad.tolist() == [64 * 20 * 2.0] * 64


def test_threads_share_one_graph():
    x = cnn.ones(8, requires_grad=True)
    y = (x * 3.0).exp().sum()
    once = cnn.autograd.grad(y, x, retain_graph=True)[0].tolist()
    results = []

    def run():
        results.append(cnn.autograd.grad(y, x, retain_graph=True)[0].tolist())

    threads = [threading.Thread(target=run) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [once] * 16


def test_modes_belong_to_their_thread():
    seen = []
    with cnn.no_grad():
        thread = threading.Thread(target=lambda: seen.append(cnn.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_saved_tensors_are_freed_by_backward():
    freed = []

    class Watched(cnn.Tensor):
        def __del__(self):
            freed.append(True)

    x = cnn.ones(2, requires_grad=True)
    weight = cnn.ones(2).as_subclass(Watched)
    y = (x * weight).sum().as_subclass(cnn.Tensor)
    del weight
    gc.collect()
    y.backward()
    gc.collect()
    assert freed
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_graph_that_lost_its_result_is_freed():
    x = cnn.ones(2, requires_grad=True)
    seen = []

    class Probe(cnn.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.token = token = type("Token", (), {})()
            seen.append(weakref.ref(token))
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g

    y = Probe.apply(x) + 1
    del y
    gc.collect()
    assert seen[0]() is None


def test_the_angle_at_the_origin_has_no_slope():
    y, x = cnn.zeros(2, requires_grad=True), cnn.tensor([0.0, 2.0], requires_grad=True)
    cnn.atan2(y, x).sum().backward()
    assert y.grad.tolist() == [0.0, 0.5] and x.grad.tolist() == [0.0, 0.0]


def test_the_loss_of_an_infinite_logit():
    x = cnn.tensor([float("inf"), 200.0, -200.0])
    losses = cnn.nn.functional.binary_cross_entropy_with_logits(
        x, cnn.full((3,), 0.25), reduction="none"
    )
    assert losses.tolist() == [float("inf"), 150.0, 50.0]


@pytest.mark.parametrize("dtype", (cnn.float32, cnn.float64))
def test_the_gradient_of_logcumsumexp_far_from_zero(dtype):
    """exp(x[i]) sum over k >= i of exp(-y[k]), though y is rounded to 1e-3 at 10000 in float32."""
    x = cnn.full((4,), 10000.0, dtype=dtype, requires_grad=True)
    x.logcumsumexp(0).sum().backward()
    cnn.testing.assert_close(
        x.grad, cnn.tensor([25 / 12, 13 / 12, 7 / 12, 1 / 4], dtype=dtype), rtol=1e-6, atol=0
    )


def test_a_number_given_as_a_tensor_is_not_written():
    number = cnn.tensor(-1)
    rows = cnn.tensor([0, 1])
    weight = cnn.ones(3, 2)
    cnn.rot90(cnn.ones(2, 3), number)
    cnn.nn.Embedding(3, 2, number)
    cnn.nn.functional.embedding(rows, weight, number)
    cnn.nn.functional.embedding_bag(rows[None], weight, padding_idx=number)
    assert number == -1


@pytest.mark.parametrize("bits", (8, 16, 32, 64))
def test_gcd_and_lcm_of_the_least_integer(bits):
    def wrapped(value):
        return (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)

    least = -(2 ** (bits - 1))
    a, b = [least, least, least, -2, 0, least, 7], [-1, 6, least, least, least, 1, -21]
    dtype = getattr(cnn, f"int{bits}")
    x, y = cnn.tensor(a, dtype=dtype), cnn.tensor(b, dtype=dtype)
    assert cnn.gcd(x, y).tolist() == [wrapped(math.gcd(i, j)) for i, j in zip(a, b)]
    assert cnn.lcm(x, y).tolist() == [wrapped(abs(wrapped(math.lcm(i, j)))) for i, j in zip(a, b)]
