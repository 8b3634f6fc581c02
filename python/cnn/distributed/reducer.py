"""What averages gradients over processes while backward goes on."""

from __future__ import annotations

import functools
import warnings
import weakref

from .. import _C, futures
from ..autograd.grad_mode import no_grad
from . import operations
from .buckets import (
    _DEFAULT_FIRST_BUCKET_BYTES,
    Bucket,
    GradBucket,
    _compute_bucket_assignment_by_size,
    strides_of_gradient,
)

_UNFINISHED = (
    "Expected to have finished reduction in the prior iteration before starting a new one. "
)
_GRAPH_CHANGED = "this is not compatible with static_graph set to True."
_TWICE = (
    "Expected to mark a variable ready only once. This error is caused by one of the following "
    "reasons: 1) Use of a module parameter outside the `forward` function. Please make sure model "
    "parameters are not shared across multiple concurrent forward-backward passes. or try to use "
    "_set_static_graph() as a workaround if this module graph does not change during training "
    "loop.2) Reused parameters in multiple reentrant backward passes. For example, if you use "
    "multiple `checkpoint` functions to wrap the same part of your model, it would result in the "
    "same set of parameters been used by different reentrant backward passes multiple times, and "
    "hence marking a variable ready multiple times. DDP does not support such use cases in "
    "default. You can try to use _set_static_graph() as a workaround if your module graph does "
    "not change over iterations."
)
_ADVICE = (
    "You can enable unused parameter detection by passing the keyword argument "
    "`find_unused_parameters=True` to `torch.nn.parallel.DistributedDataParallel`, and by \n"
)
_ADVICE_WHERE_SEARCHED = (
    "Since `find_unused_parameters=True` is enabled, this likely  means that not all `forward` "
    "outputs participate in computing loss. You can fix this by "
)
_UNUSED_OUTPUTS = (
    "making sure all `forward` function outputs participate in calculating loss. \nIf you already "
    "have done the above, then the distributed data parallel module wasn't able to locate the "
    "output tensors in the return value of your module's `forward` function. Please include the "
    "loss function and the structure of the return value of `forward` of your module when "
    "reporting this issue (e.g. list, dict, iterable)."
)
_NAMES_AT_DEBUG = (
    "\n In addition, you can set the environment variable TORCH_DISTRIBUTED_DEBUG to either INFO "
    "or DETAIL to print out information about which particular parameters did not receive gradient "
    "on this rank as part of this error"
)
_NEEDLESS = (
    "find_unused_parameters=True was specified in DDP constructor, but did not find any unused "
    "parameters in the forward pass. This flag results in an extra traversal of the autograd graph "
    "every iteration, which can adversely affect performance. If your model indeed never has any "
    "unused parameters in the forward pass, consider turning this flag off. Note that this warning "
    "may be a false positive if your model has flow control causing later iterations to have "
    "unused parameters."
)
_SECOND_ORDER = (
    "Using DistributedDataParallel with create_graph=True is not well-supported. The higher-order "
    "gradient will not be synchronized across ranks, and backpropagation through all_reduce "
    "operations will not occur."
)


@functools.cache
def _warn_once(text):
    warnings.warn(text, stacklevel=2)


