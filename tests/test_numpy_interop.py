"""Tensors among NumPy's arrays, pandas' vectors and other owners of memory."""

from __future__ import annotations

import array
import ctypes
import operator
import sys
import warnings

import numpy as np
import pytest

import cnn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    MATRIX = np.matrix([[1.0, 5.0, 3.0]])
ARRAYS = [
    np.array([1.0, 5.0, 3.0], np.float32),
    np.array([1.0, 5.0, 3.0]),
    np.array([1, 5, 3]),
    np.array([1, 5, 3], np.int8),
    np.array(5.0),
    np.array([[1.0, 5.0, 3.0]] * 2),
    np.array([1.0, 5.0, 3.0]).view(type("Sub", (np.ndarray,), {})),
    MATRIX,
    np.arange(6.0)[::2],
]
NAMES = [f"{type(a).__name__}-{a.dtype}-{a.ndim}" for a in ARRAYS]

# Operators ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("a", ARRAYS, ids=NAMES)
@pytest.mark.parametrize("name", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_comparison_with_an_array_is_a_tensor_of_bools(name, a):
    x = cnn.tensor([1.0, 2.0, 3.0])
    compare = getattr(operator, name)
    for result, right in (
        (compare(x, a), compare(x.numpy(), a)),
        (compare(a, x), compare(a, x.numpy())),
    ):
        assert type(result) is cnn.Tensor and result.dtype == cnn.bool
        assert np.array_equal(result.numpy(), right)


def test_accuracies_of_tensors_and_arrays():
    labels = np.array([0, 1, 2, 2])
    found = cnn.tensor([0, 1, 1, 2])
    assert (found == labels).float().mean().item() == 0.75
    assert (labels == found).sum().item() == 3
    assert (found != labels).tolist() == [False, False, True, False]


def test_comparison_with_an_array_of_another_shape_or_kind():
    x = cnn.ones(3)
    with pytest.raises(RuntimeError, match="must match"):
        x == np.ones(4)  # noqa: B015
    for other in (np.array(["a"] * 3), np.array([None] * 3), [1.0, 1.0, 1.0], (1.0,), None, "a"):
        assert (x == other) is False and (x != other) is True
        with pytest.raises(TypeError, match="not supported between"):
            x < other  # noqa: B015
    with pytest.raises(TypeError, match="complex64"):
        x == np.ones(3, np.complex64)  # noqa: B015
    with pytest.raises(RuntimeError, match="ambiguous"):
        x in [np.ones(3)]  # noqa: B015
    assert cnn.tensor(1.0) in [np.ones(())]
    assert np.float64(1) in x and np.int64(2) not in x
    with pytest.raises(RuntimeError, match="only supports Tensor or scalar"):
        np.ones(1) in x  # noqa: B015


OPERATORS = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("a", ARRAYS, ids=NAMES)
@pytest.mark.parametrize("name", OPERATORS)
def test_arithmetic_with_an_array_is_a_tensor_of_numpys_dtype(name, a):
    x = cnn.tensor([1.0, 2.0, 3.0])
    if type(a) is np.matrix and name in ("mul", "pow"):
        a = np.asarray(a)  # of a matrix they are other things
    for act in (getattr(operator, name), getattr(operator, "i" + name)):
        result = act(x.clone(), a)
        right = getattr(operator, name)(x.numpy(), a)
        assert type(result) is cnn.Tensor
        assert result.numpy().dtype == right.dtype
        assert np.array_equal(result.numpy(), right, equal_nan=True)


def test_matrix_products_and_bits_with_arrays():
    x, a = cnn.arange(6).view(2, 3), np.arange(6).reshape(3, 2)
    assert type(x @ a) is cnn.Tensor
    assert np.array_equal((x @ a).numpy(), x.numpy() @ a)
    bits = x & np.array([1, 2, 3])
    assert type(bits) is cnn.Tensor and np.array_equal(bits.numpy(), x.numpy() & [1, 2, 3])


def test_an_array_leaves_its_operators_to_the_tensor_which_has_none_for_arrays():
    x, a = cnn.ones(3), np.ones(3)
    for act in (operator.add, operator.sub, operator.mul, operator.floordiv, operator.matmul):
        with pytest.raises(TypeError):
            act(a, x)
    quotient = a / cnn.tensor([1.0, 2.0, 4.0])  # but for the quotient: of the reciprocal, a product
    assert type(quotient) is cnn.Tensor and quotient.tolist() == [1, 0.5, 0.25]
    for number in (2, 2.0, np.float32(2)):
        for left, right in ((x, number), (number, x)):
            with pytest.raises(TypeError):
                left @ right


def test_arithmetic_with_arrays_does_not_pass_gradients_by():
    x = cnn.ones(3, requires_grad=True)
    for act in (operator.add, operator.mul, operator.pow):
        with pytest.raises(RuntimeError, match="Can't call numpy"):
            act(x, np.ones(3))
    with pytest.raises(RuntimeError, match="Can't call numpy"):
        np.exp(x)
    assert (x == np.ones(3)).all()


def test_numpys_numbers_count_as_numbers():
    x = cnn.ones(3, requires_grad=True)
    for number in (np.float32(2), np.float64(2), np.int64(2), np.int8(2)):
        for result in (x + number, x * number, x**number):
            assert result.dtype == cnn.float32 and result.requires_grad
    assert (cnn.ones(2, dtype=cnn.int64) + np.int32(1)).dtype == cnn.int64
    assert cnn.zeros(np.int64(2), np.array(3)).shape == (2, 3)
    assert cnn.zeros([np.array(2), np.int8(1)]).shape == (2, 1)
    with pytest.raises(TypeError):
        cnn.zeros(np.array([2, 3]))
    with pytest.raises(TypeError):
        cnn.zeros(np.array(2.0))


# Functions of NumPy -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["exp", "sqrt", "sin", "negative", "floor", "abs", "sign"])
def test_ufuncs_of_a_tensor_give_tensors(name):
    for dtype in (cnn.float32, cnn.float64, cnn.int64):
        x = cnn.tensor([1, 4, 9], dtype=dtype)
        result, right = getattr(np, name)(x), getattr(np, name)(x.numpy())
        assert type(result) is cnn.Tensor
        assert result.numpy().dtype == right.dtype and np.array_equal(result.numpy(), right)


@pytest.mark.parametrize("name", ["add", "maximum", "minimum", "multiply", "power", "arctan2"])
def test_ufuncs_of_a_tensor_and_something_else(name):
    x = cnn.tensor([1.0, 2.0, 3.0])
    f = getattr(np, name)
    for other in (np.array([3.0, 1.0, 2.0]), 2, np.float64(2), x, [3.0, 1.0, 2.0]):
        plain = other.numpy() if other is x else other
        for result, right in (
            (f(x, other), f(x.numpy(), plain)),
            (f(other, x), f(plain, x.numpy())),
        ):
            assert type(result) is cnn.Tensor and np.array_equal(result.numpy(), right)
            assert result.numpy().dtype == right.dtype


def test_other_functions_of_numpy():
    x = cnn.tensor([3.0, 1.0, 2.0])
    n = x.numpy()
    for f in (
        lambda v: np.clip(v, 1, 2),
        lambda v: np.reshape(v, (-1, 1)),
        np.cumsum,
        np.round,
        lambda v: np.repeat(v, 2),
        lambda v: np.take(v, [0, 2]),
        np.transpose,
        np.add.reduce,
    ):
        assert type(f(x)) is cnn.Tensor
        assert np.array_equal(f(x).numpy(), f(n))
    assert np.isnan(x).dtype == cnn.uint8  # as in PyTorch
    assert np.greater(x, 1).tolist() == [1, 0, 1]
    for f in (np.asarray, np.array, np.copy, lambda v: np.concatenate([v, v])):
        assert type(f(x)) is np.ndarray and np.array_equal(f(x), f(n))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.exp(x)
        np.add.reduce(x)
    with pytest.raises(TypeError, match="unexpected keyword"):
        x.__array__(order="C")
    with pytest.raises(TypeError, match=r"expected np.ndarray \(got list\)"):
        x.__array_wrap__([1.0])


def test_int64_is_numpys_own_int64():
    a = cnn.arange(3).numpy()
    assert a.dtype.char == np.dtype(np.int64).char
    assert repr(a) == "array([0, 1, 2])"
    assert memoryview(cnn.arange(3)).tolist() == [0, 1, 2]


# Vectors that know their array --------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int32, np.bool_, np.int8])
@pytest.mark.parametrize("index", [None, [5, 7, 9], [2, 1, 0], list("abc")])
def test_a_series_gives_its_arrays_dtype_and_its_values_by_position(dtype, index):
    pd = pytest.importorskip("pandas")
    values = np.array([1, 0, 3]).astype(dtype)
    series = pd.Series(values, index=index)
    right = cnn.from_numpy(values)
    for result in (cnn.tensor(series), cnn.as_tensor(series), cnn.tensor(pd.Index(values))):
        assert result.dtype == right.dtype and cnn.equal(result, right)
    assert cnn.equal(cnn.tensor(series, dtype=cnn.float32), right.float())
    assert cnn.equal(cnn.Tensor(series), right.float())
    assert cnn.equal(cnn.tensor([series, series]), cnn.stack([right, right]))


def test_series_without_numbers():
    pd = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match="too many dimensions 'str'"):
        cnn.tensor(pd.Series(["a", "b"]))
    for columns in ("ab", [5, 6]):
        with pytest.raises(ValueError, match="could not determine the shape|too many dimensions"):
            cnn.tensor(pd.DataFrame([[1, 2], [3, 4]], columns=list(columns)))
    with pytest.raises(TypeError, match=r"expected np.ndarray \(got Series\)"):
        cnn.from_numpy(pd.Series([1.0]))
    assert cnn.tensor(pd.Series([1, 2]).astype("category")).tolist() == [1, 2]
    assert cnn.tensor(pd.Series([1, 2], dtype="Int64")).tolist() == [1, 2]


