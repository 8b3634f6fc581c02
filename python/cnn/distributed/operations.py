"""What groups do, as generators: each starts requests of MPI's, yields them, and goes on when they
are done (engine.py). Arguments are checked before; sums of 16-bit floats are taken in the order of
ranks.

What all ranks do together first makes ready what it needs of memory, and yields None before its
first request: an error until then leaves the group as it is (`checked`).
"""

from __future__ import annotations

import functools
import time

from .. import _C
from ..autograd.graph import increment_version
from . import _mpi
from .exchange import Exchange, joined, shares, spread
from .stores import DistBackendError


class _Written:
    """The dense memory of a tensor that is to be written: its own, or a copy of it."""

    def __init__(self, tensor, keep=True):
        self.tensor = tensor.detach()
        if self.tensor.is_contiguous():
            self.dense = self.tensor
        else:
            self.dense = self.tensor.contiguous() if keep else _like(self.tensor)

    def finish(self):
        if self.dense is self.tensor:
            increment_version(self.tensor)
        else:
            self.tensor.copy_(self.dense)


def _like(tensor):
    return _C.empty(tensor.shape, dtype=tensor.dtype, device="cpu")


def _dense(tensor):
    return tensor.detach().contiguous()


def _dense_beside(tensor, written):
    """The dense memory of a tensor, which MPI may read while it writes to `written`."""
    dense = _dense(tensor)
    start, end = dense.data_ptr(), written.data_ptr()
    shared = start < end + written.nbytes and end < start + dense.nbytes
    return dense.clone() if shared else dense


_BITS = {"BAND": _C.bitwise_and, "BOR": _C.bitwise_or, "BXOR": _C.bitwise_xor}


def _combine(values, op):
    """Reduces values, one of each rank, in the order of ranks; those of 16 bits in float32."""
    dtype = values[0].dtype
    total = values[0].to(_C.float32 if dtype in (_C.float16, _C.bfloat16) else dtype, copy=True)
    for value in values[1:]:
        value = value.to(total.dtype)
        if op in _BITS:
            total = _BITS[op](total, value)
        elif dtype is _C.bool:
            total = (_C.bitwise_or if op in ("SUM", "MAX") else _C.bitwise_and)(total, value)
        elif op in ("SUM", "AVG"):
            total.add_(value)
        elif op == "PRODUCT":
            total.mul_(value)
        else:
            total = (_C.minimum if op == "MIN" else _C.maximum)(total, value)
    return _averaged(total, op, len(values)).to(dtype)


def _averaged(total, op, count):
    return total.div_(count) if op == "AVG" else total


def together(operations):
    """Operations one after the other, as one."""
    operations = list(operations)
    for steps in operations:
        next(steps)
    yield
    for steps in operations:
        yield from steps


# More bytes go in pieces if there are few ranks, as each then writes to every other one.
_IN_PIECES, _MANY_RANKS = 1 << 20, 8


def all_reduce(comm, tensor, op):
    """Every rank gets the reduction of all."""
    out = _Written(tensor)
    is_large = out.dense.nbytes > _IN_PIECES and goes_in_pieces(comm)
    if comm.size == 1:
        yield
    elif is_large or not _mpi.can_reduce(tensor.dtype, op):
        exchange = Exchange(comm, [out.dense.view(-1)], functools.partial(_combine_into, op=op))
        yield
        yield from exchange.steps()
    else:
        yield
        yield comm.all_reduce(out.dense, op)
        _averaged(out.dense, op, comm.size)
    out.finish()


def goes_in_pieces(comm):
    """Whether large sums are taken in pieces, and `average` may be used: between few ranks."""
    return 1 < comm.size <= _MANY_RANKS


def average(comm, tensors):
    """Every rank gets the mean of all, in the place of flat tensors that count as one."""
    exchange = Exchange(comm, tensors, functools.partial(_combine_into, op="AVG"))
    yield
    yield from exchange.steps()
    for tensor in tensors:
        increment_version(tensor)


def _combine_into(own, values, op):
    """`_combine` in the place of one of the values."""
    if len(values) == 2 and op in ("SUM", "AVG") and own.dtype in (_C.float32, _C.float64):
        own.add_(values[0] if own is values[1] else values[1])
        _averaged(own, op, 2)
    else:
        own.copy_(_combine(values, op))


def _reduced_share(comm, flat, counts, op):
    """This rank's share of the reduction: every rank sends every other one its share."""
    own = counts[comm.rank]
    received = _C.empty(own * comm.size, dtype=flat.dtype, device="cpu")
    yield
    yield comm.all_to_all(received, flat, [own] * comm.size, counts)
    return _combine(received.view(comm.size, own).unbind(), op)


