"""Linear algebra: eigenvalues, singular values, and what is made of them; norms."""

from __future__ import annotations

import re

import numpy as np
import pytest

import cnn
from cnn import linalg
from cnn.autograd import gradcheck
from matrices import F64, SQUARES, TOLERANCE, differentiates, draw, eye, layouts, near

DTYPES = [F64, cnn.float32]
RECTANGLES = [
    (0, 0), (0, 3), (3, 0), (1, 1), (4, 4), (5, 3), (3, 5), (60, 40), (2, 4, 3), (2, 0, 3, 3),
]  # fmt: skip
INF, NAN = float("inf"), float("nan")


def like_numpy(ours, theirs, tolerance=1e-9):
    theirs = np.asarray(theirs)
    assert tuple(ours.shape) == theirs.shape
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=tolerance, atol=tolerance)


def symmetric(*shape, dtype=F64):
    a = draw(*shape)
    return ((a + a.mT) / 2).to(dtype)


def half(a):
    return (a + a.mT) / 2


# ---- Eigenvalues ----


@pytest.mark.parametrize("shape", SQUARES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_eigenvalues(shape, dtype):
    a = symmetric(*shape, dtype=dtype)
    tolerance = TOLERANCE[dtype]
    for matrix in layouts(a):
        values, vectors = linalg.eigh(matrix)
        assert values.shape == shape[:-1] and vectors.shape == shape
        near(a @ vectors, vectors * values.unsqueeze(-2), tolerance)
        near(vectors.mT @ vectors, eye(*shape, dtype=dtype), tolerance)
        near(linalg.eigvalsh(matrix), values, tolerance)
    assert (values.diff() >= 0).all()
    other = cnn.full_like(a, 7.0)
    lower, upper = a.tril() + other.triu(1), a.triu() + other.tril(-1)
    near(linalg.eigvalsh(lower), values, tolerance)
    near(linalg.eigh(upper, UPLO="U")[0], values, tolerance)
    near(linalg.eigvalsh(upper, "u"), values, tolerance)


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 4, 4), (0, 0)])
def test_eigenvalues_have_gradients(shape):
    a = draw(*shape, requires_grad=True)
    differentiates(lambda a: linalg.eigvalsh(half(a)), a)
    differentiates(lambda a: linalg.eigh(half(a))[1].square(), a)
    differentiates(lambda a: linalg.eigh(half(a), UPLO="U")[1].abs(), a)


def test_eigenvalues_that_are_none():
    bad = symmetric(3, 3)
    bad[1, 0] = NAN
    words = r"linalg.eigh: {}The algorithm failed to converge because the input matrix is ill-cond"
    with pytest.raises(linalg.LinAlgError, match=words.format("")):
        linalg.eigh(bad)
    with pytest.raises(linalg.LinAlgError, match=words.format(r"\(Batch element 1\): ")):
        linalg.eigvalsh(cnn.stack([cnn.eye(3, dtype=F64), bad]))
    assert linalg.eigvalsh(bad, UPLO="U").isfinite().all()  # the other triangle is read
    assert linalg.eigvalsh(cnn.tensor([[NAN]])).isnan().all()


def test_eigenvalues_of_general_matrices_are_complex():
    for name, other in (("eig", "linalg.eigh"), ("eigvals", "linalg.eigvalsh")):
        words = f"linalg.{name}: .*there are no complex tensors; use .*{other}.*numpy.linalg.{name}"
        with pytest.raises(NotImplementedError, match=words):
            getattr(linalg, name)(cnn.eye(2))
        with pytest.raises(RuntimeError, match="they are 2 by 3 matrices"):
            getattr(linalg, name)(cnn.ones(2, 3))


# ---- Singular values ----


