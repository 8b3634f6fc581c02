"""The base of every optimizer: parameter groups, state, state dicts and hooks."""

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any, ParamSpec, TypeVar

from .. import _C
from .._C import Tensor
from ..autograd import enable_grad, set_grad_enabled
from ..utils.hooks import RemovableHandle
from ._parts import _get_scalar_dtype as _get_scalar_dtype
from ._parts import refuse, scalar_tensor

__all__ = [
    "Optimizer",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
]

# What optimizers and their hooks are given and give, for annotations.
T, R, _T, _P = TypeVar("T"), TypeVar("R"), TypeVar("_T"), ParamSpec("_P")
ParamsT = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
Args = tuple[Any, ...]
Kwargs = dict[str, Any]
StateDict = dict[str, Any]
DeviceDict = dict[_C.device | None, Tensor]
DeviceDtypeDict = dict[tuple[_C.device, _C.dtype] | None, Tensor]
GlobalOptimizerPreHook = Callable[["Optimizer", Args, Kwargs], tuple[Args, Kwargs] | None]
GlobalOptimizerPostHook = Callable[["Optimizer", Args, Kwargs], None]

_global_optimizer_pre_hooks = OrderedDict()
_global_optimizer_post_hooks = OrderedDict()


class _RequiredParameter:
    """The mark of an option that every parameter group has to give."""

    def __repr__(self):
        return "<required parameter>"


required = _RequiredParameter()


_is_recording = _C._is_recording


def _range_of(optimizer, method):
    """The range in a profile that a call of the optimizer is."""
    from ..autograd.profiler import record_function

    return record_function(f"Optimizer.{method}#{type(optimizer).__name__}.{method}")


