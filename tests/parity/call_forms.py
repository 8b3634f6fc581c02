"""The forms in which functions may be called: PyTorch's, read from the stubs in its wheel or from
`inspect`, and ours, read from what the bindings state or from `inspect`; and what of the first the
second does not accept.
"""

from __future__ import annotations

import ast
import functools
import inspect
import pathlib
from dataclasses import dataclass

import torch

import cnn

REQUIRED = "required"
UNKNOWN = "unknown"  # a default that is no literal


@dataclass
class Param:
    name: str
    default: object = REQUIRED
    keyword_only: bool = False
    gathers: bool = False  # *sizes


Form = list[Param]

# ---- PyTorch's ----


def literal(node):
    try:
        value = ast.literal_eval(node)
        return UNKNOWN if value is Ellipsis else value
    except ValueError:
        return UNKNOWN


def form_of_def(node):
    a = node.args
    for p in a.args:
        # A word of Python's, which the stub has to avoid.
        p.arg = "from" if p.arg == "from_" else p.arg
    positional = [*a.posonlyargs, *a.args]
    missing = len(positional) - len(a.defaults)
    form = [
        Param(p.arg, REQUIRED if i < missing else literal(a.defaults[i - missing]))
        for i, p in enumerate(positional)
    ]
    if a.vararg:
        form.append(Param(a.vararg.arg, gathers=True))
    for p, default in zip(a.kwonlyargs, a.kw_defaults):
        form.append(Param(p.arg, REQUIRED if default is None else literal(default), True))
    return form, a


def takes_names(node):
    """Is it a form for named dimensions, which are gone?"""
    return any(
        p.annotation is not None and "DimnameLike" in name
        for p in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        for name in [ast.unparse(p.annotation) if p.annotation else ""]
        if "names" not in p.arg
    ) or any("EllipsisType" in ast.unparse(p) for p in node.args.args)


def forms_in(body):
    forms = {}
    for node in body:
        if isinstance(node, ast.FunctionDef) and not takes_names(node):
            forms.setdefault(node.name, []).append(form_of_def(node)[0])
    return forms


@functools.cache
def torch_stubs():
    """{"": functions, "Tensor": methods, "nn": torch._C._nn}"""
    folder = pathlib.Path(torch.__file__).parent / "_C"
    base = ast.parse((folder / "__init__.pyi").read_text()).body
    (methods,) = [n.body for n in base if getattr(n, "name", None) == "TensorBase"]
    functions = ast.parse((folder / "_VariableFunctions.pyi").read_text()).body
    return {
        "": forms_in(functions),
        "Tensor": forms_in(methods),
        "nn": forms_in(ast.parse((folder / "_nn.pyi").read_text()).body),
    }


