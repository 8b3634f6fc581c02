"""The functions that PyTorch keeps in `torch.functional`: shapes, products, distances, distinct
values."""

from __future__ import annotations

import builtins

from . import _C, _absent, _faces
from ._C import broadcast_tensors, norm, split
from ._refusals import dim_of, require_string

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_shapes",
    "broadcast_tensors", "cartesian_prod", "cdist", "einsum", "meshgrid", "norm", "split",
    "tensordot", "unique", "unique_consecutive", "unravel_index",
]  # fmt: skip

# Those that are methods of Tensor as well.
METHODS = ["unique", "unique_consecutive"]


# ---- Shapes ----


def broadcast_shapes(*shapes):
    """The shape that tensors of these shapes broadcast to. RuntimeError when they do not."""
    if any(s < 0 for shape in shapes for s in ((shape,) if isinstance(shape, int) else shape)):
        raise ValueError("Attempting to broadcast a dimension with negative length!")
    probes = [_C.empty((s,) if isinstance(s, int) else tuple(s), device="meta") for s in shapes]
    return _C.broadcast_tensors(*probes)[0].shape if probes else _C.Size([])


def _atleast(tensors, widen):
    if len(tensors) == 1:
        first = tensors[0]
        if isinstance(first, (list, tuple)):
            return tuple(widen(t) for t in first)
        return widen(first)
    return tuple(widen(t) for t in tensors)


def atleast_1d(*tensors):
    """0-d tensors become 1-d."""
    return _atleast(tensors, lambda t: t.reshape(1) if t.dim() == 0 else t)


def atleast_2d(*tensors):
    """Tensors of fewer dimensions get leading ones."""

    def widen(t):
        if t.dim() == 0:
            return t.reshape(1, 1)
        return t.unsqueeze(0) if t.dim() == 1 else t

    return _atleast(tensors, widen)


def atleast_3d(*tensors):
    """Tensors of fewer dimensions get ones around, as NumPy places them."""

    def widen(t):
        if t.dim() == 0:
            return t.reshape(1, 1, 1)
        if t.dim() == 1:
            return t.unsqueeze(0).unsqueeze(-1)
        return t.unsqueeze(-1) if t.dim() == 2 else t

    return _atleast(tensors, widen)


def block_diag(*tensors):
    """The matrices along the diagonal of a larger one."""
    for i, t in enumerate(tensors):
        if t.dim() > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. "
                f"Input {i} has {t.dim()} dimensions"
            )
    blocks = [atleast_2d(t) for t in tensors]
    columns = sum(b.shape[1] for b in blocks)
    out, done = [], 0
    for b in blocks:
        out.append(_C.constant_pad_nd(b, (done, columns - done - b.shape[1])))
        done += b.shape[1]
    return _C.cat(out, 0) if out else _C.empty(1, 0)


def meshgrid(*tensors, indexing=None):
    """One grid a vector; `indexing` "ij" (the default) or "xy" (the first two exchanged)."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if indexing is None:
        import warnings

        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing "
            "argument.",
            stacklevel=2,
        )
        indexing = "ij"
    require_string("meshgrid", "indexing", indexing)
    if indexing not in ("ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for i, t in enumerate(tensors):
        if not isinstance(t, _C.Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}"
            )
        if t.dim() > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t.dim()}"
            )
        if t.dtype != tensors[0].dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    swapped = indexing == "xy" and len(tensors) >= 2
    order = [1, 0, *range(2, len(tensors))] if swapped else list(range(len(tensors)))
    vectors = [tensors[i].reshape(-1) for i in order]
    shape = [v.numel() for v in vectors]
    grids = []
    for i, v in enumerate(vectors):
        view = [1] * len(shape)
        view[i] = shape[i]
        grids.append(v.view(view).expand(shape))
    return tuple(grids[i] for i in order)


def cartesian_prod(*tensors):
    """All combinations, one row each."""
    if len(tensors) == 1:
        return tensors[0]
    return _C.stack([g.reshape(-1) for g in meshgrid(*tensors, indexing="ij")], 1)


def unravel_index(indices, shape):
    """Places in a tensor of that shape, a tensor for each dimension, of indices into its flattened
    form."""
    from collections.abc import Sequence

    if indices.is_floating_point() or indices.is_complex() or indices.dtype == _C.bool:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    if not isinstance(shape, (int, Sequence)):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {type(shape)}")
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    for size in shape:
        if not isinstance(size, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(size)}")
    if any(size < 0 for size in shape):
        raise ValueError(f"'shape' cannot have negative values, but got {shape}")
    places, rest = [], indices.long()
    for size in reversed(shape):
        places.append(rest % size)
        rest = _C.floor_divide(rest, size)
    return tuple(reversed(places))


# ---- Products ----


def tensordot(a, b, dims=2, out=None):
    """Sums of products over `dims`: the last n of a with the first n of b, or two lists."""
    if out is not None:
        return _C._copy_out(tensordot(a, b, dims), "tensordot", out)
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > builtins.min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        left, right = list(range(a.dim() - dims, a.dim())), list(range(dims))
    else:
        left, right = ([d] if isinstance(d, int) else list(d) for d in dims)
    if len(left) != len(right):
        raise RuntimeError("both dimension lists should have same length")
    if a.dtype != b.dtype:
        raise RuntimeError("both inputs should have same dtype")
    left, right = [dim_of(a, d) for d in left], [dim_of(b, d) for d in right]
    for i, j in zip(left, right):  # a dimension of size 1 meets all of the other's
        if a.shape[i] == 1:
            b = b.sum(j, keepdim=True, dtype=b.dtype)
        elif b.shape[j] == 1:
            a = a.sum(i, keepdim=True, dtype=a.dtype)
        elif a.shape[i] != b.shape[j]:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} "
                f"and second has size {b.shape[j]} in dim {j}"
            )
    free_a = [d for d in range(a.dim()) if d not in left]
    free_b = [d for d in range(b.dim()) if d not in right]
    n = 1
    for d in left:
        n *= a.shape[d]
    shape = [a.shape[d] for d in free_a] + [b.shape[d] for d in free_b]
    rows = columns = 1
    for d in free_a:
        rows *= a.shape[d]
    for d in free_b:
        columns *= b.shape[d]
    x = a.permute(free_a + left).reshape(rows, n)
    y = b.permute(right + free_b).reshape(n, columns)
    return _C.mm(x, y).reshape(shape)


def einsum(equation, *operands):
    """Sums of products in Einstein's notation: einsum("ij,jk->ik", a, b)."""
    from ._einsum import einsum as run

    return run(equation, *operands)


