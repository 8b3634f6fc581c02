"""What the processes of a group do together with tensors.

Every process of the group calls the function, with tensors of the same shapes and dtypes. A process
outside of the group gets a warning and None. `async_op=True` hands back the Work instead of waiting
for it; its tensors must be left alone until then.
"""

from __future__ import annotations

import contextlib
import warnings
from datetime import timedelta

from .. import _C
from . import _checks, operations
from .backends import ReduceOp
from .constants import _seconds
from .groups import _get_default_group, _rank_not_in_group, get_backend

# Of groups between `_coalescing_manager`'s ends, what has been asked for: (function, arguments).
_coalesced = {}


def broadcast(tensor, src=None, group=None, async_op=False, group_src=None):
    """Gives every process the tensor of process `src`."""
    _checks.single(tensor, "tensor")
    if (pg := _checks.member("broadcast", group)) is None:
        return None
    on, comm = _checks.carrier(pg, written=[tensor])
    root = _checks.root(pg, src, group_src)
    steps = on.broadcast(comm, tensor, root)
    return pg.run("broadcast", steps, [tensor], async_op, like=[tensor], details=f"root={root}")


def all_reduce(tensor, op=ReduceOp.SUM, group=None, async_op=False):
    """Gives every process the reduction of all tensors, in the place of its own.

    16-bit floats are summed in float32, in the order of ranks. MPI chooses the order for others:
    sums of as many ranks and elements have the same bits each time.
    """
    _checks.single(tensor, "tensor")
    if (pg := _checks.member("all_reduce", group)) is None:
        return None
    if pg in _coalesced:
        _coalesced[pg].append((all_reduce, (tensor, op)))
        return None
    on, comm = _checks.carrier(pg, written=[tensor])
    name = _checks.reduction(op, tensor)
    steps = on.all_reduce(comm, tensor, name)
    return pg.run("all_reduce", steps, [tensor], async_op, like=[tensor], details=name)


def _average_in_place(tensors, pg, async_op):
    """The mean of all, in the place of flat tensors that count as one."""
    steps = operations.average(pg.comm, tensors)
    what = f"mean of {sum(tensor.numel() for tensor in tensors)} {tensors[0].dtype}"
    return pg.run("all_reduce", steps, tensors, async_op, details=what)


def all_reduce_coalesced(tensors, op=ReduceOp.SUM, group=None, async_op=False):
    """`all_reduce` of several tensors of one dtype at once; a Future if `async_op`."""
    tensors = [tensors] if isinstance(tensors, _C.Tensor) else tensors
    _checks.several(tensors, "tensors")
    _checks.same_dtype(*tensors)
    if (pg := _checks.member("all_reduce_coalesced", group)) is None:
        return None
    on, comm = _checks.carrier(pg, written=tensors)
    name = _checks.reduction(op, *tensors)
    steps = on.together(on.all_reduce(comm, each, name) for each in tensors)
    work = pg.run("all_reduce_coalesced", steps, tensors, async_op, like=tensors, details=name)
    return work and work.get_future()


def reduce(tensor, dst=None, op=ReduceOp.SUM, group=None, async_op=False, group_dst=None):
    """Gives process `dst` the reduction of all tensors, in the place of its own."""
    _checks.single(tensor, "tensor")
    if (pg := _checks.member("reduce", group)) is None:
        return None
    on, comm = _checks.carrier(pg, written=[tensor])
    root = _checks.root(pg, dst, group_dst)
    name = _checks.reduction(op, tensor)
    steps = on.reduce(comm, tensor, name, root)
    details = f"{name}, root={root}"
    return pg.run("reduce", steps, [tensor], async_op, like=[tensor], details=details)


def all_gather(tensor_list, tensor, group=None, async_op=False):
    """Gives every process a list of all tensors, in the places of those of its list.

    The tensors of the list may have other shapes on other ranks, if each has the shape of the
    tensor that goes there.
    """
    _checks.several(tensor_list, "tensor_list")
    _checks.single(tensor, "tensor")
    _checks.same_dtype(tensor, *tensor_list)
    if (pg := _checks.member("all_gather", group)) is None:
        return None
    on, comm = _checks.carrier(pg, tensor, written=tensor_list)
    _check_length("all_gather", "output tensor list", tensor_list, pg.size())
    if tensor_list[pg.rank()].shape != tensor.shape:
        _checks.same_shape("all_gather", tensor_list, tensor)
    steps = on.all_gather(comm, tensor_list, tensor)
    return pg.run("all_gather", steps, tensor_list, async_op, like=tensor_list)


