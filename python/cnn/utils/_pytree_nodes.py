"""What trees are made of: the registry of containers, the built-in ones, and keys of children."""

from __future__ import annotations

import dataclasses
import functools
import threading
import warnings
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from .. import _C

T = TypeVar("T")
K = TypeVar("K")

Context = Any
PyTree = Any
DumpableContext = Any
FlattenFn = Callable[[PyTree], tuple[list[Any], Context]]
UnflattenFn = Callable[[Iterable[Any], Context], PyTree]
ToDumpableContextFn = Callable[[Context], DumpableContext]
FromDumpableContextFn = Callable[[DumpableContext], Context]
FlattenFunc, UnflattenFunc = FlattenFn, UnflattenFn  # their older names


def deprecated(message):
    """Warns the caller's caller."""
    warnings.warn(message, FutureWarning, stacklevel=3)


# Keys: how a child is reached from its parent ----------------------------------------------------


class KeyEntry(Protocol):
    """A step from a container to one of its children: `str(key)` shows it, `key.get(parent)` goes.

    A tuple of them is a key path.
    """

    def __hash__(self) -> int: ...
    def __eq__(self, other: object) -> bool: ...
    def __str__(self) -> str: ...
    def get(self, parent: Any) -> Any: ...


KeyPath = tuple[KeyEntry, ...]
FlattenWithKeysFn = Callable[[PyTree], tuple[list[tuple[KeyEntry, Any]], Any]]
FlattenWithKeysFunc = FlattenWithKeysFn


@dataclasses.dataclass(frozen=True)
class SequenceKey(Generic[T]):
    """An index into a sequence: `[0]`."""

    idx: int

    def __str__(self):
        return f"[{self.idx!r}]"

    def get(self, sequence):
        return sequence[self.idx]


@dataclasses.dataclass(frozen=True)
class MappingKey(Generic[K, T]):
    """A key of a mapping: `['weight']`."""

    key: K

    def __str__(self):
        return f"[{self.key!r}]"

    def get(self, mapping):
        return mapping[self.key]


@dataclasses.dataclass(frozen=True)
class GetAttrKey:
    """An attribute: `.weight`."""

    name: str

    def __str__(self):
        return f".{self.name}"

    def get(self, obj):
        return getattr(obj, self.name)


def keystr(kp):
    """A key path as Python would write it: `['layers'][0].weight`."""
    return "".join(map(str, kp))


def key_get(obj, kp):
    """What stands at the end of a key path that begins at `obj`."""
    for key in kp:
        obj = key.get(obj)
    return obj


# The registry ------------------------------------------------------------------------------------


class NodeDef(NamedTuple):
    """How instances of a class are taken apart and put together."""

    type: type
    flatten_fn: FlattenFn
    unflatten_fn: UnflattenFn
    flatten_with_keys_fn: FlattenWithKeysFn | None


class _SerializeNodeDef(NamedTuple):
    typ: type
    serialized_type_name: str
    to_dumpable_context: ToDumpableContextFn | None
    from_dumpable_context: FromDumpableContextFn | None


NO_SERIALIZED_TYPE_NAME_FOUND = "NO_SERIALIZED_TYPE_NAME_FOUND"
_NODE_REGISTRY_LOCK = threading.RLock()
SUPPORTED_NODES: dict[type, NodeDef] = {}
SUPPORTED_SERIALIZED_TYPES: dict[type, _SerializeNodeDef] = {}
SERIALIZED_TYPE_TO_PYTHON_TYPE: dict[str, type] = {}
CONSTANT_NODES: set[type] = set()


def register_pytree_node(
    cls,
    flatten_fn,
    unflatten_fn,
    *,
    serialized_type_name=None,
    to_dumpable_context=None,
    from_dumpable_context=None,
    flatten_with_keys_fn=None,
):
    """Makes instances of `cls` (not of its subclasses) containers.

    `flatten_fn(obj)` gives (list of children, context), `unflatten_fn(children, context)` the
    object, `flatten_with_keys_fn(obj)` (list of (key, child), context). The name and the two
    functions of contexts are for `treespec_dumps`. ValueError if `cls` is registered.
    """
    with _NODE_REGISTRY_LOCK:
        if cls in SUPPORTED_NODES:
            raise ValueError(f"{cls} is already registered as pytree node.")
        _private_register_pytree_node(
            cls,
            flatten_fn,
            unflatten_fn,
            serialized_type_name=serialized_type_name,
            to_dumpable_context=to_dumpable_context,
            from_dumpable_context=from_dumpable_context,
            flatten_with_keys_fn=flatten_with_keys_fn,
        )