# ---- Distances ----


_COMPUTE_MODES = (
    "use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)  # fmt: skip


def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """[..., m, n]: p-norm distances between the rows of x1 [..., m, d] and x2 [..., n, d]."""
    if x1.dim() < 2 or x2.dim() < 2:
        which = "X1" if x1.dim() < 2 else "X2"
        bad = x1 if x1.dim() < 2 else x2
        raise RuntimeError(f"cdist only supports at least 2D tensors, {which} got: {bad.dim()}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    for name, x in (("X1", x1), ("X2", x2)):
        if not x.is_floating_point():
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {x.dtype}")
    if not p >= 0:
        raise RuntimeError("cdist only supports non-negative p values")
    if compute_mode not in _COMPUTE_MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    return _lengths(x1.unsqueeze(-2) - x2.unsqueeze(-3), p)


def _lengths(difference, p):
    """p-norms along the last dimension, with the gradients that distances have in PyTorch.

    p = inf: the gradient is not shared among equally large elements; p = 0: zeros, not None.
    """
    if p not in (0, float("inf")) or not difference.requires_grad:
        return difference.norm(p, -1)
    from .autograd import Function

    class Lengths(Function):
        @staticmethod
        def forward(ctx, d):
            y = d.norm(p, -1)
            ctx.save_for_backward(d, y)
            return y

        @staticmethod
        def backward(ctx, g):
            d, y = ctx.saved_tensors
            if p == 0:
                return _C.zeros_like(d)
            return g.unsqueeze(-1) * d.sign() * (d.abs() == y.unsqueeze(-1))

    return Lengths.apply(difference)


# ---- Distinct values ----


def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements, ascending; where each is (`inverse`), how often it is (`counts`)."""
    if dim is not None:
        return _unique_slices(input, dim, return_inverse, return_counts, consecutive=False)
    values, order = _C.sort(input.detach().reshape(-1), dim=0, stable=True)
    return _runs(values, order, input.shape, return_inverse, return_counts)


def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The elements without immediate repetitions."""
    if dim is not None:
        return _unique_slices(input, dim, return_inverse, return_counts, consecutive=True)
    return _runs(input.detach().reshape(-1), None, input.shape, return_inverse, return_counts)


def _runs(values, order, shape, return_inverse, return_counts):
    n = values.numel()
    starts = _C.ones(n, dtype=_C.bool, device=values.device)
    if n > 1:
        starts[1:] = values[1:] != values[:-1]
    result = values[starts]
    if not (return_inverse or return_counts):
        return result
    number = starts.long().cumsum(0) - 1
    out = [result]
    if return_inverse:
        inverse = number if order is None else _C.empty_like(number).index_put((order,), number)
        out.append(inverse.reshape(shape))
    if return_counts:
        out.append(_C.bincount(number, minlength=result.numel()))
    return tuple(out)


def _unique_slices(input, dim, return_inverse, return_counts, consecutive):
    if input.dim() == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    dim = dim_of(input, dim)
    rows = input.detach().movedim(dim, 0)
    empty = sum(size == 0 for size in input.shape)
    if empty > 1:
        raise RuntimeError(
            "Number of zero sized dimensions is more than one, so unique cannot be applied "
        )
    if empty == 1 and input.size(dim) != 0:
        raise RuntimeError(
            "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"
        )
    keys = [tuple(r.reshape(-1).tolist()) for r in rows.unbind(0)]
    places = list(range(len(keys)))
    if not consecutive:
        places.sort(key=keys.__getitem__)
    firsts, inverse, counts = [], [0] * len(keys), []
    for i, at in enumerate(places):
        if i == 0 or keys[at] != keys[places[i - 1]]:
            firsts.append(at)
            counts.append(0)
        inverse[at] = len(firsts) - 1
        counts[-1] += 1
    result = rows[_C.tensor(firsts, dtype=_C.int64)].movedim(0, dim)
    out = [result]
    if return_inverse:
        out.append(_C.tensor(inverse, dtype=_C.int64, device=input.device))
    if return_counts:
        out.append(_C.tensor(counts, dtype=_C.int64, device=input.device))
    return tuple(out) if len(out) > 1 else result


for _function in (broadcast_tensors, norm, split):
    _function.__module__ = __name__  # of the core, under the path that PyTorch has

_faces.let_override(globals(), __all__)
_absent.explain(__name__)
