"""From a graph to Python: the source of `forward`, and what it refers to."""

from __future__ import annotations

import enum
import math
import re
import sys
import types
import typing
from dataclasses import dataclass
from typing import NamedTuple

from .. import _C, _ops
from ..utils import _pytree as pytree
from . import _pytree as fx_pytree
from ._naming import _illegal_names, inplace_methods, magic_methods
from ._qualified import is_own, name_of
from .node import Node, _type_repr


class _CustomBuiltin(NamedTuple):
    """What every graph may refer to by a name of its own."""

    import_str: str
    obj: object


_custom_builtins = {}


def _register_custom_builtin(name, import_str, obj):
    _custom_builtins[name] = _CustomBuiltin(import_str, obj)
    _illegal_names[name] = obj


_register_custom_builtin("inf", "from math import inf", math.inf)
_register_custom_builtin("nan", "from math import nan", math.nan)
_register_custom_builtin("NoneType", "NoneType = type(None)", type(None))
_register_custom_builtin("torch", "import cnn as torch", sys.modules["cnn"])
_register_custom_builtin("device", "from cnn import device", _C.device)
_register_custom_builtin("fx_pytree", "import cnn.fx._pytree as fx_pytree", fx_pytree)
_register_custom_builtin("pytree", "import cnn.utils._pytree as pytree", pytree)


@dataclass
class PythonCode:
    """The source of a function, and what its names mean."""

    src: str
    globals: dict
    _lineno_map: dict | None = None
    _prologue_start: int = 0


class _PyTreeInfo(NamedTuple):
    """The structures of a graph's arguments and results."""

    orig_args: list
    in_spec: object
    out_spec: object


def _format_target(base, target):
    for part in target.split("."):
        base = f"{base}.{part}" if part.isidentifier() else f'getattr({base}, "{part}")'
    return base


_COUNTER = re.compile(r"# COUNTER: (\d+)")


class CodeGen:
    """Writes the function of a graph. Subclasses change its head and its return statement."""

    def __init__(self):
        self._body_transformer = None
        self._func_name = "forward"

    def gen_fn_def(self, free_vars, maybe_return_annotation, *, expanded_def=False):
        """The first line: `def forward(self, x):`."""
        if not free_vars or free_vars[0] != "self":
            free_vars.insert(0, "self")
        if expanded_def:
            lines = "".join(f"    {v},\n" for v in free_vars)
            return f"def {self._func_name}(\n{lines}){maybe_return_annotation}:"
        return f"def {self._func_name}({', '.join(free_vars)}){maybe_return_annotation}:"

    def generate_output(self, output_args, *, descs=None, repr_fn=repr):
        """The return statement."""
        return f"return {repr_fn(output_args)}"

    def process_inputs(self, *args):
        """The arguments of the function as the graph takes them."""
        return args

    def process_outputs(self, outputs):
        """What the graph gives as the function returns it."""
        return outputs

    def additional_globals(self):
        """List of (name, object) that the source refers to besides."""
        return []

    def _gen_python_code(self, nodes, root_module, namespace, *, verbose=False, **options):
        writer = _Writer(root_module, namespace, verbose)
        for name, (_, obj) in _custom_builtins.items():
            writer.add_global(name, obj)
        last_uses = _last_uses(nodes)
        for i, node in enumerate(nodes):
            if verbose:
                writer.write_trace(node)
            writer.body.append(f"# COUNTER: {i}\n")
            if node.op == "output":
                if node.type is not None:
                    writer.returned = f" -> {writer.type_text(node.type)}"
                writer.body.append(self.generate_output(node.args[0], repr_fn=writer.text))
            else:
                writer.write(node)
            writer.forget(node, last_uses.get(node, []))
        body = writer.body or ["pass\n"]
        wraps = ""
        if writer.wrapped:
            from ._symbolic_trace import wrap

            wrap_name = writer.add_global("wrap", wrap)
            wraps = "\n".join(f'{wrap_name}("{name}")' for name in writer.wrapped)
        if self._body_transformer:
            body = self._body_transformer(body)
        for name, value in self.additional_globals():
            writer.add_global(name, value)
        head = self.gen_fn_def(writer.free_vars, writer.returned)
        lines, line_of = [], {}
        current, start = None, head.count("\n") + 1
        for line in "".join(body).split("\n"):
            counter = _COUNTER.search(line)
            if counter is not None:
                current = int(counter[1])
                continue
            line_of[len(lines) + start] = current
            lines.append(line)
        code = "\n".join(lines).lstrip("\n")
        code = "\n".join("    " + line for line in code.split("\n"))
        source = f"\n{wraps}\n\n{head}\n{code}"
        return PythonCode(source, writer.globals, line_of, wraps.count("\n") + 4)


