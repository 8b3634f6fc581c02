"""Stacks, repetitions, reflections and rotations; what a tensor is."""

from __future__ import annotations

from .. import _C
from .._refusals import dim_of
from ..functional import atleast_1d, atleast_2d, atleast_3d


def _stackable(tensors, op):
    """What a stack is made of: a list of tensors, not an empty one."""
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"{op}(): argument 'tensors' (position 1) must be tuple of Tensors, not "
            f"{type(tensors).__name__}"
        )
    tensors = list(tensors)
    for i, t in enumerate(tensors):
        if not isinstance(t, _C.Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}"
            )
    if not tensors:
        raise RuntimeError(f"{op} expects a non-empty TensorList")
    return tensors


def hstack(tensors, *, out=None):
    """Joined side by side: along dimension 1, or 0 for vectors."""
    tensors = atleast_1d(_stackable(tensors, "hstack"))
    return _C.cat(list(tensors), 0 if tensors[0].dim() == 1 else 1, out=out)


def vstack(tensors, *, out=None):
    """Joined one above the other, along dimension 0."""
    return _C.cat(list(atleast_2d(_stackable(tensors, "vstack"))), 0, out=out)


row_stack = vstack


def dstack(tensors, *, out=None):
    """Joined in depth, along dimension 2."""
    return _C.cat(list(atleast_3d(_stackable(tensors, "dstack"))), 2, out=out)


def column_stack(tensors, *, out=None):
    """Vectors as columns, joined along dimension 1."""
    tensors = _stackable(tensors, "column_stack")
    return hstack([t.reshape(t.numel(), 1) if t.dim() <= 1 else t for t in tensors], out=out)


def tile(input, dims):
    """`repeat`, with the missing leading counts taken as 1."""
    if not isinstance(dims, (list, tuple)):
        raise TypeError(
            f"tile(): argument 'dims' (position 2) must be tuple of ints, not {type(dims).__name__}"
        )
    return input.repeat((1,) * (input.dim() - len(dims)) + tuple(dims))


def fliplr(input):
    """Columns in reverse order."""
    if input.dim() < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return _C.flip(input, (1,))


def flipud(input):
    """Rows in reverse order."""
    if input.dim() < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return _C.flip(input, (0,))


def rot90(input, k=1, dims=(0, 1)):
    """Turned by k quarter turns in the plane of `dims`, from the first towards the second."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.dim() < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.dim()}")
    a, b = (dim_of(input, d) for d in dims)
    if a == b:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {a} and dim1 = {b}"
        )
    k = k % 4  # not in place: k may be a tensor
    if k == 0:
        return input.clone()
    if k == 2:
        return _C.flip(input, (a, b))
    return _C.flip(input.transpose(a, b), (a,) if k == 1 else (b,))


def diagflat(input, offset=0):
    """A matrix with the flattened input on a diagonal."""
    return _C.diag_embed(input.reshape(-1), offset)


def is_tensor(obj):
    """Is it a Tensor, of any class?"""
    return isinstance(obj, _C.Tensor)


def is_floating_point(input):
    """Is its dtype one of the floating-point dtypes?"""
    return input.dtype.is_floating_point


def numel(input):
    """The number of elements."""
    return input.numel()


def isreal(input):
    """True everywhere: there are no complex dtypes."""
    return _C.ones_like(input, dtype=_C.bool)
