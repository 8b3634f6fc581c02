"""A group of processes: its communicator, its queue of operations, and what it notes of them."""

from __future__ import annotations

import functools
import zlib

from . import _mpi, engine, exits, operations
from .backends import ReduceOp
from .constants import _seconds
from .stores import DebugLevel, DistBackendError, get_debug_level


@functools.lru_cache
def _code(text):
    """A number for a text, the same in every process."""
    return zlib.crc32(text.encode())


@functools.lru_cache
def _dtype_name(dtype):
    return str(dtype).rpartition(".")[2]


class ProcessGroup:
    """Processes that compute together; `init_process_group` and `new_group` make them."""

    def __init__(self, comm, ranks, seconds, name, backend, desc="undefined"):
        self.comm, self.ranks = comm, tuple(ranks)
        self.seconds, self.group_name, self.group_desc = seconds, name, desc
        self.backend, self.bound_device_id = backend, None
        self._queue, self._sequence = engine.Queue(), 0
        self._key = (self.ranks, sum(len(k) == 2 and k[0] == self.ranks for k in exits.begun))
        exits.begun[self._key] = 0

    def rank(self):
        """The number of this process in the group."""
        return self.comm.rank

    def size(self):
        """How many processes are in the group."""
        return self.comm.size

    def name(self):
        """The name of the backend."""
        return str(self.backend)

    def _get_backend_name(self):
        return self.name()

    def __repr__(self):
        return f"<ProcessGroup {self.group_name}: rank {self.rank()} of {self.size()}>"

    def run(
        self, name, steps, result, async_op=False, *, like=(), details="", balance=0, seconds=None
    ):
        """Does an operation of all (operations.py) after those before it; its Work if `async_op`.

        Ranks compare what they do: the name, the number of it, the sizes and dtypes of the tensors
        `like`, and the `details`. At the debug level DETAIL the error names both sides.
        """
        self._sequence += 1
        exits.begun[self._key] = self._sequence
        if self.comm.size == 1:
            pass
        elif get_debug_level() is DebugLevel.DETAIL:
            what = ", ".join(f"{list(t.shape)} {_dtype_name(t.dtype)}" for t in like)
            text = f"{name}(SequenceNumber={self._sequence}, tensors=[{what}], {details})"
            steps = operations.agree(self.comm, text, steps)
        else:
            value = (_code(name), self._sequence, _code(details), len(like))
            value += tuple(n for t in like for n in (t.numel(), _code(_dtype_name(t.dtype))))
            steps = operations.checked(self.comm, name, value, balance, steps)
        work = engine.Work(name, steps, self.seconds if seconds is None else seconds, result)
        work._key, work._number, work._peers = self._key, self._sequence, self.ranks
        self._queue.put(work, follow=async_op)
        if async_op:
            return work
        work.wait()
        return None

    def send(self, tensor, to, tag=0):
        """The Work of a message to a rank of the group: of a tensor, or of a list of one."""
        tensor = _only(tensor)
        self.check_rank(to)
        self.check_tag(tag)
        work = engine.Work("send", None, self.seconds, [tensor])
        work._steps, work._peers = operations.send(self.comm, tensor, to, tag), (self.ranks[to],)
        return self._queue.put(work, in_order=False)

    def receive(self, tensor, source=None, tag=0):
        """The Work of a message from a rank of the group, or from any."""
        tensor = _only(tensor)
        self.check_tag(tag)
        if source is not None:
            self.check_rank(source)
        work = engine.Work("recv", None, self.seconds, [tensor])
        work._steps = operations.receive(self.comm, tensor, source, tag, work._note_source)
        if source is None:
            work._any_peer = True
            work._peers = tuple(rank for own, rank in enumerate(self.ranks) if own != self.rank())
        else:
            work._peers = (self.ranks[source],)
        return self._queue.put(work, in_order=False)

    recv = receive

    def check_rank(self, rank):
        """RuntimeError unless the group has a process of that number."""
        if not 0 <= rank < self.size():
            raise RuntimeError(f"invalid rank: {rank} in a group of {self.size()}")

    def check_tag(self, tag):
        """ValueError unless a message can have that tag."""
        if not isinstance(tag, int) or not 0 <= tag <= self.comm.largest_tag:
            raise ValueError(
                f"a tag is a number from 0 on, {self.comm.largest_tag} at most, got {tag!r}"
            )

    def recv_anysource(self, tensors, tag=0):
        """The Work of a message from any rank."""
        return self.receive(tensors, None, tag)

    def meet(self, ranks, seconds):
        """Waits until all these ranks of the group are here, with the same list of them."""
        tag = self.comm.reserved_tag(zlib.crc32(repr(ranks).encode()) % 9973)
        steps = operations.meet(self.comm, ranks, tag)
        work = engine.Work(f"new_group({ranks})", steps, seconds)
        self._count(work, (*self._key, tuple(ranks)), [self.ranks[rank] for rank in ranks])
        self._queue.put(work, in_order=False, follow=False).wait()

    def monitored_barrier(self, seconds, wait_all_ranks=False):
        """Rank 0 waits for a word of each rank and lets them go, or says who is missing."""
        steps = operations.monitored_barrier(self.comm, seconds, wait_all_ranks)
        work = engine.Work("monitored_barrier", steps, seconds + 1)
        self._count(work, (*self._key, "monitored_barrier"), self.ranks)
        self._queue.put(work, in_order=False, follow=False).wait()

    @staticmethod
    def _count(work, key, peers):
        work._key, work._number, work._peers = key, exits.begin(key), peers

    # What PyTorch's groups do themselves: each hands back its Work.

    def allreduce(self, tensors, op=ReduceOp.SUM):
        """`all_reduce` of a tensor, or of a list of one."""
        return self._collective("all_reduce")(_only(tensors), op, self, True)

    def broadcast(self, tensors, root=0):
        """`broadcast` of a tensor, or of a list of one, from a rank of the group."""
        return self._collective("broadcast")(_only(tensors), None, self, True, root)

    def reduce(self, tensors, root=0, op=ReduceOp.SUM):
        """`reduce` of a tensor, or of a list of one, to a rank of the group."""
        return self._collective("reduce")(_only(tensors), None, op, self, True, root)

    def allgather(self, output_tensors, input_tensors):
        """`all_gather` of a tensor, or of lists of one."""
        outputs = output_tensors[0] if isinstance(input_tensors, list) else output_tensors
        return self._collective("all_gather")(outputs, _only(input_tensors), self, True)

    def all_gather_single(self, output_tensor, input_tensor):
        """`all_gather_single`."""
        return self._collective("all_gather_single")(output_tensor, input_tensor, self, True)

    _allgather_base = all_gather_single

    def reduce_scatter(self, output_tensors, input_tensors, op=ReduceOp.SUM):
        """`reduce_scatter` of a list, or of lists of one."""
        inputs = input_tensors[0] if isinstance(output_tensors, list) else input_tensors
        return self._collective("reduce_scatter")(_only(output_tensors), inputs, op, self, True)

    def reduce_scatter_single(self, output_tensor, input_tensor, op=ReduceOp.SUM):
        """`reduce_scatter_single`."""
        function = self._collective("reduce_scatter_single")
        return function(output_tensor, input_tensor, op, self, True)

    _reduce_scatter_base = reduce_scatter_single

    def alltoall(self, output_tensors, input_tensors):
        """`all_to_all`."""
        return self._collective("all_to_all")(output_tensors, input_tensors, self, True)

    def barrier(self):
        """`barrier`."""
        return self._collective("barrier")(self, True)

    @staticmethod
    def _collective(name):
        from . import collectives

        return getattr(collectives, name)

    def abort(self):
        """Ends what is under way with an error; the group is of no use afterwards."""
        self._queue.fail(DistBackendError("the group was aborted"))

    def set_timeout(self, timeout):
        """Sets how long operations that begin from now on may take."""
        self.seconds = _seconds(timeout)

    def _get_sequence_number_for_group(self):
        return self._sequence

    def shutdown(self):
        """Gives the communicator back, unless something is still under way."""
        if _mpi.is_finalized():
            return  # at the end of the program
        if self._queue.drain(0):
            self.comm.free()
        else:
            _left_behind.append(self._queue)


def _only(tensors):
    """A tensor, or that of a list of one."""
    if not isinstance(tensors, list):
        return tensors
    if len(tensors) != 1:
        raise RuntimeError(f"expected a list of one tensor, got {len(tensors)}")
    return tensors[0]


# Queues of groups that were ended with operations under way.
_left_behind = []


def queues(groups):
    """The queues of groups, and of those that were ended too early."""
    return [*_left_behind, *(group._queue for group in groups)]
