"""Linear algebra on a GPU gives what it gives on the CPU, forward, backward and of second order."""

from __future__ import annotations

import numpy as np
import pytest

import cnn
from cnn import linalg
from emulation import counted

pytestmark = pytest.mark.cuda

TOLERANCES = {cnn.float64: 1e-9, cnn.float32: 2e-3}


def general(*shape, seed=0):
    cnn.manual_seed(seed)
    return cnn.randn(*shape, dtype=cnn.float64)


def regular(*shape):
    """Far from singular, eigenvalues and singular values apart."""
    n = shape[-1]
    return general(*shape) / n + cnn.diag(cnn.linspace(1, 3, n, dtype=cnn.float64))


def positive(*shape):
    a = regular(*shape)
    return a @ a.mT


def up_to_signs(q):
    """Columns whose largest elements are positive, so that libraries' choices do not count."""
    return q.abs()


# Functions of tensors, and operands; several batches, sizes below and above a block of 32.
FUNCTIONS = {
    "cholesky": (lambda a: linalg.cholesky(a), positive(2, 5, 5)),
    "cholesky, large": (lambda a: linalg.cholesky(a), positive(70, 70)),
    "cholesky, upper": (lambda a: linalg.cholesky(a, upper=True), positive(3, 2, 4, 4)),
    "cholesky_solve": (cnn.cholesky_solve, general(2, 5, 3), linalg.cholesky(positive(2, 5, 5))),
    "cholesky_inverse": (cnn.cholesky_inverse, linalg.cholesky(positive(40, 40))),
    "inv": (linalg.inv, regular(2, 6, 6)),
    "inv, large": (linalg.inv, regular(100, 100)),
    "solve": (linalg.solve, regular(2, 5, 5), general(2, 5, 3)),
    "solve, vector": (linalg.solve, regular(5, 5), general(5)),
    "solve, broadcast": (linalg.solve, regular(5, 5), general(4, 5, 2)),
    "solve, right": (lambda a, b: linalg.solve(a, b, left=False), regular(2, 5, 5), general(2, 3, 5)),
    "solve_triangular": (
        lambda a, b: linalg.solve_triangular(a, b, upper=True), regular(2, 45, 45), general(2, 45, 3)
    ),
    "solve_triangular, wide": (
        lambda a, b: linalg.solve_triangular(a, b, upper=False, unitriangular=True),
        regular(9, 9), general(9, 600),
    ),
    "solve_triangular, right": (
        lambda a, b: linalg.solve_triangular(a, b, upper=False, left=False),
        regular(6, 6), general(2, 3, 6),
    ),
    "lu": (lambda a: linalg.lu(a)[1:], general(2, 5, 5)),
    "lu, wide": (lambda a: linalg.lu(a)[1:], general(4, 7)),
    "lu, tall": (lambda a: linalg.lu(a)[1:], general(50, 40)),
    "lu_solve": (
        lambda a, b: linalg.lu_solve(*linalg.lu_factor(a), b, adjoint=True),
        regular(2, 5, 5), general(2, 5, 3),
    ),
    "det": (linalg.det, regular(3, 4, 4)),
    "slogdet": (lambda a: linalg.slogdet(a)[1], regular(2, 4, 4)),
    "logdet": (cnn.logdet, positive(3, 4, 4)),
    "qr": (lambda a: [up_to_signs(x) for x in linalg.qr(a)], general(2, 6, 4)),
    "qr, wide": (lambda a: [up_to_signs(x) for x in linalg.qr(a)], general(3, 5)),
    "eigh": (lambda a: linalg.eigh(a)[0], positive(2, 5, 5)),
    "eigh, vectors": (lambda a: up_to_signs(linalg.eigh(a)[1]), positive(5, 5)),
    "eigvalsh": (linalg.eigvalsh, positive(2, 5, 5)),
    "svd": (lambda a: linalg.svd(a, full_matrices=False)[1], general(2, 5, 3)),
    "svd, vectors": (lambda a: up_to_signs(linalg.svd(a, full_matrices=False)[0]), general(5, 3)),
    "svdvals": (lambda a: linalg.svdvals(a, driver=None), general(2, 3, 5)),
    "pinv": (linalg.pinv, general(2, 5, 3)),
    "matrix_exp": (linalg.matrix_exp, general(2, 4, 4) / 4),
    "matrix_power": (lambda a: linalg.matrix_power(a, -2), regular(3, 3)),
    "matrix_norm": (lambda a: linalg.matrix_norm(a, 2), general(2, 4, 3)),
    "nuclear norm": (lambda a: linalg.norm(a, "nuc"), general(4, 3)),
    "cond": (linalg.cond, regular(2, 4, 4)),
    "householder_product": (linalg.householder_product, general(5, 3), general(3)),
    "tensorsolve": (linalg.tensorsolve, regular(6, 6).reshape(2, 3, 6), general(2, 3)),
}  # fmt: skip
# Whose second derivatives the two libraries would have to agree on in all digits, or which have none.
FIRST_ORDER = {"svd, vectors", "eigh, vectors", "qr", "qr, wide", "nuclear norm", "cond"}


