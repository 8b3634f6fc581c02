"""topk, kthvalue and medians of long rows on a GPU, which are selected without a sort: the CPU's values and
places.
"""

import numpy as np
import pytest

import cnn
from emulation import counted

pytestmark = pytest.mark.cuda

FLOATS = (cnn.float32, cnn.float64, cnn.float16, cnn.bfloat16)
INTEGERS = (cnn.int64, cnn.int32, cnn.int16, cnn.int8, cnn.uint8)
LONG = 9001  # three tiles and a part of one


def numbers(kind, dtype, shape, seed=0):
    random = np.random.default_rng(seed)
    if kind == "many":
        values = random.standard_normal(shape) * 40
    elif kind == "few":
        values = random.integers(-3, 4, shape)
    elif kind == "one":
        values = np.full(shape, 5)
    elif kind == "rising":
        values = np.broadcast_to(np.linspace(-100, 100, shape[-1]), shape)
    else:  # "odd"
        odd = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 1e-30, -1e-30]
        values = random.choice(odd, shape)
    if dtype == cnn.uint8:
        values = np.abs(values)
    return cnn.tensor(values).to(dtype)


def same(call, x):
    """Calls it on both devices: the same numbers, zeros with the same sign."""
    for got, want in zip(call(x.cuda()), call(x)):
        assert got.dtype == want.dtype and got.shape == want.shape
        got, want = got.cpu().double().numpy(), want.double().numpy()
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


@pytest.mark.parametrize("largest", (True, False), ids=("largest", "smallest"))
@pytest.mark.parametrize("kind", ("many", "few", "one", "rising", "odd"))
@pytest.mark.parametrize("dtype", FLOATS + INTEGERS, ids=str)
def test_topk_is_the_cpus(dtype, kind, largest):
    if kind == "odd" and dtype not in FLOATS:
        pytest.skip("integers have no odd numbers")
    x = numbers(kind, dtype, (2, LONG))
    for k in (1, 33, LONG // 4, LONG):  # the last sorts all
        same(lambda x, k=k: x.topk(k, largest=largest), x)


@pytest.mark.parametrize("kind", ("many", "few", "one", "odd"))
@pytest.mark.parametrize(
    "dtype", (cnn.float32, cnn.float64, cnn.bfloat16, cnn.int64, cnn.uint8), ids=str
)
def test_one_of_the_order_is_the_cpus(dtype, kind):
    if kind == "odd" and dtype not in FLOATS:
        pytest.skip("integers have no odd numbers")
    x = numbers(kind, dtype, (3, LONG))
    if kind == "odd":
        x[0] = numbers("many", dtype, (LONG,))  # no NaN
        x[2] = float("nan")
    for k in (1, 17, LONG // 2, LONG):
        same(lambda x, k=k: x.kthvalue(k), x)
    for call in (
        lambda x: x.median(1),
        lambda x: x.nanmedian(1),
        lambda x: (x.median(), x[0].median()),
        lambda x: (x.nanmedian(), x[0].nanmedian()),
    ):
        same(call, x)


def test_lengths_around_a_tile_and_other_layouts():
    for n in (2048, 2049, 4095, 4096, 4097, 8192, 8193):
        x = numbers("many", cnn.float32, (2, n), n)
        same(lambda x: x.topk(5), x)
        same(lambda x, n=n: x.kthvalue(n - 1), x)
    x = numbers("few", cnn.float32, (LONG, 3))
    same(lambda x: x.topk(40, dim=0), x)
    same(lambda x: x[::2].median(0), x)
    same(lambda x: x[:, 1].topk(7, sorted=False), x)
    many = numbers("few", cnn.int32, (40, 2500))
    same(lambda x: x.topk(600), many)
    same(lambda x: x.topk(0), many)


def test_long_lists_of_the_selected_are_sorted_by_tiles():
    same(lambda x: x.topk(2500), numbers("many", cnn.float32, (1, 12000)))


def test_gradients():
    x = numbers("many", cnn.float32, (2, LONG))
    grads = []
    for device in ("cpu", "cuda"):
        leaf = x.to(device, copy=True).requires_grad_()
        (leaf.topk(9).values * cnn.arange(9.0, device=device)).sum().backward()
        leaf.median(1).values.sum().backward()
        grads.append(leaf.grad.cpu())
    assert cnn.equal(*grads)


@pytest.mark.parametrize("dtype, digits", ((cnn.float32, 4), (cnn.float64, 8)), ids=str)
def test_launches(dtype, digits):
    x = numbers("many", dtype, (2, LONG)).cuda()
    find = 1 + 2 * digits  # what is wanted; each digit is counted and chosen
    take = 3  # tiles are counted, counts scanned, elements taken
    counts = counted(lambda: x.topk(9))
    assert counts.launches == find + take + 2 and counts.waits == counts.copies == 0
    assert counted(lambda: x.kthvalue(9)).launches == find + take
    assert counted(lambda: x.median(1)).launches == find + take + 1
    assert counted(lambda: x.sort(1)).launches > find + take + 2
