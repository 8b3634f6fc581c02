"""finfo and iinfo: the limits of a dtype."""

from __future__ import annotations

from . import _C

__all__ = ["finfo", "iinfo"]


class _Info:
    """Attributes that are set once. Equal when the dtypes are."""

    __slots__ = ("bits", "dtype", "max", "min")
    bits: int
    dtype: str

    def _set(self, **values):
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name, value):
        raise AttributeError(
            f"attribute '{name}' of '{type(self).__name__}' objects is not writable"
        )

    def __eq__(self, other):
        return self.dtype == other.dtype if type(other) is type(self) else NotImplemented

    def __hash__(self):
        return hash((type(self), self.dtype))

    def __reduce__(self):
        return type(self), (getattr(_C, self.dtype),)

    def _check(self, dtype):
        if not isinstance(dtype, _C.dtype):
            raise TypeError(
                f"{type(self).__name__}(): argument 'type' (position 1) must be torch.dtype, not "
                f"{type(dtype).__name__}"
            )


# Bits, those of the fraction, exponents of the largest and the smallest normal number, resolution.
_FLOATS = {
    _C.float64: (64, 52, 1023, -1022, 1e-15),
    _C.float32: (32, 23, 127, -126, 1e-6),
    _C.float16: (16, 10, 15, -14, 1e-3),
    _C.bfloat16: (16, 7, 127, -126, 1e-2),
}
_INTS = {_C.uint8: 8, _C.int8: 8, _C.int16: 16, _C.int32: 32, _C.int64: 64}
_INTS |= {_C.uint16: 16, _C.uint32: 32, _C.uint64: 64}

# Of floats of 8 bits: spacing at 1, largest, smallest, smallest normal number.
_FLOATS8 = {
    _C.float8_e4m3fn: (2.0**-3, 448.0, -448.0, 2.0**-6),
    _C.float8_e5m2: (2.0**-2, 57344.0, -57344.0, 2.0**-14),
    _C.float8_e4m3fnuz: (2.0**-3, 240.0, -240.0, 2.0**-7),
    _C.float8_e5m2fnuz: (2.0**-3, 57344.0, -57344.0, 2.0**-15),
    _C.float8_e8m0fnu: (1.0, 2.0**127, 2.0**-127, 2.0**-127),
}


class finfo(_Info):
    """finfo(dtype=None): limits of a floating-point dtype."""

    __slots__ = ("eps", "resolution", "smallest_normal", "tiny")
    max: float
    min: float
    eps: float
    resolution: float
    smallest_normal: float
    tiny: float

    def __init__(self, type=None):
        dtype = _C.get_default_dtype() if type is None else type
        self._check(dtype)
        if dtype in _FLOATS8:
            eps, largest, smallest, tiny = _FLOATS8[dtype]
            self._set(bits=8, dtype=_name(dtype), eps=eps, max=largest, min=smallest)
            self._set(tiny=tiny, smallest_normal=tiny, resolution=1.0)
            return
        if dtype not in _FLOATS:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
                f"'{dtype}'"
            )
        bits, fraction, high, low, resolution = _FLOATS[dtype]
        eps = 2.0**-fraction
        largest = (2 - eps) * 2.0**high
        self._set(bits=bits, dtype=_name(dtype), eps=eps, max=largest, min=-largest)
        self._set(tiny=2.0**low, smallest_normal=2.0**low, resolution=resolution)

    def __repr__(self):
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        limits = ", ".join(f"{name}={getattr(self, name):g}" for name in names)
        return f"finfo({limits}, dtype={self.dtype})"


class iinfo(_Info):
    """iinfo(dtype): limits of an integer dtype."""

    __slots__ = ()
    max: int
    min: int

    def __init__(self, type):
        self._check(type)
        if type in _FLOATS or type in _FLOATS8:
            raise TypeError(
                f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type}'"
            )
        if type not in _INTS:
            raise TypeError(f"{type} is not supported by torch.iinfo")
        bits = _INTS[type]
        low = -(2 ** (bits - 1)) if type.is_signed else 0
        self._set(bits=bits, dtype=_name(type), min=low, max=low + 2**bits - 1)

    def __repr__(self):
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


def _name(dtype):
    return str(dtype).removeprefix("torch.")


finfo.__module__ = iinfo.__module__ = "cnn"  # where users and pickles find them
