"""Transforms of functions: values, structures, `requires_grad` and errors as PyTorch's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import cnn  # noqa: E402

A = np.array([1.0, -2.0, 3.0])
B = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])

# Functions of (package, its func, a vector, a matrix, a vector that requires grad).
CASES = {
    "grad": lambda p, f, a, m, w: f.grad(lambda x: (x**3).sum())(a),
    "second": lambda p, f, a, m, w: f.grad(lambda x: f.grad(lambda y: (y**4).sum())(x).sum())(a),
    "third": lambda p, f, a, m, w: f.grad(f.grad(f.grad(lambda x: x.sin().sum())))(a[0]),
    "outside": lambda p, f, a, m, w: f.grad(lambda x: (x * w).sum())(a),
    "of w": lambda p, f, a, m, w: f.grad(lambda x: (x * x * a).sum())(w),
    "argnums": lambda p, f, a, m, w: f.grad(lambda x, y: (m @ x * y.sum()).sum(), (0, 1))(a, w),
    "value": lambda p, f, a, m, w: f.grad_and_value(lambda x: ((x * w).sum(), x + 1), has_aux=True)(a),
    "vjp": lambda p, f, a, m, w: f.vjp(lambda x, y: {"o": m @ x * y.sum()}, a, w)[1]({"o": m[:, 0]}),
    "vjp aux": lambda p, f, a, m, w: f.vjp(lambda x: (x * w, x), a, has_aux=True)[::2],
    "jvp": lambda p, f, a, m, w: f.jvp(lambda x: (m @ x).exp(), (a,), (a + 1,)),
    "jvp two": lambda p, f, a, m, w: f.jvp(lambda x, y: (x * y, x + y), (a, w), (w, a)),
    "jacrev": lambda p, f, a, m, w: f.jacrev(lambda x: {"p": m @ x, "q": x.sin()})(a),
    "jacfwd": lambda p, f, a, m, w: f.jacfwd(lambda x, y: (m @ x, y * y), argnums=(0, 1))(a, a),
    "hessian": lambda p, f, a, m, w: f.hessian(lambda x: ((m @ x) ** 3).sum())(a),
    "linearize": lambda p, f, a, m, w: f.linearize(lambda x: (m @ x).sin(), a)[1](a + 1),
    "vmap": lambda p, f, a, m, w: f.vmap(lambda x, y: x @ y, (0, None))(m, a),
    "vmap out": lambda p, f, a, m, w: f.vmap(lambda x: (x, x.sum()), 1, (1, 0))(m),
    "vmap of grad": lambda p, f, a, m, w: f.vmap(f.grad(lambda x: (x**3).sum()))(m),
    "vmap twice": lambda p, f, a, m, w: f.vmap(f.vmap(lambda x, y: x * y))(m, m),
    "vmap tree": lambda p, f, a, m, w: f.vmap(lambda d: [d["u"], d["v"] * 2], ({"u": 0, "v": None},))(
        {"u": m, "v": a}
    ),
    "not scalar": lambda p, f, a, m, w: f.grad(lambda x: x)(a),
    "not a tensor": lambda p, f, a, m, w: f.grad(lambda x: 2.0)(a),
    "argnum": lambda p, f, a, m, w: f.grad(lambda x: x.sum(), 4)(a),
    "no argnums": lambda p, f, a, m, w: f.grad(lambda x: x.sum(), ())(a),
    "in_dims": lambda p, f, a, m, w: f.vmap(lambda x: x, in_dims=5)(m),
    "no inputs": lambda p, f, a, m, w: f.vmap(lambda: a)(),
    "sizes": lambda p, f, a, m, w: f.vmap(lambda x, y: x)(m, a),
    "randomness": lambda p, f, a, m, w: f.vmap(lambda x: p.rand(2) + x[0])(m),
    "random word": lambda p, f, a, m, w: f.vmap(lambda x: x, randomness="none")(m),
    "number out": lambda p, f, a, m, w: f.vmap(lambda x: 3)(m),
    "cotangents": lambda p, f, a, m, w: f.vjp(lambda x: (x, x), a)[1](a),
}  # fmt: skip


def plain(value):
    if hasattr(value, "detach"):
        array = np.round(value.detach().numpy() + 0.0, 9) + 0.0
        return array.shape, array.tolist(), value.requires_grad
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(map(plain, value))
    return value


def outcome(package, case):
    a, m = package.from_numpy(A.copy()), package.from_numpy(B.copy())
    w = package.from_numpy(A[::-1].copy()).requires_grad_()
    try:
        return plain(case(package, package.func, a, m, w))
    except (RuntimeError, ValueError) as error:
        return type(error).__name__, str(error).split("\n")[0]


@pytest.mark.parametrize("name", CASES)
def test_the_same_comes_out(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert outcome(cnn, CASES[name]) == outcome(torch, CASES[name])
