"""What is refused, and what is not, beside PyTorch: the same values, or errors of the same type."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import cnn

torch = pytest.importorskip("torch")

# T is the library, F its functional, L its int64.
CALLS = """
    T.tensor([5], dtype=T.int8) % 300
    T.tensor([5], dtype=T.int32) % 2**40
    T.tensor([5], dtype=T.int8).remainder_(T.tensor([256]))
    T.tensor([5], dtype=T.uint8) + 300
    T.tensor([5], dtype=T.uint8) == 256 + 5
    T.tensor([True]) % T.tensor([True])
    T.tensor([True]) % 2
    T.tensor([-(2**63)]) // -1
    T.pow(T.tensor([2, 1, -1, 0]), T.tensor([-1, -1, -3, -1]))
    T.pow(T.tensor([2]), -1)
    T.pow(T.tensor([2], dtype=T.int8), 255)
    T.tensor([1]) << 64
    T.tensor([1]) << -1
    T.tensor([-1]) >> 64
    T.tensor([-1]) >> -1
    T.tensor([1], dtype=T.int8) << 7
    T.abs(T.tensor([-(2**63)]))
    T.gcd(T.tensor([-(2**63)]), T.tensor([-1]))
    T.lcm(T.tensor([-(2**63)]), T.tensor([-1]))
    T.tensor([float("nan"), float("inf"), 1e20, 300.0, -1.0]).to(T.uint8)
    T.tensor([float("nan"), float("inf"), 1e20, 300.0, -1.0]).to(T.int8)
    T.tensor([float("nan"), float("inf"), 1e20, 300.0, -1.0]).to(T.int16)
    T.tensor([float("nan"), float("inf"), 1e20, 300.0, -1.0]).to(T.int32)
    T.tensor([float("nan"), float("inf"), 1e20, 300.0, -1.0]).to(L)
    T.add(T.ones(2, dtype=L), T.ones(2, dtype=L), alpha=1.6)
    T.addcmul(T.ones(2, dtype=L), T.ones(2, dtype=L), T.ones(2, dtype=L), value=1.6)
    T.addcmul(T.ones(2, dtype=T.int8), T.ones(2, dtype=T.int8), T.ones(2, dtype=T.int8), value=300)
    T.bincount(T.tensor([2**62]))
    T.bincount(T.tensor([1, 2]), minlength=-1)
    T.histc(T.tensor([1.0, float("inf")]), bins=3)
    T.arange(0, 5, 1.5, dtype=L)
    T.arange(1.7, 5.2, 1.1, dtype=T.int32)
    T.arange(300, dtype=T.uint8)
    T.linspace(0, 2.9, 3, dtype=L)
    T.linspace(0, 300, 4, dtype=T.int8)
    T.linspace(0, 300, 4, dtype=T.uint8)
    T.linspace(4.3, -3, 50, dtype=L)
    T.linspace(4.3, -3, 50, dtype=T.uint8)
    T.linspace(10, -1, 5, dtype=T.uint8)
    T.linspace(-1.9, 1.9, 6, dtype=T.uint8)
    T.linspace(0, 255, 100, dtype=T.uint8)
    T.linspace(-(2**62), 2**62, 5, dtype=L)
    T.linspace(0, 2**40, 5, dtype=T.int32)
    T.logspace(0, 3, 4, dtype=T.uint8)
    T.logspace(0, 10, 5, 2.0, dtype=T.int8)
    T.logspace(4.3, -3, 5, 2.0, dtype=T.uint8)
    T.logspace(1, 20, 4, dtype=T.uint8)
    T.logspace(1, 20, 4, dtype=T.int16)
    T.logspace(1, 20, 4, dtype=T.int32)
    T.logspace(1, 20, 4, dtype=L)
    T.logspace(0, 300, 4, dtype=T.int8)
    T.logspace(0, 3, 4, -2.0, dtype=T.int8)
    T.logspace(2.7, 40, 1, 10.0, dtype=T.int32)
    T.logspace(15.3, 6, 1, 10.0, dtype=T.int32)
    T.logspace(15.3, 1e30, 0, 10.0, dtype=T.int8)
    T.logspace(0, 1, 3, dtype=T.bool)
    T.linspace(1e30, -1e30, 0, dtype=T.int8)
    T.linspace(239, 1e30, 1, dtype=T.int16)
    T.arange(-4.0, 9.3e18, 1.6e18, dtype=T.int8)
    T.logspace(0, 3, 4, -2.0, dtype=T.uint8)
    T.arange(0, 1e19, 1e19, dtype=T.uint8)
    T.arange(0.0, 1e30, 5e29, dtype=T.int32)
    T.arange(-3e9, 3e9, 2e9, dtype=T.int16)
    T.arange(-3e9, 3e9, 2e9, dtype=T.int32)
    T.arange(0, 3e9, 1e9, dtype=T.int8)
    T.arange(0, 5, 0.5, dtype=T.int32)
    T.arange(250, 260, dtype=T.int8)
    T.arange(-1, 3, dtype=T.uint8)
    T.full((2,), 2**63)
    T.full((2,), 2**64)
    T.full((2,), -(2**63) - 1)
    T.full((2,), 2**63, dtype=T.int8)
    T.full((2,), 9.3e18, dtype=L)
    T.full((2,), float("nan"), dtype=L)
    T.ones(2).__setitem__(0, 1j)
    T.ones(2, dtype=L).__setitem__(0, 1j)
    T.ones(2).__setitem__(0, 2**63)
    T.ones(2, dtype=L).__setitem__(0, 2**64)
    T.ones(3).fill_(T.tensor([2.0]))
    T.ones(1).expand(3).fill_(2.0)
    T.ones(1).expand(3).fill_(T.tensor(2.0))
    T.zeros(3, dtype=L).fill_(T.tensor(2.7))
    F.max_pool1d(T.arange(8).view(1, 1, 8), 2)
    F.max_pool1d(T.arange(8).view(1, 1, 8).int(), 2, return_indices=True)[0]
    F.max_pool2d(T.arange(16).view(1, 1, 4, 4), 2)
    F.batch_norm(T.arange(12.0).view(2, 3, 2), T.zeros(3), T.ones(3), T.ones(3, 1), T.ones(1, 3))
    F.batch_norm(T.arange(12.0).view(2, 3, 2), T.zeros(3), T.ones(3), T.ones(3, 2))
    F.batch_norm(T.arange(12.0).view(2, 3, 2), T.zeros(3), T.ones(3), T.tensor(1.0))
    F.batch_norm(T.arange(4.0).view(2, 1, 2), T.zeros(1), T.ones(1), T.tensor(2.0))
    F.batch_norm(T.arange(12.0).view(2, 3, 2), T.zeros(3, 1), T.ones(3))
    F.instance_norm(T.arange(12.0).view(2, 3, 2), weight=T.ones(3, 1))
    F.embedding_bag(T.arange(5), T.ones(9, 2), T.tensor([0, 3, 2]), mode="sum")
    F.embedding_bag(T.arange(5), T.ones(9, 2), T.tensor([0, 3, 2]), mode="mean")
    F.adaptive_max_pool1d(T.arange(8).view(1, 1, 8), 2)
    F.adaptive_max_pool2d(T.arange(16).view(1, 1, 4, 4), 2)
    F.adaptive_max_pool2d(T.ones(1, 1, 4, 4), (-1, 2))
    F.adaptive_avg_pool2d(T.arange(16).view(1, 1, 4, 4), 1)
    F.adaptive_avg_pool2d(T.ones(1, 1, 4, 4), (-1, 2))
    F.adaptive_avg_pool2d(T.arange(16.0).view(1, 1, 4, 4), (None, 2))
    F.avg_pool1d(T.arange(8).view(1, 1, 8), 2)
    F.avg_pool2d(T.arange(-16, 0).view(1, 1, 4, 4), 2)
    F.avg_pool2d(T.arange(16).view(1, 1, 4, 4), 2, padding=1)
    F.avg_pool2d(T.arange(16).view(1, 1, 4, 4).int(), 2)
    F.avg_pool3d(T.arange(16).view(1, 1, 4, 4, 1), (2, 2, 1))
    F.conv1d(T.arange(8).view(1, 1, 8), T.ones(1, 1, 3, dtype=L))
    F.conv2d(T.arange(32).view(1, 2, 4, 4), T.ones(2, 1, 3, 3, dtype=L), groups=2)
    F.conv2d(T.arange(32).view(1, 2, 4, 4), T.ones(2, 2, 3, 3, dtype=L), stride=2, padding=1)
    F.conv2d(T.arange(32).view(1, 2, 4, 4), T.ones(2, 2, 2, 2, dtype=L), dilation=2)
    F.conv2d(T.ones(1, 1, 4, 4) > 0, T.ones(1, 1, 3, 3) > 0)
    F.conv_transpose2d(T.arange(16).view(1, 1, 4, 4), T.ones(1, 1, 3, 3, dtype=L), stride=2, padding=1)
    F.huber_loss(T.ones(2), T.zeros(2).double(), reduction="none")
    F.huber_loss(T.ones(2, dtype=L), T.ones(2))
    T.round(T.tensor([12]), decimals=-1)
    T.cdist(T.ones(2, 3), T.ones(2, 3), compute_mode="x")
    F.layer_norm(T.ones(2, 3), (3,), T.ones(3).double())
    F.layer_norm(T.ones(2, 3).half(), (3,), T.ones(3), T.ones(3).half())
    F.batch_norm(T.ones(2, 3), T.zeros(3).double(), T.ones(3).double())
    T.gru_cell(T.zeros(3, 3), T.zeros(3, 16), T.zeros(48, 3), T.zeros(1, 16))
    T.combinations(T.arange(5), 3)
    T.combinations(T.arange(3), 2, True)
    T.tril_indices(3, 4, -1)
    T.triu_indices(4, 3, 1)
    T.arange(4).repeat_interleave(T.tensor([0, 3, 0, 2]))
""".strip().splitlines()


def outcome(library, call):
    names = {"T": library, "F": library.nn.functional, "L": library.int64}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = eval(call, names)
    except Exception as e:
        return type(e).__mro__, None
    return str(y.dtype), np.array(y.double().tolist())


@pytest.mark.parametrize("call", [c.strip() for c in CALLS])
def test_the_same_is_refused(call):
    (kind, got), (wanted, want) = outcome(cnn, call), outcome(torch, call)
    if want is None:
        assert got is None, f"PyTorch raises {wanted[0]}"
        assert [k.__name__ for k in kind[:1]] == [k.__name__ for k in wanted[:1]]
    else:
        assert got is not None, f"raises {kind[0]}"
        assert kind == wanted
        np.testing.assert_array_equal(got, want)
