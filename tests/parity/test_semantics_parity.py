"""The facts that cnn is held to are PyTorch's."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[1]))

import cnn  # noqa: E402
from facts import FACTS  # noqa: E402


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
def test_fact(fact):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = fact(torch)
        assert expected == fact.expected
        assert fact(cnn) == expected
