"""Models divided between processes, by PyTorch's older path."""

from ..fsdp import *  # noqa: F403
from ..fsdp import __all__ as __all__
