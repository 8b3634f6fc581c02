"""What the algorithms are made of: checks of options, and lists of what a group holds."""

from .. import _C
from .._C import Tensor

# Options that came to many optimizers over time, with the value that a state without them means.
LATE_OPTIONS = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}


def options(arguments):
    """The options among the arguments of an `__init__`, `locals()` at its start."""
    return {k: v for k, v in arguments.items() if k not in ("self", "params", "__class__")}


def column(states, name):
    """What the states of all parameters hold under a name."""
    return [state[name] for state in states]


def pick(group, names):
    """The options of a group that have these names, for a function that takes them by name."""
    return {name: group[name] for name in names.split()}


def check_steps(name, params, state_steps, differentiable=False, capturable=False, **others):
    """What the functions of lists ask before a step: `refuse`, that counts are tensors, and with
    `capturable` that they and the other lists of numbers lie on the parameters' GPU.
    """
    refuse(name, differentiable)
    check_capturable(params, state_steps, capturable, **others)
    if not all(isinstance(step, Tensor) for step in state_steps):
        raise RuntimeError(
            "API has changed, `state_steps` argument must contain a list of singleton tensors"
        )


def check_capturable(params, state_steps, capturable, **others):
    """Raise AssertionError if a step that is to be captured counts anywhere but on a GPU."""
    if capturable and not all(
        p.is_cuda and all(x.device == p.device for x in numbers)
        for p, *numbers in zip(params, state_steps, *others.values(), strict=True)
    ):
        names = ", ".join(["params", *others]) + ("," if len(others) > 1 else "")
        raise AssertionError(
            f"If capturable=True, {names} and state_steps must be on supported devices: ['cuda']."
        )


def refuse(name, differentiable=False, sparse=False):
    """Raise NotImplementedError for options that no step here has."""
    if differentiable:
        raise NotImplementedError(
            f"{name}: differentiable=True is not supported; write the update with tensor "
            "operations on the results of autograd.grad(..., create_graph=True)"
        )
    if sparse:
        raise NotImplementedError(f"{name}: sparse gradients; call grad.to_dense() before the step")


def scaled_away(grads, grad_scale, found_inf):
    """Whether a scaler of gradients found infinities, so that the step is left out; otherwise the
    gradients are divided by its scale, if there is one.
    """
    if found_inf is not None and found_inf.item():
        return True
    if grad_scale is not None:
        for grad in grads:
            grad.div_(grad_scale)
    return False


def scalar_tensor(value):
    """A 0-d tensor on the CPU: float64 if that is the default dtype, else float32."""
    return _C.full((), float(value), dtype=_get_scalar_dtype(), device="cpu")


def state_number(group, param, value=0.0):
    """A number of a parameter's state: on the GPU if its steps are to be captured."""
    number = scalar_tensor(value)
    return number.to(param.device) if group["capturable"] else number


def rate(lr):
    """`lr` as a number, and the tensor that stands for it if that lies on a GPU."""
    if type(lr) is float:
        return lr, None
    if isinstance(lr, Tensor) and lr.is_cuda:
        return 0.0, lr.detach()
    return float(lr), None


def check_lr(lr):
    """Raise ValueError unless `lr` is a number or one-element tensor of at least 0."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    check_range("learning rate", lr)


def check_range(what, value, below=None):
    """Raise ValueError unless 0 <= value, and value < below where that is given."""
    if not 0.0 <= value or (below is not None and not value < below):
        raise ValueError(f"Invalid {what}: {value}")


def check_betas(betas):
    """Raise ValueError unless both decay rates lie in [0, 1)."""
    for i in (0, 1):
        check_range(f"beta parameter at index {i}", betas[i], below=1.0)


def _get_scalar_dtype(is_fused=None):
    """The dtype of counts and other scalars of a state."""
    wide = not is_fused and _C.get_default_dtype() == _C.float64
    return _C.float64 if wide else _C.float32
