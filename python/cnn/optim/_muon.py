"""Muon."""

from .. import _C
from ..autograd import no_grad
from ._parts import column, options, pick
from .optimizer import GroupwiseOptimizer

__all__ = ["Muon"]

EPS = 1e-7
# Of the polynomial a x + b x^3 + c x^5 by which singular values are driven towards 1.
DEFAULT_A = 3.4445
DEFAULT_B = -4.7750
DEFAULT_C = 2.0315
DEFAULT_NS_STEPS = 5


class Muon(GroupwiseOptimizer):
    """Momentum whose steps are made nearly orthogonal; for matrices alone.

    With g the gradient and b `momentum_buffer`:

        b = b + (1 - momentum) * (g - b)
        u = g + momentum * (b - g) if nesterov, else b
        p = p * (1 - lr * weight_decay) - lr * s * orthogonal(u)

    `orthogonal` is `ns_steps` Newton-Schulz iterations in bfloat16; s is sqrt(max(1, rows /
    columns)), or with adjust_lr_fn="match_rms_adamw" 0.2 * sqrt(max(rows, columns)).
    Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        weight_decay=0.1,
        momentum=0.95,
        nesterov=True,
        ns_coefficients=(DEFAULT_A, DEFAULT_B, DEFAULT_C),
        eps=EPS,
        ns_steps=DEFAULT_NS_STEPS,
        adjust_lr_fn=None,
    ) -> None:
        defaults = options(locals())
        if isinstance(lr, _C.Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        given = {"Learning rate": lr, "momentum": momentum, "weight decay": weight_decay}
        for name, value in given.items():
            if not 0.0 <= value:
                raise ValueError(f"{name} should be >= 0 but is: {value}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter with size: "
                        f"{p.size()}"
                    )

    def _initial_state(self, group, param):
        if param.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        return {"momentum_buffer": _C.zeros_like(param.grad)}

    @no_grad()
    def _move(self, group, params, grads, states):
        names = "lr weight_decay momentum nesterov ns_coefficients ns_steps eps adjust_lr_fn"
        _single_tensor_muon(
            params,
            grads,
            column(states, "momentum_buffer"),
            **pick(group, names),
        )


def muon(
    params, grads, muon_momentum_bufs,
    *, foreach=None, lr, weight_decay, momentum, nesterov, ns_coefficients, ns_steps, eps,
    adjust_lr_fn, has_complex,
):  # fmt: skip
    """One step of `Muon` on lists of parameters, gradients and momentum buffers."""
    if foreach:
        raise RuntimeError("Foreach is not supported for Muon yet")
    _single_tensor_muon(
        params, grads, muon_momentum_bufs,
        lr=lr, weight_decay=weight_decay, momentum=momentum, nesterov=nesterov,
        ns_coefficients=ns_coefficients, ns_steps=ns_steps, eps=eps, adjust_lr_fn=adjust_lr_fn,
        has_complex=has_complex,
    )  # fmt: skip


def _single_tensor_muon(
    params, grads, muon_momentum_bufs,
    *, lr, weight_decay, momentum, nesterov, ns_coefficients, ns_steps, eps, adjust_lr_fn,
    has_complex=False,
):  # fmt: skip
    if has_complex:
        raise ValueError("Complex parameters are not supported")
    lr = float(lr)
    for p, g, buffer in zip(params, grads, muon_momentum_bufs, strict=True):
        if g.ndim != 2:
            raise ValueError("Param gradient must be a 2D matrix")
        buffer.lerp_(g, 1 - momentum)
        update = g.lerp(buffer, momentum) if nesterov else buffer
        update = _zeropower_via_newtonschulz(update, ns_coefficients, ns_steps, eps)
        p.mul_(1 - lr * weight_decay)
        p.add_(update, alpha=-_adjust_lr(lr, adjust_lr_fn, p.shape))


def _zeropower_via_newtonschulz(grad, ns_coefficients, ns_steps, eps):
    """In bfloat16, a matrix of about the same singular vectors, with singular values near 1.

    x = a x + (b x x^T + c (x x^T)^2) x, from grad / |grad| on.
    """
    if ns_steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if grad.dim() != 2:
        raise ValueError("Input tensor gradient must be a 2D matrix")
    if len(ns_coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = ns_coefficients
    tall = grad.size(0) > grad.size(1)
    x = grad.to(_C.bfloat16, copy=True)
    x = x.T if tall else x
    x.div_(x.norm().clamp(min=eps))
    for _ in range(ns_steps):
        square = x @ x.T
        x = _C.addmm(x, _C.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


def _adjust_lr(lr, adjust_lr_fn, param_shape):
    """The rate for a matrix of that shape, so that steps have one root mean square."""
    rows, columns = param_shape[:2]
    if adjust_lr_fn in (None, "original"):
        return lr * max(1, rows / columns) ** 0.5
    if adjust_lr_fn == "match_rms_adamw":
        return lr * 0.2 * max(rows, columns) ** 0.5
    return lr