@pytest.mark.parametrize("shape", RECTANGLES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("full", [True, False])
def test_singular_values(shape, dtype, full):
    a = draw(*shape, dtype=dtype)
    m, n, k = *shape[-2:], min(shape[-2:])
    tolerance = TOLERANCE[dtype]
    for matrix in layouts(a):
        u, s, vh = linalg.svd(matrix, full_matrices=full)
        assert u.shape == (*shape[:-1], m if full else k)
        assert s.shape == (*shape[:-2], k) and vh.shape == (*shape[:-2], n if full else k, n)
        near((u[..., :k] * s.unsqueeze(-2)) @ vh[..., :k, :], a, tolerance)
        near(u.mT @ u, eye(*shape[:-2], u.shape[-1], u.shape[-1], dtype=dtype), tolerance)
        near(vh @ vh.mT, eye(*shape[:-2], vh.shape[-2], vh.shape[-2], dtype=dtype), tolerance)
        near(linalg.svdvals(matrix), s, tolerance)
    assert (s >= 0).all() and (s.diff() <= 0).all()
    older = a.svd(some=not full)
    assert older.U.equal(u) and older.S.equal(s) and older.V.equal(vh.mT)
    only = cnn.svd(a, compute_uv=False)
    near(only.S, s, tolerance)
    assert only.U.shape == (*shape[:-1], m) and only.V.shape == (*shape[:-2], n, n)
    assert only.U.count_nonzero() == 0


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (4, 3), (3, 4), (2, 3, 2), (0, 3)])
def test_singular_values_have_gradients(shape):
    a = draw(*shape, requires_grad=True)
    k = min(shape[-2:])
    differentiates(linalg.svdvals, a)

    def without_signs(a, full=False):
        u, s, vh = linalg.svd(a, full_matrices=full)
        return u[..., :k].square(), s, vh[..., :k, :].square(), u[..., :k] @ vh[..., :k, :]

    differentiates(without_signs, a)
    gradcheck(lambda a: without_signs(a, True), (a,))
    for part in range(4):
        differentiates(lambda a: without_signs(a)[part], a)  # noqa: B023


def test_singular_values_that_are_none():
    bad = draw(3, 3)
    bad[1, 0] = NAN
    words = "linalg.svd: {}The algorithm failed to converge because the input matrix contained non-"
    for call in (linalg.svd, linalg.svdvals, cnn.svd):
        with pytest.raises(linalg.LinAlgError, match=words.format("")):
            call(bad)
        with pytest.raises(linalg.LinAlgError, match=words.format(r"\(Batch element 1\): ")):
            call(cnn.stack([cnn.eye(3, dtype=F64), bad]))
    with pytest.raises(RuntimeError, match="`driver=` is only supported on CUDA inputs"):
        linalg.svd(cnn.eye(2), driver="gesvd")


def test_an_algorithm_that_does_not_converge(monkeypatch):
    def give_up(a, **_):
        if (a == 7).any():
            raise np.linalg.LinAlgError("SVD did not converge")
        return a

    monkeypatch.setattr(np.linalg, "svd", give_up)
    batch = cnn.stack([cnn.eye(2), cnn.full((2, 2), 7.0)])
    words = "linalg.svd: {}The algorithm failed to converge because the input matrix is ill-cond"
    with pytest.raises(linalg.LinAlgError, match=words.format(r"\(Batch element 1\): ")):
        linalg.svd(batch)
    with pytest.raises(linalg.LinAlgError, match=words.format("")):
        linalg.svdvals(batch[1])


# ---- Pseudo-inverses, ranks, conditions ----


@pytest.mark.parametrize("shape", RECTANGLES)
def test_pseudo_inverses(shape):
    a = draw(*shape)
    p = linalg.pinv(a)
    if a.numel():
        like_numpy(p, np.linalg.pinv(a.numpy()))
    assert p.shape == (*shape[:-2], shape[-1], shape[-2])
    near(a @ p @ a, a)
    near(a.pinverse(), p)


