"""MPI, through mpi4py: the one file that knows of it. It loads when a group is asked for."""

from __future__ import annotations

import array
import contextlib
import functools
import importlib.util
import os
import threading

from .. import _C
from .._kinds import BITS
from .stores import DistBackendError

INSTALL = "pip install 'cnn[mpi]' brings mpi4py and an MPI"
_RESERVED_TAGS = 10_000


@functools.cache
def is_installed():
    """Whether mpi4py can be found; it is not loaded."""
    return importlib.util.find_spec("mpi4py") is not None


@functools.cache
def load():
    """mpi4py.MPI, initialized for many threads. RuntimeError where it is missing or broken."""
    if not is_installed():
        raise RuntimeError(f"distributed: there is no mpi4py here; {INSTALL}")
    import mpi4py

    mpi4py.rc.thread_level, mpi4py.rc.finalize = "multiple", False  # exits.py finalizes
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise RuntimeError(
            f"distributed: mpi4py finds no MPI that it can use ({error}); {INSTALL}"
        ) from error
    if MPI.Query_thread() < MPI.THREAD_MULTIPLE:
        raise RuntimeError("distributed: this MPI does not serve several threads at once")
    if MPI.COMM_WORLD.Get_size() == 1:
        unname_memory()
    return MPI


def memory(tensor):
    """A NumPy view of a dense tensor, which keeps its memory where it is."""
    tensor = tensor.detach()
    bits = BITS.get(tensor.dtype)
    return (tensor.view(bits) if bits else tensor).numpy()


def _names(text):
    return dict(pair.split(":") for pair in text.split())


_TYPES = _names(
    "float32:FLOAT float64:DOUBLE int8:INT8_T uint8:UINT8_T bool:UINT8_T int16:INT16_T "
    "int32:INT32_T int64:INT64_T"
)
_OPS = _names("SUM:SUM AVG:SUM PRODUCT:PROD MIN:MIN MAX:MAX BAND:BAND BOR:BOR BXOR:BXOR")
# Of 0 and 1, whose sum is "any" and whose product "all".
_BOOL_OPS = _names("SUM:MAX PRODUCT:MIN MIN:MIN MAX:MAX BAND:MIN BOR:MAX BXOR:BXOR")


@functools.cache
def is_reducible(dtype):
    """Whether values of a dtype can be reduced, by MPI or by operations.py."""
    return _name(dtype) in _TYPES or dtype in (_C.float16, _C.bfloat16)


@functools.cache
def can_reduce(dtype, op):
    """Whether MPI itself reduces values of a dtype as is wanted: not 16-bit floats, which it would
    not sum in float32, nor the extremes of floats, in which NaN would get lost.
    """
    name = _name(dtype)
    return name in _TYPES and not (name.startswith("float") and op in ("MIN", "MAX"))


class Communicator:
    """A communicator of MPI's that starts operations on memory and hands back their requests."""

    def __init__(self, comm):
        self.comm = comm
        comm.Set_errhandler(load().ERRORS_RETURN)
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self._last_tag = load().COMM_WORLD.Get_attr(load().TAG_UB)
        self.largest_tag = self._last_tag - _RESERVED_TAGS  # of messages of programs

    def free(self):
        """Gives the communicator back to MPI; all its ranks do."""
        self.comm.Free()

    def duplicate(self):
        """Another communicator of the same ranks; all of them call this."""
        return Communicator(self.comm.Dup())

    def send_bytes(self, data, to):
        """A message of a buffer of bytes."""
        return _start(self.comm.Isend, [data, load().BYTE], to, 0)

    def receive_bytes(self):
        """(rank, bytes) of a message that has come, or None."""
        status = load().Status()
        if not self.comm.Iprobe(load().ANY_SOURCE, 0, status):
            return None
        data = bytearray(status.Get_count(load().BYTE))
        self.comm.Recv([data, load().BYTE], status.Get_source(), 0)
        return status.Get_source(), data

    def reserved_tag(self, which):
        """A tag that messages of programs do not have, for numbers from 0 to 9,999."""
        return self._last_tag - which

    def among(self, ranks):
        """A communicator of some ranks, in this order; they alone call this."""
        group = self.comm.Get_group()
        return Communicator(self.comm.Create_group(group.Incl(ranks)))

    def all_reduce(self, tensor, op):
        """The reduction of all in the place of each tensor."""
        return _start(self.comm.Iallreduce, load().IN_PLACE, _values(tensor), _op(tensor.dtype, op))

    def add_up(self, number):
        """(Pending, array): the sum of all ranks' 64-bit numbers, which wraps around."""
        word = array.array("q", [(number + 2**63) % 2**64 - 2**63])
        spec = [word, 1, load().INT64_T]
        return _start(self.comm.Iallreduce, load().IN_PLACE, spec, load().SUM), word

    def reduce(self, tensor, op, root):
        """The reduction of all in the place of the tensor of `root`."""
        values, op = _values(tensor), _op(tensor.dtype, op)
        if self.rank == root:
            return _start(self.comm.Ireduce, load().IN_PLACE, values, op, root)
        return _start(self.comm.Ireduce, values, None, op, root)

    def broadcast(self, tensor, root):
        """The tensor of `root` in the place of all."""
        return _start(self.comm.Ibcast, _bytes(tensor), root)

    def all_gather(self, output, input):
        """Equal parts: `output` holds as many times `input` as there are ranks."""
        return _start(self.comm.Iallgather, _bytes(input), _bytes(output, input.nbytes))

    def all_gather_parts(self, output, counts):
        """Parts of `counts` elements, of which each rank has filled in its own."""
        return _start(self.comm.Iallgatherv, load().IN_PLACE, _parts(output, counts))

    def gather(self, output, input, root):
        """Equal parts for `root`; the others have no output."""
        spec = _bytes(output, input.nbytes) if self.rank == root else None
        return _start(self.comm.Igather, _bytes(input), spec, root)

    def gather_parts(self, output, input, counts, root):
        """Parts of `counts` elements for `root`."""
        spec = _parts(output, counts) if self.rank == root else None
        return _start(self.comm.Igatherv, _bytes(input), spec, root)

    def scatter(self, output, input, root):
        """Equal parts of the input of `root`; the others have none."""
        spec = _bytes(input, output.nbytes) if self.rank == root else None
        return _start(self.comm.Iscatter, spec, _bytes(output), root)

    def all_to_all(self, output, input, output_counts, input_counts):
        """Parts of `input_counts` elements go out, of `output_counts` come in."""
        parts = _parts(input, input_counts), _parts(output, output_counts)
        return _start(self.comm.Ialltoallv, *parts)

    def barrier(self):
        """Nothing, of all."""
        return _start(self.comm.Ibarrier)

    def send(self, tensor, to, tag):
        """A message."""
        return _start(self.comm.Isend, _bytes(tensor), to, tag)

    def receive(self, tensor, source, tag):
        """A message of a rank, or of any for None."""
        source = load().ANY_SOURCE if source is None else source
        return _start(self.comm.Irecv, _bytes(tensor), source, tag)


