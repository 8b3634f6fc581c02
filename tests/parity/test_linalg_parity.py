"""Linear algebra beside PyTorch: values, shapes, names of results, errors and their texts, gradients."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import cnn

torch = pytest.importorskip("torch")

# T is the library, L its linalg; A, S and P are square, symmetric and positive definite matrices, B
# right-hand sides, W wide, Z zeros, N with a nan.
CALLS = """
    L.cholesky(P)
    L.cholesky(P, upper=True)
    L.cholesky_ex(-P)
    L.cholesky_ex(-P, check_errors=True)
    L.cholesky(T.stack([T.eye(2), -T.eye(2)]))
    L.cholesky(N)
    L.cholesky(T.ones(2))
    L.cholesky(W)
    L.cholesky(T.eye(2).long())
    L.cholesky(T.eye(2).half())
    T.cholesky(-T.eye(2))
    T.cholesky_inverse(L.cholesky(P))
    T.cholesky_inverse(Z)
    T.cholesky_inverse(W)
    T.cholesky_solve(B, L.cholesky(P))
    T.cholesky_solve(T.ones(2), Z)
    T.cholesky_solve(T.ones(3, 2), Z)
    L.solve_triangular(A, B, upper=True)
    L.solve_triangular(A, B.mT, upper=False, left=False, unitriangular=True)
    L.solve_triangular(T.tensor([[0.0, 1], [0, 2]]), T.eye(2), upper=True)
    L.solve_triangular(Z, T.ones(3, 2), upper=True)
    L.solve_triangular(Z, T.ones(2, 3), upper=True, left=False)
    L.solve_triangular(Z, T.ones(2), upper=True)
    T.triangular_solve(B, A, transpose=True)
    L.inv(A)
    L.inv(Z)
    L.inv(T.stack([T.eye(2), Z]))
    T.inverse(Z)
    L.inv_ex(Z)[1]
    L.inv_ex(Z, check_errors=True)
    L.inv(T.ones(2))
    L.inv(W)
    L.inv(T.eye(2).long())
    L.inv(T.eye(2).half())
    L.solve(A, B)
    L.solve(A, B.mT, left=False)
    L.solve(A, B[..., 0])
    L.solve(Z, T.ones(2))
    L.solve(T.stack([T.eye(2), Z]), T.ones(2, 2))
    L.solve(Z, T.ones(3))
    L.solve(Z, T.ones(3, 2))
    L.solve(Z, T.ones(2, 3), left=False)
    L.solve(Z, T.ones(2), left=False)
    L.solve(Z, T.ones(2).double())
    L.solve(W, T.ones(2))
    L.solve(T.ones(2), T.ones(2))
    L.solve(Z, T.tensor(1.0))
    L.solve(Z.long(), T.ones(2).long())
    L.solve_ex(Z, T.ones(2), check_errors=True)
    L.det(A)
    L.det(Z)
    L.det(W)
    L.det(Z.long())
    L.det(Z.half())
    L.slogdet(A)
    L.slogdet(Z)
    L.slogdet(Z.long())
    T.logdet(P)
    T.logdet(-T.eye(3))
    T.logdet(Z.long())
    T.logdet(W)
    L.eigvalsh(S)
    L.eigvalsh(A, UPLO="U")
    L.eigh(S)[0]
    L.eigh(T.tensor([[float("nan")]]))[0]
    L.eigh(Z, UPLO="x")
    L.eigh(Z, UPLO=3)
    L.eigh(W)
    L.eigh(Z.long())
    L.eigh(Z.half())
    L.svdvals(W)
    L.svd(W)[1]
    L.svd(N)
    L.svdvals(N)
    L.svd(T.stack([T.eye(3), N]))
    L.svd(Z.half())
    L.svd(Z.long())
    L.svd(T.ones(2))
    L.svd(Z, driver="gesvd")
    T.svd(T.ones(2, 2), compute_uv=False)
    T.svd(T.ones(2))
    L.pinv(W)
    L.pinv(S, hermitian=True)
    L.pinv(T.ones(2))
    L.pinv(Z.long())
    L.pinv(W, hermitian=True)
    L.pinv(S, 0.5)
    L.pinv(S, rcond=0.5)
    L.pinv(S, T.tensor(0.5))
    L.pinv(S, atol=1e-3, rtol=T.tensor(1.0))
    L.pinv(S, 0.5, True)
    T.pinverse(W)
    L.matrix_rank(W)
    L.matrix_rank(T.ones(2))
    L.matrix_rank(T.ones(2, 2), 1e-3)
    L.matrix_rank(T.ones(2, 2), tol=T.tensor(1e-3), hermitian=True)
    L.matrix_rank(T.ones(2, 2), True)
    L.matrix_rank(Z.long())
    L.cond(A)
    L.cond(A, -2)
    L.cond(A, "nuc")
    L.cond(T.ones(2))
    L.cond(Z)
    L.cond(Z, 1)
    L.cond(Z, "nuc")
    L.cond(W, 1)
    L.cond(W, "x")
    L.cond(Z, 3)
    L.cond(Z.long())
    L.cond(T.ones(0, 0))
    L.cond(T.ones(3, 0, 0), 1)
    L.matrix_power(A, 5)
    L.matrix_power(A, -2)
    L.matrix_power(W, 2)
    L.matrix_power(Z, -1)
    L.matrix_power(T.eye(2).long() * 2, 3)
    L.matrix_power(T.eye(2).long(), -1)
    L.matrix_power(T.eye(2).bool(), 0)
    L.matrix_exp(A)
    L.matrix_exp(W)
    L.matrix_exp(Z.long())
    L.matrix_exp(N)
    L.matrix_exp(T.full((2, 2), 100.0))
    L.multi_dot([W, W.mT, W])
    L.multi_dot([Z])
    L.multi_dot([])
    L.multi_dot([Z, T.ones(3, 2)])
    L.multi_dot([T.ones(2, 2, 2), T.ones(3, 2)])
    L.multi_dot([T.ones(2), T.ones(2)])
    L.multi_dot([Z, Z.double()])
    L.cross(T.ones(3), T.ones(2, 3))
    L.cross(W, W + 1)
    L.cross(T.ones(2), T.ones(2))
    L.vecdot(W, W)
    L.vecdot(T.ones(3).long(), T.ones(3).long())
    L.vecdot(T.ones(3), T.ones(3).double())
    L.vander(W)
    L.vander(T.ones(2), N=1)
    L.vander(T.tensor(2.0))
    L.vander(T.tensor(2.0), N=3)
    L.vander(T.tensor([True]))
    L.vander(T.tensor([1, 2, 3]))
    L.tensorinv(A.reshape(4, 2, 2), 1)
    L.tensorinv(T.ones(2, 3))
    L.tensorinv(Z, 0)
    L.tensorinv(T.ones(4, 2, 2), 1)
    L.tensorsolve(A.reshape(4, 2, 2), T.ones(4))
    L.tensorsolve(T.ones(4, 2, 3), T.ones(4))
    L.tensorsolve(T.ones(4, 2, 2), T.ones(4))
    L.norm(W, "nuc")
    L.norm(T.ones(2, 2, 2), 2)
    L.norm(T.ones(2), "fro")
    L.norm(Z, 2, dim=(0, 1, 2))
    L.norm(Z, "fro", dim=0)
    L.norm(Z, "x")
    L.norm(T.ones(2, 2, 2), dim=(0, 1))
    L.matrix_norm(T.ones(2))
    L.matrix_norm(W, 2)
    L.matrix_norm(W, -2)
    L.matrix_norm(W, 1)
    L.matrix_norm(W, 3)
    L.matrix_norm(Z, "x")
    L.matrix_norm(Z, dim=(0,))
    L.matrix_norm(Z, dim=(0, 0))
    L.matrix_norm(Z, dim=(0, 5))
    L.matrix_norm(Z.long())
    L.matrix_norm(Z, dtype=T.int64)
    L.matrix_norm(Z.half(), 2)
    L.matrix_norm(Z.half(), 1)
    L.matrix_norm(T.ones(0, 2), 1)
    L.matrix_norm(T.ones(2, 0), 1)
    L.matrix_norm(T.ones(0, 2), "nuc")
    L.norm(T.ones(0), float("inf"))
    T.norm(W, "nuc")
    T.norm(T.ones(2, 2, 2), "nuc", dim=(0, 1))
    T.norm(T.ones(2, 2, 2), "nuc", dim=0)
    W.norm("nuc")
    L.lstsq(W.mT, W.mT)
    L.lstsq(W.mT, W.mT[:, :1], driver="gels")
    L.lstsq(W.mT, W.mT[:, :1] + 1, driver="gelsd")
    L.lstsq(W.mT, T.ones(3), driver="gelss")
    L.lstsq(W, T.ones(2), driver="gels")
    L.lstsq(T.ones(3, 2), T.ones(3, 1), driver="gelsd")[:3]
    L.lstsq(T.ones(3, 2), T.ones(3, 1), driver="gels")
    L.lstsq(W.mT[None].expand(2, 3, 2), T.ones(2, 3), driver="gelsd")
    L.lstsq(W.mT, T.ones(2))
    L.lstsq(W.mT, T.ones(2, 2))
    L.lstsq(W.mT, T.ones(3).double())
    L.lstsq(W.mT.long(), T.ones(3).long())
    L.lstsq(W.mT, T.ones(3), driver="x")
    L.lstsq(W.mT, T.ones(3), driver=3)
    L.lstsq(T.ones(2), T.ones(2))
    L.lstsq(W, T.tensor(1.0))
    L.lstsq(W, T.ones(1, 2, 1))
    L.lstsq(T.zeros(0, 2), T.zeros(0, 1))
    L.lstsq(T.zeros(3, 0), T.zeros(3, 1), driver="gelsd")
    L.qr(W)
    L.qr(W.mT, mode="complete")[1].abs()
    L.qr(W, mode="r")
    L.qr(T.ones(3, 0), mode="complete")
    L.qr(Z.half())
    L.qr(Z.long())
    L.qr(T.ones(2))
    L.qr(Z, mode=3)
    L.qr(Z, mode="thin")
    T.qr(W, False)
    L.lu(A)
    L.lu(W)
    L.lu(W.mT)
    L.lu(Z.long())
    L.lu(T.ones(2))
    L.lu_factor(A)
    L.lu_factor(Z)
    L.lu_factor(Z.half())
    L.lu_factor(Z, pivot=False)
    L.lu_factor_ex(Z)
    L.lu_factor_ex(Z, check_errors=True)
    T.lu(Z)
    T.lu(Z, get_infos=True)
    T.lu_unpack(*L.lu_factor(A))
    T.lu_unpack(T.eye(2), T.tensor([1, 2], dtype=T.int32), unpack_pivots=False)
    T.lu_unpack(T.ones(2), T.tensor([1, 2], dtype=T.int32))
    L.lu_solve(*L.lu_factor(A), B)
    L.lu_solve(*L.lu_factor(A), B.mT, left=False, adjoint=True)
    L.lu_solve(T.eye(2), T.tensor([1, 2]), T.ones(2, 1))
    L.lu_solve(T.eye(2), T.tensor([1, 2], dtype=T.int32), T.ones(2))
    L.lu_solve(T.eye(2), T.tensor([1, 2], dtype=T.int32), T.ones(3, 1))
    L.lu_solve(T.eye(2), T.tensor([1, 2], dtype=T.int32), T.ones(2, 1).double())
    L.lu_solve(T.eye(2), T.tensor([1, 2, 3], dtype=T.int32), T.ones(2, 1))
    L.lu_solve(W, T.tensor([1, 2], dtype=T.int32), T.ones(2, 1))
    T.lu_solve(B, *L.lu_factor(A))
    T.geqrf(W)
    T.geqrf(T.ones(3))
    T.geqrf(Z.long())
    T.orgqr(*T.geqrf(W.mT))
    L.householder_product(W, T.ones(2))
    L.householder_product(W.mT, T.ones(3))
    L.householder_product(T.ones(3), T.ones(3))
    L.householder_product(W.mT, T.ones(1, 2))
    L.householder_product(W.mT, T.ones(2).double())
    L.householder_product(W.mT, T.ones(1))
    T.ormqr(*T.geqrf(W.mT), T.ones(3, 2))
    T.ormqr(*T.geqrf(W.mT), T.ones(2, 3), left=False, transpose=True)
    T.ormqr(*T.geqrf(W.mT), T.ones(2, 2))
    T.ormqr(*T.geqrf(W.mT), T.ones(3))
    L.ldl_factor(S)
    L.ldl_factor(T.tensor([[0.0, 1], [1, 0]]))
    L.ldl_factor_ex(Z)
    L.ldl_factor(W)
    L.ldl_factor(T.ones(2))
    L.ldl_factor(Z.long())
    L.ldl_solve(*L.ldl_factor(S), B)
    L.ldl_solve(Z, T.ones(2), T.ones(2, 1))
    L.ldl_solve(Z, T.tensor([1, 2, 3]), T.ones(2, 1))
    T.chain_matmul(W, W.mT)
    T.chain_matmul()
    T.chain_matmul(Z, T.ones(2))
    T.svd_lowrank(A, 2)[1]
    T.pca_lowrank(A, 2)[1]
    T.pca_lowrank(Z, q=3)
    T.solve(Z, Z)
    L.diagonal(A, offset=1)
    L.inv(A, out=T.empty(4, 4, dtype=T.int64))
    L.slogdet(A, out=(T.empty(0),))
