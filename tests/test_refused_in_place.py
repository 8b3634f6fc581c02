"""A call in place that is refused has touched nothing: neither values nor the version of its tensor."""

from __future__ import annotations

import random
import warnings

import pytest

import cnn

# What gives the tensor another storage, shape or role, or is not about its values.
OTHERS = """
    as_strided_ detach_ requires_grad_ resize_ resize_as_ set_ share_memory_ squeeze_ swapaxes_
    swapdims_ t_ transpose_ unsqueeze_
""".split()
NAMES = sorted(
    name
    for name in dir(cnn.Tensor)
    if name.endswith("_") and not name.startswith("_") and name not in OTHERS
)
DTYPES = (cnn.bool, cnn.uint8, cnn.int64, cnn.bfloat16, cnn.float32)


def arguments(dtype, draw):
    """Some that fit and many that do not."""
    rows = cnn.ones(2, 3, dtype=dtype)
    index = draw(
        [
            cnn.tensor([0, 1]),
            cnn.tensor([0, 7]),
            cnn.zeros(2, 3, dtype=cnn.int64),
            cnn.full((2, 3), 9),
            cnn.zeros(0, dtype=cnn.uint8),
            rows > 0,
        ]
    )
    value = draw(
        [rows, rows.float(), rows[0], rows[0, 0], cnn.ones(3, 3, dtype=dtype), 1, 0.5, 1e30, None]
    )
    reduce = draw([{}, {"reduce": draw(["add", "multiply", "mean", "other"])}, {"alpha": 0.5}])
    return draw(
        [
            ((), {}),
            ((value,), reduce),
            ((value, draw([rows, 2, 1e30])), {}),
            ((index, value), {}),
            ((draw([0, 1, 5]), index, value), reduce),
            ((0, index, value, draw(["sum", "prod", "amax", "other"])), {}),
            ((index, value, True), {}),
            (((index,), value, draw([True, False])), {}),
        ]
    )


@pytest.mark.parametrize("expanded", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_what_is_refused_has_touched_nothing(dtype, expanded):
    draw = random.Random(0).choice
    refused = 0
    for name in NAMES * 40:
        x = (cnn.arange(6) % 2).reshape(2, 3).to(dtype)
        x = x[:1].expand(2, 3) if expanded else x
        before, version = x.tolist(), x._version
        args, named = arguments(dtype, draw)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                getattr(x, name)(*args, **named)
        except Exception:
            refused += 1
            assert x._version == version, (name, args, named)
            assert str(x.tolist()) == str(before), (name, args, named)
    assert refused > 100
