"""Attention by tiles on a GPU, of 16-bit floats and of float32 rounded to TF32: values and gradients
against float64 on the same operands.
"""

from __future__ import annotations

import numpy as np
import pytest

import cnn
import cnn.nn.functional as F
from emulation import counted

pytestmark = pytest.mark.cuda

TILED = (cnn.bfloat16, cnn.float16, cnn.float32)
UNITS = {cnn.bfloat16: 2.0**-8, cnn.float16: 2.0**-11, cnn.float32: 2.0**-11}  # of a factor
# batch, heads, heads of keys, rows, keys, width, width of values
SHAPES = [
    (1, 2, 2, 64, 64, 64, 64),
    (1, 2, 2, 33, 47, 40, 24),
    (1, 4, 2, 20, 70, 32, 80),
    (2, 6, 1, 3, 5, 7, 9),
    (1, 1, 1, 70, 66, 96, 64),
    (1, 1, 1, 130, 31, 128, 1),
    (2, 2, 2, 5, 70, 20, 20),
    (1, 2, 1, 66, 66, 72, 72),
    (1, 1, 1, 1, 1, 1, 1),
    (2, 1, 1, 9, 7, 8, 8),
    (1, 1, 1, 67, 129, 128, 128),
]


@pytest.fixture(autouse=True)
def tf32():
    cnn.set_float32_matmul_precision("high")
    yield
    cnn.set_float32_matmul_precision("highest")


def drawn(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape)


def rounded(values):
    """float32 with 10 bits of fraction, halves away from zero."""
    bits = np.asarray(values, np.float32).view(np.uint32).astype(np.uint64) + 0x1000
    return (bits & 0xFFFFE000).astype(np.uint32).view(np.float32)


def on_gpu(values, dtype):
    """Numbers that are factors as they are."""
    return cnn.from_numpy(rounded(values) if dtype == cnn.float32 else values).to(dtype).cuda()


def operands(shape, dtype):
    batch, heads, kv_heads, rows, keys, width, value_width = shape
    shapes = (
        (batch, heads, rows, width),
        (batch, kv_heads, keys, width),
        (batch, kv_heads, keys, value_width),
    )
    return [on_gpu(drawn(*s, seed=i), dtype) for i, s in enumerate(shapes)]


def as_array(x):
    return x.detach().cpu().double().numpy()