class Optimizer:
    """Parameters in groups, options per group, state per parameter; subclasses add `step`.

    `params` is an iterable of tensors, of (name, tensor) pairs, or of dicts, one per group, with a
    key `params` and options that override `defaults`. A subclass states in `_initial_state` what it
    keeps per parameter, and moves the parameters in `step`.
    """

    # Options that came into a subclass over time, with the value that a state without them means.
    _late_options = {}
    # Entries of a parameter's state that are 0-d tensors, and were numbers in old files.
    _scalar_state = ()
    _warned_capturable_if_run_uncaptured = False
    # What to use instead where gradients are sparse; ends the error.
    _sparse_advice = ""

    def __init__(self, params, defaults) -> None:
        self.defaults = defaults
        self._make_hook_tables()
        self._patch_step_function()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {_typename(params)}"
            )
        if defaults.get("fused"):
            if defaults.get("differentiable"):
                raise RuntimeError("`fused` does not support `differentiable`")
            if defaults.get("foreach"):
                raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def step(self, closure: Callable[[], Tensor | float] | None = None):
        """Move every parameter that has a gradient once; returns `closure()`, if one is given."""
        raise NotImplementedError

    def zero_grad(self, set_to_none=True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros if not `set_to_none`."""
        if _is_recording():
            with _range_of(self, "zero_grad"):
                return self._zero_grad(set_to_none)
        return self._zero_grad(set_to_none)

    def _zero_grad(self, set_to_none):
        for group in self.param_groups:
            for p in group["params"]:
                grad = p.grad
                if grad is None:
                    continue
                if set_to_none:
                    p.grad = None
                    continue
                if grad.grad_fn is not None:
                    grad.detach_()
                else:
                    grad.requires_grad_(False)
                grad.zero_()

    def add_param_group(self, param_group) -> None:
        """Add a group, a dict with `params` and any options that differ from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        _list_params(param_group)
        for param in param_group["params"]:
            if not isinstance(param, Tensor):
                raise TypeError(
                    "optimizer can only optimize Tensors, but one of the params is "
                    + _typename(param)
                )
            if not (param.is_leaf or param.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization parameter "
                    + name
                )
            param_group.setdefault(name, default)
        self._refuse_unsupported(param_group)
        params = param_group["params"]
        if len(params) != len(set(params)):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this "
                "will cause an error; see github.com/pytorch/pytorch/issues/40967 for more "
                "information",
                stacklevel=3,
            )
        named = "param_names" in param_group
        if any(("param_names" in group) != named for group in self.param_groups):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if named else 'without'} names to the optimizer"
            )
        known = set(chain.from_iterable(group["params"] for group in self.param_groups))
        if not known.isdisjoint(params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def _refuse_unsupported(self, group):
        refuse(type(self).__name__, group.get("differentiable"))

    # What the subclasses' steps are made of.

    def _cuda_graph_capture_health_check(self):
        """Raises where a step would be recorded whose counts are the CPU's.

        A replay would not count on. Warns once of counts on the GPU that nobody records.
        """
        if not self._scalar_state:
            return
        firsts = [group["params"][0] for group in self.param_groups if group["params"]]
        gpus = [p.device.index for p in firsts if p.is_cuda]
        if not gpus:
            return
        recorded = _C._cuda_is_capturing(gpus[0], _C._cuda_stream(gpus[0]))
        capturable = all(group.get("capturable") for group in self.param_groups)
        if recorded and not capturable:
            raise RuntimeError(
                "Attempting CUDA graph capture of step() for an instance of "
                f"{type(self).__name__} but param_groups' capturable is False."
            )
        if capturable and not recorded and not self._warned_capturable_if_run_uncaptured:
            self._warned_capturable_if_run_uncaptured = True
            warnings.warn(
                "This instance was constructed with capturable=True or some of all the "
                "param_groups came with capturable=True, but step() is running without CUDA graph "
                "capture. If you never intend to graph-capture this instance, capturable=True can "
                "impair performance, and you should set capturable=False.",
                stacklevel=4,
            )

    def _refuse_recording(self, param):
        """Raises where a parameter's first step is recorded: each replay would be its first."""
        if param.is_cuda:
            index = param.device.index
            if _C._cuda_is_capturing(index, _C._cuda_stream(index)):
                raise RuntimeError(
                    f"{type(self).__name__}: a parameter's first step cannot be captured, or each "
                    "replay would make its state anew; take a step before the capture"
                )

    def _evaluate(self, closure):
        """The closure's loss, computed with gradients enabled; None without a closure."""
        if closure is None:
            return None
        with enable_grad():
            return closure()

    def _initial_state(self, group, param):
        """The state of a parameter before its first step: a dict."""
        raise NotImplementedError

    def _gather(self, group, with_state=True):
        """Lists of the parameters that have a gradient, of the gradients and of the states."""
        params, grads, states = [], [], []
        for p in group["params"]:
            grad = p.grad
            if grad is None:
                continue
            if grad.is_sparse:
                raise RuntimeError(
                    f"{type(self).__name__} does not support sparse gradients{self._sparse_advice}"
                )
            params.append(p)
            grads.append(grad)
            if with_state:
                state = self.state[p]
                if not state:
                    self._refuse_recording(p)
                    state.update(self._initial_state(group, p))
                states.append(state)
        return params, grads, states

    # State dicts and pickling.

    def state_dict(self):
        """A dict of `state` (by position of the parameter) and `param_groups`, as PyTorch's."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        position = {}
        groups = []
        start = 0
        for group in self.param_groups:
            params = group["params"]
            for i, p in enumerate(params, start):
                position.setdefault(id(p), i)
            start += len(params)
            packed = {k: v for k, v in group.items() if k != "params"}
            packed["params"] = [position[id(p)] for p in params]
            groups.append(packed)
        state = {position[id(k)] if isinstance(k, Tensor) else k: v for k, v in self.state.items()}
        result = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, result)
            if changed is not None:
                result = changed
        return result

    def load_state_dict(self, state_dict):
        """Take over state and options from a `state_dict()`, matching parameters by position.

        Tensors are cast to the dtype and device of their parameter, `step` excepted. Raises
        ValueError when the groups differ in number or size.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        saved_groups = deepcopy(state_dict["param_groups"])
        if len(self.param_groups) != len(saved_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        pairs = list(zip(self.param_groups, saved_groups, strict=True))
        if any(len(group["params"]) != len(saved["params"]) for group, saved in pairs):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                "optimizer's group"
            )
        owner = {}
        for group, saved in pairs:
            on_device = bool(saved.get("fused") or saved.get("capturable"))
            for p, key in zip(group["params"], saved["params"], strict=True):
                owner[key] = p, on_device
        state = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in owner:
                p, on_device = owner[key]
                state[p] = _fit(value, p, on_device, self._scalar_state)
            else:
                state[key] = value
        for group, saved in pairs:
            saved["params"] = group["params"]
            if "param_names" in group:
                saved.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved_groups})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def __getstate__(self):
        return {
            "defaults": self.defaults,
            "state": self.state,
            "param_groups": self.param_groups,
        }

    def __setstate__(self, state):
        self.__dict__.update(state)
        if "_optimizer_step_pre_hooks" not in self.__dict__:
            self._make_hook_tables()
        self._patch_step_function()
        self.defaults.setdefault("differentiable", False)
        for group in self.param_groups:
            for name, value in self._late_options.items():
                group.setdefault(name, value)
        for values in self.state.values() if self._scalar_state else ():
            for name in self._scalar_state:
                if name in values and not isinstance(values[name], Tensor):
                    values[name] = scalar_tensor(values[name])

    def __repr__(self):
        lines = [type(self).__name__ + " ("]
        for i, group in enumerate(self.param_groups):
            lines.extend(("", f"Parameter Group {i}") if i else (f"Parameter Group {i}",))
            lines.extend(f"    {key}: {group[key]}" for key in sorted(group) if key != "params")
        return "\n".join(lines) + "\n)"

    # Hooks.

    def _make_hook_tables(self):
        self._optimizer_step_pre_hooks = OrderedDict()
        self._optimizer_step_post_hooks = OrderedDict()
        self._optimizer_state_dict_pre_hooks = OrderedDict()
        self._optimizer_state_dict_post_hooks = OrderedDict()
        self._optimizer_load_state_dict_pre_hooks = OrderedDict()
        self._optimizer_load_state_dict_post_hooks = OrderedDict()

    def _patch_step_function(self):
        cls = type(self)
        if not getattr(cls.step, "hooked", False):
            cls.step = self.profile_hook_step(cls.step)

    @staticmethod
    def profile_hook_step(step):
        """`step`, with the hooks of its optimizer and of all optimizers around it."""

        @functools.wraps(step)
        def wrapper(self, *args, **kwargs):
            if _is_recording():
                with _range_of(self, "step"):
                    return with_hooks(self, *args, **kwargs)
            if not (
                self._optimizer_step_pre_hooks
                or self._optimizer_step_post_hooks
                or _global_optimizer_pre_hooks
                or _global_optimizer_post_hooks
            ):
                return step(self, *args, **kwargs)
            return with_hooks(self, *args, **kwargs)

        def with_hooks(self, *args, **kwargs):
            # Hooks see the optimizer as the first of the arguments, as PyTorch's do.
            args = (self, *args)
            pre_hooks = chain(
                _global_optimizer_pre_hooks.values(), self._optimizer_step_pre_hooks.values()
            )
            for hook in tuple(pre_hooks):
                changed = hook(self, args, kwargs)
                if changed is None:
                    continue
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        f"{step} must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {changed}."
                    )
                args, kwargs = changed
            result = step(*args, **kwargs)
            post_hooks = chain(
                self._optimizer_step_post_hooks.values(), _global_optimizer_post_hooks.values()
            )
            for hook in tuple(post_hooks):
                hook(self, args, kwargs)
            return result

        wrapper.hooked = True
        return wrapper

    def register_step_pre_hook(self, hook):
        """Call `hook(optimizer, args, kwargs)` before each step; it may return (args, kwargs)."""
        return _register(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return _register(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend=False):
        """Call `hook(optimizer)` before `state_dict` collects."""
        return _register(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend=False):
        """Call `hook(optimizer, state_dict)` on the result; it may return another one."""
        return _register(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend=False):
        """Call `hook(optimizer, state_dict)` before loading; it may return another dict."""
        return _register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend=False):
        """Call `hook(optimizer)` after loading."""
        return _register(self._optimizer_load_state_dict_post_hooks, hook, prepend)