def test_arrays_of_integers_of_any_width_are_indices():
    x = cnn.arange(8.0)
    for dtype in (np.int8, np.int16, np.int32, np.int64):
        assert x[np.array([1, 2], dtype)].tolist() == [1, 2]
        assert x[np.array(3, dtype)].item() == 3
    assert x[array.array("h", [1, 2])].tolist() == [1, 2]
    assert x[np.array([1, 0] * 4, np.uint8)].tolist() == [0, 2, 4, 6]  # a mask
    for key in ([1.0, 2.0], np.array([1.0, 2.0]), np.array(3.0)):
        with pytest.raises(IndexError, match="tensors used as indices must be long"):
            x[key]
    assert x[[True] * 4 + [False] * 4].tolist() == [0, 1, 2, 3]
    assert x[[]].tolist() == []


# Memory -------------------------------------------------------------------------------------------


def test_a_storage_reaches_as_far_as_the_array():
    assert cnn.from_numpy(np.broadcast_to(np.ones(1), (1000,))).untyped_storage().nbytes() == 8
    assert cnn.from_numpy(np.ones(6)[::2]).untyped_storage().nbytes() == 40
    assert cnn.from_numpy(np.ones((0, 3))).untyped_storage().nbytes() == 0
    x = cnn.from_numpy(np.broadcast_to(np.ones(1), (1000,)))
    with pytest.raises(RuntimeError):
        x.as_strided((2,), (1,))
    assert cnn.as_strided(cnn.from_numpy(np.arange(6.0)[::2]), (5,), (1,)).tolist() == [
        0,
        1,
        2,
        3,
        4,
    ]


