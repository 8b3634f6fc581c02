"""Activations."""

from __future__ import annotations

import warnings

from ... import _C
from ..._refusals import refuse_integers

# Klambauer et al., "Self-Normalizing Neural Networks", 2017.
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def threshold(input, threshold, value, inplace=False) -> _C.Tensor:
    """x where x > threshold, else value."""
    if inplace:
        return _C.threshold_(input, threshold, value)
    return _C.threshold(input, threshold, value)


def relu(input, inplace=False) -> _C.Tensor:
    """max(0, x)."""
    return _C.relu_(input) if inplace else _C.relu(input)


def glu(input, dim=-1) -> _C.Tensor:
    """a * sigmoid(b), where a and b are the halves of input along dim."""
    refuse_integers("glu_cpu", input)
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    if input.size(dim) % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {dim} is size {input.size(dim)}"
        )
    values, gates = input.chunk(2, dim)
    return values * gates.sigmoid()


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False) -> _C.Tensor:
    """x clamped to [min_val, max_val]."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if input.dtype is _C.uint8 and min_val < 0:
        raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    if inplace:
        return _C.hardtanh_(input, min_val, max_val)
    return _C.hardtanh(input, min_val, max_val)


def relu6(input, inplace=False) -> _C.Tensor:
    """min(max(0, x), 6)."""
    return _C.hardtanh_(input, 0.0, 6.0) if inplace else _C.hardtanh(input, 0.0, 6.0)


def elu(input, alpha=1.0, inplace=False) -> _C.Tensor:
    """x where x > 0, else alpha * (exp(x) - 1)."""
    return _C.elu_(input, alpha) if inplace else _C.elu(input, alpha)


def selu(input, inplace=False) -> _C.Tensor:
    """elu scaled so that activations keep mean 0 and variance 1."""
    if inplace:
        return _C.elu_(input, _SELU_ALPHA, _SELU_SCALE)
    return _C.elu(input, _SELU_ALPHA, _SELU_SCALE)


def celu(input, alpha=1.0, inplace=False) -> _C.Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)): elu with a continuous derivative."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    if inplace:
        return _C.elu_(input, alpha, 1.0, 1.0 / alpha)
    return _C.elu(input, alpha, 1.0, 1.0 / alpha)


def selu_(input) -> _C.Tensor:
    """selu in place."""
    return selu(input, inplace=True)


def celu_(input, alpha=1.0) -> _C.Tensor:
    """celu in place."""
    return celu(input, alpha, inplace=True)


def leaky_relu(input, negative_slope=0.01, inplace=False) -> _C.Tensor:
    """x where x > 0, else negative_slope * x."""
    if inplace:
        return _C.leaky_relu_(input, negative_slope)
    return _C.leaky_relu(input, negative_slope)


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False) -> _C.Tensor:
    """leaky_relu with a slope drawn from U(lower, upper) per element in training, else its mean."""
    return _rrelu(input, lower, upper, training, inplace, None)


def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False, generator=None) -> _C.Tensor:
    """rrelu in place."""
    return _rrelu(input, lower, upper, training, True, generator)


def _rrelu(input, lower, upper, training, inplace, generator):
    if lower > upper:
        raise RuntimeError(f"rrelu: lower bound {lower} must not be above upper bound {upper}")
    if training:
        below = (input <= 0).detach()
        if input.is_cuda:  # a slope for each element: how many are needed, the GPU alone knows
            drawn = _C.empty(input.shape, dtype=input.dtype, device=input.device)
            slopes = _C.where(below, drawn.uniform_(lower, upper, generator=generator), 1.0)
            return input.mul_(slopes) if inplace else input.contiguous() * slopes
        drawn = _C.empty(int(below.sum()), dtype=_C.float64, device=input.device)
        drawn = drawn.uniform_(lower, upper, generator=generator).to(input.dtype)
        slopes = _C.ones(input.numel(), dtype=input.dtype, device=input.device)
        slopes = slopes.masked_scatter(below.reshape(-1), drawn).view(input.shape)
        return input.mul_(slopes) if inplace else input.contiguous() * slopes
    return leaky_relu(input, (lower + upper) / 2, inplace)


def hardsigmoid(input, inplace=False) -> _C.Tensor:
    """clamp(x + 3, 0, 6) / 6."""
    return _C.hardsigmoid_(input) if inplace else _C.hardsigmoid(input)


def silu(input, inplace=False) -> _C.Tensor:
    """x * sigmoid(x)."""
    return _C.silu_(input) if inplace else _C.silu(input)


def mish(input, inplace=False) -> _C.Tensor:
    """x * tanh(softplus(x))."""
    return _C.mish_(input) if inplace else _C.mish(input)


def hardswish(input, inplace=False) -> _C.Tensor:
    """x * clamp(x + 3, 0, 6) / 6."""
    return _C.hardswish_(input) if inplace else _C.hardswish(input)


def tanhshrink(input) -> _C.Tensor:
    """x - tanh(x)."""
    return input - input.tanh()


def softsign(input) -> _C.Tensor:
    """x / (1 + |x|)."""
    return input / (input.abs() + 1)


def tanh(input) -> _C.Tensor:
    """The hyperbolic tangent."""
    return input.tanh()


def sigmoid(input) -> _C.Tensor:
    """1 / (1 + exp(-x))."""
    return input.sigmoid()


def _get_softmax_dim(name, ndim, stacklevel):
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
        "dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input, dim=None, _stacklevel=3, dtype=None) -> _C.Tensor:
    """exp(x) / sum(exp(x)) along dim; computed in `dtype` if given."""
    if dim is None:
        dim = _get_softmax_dim("softmax", input.dim(), _stacklevel)
    return _C.softmax(input, dim) if dtype is None else _C.softmax(input, dim, dtype=dtype)


def softmin(input, dim=None, _stacklevel=3, dtype=None) -> _C.Tensor:
    """softmax(-x) along dim."""
    if dim is None:
        dim = _get_softmax_dim("softmin", input.dim(), _stacklevel)
    return _C.softmax(-input, dim) if dtype is None else _C.softmax(-input, dim, dtype=dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None) -> _C.Tensor:
    """log(softmax(x)) along dim, without overflow."""
    if dim is None:
        dim = _get_softmax_dim("log_softmax", input.dim(), _stacklevel)
    return _C.log_softmax(input, dim) if dtype is None else _C.log_softmax(input, dim, dtype=dtype)


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1) -> _C.Tensor:
    """A sample of the Gumbel-softmax distribution; one-hot with the soft gradient if `hard`.

    Jang et al., "Categorical Reparameterization with Gumbel-Softmax", 2017.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -_C.empty_like(logits, memory_format=_C.contiguous_format).exponential_().log()
    soft = _C.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one_hot = _C.zeros_like(logits, memory_format=_C.contiguous_format).scatter_(dim, index, 1.0)
    return one_hot - soft.detach() + soft
