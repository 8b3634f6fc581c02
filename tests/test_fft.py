"""cnn.fft: what is real of it works, what is complex says so."""

import numpy as np
import pytest

import cnn
from cnn import fft


@pytest.mark.parametrize("n", [1, 2, 5, 8])
@pytest.mark.parametrize("d", [1.0, 0.25])
def test_frequencies(n, d):
    for ours, theirs in ((fft.fftfreq, np.fft.fftfreq), (fft.rfftfreq, np.fft.rfftfreq)):
        found = ours(n, d, dtype=cnn.float64)
        np.testing.assert_allclose(found.numpy(), theirs(n, d), rtol=1e-15)
        assert ours(n).dtype == cnn.float32
        out = cnn.empty(len(found))
        assert ours(n, d, out=out) is out
        np.testing.assert_allclose(out.numpy(), theirs(n, d), rtol=1e-6)


def test_frequencies_of_no_samples():
    for function in (fft.fftfreq, fft.rfftfreq):
        with pytest.raises(RuntimeError, match="must be positive, got 0"):
            function(0)


@pytest.mark.parametrize("dim", [None, 0, -1, (0, 2), ()])
def test_shifts(dim):
    x = np.arange(2 * 5 * 4.0).reshape(2, 5, 4)
    for ours, theirs in ((fft.fftshift, np.fft.fftshift), (fft.ifftshift, np.fft.ifftshift)):
        np.testing.assert_array_equal(ours(cnn.from_numpy(x), dim).numpy(), theirs(x, axes=dim))
    t = cnn.from_numpy(x)
    assert cnn.equal(fft.ifftshift(fft.fftshift(t, dim), dim), t)
    with pytest.raises(IndexError):
        fft.fftshift(t, 3)


def test_transforms_say_what_to_use():
    for name in ("fft", "ifft", "rfft", "irfft", "fftn", "hfft"):
        with pytest.raises(NotImplementedError, match=rf"fft\.{name}: .*numpy\.fft"):
            getattr(fft, name)(cnn.ones(4))