def _private_register_pytree_node(
    cls,
    flatten_fn,
    unflatten_fn,
    *,
    serialized_type_name=None,
    to_dumpable_context=None,
    from_dumpable_context=None,
    flatten_with_keys_fn=None,
):
    """The same, which takes the place of an earlier registration, with a warning."""
    if (to_dumpable_context is None) != (from_dumpable_context is None):
        raise ValueError(
            f"Both to_dumpable_context and from_dumpable_context for {cls} must "
            "be None or registered."
        )
    with _NODE_REGISTRY_LOCK:
        if cls in SUPPORTED_NODES:
            warnings.warn(
                f"{cls} is already registered as pytree node. "
                "Overwriting the previous registration.",
                stacklevel=2,
            )
        name = serialized_type_name or NO_SERIALIZED_TYPE_NAME_FOUND
        SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)
        SUPPORTED_SERIALIZED_TYPES[cls] = _SerializeNodeDef(
            cls, name, to_dumpable_context, from_dumpable_context
        )
        SERIALIZED_TYPE_TO_PYTHON_TYPE[name] = cls


def _register_pytree_node(
    cls, flatten_fn, unflatten_fn, to_str_fn=None, maybe_from_str_fn=None, **options
):
    """The older `register_pytree_node`."""
    deprecated(
        "`torch.utils._pytree._register_pytree_node` is deprecated. "
        "Please use `torch.utils._pytree.register_pytree_node` instead."
    )
    if to_str_fn is not None or maybe_from_str_fn is not None:
        deprecated(
            "`to_str_fn` and `maybe_from_str_fn` is deprecated. "
            "Please use `to_dumpable_context` and `from_dumpable_context` instead."
        )
    _private_register_pytree_node(cls, flatten_fn, unflatten_fn, **options)


def _deregister_pytree_node(cls):
    """Makes instances of `cls` leaves again."""
    with _NODE_REGISTRY_LOCK:
        del SUPPORTED_NODES[cls]
        name = SUPPORTED_SERIALIZED_TYPES.pop(cls).serialized_type_name
        SERIALIZED_TYPE_TO_PYTHON_TYPE.pop(name, None)
        CONSTANT_NODES.discard(cls)


def register_dataclass(cls, *, field_names=None, drop_field_names=None, serialized_type_name=None):
    """Makes a dataclass a container of its fields, or of those in `field_names`.

    Fields that are None belong to the structure. The fields listed in `drop_field_names` are left
    to their defaults.
    """
    drop = set(drop_field_names or ())
    if dataclasses.is_dataclass(cls):
        own = [f.name for f in dataclasses.fields(cls) if f.init]
        if field_names is None:
            field_names = own
        else:
            _check_fields(set(own) - drop, set(field_names))
    elif field_names is None:
        raise ValueError(
            "field_names must be specified with a list of all fields used to "
            f"initialize {cls}, as it is not a dataclass."
        )

    def flatten(obj):
        values = {name: getattr(obj, name) for name in field_names}
        given = {name: value for name, value in values.items() if value is not None}
        return list(given.values()), [list(given), [n for n in values if n not in given]]

    def unflatten(values, context):
        given, empty = context
        return cls(**dict(zip(given, values)), **dict.fromkeys(empty))

    def flatten_with_keys(obj):
        values, context = flatten(obj)
        return [(GetAttrKey(name), v) for name, v in zip(context[0], values)], context

    _private_register_pytree_node(
        cls,
        flatten,
        unflatten,
        serialized_type_name=serialized_type_name,
        flatten_with_keys_fn=flatten_with_keys,
    )


def _check_fields(wanted, given):
    if wanted == given:
        return
    message = "field_names does not include all dataclass fields.\n"
    if missing := wanted - given:
        message += (
            f"Missing fields in `field_names`: {missing}. If you want to include these fields in "
            "the pytree, please add them to `field_names`, otherwise please add them to "
            "`drop_field_names`.\n"
        )
    if unexpected := given - wanted:
        message += (
            f"Unexpected fields in `field_names`: {unexpected}. Please remove these fields, or "
            "add them to `drop_field_names`.\n"
        )
    raise ValueError(message)


@dataclasses.dataclass(frozen=True)
class ConstantNode(Generic[T]):
    """The context of a container that has no children: the object itself."""

    value: T