def derivatives(function, operands, device, dtype, second):
    """The results, gradients of a weighted sum, and of the square of these."""
    given = [x.to(device, dtype).requires_grad_() for x in operands]
    results = function(*given)
    results = results if isinstance(results, (list, tuple)) else [results]
    sums = [
        (r * cnn.linspace(1, 2, r.numel(), device=device, dtype=dtype).reshape(r.shape)).sum()
        for r in results
    ]
    grads = cnn.autograd.grad(sum(sums), given, create_graph=second)
    found = [*results, *grads]
    if second:
        found += cnn.autograd.grad(sum(g.square().sum() for g in grads), given)
    assert all(x.device.type == device for x in found)
    return [x.detach().cpu().double().numpy() for x in found]


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients_are_the_cpus(name, dtype):
    function, *operands = FUNCTIONS[name]
    second = name not in FIRST_ORDER and dtype == cnn.float64
    expected = derivatives(function, operands, "cpu", dtype, second)
    found = derivatives(function, operands, "cuda", dtype, second)
    for y, e in zip(found, expected, strict=True):
        scale = max(1.0, np.abs(e).max(initial=0))
        np.testing.assert_allclose(y, e, rtol=0, atol=TOLERANCES[dtype] * scale)


@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 64, 65, 130])
def test_factors_of_any_size(n):
    a = positive(2, n, n)
    lower = linalg.cholesky(a.cuda())
    np.testing.assert_allclose((lower @ lower.mT).cpu().numpy(), a.numpy(), atol=1e-11 * n)
    assert not lower.triu(1).any()
    g = general(3, n, n)
    p, low, up = linalg.lu(g.cuda())
    np.testing.assert_allclose((p @ low @ up).cpu().numpy(), g.numpy(), atol=1e-11 * n)
    assert low.abs().max() <= 1
    assert cnn.equal(linalg.lu_factor(g.cuda()).pivots.cpu(), linalg.lu_factor(g).pivots)


def test_operands_with_gaps():
    whole = positive(12, 12)
    a, b = whole[::2, ::2], general(6, 8)[:, ::2]
    expected = linalg.solve(a, b), linalg.cholesky(a), linalg.solve_triangular(a.mT, b, upper=True)
    a, b = whole.cuda()[::2, ::2], general(6, 8).cuda()[:, ::2]
    found = linalg.solve(a, b), linalg.cholesky(a), linalg.solve_triangular(a.mT, b, upper=True)
    for y, e in zip(found, expected):
        np.testing.assert_allclose(y.cpu().numpy(), e.numpy(), atol=1e-12)


def test_many_small_matrices():
    a = positive(3000, 3, 3).float()
    np.testing.assert_allclose(
        linalg.cholesky(a.cuda()).cpu().numpy(), linalg.cholesky(a).numpy(), atol=1e-5
    )
    np.testing.assert_allclose(linalg.inv(a.cuda()).cpu().numpy(), linalg.inv(a).numpy(), atol=1e-4)


@pytest.mark.parametrize("shape", [(0, 0), (2, 0, 0), (0, 3, 3)])
def test_nothing(shape):
    a = cnn.zeros(shape, device="cuda")
    for function in (linalg.cholesky, linalg.inv, linalg.eigvalsh, linalg.svdvals, linalg.det):
        assert function(a).shape == function(a.cpu()).shape
    assert linalg.solve(a, a).shape == shape
    assert [x.shape for x in linalg.qr(a)] == [x.shape for x in linalg.qr(a.cpu())]


def test_what_cannot_be_factored():
    for function, operand in (
        (linalg.cholesky, cnn.tensor([[1.0, 2.0], [2.0, 1.0]])),
        (linalg.inv, cnn.zeros(3, 2, 2)),
        (lambda a: linalg.solve(a, a), cnn.ones(2, 2)),
        (linalg.eigh, cnn.full((2, 2), float("nan"))),
        (linalg.svd, cnn.full((2, 2), float("inf"))),
    ):
        with pytest.raises(cnn.linalg.LinAlgError) as expected:
            function(operand)
        with pytest.raises(cnn.linalg.LinAlgError) as found:
            function(operand.cuda())
        assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("place", [(0, 0), (3, 0), (2, 2), (5, 1)])
def test_pivots_beside_nan(place):
    a = general(6, 4)
    a[place] = float("nan")
    for y, e in zip(linalg.lu_factor_ex(a.cuda()), linalg.lu_factor_ex(a)):
        np.testing.assert_array_equal(y.cpu().numpy(), e.numpy())


def test_infos():
    a = cnn.stack([positive(40, 40), -positive(40, 40), positive(40, 40)])
    a[2, 36, 36] = -1
    assert cnn.equal(linalg.cholesky_ex(a.cuda()).info.cpu(), linalg.cholesky_ex(a).info)
    g = general(2, 40, 40)
    g[1, :, 34] = 0
    assert cnn.equal(linalg.lu_factor_ex(g.cuda()).info.cpu(), linalg.lu_factor_ex(g).info)


