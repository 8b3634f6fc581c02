"""Datasets that are built from others, step by step: the classes to derive from."""

from __future__ import annotations

from ._decorator import (
    argument_validation,
    functional_datapipe,
    guaranteed_datapipes_determinism,
    non_deterministic,
    runtime_validation,
    runtime_validation_disabled,
)
from .datapipe import DataChunk, DFIterDataPipe, IterDataPipe, MapDataPipe

__all__ = [
    "DFIterDataPipe",
    "DataChunk",
    "IterDataPipe",
    "MapDataPipe",
    "argument_validation",
    "functional_datapipe",
    "guaranteed_datapipes_determinism",
    "non_deterministic",
    "runtime_validation",
    "runtime_validation_disabled",
]


def __getattr__(name):
    if name in ("iter", "map"):
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    from ...._absent import absent

    raise absent(__name__, name)
