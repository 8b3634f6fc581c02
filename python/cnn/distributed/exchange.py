"""Reductions in pieces: every rank reduces a share and hands it round, a piece after another.

A piece is still in the cache when it is added, and on its way back while the next one comes; MPI's
own reductions of large tensors move a share as a whole. Values are reduced in the order of ranks.
"""

from __future__ import annotations

from .. import _C

_PIECE = 2 << 20  # bytes of a piece, of all ranks together
_UNDER_WAY = 2  # pieces
_THERE, _BACK = 9998, 9997  # tags


class _All:
    """Requests of which each has to be done."""

    def __init__(self, pending):
        self.pending = list(pending)

    def done(self):
        """Whether all are done."""
        while self.pending and self.pending[-1].done():
            self.pending.pop()
        return not self.pending

    def cancel(self):
        """Takes back that messages are wanted."""
        for one in self.pending:
            one.cancel()


def shares(total, parts):
    """`total` as so many nearly equal counts."""
    return [total // parts + (i < total % parts) for i in range(parts)]


class Exchange:
    """The reduction of all ranks in the place of each flat tensor, as steps of an operation.

    What it needs of memory is made ready at once, before the first request.
    """

    def __init__(self, comm, flat, combine):
        self.comm, self.combine = comm, combine
        self.others = [rank for rank in range(comm.size) if rank != comm.rank]
        counts = shares(flat.numel(), comm.size)
        self.parts = flat.split(counts)
        # The longest share decides how many pieces there are, on every rank.
        self.length = max(1, _PIECE // (comm.size * flat.element_size()))
        self.pieces = -(-counts[0] // self.length)
        kept = min(self.pieces, _UNDER_WAY)
        size = comm.size, min(self.length, counts[comm.rank])
        self.received = [_C.empty(size, dtype=flat.dtype) for _ in range(kept)]
        self.coming, self.going = [None] * kept, [None] * kept

    def steps(self):
        """Starts requests and yields them."""
        comm, late = self.comm, []
        there, back = comm.reserved_tag(_THERE), comm.reserved_tag(_BACK)
        for piece in range(self.pieces + _UNDER_WAY):
            if piece >= _UNDER_WAY:
                yield from self._finish(piece - _UNDER_WAY, back, late)
            if piece < self.pieces:
                self._begin(piece, there)
        yield _All(late)

    def _piece(self, rank, piece):
        """A piece of the share of a rank; the last one may be shorter, or empty."""
        return self.parts[rank][piece * self.length : (piece + 1) * self.length]

    def _begin(self, piece, tag):
        """Asks for all values of a piece of the own share, and sends pieces of others'."""
        slot, own = piece % _UNDER_WAY, self._piece(self.comm.rank, piece).numel()
        rows, comm = self.received[slot], self.comm
        self.coming[slot] = _All(comm.receive(rows[q, :own], q, tag) for q in self.others)
        self.going[slot] = _All(comm.send(self._piece(q, piece), q, tag) for q in self.others)

    def _finish(self, piece, tag, late):
        """Reduces a piece and sends it to all; notes among `late` what the end has to wait for."""
        slot, own, comm = piece % _UNDER_WAY, self._piece(self.comm.rank, piece), self.comm
        yield self.coming[slot]
        rows = self.received[slot][:, : own.numel()].unbind()
        self.combine(own, [own if q == comm.rank else rows[q] for q in range(comm.size)])
        late.extend(comm.send(own, q, tag) for q in self.others)
        yield self.going[slot]  # before others' pieces are written
        late.extend(comm.receive(self._piece(q, piece), q, tag) for q in self.others)