class GroupwiseOptimizer(Optimizer):
    """An optimizer that moves the parameters of a group in one call of `_move`."""

    def step(self, closure: Callable[[], Tensor | float] | None = None):
        """Move every parameter that has a gradient once; returns `closure()`, if one is given."""
        self._cuda_graph_capture_health_check()
        loss = self._evaluate(closure)
        for group in self.param_groups:
            self._move(group, *self._gather(group))
        return loss

    def _move(self, group, params, grads, states):
        raise NotImplementedError


def register_optimizer_step_pre_hook(hook):
    """Call `hook(optimizer, args, kwargs)` before each step of every optimizer."""
    return _register(_global_optimizer_pre_hooks, hook)


def register_optimizer_step_post_hook(hook):
    """Call `hook(optimizer, args, kwargs)` after each step of every optimizer."""
    return _register(_global_optimizer_post_hooks, hook)


def _list_params(group):
    """Turn group["params"] into a list of tensors, and names, if there are any, into a list too."""
    params = group["params"]
    if isinstance(params, Tensor):
        params = [params]
    elif isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of "
            "tensors in sets will change between runs. Please use a list instead."
        )
    params = list(params)
    names = [p[0] for p in params if isinstance(p, tuple)]
    group["params"] = [p[1] if isinstance(p, tuple) else p for p in params]
    if names:
        if len(names) != len(params):
            raise ValueError(
                "all optimizer params should be with/without names. Some param names are missing"
            )
        group["param_names"] = names


