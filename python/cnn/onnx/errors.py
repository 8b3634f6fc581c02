"""What exporting raises: for `except`."""

__all__ = ["OnnxExporterError"]


class OnnxExporterError(RuntimeError):
    """The base of errors of the exporter."""


class OnnxExporterWarning(UserWarning):
    """What the exporter warns with."""


class UnsupportedOperatorError(OnnxExporterError):
    """An operator that cannot be exported."""


class SymbolicValueError(OnnxExporterError):
    """A value that cannot be exported."""
