"""Reading and assigning by index, against NumPy; and the errors."""

from __future__ import annotations

import numpy as np
import pytest

import cnn

KEYS = [
    0,
    -1,
    np.int64(1),
    slice(None),
    slice(1, None),
    slice(None, None, 2),
    slice(-2, 100, 3),
    slice(3, 1),
    ...,
    None,
    True,
    False,
    (0, 1),
    (0, 1, 2),
    (..., 1),
    (1, ..., 2),
    (None, 0, None, ..., None),
    (slice(None), None, slice(1, 3), 2),
    [1, 0],
    [-1, 0, 0],
    ([1, 0], [2, 0]),
    (slice(None), [2, 0, 1]),
    ([1, 0], slice(None), [3, 3]),
    ([[0], [1]], [[1, 2]]),
    (0, [1, 0]),
    (slice(None), 1, [0, 3]),
    (slice(1), [0, 2], 1),
    (..., [1, 1]),
    (None, [1], None),
    (True, slice(None), [0]),
    "mask1",
    "mask2",
    "mask3",
    ("mask1", 0),
    ("mask2", slice(1, 3)),
    ("mask2", [0, 1, 2]),
    (slice(None), "column mask"),
    (..., "last mask"),
]


def arrays():
    return np.arange(24, dtype="f4").reshape(2, 3, 4)


def concrete(key, as_tensor):
    """The key for NumPy or for tensors: names of masks become boolean arrays or tensors."""
    if isinstance(key, tuple):
        return tuple(concrete(k, as_tensor) for k in key)
    masks = {
        "mask1": arrays()[:, 0, 0] > 1,
        "mask2": np.array([[True, False, True], [False, True, False]]),
        "mask3": arrays() % 5 == 0,
        "column mask": np.array([True, False, True]),
        "last mask": np.array([False, True, True, False]),
    }
    if isinstance(key, str):
        return cnn.tensor(masks[key]) if as_tensor else masks[key]
    return key


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_reads_what_numpy_reads(key):
    expected = arrays()[concrete(key, False)]
    got = cnn.tensor(arrays())[concrete(key, True)]
    assert got.shape == expected.shape and np.array_equal(got.numpy(), expected)


@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize("value", ["number", "tensor", "row"])
def test_assigns_what_numpy_assigns(key, value):
    expected, got = arrays(), cnn.tensor(arrays())
    shape = expected[concrete(key, False)].shape
    if value == "number":
        written = -1.0
    elif value == "tensor":
        written = np.arange(np.prod(shape), dtype="f4").reshape(shape) - 50
    else:
        written = np.full((1,) * max(len(shape) - 1, 0) + shape[-1:], 7, dtype="f4")
    expected[concrete(key, False)] = written
    got[concrete(key, True)] = cnn.tensor(written) if isinstance(written, np.ndarray) else written
    assert np.array_equal(got.numpy(), expected)


def test_views_share_memory_and_others_do_not():
    x = cnn.zeros(3, 4)
    for key in (0, slice(1, None), ..., None, (slice(None), 1)):
        assert x[key].untyped_storage() is x.untyped_storage() and x[key]._base is x
    for key in ([0], cnn.tensor([0]), x == 0):
        assert x[key].untyped_storage() is not x.untyped_storage()
    assert x[...] is not x


def test_tensors_as_integers():
    x = cnn.arange(6).reshape(2, 3)
    assert x[cnn.tensor(1)].tolist() == [3, 4, 5] and x[cnn.tensor(1)]._base is not None
    assert x[cnn.tensor(1) : cnn.tensor(2)].tolist() == [[3, 4, 5]]
    assert x[cnn.tensor(True)].shape == (1, 2, 3)
    assert [10, 11, 12][cnn.tensor(1)] == 11


def test_lists_that_stand_for_tuples_warn():
    x = cnn.arange(6).reshape(2, 3)
    with pytest.warns(UserWarning, match="non-tuple sequence"):
        assert x[[[0, 1], [0, 1]]].tolist() == [0, 4]


@pytest.mark.parametrize(
    ("key", "error", "text"),
    [
        (2, IndexError, "index 2 is out of bounds for dimension 0 with size 2"),
        (-3, IndexError, "index -3 is out of bounds for dimension 0 with size 2"),
        ((slice(None), 5), IndexError, "index 5 is out of bounds for dimension 1 with size 3"),
        ((0, 0, 0), IndexError, "too many indices for tensor of dimension 2"),
        (1.5, IndexError, "only integers, slices"),
        ("a", TypeError, "invalid data type 'str'"),
        (slice(None, None, -1), ValueError, "step must be greater than zero"),
        ([0.5], IndexError, "tensors used as indices must be long"),
        ([5], IndexError, "index 5 is out of bounds for dimension 0 with size 2"),
        (([True, False, True],), IndexError, "The shape of the mask"),
        (2**70, ValueError, "Overflow"),
    ],
)
def test_bad_indices_write_nothing(key, error, text):
    x = cnn.arange(6.0).reshape(2, 3)
    with pytest.raises(error, match=text):
        x[key]
    with pytest.raises(error):
        x[key] = 9
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("key", "value", "error", "text"),
    [
        (0, [1, 2, 3], TypeError, "can't assign a list to a torch.FloatTensor"),
        (0, "a", TypeError, "can't assign a str to a torch.FloatTensor"),
        (0, (2,), RuntimeError, "expanded size of the tensor \\(3\\) must match the existing size"),
        ([0, 1], (5,), RuntimeError, "cannot be broadcast to indexing result"),
    ],
)
def test_bad_values_write_nothing(key, value, error, text):
    x = cnn.arange(6.0).reshape(2, 3)
    with pytest.raises(error, match=text):
        x[key] = cnn.ones(value) if isinstance(value, tuple) else value
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(TypeError, match="does not support deleting items"):
        del x[0]


