"""The profiler over the steps of a program: what is recorded when, and what becomes of it."""

from __future__ import annotations

import json
import os
from enum import Enum
from warnings import warn

from ..autograd import profiler as _profiler
from ..autograd.profiler_util import ProfilerActivity

__all__ = [
    "ExecutionTraceObserver",
    "ProfilerAction",
    "profile",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]

PROFILER_STEP_NAME = "ProfilerStep"


def supported_activities():
    """What is recorded here: the work of the CPU."""
    return {ProfilerActivity.CPU}


def _parse_activities(activities):
    parsed = set()
    for item in activities:
        if not isinstance(item, (ProfilerActivity, dict)):
            raise TypeError(f"Expected ProfilerActivity or dict, got {type(item)}")
        for activity in item if isinstance(item, dict) else (item,):
            if activity in parsed:
                raise ValueError(f"Activity {activity} specified more than once")
            parsed.add(activity)
    return parsed


class ExecutionTraceObserver:
    """Would write an execution trace for replay; there are none, `register_callback` says so."""

    def register_callback(self, output_file_path):
        """NotImplementedError."""
        raise NotImplementedError(
            "ExecutionTraceObserver: execution traces for replay are not written; "
            "profile(...).export_chrome_trace writes what ran when"
        )


class _KinetoProfile:
    """A profile that is started and stopped by hand."""

    def __init__(
        self,
        *,
        activities=None,
        record_shapes=False,
        profile_memory=False,
        with_stack=False,
        with_flops=False,
        with_modules=False,
        experimental_config=None,
        execution_trace_observer=None,
        acc_events=False,
        custom_trace_id_callback=None,
        post_processing_timeout_s=None,
    ):
        if activities is None:
            self.activities = supported_activities()
        else:
            self.activities = _parse_activities(activities)
        for activity in self.activities - supported_activities():
            warn(f"{activity.name} is not profiled, only the CPU's part is", stacklevel=3)
        self.record_shapes = record_shapes
        self.profile_memory = profile_memory
        self.with_stack = with_stack
        self.with_flops = with_flops
        self.with_modules = with_modules
        self.experimental_config = experimental_config
        self.execution_trace_observer = execution_trace_observer
        self.acc_events = acc_events
        self.custom_trace_id_callback = custom_trace_id_callback
        self.profiler = None
        self.use_device = None
        self.preset_metadata = {}
        self._metadata = {}

    def start(self):
        """Starts recording."""
        self.prepare_trace()
        self.start_trace()

    def stop(self):
        """Stops it; the events are then there."""
        self.stop_trace()

    def prepare_trace(self):
        """Makes a new profile, whose recording `start_trace` starts."""
        if self.profiler is None or not self.acc_events:
            self.profiler = _profiler.profile(
                use_cpu=ProfilerActivity.CPU in self.activities,
                record_shapes=self.record_shapes,
                with_flops=self.with_flops,
                profile_memory=self.profile_memory,
                with_stack=self.with_stack,
                with_modules=self.with_modules,
                experimental_config=self.experimental_config,
                acc_events=self.acc_events,
                custom_trace_id_callback=self.custom_trace_id_callback,
            )
        self.profiler._prepare_trace()

    def start_trace(self):
        """Starts the recording of the profile that was prepared."""
        if self.execution_trace_observer:
            self.execution_trace_observer.start()
        self._profile("starting trace")._start_trace()
        for name in ("profile_memory", "with_stack", "record_shapes", "with_modules", "with_flops"):
            if getattr(self, name):
                self.add_metadata_json(name, "1")
        self._metadata.update(self.preset_metadata)

    def stop_trace(self):
        """Ends the recording."""
        if self.execution_trace_observer:
            self.execution_trace_observer.stop()
        self._profile("stopping trace").__exit__(None, None, None)

    def _profile(self, what):
        if self.profiler is None:
            raise AssertionError(f"Profiler must be initialized before {what}")
        return self.profiler

    def export_chrome_trace(self, path, use_python_export=False):
        """Writes the last cycle for chrome://tracing or Perfetto; compressed if it ends in .gz."""
        self._profile("exporting chrome trace").export_chrome_trace(path, self._metadata)

    def export_stacks(self, path, metric="self_cpu_time_total"):
        """Writes stacks and times, as flame graphs are made from; needs `with_stack`."""
        return self._profile("exporting stacks").export_stacks(path, metric)

    def key_averages(
        self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False
    ):
        """Sums and means by name, and by input shapes or the first lines of the stack."""
        return self._profile("getting key averages").key_averages(
            group_by_input_shape, group_by_stack_n, group_by_overload_name
        )

    def events(self):
        """The single events of the last cycle, an `EventList`."""
        return self._profile("accessing events").function_events

    def get_trace_id(self):
        """The name of the last cycle's trace; None before the first."""
        return None if self.profiler is None else self.profiler.trace_id

    def add_metadata(self, key, value):
        """Adds a text to the trace that is written."""
        self._metadata[key] = value

    def add_metadata_json(self, key, value):
        """Adds a value, given as JSON, to the trace that is written."""
        self._metadata[key] = json.loads(value)

    def preset_metadata_json(self, key, value):
        """The same before the profile starts."""
        self.preset_metadata[key] = json.loads(value)


