"""Objects between processes: a pickle, and beside it the bytes of tensors and arrays."""

import functools
import io
import pickle

from .... import _C
from ...._C import Tensor
from ...._kinds import BITS


def pack(number, value, keep=False):
    """Pickle the answer to a task for `send`. Raises whatever its parts raise on being pickled.

    With `keep`, memory that somebody may write to before it is sent is copied.
    """
    body, buffers = io.BytesIO(), []
    _pickler_class()(body, buffers.append).dump(value)
    raw = [buffer.raw() for buffer in buffers]
    head = pickle.dumps((number, [buffer.nbytes for buffer in raw]), protocol=5)
    parts = [bytes(buffer) if keep else buffer for buffer in raw if buffer.nbytes]
    return head + body.getvalue(), parts


def send(connection, packed):
    """Send what `pack` made."""
    head, buffers = packed
    connection.send_bytes(head)
    for buffer in buffers:
        connection.send_bytes(buffer)


def receive(connection):
    """(number, function that gives the value) of what was packed and sent.

    Raises EOFError or OSError if the sender died, the function whatever unpickling raises.
    """
    head = io.BytesIO(connection.recv_bytes())
    number, sizes = pickle.load(head)
    buffers = []
    for size in sizes:
        # A bytearray, because tensors and arrays over it have to be writable.
        buffer = bytearray(size)
        if size:
            connection.recv_bytes_into(buffer)
        buffers.append(buffer)
    return number, lambda: pickle.load(head, buffers=buffers)


@functools.cache
def _pickler_class():
    from multiprocessing.reduction import ForkingPickler

    class Pickler(ForkingPickler):
        def __init__(self, stream, keep_buffer):
            super().__init__(stream, 5, True, keep_buffer)

        def reducer_override(self, value):
            if type(value) is not Tensor or value.device.type != "cpu":
                return NotImplemented
            return _take_apart(value)

    return Pickler


def _take_apart(tensor):
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "a tensor that requires grad and is not a leaf cannot go to another process; "
            "call detach() on it first"
        )
    plain = tensor.detach().contiguous()
    bits = BITS.get(tensor.dtype)
    array = (plain.view(bits) if bits else plain).numpy()
    return _put_together, (array, tensor.dtype if bits else None, tensor.requires_grad)


def _put_together(array, dtype, requires_grad):
    tensor = _C.from_numpy(array)
    if dtype:
        tensor = tensor.view(dtype)
    return tensor.requires_grad_() if requires_grad else tensor
