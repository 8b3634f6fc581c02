"""Logs of PyTorch's parts. Those of this package are Python's loggers by module name."""

from __future__ import annotations

import functools
import logging

from .. import _absent


def set_logs(**levels):
    """Accepts the levels of PyTorch's logs; their parts are not here."""


def getArtifactLogger(module_qname, artifact_name):
    """The logger `module.__artifact`."""
    return logging.getLogger(f"{module_qname}.__{artifact_name}")


@functools.cache
def warning_once(logger_obj, *args, **kwargs):
    """Warns the first time that it is called with these arguments."""
    logger_obj.warning(*args, **kwargs)


def trace_structured(name, *args, **kwargs):
    """Nothing: no trace of a compiler is kept."""


class LazyString:
    """A text that is made when it is shown."""

    def __init__(self, func, *args, **kwargs):
        self.func, self.args, self.kwargs = func, args, kwargs

    def __str__(self):
        return self.func(*self.args, **self.kwargs)


LazyString.__module__ = f"{__name__}._internal"  # where PyTorch has it

_absent.explain(__name__, ("_internal",))
