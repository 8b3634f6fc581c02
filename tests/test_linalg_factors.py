"""Linear algebra: LU, LDL, QR and reflections."""

from __future__ import annotations

import numpy as np
import pytest

import cnn
from cnn import linalg
from matrices import F64, TOLERANCE, differentiates, draw, eye, layouts, near

SHAPES = [
    (0, 0), (0, 3), (3, 0), (1, 1), (4, 4), (5, 3), (3, 5), (70, 40), (40, 70), (33, 1), (1, 33),
    (2, 4, 3), (2, 0, 3, 3), (3, 1, 2, 2),
]  # fmt: skip
DTYPES = [F64, cnn.float32]


# ---- LU ----


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_lu_multiplies_back(shape, dtype):
    a = draw(*shape, dtype=dtype)
    m, n = shape[-2:]
    k = min(m, n)
    for matrix in layouts(a):
        p, lower, upper = linalg.lu(matrix)
        assert p.shape == (*shape[:-1], m) and lower.shape == (*shape[:-1], k)
        near(p @ lower @ upper, a, TOLERANCE[dtype])
        assert lower.triu(1).count_nonzero() == 0 and upper.tril(-1).count_nonzero() == 0
        assert (lower.abs() <= 1).all() and (lower.diagonal(0, -2, -1) == 1).all()
        near(p @ p.mT, eye(*shape[:-1], m, dtype=dtype))
    factor, pivots = linalg.lu_factor(a) if k else linalg.lu_factor_ex(a)[:2]
    assert pivots.dtype == cnn.int32 and pivots.shape == (*shape[:-2], k)
    for ours, theirs in zip(cnn.lu_unpack(factor, pivots), (p, lower, upper)):
        assert ours.equal(theirs)


def test_lu_is_lapacks():
    a = draw(50, 50)
    p, lower, upper = linalg.lu(a)
    scipy_linalg = pytest.importorskip("scipy.linalg")
    for ours, theirs in zip((p, lower, upper), scipy_linalg.lu(a.numpy())):
        near(ours, cnn.from_numpy(theirs), 1e-11)


def test_lu_of_matrices_without_a_pivot():
    zero = cnn.zeros(2, 2)
    with pytest.raises(RuntimeError, match=r"lu_factor: U\[1,1\] is zero and using it on lu_solve"):
        linalg.lu_factor(zero)
    late = cnn.tensor([[1.0, 2.0], [2.0, 4.0]])
    factor, pivots, info = linalg.lu_factor_ex(cnn.stack([cnn.eye(2), late, zero]))
    assert info.tolist() == [0, 2, 1] and pivots.tolist() == [[1, 2], [2, 2], [1, 2]]
    with pytest.raises(RuntimeError, match=r"lu_factor_ex: \(Batch element 1\): U\[2,2\]"):
        linalg.lu_factor_ex(cnn.stack([cnn.eye(2), late]), check_errors=True)
    with pytest.raises(RuntimeError, match="LU without pivoting is not implemented"):
        linalg.lu(zero, pivot=False)
    p, lower, upper = linalg.lu(late)
    assert (p @ lower @ upper).equal(late)


@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 4), (2, 3, 3), (0, 3)])
def test_lu_has_gradients(shape):
    a = draw(*shape, requires_grad=True)
    differentiates(lambda a: linalg.lu(a)[1:], a)
    differentiates(lambda a: linalg.lu_factor_ex(a)[0], a)


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("adjoint", [True, False])
def test_systems_by_lu(left, adjoint):
    a = draw(2, 1, 40, 40)
    b = draw(3, 40, 5, seed=1) if left else draw(3, 5, 40, seed=1)
    factor, pivots = linalg.lu_factor(a)
    x = linalg.lu_solve(factor, pivots, b, left=left, adjoint=adjoint)
    a = a.mT if adjoint else a
    near(a @ x if left else x @ a, b.expand(2, 3, *b.shape[-2:]), 1e-9)
    small, right = draw(3, 3, requires_grad=True), draw(3, 3, seed=1, requires_grad=True)

    def f(a, b):
        return linalg.lu_solve(*linalg.lu_factor(a), b, left=left, adjoint=adjoint)

    differentiates(f, small, right)


@pytest.mark.filterwarnings("ignore:torch.lu is deprecated")
def test_the_older_names_of_lu():
    a = draw(4, 4)
    factor, pivots = a.lu()
    infos = cnn.lu(a, get_infos=True)
    assert infos.LU.equal(factor) and infos.info == 0
    out = cnn.empty(0, dtype=F64), cnn.empty(0, dtype=cnn.int32)
    assert cnn.lu(a, out=out)[0] is out[0] and out[0].equal(factor) and out[1].equal(pivots)
    b = draw(4, 2)
    near(b.lu_solve(factor, pivots), linalg.solve(a, b))
    only = cnn.lu_unpack(factor, pivots, unpack_data=False)
    assert only.L.numel() == 0 and only.P.shape == (4, 4)
    only = cnn.lu_unpack(factor, pivots, unpack_pivots=False)
    assert only.P.numel() == 0 and only.L.shape == (4, 4)
    with pytest.raises(RuntimeError, match="must be between 1 and"):
        cnn.lu_unpack(factor, pivots + 4)
    with pytest.raises(RuntimeError, match="torch.int32"):
        cnn.lu_unpack(factor, pivots.long())
    with pytest.raises(RuntimeError, match="pivots should be a Tensor of scalar type torch.int32"):
        linalg.lu_solve(factor, pivots.long(), b)
    with pytest.raises(RuntimeError, match="Number of pivots per batch"):
        linalg.lu_solve(factor, pivots[:3], b)


