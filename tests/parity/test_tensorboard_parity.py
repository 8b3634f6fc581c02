"""Messages for TensorBoard beside PyTorch's, byte by byte."""

from __future__ import annotations

import numpy as np
import pytest

import cnn

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")
pytest.importorskip("PIL")

RNG = np.random.default_rng(0)
PICTURE = RNG.random((3, 6, 5)).astype(np.float32)
SEVERAL = RNG.random((5, 1, 4, 3)).astype(np.float32)
NUMBERS = RNG.standard_normal(100).astype(np.float32)
BINS = [-3, -1, -0.5, 0, 0.5, 1, 3]

CALLS = {
    "scalar": lambda s, t: s.scalar("a", t(NUMBERS[:1])),
    "scalar_new": lambda s, t: s.scalar("a", 0.1, new_style=True),
    "scalar_double": lambda s, t: s.scalar("a", 0.1, new_style=True, double_precision=True),
    "tensor": lambda s, t: s.tensor_proto("a", t(PICTURE)),
    "tensor_half": lambda s, t: s.tensor_proto("a", t(PICTURE.astype(np.float16))),
    "histogram": lambda s, t: s.histogram("a", t(NUMBERS), BINS),
    "histogram_few": lambda s, t: s.histogram("a", t(NUMBERS), list(range(-10, 11)), max_bins=6),
    "histogram_auto": lambda s, t: s.histogram("a", t(NUMBERS), "auto"),
    "image": lambda s, t: s.image("a", t(PICTURE), dataformats="CHW"),
    "images": lambda s, t: s.image("a", t(SEVERAL), dataformats="NCHW"),
    "image_flat": lambda s, t: s.image("a", t(PICTURE[0]), dataformats="WH"),
    "boxes": lambda s, t: s.image_boxes(
        "a", t(np.zeros((3, 40, 50), np.float32)), t(np.array([[5.0, 5, 30, 30]])), labels=["x"]
    ),
    "audio": lambda s, t: s.audio("a", t(NUMBERS / 4), sample_rate=8000),
    "text": lambda s, t: s.text("a", "words"),
    "pr_curve": lambda s, t: s.pr_curve(
        "a", (NUMBERS > 0).astype(int), 1 / (1 + np.exp(-NUMBERS)), num_thresholds=20
    ),
    "custom": lambda s, t: s.custom_scalars(
        {"x": {"y": ["Multiline", ["a", "b"]], "z": ["Margin", ["a", "b", "c"]]}}
    ),
    "mesh": lambda s, t: s.mesh(
        "a", t(RNG2((1, 4, 3))), None, t(np.array([[[0, 1, 2]]])), {"camera": {"cls": "x"}}
    ),
    "hparams": lambda s, t: s.hparams(
        {"lr": 0.1, "name": "x", "on": True, "none": None}, {"m": 1}, {"name": ["x", "y"]}
    ),
}


def RNG2(size):
    return np.random.default_rng(1).random(size).astype(np.float32)


@pytest.mark.parametrize("name", CALLS)
def test_messages(name):
    from torch.utils.tensorboard import summary as theirs

    from cnn.utils.tensorboard import summary as ours

    got, want = CALLS[name](ours, cnn.tensor), CALLS[name](theirs, torch.tensor)
    got, want = (x if isinstance(x, tuple) else (x,) for x in (got, want))
    assert [m.SerializeToString(deterministic=True) for m in got] == [
        m.SerializeToString(deterministic=True) for m in want
    ]
