"""Profiles: which ops ran, how often and how long; tables, traces, schedules over steps."""

from __future__ import annotations

from ..autograd.profiler import KinetoStepTracker as KinetoStepTracker
from ..autograd.profiler import kineto_available, record_function
from ..autograd.profiler_util import DeviceType, ProfilerActivity
from .profiler import (
    ExecutionTraceObserver,
    ProfilerAction,
    profile,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)
from .profiler import _KinetoProfile as _KinetoProfile

__all__ = [
    "DeviceType",
    "ExecutionTraceObserver",
    "ProfilerAction",
    "ProfilerActivity",
    "kineto_available",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]
