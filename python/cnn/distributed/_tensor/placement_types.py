"""`distributed.tensor.placement_types` by its older name."""

from ..tensor.placement_types import *  # noqa: F403
