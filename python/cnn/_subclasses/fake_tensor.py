"""The same under the path where packages import them from."""

from .. import _absent
from . import (  # noqa: F401
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
    UnsupportedFakeTensorException,
)


def is_fake(x):
    """Whether a tensor pretends to be on a device: False."""
    return False


_absent.explain(__name__)
