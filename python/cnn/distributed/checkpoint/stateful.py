"""What has a state to save."""

from typing import Protocol, runtime_checkable

__all__ = ["Stateful"]


@runtime_checkable
class Stateful(Protocol):
    """An object with `state_dict()` and `load_state_dict(state)`."""

    def state_dict(self): ...

    def load_state_dict(self, state_dict): ...
