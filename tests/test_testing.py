"""cnn.testing, and the state of the generators."""

from __future__ import annotations

import math

import pytest

import cnn
from gradients import F64


def message(*args, **options):
    with pytest.raises((AssertionError, TypeError, ValueError)) as caught:
        cnn.testing.assert_close(*args, **options)
    return f"{caught.type.__name__}: {caught.value}"


def test_assert_close_accepts():
    close = cnn.testing.assert_close
    close(cnn.ones(2), cnn.ones(2) + 1e-7)
    close({"a": [1.0, cnn.ones(2)], "b": None}, {"b": None, "a": (1.0, cnn.ones(2))})
    close(cnn.tensor([math.nan]), cnn.tensor([math.nan]), equal_nan=True)
    close(cnn.ones(2), cnn.ones(2, dtype=F64), check_dtype=False)
    close(cnn.nn.Parameter(cnn.ones(2)), cnn.ones(2))
    close(1, 1.0, check_dtype=False)


def test_assert_close_messages():
    a, b = cnn.tensor([1.0, 2.0, 3.0]), cnn.tensor([1.0, 4.0, 5.0])
    assert message(a, b) == (
        "AssertionError: Tensor-likes are not close!\n\nMismatched elements: 2 / 3 (66.7%)\n"
        "Greatest absolute difference: 2.0 at index (1,) (up to 1e-05 allowed)\n"
        "Greatest relative difference: 0.5 at index (1,) (up to 1.3e-06 allowed)"
    )
    assert message(cnn.tensor(1), cnn.tensor(2)) == (
        "AssertionError: Scalars are not equal!\n\nExpected 2 but got 1.\n"
        "Absolute difference: 1\nRelative difference: 0.5"
    )
    assert message([a], [a, a]) == "AssertionError: The length of the sequences mismatch: 1 != 2"
    assert message({"k": [1, a]}, {"k": [1, b]}).endswith("The failure occurred for item ['k'][1]")
    assert message(a, cnn.ones(2)).endswith(
        "attribute 'shape' do not match: torch.Size([3]) != torch.Size([2])."
    )
    assert message(a, a.to(F64)).endswith(
        "attribute 'dtype' do not match: torch.float32 != torch.float64."
    )
    assert message(None, a).startswith("AssertionError: None mismatch")
    assert message("a", a).startswith(
        "TypeError: No comparison pair was able to handle inputs of type"
    )
    assert message(a, b, rtol=1e-3).startswith(
        "ValueError: Both 'rtol' and 'atol' must be either specified"
    )
    assert message(a, b, msg="words") == "AssertionError: words"
    assert message(a, b, msg=lambda text: "head " + text).startswith(
        "AssertionError: head Tensor-likes"
    )


@pytest.mark.parametrize("name", ["float32", "float16", "int8", "uint8", "int64", "bool"])
def test_make_tensor(name):
    dtype = getattr(cnn, name)
    x = cnn.testing.make_tensor((40, 5), dtype=dtype, device="cpu")
    assert x.shape == (40, 5) and x.dtype == dtype and -9 <= x.min().item() and x.max().item() <= 9
    strided = cnn.testing.make_tensor(4, 6, dtype=dtype, device="cpu", noncontiguous=True)
    assert not strided.is_contiguous() and strided.shape == (4, 6)
    assert cnn.testing.make_tensor((99,), dtype=dtype, device="cpu", exclude_zero=True).ne(0).all()
    with pytest.raises(ValueError, match="`low` must be less than `high`"):
        cnn.testing.make_tensor((2,), dtype=dtype, device="cpu", low=1, high=0)


def test_random_state():
    cnn.manual_seed(3)
    assert cnn.initial_seed() == 3
    state = cnn.get_rng_state()
    first = cnn.rand(5)
    cnn.set_rng_state(state)
    assert cnn.equal(cnn.rand(5), first)
    cnn.set_rng_state(state)
    with cnn.random.fork_rng():
        cnn.rand(100)
        cnn.manual_seed(0)
    assert cnn.equal(cnn.rand(5), first)
    assert cnn.seed() == cnn.initial_seed() != 3


def test_seed_range():
    cnn.manual_seed(-1)
    assert cnn.initial_seed() == 2**64 - 1
    for wrong in (2**64, -(2**63) - 1):
        with pytest.raises((RuntimeError, ValueError)):
            cnn.manual_seed(wrong)
