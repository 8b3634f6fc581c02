"""Arguments of a call, put in the order of the operator's schema, checked and completed."""

from __future__ import annotations

from .. import _C

_PYTHON_NAMES = {"SymInt": "int", "Scalar": "number", "ScalarType": "dtype", "Device": "device"}


def _convert(value, type):
    """(does it fit?, the value as the kernel gets it)."""
    if type.optional:
        return (True, None) if value is None else _convert(value, type.element)
    if type.is_list:
        if isinstance(value, (int, float)) and type.text[-2].isdigit():
            value = [value] * int(type.text[type.text.rindex("[") + 1 : -1])
        if isinstance(value, _C.Tensor) or not isinstance(value, (list, tuple)):
            return False, value
        items = [_convert(item, type.element) for item in value]
        return all(fits for fits, _ in items), [item for _, item in items]
    check = _CHECKS.get(type.text)
    return (True, value) if check is None else check(value)


def _is(*kinds):
    return lambda value: (isinstance(value, kinds), value)


def _float(value):
    if isinstance(value, float):
        return True, value
    if isinstance(value, int) and not isinstance(value, bool):
        return True, float(value)
    return False, value


def _int(value):
    if isinstance(value, int):
        return True, value
    if hasattr(value, "__index__") and not isinstance(value, _C.Tensor):
        return True, value.__index__()
    return False, value


def _device(value):
    if isinstance(value, str):
        return True, _C.device(value)
    return isinstance(value, _C.device), value


_CHECKS = {
    "Tensor": _is(_C.Tensor),
    "int": _int,
    "SymInt": _int,
    "float": _float,
    "bool": _is(bool),
    "str": _is(str),
    "Scalar": _is(int, float, bool),
    "ScalarType": _is(_C.dtype),
    "Device": _device,
}


def bind(op, schema, args, kwargs):
    """(positional values, {keyword-only values}), with defaults filled in.

    RuntimeError for what the schema does not allow.
    """
    positional = [a for a in schema.arguments if not a.kwarg_only]
    if len(args) > len(positional):
        raise RuntimeError(
            f"{op}() expected at most {len(positional)} argument(s) but received {len(args)} "
            f"argument(s). Declaration: {schema}"
        )
    values, keywords, left = [], {}, dict(kwargs)
    for i, argument in enumerate(schema.arguments):
        if i < len(args) and not argument.kwarg_only:
            value = args[i]
            if argument.name in left:
                raise RuntimeError(
                    f"{op}() got multiple values for argument '{argument.name}'. "
                    f"Declaration: {schema}"
                )
        elif argument.name in left:
            value = left.pop(argument.name)
        elif argument.has_default_value():
            value = argument.default_value
        else:
            raise RuntimeError(
                f"{op}() is missing value for argument '{argument.name}'. Declaration: {schema}"
            )
        fits, value = _convert(value, argument.type)
        if not fits:
            wanted = _PYTHON_NAMES.get(argument.type.text, argument.type.text)
            raise RuntimeError(
                f"{op}() Expected a value of type '{wanted}' for argument '{argument.name}' but "
                f"instead found type '{type(value).__name__}'.\nPosition: {i}\n"
                f"Value: {value!r}\nDeclaration: {schema}"
            )
        if argument.kwarg_only:
            keywords[argument.name] = value
        else:
            values.append(value)
    if left:
        raise RuntimeError(
            f"Unknown keyword argument '{next(iter(left))}' for operator '{op}'. Schema: {schema}"
        )
    return values, keywords


def tensors_of(values):
    """The tensors among values, and in lists and tuples of them."""
    for value in values:
        if isinstance(value, _C.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors_of(value)
