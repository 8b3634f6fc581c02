"""Trading time for memory: what a function saves for backward is dropped, and computed again when
backward needs it.
"""

from __future__ import annotations

import contextlib
import enum
import warnings
import weakref

from .. import _C, _absent, _unavailable
from ..amp.autocast_mode import autocast
from ..autograd.function import Function
from ..autograd.grad_mode import enable_grad, no_grad
from ..autograd.graph import saved_tensors_hooks
from ..random import fork_rng, get_rng_state, set_rng_state

__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "CheckpointPolicy",
    "DefaultDeviceType",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "detach_variable",
    "get_device_states",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
    "set_device_states",
]

_DEFAULT_DETERMINISM_MODE = "default"
_checkpoint_debug_enabled = None

_enable_checkpoint_early_stop = True


class CheckpointError(RuntimeError):
    """The function did not do the same again."""


class _StopRecomputationError(Exception):
    """Ends a recomputation once all that is needed is there."""


class CheckpointPolicy(enum.Enum):
    """What selective checkpoints would do with an op's result: keep it, or compute it again."""

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4


SAC_IGNORED_OPS = set()
__all__ += _unavailable.declare(
    __name__,
    "a checkpoint computes all of its function again; checkpoint smaller functions",
    functions="create_selective_checkpoint_contexts",
    classes="GraphExecGroup SelectiveCheckpointContext",
)


def noop_context_fn():
    """The default `context_fn`: nothing around the forward, nothing around the recomputation."""
    return contextlib.nullcontext(), contextlib.nullcontext()


class set_checkpoint_early_stop:
    """Context manager: whether checkpoints made inside stop recomputing when all saved tensors are
    there (the default).
    """

    def __init__(self, enable):
        self._enable = enable

    def __enter__(self):
        global _enable_checkpoint_early_stop
        self._former, _enable_checkpoint_early_stop = _enable_checkpoint_early_stop, self._enable

    def __exit__(self, *exc_info):
        global _enable_checkpoint_early_stop
        _enable_checkpoint_early_stop = self._former


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled):
    """Context manager: inside, checkpoints have `debug=enabled`, whatever they are given; None
    leaves it to them.
    """
    global _checkpoint_debug_enabled
    former, _checkpoint_debug_enabled = _checkpoint_debug_enabled, enabled
    try:
        yield
    finally:
        _checkpoint_debug_enabled = former


def checkpoint(
    function,
    *args,
    use_reentrant=None,
    context_fn=noop_context_fn,
    determinism_check=_DEFAULT_DETERMINISM_MODE,
    debug=False,
    early_stop=True,
    preserve_rng_state=True,
    **kwargs,
):
    """`function(*args, **kwargs)`, which runs once more during backward instead of keeping its
    intermediate tensors.

    Pass `use_reentrant=False`: nested checkpoints, keyword arguments, `autograd.grad` and inputs
    without gradients work there. With True the function runs without being recorded, and its own
    backward runs within backward. The random numbers are the same both times if
    `preserve_rng_state`. `context_fn` gives context managers for both runs; `determinism_check`
    "default" compares shapes, dtypes and devices, raising CheckpointError, "none" does not.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. "
            "use_reentrant=False is recommended; without it, use_reentrant=True is used.",
            stacklevel=2,
        )
        use_reentrant = True
    if _checkpoint_debug_enabled is not None:
        debug = _checkpoint_debug_enabled
    if debug:
        raise NotImplementedError(
            "checkpoint: debug=True; run the function without checkpoint to trace its ops"
        )
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn:
            raise ValueError(
                "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
            )
        return CheckpointFunction.apply(function, preserve_rng_state, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(
            f"determinism_check should be one of ['default', 'none'], but got {determinism_check}"
        )
    if not _C.is_grad_enabled():
        return function(*args, **kwargs)
    around_forward, around_recompute = context_fn()
    random = _RandomState() if preserve_rng_state else None
    modes = _autocast_modes()
    call = _SavedCall(function, args, kwargs)

    def recompute():
        with random.restored() if random else contextlib.nullcontext(), _all_of(modes):
            with around_recompute:
                call()

    early_stop = early_stop and _enable_checkpoint_early_stop
    frame = _CheckpointFrame(recompute, early_stop, determinism_check == "default")
    with frame.forward_hooks(), around_forward:
        result = function(*args, **kwargs)
    frame.complete = True
    return result


def detach_variable(inputs):
    """A tuple's tensors, detached from what they come from, and as much in want of a gradient."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            "Only tuple of tensors is supported. Got Unsupported input type: "
            f"{type(inputs).__name__}"
        )
    return tuple(
        x.detach().requires_grad_(x.requires_grad) if isinstance(x, _C.Tensor) else x
        for x in inputs
    )


