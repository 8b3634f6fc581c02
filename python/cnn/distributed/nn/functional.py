"""The functions by PyTorch's other path."""

from . import *  # noqa: F403
