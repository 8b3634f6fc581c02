"""`vmap`: a function of one slice as a function of a batch. It is called once for each slice."""

from __future__ import annotations

import functools

from .. import _C
from ..random import _set_states, _states
from ..utils._pytree import _broadcast_to_and_flatten, tree_flatten, tree_map_, tree_structure

_RANDOM = (
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
    "'different' randomness flags on vmap or perform the randomness operation out of vmap"
)


def vmap(func, in_dims=0, out_dims=0, randomness="error", *, chunk_size=None):
    """A function that calls `func` with each slice of its arguments, and stacks the results.

    It is a loop: as fast as one, and each call sees plain tensors, so that branches on values and
    `item()` work. `in_dims` says along which dimension arguments are cut, None for those that every
    call gets whole, in the structure of the arguments or a prefix of it; every call gets keyword
    arguments whole. `out_dims` says where the results' new dimension is, None for results that are
    taken from the first call. Calls nest, with each other and with `grad`.

    `randomness`: "error" raises where a slice draws random numbers, "different" lets every slice
    draw its own, "same" gives all of them the same. `chunk_size` changes nothing.

    >>> vmap(lambda row: row.sum())(ones(2, 3))
    tensor([3., 3.])
    """
    _check_randomness_arg(randomness)
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        return vmap_impl(func, in_dims, out_dims, randomness, chunk_size, *args, **kwargs)

    return wrapped


def _check_randomness_arg(randomness):
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )


def _get_name(func):
    if isinstance(func, functools.partial):
        return f"functools.partial({_get_name(func.func)}, ...)"
    return getattr(func, "__name__", None) or repr(func)


def vmap_impl(func, in_dims, out_dims, randomness, chunk_size, *args, **kwargs):
    """`vmap(func, ...)(*args, **kwargs)`."""
    if not isinstance(out_dims, int):
        _check_out_dims(out_dims, func)
    size, dims, flat, spec = _process_batched_inputs(in_dims, args, func)

    def call(i):
        parts = [v if d is None else _slice(v, d, i) for v, d in zip(flat, dims)]
        return func(*spec.unflatten(parts), **kwargs)

    rows = _rows(call, size, randomness)
    return _stack(rows, size, out_dims, func)


def _slice(value, dim, i):
    if value.shape[dim] == 0:  # of an empty batch: zeros, to see what comes of them
        return value.new_zeros(value.shape[:dim] + value.shape[dim + 1 :])
    return value.select(dim, i)


def _rows(call, size, randomness):
    """The results of all slices; of one that is not there, for an empty batch."""
    before = _states()
    rows = []
    for i in range(max(size, 1)):
        if randomness == "same" and i:
            _set_states(before)
        rows.append(call(i))
        if randomness == "error" and not i and _drawn_since(before):
            _set_states(before)
            raise RuntimeError(_RANDOM)
    if randomness == "error" and _drawn_since(before):
        _set_states(before)
        raise RuntimeError(_RANDOM)
    if not size:
        _set_states(before)
    return rows


def _drawn_since(states):
    return not all(map(_C.equal, states, _states()))


def _stack(rows, size, out_dims, func):
    flat = [tree_flatten(row)[0] for row in rows]
    spec, name = tree_structure(rows[0]), _get_name(func)
    if isinstance(rows[0], _C.Tensor) and isinstance(out_dims, tuple) and len(out_dims) == 1:
        dims = list(out_dims)
    else:
        dims = _broadcast_to_and_flatten(out_dims, spec)
    if dims is None or (isinstance(rows[0], _C.Tensor) and isinstance(dims[0], (tuple, list))):
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with "
            f"the structure of `outputs`. out_dims has structure {tree_structure(out_dims)} but "
            f"outputs has structure {spec}."
        )
    stacked = []
    for values, dim in zip(zip(*flat), dims):
        if dim is None:
            stacked.append(values[0])
            continue
        if not isinstance(values[0], _C.Tensor):
            raise ValueError(
                f"vmap({name}, ...): `{name}` must only return Tensors, got type "
                f"{type(values[0])}. Did you mean to set out_dims= to None for output?"
            )
        if size:
            stacked.append(_C.stack(values, dim))
        else:
            shape = list(values[0].shape)
            shape.insert(dim % (len(shape) + 1), 0)
            stacked.append(values[0].new_empty(shape))
    return spec.unflatten(stacked)


def _check_out_dims(out_dims, func):
    def check(x):
        if x is not None and not isinstance(x, int):
            raise ValueError(
                f"vmap({_get_name(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, "
                "None or a python collection of ints representing where in the outputs the vmapped "
                "dimension should appear."
            )

    tree_map_(check, out_dims)


def _process_batched_inputs(in_dims, args, func):
    """(size of the batch, the dimension of each leaf, the leaves, their structure)."""
    head = f"vmap({_get_name(func)}, in_dims={in_dims}, ...)(<inputs>): "
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{head}expected `in_dims` to be int or a (potentially nested) tuple matching the "
            f"structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({_get_name(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or "
            "you are trying to vmap over a function with no inputs. The latter is unsupported."
        )
    flat, spec = tree_flatten(args)
    dims = _broadcast_to_and_flatten(in_dims, spec)
    if dims is None:
        raise ValueError(
            f"{head}in_dims is not compatible with the structure of `inputs`. in_dims has "
            f"structure {tree_structure(in_dims)} but inputs has structure {spec}."
        )
    for i, (arg, dim) in enumerate(zip(flat, dims)):
        if dim is None:
            continue
        if not isinstance(dim, int):
            raise ValueError(
                f"{head}Got in_dim={dim} for an input but in_dim must be either an integer "
                "dimension or None."
            )
        if not isinstance(arg, _C.Tensor):
            raise ValueError(
                f"{head}Got in_dim={dim} for an input but the input is of type {type(arg)}. We "
                "cannot vmap over non-Tensor arguments, please use None as the respective in_dim"
            )
        if not -arg.dim() <= dim < arg.dim():
            raise ValueError(
                f"{head}Got in_dim={dim} for some input, but that input is a Tensor of "
                f"dimensionality {arg.dim()} so expected in_dim to satisfy -{arg.dim()} <= in_dim "
                f"< {arg.dim()}."
            )
        dims[i] = dim % arg.dim()
    sizes = [arg.shape[dim] for arg, dim in zip(flat, dims) if dim is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if any(size != sizes[0] for size in sizes):
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    return sizes[0], dims, flat, spec
