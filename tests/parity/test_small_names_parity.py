"""Windows, Sobol points, attention by functions, storages and small names beside PyTorch's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import cnn

torch = pytest.importorskip("torch")

WINDOWS = {
    "bartlett": {}, "blackman": {}, "cosine": {}, "exponential": {"tau": 2.0},
    "gaussian": {"std": 1.5}, "general_cosine": {"a": [0.4, 0.3, 0.3]},
    "general_hamming": {"alpha": 0.6}, "hamming": {}, "hann": {}, "kaiser": {"beta": 5.0},
    "nuttall": {},
}  # fmt: skip


@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name):
    for dtype in ("float32", "float64"):
        tolerance = (
            1e-6 if dtype == "float32" else 1e-15
        )  # the points are rounded, then their cosines
        for size in (0, 1, 2, 5, 16, 101):
            for sym in (True, False):
                got, want = (
                    getattr(lib.signal.windows, name)(
                        size, sym=sym, dtype=getattr(lib, dtype), **WINDOWS[name]
                    ).numpy()
                    for lib in (cnn, torch)
                )
                np.testing.assert_allclose(got, want, atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", ["bartlett", "blackman", "hamming", "hann", "kaiser"])
def test_older_windows(name):
    for dtype in ("float32", "float64"):
        for size in (0, 1, 2, 3, 8, 400):
            for periodic in (True, False):
                got, want = (
                    getattr(lib, f"{name}_window")(
                        size, periodic, dtype=getattr(lib, dtype)
                    ).numpy()
                    for lib in (cnn, torch)
                )
                tolerance = 2e-6 if dtype == "float32" else 1e-14
                np.testing.assert_allclose(got, want, atol=tolerance, rtol=0)


@pytest.mark.parametrize("scramble", [False, True])
def test_sobol_points_are_the_same(scramble):
    for dimension in (1, 2, 7, 1111):
        ours, theirs = (
            lib.quasirandom.SobolEngine(dimension, scramble, seed=11) for lib in (cnn, torch)
        )
        for n in (1, 5, 33):
            assert ours.draw(n).tolist() == theirs.draw(n).tolist()
        ours.fast_forward(100), theirs.fast_forward(100)
        assert (
            ours.draw(3, dtype=cnn.float64).tolist() == theirs.draw(3, dtype=torch.float64).tolist()
        )


def flex(lib, arrays, score_mod, mask_mod, **options):
    from importlib import import_module

    module = import_module(f"{lib.__name__}.nn.attention.flex_attention")
    q, k, v = (lib.tensor(array) for array in arrays)
    mask = None
    if mask_mod is not None:
        mask = module.create_block_mask(
            lambda b, h, i, j: mask_mod(lib, b, h, i, j),
            2,
            4,
            q.shape[2],
            k.shape[2],
            device="cpu",
            BLOCK_SIZE=16,
        )
    if lib is torch:
        module._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = True  # the composed form, as here
    mod = None if score_mod is None else lambda s, b, h, i, j: score_mod(lib, s, b, h, i, j)
    return mask, module.flex_attention(q, k, v, mod, mask, **options).numpy()


@pytest.mark.parametrize(
    ("score_mod", "mask_mod"),
    [
        (None, None),
        (lambda lib, s, b, h, i, j: s + (i - j) * 0.1 * (h + 1), None),
        (None, lambda lib, b, h, i, j: i >= j),
        (
            lambda lib, s, b, h, i, j: lib.tanh(s) * 2,
            lambda lib, b, h, i, j: (i - j).abs() < 20 + b,
        ),
    ],
    ids=["plain", "alibi", "causal", "softcap"],
)
def test_flex_attention(score_mod, mask_mod):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(size).astype(np.float32) for size in ((2, 4, 40, 8),) * 3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (mask, got), (their_mask, want) = (
            flex(lib, arrays, score_mod, mask_mod) for lib in (cnn, torch)
        )
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)
    if mask is None:
        return
    assert str(mask) == str(their_mask) and mask.sparsity() == their_mask.sparsity()
    for name in mask._TENSOR_ATTRS[:8]:
        assert getattr(mask, name).tolist() == getattr(their_mask, name).tolist(), name
    ours, theirs = repr(mask), repr(their_mask)
    assert ours[: ours.index("mask_mod")] == theirs[: theirs.index("mask_mod")]


def outcome(call, lib):
    try:
        return str(call(lib))
    except Exception as error:
        return type(error).__name__, str(error)


def rebuilt(lib):
    storage = lib.arange(6, dtype=lib.uint8).untyped_storage()
    part = storage[1:5]
    part[0] = 9
    storage.byteswap(lib.int16)
    return part.tolist(), storage.int().tolist(), storage.type(), storage.get_device()


CALLS = {
    "parts": rebuilt,
    "step": lambda lib: lib.UntypedStorage(4)[::2],
    "range": lambda lib: (lib.range(1, 2, 0.25), lib.range(3, 1, -1, dtype=lib.int32)),
    "range_step": lambda lib: lib.range(1, 4, 0),
    "range_sign": lambda lib: lib.range(4, 1),
    "permuted": lambda lib: lib.empty_permuted((2, 3, 5), (1, 0, 2)).stride(),
    "permuted_twice": lambda lib: lib.empty_permuted((2, 3), (0, 0)),
    "result_type": lambda lib: (
        lib.result_type(lib.tensor(2), 1.5),
        lib.result_type(lib.ones(1, dtype=lib.uint8), lib.tensor(1000)),
        lib.result_type(lib.ones(1, dtype=lib.bool), 1),
    ),
    "asarray": lambda lib: (
        lib.asarray(b"abc", dtype=lib.uint8), lib.asarray([1.5]), lib.asarray(np.ones(2)),
        lib.asarray(np.float32(2)), lib.asarray(True),
    ),
    "typename": lambda lib: (lib.typename(lib.ones(1)), lib.typename(3), lib.typename([])),
    "is_nonzero": lambda lib: lib.is_nonzero(lib.ones(2)),
    "finfo": lambda lib: [
        (i.bits, i.eps, i.max, i.min, i.tiny, i.resolution, i.dtype)
        for i in (lib.finfo(getattr(lib, f"float8_{n}")) for n in
                  ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz", "e8m0fnu"))
    ],
    "iinfo": lambda lib: [repr(lib.iinfo(d)) for d in (lib.uint16, lib.uint32, lib.uint64)],
    "abbr": lambda lib: [getattr(lib, n).abbr for n in "bool uint8 float16 complex64 uint32".split()],
    "stream": lambda lib: (lib.Stream(), lib.Event(), lib.Stream().device, lib.Event().query()),
    "event": lambda lib: lib.Event().record(),
    "timing": lambda lib: lib.Event().elapsed_time(lib.Event()),
    "rank": lambda lib: __import__(f"{lib.__name__}.distributed").distributed.get_rank(),
    "barrier": lambda lib: lib.distributed.barrier(),
    "destroy": lambda lib: lib.distributed.destroy_process_group(),
    "backend": lambda lib: lib.distributed.BackendConfig("cpu:gloo,cuda:nccl"),
    "reduce_op": lambda lib: (lib.distributed.ReduceOp.SUM, repr(lib.distributed.ReduceOp.MAX)),
    "default_type": lambda lib: lib.set_default_tensor_type(lib.IntTensor),
    "accelerator": lambda lib: lib.accelerator.synchronize(),
    "no_file": lambda lib: lib.UntypedStorage.from_file("/no/such/file", nbytes=3).nbytes(),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_the_same_is_said(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert outcome(CALLS[name], cnn) == outcome(CALLS[name], torch)
