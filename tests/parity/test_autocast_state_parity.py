"""What stands beside the casts: state, regions, errors and warnings, the same in both libraries."""

from __future__ import annotations

import importlib
import threading
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import cnn  # noqa: E402

LIBS = (cnn, torch)


def text(value):
    return str(value).replace("torch.", "").replace("cnn.", "")


def state(lib, device="cpu"):
    return (
        lib.is_autocast_enabled(device),
        text(lib.get_autocast_dtype(device)),
        lib.is_autocast_cache_enabled(),
    )


def in_both(function):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [function(lib) for lib in LIBS]


def test_regions():
    def run(lib):
        x, seen = lib.ones(3, 3), []

        def look():
            seen.append((state(lib), state(lib, "cuda"), text((x @ x).dtype)))

        look()
        with lib.autocast("cpu"):
            look()
            with lib.autocast("cpu", lib.float16, cache_enabled=False):
                look()
                with lib.autocast("cpu", enabled=False):
                    look()
            with lib.autocast("cuda", lib.bfloat16, enabled=False):
                look()
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
            try:
                with lib.autocast("cpu", lib.float16):
                    look()
                    raise KeyError
            except KeyError:
                look()
        look()
        for region in (lib.autocast("cpu"), lib.autocast("cpu", lib.float16, False, False)):
            seen.append(
                (region.device, region._enabled, text(region.fast_dtype), region._cache_enabled)
            )
        return seen

    ours, theirs = in_both(run)
    assert ours == theirs


def test_decorated_functions():
    def run(lib):
        x = lib.ones(2, 2)

        @lib.autocast("cpu")
        def function(x):
            """Its text."""
            return x @ x

        @lib.autocast("cpu")
        def generator():
            yield x @ x

        class Net(lib.nn.Module):
            @lib.autocast("cpu", lib.float16)
            def forward(self, x):
                return x @ x

        found = [function.__name__, function.__doc__, text(function(x).dtype)]
        return [*found, text(next(generator()).dtype), text(Net()(x).dtype)]

    ours, theirs = in_both(run)
    assert ours == theirs


CALLS = [
    lambda lib: lib.autocast(lib.device("cpu")),
    lambda lib: lib.autocast("cpu")(3),
    lambda lib: lib.amp.custom_fwd(device_type=3),
    lambda lib: lib.amp.custom_bwd(device_type=3),
    lambda lib: lib.set_autocast_enabled("cpu", 1),
    lambda lib: lib.set_autocast_enabled(3),
    lambda lib: lib.set_autocast_dtype("cpu", 3),
    lambda lib: lib.get_autocast_dtype(None),
    lambda lib: lib.is_autocast_enabled(3),
]


@pytest.mark.parametrize("i", range(len(CALLS)))
def test_errors(i):
    found = []
    for lib in LIBS:
        with pytest.raises(Exception) as caught:
            CALLS[i](lib)
        found.append((caught.type, str(caught.value)))
    assert found[0] == found[1]


@pytest.mark.parametrize("device, dtype", [("cpu", "float32"), ("cpu", "int64"), ("cuda", None)])
def test_what_warns_is_off(device, dtype):
    if device == "cuda" and (torch.cuda.is_available() or cnn.cuda.is_available()):
        pytest.skip("there is a GPU")
    found = []
    for lib in LIBS:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            region = lib.autocast(device, dtype and getattr(lib, dtype))
        assert [w.filename for w in seen] == [__file__]
        with region:
            inside = state(lib, device), text((lib.ones(2, 2) @ lib.ones(2, 2)).dtype)
        found.append((region._enabled, text(seen[0].message), seen[0].category, inside))
    assert found[0] == found[1]


OLD = [
    lambda lib: lib.cuda.amp.autocast(),
    lambda lib: lib.cpu.amp.autocast(),
    lambda lib: lib.cuda.amp.GradScaler(enabled=False),
    lambda lib: lib.cpu.amp.GradScaler(),
    lambda lib: lib.cuda.amp.custom_fwd(lambda ctx: None),
    lambda lib: lib.cuda.amp.custom_bwd(lambda ctx: None),
    lambda lib: lib.is_autocast_cpu_enabled(),
    lambda lib: lib.set_autocast_cpu_enabled(False),
    lambda lib: lib.get_autocast_cpu_dtype(),
    lambda lib: lib.set_autocast_cpu_dtype(lib.bfloat16),
    lambda lib: lib.get_autocast_gpu_dtype(),
    lambda lib: lib.set_autocast_gpu_dtype(lib.float16),
]


@pytest.mark.parametrize("i", range(len(OLD)))
def test_old_names(i):
    found = []
    for lib in LIBS:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            OLD[i](lib)
        first = seen[0]  # PyTorch says of some where in its own sources they are
        message = str(first.message).partition(" (Triggered internally")[0]
        found.append((message, first.category, first.filename))
    assert found[0] == found[1]


def test_modules_have_pytorchs_names():
    for path in (
        "amp", "amp.autocast_mode", "amp.grad_scaler", "cuda.amp", "cuda.amp.autocast_mode",
        "cuda.amp.common", "cuda.amp.grad_scaler", "cpu.amp", "cpu.amp.autocast_mode",
        "cpu.amp.grad_scaler",
    ):  # fmt: skip
        ours, theirs = (importlib.import_module(f"{lib.__name__}.{path}") for lib in LIBS)
        names = getattr(theirs, "__all__", [])
        assert set(getattr(ours, "__all__", [])) >= set(names)
        for name in names:
            a, b = getattr(ours, name), getattr(theirs, name)
            assert a.__module__.replace("cnn", "torch") == b.__module__
    assert cnn.autocast is cnn.amp.autocast and cnn.GradScaler is cnn.amp.GradScaler


def test_casts_of_nested_values():
    def run(lib):
        cast = importlib.import_module(f"{lib.__name__}.amp.autocast_mode")._cast
        x = lib.ones(2)
        found = cast(
            {"a": x, "b": [x.double(), x.long(), "s", b"b", None, 3], "c": (x, {"d": x})},
            "cpu", lib.bfloat16,
        )  # fmt: skip
        array = np.ones(2)
        assert cast(array, "cpu", lib.bfloat16) is array
        return text([found["a"].dtype, found["b"][0].dtype, found["b"][1:], found["c"][0].dtype])

    ours, theirs = in_both(run)
    assert ours == theirs
