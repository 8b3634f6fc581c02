"""Linear algebra: triangular systems, and factors of matrices."""

from __future__ import annotations

import re

import numpy as np
import pytest

import cnn
from cnn import linalg
from cnn.linalg import _older
from matrices import F64, SQUARES, TOLERANCE, differentiates, draw, eye, layouts, near, positive

# ---- Triangular systems ----


@pytest.mark.parametrize("shape", SQUARES)
@pytest.mark.parametrize("dtype", [F64, cnn.float32])
def test_triangular_systems(shape, dtype):
    n = shape[-1]
    a = (draw(*shape) / max(n, 1) + 2 * cnn.eye(n, dtype=F64)).to(dtype)
    b = draw(*shape[:-2], n, 4, seed=1).to(dtype)
    for upper in (True, False):
        triangle = a.triu() if upper else a.tril()
        for matrix in layouts(a):
            x = linalg.solve_triangular(matrix, b, upper=upper)
            near(triangle @ x, b, TOLERANCE[dtype])
            x = linalg.solve_triangular(matrix, b.mT, upper=upper, left=False)
            near(x @ triangle, b.mT, TOLERANCE[dtype])
        unit = triangle - cnn.diag_embed(triangle.diagonal(0, -2, -1)) + eye(*shape, dtype=dtype)
        x = linalg.solve_triangular(a, b, upper=upper, unitriangular=True)
        near(unit @ x, b, TOLERANCE[dtype])


def test_triangles_are_read_alone():
    a = draw(40, 40) / 40 + 2 * cnn.eye(40, dtype=F64)
    b = draw(40, 3)
    filled = a.masked_fill(cnn.ones(40, 40).triu(1) > 0, float("nan"))
    assert linalg.solve_triangular(filled, b, upper=False).equal(
        linalg.solve_triangular(a, b, upper=False)
    )


def test_a_zero_on_the_diagonal_divides():
    a = cnn.tensor([[0.0, 1.0], [0.0, 2.0]])
    x = linalg.solve_triangular(a, cnn.eye(2), upper=True)
    assert x[0].tolist() == [float("inf"), -float("inf")] and x[1].tolist() == [0, 0.5]
    x = linalg.solve_triangular(cnn.zeros(1, 1), cnn.zeros(1, 1), upper=True)
    assert x.isnan().all()


def test_triangular_systems_broadcast():
    a, b = draw(3, 1, 4, 4) + 4 * cnn.eye(4, dtype=F64), draw(2, 4, 5)
    x = linalg.solve_triangular(a, b, upper=True)
    assert x.shape == (3, 2, 4, 5)
    near(a.triu() @ x, b.expand(3, 2, 4, 5))


@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("unit", [True, False])
def test_triangular_systems_have_gradients(upper, left, unit):
    a = (draw(2, 3, 3) + 2 * cnn.eye(3, dtype=F64)).requires_grad_()
    b = draw(3, 2, requires_grad=True)

    def f(a, b):
        b = b if left else b.mT
        return linalg.solve_triangular(a, b, upper=upper, left=left, unitriangular=unit)

    differentiates(f, a, b)


def test_triangular_solve_is_the_older_form():
    a, b = draw(3, 3) + 3 * cnn.eye(3, dtype=F64), draw(3, 2)
    with pytest.warns(UserWarning, match="in favor of torch.linalg.solve_triangular"):
        _older._warned.clear()
        x, kept = b.triangular_solve(a, upper=False, transpose=True)
    near(a.tril().mT @ x, b)
    assert kept.equal(a) and kept.data_ptr() != a.data_ptr()
    assert cnn.triangular_solve(b, a).solution.equal(linalg.solve_triangular(a, b, upper=True))


# ---- Cholesky ----


