"""How often a program launches, copies and waits: the emulation counts."""

import pytest

import cnn
from emulation import Counts, counted

pytestmark = pytest.mark.cuda


def test_what_a_call_costs():
    x = cnn.ones(64, device="cuda")
    assert counted(lambda: x + x) == Counts(launches=1, copies=0, waits=0, blocks=1)
    assert counted(lambda: x.add_(x)) == Counts(launches=1, copies=0, waits=0, blocks=0)
    assert counted(lambda: x.view(8, 8)) == Counts(0, 0, 0, 0)
    assert counted(x[3].item) == Counts(launches=0, copies=0, waits=1, blocks=0)
    assert counted(cnn.cuda.synchronize) == Counts(launches=0, copies=0, waits=1, blocks=0)
    assert counted(x.cpu).waits == 1
    assert counted(lambda: cnn.ones(64).cuda()) == Counts(launches=0, copies=0, waits=0, blocks=1)


def test_products_are_launches():
    a = cnn.ones(8, 8, device="cuda")
    assert counted(lambda: a @ a).launches == 1
