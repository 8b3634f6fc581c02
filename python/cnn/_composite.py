"""Functions composed of others, where one kernel of their own would gain nothing."""

from __future__ import annotations

import builtins

from cnn import _C
from cnn._choices import combinations, tril_indices, triu_indices
from cnn._refusals import require_string
from cnn._statistics import _into, corrcoef, cov, histc, nanquantile, quantile

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_shapes",
    "cartesian_prod", "cdist", "column_stack", "combinations", "corrcoef", "cov", "cross",
    "diagflat", "diff", "dist", "dstack", "einsum", "fliplr", "flipud", "histc",
    "hstack", "inner", "is_floating_point", "is_tensor", "isin", "isreal", "kron",
    "meshgrid", "numel", "quantile", "nanquantile", "rot90", "row_stack", "tensordot", "tile",
    "tril_indices", "triu_indices", "unique", "unique_consecutive", "vstack",
]  # fmt: skip

# Those that are methods of Tensor as well.
METHODS = [
    "corrcoef", "cov", "cross", "diagflat", "diff", "dist", "fliplr", "flipud", "histc",
    "inner", "isreal", "kron", "nanquantile", "quantile", "rot90", "tile", "unique",
    "unique_consecutive",
]  # fmt: skip


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


def _dim_of(input, dim):
    """A dimension of the input's, counted from the front. IndexError where there is none."""
    n = builtins.max(input.dim(), 1)
    if not -n <= dim < n:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})"
        )
    return dim % n


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
        return t.reshape(1, 1) if t.dim() == 0 else t.unsqueeze(0) if t.dim() == 1 else t

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
    a, b = (_dim_of(input, d) for d in dims)
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


# ---- Products ----


def inner(input, other, *, out=None):
    """Sums of products over the last dimensions."""
    if input.dim() == 0 or other.dim() == 0:
        return _C.mul(input, other, out=out)
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]), out)


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
    left, right = [_dim_of(a, d) for d in left], [_dim_of(b, d) for d in right]
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


def kron(input, other, *, out=None):
    """Kronecker product."""
    n = builtins.max(input.dim(), other.dim())
    a = input.reshape((1,) * (n - input.dim()) + tuple(input.shape))
    b = other.reshape((1,) * (n - other.dim()) + tuple(other.shape))
    left = [s for d in range(n) for s in (a.shape[d], 1)]
    right = [s for d in range(n) for s in (1, b.shape[d])]
    product = a.reshape(left) * b.reshape(right)
    return _into(out, product.reshape([a.shape[d] * b.shape[d] for d in range(n)]), "kron")


def cross(input, other, dim=None, *, out=None):
    """Cross product of 3-vectors along `dim` (the first dimension of size 3 when none)."""
    if dim is None:
        dim = next((d for d, s in enumerate(input.shape) if s == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    if input.dim() != other.dim():
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    dim = _dim_of(input, dim)
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. "
            f"Got {input.shape[dim]} and {other.shape[dim]}"
        )
    if input.dtype != other.dtype:
        raise RuntimeError(f"cross: expected one dtype, but found {input.dtype} and {other.dtype}")
    if input.dtype == _C.bool:
        raise NotImplementedError("\"cross\" not implemented for 'Bool'")
    a, b = _C.broadcast_tensors(input, other)
    a1, b1 = _C.roll(a, (-1,), (dim,)), _C.roll(b, (-1,), (dim,))
    a2, b2 = _C.roll(a, (-2,), (dim,)), _C.roll(b, (-2,), (dim,))
    return _into(out, a1 * b2 - a2 * b1, "cross")


def einsum(equation, *operands):
    """Sums of products in Einstein's notation: einsum("ij,jk->ik", a, b)."""
    from cnn._einsum import einsum as run

    return run(equation, *operands)


# ---- Distances ----


def dist(input, other, p=2):
    """The p-norm of input - other."""
    return (input - other).norm(p)


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
    from cnn.autograd import Function

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


def diff(input, n=1, dim=-1, prepend=None, append=None, *, out=None):
    """Differences of neighbours along `dim`, n times."""
    if input.dim() == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    if n == 0:  # nothing is put before or behind it either
        return _into(out, input.clone(), "diff")
    parts = [t for t in (prepend, input, append) if t is not None]
    x = _C.cat(parts, dim) if len(parts) > 1 else input
    for _ in range(builtins.min(n, x.shape[dim])):
        size = x.shape[dim]
        if size == 0:
            break
        high, low = x.narrow(dim, 1, size - 1), x.narrow(dim, 0, size - 1)
        x = high ^ low if x.dtype == _C.bool else high - low
    return _into(out, x, "diff")


def isin(elements, test_elements, *, assume_unique=False, invert=False, out=None):
    """Is each element among test_elements?"""
    elements = elements if is_tensor(elements) else _C.tensor(elements)
    tests = test_elements if is_tensor(test_elements) else _C.tensor(test_elements)
    if _C.bool in (elements.dtype, tests.dtype):
        raise RuntimeError("Unsupported input type encountered for isin(): Bool")
    found = (elements.unsqueeze(-1) == tests.reshape(-1)).any(-1)
    return _into(out, ~found if invert else found, "isin")


# ---- Unique ----


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
    dim = _dim_of(input, dim)
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