def _last_uses(nodes):
    """{node: the nodes that are not used after it}."""
    seen, last = set(), {}
    for node in reversed(nodes):
        for used in node._input_nodes:
            if used not in seen:
                seen.add(used)
                last.setdefault(node, []).append(used)
    return last


# The names of `typing` for these, which its generic types do not keep as their origin.
_OLDER = {
    list: typing.List,  # noqa: UP006
    dict: typing.Dict,  # noqa: UP006
    set: typing.Set,  # noqa: UP006
    frozenset: typing.FrozenSet,  # noqa: UP006
    tuple: typing.Tuple,  # noqa: UP006
}


class _Writer:
    """Writes the lines of a function, and collects what they refer to."""

    def __init__(self, root_module, namespace, verbose):
        self._root, self._namespace, self._verbose = root_module, namespace, verbose
        self.body, self.free_vars, self.returned = [], [], ""
        self.globals, self.wrapped, self._trace = {}, {}, None

    def add_global(self, hint, obj):
        """The name by which the source refers to an object."""
        if is_own(obj) and obj is not _C.device:
            return _named(obj)
        name = self._namespace.create_name(hint, obj)
        self.globals.setdefault(name, obj)
        return name

    def type_text(self, o):
        """The text of an annotation."""
        if o == ():
            return "()"
        if isinstance(o, types.UnionType):
            return "|".join(self.type_text(arg) for arg in typing.get_args(o))
        origin = getattr(o, "__origin__", None)
        if origin is not None:
            if type(o).__module__ == "typing":
                origin = _OLDER.get(origin, origin)
            base = self.add_global(_type_repr(origin), origin)
            args = ",".join(self.type_text(arg) for arg in typing.get_args(o))
            return f"{base}[{args}]" if args else base
        return self.add_global(_type_repr(o), o)

    def text(self, arg):
        """The text of an argument."""
        if isinstance(arg, Node):
            return repr(arg)
        if isinstance(arg, tuple) and hasattr(arg, "_fields"):
            return f"{self.add_global(name_of(type(arg)), type(arg))}{tuple(arg)!r}"
        if isinstance(arg, _ops.OpOverload):
            return self.add_global(name_of(arg), arg)
        if isinstance(arg, enum.Enum):
            return f"{self.add_global(type(arg).__name__, type(arg))}.{arg.name}"
        if isinstance(arg, _C.Tensor):
            dtype = str(arg.dtype).rpartition(".")[2]
            return f"torch.Tensor(size={list(arg.size())}, dtype={dtype})"
        if isinstance(arg, tuple):
            inner = ", ".join(map(self.text, arg))
            return f"({inner},)" if len(arg) == 1 else f"({inner})"
        if isinstance(arg, list):
            return f"[{', '.join(map(self.text, arg))}]"
        if isinstance(arg, slice):
            return f"slice({', '.join(map(self.text, (arg.start, arg.stop, arg.step)))})"
        return repr(arg)

    def _arguments(self, args, kwargs):
        return ", ".join(
            [*map(self.text, args), *(f"{k} = {self.text(v)}" for k, v in kwargs.items())]
        )

    def write_trace(self, node):
        """A comment that says where the call was traced."""
        if node.op in ("placeholder", "output"):
            return
        lines = (node.stack_trace or "").strip().split("\n")
        place = re.match(r'\s*File "(.+)", line (\d+), in (.+)$', lines[-2]) if lines[1:] else None
        text = "No stacktrace found for following nodes"
        if place:
            text = f"File: {place[1]}:{place[2]} in {place[3]}, code: {lines[-1].strip()}"
        if text != self._trace:
            self._trace = text
            self.body.append(f"\n# {text}\n")

    def _annotation(self, node):
        if self._verbose:
            value = node.meta.get(
                "val", node.meta.get("tensor_meta", node.meta.get("example_value"))
            )
            if hasattr(value, "dtype") and hasattr(value, "shape"):
                from .passes.shape_prop import dtype_abbrs

                return f': "{dtype_abbrs[value.dtype]}{list(value.shape)}"'
        return "" if node.type is None else f" : {self.type_text(node.type)}"

    def write(self, node):
        """The line of a node, without its end."""
        name, annotation = repr(node), self._annotation(node)
        target, args, kwargs = node.target, node.args, node.kwargs
        assigned = f"{name}{annotation} = "
        if node.op == "placeholder":
            default = f" = {self.text(args[0])}" if args else ""
            self.free_vars.append(f"{target}{annotation}{default}")
            plain = target.replace("*", "")
            if plain != name:
                self.body.append(f"{name} = {plain}\n")
        elif node.op == "call_method":
            method = _format_target(self.text(args[0]), target)
            self.body.append(f"{assigned}{method}({self._arguments(args[1:], kwargs)})")
        elif node.op == "call_module":
            module = _format_target(self._root, target)
            self.body.append(f"{assigned}{module}({self._arguments(args, kwargs)})")
        elif node.op == "get_attr":
            self.body.append(f"{assigned}{_format_target(self._root, target)}")
        else:
            self._write_function(node, assigned, name, annotation)

    def _write_function(self, node, assigned, name, annotation):
        target, args = node.target, node.args
        if getattr(target, "__module__", "") == "_operator":
            texts = map(self.text, args)
            if target.__name__ in magic_methods:
                self.body.append(assigned + magic_methods[target.__name__].format(*texts))
                return
            if target.__name__ in inplace_methods:
                change = inplace_methods[target.__name__].format(*texts)
                self.body.append(f"{change};  {name}{annotation} = {self.text(args[0])}")
                return
        function = self.add_global(_named(target), target)
        if (
            function == "getattr"
            and len(args) == 2
            and isinstance(args[1], str)
            and args[1].isidentifier()
        ):
            self.body.append(assigned + _format_target(self.text(args[0]), args[1]))
            return
        self.body.append(f"{assigned}{function}({self._arguments(args, node.kwargs)})")
        if node.meta.get("is_wrapped", False):
            self.wrapped.setdefault(function)

    def forget(self, node, last_used):
        """Ends the line; lets values go that nobody uses any more."""
        if node.op == "placeholder":
            return
        names = [repr(n) for n in last_used]
        if not node.users and node.op != "output":
            names.append(repr(node))
        if names and node.op != "output":
            self.body.append(f";  {' = '.join([*names, 'None'])}\n")
        else:
            self.body.append("\n")


