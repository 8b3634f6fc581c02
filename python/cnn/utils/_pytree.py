"""Trees of containers: lists, dictionaries and whatever is registered, with anything as leaves.

A tree is taken apart into its leaves and a `TreeSpec`, which puts them together again. None is a
leaf. Named tuples need no registration; results of ops such as `max` are registered.
"""

# ruff: noqa: F405  (names of ._pytree_nodes)
from __future__ import annotations

import dataclasses
import functools
import json
import types
from collections import OrderedDict, defaultdict, deque, namedtuple
from enum import Enum
from importlib import import_module
from typing import Any, NamedTuple

from .. import _faces
from . import _pytree_nodes as _nodes
from ._pytree_nodes import *  # noqa: F403
from ._pytree_nodes import (
    NO_SERIALIZED_TYPE_NAME_FOUND,
    SERIALIZED_TYPE_TO_PYTHON_TYPE,
    SUPPORTED_NODES,
    SUPPORTED_SERIALIZED_TYPES,
    ConstantNode,
    is_namedtuple_class,
)

__all__ = [
    "PyTree", "Context", "FlattenFn", "UnflattenFn", "DumpableContext", "ToDumpableContextFn",
    "FromDumpableContextFn", "PyTreeSpec", "TreeSpec", "LeafSpec", "keystr", "key_get",
    "register_pytree_node", "tree_is_leaf", "tree_flatten", "tree_flatten_with_path",
    "tree_unflatten", "tree_iter", "tree_leaves", "tree_leaves_with_path", "tree_structure",
    "tree_map", "tree_map_with_path", "tree_map_", "tree_map_only", "tree_map_only_", "tree_all",
    "tree_any", "tree_all_only", "tree_any_only", "treespec_dumps", "treespec_loads",
    "treespec_pprint", "is_namedtuple", "is_namedtuple_class", "is_namedtuple_instance",
    "is_structseq", "is_structseq_class", "is_structseq_instance",
]  # fmt: skip

globals().update({k: v for k, v in vars(_nodes).items() if k[0] == "_" != k[1]})

# There is no second registry in C++.
_cxx_pytree_exists = _cxx_pytree_imported = _cxx_pytree_dynamo_traceable = False

STANDARD_DICT_TYPES = frozenset({dict, OrderedDict, defaultdict})
BUILTIN_TYPES = frozenset({tuple, list, dict, namedtuple, OrderedDict, defaultdict, deque})


def _get_node_type(tree):
    """Under what a container is registered: its class; all named tuples are one."""
    cls = type(tree)
    return namedtuple if is_namedtuple_class(cls) else cls


def tree_is_leaf(tree, is_leaf=None):
    """Whether `tree` is no container, or `is_leaf(tree)` says that it counts as a leaf."""
    if is_leaf is not None and is_leaf(tree):
        return True
    return _get_node_type(tree) not in SUPPORTED_NODES


def _is_leaf(tree, is_leaf=None):
    """The older `tree_is_leaf`."""
    _nodes.deprecated(
        "torch.utils._pytree._is_leaf is private and will be removed in a future release. "
        "Please use torch.utils._pytree.tree_is_leaf instead."
    )
    return tree_is_leaf(tree, is_leaf)


# Structures --------------------------------------------------------------------------------------


