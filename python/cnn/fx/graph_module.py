"""A module whose `forward` is written from a graph."""

from __future__ import annotations

import copy
import itertools
import linecache
import sys
import traceback
from contextlib import contextmanager
from typing import Any

from .. import _C
from ..nn import Module, Parameter
from ._codegen import PythonCode, _custom_builtins, _PyTreeCodeGen
from ._qualified import is_own
from .graph import Graph

__all__ = ["reduce_graph_module", "GraphModule"]

_USER_PRESERVED_ATTRIBUTES_KEY = "_user_preserved_attributes"


# Source that has no file -------------------------------------------------------------------------


class _Sources:
    """Keeps generated source where tracebacks and `inspect` find it."""

    def __init__(self):
        self._sources = {}
        self._next = 0

    def keep(self, source, names, origin):
        key = f"<eval_with_key>.{self._next}"
        self._next += 1
        if origin:
            key += (
                f" from {origin['co_filename']}:{origin['co_firstlineno']} in {origin['co_name']}"
            )
        self._sources[key] = source
        linecache.lazycache(key, {**names, "__file__": key, "__name__": key, "__loader__": self})
        return key

    def get_source(self, module_name):
        return self._sources.get(module_name)


_sources = _Sources()


def _forward_from_src(src, globals, co_fields=None):
    names = globals.copy()
    key = _sources.keep(src, names, co_fields)
    exec(compile(src, key, "exec", dont_inherit=True), names)
    return names.pop("forward")


# Attributes by their paths -----------------------------------------------------------------------


def _copy_attr(from_module, to_module, target):
    """Gives a module what another one has under a path; submodules are shared."""
    *prefix, field = target.split(".")
    for item in prefix:
        source, place = getattr(from_module, item), getattr(to_module, item, None)
        if source is place:
            return
        if place is None:
            place = Module()
            setattr(to_module, item, place)
        from_module, to_module = source, place
    _set(to_module, field, getattr(from_module, field))


def _set(module, field, value):
    if isinstance(value, _C.Tensor) and not isinstance(value, Parameter):
        module.register_buffer(field, value)
    else:
        setattr(module, field, value)


def _assign_attr(from_obj, to_module, target):
    """Gives a module an object under a path."""
    *prefix, field = target.split(".")
    for item in prefix:
        place = getattr(to_module, item, None)
        if place is None:
            place = Module()
            setattr(to_module, item, place)
        to_module = place
    _set(to_module, field, from_obj)


def _get_attr(model, attr_name):
    for item in attr_name.split("."):
        model = getattr(model, item)
    return model


def _del_attr(model, attr_name):
    path, _, field = attr_name.rpartition(".")
    delattr(_get_attr(model, path) if path else model, field)


def _has_attr(model, attr_name):
    for item in attr_name.split("."):
        if not hasattr(model, item):
            return False
        model = getattr(model, item)
    return True


# Pickling: the source travels, and is traced again -----------------------------------------------


def _import_block(names):
    lines = set()
    for name, obj in names.items():
        if name in _custom_builtins:
            lines.add(_custom_builtins[name].import_str)
        elif isinstance(obj, str):
            lines.add(f"{name} = {obj!r}")  # an annotation that was not evaluated
        elif is_own(obj):
            lines.add("import cnn as torch")
        else:
            lines.add(f"from {obj.__module__} import {obj.__qualname__} as {name}")
    return "\n".join(sorted(lines))


class _CodeOnlyModule(Module):
    """The attributes of a module without its graph."""

    def __init__(self, body):
        super().__init__()
        self.__dict__ = body


def reduce_graph_module(body, import_block):
    """The module of a pickle: its source is traced, and every module in it is a leaf."""
    from ._symbolic_trace import Tracer

    source = body.get("_code") or body["code"]
    forward = _forward_from_src(import_block + source, {})
    holder = type("_CodeOnlyModule", (_CodeOnlyModule,), {"forward": forward})(body)
    base = body.get("_tracer_cls") or Tracer

    class KeepModules(base):
        def is_leaf_module(self, m, module_qualified_name):
            return True

    graph = KeepModules().trace(holder, **body.get("_tracer_extras", {}))
    graph._tracer_cls = base
    module = GraphModule(holder, graph, body.get("_graphmodule_cls_name", "GraphModule"))
    for name, value in body.items():
        if not hasattr(module, name):
            setattr(module, name, value)
    return module


# The module --------------------------------------------------------------------------------------