def test_pseudo_inverses_of_lower_rank():
    a = draw(5, 2) @ draw(2, 4, seed=1)
    like_numpy(linalg.pinv(a), np.linalg.pinv(a.numpy(), rcond=1e-12))
    diagonal = cnn.diag(cnn.tensor([1.0, 0.1, 1e-3]))
    for options, kept in (
        ({}, 3), ({"rtol": 1e-2}, 2), ({"atol": 0.5}, 1), ({"atol": 1e-2, "rtol": 0.5}, 1),
        ({"rcond": 1e-2}, 2), ({"rtol": cnn.tensor(1e-2)}, 2), ({"atol": cnn.tensor(0.05)}, 2),
    ):  # fmt: skip
        for hermitian in (False, True):
            p = linalg.pinv(diagonal, hermitian=hermitian, **options)
            assert p.count_nonzero() == kept, options
            if "rcond" not in options:
                assert linalg.matrix_rank(diagonal, hermitian=hermitian, **options) == kept
    assert linalg.pinv(diagonal, 1e-2).count_nonzero() == 2
    batch = cnn.stack([diagonal, diagonal])
    both = linalg.pinv(batch, rtol=cnn.tensor([1e-2, 0.5]))
    assert [p.count_nonzero().item() for p in both] == [2, 1]
    near(linalg.pinv(-diagonal, hermitian=True), -linalg.pinv(diagonal), 1e-3)


@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (2, 3, 4)])
def test_pseudo_inverses_have_gradients(shape):
    a = draw(*shape, requires_grad=True)
    differentiates(linalg.pinv, a)
    if shape == (3, 3):
        differentiates(lambda a: linalg.pinv(half(a), hermitian=True), a)


def test_pseudo_inverses_of_lower_rank_have_gradients():
    u, v = draw(5, 2, requires_grad=True), draw(2, 4, seed=1, requires_grad=True)
    differentiates(lambda u, v: linalg.pinv(u @ v, rtol=1e-8), u, v)


def test_pseudo_inverses_refuse():
    words = re.escape("linalg.pinv(Float{[2]}): expected a tensor with 2 or more dimensions")
    with pytest.raises(RuntimeError, match=words):
        linalg.pinv(cnn.ones(2))
    with pytest.raises(RuntimeError, match=r"linalg.pinv\(Long"):
        linalg.pinv(cnn.ones(2, 2).long())
    with pytest.raises(RuntimeError, match="A must be batches of square matrices"):
        linalg.pinv(cnn.ones(2, 3), hermitian=True)


def test_ranks():
    a = draw(3, 5, 2) @ draw(3, 2, 4, seed=1)
    assert linalg.matrix_rank(a).tolist() == [2, 2, 2]
    assert linalg.matrix_rank(a).dtype == cnn.int64
    assert linalg.matrix_rank(a @ a.mT, hermitian=True).tolist() == [2, 2, 2]
    assert linalg.matrix_rank(cnn.zeros(2, 3, 3)).tolist() == [0, 0]
    assert linalg.matrix_rank(cnn.empty(2, 0, 3)).tolist() == [0, 0]
    diagonal = cnn.diag(cnn.tensor([1.0, 0.1, 1e-3]))
    assert linalg.matrix_rank(diagonal, 1e-2) == 2
    assert linalg.matrix_rank(diagonal, tol=cnn.tensor(0.5), hermitian=True) == 1
    out = cnn.empty(0, dtype=cnn.int64)
    assert linalg.matrix_rank(diagonal, out=out) is out and out == 3
    with pytest.raises(RuntimeError, match="input must have at least 2 dimensions"):
        linalg.matrix_rank(cnn.ones(2))


@pytest.mark.parametrize("p", [None, 2, -2, 1, -1, INF, -INF, "fro", "nuc"])
def test_conditions(p):
    a = draw(2, 3, 3)
    like_numpy(linalg.cond(a, p), np.array([np.linalg.cond(x.numpy(), p) for x in a]), 1e-8)
    assert linalg.cond(cnn.empty(2, 0, 0), p).tolist() == [0, 0]
    differentiates(lambda a: linalg.cond(a, p), draw(3, 3, requires_grad=True))


