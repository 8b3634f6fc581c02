"""The names by PyTorch's other path."""

from . import *  # noqa: F403