def register_constant(cls):
    """Makes instances of `cls` part of a tree's structure: containers of nothing.

    They need an `__eq__` and a `__hash__` of their own.
    """
    if cls.__eq__ is object.__eq__:
        raise TypeError(
            "register_constant(cls) expects `cls` to have a non-default `__eq__` implementation."
        )
    if cls.__hash__ is None:
        raise TypeError(
            "register_constant(cls) expects `cls` to have a non-default `__hash__` implementation."
        )

    def flatten(x):
        return [], ConstantNode(x)

    with _NODE_REGISTRY_LOCK:
        _private_register_pytree_node(
            cls, flatten, lambda _, context: context.value, flatten_with_keys_fn=flatten
        )
        CONSTANT_NODES.add(cls)


def is_constant_class(cls):
    """Whether `register_constant` knows the class."""
    return isinstance(cls, type) and cls in CONSTANT_NODES


def _is_constant_holder(spec):
    return isinstance(spec._context, ConstantNode)


def _retrieve_constant(spec):
    if not _is_constant_holder(spec):
        raise AssertionError("spec does not correspond to a registered constant pytree")
    return spec.unflatten([])


def _register_namedtuple(cls, *, serialized_type_name):
    """Gives a named tuple a name, so that structures with it can be written by `treespec_dumps`."""
    _private_register_pytree_node(
        cls,
        _namedtuple_flatten,
        _namedtuple_unflatten,
        serialized_type_name=serialized_type_name,
        to_dumpable_context=_namedtuple_serialize,
        from_dumpable_context=_namedtuple_deserialize,
        flatten_with_keys_fn=_namedtuple_flatten_with_keys,
    )


# What is a named tuple ---------------------------------------------------------------------------

Py_TPFLAGS_BASETYPE = 1 << 10  # of CPython: a class that can be subclassed


def _class_of(obj):
    return obj if isinstance(obj, type) else type(obj)


def is_namedtuple(obj):
    """Whether `obj` is a named tuple or the class of one."""
    return is_namedtuple_class(_class_of(obj))


def is_namedtuple_class(cls):
    """Whether `cls` is the class of a named tuple."""
    return (
        isinstance(cls, type)
        and issubclass(cls, tuple)
        and isinstance(getattr(cls, "_fields", None), tuple)
        and all(type(field) is str for field in cls._fields)
        and callable(getattr(cls, "_make", None))
        and callable(getattr(cls, "_asdict", None))
    )


def is_namedtuple_instance(obj):
    """Whether `obj` is a named tuple."""
    return is_namedtuple_class(type(obj))


class structseq(tuple):
    """The kind of Python's own named sequences, such as `time.struct_time`: for annotations."""

    __slots__ = ()

    def __init_subclass__(cls):
        raise TypeError("type 'structseq' is not an acceptable base type")

    def __new__(cls, sequence, dict=...):
        raise NotImplementedError("structseq is for annotations; it has no instances")


def is_structseq(obj):
    """Whether `obj` is a named sequence of Python's C interface, or the class of one."""
    return is_structseq_class(_class_of(obj))


def is_structseq_class(cls):
    """Whether `cls` is the class of a named sequence: `time.struct_time`, what `max` returns."""
    return (
        isinstance(cls, type)
        and cls.__bases__ == (tuple,)
        and all(
            isinstance(getattr(cls, name, None), int)
            for name in ("n_fields", "n_sequence_fields", "n_unnamed_fields")
        )
        and not cls.__flags__ & Py_TPFLAGS_BASETYPE
    )


def is_structseq_instance(obj):
    """Whether `obj` is a named sequence of Python's C interface."""
    return is_structseq_class(type(obj))


# Built-in containers -----------------------------------------------------------------------------


def _tuple_flatten(d):
    return list(d), None


def _tuple_unflatten(values, context):
    return tuple(values)


def _list_flatten(d):
    return d, None


def _list_unflatten(values, context):
    return list(values)


def _indexed(flatten, d):
    values, context = flatten(d)
    return [(SequenceKey(i), v) for i, v in enumerate(values)], context


def _dict_flatten(d):
    return list(d.values()), list(d.keys())


def _dict_unflatten(values, context):
    return dict(zip(context, values))


def _dict_flatten_with_keys(d):
    return [(MappingKey(k), v) for k, v in d.items()], list(d.keys())


def _namedtuple_flatten(d):
    return list(d), type(d)


