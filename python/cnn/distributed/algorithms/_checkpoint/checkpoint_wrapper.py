"""Layers that recompute their activations."""

from enum import Enum, auto

from .... import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "call the layer through cnn.utils.checkpoint.checkpoint",
    functions="apply_activation_checkpointing checkpoint_wrapper offload_wrapper",
    classes="ActivationWrapper CheckpointWrapper OffloadWrapper",
    error=NotImplementedError,
)


class CheckpointImpl(Enum):
    """How a layer is recomputed."""

    REENTRANT = auto()
    NO_REENTRANT = auto()
