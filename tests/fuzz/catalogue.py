"""What is called: the public functions, methods, operators, modules and optimizers of cnn, with their parameters."""

from __future__ import annotations

import inspect
import operator
import re
from dataclasses import dataclass
from types import FunctionType

import cnn

# What would change the process, its files or its threads, or print; and what only wraps another.
LEFT_OUT = set(
    """
    save load set_num_threads set_default_dtype set_printoptions manual_seed seed set_rng_state
    set_flush_denormal set_float32_matmul_precision set_anomaly_enabled set_detect_anomaly
    set_grad_enabled set_default_device set_default_tensor_type set_num_interop_threads set_warn_always
    share_memory_ share_memory pin_memory from_file
    gradcheck gradgradcheck fork_rng skip_init thread_safe_generator
    __init_subclass__ __subclasshook__ __new__ __getattribute__ __setattr__ __delattr__ __class__
    __dir__ __init__ __dict__ __weakref__ __doc__ __module__ __array_priority__ __set_name__
    __reduce__ __reduce_ex__ __getattr__ __torch_function__
    """.split()
)
OPERATORS = {
    "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift": ("Tensor", "any"),
    "iadd isub imul itruediv ifloordiv imod ipow iand ior ixor ilshift irshift imatmul": (
        "Tensor",
        "any",
    ),
    "eq ne lt le gt ge contains": ("Tensor", "any"),
    "neg pos abs invert index truth": ("Tensor",),
    "getitem delitem": ("Tensor", "index"),
    "setitem": ("Tensor", "index", "Tensor|Number"),
}
# Owners of methods besides Tensor: what to call them on.
OWNERS = {
    "cnn.nn.Module": "Module",
    "cnn.UntypedStorage": "Storage",
    "cnn.Generator": "Generator",
    "cnn.Size": "Size",
}
MODULES = ("cnn", "cnn.nn.functional", "cnn.nn.init", "cnn.nn.utils", "cnn.nn.utils.rnn", "cnn.linalg",
           "cnn.autograd", "cnn.autograd.functional", "cnn.testing")  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    name: str
    type: str  # as the bindings write it ("Tensor?", "Dims"), or "any"
    required: bool = True
    keyword: bool = False  # by keyword alone
    second: bool = False  # of the module that has been made, not of its class


@dataclass(frozen=True)
class Target:
    name: str
    expression: str
    forms: tuple[tuple[Parameter, ...], ...]
    module: bool = False  # expression(...)(...)


def _bound_forms(name, function):
    """The signatures that the docstring of a bound function begins with."""
    for text in re.findall(rf"^{re.escape(name)}\((.*)\) -> .*$", function.__doc__ or "", re.M):
        parameters, keyword = [], False
        for part in re.split(r", (?![^(]*\))", text):
            found = re.match(r"\*?([\w|?.]+) (\w+)(=.*)?$", part)
            if found:
                parameters.append(Parameter(found[2], found[1], not found[3], keyword))
            elif part == "*":
                keyword = True
            elif found := re.match(r"(\w+): ", part):  # pybind11's own way of saying it
                parameters.append(Parameter(found[1], "any"))
        yield tuple(parameters)


_TENSORS = re.compile(
    r"^(self|input\d?|other|target|weight|x\d?|y|a|b|src|source|tensor\d?|query|key|value|mask|.*_mask|anchor|positive"
    r"|negative|running_\w+|bias|.*_bias|in_proj_weight|.*_proj_weight|log_probs|.*_lengths|mean|var|indices|grid|theta"
    r"|offsets|hx|q|mat|boundaries|sorted_sequence|v|vec|output|actual|expected|linear_weight|tgt|memory|state)$"
)
_KINDS = {bool: "bool", int: "int", float: "float", str: "str"}


def _python_form(function, second=False, skip=()):
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    out = []
    for p in signature.parameters.values():
        if p.kind is p.VAR_KEYWORD or p.name in skip:
            continue
        kind = _KINDS.get(type(p.default))
        if kind is None:
            kind = "Tensor" if _TENSORS.match(p.name) else "any"
        if isinstance(p.default, (tuple, list)):
            kind = "Dims"
        required = p.default is p.empty and p.kind is not p.VAR_POSITIONAL
        if p.kind is p.VAR_POSITIONAL:
            kind = "Tensor" if p.name == "tensors" else kind
        out.append(Parameter(p.name, kind, required, p.kind is p.KEYWORD_ONLY, second))
    return tuple(out)


