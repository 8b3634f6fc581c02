"""Draws with parameters for each element: the same numbers for the same seed, and what is refused;
incomplete gamma functions at their ends.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import cnn

GAMMA = [
    0.6927260756492615,
    0.3128827214241028,
    0.26964449882507324,
    3.053250551223755,
    34.296958923339844,
]
DIRICHLET = [0.16003823280334473, 0.0722842663526535, 0.0622950904071331, 0.7053824067115784]
ANGLES = [0.11777502298355103, 0.950535237789154]
COUNTS = [3.0, 20.0, 100.0, 1000.0, 0.0, 5.0, 5.0]
PROBS = [0.3, 0.9, 0.2, 0.7, 0.5, 0.0, 1.0]
SEEDED = {
    "gamma": (lambda: cnn._standard_gamma(cnn.tensor([0.1, 0.5, 1.0, 2.5, 30.0])), GAMMA),
    "dirichlet": (lambda: cnn._sample_dirichlet(cnn.tensor([0.1, 0.5, 1.0, 2.5])), DIRICHLET),
    "poisson": (
        lambda: cnn.poisson(cnn.tensor([0.0, 0.5, 4.0, 9.9, 10.0, 300.0])),
        [0.0, 0.0, 1.0, 7.0, 9.0, 323.0],
    ),
    "binomial": (
        lambda: cnn.binomial(cnn.tensor(COUNTS), cnn.tensor(PROBS)),
        [0.0, 20.0, 15.0, 699.0, 0.0, 0.0, 5.0],
    ),
    "angles": (
        lambda: cnn.distributions.VonMises(cnn.tensor([0.0, 1.0]), cnn.tensor([0.5, 4.0])).sample(),
        ANGLES,
    ),
}


@pytest.mark.parametrize("name", SEEDED)
def test_the_same_seed_draws_the_same_numbers(name):
    draw, expected = SEEDED[name]
    cnn.manual_seed(42)
    np.testing.assert_allclose(draw().numpy(), np.array(expected, np.float32), rtol=2e-7)


def test_a_generator_is_drawn_from_in_order_of_elements():
    rates = cnn.tensor([[0.5, 40.0, 3.0], [7.0, 0.0, 90.0]])
    one = cnn.poisson(rates, generator=cnn.Generator().manual_seed(5))
    before = cnn.get_rng_state()
    generator = cnn.Generator().manual_seed(5)
    singly = [cnn.poisson(r, generator).item() for r in rates.flatten()]
    assert one.flatten().tolist() == singly and (cnn.get_rng_state() == before).all()
    turned = cnn.poisson(rates.t().contiguous().t(), cnn.Generator().manual_seed(5))
    assert (turned == one).all() and turned.is_contiguous()
    wide = cnn._standard_gamma(
        cnn.tensor([[0.5], [2.0]]).expand(2, 4), cnn.Generator().manual_seed(1)
    )
    assert wide.shape == (2, 4) and len(wide.unique()) == 8


@pytest.mark.parametrize("dtype", [cnn.float16, cnn.bfloat16, cnn.float32, cnn.float64])
def test_poisson_draws_in_every_dtype(dtype):
    drawn = cnn.poisson(cnn.tensor([0.5, 4.0, 30.0], dtype=dtype), cnn.Generator().manual_seed(3))
    assert drawn.dtype == dtype and (drawn == drawn.round()).all()


@pytest.mark.parametrize(
    ("draw", "kind", "words"),
    [
        (lambda: cnn.poisson(cnn.tensor([1.0, -1.0])), RuntimeError, "invalid Poisson rate"),
        (lambda: cnn.poisson(cnn.tensor([1.0, math.nan])), RuntimeError, "invalid Poisson rate"),
        (lambda: cnn.poisson(cnn.ones(2, dtype=cnn.int64)), NotImplementedError, "'Long'"),
        (
            lambda: cnn.poisson(cnn.ones(2).to(cnn.float8_e5m2)),
            NotImplementedError,
            "'Float8_e5m2'",
        ),
        (lambda: cnn._standard_gamma(cnn.ones(2).half()), NotImplementedError, "'Half'"),
        (lambda: cnn._sample_dirichlet(cnn.ones(2).half()), NotImplementedError, "'Half'"),
        (
            lambda: cnn.binomial(cnn.ones(2).long(), cnn.ones(2)),
            ValueError,
            "floating-point dtypes for count",
        ),
        (
            lambda: cnn.binomial(cnn.ones(2), cnn.ones(2).double()),
            RuntimeError,
            "Found dtype Double",
        ),
        (lambda: cnn.binomial(cnn.ones(2), cnn.ones(3)), RuntimeError, "must match"),
        (lambda: cnn._standard_gamma_grad(cnn.ones(2), cnn.ones(3)), RuntimeError, "must match"),
        (lambda: cnn._dirichlet_grad(*[cnn.ones(2).half()] * 3), NotImplementedError, "'Half'"),
    ],
)
def test_what_is_refused_draws_nothing(draw, kind, words):
    before = cnn.get_rng_state()
    with pytest.raises(kind, match=words):
        draw()
    assert (cnn.get_rng_state() == before).all()


def test_meta_tensors_and_empty_ones():
    meta = cnn.ones(2, 3, device="meta")
    for draw in (cnn._standard_gamma, cnn._sample_dirichlet, cnn.poisson, lambda x: cnn.binomial(x, x),
                 lambda x: cnn._standard_gamma_grad(x, x), lambda x: cnn._dirichlet_grad(x, x, x)):  # fmt: skip
        drawn = draw(meta)
        assert drawn.device.type == "meta" and drawn.shape == (2, 3)
        assert draw(cnn.ones(0, 3)).shape == (0, 3) and draw(cnn.ones(3, 0)).shape == (3, 0)
        assert draw(cnn.tensor(0.5)).shape == ()


def test_odd_parameters():
    nan = cnn.tensor([math.nan, 1.0])
    assert cnn._standard_gamma(nan).isnan().tolist() == [True, False]
    assert cnn.binomial(nan, cnn.tensor([0.5, 0.5])).isnan().tolist() == [True, False]
    assert cnn.binomial(cnn.tensor([3.0]), cnn.tensor([math.nan])).isnan().all()
    assert cnn.binomial(cnn.tensor([-1.0, 5.0]), cnn.tensor([0.5, 2.0])).tolist() == [0.0, 5.0]
    tiny = cnn.finfo(cnn.float32).tiny
    assert cnn._standard_gamma(cnn.tensor([0.0, 1e-6])).min() == np.float32(tiny)
    corner = cnn._sample_dirichlet(cnn.full((200, 2), 1e-3))
    assert corner.min() >= np.float32(tiny) and corner.max() < 1


def test_derivatives_of_draws():
    x = cnn.tensor([0.5, 3.0], requires_grad=True)
    y = cnn._standard_gamma(x)
    (found,) = cnn.autograd.grad(y.sum(), x)
    assert (found == cnn._standard_gamma_grad(x.detach(), y.detach())).all()
    (none,) = cnn.autograd.grad(cnn.poisson(x).sum(), x)
    assert (none == 0).all()
    for draw in (
        cnn._sample_dirichlet,
        lambda x: cnn.binomial(x, x),
        lambda x: cnn._standard_gamma_grad(x, x),
    ):
        with pytest.raises(RuntimeError, match="not implemented"):
            draw(x).sum().backward()
    ends = cnn.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [1.0, -1.0], [-1.0, 1.0]])
    found = cnn._standard_gamma_grad(ends[:, 0].contiguous(), ends[:, 1].contiguous()).tolist()
    assert found[0] == 0 and math.isnan(found[3]) and math.isnan(found[4])
    near_one = cnn._dirichlet_grad(
        *(cnn.tensor([v], dtype=cnn.float64) for v in (1 - 1e-12, 2.0, 5.0))
    )
    at_one = cnn._dirichlet_grad(*(cnn.tensor([v], dtype=cnn.float64) for v in (1.0, 2.0, 5.0)))
    assert near_one.item() == pytest.approx(at_one.item(), rel=1e-6)


def test_incomplete_gamma_functions_at_their_ends():
    a = cnn.tensor([-1.0, 0.0, 0.0, 1.0, math.inf, 1.0, math.inf, 2.0])
    x = cnn.tensor([1.0, 0.0, 1.0, -1.0, 1.0, math.inf, math.inf, 0.0])
    expected = [math.nan, math.nan, 1.0, math.nan, 0.0, 1.0, math.nan, 0.0]
    np.testing.assert_array_equal(cnn.igamma(a, x).numpy(), expected)
    np.testing.assert_array_equal(cnn.igammac(a, x).numpy(), 1 - np.array(expected))
    # Q far out, P and Q near the middle of a large a (by continued fraction and series in 40 digits)
    known = [
        (cnn.igammac, 2.0, 50.0, 51 * math.exp(-50.0)),
        (cnn.igamma, 0.5, 1e-8, math.erf(1e-4)),
        (cnn.igammac, 0.5, 30.0, math.erfc(math.sqrt(30.0))),
        (cnn.igamma, 1.0, 1e-12, 1e-12),
    ]
    for f, a, x, expected in known:
        found = f(cnn.tensor(a, dtype=cnn.float64), cnn.tensor(x, dtype=cnn.float64)).item()
        assert found == pytest.approx(expected, rel=1e-12)
    a = cnn.tensor([1e3, 1e6, 1e9], dtype=cnn.float64)
    both = cnn.igamma(a, a) - cnn.igammac(a, a)  # the median is a third below the mean
    np.testing.assert_allclose(both.numpy(), 2 / 3 / np.sqrt(2 * np.pi * a.numpy()), rtol=1e-3)
    with pytest.raises(NotImplementedError, match="igamma: input"):
        cnn.igamma(a.requires_grad_(), a.detach()).sum().backward()
