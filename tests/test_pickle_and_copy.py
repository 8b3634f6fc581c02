"""Tensors and storages under pickle and copy.deepcopy."""

from __future__ import annotations

import copy
import pickle

import pytest

import cnn
from saving import round_trip, same


def test_plain_pickle():
    x = cnn.arange(6.0).view(2, 3)
    x.note = "kept"
    for obj in (x.t(), cnn.nn.Parameter(x), cnn.ones(2, requires_grad=True), x[1], cnn.empty(0, 3)):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert same(pickle.loads(pickle.dumps(obj, protocol)), obj)
    assert pickle.loads(pickle.dumps(x)).note == "kept"


def test_deepcopy_keeps_views_views():
    x = cnn.arange(6.0)
    x.note = [1]
    a, b, c = copy.deepcopy([x, x[2:4], x])
    assert same([a, b], [x, x[2:4]]) and a is c and a.note == [1] and a.note is not x.note
    a[2] = 9
    assert b[0] == 9 and x[2] == 2


def test_deepcopy_of_leaves_only():
    leaf = cnn.ones(2, requires_grad=True)
    (leaf * 3).sum().backward()
    twin = copy.deepcopy(leaf)
    assert same(twin, leaf) and same(twin.grad, leaf.grad) and twin.grad is not leaf.grad
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(leaf * 2)


def test_storages():
    x = cnn.arange(3.0)
    memory = cnn.storage.typed_storage(x)
    assert isinstance(memory, cnn.storage.TypedStorage) and memory.tolist() == [0, 1, 2]
    assert len(memory) == 3 and memory[1] == 1 and memory.nbytes() == 12
    memory[1] = 7
    assert x[1] == 7
    result = round_trip([memory, x])
    assert result[0].tolist() == [0, 7, 2] and same(result[1], x)
    result[0][0] = 5
    assert result[1][0] == 5
    assert repr(memory).endswith(
        "[torch.storage.TypedStorage(dtype=torch.float32, device=cpu) of size 3]"
    )
    assert cnn.storage.FloatStorage([1, 2]).tolist() == [1, 2]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_limits_of_dtypes(protocol):
    for info in (cnn.finfo(cnn.bfloat16), cnn.iinfo(cnn.int16)):
        assert pickle.loads(pickle.dumps(info, protocol)) == info
        assert copy.deepcopy(info) == info
        with pytest.raises(AttributeError):
            info.max = 1
        with pytest.raises(AttributeError):  # made without its values
            repr(type(info).__new__(type(info)))