@pytest.mark.parametrize("shape", SQUARES)
@pytest.mark.parametrize("dtype", [F64, cnn.float32])
def test_cholesky(shape, dtype):
    a = positive(draw(*shape)).to(dtype)
    tolerance = TOLERANCE[dtype] * max(shape[-1], 1)
    for matrix in layouts(a):
        lower = linalg.cholesky(matrix)
        assert lower.triu(1).count_nonzero() == 0
        near(lower @ lower.mT, a, tolerance)
        upper = linalg.cholesky(matrix, upper=True)
        assert upper.tril(-1).count_nonzero() == 0
        near(upper.mT @ upper, a, tolerance)
    if a.numel() and dtype == F64:
        near(lower, cnn.from_numpy(np.linalg.cholesky(a.numpy())))
    assert linalg.cholesky(a.tril()).equal(linalg.cholesky(a))  # one triangle is read
    assert linalg.cholesky(a.triu(), upper=True).equal(linalg.cholesky(a, upper=True))


def test_cholesky_does_not_depend_on_threads():
    a = positive(draw(300, 300))
    before = cnn.get_num_threads()
    factors = []
    for threads in (1, 2, 3):
        cnn.set_num_threads(threads)
        factors.append(linalg.cholesky(a))
    cnn.set_num_threads(before)
    assert factors[0].equal(factors[1]) and factors[0].equal(factors[2])


def test_factors_take_no_part_in_rounded_products():
    a = positive(draw(100, 100)).float()
    expected = linalg.cholesky(a)
    before = cnn.get_float32_matmul_precision()
    cnn.set_float32_matmul_precision("medium")
    try:
        near(linalg.cholesky(a), expected, 1e-4)
        near(linalg.solve_triangular(expected, a, upper=False), expected.mT, 1e-4)
        assert linalg.lu_factor(a)[0].dtype == cnn.float32
    finally:
        cnn.set_float32_matmul_precision(before)


def test_cholesky_names_the_matrix_and_its_minor():
    bad = cnn.diag(cnn.tensor([1.0, -1.0, 1.0]))
    words = (
        "linalg.cholesky: The factorization could not be completed because the input is not "
        "positive-definite (the leading minor of order 2 is not positive-definite)."
    )
    with pytest.raises(linalg.LinAlgError, match=re.escape(words)) as caught:
        linalg.cholesky(bad)
    assert isinstance(caught.value, RuntimeError) and linalg.LinAlgError is cnn._C._LinAlgError
    batch = cnn.stack([cnn.eye(3), cnn.eye(3), bad, -cnn.eye(3)])
    with pytest.raises(linalg.LinAlgError, match=r"linalg.cholesky: \(Batch element 2\): The fact"):
        linalg.cholesky(batch)
    assert linalg.cholesky_ex(batch).info.tolist() == [0, 0, 2, 1]
    assert linalg.cholesky_ex(batch).info.dtype == cnn.int32
    with pytest.raises(linalg.LinAlgError, match=r"cholesky_ex: \(Batch element 2\)"):
        linalg.cholesky_ex(batch, check_errors=True)
    with pytest.raises(linalg.LinAlgError, match="minor of order 1 "):
        linalg.cholesky(cnn.full((2, 2), float("nan")))
    large = positive(draw(90, 90))
    large[77, 77] = -1
    assert linalg.cholesky_ex(large).info == 78


@pytest.mark.parametrize("upper", [False, True])
def test_cholesky_has_gradients(upper):
    a = draw(2, 3, 3, requires_grad=True)
    differentiates(lambda a: linalg.cholesky(positive(a), upper=upper), a)
    grad = cnn.autograd.grad(linalg.cholesky(positive(a)).sum(), a)[0]
    assert grad.isfinite().all()