def check_backward_validity(inputs):
    """Warn if no tensor among the inputs requires a gradient."""
    if not any(x.requires_grad for x in inputs if isinstance(x, _C.Tensor)):
        warnings.warn(
            "None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2
        )


class DefaultDeviceType:
    """The type of devices whose random state counts where no argument is on one."""

    _default_device_type = None

    @staticmethod
    def set_device_type(device="cuda"):
        DefaultDeviceType._default_device_type = device

    @staticmethod
    def get_device_type():
        if DefaultDeviceType._default_device_type is None:
            DefaultDeviceType._default_device_type = "cuda" if _C._cuda_is_available() else "cpu"
        return DefaultDeviceType._default_device_type


def get_device_states(*args):
    """([number of each GPU among the arguments], [state of its random generator])."""
    devices = []

    def visit(value):
        if isinstance(value, _C.Tensor) and value.device.type == "cuda":
            devices.append(value.get_device())
        elif isinstance(value, (list, tuple)):
            for part in value:
                visit(part)
        elif isinstance(value, dict):
            visit(list(value.values()))

    visit(args)
    if not devices:
        return [], []
    from .. import cuda

    return devices, [cuda.get_rng_state(device) for device in devices]


def set_device_states(devices, states, *, device_type=None):
    """Put the random generators of GPUs into the states that `get_device_states` gave."""
    if device_type not in (None, "cuda", "cpu", "meta"):
        raise NotImplementedError(f"set_device_states: there are no devices of type {device_type}")
    for device, state in zip(devices, states):
        from .. import cuda

        cuda.set_rng_state(state, device)


class _RandomState:
    """The state of the random generators when a forward begins."""

    def __init__(self):
        self._cpu = get_rng_state()
        self._devices = {}
        # Asking a GPU that was never used would start it up.
        import sys

        cuda = sys.modules.get("cnn.cuda")
        if cuda is not None and cuda.is_initialized():
            self._devices = {i: cuda.get_rng_state(i) for i in range(cuda.device_count())}

    @contextlib.contextmanager
    def restored(self):
        with fork_rng(devices=list(self._devices), device_type="cuda" if self._devices else "cpu"):
            set_rng_state(self._cpu)
            for device, state in self._devices.items():
                from .. import cuda

                cuda.set_rng_state(state, device)
            yield


def _autocast_modes():
    """Autocast as it stands, for each type of device, to be entered again."""
    cache_enabled = _C.is_autocast_cache_enabled()
    return [
        autocast(
            device, _C.get_autocast_dtype(device), _C.is_autocast_enabled(device), cache_enabled
        )
        for device in ("cpu", "cuda")
    ]


@contextlib.contextmanager
def _all_of(modes):
    with contextlib.ExitStack() as stack:
        for mode in modes:
            stack.enter_context(mode)
        yield


class _SaveInputs(Function):
    """Keeps tensors as any op does: version checks and the hooks of enclosing checkpoints apply to
    them.
    """

    @staticmethod
    def forward(ctx, call, needs_grad, *tensors):
        call.context = ctx
        ctx.save_for_backward(*tensors)
        return needs_grad.detach()

    @staticmethod
    def backward(ctx, *grads):
        raise AssertionError("the inputs of a checkpoint were saved in a node that has no gradient")


class _SavedCall:
    """A function with its arguments, tensors among them saved."""

    def __init__(self, function, args, kwargs):
        self._function = function
        self._names = list(kwargs)
        values = [*args, *kwargs.values()]
        self._count = len(args)
        self._at = [i for i, value in enumerate(values) if isinstance(value, _C.Tensor)]
        tensors = [values[i] for i in self._at]
        self._others = [None if isinstance(value, _C.Tensor) else value for value in values]
        self.context = None
        # The result's node owns what was saved: it lives as long as the call.
        self._anchor = _SaveInputs.apply(self, _C.empty(0, requires_grad=True), *tensors)

    def __call__(self):
        values = list(self._others)
        for i, tensor in zip(self._at, self.context.saved_tensors):
            values[i] = tensor
        kwargs = dict(zip(self._names, values[self._count :]))
        return self._function(*values[: self._count], **kwargs)


class _Holder:
    """What the graph keeps in place of the `index`-th saved tensor."""

    __slots__ = ("index", "form", "__weakref__")

    def __init__(self, index, form):
        self.index, self.form = index, form


