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
