"""Functions of `nn.functional` as the top level has them: options are numbers, such as 0 for no
reduction, 1 for the mean and 2 for the sum, and what changes a tensor in place is a function of its
own.
"""

from __future__ import annotations

from . import _C, _faces
from .nn import functional as F

__all__ = [
    "alpha_dropout", "alpha_dropout_", "cosine_embedding_loss", "ctc_loss",
    "feature_alpha_dropout", "feature_alpha_dropout_", "grid_sampler", "grid_sampler_2d",
    "grid_sampler_3d", "hinge_embedding_loss", "kl_div", "margin_ranking_loss",
    "native_batch_norm", "native_group_norm", "poisson_nll_loss", "rrelu", "triplet_margin_loss",
]  # fmt: skip

_REDUCTIONS = ("none", "mean", "sum")


def _reduction(number):
    if number not in (0, 1, 2):
        raise RuntimeError(f"reduction must be 0 (none), 1 (mean) or 2 (sum), got {number}")
    return _REDUCTIONS[number]


def alpha_dropout(input, p, train):
    """nn.functional.alpha_dropout."""
    return F.alpha_dropout(input, p, train)


def alpha_dropout_(input, p, train):
    """nn.functional.alpha_dropout, in place."""
    return F.alpha_dropout(input, p, train, inplace=True)


def feature_alpha_dropout(input, p, train):
    """nn.functional.feature_alpha_dropout."""
    return F.feature_alpha_dropout(input, p, train)


def feature_alpha_dropout_(input, p, train):
    """nn.functional.feature_alpha_dropout, in place."""
    return F.feature_alpha_dropout(input, p, train, inplace=True)


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, generator=None):
    """nn.functional.rrelu, with slopes drawn from `generator`."""
    if generator is None:
        return F.rrelu(input, lower, upper, training)
    return F.rrelu_(input.clone(), lower, upper, training, generator)


def cosine_embedding_loss(input1, input2, target, margin=0.0, reduction=1):
    """nn.functional.cosine_embedding_loss."""
    reduction = _reduction(reduction)
    return F.cosine_embedding_loss(input1, input2, target, margin, reduction=reduction)


def ctc_loss(
    log_probs, targets, input_lengths, target_lengths, blank=0, reduction=1, zero_infinity=False
):
    """nn.functional.ctc_loss."""
    return F.ctc_loss(
        log_probs,
        targets,
        input_lengths,
        target_lengths,
        blank,
        _reduction(reduction),
        zero_infinity,
    )


def grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners):
    """nn.functional.grid_sample; 0 is 'bilinear' and 'zeros'."""
    names = []
    for what, numbers, number in (
        ("interpolation", F.GRID_SAMPLE_INTERPOLATION_MODES, interpolation_mode),
        ("padding", F.GRID_SAMPLE_PADDING_MODES, padding_mode),
    ):
        if number not in numbers.values():
            raise RuntimeError(f"grid_sampler(): {what}_mode must be 0, 1 or 2, got {number}")
        names.append(list(numbers)[number])
    return F.grid_sample(input, grid, *names, align_corners)


def grid_sampler_2d(input, grid, interpolation_mode, padding_mode, align_corners):
    """grid_sampler of images."""
    if input.dim() != 4:
        raise RuntimeError(f"grid_sampler_2d(): expected 4D input, got {list(input.shape)}")
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def grid_sampler_3d(input, grid, interpolation_mode, padding_mode, align_corners):
    """grid_sampler of volumes."""
    if input.dim() != 5:
        raise RuntimeError(f"grid_sampler_3d(): expected 5D input, got {list(input.shape)}")
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


def native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps):
    """(nn.functional.batch_norm, means, 1 / deviations) by channels; the last two in training."""
    y = F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if not training:
        return y, input.new_empty(0), input.new_empty(0)
    others = [d for d in range(input.dim()) if d != 1]
    var, mean = _C.var_mean(input.detach(), others, correction=0)
    return y, mean, (var + eps).rsqrt()


def native_group_norm(input, weight, bias, N, C, HxW, group, eps):
    """(nn.functional.group_norm, means, 1 / deviations) of [N, C, HxW elements], by groups."""
    if input.numel() != N * C * HxW:
        raise RuntimeError(
            f"native_group_norm: expected N * C * HxW = {N * C * HxW} elements, got "
            f"{list(input.shape)}"
        )
    y = F.group_norm(input, group, weight, bias, eps)
    var, mean = _C.var_mean(input.reshape(N, group, C // group * HxW), -1, correction=0)
    return y, mean, (var + eps).rsqrt()


def hinge_embedding_loss(input, target, margin=1.0, reduction=1):
    """nn.functional.hinge_embedding_loss."""
    return F.hinge_embedding_loss(input, target, margin, reduction=_reduction(reduction))


def kl_div(input, target, reduction=1, *, log_target=False):
    """nn.functional.kl_div; the mean is that of all elements."""
    if reduction != 1:
        return F.kl_div(input, target, reduction=_reduction(reduction), log_target=log_target)
    return F.kl_div(input, target, reduction="none", log_target=log_target).mean()


def margin_ranking_loss(input1, input2, target, margin=0.0, reduction=1):
    """nn.functional.margin_ranking_loss."""
    reduction = _reduction(reduction)
    return F.margin_ranking_loss(input1, input2, target, margin, reduction=reduction)


def poisson_nll_loss(input, target, log_input, full, eps, reduction):
    """nn.functional.poisson_nll_loss."""
    return F.poisson_nll_loss(
        input, target, log_input, full, eps=eps, reduction=_reduction(reduction)
    )


def triplet_margin_loss(
    anchor, positive, negative, margin=1.0, p=2.0, eps=1e-06, swap=False, reduction=1
):
    """nn.functional.triplet_margin_loss."""
    return F.triplet_margin_loss(
        anchor, positive, negative, margin, p, eps, swap, reduction=_reduction(reduction)
    )


for _name in __all__:
    globals()[_name].__module__ = "cnn"
_faces.let_override(globals(), __all__)