@dataclasses.dataclass(init=False, frozen=True, eq=True, repr=False)
class TreeSpec:
    """The structure of a tree: the class at its root, the context that rebuilds it, the children's
    structures.
    """

    type: Any
    _context: Any
    _children: list
    num_nodes: int = dataclasses.field(init=False)
    num_leaves: int = dataclasses.field(init=False)
    num_children: int = dataclasses.field(init=False)

    def __init__(self, type, context, children_specs):
        if type is None and (context is not None or children_specs):
            raise AssertionError("leaf node should have neither context nor children")
        self._fill(
            type,
            context,
            children_specs,
            1 + sum(child.num_nodes for child in children_specs),
            1 if type is None else sum(child.num_leaves for child in children_specs),
        )

    def _fill(self, type, context, children, nodes, leaves):
        vars(self).update(
            type=type,
            _context=context,
            _children=children,
            num_nodes=nodes,
            num_leaves=leaves,
            num_children=len(children),
        )

    def __repr__(self, indent=0):
        indent += 2
        between = ",\n" + " " * indent
        children = between.join(child.__repr__(indent) for child in self._children)
        return f"TreeSpec({self.type.__name__}, {self._context}, [{children}])"

    def __eq__(self, other):
        if self is other:
            return True
        if other.__class__ is not self.__class__:
            return NotImplemented
        # By name: a class that was defined anew still has the same structure.
        return (
            str(self.type) == str(other.type)
            and self._context == other._context
            and self._children == other._children
        )

    def __hash__(self):
        context = self._context
        if self.type is defaultdict:
            context = (context[0], tuple(context[1]))
        elif self.type in (dict, OrderedDict):
            context = tuple(context)
        elif isinstance(context, ConstantNode):
            context = context.value
        elif self.type is not None and self.type not in BUILTIN_TYPES:
            context = None  # of somebody else's class, it may not be hashable
        return hash((self.type, context, tuple(self._children)))

    @property
    def context(self):
        """What the root's `unflatten_fn` is given beside the children."""
        return self._context

    @property
    def children_specs(self):
        """The older `children()`."""
        _nodes.deprecated(
            "`treespec.children_specs` is deprecated. "
            "Use `treespec.child(index)` to access a single child, "
            "or `treespec.children()` to get all children."
        )
        return self._children

    def is_leaf(self):
        """Whether the tree is one leaf."""
        return self.num_nodes == 1 and self.num_leaves == 1

    def children(self):
        """The structures of the root's children."""
        return self._children.copy()

    def child(self, index):
        """The structure of one child."""
        return self._children[index]

    def flatten_up_to(self, tree):
        """The subtrees of `tree` where this structure has leaves; ValueError if it does not fit."""
        subtrees = []
        self._collect(tree, subtrees)
        return subtrees

    def _collect(self, node, subtrees):
        if self.is_leaf():
            subtrees.append(node)
            return
        for spec, child in zip(self._children, self._matching_children(node)):
            spec._collect(child, subtrees)

    def _matching_children(self, node):
        kind, builtin = _get_node_type(node), self.type in BUILTIN_TYPES
        # Dictionaries of several classes match by their keys, in whatever order.
        dicts = self.type in STANDARD_DICT_TYPES and kind in STANDARD_DICT_TYPES
        if kind != self.type and not dicts:
            what = "Node type" if builtin else "Type"
            raise ValueError(f"{what} mismatch; expected {self.type!r}, but got {kind!r}.")
        children, context = SUPPORTED_NODES[kind].flatten_fn(node)
        if len(children) != self.num_children:
            raise ValueError(
                f"Node arity mismatch; expected {self.num_children}, but got {len(children)}."
            )
        if dicts:
            keys = self._context[1] if self.type is defaultdict else self._context
            missing, extra = set(keys) - set(node), set(node) - set(keys)
            if missing or extra:
                message = f"; missing key(s): {missing}" if missing else ""
                message += f"; extra key(s): {extra}" if extra else ""
                raise ValueError(f"Node keys mismatch{message}.")
            return [node[key] for key in keys]
        # The bound of a deque is no part of its structure.
        if kind is not deque and context != self._context:
            if not builtin:
                raise ValueError(f"Node context mismatch for custom node type {self.type!r}.")
            raise ValueError(
                f"Node context mismatch for node type {self.type!r}; "
                f"expected {self._context!r}, but got {context!r}."
            )
        return children

    def unflatten(self, leaves):
        """The tree of this structure with these leaves."""
        if not isinstance(leaves, (list, tuple)):
            leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} "
                f"but the spec refers to a pytree that holds {self.num_leaves} "
                f"items ({self})."
            )
        return self._build(iter(leaves))

    def _build(self, leaves):
        if self.type is None:
            return next(leaves)
        children = [child._build(leaves) for child in self._children]
        return SUPPORTED_NODES[self.type].unflatten_fn(children, self._context)


