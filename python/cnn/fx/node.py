"""A node of a graph: one call, input, attribute or output."""

from __future__ import annotations

import enum
import operator
import types

from .. import _C, _ops
from .._checks import _assert
from ._qualified import is_own, name_of
from .immutable_collections import immutable_dict, immutable_list

__all__ = ["Node", "map_arg", "map_aggregate", "has_side_effect"]

base_types = (
    str, int, float, bool, complex, _C.dtype, _C.Tensor, _C.device, _C.memory_format, _C.layout,
    _ops.OpOverload,
)  # fmt: skip
Argument = object
Target = object
_legal_ops = dict.fromkeys(
    ("placeholder", "call_method", "call_module", "call_function", "get_attr", "output", "root")
)
_side_effectful_functions = {operator.setitem, _assert}
# What draws random numbers changes those that come after.
_random_functions = {
    getattr(_C, name)
    for name in """
        bernoulli multinomial normal poisson rand rand_like randint randint_like randn randn_like
        randperm""".split()
    if hasattr(_C, name)
}


def has_side_effect(fn):
    """Notes that calls of a function stay although nobody uses the result; gives it back."""
    _side_effectful_functions.add(fn)
    return fn


def map_aggregate(a, fn):
    """`fn` of everything in tuples, lists, dictionaries and slices; the lists and dictionaries that
    come back do not change.
    """
    if isinstance(a, tuple):
        items = [map_aggregate(x, fn) for x in a]
        return type(a)(*items) if hasattr(a, "_fields") else tuple(items)
    if isinstance(a, list):
        return immutable_list([map_aggregate(x, fn) for x in a])
    if isinstance(a, dict):
        return immutable_dict((k, map_aggregate(v, fn)) for k, v in a.items())
    if isinstance(a, slice):
        return slice(*(map_aggregate(x, fn) for x in (a.start, a.stop, a.step)))
    return fn(a)


def map_arg(a, fn):
    """`fn` of every Node in tuples, lists, dictionaries and slices."""
    if not callable(fn):
        raise AssertionError("torch.fx.map_arg(a, fn): fn must be a callable")
    return map_aggregate(a, lambda x: fn(x) if isinstance(x, Node) else x)


_get_qualified_name = name_of


def _type_repr(obj):
    if isinstance(obj, type) and not isinstance(obj, types.GenericAlias):
        if obj.__module__ == "builtins":
            return obj.__qualname__
        if is_own(obj):
            return name_of(obj)
        return f"{obj.__module__}.{obj.__qualname__}"
    if obj is ...:
        return "..."
    if isinstance(obj, types.FunctionType):
        return obj.__name__
    return repr(obj)


def _format_arg(arg, max_list_len=float("inf")):
    if isinstance(arg, (list, tuple)):
        more = f", ...[total_len={len(arg)}]" if len(arg) > max_list_len else ""
        items = ", ".join(_format_arg(a) for i, a in enumerate(arg) if i < max_list_len)
        if isinstance(arg, list):
            return f"[{items}{more}]"
        return f"({items}{',' if len(arg) == 1 else ''}{more})"
    if isinstance(arg, dict):
        return "{" + ", ".join(f"{k}: {_format_arg(v)}" for k, v in arg.items()) + "}"
    return f"%{arg}" if isinstance(arg, Node) else str(arg)


