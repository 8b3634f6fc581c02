"""One model on many processes, each with a share of the batch, whose gradients are averaged."""

from __future__ import annotations

import copy
import itertools
import warnings
import weakref
from contextlib import contextmanager

from ... import _C
from ... import distributed as dist
from ...autograd.grad_mode import no_grad
from ...distributed import buckets
from ...distributed.algorithms.join import Join, Joinable
from ...distributed.reducer import Reducer, _register_builtin_comm_hook, _register_comm_hook
from ...utils._pytree import tree_flatten, tree_unflatten
from ..modules.module import Module
from ..parameter import UninitializedParameter
from ._distributed_parts import (
    _BucketCapacityConfig,
    _BufferCommHook,
    _BufferCommHookLocation,
    _check_comm_hook,
    _DDPJoinHook,
    _DDPSink,
    _find_tensors,
)
from .comm import _get_device_index
from .scatter_gather import gather, scatter_kwargs

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module, Joinable):
    """Wraps a module as `module`, whose gradients are the means over the processes of a group.

    Every process runs it on its share of the batch. At the start parameters and buffers become
    those of rank 0, and buffers again at each forward unless `forward_sync_buffers` is False.
    Gradients are sent in buckets of `bucket_cap_mb` (25) while backward goes on, in an order that
    all ranks keep; `no_sync()` adds them up without sending.

    `find_unused_parameters` looks through the graph for parameters that a forward does not use;
    `static_graph` does so once. With `gradient_as_bucket_view` a gradient that a program keeps
    changes with the next backward; without, it keeps its values.
    """

    _active_ddp_module = None

    def __init__(
        self,
        module,
        device_ids=None,
        output_device=None,
        dim=0,
        broadcast_buffers=None,
        init_sync=True,
        process_group=None,
        bucket_cap_mb=None,
        find_unused_parameters=False,
        check_reduction=False,
        gradient_as_bucket_view=False,
        static_graph=False,
        delay_all_reduce_named_params=None,
        param_to_hook_all_reduce=None,
        mixed_precision=None,
        device_mesh=None,
        skip_all_reduce_unused_params=False,
        bucket_cap_mb_list=None,
        batched_grad_copy=False,
        forward_sync_buffers=None,
    ):
        super().__init__()
        Joinable.__init__(self)
        if (delay_all_reduce_named_params is None) != (param_to_hook_all_reduce is None):
            raise ValueError(
                "delay_all_reduce_named_params and param_to_hook_all_reduce need to be set at the "
                "same time."
            )
        self.process_group = self._group_of(process_group, device_mesh)
        for name, value in (
            ("delay_all_reduce_named_params", delay_all_reduce_named_params),
            ("mixed_precision", mixed_precision),
        ):
            if value is not None:
                raise NotImplementedError(
                    f"DistributedDataParallel: {name} is not available; "
                    + ("autocast computes in 16 bits" if name == "mixed_precision" else
                       "buckets are sent as their gradients come")
                )  # fmt: skip
        self.parameters_to_ignore = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))
        self._module_parameters = [
            p for name, p in module.named_parameters() if name not in self.parameters_to_ignore
        ]
        self._set_devices(device_ids, output_device)
        self.static_graph = False
        self.dim = dim
        self.module = module
        self.device = self._module_parameters[0].device
        init_sync_buffers = self._set_buffer_sync(broadcast_buffers, forward_sync_buffers)
        self.find_unused_parameters = find_unused_parameters
        self.require_backward_grad_sync = True
        self.require_forward_param_sync = True
        self.gradient_as_bucket_view = gradient_as_bucket_view
        self.batched_grad_copy = batched_grad_copy
        self.mixed_precision = mixed_precision
        self.skip_all_reduce_unused_params = skip_all_reduce_unused_params
        if check_reduction:
            warnings.warn(
                "The `check_reduction` argument in `DistributedDataParallel` module is deprecated. "
                "Please avoid using it.",
                FutureWarning,
                stacklevel=2,
            )
        for param in self._module_parameters:
            if isinstance(param, UninitializedParameter):
                raise RuntimeError(
                    "Modules with uninitialized parameters can't be used with "
                    "`DistributedDataParallel`. Run a dummy forward pass to correctly initialize "
                    "the modules"
                )
        self.broadcast_bucket_size = 250 << 20
        self._bucket_config = _BucketCapacityConfig.create(
            bucket_cap_mb, bucket_cap_mb_list, use_python_reducer=False
        )
        self.bucket_bytes_cap = self._bucket_config.bucket_bytes_cap
        self.bucket_bytes_cap_list = list(self._bucket_config.per_bucket_bytes_caps)
        self.bucket_bytes_cap_default = (
            self._bucket_config.first_bucket_bytes_cap < self.bucket_bytes_cap
        )
        parameters = self._build_params_for_reducer()
        if init_sync:
            buckets._verify_params_across_processes(self.process_group, parameters)
            self._sync_module_states(0, init_sync_buffers)
        self._ddp_init_helper(parameters, static_graph)
        self._comm_hooks = []
        self._has_rebuilt_buckets = False
        self._divide_by_initial_world_size = True
        if static_graph:
            self._set_static_graph()
        self._ddp_sink_clone = True

    # ---- What the constructor does ----

    def _group_of(self, process_group, device_mesh):
        if process_group and device_mesh is not None:
            raise RuntimeError("Cannot specify both process_group and device_mesh arguments.")
        if device_mesh is None:
            return (
                dist.distributed_c10d._get_default_group()
                if process_group is None
                else process_group
            )
        if device_mesh.ndim != 1:
            raise RuntimeError(f"Only 1D device mesh is supported, but got {device_mesh}.")
        self.device_mesh = device_mesh
        return device_mesh.get_group(mesh_dim=0)

    def _set_devices(self, device_ids, output_device):
        if not any(p.requires_grad for p in self._module_parameters):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter "
                "that requires a gradient."
            )
        if device_ids is not None and len(device_ids) > 1:
            raise ValueError("device_ids can only be None or contain a single element.")
        devices = {p.device for p in self._module_parameters}
        types = {device.type for device in devices}
        if len(types) != 1:
            raise ValueError(
                "DistributedDataParallel's input module must be on the same type of devices, but "
                f"input module parameters locate in {types}."
            )
        self.is_multi_device_module = len(devices) > 1
        self.device_type = types.pop()
        self.device_ids = self.output_device = None
        if not device_ids or self.device_type == "cpu" or self.is_multi_device_module:
            if device_ids or output_device:
                raise ValueError(
                    "DistributedDataParallel device_ids and output_device arguments only work with "
                    "single-device/multiple-device GPU modules or CPU modules, but got device_ids "
                    f"{device_ids}, output_device {output_device}, and module parameters {devices}."
                )
            return
        self.device_ids = [_get_device_index(device, True) for device in device_ids]
        output_device = device_ids[0] if output_device is None else output_device
        self.output_device = _get_device_index(output_device, True)

    def _set_buffer_sync(self, broadcast_buffers, forward_sync_buffers):
        """Whether buffers are sent at the start."""
        if broadcast_buffers is not None and forward_sync_buffers is not None:
            warnings.warn(
                "Both `broadcast_buffers` and `forward_sync_buffers` were specified. "
                "`broadcast_buffers` is deprecated and its value is ignored when "
                "`forward_sync_buffers` is provided.",
                FutureWarning,
                stacklevel=3,
            )
        elif broadcast_buffers is not None:
            warnings.warn(
                "`broadcast_buffers` is deprecated. Use `forward_sync_buffers` instead. IMPORTANT: "
                "unlike `broadcast_buffers=False`, `forward_sync_buffers=False` still syncs "
                "buffers at init. If you rely on buffers NOT being synced at init (e.g. rank-local "
                "buffers), keep using `broadcast_buffers=False` until `init_sync_buffers` is "
                "available.",
                FutureWarning,
                stacklevel=3,
            )
        if forward_sync_buffers is not None:
            self.forward_sync_buffers = forward_sync_buffers
            return True
        self.forward_sync_buffers = True if broadcast_buffers is None else broadcast_buffers
        return self.forward_sync_buffers

    @property
    def broadcast_buffers(self):
        """The older name of `forward_sync_buffers`."""
        return self.forward_sync_buffers

    @broadcast_buffers.setter
    def broadcast_buffers(self, value):
        self.forward_sync_buffers = value

    def _build_params_for_reducer(self):
        """The parameters that are to be reduced, each once."""
        named = self.module.named_parameters()
        self._assign_modules_buffers()
        return [p for name, p in named if p.requires_grad and name not in self.parameters_to_ignore]

    def _assign_modules_buffers(self):
        self.named_module_buffers = {
            name: buffer
            for name, buffer in self.module.named_buffers()
            if name not in self.parameters_to_ignore
        }
        self.modules_buffers = list(self.named_module_buffers.values())

    def _sync_module_states(self, src, broadcast_buffers):
        """Parameters and buffers of all ranks become those of one."""
        state = [
            param.detach()
            for name, param in self.module.named_parameters()
            if name not in self.parameters_to_ignore
        ]
        if broadcast_buffers:
            self._assign_modules_buffers()
            state += [buffer.detach() for buffer in self.modules_buffers]
        if state:
            self._distributed_broadcast_coalesced(state, self.broadcast_bucket_size, src)

    def _ddp_init_helper(self, parameters, static_graph):
        limits, later_limits = self._bucket_config.compute_bucket_size_limits(
            static_graph, self.find_unused_parameters
        )
        indices, caps = buckets._compute_bucket_assignment_by_size(parameters, limits)
        own = {param: name for name, param in self.module.named_parameters()}
        # Gradients come in about the reverse order of definition.
        self.reducer = Reducer(
            parameters,
            indices[::-1],
            caps[::-1],
            self.process_group,
            bucket_bytes_cap=self.bucket_bytes_cap,
            find_unused_parameters=self.find_unused_parameters,
            gradient_as_bucket_view=self.gradient_as_bucket_view,
            param_to_name_mapping={i: own[param] for i, param in enumerate(parameters)},
            first_bucket_bytes_cap=self._bucket_config.first_bucket_bytes_cap,
            skip_all_reduce_unused_params=self.skip_all_reduce_unused_params,
            bucket_size_limits_for_rebuilding=later_limits,
        )

    def _check_default_group(self):
        if not dist.is_initialized() or self.process_group != dist.group.WORLD:
            raise RuntimeError(
                "DDP Pickling/Unpickling are only supported when using DDP with the default "
                "process group. That is, when you have called init_process_group and have not "
                "passed process_group argument to DDP constructor"
            )

    def __getstate__(self):
        self._check_default_group()
        state = copy.copy(self.__dict__)
        del state["process_group"], state["reducer"]
        state["broadcast_buffers"] = self.forward_sync_buffers
        return state

    def __setstate__(self, state):
        self.process_group = dist.distributed_c10d._get_default_group()
        super().__setstate__(state)
        self.__dict__.setdefault("require_forward_param_sync", True)
        self.__dict__.setdefault("require_backward_grad_sync", True)
        synced = self.__dict__.pop("broadcast_buffers", True)
        self.__dict__.setdefault("forward_sync_buffers", synced)
        self._ddp_init_helper(self._build_params_for_reducer(), self.static_graph)
        if self.static_graph:
            self.reducer._set_static_graph()

    # ---- Forward ----

    @contextmanager
    def no_sync(self):
        """Gradients of forwards in here are added up and not sent; the next backward sends all."""
        before = self.require_backward_grad_sync
        self.require_backward_grad_sync = False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    @classmethod
    def _get_active_ddp_module(cls):
        return cls._active_ddp_module

    @contextmanager
    def _inside_ddp_forward(self):
        before = DistributedDataParallel._active_ddp_module
        DistributedDataParallel._active_ddp_module = self
        try:
            yield
        finally:
            DistributedDataParallel._active_ddp_module = before

    def _run_ddp_forward(self, *inputs, **kwargs):
        with self._inside_ddp_forward():
            return self.module(*inputs, **kwargs)

    def _reduces(self):
        return _C.is_grad_enabled() and self.require_backward_grad_sync

    def _pre_forward(self, *inputs, **kwargs):
        work = Join.notify_join_context(self)  # None outside of one
        self.reducer._set_forward_pass_work_handle(work, self._divide_by_initial_world_size)
        if _C.is_grad_enabled() and self.reducer._rebuild_buckets():
            self._has_rebuilt_buckets = True
        if self._check_sync_bufs_pre_fwd():
            self._sync_buffers()
        if self._join_config.enable:
            self._check_global_requires_backward_grad_sync(False)
        if not self.device_ids:
            return inputs, kwargs
        moved = self.to_kwargs(inputs, kwargs, self.device_ids[0])
        return moved[0][0], moved[1][0]

    def _post_forward(self, output):
        if self._check_sync_bufs_post_fwd():
            self._sync_buffers()
        self.require_forward_param_sync = self._reduces()
        if self.require_forward_param_sync:
            searches = self.find_unused_parameters and not self.static_graph
            self.reducer.prepare_for_backward(list(_find_tensors(output)) if searches else [])
        if self.static_graph:
            is_first = not self._static_graph_delay_allreduce_enqueued
            return self._through_sink(output) if is_first else output
        return self._through_sink(output) if self.find_unused_parameters else output

    def _through_sink(self, output):
        tensors, spec = tree_flatten(output)
        passed = _DDPSink.apply(weakref.ref(self), *tensors)
        kept = [
            before if isinstance(before, _C.Tensor) and before.grad_fn is None else after
            for before, after in zip(tensors, passed)
        ]
        return tree_unflatten(kept, spec)

    def forward(self, *inputs, **kwargs):
        inputs, kwargs = self._pre_forward(*inputs, **kwargs)
        return self._post_forward(self._run_ddp_forward(*inputs, **kwargs))

    def scatter(self, inputs, kwargs, device_ids):
        return scatter_kwargs(inputs, kwargs, device_ids, dim=self.dim)

    def to_kwargs(self, inputs, kwargs, device_id):
        return scatter_kwargs(inputs, kwargs, [device_id], dim=self.dim)

    def gather(self, outputs, output_device):
        return gather(outputs, output_device, dim=self.dim)

    def train(self, mode=True):
        super().train(mode)
        return self

    # ---- Uneven inputs ----

    def join(
        self, divide_by_initial_world_size=True, enable=True, throw_on_early_termination=False
    ):
        """A context for a loop over inputs of which ranks have different numbers.

        A rank without inputs sends gradients of zero until no rank has any; then all take the
        parameters of the last. Means are over all ranks, or without `divide_by_initial_world_size`
        over those that have inputs. `throw_on_early_termination` raises RuntimeError on all ranks
        instead.
        """
        return Join(
            [self],
            enable,
            throw_on_early_termination,
            divide_by_initial_world_size=divide_by_initial_world_size,
        )

    def join_hook(self, **kwargs):
        """What a rank without inputs does."""
        return _DDPJoinHook(self, kwargs.get("divide_by_initial_world_size", True))

    @property
    def join_device(self):
        return self.device

    @property
    def join_process_group(self):
        return self.process_group

    def _check_global_requires_backward_grad_sync(self, is_joined_rank):
        syncs = not is_joined_rank and self.require_backward_grad_sync
        flag = (_C.ones if syncs else _C.zeros)(1, device=self.device)
        work = dist.all_reduce(flag, group=self.process_group, async_op=True)
        if not is_joined_rank:
            return None
        work.wait()
        return flag.item() != 0

    def _check_and_sync_module_buffers(self):
        if self._check_sync_bufs_pre_fwd():
            self._sync_module_buffers(self._find_common_rank(self._distributed_rank, False))

    def _sync_final_model(self, is_last_joiner):
        self._authoritative_rank = self._find_common_rank(self._distributed_rank, is_last_joiner)
        self._sync_module_states(self._authoritative_rank, self.forward_sync_buffers)

    def _match_all_reduce_for_bwd_pass(self):
        zeros = self.reducer._get_zeros_like_grad_buckets()
        for future in [self.reducer._run_comm_hook(bucket) for bucket in zeros]:
            future.wait()

    def _match_unused_params_allreduce(self):
        dist.all_reduce(self.reducer._get_local_used_map(), group=self.process_group)

    def _find_common_rank(self, input_rank, rank_cond):
        """The greatest rank for which the condition holds."""
        rank = _C.tensor([input_rank if rank_cond else -1], device=self.device)
        dist.all_reduce(rank, op=dist.ReduceOp.MAX, group=self.process_group)
        if rank.item() == -1:
            raise ValueError("Expected rank_cond to be true for at least one process.")
        return rank.item()

    # ---- Buffers ----

    def _register_buffer_comm_hook(
        self, state, hook, comm_hook_location=_BufferCommHookLocation.POST_FORWARD
    ):
        """hook(state, {name: buffer}) in place of sending rank 0's buffers; it may return Futures,
        which the end of backward waits for.
        """
        if not callable(hook):
            raise AssertionError(f"hook must be callable, got {type(hook).__name__}")
        self.buffer_hook = _BufferCommHook(hook, state, comm_hook_location)

    def _distributed_broadcast_coalesced(self, tensors, buffer_size, authoritative_rank=0):
        buckets._broadcast_coalesced(self.process_group, tensors, buffer_size, authoritative_rank)

    def will_sync_module_buffers(self):
        """Whether the next forward makes the buffers of all ranks equal."""
        return (
            self.require_forward_param_sync
            and self.forward_sync_buffers
            and len(self.modules_buffers) > 0
        )

    def _buffers_sync_at(self):
        if not hasattr(self, "buffer_hook"):
            return _BufferCommHookLocation.PRE_FORWARD
        return self.buffer_hook.buffer_comm_hook_location

    def _check_sync_bufs_pre_fwd(self):
        at = _BufferCommHookLocation.PRE_FORWARD
        return self.will_sync_module_buffers() and self._buffers_sync_at() == at

    def _check_sync_bufs_post_fwd(self):
        at = _BufferCommHookLocation.POST_FORWARD
        return self.will_sync_module_buffers() and self._buffers_sync_at() == at

    def _sync_buffers(self):
        # Rank 0 may have run out of inputs.
        joins = self._join_config.enable
        rank = self._find_common_rank(self._distributed_rank, True) if joins else 0
        self._assign_modules_buffers()
        with no_grad():
            self._sync_module_buffers(rank)

    def _sync_module_buffers(self, authoritative_rank):
        if not hasattr(self, "buffer_hook"):
            self._default_broadcast_coalesced(authoritative_rank=authoritative_rank)
            return
        hook = self.buffer_hook
        made = hook.buffer_comm_hook(hook.buffer_comm_hook_state, self.named_module_buffers)
        if made is not None:
            self.reducer._install_post_backward_futures(made)

    def _default_broadcast_coalesced(self, bufs=None, bucket_size=None, authoritative_rank=0):
        self._distributed_broadcast_coalesced(
            self.modules_buffers if bufs is None else bufs,
            self.broadcast_bucket_size if bucket_size is None else bucket_size,
            authoritative_rank,
        )

    # ---- Hooks on what is sent ----

    def register_comm_hook(self, state, hook):
        """hook(state, bucket) sends a bucket (GradBucket) in place of the mean over ranks.

        It returns a Future of what the bucket's tensor becomes, and divides by itself. One hook can
        be registered, once.
        """
        self._check_comm_hook(hook)
        _register_comm_hook(self.reducer, state, hook)
        self._comm_hooks.append((hook, state))

    def _register_builtin_comm_hook(self, comm_hook_type):
        _register_builtin_comm_hook(self.reducer, comm_hook_type)

    def _check_comm_hook(self, hook):
        _check_comm_hook(hook)

    # ---- What else programs ask ----

    @property
    def _distributed_rank(self):
        return dist.get_rank(self.process_group)

    @staticmethod
    def _get_data_parallel_params(module, named_params=False):
        for param in module.named_parameters() if named_params else module.parameters():
            if not hasattr(param, "_ddp_ignored"):
                yield param

    @staticmethod
    def _set_params_and_buffers_to_ignore_for_model(module, params_and_buffers_to_ignore):
        """Names of parameters and buffers that are neither sent at the start nor reduced."""
        module._ddp_params_and_buffers_to_ignore = params_and_buffers_to_ignore
        for name, tensor in itertools.chain(module.named_parameters(), module.named_buffers()):
            if name in params_and_buffers_to_ignore:
                tensor._ddp_ignored = True

    def _get_ddp_logging_data(self):
        """What is known of this model and its buckets, by PyTorch's names."""
        return {
            "module_name": type(self.module).__name__,
            "world_size": self.process_group.size(),
            "rank": self._distributed_rank,
            "backend_name": dist.get_backend(self.process_group),
            "broadcast_buffers": int(self.forward_sync_buffers),
            "bucket_cap_bytes": self.bucket_bytes_cap,
            "find_unused_parameters": int(self.find_unused_parameters),
            "gradient_as_bucket_view": int(self.gradient_as_bucket_view),
            "static_graph": int(self.static_graph),
            "has_rebuilt_buckets": int(self._has_rebuilt_buckets),
            "bucket_sizes": ", ".join(str(b.nbytes) for b in self.reducer.buckets),
        }

    def _set_static_graph(self):
        """The set of used parameters will be that of the first backward."""
        if self.static_graph:
            warnings.warn(
                "You've set static_graph to be True, no need to set it again.", stacklevel=2
            )
            return
        self.static_graph = True
        self._static_graph_delay_allreduce_enqueued = False
        self.reducer._set_static_graph()
        if self.find_unused_parameters:
            warnings.warn(
                "You passed find_unused_parameters=true to DistributedDataParallel, "
                "`_set_static_graph` will detect unused parameters automatically, so you do not "
                "need to set find_unused_parameters=true, just be sure these unused parameters "
                "will not change during training loop while calling `_set_static_graph`.",
                stacklevel=2,
            )

    def _remove_autograd_hooks(self):
        self.reducer._remove_autograd_hooks()

    def _check_reducer_finalized(self):
        self.reducer._check_reducer_finalized()

    def _update_process_group(self, new_process_group):
        self._has_rebuilt_buckets = False
        self.reducer._reset_state()
        if not dist._rank_not_in_group(new_process_group):
            self.process_group = new_process_group
            self.reducer._update_process_group(new_process_group)

    def _set_ddp_sink_clone(self, val):
        self._ddp_sink_clone = val