def _named(obj):
    if isinstance(obj, (_ops.OpOverload, _ops.OpOverloadPacket)):
        return f"torch.ops.{obj}"
    return name_of(obj)


class _PyTreeCodeGen(CodeGen):
    """The function of a graph that was traced with structures as arguments."""

    def __init__(self, pytree_info):
        super().__init__()
        self.pytree_info = pytree_info

    def process_inputs(self, *inputs):
        return pytree.arg_tree_leaves(*inputs)

    def process_outputs(self, out):
        if self.pytree_info is None or self.pytree_info.out_spec is None:
            return out
        out = out if isinstance(out, (list, tuple)) else [out]
        return pytree.tree_unflatten(out, self.pytree_info.out_spec)

    def gen_fn_def(self, free_vars, maybe_return_annotation, *, expanded_def=False):
        if self.pytree_info is None:
            return super().gen_fn_def(free_vars, maybe_return_annotation)
        given = self.pytree_info.orig_args
        if given and given[0] == "self":
            free_vars.insert(0, "self")
        head = super().gen_fn_def(given[:], maybe_return_annotation)
        if free_vars:
            names = [v.partition(":")[0].partition("#")[0] for v in free_vars]
            typed = "".join(f"{v}; " for v in free_vars if ":" in v)
            if typed:
                head += f"\n    {typed}\n"
            head += (
                f"\n    {', '.join(names)}, = fx_pytree.tree_flatten_spec"
                f"([{', '.join(given)}], self._in_spec)"
            )
        return head

    def generate_output(self, output_args, *, descs=None, repr_fn=repr):
        if self.pytree_info and self.pytree_info.out_spec:
            return f"return pytree.tree_unflatten({repr_fn(output_args)}, self._out_spec)"
        return super().generate_output(output_args, repr_fn=repr_fn)