def _hooks_of(*tables):
    return [hook for table in tables for hook in table.values()]


def _register(hooks, hook, prepend=False):
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _fit(value, param, on_device, scalars, key=None):
    """`value` with each tensor cast for the state of `param`, of which `scalars` are numbers."""
    if isinstance(value, Tensor):
        if key == "step" or key in scalars:
            # Counts stay float32, or a half-precision step would stop counting at 256.
            return value.to(dtype=_C.float32, device=param.device) if on_device else value
        if param.is_floating_point():
            return value.to(dtype=param.dtype, device=param.device)
        return value.to(device=param.device)
    if isinstance(value, dict):
        return {k: _fit(v, param, on_device, scalars, k) for k, v in value.items()}
    if isinstance(value, (list, tuple, set)):
        return type(value)(_fit(v, param, on_device, scalars) for v in value)
    return value


def _typename(value):
    if isinstance(value, Tensor):
        return value.type()
    cls = type(value)
    prefix = "" if cls.__module__ == "builtins" else cls.__module__ + "."
    return prefix + cls.__qualname__


# What optimizers written for PyTorch import from here.

_params_doc = """params (iterable): tensors, (name, tensor) pairs, or dicts, one per group: all
            named or none"""
_foreach_doc = "foreach (bool, optional): accepted; a step is one call for a group anyhow"
_fused_doc = "fused (bool, optional): accepted; a step is one call for a group anyhow"
_capturable_doc = "capturable (bool, optional): counts on the GPU, for CUDA graphs"
_differentiable_doc = "differentiable (bool, optional): steps are not recorded for autograd"
_maximize_doc = "maximize (bool, optional): climb instead of descending (default: False)"


def _use_grad_for_differentiable(func):
    """Decorates a `step`: recorded if the option `differentiable` says so, otherwise not."""

    @functools.wraps(func)
    def _use_grad(self, *args, **kwargs):
        with set_grad_enabled(self.defaults["differentiable"]):
            return func(self, *args, **kwargs)

    return _use_grad


def _disable_dynamo_if_unsupported(single_tensor_fn=None):
    """Decorates a functional optimizer: nothing is compiled, so it stays what it is."""
    return lambda func: func


def _get_value(x):
    """A one-element tensor as a number."""
    return x.item() if isinstance(x, Tensor) else x


def _stack_if_compiling(x):
    """Nothing is compiled, so a list stays a list."""
    return x


def _dispatch_sqrt(x):
    """The root of a number or a tensor."""
    return x.sqrt() if isinstance(x, Tensor) else x**0.5


def _to_scalar(x):
    """A one-element tensor as a 0-d one; a number is its own."""
    return x.squeeze() if isinstance(x, Tensor) and x.dim() != 0 else x


def _view_as_real(params, *state_and_grads):
    """Replaces complex parameters, and what belongs to them in the other lists, by real views."""
    for i, p in enumerate(params):
        if p.is_complex():
            for tensors in (params, *state_and_grads):
                tensors[i] = _C.view_as_real(tensors[i])


def _default_to_fused_or_foreach(params, differentiable, use_fused=False):
    """(fused, foreach): which of the two PyTorch would take; foreach on GPUs alone."""
    if differentiable:
        return False, False

    def all_are(fits):
        return all(p is None or fits(p) for p in params)

    fused = use_fused and all_are(
        lambda p: p.device.type in ("cpu", "cuda") and p.is_floating_point()
    )
    return fused, not fused and all_are(lambda p: p.device.type == "cuda")


def _device_dtype_check_for_fused(p, cuda_unsupported=False):
    devices = ["cpu"] if cuda_unsupported else ["cuda", "cpu"]
    if p.device.type not in devices or not p.is_floating_point():
        raise RuntimeError(
            "`fused=True` requires all the params to be floating point Tensors of supported "
            f"devices: {devices} but {p.dtype} and {p.device.type}"
        )


def _get_capturable_supported_devices(supports_xla=True):
    """The types of devices whose graphs record steps."""
    return ["cuda"]