def test_a_buffer_in_the_order_asked_for():
    testbuffer = pytest.importorskip("_testbuffer")
    x = cnn.arange(6.0).view(2, 3)
    order = {
        testbuffer.PyBUF_C_CONTIGUOUS: [x],
        testbuffer.PyBUF_F_CONTIGUOUS: [x.t()],
        testbuffer.PyBUF_ANY_CONTIGUOUS: [x, x.t()],
        testbuffer.PyBUF_STRIDES: [x, x.t(), x[:, ::2]],
    }
    for flags, given in order.items():
        for t in (x, x.t(), x[:, ::2]):
            asked = flags | testbuffer.PyBUF_FORMAT
            if any(t.shape == g.shape and t.stride() == g.stride() for g in given):
                view = testbuffer.ndarray(t, getbuf=asked)
                assert view.tolist() == t.tolist()
            else:
                with pytest.raises(BufferError):
                    testbuffer.ndarray(t, getbuf=asked)


def test_frombuffer_reads_bytes_of_whatever_format():
    numbers = np.array([1, 2, 3], np.uint16)
    assert cnn.frombuffer(numbers, dtype=cnn.uint8).tolist() == [1, 0, 2, 0, 3, 0]
    assert cnn.frombuffer(numbers.astype(">i2"), dtype=cnn.uint8).tolist() == [0, 1, 0, 2, 0, 3]
    assert cnn.frombuffer((ctypes.c_float * 2)(1, 2), dtype=cnn.float32).tolist() == [1, 2]
    assert cnn.frombuffer(array.array("I", [7]), dtype=cnn.int32).tolist() == [7]
    assert cnn.frombuffer(np.zeros(2, [("a", "f4")]), dtype=cnn.float32).tolist() == [0, 0]
    for wrong in ([1], None, 5, "text"):
        with pytest.raises(ValueError, match="does not implement Python buffer protocol"):
            cnn.frombuffer(wrong, dtype=cnn.uint8)
    with pytest.raises(RuntimeError, match="could not retrieve buffer"):
        cnn.frombuffer(np.arange(6)[::2], dtype=cnn.uint8)
    with pytest.raises(ValueError):
        cnn.frombuffer(b"", dtype=cnn.uint8)


