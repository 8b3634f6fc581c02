"""Bags of embeddings, the loss of unaligned sequences, and the adaptive softmax against PyTorch's."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from module_parity import both, close, compare_modules, draw, error_of  # noqa: E402

import cnn  # noqa: E402

# Bags --------------------------------------------------------------------------------------------

BAGS = [
    {"mode": "sum"},
    {"mode": "mean"},
    {"mode": "max"},
    {"mode": "mean", "padding_idx": 2},
    {"mode": "max", "padding_idx": -1},
    {"mode": "sum", "max_norm": 1.0, "norm_type": 1.0},
]


@pytest.mark.parametrize("kwargs", BAGS, ids=str)
def test_embedding_bag(kwargs):
    def call(lib, module):
        flat = lib.tensor([1, 2, 4, 5, 0, 2, 2])
        table = lib.tensor([[1, 2, 3], [2, 5, 2]])
        offsets = lib.tensor([0, 3, 3, 5])
        return [module(flat, offsets), module(table), module(flat.int(), offsets.int())], []

    compare_modules(lambda lib: lib.nn.EmbeddingBag(6, 3, **kwargs), call)


def test_bags_scale_gradients_by_frequency():
    weight = cnn.ones(4, 2, requires_grad=True)
    bags = cnn.nn.functional.embedding_bag(
        cnn.tensor([[1, 1, 2]]), weight, mode="sum", scale_grad_by_freq=True
    )
    bags.sum().backward()
    assert weight.grad.tolist() == [[0, 0], [1, 1], [1, 1], [0, 0]]


def test_weighted_bags():
    def call(lib, module):
        flat, offsets = lib.tensor([1, 2, 4, 5]), lib.tensor([0, 3, 4])
        weights = draw(lib, 4)
        return [module(flat, offsets, weights)], [weights]

    compare_modules(
        lambda lib: lib.nn.EmbeddingBag(6, 3, mode="sum", include_last_offset=True), call
    )


def test_bags_of_given_weights():
    ours, theirs = both(
        lambda lib: lib.nn.EmbeddingBag.from_pretrained(draw(lib, 4, 2, grad=False))
    )
    assert repr(ours) == repr(theirs)
    assert not ours.weight.requires_grad and not theirs.weight.requires_grad


# Unaligned sequences -----------------------------------------------------------------------------

TARGETS = [[1, 2, 2], [3, 1, 0], [2, 2, 2]]
LENGTHS = {
    "lists": lambda lib: ([6, 5, 6], [3, 2, 3]),
    "tensors": lambda lib: (lib.tensor([6, 4, 5]), lib.tensor([3, 2, 0])),
    "impossible": lambda lib: ([6, 5, 3], [3, 2, 3]),
}


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("blank", [0, 4])
@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("normalized", [True, False])
def test_ctc_loss(reduction, lengths, blank, joined, normalized):
    def call(lib, module):
        x = draw(lib, 6, 3, 5)
        log_probs = x.log_softmax(2) if normalized else x
        steps, labels = LENGTHS[lengths](lib)
        targets = lib.tensor(TARGETS)
        if blank == 0:
            targets = targets + 1
        if joined:
            counts = [int(n) for n in labels]
            targets = lib.cat([row[:n] for row, n in zip(targets, counts)])
        return [module(log_probs, targets, steps, labels)], [x]

    compare_modules(
        lambda lib: lib.nn.CTCLoss(blank=blank, reduction=reduction, zero_infinity=True), call
    )


def test_ctc_loss_of_impossible_targets_and_without_a_batch():
    def losses(lib):
        log_probs = draw(lib, 4, 2, 5, grad=False).log_softmax(2)
        targets = lib.tensor([[1, 1, 1], [2, 3, 1]])
        one = (log_probs[:, 0], targets[1], lib.tensor(4), lib.tensor(3))
        return [
            lib.nn.functional.ctc_loss(log_probs, targets, [4, 4], [3, 3], reduction="none"),
            lib.nn.functional.ctc_loss(log_probs, targets, [0, 0], [0, 1], reduction="none"),
            lib.nn.functional.ctc_loss(*one),
            lib.nn.functional.ctc_loss(*one, reduction="none"),
        ]

    for i, (a, b) in enumerate(zip(*both(losses))):
        close(a, b, f"loss {i}")


# The adaptive softmax ----------------------------------------------------------------------------


@pytest.mark.parametrize("head_bias", [True, False])
def test_adaptive_softmax(head_bias):
    def make(lib):
        return lib.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], 2.0, head_bias)

    def call(lib, module):
        x = draw(lib, 6, 8)
        result = module(x, lib.tensor([0, 11, 2, 5, 3, 7]))
        assert result._fields == ("output", "loss")
        one = module(x[0], lib.tensor(9))
        return [result, one, module.log_prob(x), module.predict(x)], [x]

    compare_modules(make, call)


# Errors ------------------------------------------------------------------------------------------


def ctc(lib, **changes):
    given = {
        "targets": lib.tensor([[1, 2], [3, 1]]),
        "input_lengths": [5, 5],
        "target_lengths": [2, 2],
    }
    return lib.nn.functional.ctc_loss(draw(lib, 5, 2, 4), **{**given, **changes})


def bag(lib, offsets=None, x=(1, 2, 3), **kwargs):
    given = None if offsets is None else lib.tensor(offsets)
    return lib.nn.functional.embedding_bag(lib.tensor(x), draw(lib, 6, 3), given, **kwargs)


ERRORS = [
    lambda lib: ctc(lib, input_lengths=[5, 6]),
    lambda lib: ctc(lib, input_lengths=[-1, 5]),
    lambda lib: ctc(lib, input_lengths=[5]),
    lambda lib: ctc(lib, input_lengths=lib.tensor([5.0, 5.0]), target_lengths=lib.tensor([2, 2])),
    lambda lib: ctc(lib, target_lengths=[2]),
    lambda lib: ctc(lib, target_lengths=[2, 3]),
    lambda lib: ctc(lib, target_lengths=[2, -3]),
    lambda lib: ctc(lib, targets=lib.tensor([1, 2, 3])),
    lambda lib: ctc(lib, blank=4),
    lambda lib: ctc(lib, reduction="median"),
    lambda lib: bag(lib),
    lambda lib: bag(lib, [[0]]),
    lambda lib: bag(lib, [0, 4]),
    lambda lib: bag(lib, [0], [[1, 2]]),
    lambda lib: bag(lib, [0], mode="median"),
    lambda lib: bag(lib, [0], mode="max", scale_grad_by_freq=True),
    lambda lib: bag(lib, [0], mode="max", sparse=True),
    lambda lib: bag(lib, [0], padding_idx=7),
    lambda lib: bag(lib, [0], per_sample_weights=lib.ones(2)),
    lambda lib: bag(lib, [0], per_sample_weights=lib.ones(3)),
    lambda lib: lib.nn.EmbeddingBag(3, 2, padding_idx=3),
    lambda lib: lib.nn.EmbeddingBag(3, 2, _weight=lib.ones(2, 2)),
    lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 12, []),
    lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 3]),
    lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 12]),
    lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3])(lib.ones(2, 8), lib.tensor([1])),
    lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3])(lib.ones(1, 8), lib.tensor([12])),
    lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3])(lib.ones(8), lib.tensor([[1]])),
]


@pytest.mark.parametrize("call", ERRORS)
def test_error(call):
    assert error_of(lambda: call(cnn)) == error_of(lambda: call(torch))
