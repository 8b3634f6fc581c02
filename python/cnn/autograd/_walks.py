"""Walks through nested lists, tuples and dicts of tensors."""

from __future__ import annotations

from .. import _C


def _nested_map(condition, fn, condition_msg=None):
    """A function that maps the values that meet the condition; None stays, others raise."""

    def _map(obj):
        if condition(obj):
            return fn(obj)
        if obj is None:
            return None
        if isinstance(obj, (list, tuple)):
            mapped = [_map(x) for x in obj]
            return type(obj)(*mapped) if hasattr(obj, "_fields") else type(obj)(mapped)
        if isinstance(obj, dict):
            return {x: _map(obj[x]) for x in obj}
        raise _unexpected(obj, condition_msg)

    return _map


def _unexpected(obj, wanted):
    text = f"; expected {wanted}" if wanted else ""
    return ValueError(
        f"Auto nesting doesn't know how to process an input object of type {type(obj)}{text}"
    )


def _iter_filter(condition, allow_unknown=False, condition_msg=None, conversion=None):
    """A function that yields the values that meet the condition."""

    def _iter(obj):
        obj = obj if conversion is None else conversion(obj)
        if condition(obj):
            yield obj
        elif isinstance(obj, (list, tuple)):
            for o in obj:
                yield from _iter(o)
        elif isinstance(obj, dict):
            for o in obj.values():
                yield from _iter(o)
        elif obj is None:
            return
        elif allow_unknown:
            yield obj
        else:
            raise _unexpected(obj, condition_msg)

    return _iter


def _unflatten(input, proto):
    """A flat list in the nesting of `proto`."""
    values = iter(input)

    def fill(form):
        if not isinstance(form, (list, tuple)):
            return form if form is None else next(values)
        filled = [fill(e) for e in form]
        return type(form)(*filled) if hasattr(form, "_fields") else type(form)(filled)

    return fill(proto)


def _is_tensor(obj):
    return isinstance(obj, _C.Tensor)


_iter_tensors = _iter_filter(_is_tensor, condition_msg="Tensors")
_iter_tensors_permissive = _iter_filter(_is_tensor, True, "Tensors (permissive)")
_iter_None_tensors = _iter_filter(lambda o: o is None or _is_tensor(o), False, "Tensors or None")
_map_tensor_data = _nested_map(_is_tensor, lambda tensor: tensor.data, "Tensors")
