"""Dtypes that are stored, moved and converted, but not computed with: what can be done with their
tensors, and what is refused.
"""

from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import pytest

import cnn
from test_storage_dtype_casts import FLOATS, INTS, STORED, code_of, decoded, dtype_of, encoded

# Making, moving, looking --------------------------------------------------------------------------


@pytest.mark.parametrize("name", STORED)
def test_tensors_are_made(name):
    d = dtype_of(name)
    least = 2.0**-127 if name == "float8_e8m0fnu" else 0
    for made, want in (
        (cnn.zeros(2, 3, dtype=d), least), (cnn.ones(2, 3, dtype=d), 1), (cnn.full((2, 3), 4, dtype=d), 4),
        (cnn.empty(2, 3, dtype=d).fill_(2), 2), (cnn.zeros_like(cnn.ones(2, 3), dtype=d), least),
        (cnn.full_like(cnn.ones(2, 3, dtype=d), 2), 2), (cnn.ones(2, 3, dtype=d).zero_(), least),
        (cnn.ones(1, dtype=d).new_full((2, 3), 2), 2), (cnn.tensor([[1, 1, 1]] * 2, dtype=d), 1),
    ):  # fmt: skip
        assert made.dtype == d and made.shape == (2, 3) and made.tolist() == [[want] * 3] * 2
    assert cnn.tensor([1, 2, 4], dtype=d).tolist() == [1, 2, 4]
    assert cnn.tensor([1.0, 2.0, 4.0], dtype=d).tolist() == [1, 2, 4]
    assert cnn.tensor([True], dtype=d).tolist() == [1]
    assert cnn.scalar_tensor(2, dtype=d).item() == 2
    assert cnn.empty(3, dtype=d).element_size() == d.itemsize == cnn.empty(3, dtype=d).nbytes // 3
    assert cnn.empty(2, dtype=d, device="meta").float().dtype == cnn.float32
    assert cnn.ones(2, dtype=d).to("meta").dtype == d
    assert cnn.frombuffer(bytearray(16), dtype=d).numel() == 16 // d.itemsize


def test_numbers_that_do_not_fit():
    def refused(f, text):
        with pytest.raises(RuntimeError, match=f"type {text} without overflow"):
            f()

    refused(lambda: cnn.full((2,), 65536, dtype=cnn.uint16), "uint16_t")
    refused(lambda: cnn.full((2,), -1.5, dtype=cnn.uint32), "uint32_t")
    refused(lambda: cnn.full((2,), 2**63, dtype=cnn.uint32), "uint32_t")
    refused(lambda: cnn.full((2,), 2**63, dtype=cnn.int64), "int64_t")
    refused(lambda: cnn.full((2,), 449.0, dtype=cnn.float8_e4m3fn), "c10::Float8_e4m3fn")
    refused(lambda: cnn.full((2,), float("inf"), dtype=cnn.float8_e4m3fn), "c10::Float8_e4m3fn")
    refused(lambda: cnn.full((2,), 0.0, dtype=cnn.float8_e8m0fnu), "c10::Float8_e8m0fnu")
    assert cnn.full((2,), float("inf"), dtype=cnn.float8_e5m2).tolist() == [float("inf")] * 2
    assert cnn.full((1,), 1e5, dtype=cnn.float8_e4m3fn).tolist() == [448]  # one alone takes any
    assert cnn.full((2,), -1, dtype=cnn.uint16).tolist() == [65535] * 2
    with pytest.raises(OverflowError):
        cnn.tensor([-1], dtype=cnn.uint64)
    with pytest.raises(OverflowError):
        cnn.tensor([2**64], dtype=cnn.uint64)


def test_integers_beyond_int64():
    big = [2**63, 2**64 - 1, 2**63 + 12345, 7]
    t = cnn.tensor(big, dtype=cnn.uint64)
    assert t.tolist() == big and t[1].item() == 2**64 - 1 and int(t[0]) == 2**63
    assert float(t[0]) == 2.0**63 and bool(t[0]) and range(2**64)[t[2]] == big[2]
    assert cnn.full((2,), 2**64 - 1, dtype=cnn.uint64).tolist() == [2**64 - 1] * 2
    assert cnn.empty(3, dtype=cnn.uint64).fill_(2**63).tolist() == [2**63] * 3
    assert t.clone().fill_(t[1].item()).tolist() == [2**64 - 1] * 4
    assert (t == 2**63).tolist() == [True, False, False, False]
    assert "18446744073709551615" in repr(t)
    assert (cnn.ones(2) * 2**63).tolist() == [2.0**63] * 2
    with pytest.raises(RuntimeError, match="int64_t without overflow"):
        cnn.ones(2, dtype=cnn.int64) + 2**63
    assert cnn.sort(t)[0].tolist() == sorted(big)
    assert cnn.sort(t, descending=True)[1].tolist() == [1, 2, 0, 3]


