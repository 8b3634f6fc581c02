"""Decorators of pipes' classes."""

from __future__ import annotations

from contextlib import contextmanager

from .datapipe import IterDataPipe, MapDataPipe

__all__ = ["functional_datapipe", "guaranteed_datapipes_determinism", "non_deterministic"]


class functional_datapipe:
    """Decorates a pipe's class: pipes get a method of that name that makes one of them."""

    def __init__(self, name, enable_df_api_tracing=False):
        self.name = name

    def __call__(self, cls):
        if issubclass(cls, IterDataPipe):
            IterDataPipe.register_datapipe_as_function(self.name, cls)
        elif issubclass(cls, MapDataPipe):
            MapDataPipe.register_datapipe_as_function(self.name, cls)
        else:
            raise TypeError("`functional_datapipe` can only decorate IterDataPipe or MapDataPipe")
        return cls


_determinism = False


class guaranteed_datapipes_determinism:
    """Context in which pipes that `non_deterministic` decorates cannot be made."""

    def __init__(self):
        global _determinism
        self._former, _determinism = _determinism, True

    def __enter__(self):
        pass

    def __exit__(self, *error):
        global _determinism
        _determinism = self._former


class non_deterministic:
    """Decorates a pipe's class whose elements may come in another order each time."""

    def __init__(self, arg):
        self.cls = arg if isinstance(arg, type) else None

    def __call__(self, *args, **kwargs):
        if self.cls is None:
            return non_deterministic(args[0])
        if _determinism:
            raise TypeError(
                f"{self.cls.__name__} is non-deterministic, but you set "
                "'guaranteed_datapipes_determinism'. You can turn off determinism for this "
                "DataPipe if that is acceptable for your application"
            )
        return self.cls(*args, **kwargs)


def argument_validation(f):
    """The function itself: types of pipes' elements are not checked."""
    return f


def runtime_validation(f):
    """The function itself: types of pipes' elements are not checked."""
    return f


@contextmanager
def runtime_validation_disabled():
    """Context that changes nothing: types of pipes' elements are not checked."""
    yield