@pytest.mark.parametrize("upper", [False, True])
def test_systems_and_inverses_by_cholesky(upper):
    a, b = positive(draw(2, 3, 4, 4)), draw(3, 4, 2)
    factor = linalg.cholesky(a, upper=upper)
    near(a @ cnn.cholesky_solve(b, factor, upper), b.expand(2, 3, 4, 2))
    near(b.cholesky_solve(factor, upper=upper), cnn.linalg.solve(a, b))
    inverse = factor.cholesky_inverse(upper)
    near(a @ inverse, eye(2, 3, 4, 4))
    assert inverse.equal(inverse.mT)
    small = (draw(2, 3, 3) + 2 * cnn.eye(3, dtype=F64)).requires_grad_()
    right = draw(2, 3, 2, requires_grad=True)
    triangle = cnn.triu if upper else cnn.tril  # the factor counts as a full matrix
    differentiates(lambda b, f: cnn.cholesky_solve(b, triangle(f), upper), right, small)
    differentiates(lambda f: cnn.cholesky_inverse(triangle(f), upper), small)


def test_an_inverse_by_a_singular_factor():
    words = "cholesky_inverse: The diagonal element 2 is zero, the inversion could not be completed"
    with pytest.raises(linalg.LinAlgError, match=words):
        cnn.cholesky_inverse(cnn.tensor([[1.0, 0.0], [3.0, 0.0]]))


# ---- Refusals ----


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: linalg.cholesky(cnn.ones(2)), RuntimeError, "must have at least 2 dimensions"),
        (lambda: linalg.cholesky(cnn.ones(2, 3)), RuntimeError, "they are 2 by 3 matrices"),
        (lambda: linalg.cholesky(cnn.ones(2, 2).long()), RuntimeError, "floating point .* Got Long"),
        (lambda: linalg.cholesky(cnn.ones(2, 2).half()), NotImplementedError, "for 'Half'"),
        (lambda: linalg.cholesky([[1.0]]), TypeError, "must be Tensor, not list"),
        (lambda: linalg.cholesky(cnn.eye(2), True), TypeError, "takes 1 positional"),
        (lambda: linalg.solve_triangular(cnn.eye(2), cnn.eye(2)), TypeError, "upper"),
        (lambda: linalg.solve_triangular(cnn.eye(2), cnn.ones(2), upper=True), RuntimeError,
         "The input tensor B must have at least 2"),
        (lambda: linalg.solve_triangular(cnn.eye(2), cnn.ones(3, 2), upper=True), RuntimeError,
         r"shapes of A and B for the equation AX = B \(2x2 and 3x2\)"),
        (lambda: linalg.solve_triangular(cnn.eye(2), cnn.ones(2, 3), upper=True, left=False),
         RuntimeError, r"XA = B \(2x2 and 2x3\)"),
        (lambda: linalg.solve_triangular(cnn.eye(2), cnn.eye(2).double(), upper=True),
         RuntimeError, "A of type Float and B of type Double"),
        (lambda: cnn.cholesky_solve(cnn.ones(2), cnn.eye(2)), RuntimeError,
         "b should have at least 2 dimensions"),
        (lambda: cnn.cholesky_solve(cnn.ones(3, 2), cnn.eye(2)), RuntimeError,
         "each A matrix is 2 by 2 but each b matrix is 3 by 2"),
    ],
)  # fmt: skip
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_out():
    a = positive(draw(3, 3))
    out = cnn.empty(0, dtype=F64)
    assert linalg.cholesky(a, out=out) is out and out.equal(linalg.cholesky(a))
    pair = cnn.empty(3, 3, dtype=F64), cnn.empty((), dtype=cnn.int32)
    result = linalg.cholesky_ex(a, out=pair)
    assert result.L is pair[0] and result.info is pair[1] and pair[0].equal(out)
    with pytest.raises(RuntimeError, match="out=... arguments don't support automatic"):
        linalg.cholesky(a.clone().requires_grad_(), out=out)
    with pytest.raises(RuntimeError, match="Long"):
        linalg.cholesky(a, out=cnn.empty(3, 3, dtype=cnn.int64))


def test_meta_tensors_have_shapes():
    a = cnn.empty(2, 3, 3, device="meta")
    assert linalg.cholesky(a).shape == (2, 3, 3) and linalg.cholesky(a).is_meta
    x = linalg.solve_triangular(a, cnn.empty(3, 5, device="meta"), upper=True)
    assert x.shape == (2, 3, 5) and x.is_meta
