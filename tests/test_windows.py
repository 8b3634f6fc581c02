"""Windows of signals, against their formulas in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest

import cnn
from cnn.signal import windows


def cosines(weights, n, last):
    return sum((-1) ** i * w * np.cos(2 * np.pi * i * n / last) for i, w in enumerate(weights))


FORMULAS = {
    "bartlett": lambda n, last: 1 - np.abs(2 * n / last - 1),
    "blackman": lambda n, last: cosines([0.42, 0.5, 0.08], n, last),
    "exponential": lambda n, last: np.exp(-np.abs(n - last / 2)),
    "gaussian": lambda n, last: np.exp(-((n - last / 2) ** 2) / 2),
    "hamming": lambda n, last: cosines([0.54, 0.46], n, last),
    "hann": lambda n, last: cosines([0.5, 0.5], n, last),
    "kaiser": lambda n, last: np.i0(12 * np.sqrt(1 - (2 * n / last - 1) ** 2)) / np.i0(12),
    "nuttall": lambda n, last: cosines([0.3635819, 0.4891775, 0.1365995, 0.0106411], n, last),
}


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("dtype", [cnn.float32, cnn.float64])
def test_values(name, dtype):
    for size in (2, 7, 10):
        for sym in (True, False):
            want = FORMULAS[name](np.arange(size), size - 1 if sym else size)
            got = getattr(windows, name)(size, sym=sym, dtype=dtype)
            assert got.dtype == dtype
            tolerance = 1e-6 if dtype == cnn.float32 else 1e-14
            np.testing.assert_allclose(got.numpy(), want, atol=tolerance, rtol=0)
    assert getattr(windows, name)(1).tolist() == [1] and getattr(windows, name)(0).numel() == 0


def test_options():
    n = np.arange(9)
    np.testing.assert_allclose(
        windows.cosine(9, dtype=cnn.float64).numpy(), np.sin(np.pi * (n + 0.5) / 9), rtol=1e-14
    )
    np.testing.assert_allclose(
        windows.exponential(9, center=2, tau=3.0, sym=False, dtype=cnn.float64).numpy(),
        np.exp(-np.abs(n - 2) / 3),
        rtol=1e-14,
    )
    np.testing.assert_allclose(
        windows.gaussian(9, std=2.0, dtype=cnn.float64).numpy(),
        np.exp(-((n - 4) ** 2) / 8),
        rtol=1e-14,
    )
    np.testing.assert_allclose(
        windows.general_cosine(9, a=[0.5, 0.3, 0.2], dtype=cnn.float64).numpy(),
        cosines([0.5, 0.3, 0.2], n, 8),
        atol=1e-15,
    )
    assert windows.general_hamming(3, alpha=0.6).tolist() == pytest.approx([0.2, 1, 0.2])
    assert windows.hann(4, requires_grad=True).requires_grad


@pytest.mark.parametrize("name", ["bartlett", "blackman", "hamming", "hann", "kaiser"])
def test_the_older_functions_are_periodic(name):
    old, new = getattr(cnn, f"{name}_window"), getattr(windows, name)
    for dtype in (cnn.float32, cnn.float64):
        for size in (2, 3, 8):
            for periodic in (True, False):
                got = old(size, periodic, dtype=dtype).numpy()
                want = new(size, sym=not periodic, dtype=dtype).numpy()
                np.testing.assert_allclose(got, want, atol=1e-6 if dtype == cnn.float32 else 1e-14)
    assert old(1).tolist() == [1] and old(0).shape == (0,) and old(4, dtype=cnn.float16).sum() > 0
    assert old(4, requires_grad=True).requires_grad and old(4).dtype == cnn.get_default_dtype()
    for args, kwargs, kind, words in (
        ((-1,), {}, RuntimeError, "requires non-negative window_length"),
        ((3,), {"dtype": cnn.int64}, RuntimeError, "expects floating point dtypes"),
        ((2.5,), {}, TypeError, "must be int, not float"),
    ):
        with pytest.raises(kind, match=words):
            old(*args, **kwargs)


def test_parameters_of_the_older_functions():
    n = np.arange(6)
    np.testing.assert_allclose(
        cnn.hamming_window(6, True, 0.6, 0.3, dtype=cnn.float64).numpy(),
        0.6 - 0.3 * np.cos(2 * math.pi * n / 6),
        rtol=1e-14,
    )
    np.testing.assert_allclose(
        cnn.kaiser_window(6, False, 3.0, dtype=cnn.float64).numpy(),
        np.i0(3 * np.sqrt(np.clip(1 - (2 * n / 5 - 1) ** 2, 0, None))) / np.i0(3),
        rtol=1e-13,
    )


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: windows.hann(-1), ValueError, "non-negative window length, got M=-1"),
        (lambda: windows.hann(3, dtype=cnn.float16), ValueError, "expects float32 or float64"),
        (lambda: windows.exponential(3, tau=0), ValueError, "Tau must be positive"),
        (lambda: windows.exponential(3, center=1), ValueError, "must be None for symmetric"),
        (lambda: windows.gaussian(3, std=-1), ValueError, "Standard deviation must be positive"),
        (lambda: windows.kaiser(3, beta=-1), ValueError, "beta must be non-negative"),
        (lambda: windows.general_cosine(3, a=3), TypeError, "must be a list/tuple"),
        (lambda: windows.general_cosine(3, a=[]), ValueError, "cannot be empty"),
    ],
)
def test_bad_options(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


@pytest.mark.skipif(cnn.cuda.is_available(), reason="there is a GPU")
def test_pinned_memory_needs_a_gpu():
    for make in (cnn.hann_window, cnn.bartlett_window, cnn.kaiser_window):
        with pytest.raises(RuntimeError, match="accelerator"):
            make(4, pin_memory=True)
