"""What decorators of PyTorch's script compiler leave behind, for code that asks.

Nothing is compiled: functions run as Python. The decorators mark a function and give it back.
"""

from __future__ import annotations

import collections
import contextlib
import enum
import inspect
import types
import typing
import warnings
from typing import (  # noqa: F401, UP035  (packages import them from here)
    Any,
    Callable,
    Dict,
    Final,
    ForwardRef,
    Generic,
    List,
    Optional,
    Tuple,
    Type,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

from . import _C, _absent
from .futures import Future  # noqa: F401

IS_PY310_PLUS = True
BuiltinUnionType = types.UnionType
LockType = type(__import__("threading").Lock())


# Words of types ----------------------------------------------------------------------------------


class BroadcastingListCls:
    """`BroadcastingList2[int]`: one number, or a list of two. For annotations."""

    def __getitem__(self, types):
        return None


BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = BroadcastingListCls()
BroadcastingList4 = BroadcastingList5 = BroadcastingList6 = BroadcastingList1


_T = TypeVar("_T")


class RRef(Generic[_T]):
    """A reference to an object of another process: for annotations."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError("cnn has no remote procedure calls; keep objects in one process")


class _Await(Generic[_T]):
    """What `jit._awaitable` returns: a call that runs when it is waited for."""

    def __init__(self, function, args):
        self._function, self._args = function, args


def is_final(ann):
    """Whether an annotation is `Final`."""
    return ann is Final or get_origin(ann) is Final


def is_tuple(ann):
    """Whether an annotation is a tuple's."""
    return ann is not None and get_origin(ann) is tuple


def is_list(ann):
    """Whether an annotation is a list's."""
    return ann is not None and get_origin(ann) is list


def is_dict(ann):
    """Whether an annotation is a dictionary's."""
    return ann is not None and get_origin(ann) is dict


def is_union(ann):
    """Whether an annotation is a union."""
    return isinstance(ann, types.UnionType) or get_origin(ann) is Union


def is_optional(ann):
    """Whether an annotation is a type or None."""
    return is_union(ann) and type(None) in get_args(ann)


def is_future(ann):
    """Whether an annotation is a Future's."""
    return ann is Future or get_origin(ann) is Future


def is_await(ann):
    """Whether an annotation is an awaited call's."""
    return ann is _Await or get_origin(ann) is _Await


# Where are we? -----------------------------------------------------------------------------------


def is_scripting():
    """Whether the function is being compiled to a script: False, nothing is."""
    return False


# Decorators --------------------------------------------------------------------------------------


class FunctionModifiers:
    """What a decorator said of a function, in its attribute `_torchscript_modifier`."""

    UNUSED = "unused (ignored and replaced with raising of an exception)"
    IGNORE = "ignore (leave as a call to Python, cannot be torch.jit.save'd)"
    EXPORT = "export (compile this function even if nothing calls it)"
    DEFAULT = "default (compile if called from a exported function / forward)"
    COPY_TO_SCRIPT_WRAPPER = (
        "if this method is not scripted, copy the python method onto the scripted model"
    )
    _DROP = "_drop (function is fully ignored, declaration can be unscriptable)"


def _marked(fn, modifier):
    fn._torchscript_modifier = modifier
    return fn


def export(fn):
    """Gives the method back, marked as one that a script would have."""
    return _marked(fn, FunctionModifiers.EXPORT)


def unused(fn):
    """Gives the function or property back, marked as one that a script would not have."""
    if isinstance(fn, property):
        for part in (fn.fget, fn.fset):
            if part is not None:
                _marked(part, FunctionModifiers.UNUSED)
        return fn
    return _marked(fn, FunctionModifiers.UNUSED)


def ignore(drop=False, **kwargs):
    """Gives the function back, marked as one that a script would call in Python."""
    if callable(drop):
        return _marked(drop, FunctionModifiers.IGNORE)
    if not isinstance(drop, bool):
        raise RuntimeError(
            f"Argument to @torch.jit.ignore must be a bool or a function but got {drop}"
        )
    if "drop_on_export" in kwargs:
        warnings.warn(
            "ignore(drop_on_export=True) has been deprecated. TorchScript will now drop the "
            "function call on compilation. Use torch.jit.unused now. {}",
            FutureWarning,
            stacklevel=2,
        )
        drop = drop or kwargs["drop_on_export"]
    modifier = FunctionModifiers.UNUSED if drop else FunctionModifiers.IGNORE
    return lambda fn: _marked(fn, modifier)


def _drop(fn):
    return _marked(fn, FunctionModifiers._DROP)


def _copy_to_script_wrapper(fn):
    return _marked(fn, FunctionModifiers.COPY_TO_SCRIPT_WRAPPER)


class _IgnoreContextManager(contextlib.AbstractContextManager):
    """A block that a script would leave out; it runs."""

    def __init__(self, **kwargs):
        pass

    def __exit__(self, exc_type, exc_value, traceback):
        return None


def get_torchscript_modifier(fn):
    """What a decorator said of the function."""
    fn = getattr(fn, "__func__", fn)
    if not callable(fn):
        return None
    return getattr(fn, "_torchscript_modifier", FunctionModifiers.DEFAULT)


def copy_torchscript_modifier(orig, new):
    """Says of `new` what was said of `orig`."""
    modifier = get_torchscript_modifier(orig)
    if modifier is not None:
        new._torchscript_modifier = modifier


def module_has_exports(mod):
    """Whether a method of the module is marked by `export`."""
    methods = (getattr(mod, name, None) for name in dir(mod))
    return any(
        callable(m) and get_torchscript_modifier(m) is FunctionModifiers.EXPORT for m in methods
    )


def should_drop(fn):
    """Whether the function is marked by `unused`."""
    marks = (FunctionModifiers.UNUSED, FunctionModifiers._DROP)
    return get_torchscript_modifier(fn) in marks


def is_ignored_fn(fn):
    """Whether the function is marked by `unused` or `ignore`."""
    return should_drop(fn) or get_torchscript_modifier(fn) is FunctionModifiers.IGNORE


def _is_drop_fn(fn):
    return get_torchscript_modifier(fn) is FunctionModifiers._DROP


def is_static_fn(cls, fn):
    """Whether `fn` names a static method of the class."""
    return isinstance(inspect.getattr_static(cls, fn, default=None), staticmethod)


def get_static_fn(cls, fn):
    """The function of a static method."""
    return inspect.getattr_static(cls, fn).__func__


# Overloads: the last definition, which has the body, is what runs.
_overloaded_fns = {}
_overloaded_methods = {}


def _qualified_name(obj, mangle_name=True):
    name = getattr(obj, "__name__", None) or getattr(obj, "name", None)
    module = getattr(obj, "__module__", None)
    if not isinstance(name, str) or module is None:
        raise RuntimeError(f"Could not get qualified name for class '{name}'")
    return name if "." in name else f"__torch__.{module}.{name}"


def _overload(func):
    """Notes a signature of a function that is defined below, and gives it back."""
    _overloaded_fns.setdefault(_qualified_name(func), []).append(func)
    return func


def _get_fn_overloads(qual_name):
    return _overloaded_fns.get(qual_name)


def _clear_fn_overloads(qual_name):
    del _overloaded_fns[qual_name]


def _overload_method(func):
    """Notes a signature of a method that is defined below, and gives it back."""
    by_class = _overloaded_methods.setdefault(_qualified_name(func), {})
    by_class.setdefault(func.__qualname__.rpartition(".")[0], []).append(func)
    return func


def _get_overloaded_methods(method, mod_class):
    by_class = (
        _overloaded_methods.get(_qualified_name(method)) if hasattr(method, "__name__") else None
    )
    return None if by_class is None else by_class.get(mod_class.__qualname__)


boolean_dispatched = {}


def boolean_dispatch(arg_name, arg_index, default, if_true, if_false, module_name, func_name):
    """A function that calls one of two, by the value of one of its arguments."""

    def fn(*args, **kwargs):
        flag = default
        if arg_name in kwargs:
            flag = kwargs[arg_name]
        elif arg_index < len(args):
            flag = args[arg_index]
        return (if_true if flag else if_false)(*args, **kwargs)

    if if_true.__doc__ and if_false.__doc__:
        raise RuntimeError("only one function can have a docstring")
    fn.__doc__ = if_true.__doc__ or if_false.__doc__
    if module_name is not None:
        fn.__module__ = module_name
    if func_name is not None:
        fn.__name__ = func_name
    boolean_dispatched[fn] = {
        "if_true": if_true,
        "if_false": if_false,
        "index": arg_index,
        "default": default,
        "arg_name": arg_name,
    }
    return fn


# What a compiler would look up -------------------------------------------------------------------


def get_callable_argument_names(fn):
    """The names of the parameters; none if there are others than ordinary ones."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return []
    names = [p.name for p in parameters]
    return names if all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters) else []


def get_closure(fn):
    """{name: value} of what a function refers to outside itself."""
    found = inspect.getclosurevars(fn)
    return {**fn.__globals__, **found.nonlocals}


def createResolutionCallbackFromClosure(fn):
    """A function from a name to what it means in `fn`."""
    names = get_closure(fn)
    return lambda key: names.get(key, getattr(typing, key, None))


def createResolutionCallbackFromFrame(frames_up=0):
    """A function from a name to what it means in the caller, or further up."""
    frame = inspect.currentframe()
    for _ in range(frames_up + 1):
        frame = frame.f_back
    names = {**frame.f_globals, **frame.f_locals}
    return names.get


def createResolutionCallbackForClassMethods(cls):
    """A function from a name to what it means in the methods of a class."""
    names = {}
    for _, method in inspect.getmembers(cls, inspect.isroutine):
        if inspect.isfunction(method):
            names.update(get_closure(method))
    return names.get


def can_compile_class(cls):
    """Whether all methods of the class are written in Python."""
    if is_ignored_fn(cls):
        return False
    ignored = (list, dict, tuple, BaseException, enum.Enum)
    return not issubclass(cls, ignored)


# isinstance with parameters ----------------------------------------------------------------------


def raise_error_container_parameter_missing(target_type):
    """RuntimeError for a container's type that does not say what is inside."""
    example = "Dict[int, int]" if target_type.endswith("ict") else f"{target_type}[int]"
    raise RuntimeError(
        f"Attempted to use {target_type} without a contained type. Please add a contained type, "
        f"e.g. {example}"
    )


def check_args_exist(target_type):
    """RuntimeError for `List`, `Tuple`, `Dict` and `Optional` alone."""
    for bare, name in ((list, "List"), (list, "list"), (tuple, "Tuple"), (tuple, "tuple")):
        if target_type is bare:
            raise_error_container_parameter_missing(name)
    for bare, name in ((dict, "Dict"), (dict, "dict"), (Optional, "Optional")):
        if target_type is bare:
            raise_error_container_parameter_missing(name)


def check_empty_containers(obj):
    """Warns of a container that holds nothing, whose items could be of any type."""
    if isinstance(obj, (list, dict, tuple)) and not obj:
        warnings.warn(
            "The inner type of a container is lost when calling torch.jit.isinstance in eager "
            "mode. For example, List[int] would become list and therefore falsely return True for "
            "List[float] or List[str].",
            stacklevel=2,
        )


def container_checker(obj, target_type):
    """Whether `obj` is an instance of a parametrised type, with all that it holds."""
    kind, parts = get_origin(target_type), get_args(target_type)
    check_args_exist(target_type)
    if kind is None:
        return False
    if kind is list:
        check_empty_containers(obj)
        return isinstance(obj, list) and all(_fits(item, parts[0]) for item in obj)
    if kind is dict:
        check_empty_containers(obj)
        return isinstance(obj, dict) and all(
            _fits(k, parts[0]) and _fits(v, parts[1]) for k, v in obj.items()
        )
    if kind is tuple:
        check_empty_containers(obj)
        return isinstance(obj, tuple) and len(obj) == len(parts) and all(map(_fits, obj, parts))
    if is_union(target_type):
        return any(obj is None if p is type(None) else _fits(obj, p) for p in parts)
    return False


def _fits(obj, target_type):
    if get_origin(target_type):
        return container_checker(obj, target_type)
    return isinstance(obj, target_type)


def _isinstance(obj, target_type):
    if isinstance(target_type, collections.abc.Container):
        if not isinstance(target_type, tuple):
            raise RuntimeError(
                "The second argument to `torch.jit.isinstance` must be a type or a tuple of types"
            )
        return any(_isinstance(obj, one) for one in target_type)
    if get_origin(target_type) or is_union(target_type):
        return container_checker(obj, target_type)
    check_args_exist(target_type)
    return isinstance(obj, target_type)


class SourceLoader:
    """Source of functions that have no file."""

    def __init__(self):
        self.content = {}

    def cache(self, fn, source):
        self.content[fn] = source

    def get_source(self, fn):
        return self.content.get(fn)


loader = SourceLoader()


def get_annotation_str(annotation):
    """The text of an annotation in a syntax tree."""
    import ast

    return ast.unparse(annotation)


def _is_exception(obj):
    return inspect.isclass(obj) and issubclass(obj, Exception)


def _try_get_dispatched_fn(fn):
    return boolean_dispatched.get(fn) if callable(fn) else None


@contextlib.contextmanager
def _disable_emit_hooks():
    yield


def _extract_tensors(obj):
    """All tensors inside an object, wherever pickle finds them."""
    import io
    import pickle

    found = []

    class Extractor(pickle.Pickler):
        def persistent_id(self, obj):
            if isinstance(obj, _C.Tensor):
                found.append(obj)
                return ""
            return None

    Extractor(io.BytesIO(), protocol=-1).dump(obj)
    return found


_absent.explain(__name__)
