"""Weights by their URL, by the older name of `hub.load_state_dict_from_url`."""

from __future__ import annotations

from ..hub import load_state_dict_from_url as load_url

__all__ = ["load_url"]


def __getattr__(name):
    from .. import _absent, hub

    if name == "tqdm":
        return hub.tqdm
    raise _absent.absent("cnn.utils.model_zoo", name)