PyTreeSpec = TreeSpec


class LeafSpec(TreeSpec):
    """The structure of a leaf. `treespec_leaf()` gives it; `treespec.is_leaf()` asks for it."""

    def __init__(self):
        _nodes.deprecated(
            "`isinstance(treespec, LeafSpec)` is deprecated, "
            "use `isinstance(treespec, TreeSpec) and treespec.is_leaf()` instead."
        )
        self._fill(None, None, [], 1, 1)

    def __repr__(self, indent=0):
        return "*"


_LEAF_SPEC = object.__new__(LeafSpec)
_LEAF_SPEC._fill(None, None, [], 1, 1)


def treespec_leaf():
    """The structure of a leaf."""
    return _LEAF_SPEC


def treespec_tuple(iterable=(), /):
    """The structure of a tuple of trees with these structures."""
    children = list(iterable)
    if not all(isinstance(child, TreeSpec) for child in children):
        raise ValueError(f"Expected a tuple of TreeSpec values, got: {children!r}.")
    return TreeSpec(tuple, None, children)


def treespec_dict(mapping=(), /, **kwargs):
    """The structure of a dictionary of trees with these structures."""
    children = dict(mapping, **kwargs)
    if not all(isinstance(child, TreeSpec) for child in children.values()):
        raise ValueError(f"Expected a dictionary of TreeSpec values, got: {children!r}.")
    return TreeSpec(dict, list(children), list(children.values()))


def _is_pytreespec_instance(obj):
    return isinstance(obj, TreeSpec)


def _ensure_python_treespec_instance(treespec):
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            "Expected `treespec` to be an instance of PyTreeSpec but got item of type "
            f"{type(treespec)}."
        )
    return treespec


# Taking apart and putting together ---------------------------------------------------------------


def tree_flatten(tree, is_leaf=None):
    """(list of the leaves, structure)."""
    leaves = []

    def walk(node):
        if is_leaf is not None and is_leaf(node):
            definition = None
        else:
            kind = _get_node_type(node)
            definition = SUPPORTED_NODES.get(kind)
        if definition is None:
            leaves.append(node)
            return _LEAF_SPEC
        children, context = definition.flatten_fn(node)
        return TreeSpec(kind, context, [walk(child) for child in children])

    spec = walk(tree)
    return leaves, spec


def tree_unflatten(leaves, treespec):
    """The tree of that structure with these leaves."""
    if isinstance(leaves, TreeSpec) and not isinstance(treespec, TreeSpec):
        leaves, treespec = treespec, leaves
    return _ensure_python_treespec_instance(treespec).unflatten(leaves)


def tree_iter(tree, is_leaf=None):
    """The leaves, one after the other."""
    if tree_is_leaf(tree, is_leaf):
        yield tree
        return
    for child in SUPPORTED_NODES[_get_node_type(tree)].flatten_fn(tree)[0]:
        yield from tree_iter(child, is_leaf)


def tree_leaves(tree, is_leaf=None):
    """The list of the leaves."""
    return list(tree_iter(tree, is_leaf))


def arg_tree_leaves(*args, **kwargs):
    """The list of the leaves of all arguments."""
    return [leaf for value in (*args, *kwargs.values()) for leaf in tree_iter(value)]


def tree_structure(tree, is_leaf=None):
    """The structure alone."""
    return tree_flatten(tree, is_leaf)[1]


def _generate_key_paths(key_path, tree, is_leaf=None):
    if tree_is_leaf(tree, is_leaf):
        yield key_path, tree
        return
    kind = _get_node_type(tree)
    flatten = SUPPORTED_NODES[kind].flatten_with_keys_fn
    if not flatten:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {kind}. "
            "Please pass a flatten_with_keys_fn argument to register_pytree_node."
        )
    for key, child in flatten(tree)[0]:
        yield from _generate_key_paths((*key_path, key), child, is_leaf)


def tree_leaves_with_path(tree, is_leaf=None):
    """The list of (key path, leaf)."""
    return list(_generate_key_paths((), tree, is_leaf))


