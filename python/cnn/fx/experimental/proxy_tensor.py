"""PyTorch's tracing of the ops below autograd, which there is not here."""

from __future__ import annotations

from contextlib import contextmanager

from ... import _absent

py_sym_types = ()  # no number is a symbol


def make_fx(f, *args, **kwargs):
    """Refused: nothing is traced below autograd. `cnn.fx.symbolic_trace` traces modules."""
    raise NotImplementedError(
        "make_fx traces ops below autograd, which cnn cannot; cnn.fx.symbolic_trace traces the "
        "calls of a module or function"
    )


def get_proxy_mode():
    """None: nothing is traced below autograd."""
    return None


@contextmanager
def disable_proxy_modes_tracing(enable_current=False):
    """A context in which nothing is traced below autograd, as ever."""
    yield


def maybe_disable_fake_tensor_mode():
    """The same."""
    return disable_proxy_modes_tracing()


def is_sym_node(node):
    """Whether a node stands for a symbolic number: False."""
    return False


_absent.explain(__name__)
