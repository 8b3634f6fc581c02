"""Processes that run out of inputs before others: they go along with what the others send."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import NamedTuple

from ... import _C

__all__ = ["Join", "JoinHook", "Joinable"]

_SKEW = 1000


class JoinHook:
    """What a process does that has no inputs any more."""

    def main_hook(self):
        """Once for each step of the others: what they send in forward, backward and `step`."""

    def post_hook(self, is_last_joiner):
        """Once, when no process has any; `is_last_joiner` if none had inputs for longer."""


class _JoinConfig(NamedTuple):
    """What something joinable knows of the context that it is in."""

    enable: bool
    throw_on_early_termination: bool
    is_first_joinable: bool

    @staticmethod
    def construct_disabled_join_config():
        return _JoinConfig(False, False, False)


class Joinable(ABC):
    """What sends messages in each step, and can go along with those of others."""

    @abstractmethod
    def __init__(self):
        super().__init__()
        self._join_config = _JoinConfig.construct_disabled_join_config()

    @abstractmethod
    def join_hook(self, **kwargs):
        """Its JoinHook; all that share a context get the same keywords."""

    @property
    @abstractmethod
    def join_device(self):
        """The device of the context's own messages."""

    @property
    @abstractmethod
    def join_process_group(self):
        """The group of the context's own messages."""


class Join:
    """A context for a loop over inputs, of which processes may have different numbers.

    Whoever leaves the loop first goes on in `__exit__` as a shadow of the others, until none is
    left. With `throw_on_early_termination` all raise RuntimeError instead as soon as one is out of
    inputs. `kwargs` go to each joinable's `join_hook`.
    """

    def __init__(self, joinables, enable=True, throw_on_early_termination=False, **kwargs):
        if len(joinables) == 0:
            raise ValueError("The join context manager requires at least one joinable")
        self._joinables = joinables
        self._join_hooks = [joinable.join_hook(**kwargs) for joinable in joinables]
        self._enable = enable
        self._throw_on_early_termination = throw_on_early_termination
        for i, joinable in enumerate(joinables):
            joinable._join_config = _JoinConfig(enable, throw_on_early_termination, i == 0)
        self._extract_dist_info()

    def _extract_dist_info(self):
        from .. import get_rank

        groups = [joinable.join_process_group for joinable in self._joinables]
        if any(group != groups[0] for group in groups):
            raise ValueError("Using join context manager with multiple process groups")
        self._process_group, self._device = groups[0], self._joinables[0].join_device
        self._rank = get_rank(self._process_group)

    def __enter__(self):
        pass

    def __exit__(self, type, value, traceback):
        if not self._enable or type:
            return
        steps, is_last_joiner = 0, True
        while self._get_num_nonjoined_procs():
            if steps == _SKEW + 1:
                warnings.warn(
                    f"Detected uneven input skew of greater than {_SKEW}. This means that rank "
                    f"{self._rank} has at least {_SKEW} fewer inputs than other currently-active "
                    "ranks. This level of skew could lead to performance degradation during "
                    "training.",
                    stacklevel=2,
                )
            if self._throw_on_early_termination:
                self._notify_procs_to_terminate()
            for hook in self._join_hooks:
                hook.main_hook()
            is_last_joiner = False
            steps += 1
        for hook in self._join_hooks:
            hook.post_hook(is_last_joiner)

    def _get_num_nonjoined_procs(self):
        from .. import all_reduce

        count = _C.zeros(1, device=self._device)
        all_reduce(count, group=self._process_group)
        return count.item()

    def _notify_procs_to_terminate(self):
        from .. import all_reduce

        all_reduce(_C.ones(1, device=self._device), group=self._process_group)
        raise RuntimeError(f"Rank {self._rank} exhausted all inputs.")

    @staticmethod
    def notify_join_context(joinable):
        """Tells those that have left that this process has not; called before each step's messages.

        The first joinable of a context alone sends, and returns its Work; the others None.
        """
        from .. import all_reduce

        if not hasattr(joinable, "_join_config"):
            raise AssertionError(
                f"Check that the {type(joinable)} constructor calls the ``Joinable`` constructor"
            )
        config = joinable._join_config
        if not config.is_first_joinable or not config.enable:
            return None
        device, group = joinable.join_device, joinable.join_process_group
        work = all_reduce(_C.ones(1, device=device), group=group, async_op=True)
        if config.throw_on_early_termination:
            left = _C.zeros(1, device=device)
            all_reduce(left, group=group)
            if left.item():
                raise RuntimeError(
                    "Detected at least one rank that exhausted inputs. Throwing across all ranks."
                )
        return work
