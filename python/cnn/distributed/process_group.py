"""A group of processes: its communicator, its queue of operations, and what it notes of them."""

from __future__ import annotations

import functools
import time
import zlib

from .. import _C
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

    def __init__(self, comm, ranks, seconds, name, backend, devices, desc="undefined"):
        self.comm, self.ranks = comm, tuple(ranks)
        self.seconds, self.group_name, self.group_desc = seconds, name, desc
        self.backend, self.bound_device_id = backend, None
        self.devices = devices  # "cpu", whose tensors MPI carries, "cuda", whose NCCL does
        self._links, self._channels = {}, {}
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

    def check_device(self, device):
        """RuntimeError unless something carries tensors of a device."""
        if device.type not in self.devices:
            here = {"cpu": "MPI carries tensors of the CPU", "cuda": "NCCL carries those of GPUs"}
            raise RuntimeError(
                f"No backend type associated with device type {device.type}: in this group "
                + ", ".join(here[kind] for kind in sorted(self.devices))
            )

    def carrier(self, device):
        """(the operations, what carries them) of tensors of a device."""
        self.check_device(device)
        if device.type == "cpu":
            return operations, self.comm
        from . import gpu_operations

        return gpu_operations, self.link(device.index)

    def bind(self, device):
        """Connects the ranks over a GPU of this process, which is the group's own, or None."""
        self.bound_device_id = device
        if device is not None and "cuda" in self.devices:
            on, link = self.carrier(device)
            self.run("init_process_group", on.connect(link), [])

    def link(self, device):
        """The link of the group's ranks that this process has on a GPU of this number."""
        if device not in self._links:
            from .gpu_launches import Link

            ends = self.rank(), self.size(), device
            self._links[device] = Link(self.comm, *ends, self._queue, len(self._links))
        return self._links[device]

    def meeting(self, device_ids=None):
        """The operation of a barrier."""
        if "cuda" not in self.devices or not _C._cuda_is_initialized():
            return operations.barrier(self.comm)
        from . import gpu_operations

        bound = self.bound_device_id
        device = _C._cuda_current_device() if bound is None else bound.index
        return gpu_operations.barrier(self.comm, device_ids or [device])

    def run(
        self, name, steps, result, async_op=False, *, like=(), details="", balance=0, seconds=None
    ):
        """Does an operation of all (operations.py) after those before it; its Work if `async_op`.

        Ranks compare what they do: the name, the number of it, the sizes and dtypes of the tensors
        `like`, and the `details`. At the debug level DETAIL the error names both sides.
        """
        self._sequence += 1
        exits.begun[self._key] = self._sequence
        launch = steps if hasattr(steps, "link") else None
        if launch is not None:
            steps, details = launch.steps(), f"{details} on link {launch.link.number}"
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
        if launch is not None:
            launch.follow(work)
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
        work._peers = (self.ranks[to],)
        if tensor.is_cuda:
            return self._put_message(work, tensor, self.rank(), to)
        work._steps = operations.send(self.comm, tensor, to, tag)
        return self._queue.put(work, in_order=False)

    def _put_message(self, work, tensor, source, to):
        """A message of GPUs, whose Work it is."""
        self.check_device(tensor.device)
        if source == to:
            raise ValueError(
                "Invalid destination rank: destination rank should not be the same as the rank of "
                "the current process."
            )
        from .gpu_messages import Channel, Message

        key = tensor.device.index, source, to
        if key not in self._channels:
            self._channels[key] = Channel(self.comm, *key, self._queue)
        launch = Message(self._channels[key], tensor)
        work._steps = launch.steps()
        launch.follow(work)
        return self._queue.put(work, in_order=False)

    def batch(self, messages):
        """The Work of messages of one GPU: [(whether it is sent, tensor, rank of the group)]."""
        from .gpu_messages import Batch

        _, link = self.carrier(messages[0][1].device)
        launch = Batch(link, messages)
        tensors = [tensor for _, tensor, _ in messages]
        work = engine.Work("batch_isend_irecv", launch.steps(), self.seconds, tensors)
        work._peers = tuple({self.ranks[peer] for _, _, peer in messages if peer != self.rank()})
        launch.follow(work)
        return self._queue.put(work)

    def receive(self, tensor, source=None, tag=0):
        """The Work of a message from a rank of the group, or from any."""
        tensor = _only(tensor)
        self.check_tag(tag)
        if source is not None:
            self.check_rank(source)
        work = engine.Work("recv", None, self.seconds, [tensor])
        if tensor.is_cuda:
            if source is None:
                raise RuntimeError("Backend nccl does not support recvAnysource: name the source")
            work._peers = (self.ranks[source],)
            work._note_source(source)
            return self._put_message(work, tensor, source, self.rank())
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
        self._queue.abort(DistBackendError("the group was aborted"))

    def set_timeout(self, timeout):
        """Sets how long operations that begin from now on may take."""
        self.seconds = _seconds(timeout)

    def _get_sequence_number_for_group(self):
        return self._sequence

    def shutdown(self):
        """Gives the communicator back, unless something is still under way."""
        if _mpi.is_finalized():
            return  # at the end of the program
        queue = self._queue
        while queue.launched and not len(queue):  # GPUs are on their way, or are aborted
            queue.look_at_launched()
            time.sleep(1e-4)
        if queue.drain(0):
            for link in sorted(queue.links, key=lambda link: link.place):
                link.close()
            self.comm.free()
        else:
            _left_behind.append(self._queue)


class OverMPI:
    """A group as objects see it, which MPI carries whatever the group's backend is."""

    def __init__(self, group):
        self._group = group

    def __getattr__(self, name):
        return getattr(self._group, name)

    def carrier(self, device):
        """The operations of MPI."""
        return operations, self._group.comm

    def __hash__(self):
        return hash(self._group)

    def __eq__(self, other):
        return self._group == getattr(other, "_group", other)


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