def reduce(comm, tensor, op, root):
    """Rank `root` gets the reduction of all; the tensors of others stay."""
    out = _Written(tensor)
    if _mpi.can_reduce(tensor.dtype, op):
        yield
        yield comm.reduce(out.dense, op, root)
        if comm.rank == root:
            _averaged(out.dense, op, comm.size)
    else:
        flat = out.dense.view(-1)
        counts = shares(flat.numel(), comm.size)
        part = yield from _reduced_share(comm, flat, counts, op)
        yield comm.gather_parts(flat, part, counts, root)
    if comm.rank == root:
        out.finish()


def broadcast(comm, tensor, root):
    """Every rank gets the tensor of rank `root`."""
    out = _Written(tensor)
    yield
    yield comm.broadcast(out.dense, root)
    if comm.rank != root:
        out.finish()


def all_gather_single(comm, output, input):
    """Every rank gets all tensors, in one of as many elements in all."""
    out = _Written(output, keep=False)
    dense = _dense_beside(input, out.dense)
    yield
    yield comm.all_gather(out.dense, dense)
    out.finish()


def all_gather(comm, outputs, input):
    """Every rank gets all tensors, in a list whose shapes say how much comes from whom."""
    counts = [output.numel() for output in outputs]
    flat = _C.empty(sum(counts), dtype=input.dtype, device="cpu")
    start = sum(counts[: comm.rank])
    flat[start : start + counts[comm.rank]] = input.detach().reshape(-1)
    yield
    yield comm.all_gather_parts(flat, counts)
    spread(flat, outputs)


def gather(comm, outputs, input, root):
    """Rank `root` gets all tensors, in a list; that of others is empty."""
    gathered = None
    if comm.rank == root:
        gathered = _C.empty((comm.size, input.numel()), dtype=input.dtype, device="cpu")
    dense = _dense(input)
    yield
    yield comm.gather(gathered, dense, root)
    if comm.rank == root:
        spread(gathered.view(-1), outputs)


def scatter(comm, output, inputs, root):
    """Each rank gets its tensor of a list of rank `root`; that of others is empty."""
    out = _Written(output, keep=False)
    flat = joined(inputs) if comm.rank == root else None
    yield
    yield comm.scatter(out.dense, flat, root)
    out.finish()


def reduce_scatter(comm, output, inputs, op):
    """Each rank gets its part of the reduction of lists, one tensor for each rank."""
    counts = [tensor.numel() for tensor in inputs]
    part = yield from _reduced_share(comm, joined(inputs), counts, op)
    output.detach().copy_(part.view(output.shape))


def all_to_all(comm, outputs, inputs):
    """Each rank gives every rank a tensor of its list."""
    counts_out, counts_in = ([t.numel() for t in tensors] for tensors in (outputs, inputs))
    received = _C.empty(sum(counts_out), dtype=outputs[0].dtype, device="cpu")
    flat = joined(inputs)
    yield
    yield comm.all_to_all(received, flat, counts_out, counts_in)
    spread(received, outputs)


def all_to_all_single(comm, output, input, counts_out, counts_in):
    """Each rank gives every rank a part of its tensor: so many elements."""
    out = _Written(output, keep=False)
    dense = _dense_beside(input, out.dense)
    yield
    yield comm.all_to_all(out.dense, dense, counts_out, counts_in)
    out.finish()


def barrier(comm):
    """Waits until every rank is here."""
    yield
    yield comm.barrier()


def send(comm, tensor, to, tag):
    """A message to a rank; over when its memory may be written again."""
    yield comm.send(_dense(tensor), to, tag)


def receive(comm, tensor, source, tag, note):
    """A message from a rank, or from any for None; `note(rank)` is told from which."""
    out = _Written(tensor, keep=False)
    message = comm.receive(out.dense, source, tag)
    yield message
    note(message.source())
    if message.count() != out.dense.nbytes:
        raise _that_leaves_the_group(
            f"recv: a message of {message.count()} bytes came from rank {message.source()} for a "
            f"tensor of shape {tuple(tensor.shape)} and dtype {tensor.dtype}, which has "
            f"{out.dense.nbytes}"
        )
    out.finish()


def meet(comm, ranks, tag):
    """Waits until all these ranks are here: the first hears of each and then lets them go."""
    first, token = ranks[0], _C.empty(0, dtype=_C.uint8, device="cpu")
    if comm.rank == first:
        for rank in ranks[1:]:
            yield comm.receive(token, rank, tag)
        for rank in ranks[1:]:
            yield comm.send(token, rank, tag)
    else:
        yield comm.send(token, first, tag)
        yield comm.receive(token, first, tag)