def test_what_is_no_dlpack_capsule():
    for wrong in ([1.0], None, 5, "text", {}):
        with pytest.raises(RuntimeError, match="invalid capsule"):
            cnn.from_dlpack(wrong)


class Capsule:
    """A DLPack capsule with fields of any value."""

    class Tensor(ctypes.Structure):
        _fields_ = [
            ("data", ctypes.c_void_p),
            ("device", ctypes.c_int32 * 2),
            ("ndim", ctypes.c_int32),
            ("code", ctypes.c_uint8),
            ("bits", ctypes.c_uint8),
            ("lanes", ctypes.c_uint16),
            ("shape", ctypes.POINTER(ctypes.c_int64)),
            ("strides", ctypes.POINTER(ctypes.c_int64)),
            ("byte_offset", ctypes.c_uint64),
            ("context", ctypes.c_void_p),
            ("deleter", ctypes.c_void_p),
        ]

    def __init__(self, ndim=1, shape=(2,), strides=None, data=True):
        self.memory = (ctypes.c_float * 4)(1, 2, 3, 4)
        self.shape = shape and (ctypes.c_int64 * len(shape))(*shape)
        self.strides = strides and (ctypes.c_int64 * len(strides))(*strides)
        as_pointer = ctypes.POINTER(ctypes.c_int64)
        self.managed = self.Tensor(
            ctypes.addressof(self.memory) if data else None,
            (ctypes.c_int32 * 2)(1, 0),
            ndim,
            2,
            32,
            1,
            ctypes.cast(self.shape, as_pointer) if shape else None,
            ctypes.cast(self.strides, as_pointer) if strides else None,
        )

    def __dlpack__(self, **kwargs):
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = (
            ctypes.py_object,
            [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p],
        )
        return new(ctypes.addressof(self.managed), b"dltensor", None)


def test_dlpack_capsules_are_checked():
    assert cnn.from_dlpack(Capsule()).tolist() == [1, 2]
    assert cnn.from_dlpack(Capsule(2, (2, 2), (0, 1))).tolist() == [[1, 2], [1, 2]]
    assert cnn.from_dlpack(Capsule(0, None)).item() == 1
    assert cnn.from_dlpack(Capsule(1, (0,), None, data=False)).shape == (0,)
    wrong = [
        Capsule(-1, (2,)),
        Capsule(1, None),
        Capsule(1, (-2,)),
        Capsule(2, (2**40, 2**40)),
        Capsule(1, (2,), (-1,)),
        Capsule(1, (2**40,), (2**40,)),
        Capsule(2, (-1, -2)),
        Capsule(1, (2,), None, data=False),
    ]
    for capsule in wrong:
        with pytest.raises((ValueError, RuntimeError)):
            cnn.from_dlpack(capsule)


# Small things -------------------------------------------------------------------------------------


def test_a_storage_tells_its_size():
    assert sys.getsizeof(cnn.ones(1000).untyped_storage()) >= 4000


def test_reversed_is_flipped_along_the_first_dimension():
    x = cnn.arange(6).view(2, 3)
    assert reversed(x).tolist() == [[3, 4, 5], [0, 1, 2]]
    assert reversed(cnn.tensor(1.0)).item() == 1


