"""torchvision's names on cnn: ops, transforms, datasets from local files, models, pictures.

Where a program runs as `torch` and no torchvision is installed, `import torchvision` gives this
package. Pictures are read and written by Pillow, when one is.
"""

from __future__ import annotations

__version__ = "0.28.0+cnn"

_SUBMODULES = frozenset(("datasets", "io", "models", "ops", "transforms", "tv_tensors", "utils"))


def set_image_backend(backend):
    """ValueError unless 'PIL': there is no other reader of pictures."""
    if backend != "PIL":
        raise ValueError(f"Invalid backend '{backend}'. The only option is 'PIL'.")


def get_image_backend():
    """'PIL'."""
    return "PIL"


def disable_beta_transforms_warning():
    """There is no such warning."""


def __getattr__(name):
    if name in _SUBMODULES:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