def _check_length(op, what, values, size):
    if len(values) != size:
        raise RuntimeError(f"{op}: invalid {what}: expected length {size}, got {len(values)}")


def _check_split(op, many, one, parts):
    if many.numel() != one.numel() * parts:
        raise RuntimeError(
            f"{op}: a tensor of shape {tuple(many.shape)} does not hold {parts} of shape "
            f"{tuple(one.shape)}, one for each process"
        )


def all_gather_single(output_tensor, input_tensor, group=None, async_op=False):
    """Gives every process all tensors in one: behind one another, or along a new first dimension.

    `output_tensor` has the elements of as many `input_tensor`s as there are processes.
    """
    _checks.single(input_tensor, "input_tensor")
    _checks.single(output_tensor, "output_tensor")
    _checks.same_dtype(input_tensor, output_tensor)
    if (pg := _checks.member("all_gather_single", group)) is None:
        return None
    if pg in _coalesced:
        _coalesced[pg].append((all_gather_single, (output_tensor, input_tensor)))
        return None
    on, comm = _checks.carrier(pg, input_tensor, written=[output_tensor])
    _check_split("all_gather_into_tensor", output_tensor, input_tensor, pg.size())
    steps = on.all_gather_single(comm, output_tensor, input_tensor)
    like = [input_tensor]
    return pg.run("all_gather_into_tensor", steps, [output_tensor], async_op, like=like)


def all_gather_into_tensor(output_tensor, input_tensor, group=None, async_op=False):
    """The older name of `all_gather_single`."""
    return all_gather_single(output_tensor, input_tensor, group, async_op)


_all_gather_base = all_gather_into_tensor


def all_gather_coalesced(output_tensor_lists, input_tensor_list, group=None, async_op=False):
    """`all_gather` of several tensors at once: `output_tensor_lists[process][which]`."""
    _checks.several(input_tensor_list, "input_tensor_list")
    if not isinstance(output_tensor_lists, list):
        raise TypeError("Invalid function argument: output_tensor_lists should be a list")
    for outputs in output_tensor_lists:
        _checks.several(outputs, "output_tensor_lists")
        _checks.same_dtype(*input_tensor_list, *outputs)
    if (pg := _checks.member("all_gather_coalesced", group)) is None:
        return None
    _check_length("all_gather_coalesced", "output tensor lists", output_tensor_lists, pg.size())
    for outputs in output_tensor_lists:
        _check_length("all_gather_coalesced", "output list", outputs, len(input_tensor_list))
        for output, input in zip(outputs, input_tensor_list):
            _checks.same_shape("all_gather_coalesced", [output], input)
    on, comm = _checks.carrier(
        pg, *input_tensor_list, written=[t for outputs in output_tensor_lists for t in outputs]
    )
    steps = on.together(
        on.all_gather(comm, list(outputs), input)
        for input, outputs in zip(input_tensor_list, zip(*output_tensor_lists))
    )
    like, result = input_tensor_list, [t for outputs in output_tensor_lists for t in outputs]
    work = pg.run("all_gather_coalesced", steps, result, async_op, like=like)
    return work and work.get_future()


def gather(tensor, gather_list=None, dst=None, group=None, async_op=False, group_dst=None):
    """Gives process `dst` a list of all tensors; the others give no list."""
    _checks.single(tensor, "tensor")
    gather_list = gather_list or []
    _checks.several(gather_list, "gather_list")
    _checks.same_dtype(tensor, *gather_list)
    if (pg := _checks.member("gather", group)) is None:
        return None
    root = _checks.root(pg, dst, group_dst, 0)
    on, comm = _checks.carrier(pg, tensor, written=gather_list)
    _check_list("gather", gather_list, tensor, pg, root)
    steps = on.gather(comm, gather_list, tensor, root)
    details = f"root={root}"
    return pg.run("gather", steps, gather_list, async_op, like=[tensor], details=details)


def _check_list(op, tensors, tensor, pg, root):
    """The root alone gives a list, of a tensor like `tensor` for each process."""
    kind, place = ("destination", "output") if op == "gather" else ("source", "input")
    _check_root_list(f"{op}_list", tensors, pg.rank() == root, kind)
    if tensors:
        _check_length(op, f"{place} tensor list", tensors, pg.size())
        _checks.same_shape(op, tensors, tensor)


