"""Transforms of functions: `cnn.func`."""

from __future__ import annotations

import pytest

import cnn
from cnn import nn
from cnn.func import (
    functional_call,
    functionalize,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    replace_all_batch_norm_modules_,
    stack_module_state,
    vjp,
    vmap,
)


def t(*values):
    return cnn.tensor(values, dtype=cnn.float64)


X, Y = t(1.0, 2.0, 3.0), t(0.5, -1.0, 2.0)


def cubes(x):
    return (x**3).sum()


# Derivatives --------------------------------------------------------------------------------------


def test_gradients_of_any_order():
    assert grad(cubes)(X).tolist() == [3.0, 12.0, 27.0]
    assert grad(lambda x: grad(cubes)(x).sum())(X).tolist() == [6.0, 12.0, 18.0]
    x = cnn.tensor(0.7, dtype=cnn.float64)
    assert cnn.allclose(grad(grad(grad(cnn.sin)))(x), -x.cos())
    # Two variables of two transforms are not mixed up.
    inner = grad(lambda x: x * grad(lambda y: x * y)(cnn.tensor(2.0)))
    assert inner(cnn.tensor(3.0)).item() == 6.0


def test_argnums_structures_and_aux():
    def product(a, b):
        return (a * b).sum()

    assert [g.tolist() for g in grad(product, (0, 1))(X, Y)] == [Y.tolist(), X.tolist()]
    assert cnn.equal(grad(product, -1)(X, Y), X)
    gradient = grad(lambda d: (d["a"] * d["b"][0]).sum())({"a": X, "b": [Y]})
    assert cnn.equal(gradient["a"], Y) and cnn.equal(gradient["b"][0], X)
    gradient, value = grad_and_value(cubes)(X)
    assert value.item() == 36.0 and not value.requires_grad and not gradient.requires_grad
    gradient, aux = grad(lambda a: ((a * a).sum(), a + 1), has_aux=True)(X)
    assert cnn.equal(aux, X + 1) and not aux.requires_grad
    assert grad(lambda a, b: b.sum())(X, Y).tolist() == [0.0, 0.0, 0.0]


def test_what_requires_grad_outside_still_does():
    w = t(1.0, 1.0, 2.0).requires_grad_()
    assert grad(lambda a: (a * w).sum())(X).requires_grad
    gradient = grad(lambda a: (a * a * w).sum())(X)
    gradient.sum().backward()
    assert w.grad.tolist() == [2.0, 4.0, 6.0]
    x = X.clone().requires_grad_()
    grad(cubes)(x).sum().backward()
    assert x.grad.tolist() == [6.0, 12.0, 18.0]
    with cnn.no_grad():
        assert grad(cubes)(x).tolist() == [3.0, 12.0, 27.0] and not grad(cubes)(x).requires_grad


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: grad(lambda a: a)(X), RuntimeError, "scalar Tensor, got tensor with 1 dims"),
        (lambda: grad(lambda a: 3.0)(X), RuntimeError, "Expected f.* to return a Tensor"),
        (lambda: grad(cubes, 3)(X), RuntimeError, "argnum=3, but only 1 positional"),
        (lambda: grad(cubes, ())(X), RuntimeError, "non-empty"),
        (lambda: grad(cubes, (0, 0))(X), RuntimeError, "must be unique"),
        (lambda: grad(cubes)(3.0), ValueError, "must be Tensor"),
        (lambda: grad(cubes, has_aux=True)(X), RuntimeError, r"tuple: \(output, aux\)"),
        (lambda: vjp(lambda a: (a, a), X)[1](X), RuntimeError, "pytree structure of cotangents"),
        (lambda: jvp(cnn.sin, X, (X,)), RuntimeError, "primals to be a tuple"),
        (lambda: jvp(cnn.sin, (X,), (X, X)), RuntimeError, "same python structure"),
        (lambda: jacrev(cnn.sin, chunk_size=0), ValueError, "greater than 0"),
        (lambda: functionalize(cnn.sin), NotImplementedError, "compiler"),
    ],
)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


