"""Measures how long a statement takes."""

from __future__ import annotations

import sys
import textwrap
import timeit
from statistics import median

from .common import Measurement, TaskSpec, set_torch_threads

__all__ = ["Timer", "timer"]

timer = timeit.default_timer
_MOST_RUNS = 2**31 - 1


def _dedented(code):
    return textwrap.dedent(code).removeprefix("\n").rstrip()


class Timer:
    """As `timeit.Timer`, with warm-up, one thread by default, and times with their spread.

    `stmt` and `setup` are code; `globals` are the names that they see besides `torch`. `label`,
    `sub_label`, `description` and `env` say where `Compare` shows the measurement.
    """

    _timer_cls = timeit.Timer

    def __init__(
        self,
        stmt="pass",
        setup="pass",
        global_setup="",
        timer=timer,
        globals=None,
        label=None,
        sub_label=None,
        description=None,
        env=None,
        num_threads=1,
        language="py",
    ):
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        if language in ("cpp", "c++"):
            raise NotImplementedError("Timer: statements of C++ are not compiled; language='py'")
        if language not in ("py", "python"):
            raise ValueError(f"Invalid language `{language}`.")
        if global_setup:
            raise ValueError(
                f"global_setup is C++ only, got `{global_setup}`. Most likely this code can simply "
                "be moved to `setup`."
            )
        names = {"torch": sys.modules[__name__.partition(".")[0]], **(globals or {})}
        stmt, setup = _dedented(stmt), _dedented(setup)
        self._timer = self._timer_cls(stmt=stmt, setup=setup, timer=timer, globals=names)
        self._task_spec = TaskSpec(
            stmt, setup, global_setup, label, sub_label, description, env, num_threads
        )

    def _timeit(self, number):
        return max(self._timer.timeit(number), 1e-9)

    def _measured(self, number, times):
        return Measurement(number_per_run=number, raw_times=times, task_spec=self._task_spec)

    def timeit(self, number=1000000):
        """One measurement of `number` runs, after a hundredth of them to warm up."""
        with set_torch_threads(self._task_spec.num_threads):
            self._timeit(max(int(number // 100), 2))
            return self._measured(number, [self._timeit(number)])

    def repeat(self, repeat=-1, number=-1):
        """NotImplementedError: see `blocked_autorange`."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def autorange(self, callback=None):
        """NotImplementedError: see `blocked_autorange`."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def _estimate_block_size(self, min_run_time):
        """Runs per measurement: so many that the timer's own time does not count."""
        with set_torch_threads(self._task_spec.num_threads):
            overhead = median(self._timeit(0) for _ in range(5))
            number = 1
            while number * 10 <= _MOST_RUNS:
                taken = self._timeit(number)
                small = overhead / taken <= 1e-4 and taken >= min_run_time / 1000
                if small or taken > min_run_time:
                    break
                number *= 10
        return number

    def _measure(self, number, may_stop, min_run_time, max_run_time=None, callback=None):
        """Measurements until `min_run_time` has gone by and `may_stop(times)`."""
        times = []
        with set_torch_threads(self._task_spec.num_threads):
            while sum(times) < min_run_time or not may_stop(times):
                times.append(self._timeit(number))
                if callback:
                    callback(number, times[-1])
                if max_run_time and sum(times) > max_run_time:
                    break
        return self._measured(number, times)

    def blocked_autorange(self, callback=None, min_run_time=0.2):
        """Measurements for `min_run_time` seconds, of as many runs as it takes to measure well.

        `callback(number, seconds)` is called after each.
        """
        number = self._estimate_block_size(min_run_time)
        return self._measure(number, bool, min_run_time, callback=callback)

    def adaptive_autorange(
        self, threshold=0.1, *, min_run_time=0.01, max_run_time=10.0, callback=None
    ):
        """Measurements until their quartiles lie within `threshold` of the median, or
        `max_run_time` seconds have gone by.
        """
        number = self._estimate_block_size(0.05)

        def steady(times):
            return len(times) > 3 and self._measured(number, times).meets_confidence(threshold)

        return self._measure(number, steady, min_run_time, max_run_time, callback)