def _check_root_list(name, values, is_root, kind):
    if is_root and not values:
        raise ValueError(f"Argument ``{name}`` must be specified on {kind} rank.")
    if not is_root and values:
        raise ValueError(f"Argument ``{name}`` must NOT be specified on non-{kind} ranks.")


def scatter(tensor, scatter_list=None, src=None, group=None, async_op=False, group_src=None):
    """Gives each process its part of a list of process `src`; the others give no list."""
    _checks.single(tensor, "tensor")
    scatter_list = scatter_list or []
    _checks.several(scatter_list, "scatter_list")
    _checks.same_dtype(tensor, *scatter_list)
    if (pg := _checks.member("scatter", group)) is None:
        return None
    root = _checks.root(pg, src, group_src, 0)
    on, comm = _checks.carrier(pg, *scatter_list, written=[tensor])
    _check_list("scatter", scatter_list, tensor, pg, root)
    steps = on.scatter(comm, tensor, scatter_list, root)
    details = f"root={root}"
    return pg.run("scatter", steps, [tensor], async_op, like=[tensor], details=details)


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None, async_op=False):
    """Gives each process its part of the reduction of lists: of all `input_list[rank]`."""
    _checks.single(output, "output")
    _checks.several(input_list, "input_list")
    _checks.same_dtype(output, *input_list)
    if (pg := _checks.member("reduce_scatter", group)) is None:
        return None
    on, comm = _checks.carrier(pg, *input_list, written=[output])
    _check_length("reduce_scatter", "input tensor list", input_list, pg.size())
    _checks.same_shape("reduce_scatter", [input_list[pg.rank()]], output)
    name = _checks.reduction(op, output)
    steps = on.reduce_scatter(comm, output, input_list, name)
    like = input_list
    return pg.run("reduce_scatter", steps, [output], async_op, like=like, details=name)


def reduce_scatter_single(output, input, op=ReduceOp.SUM, group=None, async_op=False):
    """Gives each process its part of the reduction of tensors, which are cut evenly."""
    _checks.single(output, "output")
    _checks.single(input, "input")
    _checks.same_dtype(output, input)
    if (pg := _checks.member("reduce_scatter_single", group)) is None:
        return None
    if pg in _coalesced:
        _coalesced[pg].append((reduce_scatter_single, (output, input, op)))
        return None
    on, comm = _checks.carrier(pg, input, written=[output])
    _check_split("reduce_scatter_tensor", input, output, pg.size())
    name = _checks.reduction(op, output)
    parts = list(input.detach().contiguous().view(pg.size(), output.numel()).unbind())
    steps = on.reduce_scatter(comm, output, parts, name)
    like = [input]
    return pg.run("reduce_scatter_tensor", steps, [output], async_op, like=like, details=name)


def reduce_scatter_tensor(output, input, op=ReduceOp.SUM, group=None, async_op=False):
    """The older name of `reduce_scatter_single`."""
    return reduce_scatter_single(output, input, op, group, async_op)


_reduce_scatter_base = reduce_scatter_tensor


def all_to_all(output_tensor_list, input_tensor_list, group=None, async_op=False):
    """Each process gives every process a tensor of its list."""
    _checks.several(output_tensor_list, "output_tensor_list")
    _checks.several(input_tensor_list, "input_tensor_list")
    _checks.same_dtype(*output_tensor_list, *input_tensor_list)
    if (pg := _checks.member("all_to_all", group)) is None:
        return None
    on, comm = _checks.carrier(pg, *input_tensor_list, written=output_tensor_list)
    _check_length("all_to_all", "output tensor list", output_tensor_list, pg.size())
    _check_length("all_to_all", "input tensor list", input_tensor_list, pg.size())
    steps = on.all_to_all(comm, output_tensor_list, input_tensor_list)
    counts = [[t.numel() for t in tensors] for tensors in (output_tensor_list, input_tensor_list)]
    like, balance = [output_tensor_list[0].detach().new_empty(0)], _balance(pg.rank(), *counts)
    return pg.run("all_to_all", steps, output_tensor_list, async_op, like=like, balance=balance)


def _balance(rank, counts_out, counts_in):
    """What adds up to 0 over all ranks if each sends every other as much as that one expects."""
    mixed = operations.mixed
    sent = sum(mixed((rank, other), (count,)) for other, count in enumerate(counts_in))
    return sent - sum(mixed((other, rank), (count,)) for other, count in enumerate(counts_out))


