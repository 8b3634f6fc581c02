"""A graph of calls: a list of nodes, in the order in which they run."""

from __future__ import annotations

import copy
import inspect
import warnings
from contextlib import contextmanager

from .. import _faces
from ._codegen import (  # noqa: F401  (packages import them from here)
    CodeGen,
    PythonCode,
    _custom_builtins,
    _CustomBuiltin,
    _format_target,
    _PyTreeCodeGen,
    _PyTreeInfo,
    _register_custom_builtin,
)
from ._naming import (  # noqa: F401
    _illegal_names,
    _is_magic,
    _Namespace,
    _snake_case,
    inplace_methods,
    magic_methods,
    reflectable_magic_methods,
)
from ._qualified import is_own as _is_from_torch  # noqa: F401
from .immutable_collections import immutable_dict
from .node import Node, _legal_ops, map_arg

__all__ = ["PythonCode", "CodeGen", "Graph"]


class _InsertPoint:
    """A place for new nodes, as a context."""

    def __init__(self, graph, new_insert):
        self.graph = graph
        self.orig_insert, graph._insert = graph._insert, new_insert

    def __enter__(self):
        return None

    def __exit__(self, type, value, tb):
        self.graph._insert = self.orig_insert


class _node_list:
    """The nodes, in order or backwards; the current one may be erased meanwhile."""

    def __init__(self, graph, direction="_next"):
        self.graph, self.direction = graph, direction

    def __len__(self):
        return self.graph._len

    def __iter__(self):
        root = self.graph._root
        node = getattr(root, self.direction)
        while node is not root:
            if not node._erased:
                yield node
            node = getattr(node, self.direction)

    def __reversed__(self):
        return iter(_node_list(self.graph, "_prev" if self.direction == "_next" else "_next"))