class _WrappedCall:
    """A call of a GraphModule, which shows the line of its source that raised."""

    def __init__(self, cls, cls_call):
        self.cls, self.cls_call = cls, cls_call

    def __call__(self, obj, *args, **kwargs):
        try:
            if self.cls_call is not None:
                return self.cls_call(obj, *args, **kwargs)
            return super(self.cls, obj).__call__(*args, **kwargs)
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            if "eval_with_key" in frames[-1].filename:
                print(_shown(frames[-1]), file=sys.stderr)
                raise error.with_traceback(None)  # noqa: B904
            raise


def _shown(frame):
    lines = linecache.getlines(frame.filename)
    before = "".join(lines[max(frame.lineno - 2, 0) : frame.lineno])
    after = "\n".join(lines[frame.lineno : frame.lineno + 2])
    return (
        f"{traceback.format_exc()}\nCall using an FX-traced Module, line {frame.lineno} of the "
        f"traced Module's generated forward function:\n{before}\n"
        f"{'~' * len(frame.line)}~~~ <--- HERE\n{after}"
    )


class GraphModule(Module):
    """A module with a graph, whose `forward` is generated from it. It has what the graph refers to:
    taken from `root`, a module or {path: module or tensor}.

    After changes of the graph `recompile()` writes `forward` anew; assigning `graph` does so too.
    """

    _wrapped_call: Any

    def __new__(cls, *args, **kwargs):
        # Each instance has a class of its own, for its `forward`.
        for base in cls.__mro__:
            if base.__qualname__.rpartition(".")[2] != "GraphModuleImpl":
                cls = base
                break

        class GraphModuleImpl(cls):
            pass

        return super().__new__(GraphModuleImpl)

    def __init__(self, root, graph, class_name="GraphModule"):
        super().__init__()
        self.__class__.__name__ = class_name
        wanted = [n for n in graph.nodes if n.op in ("get_attr", "call_module")]
        if isinstance(root, Module):
            if hasattr(root, "training"):
                self.training = root.training
            if isinstance(root, _CodeOnlyModule):
                owned = (root.named_children(), root.named_buffers(), root.named_parameters())
                for name, _ in itertools.chain(*owned):
                    _copy_attr(root, self, name)
            for node in wanted:
                _copy_attr(root, self, node.target)
        elif isinstance(root, dict):
            for node in wanted:
                if node.target not in root:
                    raise RuntimeError(
                        f"Node {node} referenced target {node.target} but that target was not "
                        "provided in ``root``!"
                    )
            for target in sorted({n.target for n in wanted}, key=lambda t: t.count(".")):
                _assign_attr(root[target], self, target)
        else:
            raise RuntimeError(f"Unsupported type {root} passed for root!")
        self.graph = graph
        self._tracer_cls = None
        if graph._tracer_cls and "<locals>" not in graph._tracer_cls.__qualname__:
            self._tracer_cls = graph._tracer_cls
        self._tracer_extras = graph._tracer_extras or {}
        self.meta = {}
        self._replace_hooks, self._create_node_hooks = [], []
        self._erase_node_hooks, self._deepcopy_hooks = [], []

    @property
    def graph(self):
        """The graph; assign one to get its `forward`."""
        return self._graph

    @graph.setter
    def graph(self, g):
        if not isinstance(g, Graph):
            raise AssertionError(f"Expected a Graph instance, but got {type(g)}")
        self._graph = g
        g.owning_module = self
        self.recompile()

    @property
    def code(self):
        """The source of `forward`."""
        if not hasattr(self, "_code"):
            raise RuntimeError("Code has not been generated! Please report a bug to PyTorch")
        return self._code

    def recompile(self) -> PythonCode:
        """Writes `forward` from the graph."""
        if isinstance(self._graph._codegen, _PyTreeCodeGen):
            info = self._graph._codegen.pytree_info
            self._in_spec, self._out_spec = info.in_spec, info.out_spec
        code = self._graph.python_code(root_module="self")
        self._code = code.src
        self._lineno_map, self._prologue_start = code._lineno_map, code._prologue_start
        cls = type(self)
        cls.forward = _forward_from_src(self._code, code.globals, self._graph._co_fields)
        if "_wrapped_call" not in vars(cls):
            cls._wrapped_call = _WrappedCall(cls, vars(cls).get("__call__"))
        for child in self.children():
            if isinstance(child, GraphModule):
                child.recompile()

        def call(self, *args, **kwargs):
            return self._wrapped_call(self, *args, **kwargs)

        cls.__call__ = call
        return code

    # Submodules -------------------------------------------------------------------------------

    def add_submodule(self, target, m):
        """Puts a module under a path, with modules on the way; False where something else is."""
        *prefix, field = target.split(".")
        place = self
        for item in prefix:
            below = getattr(place, item, None)
            if below is None:
                below = Module()
                setattr(place, item, below)
            if not isinstance(below, Module):
                return False
            place = below
        place.add_module(field, m)
        return True

    def delete_submodule(self, target):
        """Takes the module under a path out; False where there is none."""
        path, _, field = target.rpartition(".")
        place = self
        for item in path.split(".") if path else ():
            place = getattr(place, item, None)
            if not isinstance(place, Module):
                return False
        if not isinstance(getattr(place, field, None), Module):
            return False
        delattr(place, field)
        return True

    def delete_all_unused_submodules(self):
        """Takes out all modules that the graph does not refer to."""
        used = {""}
        for node in self.graph.nodes:
            if node.op not in ("call_module", "get_attr"):
                continue
            parts = node.target.split(".")
            used.update(".".join(parts[:i]) for i in range(1, len(parts) + 1))
            if node.op == "call_module":
                try:
                    below = self.get_submodule(node.target).named_modules()
                except AttributeError:
                    continue  # it is gone already
                used.update(f"{node.target}.{name}" for name, _ in below if name)
        for name in [name for name, _ in self.named_modules() if name not in used]:
            self.delete_submodule(name)

    # Copies -----------------------------------------------------------------------------------

    def __reduce__(self):
        body = self.__dict__.copy()
        code = self.recompile()
        body["_graphmodule_cls_name"] = type(self).__name__
        del body["_graph"]
        return reduce_graph_module, (body, _import_block(code.globals))

    def _deepcopy_init(self):
        return GraphModule.__init__

    def __deepcopy__(self, memo):
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        holder = _CodeOnlyModule(copy.deepcopy(self.__dict__, memo))
        self._deepcopy_init()(copied, holder, holder.__dict__["_graph"])
        for name in (
            "_state_dict_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks",
            "_replace_hooks", "_create_node_hooks", "_erase_node_hooks", "_deepcopy_hooks",
        ):  # fmt: skip
            if name in self.__dict__:
                setattr(copied, name, copy.deepcopy(self.__dict__[name], memo))
        copied.meta = copy.deepcopy(getattr(self, "meta", {}), memo)
        for name, value in copied.meta.get(_USER_PRESERVED_ATTRIBUTES_KEY, {}).items():
            setattr(copied, name, value)
        for hook in self.__dict__.get("_deepcopy_hooks", ()):
            hook(copied)
        return copied

    def __copy__(self):
        copied = GraphModule(self, self.graph)
        copied.meta = getattr(self, "meta", {})
        return copied

    # Printing ---------------------------------------------------------------------------------

    def print_readable(self, print_output=True, include_stride=False, include_device=False, **_):
        """Prints the source as a class, with those of the submodules; gives it back."""
        text = _readable(self, self._get_name())
        if print_output:
            print(text)
        return text

    def __str__(self):
        reminder = "# To see more debug info, please use `graph_module.print_readable()`"
        return "\n".join([super().__str__(), self._code, reminder])

    # Hooks ------------------------------------------------------------------------------------

    def _register_replace_node_hook(self, f):
        self._replace_hooks.append(f)

    def _unregister_replace_node_hook(self, f):
        self._replace_hooks.remove(f)

    def _register_create_node_hook(self, f):
        self._create_node_hooks.append(f)

    def _unregister_create_node_hook(self, f):
        self._create_node_hooks.remove(f)

    def _register_erase_node_hook(self, f):
        self._erase_node_hooks.append(f)

    def _unregister_erase_node_hook(self, f):
        self._erase_node_hooks.remove(f)

    @contextmanager
    def _set_replace_hook(self, f):
        self._register_replace_node_hook(f)
        try:
            yield
        finally:
            self._unregister_replace_node_hook(f)


def _indented(text):
    first, *rest = text.split("\n")
    return "\n".join([first, *(" " * 4 + line if line.strip() else "" for line in rest)])


def _readable(module, name):
    source = module.graph.python_code(root_module="self", verbose=True).src.lstrip("\n")
    text = _indented(f"class {name}(torch.nn.Module):\n{source}")
    parts = [""]
    for child_name, child in module.named_children():
        if isinstance(child, GraphModule):
            parts.append(_readable(child, child_name))
    return text + _indented("\n".join(parts))
