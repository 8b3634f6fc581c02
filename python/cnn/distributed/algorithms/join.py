"""The classes by PyTorch's other path."""

from . import *  # noqa: F403
from . import __all__ as __all__
