"""An optimizer whose state is divided between processes."""

from __future__ import annotations

import copy
import logging
from itertools import chain

from ... import _C
from ...optim import Optimizer
from ..algorithms.join import Join, Joinable, JoinHook
from ..buckets import _broadcast_coalesced

__all__ = ["ZeroRedundancyOptimizer"]

logger = logging.getLogger(__name__)

_SENT_AT_ONCE = 250 << 20


def _to_device(value, device):
    """Tensors in lists, tuples and dictionaries on a device, in new containers."""
    if isinstance(value, _C.Tensor):
        return value.to(device)
    if isinstance(value, (list, tuple)):
        return type(value)([_to_device(item, device) for item in value])
    if isinstance(value, dict):
        return {key: _to_device(item, device) for key, item in value.items()}
    return value


def _typename(value):
    return value.type() if isinstance(value, _C.Tensor) else type(value).__name__


class _ZeROJoinHook(JoinHook):
    """A rank without inputs steps with the others: the parameters it updates are needed."""

    def __init__(self, zero):
        self.zero = zero
        super().__init__()

    def main_hook(self):
        self.zero.step()


class ZeroRedundancyOptimizer(Optimizer, Joinable):
    """An optimizer on each process that keeps state for a part of the parameters only.

    The parameters of a group are dealt out from the largest on, each to the process that has least.
    `step` moves a process's own with `optimizer_class(**defaults)`, then every process sends its
    own to all. Gradients are averaged before, as DistributedDataParallel does.
    With `parameters_as_bucket_view` the parameters of a process share memory, and are sent as one.
    """

    def __init__(
        self,
        params,
        optimizer_class,
        process_group=None,
        parameters_as_bucket_view=False,
        overlap_with_ddp=False,
        **defaults,
    ):
        from .. import distributed_c10d as c10d

        params = self._verify_and_init_params(params)
        self._verify_same_dense_param_type()
        if overlap_with_ddp:
            raise NotImplementedError(
                "ZeroRedundancyOptimizer: overlap_with_ddp is not available; call step() after "
                "backward()"
            )
        self.process_group = process_group or c10d._get_default_group()
        self.initialized = False
        Optimizer.__init__(self, params, defaults)
        Joinable.__init__(self)
        self._clear_cache()
        self._is_trainable_mask = self._get_is_trainable_mask()
        self._default_device = self._all_params[0].device
        self.world_size = c10d.get_world_size(self.process_group)
        self.rank = c10d.get_rank(self.process_group)
        self.global_rank = c10d.get_global_rank(self.process_group, self.rank)
        self._overlap_with_ddp = False
        self._optim_defaults = defaults
        self._optim_constructor = optimizer_class
        self.optim = optimizer_class(self._partition_parameters()[self.rank], **defaults)
        # The options that the class adds by default.
        for own, local in zip(self.param_groups, self.optim.param_groups):
            for key, value in local.items():
                if key != "params":
                    own.setdefault(key, value)
        self.parameters_as_bucket_view = parameters_as_bucket_view
        self._buckets = []
        self._build_param_buckets()
        self._all_state_dicts = []
        self.initialized = True

    # ---- Arguments ----

    def _verify_and_init_params(self, params):
        if isinstance(params, _C.Tensor):
            raise TypeError(
                f"`params` argument should be an iterable of Tensors, but got {_typename(params)}"
            )
        try:
            params = list(params)
        except TypeError as error:
            raise TypeError(
                "`params` argument should be an iterable of Tensors or dicts, but got "
                f"{_typename(params)}"
            ) from error
        if not params:
            raise ValueError("ZeroRedundancyOptimizer got an empty parameter list")
        if all(isinstance(param, _C.Tensor) for param in params):
            self._all_params = params
            return params
        if not all(isinstance(param, dict) for param in params):
            raise TypeError("`params` argument should be an iterable of Tensors or dicts")
        if not all("params" in group for group in params):
            raise ValueError(
                "Each parameter group passed-in via `params` must have a 'params' key mapping to "
                "the parameters in the group"
            )
        groups = [group | {"params": self._listed(group["params"])} for group in params]
        self._all_params = list(chain.from_iterable(group["params"] for group in groups))
        return groups

    @staticmethod
    def _listed(params):
        return [params] if isinstance(params, _C.Tensor) else list(params)

    def _verify_same_dense_param_type(self):
        first, *others = map(_typename, self._all_params)
        for other in others:
            if other != first:
                raise ValueError(
                    "ZeroRedundancyOptimizer only supports using the same dense type for all "
                    f"parameters but got both {first} and {other}"
                )

    def _get_is_trainable_mask(self):
        return [param.requires_grad for param in self._all_params]

    # ---- Who has what ----

    def _clear_cache(self):
        self._partition_parameters_cache = []
        self._param_to_rank_cache, self._param_to_index_cache = {}, {}

    def _partition_parameters(self):
        """For each rank its parameter groups."""
        if not self._partition_parameters_cache:
            ranks = range(self.world_size)
            parts, sizes = [[] for _ in ranks], [0 for _ in ranks]
            for group in self.param_groups:
                shares = [[] for _ in ranks]
                for param in sorted(group["params"], key=lambda p: p.numel(), reverse=True):
                    rank = sizes.index(min(sizes))
                    shares[rank].append(param)
                    sizes[rank] += param.numel()
                for part, share in zip(parts, shares):
                    part.append(copy.copy(group) | {"params": share})
            self._partition_parameters_cache = parts
        return self._partition_parameters_cache

    @property
    def _param_to_rank(self):
        if not self._param_to_rank_cache:
            self._param_to_rank_cache = {
                param: rank
                for rank, groups in enumerate(self._partition_parameters())
                for group in groups
                for param in group["params"]
            }
        return self._param_to_rank_cache

    @property
    def _index_to_param(self):
        return list(chain.from_iterable(group["params"] for group in self.param_groups))

    @property
    def _param_to_index(self):
        if not self._param_to_index_cache:
            self._param_to_index_cache = {p: i for i, p in enumerate(self._index_to_param)}
        return self._param_to_index_cache

    def add_param_group(self, param_group):
        """Adds a group, which is dealt out as well; all ranks call this."""
        super().add_param_group(param_group)
        if not self.initialized:
            return
        self._clear_cache()
        self._all_params = self._index_to_param
        self._is_trainable_mask = self._get_is_trainable_mask()
        groups = self._partition_parameters()[self.rank]
        if len(groups) == len(self.optim.param_groups) + 1:
            self.optim.add_param_group(groups[-1])
        self._build_param_buckets()

    def _build_param_buckets(self):
        """Puts the parameters of each rank side by side in memory."""
        if not self.parameters_as_bucket_view:
            return
        self._buckets = []
        for groups in self._partition_parameters():
            params = list(chain.from_iterable(group["params"] for group in groups))
            trained = [param for param in params if param.requires_grad]
            for param in params:
                if not param.requires_grad:
                    param.data = param.data.clone()
            bucket = None
            if trained:
                bucket = _C.cat([param.data.reshape(-1) for param in trained])
                parts = bucket.split([param.numel() for param in trained])
                for param, part in zip(trained, parts):
                    param.data = part.view(param.shape)
            self._buckets.append(bucket)

    # ---- Steps ----

    def step(self, closure=None, **kwargs):
        """Moves every parameter once; returns `closure()`, if one is given."""
        loss = self._local_step(closure, **kwargs)
        self._sync_params()
        return loss

    def _local_step(self, closure=None, **kwargs):
        Join.notify_join_context(self)
        trainable = self._get_is_trainable_mask()
        if trainable != self._is_trainable_mask:
            logger.warning(
                "ZeroRedundancyOptimizer detected that the trainable parameters changed; "
                "rebuilding the parameter buckets if enabled"
            )
            self._build_param_buckets()
            self._is_trainable_mask = trainable
        self._sync_param_groups(self.param_groups, self.optim.param_groups)
        if closure is None:
            loss = self.optim.step(**kwargs)
        else:
            loss = self.optim.step(closure=closure, **kwargs)
        self._sync_param_groups(self.optim.param_groups, self.param_groups)
        return loss

    def _sync_params(self):
        """Every rank sends the parameters that it has moved."""
        for rank, groups in enumerate(self._partition_parameters()):
            if self.parameters_as_bucket_view:
                tensors = [self._buckets[rank]] if self._buckets[rank] is not None else []
            else:
                tensors = [param.data for group in groups for param in group["params"]]
            if tensors:
                _broadcast_coalesced(self.process_group, tensors, _SENT_AT_ONCE, rank)

    @staticmethod
    def _sync_param_groups(src_param_groups, dst_param_groups):
        """Options of groups: a schedule changes those of one, `step` may change the other's."""
        for source, target in zip(src_param_groups, dst_param_groups, strict=True):
            target.update({key: source[key] for key in source if key != "params"})

    def join_hook(self, **kwargs):
        """What a rank without inputs does."""
        return _ZeROJoinHook(self)

    @property
    def join_device(self):
        return self._default_device

    @property
    def join_process_group(self):
        return self.process_group

    # ---- State ----

    def consolidate_state_dict(self, to=0):
        """Sends the state of all ranks to rank `to`, where `state_dict()` has it; all call this."""
        from .. import gather_object

        self._sync_param_groups(self.param_groups, self.optim.param_groups)
        states = [None] * self.world_size if self.rank == to else None
        own = _to_device(self.optim.state_dict(), "cpu")
        gather_object(own, states, group=self.process_group, group_dst=to)
        self._all_state_dicts = states or []

    def state_dict(self):
        """The state of all parameters, as `optimizer_class` would have it in one process.

        RuntimeError on a rank to which `consolidate_state_dict` has not sent it.
        """
        if not self._all_state_dicts:
            raise RuntimeError(
                "Optimizer state has not been consolidated on this rank. Please call "
                f"`consolidate_state_dict(to={self.rank})` on all ranks beforehand if you meant to "
                "save the global state."
            )
        state_dict = super().state_dict()
        for state, groups in zip(self._all_state_dicts, self._partition_parameters(), strict=True):
            for own, group in zip(state["param_groups"], groups, strict=True):
                for index, param in zip(own["params"], group["params"], strict=True):
                    if index in state["state"]:
                        state_dict["state"][self._param_to_index[param]] = state["state"][index]
        state_dict["state"] = dict(sorted(state_dict["state"].items()))
        return state_dict

    def load_state_dict(self, state_dict):
        """Takes over a state of all parameters, of which each rank keeps what is its own."""
        own = {
            index: value
            for index, value in state_dict["state"].items()
            if self._param_to_rank[self._index_to_param[index]] == self.rank
        }
        super().load_state_dict(state_dict | {"state": own})
        # The options of the file, and the state as this class has read it, go to the optimizer.
        for param in list(self.state):
            self.optim.state[param] = self.state.pop(param)
        self._sync_param_groups(self.param_groups, self.optim.param_groups)