class _Any:
    """Requests of which each may be done, until a time."""

    def __init__(self, pending, deadline):
        self.pending, self.deadline = pending, deadline

    def done(self):
        """Whether all are done, or the time is over."""
        self.pending = {rank: one for rank, one in self.pending.items() if not one.done()}
        return not self.pending or time.monotonic() > self.deadline

    def cancel(self):
        """Takes back that messages are wanted."""
        for one in self.pending.values():
            one.cancel()


def monitored_barrier(comm, seconds, wait_all_ranks):
    """Rank 0 hears of each rank and then tells each whether all have come."""
    tag, word = comm.reserved_tag(9999), _C.zeros(1, dtype=_C.uint8, device="cpu")
    if comm.rank != 0:
        yield comm.send(word, 0, tag)
        answer = _C.zeros(1, dtype=_C.uint8, device="cpu")
        yield comm.receive(answer, 0, tag)
        if answer.item():
            raise DistBackendError(
                f"Rank {comm.rank} successfully reached monitoredBarrier, but received errors "
                "while waiting for send/recv from rank 0. Please check rank 0 logs for faulty rank."
            )
        return
    others = range(1, comm.size)
    words = {rank: _C.zeros(1, dtype=_C.uint8, device="cpu") for rank in others}
    heard = _Any(
        {rank: comm.receive(words[rank], rank, tag) for rank in others},
        time.monotonic() + seconds,
    )
    yield heard
    missing = sorted(heard.pending)
    verdict = _C.full((1,), int(bool(missing)), dtype=_C.uint8, device="cpu")
    sent = [comm.send(verdict, rank, tag) for rank in others if rank not in missing]
    yield from sent
    if missing:
        milliseconds = round(seconds * 1000)
        if wait_all_ranks:
            named = f"Ranks {', '.join(map(str, missing))}"
        else:
            named = f"Rank {missing[0]}"
        raise DistBackendError(
            f"[Rank 0]: {named} failed to pass monitoredBarrier in {milliseconds} ms"
        )


RECORD = 512  # bytes of a description


def agree(comm, text, steps):
    """An operation before which every rank compares its description with the others'."""
    error = _made_ready(steps)
    if error is not None:
        text = f"nothing, as it raised {type(error).__name__}: {error}"
    own = text.encode()[: RECORD - 1].ljust(RECORD, b"\0")
    records = _C.empty((comm.size, RECORD), dtype=_C.uint8, device="cpu")
    yield comm.all_gather(records, _C.frombuffer(bytearray(own), dtype=_C.uint8))
    if error is not None:
        raise error
    texts = [_mpi.memory(row).tobytes().rstrip(b"\0").decode(errors="replace") for row in records]
    for rank, other in enumerate(texts):
        if other != texts[0]:
            raise _that_leaves_the_group(
                "Detected mismatch between collectives on ranks. Rank 0 is running collective: "
                f"{texts[0]}, but Rank {rank} is running collective: {other}."
            )
    yield from steps


def _that_leaves_the_group(message):
    error = DistBackendError(message)
    error.group_goes_on = True
    return error


def _made_ready(steps):
    """Runs an operation up to its first request; the error that it has raised until then, which
    every rank is going to hear of, or None.
    """
    try:
        next(steps)
    except Exception as error:
        error.group_goes_on = True
        return error
    return None


def mixed(where, what):
    """A number for two tuples of numbers, the same in every process. Sums of such numbers and their
    negatives are 0, but for an accident in 2**60, only if equal ones meet.
    """
    return hash(what) * (2 * hash(where) + 1)


def checked(comm, name, value, balance, steps):
    """An operation before which ranks find out whether all are to do the same: the same `value`,
    and balances that add up to 0. MPI itself may give wrong numbers, or crash, where they are not.

    What they add up is 0 if neighbours have equal values, as each adds a hash of its own value and
    rank and takes away the one that the next rank has to add. A rank that cannot begin adds 1.
    """
    error = _made_ready(steps)
    following = (comm.rank + 1) % comm.size
    word = mixed((comm.rank,), value) - mixed((following,), value) + balance
    check, total = comm.add_up(word + (error is not None))
    yield check
    if error is not None:
        raise error
    if total[0] != 0:
        if 0 < total[0] <= comm.size:
            raise _that_leaves_the_group(
                f"{name}: {total[0]} of {comm.size} ranks raised an error before it began"
            )
        raise _that_leaves_the_group(
            f"{name}: ranks disagree on the operation, its order, or the sizes or dtypes of its "
            "tensors; with TORCH_DISTRIBUTED_DEBUG=DETAIL this error names both sides"
        )
    yield from steps
