"""How tensors and storages go to another process: as shared memory."""

from __future__ import annotations

from multiprocessing import reduction
from multiprocessing.reduction import ForkingPickler

from .. import _C
from ..nn.parameter import Parameter

__all__ = ["StorageWeakRef", "init_reductions", "reduce_storage", "reduce_tensor"]


def reduce_storage(storage):
    """What brings a storage back in another process: its memory, which is shared from now on."""
    if storage.device.type != "cpu":
        raise RuntimeError(
            f"Cannot send a storage on {storage.device} to another process; send a copy on the CPU"
        )
    if storage.nbytes() == 0:
        return _C.UntypedStorage, (0,)
    if storage.filename is not None:
        return _C.UntypedStorage.from_file, (storage.filename, True, storage.nbytes())
    descriptor, nbytes = storage._share_fd_cpu_()
    return rebuild_storage_fd, (reduction.DupFd(descriptor), nbytes)


def rebuild_storage_fd(descriptor, nbytes):
    """The storage behind a descriptor that came from another process."""
    import os

    descriptor = descriptor.detach()
    try:
        return _C.UntypedStorage._new_shared_fd_cpu(descriptor, nbytes)
    finally:
        os.close(descriptor)


def reduce_tensor(tensor):
    """What brings a tensor back in another process. RuntimeError for what has a history."""
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd "
            "does not support crossing process boundaries.  If you just want to transfer the data, "
            "call detach() on the tensor before serializing (e.g., putting it on the queue)."
        )
    if not _can_share(tensor):
        return tensor.__reduce_ex__(2)
    layout = tensor.dtype, tensor.storage_offset(), tuple(tensor.shape), tensor.stride()
    kind = type(tensor)
    return rebuild_tensor, (kind, tensor.untyped_storage(), layout, tensor.requires_grad)


def _can_share(tensor):
    """Whether its memory is the library's own, or is shared already; other memory is copied."""
    storage = tensor.untyped_storage()
    own = storage.resizable() or storage.is_shared() or storage.nbytes() == 0
    return tensor.device.type == "cpu" and own and not getattr(tensor, "__dict__", None)


def rebuild_tensor(kind, storage, layout, requires_grad):
    """A tensor over a storage that came from another process."""
    tensor = _C._rebuild_tensor(storage, *layout)
    if kind is Parameter:
        return Parameter(tensor, requires_grad)
    return tensor.requires_grad_(requires_grad)


class StorageWeakRef:
    """A storage by its address, to find out which tensors share one; it does not keep it alive."""

    def __init__(self, storage):
        self.cdata = storage.untyped().data_ptr()

    @classmethod
    def from_weakref(cls, cdata):
        """The reference whose `cdata` this is."""
        self = cls.__new__(cls)
        self.cdata = cdata
        return self

    def expired(self):
        """Raises NotImplementedError: storages do not tell of their end."""
        raise NotImplementedError("StorageWeakRef.expired: storages do not tell of their end")

    def __hash__(self):
        return self.cdata

    def __eq__(self, other):
        return isinstance(other, StorageWeakRef) and self.cdata == other.cdata


def init_reductions():
    """Lets Python's multiprocessing send tensors, parameters and storages like this."""
    ForkingPickler.register(_C.Tensor, reduce_tensor)
    ForkingPickler.register(Parameter, reduce_tensor)
    ForkingPickler.register(_C.UntypedStorage, reduce_storage)
