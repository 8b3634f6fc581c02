"""The switches under cnn.backends: the one that acts, and those that scripts set for PyTorch."""

import numpy as np
import pytest

import cnn
import cnn.nn.functional as F

# Of the largest output, for Winograd's algorithm on numbers from N(0, 1).
WINOGRAD_ERROR = 3e-5
DIRECT_ERROR = 1e-5


@pytest.fixture(autouse=True)
def winograd_again():
    yield
    cnn.backends.cpu.winograd = True


def passes(dtype, shape):
    """y, dx and dw of one convolution of N(0, 1) numbers, the same for every dtype."""
    batch, channels, outputs, height, width, padding, dilation = shape
    draw = np.random.default_rng(0).standard_normal

    def tensor(*size):
        return cnn.tensor(draw(size).astype(np.float32)).to(dtype)

    x = tensor(batch, channels, height, width).requires_grad_()
    w = tensor(outputs, channels, 3, 3).requires_grad_()
    y = F.conv2d(x, w, padding=padding, dilation=dilation)
    dx, dw = cnn.autograd.grad(y, [x, w], tensor(*y.shape))
    return [t.detach().to(cnn.float64).numpy() for t in (y, dx, dw)]


def errors(shape):
    exact = passes(cnn.float64, shape)
    given = passes(cnn.float32, shape)
    return [np.abs(a - b).max() / np.abs(b).max() for a, b in zip(given, exact)], given


@pytest.mark.parametrize(
    "shape",
    [
        (8, 64, 64, 32, 32, 1, 1),
        (4, 256, 128, 8, 8, 1, 1),
        (2, 32, 96, 57, 43, 0, 1),
        (4, 40, 24, 21, 19, 2, 2),
        (32, 512, 64, 4, 4, 1, 1),
    ],
    ids=str,
)
def test_winograd_error_and_switch(shape):
    with_it, results = errors(shape)
    assert max(with_it) < WINOGRAD_ERROR
    cnn.backends.cpu.winograd = False
    assert cnn.backends.cpu.winograd is False
    without, plain = errors(shape)
    assert max(without) < DIRECT_ERROR
    for a, b in zip(results, plain):
        assert not np.array_equal(a, b)


def test_winograd_wants_a_bool():
    with pytest.raises(TypeError, match="winograd"):
        cnn.backends.cpu.winograd = 1
    assert cnn.backends.cpu.winograd is True


def test_what_scripts_set():
    backends = cnn.backends
    backends.cudnn.benchmark, former = True, backends.cudnn.benchmark
    assert backends.cudnn.benchmark is True and former is False
    backends.cudnn.benchmark = False
    with backends.cudnn.flags(enabled=False, deterministic=True):
        assert backends.cudnn.deterministic and not backends.cudnn.enabled
    assert backends.cudnn.enabled and not backends.cudnn.deterministic
    with backends.mkldnn.flags(enabled=False):
        assert not backends.mkldnn.enabled
    assert backends.mkldnn.enabled
    assert backends.cuda.matmul.allow_tf32 is False
    backends.cudnn.allow_tf32, former = False, backends.cudnn.allow_tf32
    assert backends.cudnn.conv.fp32_precision == backends.cudnn.rnn.fp32_precision == "none"
    backends.cudnn.rnn.fp32_precision = "tf32"
    assert backends.cudnn.allow_tf32 is False and backends.cudnn.rnn.fp32_precision == "tf32"
    backends.cudnn.allow_tf32 = former
    with pytest.raises(RuntimeError, match="Invalid precision: 'bf16'"):
        backends.cuda.matmul.fp32_precision = "bf16"
    assert backends.cuda.is_built() == cnn.cuda.is_available()
    for part in (backends.mps, backends.mkl, backends.openmp, backends.mkldnn, backends.cudnn):
        assert part.is_available() is False
    assert backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512")
