"""`__torch_function__`: how other classes, and modes, take over calls of this package's functions.

Every public function, method, operator and property asks, in this order: the innermost
`TorchFunctionMode` of the thread, then the classes of its arguments, subclasses first. Ops ask in
the core (`csrc/bindings/torch_function.h`); functions written in Python ask because their packages
hand them out wrapped (`cnn._faces`).
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache, wraps

from . import _C

__all__ = [
    "TorchFunctionMode",
    "enable_reentrant_dispatch",
    "get_default_nowrap_functions",
    "get_ignored_functions",
    "get_overridable_functions",
    "get_testing_overrides",
    "handle_torch_function",
    "has_torch_function",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "resolve_name",
    "wrap_torch_function",
]

has_torch_function = _C._has_torch_function
has_torch_function_variadic = _C._has_torch_function_variadic
handle_torch_function = _C._handle_torch_function


def has_torch_function_unary(argument):
    """Whether a mode is on, or the one argument defines `__torch_function__`."""
    return _C._has_torch_function((argument,))


def wrap_torch_function(dispatcher):
    """Decorates a function so that it can be taken over: `dispatcher(*args, **kwargs)` gives those
    of its arguments whose classes are asked.
    """

    def decorate(function):
        @wraps(function)
        def wrapped(*args, **kwargs):
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        return wrapped

    return decorate


def is_tensor_like(inp):
    """Whether `inp` is a tensor, or its class defines `__torch_function__`."""
    return type(inp) is _C.Tensor or hasattr(inp, "__torch_function__")


# Modes --------------------------------------------------------------------------------------------


class TorchFunctionMode:
    """A context in which `__torch_function__(self, func, types, args=(), kwargs=None)` is called in
    place of every function of this thread.

    While it runs the mode is off, so that it can call `func`; modes nest, the innermost first.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        raise NotImplementedError

    def __enter__(self):
        _push_mode(self)
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        _pop_mode()

    @classmethod
    def push(cls, *args, **kwargs):
        """The same as the constructor, under its older name."""
        return cls(*args, **kwargs)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that calls everything as it would have been called."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


_push_mode = _C._push_on_torch_function_stack
_pop_mode = _C._pop_torch_function_stack
_len_torch_function_stack = _C._len_torch_function_stack
_get_function_stack_at = _C._get_function_stack_at


def _get_current_function_mode_stack():
    """The modes of this thread, the innermost last."""
    return [_get_function_stack_at(i) for i in range(_len_torch_function_stack())]


def _get_current_function_mode():
    """The innermost mode of this thread, or None."""
    depth = _len_torch_function_stack()
    return _get_function_stack_at(depth - 1) if depth else None


@contextmanager
def _pop_mode_temporarily():
    mode = _pop_mode()
    try:
        yield mode
    finally:
        _push_mode(mode)


@contextmanager
def enable_reentrant_dispatch():
    """Allows calls of overridden functions from within an override; nothing forbids them here."""
    yield


def redispatch_function(func, types, args, kwargs):
    """Calls `func` as if no subclass were there; modes are still asked."""
    with _C.DisableTorchFunctionSubclass():
        return func(*args, **(kwargs or {}))


# What can be taken over ---------------------------------------------------------------------------

_IN_CORE = {"tensor", "as_tensor", *_C._signatures}

# Of Tensor: what serves Python itself and asks nobody.
_PLAIN = frozenset(
    "__array_priority__ __class__ __delattr__ __dict__ __dir__ __doc__ __getattribute__ "
    "__getstate__ __hash__ __init__ __init_subclass__ __module__ __new__ __reduce__ __setattr__ "
    "__sizeof__ __str__ __subclasshook__ __torch_function__ __weakref__ _make_subclass "
    "as_subclass".split()
)


def _namespaces():
    import cnn

    from . import functional, linalg, nn
    from .linalg import _older

    for name in _older.__all__:
        getattr(cnn, name)  # which loads at first use

    # What stands in several has the name of the first.
    return {
        "torch.functional": functional,
        "torch.nn.functional": nn.functional,
        "torch.nn.init": nn.init,
        "torch.linalg": linalg,
        "torch": cnn,
    }


@cache
def _overridable():
    """{namespace: its functions that ask}, and {function: dotted name}."""
    functions, names = {}, {}

    def add(space, function, name):
        functions.setdefault(space, []).append(function)
        names.setdefault(function, name)

    for path, space in _namespaces().items():
        for name in dir(space):
            value = getattr(space, name, None)
            in_core = name in _IN_CORE and getattr(_C, name) is value
            if name[0] != "_" and (in_core or type(value) is _C._overridable):
                add(space, value, f"{path}.{name}")
    for name in dir(_C.Tensor):
        value = getattr(_C.Tensor, name)
        if name in _PLAIN or isinstance(value, type):
            continue
        if callable(value):
            add(_C.Tensor, value, f"torch.Tensor.{name}")
        elif hasattr(value, "__get__"):
            add(value, value.__get__, f"torch.Tensor.{name}.__get__")
    return functions, names


def get_overridable_functions():
    """{namespace, Tensor or a property of it: list of the functions that can be taken over}."""
    return {space: list(functions) for space, functions in _overridable()[0].items()}


def get_ignored_functions():
    """The set of public functions that ask nobody."""
    known = _overridable()[1]
    return {
        value
        for space in _namespaces().values()
        for name in dir(space)
        if name[0] != "_"
        and callable(value := getattr(space, name, None))
        and not isinstance(value, type)
        and value not in known
    }


def get_default_nowrap_functions():
    """Getters whose result `Tensor.__torch_function__` gives back as it is."""
    tensor = _C.Tensor
    return {tensor._base.__get__, tensor.grad.__get__, tensor._grad.__get__}


def get_testing_overrides():
    """{function: a function of the same signature that returns -1}."""
    import inspect

    def stand_in(function):
        def override(*args, **kwargs):
            return -1

        try:
            override.__signature__ = inspect.signature(function)
        except (TypeError, ValueError):
            pass  # several signatures, or none that Python could state
        return override

    return {function: stand_in(function) for function in _overridable()[1]}


def resolve_name(f):
    """The dotted name of a function that can be taken over: "torch.add"; of others, None."""
    return f if isinstance(f, str) else _overridable()[1].get(f)


def is_tensor_method_or_property(func):
    """Whether `func` is a method of Tensor, or what reads or writes a property of it."""
    return getattr(func, "__name__", "") in ("__get__", "__set__") or (
        _overridable()[1].get(func, "").startswith("torch.Tensor.")
    )
