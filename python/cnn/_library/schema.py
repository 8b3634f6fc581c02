"""Schemas of operators: `name.overload(Tensor x, int[2] size, *, float? eps=None) -> Tensor`."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from .. import _C


@dataclass(frozen=True)
class Alias:
    """The `(a!)` of a type: which arguments and results share memory, and whether it is written."""

    before_set: frozenset
    is_write: bool

    def __str__(self):
        return f"({'|'.join(sorted(self.before_set))}{'!' if self.is_write else ''})"


@dataclass(frozen=True)
class Type:
    """A type by its text, without marks of aliases: `Tensor`, `int[2]?`."""

    text: str

    def __str__(self):
        return self.text

    __repr__ = __str__

    @property
    def optional(self):
        return self.text.endswith("?")

    @property
    def element(self):
        """What an optional or a list is made of, or None."""
        if self.optional:
            return Type(self.text[:-1])
        if self.text.endswith("]"):
            return Type(self.text[: self.text.rindex("[")])
        return None

    @property
    def is_list(self):
        return self.text.endswith("]")

    @property
    def holds_tensors(self):
        return self.text.startswith("Tensor")

    def kind(self):
        """PyTorch's name for the kind of type."""
        if self.optional:
            return "OptionalType"
        return "ListType" if self.is_list else f"{self.text}Type"


@dataclass(frozen=True)
class Argument:
    """A parameter or a result."""

    name: str
    type: Type
    alias_info: Alias | None = None
    kwarg_only: bool = False
    default_value: object = None
    default_text: str | None = None

    def has_default_value(self):
        return self.default_text is not None

    @property
    def N(self):
        """The length that a list is fixed to, or None."""
        found = re.search(r"\[(\d+)\]\??$", self.type.text)
        return int(found[1]) if found else None

    @property
    def is_out(self):
        return self.kwarg_only and self.alias_info is not None and self.alias_info.is_write

    @property
    def real_type(self):
        return self.type

    def __str__(self):
        text = self.type.text
        if self.alias_info is not None:
            base = re.match(r"\w+", text)[0]
            text = f"{base}{self.alias_info}{text[len(base) :]}"
        if self.name:
            text += f" {self.name}"
        return text if self.default_text is None else f"{text}={self.default_text}"


@dataclass(frozen=True)
class FunctionSchema:
    """A parsed schema."""

    name: str
    overload_name: str
    arguments: list
    returns: list

    @property
    def is_mutable(self):
        """Whether an argument is written to."""
        return any(a.alias_info is not None and a.alias_info.is_write for a in self.arguments)

    def _is_view_op(self):
        return any(a.alias_info is not None and not a.alias_info.is_write for a in self.arguments)

    def __str__(self):
        dotted = f"{self.name}.{self.overload_name}" if self.overload_name else self.name
        parts, starred = [], False
        for argument in self.arguments:
            if argument.kwarg_only and not starred:
                parts.append("*")
                starred = True
            parts.append(str(argument))
        returns = ", ".join(map(str, self.returns))
        if len(self.returns) != 1:
            returns = f"({returns})"
        return f"{dotted}({', '.join(parts)}) -> {returns}"

    __repr__ = __str__


_HEAD = re.compile(r"\s*((?:\w+::)?\w+)(?:\.(\w+))?\s*\(")
_ITEM = re.compile(
    r"([A-Za-z_][\w.]*)(?:\(([\w|*]*)(!?)(?:\s*->\s*[\w|*]+)?\))?((?:\[\d*\]|\?)*)"
    r"(?:\s+(\w+))?(?:\s*=\s*(.+))?$"
)


def _split(text):
    """The items of a list that commas separate, but for commas in brackets and strings."""
    items, depth, quote, start = [], 0, "", 0
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif c == "," and not depth:
            items.append(text[start:i].strip())
            start = i + 1
    last = text[start:].strip()
    return [*items, last] if last or items else []


def _default(text):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        dtype = getattr(_C, text, None)  # float32, contiguous_format, strided
        return text if dtype is None else dtype


def _argument(text, kwarg_only, whole):
    found = _ITEM.match(text)
    if found is None:
        raise RuntimeError(f"cannot read {text!r} in the schema {whole!r}")
    base, alias, write, suffix, name, default = found.groups()
    info = None
    if alias is not None:
        info = Alias(frozenset(alias.split("|")), write == "!")
    value = None if default is None else _default(default)
    if default is not None and suffix.startswith("[") and not isinstance(value, (list, type(None))):
        size = re.match(r"\[(\d+)\]", suffix)
        value = [value] * int(size[1]) if size else value
    return Argument(name or "", Type(base + suffix), info, kwarg_only, value, default)


def _closing(text, start):
    """Where the bracket closes that opens at `start`."""
    depth, quote = 0, ""
    for i in range(start, len(text)):
        c = text[i]
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c == "(":
            depth += 1
        elif c == ")":
            depth -= 1
            if not depth:
                return i
    raise RuntimeError(f"a bracket of the schema {text!r} is not closed")


def parse_schema(text):
    """FunctionSchema of a text; RuntimeError if it is none."""
    head = _HEAD.match(text)
    if head is None:
        raise RuntimeError(f"expected a schema like 'name(Tensor x) -> Tensor', but got {text!r}")
    close = _closing(text, head.end() - 1)
    arrow = re.match(r"\s*->\s*", text[close + 1 :])
    if arrow is None:
        raise RuntimeError(f"the schema {text!r} says nothing after '->'")
    arguments, kwarg_only = [], False
    for item in _split(text[head.end() : close]):
        if item == "*":
            kwarg_only = True
        else:
            arguments.append(_argument(item, kwarg_only, text))
    returned = text[close + 1 + arrow.end() :].strip()
    if returned.startswith("("):
        inner = returned[1 : _closing(returned, 0)]
        if inner.startswith("(") and _closing(inner, 0) == len(inner) - 1:
            inner = inner[1:-1]  # ((Tensor)): a tuple of one
        returned = _split(inner)
    else:
        returned = [returned]
    if not all(a.name for a in arguments):
        raise RuntimeError(f"every argument of the schema {text!r} must have a name")
    returns = [_argument(item, False, text) for item in returned]
    return FunctionSchema(head[1], head[2] or "", arguments, returns)