# ---- QR ----


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_qr_multiplies_back(shape, dtype):
    a = draw(*shape, dtype=dtype)
    m, n = shape[-2:]
    for matrix in layouts(a):
        for mode, k in (("reduced", min(m, n)), ("complete", m)):
            q, r = linalg.qr(matrix, mode)
            assert q.shape == (*shape[:-1], k) and r.shape == (*shape[:-2], k, n)
            assert r.tril(-1).count_nonzero() == 0
            near(q @ r, a, TOLERANCE[dtype])
            near(q.mT @ q, eye(*shape[:-2], k, k, dtype=dtype), TOLERANCE[dtype])
    only = linalg.qr(a, mode="r")
    assert only.Q.shape == (0,)
    near(only.R, linalg.qr(a).R, TOLERANCE[dtype])
    with pytest.warns(UserWarning, match="in favor of torch.linalg.qr"):
        linalg._older._warned.clear()
        full = a.qr(some=False)
    assert full.Q.equal(q) and cnn.qr(a).R.equal(linalg.qr(a).R)


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5), (2, 4, 3), (2, 2, 4), (1, 3), (0, 2)])
def test_qr_has_gradients(shape):
    a = draw(*shape, requires_grad=True)
    differentiates(linalg.qr, a)
    differentiates(lambda a: linalg.qr(a)[0], a)
    differentiates(lambda a: linalg.qr(a)[1], a)
    if shape[-2] <= shape[-1]:
        differentiates(lambda a: linalg.qr(a, mode="complete"), a)


def test_qr_without_a_gradient():
    a = draw(3, 2, requires_grad=True)
    with pytest.raises(RuntimeError, match="mode='complete' and nrows > ncols"):
        linalg.qr(a, mode="complete")[0].sum().backward()
    with pytest.raises(RuntimeError, match="depends on Q, which is not computed when mode='r'"):
        linalg.qr(a, mode="r")[1].sum().backward()


def test_qr_refuses():
    with pytest.raises(RuntimeError, match="must have at least 2 dimensions"):
        linalg.qr(cnn.ones(3))
    with pytest.raises(RuntimeError, match="floating point or complex tensor as input. Got Long"):
        linalg.qr(cnn.ones(3, 3, dtype=cnn.int64))
    with pytest.raises(RuntimeError, match="qr received unrecognized mode 'thin'"):
        linalg.qr(cnn.ones(2, 2), mode="thin")
    with pytest.raises(TypeError, match="argument 'mode' must be str, not int"):
        linalg.qr(cnn.ones(2, 2), mode=3)


# ---- Reflections ----


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (2, 5, 3), (3, 0), (0, 2, 2)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_products_of_reflections(shape, dtype):
    a = draw(*shape, dtype=dtype)
    h, tau = a.geqrf()
    q, r = linalg.qr(a)
    near(linalg.householder_product(h, tau), q, TOLERANCE[dtype])
    near(h[..., : shape[-1], :].triu(), r, TOLERANCE[dtype])
    assert cnn.orgqr(h, tau).equal(linalg.householder_product(h, tau))
    full = linalg.qr(a, mode="complete").Q
    c = draw(*shape[:-1], 3, seed=2).to(dtype)
    near(cnn.ormqr(h, tau, c), full @ c, TOLERANCE[dtype])
    near(h.ormqr(tau, c, transpose=True), full.mT @ c, TOLERANCE[dtype])
    near(cnn.ormqr(h, tau, c.mT, left=False), c.mT @ full, TOLERANCE[dtype])
    near(cnn.ormqr(h, tau, c.mT, False, True), c.mT @ full.mT, TOLERANCE[dtype])


def test_fewer_reflections_than_columns():
    h, tau = draw(4, 3), draw(1)
    v = cnn.cat([cnn.ones(1, dtype=F64), h[1:, 0]])
    expected = (cnn.eye(4, dtype=F64) - tau * cnn.outer(v, v))[:, :3]
    near(linalg.householder_product(h, tau), expected)
    near(linalg.householder_product(h, tau[:0]), cnn.eye(4, 3, dtype=F64))


