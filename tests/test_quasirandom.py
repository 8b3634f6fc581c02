"""Sobol's sequence: known points, balance, and the ways to walk along it."""

from __future__ import annotations

import pytest

import cnn
from cnn.quasirandom import SobolEngine


def test_first_points():
    points = SobolEngine(3).draw(4)
    want = [[0, 0, 0], [0.5, 0.5, 0.5], [0.75, 0.25, 0.25], [0.25, 0.75, 0.75]]
    assert points.tolist() == want and points.dtype == cnn.float32


@pytest.mark.parametrize("scramble", [False, True])
@pytest.mark.parametrize("dimension", [1, 2, 50, 1111])
def test_every_coordinate_is_balanced(dimension, scramble):
    points = SobolEngine(dimension, scramble, seed=3).draw_base2(6, dtype=cnn.float64)
    assert points.shape == (64, dimension)
    cells = (points * 64).long().sort(0).values
    assert cnn.equal(cells, cnn.arange(64)[:, None].expand(64, dimension))


def test_walking():
    whole = SobolEngine(5).draw(40)
    engine = SobolEngine(5)
    parts = cnn.cat([engine.draw(), engine.draw(7), engine.draw(1), engine.draw(31)])
    assert cnn.equal(parts, whole) and engine.num_generated == 40
    assert cnn.equal(engine.reset().fast_forward(9).draw(3), whole[9:12])
    assert cnn.equal(engine.fast_forward(5).draw(2), whole[17:19])
    out = cnn.empty(0)
    assert engine.reset().draw(4, out=out) is out and cnn.equal(out, whole[:4])
    with pytest.raises(ValueError, match="n to be a power of 2"):
        engine.draw_base2(3)


def test_scrambling_is_by_its_seed():
    a, b, c = (SobolEngine(4, True, seed=s).draw(8) for s in (1, 1, 2))
    assert cnn.equal(a, b) and not cnn.equal(a, c)
    cnn.manual_seed(0)
    d = SobolEngine(4, True).draw(8)
    cnn.manual_seed(0)
    assert cnn.equal(SobolEngine(4, True).draw(8), d)
    assert repr(SobolEngine(4, True, seed=2)) == "SobolEngine(dimension=4, scramble=True, seed=2)"


def test_dimensions_that_are_not_there():
    for dimension in (0, 21202):
        with pytest.raises(ValueError, match="Supported range of dimensionality"):
            SobolEngine(dimension)
    with pytest.raises(NotImplementedError, match="here for 1111 dimensions, not for 1112"):
        SobolEngine(1112)