def all_to_all_single(
    output, input, output_split_sizes=None, input_split_sizes=None, group=None, async_op=False
):
    """Each process gives every process a part of its tensor.

    The parts are rows, cut evenly or as the sizes say: `input_split_sizes[rank]` go to a rank,
    `output_split_sizes[rank]` come from it.
    """
    _checks.single(output, "output")
    _checks.single(input, "input")
    _checks.same_dtype(output, input)
    if (pg := _checks.member("all_to_all_single", group)) is None:
        return None
    on, comm = _checks.carrier(pg, input, written=[output])
    counts_out = _row_counts(output, output_split_sizes, pg.size())
    counts_in = _row_counts(input, input_split_sizes, pg.size())
    steps = on.all_to_all_single(comm, output, input, counts_out, counts_in)
    like, balance = [output.detach()[:0]], _balance(pg.rank(), counts_out, counts_in)
    return pg.run("all_to_all_single", steps, [output], async_op, like=like, balance=balance)


def _row_counts(tensor, sizes, parts):
    """The elements of each part."""
    if tensor.dim() == 0:
        raise RuntimeError("all_to_all_single: expected tensors of at least one dimension")
    rows = tensor.shape[0]
    if not sizes:
        if rows % parts:
            raise RuntimeError("Tensor's dim 0 does not divide equally across group size")
        sizes = [rows // parts] * parts
    if len(sizes) != parts:
        raise RuntimeError("Number of tensor splits not equal to group size")
    if sum(sizes) != rows or min(sizes) < 0:
        raise RuntimeError("Split sizes doesn't match total dim 0 size")
    of_one = tensor.numel() // rows if rows else 0
    return [size * of_one for size in sizes]


def barrier(group=None, async_op=False, device_ids=None, timeout=None):
    """Waits until every process is here. In groups of "nccl" the GPU of each, by default the one in
    use, is then done with what the current stream was asked for.
    """
    if (pg := _checks.member("barrier", group)) is None:
        return None
    seconds = _seconds(timeout, pg.seconds)
    return pg.run("barrier", pg.meeting(device_ids), [], async_op, seconds=seconds)


def monitored_barrier(group=None, timeout=None, wait_all_ranks=False):
    """`barrier` that tells which process did not come.

    Rank 0 raises after `timeout`, naming the first missing rank, or all of them if
    `wait_all_ranks`; the others raise as well.
    """
    if (pg := _checks.member("monitored_barrier", group)) is None:
        return
    get_backend(pg)
    if isinstance(timeout, float):
        warnings.warn(
            "Please specify timeout arg as a timedelta. "
            f"Converting current value of {timeout} assuming it represents seconds",
            stacklevel=2,
        )
        timeout = timedelta(seconds=timeout)
    pg.monitored_barrier(_seconds(timeout, pg.seconds), wait_all_ranks)


@contextlib.contextmanager
def record_comm(name):
    """Shows what processes do together in this context under a name in profiles."""
    from ..profiler import record_function

    with record_function(name):
        yield


class _Coalesced:
    """What `_coalescing_manager` hands out: `wait()` waits for all of it."""

    def __init__(self):
        self.works = []

    def append(self, work):
        if work is not None:
            self.works.append(work)

    def wait(self):
        for work in self.works:
            work.wait()


@contextlib.contextmanager
def _coalescing_manager(group=None, device=None, async_ops=False):
    """Collects operations of one kind and does them at the end. ValueError inside another."""
    pg = group or _get_default_group()
    manager = _Coalesced()
    if _rank_not_in_group(pg):
        yield manager
        return
    if pg in _coalesced:
        raise ValueError(
            "ProcessGroup has non-empty op list at the start of coalescing"
            if _coalesced[pg]
            else "ProcessGroup is coalescing already"
        )
    _coalesced[pg] = []
    try:
        yield manager
    finally:
        asked = _coalesced.pop(pg)
    if len({function for function, _ in asked}) > 1:
        names = {function.__name__ for function, _ in asked}
        raise RuntimeError(
            "Coalescing manager requires all collectives to be the same type, but got mixed types: "
            f"{names}"
        )
    for function, arguments in asked:
        manager.append(function(*arguments, group=pg, async_op=True))
    if not async_ops:
        manager.wait()
