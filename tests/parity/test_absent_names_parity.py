"""Of every name of PyTorch's that is not here, something is said."""

from __future__ import annotations

import pytest

import cnn

torch = pytest.importorskip("torch")

PLACES = ["", "nn", "nn.functional", "nn.utils", "optim", "optim.lr_scheduler", "utils", "Tensor"]


def at(library, place):
    for part in place.split(".") if place else ():
        library = getattr(library, part)
    return library


@pytest.mark.parametrize("place", PLACES)
def test_a_missing_name_says_what_to_use_or_that_there_is_nothing(place):
    theirs, ours = at(torch, place), at(cnn, place)
    for name in dir(theirs):
        if name.startswith("_") or hasattr(ours, name):
            continue
        with pytest.raises(AttributeError, match=f"no attribute {name!r}: .") as caught:
            getattr(ours, name)
        if place == "" and hasattr(cnn.nn.functional, name):
            assert "use cnn.nn.functional." in str(caught.value), name
