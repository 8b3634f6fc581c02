"""`distributed.tensor.experimental` by its older name."""

from ..tensor.experimental import *  # noqa: F403
from ..tensor.experimental import __all__ as __all__
