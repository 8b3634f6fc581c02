"""One thing made and run by both libraries, and the comparison of what comes out."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

import cnn

LIBS = (cnn, torch)


def values(tensor):
    return np.array(tensor.detach().tolist())


def close(ours, theirs, where, tolerance=2e-5):
    assert type(ours) is tuple or tuple(ours.shape) == tuple(theirs.shape), where
    assert str(ours.dtype) == str(theirs.dtype), where
    np.testing.assert_allclose(
        values(ours), values(theirs), rtol=tolerance, atol=tolerance, err_msg=where
    )


def flat(value):
    """All tensors in nested tuples and packed sequences."""
    if isinstance(value, (tuple, list)):
        return [t for item in value for t in flat(item)]
    return [] if value is None else [value]


def both(make):
    """What `make(lib)` gives after one seed, for both libraries."""
    found = []
    for lib in LIBS:
        lib.manual_seed(3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(make(lib))
    return found


def draw(lib, *shape, grad=True):
    x = np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)
    return lib.tensor(x.tolist(), requires_grad=grad)


def compare_modules(make, call, training=True):
    """Equal form, state, outputs and gradients; `call(lib, module)` is (outputs, inputs)."""
    modules = both(make)
    ours, theirs = modules
    assert repr(ours) == repr(theirs)
    assert set(vars(ours)) == set(vars(theirs))
    state, expected = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(expected)
    for key in state:
        close(state[key], expected[key], f"state {key}", 1e-6)
    results = []
    for lib, module in zip(LIBS, modules):
        module.train(training)
        lib.manual_seed(11)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outputs, inputs = call(lib, module)
        outputs = flat(outputs)
        loss = 0
        for i, out in enumerate(outputs):
            if out.is_floating_point():
                ramp = lib.arange(out.numel(), dtype=lib.float32).reshape(out.shape)
                loss = loss + (out * (ramp * 0.01 + 0.1 * i + 0.5)).sum()
        if loss.requires_grad:
            loss.backward()
        grads = [x.grad for x in inputs] + [p.grad for p in module.parameters()]
        results.append((outputs, grads))
    (out, grads), (out_expected, grads_expected) = results
    assert len(out) == len(out_expected)
    for i, (a, b) in enumerate(zip(out, out_expected)):
        close(a, b, f"output {i}")
        assert a.stride() == b.stride(), f"output {i}"
    for i, (a, b) in enumerate(zip(grads, grads_expected)):
        assert (a is None) == (b is None), f"gradient {i}"
        if a is not None:
            close(a, b, f"gradient {i}", 2e-4)
    return ours


def error_of(function):
    with pytest.raises(Exception) as info:
        function()
    return type(info.value).__name__, str(info.value)
