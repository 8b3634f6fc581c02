"""Cases that both libraries run: functions of the library, whose results must be the same.

A result is tensors in whatever lists and dictionaries, text and numbers, or the error raised.
"""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import torch

import cnn


def same(ours, theirs):
    if isinstance(theirs, torch.Tensor):
        assert tuple(ours.shape) == tuple(theirs.shape)
        assert str(ours.dtype).replace("cnn", "torch") == str(theirs.dtype)
        values = [np.array(t.detach().tolist()) for t in (ours, theirs)]
        np.testing.assert_allclose(*values, rtol=2e-4, atol=2e-4)
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for pair in zip(ours, theirs):
            same(*pair)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        same(list(ours.values()), list(theirs.values()))
    elif isinstance(theirs, str):
        assert ours.replace("cnn.", "torch.") == theirs
    else:
        assert ours == theirs


def attempt(function):
    """What a function returns, or the type and text of its error."""
    try:
        return function()
    except Exception as error:
        return type(error).__name__, str(error)


def part(lib, path):
    return importlib.import_module(f"{lib.__name__}.nn.utils.{path}")


def steps(lib, module, *inputs, count=3):
    """The outputs of a module in training, by gradient descent on their squares."""
    optimizer = lib.optim.SGD(module.parameters(), lr=0.05)
    outputs = []
    for _ in range(count):
        optimizer.zero_grad()
        output = module(*inputs)
        (output * output).sum().backward()
        optimizer.step()
        outputs.append(output)
    return outputs


def ramp(lib, *shape):
    return (lib.arange(int(np.prod(shape)), dtype=lib.float32) * 0.37).sin().reshape(shape)


def run_in_both(function):
    """Runs a case of one seed by both libraries and compares what comes out."""
    results = []
    for lib in (cnn, torch):
        lib.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results.append(attempt(lambda lib=lib: function(lib)))
    same(*results)