@pytest.mark.parametrize("name", STORED)
def test_elements_move(name):
    d = dtype_of(name)
    x = np.array([[1, 2, 4], [8, 16, 32]])
    t = cnn.tensor(x).to(d)

    def same(got, want):
        assert got.dtype == d
        np.testing.assert_array_equal(got.double().numpy(), want)

    mask = np.array([[True, False, True], [False, True, False]])
    m, i = cnn.from_numpy(mask), cnn.tensor([1, 0])
    same(t.clone(), x)
    same(t.t().contiguous(), x.T)
    same(cnn.tensor(np.tile(x, (40, 30))).to(d).t().contiguous(), np.tile(x, (40, 30)).T)
    same(t[:, 1:], x[:, 1:])
    same(t[i], x[::-1])
    same(t[m], x[mask])
    same(t[1, -1], 32)
    same(t.index_select(1, i), x[:, [1, 0]])
    same(t.masked_select(m), x[mask])
    same(cnn.cat([t, t], 1), np.concatenate([x, x], 1))
    same(cnn.stack([t, t]), np.stack([x, x]))
    same(cnn.where(m, t, t.flip(0)), np.where(mask, x, x[::-1]))
    same(cnn.where(m, t, 2), np.where(mask, x, 2))
    same(t.roll(1, 1), np.roll(x, 1, 1))
    same(t.repeat(2, 2), np.tile(x, (2, 2)))
    same(t.repeat_interleave(2, 1), np.repeat(x, 2, 1))
    same(t.expand(2, 2, 3), np.stack([x, x]))
    same(cnn.nn.functional.embedding(i, t), x[::-1])
    same(cnn.nn.functional.pad(t, (1, 1), value=1), np.pad(x, ((0, 0), (1, 1)), constant_values=1))
    same(t.diag(), np.diag(x))
    same(t.reshape(3, 2), x.reshape(3, 2))
    y = t.clone()
    y[0] = 2
    y[:, 1] = t[:, 0]
    same(y, [[2, 1, 2], [8, 8, 32]])
    y[m] = 4
    same(y, [[4, 1, 4], [8, 4, 32]])
    y[i] = t
    same(y, x[::-1])
    same(t.clone().copy_(cnn.ones(3)), np.ones((2, 3)))
    same(cnn.ones(2, 3, dtype=d).index_put((i,), t), x[::-1])
    same(copy.deepcopy(t), x)


@pytest.mark.parametrize("name", STORED)
def test_the_same_bytes_as_another_dtype(name):
    d = dtype_of(name)
    t = cnn.tensor([1, 2, 4, 8, 16, 32, 64, 128]).to(d)
    raw = t.view(cnn.uint8)
    assert raw.numel() == 8 * d.itemsize and raw.data_ptr() == t.data_ptr()
    assert cnn.equal(raw.view(d), t)
    raw[: d.itemsize] = raw[d.itemsize : 2 * d.itemsize].clone()
    assert t.tolist()[:2] == [2, 2]
    assert cnn.equal(t.view(cnn.int64).view(d), t)


# Comparing, computing, refusing -------------------------------------------------------------------