def _default_meta_extractor(x):
    return {"shape": x.shape, "dtype": x.dtype, "device": x.device}


class _CheckpointFrame:
    """The saved tensors of one checkpointed call, numbered in the order of saving."""

    def __init__(self, recompute, early_stop, check_forms):
        self._recompute = recompute
        self._early_stop = early_stop
        self._check_forms = check_forms
        self._holders = []  # weak: what the graph no longer holds need not be kept
        self._values = {}
        self.complete = False

    def forward_hooks(self):
        def pack(tensor):
            form = _default_meta_extractor(tensor) if self._check_forms else None
            holder = _Holder(len(self._holders), form)
            self._holders.append(weakref.ref(holder))
            return holder

        return saved_tensors_hooks(pack, self._unpack)

    def _unpack(self, holder):
        if holder.index not in self._values:
            self._run_again()
        if holder.index not in self._values:
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the "
                "original forward and "
                f"recomputation.\nNumber of tensors saved during forward: {len(self._holders)}\n"
                f"Number of tensors saved during recomputation: {self._saved_again}."
            )
        return self._values.pop(holder.index)

    def _run_again(self):
        self._saved_again = 0
        needed = len(self._holders)

        def pack(tensor):
            index = self._saved_again
            self._saved_again += 1
            if index >= needed:
                if not self.complete:
                    # Backward within the function: the forward has not come this far yet.
                    return tensor
                raise CheckpointError(
                    "torch.utils.checkpoint: trying to save more tensors during recomputation "
                    "than during the original forward pass."
                )
            holder = self._holders[index]()
            if holder is not None:
                self._keep(holder, tensor)
            if self._early_stop and self._saved_again == needed:
                raise _StopRecomputationError
            return tensor.detach()

        with enable_grad(), saved_tensors_hooks(pack, lambda tensor: tensor):
            try:
                self._recompute()
            except _StopRecomputationError:
                pass

    def _keep(self, holder, tensor):
        if holder.form is not None and holder.form != _default_meta_extractor(tensor):
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have "
                "different metadata than "
                f"during the forward pass.\ntensor at position {holder.index}:\nsaved metadata: "
                f"{holder.form}\n"
                f"recomputed metadata: {_default_meta_extractor(tensor)}."
            )
        self._values[holder.index] = tensor.detach()


class CheckpointFunction(Function):
    """Runs unrecorded; its backward runs the function again, recorded, and that one's backward
    inside.
    """

    @staticmethod
    def forward(ctx, function, preserve_rng_state, *args):
        check_backward_validity(args)
        ctx.function = function
        ctx.random = _RandomState() if preserve_rng_state else None
        ctx.modes = _autocast_modes()
        ctx.others = [None if isinstance(arg, _C.Tensor) else arg for arg in args]
        ctx.at = [i for i, arg in enumerate(args) if isinstance(arg, _C.Tensor)]
        ctx.save_for_backward(*(args[i] for i in ctx.at))
        with no_grad():
            return function(*args)

    @staticmethod
    def backward(ctx, *grads):
        from .. import autograd

        args = list(ctx.others)
        for i, tensor in zip(ctx.at, detach_variable(ctx.saved_tensors)):
            args[i] = tensor
        restored = ctx.random.restored() if ctx.random else contextlib.nullcontext()
        with restored, enable_grad(), _all_of(ctx.modes):
            outputs = ctx.function(*args)
        outputs = (outputs,) if isinstance(outputs, _C.Tensor) else outputs
        pairs = [
            (output, grad)
            for output, grad in zip(outputs, grads)
            if isinstance(output, _C.Tensor) and output.requires_grad
        ]
        if not pairs:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        autograd.backward(*zip(*pairs))
        return None, None, *(arg.grad if isinstance(arg, _C.Tensor) else None for arg in args)


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    """Runs a Sequential, or a list of functions, in `segments` parts, each but the last one
    checkpointed.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be "
            "passed explicitly. use_reentrant=False is recommended; without it, "
            "use_reentrant=True is used.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    functions = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(functions) // segments
    if not 0 < segments <= len(functions):
        raise ValueError(
            f"checkpoint_sequential: segments={segments} must be between 1 and the number of "
            f"functions, {len(functions)}"
        )

    def part(start, end):
        def run(value):
            for function in functions[start:end]:
                value = function(value)
            return value

        return run

    for start in range(0, size * (segments - 1), size):
        input = checkpoint(
            part(start, start + size),
            input,
            use_reentrant=use_reentrant,
            preserve_rng_state=preserve,
        )
    return part(size * (segments - 1), len(functions))(input)


_absent.explain(__name__)
