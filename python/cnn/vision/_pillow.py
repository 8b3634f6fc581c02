"""Pillow, which is optional: whatever needs pictures asks for it here."""

from __future__ import annotations

import sys


def pillow():
    """The module PIL.Image. ImportError with what to install where there is none."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "pictures are read, written and transformed by Pillow, which is not installed here; "
            "`pip install pillow`",
            name="PIL",
        ) from error
    return Image


def is_pil(value):
    """Is it a picture of Pillow's? (Asking does not import Pillow.)"""
    image = sys.modules.get("PIL.Image")
    return image is not None and isinstance(value, image.Image)
