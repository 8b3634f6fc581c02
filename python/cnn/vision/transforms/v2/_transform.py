"""How a transform goes through a sample."""

from __future__ import annotations

import enum

import cnn
from cnn import nn
from cnn.utils._pytree import tree_flatten, tree_unflatten

from ... import tv_tensors
from ..._pillow import is_pil
from ..functional import InterpolationMode

_PICTURES = (tv_tensors.Image, tv_tensors.Video)


def is_plain(value):
    """Is it a tensor that does not say what it holds?"""
    return isinstance(value, cnn.Tensor) and not isinstance(value, tv_tensors.TVTensor)


def is_picture(value):
    """Is it a picture, whoever made it?"""
    return is_pil(value) or isinstance(value, _PICTURES) or is_plain(value)


_HIDDEN = ("training", "policies")


def shown_attributes(module):
    """name=value, ... of what a transform was made with."""
    kinds = (bool, int, float, str, tuple, list, enum.Enum)
    return ", ".join(
        f"{name}={value.value if isinstance(value, InterpolationMode) else value}"
        for name, value in module.__dict__.items()
        if not name.startswith("_") and name not in _HIDDEN and isinstance(value, kinds)
    )


class Transform(nn.Module):
    """A transform of a sample: forward(*inputs).

    Subclasses say what is drawn (`make_params`, of the flat list of what is changed) and what
    becomes of each thing (`transform`).
    """

    def check_inputs(self, flat_inputs):
        """Raises where a sample lacks something."""

    def make_params(self, flat_inputs):
        """What is drawn once for a sample."""
        return {}

    def transform(self, inpt, params):
        """One thing, changed."""
        raise NotImplementedError

    def forward(self, *inputs):
        inputs = inputs if len(inputs) > 1 else inputs[0]
        flat, spec = tree_flatten(inputs)
        self.check_inputs(flat)
        changed = self._needs_transform_list(flat)
        params = self.make_params([x for x, needed in zip(flat, changed) if needed])
        if params is None:
            return inputs
        out = [self.transform(x, params) if needed else x for x, needed in zip(flat, changed)]
        return tree_unflatten(out, spec)

    def _takes(self, value):
        return is_pil(value) or isinstance(value, cnn.Tensor)

    def _needs_transform_list(self, flat_inputs):
        """Pictures and masks; plain tensors only where there is no other picture, and then one."""
        plain = not any(is_pil(x) or isinstance(x, _PICTURES) for x in flat_inputs)
        needed = []
        for value in flat_inputs:
            wanted = self._takes(value) and (plain or not is_plain(value))
            if wanted and is_plain(value):
                plain = False
            needed.append(wanted)
        return needed

    def extra_repr(self):
        return shown_attributes(self)


class OfPicture(Transform):
    """A transform of one picture (the class beside it), for samples."""

    _moves = False  # does it change places, so that masks go along?
    _reads = "interpolation"  # the attribute that says how pixels are read

    def make_params(self, flat_inputs):
        picture = next((x for x in flat_inputs if is_picture(x)), None)
        if picture is None:
            picture = next(iter(flat_inputs), None)
        return () if picture is None else self._draw(picture)

    def transform(self, inpt, params):
        if not isinstance(inpt, tv_tensors.TVTensor):
            return self._change(inpt, *params)
        plain = inpt.as_subclass(cnn.Tensor)
        if not isinstance(inpt, tv_tensors.Mask):
            return self._like(self._change(plain, *params), inpt)
        if not self._moves:
            return inpt
        mode = self.__dict__.get(self._reads)
        if mode is None:
            return self._like(self._moved(plain, params), inpt)
        setattr(self, self._reads, InterpolationMode.NEAREST)
        try:
            return self._like(self._moved(plain, params), inpt)
        finally:
            setattr(self, self._reads, mode)

    def _moved(self, mask, params):
        if mask.ndim > 2:
            return self._change(mask, *params)
        return self._change(mask.unsqueeze(0), *params).squeeze(0)

    @staticmethod
    def _like(result, given):
        if isinstance(result, tuple):
            return tuple(tv_tensors.wrap(r, like=given) for r in result)
        return tv_tensors.wrap(result, like=given)

    def __repr__(self):
        return nn.Module.__repr__(self)
