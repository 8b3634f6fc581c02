"""Activations and pointwise losses."""

from __future__ import annotations

import numpy as np

from op_cases import NUMBERS, Op, X, case, error
from op_rows.unary import erf

A = X(2, 3, low=-4.0, high=4.0, kinks=(0,))
WEIGHT = X(3, low=0.5, high=1.5, grad=False)
P, T = X(2, 3, low=0.1, high=0.9), X(2, 3, low=0.1, high=0.9)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x, beta=1, threshold=20):
    return np.where(
        x * beta > threshold, x, np.log1p(np.exp(np.minimum(x * beta, threshold))) / beta
    )


def gelu(x, approximate="none"):
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + erf(x / np.sqrt(2)))


def elu(x, alpha=1, scale=1, input_scale=1):
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) * input_scale))


def prelu(x, w):
    w = w.reshape((1, -1) + (1,) * (x.ndim - 2)) if w.size > 1 else w.reshape(())
    return np.where(x > 0, x, w * x)


def reduced(loss, reduction):
    return (lambda v: v, np.mean, np.sum)[reduction](loss)


def mse(x, t, reduction=1):
    return reduced((x - t) ** 2, reduction)


def smooth_l1(x, t, reduction=1, beta=1.0):
    d = np.abs(x - t)
    return reduced(
        d if beta == 0 else np.where(d < beta, 0.5 * d * d / beta, d - 0.5 * beta), reduction
    )


def huber(x, t, reduction=1, delta=1.0):
    d = np.abs(x - t)
    return reduced(np.where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta)), reduction)


def bce(p, t, weight=None, reduction=1):
    return reduced(
        -(t * np.log(p) + (1 - t) * np.log(1 - p)) * (1 if weight is None else weight), reduction
    )


def bce_logits(x, t, weight=None, pos_weight=None, reduction=1):
    positive = t * np.log(sigmoid(x)) * (1 if pos_weight is None else pos_weight)
    loss = -(positive + (1 - t) * np.log(sigmoid(-x)))
    return reduced(loss * (1 if weight is None else weight), reduction)


def activation(name, reference, *cases, arg=A, **options):
    return Op(name, reference, [case(arg), *cases], pointwise=True, **options)


def loss(name, reference, *cases, x=A, t=A, **options):
    kind, text = (ValueError, "size") if name.startswith("binary") else (RuntimeError, "must match")
    options.setdefault("errors", []).append(error(kind, text, X(2, 3), X(4)))
    both = [case(x, t, reduction=r) for r in (0, 1, 2)]
    return Op(
        name,
        reference,
        [*both, *cases],
        tolerance=4,
        large=case(X(1024, 1030, low=0.1, high=0.9), X(1024, 1030, low=0.1, high=0.9)),
        **options,
    )


SIX = X(2, 3, low=-8, high=8, kinks=(-3, 3, 0, 6))

ROWS = [
    activation("relu", lambda x: np.maximum(x, 0), dtypes=NUMBERS),
    Op("threshold", lambda x, t, v: np.where(x > t, x, v), [case(X(2, 3, kinks=(0.5,)), 0.5, -1.0)], pointwise=True),
    activation("leaky_relu", lambda x, s=0.01: np.where(x > 0, x, s * x), case(A, 0.2)),
    Op("prelu", prelu, [case(X(2, 3, 2, kinks=(0,)), X(3)), case(X(2, 3, kinks=(0,)), X(1)),
       case(X(3, kinks=(0,)), X(1)), case(X(2, 0, 3), X(1)).no_grad()], large=case(X(4, 16, 128, 128), X(16)),
       errors=[error(RuntimeError, "", X(2, 3), X(4)), error(RuntimeError, "", X(2, 3), X(2, 2))]),
    activation("elu", elu, case(A, 2.0)),
    activation("selu", lambda x: elu(x, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946)),
    activation("celu", lambda x, alpha=1.0: np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(x / alpha)),
               case(A, 2.0)),
    activation("gelu", gelu, case(A, approximate="tanh"), tolerance=2,
               errors=[error(RuntimeError, "approximate", X(3), approximate="cubic")]),
    activation("silu", lambda x: x * sigmoid(x)),
    activation("mish", lambda x: x * np.tanh(softplus(x))),
    activation("softplus", softplus, case(A, 2.0, 3.0)),
    activation("log_sigmoid", lambda x: np.log(sigmoid(x))),
    activation("hardtanh", lambda x, a=-1, b=1: np.clip(x, a, b), case(X(2, 3, kinks=(-0.5, 0.5)), -0.5, 0.5),
               arg=X(2, 3, kinks=(-1, 1))),
    activation("hardswish", lambda x: x * np.clip(x + 3, 0, 6) / 6, arg=SIX),
    activation("hardsigmoid", lambda x: np.clip(x + 3, 0, 6) / 6, arg=SIX),
    activation("hardshrink", lambda x, width=0.5: np.where(np.abs(x) <= width, 0, x), case(X(2, 3, kinks=(-1, 1)), 1.0),
               arg=X(2, 3, kinks=(-0.5, 0.5))),
    activation("softshrink", lambda x, width=0.5: np.sign(x) * np.maximum(np.abs(x) - width, 0),
               case(X(2, 3, kinks=(-1, 1)), 1.0), arg=X(2, 3, kinks=(-0.5, 0.5))),
    loss("mse_loss", mse),
    loss("smooth_l1_loss", smooth_l1, case(A, A, beta=0.5), case(A, A, beta=0.0).no_grad()),
    loss("huber_loss", huber, case(A, A, delta=0.5), errors=[error(RuntimeError, "delta", X(3), X(3), delta=-1.0)]),
    loss("binary_cross_entropy", bce, case(P, T, WEIGHT), x=P, t=T,
         errors=[error(RuntimeError, "between 0 and 1", X(3, low=1.5, high=2), X(3, low=0.1, high=0.9))]),
    loss("binary_cross_entropy_with_logits", bce_logits, case(A, T, WEIGHT), case(A, T, None, WEIGHT), t=T),
]  # fmt: skip
