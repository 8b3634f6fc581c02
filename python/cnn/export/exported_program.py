"""The classes of `cnn.export` under the path where packages import them from."""

from .. import _absent
from . import ExportedProgram, ModuleCallEntry, ModuleCallSignature  # noqa: F401

_absent.explain(__name__)
