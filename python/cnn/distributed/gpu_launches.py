"""An operation on a GPU, over NCCL. It is put on a stream of its own: after what the current stream
was asked for when it was called, and before what that is asked for after `wait`, which waits for no
GPU.
"""

from __future__ import annotations

import threading
import time

from .. import _C, futures
from ..autograd.grad_mode import no_grad
from ..autograd.graph import increment_version
from ..cuda.streams import Event, Stream, current_stream
from . import _mpi, _nccl, exits
from .stores import DistBackendError


class Link:
    """Some ranks of a group, each with a GPU: NCCL's communicator and its stream. The first
    operation makes the communicator, whose unique id MPI carries.
    """

    def __init__(self, comm, rank, size, device, queue, number=0):
        _nccl.load()
        self.comm, self.rank, self.size = comm, rank, size
        self.device, self.queue, self.number = device, queue, number
        self.stream, self.nccl, self.error = Stream(device), None, None
        self.place = (0, number)  # in the order in which all ranks give links back
        queue.links.append(self)

    def meet(self):
        """All ranks of the group hear the unique id, and connect."""
        identity = _C.frombuffer(bytearray(self.identity()), dtype=_C.uint8)
        yield
        yield self.comm.broadcast(identity, 0)
        yield Connecting(self, _mpi.memory(identity).tobytes())

    def identity(self):
        """A unique id of the first rank; 0s of the others."""
        return _nccl.unique_id() if self.rank == 0 else bytes(128)

    def begin(self, communicator):
        """What the thread does that has made the communicator."""

    def abort(self, error):
        """Ends what is under way; whoever waits for it or for values of the GPU gets the error."""
        self.error = self.error or error
        communicator, self.nccl = self.nccl, None
        if communicator is not None:
            _C._cuda_note(self.device, str(error))
            communicator.abort()

    def close(self):
        """Gives the communicator back; all of its ranks do."""
        communicator, self.nccl = self.nccl, None
        if communicator is not None:
            communicator.destroy()


class Connecting:
    """A communicator that is being made, by a thread, as its ranks wait for each other: they may
    make several in any order.
    """

    def __init__(self, link, identity):
        self._link, self._identity, self._error, self._made = link, identity, None, None
        self._thread = threading.Thread(target=self._run, name="cnn-nccl", daemon=True)
        self._thread.start()

    def _run(self):
        link = self._link
        try:
            handle = link.stream.cuda_stream
            _C._cuda_stream(link.device)  # which selects the GPU
            made = _nccl.Communicator(link.size, link.rank, self._identity, handle)
            link.begin(made)
            self._made = made
        except Exception as error:
            self._error = error

    def done(self):
        if self._thread.is_alive():
            return False
        if self._error is not None:
            raise self._error
        self._link.nccl = self._made
        return True

    def cancel(self):
        pass


