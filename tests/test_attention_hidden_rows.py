"""Attention's gradients where a finite mask hides all keys of a row: as of the weights that forward gives it."""

import numpy as np
import pytest

import cnn

F = cnn.nn.functional
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [cnn.float32, cnn.float64, cnn.bfloat16])
@pytest.mark.parametrize("keys", [3, 70, 300])
def test_a_row_that_the_lowest_number_hides(keys, dtype, device):
    """Scores drown in the mask: all weights of the row are the same."""
    draws = np.random.default_rng(keys)
    q, k, v = (cnn.tensor(draws.normal(size=(1, 2, n, 8))).to(dtype) for n in (5, keys, keys))
    up = cnn.tensor(draws.normal(size=(1, 2, 8))).to(dtype)
    mask = cnn.zeros(5, keys, dtype=dtype)
    mask[2] = cnn.finfo(dtype).min
    q, k, v = (x.to(device).requires_grad_() for x in (q, k, v))
    y = F.scaled_dot_product_attention(q, k, v, mask.to(device))
    y[:, :, 2].backward(up.to(device))

    values, rows, gradient = (x.detach().cpu().double().numpy() for x in (v, k, up))
    weights = 1 / keys
    tolerance = {cnn.float64: 1e-12, cnn.float32: 1e-5}.get(dtype, 2e-2)

    def check(got, want):
        got = got.detach().cpu().double().numpy()
        np.testing.assert_allclose(got, want, atol=tolerance * np.abs(want).max() + 1e-300)

    check(y[:, :, 2], values.mean(2))
    check(v.grad, np.broadcast_to(gradient[:, :, None] * weights, values.shape))
    of_weights = (values * gradient[:, :, None]).sum(-1)
    of_scores = weights * (of_weights - of_weights.mean(-1, keepdims=True)) * 8**-0.5
    check(q.grad[:, :, 2], (of_scores[..., None] * rows).sum(2))
    asked = q.detach().cpu().double().numpy()[:, :, 2]
    check(k.grad, of_scores[..., None] * asked[:, :, None])