@pytest.mark.parametrize("name", STORED)
def test_equality(name):
    d = dtype_of(name)
    a, b = cnn.tensor([1, 2, 4], dtype=d), cnn.tensor([1, 4, 4], dtype=d)
    assert (a == b).tolist() == [True, False, True] and (a != b).tolist() == [False, True, False]
    assert (a == 2).tolist() == [False, True, False] and (a != cnn.tensor(2, dtype=d)).any()
    assert cnn.equal(a, a.clone()) and not cnn.equal(a, b)
    assert a.isnan().tolist() == [False] * 3 and a.any() and a.all()
    if name in FLOATS:
        nan = cnn.full((2,), float("nan"), dtype=d)
        assert nan.isnan().all() and not (nan == nan).any()
    ends = cnn.tensor([1.0, float("inf"), float("nan")], dtype=cnn.float8_e5m2)
    assert ends.isinf().tolist() == [False, True, False]
    assert ends.isfinite().tolist() == [True, False, False]
    cnn.testing.assert_close(a, a.clone())
    with pytest.raises(AssertionError):
        cnn.testing.assert_close(a, b)


def test_a_number_is_first_made_one_of_the_dtype():
    assert (cnn.tensor([0.3125], dtype=cnn.float8_e4m3fn) == 0.3).item()  # 0.3 is rounded to it
    assert (cnn.tensor([65535], dtype=cnn.uint16) == -1).item()
    assert (cnn.tensor([65535], dtype=cnn.uint16) * -1).tolist() == [1]
    assert (cnn.tensor([7], dtype=cnn.uint16) * 65537).tolist() == [7]


@pytest.mark.parametrize("name", FLOATS)
def test_products_of_floats_are_rounded_once(name):
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 256, (2, 4096)).astype(np.uint8)
    a, b = (cnn.from_numpy(c).view(dtype_of(name)) for c in codes)
    with np.errstate(all="ignore"):
        want = encoded(
            name,
            decoded(name)[codes[0]].astype(np.float32) * decoded(name)[codes[1]].astype(np.float32),
        )
    got = code_of(a * b)
    known = ~np.isnan(decoded(name)[want])
    np.testing.assert_array_equal(got[known], want[known])
    assert np.isnan(decoded(name)[got[~known]]).all()


@pytest.mark.parametrize("name", INTS)
def test_arithmetic_of_unsigned_integers(name):
    bits = np.iinfo(name).bits
    rng = np.random.default_rng(6)
    a, b = (rng.integers(0, 2**bits, 300, dtype=np.uint64).astype(name) for _ in range(2))
    x, y = cnn.from_numpy(a), cnn.from_numpy(b)
    for got, want in (
        (x * y, a * b),
        (x & y, a & b),
        (x | y, a | b),
        (x ^ y, a ^ b),
        (x * 3, a * np.array(3, name)),
    ):
        assert got.dtype == dtype_of(name)
        np.testing.assert_array_equal(got.numpy(), want)
    np.testing.assert_array_equal((x / y).numpy(), a.astype(np.float32) / b.astype(np.float32))
    np.testing.assert_array_equal((x + 0.5).numpy(), a.astype(np.float32) + np.float32(0.5))
    np.testing.assert_allclose(x.log1p().numpy(), np.log1p(a.astype(np.float32)), rtol=1e-6)
    assert x.floor().dtype == dtype_of(name) and cnn.equal(x.round(), x)
    assert not x.signbit().any() and x.isfinite().all()
    assert x.sum().dtype == cnn.int64 and x.sum().item() % 2**64 == int(a.sum(dtype=np.uint64))
    assert x[:9].prod().item() % 2**64 == int(np.multiply.reduce(a[:9].astype(np.uint64)))
    values, places = cnn.sort(x)
    np.testing.assert_array_equal(values.numpy(), np.sort(a))
    np.testing.assert_array_equal(a[places.numpy()], np.sort(a))
    np.testing.assert_array_equal(a[x.argsort(descending=True).numpy()], np.sort(a)[::-1])
    np.testing.assert_array_equal(cnn.cat([x, x]).unique().numpy(), np.unique(a))
    assert cnn.isclose(x, x).all() and not cnn.isclose(x, cnn.flip(x, (0,))).all()
    drawn = cnn.randint(5, 9, (200,), dtype=dtype_of(name))
    assert drawn.dtype == dtype_of(name) and set(drawn.tolist()) == {5, 6, 7, 8}
    cnn.manual_seed(3)
    first = cnn.randint(0, 50, (20,))
    cnn.manual_seed(3)
    assert cnn.randint(0, 50, (20,), dtype=dtype_of(name)).tolist() == first.tolist()


