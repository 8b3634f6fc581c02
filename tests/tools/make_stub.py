"""Writes python/cnn/_C.pyi, the types of the core: `python tests/tools/make_stub.py`.

The signatures come from the built module (`cnn._C._signatures`: what each binding line states), the methods composed in
Python from the functions themselves, and the rest from core_types.pyi and
core_functions.pyi beside this file.
"""

from __future__ import annotations

import inspect
import keyword
import pathlib
import re
import subprocess
import sys
from dataclasses import dataclass

import cnn
from cnn import _C

HERE = pathlib.Path(__file__).parent
STUB = HERE.parents[1] / "python" / "cnn" / "_C.pyi"

TYPES = {
    "Tensor": "Tensor",
    "Tensor|Number": "Tensor | _Number",
    "Tensors": "Sequence[Tensor]",
    "Number": "_Number",
    "int": "_int",
    "float": "_float",
    "bool": "_bool",
    "str": "str",
    "Dims": "_Dims",
    "Dtype": "_DtypeLike",
    "Device": "_DeviceLike",
    "Generator": "Generator",
    "Layout": "_layout",
    "MemoryFormat": "memory_format",
    "PinMemory": "_bool",
    "RequiresGrad": "_bool",
}
RESULTS = {
    "Tensor": "Tensor",
    "Tensors": "tuple[Tensor, ...]",
    "Tensor|Tensors": "Any",  # by the value of an argument
    "Number": "_Number",
    "int": "_int",
    "bool": "_bool",
    "Dims": "Size",
    "Size": "Size",
    "MemoryFormat": "memory_format",
    "None": "None",
}

# Methods of linear algebra that give named tuples.
SEVERAL = {"geqrf", "lu", "qr", "slogdet", "svd", "triangular_solve"}


@dataclass
class Param:
    type: str
    name: str
    default: str | None
    keyword_only: bool
    gathers: bool = False  # takes all further positional arguments

    def text(self, kind: str) -> str:
        default = "" if self.default is None else f" = {self.default}"
        return f"{self.name}: {kind}{default}"

    def annotation(self) -> str:
        optional = self.type.endswith("?")
        base = re.sub(r"\[\d\]", "", self.type.rstrip("?"))
        kind = TYPES[base]
        if base == "Tensors" and optional:
            kind = "Sequence[Tensor | None]"
        return kind + " | None" if optional else kind


@dataclass
class Signature:
    name: str
    params: list[Param]
    result: str  # as the binding has it


def split_top(text: str) -> list[str]:
    """The parts between commas that stand in no brackets."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [p for p in [*parts, text[start:].strip()] if p]


def parse(text: str) -> Signature:
    """Reads a binding's line: 'sum(Tensor input, Dims? dim=None, *, Dtype? dtype=None) -> Tensor'."""
    call, result = text.rsplit(" -> ", 1) if ") -> (" not in text else text.split(" -> ", 1)
    name, inside = call.split("(", 1)
    params, keyword_only = [], False
    for part in split_top(inside.strip().removesuffix(")")):
        if part == "*":
            keyword_only = True
            continue
        kind, rest = part.split(" ", 1)
        param, _, default = rest.partition("=")
        default = {"": None, "inf": "..."}.get(default, default)
        gathers = kind.startswith("*")
        params.append(Param(kind.lstrip("*"), param, default, keyword_only, gathers))
    return Signature(name, params, result)


def result_type(s: Signature, method: bool) -> str:
    if s.result.startswith("("):
        parts = split_top(s.result[1:-1])
        if " " in parts[0]:
            return f"_{s.name}_result"
        return f"tuple[{', '.join(RESULTS[p] for p in parts)}]"
    writes_self = method and s.name.endswith("_") and s.result == "Tensor"
    return "Self" if writes_self else RESULTS[s.result]


def forms(s: Signature, method: bool) -> list[str]:
    """The parameter lists of a signature: one, or two where sizes may stand side by side."""
    params = s.params[1:] if method else s.params
    positional = [p for p in params if not p.keyword_only]
    lists = [["self"] if method else []]
    last = positional[-1] if positional else None
    # As in signature.cpp: alone, or in a method, a list of ints takes all further arguments.
    if last and last.type.startswith("Dims") and len(positional) == 1:
        lists.append(list(lists[0]))
    reserved = max((i for i, p in enumerate(positional) if keyword.iskeyword(p.name)), default=-1)
    for way, out in enumerate(lists):
        starred = False
        for i, p in enumerate(params):
            if p.gathers:
                out.append(f"*{p.name}: Tensor | Sequence[Tensor]")
                starred = True
            elif way == 1 and p is last:
                out.append(f"*{p.name}: _int")
                starred = True
            else:
                if p.keyword_only and not starred:
                    out.append("*")
                    starred = True
                name = p.name + "_" if keyword.iskeyword(p.name) else p.name
                out.append(Param(p.type, name, p.default, p.keyword_only).text(p.annotation()))
            if i == reserved:
                out.append("/")
    return [", ".join(out) for out in lists]


