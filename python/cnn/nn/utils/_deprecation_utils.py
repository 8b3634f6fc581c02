"""Names that have moved to another module, found at their old places with a warning."""

from __future__ import annotations

import importlib
import warnings

_MESSAGE_TEMPLATE = "Usage of '{old_location}' is deprecated; please use '{new_location}' instead."


def lazy_deprecated_import(all, old_module, new_module):
    """A module's `__getattr__` that takes the names of `all` from new_module and warns."""

    def getattr_dunder(name):
        if name not in all:
            raise AttributeError(f"Module {new_module!r} has no attribute {name!r}.")
        message = _MESSAGE_TEMPLATE.format(old_location=old_module, new_location=new_module)
        warnings.warn(message, RuntimeWarning, stacklevel=2)
        return getattr(importlib.import_module(new_module), name)

    return getattr_dunder
