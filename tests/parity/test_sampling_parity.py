"""grid_sample and the distances of pairs against PyTorch's."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from module_parity import close, compare_modules, draw, error_of  # noqa: E402

import cnn  # noqa: E402


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_grid_sample(mode, padding_mode, align_corners):
    def call(lib, _):
        image, grid = draw(lib, 2, 3, 4, 5), draw(lib, 2, 3, 7, 2)
        results = [lib.nn.functional.grid_sample(image, grid, mode, padding_mode, align_corners)]
        if mode != "bicubic":
            volume, points = draw(lib, 2, 2, 3, 4, 5), draw(lib, 2, 2, 3, 2, 3)
            results.append(
                lib.nn.functional.grid_sample(volume, points, mode, padding_mode, align_corners)
            )
        return results, [image, grid]

    compare_modules(lambda lib: lib.nn.Identity(), call)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("padding_mode", ["border", "reflection"])
def test_points_on_the_border_stay(padding_mode, align_corners):
    found = []
    for lib in (cnn, torch):
        functional = lib.nn.functional
        theta = lib.tensor([[[1.0, 0, 0], [0, 1, 0]]], requires_grad=True)
        image = lib.arange(9.0).reshape(1, 1, 3, 3)
        grid = functional.affine_grid(theta, [1, 1, 3, 3], align_corners=True)
        options = {"padding_mode": padding_mode, "align_corners": align_corners}
        functional.grid_sample(image, grid, **options).pow(2).sum().backward()
        found.append(theta.grad)
    close(*found, "theta")


@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_points_that_are_no_numbers(mode, padding_mode):
    inf, nan = float("inf"), float("nan")
    ours, theirs = (
        lib.nn.functional.grid_sample(
            lib.ones(1, 1, 3, 3), lib.tensor([[[[nan, 0.0], [inf, 0.0], [0.0, -inf]]]]),
            mode, padding_mode, False,
        )
        for lib in (cnn, torch)
    )  # fmt: skip
    assert str(ours) == str(theirs)


def test_sampling_the_identity_gives_the_image():
    image = cnn.randn(1, 2, 3, 4)
    theta = cnn.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    for align in (True, False):
        grid = cnn.nn.functional.affine_grid(theta, (1, 2, 3, 4), align_corners=align)
        same = cnn.nn.functional.grid_sample(image, grid, align_corners=align)
        assert cnn.allclose(same, image, atol=1e-6)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_second_order_of_sampling(mode):
    cnn.manual_seed(0)
    image = cnn.randn(1, 1, 3, 3, dtype=cnn.float64, requires_grad=True)
    grid = (cnn.rand(1, 2, 2, 2, dtype=cnn.float64) - 0.5).requires_grad_()

    def sample(image, grid):
        return cnn.nn.functional.grid_sample(image, grid, mode, align_corners=False)

    assert cnn.autograd.gradcheck(sample, [image, grid])
    assert cnn.autograd.gradgradcheck(sample, [image, grid])


@pytest.mark.parametrize("p", [0.0, 1.0, 2.0, 3.5, float("inf")])
def test_distances_of_pairs(p):
    def call(lib, _):
        x = draw(lib, 5, 3, grad=p > 0)
        return [lib.nn.functional.pdist(x, p)], [x]

    compare_modules(lambda lib: lib.nn.Identity(), call)


def test_fractional_pool_of_one_size():
    pools = []
    for lib in (cnn, torch):
        lib.manual_seed(2)
        pools.append(lib.nn.functional.fractional_max_pool2d(draw(lib, 1, 2, 7, 7), 2, 3))
    close(*pools, "pool")


def sample(lib, image, grid, **kwargs):
    return lib.nn.functional.grid_sample(
        lib.ones(*image), lib.zeros(*grid), align_corners=False, **kwargs
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: sample(lib, (1, 1, 2, 2), (1, 2, 2, 2), mode="cubic"),
        lambda lib: sample(lib, (1, 1, 2, 2), (1, 2, 2, 2), padding_mode="wrap"),
        lambda lib: sample(lib, (1, 2, 2), (1, 2, 2)),
        lambda lib: sample(lib, (1, 1, 2, 2), (2, 2, 2, 2)),
        lambda lib: sample(lib, (1, 1, 2, 2), (1, 2, 2, 3)),
        lambda lib: sample(lib, (1, 1, 0, 2), (1, 2, 2, 2)),
        lambda lib: sample(lib, (1, 1, 2, 2, 2), (1, 2, 2, 2, 3), mode="bicubic"),
        lambda lib: lib.nn.functional.pdist(lib.ones(3)),
        lambda lib: lib.nn.functional.pdist(lib.ones(3, 2), -1.0),
    ],
)
def test_error(call):
    assert error_of(lambda: call(cnn)) == error_of(lambda: call(torch))
