"""How the gradients of DistributedDataParallel are sent."""

from __future__ import annotations

from enum import Enum
from functools import partial

from . import debugging_hooks, default_hooks, powerSGD_hook, quantization_hooks

__all__ = ["DDPCommHookType", "register_ddp_comm_hook"]


try:
    from enum import member  # a function is a method of the enum otherwise
except ImportError:  # Python 3.10, where a partial is no function

    def member(value):
        return value


def _register(hook, model, state):
    model.register_comm_hook(state, hook)


def _register_power_sgd(hook, rank, model, state, start_powerSGD_iter=1_000):
    made = powerSGD_hook.PowerSGDState(state, rank, start_powerSGD_iter)
    model.register_comm_hook(made, hook)


class DDPCommHookType(Enum):
    """The hooks by name; a value is called with the model and the hook's state."""

    ALLREDUCE = member(partial(_register, default_hooks.allreduce_hook))
    FP16_COMPRESS = member(partial(_register, default_hooks.fp16_compress_hook))
    BF16_COMPRESS = member(partial(_register, default_hooks.bf16_compress_hook))
    QUANTIZE_PER_TENSOR = member(partial(_register, quantization_hooks.quantization_pertensor_hook))
    QUANTIZE_PER_CHANNEL = member(
        partial(_register, quantization_hooks.quantization_perchannel_hook)
    )
    POWER_SGD = member(partial(_register_power_sgd, powerSGD_hook.powerSGD_hook, 1))
    POWER_SGD_RANK2 = member(partial(_register_power_sgd, powerSGD_hook.powerSGD_hook, 2))
    BATCHED_POWER_SGD = member(partial(_register_power_sgd, powerSGD_hook.batched_powerSGD_hook, 1))
    BATCHED_POWER_SGD_RANK2 = member(
        partial(_register_power_sgd, powerSGD_hook.batched_powerSGD_hook, 2)
    )
    NOOP = member(partial(_register, debugging_hooks.noop_hook))


def register_ddp_comm_hook(comm_hook_type, model, state=None):
    """Lets a DistributedDataParallel send its gradients as a member of DDPCommHookType says."""
    comm_hook_type.value(model=model, state=state)
