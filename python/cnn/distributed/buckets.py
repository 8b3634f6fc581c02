"""Parameters in buckets: memory that their gradients lie in side by side, to be sent at once."""

from __future__ import annotations

from itertools import accumulate

from .. import _C
from ..autograd.grad_mode import no_grad

_DEFAULT_FIRST_BUCKET_BYTES = 1 << 20


def _compute_bucket_assignment_by_size(
    tensors, bucket_size_limits, expect_sparse_gradient=(), tensor_indices=(), logger=None
):
    """([indices of each bucket], [its limit in bytes]) of tensors that follow one another.

    A bucket holds tensors of one dtype and device and is full as soon as it reaches its limit; the
    last limit is that of all further ones. Without `tensor_indices` buckets come in the order of
    their first tensors.
    """
    if tensor_indices and len(tensor_indices) != len(tensors):
        raise RuntimeError("Invalid index number for tensors")
    open_buckets, used, full = {}, {}, []
    for place, tensor in enumerate(tensors):
        index = tensor_indices[place] if tensor_indices else place
        key = tensor.dtype, tensor.device
        indices, size = open_buckets.get(key, ([], 0))
        indices.append(index)
        size += tensor.nbytes
        limit = bucket_size_limits[min(used.get(key, 0), len(bucket_size_limits) - 1)]
        open_buckets[key] = indices, size
        if size >= limit:
            full.append((indices, limit))
            used[key] = used.get(key, 0) + 1
            del open_buckets[key]
    for key, (indices, _) in open_buckets.items():
        limit = bucket_size_limits[min(used.get(key, 0), len(bucket_size_limits) - 1)]
        full.append((indices, limit))
    if not tensor_indices:
        full.sort(key=lambda bucket: bucket[0][0])
    return [indices for indices, _ in full], [limit for _, limit in full]


def strides_of_gradient(param):
    """The strides that the gradient of a parameter has."""
    return param.stride() if _is_dense(param) else _C.empty(param.shape, device="meta").stride()


def _is_dense(tensor):
    """Whether the elements fill memory without holes, in whatever order."""
    expected = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape)):
        if size != 1 and stride != expected:
            return False
        expected *= size
    return True


class Bucket:
    """The gradients of some parameters, side by side in one tensor, which is made when it is used.

    `views` have the shapes and strides of the parameters. They are no views to autograd, so that
    a gradient may do what any tensor may.
    """

    def __init__(self, index, indices, params):
        self.index, self.indices, self.params = index, indices, params
        first = params[0]
        if any((p.dtype, p.device) != (first.dtype, first.device) for p in params):
            raise RuntimeError("All parameters in a bucket must have the same dtype.")
        self.lengths = [param.numel() for param in params]
        self.offsets = [0, *accumulate(self.lengths)]
        self.nbytes = self.offsets.pop() * first.element_size()
        self._flat, self._views = None, []
        self.begin()

    @property
    def flat(self):
        """All of it."""
        self._allocate()
        return self._flat

    @property
    def views(self):
        """Its pieces as gradients."""
        self._allocate()
        return self._views

    def _allocate(self):
        if not self.has_memory():
            first = self.params[0]
            with no_grad():
                self._flat = _C.empty(sum(self.lengths), dtype=first.dtype, device=first.device)
                self._views = self.views_of(self._flat)

    def has_memory(self):
        """Whether it has been used."""
        return self._flat is not None

    def views_of(self, flat):
        """The pieces of a flat tensor as gradients."""
        views, memory, start = [], flat.untyped_storage(), flat.storage_offset()
        for param, offset in zip(self.params, self.offsets):
            view = _C.empty(0, dtype=flat.dtype, device=flat.device)
            views.append(view.set_(memory, start + offset, param.shape, strides_of_gradient(param)))
        return views

    def begin(self):
        """Before a backward: every gradient is still to come."""
        self.pending = len(self.params)
        self.work = self.future = None
        self.checked = False  # whether somebody else looks at the memory
        # {slot: what is sent} of parameters that keep gradients of their own, and that have none;
        # {slot: the gradient as it was} of those that backward has not reached here.
        self.copied, self.empty, self.kept = {}, {}, {}
        self.in_place = [None] * len(self.params)  # gradients that stay where they are, flat

    def is_private(self):
        """Whether nobody but parameters, as their gradients, holds any of the memory."""
        return not self.has_memory() or _C._views_are_alone(self.flat, self.views)

    def renew(self):
        """Goes on in other memory: somebody still looks at the gradients of another step."""
        before, self._flat = self._flat, None
        self.flat.copy_(before)


class GradBucket:
    """A bucket as a communication hook sees it."""

    __module__ = "cnn.distributed"

    def __init__(self, bucket, flat, is_last):
        self._bucket, self._flat, self._is_last = bucket, flat, is_last

    def index(self):
        """Its place among the buckets, which are sent in order."""
        return self._bucket.index

    def buffer(self):
        """All its gradients in one tensor of one dimension."""
        return self._flat

    def set_buffer(self, buffer):
        """Puts another tensor in place of that."""
        self._flat = buffer

    def gradients(self):
        """The gradients, pieces of the buffer in the parameters' shapes."""
        return self._bucket.views_of(self._flat)

    def parameters(self):
        """The parameters they are of."""
        return list(self._bucket.params)

    def is_last(self):
        """Whether no bucket follows."""
        return self._is_last


def _broadcast_coalesced(process_group, tensors, buffer_size, src=0):
    """Gives every process the tensors of rank `src`, many in one message."""
    from . import broadcast, get_rank

    is_source = get_rank(process_group) == src
    with no_grad():
        tensors = [tensor.data for tensor in tensors]  # what is saved of them stays valid
        for indices in _compute_bucket_assignment_by_size(tensors, [buffer_size])[0]:
            some = [tensors[i] for i in indices]
            if len(some) == 1:
                broadcast(some[0], group_src=src, group=process_group)
                continue
            flat = _C.cat([tensor.reshape(-1) for tensor in some])
            broadcast(flat, group_src=src, group=process_group)
            if is_source:
                continue
            for tensor, part in zip(some, flat.split([tensor.numel() for tensor in some])):
                tensor.copy_(part.view(tensor.shape))


def _verify_params_across_processes(process_group, params, logger=None):
    """RuntimeError on every rank unless parameters agree in number, shape, strides and dtype."""
    from . import all_gather_object, get_rank, get_world_size

    own = [(tuple(p.shape), p.stride(), str(p.dtype)) for p in params]
    of_ranks = [None] * get_world_size(process_group)
    all_gather_object(of_ranks, own, group=process_group)
    rank, first = get_rank(process_group), of_ranks[0]
    for other, theirs in enumerate(of_ranks):
        if len(theirs) != len(first):
            raise RuntimeError(
                f"DDP expects same model across all ranks, but Rank 0 has {len(first)} params, "
                f"while rank {other} has inconsistent {len(theirs)} params."
            )
    for i in range(len(first)):
        for what, at in (("sizes", 0), ("strides", 1), ("dtype", 2)):
            values = [of_rank[i][at] for of_rank in of_ranks]
            other = next((r for r, value in enumerate(values) if value != values[0]), None)
            if other is None:
                continue
            against = 0 if values[rank] != values[0] else other
            value = values[rank] if at == 2 else list(values[rank])
            raise RuntimeError(
                f"[{rank}]: params[{i}] in this process with {what} {value} appears not to match "
                f"{what} of the same param in process {against}."
            )