def test_products_with_jacobians():
    out, pull = vjp(lambda a, b: {"p": a * b, "s": a + b}, X, Y)
    first, second = pull({"p": X, "s": Y})
    assert cnn.equal(first, X * Y + Y) and cnn.equal(second, X * X + Y)
    assert cnn.equal(pull({"p": X, "s": Y})[0], first)  # once more, of the same graph
    value, tangent = jvp(cnn.sin, (X,), (Y,))
    assert cnn.equal(value, X.sin()) and cnn.allclose(tangent, X.cos() * Y)
    _, tangent = jvp(lambda a, b: a * b, (X, Y), (Y, X))
    assert cnn.allclose(tangent, Y * Y + X * X)
    assert jvp(lambda a: cnn.ones(2), (X,), (Y,))[1].tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="independent of the inputs"):
        jvp(lambda a: cnn.ones(2), (X,), (Y,), strict=True)
    # Through a forward product, and a Hessian's product.
    assert cnn.allclose(grad(lambda v: jvp(cnn.sin, (v,), (Y,))[1].sum())(X), -X.sin() * Y)
    assert cnn.allclose(jvp(grad(cubes), (X,), (Y,))[1], 6 * X * Y)
    value, push = linearize(cnn.sin, X)
    assert cnn.allclose(push(Y), X.cos() * Y) and cnn.allclose(push(X), X.cos() * X)


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_jacobians(jacobian):
    assert cnn.equal(jacobian(lambda a: a**2)(X), cnn.diag(2 * X))
    (pa, pb), (sa, sb) = jacobian(lambda a, b: (a * b, (a + b).sum()), (0, 1))(X, Y)
    assert cnn.equal(pa, cnn.diag(Y)) and cnn.equal(pb, cnn.diag(X))
    assert sa.tolist() == sb.tolist() == [1.0, 1.0, 1.0]
    assert jacobian(lambda a: cnn.outer(a, a))(X).shape == (3, 3, 3)
    matrix, aux = jacobian(lambda a: (2 * a, a), has_aux=True)(X)
    assert cnn.equal(matrix, 2 * cnn.eye(3, dtype=cnn.float64)) and cnn.equal(aux, X)


def test_hessians():
    assert cnn.equal(hessian(cubes)(X), cnn.diag(6 * X))
    (aa, ab), (ba, bb) = hessian(lambda a, b: (a * a * b).sum(), (0, 1))(X, Y)
    assert cnn.equal(aa, cnn.diag(2 * Y)) and cnn.equal(ab, cnn.diag(2 * X))
    assert cnn.equal(ba, ab.T) and not bb.any()


# vmap ---------------------------------------------------------------------------------------------

ROWS = cnn.arange(6.0).reshape(2, 3)


def test_batches():
    assert vmap(cnn.sum)(ROWS).tolist() == [3.0, 12.0]
    assert vmap(cnn.sum, in_dims=1)(ROWS).tolist() == vmap(cnn.sum, in_dims=-1)(ROWS).tolist()
    x = cnn.tensor([1.0, 2.0, 3.0])
    assert cnn.equal(vmap(cnn.mul, (0, None))(ROWS, x), ROWS * x)
    whole, sums = vmap(lambda a: (a, a.sum()), out_dims=(1, 0))(ROWS)
    assert cnn.equal(whole, ROWS.T) and sums.tolist() == [3.0, 12.0]
    found = vmap(lambda d: {"s": d["a"] + d["b"]}, in_dims=({"a": 0, "b": None},))(
        {"a": ROWS, "b": x}
    )
    assert cnn.equal(found["s"], ROWS + x)
    outer = vmap(vmap(cnn.mul, (0, None)), (None, 0))(x, x)
    assert cnn.equal(outer, cnn.outer(x, x))
    assert vmap(lambda a, *, k: a + k)(ROWS, k=x).shape == (2, 3)  # keywords are given whole
    assert vmap(cnn.sum, chunk_size=1)(ROWS).tolist() == [3.0, 12.0]
    assert vmap(lambda a: (a, 5), out_dims=(0, None))(ROWS)[1] == 5
    assert vmap(lambda a: a.sum())(cnn.ones(0, 3)).shape == (0,)
    assert cnn.vmap is vmap


