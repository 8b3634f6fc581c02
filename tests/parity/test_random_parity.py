"""random_ and randint draw PyTorch's numbers, for every dtype and range."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import cnn  # noqa: E402

INTEGERS = ["uint8", "int8", "int16", "int32", "int64", "bool"]
FLOATS = ["float16", "bfloat16", "float32", "float64"]
RANGES = [
    (),
    (1,),
    (2,),
    (100,),
    (3000,),
    (1 << 28,),
    (1 << 40,),
    (0, 2),
    (-5, 7),
    (-100, 101),
    (-(1 << 62), 1 << 62),
    (-(1 << 63), (1 << 63) - 1),
    (0, (1 << 63) - 1),
    (100, None),
    (0, None),
    (1, None),
    (-7, None),
    (2047, None),
    (127, None),
    (1 << 24, None),
    (1 << 53, None),
    (-(1 << 62), None),
    (-(1 << 63) + 1, None),
    (-(1 << 63), None),
    (5, 5),
    (7, 3),
    (0,),
    (1 << 24, (1 << 24) + 1),
    (70000, 70001),
]


def drawn(library, dtype, limits, n):
    """The numbers, or the type of the error; and a number drawn after them."""
    library.manual_seed(3)
    x = library.zeros(n, dtype=getattr(library, dtype))
    try:
        x.random_(*limits)
    except Exception as error:
        return type(error).__name__, x.tolist()
    return x.tolist(), library.rand(1).item()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("limits", RANGES, ids=str)
@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
def test_random(dtype, limits):
    assert drawn(cnn, dtype, limits, 40) == drawn(torch, dtype, limits, 40)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
@pytest.mark.parametrize("limits", [(0, 2), (-3, 100), (0, 300), (0, 1 << 33), (4, 4)], ids=str)
def test_randint(dtype, limits):
    def call(library):
        library.manual_seed(5)
        try:
            return library.randint(*limits, (33,), dtype=getattr(library, dtype)).tolist()
        except Exception as error:
            return type(error).__name__

    assert call(cnn) == call(torch)


LAYOUTS = {
    "dense": lambda t: t.zeros(4, 5),
    "transposed": lambda t: t.zeros(4, 5).t(),
    "permuted": lambda t: t.zeros(2, 3, 4).permute(2, 0, 1),
    "expanded": lambda t: t.zeros(4, 1).expand(4, 5),
    "step": lambda t: t.zeros(4, 10)[:, ::2],
}
DRAWS = {
    "rand_like": lambda t, x: t.rand_like(x),
    "randn_like": lambda t, x: t.randn_like(x),
    "randint_like": lambda t, x: t.randint_like(x, 10),
    "randint_like from": lambda t, x: t.randint_like(x, -5, 10),
    "bernoulli": lambda t, x: t.bernoulli(x + 0.5),
    "bernoulli p": lambda t, x: t.bernoulli(x, 0.5),
    "dropout": lambda t, x: t.nn.functional.dropout(x + 1),
    "rrelu": lambda t, x: t.nn.functional.rrelu(x - 1, training=True),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("draw", DRAWS)
def test_numbers_in_the_order_of_memory(draw, layout):
    results = []
    for library in (torch, cnn):
        library.manual_seed(3)
        results.append(DRAWS[draw](library, LAYOUTS[layout](library)))
    theirs, ours = results
    assert draw == "rrelu" or ours.stride() == theirs.stride()
    assert ours.flatten().tolist() == pytest.approx(theirs.flatten().tolist(), rel=1e-6)