"""
LINES = [line.strip() for line in CALLS.strip().splitlines()]

# Whose texts differ from PyTorch's, where its own depend on a library or say less.
OTHER_TEXTS = """
    L.inv(A, out= L.slogdet(A, out= L.qr(Z, mode="thin") T.solve(Z L.matrix_norm(Z, dim=(0, 5))
""".split()  # fmt: skip


def values(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def names(lib):
    a = lib.tensor(values((4, 4)))
    nan = lib.eye(3)
    nan[1, 0] = float("nan")
    return {
        "T": lib, "L": lib.linalg, "A": a, "S": a + a.mT, "P": a @ a.mT + lib.eye(4),
        "B": lib.tensor(values((4, 2), 1)), "W": lib.tensor(values((2, 3), 2)),
        "Z": lib.zeros(2, 2), "N": nan,
    }  # fmt: skip


def outcome(lib, line):
    lib.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return eval(line, names(lib))
        except Exception as error:
            return error


def same(ours, theirs):
    if isinstance(theirs, tuple):
        assert len(ours) == len(theirs)
        if hasattr(theirs, "n_fields"):
            fields = [f for f in ours._fields if hasattr(theirs, f)]
            assert len(fields) == theirs.n_fields
        for pair in zip(ours, theirs):
            same(*pair)
        return
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert str(ours.dtype).replace("cnn", "torch") == str(theirs.dtype)
    x, y = (np.array(t.detach().tolist(), dtype=float) for t in (ours, theirs))
    np.testing.assert_allclose(x, y, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize(
    "line",
    ["L.qr(T.eye(2))", "L.slogdet(T.eye(2))", "T.svd(T.eye(2) * 2)", "L.lu_factor(T.eye(2))"],
)
def test_named_results_print_alike(line):
    assert repr(outcome(cnn, line)) == repr(outcome(torch, line))


@pytest.mark.parametrize("line", LINES)
def test_calls(line):
    ours, theirs = outcome(cnn, line), outcome(torch, line)
    if not isinstance(theirs, Exception):
        if isinstance(ours, Exception):
            raise ours
        same(ours, theirs)
        return
    assert isinstance(ours, Exception), ours
    assert type(ours).__name__ == type(theirs).__name__
    if not any(start in line for start in OTHER_TEXTS):
        texts = [str(e).split("\n")[0].split(" Note: ")[0].rstrip(".") for e in (ours, theirs)]
        assert texts[0] == texts[1]