def test_numbers_that_an_element_takes():
    x = cnn.zeros(3)
    x[0], x[[1, 2]] = 2 + 0j, np.complex128(3)
    assert x.tolist() == [2, 3, 3]
    with pytest.raises(TypeError):
        x.add(np.complex64(1j))  # and no sum with its real part
    for key in (0, [0, 1]):
        for value, error in (
            (np.complex64(1j), TypeError),
            (1j, RuntimeError),
            (2**63, ValueError),
            (-(2**64), ValueError),
        ):
            version = x._version
            with pytest.raises(error):
                x[key] = value
            assert x.tolist() == [2, 3, 3] and x._version == version


def test_leading_ones_of_a_value_count_in_index_put_and_not_in_an_assignment():
    x, at, value = cnn.zeros(3), cnn.tensor([0, 2]), cnn.tensor([[1.0, 2.0]])
    with pytest.raises(RuntimeError, match="cannot be broadcast to indexing result"):
        x.index_put_((at,), value)
    x[at] = value
    assert x.tolist() == [1, 0, 2]


def truths(*values):
    return cnn.tensor(values, dtype=cnn.bool)


def test_sums_of_truth_values_are_their_or():
    x, at, source = truths(1, 1, 0, 0), cnn.tensor([1, 1, 3]), truths(0, 0, 1)
    summed = [True, True, False, True]
    assert x.index_add(0, at, source).tolist() == summed
    assert x.index_add(0, at, truths(1, 1, 1), alpha=False).tolist() == x.tolist()
    assert x.index_put((at,), source, accumulate=True).tolist() == summed
    assert x.put(at, source, accumulate=True).tolist() == summed
    assert x.scatter_add(0, at, source).tolist() == summed
    assert x.scatter(0, at, source, reduce="add").tolist() == summed
    assert x.scatter_reduce(0, at, source, "sum").tolist() == summed
    assert x.scatter_reduce(0, at, source, "prod").tolist() == [True, False, False, False]
    without = x.scatter_reduce(0, at, source, "sum", include_self=False)
    assert without.tolist() == [True, False, False, True]
    many = cnn.zeros(256, dtype=cnn.int64), cnn.ones(256, dtype=cnn.bool)
    assert truths(0).index_add(0, *many).tolist() == [True]  # 256 of them are not 0
    assert cnn.tensor(True).index_add(0, at[:1] - 1, cnn.tensor(False)).dtype == cnn.bool
    with pytest.raises(NotImplementedError, match="reduce_mean"):
        x.scatter_reduce(0, at, source, "mean")


def test_indices_without_elements_may_have_any_dtype():
    x = cnn.ones(3, requires_grad=True)
    for dtype in (cnn.uint8, cnn.int16, cnn.bool, cnn.float32):
        none = cnn.zeros(0, dtype=dtype)
        x.gather(0, none).sum().backward()
        assert x.gather(0, none).shape == (0,) and x.grad.tolist() == [0, 0, 0]
        assert x.scatter(0, none, x).tolist() == x.scatter_add(0, none, x).tolist() == [1, 1, 1]


def test_a_0d_tensor_has_no_items():
    x = cnn.tensor(1)
    with pytest.raises(IndexError, match="invalid index of a 0-dim tensor"):
        x[0]
    with pytest.raises(IndexError, match="slice\\(\\) cannot be applied to a 0-dim tensor"):
        x[:]
    with pytest.raises(TypeError, match="iteration over a 0-d tensor"):
        list(x)
    with pytest.raises(TypeError, match="len\\(\\) of a 0-d tensor"):
        len(x)
    assert x[None].tolist() == [1] and x[...].item() == 1


def test_gradients_flow_through_indices():
    x = cnn.arange(6.0).reshape(2, 3).requires_grad_()
    y = x[0] * 1 + x[:, [0, 0, 2]][1] + x[x > 2]
    y.sum().backward()
    assert x.grad.tolist() == [[1, 1, 1], [3, 1, 2]]
    z = x * 1
    z[0] = 5.0
    z[1, [0, 1]] = x[0, :2]
    x.grad = None
    z.sum().backward()
    assert x.grad.tolist() == [[1, 1, 0], [0, 0, 1]]
    w = cnn.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="view of a leaf Variable that requires grad"):
        w[0] = 5.0
    assert w.tolist() == [1, 1]