def test_equal_pivots_take_the_first():
    a = cnn.tensor([[1.0, 2.0, 3.0], [-1.0, 5.0, 1.0], [1.0, 0.0, 2.0]])
    assert cnn.equal(linalg.lu_factor(a.cuda()).pivots.cpu(), linalg.lu_factor(a).pivots)


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_no_factor_is_rounded_where_tf32_is_allowed(precision):
    g = general(96, 200).float()  # whose factor is far from diagonal
    a = g @ g.mT
    exact = linalg.cholesky(a.double())
    before = cnn.get_float32_matmul_precision()
    cnn.set_float32_matmul_precision(precision)
    try:
        found = linalg.cholesky(a.cuda()).cpu().double()
    finally:
        cnn.set_float32_matmul_precision(before)
    np.testing.assert_allclose(found.numpy(), exact.numpy(), atol=1e-6 * float(exact.abs().max()))


def test_ldl():
    a = general(2, 6, 6)
    a = a + a.mT
    found, expected = linalg.ldl_factor(a.cuda()), linalg.ldl_factor(a)
    assert found.LD.is_cuda and found.pivots.is_cuda
    assert cnn.equal(found.LD.cpu(), expected.LD) and cnn.equal(found.pivots.cpu(), expected.pivots)
    b = general(2, 6, 3)
    x = linalg.ldl_solve(*found, b.cuda())
    np.testing.assert_allclose((a.cuda() @ x).cpu().numpy(), b.numpy(), atol=1e-9)


def test_least_squares():
    a, b = general(2, 6, 3), general(2, 6, 2)
    found = linalg.lstsq(a.cuda(), b.cuda())
    expected = linalg.lstsq(a, b, driver="gels")
    np.testing.assert_allclose(found.solution.cpu().numpy(), expected.solution.numpy(), atol=1e-10)
    np.testing.assert_allclose(
        found.residuals.cpu().numpy(), expected.residuals.numpy(), atol=1e-10
    )
    with pytest.raises(RuntimeError, match="not supported on CUDA"):
        linalg.lstsq(a.cuda(), b.cuda(), driver="gelsd")


def test_drivers_of_svd():
    a = general(4, 3).cuda()
    for driver in ("gesvd", "gesvdj", "gesvda"):
        assert cnn.equal(linalg.svdvals(a, driver=driver), linalg.svdvals(a))
    with pytest.raises(RuntimeError, match="unknown svd driver"):
        linalg.svd(a, driver="gelsd")


def test_lobpcg_and_low_rank():
    a = positive(12, 12)
    values, vectors = cnn.lobpcg(a.cuda(), k=2)
    assert vectors.is_cuda
    np.testing.assert_allclose(
        values.cpu().numpy(), linalg.eigvalsh(a).flip(-1)[:2].numpy(), rtol=1e-5
    )
    low = general(8, 2) @ general(2, 6, seed=1)
    u, s, v = cnn.svd_lowrank(low.cuda(), q=2)
    np.testing.assert_allclose((u * s @ v.mT).cpu().numpy(), low.numpy(), atol=1e-9)


def test_what_is_built_on_it():
    cnn.manual_seed(0)
    w = cnn.empty(6, 4, device="cuda")
    cnn.nn.init.orthogonal_(w)
    np.testing.assert_allclose((w.mT @ w).cpu().numpy(), np.eye(4), atol=1e-5)
    layer = cnn.nn.utils.parametrizations.orthogonal(cnn.nn.Linear(4, 4).cuda())
    product = layer.weight @ layer.weight.mT
    np.testing.assert_allclose(product.detach().cpu().numpy(), np.eye(4), atol=1e-5)
    layer(cnn.ones(2, 4, device="cuda")).sum().backward()
    covariance, x = positive(2, 3, 3), general(5, 2, 3)
    normal = cnn.distributions.MultivariateNormal
    expected = normal(cnn.zeros(3, dtype=cnn.float64), covariance).log_prob(x)
    found = normal(cnn.zeros(3, dtype=cnn.float64, device="cuda"), covariance.cuda()).log_prob(
        x.cuda()
    )
    np.testing.assert_allclose(found.cpu().numpy(), expected.numpy(), rtol=1e-10)


def test_launches_and_waits():
    """No wait but for `info`, and one launch for a block of any number of matrices."""
    a, b = positive(50, 20, 20).cuda(), general(50, 20, 7).cuda()
    assert counted(lambda: linalg.cholesky_ex(a))[0] <= 5
    assert counted(lambda: linalg.cholesky_ex(a))[2] == 0
    assert counted(lambda: linalg.solve_triangular(a, b, upper=True))[:3] == (2, 0, 0)
    assert counted(lambda: linalg.lu_factor_ex(a))[2] == 0
    assert counted(lambda: linalg.cholesky(a))[2] == 1


def test_in_a_graph():
    a, b = positive(3, 40, 40).cuda(), general(3, 40, 2).cuda()

    def solved():
        factor, info = linalg.cholesky_ex(a)
        return cnn.cholesky_solve(b, factor), info

    expected = solved()[0].clone()
    graph = cnn.cuda.CUDAGraph()
    with cnn.cuda.graph(graph):
        x, _ = solved()
    x.zero_()
    graph.replay()
    assert cnn.equal(x, expected)