class ProfilerAction(Enum):
    """What a profile does in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3
    DEVICE_STOPPED = 4


def schedule(*, wait, warmup, active, repeat=0, skip_first=0, skip_first_wait=0):
    """A schedule for `profile`: of each cycle nothing in the first `wait` steps, `warmup` steps to
    get ready, then `active` steps recorded.

    `repeat` cycles, or without end for 0, after `skip_first` steps; with `skip_first_wait` the
    first cycle does not wait.
    """
    if wait < 0 or warmup < 0 or active <= 0 or repeat < 0 or skip_first < 0:
        raise AssertionError(
            f"Invalid profiler schedule arguments. Got wait={wait} (need >= 0), warmup={warmup} "
            f"(need >= 0), active={active} (need > 0), repeat={repeat} (need >= 0), "
            f"skip_first={skip_first} (need >= 0)."
        )
    if warmup == 0:
        warn("Profiler won't be using warmup, this can skew profiler results", stacklevel=2)
    cycle = wait + warmup + active

    def action_of(step):
        if step < 0:
            raise AssertionError(f"Step must be non-negative. Got {step}.")
        if step < skip_first:
            return ProfilerAction.NONE
        step += (wait if skip_first_wait else 0) - skip_first
        if repeat and step >= repeat * cycle:
            return ProfilerAction.NONE
        at = step % cycle
        if at < wait:
            return ProfilerAction.NONE
        if at < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if at < cycle - 1 else ProfilerAction.RECORD_AND_SAVE

    return action_of


def _always(step):
    return ProfilerAction.RECORD


def tensorboard_trace_handler(dir_name, worker_name=None, use_gzip=False, use_python_export=False):
    """For `on_trace_ready`: writes each cycle's trace into a directory that TensorBoard reads."""
    import socket
    import time

    def handle(prof):
        try:
            os.makedirs(dir_name, exist_ok=True)
        except OSError as error:
            raise RuntimeError(f"Can't create directory: {dir_name}") from error
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        name = f"{worker}.{time.time_ns()}.pt.trace.json{'.gz' if use_gzip else ''}"
        prof.export_chrome_trace(os.path.join(dir_name, name))

    return handle


