"""What carries messages between processes, by name, and how values of many become one."""

from __future__ import annotations

import warnings
from collections import namedtuple
from enum import IntEnum

from .. import _C

__all__ = ["Backend", "BackendConfig", "ReduceOp", "reduce_op", "supports_complex"]

_PLACE = "cnn.distributed.distributed_c10d"


class RedOpType(IntEnum):
    """The kinds of reduction."""

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8
    UNUSED = 9

    def __repr__(self):
        return f"<RedOpType.{self.name}: {int(self)}>"

    def __str__(self):
        return f"RedOpType.{self.name}"


class ReduceOp:
    """How values of many processes become one: `ReduceOp.SUM` and so on."""

    RedOpType = RedOpType

    def __init__(self, op):
        self.op = RedOpType(getattr(op, "op", op))

    def __eq__(self, other):
        return self.op == getattr(other, "op", other)

    def __hash__(self):
        return hash(self.op)

    def __repr__(self):
        return repr(self.op)


for _op in RedOpType:
    setattr(ReduceOp, _op.name, _op)


class _ReduceOps:
    """The older name of `ReduceOp`'s values, each of which warns."""

    def __getattr__(self, name):
        if name == "__members__":
            return RedOpType.__members__
        if name not in RedOpType.__members__:
            raise AttributeError(f"'_reduce_op' object has no attribute {name!r}")
        warnings.warn(
            "`torch.distributed.reduce_op` is deprecated, please use "
            "`torch.distributed.ReduceOp` instead",
            FutureWarning,
            stacklevel=2,
        )
        return RedOpType[name]


reduce_op = _ReduceOps()


def supports_complex(reduceOp):
    """Whether a reduction is the same for real and imaginary parts on their own."""
    ops = ("MAX", "MIN", "PRODUCT", "BAND", "BOR", "BXOR")
    return reduceOp not in [getattr(ReduceOp, name) for name in ops]


class Backend(str):
    """The names of backends, in small letters: `Backend("GLOO")` is the string "gloo".

    MPI carries the messages of "mpi" and of "gloo"; the others are names alone.
    """

    __slots__ = ()

    UNDEFINED = "undefined"
    GLOO = "gloo"
    NCCL = "nccl"
    UCC = "ucc"
    MPI = "mpi"
    XCCL = "xccl"
    FAKE = "fake"

    _BackendPlugin = namedtuple("_BackendPlugin", ["creator_fn", "extended_api"])
    _plugins = {}
    backend_list = [UNDEFINED, GLOO, NCCL, XCCL, UCC, MPI, FAKE]
    default_device_backend_map = {"cpu": GLOO, "cuda": NCCL, "xpu": XCCL, "mps": GLOO}
    backend_capability = {
        GLOO: ["cpu", "cuda"],
        NCCL: ["cuda"],
        XCCL: ["xpu"],
        UCC: ["cpu", "cuda"],
        MPI: ["cpu", "cuda"],
        FAKE: ["cpu", "cuda", "hpu", "xpu"],
    }

    def __new__(cls, name):
        if not isinstance(name, str):
            raise ValueError("Backend constructor parameter must be string-ish")
        value = getattr(Backend, name.upper(), Backend.UNDEFINED)
        return name.lower() if value == Backend.UNDEFINED else value

    @classmethod
    def register_backend(cls, name, func, extended_api=False, devices=None):
        """Enters a backend of a program's own; groups that would use it cannot be made."""
        if not hasattr(Backend, name.upper()):
            setattr(Backend, name.upper(), name.lower())
        if name.lower() not in Backend.backend_list:
            Backend.backend_list.append(name.lower())
        if devices is None:
            warnings.warn(
                f"Device capability of {name} unspecified, assuming `cpu` and `cuda` or `xpu`. "
                "Please specify it via the `devices` argument of `register_backend`.",
                stacklevel=2,
            )
            devices = ["cpu", "cuda"]
        devices = [devices] if isinstance(devices, str) else devices
        for device in devices:
            if Backend.default_device_backend_map.get(device, "fake") == "fake":
                Backend.default_device_backend_map[device] = name.lower()
        Backend.backend_capability[name.lower()] = devices
        Backend._plugins[name.upper()] = Backend._BackendPlugin(func, extended_api)


class BackendConfig:
    """{device: backend} from a string: "gloo", or "cpu:gloo,cuda:nccl"."""

    def __init__(self, backend):
        self.device_backend_map = {}
        name = str(backend).lower()
        if name == Backend.UNDEFINED:
            self.device_backend_map["cpu"] = Backend(Backend.default_device_backend_map["cpu"])
        elif name in Backend.backend_list:
            devices = Backend.backend_capability[name]
            self.device_backend_map = dict.fromkeys(devices, Backend(name))
        elif ":" in name:
            self._read_pairs(name, backend)
        else:
            warnings.warn(
                f"Device capability of {backend} unknown, assuming `cpu` and `cuda`. You can "
                "specify it in `device:backend` format in `init_process_group` call.",
                stacklevel=2,
            )
            self.device_backend_map = dict.fromkeys(("cpu", "cuda", "xpu"), Backend(name))

    def _read_pairs(self, name, given):
        wrong = (
            f"The custom backend string argument is invalid: {given}. It must be in the format "
            '"<device_type1>:<backend1>,<device_type2>:<backend2>...", e.g. "cpu:gloo,cuda:nccl"'
        )
        for pair in name.split(","):
            device, *rest = pair.split(":")
            if len(rest) != 1:
                raise ValueError(f"Invalid device:backend pairing: {pair}. {wrong}")
            if device in self.device_backend_map:
                raise ValueError(f"Duplicate device type {device} in backend string: {given}")
            self.device_backend_map[device] = Backend(rest[0])

    def get_device_backend_map(self):
        """The dictionary."""
        return self.device_backend_map

    def __repr__(self):
        return ",".join(f"{device}:{name}" for device, name in self.device_backend_map.items())


def get_default_backend_for_device(device):
    """The name of the backend that tensors on a device would use."""
    name = Backend.default_device_backend_map.get(_C.device(device).type)
    if name is None:
        raise ValueError(f"Default backend not registered for device : {device}")
    return name


for _class in (ReduceOp, RedOpType, Backend, BackendConfig):
    _class.__module__ = _PLACE
