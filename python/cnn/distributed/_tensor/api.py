"""`distributed.tensor` by its older name."""

from ..tensor import *  # noqa: F403
from ..tensor import __all__ as __all__
