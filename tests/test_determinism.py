"""`use_deterministic_algorithms`: its state, and the memory that it fills."""

import math

import pytest

import cnn
from cnn.utils import deterministic

EMPTY = {
    "empty": lambda dtype: cnn.empty(3, dtype=dtype),
    "empty_like": lambda dtype: cnn.empty_like(cnn.ones(3, dtype=dtype)),
    "empty_strided": lambda dtype: cnn.empty_strided((3,), (1,), dtype=dtype),
    "new_empty": lambda dtype: cnn.ones(1, dtype=dtype).new_empty(3),
    "resize_": lambda dtype: cnn.ones(1, dtype=dtype).resize_(4)[1:],
}
FILLED = {
    cnn.float32: math.nan,
    cnn.bfloat16: math.nan,
    cnn.int64: 2**63 - 1,
    cnn.int32: 2**31 - 1,
    cnn.int8: 127,
    cnn.uint8: 255,
    cnn.bool: True,
}


@pytest.fixture(autouse=True)
def restored():
    yield
    cnn.use_deterministic_algorithms(False)
    deterministic.fill_uninitialized_memory = True


def same(values, value):
    return all(v == value or (v != v and value != value) for v in values)


@pytest.mark.parametrize("dtype", FILLED, ids=str)
@pytest.mark.parametrize("make", EMPTY)
def test_fresh_memory_is_filled(make, dtype):
    cnn.use_deterministic_algorithms(True)
    assert same(EMPTY[make](dtype).tolist(), FILLED[dtype])


def test_only_what_is_fresh():
    cnn.use_deterministic_algorithms(True)
    assert same(cnn.Tensor(2).tolist(), math.nan)
    assert cnn.ones(3).resize_(2).tolist() == [1, 1]
    assert cnn.ones(4).resize_(2).resize_(4).tolist() == [1, 1, 1, 1]


@pytest.mark.caching
def test_nothing_is_filled_when_switched_off():
    cnn.use_deterministic_algorithms(True)
    deterministic.fill_uninitialized_memory = False
    x = cnn.full((1000,), 7.0)
    del x
    assert not same(cnn.empty(1000).tolist(), math.nan)


def test_its_state():
    assert (
        not cnn.are_deterministic_algorithms_enabled() and cnn.get_deterministic_debug_mode() == 0
    )
    cnn.use_deterministic_algorithms(True, warn_only=True)
    assert cnn.are_deterministic_algorithms_enabled()
    assert (
        cnn.is_deterministic_algorithms_warn_only_enabled()
        and cnn.get_deterministic_debug_mode() == 1
    )
    cnn.set_deterministic_debug_mode("error")
    assert (
        cnn.get_deterministic_debug_mode() == 2
        and not cnn.is_deterministic_algorithms_warn_only_enabled()
    )
    cnn.set_deterministic_debug_mode(0)
    assert not cnn.are_deterministic_algorithms_enabled()


def test_refusals():
    with pytest.raises(TypeError, match="argument 'mode' must be bool, not str"):
        cnn.use_deterministic_algorithms("yes")
    with pytest.raises(RuntimeError, match="expected one of `default`, `warn`, `error`, but got x"):
        cnn.set_deterministic_debug_mode("x")
    with pytest.raises(RuntimeError, match="expected 0, 1, or 2, but got 3"):
        cnn.set_deterministic_debug_mode(3)
    with pytest.raises(RuntimeError, match="expected a bool, but got int"):
        deterministic.fill_uninitialized_memory = 1
