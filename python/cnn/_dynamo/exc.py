"""What PyTorch's tracing compiler raises: for `except`. Nothing here raises them."""


class TorchDynamoException(RuntimeError):
    """The base of them."""


class Unsupported(TorchDynamoException):
    """What could not be traced."""


class InternalTorchDynamoError(TorchDynamoException):
    """A fault of the compiler."""


class BackendCompilerFailed(TorchDynamoException):
    """A backend that failed."""


class TorchRuntimeError(TorchDynamoException):
    """What a traced function raised."""


class UserError(Unsupported):
    """What the program did wrong."""


class FailOnRecompileLimitHit(Exception):
    """Too many shapes."""