def _public(owner):
    later = cnn._LAZY if owner is cnn else ()  # which `dir` shows once somebody has asked for them
    for name in sorted({*dir(owner), *later}):
        if name not in LEFT_OUT and not (name.startswith("_") and not name.startswith("__")):
            yield name, getattr(owner, name)


def _functions():
    seen = set()
    for path in MODULES:
        owner = cnn
        for part in path.split(".")[1:]:
            owner = getattr(owner, part, None)
        if owner is None:
            continue
        for name, f in _public(owner):
            if not callable(f) or inspect.isclass(f) or name.startswith("_") or id(f) in seen:
                continue
            if not (getattr(f, "__module__", None) or "cnn").startswith("cnn"):
                continue
            seen.add(id(f))
            forms = tuple(_bound_forms(name, f)) or (_python_form(f),)
            if forms[0] is None:
                forms = (
                    (Parameter("input", "any"),),
                    (Parameter("input", "any"), Parameter("other", "any")),
                )
            yield Target(f"{path}.{name}", f"{path}.{name}", forms)


def _methods():
    for path, kind in {"cnn.Tensor": "Tensor", **OWNERS}.items():
        owner = cnn
        for part in path.split(".")[1:]:
            owner = getattr(owner, part)
        me = Parameter("self", kind)
        for name, f in _public(owner):
            if (
                name.startswith("__")
                and (hasattr(object, name) or hasattr(tuple, name))
                and kind != "Tensor"
            ):
                continue
            if not callable(f):
                if isinstance(f, property) or inspect.isdatadescriptor(f):
                    yield Target(f"{path}.{name}", f"operator.attrgetter({name!r})", ((me,),))
                continue
            forms = []
            for form in _bound_forms(name, f):
                first = form[0].name if form else ""
                forms.append((me, *form[first in ("input", "self") :]))
            if not forms:
                form = _python_form(f) if isinstance(f, FunctionType) else None
                if form is not None:
                    form = (me, *form[1:])
                other = Parameter("other", "any")
                forms = [form] if form is not None else [(me,), (me, other), (me, other, other)]
            yield Target(f"{path}.{name}", f"{path}.{name}", tuple(forms))


def _operators():
    for names, kinds in OPERATORS.items():
        form = tuple(Parameter(f"operand{i}", kind) for i, kind in enumerate(kinds))
        mirrored = (form[::-1],) if len(form) == 2 and kinds[1] == "any" and names[0] != "i" else ()
        for name in names.split():
            assert hasattr(operator, name)
            yield Target(f"operator.{name}", f"operator.{name}", (form, *mirrored))


def _classes(path, owner, base):
    for name in sorted(dir(owner)):
        cls = getattr(owner, name)
        if (
            inspect.isclass(cls)
            and issubclass(cls, base)
            and cls is not base
            and not name.startswith("_")
        ):
            yield f"{path}.{name}", cls


def _modules():
    for name, cls in _classes("cnn.nn", cnn.nn, cnn.nn.Module):
        made = _python_form(cls) or ()
        called = _python_form(cls.forward, second=True) or ()
        called = called[1:] or (Parameter("input", "Tensor", second=True),)
        yield Target(name, name, ((*made, *called),), module=True)


def _training():
    for name, cls in _classes("cnn.optim", cnn.optim, cnn.optim.Optimizer):
        form = tuple(Parameter(p.name, "params" if p.name == "params" else p.type, p.required, p.keyword)
                     for p in _python_form(cls))  # fmt: skip
        yield Target(f"optimized {name}", f"functools.partial(optimized, {name})", (form,))
    scheduler = cnn.optim.lr_scheduler
    for name, cls in _classes("cnn.optim.lr_scheduler", scheduler, scheduler.LRScheduler):
        form = _python_form(cls, skip=("optimizer",))
        yield Target(f"scheduled {name}", f"functools.partial(scheduled, {name})", (form,))


def targets():
    """All of them, always in this order."""
    found = {}
    for source in (_functions, _methods, _operators, _modules, _training):
        for target in source():
            found.setdefault(target.name, target)
    return tuple(found.values())
