"""What PyTorch's compiler knows while it traces; it never does here."""

from __future__ import annotations

from contextlib import contextmanager

from . import _absent


class TracingContext:
    """What is known while something is traced."""

    @staticmethod
    def try_get():
        """None: nothing is traced."""
        return None


class CompileContext(TracingContext):
    """What is known while something is compiled."""

    @staticmethod
    def current_compile_id():
        """None: nothing is compiled."""
        return None


@contextmanager
def tracing(context):
    """A context in which something would be traced."""
    yield context


def detect_fake_mode(inputs=None):
    """None: no tensors pretend to be on a device."""
    return None


_absent.explain(__name__)
