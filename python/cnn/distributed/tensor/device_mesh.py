"""The mesh by PyTorch's other path."""

from ..device_mesh import *  # noqa: F403
from ..device_mesh import __all__ as __all__
