"""PyTorch's names for exporting programs as graphs of ops. There is no such graph here: what would
make or read one raises, and names what to use; classes are there for `isinstance` and annotations.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from .. import _absent
from .._unavailable import mark
from ..nn import Module
from ..utils import _pytree

__all__ = [
    "AdditionalInputs", "Constraint", "CustomDecompTable", "default_decompositions", "Dim", "dims",
    "draft_export", "export", "ExportBackwardSignature", "ExportedProgram", "ExportGraphSignature",
    "FlatArgsAdapter", "load", "ModuleCallEntry", "ModuleCallSignature", "register_dataclass",
    "save", "ShapesCollection", "unflatten", "UnflattenedModule",
]  # fmt: skip

_INSTEAD = (
    "cnn exports no graphs of ops. Keep the weights (cnn.save of the state_dict) and the Python "
    "that builds the model; cnn.fx.symbolic_trace gives a graph of its modules' calls, and C++ "
    "programs load the weights"
)


def _refuse(name):
    raise NotImplementedError(f"export.{name}: {_INSTEAD}")


def export(
    mod, args, kwargs=None, *, dynamic_shapes=None, strict=False, preserve_module_call_signature=()
):
    """Refused: no graphs of ops are made."""
    _refuse("export")


def draft_export(mod, args, kwargs=None, **options):
    """Refused: no graphs of ops are made."""
    _refuse("draft_export")


def save(ep, f, *, extra_files=None, opset_version=None, pickle_protocol=2):
    """Refused: there are no exported programs."""
    _refuse("save")


def load(f, *, extra_files=None, expected_opset_version=None):
    """Refused: the file holds a graph of PyTorch's ops."""
    _refuse("load")


def unflatten(module, flat_args_adapter=None):
    """Refused: there are no exported programs."""
    _refuse("unflatten")


def default_decompositions():
    """Refused: there are no ops that others take the place of."""
    _refuse("default_decompositions")


def register_dataclass(cls, *, serialized_type_name=None):
    """Makes a dataclass a container of its fields, for trees (`cnn.utils._pytree`)."""
    _pytree.register_dataclass(cls, serialized_type_name=serialized_type_name)


class _DimHint(enum.Enum):
    AUTO = enum.auto()
    STATIC = enum.auto()
    DYNAMIC = enum.auto()


class Dim:
    """A dimension whose size varies, by name, from `min` to `max`."""

    AUTO, STATIC, DYNAMIC = _DimHint.AUTO, _DimHint.STATIC, _DimHint.DYNAMIC

    def __init__(self, name, *, min=None, max=None):
        if not name.isidentifier():
            raise AssertionError(f"Dim name must be a valid identifier, got {name}")
        low, high = 0 if min is None else min, float("inf") if max is None else max
        if not high > low:
            raise AssertionError(f"Cannot create Dim with inconsistent min={min}, max={max}")
        self.__name__, self.min, self.max = name, low, high

    def __repr__(self):
        return f"Dim('{self.__name__}', min={self.min}, max={self.max})"


def dims(*names, min=None, max=None):
    """Several dimensions at once."""
    return tuple(Dim(name, min=min, max=max) for name in names)


class ShapesCollection:
    """Which dimensions of which tensors vary."""

    def __init__(self):
        self._shapes = {}

    def __setitem__(self, t, shape):
        self._shapes[id(t)] = (t, shape)

    def __getitem__(self, t):
        if id(t) not in self._shapes:
            self._shapes[id(t)] = (t, {})
        return self._shapes[id(t)][1]

    def __len__(self):
        return len(self._shapes)

    def dynamic_shapes(self, m, args, kwargs=None):
        """What was said, in the structure of the arguments."""

        def said(t):
            return self._shapes.get(id(t), (None, None))[1]

        return _pytree.tree_map(said, (tuple(args), kwargs or {}))


class AdditionalInputs:
    """More examples of arguments."""

    def __init__(self):
        self._examples = []

    def add(self, args, kwargs=None):
        """Adds an example."""
        self._examples.append((args, kwargs))


class _Refused:
    def __init__(self, *args, **kwargs):
        _refuse(type(self).__name__)


class ExportedProgram(_Refused):
    """An exported program: for `isinstance`. Nothing is one."""


class CustomDecompTable(dict):
    """Ops, and what takes their places: for annotations."""


class FlatArgsAdapter:
    """A change of the structure of arguments: for subclasses."""

    def adapt(self, target_spec, input_spec, input_args, **kwargs):
        """The arguments in another structure."""
        raise NotImplementedError


class UnflattenedModule(Module):
    """A module that an exported program becomes: for `isinstance`. Nothing is one."""

    def __init__(self, *args, **kwargs):
        _refuse("UnflattenedModule")


class Constraint(_Refused):
    """What is known of a symbolic size: for annotations."""


@dataclass
class ModuleCallSignature:
    """How a submodule was called."""

    inputs: list
    outputs: list
    in_spec: _pytree.TreeSpec
    out_spec: _pytree.TreeSpec
    forward_arg_names: list | None = None


@dataclass
class ModuleCallEntry:
    """A submodule by its path, and how it was called."""

    fqn: str
    signature: ModuleCallSignature | None = None


@dataclass
class ExportBackwardSignature:
    """Which outputs of a program are gradients."""

    gradients_to_parameters: dict
    gradients_to_user_inputs: dict
    loss_output: str


@dataclass
class ExportGraphSignature:
    """What the inputs and outputs of a program are."""

    input_specs: list = field(default_factory=list)
    output_specs: list = field(default_factory=list)


mark(_INSTEAD, export, draft_export, save, load, unflatten, default_decompositions)
mark("there are no exported programs", ExportedProgram, UnflattenedModule, Constraint)
# Where PyTorch has them.
for _place, _classes in {
    "dynamic_shapes": (Dim, ShapesCollection, AdditionalInputs),
    "exported_program": (ExportedProgram, ModuleCallEntry, ModuleCallSignature),
    "graph_signature": (ExportBackwardSignature, ExportGraphSignature),
}.items():
    for _class in _classes:
        _class.__module__ = f"{__name__}.{_place}"

_absent.explain(__name__, ("dynamic_shapes", "exported_program", "graph_signature"))