def inspected(function):
    """The form of a function written in Python; none where it only passes *args on."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    if {p.name for p in parameters} <= {"args", "kwargs", "self"}:
        return []
    form = []
    for p in parameters:
        if p.kind is not p.VAR_KEYWORD:
            default = REQUIRED if p.default is p.empty else p.default
            form.append(
                Param(p.name, default, p.kind is p.KEYWORD_ONLY, p.kind is p.VAR_POSITIONAL)
            )
    return [form]


def forms_of_torch(space, name):
    owner = {"": torch, "Tensor": torch.Tensor, "F": torch.nn.functional}[space]
    function = inspect.unwrap(getattr(owner, name))
    if inspect.isfunction(function):
        return inspected(function)
    stubs = torch_stubs()
    if space == "F":
        return stubs["nn"].get(name) or stubs[""].get(name, [])
    return stubs[space].get(name, [])


# ---- Ours ----


def split_top(text):
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [p for p in [*parts, text[start:].strip()] if p]


def form_of_text(text):
    inside = text[text.index("(") + 1 : text.index(") ->")]
    form, keyword_only = [], False
    for part in split_top(inside):
        if part == "*":
            keyword_only = True
            continue
        kind, rest = part.split(" ", 1)
        name, _, default = rest.partition("=")
        value = float("inf") if default == "inf" else ast.literal_eval(default or "'required'")
        if kind == "Dims" and default == "()":
            value = None
        form.append(Param(name, value, keyword_only, kind.startswith("*")))
    return form


def forms_of_cnn(space, name):
    owner = {"": cnn, "Tensor": cnn.Tensor, "F": cnn.nn.functional}[space]
    function = inspect.unwrap(getattr(owner, name))
    if inspect.isfunction(function):
        return inspected(function)
    key = {"": name, "Tensor": f"Tensor.{name}", "F": getattr(function, "__name__", "")}[space]
    texts = cnn._C._signatures.get(key)
    return [form_of_text(t) for t in texts] if texts else inspected(function)


# ---- Comparison ----

FIRST = {"input", "self"}


def positional(form):
    return [p for p in form if not p.keyword_only and not p.gathers]


def same_default(theirs, ours):
    if theirs is REQUIRED or theirs == UNKNOWN:
        return True
    if isinstance(theirs, torch.Tensor) or isinstance(ours, cnn.Tensor):
        return True
    if ours == theirs and type(ours) is not bool or ours is theirs:
        return True
    return (ours, theirs) in ((None, ()), ((), None)) or str(ours) == str(theirs)


def refused(theirs, ours, method):
    """Why `ours` does not take all calls that `theirs` takes; empty when it does."""
    why = []
    their_places, our_places = positional(theirs), positional(ours)
    known = {p.name: p for p in ours}
    starred = any(p.gathers for p in theirs)
    for i, p in enumerate(their_places):
        if i >= len(our_places):
            gathered = [q for q in ours if q.gathers]
            if gathered:
                continue
            why.append(f"no place {i} for {p.name}" + (", a keyword" if p.name in known else ""))
            continue
        q = our_places[i]
        same = q.name == p.name or (i == 0 and ({p.name, q.name} <= FIRST or method))
        if not same:
            why.append(f"place {i} is {q.name}, not {p.name}")
        elif not same_default(p.default, q.default):
            why.append(f"{p.name}={p.default!r} is {q.default!r}")
    for p in theirs:
        if p.gathers and not any(q.gathers for q in ours):
            i = len(their_places)
            if i >= len(our_places):
                why.append(f"no place for *{p.name}")
        if not p.keyword_only:
            continue
        if p.name not in known:
            why.append(f"no keyword {p.name}")
        elif not same_default(p.default, known[p.name].default):
            why.append(f"{p.name}={p.default!r} is {known[p.name].default!r}")
    given = {p.name for p in theirs if p.default is REQUIRED}
    given |= {q.name for q in our_places[: len(their_places) + starred]}
    for q in ours:
        if q.default is REQUIRED and q.name not in given and not q.gathers:
            why.append(f"{q.name} is required")
    # What only stands behind the star in PyTorch must not be given by position here.
    for q in our_places:
        if any(p.keyword_only and p.name == q.name for p in theirs):
            why.append(f"{q.name} is no keyword only")
    return why


def taken(theirs, forms, method):
    """Why none of the forms takes it; empty when one does, or each way to give optional arguments."""
    reasons = [refused(theirs, form, method) for form in forms]
    why = min(reasons, key=len)
    if not why:
        return []
    for i, p in enumerate(theirs):
        last = i + 1 == len(theirs) or theirs[i + 1].keyword_only
        if p.default is REQUIRED or p.gathers or not (p.keyword_only or last):
            continue
        without = theirs[:i] + theirs[i + 1 :]
        given = [*theirs[:i], Param(p.name, REQUIRED, p.keyword_only), *theirs[i + 1 :]]
        if not taken(without, forms, method) and not taken(given, forms, method):
            return []
    return why


def mismatches(space, name):
    """[(form of PyTorch, reasons)] for forms that ours do not take."""
    ours = forms_of_cnn(space, name)
    found = []
    for theirs in forms_of_torch(space, name):
        if ours and (why := taken(theirs, ours, space == "Tensor")):
            found.append((shown(theirs), why))
    return found


def extras(space, name):
    """Names and places that ours takes and PyTorch does not."""
    theirs, ours = forms_of_torch(space, name), forms_of_cnn(space, name)
    if not theirs or any(p.name in ("args", "kwargs") for form in theirs for p in form):
        return []
    names = {p.name for form in theirs for p in form}
    room = max(len(positional(form)) for form in theirs)
    found = []
    for form in ours:
        unknown = [p.name for p in form[space == "Tensor" :] if p.name not in names]
        if unknown and not (form[0].name in FIRST and unknown == [form[0].name]):
            found.append(f"takes {', '.join(unknown)}")
        if len(positional(form)) > room:
            found.append(f"{positional(form)[room].name} has a place")
    return found


def shown(form):
    parts, starred = [], False
    for p in form:
        starred = starred or p.gathers
        if p.keyword_only and not starred:
            parts.append("*")
            starred = True
        default = "" if p.default is REQUIRED else f"={p.default!r}"
        parts.append(("*" if p.gathers else "") + p.name + default)
    return f"({', '.join(parts)})"


def shared_names():
    """What both have: functions, methods of Tensor, nn.functional."""
    owners = {"": (torch, cnn), "Tensor": (torch.Tensor, cnn.Tensor)}
    owners["F"] = (torch.nn.functional, cnn.nn.functional)
    names = []
    for space, (theirs, ours) in owners.items():
        for name in sorted(set(dir(theirs)) & set(dir(ours))):
            both = getattr(theirs, name), getattr(ours, name, None)
            if name[0] != "_" and all(callable(f) and not isinstance(f, type) for f in both):
                names.append((space, name))
    return names


if __name__ == "__main__":
    unread = []
    for space, name in shared_names():
        if not forms_of_torch(space, name) or not forms_of_cnn(space, name):
            unread.append(f"{space}.{name}")
        for form, why in mismatches(space, name):
            print(f"{space or 'torch'}.{name}{form}: {'; '.join(why)}")
        for what in extras(space, name):
            print(f"MORE {space or 'torch'}.{name}: {what}")
    print("unread:", *unread)
    print(len(shared_names()))
