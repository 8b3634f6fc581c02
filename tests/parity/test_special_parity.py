"""torch.special beside cnn.special, on grids of numbers: values, gradients, dtypes.

PyTorch's Bessel functions are nan at infinities, and its polynomials are not at nan;
tests/test_special.py has what is right.
"""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import cnn  # noqa: E402
from cnn import special  # noqa: E402

inf, nan = float("inf"), float("nan")
LINE = np.concatenate(
    [np.linspace(-12, 12, 97), np.geomspace(1e-8, 200, 40), -np.geomspace(1e-8, 20, 30),
     [0.0, -0.0, nan]]
)  # fmt: skip
UNIT = np.concatenate([np.linspace(0, 1, 41), [1e-30, 1e-9, 1 - 1e-9, -0.5, 1.5, nan]])
ONE = """
    airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 digamma entr erf erfc erfcx exp2 expit expm1
    gammaln i0 i0e i1 i1e log1p log_ndtr modified_bessel_i0 modified_bessel_i1 modified_bessel_k0
    modified_bessel_k1 ndtr psi round scaled_modified_bessel_k0 scaled_modified_bessel_k1 sinc
    spherical_bessel_j0 erfinv ndtri logit
""".split()
PROBABILITIES = {"ndtri", "logit", "erfinv"}
SMOOTH = "i0 i0e i1 i1e entr erfcx ndtr ndtri log_ndtr".split()
POLYNOMIALS = [name for name in special.__all__ if "polynomial" in name]
RELATIVE = {"float64": 2e-11, "float32": 3e-5}
# PyTorch's own errors are as large, also in double.
COARSE = {"airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1"}


def both(name, *arrays, dtype="float64", grad=False):
    """(ours, theirs), or their gradients by the last argument."""
    results = []
    for lib in (cnn, torch):
        args = [lib.from_numpy(np.array(a)).to(getattr(lib, dtype)) for a in arrays]
        if grad:
            args[-1].requires_grad_()
        y = getattr(lib.special, name)(*args)
        if grad:
            y.backward(lib.ones_like(y))
            y = args[-1].grad
        results.append(y.detach().to(lib.float64).numpy())
    return results


def near(ours, theirs, relative):
    np.testing.assert_allclose(ours, theirs, rtol=relative, atol=relative)


@pytest.mark.parametrize("dtype", RELATIVE)
@pytest.mark.parametrize("name", ONE)
def test_functions_of_one_number(name, dtype):
    relative = 1e-5 if name in COARSE else RELATIVE[dtype]
    near(*both(name, UNIT if name in PROBABILITIES else LINE, dtype=dtype), relative)


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients(name):
    x = UNIT if name in PROBABILITIES else LINE
    near(*both(name, x[~np.isnan(x)], grad=True), 1e-9)


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials(name):
    x, n = np.meshgrid(
        [-2.0, -1.0, -0.9, -0.3, 0.0, 0.2, 0.5, 0.7, 1.0, 1.3], np.arange(-2.0, 25.0)
    )
    near(*both(name, x, n), 1e-7)


def test_zeta():
    s, q = np.meshgrid([-1.0, 0.5, 1.0, 1.2, 2.0, 3.0, 7.5], LINE[:97])
    near(*both("zeta", s, q), 1e-10)
    near(*both("zeta", np.full(40, 2.5), np.geomspace(0.01, 100, 40), grad=True), 1e-10)


@pytest.mark.parametrize("name", ["gammainc", "gammaincc"])
def test_incomplete_gamma(name):
    a, x = np.meshgrid(
        [0.0, 1e-3, 0.2, 0.9, 1.0, 2.5, 8.0, 15.0, 40.0, 150.0, -1.0],
        [0.0, 1e-5, 0.1, 0.6, 1.05, 2.0, 7.0, 14.0, 42.0, 160.0, 900.0, -1.0],
    )
    near(*both(name, a, x), 1e-9)
    positive = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    near(*grad_by_x(name, a[positive], x[positive]), 1e-9)


def grad_by_x(name, a, x):
    results = []
    for lib in (cnn, torch):
        p = lib.from_numpy(x.copy()).requires_grad_()
        y = getattr(lib.special, name)(lib.from_numpy(a.copy()), p)
        (g,) = lib.autograd.grad(y.sum(), p)
        results.append(g.numpy())
    return results


def test_xlog1py_and_multigammaln():
    a, b = np.meshgrid([0.0, 1.0, -2.0], [-2.0, -1.0, -0.5, 0.0, 3.0, inf, nan])
    near(*both("xlog1py", a, b), 1e-12)
    for p in (1, 2, 5):
        ours = special.multigammaln(cnn.from_numpy(LINE.copy()), p).numpy()
        near(ours, torch.special.multigammaln(torch.from_numpy(LINE.copy()), p).numpy(), 1e-9)


def test_names():
    assert set(torch.special.__all__) <= set(special.__all__)


@pytest.mark.parametrize("dtype", ["int64", "bool", "uint8"])
def test_dtypes_of_results(dtype):
    x = np.array([0, 1, 1])
    for name in [*ONE, *POLYNOMIALS, "zeta", "xlog1py", "gammainc"]:
        found = []
        for lib in (cnn, torch):
            args = [lib.from_numpy(x).to(getattr(lib, dtype))] * (1 if name in ONE else 2)
            try:
                found.append(str(getattr(lib.special, name)(*args).dtype))
            except NotImplementedError as error:
                found.append(type(error).__name__)
        if name != "round":  # PyTorch has two: this one takes no integers
            assert found[0] == found[1], name
