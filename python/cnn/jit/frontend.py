"""What PyTorch's script compiler raises: for imports."""

from .. import _absent


class FrontendError(Exception):
    """Raised by PyTorch's compiler; nothing here does."""


class NotSupportedError(FrontendError):
    """Raised by PyTorch's compiler; nothing here does."""


class UnsupportedNodeError(NotSupportedError):
    """Raised by PyTorch's compiler; nothing here does."""


_absent.explain(__name__)
