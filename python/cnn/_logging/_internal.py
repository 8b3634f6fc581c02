"""The same under the path where packages import them from."""

from .. import _absent
from . import LazyString, getArtifactLogger, set_logs, trace_structured, warning_once  # noqa: F401

_absent.explain(__name__)
