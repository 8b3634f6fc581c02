"""What exporting raises: for `except`."""

__all__ = ["OnnxExporterError"]


class OnnxExporterError(RuntimeError):
    """The base of errors of the exporter."""


OnnxExporterError.__module__ = __package__  # where PyTorch has it


class OnnxExporterWarning(UserWarning):
    """What the exporter warns with."""


class UnsupportedOperatorError(OnnxExporterError):
    """An operator that cannot be exported."""


class SymbolicValueError(OnnxExporterError):
    """A value that cannot be exported."""