def masks(shape, dtype):
    batch, heads, _, rows, keys = shape[:5]
    flags = np.random.default_rng(3).random((rows, keys)) < 0.7
    flags[rows // 2] = False  # sees nothing
    return {
        "none": {},
        "causal": {"is_causal": True},
        "flags": {"attn_mask": cnn.from_numpy(flags).cuda()},
        "bias": {"attn_mask": on_gpu(drawn(batch, heads, rows, keys, seed=4), dtype)},
        "bias of heads": {"attn_mask": on_gpu(drawn(heads, 1, keys, seed=4), cnn.float32)},
        "scale": {"scale": 0.3},
    }


class Exact:
    """out, its gradients times dy, and of each of these how large a sum of rounded terms it is."""

    def __init__(self, q, k, v, dy, attn_mask=None, is_causal=False, scale=None, noise=1.0):
        q, k, v, dy = map(as_array, (q, k, v, dy))
        group, kv_shapes = q.shape[1] // k.shape[1], (k.shape, v.shape)
        k, v = np.repeat(k, group, 1), np.repeat(v, group, 1)
        scale = q.shape[-1] ** -0.5 if scale is None else scale
        s = q @ k.swapaxes(-1, -2) * scale
        if is_causal:
            s = np.where(np.tril(np.ones(s.shape[-2:], bool)), s, -np.inf)
        if attn_mask is not None and attn_mask.dtype == cnn.bool:
            s = np.where(attn_mask.cpu().numpy(), s, -np.inf)
        elif attn_mask is not None:
            s = s + as_array(attn_mask)
        top = s.max(-1, keepdims=True)
        p = np.exp(s - np.where(np.isinf(top), 0, top))
        total = p.sum(-1, keepdims=True)
        p = p / np.where(total == 0, 1, total)

        def turned(x):
            return x.swapaxes(-1, -2)

        def joined(x, like):
            return x.reshape(*like[:2], group, *like[2:]).sum(2)

        w = p * noise
        d = dy @ turned(v) * noise
        ds = p * (d - (p * d).sum(-1, keepdims=True))
        d = np.abs(dy) @ turned(np.abs(v)) * noise
        size = p * (d + (p * d).sum(-1, keepdims=True))
        self.values = {
            "out": w @ v,
            "dq": ds @ k * scale,
            "dk": joined(turned(ds) @ q * scale, kv_shapes[0]),
            "dv": joined(turned(w) @ dy, kv_shapes[1]),
        }
        self.sizes = {
            "out": w @ np.abs(v),
            "dq": size @ np.abs(k) * scale,
            "dk": joined(turned(size) @ np.abs(q) * scale, kv_shapes[0]),
            "dv": joined(turned(w) @ np.abs(dy), kv_shapes[1]),
        }

    def compare(self, got):
        for name, right in self.values.items():
            x = got[name]
            # A result and its terms, weights or their gradients, are rounded once each; float16's
            # terms also to multiples of its smallest number, and results of float32 hardly.
            unit = UNITS[x.dtype]
            least = 2.0**-24 if x.dtype == cnn.float16 else 0.0
            own = 0.0 if x.dtype == cnn.float32 else np.abs(right)
            bound = 2 * unit * (own + self.sizes[name]) + right.shape[2] * least
            error = np.abs(as_array(x) - right)
            assert x.shape == right.shape and (error <= bound).all(), (
                name,
                float((error / np.maximum(bound, 1e-30)).max()),
            )


def attend(q, k, v, dy, **options):
    q, k, v = (x.detach().requires_grad_() for x in (q, k, v))
    out = F.scaled_dot_product_attention(q, k, v, enable_gqa=True, **options)
    assert out.dtype == q.dtype
    dq, dk, dv = cnn.autograd.grad(out, (q, k, v), dy)
    assert dq.dtype == dk.dtype == dv.dtype == q.dtype
    return {"out": out.detach(), "dq": dq, "dk": dk, "dv": dv}


def same(a, b):
    return all(cnn.equal(a[name], b[name]) for name in a)


def gradient_of_out(shape, dtype):
    return on_gpu(drawn(*shape[:2], shape[3], shape[6], seed=9), dtype)


@pytest.mark.parametrize("mask", ("none", "causal", "flags", "bias", "bias of heads", "scale"))
@pytest.mark.parametrize("dtype", TILED, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_gradients(shape, dtype, mask):
    given = *operands(shape, dtype), gradient_of_out(shape, dtype)
    options = masks(shape, dtype)[mask]
    got = attend(*given, **options)
    Exact(*given, **options).compare(got)
    assert same(attend(*given, **options), got)


VIEWS = {
    "heads inside rows": lambda x: x.transpose(1, 2).contiguous().transpose(1, 2),
    "the left half": lambda x: cnn.cat([x, x], -1)[..., : x.size(-1)],
    "from an odd element on": lambda x: cnn.cat([x[..., :1], x], -1)[..., 1:],
    "every other element": lambda x: cnn.stack([x, x], -1)[..., 0],
    "every other row": lambda x: cnn.stack([x, x], 3)[..., 0, :],
    "turned": lambda x: x.transpose(2, 3).contiguous().transpose(2, 3),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("width", (8, 20, 96))
@pytest.mark.parametrize("dtype", (cnn.bfloat16, cnn.float32), ids=str)
def test_operands_that_lie_otherwise(view, width, dtype):
    shape = (2, 2, 2, 33, 70, width, 16)
    given = *operands(shape, dtype), gradient_of_out(shape, dtype)
    views = [VIEWS[view](x) for x in given]
    assert all(cnn.equal(x, y) for x, y in zip(given, views))
    assert same(attend(*views), attend(*given))


@pytest.mark.parametrize("dtype", (cnn.bfloat16, cnn.float32), ids=str)
def test_expanded_keys_and_masks(dtype):
    shape = (2, 3, 3, 20, 70, 24, 24)
    q, k, v = operands(shape, dtype)
    dy = gradient_of_out(shape, dtype)
    k, v = k[:1, :1].expand(2, 3, 70, 24), v[:1, :1, :1].expand(2, 3, 70, 24)
    row = on_gpu(drawn(2, 1, 1, 70), dtype)
    for mask in (row, row > 0, row.expand(2, 3, 20, 70), (row > 0)[0, 0, :, :1].expand(20, 70)):
        got = attend(q, k, v, dy, attn_mask=mask)
        Exact(q, k, v, dy, attn_mask=mask).compare(got)
        whole = mask.expand(2, 3, 20, 70).contiguous()
        assert same(got, attend(q, k.contiguous(), v.contiguous(), dy, attn_mask=whole))
        columns = whole.transpose(2, 3).contiguous().transpose(2, 3)
        assert same(got, attend(q, k, v, dy, attn_mask=columns))


@pytest.mark.parametrize("dtype", TILED, ids=str)
def test_rows_that_see_nothing(dtype):
    shape = (1, 1, 1, 70, 70, 16, 16)
    given = *operands(shape, dtype), gradient_of_out(shape, dtype)
    flags = cnn.ones(70, 70, dtype=cnn.bool, device="cuda")
    flags[3], flags[66], flags[:, 68] = False, False, False
    added = cnn.zeros(70, 70, device="cuda").masked_fill(~flags, float("-inf"))
    for mask in (flags, added):
        got = attend(*given, attn_mask=mask)
        Exact(*given, attn_mask=mask).compare(got)
        for name in ("out", "dq"):
            assert (got[name][:, :, [3, 66]] == 0).all()
        for name in ("dk", "dv"):
            assert (got[name][:, :, 68] == 0).all()
    nothing = attend(*given, attn_mask=cnn.zeros(70, dtype=cnn.bool, device="cuda"))
    assert all((x == 0).all() for x in nothing.values())
    assert (attend(*given, attn_mask=flags, scale=-2.0)["out"][0, 0, 3] == 0).all()


@pytest.mark.parametrize("dtype", TILED, ids=str)
def test_rows_hidden_by_the_lowest_number(dtype):
    """Where all keys are hidden in this way, all are seen alike."""
    q, k, v = operands((1, 1, 1, 5, 70, 16, 16), dtype)
    mask = cnn.zeros(5, 70, device="cuda")
    mask[:, 30:] = cnn.finfo(cnn.float32).min
    mask[2] = cnn.finfo(cnn.float32).min
    out = as_array(F.scaled_dot_product_attention(q, k, v, mask))
    right = Exact(q, k, v, cnn.zeros_like(q), attn_mask=mask).values["out"]
    np.testing.assert_allclose(out, right, atol=0.02)
    np.testing.assert_allclose(out[0, 0, 2], as_array(v)[0, 0].mean(0), atol=0.02)


@pytest.mark.parametrize("dtype", (cnn.bfloat16, cnn.float32), ids=str)
def test_large_numbers_and_those_that_are_none(dtype):
    q, k, v = operands((1, 1, 1, 70, 70, 16, 16), dtype)
    far = attend(q * 256, k * 256, v, cnn.ones_like(v))
    Exact(q * 256, k * 256, v, cnn.ones_like(v)).compare(far)
    q[0, 0, 65, 3] = float("nan")
    v[0, 0, 66, 1] = float("nan")
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    none = out[0, 0].isnan().cpu()
    assert none[65].all() and none[66:, 1].all()
    assert not none[:64].any() and not none[66:, 2:].any()


@pytest.mark.parametrize("width", (16, 72))
@pytest.mark.parametrize("dtype", TILED, ids=str)
def test_dropout(dtype, width):
    shape = (1, 2, 2, 70, 66, width, 24)
    q, k, v = operands(shape, dtype)
    dy = gradient_of_out(shape, dtype)
    cnn.manual_seed(7)
    noise = F.dropout(cnn.ones(1, 2, 70, 66, device="cuda"), 0.4)
    assert 0.3 < float((noise == 0).float().mean()) < 0.5
    cnn.manual_seed(7)
    got = attend(q, k, v, dy, dropout_p=0.4)
    Exact(q, k, v, dy, noise=as_array(noise)).compare(got)
    cnn.manual_seed(7)
    assert same(got, attend(q, k, v, dy, dropout_p=0.4))


def test_wide_rows_are_computed_in_float32():
    q, k, v = operands((1, 2, 2, 5, 9, 136, 130), cnn.bfloat16)
    dy = gradient_of_out((1, 2, 2, 5, 9, 136, 130), cnn.bfloat16)
    wide = attend(*(x.float() for x in (q, k, v, dy)))
    assert same(attend(q, k, v, dy), {name: x.bfloat16() for name, x in wide.items()})


def test_gradients_of_gradients_and_of_a_mask():
    q, k, v = operands((1, 2, 2, 3, 5, 4, 4), cnn.bfloat16)
    mask = on_gpu(drawn(3, 5), cnn.bfloat16).requires_grad_()
    q.requires_grad_()
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    (dq,) = cnn.autograd.grad(y.float().sum(), q, create_graph=True)
    dq.float().square().sum().backward()
    assert mask.grad.dtype == cnn.bfloat16
    assert bool(mask.grad.isfinite().all()) and bool((mask.grad != 0).any())


@pytest.mark.parametrize("dtype", TILED, ids=str)
@pytest.mark.parametrize("width", (24, 72))
def test_launches(width, dtype):
    shape = (2, 4, 2, 5, 9, width, 24)
    q, k, v = (x.requires_grad_() for x in operands(shape, dtype))
    dy = gradient_of_out(shape, dtype)
    mask = cnn.ones(5, 9, dtype=cnn.bool, device="cuda")
    out = []

    def forward():
        out.append(F.scaled_dot_product_attention(q, k, v, mask, enable_gqa=True))

    def backward():
        cnn.autograd.grad(out[0], (q, k, v), dy)

    spent = counted(forward)
    assert (spent.launches, spent.copies, spent.waits) == (1, 0, 0)
    spent = counted(backward)
    assert (spent.launches, spent.copies, spent.waits) == (2, 0, 0)


@pytest.mark.caching
@pytest.mark.parametrize("dtype", (cnn.float16, cnn.float32), ids=str)
def test_no_scores_are_kept(dtype):
    shape = (1, 2, 2, 512, 512, 8, 8)
    given = *operands(shape, dtype), gradient_of_out(shape, dtype)
    cnn.cuda.reset_peak_memory_stats()
    before = cnn.cuda.max_memory_allocated()
    attend(*given)
    scores = 2 * 512 * 512 * dtype.itemsize  # bytes
    assert cnn.cuda.max_memory_allocated() - before < scores / 8
