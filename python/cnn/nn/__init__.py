"""Layers, losses, containers and what they are built from."""

from __future__ import annotations

from .. import _absent
from . import functional as functional
from . import init as init
from . import modules as modules
from . import parallel as parallel
from . import parameter as parameter
from . import utils as utils
from ._factory_kwargs import factory_kwargs
from .modules import *  # noqa: F403
from .parallel import DataParallel
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "Buffer",
    "DataParallel",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "factory_kwargs",
]
__all__ += modules.__all__

factory_kwargs.__module__ = __name__
_absent.explain(__name__, ("attention", "common_types", "grad"))