def tree_flatten_with_path(tree, is_leaf=None):
    """(list of (key path, leaf), structure)."""
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


# Mapping -----------------------------------------------------------------------------------------


def tree_map(func, tree, *rests, is_leaf=None):
    """A tree of the same structure, with `func(leaf, ...)` for each leaf.

    Each of `rests` has that structure, or one that goes on where it has leaves.

    >>> tree_map(lambda x, y: [x] + y, [5, 6], [[7, 9], [1, 2]])
    [[5, 7, 9], [6, 1, 2]]
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    return spec.unflatten(map(func, leaves, *[spec.flatten_up_to(rest) for rest in rests]))


def tree_map_(func, tree, *rests, is_leaf=None):
    """Calls `func(leaf, ...)` for each leaf, for what it does; gives back the tree."""
    leaves, spec = tree_flatten(tree, is_leaf)
    deque(map(func, leaves, *[spec.flatten_up_to(rest) for rest in rests]), maxlen=0)
    return tree


def tree_map_with_path(func, tree, *rests, is_leaf=None):
    """`tree_map` of `func(key path, leaf, ...)`."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    rests = [spec.flatten_up_to(rest) for rest in rests]
    return spec.unflatten([func(*pair, *rest) for pair, *rest in zip(pairs, *rests)])


Type2 = tuple[type, type]
Type3 = tuple[type, type, type]
TypeAny = type | tuple[type, ...] | types.UnionType


def map_only(type_or_types_or_pred, /):
    """Decorates a function of leaves: leaves of other types, or that the predicate denies, stay."""
    if isinstance(type_or_types_or_pred, (type, tuple, types.UnionType)):

        def applies(x):
            return isinstance(x, type_or_types_or_pred)

    elif callable(type_or_types_or_pred):
        applies = type_or_types_or_pred
    else:
        raise TypeError("Argument must be a type, a tuple of types, or a callable.")

    def decorate(func):
        @functools.wraps(func)
        def wrapped(x):
            return func(x) if applies(x) else x

        return wrapped

    return decorate


def tree_map_only(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """`tree_map` for leaves of a type, of one of several types, or that a predicate accepts."""
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """`tree_map_` for such leaves."""
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred, tree, is_leaf=None):
    """Whether `pred(leaf)` holds for all leaves."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred, tree, is_leaf=None):
    """Whether `pred(leaf)` holds for a leaf."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(type_or_types, /, pred, tree, is_leaf=None):
    """Whether `pred(leaf)` holds for all leaves of these types."""
    return all(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, type_or_types))


def tree_any_only(type_or_types, /, pred, tree, is_leaf=None):
    """Whether `pred(leaf)` holds for a leaf of these types."""
    return any(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, type_or_types))


def _broadcast_to_and_flatten(tree, treespec, is_leaf=None):
    """For each leaf of the structure what `tree`, a prefix of it, says; None if it is no prefix."""
    said = []

    def repeat(value, subtree):
        said.extend([value] * tree_structure(subtree, is_leaf).num_leaves)

    try:
        tree_map_(repeat, tree, treespec.unflatten([0] * treespec.num_leaves), is_leaf=is_leaf)
    except ValueError:
        return None
    return said


# Writing and reading structures ------------------------------------------------------------------

DEFAULT_TREESPEC_SERIALIZATION_PROTOCOL = 1


class EnumEncoder(json.JSONEncoder):
    """JSON in which members of enumerations may stand."""

    def default(self, obj):
        if not isinstance(obj, Enum):
            return super().default(obj)
        cls = type(obj)
        path = f"{cls.__module__}:{cls.__qualname__}"
        return {"__enum__": True, "fqn": path, "name": obj.name}


def enum_object_hook(obj):
    """Gives the members back that `EnumEncoder` wrote."""
    if "__enum__" not in obj:
        return obj
    module, _, path = obj["fqn"].partition(":")
    cls = functools.reduce(getattr, path.split("."), import_module(module))
    return cls[obj["name"]]


