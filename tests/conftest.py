"""Tests marked `cuda` need a GPU: without one they are skipped, or fail under CNN_REQUIRE_CUDA=1.

They compare with the CPU, so that float32 is not rounded to TF32 in them, unless they ask for it.
What a test draws does not depend on what others have drawn before it.
"""

import gc
import os
import sys

import pytest


def pytest_collection_finish():
    """What was made until here stays: tests that collect garbage need not look through it."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item):
    for library in ("cnn", "torch"):
        if library in sys.modules:
            sys.modules[library].manual_seed(0)
    if item.get_closest_marker("cuda") is None:
        return
    import cnn

    if cnn.cuda.is_available():
        cnn.backends.cudnn.allow_tf32 = False
        return
    reason = f"no GPU: {cnn.cuda.unavailable_reason()}"
    if os.environ.get("CNN_REQUIRE_CUDA") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
