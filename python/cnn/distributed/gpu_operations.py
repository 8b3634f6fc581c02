"""What groups do with tensors of GPUs, over NCCL. Each function prepares: what it makes is made on
the current stream, and what goes wrong is kept for the moment in which the ranks compare what they
do. They are launched then (gpu_launches.py).
"""

from __future__ import annotations

import functools

from .. import _C
from ..cuda.streams import Event, current_stream
from . import _nccl
from .gpu_launches import Launch


def _operation(prepare):
    """The function of a link that launches what `prepare(launch, ...)` gives."""

    @functools.wraps(prepare)
    def operation(link, *arguments):
        return Launch(link, prepare, *arguments)

    return operation


def together(launches):
    """Operations of one link as one."""
    launches = list(launches)

    def prepare(launch):
        for each in launches:
            if each.error is not None:
                raise each.error
            launch._used += each._used
            launch._written += each._written
            launch._copies += each._copies
        calls = [each._call for each in launches]
        return lambda nccl: grouped(call(nccl) for call in calls)

    return Launch(launches[0].link, prepare)


def grouped(calls):
    """Makes calls that begin together."""
    with _nccl.group():
        for _ in calls:
            pass


@_operation
def connect(launch):
    """Nothing, but that the communicator is made."""
    return lambda nccl: None


@_operation
def all_reduce(launch, tensor, op):
    """Every rank gets the reduction of all."""
    out = launch.write(tensor)
    return lambda nccl: nccl.all_reduce(out, op)


@_operation
def reduce(launch, tensor, op, root):
    """Rank `root` gets the reduction of all; the tensors of others stay."""
    out = launch.write(tensor) if launch.link.rank == root else launch.read(tensor)
    return lambda nccl: nccl.reduce(out, op, root)


@_operation
def broadcast(launch, tensor, root):
    """Every rank gets the tensor of rank `root`."""
    out = launch.read(tensor) if launch.link.rank == root else launch.write(tensor, keep=False)
    return lambda nccl: nccl.broadcast(out, out, root)


@_operation
def all_gather_single(launch, output, input):
    """Every rank gets all tensors, in one of as many elements in all."""
    out = launch.write(output, keep=False)
    dense = launch.read(input, [out], launch.link.rank * input.nbytes)
    return lambda nccl: nccl.all_gather(out, dense)


@_operation
def all_gather(launch, outputs, input):
    """Every rank gets all tensors, in a list whose shapes say how much comes from whom."""
    counts = [output.numel() for output in outputs]
    flat, dense = launch.room(sum(counts), input), launch.read(input)
    parts = flat.split(counts)
    for output, part in zip(outputs, parts):
        launch.copy(output, part.view(output.shape))
    if len(set(counts)) == 1:
        return lambda nccl: nccl.all_gather(flat, dense)
    own = launch.link.rank
    return lambda nccl: grouped(
        nccl.broadcast(part, dense if root == own else part, root)
        for root, part in enumerate(parts)
    )


@_operation
def gather(launch, outputs, input, root):
    """Rank `root` gets all tensors, in a list; that of others is empty."""
    dense, own = launch.read(input, outputs), launch.link.rank
    if own != root:
        return lambda nccl: nccl.send(dense, root)
    parts = [launch.room(output.shape, output) for output in outputs]
    parts[root] = dense
    for output, part in zip(outputs, parts):
        launch.copy(output, part)
    return lambda nccl: grouped(
        nccl.receive(part, rank) for rank, part in enumerate(parts) if rank != root
    )


@_operation
def scatter(launch, output, inputs, root):
    """Each rank gets its tensor of a list of rank `root`; that of others is empty."""
    if launch.link.rank != root:
        out = launch.write(output, keep=False)
        return lambda nccl: nccl.receive(out, root)
    parts = [launch.read(input) for input in inputs]
    launch.copy(output, parts[root])
    return lambda nccl: grouped(
        nccl.send(part, rank) for rank, part in enumerate(parts) if rank != root
    )


def _side_by_side(tensors):
    """The elements of tensors behind one another: where they lie, if they lie so."""
    tensors = [tensor.detach() for tensor in tensors]
    place = tensors[0].data_ptr()
    for tensor in tensors:
        if not tensor.is_contiguous() or tensor.data_ptr() != place:
            return _C.cat([tensor.reshape(-1) for tensor in tensors])
        place += tensor.nbytes
    return tensors[0].as_strided((sum(tensor.numel() for tensor in tensors),), (1,))


@_operation
def reduce_scatter(launch, output, inputs, op):
    """Each rank gets its part of the reduction of lists, one tensor for each rank."""
    counts, own = [tensor.numel() for tensor in inputs], launch.link.rank
    if len(set(counts)) == 1:
        out = launch.write(output, keep=False)
        flat = launch.read(_side_by_side(inputs), [out], -own * out.nbytes)
        return lambda nccl: nccl.reduce_scatter(out, flat, op)
    flat = launch.read(_C.cat([tensor.detach().reshape(-1) for tensor in inputs]))
    parts = flat.split(counts)
    launch.copy(output, parts[own].view(output.shape))
    return lambda nccl: grouped(nccl.reduce(part, op, root) for root, part in enumerate(parts))


@_operation
def all_to_all(launch, outputs, inputs):
    """Each rank gives every rank a tensor of its list."""
    outs = [launch.write(output, keep=False) for output in outputs]
    return _exchange(outs, [launch.read(input, outs) for input in inputs])


@_operation
def all_to_all_single(launch, output, input, counts_out, counts_in):
    """Each rank gives every rank a part of its tensor: so many elements."""
    out = launch.write(output, keep=False)
    dense = launch.read(input, [out])
    return _exchange(out.view(-1).split(counts_out), dense.view(-1).split(counts_in))


def _exchange(outputs, inputs):
    def call(nccl):
        with _nccl.group():
            for rank, (output, input) in enumerate(zip(outputs, inputs)):
                nccl.send(input, rank)
                nccl.receive(output, rank)

    return call


class _Reached:
    """That the GPU has come past a mark, as MPI's requests say it."""

    def __init__(self, device):
        self._device, self._event = device, Event()
        self._event.record(current_stream(device))

    def done(self):
        return _C._cuda_event_has_passed(self._device, self._event.cuda_event)

    def cancel(self):
        pass


def barrier(comm, devices):
    """Waits until every rank is here, and its GPUs are done with what their streams were asked."""
    marks = [_Reached(device) for device in devices]

    def steps():
        yield
        yield from marks
        yield comm.barrier()

    return steps()