class Graph:
    """Calls in the order in which they run: inputs first, the output last.

    Each method that adds a node puts it at the end, or where `inserting_before` and
    `inserting_after` say.
    """

    def __init__(self, owning_module=None, tracer_cls=None, tracer_extras=None):
        self._len = 0
        self._graph_namespace = _Namespace()
        self._owning_module = owning_module
        self._root = Node(self, "", "root", "", (), {})
        self._insert = self._root.prepend
        self._tracer_cls, self._tracer_extras = tracer_cls, tracer_extras
        self._codegen = CodeGen()
        self._co_fields = {}

    @property
    def owning_module(self):
        """The GraphModule that the graph belongs to, or None."""
        return self._owning_module

    @owning_module.setter
    def owning_module(self, mod):
        self._owning_module = mod

    @property
    def nodes(self):
        """The nodes; `reversed` gives them backwards."""
        return _node_list(self)

    def output_node(self):
        """The last node, which is the output."""
        node = self._root._prev
        if node.op != "output":
            raise AssertionError(f"Expected output node, got op={node.op}")
        return node

    def find_nodes(self, *, op, target=None, sort=True):
        """The nodes of an op, and of a target if one is given."""
        if op == "call_function" and target is None:
            raise AssertionError("find_nodes(op='call_function') needs a target")
        return [n for n in self.nodes if n.op == op and (target is None or n.target == target)]

    # Making nodes -----------------------------------------------------------------------------

    def create_node(self, op, target, args=None, kwargs=None, name=None, type_expr=None):
        """Adds a node of any kind."""
        args = args or ()
        if not isinstance(args, tuple):
            raise AssertionError(f"args must be a tuple, got {type(args)}")
        kwargs = kwargs or immutable_dict()
        if not isinstance(kwargs, dict):
            raise AssertionError(f"kwargs must be a dict, got {type(kwargs)}")
        candidate = name if name is not None else self._target_to_str(target)
        name = self._graph_namespace.create_name(candidate, None)
        node = Node(self, name, op, target, args, kwargs, type_expr)
        for hook in getattr(self.owning_module, "_create_node_hooks", None) or ():
            hook(node)
        self._graph_namespace.associate_name_with_obj(name, node)
        self._insert(node)
        self._len += 1
        return node

    def placeholder(self, name, type_expr=None, default_value=inspect.Signature.empty):
        """Adds an input."""
        args = () if default_value is inspect.Signature.empty else (default_value,)
        return self.create_node("placeholder", name, args=args, type_expr=type_expr)

    def get_attr(self, qualified_name, type_expr=None):
        """Adds a parameter, buffer or submodule of the module, by its path."""
        if self.owning_module is not None and not _is_registered(
            self.owning_module, qualified_name
        ):
            warnings.warn(
                "Attempted to insert a get_attr Node with no underlying reference in the owning "
                "GraphModule! Call GraphModule.add_submodule to add the necessary submodule, "
                "GraphModule.add_parameter to add the necessary Parameter, or "
                "nn.Module.register_buffer to add the necessary buffer",
                stacklevel=2,
            )
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_module(self, module_name, args=None, kwargs=None, type_expr=None):
        """Adds a call of a submodule."""
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def call_method(self, method_name, args=None, kwargs=None, type_expr=None):
        """Adds a call of a method of `args[0]`."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_function(self, the_function, args=None, kwargs=None, type_expr=None, name=None):
        """Adds a call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, name, type_expr)

    def output(self, result, type_expr=None):
        """Adds the output."""
        return self.create_node("output", "output", (result,), type_expr=type_expr)

    def node_copy(self, node, arg_transform=lambda x: x):
        """Adds a copy of a node of another graph; `arg_transform` maps its arguments' nodes."""
        args, kwargs = map_arg(node.args, arg_transform), map_arg(node.kwargs, arg_transform)
        copied = self.create_node(node.op, node.target, args, kwargs, node.name, node.type)
        copied.meta = copy.copy(node.meta)
        return copied

    def graph_copy(self, g, val_map, return_output_node=False):
        """Adds copies of all nodes of a graph but those in `val_map`, which maps its nodes to
        this graph's; what it returns, or None.
        """
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                value = map_arg(node.args[0], lambda n: val_map[n])
                return (value, node) if return_output_node else value
            val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    def _target_to_str(self, target):
        if callable(target):
            name = getattr(target, "__name__", None) or type(target).__name__
        else:
            name = target[2:-2] if _is_magic(target) else target
        return _snake_case(name)

    # Changing ---------------------------------------------------------------------------------

    def erase_node(self, to_erase):
        """Takes a node out, which nobody may use."""
        if to_erase.users:
            raise RuntimeError(
                f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users in "
                f"the graph: {to_erase.users}!"
            )
        if to_erase.graph is not self:
            raise RuntimeError(f"Attempting to remove {to_erase} from wrong graph!")
        if to_erase._erased:
            warnings.warn(f"erase_node({to_erase}) on an already erased node", stacklevel=2)
            return
        for hook in getattr(self.owning_module, "_erase_node_hooks", None) or ():
            hook(to_erase)
        to_erase._remove_from_list()
        to_erase._erased = True
        self._len -= 1
        to_erase._update_args_kwargs(
            map_arg(to_erase._args, lambda n: None), map_arg(to_erase._kwargs, lambda n: None)
        )

    def inserting_before(self, n=None):
        """A context in which new nodes come before `n`, by default before all."""
        if n is None:
            return self.inserting_after(self._root)
        if n.graph is not self:
            raise AssertionError("Node to insert before is not in graph.")
        return _InsertPoint(self, n.prepend)

    def inserting_after(self, n=None):
        """A context in which new nodes come after `n`, by default after all."""
        if n is None:
            return self.inserting_before(self._root)
        if n.graph is not self:
            raise AssertionError("Node to insert after is not in graph.")
        return _InsertPoint(self, n.append)

    def eliminate_dead_code(self, is_impure_node=None):
        """Takes out nodes that nobody uses and that do nothing else; whether there were any."""
        self.lint()
        impure = is_impure_node or Node.is_impure
        changed = False
        for node in reversed(self.nodes):
            if not node.users and not impure(node):
                self.erase_node(node)
                changed = True
        return changed

    def lint(self):
        """RuntimeError for arguments of other graphs, uses before definitions, names that two
        nodes have, and targets that the module does not have.
        """
        names, values = set(), set()
        for node in self.nodes:
            if node.op not in _legal_ops or node.op == "root":
                raise RuntimeError(f"Node {node} had unknown opcode {node.op}!")
            if node.graph is not self:
                raise RuntimeError(f"Node '{node}' does not belong to this Graph!")
            for arg in node._input_nodes:
                if arg.graph is not self:
                    raise RuntimeError(
                        f"Argument '{arg}' of Node '{node}' does not belong to this Graph, but was "
                        "used as an argument! If you are copying nodes from another graph, make "
                        f"sure to use ``arg_transform`` on node_copy() to remap values\n{self}"
                    )
                if arg not in values:
                    raise RuntimeError(
                        f"Argument '{arg}' of Node '{node}' was used before it has been defined! "
                        f"Please check that Nodes in the graph are topologically ordered\n{self}"
                    )
            values.add(node)
            if node.name in names:
                raise RuntimeError(f"Node redefined name {node.name}!")
            names.add(node.name)
        if self.owning_module is not None:
            for node in self.nodes:
                if node.op in ("get_attr", "call_module"):
                    _check_target(self.owning_module, node)

    def _clear_nodes(self):
        for node in reversed(self.nodes):
            node.meta.clear()
            self.erase_node(node)

    # Code -------------------------------------------------------------------------------------

    def python_code(self, root_module, *, verbose=False, **options):
        """The source of the graph's function, and what it refers to."""
        namespace = _Namespace()
        nodes = list(self.nodes)
        before = [node._repr_fn for node in nodes]
        for node in nodes:
            node._repr_fn = lambda n: namespace.create_name(n.name, n)
        try:
            return self._python_code(root_module, namespace, verbose=verbose, **options)
        finally:
            for node, repr_fn in zip(nodes, before):
                node._repr_fn = repr_fn

    def _python_code(self, root_module, namespace, **options):
        return self._codegen._gen_python_code(self.nodes, root_module, namespace, **options)

    def set_codegen(self, codegen):
        """Sets what writes the source."""
        self._codegen = codegen

    def on_generate_code(self, make_transformer):
        """Changes the lines of the source: `make_transformer(what changed them before)` gives a
        function from a list of lines to one. As a context, until it ends.
        """
        before = self._codegen._body_transformer
        self._codegen._body_transformer = make_transformer(before)

        @contextmanager
        def until():
            try:
                yield
            finally:
                self._codegen._body_transformer = before

        return until()

    def process_inputs(self, *args):
        """The arguments of the function as the graph takes them."""
        return self._codegen.process_inputs(*args)

    def process_outputs(self, out):
        """What the graph gives as the function returns it."""
        return self._codegen.process_outputs(out)

    def __deepcopy__(self, memo=None):
        memo = memo if memo else {}
        g = Graph(tracer_cls=self._tracer_cls)
        returned = g.graph_copy(self, val_map=memo, return_output_node=True)
        g._codegen = copy.deepcopy(self._codegen)
        if returned is not None:
            value, old = returned
            new = g.output(value, type_expr=old.type)
            new.meta = copy.copy(old.meta)
        return g

    def __str__(self):
        return "\n    ".join(["graph():", *(node.format_node() for node in self.nodes)])

    def print_tabular(self):
        """Prints the nodes as a table, by the package tabulate."""
        try:
            from tabulate import tabulate
        except ImportError:
            print(
                "`print_tabular` relies on the library `tabulate`, which could not be found on "
                "this machine. Run `pip install tabulate` to install the library."
            )
            raise
        rows = [[n.op, n.name, n.target, n.args, n.kwargs] for n in self.nodes]
        print(tabulate(rows, headers=["opcode", "name", "target", "args", "kwargs"]))


_faces.adopt(__name__, f"{__package__}._codegen", f"{__package__}._naming")


def _is_registered(module, path):
    from ..nn import Module, Parameter

    place, _, name = path.rpartition(".")
    try:
        owner = module.get_submodule(place)
    except AttributeError:
        warnings.warn(f"Failed to fetch module {place}!", stacklevel=3)
        return False
    value = getattr(owner, name, None)
    return isinstance(value, (Module, Parameter)) or name in owner._buffers


def _check_target(module, node):
    from ..nn import Module

    value, seen = module, []
    for part in node.target.split("."):
        value = getattr(value, part, None)
        if value is None:
            raise RuntimeError(
                f"Node {node} target {node.target} references nonexistent attribute {part} of "
                f"{'.'.join(seen)}"
            )
        if node.op == "call_module" and not isinstance(value, Module):
            raise RuntimeError(
                f"Node {node} target {node.target} {part} of {'.'.join(seen)} does not reference "
                "an nn.Module"
            )
        seen.append(part)
