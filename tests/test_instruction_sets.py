"""Loops that have instructions of their own for each instruction set."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
import cnn

draw = np.random.default_rng(0)


def check(got, want):
    np.testing.assert_array_equal(got.numpy(), want)


for dtype in (np.float32, np.float64):
    for n in (1, 15, 16, 17, 32, 65, 128, 300):
        x = draw.standard_normal((9, n)).astype(dtype)
        x[1, n // 2], x[2, 0], x[3, -1], x[4], x[5, : n // 2] = np.nan, np.inf, np.nan, -np.inf, np.nan
        t = cnn.from_numpy(x)
        check(t.amax(1), x.max(1))
        check(t.amin(1), x.min(1))
        check(t.max(1)[0], x.max(1))
        finite = np.where(np.isfinite(x), x, 0)
        shifted = np.exp((finite - finite.max(1, keepdims=True)).astype(np.float64))
        want = shifted / shifted.sum(1, keepdims=True)
        for rows in (cnn.from_numpy(finite), cnn.from_numpy(finite.T.copy()).t()):
            np.testing.assert_allclose(rows.softmax(1).numpy(), want, 1e-5, 1e-7)

x = draw.standard_normal((2, 20, 11, 9)).astype(np.float32)
x[0, 3, 4, 5] = x[1, 19, 0, 0] = np.nan
padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
for size, stride in ((2, 2), (3, 2), (3, 1)):
    source = x if size == 2 else padded
    windows = np.lib.stride_tricks.sliding_window_view(source, (size, size), (2, 3))
    want = windows[:, :, ::stride, ::stride].max((4, 5))
    for layout in (cnn.contiguous_format, cnn.channels_last):
        t = cnn.from_numpy(x).contiguous(memory_format=layout)
        pool = cnn.nn.functional.max_pool2d
        check(pool(t, size, stride, size // 3), want)
        check(pool(t, size, stride, size // 3, return_indices=True)[0], want)

half = np.arange(65536, dtype=np.uint16).view(np.float16)
t = cnn.from_numpy(half)
check(t.float(), half.astype(np.float32))
check(t.double(), half.astype(np.float64))
check(t.bool(), half != 0)
numbers = t.isfinite()
check(t[numbers].int(), half[np.isfinite(half)].astype(np.int32))
scales = 10.0 ** draw.integers(-9, 5, 1000)
wide = (draw.standard_normal(1000) * scales).astype(np.float32)
with np.errstate(over="ignore"):
    for n in (1, 7, 8, 15, 16, 17, 511, 513, 1000):
        check(cnn.from_numpy(wide[:n]).half(), wide[:n].astype(np.float16))
        check(cnn.from_numpy(wide[:n].astype(np.float64)).half(), wide[:n].astype(np.float16))
integers = np.arange(-1000, 1000)
check(cnn.from_numpy(integers).half(), integers.astype(np.float16))
flags = cnn.from_numpy(np.array([0, 1, 2, 255, 0, 7] * 20, np.uint8)).view(cnn.bool)
for dtype in (cnn.float16, cnn.bfloat16, cnn.float32, cnn.int32, cnn.float64):
    check(flags.to(dtype).double(), np.tile([0.0, 1, 1, 1, 0, 1], 20))

# Attention and its gradients, beside the same by ops; a finite mask hides a row as a whole.
for dtype, tolerance in ((cnn.float32, 2e-5), (cnn.float64, 1e-12)):
    for rows, keys, width in ((1, 3, 4), (5, 70, 24), (33, 300, 64)):
        given = [draw.standard_normal((2, 3, n, width)) for n in (rows, keys, keys)]
        mask = np.where(draw.random((rows, keys)) < 0.3, -np.inf, 0.0)
        mask[:, 0] = 0.0
        found = []
        for by_kernel in (True, False):
            q, k, v = (cnn.tensor(x, dtype=dtype).requires_grad_() for x in given)
            bias = cnn.tensor(mask, dtype=dtype)
            if by_kernel:
                bias[-1] = cnn.finfo(dtype).min
                y = cnn.nn.functional.scaled_dot_product_attention(q, k, v, bias)
            else:
                scores = q @ k.mT * width**-0.5 + bias
                hidden = cnn.zeros(rows, 1, dtype=cnn.bool)
                hidden[-1] = True
                y = scores.masked_fill(hidden, 0.0).softmax(-1) @ v
            y.sin().sum().backward()
            found.append([y.detach(), v.grad, q.grad[:, :, :-1]])
        for got, want in zip(*found):
            np.testing.assert_allclose(got.numpy(), want.numpy(), tolerance, tolerance)
print(cnn.backends.cpu.get_cpu_capability())
"""


@pytest.mark.parametrize("capability", ("baseline", "avx2", "avx512"))
def test_loops_of_each_instruction_set(capability):
    environment = {**os.environ, "CNN_CPU_CAPABILITY": capability}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("DEFAULT", "AVX2", "AVX512")
