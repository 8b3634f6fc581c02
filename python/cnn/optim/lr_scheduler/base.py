"""The base of every schedule: when it runs, what it keeps, and the order of calls it expects."""

import functools
import warnings
import weakref

from ..._C import Tensor
from ..optimizer import Optimizer

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use `scheduler.step()` to step the scheduler. With an epoch the closed form "
    "is used instead of the chainable form, where available."
)
_ORDER_ADVICE = (
    "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
)


class LRScheduler:
    """Sets the learning rate of every group of an optimizer, once per `step()`.

    A subclass states in `get_lr` the rates at `self.last_epoch`, from `self.base_lrs` (what the
    groups started with) or from the groups' present rates. Construction performs the initial step,
    to epoch 0, unless `last_epoch` resumes a schedule: then the groups must hold `initial_lr`.
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer, last_epoch=-1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copy_value(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming "
                    "scheduler with last_epoch >= 0. Load the optimizer's state_dict first, or "
                    "leave last_epoch=-1 for a fresh run."
                )
        self.base_lrs = _param_groups_val_list(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _watch_steps(optimizer)
        self._initial_step()

    def _initial_step(self):
        self._step_count = 0
        with _initial_mode(self):
            self.step()

    def get_lr(self):
        """The rates of all groups at `last_epoch`: a list."""
        raise NotImplementedError

    def get_last_lr(self):
        """The rates that the schedule set last: a list, one per group."""
        return self._last_lr

    def step(self, epoch=None) -> None:
        """Go to the next epoch (or to `epoch`, which is deprecated) and set its rates."""
        if self._step_count == 1:
            self._check_order()
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _check_order(self):
        if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
            warnings.warn(
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler "
                "initialization. Please, make sure to call `optimizer.step()` before "
                f"`lr_scheduler.step()`. {_ORDER_ADVICE}",
                UserWarning,
                stacklevel=3,
            )
        elif not getattr(self.optimizer, "_opt_called", False):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch "
                "1.1.0 and later, you should call them in the opposite order: `optimizer.step()` "
                "before `lr_scheduler.step()`. Failure to do this will result in skipping the "
                f"first value of the learning rate schedule. {_ORDER_ADVICE}",
                UserWarning,
                stacklevel=3,
            )

    def _update_lr(self, epoch=None):
        if epoch is None:
            self.last_epoch += 1
            self._set_rates(self.get_lr)
        else:
            self.last_epoch = epoch
            self._set_rates(getattr(self, "_get_closed_form_lr", self.get_lr))

    def _set_rates(self, compute):
        with _enable_get_lr_call(self):
            rates = compute()
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            _update_param_group_val(group, "lr", rate)
        self._last_lr = _param_groups_val_list(self.optimizer, "lr")

    def _scaled(self, factor):
        """The present rates, times `factor`."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _unchanged(self):
        return _param_groups_val_list(self.optimizer, "lr")

    def state_dict(self):
        """Everything the schedule keeps, its optimizer excepted."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict):
        """Take over a `state_dict()`. The optimizer's own state has to be loaded as well."""
        self.__dict__.update(state_dict)


class _LRScheduler(LRScheduler):
    """The base class by the name that it has in older scripts."""


class _enable_get_lr_call:
    """Context manager: inside, `get_lr` is called by `step`, as it should be."""

    def __init__(self, o):
        self.o = o

    def __enter__(self):
        self.o._get_lr_called_within_step = True
        return self

    def __exit__(self, *exc_info):
        self.o._get_lr_called_within_step = False


class _initial_mode:
    """Context manager: inside, a step is the first one, to epoch 0."""

    def __init__(self, o):
        self.o = o

    def __enter__(self):
        self.o._is_initial = True

    def __exit__(self, *exc_info):
        self.o._is_initial = False


def check_optimizer(optimizer):
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def copy_value(value):
    """A tensor's copy; a number is its own."""
    return value.clone() if isinstance(value, Tensor) else value


def _param_groups_val_list(optimizer, key):
    return [copy_value(group[key]) for group in optimizer.param_groups]


def _update_param_group_val(group, key, value):
    """Set a group's option; a tensor keeps its identity and gets the value."""
    if isinstance(group[key], Tensor):
        group[key].fill_(float(value))
    else:
        group[key] = value


def _format_param(name, optimizer, value):
    """`value` for each group: a list of one value per group is taken as it is."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        value = [value] * groups
    elif len(value) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has "
            f"{len(value)} values, param_groups has {groups}."
        )
    return [copy_value(v) for v in value]


def _warn_get_lr_called_within_step(scheduler):
    """Warn a caller of `get_lr` from outside of `step`: chainable forms give wrong rates there."""
    if not scheduler._get_lr_called_within_step:
        warnings.warn(
            "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
            UserWarning,
            stacklevel=3,
        )


def _watch_steps(optimizer):
    """Make the optimizer note that it has stepped, for the warning about the order of calls."""
    step = optimizer.step
    if hasattr(step, "_wrapped_by_lr_sched"):
        return
    # Weak, or the optimizer would hold itself through its own attribute.
    owner = weakref.ref(optimizer)
    function = step.__func__

    @functools.wraps(function)
    def noting_step(*args, **kwargs):
        opt = owner()
        opt._opt_called = True
        return function.__get__(opt, type(opt))(*args, **kwargs)

    noting_step._wrapped_by_lr_sched = True
    optimizer.step = noting_step