class profile(_KinetoProfile):
    """A context that records what its thread runs, in the steps that `schedule` says.

    Without a schedule everything is recorded. With one, call `step()` at the end of each step of
    the program; at the end of a cycle `on_trace_ready(profile)` is called. For the other arguments
    see `cnn.autograd.profiler.profile`.
    """

    def __init__(
        self,
        *,
        activities=None,
        schedule=None,
        on_trace_ready=None,
        record_shapes=False,
        profile_memory=False,
        with_stack=False,
        with_flops=False,
        with_modules=False,
        experimental_config=None,
        execution_trace_observer=None,
        acc_events=False,
        use_cuda=None,
        custom_trace_id_callback=None,
        post_processing_timeout_s=None,
    ):
        if use_cuda is not None:
            warn(
                "`use_cuda` is deprecated, use `activities` argument instead",
                FutureWarning,
                stacklevel=2,
            )
        if activities is not None and not (activities := tuple(activities)):
            raise AssertionError("No valid profiler activities found")
        super().__init__(
            activities=activities,
            record_shapes=record_shapes,
            profile_memory=profile_memory,
            with_stack=with_stack,
            with_flops=with_flops,
            with_modules=with_modules,
            experimental_config=experimental_config,
            execution_trace_observer=execution_trace_observer,
            acc_events=acc_events,
            custom_trace_id_callback=custom_trace_id_callback,
            post_processing_timeout_s=post_processing_timeout_s,
        )
        self.schedule = schedule or _always
        self.record_steps = schedule is not None
        self.on_trace_ready = on_trace_ready
        self.step_num = 0
        self.step_rec_fn = None
        self.current_action = self._action_of(0)
        _profiler.KinetoStepTracker.init_step_count(PROFILER_STEP_NAME)

    def _action_of(self, step):
        action = self.schedule(step)
        if action == ProfilerAction.DEVICE_STOPPED:
            raise ValueError(
                "ProfilerAction.DEVICE_STOPPED is set internally by the profiler and must not be "
                "returned by a user-provided schedule"
            )
        return action

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        self.stop()
        _profiler.KinetoStepTracker.erase_step_count(PROFILER_STEP_NAME)

    def start(self):
        """Begins as the schedule says of the present step."""
        self._go(ProfilerAction.NONE, self.current_action)
        self._begin_step()

    def stop(self):
        """Ends; what was being recorded is handed to `on_trace_ready`."""
        self._end_step()
        self._go(self.current_action, None)

    def step(self):
        """Says that the next step of the program begins."""
        self._end_step()
        previous, action = self.current_action, self._action_of(self.step_num + 1)
        self.step_num += 1
        self.current_action = action
        self._go(previous, action)
        _profiler.KinetoStepTracker.increment_step(PROFILER_STEP_NAME)
        self._begin_step()

    def _begin_step(self):
        if self.record_steps:
            self.step_rec_fn = _profiler.record_function(f"ProfilerStep#{self.step_num}")
            self.step_rec_fn.__enter__()

    def _end_step(self):
        if self.step_rec_fn is not None:
            self.step_rec_fn.__exit__(None, None, None)
            self.step_rec_fn = None

    def _go(self, previous, action):
        """From what was done in one step to what is to be done in the next; None: the end."""
        none, warmup, record, save = list(ProfilerAction)[:4]
        recorded, records = previous in (record, save), action in (record, save)
        if action == none and previous in (warmup, record):
            warn(f"Incorrect schedule: {previous.name} followed by NONE", stacklevel=4)
        if previous == record and action == warmup:
            warn("Incorrect schedule: RECORD followed by WARMUP", stacklevel=4)
        goes_on = previous == record and records
        if recorded and not goes_on:
            self.stop_trace()
            if previous == save or action is None:
                self._trace_ready()
        if (action == warmup and previous != warmup) or (
            records and not goes_on and previous != warmup
        ):
            self.prepare_trace()
        if records and not goes_on:
            self.start_trace()
        if previous == warmup and action in (none, None):  # a cycle without events
            self.start_trace()
            self.stop_trace()

    def _trace_ready(self):
        if self.on_trace_ready:
            self.on_trace_ready(self)

    def set_custom_trace_id_callback(self, callback):
        """Names the traces to come by what `callback()` returns."""
        self.custom_trace_id_callback = callback
