"""NCCL, through ctypes: the one file that knows of it. The library loads when it is asked for."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import os
from ctypes import POINTER, c_char, c_char_p, c_int, c_size_t, c_void_p

from .stores import DistBackendError

INSTALL = "pip install nvidia-nccl-cu13 brings it"
LIBRARY = "libnccl.so.2"

# Numbers of nccl.h. bool is 0 and 1, whose sum is "any".
TYPES = {
    "int8": 0, "uint8": 1, "bool": 1, "int32": 2, "int64": 4, "float16": 6, "float32": 7,
    "float64": 8, "bfloat16": 9,
}  # fmt: skip
OPS = {"SUM": 0, "PRODUCT": 1, "MAX": 2, "MIN": 3, "AVG": 4}
_BYTE = TYPES["uint8"]


class UniqueId(ctypes.Structure):
    """What the ranks of a communicator have in common: 128 bytes."""

    _fields_ = [("internal", c_char * 128)]


# The arguments of each function, whose result is a number, or a text.
_COMM = _STREAM = _POINTER = c_void_p
_TYPE = _OP = _RANK = c_int
ARGUMENTS = {
    "ncclGetVersion": (POINTER(c_int),),
    "ncclGetUniqueId": (POINTER(UniqueId),),
    "ncclCommInitRank": (POINTER(_COMM), c_int, UniqueId, _RANK),
    "ncclCommDestroy": (_COMM,),
    "ncclCommAbort": (_COMM,),
    "ncclCommGetAsyncError": (_COMM, POINTER(c_int)),
    "ncclGetErrorString": (c_int,),
    "ncclGetLastError": (_COMM,),
    "ncclAllReduce": (_POINTER, _POINTER, c_size_t, _TYPE, _OP, _COMM, _STREAM),
    "ncclReduce": (_POINTER, _POINTER, c_size_t, _TYPE, _OP, _RANK, _COMM, _STREAM),
    "ncclReduceScatter": (_POINTER, _POINTER, c_size_t, _TYPE, _OP, _COMM, _STREAM),
    "ncclBroadcast": (_POINTER, _POINTER, c_size_t, _TYPE, _RANK, _COMM, _STREAM),
    "ncclAllGather": (_POINTER, _POINTER, c_size_t, _TYPE, _COMM, _STREAM),
    "ncclSend": (_POINTER, c_size_t, _TYPE, _RANK, _COMM, _STREAM),
    "ncclRecv": (_POINTER, c_size_t, _TYPE, _RANK, _COMM, _STREAM),
    "ncclGroupStart": (),
    "ncclGroupEnd": (),
}
TEXTS = ("ncclGetErrorString", "ncclGetLastError")


def _places():
    """Where the library may be, as for the plug-in: LD_LIBRARY_PATH, NVIDIA's wheel, the system."""
    folders = [folder for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":") if folder]
    wheels = importlib.util.find_spec("nvidia")
    if wheels is not None and wheels.submodule_search_locations:
        folders += [os.path.join(path, "nccl", "lib") for path in wheels.submodule_search_locations]
    paths = (os.path.join(folder, LIBRARY) for folder in folders)
    return [*(path for path in paths if os.path.exists(path)), LIBRARY]


@functools.cache
def _opened():
    """(the library, None), or (None, why it cannot be used)."""
    why = ""
    for place in _places():
        try:
            library = ctypes.CDLL(place)
            for name, arguments in ARGUMENTS.items():
                function = getattr(library, name)
                function.argtypes = arguments
                function.restype = c_char_p if name in TEXTS else c_int
            return library, None
        except (OSError, AttributeError) as error:
            why = error
    return None, str(why)


def is_installed():
    """Whether the library can be used; it is loaded for that."""
    return _opened()[0] is not None


def load():
    """The library. RuntimeError where it is missing or broken."""
    library, why = _opened()
    if library is None:
        raise RuntimeError(f"distributed: there is no NCCL that can be used ({why}); {INSTALL}")
    return library


def version():
    """(major, minor, patch) of the library."""
    number = c_int()
    _check("ncclGetVersion", load().ncclGetVersion(number))
    return number.value // 10000, number.value // 100 % 100, number.value % 100


