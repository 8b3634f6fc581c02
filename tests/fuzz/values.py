"""The words of drawn calls: tensors of any kind in a few letters, and objects that do harm while they are read."""

from __future__ import annotations

import functools

import numpy as np

import cnn

MOST = 1 << 12  # elements of a drawn tensor
FLOATS = ("float32", "float64", "float16", "bfloat16")
INTS = ("int64", "int32", "int16", "int8", "uint8")
# Stored, and hardly computed with.
FLOATS8 = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu")
UNSIGNED = ("uint16", "uint32", "uint64")
STORED = FLOATS8 + UNSIGNED

DEVICE = None  # where tensors are made, if not on the CPU
BUFFERS = []  # arrays whose memory tensors of this call share
_TABLES = {}


def _pattern(dtype, values):
    i = np.arange(MOST)
    if dtype == "bool":
        return {"ones": i >= 0, "zeros": i < 0}.get(values, i % 3 == 1)
    if dtype in FLOATS + FLOATS8:
        special = [np.nan, np.inf, -np.inf, 0.0, -0.0, 3.3e38, 1e-40, -1.0, 2.5]
    else:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        special = [high, low, 0, 1, high // 2, -1 if low else 2, 3]
    return {
        "small": lambda: (i * 7 % 11 - 5) / (2 if dtype in FLOATS + FLOATS8 else 1),
        "unit": lambda: (i * 7 % 11 + 0.5) / 12,
        "zeros": lambda: i * 0,
        "ones": lambda: i * 0 + 1,
        "two": lambda: i % 2,
        "three": lambda: i * 2 % 3,
        "rising": lambda: i,
        "special": lambda: np.array(special)[i % len(special)],
    }[values]()


def _table(dtype, values):
    if (dtype, values) not in _TABLES:
        with np.errstate(all="ignore"):
            array = np.asarray(_pattern(dtype, values))
            array = array.astype("float64" if dtype in FLOATS + FLOATS8 else dtype)
        _TABLES[dtype, values] = cnn.tensor(array).to(getattr(cnn, dtype))
    return _TABLES[dtype, values]


class Sub(cnn.Tensor):
    pass


class Odd(cnn.Tensor):
    """Answers every function with what no caller expects."""

    answers = (NotImplemented, None, 1, "text", (), [[]])
    calls = 0

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        Odd.calls += 1
        return Odd.answers[Odd.calls % len(Odd.answers)]


def _dense(shape, dtype, values):
    n = 1
    for size in shape:
        n *= size
    x = _table(dtype, values)[:n].clone()
    return (x if DEVICE is None else x.to(DEVICE)).view(shape)


def _transposed(shape, dtype, values):
    x = _dense(shape[::-1], dtype, values)
    return x.permute(tuple(range(len(shape)))[::-1])


def _step(shape, dtype, values):
    if not shape:
        return _dense((3,), dtype, values)[1]
    return _dense((*shape[:-1], 2 * shape[-1]), dtype, values)[..., ::2]


def _part(shape, dtype, values):
    if not shape:
        return _dense((2, 2), dtype, values)[1, 1]
    return _dense((shape[0] + 2, *shape[1:]), dtype, values)[1:-1]


def _expanded(shape, dtype, values):
    return _dense((*shape[:-1], *(1,) * len(shape[-1:])), dtype, values).expand(shape)


def _overlapping(shape, dtype, values):
    return _dense((sum(shape) + 2,), dtype, values).as_strided(shape, (1,) * len(shape), 1)


def _pixels(shape, dtype, values):
    """Channels last, where there are channels."""
    if len(shape) < 3:
        return _dense(shape, dtype, values)
    return _dense((shape[0], *shape[2:], shape[1]), dtype, values).movedim(-1, 1)


def _numpy(shape, dtype, values):
    if dtype == "bfloat16" or dtype in FLOATS8 or DEVICE is not None:
        return _dense(shape, dtype, values)
    array = _dense(shape, dtype, values).numpy().copy()
    BUFFERS.append(array)
    return cnn.from_numpy(array)


def _meta(shape, dtype, values):
    return cnn.empty(shape, dtype=getattr(cnn, dtype), device="meta")


def _sub(shape, dtype, values):
    return _dense(shape, dtype, values).as_subclass(Sub)


def _odd(shape, dtype, values):
    return _dense(shape, dtype, values).as_subclass(Odd)


def _inference(shape, dtype, values):
    with cnn.inference_mode():
        return _dense(shape, dtype, values)


LAYOUTS = {
    "": _dense,
    "transposed": _transposed,
    "step": _step,
    "part": _part,
    "expanded": _expanded,
    "overlapping": _overlapping,
    "pixels": _pixels,
    "numpy": _numpy,
    "meta": _meta,
    "sub": _sub,
    "odd": _odd,
    "inference": _inference,
}


def T(shape=(), dtype="float32", values="small", layout="", grad=""):
    """A tensor. `grad`: "" none, "leaf", "inner" (the result of an op), "view" (of a leaf)."""
    x = LAYOUTS[layout](shape, dtype, values)
    if not grad or dtype not in FLOATS + FLOATS8 or layout == "inference":
        return x
    x.requires_grad_()
    return x if grad == "leaf" else x.clone() if grad == "inner" else x[...]


def A(shape=(), dtype="float64"):
    """An array, with strides below zero where it has two dimensions or more."""
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    return array[::-1] if len(shape) > 1 else array


class Clearing:
    """A number and a sequence that empties the list it stands in when somebody looks."""

    def __init__(self, owner, value=2):
        self.owner, self.value = owner, value

    def _clear(self):
        self.owner.clear()
        self.owner.extend(bytearray(50) for _ in range(3))
        return self.value

    __index__ = __int__ = __len__ = _clear

    def __float__(self):
        return float(self._clear())

    def __getitem__(self, i):
        if i >= self.value:
            raise IndexError
        self._clear()
        return 1.0


def clearing(*rest):
    owner = []
    owner.extend((Clearing(owner), *rest, Clearing(owner)))
    return owner


class Raising:
    """Raises whatever is asked of it."""

    def _raise(self, *args):
        raise KeyError("raised by an argument")

    __index__ = __int__ = __float__ = __len__ = __bool__ = __iter__ = __getitem__ = _raise
    __array__ = __eq__ = __hash__ = __torch_function__ = _raise


def cyclic():
    owner = [1]
    owner.append(owner)
    return owner


@functools.cache
def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def optimized(cls, *args, **kwargs):
    """Two steps of an optimizer over what it was given, and its state copied to and fro between."""
    optimizer = cls(*args, **kwargs)
    for _ in range(2):
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    p.grad = cnn.ones_like(p)
        optimizer.step(lambda: cnn.ones(()))
        optimizer.load_state_dict(optimizer.state_dict())
    repr(optimizer)
    return [p for group in optimizer.param_groups for p in group["params"]]


def scheduled(cls, *args, **kwargs):
    """Three steps of a schedule."""
    optimizer = cnn.optim.SGD([cnn.ones(2, requires_grad=True)], lr=0.1, momentum=0.9)
    schedule = cls(optimizer, *args, **kwargs)
    for _ in range(3):
        optimizer.step()
        schedule.step() if cls is not cnn.optim.lr_scheduler.ReduceLROnPlateau else schedule.step(1)
    schedule.load_state_dict(schedule.state_dict())
    return schedule.get_last_lr()
