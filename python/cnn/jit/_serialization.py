"""Files of scripts, which cnn does not write or read."""

from __future__ import annotations

from .._unavailable import mark

_INSTEAD = (
    "cnn has no TorchScript. Keep the weights: cnn.save(model.state_dict(), path), and "
    "model.load_state_dict(cnn.load(path)) into a model that Python code builds"
)


def save(m, f, _extra_files=None):
    """Refused: a script is PyTorch's own language. `cnn.save(m.state_dict(), f)` keeps weights."""
    raise NotImplementedError(f"jit.save: {_INSTEAD}")


def load(f, map_location=None, _extra_files=None, _restore_shapes=False):
    """Refused: the file holds a program in PyTorch's own language."""
    raise NotImplementedError(f"jit.load({f!r}): {_INSTEAD}")


def jit_module_from_flatbuffer(f):
    """Refused, as `load`."""
    raise NotImplementedError(f"jit_module_from_flatbuffer: {_INSTEAD}")


def save_jit_module_to_flatbuffer(m, f, _extra_files=None):
    """Refused, as `save`."""
    raise NotImplementedError(f"save_jit_module_to_flatbuffer: {_INSTEAD}")


mark(_INSTEAD, save, load, jit_module_from_flatbuffer, save_jit_module_to_flatbuffer)