def summary(doc: str | None) -> str:
    """The docstring that an editor shows: the first paragraph of what follows the signatures."""
    text = (doc or "").strip().split("\n\n")
    found = next((t for t in text if not re.match(r"\w+\(.*\) ->", t)), "")
    return " ".join(found.split()).replace("\\", "\\\\")


def definitions(name: str, texts: list[str], method: bool, doc: str | None) -> list[str]:
    seen: list[str] = []
    for s in map(parse, texts):
        for params in forms(s, method):
            head = f"def {name}({params}) -> {result_type(s, method)}:"
            if head not in seen:
                seen.append(head)
    about = summary(doc)
    body = f' """{about}"""' if about else " ..."
    if len(seen) == 1:
        return [seen[0] + body]
    return [line for head in seen for line in ("@overload", head + body)]


def ops() -> list[str]:
    lines = []
    for name, texts in sorted(_C._signatures.items()):
        if not name.startswith("Tensor."):
            lines += definitions(name, texts, False, getattr(_C, name).__doc__)
    return lines


def methods() -> list[str]:
    lines = []
    for key, texts in sorted(_C._signatures.items()):
        name = key.removeprefix("Tensor.")
        if name != key and texts:
            lines += definitions(name, texts, True, getattr(_C.Tensor, name).__doc__)
    return lines


# Methods written in Python whose result is not a tensor.
OTHER_RESULTS = {
    "dense_dim": "_int", "dim_order": "tuple[_int, ...]", "histogram": "Any",
    "is_distributed": "_bool", "is_nonzero": "_bool", "record_stream": "None", "sparse_dim": "_int", "unique": "Any",
    "unique_consecutive": "Any",
}  # fmt: skip


def composed() -> list[str]:
    """Methods written in Python: their parameters' names and defaults, without types."""
    lines = []
    names = [
        *cnn._composite.METHODS, *cnn.functional.METHODS, *cnn._composite.own_methods(),
        *cnn._tensor.OF_LINALG,
    ]  # fmt: skip
    for name in sorted(names):
        getattr(_C.Tensor, name)  # which may load it
        function = inspect.getattr_static(_C.Tensor, name)
        function = inspect.unwrap(function)
        if not inspect.isfunction(function):
            continue  # the core has it
        own, *params = inspect.signature(function).parameters.values()
        parts, starred = [own.name], False
        for p in params:
            if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                parts.append(f"{'*' if p.kind is p.VAR_POSITIONAL else '**'}{p.name}: Any")
                starred = True
                continue
            if p.kind is p.KEYWORD_ONLY and not starred:
                parts.append("*")
                starred = True
            parts.append(f"{p.name}: Any" + ("" if p.default is p.empty else f" = {p.default!r}"))
        result = OTHER_RESULTS.get(name, "Any" if name in SEVERAL else "Tensor")
        lines.append(
            f'def {name}({", ".join(parts)}) -> {result}: """{summary(function.__doc__)}"""'
        )
    return lines


def constants() -> list[str]:
    kinds = {_C.dtype: "_dtype", _C.layout: "_layout", _C.memory_format: "memory_format"}
    return [f"{n}: {kinds[type(v)]}" for n, v in sorted(vars(_C).items()) if type(v) in kinds]


def results() -> list[str]:
    """Named results, as tuples with fields."""
    lines = []
    for name, made in sorted(_C._return_types.items()):
        lines.append(f"class _{name}_result(NamedTuple):")
        lines += [f"    {field}: Tensor" for field in made.__match_args__]
        lines.append("")
    return lines


def legacy() -> list[str]:
    names = [n for n in sorted(vars(_C)) if n.endswith("Tensor") and n != "Tensor"]
    return [f"class {n}(Tensor): ..." for n in names]


def conversions() -> list[str]:
    """The methods of a storage that give a typed one."""
    from cnn._storage_methods import CONVERSIONS

    return [f"def {name}(self) -> Any: ..." for name in CONVERSIONS]


def by_hand() -> list[str]:
    text = (HERE / "core_functions.pyi").read_text()
    return text[text.index("# Tensors from data") :].splitlines()


def make() -> str:
    """The text of the stub, not yet formatted."""
    inserts = {
        "constants": constants(),
        "results": results(),
        "composed methods": composed(),
        "methods": methods(),
        "legacy": legacy(),
        "conversions": conversions(),
        "functions by hand": by_hand(),
        "functions": ops(),
    }
    text = (HERE / "core_types.pyi").read_text()
    text = text[text.index("import builtins") :]
    for what, lines in inserts.items():

        def place(found, lines=lines):
            return "\n".join(found[1] + line if line else "" for line in lines)

        text, n = re.subn(rf"^( *)# insert {what}$", place, text, flags=re.M)
        assert n == 1, what
    return (
        "# ruff: noqa: E501\n# Made by tests/tools/make_stub.py from the bindings; do not edit.\n"
        + text
    )


def formatted(text: str) -> str:
    command = ["ruff", "format", "--stdin-filename", str(STUB), "-"]
    return subprocess.run(command, input=text, text=True, capture_output=True, check=True).stdout


if __name__ == "__main__":
    STUB.write_text(formatted(make()))
    sys.stdout.write(f"{STUB}: {len(_C._signatures)} ops\n")
