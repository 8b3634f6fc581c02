"""Turning a list of samples into a batch."""

import copy
import re
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence

from .... import _C
from ...._C import Tensor

# What arrays of strings and objects have in their dtype's text.
np_str_obj_array_pattern = re.compile(r"[SaUO]")
default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def default_collate(batch):
    """Stack a list of samples along a new first dimension.

    Tensors, arrays and numbers become one tensor (floats one of float64, ints of int64); dicts,
    lists and tuples are batched by item and keep their kind, tuples as lists, namedtuples as they
    are; strings and bytes stay a list. Raises TypeError for anything else, and RuntimeError when
    samples differ in shape or length.
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def collate(batch, *, collate_fn_map=None):
    """`default_collate` with a function of one's own for each type in `collate_fn_map`."""
    first = batch[0]
    kind = type(first)
    if collate_fn_map is not None:
        if kind in collate_fn_map:
            return collate_fn_map[kind](batch, collate_fn_map=collate_fn_map)
        for known, function in collate_fn_map.items():
            if isinstance(first, known):
                return function(batch, collate_fn_map=collate_fn_map)
        if kind.__module__ == "numpy":
            # By name, so that NumPy need not be imported for batches without arrays.
            array = kind.__name__ == "ndarray"
            of_numpy = collate_numpy_array_fn if array else collate_numpy_scalar_fn
            return of_numpy(batch, collate_fn_map=collate_fn_map)

    def again(samples):
        return collate(samples, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return _rebuild_mapping(first, {key: again([d[key] for d in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*(again(samples) for samples in zip(*batch, strict=False)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = [again(samples) for samples in zip(*batch, strict=True)]
        return columns if isinstance(first, tuple) else _rebuild_sequence(first, columns)
    raise TypeError(default_collate_err_msg_format.format(kind))


def default_convert(data):
    """Turn arrays and NumPy numbers, at any depth, into tensors; leave the rest as it is."""
    kind = type(data)
    if isinstance(data, Tensor):
        return data
    if kind.__module__ == "numpy" and kind.__name__ != "str_":
        if kind.__name__ == "ndarray" and _holds_objects(data.dtype):
            return data
        return _C.as_tensor(data)
    if isinstance(data, Mapping):
        return _rebuild_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return kind(*(default_convert(d) for d in data))
    if isinstance(data, tuple):
        return [default_convert(d) for d in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _rebuild_sequence(data, [default_convert(d) for d in data])
    return data


def _rebuild_mapping(like, items):
    """A mapping of the kind of `like`, with its attributes where it can be copied."""
    try:
        if isinstance(like, MutableMapping):
            clone = copy.copy(like)
            clone.update(items)
            return clone
        return type(like)(items)
    except TypeError:
        return items


def _rebuild_sequence(like, items):
    try:
        if isinstance(like, MutableSequence):
            clone = copy.copy(like)
            for i, item in enumerate(items):
                clone[i] = item
            return clone
        return type(like)(items)
    except TypeError:
        return items


def collate_tensor_fn(batch, *, collate_fn_map=None):
    """Tensors, stacked."""
    return _C.stack(batch, 0)


def collate_float_fn(batch, *, collate_fn_map=None):
    """Numbers in one tensor of float64."""
    return _C.tensor(batch, dtype=_C.float64)


def collate_int_fn(batch, *, collate_fn_map=None):
    """Numbers in one tensor of int64."""
    return _C.tensor(batch)


def collate_str_fn(batch, *, collate_fn_map=None):
    """Strings stay a list."""
    return batch


def collate_numpy_scalar_fn(batch, *, collate_fn_map=None):
    """NumPy's numbers in one tensor."""
    return _C.as_tensor(batch)


def collate_numpy_array_fn(batch, *, collate_fn_map=None):
    """Arrays as tensors, stacked. TypeError where they hold strings or objects."""
    if _holds_objects(batch[0].dtype):
        raise TypeError(default_collate_err_msg_format.format(batch[0].dtype))
    return collate([_C.as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def _holds_objects(dtype):
    """Whether an array's elements are strings or objects, which no tensor holds."""
    return np_str_obj_array_pattern.search(dtype.str) is not None


default_collate_fn_map = {
    Tensor: collate_tensor_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}