@pytest.mark.parametrize("name", ["max", "min"])
def test_extrema_with_a_tensor_without_dimensions_are_elementwise(name):
    x, bound = cnn.tensor([1, 5, 3]), cnn.tensor(2)
    right = getattr(np, name + "imum")(x.numpy(), 2)
    for result in (getattr(cnn, name)(x, bound), getattr(x, name)(bound)):
        assert type(result) is cnn.Tensor and result.tolist() == right.tolist()
    values, where = getattr(cnn, name)(cnn.ones(2, 3), dim=cnn.tensor(1))
    assert values.shape == (2,) and where.shape == (2,)


def test_meshgrid_einsum_and_tile_in_their_other_forms():
    a, b = cnn.meshgrid(cnn.arange(3.0), cnn.tensor(1.0), indexing="xy")
    assert a.tolist() == [[0, 1, 2]] and b.tolist() == [[1, 1, 1]]
    for sizes in ((3, 2), (2, 3, 4), (5,)):
        vectors = [np.arange(float(n)) for n in sizes]
        for indexing in ("ij", "xy"):
            grids = cnn.meshgrid(*map(cnn.from_numpy, vectors), indexing=indexing)
            for grid, right in zip(grids, np.meshgrid(*vectors, indexing=indexing)):
                assert np.array_equal(grid.numpy(), right)
    with pytest.raises(RuntimeError, match="same dtype"):
        cnn.meshgrid(cnn.ones(2), cnn.ones(2, dtype=cnn.int64), indexing="ij")
    x = cnn.arange(6.0).view(2, 3)
    assert cnn.equal(cnn.einsum(x, [0, 1]), x)
    assert cnn.equal(cnn.einsum(x, [1, 0]), x.t())
    assert cnn.equal(cnn.einsum(x, [0, 1], x, [2, 1], [0, 2]), x @ x.t())
    with pytest.raises(RuntimeError, match="number of subscripts"):
        cnn.einsum(x, [0, 1, 2])
    for wrong in ([52, 0], [-1, 0]):
        with pytest.raises(ValueError, match="valid range"):
            cnn.einsum(x, wrong)
    assert cnn.equal(cnn.tile(x, ()), x) and cnn.equal(x.tile(()), x)
    assert cnn.equal(cnn.tile(x, dims=(2,)), cnn.cat([x, x], 1))
    assert cnn.equal(x.tile(2, 1), cnn.cat([x, x])) and cnn.equal(x.tile(dims=(2, 1)), x.tile(2, 1))
    assert cnn.tile(cnn.tensor(1.0), ()).item() == 1
    with pytest.raises(TypeError):
        cnn.tile(x, 2)
    with pytest.raises(TypeError, match="missing"):
        x.tile()


def test_what_pytorch_warns_of():
    y = cnn.ones(2, requires_grad=True) * 2
    with pytest.warns(UserWarning, match="not a leaf Tensor is being accessed"):
        assert y.grad is None
    with pytest.warns(UserWarning, match="on tensors of dimension other than 2"):
        assert cnn.ones(1, 2, 3).T.shape == (3, 2, 1)
    with pytest.warns(UserWarning, match="on tensors of dimension other than 2"):
        assert cnn.ones(2).T.shape == (2,)
    for name in ("mT", "mH"):
        with pytest.raises(RuntimeError, match=f"tensor.{name} is only supported on matrices"):
            getattr(cnn.ones(2), name)
    for name in ("T", "mT", "H", "mH"):
        with pytest.warns(UserWarning, match=f"Tensor.{name} is deprecated on 0-D"):
            assert getattr(cnn.tensor(1.0), name).item() == 1
    y.retain_grad()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert y.grad is None and cnn.ones(1, requires_grad=True).grad is None
        assert cnn.ones(2, 3).T.shape == (3, 2)
        repr(y)


def test_data_parallel_without_gpus_takes_any_devices():
    if cnn.cuda.is_available():
        pytest.skip("there is a GPU")
    net = cnn.nn.Linear(2, 3)
    x = cnn.ones(4, 2)
    for devices in (None, [], ["cpu", "cpu"], [cnn.device("cpu")] * 2, [0, 1]):
        assert cnn.equal(cnn.nn.DataParallel(net, device_ids=devices)(x), net(x))