@dataclasses.dataclass
class _TreeSpecSchema:
    type: str | None
    context: Any
    children_spec: list


class _ProtocolFn(NamedTuple):
    treespec_to_json: Any
    json_to_treespec: Any


def _treespec_to_json(treespec):
    if treespec.is_leaf():
        return _TreeSpecSchema(None, None, [])
    known = SUPPORTED_SERIALIZED_TYPES.get(treespec.type)
    if known is None:
        raise NotImplementedError(f"Serializing {treespec.type} in pytree is not registered.")
    if known.serialized_type_name == NO_SERIALIZED_TYPE_NAME_FOUND:
        raise NotImplementedError(
            f"No registered serialization name for {treespec.type} found. Please update your "
            "_register_pytree_node call with a `serialized_type_name` kwarg."
        )
    if known.to_dumpable_context is not None:
        context = known.to_dumpable_context(treespec._context)
    else:
        try:
            context = json.dumps(treespec._context, cls=EnumEncoder)
        except TypeError as error:
            raise TypeError(
                "Unable to serialize context. Please make the context json dump-able, or register "
                "a custom serializer using _register_pytree_node."
            ) from error
    children = [_treespec_to_json(child) for child in treespec._children]
    return _TreeSpecSchema(known.serialized_type_name, context, children)


def _json_to_treespec(schema):
    name = schema["type"]
    if name is None and schema["context"] is None and not schema["children_spec"]:
        return _LEAF_SPEC
    if name not in SERIALIZED_TYPE_TO_PYTHON_TYPE:
        raise NotImplementedError(f"Deserializing {name} in pytree is not registered.")
    cls = SERIALIZED_TYPE_TO_PYTHON_TYPE[name]
    load = SUPPORTED_SERIALIZED_TYPES[cls].from_dumpable_context
    if load is not None:
        context = load(schema["context"])
    else:
        try:
            context = json.loads(schema["context"], object_hook=enum_object_hook)
        except TypeError as error:
            raise TypeError(
                "Unable to deserialize context. Please make the context json load-able, or "
                "register a custom serializer using _register_pytree_node."
            ) from error
    return TreeSpec(cls, context, [_json_to_treespec(c) for c in schema["children_spec"]])


_SUPPORTED_PROTOCOLS = {1: _ProtocolFn(_treespec_to_json, _json_to_treespec)}


def _protocol(number):
    if number not in _SUPPORTED_PROTOCOLS:
        raise ValueError(
            f"Unknown protocol {number}. Available protocols: {list(_SUPPORTED_PROTOCOLS)}"
        )
    return _SUPPORTED_PROTOCOLS[number]


def treespec_dumps(treespec, protocol=None):
    """The structure as JSON."""
    treespec = _ensure_python_treespec_instance(treespec)
    if protocol is None:
        protocol = DEFAULT_TREESPEC_SERIALIZATION_PROTOCOL
    schema = dataclasses.asdict(_protocol(protocol).treespec_to_json(treespec))
    return json.dumps((protocol, schema), cls=EnumEncoder)


@functools.lru_cache
def treespec_loads(serialized):
    """The structure that `treespec_dumps` wrote."""
    protocol, schema = json.loads(serialized)
    return _protocol(protocol).json_to_treespec(schema)


class _Asterisk(str):
    __slots__ = ()

    def __repr__(self):
        return "*"


_asterisk = _Asterisk("*")


def treespec_pprint(treespec):
    """The structure as a tree with asterisks for leaves."""
    return repr(tree_unflatten([_asterisk] * treespec.num_leaves, treespec))


def pytree_to_str(treespec):
    """The older `treespec_dumps`."""
    _nodes.deprecated("`pytree_to_str` is deprecated. Please use `treespec_dumps` instead.")
    return treespec_dumps(treespec)


def str_to_pytree(json):
    """The older `treespec_loads`."""
    _nodes.deprecated("`str_to_pytree` is deprecated. Please use `treespec_loads` instead.")
    return treespec_loads(json)


_faces.adopt(__name__, _nodes.__name__)
