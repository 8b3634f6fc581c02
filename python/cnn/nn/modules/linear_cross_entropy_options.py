"""How linear_cross_entropy parts its work."""

from __future__ import annotations

from ... import _C

__all__ = [
    "LinearCrossEntropyOptions",
]


class LinearCrossEntropyOptions:
    """The batch in parts of `batch_chunk_size` rows, or of as many as `chunking_method` finds:
    "aspect_ratio" makes the logits of a part about as large as the input, "aspect_ratio:N" an N-th
    of that. The logits of one part exist at a time, and are made again for the gradient.

    Sums are in float32 or wider whatever `acc_policy` and `acc_dtype` say, and backward may run
    again with or without `allow_retain_graph`.
    """

    __slots__ = (
        "allow_retain_graph",
        "batch_chunk_size",
        "chunking_method",
        "acc_policy",
        "acc_dtype",
    )

    def __init__(
        self,
        allow_retain_graph=False,
        batch_chunk_size=None,
        chunking_method="auto",
        acc_policy="auto",
        acc_dtype=None,
    ):
        fields = allow_retain_graph, batch_chunk_size, chunking_method, acc_policy, acc_dtype
        for name, value in zip(self.__slots__, fields, strict=True):
            object.__setattr__(self, name, value)
        if self.acc_policy not in ("auto", "accurate", "balanced", "compact"):
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        if self.chunking_method not in (None, "auto"):
            name, colon, factor = self.chunking_method.partition(":")
            divides = not colon or (factor.isdigit() and int(factor) > 0)
            if name != "aspect_ratio" or not divides:
                raise ValueError(f"invalid chunking_method: {self.chunking_method!r}")
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")
        if self.acc_dtype not in (None, _C.float16, _C.bfloat16, _C.float32, _C.float64):
            raise ValueError(
                "acc_dtype must be one of {None, torch.float16, torch.bfloat16, torch.float32, "
                f"torch.float64}}, got {self.acc_dtype!r}. Pass acc_dtype=None to let the op pick "
                "automatically."
            )

    def _fields(self):
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setattr__(self, name, value):
        raise AttributeError(f"cannot assign to field {name!r}")

    def __delattr__(self, name):
        raise AttributeError(f"cannot delete field {name!r}")

    def __eq__(self, other):
        return self._fields() == other._fields() if type(other) is type(self) else NotImplemented

    def __hash__(self):
        return hash(self._fields())

    def __reduce__(self):
        return type(self), self._fields()

    def __repr__(self):
        named = (f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({', '.join(named)})"

    def _rows_at_once(self, batch, features, classes, dtype):
        """How many rows of the batch one part has."""
        method, given = self.chunking_method, self.batch_chunk_size
        if method == "auto" and given is not None:
            method = None
        elif method == "auto":
            halves = dtype in (_C.float16, _C.bfloat16)
            method = "aspect_ratio" if halves else "aspect_ratio:2"
        if method is None:
            return max(1, batch if given is None else min(given, batch))
        target = -(-batch // max(1, -(-classes // features)))
        factor = int(method.partition(":")[2] or 1)
        size = min((1 << max(target - 1, 0).bit_length()) // factor, batch)
        if given is not None and given != size:
            raise ValueError(
                f"batch_chunk_size (={given}) and chunking_method ('{method}') give different "
                f"chunk sizes ({given} vs {size}); pass only one."
            )
        return max(1, size)
