"""The schema of a function, from its annotations."""

from __future__ import annotations

import collections.abc
import inspect
import typing
from types import GenericAlias

from .. import _C
from ..types import Number


def _derived(base, text, of_base, of_optional, optional_list):
    """{annotation: text} for a type, for None beside it, and for lists."""

    def lists(item):
        yield typing.Sequence[item]
        yield typing.List[item]  # noqa: UP006  (an annotation that programs write)
        yield GenericAlias(collections.abc.Sequence, (item,))
        yield GenericAlias(list, (item,))

    optional = typing.Optional[base]  # noqa: UP045
    found = {base: text, optional: f"{text}?"}
    if of_base:
        found |= dict.fromkeys(lists(base), f"{text}[]")
    if of_optional:
        found |= dict.fromkeys(lists(optional), f"{text}?[]")
    if optional_list:
        found |= {typing.Optional[kind]: f"{text}[]?" for kind in lists(base)}  # noqa: UP045
    return found


SUPPORTED_PARAM_TYPES = {
    **_derived(_C.Tensor, "Tensor", True, True, False),
    **_derived(int, "SymInt", True, False, True),
    **_derived(float, "float", True, False, True),
    **_derived(bool, "bool", True, False, True),
    **_derived(str, "str", False, False, False),
    **_derived(Number, "Scalar", True, False, False),
    **_derived(_C.dtype, "ScalarType", False, False, False),
    **_derived(_C.device, "Device", False, False, False),
}

SUPPORTED_RETURN_TYPES = {
    _C.Tensor: "Tensor",
    typing.List[_C.Tensor]: "Tensor[]",  # noqa: UP006
    list[_C.Tensor]: "Tensor[]",
    int: "SymInt",
    float: "float",
    bool: "bool",
    Number: "Scalar",
}


def infer_schema(prototype_function, /, *, mutates_args, op_name=None, tags=()):
    """The schema of a function whose parameters and result have annotations.

    `mutates_args` names the arguments that it writes to, or is "unknown": all tensors.
    """
    signature = inspect.signature(prototype_function)

    def fail(what):
        raise ValueError(f"infer_schema(func): {what} Got func with signature {signature})")

    if isinstance(mutates_args, str):
        if mutates_args != "unknown":
            raise ValueError(
                "mutates_args must either be a sequence of the names of the arguments that are "
                "mutated or the string 'unknown'. "
            )
    else:
        mutates_args = tuple(mutates_args)
        if missing := set(mutates_args) - set(signature.parameters):
            fail(
                f"{missing} in mutates_args were not found in the custom op's signature. "
                "mutates_args should contain the names of all args that the custom op mutates, or "
                "just the string 'unknown' if you don't know."
            )
    names = vars(typing) | prototype_function.__globals__
    parts, starred, marks = [], False, {}
    for i, (name, parameter) in enumerate(signature.parameters.items()):
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            fail("We do not support positional-only args, varargs, or varkwargs.")
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        text = _parameter_type(name, parameter, names, fail)
        if mutates_args == "unknown" and text.startswith("Tensor") or name in mutates_args:
            if not text.startswith("Tensor"):
                fail(
                    f"Parameter {name} is in mutable_args but only Tensors or collections of "
                    "Tensors can be mutated"
                )
            marks[name] = f"a{i}!"
            text = f"Tensor(a{i}!){text[len('Tensor') :]}"
        default = _default(name, parameter.default, fail)
        parts.append(f"{text} {name}{default}")
    returned = _returned(_evaluated(signature.return_annotation, names, fail), fail)
    returned = _with_marks(returned, marks, tags, fail)
    return f"{op_name or ''}({', '.join(parts)}) -> {returned}"


def _with_marks(returned, marks, tags, fail):
    """The result of an operator that is tagged to give back what it has written to."""
    from .utils import normalize_tags

    kinds = {tag.name for tag in normalize_tags(tags)} & {"inplace", "out"}
    if not kinds:
        return returned
    if returned.strip("()").replace("Tensor", "").strip(", ") or not marks:
        fail(f"torch.Tag.{kinds.pop()} requires an operator that returns what it mutates.")
    written = [f"Tensor({mark})" for mark in marks.values()]
    return written[0] if len(written) == 1 else f"({', '.join(written)})"


def _evaluated(annotation, names, fail):
    if not isinstance(annotation, str):
        arguments = typing.get_args(annotation)
        if any(isinstance(a, str) for a in arguments):
            evaluated = tuple(_evaluated(a, names, fail) for a in arguments)
            return GenericAlias(typing.get_origin(annotation), evaluated)
        return annotation
    try:
        return eval(annotation, names)
    except Exception as error:
        fail(
            f"Unsupported type annotation {annotation}. It is not a type. "
            f"({type(error).__name__}: {error}) With 'from __future__ import annotations', types "
            "must be found in the module, not only inside a function."
        )


def _parameter_type(name, parameter, names, fail):
    if parameter.annotation is inspect.Parameter.empty:
        fail(f"Parameter {name} must have a type annotation.")
    annotation = _evaluated(parameter.annotation, names, fail)
    try:
        text = SUPPORTED_PARAM_TYPES.get(annotation)
    except TypeError:  # not hashable
        text = None
    if text is None:
        hint = ""
        if typing.get_origin(annotation) is tuple:
            hint = "We do not support Tuple inputs in schema. Please use a list instead. "
        fail(
            f"Parameter {name} has unsupported type {parameter.annotation}. {hint}"
            f"The valid types are: {SUPPORTED_PARAM_TYPES.keys()}."
        )
    return text


def _default(name, value, fail):
    if value is inspect.Parameter.empty:
        return ""
    if value is None or isinstance(value, (int, float, bool)):
        return f"={value}"
    if isinstance(value, (str, _C.device)):
        return f'="{value}"'
    if isinstance(value, _C.dtype):
        return f"={str(value).removeprefix('torch.')}"
    fail(f"Parameter {name} has an unsupported default value type {type(value)}.")


def _returned(annotation, fail):
    if annotation is None:
        return "()"
    if annotation is inspect.Parameter.empty:
        fail("No return type annotation was provided. Please add one.")
    several = typing.get_origin(annotation) is tuple
    kinds = typing.get_args(annotation) if several else (annotation,)
    if not all(kind in SUPPORTED_RETURN_TYPES for kind in kinds):
        fail(
            f"Return has unsupported type {annotation}. "
            f"The valid types are: {SUPPORTED_RETURN_TYPES}."
        )
    text = ", ".join(SUPPORTED_RETURN_TYPES[kind] for kind in kinds)
    if not several:
        return text
    return f"(({text}))" if len(kinds) == 1 else f"({text})"
