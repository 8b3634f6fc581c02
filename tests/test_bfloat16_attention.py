"""Attention of bfloat16: against float64 on the same rounded operands, whatever multiplies them."""

import os
import subprocess
import sys

import numpy as np
import pytest

import cnn
import cnn.nn.functional as F

# batch, heads, heads of keys, rows, keys, width, width of values
SHAPES = [
    (2, 3, 3, 64, 64, 64, 64),
    (1, 2, 2, 33, 47, 40, 24),
    (1, 4, 2, 100, 600, 32, 80),
    (2, 2, 2, 1, 700, 64, 64),
    (1, 6, 1, 3, 5, 7, 9),
    (1, 1, 1, 300, 1100, 96, 64),
    (1, 2, 2, 130, 31, 128, 1),
]


def random(*shape, seed=0):
    values = np.random.default_rng(seed + sum(shape)).standard_normal(shape)
    return cnn.from_numpy(values).to(cnn.bfloat16)


def operands(shape):
    batch, heads, kv_heads, rows, keys, width, value_width = shape
    return (
        random(batch, heads, rows, width),
        random(batch, kv_heads, keys, width, seed=1),
        random(batch, kv_heads, keys, value_width, seed=2),
    )


def masks(shape):
    batch, heads, _, rows, keys = shape[:5]
    flags = np.random.default_rng(3).random((rows, keys)) < 0.7
    flags[rows // 2] = False  # sees nothing
    flags = cnn.from_numpy(flags)
    return {
        "none": {},
        "causal": {"is_causal": True},
        "flags": {"attn_mask": flags},
        "bias": {"attn_mask": random(batch, heads, rows, keys, seed=4)},
        "float bias": {"attn_mask": random(heads, 1, keys, seed=4).float()},
        "scale": {"scale": 0.3},
    }


def exact(q, k, v, attn_mask=None, is_causal=False, scale=None):
    wide = [t.double().numpy() for t in (q, k, v)]
    group = wide[0].shape[1] // wide[1].shape[1]
    q, k, v = wide[0], np.repeat(wide[1], group, 1), np.repeat(wide[2], group, 1)
    s = q @ k.swapaxes(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        s = np.where(np.tril(np.ones(s.shape[-2:], bool)), s, -np.inf)
    if attn_mask is not None and attn_mask.dtype == cnn.bool:
        s = np.where(attn_mask.numpy(), s, -np.inf)
    elif attn_mask is not None:
        s = s + attn_mask.double().numpy()
    top = s.max(-1, keepdims=True)
    p = np.exp(s - np.where(np.isinf(top), 0, top))
    total = p.sum(-1, keepdims=True)
    p = p / np.where(total == 0, 1, total)
    return p @ v, p @ np.abs(v)


@pytest.mark.parametrize("mask", ("none", "causal", "flags", "bias", "float bias", "scale"))
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_attention(shape, mask):
    q, k, v = operands(shape)
    options = masks(shape)[mask]
    y = F.scaled_dot_product_attention(q, k, v, enable_gqa=True, **options)
    right, size = exact(q, k, v, **options)
    assert y.dtype == cnn.bfloat16
    error = np.abs(y.double().numpy() - right)
    assert (error <= np.abs(right) * 2.0**-8 + size * 2.0**-8).all()


@pytest.mark.parametrize("shape", SHAPES[:3], ids=str)
def test_operands_that_lie_otherwise(shape):
    q, k, v = operands(shape)
    right = F.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    turned = [t.transpose(1, 2).contiguous().transpose(1, 2) for t in (q, k, v)]
    y = F.scaled_dot_product_attention(*turned, enable_gqa=True)
    assert cnn.equal(y, right)
    wide = [cnn.cat([t, t], -1)[..., : t.size(-1)] for t in (q, k, v)]
    assert cnn.equal(F.scaled_dot_product_attention(*wide, enable_gqa=True), right)
    apart = [cnn.stack([t, t], -1)[..., 0] for t in (q, k, v)]
    assert cnn.equal(F.scaled_dot_product_attention(*apart, enable_gqa=True), right)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("mask", ("none", "causal", "flags", "bias"))
def test_gradients(shape, mask):
    options = masks(shape)[mask]
    if options.get("is_causal") and shape[3] > shape[4]:
        pytest.skip("as it is in float32")
    inputs = [t.requires_grad_() for t in operands(shape)]
    wide = [t.detach().float().requires_grad_() for t in inputs]
    y = F.scaled_dot_product_attention(*inputs, enable_gqa=True, **options)
    if "attn_mask" in options and options["attn_mask"].dtype != cnn.bool:
        options = {"attn_mask": options["attn_mask"].float()}
    right = F.scaled_dot_product_attention(*wide, enable_gqa=True, **options)
    g = random(*y.shape, seed=5)
    y.backward(g)
    right.backward(g.float())
    for a, b in zip(inputs, wide):
        assert a.grad.dtype == cnn.bfloat16
        error = (a.grad.float() - b.grad).abs().max()
        assert error <= 0.02 * b.grad.abs().max() + 1e-6


def test_gradients_of_gradients_and_of_a_mask():
    q, k, v = (t[..., :4].double().float().bfloat16() for t in operands((1, 2, 2, 3, 5, 4, 4)))
    mask = random(3, 5, seed=9).requires_grad_()
    q.requires_grad_()
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    (dq,) = cnn.autograd.grad(y.float().sum(), q, create_graph=True)
    dq.float().square().sum().backward()
    assert mask.grad.dtype == cnn.bfloat16
    assert bool(mask.grad.isfinite().all())
    assert bool((mask.grad != 0).any())


def test_dropout_keeps_the_mean():
    cnn.manual_seed(0)
    q, k, v = operands((2, 8, 8, 64, 64, 32, 32))
    whole = F.scaled_dot_product_attention(q, k, v).float()
    dropped = [F.scaled_dot_product_attention(q, k, v, dropout_p=0.25).float() for _ in range(40)]
    assert not cnn.equal(dropped[0], whole)
    mean = cnn.stack(dropped).mean(0)
    assert (mean - whole).abs().mean() < 0.1 * whole.abs().mean()


@pytest.mark.parametrize("shape", [SHAPES[2], SHAPES[3]], ids=str)
def test_same_bits_for_any_number_of_threads(shape):
    before, found = cnn.get_num_threads(), []
    for threads in (1, 2, 3, 8):
        cnn.set_num_threads(threads)
        found.append(F.scaled_dot_product_attention(*operands(shape), enable_gqa=True))
    cnn.set_num_threads(before)
    assert all(cnn.equal(y, found[0]) for y in found)


@pytest.mark.parametrize("capability", ("avx2", "avx512", "avx512_bf16"))
def test_with_less_of_the_processor(capability):
    env = dict(os.environ, CNN_CPU_CAPABILITY=capability, OPENBLAS_NUM_THREADS="1")
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "not less_of"]
    done = subprocess.run([sys.executable, *command], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
