"""Functions written in Python, under autocast: the dtype and the values that PyTorch's give."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import cnn  # noqa: E402

LIBS = (cnn, torch)


def draw(lib, half, *shape, positive=False):
    x = np.random.default_rng(sum(shape)).standard_normal(shape)
    return lib.tensor((np.abs(x) if positive else x).tolist()).to(getattr(lib, half))


# Each is given F, the library, and a maker of tensors in the dtype under test.
FUNCTIONS = {
    "ctc_loss": lambda F, lib, x: F.ctc_loss(
        x(5, 2, 4).log_softmax(-1), lib.tensor([[1, 2], [3, 1]]), (5, 5), (2, 2)
    ),
    "grid_sample": lambda F, lib, x: F.grid_sample(
        x(1, 2, 4, 4), x(1, 3, 3, 2), align_corners=False
    ),
    "max_pool3d": lambda F, lib, x: F.max_pool3d(x(1, 1, 4, 4, 4), 2),
    "max_pool3d with indices": lambda F, lib, x: F.max_pool3d(
        x(1, 1, 4, 4, 4), 2, return_indices=True
    )[0],
    "max_unpool1d": lambda F, lib, x: F.max_unpool1d(
        x(1, 1, 2), lib.tensor([[[0, 3]]]), 2
    ),
    "max_unpool2d": lambda F, lib, x: F.max_unpool2d(
        x(1, 1, 1, 2), lib.tensor([[[[0, 3]]]]), 2
    ),
    "max_unpool3d": lambda F, lib, x: F.max_unpool3d(
        x(1, 1, 1, 1, 2), lib.tensor([[[[[0, 3]]]]]), 2
    ),
    "adaptive_max_pool3d": lambda F, lib, x: F.adaptive_max_pool3d(x(1, 1, 4, 4, 4), 2),
    "adaptive_avg_pool2d": lambda F, lib, x: F.adaptive_avg_pool2d(x(1, 1, 4, 4), 2),
    "adaptive_avg_pool3d": lambda F, lib, x: F.adaptive_avg_pool3d(x(1, 1, 4, 4, 4), 2),
    "avg_pool2d": lambda F, lib, x: F.avg_pool2d(x(1, 1, 4, 4), 2),
    "avg_pool3d": lambda F, lib, x: F.avg_pool3d(x(1, 1, 4, 4, 4), 2),
    "lp_pool2d": lambda F, lib, x: F.lp_pool2d(x(1, 1, 4, 4), 2, 2),
    **{
        f"pad {mode} {n}": lambda F, lib, x, mode=mode, n=n: F.pad(
            x(1, 2, *[4] * n), [1, 1] * n, mode
        )
        for mode in ("reflect", "replicate", "circular")
        for n in (1, 2, 3)
    },
    "pad constant": lambda F, lib, x: F.pad(x(2, 3), [1, 1]),
    "interpolate": lambda F, lib, x: F.interpolate(x(1, 1, 4, 4), scale_factor=2),
    "bilinear": lambda F, lib, x: F.bilinear(x(2, 3), x(2, 4), x(5, 3, 4), x(5)),
    "cosine_similarity": lambda F, lib, x: F.cosine_similarity(x(3, 4), x(3, 4) * 2),
    "pairwise_distance": lambda F, lib, x: F.pairwise_distance(x(3, 4), x(4, 4)[:3]),
    "pdist": lambda F, lib, x: F.pdist(x(3, 4).float()),
    "normalize": lambda F, lib, x: F.normalize(x(3, 4)),
    "embedding": lambda F, lib, x: F.embedding(lib.tensor([0, 1]), x(3, 4)),
    "embedding_bag": lambda F, lib, x: F.embedding_bag(lib.tensor([[0, 1]]), x(3, 4)),
    "kl_div": lambda F, lib, x: F.kl_div(x(3, 4), x(3, 4, positive=True), reduction="batchmean"),
    "gaussian_nll_loss": lambda F, lib, x: F.gaussian_nll_loss(
        x(3, 4), x(3, 4), x(3, 4, positive=True)
    ),
    "poisson_nll_loss": lambda F, lib, x: F.poisson_nll_loss(x(3, 4), x(3, 4, positive=True)),
    "cosine_embedding_loss": lambda F, lib, x: F.cosine_embedding_loss(
        x(3, 4), x(4, 4)[:3], lib.tensor([1, -1, 1])
    ),
    "margin_ranking_loss": lambda F, lib, x: F.margin_ranking_loss(x(3), x(4)[:3], x(3).sign()),
    "hinge_embedding_loss": lambda F, lib, x: F.hinge_embedding_loss(x(3, 4), x(3, 4).sign()),
    "soft_margin_loss": lambda F, lib, x: F.soft_margin_loss(x(3, 4), x(3, 4).sign()),
    "multi_margin_loss": lambda F, lib, x: F.multi_margin_loss(x(3, 4), lib.tensor([0, 1, 3])),
    "multilabel_margin_loss": lambda F, lib, x: F.multilabel_margin_loss(
        x(1, 4), lib.tensor([[0, 1, -1, -1]])
    ),
    "multilabel_soft_margin_loss": lambda F, lib, x: F.multilabel_soft_margin_loss(
        x(3, 4), x(3, 4, positive=True).clamp(max=1)
    ),
    "triplet_margin_loss": lambda F, lib, x: F.triplet_margin_loss(
        x(3, 4), x(4, 4)[:3], x(5, 4)[:3]
    ),
    "triplet_margin_with_distance_loss": lambda F, lib, x: F.triplet_margin_with_distance_loss(
        x(3, 4), x(4, 4)[:3], x(5, 4)[:3]
    ),
    "cross_entropy": lambda F, lib, x: F.cross_entropy(x(3, 4), lib.tensor([0, 1, 3])),
    "cross_entropy of probabilities": lambda F, lib, x: F.cross_entropy(
        x(3, 4), x(3, 4).softmax(-1), label_smoothing=0.1
    ),
    "cross_entropy with weights": lambda F, lib, x: F.cross_entropy(
        x(3, 4), lib.tensor([0, 1, 3]), lib.ones(4)
    ),
    "l1_loss": lambda F, lib, x: F.l1_loss(x(3, 4), x(4, 4)[:3]),
    "huber_loss": lambda F, lib, x: F.huber_loss(x(3, 4), x(4, 4)[:3]),
    "mixed losses": lambda F, lib, x: F.mse_loss(x(3, 4), lib.zeros(3, 4)),
    "quantile": lambda F, lib, x: lib.quantile(x(3, 4), 0.5, dim=1),
    "nanquantile": lambda F, lib, x: x(3, 4).nanquantile(0.5),
    "cdist": lambda F, lib, x: lib.cdist(x(3, 4), x(4, 4)),
    "einsum": lambda F, lib, x: lib.einsum("bij,bjk->bik", x(2, 3, 4), x(2, 4, 3)),
    "tensordot": lambda F, lib, x: lib.tensordot(x(3, 4), x(4, 4), 1),
    "inner": lambda F, lib, x: lib.inner(x(3, 4), x(2, 4)),
    "kron": lambda F, lib, x: lib.kron(x(2, 2), x(2, 2)),
    "cross": lambda F, lib, x: lib.cross(x(4, 3), x(4, 3) * 2, dim=1),
    "cov": lambda F, lib, x: lib.cov(x(3, 4)),
    "corrcoef": lambda F, lib, x: lib.corrcoef(x(3, 4)),
    "block_diag": lambda F, lib, x: lib.block_diag(x(2, 2), x(3, 3)),
    "hstack": lambda F, lib, x: lib.hstack([x(2, 2), x(2, 3)]),
    "glu": lambda F, lib, x: F.glu(x(2, 4)),
    "gumbel": lambda F, lib, x: F.softmin(x(2, 4), dim=1),
    "local_response_norm": lambda F, lib, x: F.local_response_norm(x(1, 4, 3), 2),
    "instance_norm": lambda F, lib, x: F.instance_norm(x(1, 4, 3)),
    "unfold": lambda F, lib, x: F.unfold(x(1, 2, 4, 4), 2),
    "fold": lambda F, lib, x: F.fold(x(1, 8, 9), (4, 4), 2),
    "attention": lambda F, lib, x: F.scaled_dot_product_attention(
        x(2, 3, 4), x(2, 5, 4), x(2, 5, 4), attn_mask=lib.zeros(3, 5)
    ),
    "vecdot by hand": lambda F, lib, x: (x(3, 4) * x(3, 4)).sum(-1),
    "clip": lambda F, lib, x: lib.nn.utils.clip_grad_norm_([grown(lib, x)], 1.0),
}  # fmt: skip


def grown(lib, x):
    p = lib.nn.Parameter(x(3, 4))
    p.grad = x(3, 4)
    return p


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("given", ("float32", "bfloat16"))
def test_functions(name, given):
    found = []
    for lib in LIBS:
        with warnings.catch_warnings(), lib.autocast("cpu"):
            warnings.simplefilter("ignore")
            make = lambda *shape, lib=lib, **how: draw(lib, given, *shape, **how)  # noqa: E731
            found.append(FUNCTIONS[name](lib.nn.functional, lib, make))
    ours, theirs = found
    assert str(ours.dtype).rpartition(".")[2] == str(theirs.dtype).rpartition(".")[2]
    values = [np.array(t.detach().tolist()) for t in found]
    tolerance = 3e-2 if "bfloat16" in str(theirs.dtype) or given == "bfloat16" else 1e-2
    np.testing.assert_allclose(*values, rtol=tolerance, atol=tolerance)


# What has been narrowed by a product, y, with what has not, x.
MIXED = {
    "where": lambda F, lib, x, y: lib.where(x > 0, y, x),
    "sum of both": lambda F, lib, x, y: y + x,
    "addcmul": lambda F, lib, x, y: lib.addcmul(x, y, x),
    "written into float32": lambda F, lib, x, y: x.clone().add_(y),
    "index_copy": lambda F, lib, x, y: x.index_copy(0, lib.tensor([0]), y[:1]),
    "powers": lambda F, lib, x, y: lib.stack([y**2, y.square(), 2**y]),
    "product to float64": lambda F, lib, x, y: y.prod(dtype=lib.float64),
    "cat with float64": lambda F, lib, x, y: lib.cat([x, x.double()]),
    "cat with integers": lambda F, lib, x, y: lib.cat([x.long(), y]),
    "cat with nothing": lambda F, lib, x, y: lib.cat([lib.ones(0), y]),
    "stack of integers": lambda F, lib, x, y: lib.stack([x.long(), x.long()]),
    "mse": lambda F, lib, x, y: F.mse_loss(y, x, reduction="none"),
    "weighted logits": lambda F, lib, x, y: F.binary_cross_entropy_with_logits(
        y, x.sigmoid(), weight=lib.ones(4, 4).bfloat16(), pos_weight=lib.ones(4)
    ),
    "weighted classes": lambda F, lib, x, y: F.cross_entropy(
        y, lib.tensor([0, 1, 2, 3]), weight=lib.ones(4), label_smoothing=0.1
    ),
    "probabilities": lambda F, lib, x, y: F.cross_entropy(y, x.softmax(-1)),
    "batch norm": lambda F, lib, x, y: F.batch_norm(y, x[0], x[1].abs() + 1),
    "instance norm": lambda F, lib, x, y: F.instance_norm(y[None], weight=x[0], bias=x[1]),
    "group norm": lambda F, lib, x, y: F.group_norm(y[None], 2, x[0], x[1]),
    "layer norm": lambda F, lib, x, y: F.layer_norm(y, (4,), x[0]),
    "rms norm": lambda F, lib, x, y: F.rms_norm(y, (4,), x[0]),
    "softmax in float32": lambda F, lib, x, y: y.softmax(-1, dtype=lib.float32),
    "prelu": lambda F, lib, x, y: F.prelu(y, x[0, :1]),
    "similarity": lambda F, lib, x, y: F.cosine_similarity(y, x),
    "distance": lambda F, lib, x, y: F.pairwise_distance(y, x),
    "embedding bag": lambda F, lib, x, y: F.embedding_bag(
        lib.tensor([[1, 2]]), x, mode="sum", per_sample_weights=x[:1, :2]
    ),
    "products of vectors": lambda F, lib, x, y: lib.stack([x[0] @ x[1], x[0] @ x @ x[1]]),
    "outer products": lambda F, lib, x, y: lib.addr(lib.addmm(x, x, x).float(), x[0], x[1]),
    "linear of a vector": lambda F, lib, x, y: F.linear(x[0], x[1]),
    "norm of a weight": lambda F, lib, x, y: lib.nn.utils.parametrizations.weight_norm(
        lib.nn.Linear(4, 4)
    )(x),
    "spectral norm": lambda F, lib, x, y: lib.nn.utils.parametrizations.spectral_norm(
        lib.nn.Linear(4, 4)
    )(x),
    "reflecting convolution": lambda F, lib, x, y: lib.nn.Conv1d(
        4, 3, 3, padding_mode="reflect", padding=1
    )(x),
    "circular convolution": lambda F, lib, x, y: lib.nn.Conv1d(
        4, 3, 3, padding_mode="circular", padding=1
    )(x),
    "causal encoder": lambda F, lib, x, y: lib.nn.TransformerEncoder(
        lib.nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0), 2, enable_nested_tensor=False
    )(y[:, None], mask=lib.nn.Transformer.generate_square_subsequent_mask(4), is_causal=True),
    "states of an LSTM": lambda F, lib, x, y: lib.nn.LSTM(4, 4)(
        x, (y[:1], x[:1])
    )[0],
    "states of a GRU": lambda F, lib, x, y: lib.nn.GRU(4, 4)(x, y[:1])[0],
    "states of a cell": lambda F, lib, x, y: lib.nn.LSTMCell(4, 4)(x, (y, x))[1],
}  # fmt: skip


@pytest.mark.parametrize("name", MIXED)
def test_what_was_narrowed_meets_float32(name):
    found = []
    for lib in LIBS:
        lib.manual_seed(0)
        with warnings.catch_warnings(), lib.autocast("cpu"):
            warnings.simplefilter("ignore")
            x = draw(lib, "float32", 4, 4)
            found.append(MIXED[name](lib.nn.functional, lib, x, x @ x))
    ours, theirs = found
    assert str(ours.dtype).rpartition(".")[2] == str(theirs.dtype).rpartition(".")[2]
    values = [np.array(t.detach().tolist()) for t in found]
    scale = max(1.0, np.abs(values[1]).max())
    np.testing.assert_allclose(*values, rtol=3e-2, atol=3e-2 * scale)