class Reducer:
    """The gradients of parameters, in buckets, averaged over a group.

    Parameters tell it when backward has added to their gradient. A bucket that has all of its own
    is sent, in order, and the callback at the end of backward waits for the last.

    Gradients are averaged where they lie, if there is nothing else to do with them. Otherwise they
    *are* the buckets' memory from then on; where a program holds on to a gradient of an earlier
    step, it keeps its values unless `gradient_as_bucket_view`, as others would write them.
    """

    def __init__(
        self,
        params,
        bucket_indices,
        per_bucket_size_limits,
        process_group,
        expect_sparse_gradients=(),
        bucket_bytes_cap=25 << 20,
        find_unused_parameters=False,
        gradient_as_bucket_view=False,
        param_to_name_mapping=None,
        first_bucket_bytes_cap=_DEFAULT_FIRST_BUCKET_BYTES,
        skip_all_reduce_unused_params=False,
        use_python_reducer=False,
        bucket_size_limits_for_rebuilding=(),
        batched_grad_copy=False,
    ):
        self.params = list(params)
        self.process_group = process_group
        self.find_unused_parameters = find_unused_parameters
        self.gradient_as_bucket_view = gradient_as_bucket_view
        self.static_graph = False
        self.names = param_to_name_mapping or {}
        self._limits = list(bucket_size_limits_for_rebuilding) or [
            first_bucket_bytes_cap, bucket_bytes_cap,
        ]  # fmt: skip
        self._skips_unused = skip_all_reduce_unused_params
        self._hook = self._hook_state = None
        self._expects = self._unfinished = self._has_rebuilt = False
        self._stays = False  # whether gradients are averaged where they lie
        self._runs = 0  # of backward
        self._first_call = True
        self._arrived, self._order = set(), []  # in this backward; in the first, as they come
        self._unused, self._marked_unused = [], False
        # Whether backward has reached each parameter: here, and on any rank as soon as it is known.
        self._used = [0] * len(self.params) if find_unused_parameters else None
        self._used_anywhere = self._used_flags = self._used_work = None
        self._calls, self._calls_left = [0] * len(self.params), []
        self._divisor = self._forward_work = None
        self._static_world_size = True
        self._futures = []
        self._make_buckets(bucket_indices)
        tell = functools.partial(_tell, weakref.ref(self))
        self._handles = [_C._call_when_added(param, tell, i) for i, param in enumerate(self.params)]

    def __del__(self):
        for handle in getattr(self, "_handles", ()):
            handle.remove()

    def _remove_autograd_hooks(self):
        for handle in self._handles:
            handle.remove()
        self._handles = []

    # ---- Buckets ----

    def _make_buckets(self, bucket_indices):
        self.buckets, self._places = [], [None] * len(self.params)
        for number, indices in enumerate(bucket_indices):
            bucket = Bucket(number, indices, [self.params[i] for i in indices])
            self.buckets.append(bucket)
            for slot, i in enumerate(indices):
                self._places[i] = bucket, slot
        self._next = 0

    def _rebuild_buckets(self):
        """Once, before the second forward: buckets in the order in which gradients came. Whether
        it has done so.
        """
        self._check_finished()
        if self._has_rebuilt or len(self._order) != len(self.params) or not self._may_rebuild():
            self._order = []
            return False
        params = [self.params[i] for i in self._order]
        indices, _ = _compute_bucket_assignment_by_size(
            params, self._limits, tensor_indices=self._order
        )
        indices = self._agree(indices)
        self._has_rebuilt, self._order = True, []
        before = self.buckets
        self._make_buckets(indices)
        for bucket in before:
            if bucket.has_memory() and (self.gradient_as_bucket_view or bucket.is_private()):
                self._move(bucket)
        return True

    def _move(self, before):
        with no_grad():
            for i, old in zip(before.indices, before.views):
                param = self.params[i]
                grad = param.grad
                if grad is not None and (grad is old or self.gradient_as_bucket_view):
                    bucket, slot = self._places[i]
                    bucket.views[slot].copy_(grad)
                    param.grad = bucket.views[slot]

    def _may_rebuild(self):
        return self.static_graph or not self.find_unused_parameters

    def _agree(self, indices):
        """What the first rank says: arrival may differ between ranks."""
        from . import broadcast

        pairs = [(i, number) for number, bucket in enumerate(indices) for i in bucket]
        said = _C.tensor(pairs, device=self.params[0].device)
        broadcast(said, group_src=0, group=self.process_group)
        indices = [[] for _ in range(int(said[:, 1].max()) + 1)]
        for i, number in said.tolist():
            indices[number].append(i)
        return indices

    # ---- What forward tells ----

    def prepare_for_backward(self, outputs):
        """After a forward: gradients are expected, of the parameters that `outputs` lead to."""
        self._expects, self._first_call = True, True
        self._next = 0
        for bucket in self.buckets:
            bucket.begin()
        self._arrived.clear()
        self._marked_unused = False
        self._stays = (
            not self._hook
            and not self.gradient_as_bucket_view
            and self._used is None
            and self._forward_work is None
            and self.params[0].device.type == "cpu"
            and operations.goes_in_pieces(self.process_group.comm)
        )
        if self.static_graph:
            self._calls_left = list(self._calls)
        elif self.find_unused_parameters:
            reached = _C._leaves_reached(list(outputs), self.params)
            self._unused = [i for i, is_reached in enumerate(reached) if not is_reached]
            if not self._unused:
                _warn_once(_NEEDLESS)

    def _set_forward_pass_work_handle(self, work, use_static_world_size):
        self._forward_work, self._static_world_size = work, use_static_world_size

    def _set_static_graph(self):
        if self._runs:
            raise RuntimeError(
                "set_static_graph() should be called before training loop starts and after "
                "DistributedDataParallel is constructed."
            )
        self.static_graph = True
        self._used = [0] * len(self.params)

    def _is_first_static_run(self):
        return self.static_graph and self._runs == 1

    # ---- What backward tells ----

    def _on_gradient(self, i):
        """Backward has added to the gradient of a parameter, or has found that it gets none."""
        if self._first_call:
            self._first_call = False
            self._runs += 1
        if self._used is not None and (self._runs == 1 or not self.static_graph):
            if self.params[i].grad is not None:
                self._used[i] = 1
            if self._is_first_static_run():
                self._calls[i] += 1
                return
        if not self._expects:
            return
        if not self._marked_unused:
            self._marked_unused = True
            for unused in self._unused:
                self._mark_ready(unused)
        if self.static_graph:
            if self._calls_left[i] <= 0:
                raise RuntimeError(
                    "Your training graph has changed in this iteration, e.g., one parameter is "
                    "unused in first iteration, but then got used in the second iteration. "
                    + _GRAPH_CHANGED
                )
            self._calls_left[i] -= 1
            if self._calls_left[i]:
                return
        if not self._has_rebuilt and self._may_rebuild():
            self._order.append(i)
        self._mark_ready(i)

    def _mark_ready(self, i):
        if i in self._arrived:
            self._raise_twice(i)
        self._arrived.add(i)
        self._unfinished = True
        bucket, slot = self._places[i]
        if self._stays:
            self._keep(bucket, slot, self.params[i])
        else:
            self._gather(bucket, slot, self.params[i])
        bucket.pending -= 1
        if bucket.pending:
            return
        while self._next < len(self.buckets) and not self.buckets[self._next].pending:
            self._next += 1
            if self._hook or self._next < len(self.buckets):
                self._send(self.buckets[self._next - 1])
        if self._next == len(self.buckets):
            # A backward inside of the outermost may still come to parameters again, which raises.
            _C._queue_callback(self._finish, True)

    def _keep(self, bucket, slot, param):
        """Notes where a gradient lies: in its own memory, or in a copy where others hold that."""
        is_alone, strides = _C._gradient_is_alone(param), strides_of_gradient(param)
        grad = param.grad
        with no_grad():
            if grad is None:
                kept = bucket.empty[slot] = _C.empty_strided(
                    param.shape, strides, dtype=param.dtype, device=param.device
                )
                kept.zero_()
            elif is_alone and grad.stride() == strides:
                kept = grad.detach()
            else:
                kept = _C.empty_strided(
                    grad.shape, strides, dtype=grad.dtype, device=grad.device
                ).copy_(grad)
                bucket.copied[slot] = kept
            if grad is not None and grad.requires_grad:
                _warn_once(_SECOND_ORDER)
            bucket.in_place[slot] = kept.as_strided((kept.numel(),), (1,))

    def _gather(self, bucket, slot, param):
        """Puts a parameter's gradient, divided, into its bucket, and lets it be that memory."""
        factor = 1.0 if self._hook else 1.0 / self._divide_by()
        becomes_view = self.gradient_as_bucket_view or _C._gradient_is_alone(param)
        grad = param.grad
        is_idle = self._used is not None and not self._used[bucket.indices[slot]]
        with no_grad():
            if grad is not None and grad is bucket.views[slot]:
                if is_idle:
                    bucket.kept[slot] = grad.clone()
                if factor != 1:
                    grad.mul_(factor)
                return
            if not bucket.checked:
                self._check(bucket)
            view = bucket.views[slot]
            if grad is None:
                bucket.empty[slot] = view
                view.zero_()
                return
            if grad.requires_grad:
                _warn_once(_SECOND_ORDER)
            if factor != 1:
                _C.mul(grad.detach(), factor, out=view)
            else:
                view.copy_(grad)
            if becomes_view and not is_idle:
                param.grad = view
            else:
                bucket.copied[slot] = view

    def _check(self, bucket):
        """Before the first write: if a program holds gradients of another step, they stay."""
        bucket.checked = True
        if self.gradient_as_bucket_view or bucket.is_private():
            return
        before = bucket.views
        bucket.renew()
        for slot, (i, view) in enumerate(zip(bucket.indices, before)):
            if i in self._arrived and self.params[i].grad is view:
                bucket.copied[slot] = bucket.views[slot]

    def _divide_by(self):
        if self._divisor is None:
            self._divisor = self.process_group.size()
            if self._forward_work is not None and not self._static_world_size:
                self._forward_work.wait()
                self._divisor = int(self._forward_work.result()[0].item())
        return self._divisor

    # ---- Messages ----

    def _send(self, bucket, async_op=True):
        from .collectives import _average_in_place, all_reduce

        if self._skips_unused and self._unused and set(bucket.indices) <= set(self._unused):
            return
        if self._hook:
            bucket.future = self._run_comm_hook(self._seen(bucket, bucket.flat))
        elif self._stays:
            bucket.work = _average_in_place(bucket.in_place, self.process_group, async_op)
        else:
            bucket.work = all_reduce(bucket.flat, group=self.process_group, async_op=async_op)

    def _seen(self, bucket, flat):
        return GradBucket(bucket, flat, bucket.index == len(self.buckets) - 1)

    def _send_used(self):
        from . import all_reduce

        self._used_flags = _C.tensor(self._used, dtype=_C.int32, device=self.params[0].device)
        self._used_work = all_reduce(self._used_flags, group=self.process_group, async_op=True)

    def _register_comm_hook(self, state, hook):
        if self._hook is not None:
            raise RuntimeError(
                "register_comm_hook or register_builtin_comm_hook can only be called once."
            )
        self._hook, self._hook_state = hook, state

    def _run_comm_hook(self, bucket):
        """The Future of what a bucket becomes."""
        if self._hook is not None:
            future = self._hook(self._hook_state, bucket)
            if not isinstance(future, futures.Future):
                raise RuntimeError(
                    "DDP communication hook's callback must return a torch.futures.Future object, "
                    f"but got {type(future).__name__}"
                )
            return future
        from . import all_reduce

        flat = bucket.buffer()
        return all_reduce(flat, group=self.process_group, async_op=True).get_future()

    def _get_zeros_like_grad_buckets(self):
        return [self._seen(bucket, _C.zeros_like(bucket.flat)) for bucket in self.buckets]

    def _get_local_used_map(self):
        return _C.tensor(self._used, dtype=_C.int32, device=self.params[0].device)

    def _push_all_rebuilt_params(self):
        """A rank without gradients of its own: all arrive in the order of the parameters."""
        if not self._has_rebuilt and self._may_rebuild() and not self._order:
            self._order = list(range(len(self.params)))

    def _install_post_backward_futures(self, futures):
        self._futures.extend(futures)

    # ---- The end of backward ----

    def _delay_all_reduce(self):
        """At the end of a static graph's first backward: sends everything, in order."""
        self._send_used()
        self._unused = [i for i, calls in enumerate(self._calls) if not calls]
        self._unfinished = True
        for i, param in enumerate(self.params):
            bucket, slot = self._places[i]
            self._gather(bucket, slot, param)
        for bucket in self.buckets:
            self._send(bucket)
        self._receive_all()

    def _finish(self):
        """Sends the last bucket, waits for the others, and hands gradients to those without one."""
        if not self._hook:
            self._send(self.buckets[-1], async_op=False)  # nothing is left to do meanwhile
        if self.find_unused_parameters and not self.static_graph:
            self._send_used()
        self._receive_all()

    def _receive_all(self):
        if self.static_graph and not self._has_rebuilt and not self._is_first_static_run():
            self._order += self._unused
        self._expects = self._unfinished = False
        with no_grad():
            for bucket in self.buckets:
                self._receive(bucket)
        for future in self._futures:
            future.wait()
        self._futures, self._divisor = [], None
        if self._used_work is not None:
            self._know_what_is_used()
        if not self.static_graph and self._used is not None:
            self._used, self._used_anywhere = [0] * len(self.params), None

    def _receive(self, bucket):
        if bucket.work is not None:
            bucket.work.wait()
        elif bucket.future is not None:
            result = bucket.future.wait()
            if isinstance(result, (list, tuple)):
                result = result[0]
            if result is not bucket.flat:
                bucket.flat.copy_(result.view(-1))
        for slot, mean in bucket.copied.items():
            if self._is_used(bucket.indices[slot]):
                bucket.params[slot].grad.copy_(mean)
        for slot, mean in bucket.empty.items():
            if self._is_used(bucket.indices[slot]):
                bucket.params[slot].grad = mean
        for slot, value in bucket.kept.items():
            if not self._is_used(bucket.indices[slot]):
                bucket.params[slot].grad.copy_(value)

    def _is_used(self, i):
        """Whether backward has reached a parameter on any rank."""
        if self._used is None or self._used[i]:
            return True
        if self._used_work is not None:
            self._know_what_is_used()
        return bool(self._used_anywhere[i])

    def _know_what_is_used(self):
        self._used_work.wait()
        self._used_anywhere, self._used_work = self._used_flags.tolist(), None

    # ---- Errors ----

    def _check_reducer_finalized(self):
        self._check_finished()

    def _check_finished(self):
        if not self._unfinished:
            return
        from . import DebugLevel, get_debug_level

        if self.static_graph:
            text = (
                "This error indicates that your training graph has changed in this iteration, "
                "e.g., one parameter is used in first iteration, but then got unused in the second "
                f"iteration. {_GRAPH_CHANGED}"
            )
        else:
            advice = _ADVICE_WHERE_SEARCHED if self.find_unused_parameters else _ADVICE
            text = (
                "This error indicates that your module has parameters that were not used in "
                f"producing loss. {advice}{_UNUSED_OUTPUTS}"
            )
        missing = [i for i in range(len(self.params)) if i not in self._arrived]
        which = f"which did not receive grad for rank {self.process_group.rank()}: "
        if get_debug_level() == DebugLevel.OFF:
            hint = _NAMES_AT_DEBUG
        else:
            text += f"\nParameters {which}" + ", ".join(self.names[i] for i in missing)
            hint = ""
        text += f"\nParameter indices {which}" + " ".join(map(str, missing)) + hint
        raise RuntimeError(_UNFINISHED + text)

    def _raise_twice(self, i):
        raise RuntimeError(
            f"{_TWICE}\nParameter at index {i} with name {self.names[i]} has been marked as ready "
            "twice. This means that multiple autograd engine  hooks have fired for this particular "
            "parameter during this iteration."
        )

    # ---- Another group ----

    def _reset_state(self):
        self._has_rebuilt = self._expects = self._unfinished = False
        self._order = []

    def _update_process_group(self, process_group):
        self.process_group = process_group


def _tell(reducer, i):
    reducer = reducer()
    if reducer is not None:
        reducer._on_gradient(i)


def _register_comm_hook(reducer, state, comm_hook):
    reducer._register_comm_hook(state, comm_hook)


def _register_builtin_comm_hook(reducer, comm_hook_type):
    from .algorithms.ddp_comm_hooks import default_hooks
    from .stores import BuiltinCommHookType

    hooks = {
        BuiltinCommHookType.ALLREDUCE: default_hooks.allreduce_hook,
        BuiltinCommHookType.FP16_COMPRESS: default_hooks.fp16_compress_hook,
    }
    reducer._register_comm_hook(reducer.process_group, hooks[comm_hook_type])