def test_conditions_of_singular_matrices():
    a = cnn.stack([cnn.zeros(2, 2), cnn.eye(2)])
    for p in (1, -1, INF, -INF, "fro"):
        assert linalg.cond(a, p)[0] == INF and linalg.cond(a, p)[1].isfinite()
    assert linalg.cond(a, "nuc")[0].isnan()
    assert linalg.cond(cnn.ones(4, 3)) > 1e6
    with pytest.raises(RuntimeError, match="linalg.cond got an invalid norm type: 3"):
        linalg.cond(a, 3)
    with pytest.raises(RuntimeError, match=r"linalg.cond\(ord=1\): A must be batches of square"):
        linalg.cond(cnn.ones(2, 3), 1)
    with pytest.raises(RuntimeError, match="must have at least 2 dimensions"):
        linalg.cond(cnn.ones(2))


# ---- Norms ----

ORDERS = ["fro", "nuc", 1, -1, 2, -2, INF, -INF]


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("keepdim", [False, True])
def test_norms_of_matrices(p, keepdim):
    a = draw(4, 5, 3)
    expected = np.array([np.linalg.norm(x.numpy(), p) for x in a])
    found = linalg.matrix_norm(a, p, keepdim=keepdim)
    like_numpy(found, expected.reshape(4, 1, 1) if keepdim else expected)
    moved = a.movedim(0, 1)
    found = linalg.matrix_norm(moved, p, dim=(0, -1), keepdim=keepdim)
    like_numpy(found, expected.reshape(1, 4, 1) if keepdim else expected)
    turned = linalg.matrix_norm(a, p, dim=(2, 1))
    like_numpy(turned, np.array([np.linalg.norm(x.numpy().T, p) for x in a]))
    near(linalg.norm(a, p, (1, 2), keepdim), linalg.matrix_norm(a, p, keepdim=keepdim))
    near(linalg.norm(a[0], p), linalg.matrix_norm(a, p)[0])
    near(linalg.matrix_norm(a.float(), p, dtype=F64), linalg.matrix_norm(a.float().double(), p))
    differentiates(lambda a: linalg.matrix_norm(a, p), draw(2, 3, 3, requires_grad=True))


@pytest.mark.parametrize("p", [2, 1, 0, 3, 0.5, INF, -INF, -2])
def test_norms_of_vectors(p):
    a = draw(4, 5)
    like_numpy(linalg.vector_norm(a, p, dim=1), np.linalg.norm(a.numpy(), p, axis=1))
    like_numpy(linalg.vector_norm(a, p), np.linalg.norm(a.numpy().reshape(-1), p))
    near(linalg.norm(a, p, dim=1, keepdim=True), linalg.vector_norm(a, p, 1, True))
    near(linalg.norm(a[0], p), linalg.vector_norm(a[0], p))


def test_numpys_names_of_arguments():
    a = draw(2, 3)
    near(linalg.norm(a, axis=1, keepdims=True), linalg.norm(a, dim=1, keepdim=True))
    near(linalg.vector_norm(x=a, axis=0), linalg.vector_norm(a, dim=0))
    near(linalg.cross(x1=a, x2=a + 1, axis=-1), linalg.cross(a, a + 1))
    with pytest.raises(TypeError, match="axes"):
        linalg.norm(a, axes=1)


def test_norms_without_an_order():
    a = draw(2, 3, 4)
    near(linalg.norm(a), linalg.vector_norm(a))
    near(linalg.norm(a, dim=(0, 1)), linalg.vector_norm(a, dim=(0, 1)))
    out = cnn.empty(0, dtype=F64)
    assert linalg.norm(a, out=out) is out and out.equal(linalg.norm(a))


@pytest.mark.parametrize("shape", [(0, 2), (2, 0), (0, 0), (3, 0, 2)])
@pytest.mark.parametrize("p", [1, 2, INF, "fro", "nuc"])
def test_norms_of_nothing(shape, p):
    x = cnn.empty(*shape, requires_grad=True)
    found = linalg.matrix_norm(x, p)
    assert found.shape == shape[:-2] and found.count_nonzero() == 0
    found.sum().backward()


