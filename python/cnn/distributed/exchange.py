"""Reductions in pieces: every rank reduces a share and hands it round, a piece after another.

A piece is still in the cache when it is added, and on its way back while the next one comes; MPI's
own reductions of large tensors move a share as a whole. Values are reduced in the order of ranks.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

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


def joined(tensors):
    """The elements of tensors behind one another."""
    return _C.cat([tensor.detach().reshape(-1) for tensor in tensors])


def spread(elements, tensors):
    """Copies elements that lie behind one another into tensors."""
    start = 0
    for tensor in tensors:
        count = tensor.numel()
        tensor.detach().copy_(elements[start : start + count].view(tensor.shape))
        start += count


class Exchange:
    """The reduction of all ranks in the place of each, as steps of an operation.

    `tensors` are flat and count as one, behind one another; how it is cut may differ between ranks.
    `combine(own, values)` reduces the values of a piece, of which `own` is one, in its place. What
    is needed of memory for that is made ready at once, before the first request.
    """

    def __init__(self, comm, tensors, combine):
        self.comm, self.combine, self.tensors = comm, combine, tensors
        self.others = [rank for rank in range(comm.size) if rank != comm.rank]
        self.starts = [0, *accumulate(tensor.numel() for tensor in tensors)]
        counts = shares(self.starts[-1], comm.size)
        self.bounds = [0, *accumulate(counts)]
        # The longest share decides how many pieces there are, on every rank.
        dtype = tensors[0].dtype
        self.length = max(1, _PIECE // (comm.size * dtype.itemsize))
        self.pieces = -(-counts[0] // self.length)
        kept = min(self.pieces, _UNDER_WAY)
        size = comm.size, min(self.length, counts[comm.rank])
        self.received = [_C.empty(size, dtype=dtype, device="cpu") for _ in range(kept)]
        self.coming, self.going = [None] * kept, [None] * kept
        self.late, self.unpacked = [], []

    def steps(self):
        """Starts requests and yields them."""
        for piece in range(self.pieces + _UNDER_WAY):
            if piece >= _UNDER_WAY:
                yield from self._finish(piece - _UNDER_WAY)
            if piece < self.pieces:
                self._begin(piece)
        yield _All(self.late)
        for elements, parts in self.unpacked:
            spread(elements, parts)

    def _parts(self, rank, piece):
        """A piece of the share of a rank, as parts of tensors; the last one may be empty."""
        first = self.bounds[rank] + piece * self.length
        end = min(first + self.length, self.bounds[rank + 1])
        parts, number = [], bisect_right(self.starts, first) - 1
        while first < end:
            start = self.starts[number]
            part = self.tensors[number][first - start : end - start]
            if part.numel():
                parts.append(part)
            first, number = self.starts[number + 1], number + 1
        return parts

    def _begin(self, piece):
        """Asks for all values of a piece of the own share, and sends pieces of others'."""
        slot, comm, tag = piece % _UNDER_WAY, self.comm, self.comm.reserved_tag(_THERE)
        own = sum(part.numel() for part in self._parts(comm.rank, piece))
        rows = self.received[slot]
        self.coming[slot] = _All(comm.receive(rows[q, :own], q, tag) for q in self.others if own)
        sent = ((q, self._parts(q, piece)) for q in self.others)
        self.going[slot] = _All(comm.send(_whole(parts), q, tag) for q, parts in sent if parts)

    def _finish(self, piece):
        """Reduces a piece, sends it to all, and asks for those that others have reduced."""
        slot, comm, tag = piece % _UNDER_WAY, self.comm, self.comm.reserved_tag(_BACK)
        yield self.coming[slot]
        if parts := self._parts(comm.rank, piece):
            own = _whole(parts)
            rows = self.received[slot][:, : own.numel()].unbind()
            self.combine(own, [own if q == comm.rank else rows[q] for q in range(comm.size)])
            if len(parts) > 1:
                spread(own, parts)
            self.late.extend(comm.send(own, q, tag) for q in self.others)
        yield self.going[slot]  # before what was sent is written
        for q in self.others:
            if parts := self._parts(q, piece):
                whole = parts[0] if len(parts) == 1 else _like(parts)
                if len(parts) > 1:
                    self.unpacked.append((whole, parts))
                self.late.append(comm.receive(whole, q, tag))


def _whole(parts):
    return parts[0] if len(parts) == 1 else joined(parts)


def _like(parts):
    count = sum(part.numel() for part in parts)
    return _C.empty(count, dtype=parts[0].dtype, device="cpu")
