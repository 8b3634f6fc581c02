"""Python functions called element by element; what a dense tensor says of its layout."""

from __future__ import annotations

import builtins

from .. import _C, _absent


def _check_elementwise(name, tensors):
    if any(t.requires_grad for t in tensors):
        raise RuntimeError(
            f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() "
            "instead."
        )
    self = tensors[0]
    for t in tensors:
        if t.device.type not in ("cpu", "meta"):
            raise TypeError(f"{name}() is only implemented on CPU tensors")
        if t.dtype != self.dtype:
            raise TypeError(f"{name}: expected {self.type()} for its argument (got {t.type()})")


def _call_elementwise(name, self, others, callable):
    _check_elementwise(name, (self, *others))
    if not builtins.callable(callable):
        raise TypeError(f"'{type(callable).__name__}' object is not callable")
    others = [t.expand(self.shape) for t in others]
    if self.is_meta or self.numel() == 0:
        return self
    columns = [t.reshape(-1).tolist() for t in (self, *others)]
    if self.is_floating_point():
        values = [float(callable(*row)) for row in zip(*columns)]
    else:
        values = [callable(*row) for row in zip(*columns)]
    return self.copy_(_C.tensor(values, dtype=self.dtype).reshape(self.shape))


def apply_(self, callable):
    """Each element x becomes callable(x). For tensors on the CPU; slow."""
    return _call_elementwise("apply_", self, (), callable)


def map_(self, other, callable):
    """Each element x becomes callable(x, y), with y of `other`. For tensors on the CPU; slow."""
    return _call_elementwise("map_", self, (other,), callable)


def map2_(self, x, y, callable):
    """Each element becomes callable of itself and those of x and y. For the CPU; slow."""
    return _call_elementwise("map2_", self, (x, y), callable)


def dim_order(self, *, ambiguity_check=False):
    """The dimensions from the outermost in memory to the innermost.

    With `ambiguity_check`, or a list of memory formats to choose from, RuntimeError where several
    orders fit.
    """
    formats = ambiguity_check if isinstance(ambiguity_check, list) else None
    if not isinstance(ambiguity_check, (bool, list)):
        raise TypeError("The ambiguity_check argument must be a bool or a list of memory formats.")
    order, ambiguous = _order(self)
    if formats is not None:
        fitting = [f for f in formats if self.is_contiguous(memory_format=f)]
        ambiguous = len(fitting) != 1
    if ambiguity_check is not False and ambiguous:
        raise RuntimeError(
            "The tensor does not have unique dim order, or cannot map to exact one of the given "
            "memory formats."
        )
    return order


def _order(x):
    """(order, do several fit?): sorted by strides, and by sizes where those are equal."""
    ambiguous = False
    order = list(range(x.dim()))[::-1]  # from the innermost

    def swapped(a, b):
        nonlocal ambiguous
        before, after = x.stride(a), x.stride(b)
        if before == 0 or after == 0 or before == after:
            ambiguous |= x.shape[a] == 1 or x.shape[b] == 1 or before == after
        if before == 0 or after == 0:
            return 0
        if before != after:
            return 1 if before > after else -1
        return 1 if x.shape[a] > x.shape[b] else 0

    for i in range(1, len(order)):
        at = i
        for earlier in range(i - 1, -1, -1):
            way = swapped(order[earlier], order[at])
            if way > 0:
                order[at], order[earlier] = order[earlier], order[at]
                at = earlier
            elif way < 0:
                break
    return tuple(reversed(order)), ambiguous


def is_nonzero(input):
    """Is the one element other than 0?"""
    if not isinstance(input, _C.Tensor):
        raise TypeError(
            "is_nonzero(): argument 'input' (position 1) must be Tensor, not "
            f"{type(input).__name__}"
        )
    if input.numel() != 1:
        how = "no values" if input.numel() == 0 else "more than one value"
        raise RuntimeError(f"Boolean value of Tensor with {how} is ambiguous")
    return bool(input.item())


def to_dense(self, dtype=None, *, masked_grad=None):
    """The tensor itself, which is dense; or of another dtype."""
    return self if dtype is None else self.to(dtype)


def dequantize(input):
    """The tensor itself, in float32: it is not quantized. Of a list, each of its tensors."""
    if isinstance(input, (list, tuple)):
        return tuple(dequantize(t) for t in input)
    return input.to(_C.float32)


def dense_dim(input):
    """The number of dimensions: all are dense."""
    return input.dim()


def sparse_dim(input):
    """0: no dimension is sparse."""
    return 0


def is_distributed(input):
    """False."""
    return False


def reinforce(self, reward):
    """RuntimeError: it was removed from PyTorch. Use cnn.distributions."""
    raise RuntimeError(
        "reinforce() was removed.\nUse torch.distributions instead: with m = Categorical(probs) "
        "and action = m.sample(), the loss is -m.log_prob(action) * reward."
    )


def record_stream(self, s):
    """Keeps the memory until the stream has done all it was asked for when the tensor is freed.

    For a tensor that is used on another stream than the one it was made on.
    """
    if not self.is_cuda:
        raise NotImplementedError(
            f"Could not run 'aten::record_stream' with arguments from the '{self.device.type}' "
            "backend: there are no streams"
        )
    from .. import _C
    from ..cuda import Stream

    if not isinstance(s, Stream):
        raise TypeError(f"record_stream(): argument 's' must be Stream, not {type(s).__name__}")
    _C._cuda_keep_for_stream(self, s.stream_id)


def module_load(self, other, assign=False):
    """What a module's parameter becomes when `other` is loaded into it: other, or self's copy."""
    if assign:
        return other.detach()
    return self.detach().copy_(other)


# Methods that tensors of other layouts have: the layout that they expect.
_OF_LAYOUTS = {
    "coalesce": "sparse coordinate", "indices": "sparse coordinate",
    "is_coalesced": "sparse coordinate", "values": "sparse",
    "crow_indices": "sparse row compressed", "col_indices": "sparse row compressed",
    "ccol_indices": "sparse column compressed", "row_indices": "sparse column compressed",
}  # fmt: skip
_OF_QUANTIZED = """
    int_repr q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point
    qscheme
""".split()
_OF_DEVICES = {"ipu": "IPU", "mtia": "MTIA", "xpu": "XPU"}


def _refusing(name, kind, text):
    def method(self, *args, **kwargs):
        raise kind(text)

    method.__name__, method.__qualname__ = name, f"Tensor.{name}"
    method.__doc__ = f"{kind.__name__}: {text}."
    return method


def refusing_methods():
    """Methods that every dense tensor refuses: {name: function}."""
    methods = {
        name: _refusing(
            name, RuntimeError, f"{name} expected {layout} tensor layout but got Strided"
        )
        for name, layout in _OF_LAYOUTS.items()
    }
    for name in _OF_QUANTIZED:
        text = f"'aten::{name}' is of quantized tensors: {_absent.sentence(name)}"
        methods[name] = _refusing(name, NotImplementedError, text)
    for name, device in _OF_DEVICES.items():
        methods[name] = _refusing(name, AssertionError, f"not compiled with {device} enabled")
    return methods
