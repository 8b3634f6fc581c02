"""The class and its settings by PyTorch's other path."""

from . import *  # noqa: F403
