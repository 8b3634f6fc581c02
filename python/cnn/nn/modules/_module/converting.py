"""Moving and casting all tensors of a Module."""

from __future__ import annotations

from .... import _C
from ....autograd import no_grad
from ...parameter import Parameter
from .typename import typename


class Converting:
    """The part of Module that replaces its tensors by converted ones."""

    def share_memory(self):
        """Moves all tensors into memory shared between processes; returns self."""
        return self._apply(lambda t: t.share_memory_())

    def _apply(self, fn, recurse=True):
        """Replaces every tensor t by fn(t); a parameter stays the same object where it can."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for name, param in self._parameters.items():
            if param is not None:
                self._parameters[name] = _convert_parameter(param, fn)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args, **kwargs):
        """Moves and casts: to(device), to(dtype), to(device, dtype), to(tensor).

        Only floating tensors are cast.

        Returns self. Raises TypeError for an integer dtype.
        """
        device, dtype, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                f"dtype={dtype}"
            )

        def convert(t):
            to_dtype = dtype if t.is_floating_point() or t.is_complex() else None
            try:
                if memory_format is not None and t.dim() in (4, 5):
                    return t.to(device, to_dtype, non_blocking, memory_format=memory_format)
                return t.to(device, to_dtype, non_blocking)
            except NotImplementedError as error:
                if "Cannot copy out of meta tensor; no data!" not in str(error):
                    raise
                raise NotImplementedError(
                    "Cannot copy out of meta tensor; no data! Please use "
                    "torch.nn.Module.to_empty() instead of "
                    "torch.nn.Module.to() when moving module from meta to a different device."
                ) from None

        return self._apply(convert)

    def to_empty(self, *, device, recurse=True):
        """Moves to `device` without copying: the values are uninitialized."""
        return self._apply(lambda t: _C.empty_like(t, device=device), recurse=recurse)

    def cuda(self, device=None):
        """Moves all tensors to a GPU; returns self."""
        return self._apply(lambda t: t.cuda(device))

    def cpu(self):
        """Moves all tensors to the CPU; returns self."""
        return self._apply(lambda t: t.cpu())

    def type(self, dst_type):
        """Casts all tensors to `dst_type`; returns self."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self):
        """Casts floating tensors to float32; returns self."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self):
        """Casts floating tensors to float64; returns self."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self):
        """Casts floating tensors to float16; returns self."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self):
        """Casts floating tensors to bfloat16; returns self."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)


def _parse_to(*args, **kwargs):
    """(device, dtype, non_blocking, memory_format) from the arguments of `to`."""
    names = ("device", "dtype", "non_blocking", "copy")
    first = args[0] if args else None
    if isinstance(first, _C.Tensor):
        args = (first.device, first.dtype, *args[1:])
    elif isinstance(first, _C.dtype):
        args = (None, *args)
    found = dict(zip(names, args), **kwargs)
    if "tensor" in found or "other" in found:
        other = found.pop("tensor", None)
        other = found.pop("other") if other is None else other
        found.setdefault("device", other.device)
        found.setdefault("dtype", other.dtype)
    memory_format = found.pop("memory_format", None)
    unknown = set(found).difference(names)
    if unknown or len(args) > len(names):
        given = (
            f"unexpected keyword argument '{min(unknown)}'" if unknown else f"{len(args)} arguments"
        )
        raise TypeError(f"to() received an invalid combination of arguments - got {given}")
    device, dtype = found.get("device"), found.get("dtype")
    if dtype is not None and not isinstance(dtype, _C.dtype):
        raise TypeError(f"to(): dtype must be a torch.dtype, not {typename(dtype)}")
    if device is not None:
        device = _C.device(device)
    return device, dtype, bool(found.get("non_blocking", False)), memory_format


def _convert_parameter(param, fn):
    """fn applied to a parameter and its gradient: in place of the old data where the kind of memory
    allows.
    """
    grad = param.grad
    with no_grad():
        converted = fn(param)
    if converted.is_meta == param.is_meta:
        if converted is not param:
            param.data = converted
        result = param
    else:
        result = Parameter(converted, param.requires_grad)
    if grad is not None:
        with no_grad():
            converted = fn(grad)
        if result is param and converted.is_meta == grad.is_meta:
            if converted is not grad:
                grad.data = converted
        else:
            result.grad = converted.requires_grad_(grad.requires_grad)
    return result
