"""Names of PyTorch's that are not here: AttributeError, with what to use instead."""

from __future__ import annotations

import importlib
import re

import pytest

import cnn
from cnn import _absent

MODULES = [
    "cnn", "cnn.nn", "cnn.nn.functional", "cnn.nn.init", "cnn.nn.parameter", "cnn.nn.parallel",
    "cnn.nn.utils", "cnn.nn.utils.rnn", "cnn.optim", "cnn.optim.lr_scheduler", "cnn.utils",
    "cnn.utils.data", "cnn.utils.checkpoint", "cnn.utils.hooks", "cnn.autograd",
    "cnn.autograd.function", "cnn.autograd.functional", "cnn.autograd.graph", "cnn.linalg",
    "cnn.cuda", "cnn.distributions", "cnn.random", "cnn.testing", "cnn.storage", "cnn.serialization", "cnn.backends",
    "cnn.backends.cuda", "cnn.backends.mkl", "cnn.backends.mps",
]  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_a_module_says_what_to_use_or_that_there_is_nothing(name):
    module = importlib.import_module(name)
    assert not hasattr(module, "never_heard_of")
    words = f"module '{name}' has no attribute 'never_heard_of': cnn has nothing in its place"
    with pytest.raises(AttributeError, match=re.escape(words)) as caught:
        module.never_heard_of
    assert caught.value.name == "never_heard_of" and caught.value.obj is module
    assert not hasattr(module, "__wrapped__")


@pytest.mark.parametrize(
    ("get", "words"),
    [
        (lambda: cnn.parse_ir, "write Python"),
        (lambda: cnn.stft, "numpy.fft"),
        (lambda: cnn.view_as_real, "no complex tensors"),
        (lambda: cnn.sparse_coo_tensor, "no sparse tensors"),
        (lambda: cnn.svdvals, "a function of cnn.linalg"),
        (lambda: cnn.linalg.relu, "use cnn.relu"),
        (lambda: cnn.embedding_bag, r"use cnn\.nn\.functional\.embedding_bag"),
        (lambda: cnn.vulkan, "nothing in its place"),
    ],
)
def test_sentences(get, words):
    with pytest.raises(AttributeError, match=words):
        get()


def test_tensors_say_so_too():
    x = cnn.ones(2)
    own = x.as_subclass(type("Own", (cnn.Tensor,), {}))
    for subject, start in (
        (x, "'Tensor' object"),
        (own, "'Own' object"),
        (cnn.Tensor, "type object 'Tensor'"),
    ):
        assert not hasattr(subject, "to_sparse") and "to_sparse" not in dir(subject)
        words = f"{start} has no attribute 'to_sparse': there are no sparse tensors"
        with pytest.raises(AttributeError, match=words) as caught:
            subject.to_sparse
        assert caught.value.name == "to_sparse"
        assert "sum" in dir(subject) and "shape" in dir(subject)
    x.to_sparse_bsr = 5
    assert x.to_sparse_bsr == 5 and "to_sparse_bsr" in dir(x)
    assert "to_sparse_bsr" not in dir(cnn.ones(1))


def test_a_subclass_may_have_what_tensor_lacks():
    class Own(cnn.Tensor):
        storage = 7

        def __getattr__(self, name):
            return f"own {name}"

    x = cnn.ones(2).as_subclass(Own)
    assert x.storage == 7 and x.stft == "own stft" and "storage" in dir(x)


def test_what_the_sentences_name_is_there():
    for place in _absent._ELSEWHERE.values():
        found = cnn
        for part in place.split(".")[1:]:
            found = getattr(found, part)
    for text in _absent._SENTENCES:
        for name in re.findall(r"\buse (?:cnn\.)?([a-z_]+)\b", text):
            if name not in ("dense", "numpy", "one", "int"):
                assert hasattr(cnn, name) or hasattr(cnn.Tensor, name), text


def test_nothing_is_listed_as_absent_that_is_there():
    for name in _absent._OF_TENSOR:
        assert type(vars(cnn.Tensor).get(name)) is _absent._Absent, name
    for name in {**_absent._SENTENCE_OF, **_absent._ELSEWHERE}:
        assert not (hasattr(cnn, name) and hasattr(cnn.Tensor, name)), name
