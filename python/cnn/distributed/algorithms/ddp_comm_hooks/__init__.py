"""How the gradients of DistributedDataParallel are sent."""

from __future__ import annotations

import enum
from enum import Enum
from functools import partial

from . import debugging_hooks, default_hooks, powerSGD_hook, quantization_hooks

__all__ = ["DDPCommHookType", "register_ddp_comm_hook"]


# Before Python 3.11, where a function is a method of an enum, a partial is a member as it is.
member = getattr(enum, "member", lambda value: value)


def _register(hook, model, state):
    model.register_comm_hook(state, hook)


def _register_power_sgd(hook, rank, model, state, start_powerSGD_iter=1_000):
    made = powerSGD_hook.PowerSGDState(state, rank, start_powerSGD_iter)
    model.register_comm_hook(made, hook)


# Those that raise are made when their modules are read, where no reader of types sees them.
_raise = {**vars(quantization_hooks), **vars(powerSGD_hook)}


class DDPCommHookType(Enum):
    """The hooks by name; a value is called with the model and the hook's state."""

    ALLREDUCE = member(partial(_register, default_hooks.allreduce_hook))
    FP16_COMPRESS = member(partial(_register, default_hooks.fp16_compress_hook))
    BF16_COMPRESS = member(partial(_register, default_hooks.bf16_compress_hook))
    QUANTIZE_PER_TENSOR = member(partial(_register, _raise["quantization_pertensor_hook"]))
    QUANTIZE_PER_CHANNEL = member(partial(_register, _raise["quantization_perchannel_hook"]))
    POWER_SGD = member(partial(_register_power_sgd, _raise["powerSGD_hook"], 1))
    POWER_SGD_RANK2 = member(partial(_register_power_sgd, _raise["powerSGD_hook"], 2))
    BATCHED_POWER_SGD = member(partial(_register_power_sgd, _raise["batched_powerSGD_hook"], 1))
    BATCHED_POWER_SGD_RANK2 = member(
        partial(_register_power_sgd, _raise["batched_powerSGD_hook"], 2)
    )
    NOOP = member(partial(_register, debugging_hooks.noop_hook))


def register_ddp_comm_hook(comm_hook_type, model, state=None):
    """Lets a DistributedDataParallel send its gradients as a member of DDPCommHookType says."""
    comm_hook_type.value(model=model, state=state)