def unique_id():
    """The bytes of a new unique id, of which the ranks of a communicator share one."""
    made = UniqueId()
    _check("ncclGetUniqueId", load().ncclGetUniqueId(made))
    return bytes(made)


def _check(name, result, comm=None):
    if result:
        raise DistBackendError(f"NCCL: {name}: {_text(result, comm)}")


def _text(result, comm):
    texts = load().ncclGetErrorString(result), load().ncclGetLastError(comm)
    return ": ".join(text.decode(errors="replace").strip() for text in texts if text)


@contextlib.contextmanager
def group():
    """Calls inside begin together, at the end."""
    library = load()
    _check("ncclGroupStart", library.ncclGroupStart())
    try:
        yield
    finally:
        result = library.ncclGroupEnd()
    _check("ncclGroupEnd", result)


class Communicator:
    """NCCL's communicator of `size` ranks, for the selected GPU. Every rank makes it, and waits.

    Operations take dense tensors of that GPU and are put on the communicator's stream.
    """

    def __init__(self, size, rank, identity, stream):
        self._nccl, self._comm = load(), c_void_p()
        self.rank, self.size, self._stream = rank, size, stream
        identity = UniqueId.from_buffer_copy(identity)
        _check("ncclCommInitRank", self._nccl.ncclCommInitRank(self._comm, size, identity, rank))

    def _call(self, name, *arguments):
        result = getattr(self._nccl, name)(*arguments, self._comm, self._stream)
        _check(name, result, self._comm)

    def all_reduce(self, tensor, op):
        """The reduction of all in the place of each tensor."""
        data = tensor.data_ptr()
        self._call("ncclAllReduce", data, data, tensor.numel(), _type(tensor), _op(tensor, op))

    def reduce(self, tensor, op, root):
        """The reduction of all in the place of the tensor of `root`."""
        data = tensor.data_ptr()
        self._call("ncclReduce", data, data, tensor.numel(), _type(tensor), _op(tensor, op), root)

    def reduce_scatter(self, output, input, op):
        """Each rank's part of the reduction of all."""
        places = input.data_ptr(), output.data_ptr(), output.numel()
        self._call("ncclReduceScatter", *places, _type(output), _op(output, op))

    def broadcast(self, output, input, root):
        """The input of `root` in the outputs of all."""
        places = input.data_ptr(), output.data_ptr(), output.nbytes
        self._call("ncclBroadcast", *places, _BYTE, root)

    def all_gather(self, output, input):
        """The equal parts of all, behind one another."""
        self._call("ncclAllGather", input.data_ptr(), output.data_ptr(), input.nbytes, _BYTE)

    def send(self, tensor, to):
        """A message to a rank."""
        self._call("ncclSend", tensor.data_ptr(), tensor.nbytes, _BYTE, to)

    def receive(self, tensor, source):
        """A message from a rank."""
        self._call("ncclRecv", tensor.data_ptr(), tensor.nbytes, _BYTE, source)

    def error(self):
        """What has gone wrong while operations ran, as a text, or None."""
        state = c_int()
        _check("ncclCommGetAsyncError", self._nccl.ncclCommGetAsyncError(self._comm, state))
        in_progress = 7
        return _text(state.value, self._comm) if state.value not in (0, in_progress) else None

    def destroy(self):
        """Gives it back, for which all ranks wait."""
        _check("ncclCommDestroy", self._nccl.ncclCommDestroy(self._comm))

    def abort(self):
        """Ends what is under way on this rank; the communicator is of no use afterwards."""
        _check("ncclCommAbort", self._nccl.ncclCommAbort(self._comm))


@functools.cache
def _number(dtype):
    return TYPES.get(str(dtype).rpartition(".")[2])


def _type(tensor):
    return _number(tensor.dtype)


def is_reducible(dtype):
    """Whether NCCL reduces values of a dtype."""
    return _number(dtype) is not None


def _op(tensor, op):
    return OPS["MAX" if op == "SUM" and str(tensor.dtype).endswith("bool") else op]
