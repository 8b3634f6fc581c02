"""The classes of `cnn.export` under the path where packages import them from."""

from .. import _absent
from . import AdditionalInputs, Constraint, Dim, ShapesCollection, _DimHint, dims  # noqa: F401

_absent.explain(__name__)
