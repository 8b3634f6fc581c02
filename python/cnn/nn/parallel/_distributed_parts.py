"""What DistributedDataParallel is made of besides the reducer."""

from __future__ import annotations

import inspect
import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum, auto
from typing import Any

from ... import _C, futures
from ...autograd import Function, Variable
from ...distributed import buckets
from ...distributed.algorithms.join import JoinHook

_DEFAULT_BUCKET_CAP_MB = 25
_MB_TO_BYTES = 1 << 20


@dataclass(frozen=True)
class _BucketCapacityConfig:
    """How many bytes buckets hold."""

    bucket_bytes_cap: int
    per_bucket_bytes_caps: tuple[int, ...]
    first_bucket_bytes_cap: int

    @classmethod
    def create(cls, bucket_cap_mb, bucket_cap_mb_list, use_python_reducer):
        is_default = bucket_cap_mb is None and not bucket_cap_mb_list
        mb = _DEFAULT_BUCKET_CAP_MB if bucket_cap_mb is None else bucket_cap_mb
        each = ()
        if bucket_cap_mb_list:
            each = tuple(int(cap * _MB_TO_BYTES) for cap in bucket_cap_mb_list)
            mb = max(bucket_cap_mb_list)
        cap = int(mb * _MB_TO_BYTES)
        return cls(cap, each, buckets._DEFAULT_FIRST_BUCKET_BYTES if is_default else cap)

    @property
    def bucket_cap_mb(self):
        return self.bucket_bytes_cap // _MB_TO_BYTES

    def compute_bucket_size_limits(self, static_graph, find_unused_parameters):
        """(limits at first, limits once the order of gradients is known; none are the reducer's).

        Until then all gradients go in one bucket, so that no rank sends before others do; where the
        order is never looked at, buckets stand from the start.
        """
        if self.per_bucket_bytes_caps:
            limits = list(self.per_bucket_bytes_caps)
            return limits, limits
        if static_graph or not find_unused_parameters:
            return [sys.maxsize], []
        if self.first_bucket_bytes_cap < self.bucket_bytes_cap:
            return [self.first_bucket_bytes_cap, self.bucket_bytes_cap], []
        return [self.bucket_bytes_cap], []


def _find_tensors(obj):
    """The tensors in a value, in its sequences, dictionaries and dataclasses."""
    if isinstance(obj, _C.Tensor):
        return [obj]
    if isinstance(obj, dict):
        obj = obj.values()
    elif is_dataclass(obj):
        obj = [getattr(obj, field.name) for field in fields(obj)]
    elif not isinstance(obj, (list, tuple)):
        return []
    return itertools.chain.from_iterable(map(_find_tensors, obj))


def _check_comm_hook(hook):
    """Whether a hook can be called, and says of itself what it must."""
    if not callable(hook):
        raise TypeError("Communication hook must be callable.")
    signature = inspect.signature(hook)
    bucket, empty = signature.parameters["bucket"].annotation, inspect.Parameter.empty
    if bucket not in (empty, buckets.GradBucket, "GradBucket", "dist.GradBucket"):
        raise ValueError("Communication hook: bucket annotation should be dist.GradBucket.")
    returned, wanted = signature.return_annotation, futures.Future[_C.Tensor]
    if not isinstance(returned, str) and returned not in (empty, wanted):
        raise ValueError(
            "Communication hook: return annotation should be torch.futures.Future[torch.Tensor]."
        )


class _BufferCommHookLocation(Enum):
    PRE_FORWARD = auto()
    POST_FORWARD = auto()


@dataclass
class _BufferCommHook:
    buffer_comm_hook: Callable
    buffer_comm_hook_state: Any
    buffer_comm_hook_location: _BufferCommHookLocation


class _DDPSink(Function):
    """The first node of backward: what of the outputs is not used in the loss gets no gradient."""

    @staticmethod
    def forward(ctx, ddp, *inputs):
        ctx.set_materialize_grads(False)
        ctx.ddp = ddp
        if not ddp()._ddp_sink_clone:
            return inputs
        return tuple(x.clone() if isinstance(x, _C.Tensor) else x for x in inputs)

    @staticmethod
    def backward(ctx, *grad_outputs):
        ddp = ctx.ddp()
        if ddp.static_graph and not ddp._static_graph_delay_allreduce_enqueued:
            Variable._execution_engine.queue_callback(ddp.reducer._delay_all_reduce)
            ddp._static_graph_delay_allreduce_enqueued = True
        return None, *grad_outputs


class _DDPJoinHook(JoinHook):
    """Sends what the others send, with gradients of zero."""

    def __init__(self, ddp, divide_by_initial_world_size):
        self.ddp = ddp
        self.ddp._divide_by_initial_world_size = divide_by_initial_world_size
        super().__init__()

    def main_hook(self):
        ddp = self.ddp
        ddp.reducer._rebuild_buckets()
        ddp._check_and_sync_module_buffers()
        ddp.require_forward_param_sync = ddp._check_global_requires_backward_grad_sync(True)
        if not ddp.require_forward_param_sync:
            return
        ddp._match_all_reduce_for_bwd_pass()
        if ddp.find_unused_parameters:
            ddp._match_unused_params_allreduce()
        ddp.reducer._push_all_rebuilt_params()

    def post_hook(self, is_last_joiner):
        self.ddp._sync_final_model(is_last_joiner)
