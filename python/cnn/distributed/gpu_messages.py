"""Messages from one GPU to another, over NCCL. Each direction between two ranks has a link of its
own, so that none stands in another's way; a batch goes over that of the group.
"""

from __future__ import annotations

from .. import _C
from . import _mpi, operations
from .gpu_launches import Connecting, Launch, Link
from .gpu_operations import grouped
from .stores import DistBackendError


class Channel(Link):
    """The link of messages from one rank to another, which keep their order."""

    def __init__(self, comm, device, source, to, queue):
        super().__init__(comm, int(comm.rank == to), 2, device, queue)
        self.peer, self.place = source if self.rank else to, (1, source, to)
        self.asked = self.turn = 0  # messages: begun; launched, or given up

    def begin(self, communicator):
        """The first message, which is nobody's: NCCL connects the ends with it, which wait then."""
        word = _C.empty(1, dtype=_C.uint8, device=_C.device("cuda", self.device))
        word.record_stream(self.stream)
        communicator.receive(word, 0) if self.rank else communicator.send(word, 1)


_ALONE, _IN_BATCH = (9996, 9995), (9994, 9993)  # tags of what the two ends tell each other


class _Ends:
    """What the two ends of a message tell each other: bytes and dtype; the sender, a unique id."""

    def __init__(self, comm, tensor, peer, sends, tags, identity=bytes(128)):
        self._tensor, self._peer, self._sends = tensor, peer, sends
        text = f"{tensor.nbytes} bytes of {tensor.dtype}".encode().ljust(64)
        own = _C.frombuffer(bytearray(text + identity), dtype=_C.uint8)
        self._text, self._theirs = text, _C.frombuffer(bytearray(192), dtype=_C.uint8)
        to, back = (comm.reserved_tag(tag) for tag in (tags if sends else tags[::-1]))
        self._requests = [comm.receive(self._theirs, peer, back), comm.send(own, peer, to)]

    def done(self):
        self._requests = [request for request in self._requests if not request.done()]
        return not self._requests

    def cancel(self):
        for request in self._requests:
            request.cancel()

    def identity(self):
        """The sender's unique id."""
        return _mpi.memory(self._theirs).tobytes()[64:]

    def fault(self):
        """Why the ends do not fit, or None."""
        theirs = _mpi.memory(self._theirs).tobytes()[:64]
        if theirs == self._text:
            return None
        own, theirs = self._text.decode().strip(), theirs.decode().strip()
        if self._sends:
            return f"send: rank {self._peer} expects {theirs}, and {own} would be sent"
        return f"recv: rank {self._peer} sends {theirs}, and {own} are expected"


class _Turn:
    """That the ends have told each other, and the messages before are launched."""

    def __init__(self, ends, channel, number):
        self._ends, self._channel, self._number = ends, channel, number

    def done(self):
        return self._ends.done() and self._channel.turn == self._number

    def cancel(self):
        self._ends.cancel()


class Message(Launch):
    """A message over a channel."""

    def __init__(self, channel, tensor):
        self._sends = channel.rank == 0
        super().__init__(channel, lambda launch: launch._prepare(tensor))

    def _prepare(self, tensor):
        if self._sends:
            self._dense = dense = self.read(tensor)
            return lambda nccl: nccl.send(dense, 1)
        self._dense = dense = self.write(tensor, keep=False)
        return lambda nccl: nccl.receive(dense, 0)

    def steps(self):
        if self.error is not None:
            raise self.error
        channel = self.link
        number, channel.asked = channel.asked, channel.asked + 1
        identity = channel.identity() if number == 0 else bytes(128)
        ends = _Ends(channel.comm, self._dense, channel.peer, self._sends, _ALONE, identity)
        yield _Turn(ends, channel, number)
        try:
            if channel.nccl is None:
                yield Connecting(channel, identity if self._sends else ends.identity())
            fault = ends.fault()
            if fault:
                raise operations._that_leaves_the_group(fault)
            self.begin()
        finally:
            channel.turn += 1


class Batch(Launch):
    """Messages to and from ranks of a group, as one: [(whether it is sent, tensor, rank)]."""

    def __init__(self, link, messages):
        super().__init__(link, lambda launch: launch._prepare(messages))

    def _prepare(self, messages):
        self._messages = [
            (sends, self.read(tensor) if sends else self.write(tensor, keep=False), peer)
            for sends, tensor, peer in messages
        ]
        messages = self._messages
        return lambda nccl: grouped(
            nccl.send(dense, peer) if sends else nccl.receive(dense, peer)
            for sends, dense, peer in messages
        )

    def steps(self):
        if self.error is not None:
            raise self.error
        link, comm = self.link, self.link.comm
        if link.nccl is None:
            name = "batch_isend_irecv, as the first operation of its group on GPUs"
            yield from operations.checked(comm, name, (), 0, link.meet())
        ends = [_Ends(comm, dense, peer, sends, _IN_BATCH) for sends, dense, peer in self._messages]
        yield from ends
        faults = [each.fault() for each in ends]
        if any(faults):
            raise DistBackendError("; ".join(filter(None, faults)))
        self._messages = None
        self.begin()