def test_nuclear_norms_by_the_older_name():
    a = draw(2, 3, 4, requires_grad=True)
    near(cnn.norm(a, "nuc", dim=(1, 2)), linalg.matrix_norm(a, "nuc"))
    near(a[0].norm("nuc", keepdim=True), linalg.matrix_norm(a[0], "nuc", keepdim=True))
    out = cnn.empty(0, dtype=F64)
    assert cnn.norm(a[0].detach(), p="nuc", out=out) is out
    near(out, linalg.matrix_norm(a[0].detach(), "nuc"))
    differentiates(lambda a: a[0].norm("nuc"), a)
    with pytest.raises(RuntimeError, match="dim must be a 2-tuple"):
        a.norm("nuc")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda a: linalg.norm(a[0, 0], "fro"), RuntimeError, "A must have at least 2 dimensions"),
        (lambda a: linalg.norm(a, 2), RuntimeError, "input must be 1D or 2D. Got 3D"),
        (lambda a: linalg.norm(a, 2, dim=(0, 1, 2)), RuntimeError, "must be of length 1 or 2"),
        (lambda a: linalg.norm(a[0], "fro", dim=0), RuntimeError, "must be a 2-tuple. Got 0"),
        (lambda a: linalg.matrix_norm(a, 3), RuntimeError, "Order 3 not supported"),
        (lambda a: linalg.matrix_norm(a, "x"), RuntimeError, "Order x not supported"),
        (lambda a: linalg.matrix_norm(a, dim=(0, 0)), RuntimeError, r"different. Got \(0, 0\)"),
        (lambda a: linalg.matrix_norm(a, dim=(0, 5)), IndexError, "but got 5"),
        (lambda a: linalg.matrix_norm(a.long()), RuntimeError, "floating point .* Got Long"),
        (lambda a: linalg.matrix_norm(a.half(), 2), RuntimeError, "Low precision .* Got Half"),
        (
            lambda a: linalg.matrix_norm(a, dtype=cnn.int64),
            RuntimeError,
            "dtype should be floating",
        ),
    ],
)
def test_norms_refuse(call, error, words):
    with pytest.raises(error, match=words):
        call(draw(2, 3, 3))


# ---- By iteration ----


def test_few_singular_values():
    cnn.manual_seed(0)
    a = draw(3, 60, 4) @ draw(3, 4, 40, seed=1)
    for matrix in (a, a.mT):
        u, s, v = cnn.svd_lowrank(matrix, q=6)
        assert u.shape == (3, matrix.shape[-2], 6) and v.shape == (3, matrix.shape[-1], 6)
        near((u * s.unsqueeze(-2)) @ v.mT, matrix)
        near(s[..., :4], linalg.svdvals(matrix)[..., :4])
    mean = a.mean(-2, keepdim=True)
    cnn.manual_seed(0)
    less = cnn.svd_lowrank(a, M=mean)
    cnn.manual_seed(0)
    centered = cnn.pca_lowrank(a)
    for x, y in zip(less, centered):
        near(x, y)
    near(cnn.pca_lowrank(a, q=4, center=False)[1], linalg.svdvals(a)[..., :4])
    for options in ({"q": 41}, {"q": -1}, {"niter": -1}):
        with pytest.raises(ValueError, match="must be non-negative integer"):
            cnn.pca_lowrank(a, **options)


@pytest.mark.parametrize("largest", [True, False])
def test_few_eigenvalues(largest):
    cnn.manual_seed(0)
    a = symmetric(2, 40, 40) + cnn.diag(cnn.arange(40.0, dtype=F64))
    b = draw(40, 40, seed=3)
    b = b @ b.mT / 40 + cnn.eye(40, dtype=F64)
    values, vectors = cnn.lobpcg(a, k=3, largest=largest, tol=1e-10)
    expected = linalg.eigvalsh(a)
    near(values, expected.flip(-1)[..., :3] if largest else expected[..., :3], 1e-8)
    near(a @ vectors, vectors * values.unsqueeze(-2), 1e-6)
    values, vectors = cnn.lobpcg(a, 3, b, largest=largest, tol=1e-10)
    near(a @ vectors, b @ vectors * values.unsqueeze(-2), 1e-6)
    near(vectors.mT @ b @ vectors, eye(2, 3, 3))
    seen = []
    start = draw(40, 4, seed=5)
    inverse = linalg.inv(a[0] - 80 * cnn.eye(40, dtype=F64))
    values, _ = cnn.lobpcg(
        a[0], k=2, X=start, iK=inverse, niter=3, largest=largest,
        tracker=lambda s: seen.append((s.ivars["istep"], s.X.shape)),
    )  # fmt: skip
    assert values.shape == (2,) and seen == [(i, (40, 4)) for i in (1, 2, 3)]


