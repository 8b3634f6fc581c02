"""Tests marked `cuda` need a GPU: without one they are skipped, or fail under CNN_REQUIRE_CUDA=1."""

import os

import pytest


def pytest_runtest_setup(item):
    if item.get_closest_marker("cuda") is None:
        return
    import cnn

    if cnn.cuda.is_available():
        return
    reason = f"no GPU: {cnn.cuda.unavailable_reason()}"
    if os.environ.get("CNN_REQUIRE_CUDA") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
