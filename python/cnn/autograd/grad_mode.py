"""Whether ops are recorded: context managers, which also decorate functions and generators."""

from __future__ import annotations

from functools import wraps

from .. import _C

__all__ = [
    "no_grad",
    "enable_grad",
    "set_grad_enabled",
    "inference_mode",
    "set_multithreading_enabled",  # noqa: F822
]

_CO_GENERATOR = 0x20  # of a function's code flags


class _Mode:
    """A context manager whose `_clone` gives a fresh one for every call of a decorated function."""

    def __call__(self, func):
        if isinstance(func, type):
            raise TypeError(
                f"{type(self).__name__}: decorating classes is not supported, decorate the "
                f"methods of {func.__name__}"
            )
        code = getattr(func, "__code__", None)
        if code is not None and code.co_flags & _CO_GENERATOR:
            return _decorated_generator(self._clone, func)

        @wraps(func)
        def decorated(*args, **kwargs):
            with self._clone():
                return func(*args, **kwargs)

        return decorated

    def _clone(self):
        return type(self)()


def _decorated_generator(make_mode, func):
    """The mode holds while the generator's own code runs, not between its steps."""

    @wraps(func)
    def decorated(*args, **kwargs):
        with make_mode():
            generator = func(*args, **kwargs)
        step, argument = generator.send, None
        try:
            while True:
                try:
                    with make_mode():
                        item = step(argument)
                except StopIteration as stop:
                    return stop.value
                try:
                    step, argument = generator.send, (yield item)
                except GeneratorExit:
                    with make_mode():
                        generator.close()
                    raise
                except BaseException as error:
                    step, argument = generator.throw, error
        finally:
            with make_mode():
                generator.close()

    return decorated


class _PlainMode(_Mode):
    """Also decorates without being called: `@no_grad` as well as `@no_grad()`."""

    def __new__(cls, func: object = None):
        self = super().__new__(cls)
        return self if func is None else self(func)

    def __enter__(self):
        self._former = _C.is_grad_enabled()
        _C._set_grad_enabled(self._enabled)

    def __exit__(self, *exc_info) -> None:
        _C._set_grad_enabled(self._former)


class no_grad(_PlainMode):
    """Nothing is recorded inside: results do not require grad."""

    _enabled = False


class enable_grad(_PlainMode):
    """Ops are recorded inside, also within `no_grad`."""

    _enabled = True


class set_grad_enabled(_Mode):
    """Turns recording on or off from the call on; as a context manager, until its end."""

    def __init__(self, mode) -> None:
        self._former = _C.is_grad_enabled()
        self.mode = bool(mode)
        _C._set_grad_enabled(self.mode)

    def __call__(self, func):
        _C._set_grad_enabled(self._former)  # a decorator only acts while the function runs
        return super().__call__(func)

    def __enter__(self):
        _C._set_grad_enabled(self.mode)

    def __exit__(self, *exc_info) -> None:
        _C._set_grad_enabled(self._former)

    def __repr__(self):
        return f"{type(self).__module__}.{type(self).__qualname__}(mode={self.mode})"

    def _clone(self):
        return type(self)(self.mode)


class inference_mode(_Mode):
    """`no_grad` whose results may never be recorded; `inference_mode(False)` suspends it."""

    mode: bool

    def __new__(cls, mode: object = True):
        self = super().__new__(cls)
        if isinstance(mode, bool):
            self.mode = mode
            return self
        self.mode = True
        return self(mode)

    def __enter__(self):
        self._former_grad = _C.is_grad_enabled()
        self._former = _C.is_inference_mode_enabled()
        _C._set_inference_mode(self.mode)
        _C._set_grad_enabled(not self.mode)

    def __exit__(self, *exc_info) -> None:
        _C._set_inference_mode(self._former)
        _C._set_grad_enabled(self._former_grad)

    def _clone(self):
        return type(self)(self.mode)


def _enter_inference_mode(mode):
    """Enter `inference_mode(mode)`; `_exit_inference_mode` of the result leaves it."""
    entered = inference_mode(mode)
    entered.__enter__()
    return entered


def _exit_inference_mode(mode):
    mode.__exit__(None, None, None)


_SWITCHES = (
    "_force_original_view_tracking",
    "is_multithreading_enabled",
    "is_view_replay_enabled",
    "set_multithreading_enabled",  # noqa: F822
)


def __getattr__(name):
    if name in _SWITCHES:
        from . import _switches

        return getattr(_switches, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