REFUSED = {
    "add": lambda x: x + x,
    "sub": lambda x: x - x,
    "neg": lambda x: -x,
    "lt": lambda x: x < x,
    "remainder": lambda x: x % x,
    "floor_divide": lambda x: x // x,
    "maximum": lambda x: cnn.maximum(x, x),
    "max": lambda x: x.max(),
    "cumsum_": lambda x: x.cumsum_(0),
    "clamp": lambda x: x.clamp(1, 2),
    "softmax": lambda x: x.softmax(0),
    "sign": lambda x: x.sign(),
    "nonzero": lambda x: x.nonzero(),
    "arange": lambda x: cnn.arange(3, dtype=x.dtype),
    "linspace": lambda x: cnn.linspace(0, 1, 3, dtype=x.dtype),
    "rand": lambda x: cnn.rand(3, dtype=x.dtype),
    "randn": lambda x: cnn.randn(3, dtype=x.dtype),
    "random_": lambda x: x.random_(),
    "bernoulli_": lambda x: x.bernoulli_(),
    "randperm": lambda x: cnn.randperm(3, dtype=x.dtype),
    "relu": lambda x: x.relu(),
    "scatter_add": lambda x: x.scatter_add(0, cnn.tensor([0], device=x.device), x),
    "topk": lambda x: x.topk(1),
    "median": lambda x: x.median(),
    "lerp": lambda x: x.lerp(x, 0.5),
    "addcmul": lambda x: x.addcmul(x, x),
    "gelu": lambda x: cnn.nn.functional.gelu(x),
    "mv": lambda x: cnn.nn.functional.max_pool1d(x[None, None], 2),
    "logical_not": lambda x: x.logical_not(),
    "searchsorted": lambda x: cnn.searchsorted(x, x),
    "pow": lambda x: x**2,
    "lshift": lambda x: x << x,
    "gcd": lambda x: cnn.gcd(x, x),
    "index_add": lambda x: x.index_add(0, cnn.tensor([0, 1, 2], device=x.device), x),
}
REFUSED_FLOATS = {
    "exp": lambda x: x.exp(),
    "sum": lambda x: x.sum(),
    "mean": lambda x: x.mean(),
    "div": lambda x: x / x,
    "isposinf": lambda x: x.isposinf(),
    "and": lambda x: x & x,
    "sort": lambda x: x.sort(),
    "floor": lambda x: x.floor(),
    "randint": lambda x: cnn.randint(3, (2,), dtype=x.dtype),
    "norm": lambda x: x.norm(),
    "cumsum": lambda x: x.cumsum(0),
    "nansum": lambda x: x.nansum(),
    "sigmoid": lambda x: x.sigmoid(),
}


@pytest.mark.parametrize("name", STORED)
def test_what_there_is_not(name):
    d = dtype_of(name)
    for op, f in {**REFUSED, **(REFUSED_FLOATS if name in FLOATS else {})}.items():
        x = cnn.tensor([1, 2, 4], dtype=d)
        with pytest.raises(NotImplementedError, match="not implemented for '(Float8_e|UInt)"):
            f(x)
            pytest.fail(op)
        assert x.tolist() == [1, 2, 4], op
        with pytest.raises(NotImplementedError):
            f(cnn.empty(3, dtype=d, device="meta"))
            pytest.fail(f"{op} on meta")
    assert cnn.ones(3, dtype=d).sum(dtype=cnn.float32).item() == 3
    assert cnn.ones(3, dtype=d).mean(dtype=cnn.float32).item() == 1


@pytest.mark.parametrize("name", FLOATS)
def test_optimizers_compute_in_other_dtypes(name):
    p, number = cnn.ones(3).to(dtype_of(name)), cnn.ones((), dtype=dtype_of(name))
    x, ops = cnn.ones(3), cnn._C
    for call in (
        lambda: ops._sgd_step([x, p], [x, p], [], 0.1, 0.0, 0.0, 0.0, False, False, False),
        lambda: ops._adagrad_step([x], [x], [x.clone()], [number], 0.1, 0.0, 0.0, 0.0, False),
        lambda: ops._scale_all_([x, p], cnn.tensor(2.0)),
        lambda: ops._scale_all_([x], number),
        lambda: ops._norm_of_all([p]),
    ):
        with pytest.raises(RuntimeError, match=f"expected .*floating-point.*got .*{name}"):
            call()
        assert x.tolist() == [1, 1, 1] and p.float().tolist() == [1, 1, 1]


