"""Context managers that are decorators as well."""

from __future__ import annotations

import functools
import inspect

__all__ = ["context_decorator"]


def context_decorator(ctx, func):
    """`func` inside a context: `ctx` is a context manager, or makes one for each call."""
    if callable(ctx) and hasattr(ctx, "__enter__"):
        raise TypeError(
            f"Passed in {ctx} is both callable and also a valid context manager (has __enter__), "
            "making it ambiguous which interface to use.  If you intended to pass a context "
            "manager factory, rewrite your call as context_decorator(lambda: ctx()); if you "
            "intended to pass a context manager directly, rewrite your call as "
            "context_decorator(lambda: ctx)"
        )
    make = ctx if callable(ctx) else lambda: ctx
    if inspect.isclass(func):
        raise RuntimeError(
            "Cannot decorate classes; it is ambiguous whether or not only the constructor or all "
            "methods should have the context manager applied; additionally, decorating a class at "
            "definition-site will prevent use of the identifier as a conventional type.  To "
            "specify which methods to decorate, decorate each of them individually."
        )
    if inspect.isgeneratorfunction(func):
        return _generator(make, func)

    @functools.wraps(func)
    def decorated(*args, **kwargs):
        with make():
            return func(*args, **kwargs)

    return decorated


def _generator(make, func):
    """A generator that is inside the context while it runs, and outside while it waits."""

    @functools.wraps(func)
    def decorated(*args, **kwargs):
        generator = func(*args, **kwargs)
        step, value = generator.send, None
        try:
            while True:
                with make():
                    result = step(value)
                try:
                    step, value = generator.send, (yield result)
                except GeneratorExit:
                    with make():
                        generator.close()
                    raise
                except BaseException as error:
                    step, value = generator.throw, error
        except StopIteration as end:
            return end.value

    return decorated


class _DecoratorContextManager:
    """A context manager that decorates functions when it is called with one."""

    def __call__(self, orig_func):
        if inspect.isclass(orig_func):
            import warnings

            warnings.warn(
                "Decorating classes is deprecated and will be disabled in future versions. You "
                "should only decorate functions or methods. To preserve the current behavior of "
                "class decoration, you can directly decorate the `__init__` method and nothing "
                "else.",
                FutureWarning,
                stacklevel=2,
            )
            function = functools.wraps(orig_func)(
                lambda *args, **kwargs: orig_func(*args, **kwargs)
            )
        else:
            function = orig_func
        return context_decorator(self.clone, function)

    def __enter__(self):
        raise NotImplementedError

    def __exit__(self, exc_type, exc_value, traceback):
        raise NotImplementedError

    def clone(self):
        """Another one like it."""
        return self.__class__()


class _NoParamDecoratorContextManager(_DecoratorContextManager):
    """The same, which may decorate without being called first."""

    def __new__(cls, orig_func=None):
        if orig_func is None:
            return super().__new__(cls)
        return cls()(orig_func)