def test_reflections_have_gradients():
    h, tau = draw(2, 4, 3, requires_grad=True), draw(2, 3, seed=1, requires_grad=True)
    differentiates(linalg.householder_product, h, tau)
    c = draw(2, 4, 2, seed=2, requires_grad=True)
    differentiates(lambda h, t, c: cnn.ormqr(h, t, c, transpose=True), h, tau, c)
    with pytest.raises(NotImplementedError, match="the derivative for 'geqrf' is not implemented"):
        h.geqrf()[0].sum().backward()


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (((3,), (3,)), "input must have at least 2 dimensions"),
        (((2, 3), (2,)), r"input.shape\[-2\] must be greater than or equal to input.shape\[-1\]"),
        (((3, 2), (3,)), r"input.shape\[-1\] must be greater than or equal to tau.shape\[-1\]"),
        (((3, 2), (1, 2)), "tau.ndim equal to 2 and input.ndim is equal to 2"),
        (((2, 3, 2), (3, 2)), "Expected batch dimensions of tau"),
    ],
)
def test_what_is_no_list_of_reflections(shapes, words):
    with pytest.raises(RuntimeError, match=words):
        linalg.householder_product(*(cnn.ones(s) for s in shapes))


# ---- LDL ----


def symmetric(*shape, dtype=F64):
    a = draw(*shape)
    return (a + a.mT).to(dtype)


@pytest.mark.parametrize(
    "shape", [(0, 0), (1, 1), (2, 2), (5, 5), (40, 40), (3, 6, 6), (2, 0, 3, 3)]
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_ldl_solves(shape, dtype):
    a = symmetric(*shape, dtype=dtype)
    b = draw(*shape[:-1], 3, seed=1).to(dtype)
    factor, pivots = linalg.ldl_factor(a)
    assert pivots.dtype == cnn.int32 and pivots.shape == shape[:-1]
    assert factor.triu(1).count_nonzero() == 0
    x = linalg.ldl_solve(factor, pivots, b)
    near(a @ x, b, TOLERANCE[dtype] * 10)
    assert linalg.ldl_factor(a.tril())[0].equal(factor)  # one triangle is read


def test_ldl_is_lapacks():
    lapack = pytest.importorskip("scipy.linalg.lapack")
    a = symmetric(30, 30)
    a[0] = a[:, 0] = 0
    a[0, 29] = a[29, 0] = 1  # whose block has two rows
    factor, pivots = linalg.ldl_factor(a)
    theirs, places, info = lapack.dsytrf(a.numpy(), lower=1)
    assert info == 0
    near(factor, cnn.from_numpy(np.tril(theirs)))
    assert pivots.tolist() == places.tolist()


def test_ldl_of_zeros():
    x = linalg.ldl_solve(cnn.zeros(2, 2), cnn.tensor([1, 2]), cnn.ones(2, 1))
    assert not x.isfinite().any()
    factor, pivots, info = linalg.ldl_factor_ex(cnn.zeros(2, 2))
    assert factor.count_nonzero() == 0 and pivots.tolist() == [1, 2] and info == 1
    with pytest.raises(RuntimeError, match="block of D at row 1 is zero"):
        linalg.ldl_factor(cnn.zeros(2, 2))
    factor, pivots = linalg.ldl_factor(cnn.tensor([[0.0, 1.0], [1.0, 0.0]]))
    assert factor.tolist() == [[0, 0], [1, 0]] and pivots.tolist() == [-2, -2]


def test_ldl_refuses():
    a = cnn.eye(2)
    places = cnn.tensor([1, 2], dtype=cnn.int32)
    with pytest.raises(RuntimeError, match="they are 2 by 3 matrices"):
        linalg.ldl_factor(cnn.ones(2, 3))
    with pytest.raises(RuntimeError, match="Expected pivots to be integers. Got Float"):
        linalg.ldl_solve(a, cnn.ones(2), a)
    with pytest.raises(RuntimeError, match=r"pivots with shape \[3\] instead"):
        linalg.ldl_solve(a, cnn.ones(3, dtype=cnn.int32), a)
    for bad in (places * 0, places + 1, -places - 1):
        with pytest.raises(RuntimeError, match="pivots must lie between 1 and 2, or -2 and -1"):
            linalg.ldl_solve(a, bad, a)
    with pytest.raises(NotImplementedError, match="the derivative for 'linalg_ldl_factor_ex'"):
        linalg.ldl_factor(a.clone().requires_grad_())[0].sum().backward()


@pytest.mark.parametrize("n", [None, 0, 1, 2, 5])
@pytest.mark.parametrize("increasing", [False, True])
def test_powers_as_columns(n, increasing):
    for x in (np.array([2.0, -1.0, 0.5]), np.array([2, -1, 3]), np.array([True, False])):
        found = cnn.vander(cnn.from_numpy(x), n, increasing)
        expected = np.vander(x.astype(np.int64) if x.dtype == bool else x, n, increasing)
        assert found.shape == expected.shape
        np.testing.assert_array_equal(found.numpy(), expected)
    with pytest.raises(RuntimeError, match="one-dimensional"):
        cnn.vander(cnn.ones(2, 2))
    with pytest.raises(RuntimeError, match="non-negative"):
        cnn.vander(cnn.ones(2), -1)
