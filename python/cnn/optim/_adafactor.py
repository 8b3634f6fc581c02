"""Adafactor."""

from .. import _C
from .._number_info import finfo
from ..autograd import no_grad
from ._parts import column, options, pick, scalar_tensor
from .optimizer import GroupwiseOptimizer

__all__ = ["Adafactor", "adafactor"]


class Adafactor(GroupwiseOptimizer):
    """Steps divided by a root of squared gradients that takes little memory for matrices.

    With g the gradient, t `step`, b = t^beta2_decay and rms the root of a mean of squares:

        a = max(eps[1], rms(p)) * min(lr, 1 / sqrt(t))
        p = p * (1 - lr * weight_decay)
        r = r + b * (mean of g * g over the last dimension - r)              (`row_var`)
        c = c + b * (mean of g * g over the last but one - c)                (`col_var`)
        v = r c / max(mean of r over its rows, eps[0])
        u = g / sqrt(max(v, eps[0]^2))
        p = p - a * u / max(1, rms(u) / d)

    Vectors have v = v + b * (g * g - v) instead, in `variance`. `eps[0]` is by default the dtype's
    own. Source: Shazeer and Stern 2018 (arXiv 1804.04235).
    """

    _late_options = {"foreach": None}
    _scalar_state = ("step",)

    def __init__(
        self,
        params,
        lr=1e-2,
        beta2_decay=-0.8,
        eps=(None, 1e-3),
        d=1.0,
        weight_decay=0.0,
        *,
        foreach=None,
        maximize=False,
    ) -> None:
        defaults = options(locals())
        if isinstance(lr, _C.Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 <= lr:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not 0.0 >= beta2_decay:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        for i, value in enumerate(eps):
            if not (value is None and i == 0) and not 0.0 <= value:
                raise ValueError(f"epsilon{i + 1} should be >= 0 but is: {value}")
        if not 1.0 <= d:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        super().__init__(params, defaults)

    def _initial_state(self, group, param):
        if param.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        state = {"step": scalar_tensor(0.0)}
        grad = param.grad
        if grad.dim() > 1:
            state["row_var"] = grad.new_zeros([*grad.shape[:-1], 1])
            state["col_var"] = grad.new_zeros([*grad.shape[:-2], 1, grad.shape[-1]])
        else:
            state["variance"] = _C.zeros_like(grad)
        return state

    @no_grad()
    def _move(self, group, params, grads, states):
        eps1, eps2 = group["eps"]
        _single_tensor_adafactor(
            params,
            grads,
            [state.get("row_var") for state in states],
            [state.get("col_var") for state in states],
            [state.get("variance") for state in states],
            column(states, "step"),
            eps1=eps1,
            eps2=eps2,
            **pick(group, "d lr beta2_decay weight_decay maximize"),
        )


def adafactor(
    params, grads, row_vars, col_vars, variances, state_steps,
    foreach=None, grad_scale=None, found_inf=None, has_complex=False,
    *, d, lr, beta2_decay, weight_decay, eps1, eps2, maximize,
):  # fmt: skip
    """One step of `Adafactor` on lists of parameters, gradients and their states."""
    _single_tensor_adafactor(
        params, grads, row_vars, col_vars, variances, state_steps, grad_scale, found_inf,
        d=d, lr=lr, beta2_decay=beta2_decay, weight_decay=weight_decay, eps1=eps1, eps2=eps2,
        maximize=maximize,
    )  # fmt: skip


def _single_tensor_adafactor(
    params, grads, row_vars, col_vars, variances, state_steps, grad_scale=None, found_inf=None,
    *, d, lr, beta2_decay, weight_decay, eps1, eps2, maximize, has_complex=False,
):  # fmt: skip
    if grad_scale is not None or found_inf is not None:
        raise AssertionError("Grad scaling should occur outside of optimizer.step()")
    if not all(isinstance(step, _C.Tensor) for step in state_steps):
        raise RuntimeError("`state_steps` argument must contain a list of singleton tensors")
    lr = float(lr)
    rows = zip(params, grads, row_vars, col_vars, variances, state_steps, strict=True)
    for p, g, row_var, col_var, variance, step in rows:
        least = finfo(p.dtype).eps if eps1 is None else eps1
        if maximize:
            g = -g
        step += 1
        t = step.item()
        share = t**beta2_decay
        size = max(eps2, _rms(p)) * min(lr, 1 / t**0.5)
        if weight_decay != 0:
            p.mul_(1 - lr * weight_decay)
        if g.dim() > 1:
            row_var.lerp_(_mean_square(g, -1), share)
            col_var.lerp_(_mean_square(g, -2), share)
            estimate = row_var @ col_var
            estimate.div_(row_var.mean(-2, keepdim=True).clamp_(min=least))
        else:
            variance.lerp_(g * g, share)
            estimate = variance.clone()
        update = estimate.clamp_(min=least * least).rsqrt_().mul_(g)
        p.add_(update, alpha=-size / max(1.0, _rms(update) / d))


_multi_tensor_adafactor = _single_tensor_adafactor


def _rms(x):
    return x.norm(2).item() / x.numel() ** 0.5


def _mean_square(x, dim):
    """(x * x).mean(dim, keepdim=True), without a tensor of all squares."""
    return x.norm(2, dim, keepdim=True).square_().div_(x.size(dim))
