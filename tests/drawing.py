"""Random numbers of GPUs beside their model; and the same numbers on every device, for tests that
compare what devices make of them.
"""

from __future__ import annotations

import math

import numpy as np

import cnn
from cnn import cuda
from cnn.overrides import TorchFunctionMode
from philox import Model

SEED = 0x123456789ABCDEF
FLOATS = (cnn.float32, cnn.float64, cnn.float16, cnn.bfloat16)
PRECISION = {cnn.float64: 1e-12, cnn.float32: 2e-6, cnn.float16: 1.1e-3, cnn.bfloat16: 9e-3}


def seeded(seed=SEED, device=0):
    """The model of the GPU's generator, which is seeded as it is."""
    cuda.default_generators[device].manual_seed(seed)
    p = cuda.get_device_properties(device)
    return Model(seed, 0, p.multi_processor_count, p.max_threads_per_multi_processor)


def lying(x):
    """The elements of a dense tensor as they lie in memory, as float64."""
    order = sorted(range(x.dim()), key=lambda d: -x.stride(d))
    return np.array(x.permute(order).reshape(-1).cpu().double().tolist())


def agree(got, want, dtype, scale=1):
    np.testing.assert_allclose(got, want, rtol=PRECISION[dtype], atol=scale * PRECISION[dtype])


def same_offset(model, device=0):
    assert cuda.default_generators[device].get_offset() == model.offset


def drawings(dtype):
    """(name, in-place call, model's numbers of (model, n), scale) of the continuous ones."""
    wide, eps = dtype == cnn.float64, 2.0**-52 if dtype == cnn.float64 else 2.0**-23
    one = np.float64 if wide else np.float32

    def units(m, n):
        return m.units(n, wide).astype(np.float64)

    def uniform(m, n, low, high):
        x = cnn.tensor(units(m, n) * (high - low) + low).to(dtype).double().numpy()
        return np.where(x == high, low, x)  # rounded up out of the range, or 1 to begin with

    def exponential(m, n):
        u = units(m, n)
        return np.where(u >= 1 - eps / 2, eps / 2, -np.log(u)) / 1.5

    def cauchy(m, n):
        return 1 + 2 * np.tan(np.pi * (np.clip(units(m, n), eps, 1 - eps) - 0.5))

    def geometric(m, n):
        return np.maximum(1, np.ceil(np.log(units(m, n)) / one(math.log1p(-0.3))))

    return {
        "uniform": (lambda x: x.uniform_(), lambda m, n: uniform(m, n, 0, 1), 1),
        "uniform in bounds": (lambda x: x.uniform_(-2, 6), lambda m, n: uniform(m, n, -2, 6), 8),
        "normal": (lambda x: x.normal_(1, 3), lambda m, n: 3 * m.normals(n, wide) + 1, 10),
        "log_normal": (lambda x: x.log_normal_(0.5, 0.25),
                       lambda m, n: np.exp(0.25 * m.normals(n, wide) + 0.5), 5),
        "exponential": (lambda x: x.exponential_(1.5), exponential, 1),
        "cauchy": (lambda x: x.cauchy_(1, 2), cauchy, 1),
        "geometric": (lambda x: x.geometric_(0.3), geometric, 1),
        "bernoulli": (lambda x: x.bernoulli_(0.3), lambda m, n: units(m, n) < one(0.3), 0),
    }  # fmt: skip


NAMES = list(drawings(cnn.float32))

DRAWS = {"bernoulli_", "uniform_", "normal_", "exponential_"}


class DrawnOnTheCpu(TorchFunctionMode):
    """While it is entered, elements and masks of dropout are drawn on the CPU and moved. Attention
    and recurrent layers, which draw inside, do without dropout.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name in ("lstm", "gru", "rnn_tanh", "rnn_relu"):  # dropout is their only float
            return func(*(0.0 if type(arg) is float else arg for arg in args), **kwargs)
        if name == "scaled_dot_product_attention":
            kwargs.pop("dropout_p", None)
            return func(*args[:4], *((0.0, *args[5:]) if len(args) > 4 else ()), **kwargs)
        if hasattr(func, "__wrapped__"):  # made of others, which are asked for here
            with self:
                return func.__wrapped__(*args, **kwargs)
        if name in DRAWS:
            there = cnn.empty_like(args[0], device="cpu", requires_grad=False)
            return args[0].copy_(getattr(there, name)(*args[1:], **kwargs))
        if name in ("dropout", "dropout_") and args[2] and 0 < args[1] < 1:
            noise = cnn.dropout(cnn.ones_like(args[0], device="cpu"), *args[1:]).to(args[0].device)
            return args[0].mul_(noise) if name == "dropout_" else args[0] * noise
        return func(*args, **kwargs)