class Pending:
    """A request, and the status of what came."""

    __slots__ = ("_request", "_status", "_alone")

    def __init__(self, request, alone=False):
        self._request, self._alone = request, alone
        self._status = load().Status() if alone else None

    def done(self):
        """Whether it is done. DistBackendError if it failed."""
        try:
            return self._request.Test(self._status)
        except load().Exception as error:
            raise _translated(error, self._alone) from None

    def cancel(self):
        """Takes back that a message is wanted, if none has come; other requests stay."""
        if self._alone and not is_finalized():
            with contextlib.suppress(load().Exception):
                self._request.Cancel()
                self._request.Test()

    def source(self):
        """The rank that a message came from."""
        return self._status.Get_source()

    def count(self):
        """The bytes of a message."""
        return self._status.Get_count(load().BYTE)


def _start(function, *arguments):
    try:
        return Pending(function(*arguments), function.__name__ == "Irecv")
    except load().Exception as error:
        raise _translated(error) from None


def _translated(error, alone=False):
    """The error of a request; the group goes on if a message `alone` was too long."""
    MPI = load()
    text = error.Get_error_string().splitlines()
    translated = DistBackendError(f"MPI: {': '.join(line for line in (text[0], text[-1]) if line)}")
    translated.group_goes_on = alone and error.Get_error_class() == MPI.ERR_TRUNCATE
    return translated


@functools.cache
def _type(dtype):
    return getattr(load(), _TYPES[_name(dtype)])


def _name(dtype):
    return str(dtype).rpartition(".")[2]


@functools.cache
def _op(dtype, op):
    return getattr(load(), (_BOOL_OPS if dtype is _C.bool else _OPS)[op])


def _values(tensor):
    return [memory(tensor), tensor.numel(), _type(tensor.dtype)]


def _bytes(tensor, count=None):
    return [memory(tensor), tensor.nbytes if count is None else count, load().BYTE]


def _parts(tensor, counts):
    """What MPI's functions with a v take: parts one behind the other, counted in elements."""
    size = tensor.element_size()
    counts = [count * size for count in counts]
    starts = [0] * len(counts)
    for i, count in enumerate(counts[:-1]):
        starts[i + 1] = starts[i] + count
    return [memory(tensor), counts, starts, load().BYTE]


def world(rank=None):
    """The communicator of all processes that were started together; `rank` orders them."""
    MPI = load()
    if rank is None:
        return Communicator(MPI.COMM_WORLD.Dup())
    return Communicator(MPI.COMM_WORLD.Split(0, rank))


def world_size():
    """How many processes were started together."""
    return load().COMM_WORLD.Get_size()


def world_barrier():
    """Pending until all processes that were started together are here."""
    return _start(load().COMM_WORLD.Ibarrier)


def unname_memory():
    """Takes away the name of the memory that MPICH's processes of a machine share, once all have
    it: it would stay after a job that is killed.
    """
    with open("/proc/self/maps") as maps:
        words = {line.split()[-1] for line in maps}
    for path in words:
        if path.startswith("/dev/shm/mpich_"):
            with contextlib.suppress(OSError):
                os.unlink(path)


def is_finalized():
    """Whether the program has left MPI by itself."""
    return load().Is_finalized()


def finalize(seconds=None):
    """Leaves MPI, for which all processes wait; with a limit, no longer than so many seconds."""
    MPI = load()
    if seconds is None:
        MPI.Finalize()
    else:
        thread = threading.Thread(target=MPI.Finalize, daemon=True)
        thread.start()
        thread.join(seconds)


def abort(status):
    """Ends all processes of the job; the launcher's exit status is that."""
    with open(os.devnull, "w") as silence:
        os.dup2(silence.fileno(), 2)  # MPI's own words add nothing to the traceback
    load().COMM_WORLD.Abort(status)