def test_few_eigenvalues_have_gradients():
    a = draw(6, 6, requires_grad=True)
    differentiates(lambda a: cnn.lobpcg(half(a), k=2)[0], a)
    with pytest.raises(ValueError, match="3 x the number of requested eigenpairs"):
        cnn.lobpcg(cnn.eye(5), k=2)


# ---- Names, classes, autocast ----


def test_named_results():
    a = cnn.eye(2)
    for result, fields in (
        (linalg.svd(a), ("U", "S", "Vh")), (cnn.svd(a), ("U", "S", "V")),
        (linalg.eigh(a), ("eigenvalues", "eigenvectors")), (linalg.qr(a), ("Q", "R")),
        (linalg.slogdet(a), ("sign", "logabsdet")), (linalg.lu(a), ("P", "L", "U")),
        (linalg.lstsq(a, a), ("solution", "residuals", "rank", "singular_values")),
    ):  # fmt: skip
        assert result._fields == fields and type(result).__module__ == "torch.return_types"
    assert cnn.return_types.linalg_svd is type(linalg.svd(a))
    assert cnn.return_types.lu_unpack in cnn.return_types.all_return_types
    assert repr(linalg.slogdet(a)) == (
        "torch.return_types.linalg_slogdet(\nsign=tensor(1.),\nlogabsdet=tensor(0.))"
    )
    out = cnn.empty(0), cnn.empty(0), cnn.empty(0)
    assert linalg.svd(a, out=out).S is out[1] and out[1].tolist() == [1, 1]


def test_nodes_have_pytorchs_names():
    a = cnn.eye(2, requires_grad=True)
    for result, name in (
        (linalg.inv(a), "LinalgInvEx"), (linalg.svd(a)[0], "LinalgSvd"), (a.det(), "LinalgDet"),
        (linalg.solve(a, a), "LinalgSolveEx"), (linalg.eigvalsh(a), "LinalgEigh"),
    ):  # fmt: skip
        assert type(result.grad_fn).__name__ == f"{name}Backward"


def test_classes_take_the_functions_over():
    class Own(cnn.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func.__name__

    own = cnn.eye(2).as_subclass(Own)
    for name in linalg.__all__:
        if name in ("LinAlgError", "multi_dot"):
            continue
        assert getattr(linalg, name)(own) == name
    assert linalg.multi_dot([own, own]) == "multi_dot"
    assert cnn.cholesky(own) == own.cholesky() == "cholesky"
    known = cnn.overrides.get_overridable_functions()
    assert cnn.cholesky in known[cnn] and linalg.svd in known[linalg]
    assert cnn.overrides.resolve_name(cnn.logdet) == "torch.logdet"


def test_every_function_is_documented():
    for name in linalg.__all__:
        value = getattr(linalg, name)
        assert value.__doc__, name
        assert name == "LinAlgError" or value.__module__ == "cnn.linalg", name


@pytest.mark.filterwarnings("ignore:torch.qr is deprecated")
def test_autocast_computes_in_float32():
    a = cnn.eye(2, dtype=cnn.bfloat16)
    with cnn.autocast("cpu"):
        assert linalg.inv(a).dtype == cnn.float32 and linalg.svdvals(a).dtype == cnn.float32
        assert a.qr()[0].dtype == cnn.float32 and cnn.inverse(a).dtype == cnn.float32


def test_names_that_pytorch_has_dropped():
    a = cnn.eye(2)
    for call in (a.eig, a.symeig, lambda: a.solve(a), lambda: cnn.lstsq(a, a),
                 lambda: cnn.matrix_rank(a)):  # fmt: skip
        with pytest.raises(RuntimeError, match="deprecated since version 1.9 and is now removed"):
            call()
