"""A small model, and comparing with numbers written out, for the tests of nn."""

from __future__ import annotations

import pytest

import cnn
from cnn import nn


def near(tensor, expected, tolerance=1e-4):
    flat = tensor.detach().reshape(-1).tolist()
    assert flat == pytest.approx(expected, abs=tolerance)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(inplace=True))
        self.head = nn.Linear(8, 3)
        self.register_buffer("scale", cnn.ones(1))
        self.register_buffer("scratch", cnn.zeros(2), persistent=False)

    def forward(self, x):
        return self.head(self.features(x).flatten(1)) * self.scale
