"""How a tensor would lie on many devices, as programs write it down."""

from __future__ import annotations

from dataclasses import dataclass

from ... import _unavailable

__all__ = ["Partial", "Placement", "Replicate", "Shard"]


class Placement:
    """How a tensor lies along one dimension of a mesh."""

    def is_shard(self, dim=None):
        """Whether each device has a part, along dimension `dim` if that is given."""
        return isinstance(self, Shard) and dim in (None, self.dim)

    def is_replicate(self):
        """Whether each device has all."""
        return isinstance(self, Replicate)

    def is_partial(self, reduce_op=None):
        """Whether the devices' values are to be reduced, by `reduce_op` if that is given."""
        return isinstance(self, Partial) and reduce_op in (None, self.reduce_op)


@dataclass(frozen=True)
class Shard(Placement):
    """Each device has a part along dimension `dim`."""

    dim: int


@dataclass(frozen=True)
class Replicate(Placement):
    """Each device has all."""

    def __repr__(self):
        return "Replicate()"


@dataclass(frozen=True)
class Partial(Placement):
    """Each device has values that are to be reduced."""

    reduce_op: str = "sum"

    def __repr__(self):
        return f"Partial({self.reduce_op})"


_unavailable.declare(
    __name__, "distributed.scatter hands out parts", classes="_StridedShard", base=Shard
)