def _namedtuple_unflatten(values, context):
    return context(*values)


def _namedtuple_flatten_with_keys(d):
    return [(GetAttrKey(name), v) for name, v in zip(type(d)._fields, d)], type(d)


def _namedtuple_serialize(context):
    known = SUPPORTED_SERIALIZED_TYPES.get(context)
    if known is None or known.serialized_type_name == NO_SERIALIZED_TYPE_NAME_FOUND:
        verb = "didn't register" if known is None else "couldn't find"
        raise NotImplementedError(
            f"Can't serialize TreeSpec of namedtuple class {context} because we {verb} a "
            "serializated_type_name. Please register using `_register_namedtuple`."
        )
    return known.serialized_type_name


def _namedtuple_deserialize(dumpable_context):
    if dumpable_context not in SERIALIZED_TYPE_TO_PYTHON_TYPE:
        raise NotImplementedError(
            f"Can't deserialize TreeSpec of namedtuple class {dumpable_context} because we "
            "couldn't find a serializated name."
        )
    return SERIALIZED_TYPE_TO_PYTHON_TYPE[dumpable_context]


def _ordereddict_unflatten(values, context):
    return OrderedDict(zip(context, values))


_ordereddict_flatten = _odict_flatten = _dict_flatten
_ordereddict_flatten_with_keys = _dict_flatten_with_keys
_odict_unflatten = _ordereddict_unflatten


def _defaultdict_flatten(d):
    return list(d.values()), [d.default_factory, list(d.keys())]


def _defaultdict_flatten_with_keys(d):
    return [(MappingKey(k), v) for k, v in d.items()], [d.default_factory, list(d.keys())]


def _defaultdict_unflatten(values, context):
    return defaultdict(context[0], zip(context[1], values))


_DEFAULT_DICT_KEYS = ("default_factory_module", "default_factory_name", "dict_context")


def _defaultdict_serialize(context):
    factory, keys = context
    return dict(zip(_DEFAULT_DICT_KEYS, (factory.__module__, factory.__qualname__, keys)))


def _defaultdict_deserialize(dumpable_context):
    if not isinstance(dumpable_context, dict) or set(dumpable_context) != set(_DEFAULT_DICT_KEYS):
        raise AssertionError(f"dumpable_context must be a dict of {_DEFAULT_DICT_KEYS}")
    module, name, keys = (dumpable_context[key] for key in _DEFAULT_DICT_KEYS)
    return [getattr(import_module(module), name), keys]


def _deque_flatten(d):
    return list(d), d.maxlen


def _deque_unflatten(values, context):
    return deque(values, maxlen=context)


_tuple_flatten_with_keys = functools.partial(_indexed, _tuple_flatten)
_list_flatten_with_keys = functools.partial(_indexed, _list_flatten)
_deque_flatten_with_keys = functools.partial(_indexed, _deque_flatten)


def _register_built_in():
    plain = {
        tuple: ("builtins.tuple", _tuple_flatten, _tuple_unflatten, _tuple_flatten_with_keys),
        list: ("builtins.list", _list_flatten, _list_unflatten, _list_flatten_with_keys),
        dict: ("builtins.dict", _dict_flatten, _dict_unflatten, _dict_flatten_with_keys),
        OrderedDict: (
            "collections.OrderedDict",
            _ordereddict_flatten,
            _ordereddict_unflatten,
            _dict_flatten_with_keys,
        ),
        deque: ("collections.deque", _deque_flatten, _deque_unflatten, _deque_flatten_with_keys),
    }
    for cls, (name, flatten, unflatten, with_keys) in plain.items():
        register_pytree_node(
            cls, flatten, unflatten, serialized_type_name=name, flatten_with_keys_fn=with_keys
        )
    _register_namedtuple(namedtuple, serialized_type_name="collections.namedtuple")
    register_pytree_node(
        defaultdict,
        _defaultdict_flatten,
        _defaultdict_unflatten,
        serialized_type_name="collections.defaultdict",
        to_dumpable_context=_defaultdict_serialize,
        from_dumpable_context=_defaultdict_deserialize,
        flatten_with_keys_fn=_defaultdict_flatten_with_keys,
    )
    for cls in _C._return_types.values():
        register_pytree_node(
            cls,
            _tuple_flatten,
            lambda values, context, cls=cls: cls(values),
            flatten_with_keys_fn=_tuple_flatten_with_keys,
        )


_register_built_in()