@pytest.mark.parametrize("name", INTS)
def test_sort_into_given_tensors(name):
    x = cnn.tensor([[5, 1, 9], [2, 8, 2]], dtype=dtype_of(name))
    values, at = cnn.empty(0, dtype=x.dtype), cnn.empty(0, dtype=cnn.int64)
    cnn.sort(x, 1, True, out=(values, at))
    assert values.tolist() == [[9, 5, 1], [8, 2, 2]] and at.tolist() == [[2, 0, 1], [1, 0, 2]]
    cnn.sort(x, 0, out=(x, at))
    assert x.tolist() == [[2, 1, 2], [5, 8, 9]] and at.tolist() == [[1, 0, 1], [0, 1, 0]]
    with pytest.raises(RuntimeError, match="Expected out tensor to have dtype UInt"):
        cnn.sort(x, out=(cnn.empty(0), at))


def test_promotion():
    every = [getattr(cnn, n) for n in ("uint8", "int64", "bool", "float16", "float32", *STORED)]
    for name in STORED:
        d = dtype_of(name)
        assert (
            cnn.promote_types(d, d) == d
            and cnn.can_cast(d, cnn.float32)
            and cnn.can_cast(cnn.bool, d)
        )
        assert not cnn.can_cast(d, cnn.bool) and cnn.can_cast(d, cnn.int32) == (name in INTS)
        assert cnn.can_cast(cnn.float32, d) == (name in FLOATS)
        for other in every:
            if other == d:
                continue
            floats = other in (cnn.float16, cnn.float32)
            if name in INTS and floats:
                assert cnn.promote_types(d, other) == cnn.promote_types(other, d) == other
                continue
            float8 = name in FLOATS or str(other).startswith("torch.float8")
            kinds = "Float8 Types is" if float8 else "uint16, uint32, uint64 types is"
            with pytest.raises(RuntimeError, match=f"Promotion for {kinds} not supported"):
                cnn.promote_types(d, other)
            with pytest.raises(RuntimeError, match=f"Promotion for {kinds} not supported"):
                cnn.ones(2, dtype=d) * cnn.ones(2, dtype=other)
        assert cnn.result_type(cnn.ones(2, dtype=d), 2) == d
        wanted = d if name in FLOATS else cnn.float32
        assert cnn.result_type(cnn.ones(2, dtype=d), 2.5) == wanted
        with pytest.raises(TypeError):
            cnn.set_default_dtype(d)


def test_indices_are_of_other_dtypes():
    for name in INTS:
        with pytest.raises(
            IndexError, match="tensors used as indices must be long, int, byte or bool"
        ):
            cnn.arange(9)[cnn.tensor([1, 2], dtype=dtype_of(name))]


# Gradients ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FLOATS[:4])
def test_conversion_has_a_gradient(name):
    x = cnn.tensor([0.3, -1.2, 5.0], requires_grad=True)
    y = x.to(dtype_of(name))
    assert y.requires_grad and y.grad_fn is not None
    (y.float() * cnn.tensor([1.0, 2.0, 4.0])).sum().backward()
    assert x.grad.dtype == cnn.float32 and x.grad.tolist() == [1, 2, 4]
    w = cnn.ones(3, dtype=dtype_of(name), requires_grad=True)
    w.float().sum().backward()
    assert w.grad.dtype == w.dtype and w.grad.tolist() == [1, 1, 1]
    with pytest.raises(NotImplementedError):  # gradients are added, and there is no addition
        w.float().sum().backward()
    with pytest.raises(RuntimeError, match="floating point"):
        cnn.ones(2, dtype=cnn.uint16).requires_grad_()


@pytest.mark.parametrize("name", FLOATS[:4])
def test_matrix_products_are_computed_in_float(name):
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(5, 16)).astype(np.float32), rng.normal(size=(16, 7)).astype(np.float32)
    x, y = (cnn.from_numpy(v).to(dtype_of(name)) for v in (a, b))
    exact = decoded(name)[code_of(x)] @ decoded(name)[code_of(y)]
    got = x @ y
    assert got.dtype == dtype_of(name)
    np.testing.assert_allclose(got.double().numpy(), exact, rtol=0.15, atol=2.0**-9)
    assert cnn.equal(got, (x.float() @ y.float()).to(dtype_of(name)))
    assert cnn.equal(cnn.nn.functional.linear(x, y.t()), got)
    with pytest.raises(NotImplementedError):
        cnn.ones(2, 2, dtype=cnn.float8_e8m0fnu) @ cnn.ones(2, 2, dtype=cnn.float8_e8m0fnu)