class Launch:
    """An operation that `steps` launches on a link, once the ranks have agreed on it.

    `prepare(launch, ...)` notes the memory that is read and written, and gives what to call.
    """

    def __init__(self, link, prepare, *arguments):
        self.link, self._used, self._written, self._copies = link, [], [], []
        self.error = self.end = None
        self.name, self.seconds, self.key, self.peers = "", None, None, ()
        try:
            with no_grad():
                self._call = prepare(self, *arguments)
            self._start = Event()
            self._start.record(current_stream(link.device))
        except Exception as error:
            self.error = error

    # ---- What `prepare` asks for ----

    def read(self, tensor, beside=(), own=None):
        """The dense memory of a tensor, which is read while others, `beside` it, are written to.

        It may lie there only where NCCL allows it: `own` bytes behind the first of them.
        """
        dense = tensor.detach().contiguous()
        start = dense.data_ptr()
        for other in beside:
            there = other.data_ptr()
            shared = start < there + other.nbytes and there < start + dense.nbytes
            if shared and (own is None or start != there + own):
                dense = dense.clone()
                break
        self._used.append(dense)
        return dense

    def write(self, tensor, keep=True):
        """The dense memory of a tensor that is written to: its own, or a copy of it."""
        tensor = tensor.detach()
        self._used.append(tensor)
        if tensor.is_contiguous():
            self._written.append(tensor)
            return tensor
        dense = tensor.contiguous() if keep else self.room(tensor.shape, tensor)
        self.copy(tensor, dense)
        return dense

    def room(self, shape, like):
        """Memory for a while."""
        made = _C.empty(shape, dtype=like.dtype, device=like.device)
        self._used.append(made)
        return made

    def copy(self, to, source):
        """`source` is copied into `to` at the end."""
        to = to.detach()
        self._used += [to, source]
        self._copies.append((to, source))

    # ---- What the group's queue does ----

    def follow(self, work):
        """It is what a Work does."""
        work._launch, self.name, self.seconds = self, work._name, work._seconds
        self.key, self.peers = work._key, work._peers

    def steps(self):
        """The operation, for engine.py."""
        if self.error is not None:
            raise self.error
        yield
        if self.link.nccl is None:
            yield from self.link.meet()
        self.begin()

    def begin(self):
        """Puts it on the link's stream."""
        link, stream, communicator = self.link, self.link.stream, self.link.nccl
        if link.error is not None:
            raise link.error
        self._start.wait(stream)
        for tensor in self._used:
            tensor.record_stream(stream)
        self._call(communicator)
        if self._copies:
            with stream:
                for to, source in self._copies:
                    to.copy_(source)
        for tensor in self._written:
            increment_version(tensor)
        self.end = Event()
        self.end.record(stream)
        self._used = self._written = self._copies = self._call = self._start = None
        self.deadline = None if self.seconds is None else time.monotonic() + self.seconds
        if not stream.is_capturing():
            link.queue.note_launch(self)

    # ---- What is asked of it afterwards ----

    def is_done(self):
        """Whether the GPU is done with it, or it was aborted."""
        if self.link.error is not None:
            return True
        return _C._cuda_event_has_passed(self.link.device, self.end.cuda_event)

    def hold(self, seconds=0):
        """What the current stream is asked for from now on comes after it. With a number of
        seconds, this thread waits for the GPU, so long at most.
        """
        limit = time.monotonic() + seconds
        while seconds > 0 and not self.is_done():
            if time.monotonic() > limit:
                self.link.queue.abort(self._late(seconds))
            time.sleep(1e-4)
        if self.link.error is not None:
            raise self.link.error
        self.end.wait(current_stream(self.link.device))

    def future(self):
        """A Future for its Work."""
        return LaunchFuture(self.link.device, self.hold)

    def trouble(self):
        """Why it will never be done, as an error; None if it may be."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            return self._late(self.seconds)
        failed = self.link.nccl and self.link.nccl.error()
        if failed:
            return DistBackendError(f"{self.name}: NCCL: {failed}. {_OVER}")
        gone = exits.missing(self.key, None, self.peers)
        if gone is not None:
            return DistBackendError(
                f"{self.name}: rank {gone} has ended its program, and the GPU still waits for it. "
                f"{_OVER}"
            )
        return None

    def _late(self, seconds):
        return DistBackendError(
            f"{self.name}: the GPU has not completed it within {round(seconds * 1000)}ms: another "
            f"rank has not begun it, or its GPU or the way there is at fault. {_OVER}"
        )


_OVER = "The group cannot be used any more"


class LaunchFuture(futures.Future):
    """A Future of what GPUs write: whoever waits for it makes the current stream wait. What is to
    be done `then` is put on a stream of its own.
    """

    def __init__(self, device, *holds):
        super().__init__()
        self._device, self._holds = device, holds  # which make the current stream wait

    def wait(self):
        value = super().wait()
        for hold in self._holds:
            hold()
        return value

    def then(self, callback):
        following = LaunchFuture(self._device)

        def run(future):
            try:
                with Stream(self._device) as stream:
                    if future._error is None:
                        future.wait()
                    value = callback(future)
                    end = stream.record_event()
                following._holds = (end.wait,)
                following.set_result(value)
            except Exception as error:
                following.set_exception(error)

        self._on_set(run)
        return following
