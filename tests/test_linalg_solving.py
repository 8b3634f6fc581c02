"""Linear algebra: systems, inverses, determinants, least squares, products and powers."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest

import cnn
from cnn import linalg
from cnn.linalg import _lapack
from matrices import F64, SQUARES, TOLERANCE, differentiates, draw, eye, layouts, near

DTYPES = [F64, cnn.float32]
SINGULAR = cnn.tensor([[1.0, 2.0], [2.0, 4.0]])
INF = float("inf")


def like_numpy(ours, theirs, tolerance=1e-9):
    theirs = np.asarray(theirs)
    assert tuple(ours.shape) == theirs.shape
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=tolerance, atol=tolerance)


# ---- Systems and inverses ----


@pytest.mark.parametrize("shape", SQUARES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_systems_and_inverses(shape, dtype):
    a = draw(*shape).to(dtype) + 3 * eye(*shape, dtype=dtype)
    b = draw(*shape[:-1], 4, seed=1).to(dtype)
    tolerance = TOLERANCE[dtype]
    for matrix in layouts(a):
        near(a @ linalg.solve(matrix, b), b, tolerance)
        near(linalg.solve(matrix, b.mT, left=False) @ a, b.mT, tolerance)
        near(linalg.inv(matrix) @ a, eye(*shape, dtype=dtype), tolerance)
    result, info = linalg.solve_ex(a, b)
    assert result.equal(linalg.solve(a, b))
    assert info.shape == shape[:-2] and info.dtype == cnn.int32 and not info.any()
    assert a.inverse().equal(linalg.inv_ex(a).inverse)


def test_systems_broadcast():
    a, b = draw(2, 1, 3, 3), draw(4, 3, 2)
    x, info = linalg.solve_ex(a, b)
    assert info.shape == (2, 1)
    near(a @ x, b.expand(2, 4, 3, 2))
    near(linalg.solve(a[0, 0], b), linalg.solve(a[0], b))
    vectors = draw(2, 1, 3)
    near(linalg.solve(a, vectors), (linalg.inv(a) @ vectors.unsqueeze(-1)).squeeze(-1))
    near(a[0, 0] @ linalg.solve(a[0, 0], vectors[0, 0]), vectors[0, 0])


def test_the_bits_do_not_depend_on_threads():
    a, s = draw(200, 200), draw(200, 200)
    before = cnn.get_num_threads()
    found = []
    for threads in (1, 2, 3):
        cnn.set_num_threads(threads)
        found.append([linalg.inv(a), linalg.det(a / 10), *linalg.svd(a), *linalg.eigh(s + s.mT)])
    cnn.set_num_threads(before)
    for other in found[1:]:
        assert all(x.equal(y) for x, y in zip(found[0], other))


def test_numpys_threads_come_back():
    linalg.svdvals(draw(3, 3))
    if not _lapack._switches:
        pytest.skip("NumPy stands on another library than OpenBLAS")
    get = _lapack._switches[0][0]
    before = get()
    with _lapack.one_thread():
        with _lapack.one_thread():
            assert get() == 1
        assert get() == 1
        if (child := os.fork()) == 0:
            os._exit(0 if get() == before else 1)
        assert os.waitpid(child, 0)[1] == 0
    with pytest.raises(ValueError, match="within"), _lapack.one_thread():
        raise ValueError("within")
    assert get() == before


def test_singular_matrices():
    batch = cnn.stack([cnn.eye(2), SINGULAR, cnn.zeros(2, 2)])
    words = "The diagonal element 2 is zero, the inversion could not be completed because the input"
    with pytest.raises(linalg.LinAlgError, match=f"^linalg.inv: {words}"):
        linalg.inv(SINGULAR)
    with pytest.raises(linalg.LinAlgError, match=rf"^linalg.inv: \(Batch element 1\): {words}"):
        cnn.inverse(batch)
    words = "The solver failed because the input matrix is singular."
    with pytest.raises(linalg.LinAlgError, match=f"^torch.linalg.solve: {words}"):
        linalg.solve(SINGULAR, cnn.ones(2))
    with pytest.raises(linalg.LinAlgError, match=r"\(Batch element 1\)"):
        linalg.solve(batch, cnn.ones(3, 2))
    assert linalg.inv_ex(batch).info.tolist() == [0, 2, 1]
    assert linalg.solve_ex(batch, cnn.ones(2, 1)).info.tolist() == [0, 2, 1]
    for call in (linalg.inv_ex, lambda a, **k: linalg.solve_ex(a, a, **k)):
        with pytest.raises(linalg.LinAlgError, match=r"_ex: \(Batch element 1\)"):
            call(batch, check_errors=True)


def test_systems_and_inverses_have_gradients():
    a, b = draw(2, 3, 3, requires_grad=True), draw(2, 3, 2, seed=1, requires_grad=True)
    differentiates(linalg.solve, a, b)
    differentiates(lambda a, b: linalg.solve(a, b.mT, left=False), a, b)
    differentiates(linalg.inv, a)
    differentiates(lambda a, b: linalg.solve(a[0], b), a, b)
    vector = draw(2, 3, seed=2, requires_grad=True)
    differentiates(linalg.solve, a, vector)


def test_tensors_as_matrices():
    a = draw(4, 6, 8, 3)
    inverse = linalg.tensorinv(a, ind=2)
    like_numpy(inverse, np.linalg.tensorinv(a.numpy(), ind=2))
    b = draw(4, 6, seed=1)
    x = linalg.tensorsolve(a, b)
    near(cnn.tensordot(a, x, 2), b)
    like_numpy(x, np.linalg.tensorsolve(a.numpy(), b.numpy()))
    moved = a.permute(2, 0, 1, 3)
    near(linalg.tensorsolve(moved, b, dims=(0, 3)), x)
    with pytest.raises(RuntimeError, match="strictly positive integer for 'ind', but got 0"):
        linalg.tensorinv(a, 0)
    with pytest.raises(RuntimeError, match=re.escape("prod(self.shape[:ind]), but got 3 != 192")):
        linalg.tensorinv(a, 3)
    with pytest.raises(RuntimeError, match=re.escape("prod(self.shape[:other.ndim]), but got")):
        linalg.tensorsolve(a, draw(4))
    with pytest.raises(linalg.LinAlgError, match="^inv: The diagonal element 2 is zero"):
        linalg.tensorinv(cnn.ones(4, 2, 2), 1)
    small = draw(2, 3, 6, requires_grad=True)
    differentiates(linalg.tensorinv, small)


# ---- Determinants ----


@pytest.mark.parametrize("shape", SQUARES)
def test_determinants(shape):
    a = draw(*shape) / 3
    like_numpy(linalg.det(a), np.linalg.det(a.numpy()))
    for ours, theirs in zip(linalg.slogdet(a), np.linalg.slogdet(a.numpy())):
        like_numpy(ours, theirs)
    positive = linalg.slogdet(a).sign > 0
    logdet = a.logdet()
    assert logdet.isnan().equal(~positive)
    near(logdet[positive], cnn.slogdet(a).logabsdet[positive])
    assert a.det().equal(linalg.det(a)) and a.slogdet()[0].equal(linalg.slogdet(a)[0])


def test_determinants_of_singular_matrices():
    assert linalg.det(SINGULAR) == 0
    sign, log = linalg.slogdet(SINGULAR)
    assert sign == 0 and log == -INF
    assert cnn.logdet(SINGULAR) == -INF


def test_determinants_have_gradients():
    a = draw(2, 3, 3, requires_grad=True)
    differentiates(linalg.det, a)
    differentiates(lambda a: linalg.slogdet(a)[1], a)
    near(cnn.autograd.grad(linalg.slogdet(a)[1].sum(), a)[0], linalg.inv(a).mT.detach())
    assert cnn.autograd.grad(linalg.slogdet(a)[0].sum(), a)[0].count_nonzero() == 0
    empty = cnn.empty(2, 0, 0, requires_grad=True)
    linalg.det(empty).sum().backward()
    assert empty.grad.shape == (2, 0, 0)


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_the_cofactors_of_singular_matrices(rank):
    a = (draw(3, rank) @ draw(rank, 3, seed=1)).requires_grad_()
    mixed = cnn.stack([a.detach(), draw(3, 3, seed=2), a.detach().mT]).requires_grad_()
    cofactors = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            minor = np.delete(np.delete(a.detach().numpy(), i, 0), j, 1)
            cofactors[i, j] = (-1) ** (i + j) * np.linalg.det(minor)
    (grad,) = cnn.autograd.grad(linalg.det(a), a)
    like_numpy(grad, cofactors)
    (grads,) = cnn.autograd.grad(linalg.det(mixed).sum(), mixed)
    like_numpy(grads[0], cofactors)
    regular = mixed.detach()[1]
    near(grads[1], linalg.det(regular) * linalg.inv(regular).mT)
    like_numpy(grads[2], cofactors.T)


def test_the_cofactors_of_singular_matrices_can_be_differentiated():
    a = (draw(3, 2) @ draw(2, 3, seed=1)).requires_grad_()
    weights = draw(3, 3, seed=5)
    (cofactors,) = cnn.autograd.grad(linalg.det(a), a, create_graph=True)
    (second,) = cnn.autograd.grad((cofactors * weights).sum(), a)
    # d det(A) / dA[i, j] dA[k, l] of 3 x 3 matrices is an element of A, with a sign or 0.
    expected = np.zeros((3, 3))
    signs = np.zeros((3, 3, 3))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        signs[i, j, k], signs[i, k, j] = 1, -1
    expected = np.einsum("ikp,jlq,kl,pq->ij", signs, signs, weights.numpy(), a.detach().numpy())
    like_numpy(second, expected)


# ---- Least squares ----


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (2, 6, 3), (0, 3), (3, 0)])
@pytest.mark.parametrize("driver", ["gels", "gelsy", "gelsd", "gelss", None])
def test_least_squares(shape, driver):
    a, b = draw(*shape), draw(*shape[:-1], 2, seed=1)
    m, n = shape[-2:]
    result = linalg.lstsq(a, b, driver=driver)
    pairs = zip(a.reshape(-1, m, n), b.reshape(-1, m, 2)) if a.numel() else ()
    solutions = [np.linalg.lstsq(x.numpy(), y.numpy(), rcond=None)[0] for x, y in pairs]
    if solutions:
        like_numpy(result.solution, np.stack(solutions).reshape(*shape[:-2], n, 2))
    assert result.solution.shape == (*shape[:-2], n, 2)
    if m > n and driver not in (None, "gelsy"):
        near(result.residuals, (a @ result.solution - b).square().sum(-2))
    else:
        assert result.residuals.shape == (0,)
    assert result.rank.dtype == cnn.int64
    if driver == "gels":
        assert result.rank.shape == (0,)
    else:
        assert result.rank.shape == shape[:-2] and (result.rank == min(m, n)).all()
    if driver in ("gelsd", "gelss"):
        near(result.singular_values, linalg.svdvals(a))
    else:
        assert result.singular_values.shape == (0,)


def test_least_squares_of_lower_rank():
    a = cnn.ones(3, 2)
    b = cnn.tensor([1.0, 2.0, 4.0])
    result = linalg.lstsq(a, b, driver="gelsd")
    near(result.solution, cnn.full((2,), 7 / 6), 1e-6)
    assert result.rank == 1 and result.residuals.numel() == 0
    with pytest.raises(linalg.LinAlgError, match="does not have full rank"):
        linalg.lstsq(a, b, driver="gels")
    nearly = cnn.diag(cnn.tensor([1.0, 1e-3]))
    assert linalg.lstsq(nearly, nearly).rank == 2
    assert linalg.lstsq(nearly, nearly, rcond=0.1).rank == 1


def test_least_squares_have_gradients():
    a, b = draw(2, 4, 3, requires_grad=True), draw(2, 4, 2, seed=1, requires_grad=True)
    differentiates(lambda a, b: linalg.lstsq(a, b, driver="gels")[:2], a, b)
    differentiates(lambda a, b: linalg.lstsq(a.mT, b[:, :3])[0], a, b)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (((2,), (2,)), "input must have at least 2 dimensions"),
        (((3, 2), ()), "other must have at least 1 dimension"),
        (((3, 2), (1, 3, 1)), "input.dim.. must be greater or equal to other.dim"),
        (((3, 2), (2,)), r"input.size\(-2\) should match other.size\(-1\)"),
        (((3, 2), (2, 2)), r"input.size\(-2\) should match other.size\(-2\)"),
    ],
)
def test_least_squares_refuse(shapes, words):
    a, b = (cnn.ones(s) for s in shapes)
    with pytest.raises(RuntimeError, match=words):
        linalg.lstsq(a, b)
    with pytest.raises(RuntimeError, match="should be one of .gels, gelsy, gelsd, gelss"):
        linalg.lstsq(a, b, driver="svd")


# ---- Products and powers ----


@pytest.mark.filterwarnings("ignore:torch.chain_matmul is deprecated")
def test_chains_of_products():
    shapes = [(3, 7), (7, 2), (2, 9), (9, 4)]
    chain = [draw(*s, seed=i) for i, s in enumerate(shapes)]
    like_numpy(linalg.multi_dot(chain), np.linalg.multi_dot([t.numpy() for t in chain]))
    row, column = draw(3, seed=8), draw(4, seed=9)
    near(linalg.multi_dot([row, *chain]), row @ linalg.multi_dot(chain))
    near(linalg.multi_dot([*chain, column]), linalg.multi_dot(chain) @ column)
    near(linalg.multi_dot([row, *chain, column]), row @ linalg.multi_dot(chain) @ column)
    near(linalg.multi_dot([column, column]), column @ column)
    near(cnn.chain_matmul(*chain), linalg.multi_dot(chain))
    a, b, c = (draw(2, 2, seed=i, requires_grad=True) for i in range(3))
    differentiates(lambda *m: linalg.multi_dot(m), a, b, c)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (((2, 2),), "expected at least 2 tensors but got 1"),
        (((2, 2), (3, 2)), r"tensors 0 and 1 with shapes \[2, 2\] and \[3, 2\] cannot be"),
        (((2, 2, 2), (3, 2)), "the first tensor must be 1D or 2D but got 3D"),
        (((2, 2), (2,), (2, 2)), "tensor 1 must be 2D but got 1D"),
    ],
)
def test_what_is_no_chain(shapes, words):
    with pytest.raises(RuntimeError, match=re.escape("multi_dot(): ") + words):
        linalg.multi_dot([cnn.ones(s) for s in shapes])


@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 3, 10])
def test_powers(n):
    a = draw(2, 3, 3)
    like_numpy(linalg.matrix_power(a, n), np.linalg.matrix_power(a.numpy(), n), 1e-8)
    assert a.matrix_power(n).equal(linalg.matrix_power(a, n))
    assert linalg.matrix_power(a, n).data_ptr() != a.data_ptr()
    small = draw(2, 2, requires_grad=True)
    differentiates(lambda a: linalg.matrix_power(a, n), small)


def test_powers_of_integers():
    a = cnn.tensor([[1, 1], [1, 0]])
    assert linalg.matrix_power(a, 10).tolist() == [[89, 55], [55, 34]]
    with pytest.raises(TypeError, match="argument 'n' must be int, not float"):
        linalg.matrix_power(a, 2.0)
    with pytest.raises(linalg.LinAlgError, match="linalg.inv: The diagonal element 2 is zero"):
        linalg.matrix_power(SINGULAR, -1)


@pytest.mark.parametrize("size", [1e-12, 0.1, 1, 10, 40])
@pytest.mark.parametrize("dtype", DTYPES)
def test_exponentials(size, dtype):
    s = draw(3, 4, 4)
    s = (s + s.mT) * size / 4
    values, vectors = np.linalg.eigh(s.numpy())
    expected = (vectors * np.exp(values)[:, None, :]) @ vectors.transpose(0, 2, 1)
    scale = np.abs(expected).max()
    found = linalg.matrix_exp(s.to(dtype)).double().numpy()
    assert np.abs(found - expected).max() <= scale * (1e-12 if dtype == F64 else 5e-5) * max(
        size, 1
    )


@pytest.mark.parametrize("scale", [0.0, 0.01, 1.0, 30.0])
def test_exponentials_of_rotations(scale):
    skew = draw(5, 5)
    skew = scale * (skew - skew.mT)
    values, vectors = np.linalg.eigh(1j * skew.numpy())
    expected = (vectors @ np.diag(np.exp(-1j * values)) @ vectors.conj().T).real
    like_numpy(linalg.matrix_exp(skew), expected, 1e-11)


def test_exponentials_of_a_batch():
    a = cnn.stack([draw(3, 3) * 20, draw(3, 3) * 1e-3, cnn.zeros(3, 3, dtype=F64)])
    whole = linalg.matrix_exp(a)
    for one, alone in zip(whole, a):
        near(one, cnn.matrix_exp(alone), 1e-12 * one.abs().max().item())
    assert whole[2].equal(cnn.eye(3, dtype=F64))
    assert cnn.full((2, 2), float("nan")).matrix_exp().isnan().all()
    assert linalg.matrix_exp(cnn.full((2, 2), 100.0)).isinf().all()
    assert linalg.matrix_exp(cnn.empty(2, 0, 0)).shape == (2, 0, 0)
    assert linalg.matrix_exp(cnn.ones(1, 1).half()).dtype == cnn.float16


def test_exponentials_have_gradients():
    differentiates(linalg.matrix_exp, draw(2, 3, 3, requires_grad=True))
    differentiates(linalg.matrix_exp, (draw(2, 2) * 5).requires_grad_())
    differentiates(linalg.matrix_exp, draw(1, 1, requires_grad=True))


def test_cross_and_inner_products():
    a, b = draw(2, 4, 3), draw(4, 3, seed=1).expand(2, 4, 3)
    like_numpy(linalg.cross(a, b), np.cross(a.numpy(), b.numpy()))
    near(linalg.cross(a.movedim(-1, 0), b.movedim(-1, 0), dim=0).movedim(0, -1), linalg.cross(a, b))
    with pytest.raises(RuntimeError, match="must have the same number of dimensions"):
        linalg.cross(a, b[0])
    with pytest.raises(RuntimeError, match="dimension -1 must have length 3. Got 4 and 4"):
        linalg.cross(a.mT, b.mT)
    near(linalg.vecdot(a, b), (a * b).sum(-1))
    near(linalg.vecdot(a, b[0], dim=-1), (a * b).sum(-1))
    near(linalg.vecdot(a, b, dim=0), (a * b).sum(0))
    out = cnn.empty(0, dtype=F64)
    assert linalg.vecdot(a, b, out=out) is out and out.equal(linalg.vecdot(a, b))
    with pytest.raises(
        RuntimeError, match="linalg.vecdot: Expected x and y to have the same dtype"
    ):
        linalg.vecdot(a, b.float())
    with pytest.raises(RuntimeError, match="linalg.vecdot: Expected a floating point"):
        linalg.vecdot(a.long(), b.long())
    near(linalg.matmul(a, b.mT), a @ b.mT)
    view = linalg.diagonal(a, offset=1)
    assert view.shape == (2, 2) and view.data_ptr() == a.data_ptr() + a.element_size()


def test_powers_in_columns():
    x = draw(2, 4)
    expected = np.stack([np.vander(row, increasing=True) for row in x.numpy()])
    like_numpy(linalg.vander(x), expected)
    like_numpy(linalg.vander(x, N=2), expected[..., :2])
    assert linalg.vander(cnn.tensor([1, 2, 3])).tolist() == [[1, 1, 1], [1, 2, 4], [1, 3, 9]]
    assert linalg.vander(cnn.tensor(2.0), N=3).tolist() == [[1, 2, 4]]
    for call in (lambda: linalg.vander(x, N=1), lambda: linalg.vander(cnn.tensor(2.0))):
        with pytest.raises(RuntimeError, match="N must be greater than 1."):
            call()
    with pytest.raises(RuntimeError, match="integer tensors, but got Bool"):
        linalg.vander(cnn.tensor([True, False]))
    differentiates(linalg.vander, draw(2, 3, requires_grad=True))


# ---- Refusals, out=, meta ----


@pytest.mark.parametrize("name", ["inv", "inv_ex", "det", "slogdet", "matrix_exp"])
def test_functions_of_square_matrices_refuse_others(name):
    call = getattr(linalg, name)
    with pytest.raises(RuntimeError, match="must have at least 2 dimensions"):
        call(cnn.ones(2))
    with pytest.raises(
        RuntimeError, match="A must be batches of square matrices, but they are 2 by 3"
    ):
        call(cnn.ones(2, 3))
    with pytest.raises(RuntimeError, match="Expected a floating point or complex .* Got Long"):
        call(cnn.ones(2, 2).long())
    with pytest.raises(TypeError, match="must be Tensor, not list"):
        call([[1.0]])


@pytest.mark.parametrize(
    ("a", "b", "left", "words"),
    [
        ((2, 3), (2,), True, "they are 2 by 3 matrices"),
        ((2,), (2,), True, "input tensor A must have at least 2 dimensions"),
        ((2, 2), (), True, "input tensor B must have at least 2 dimensions"),
        ((2, 2), (3,), True, r"for the equation AX = B \(2x2 and 3x1\)"),
        ((2, 2), (3, 2), True, r"for the equation AX = B \(2x2 and 3x2\)"),
        ((2, 2), (2, 3), False, r"for the equation XA = B \(2x2 and 2x3\)"),
    ],
)
def test_systems_refuse(a, b, left, words):
    with pytest.raises(RuntimeError, match="linalg.solve: .*" + words):
        linalg.solve(cnn.ones(a), cnn.ones(b), left=left)


def test_out():
    a, b = draw(3, 3), draw(3, 2)
    for call in (
        lambda **k: linalg.inv(a, **k), lambda **k: linalg.solve(a, b, **k),
        lambda **k: linalg.det(a, **k), lambda **k: linalg.matrix_power(a, 3, **k),
        lambda **k: linalg.multi_dot([a, b], **k), lambda **k: cnn.inverse(a, **k),
        lambda **k: linalg.tensorsolve(a, b[:, 0], **k), lambda **k: linalg.cross(a, a.mT, **k),
    ):  # fmt: skip
        out = cnn.empty(0, dtype=F64)
        assert call(out=out) is out and out.equal(call())
        with pytest.raises(RuntimeError, match="dtype"):
            call(out=cnn.empty(0, dtype=cnn.int32))
    pair = cnn.empty(0, dtype=F64), cnn.empty(0, dtype=F64)
    result = linalg.slogdet(a, out=pair)
    assert result.sign is pair[0] and pair[1].equal(linalg.slogdet(a)[1])
    with pytest.raises(TypeError, match="tuple of 2 Tensors"):
        linalg.slogdet(a, out=pair[:1])


def test_meta_tensors_have_shapes():
    a, b = cnn.empty(2, 3, 3, device="meta"), cnn.empty(2, 3, 4, device="meta")
    assert linalg.solve(a, b).shape == (2, 3, 4) and linalg.solve(a, b).is_meta
    assert linalg.inv(a).shape == (2, 3, 3) and linalg.inv(a).is_meta
    assert linalg.det(a).shape == (2,) and linalg.slogdet(a)[1].is_meta
    assert linalg.matrix_exp(a).is_meta and linalg.matrix_power(a, 3).is_meta
    assert [t.shape for t in linalg.lu(b)] == [(2, 3, 3), (2, 3, 3), (2, 3, 4)]
    assert [t.shape for t in linalg.qr(b)] == [(2, 3, 3), (2, 3, 4)]