def test_batches_and_derivatives():
    assert cnn.equal(vmap(grad(cubes))(ROWS), 3 * ROWS**2)
    x = cnn.ones(3)
    assert grad(lambda a: vmap(cnn.dot, (0, None))(ROWS, a).sum())(x).tolist() == [3.0, 5.0, 7.0]
    assert jacrev(vmap(cnn.sin))(ROWS).shape == (2, 3, 2, 3)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: vmap(cnn.sum)(3), ValueError, "cannot vmap over non-Tensor"),
        (lambda: vmap(cnn.sum, in_dims=2)(ROWS), ValueError, "dimensionality 2"),
        (lambda: vmap(cnn.add)(ROWS, cnn.ones(3)), ValueError, r"got sizes \[2, 3\]"),
        (lambda: vmap(lambda a: 3)(ROWS), ValueError, "must only return Tensors"),
        (lambda: vmap(cnn.sum, in_dims=[0])(ROWS), ValueError, "int or a .* tuple"),
        (lambda: vmap(cnn.sum)(), ValueError, "got no inputs"),
        (lambda: vmap(lambda a: (a, a), out_dims=(0, 0, 0))(ROWS), ValueError, "not compatible"),
        (lambda: vmap(cnn.sum, randomness="x")(ROWS), RuntimeError, "Only allowed values"),
        (lambda: vmap(cnn.sum, chunk_size=0)(ROWS), ValueError, "chunk_size"),
    ],
)
def test_batches_that_do_not_fit(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


def test_randomness():
    def noisy(a):
        return a + cnn.randn(3)

    before = cnn.get_rng_state()
    with pytest.raises(RuntimeError, match="randomness error mode"):
        vmap(noisy)(ROWS)
    assert cnn.equal(before, cnn.get_rng_state())
    same = vmap(noisy, randomness="same")(ROWS) - ROWS
    assert cnn.allclose(same[0], same[1], atol=1e-6)
    other = vmap(noisy, randomness="different")(ROWS) - ROWS
    assert not cnn.allclose(other[0], other[1], atol=1e-3)


# Modules as functions -----------------------------------------------------------------------------


def test_functional_call():
    layer, x = nn.Linear(3, 1), cnn.ones(3)
    ones = {"weight": cnn.ones(1, 3)}
    assert cnn.equal(functional_call(layer, ones, (x,)), 3 + layer.bias)
    assert functional_call(layer, (ones, {"bias": cnn.zeros(1)}), x).item() == 3.0
    gradient = grad(lambda p: functional_call(layer, p, (ROWS,)).sum())(
        dict(layer.named_parameters())
    )
    assert gradient["weight"].tolist() == [[3.0, 5.0, 7.0]] and gradient["bias"].item() == 2.0
    with pytest.raises(ValueError, match="appeared in multiple dictionaries"):
        functional_call(layer, (ones, ones), (x,))
    with pytest.raises(ValueError, match="dict, or a list/tuple of dicts"):
        functional_call(layer, 3, (x,))


def test_ensembles_and_gradients_per_sample():
    models = [nn.Linear(3, 2) for _ in range(4)]
    parameters, buffers = stack_module_state(models)
    assert parameters["weight"].shape == (4, 2, 3) and parameters["weight"].requires_grad
    together = vmap(lambda p, b, x: functional_call(models[0], (p, b), (x,)), (0, 0, None))(
        parameters, buffers, ROWS
    )
    assert cnn.equal(together, cnn.stack([m(ROWS) for m in models]))
    weights = {name: p.detach() for name, p in models[0].named_parameters()}
    each = vmap(
        grad(lambda p, x: functional_call(models[0], p, (x,)).pow(2).sum()), in_dims=(None, 0)
    )(weights, ROWS)
    models[0](ROWS[1]).pow(2).sum().backward()
    assert cnn.allclose(each["weight"][1], models[0].weight.grad)
    for wrong in ([], [nn.Linear(1, 1), nn.ReLU()], [nn.ReLU(), nn.ReLU().eval()]):
        with pytest.raises(RuntimeError, match="stack_module_state: Expected"):
            stack_module_state(wrong)


def test_batch_norms_without_running_statistics():
    net = replace_all_batch_norm_modules_(nn.Sequential(nn.BatchNorm1d(3)))
    assert net[0].running_mean is None and not net[0].track_running_stats