# Files and other libraries ------------------------------------------------------------------------


@pytest.mark.parametrize("name", STORED)
def test_pickles_and_files(name, tmp_path):
    d = dtype_of(name)
    t = cnn.tensor([[1, 2, 4], [8, 16, 32]], dtype=d)
    same = pickle.loads(pickle.dumps(t))
    assert same.dtype == d and cnn.equal(same, t)
    state = {"w": t, "view": t[1], "other": cnn.ones(2)}
    for destination in (io.BytesIO(), tmp_path / "state.pt"):
        cnn.save(state, destination)
        if isinstance(destination, io.BytesIO):
            destination.seek(0)
        for loaded in (cnn.load(destination),):
            assert loaded["w"].dtype == d and cnn.equal(loaded["w"], t)
            assert loaded["view"].data_ptr() == loaded["w"].data_ptr() + 3 * d.itemsize
    cnn.save({"p": cnn.nn.Parameter(t, requires_grad=False), "odd": {1, 2}}, tmp_path / "odd.pt")
    loaded = cnn.load(tmp_path / "odd.pt", weights_only=False)["p"]
    assert type(loaded) is cnn.nn.Parameter and cnn.equal(loaded.data, t)
    module = cnn.nn.Module()
    module.register_buffer("scale", t)
    other = cnn.nn.Module()
    other.register_buffer("scale", cnn.zeros(2, 3, dtype=d))
    other.load_state_dict(module.state_dict())
    assert cnn.equal(other.scale, t)


@pytest.mark.parametrize("name", STORED)
def test_memory_is_shared_with_others(name):
    d = dtype_of(name)
    t = cnn.tensor([1, 2, 4], dtype=d)
    shared = cnn.from_dlpack(t)
    assert shared.dtype == d and shared.data_ptr() == t.data_ptr()
    if name in FLOATS:
        for look in (lambda: t.numpy(), lambda: np.asarray(t)):
            with pytest.raises(TypeError, match="Got unsupported ScalarType Float8_e"):
                look()
        with pytest.raises(BufferError):
            memoryview(t)
        return
    array = t.numpy()
    assert array.dtype == np.dtype(name) and array.tolist() == [1, 2, 4]
    array[0] = 7
    assert t.tolist() == [7, 2, 4]
    back = cnn.from_numpy(array)
    assert back.dtype == d and back.data_ptr() == t.data_ptr()
    assert memoryview(t).tolist() == [7, 2, 4] and np.from_dlpack(t).dtype == np.dtype(name)
    assert cnn.tensor(array).dtype == d and cnn.as_tensor(array).data_ptr() == t.data_ptr()


@pytest.mark.parametrize("name", STORED)
def test_printed_forms(name):
    d = dtype_of(name)
    t = cnn.tensor([[1, 2, 4], [8, 16, 32]], dtype=d)
    point, wide = (".", 4) if name in FLOATS else ("", 2)
    row = [
        ", ".join(f"{v}{point}".rjust(wide - (point == "" and 0)) for v in r)
        for r in t.int().tolist()
    ]
    width = max(len(f"{v}{point}") for v in (1, 32))
    row = [", ".join(f"{v}{point}".rjust(width) for v in r) for r in t.int().tolist()]
    assert repr(t) == f"tensor([[{row[0]}],\n        [{row[1]}]], dtype=torch.{name})"
    assert (
        t.type()
        == f"torch.{'UInt' if name in INTS else 'F'}{name[4:] if name in INTS else name[1:]}Tensor"
    )


def test_deterministic_memory_is_filled():
    former = cnn.are_deterministic_algorithms_enabled()
    cnn.use_deterministic_algorithms(True)
    try:
        for name in STORED:
            t = cnn.empty(3, dtype=dtype_of(name))
            if name in FLOATS:
                assert t.isnan().all()
            else:
                assert t.tolist() == [np.iinfo(name).max] * 3
    finally:
        cnn.use_deterministic_algorithms(former)
