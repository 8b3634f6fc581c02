"""Functions of PyTorch's exporter, of which there is none: for imports."""

from .. import _absent

_absent.explain(__name__)