class Node:
    """One step of a Graph.

    `op` says what it is, `target` of what, `args` and `kwargs` with what:
    "placeholder" an input of that name, with its default; "get_attr" a parameter or buffer by its
    path; "call_function" a function; "call_module" a submodule by its path; "call_method" a method
    by its name, of `args[0]`; "output" what the graph returns, `args[0]`.
    `users` are the nodes that it is an argument of, `meta` is for whoever passes by.
    """

    def __init__(self, graph, name, op, target, args, kwargs, return_type=None):
        if op not in _legal_ops:
            raise AssertionError(f"op '{op}' is not in _legal_ops")
        if not (callable(target) if op == "call_function" else isinstance(target, str)):
            wanted = "Callable" if op == "call_function" else "str"
            raise ValueError(
                f"Node [graph = {graph}, name = '{name}'] target {target} has type "
                f"{type(target).__name__} but a {wanted} is expected"
            )
        self.graph, self.name, self.op, self.target = graph, name, op, target
        self.type, self.meta, self.users = return_type, {}, {}
        self._args, self._kwargs, self._input_nodes = (), immutable_dict(), {}
        self._prev = self._next = self
        self._erased, self._repr_fn = False, None
        self._update_args_kwargs(args, kwargs)

    # The list that the graph's nodes form -----------------------------------------------------

    next = property(lambda self: self._next, doc="The node after this one.")
    prev = property(lambda self: self._prev, doc="The node before this one.")

    def _remove_from_list(self):
        self._prev._next, self._next._prev = self._next, self._prev

    def prepend(self, x):
        """Moves `x`, of the same graph, in front of this node."""
        if self.graph is not x.graph:
            raise AssertionError("Attempting to move a Node into a different Graph")
        if self is x:
            return
        x._remove_from_list()
        before = self._prev
        before._next, x._prev, x._next, self._prev = x, before, self, x

    def append(self, x):
        """Moves `x`, of the same graph, behind this node."""
        self._next.prepend(x)

    def __lt__(self, other):
        """Whether this node comes before another one of its graph."""
        node = self._next
        while node.op != "root":
            if node is other:
                return True
            node = node._next
        return False

    def __gt__(self, other):
        return other < self

    def __le__(self, other):
        return self is other or self < other

    def __ge__(self, other):
        return self is other or other < self

    # Arguments --------------------------------------------------------------------------------

    @property
    def args(self):
        """The positional arguments; assign a tuple to change them."""
        return self._args

    @args.setter
    def args(self, a):
        self._update_args_kwargs(a, self._kwargs)

    @property
    def kwargs(self):
        """The keyword arguments; assign a dictionary to change them."""
        return self._kwargs

    @kwargs.setter
    def kwargs(self, k):
        self._update_args_kwargs(self._args, k)

    @property
    def all_input_nodes(self):
        """The nodes among the arguments, each once."""
        return list(self._input_nodes)

    def _update_args_kwargs(self, new_args, new_kwargs):
        for node in self._input_nodes:
            node.users.pop(self, None)
        self._input_nodes = {}

        def enter(node):
            self._input_nodes.setdefault(node)
            node.users.setdefault(self)
            return node

        self._args = map_arg(tuple(new_args), enter)
        self._kwargs = map_arg(dict(new_kwargs), enter)

    def update_arg(self, idx, arg):
        """Puts another positional argument in place of one."""
        args = list(self.args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx, arg):
        """Puts a positional argument in front of another one."""
        if not 0 <= idx <= len(self.args):
            raise AssertionError("insert_args index must be between 0 and len(self.args)")
        self.args = (*self.args[:idx], arg, *self.args[idx:])

    def update_kwarg(self, key, arg):
        """Puts another keyword argument in place of one, or adds it."""
        self.kwargs = {**self.kwargs, key: arg}

    def _replace_input_with(self, old, new):
        def replaced(node):
            return new if node is old else node

        self._update_args_kwargs(map_arg(self._args, replaced), map_arg(self._kwargs, replaced))

    def replace_input_with(self, old_input, new_input):
        """Puts `new_input` in place of `old_input` among the arguments."""
        for hook in getattr(self.graph.owning_module, "_replace_hooks", ()):
            hook(old=old_input, new=new_input.name, user=self)
        self._replace_input_with(old_input, new_input)

    def replace_all_uses_with(self, replace_with, delete_user_cb=None, *, propagate_meta=False):
        """Lets the users of this node, or those that the callback accepts, use another one; the
        list of them.
        """
        if propagate_meta:
            if replace_with.meta:
                raise AssertionError(
                    "Called node.replace_all_uses_with(replace_with, propagate_meta=True), but "
                    "replace_with already has .meta keys"
                )
            replace_with.meta.update(self.meta)
        changed = [u for u in self.users if delete_user_cb is None or delete_user_cb(u)]
        for user in changed:
            for hook in getattr(self.graph.owning_module, "_replace_hooks", ()):
                hook(old=self, new=replace_with.name, user=user)
            user._replace_input_with(self, replace_with)
        return changed

    # Questions --------------------------------------------------------------------------------

    @property
    def stack_trace(self):
        """Where the call was traced, if the tracer records that."""
        return self.meta.get("stack_trace")

    @stack_trace.setter
    def stack_trace(self, trace):
        self.meta["stack_trace"] = trace

    def is_impure(self, impure_random=True):
        """Whether the node stays although nobody uses it."""
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_function":
            target = self.target
            if isinstance(target, _ops.OpOverloadPacket):
                target = next(iter(target._overloads.values()), target)
            schema = vars(target).get("_schema") if isinstance(target, _ops.OpOverload) else None
            return (
                self.target in _side_effectful_functions
                or bool(schema and schema.is_mutable)
                or (impure_random and target in _random_functions)
            )
        if self.op == "call_module":
            if self.graph.owning_module is None:
                raise AssertionError("self.graph.owning_module not set for purity check")
            module = self.graph.owning_module.get_submodule(self.target)
            return getattr(module, "_is_impure", False)
        return False

    def normalized_arguments(
        self, root, arg_types=None, kwarg_types=None, normalize_to_only_use_kwargs=False
    ):
        """The arguments by the names of the signature: (args, kwargs), or None."""
        from .operator_schemas import normalize_function, normalize_module

        options = {"normalize_to_only_use_kwargs": normalize_to_only_use_kwargs}
        if self.op == "call_function":
            return normalize_function(self.target, self.args, self.kwargs, **options)
        if self.op == "call_module":
            return normalize_module(root, self.target, self.args, self.kwargs, **options)
        return None

    def _rename(self, candidate):
        if candidate == self.name:
            return
        self.name = self.graph._graph_namespace.create_name(candidate, None)
        self.graph._graph_namespace._rename_object(self, self.name)

    # Printing ---------------------------------------------------------------------------------

    def __repr__(self):
        return self._repr_fn(self) if self._repr_fn else self.name

    @staticmethod
    def _pretty_print_target(target):
        if isinstance(target, str):
            return target
        module, name = getattr(target, "__module__", None), getattr(target, "__name__", None)
        if name is not None and module in ("builtins", "_operator"):
            return f"{module.strip('_')}.{name}"
        return name_of(target)

    def format_node(
        self, placeholder_names=None, maybe_return_typename=None, *, include_tensor_metadata=False
    ):
        """The node as `print(graph)` shows it."""
        kind = f"{_type_repr(self.type)} " if self.type else ""
        head = f"%{self.name} : {kind}[num_users={len(self.users)}] = {self.op}"
        if self.op == "placeholder":
            default = f"(default={self.args[0]})" if self.args else ""
            return f"{head}[target={self.target}]{default}"
        if self.op == "output":
            if self.type and maybe_return_typename:
                maybe_return_typename[0] = f" -> {_type_repr(self.type)}"
            return f"return {self.args[0]}"
        head += f"[target={self._pretty_print_target(self.target)}]"
        if self.op == "get_attr":
            return head
        return f"{head}(args = {_format_arg(self.args)}, kwargs = {_format_arg(self.kwargs)})"

    def __getstate__(self):
        return vars(self).copy()

    def __setstate__(self, state):
        vars(self).update(state)


def _is_constant(a):
    """Whether a value stands in a graph as it is."""
    return isinstance(a, (*base_types, enum.Enum)) or a is None or a is ...
