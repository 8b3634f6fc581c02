"""Data loading against PyTorch: the same seed visits the same samples and leaves the same state."""

import numpy as np
import pytest

import cnn
from cnn.utils import data as ours

torch = pytest.importorskip("torch")
theirs = torch.utils.data

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

BOTH = [(cnn, ours), (torch, theirs)]


def plain(value):
    """Tensors at any depth as nested lists."""
    if isinstance(value, (cnn.Tensor, torch.Tensor)):
        return str(value.dtype), value.tolist()
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(v) for v in value)
    return value


def same(run):
    """`run(lib, data)` gives the same for both libraries, and so do the draws after it."""
    results = []
    for lib, data in BOTH:
        lib.manual_seed(7)
        results.append((plain(run(lib, data)), lib.randint(0, 1000, (5,)).tolist()))
    assert results[0] == results[1]


def pairs(lib, data, n=23):
    return data.TensorDataset(lib.arange(2.0 * n).reshape(n, 2), lib.arange(n))


LOADERS = {
    "in order": {"batch_size": 4},
    "shuffled": {"batch_size": 4, "shuffle": True},
    "dropping the last": {"batch_size": 4, "shuffle": True, "drop_last": True},
    "without batches": {"batch_size": None, "shuffle": True},
    "one batch": {"batch_size": 100, "shuffle": True},
}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("case", LOADERS)
def test_epochs(case, workers):
    def run(lib, data):
        loader = data.DataLoader(pairs(lib, data), num_workers=workers, **LOADERS[case])
        return [[list(batch) for batch in loader] for _ in range(2)]

    same(run)


def test_persistent_workers_draw_once():
    def run(lib, data):
        kwargs = {"batch_size": 4, "shuffle": True, "num_workers": 2, "persistent_workers": True}
        loader = data.DataLoader(pairs(lib, data), **kwargs)
        return [[y for _, y in loader] for _ in range(3)]

    same(run)


def test_a_generator_of_one_s_own():
    def run(lib, data):
        generator = lib.Generator()
        generator.manual_seed(11)
        loader = data.DataLoader(pairs(lib, data), 4, shuffle=True, generator=generator)
        epochs = [[y for _, y in loader] for _ in range(2)]
        return epochs, lib.randint(0, 1000, (5,), generator=generator)

    same(run)


@pytest.mark.parametrize("shared", [False, True])
def test_samplers(shared):
    def run(lib, data):
        generator = None
        if shared:
            generator = lib.Generator()
            generator.manual_seed(3)
        source = range(23)
        samplers = [
            data.RandomSampler(source, generator=generator),
            data.RandomSampler(source, num_samples=50, generator=generator),
            data.RandomSampler(source, replacement=True, num_samples=70, generator=generator),
            data.RandomSampler(source, replacement=True, num_samples=64, generator=generator),
            data.SubsetRandomSampler([3, 1, 4, 1, 5], generator=generator),
            data.WeightedRandomSampler([0.1, 0.5, 3.0], 10, generator=generator),
            data.WeightedRandomSampler([0.1, 0.5, 3.0], 2, False, generator=generator),
            data.BatchSampler(data.RandomSampler(source, generator=generator), 4, True),
        ]
        return [list(sampler) for sampler in samplers for _ in range(2)]

    same(run)


@pytest.mark.parametrize("lengths", [[10, 13], [0.5, 0.5], [0.1, 0.2, 0.7]])
def test_random_split(lengths):
    def run(lib, data):
        parts = data.random_split(range(23), lengths)
        return [part.indices for part in parts]

    same(run)


def test_collation():
    def run(lib, data):
        samples = [
            {"i": 1, "f": 2.5, "t": lib.ones(2), "s": "a", "n": np.float32(1.0), "l": [1, 2.0]},
            {"i": 3, "f": 4.5, "t": lib.zeros(2), "s": "b", "n": np.float32(2.0), "l": [3, 4.0]},
        ]
        other = [
            (np.arange(3), True, b"x", (1, np.int16(4))),
            (np.ones(3, int), False, b"y", (2, np.int16(5))),
        ]
        collate, convert = data.default_collate, data.default_convert
        return collate(samples), collate(other), convert(other)

    same(run)


class _Draws:
    """Draws from every generator that a worker is to seed."""

    def __init__(self, lib):
        self.lib = lib

    def __len__(self):
        return 6

    def __getitem__(self, i):
        import random

        return random.random(), self.lib.rand(2).tolist(), np.random.rand()


def test_seeds_of_workers():
    def run(lib, data):
        loader = data.DataLoader(_Draws(lib), num_workers=2, collate_fn=list)
        return list(loader)

    same(run)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"num_workers": -1},
        {"batch_size": 0},
        {"batch_size": None, "drop_last": True},
        {"shuffle": True, "sampler": [0]},
        {"batch_sampler": [[0]], "batch_size": 2},
        {"num_workers": 1, "multiprocessing_context": 3},
        {"num_workers": 1, "multiprocessing_context": "nothing"},
        {"prefetch_factor": -1, "num_workers": 1},
    ],
    ids=str,
)
def test_errors(kwargs):
    with pytest.raises(Exception) as expected:
        theirs.DataLoader(range(5), **kwargs)
    with pytest.raises(expected.type) as caught:
        ours.DataLoader(range(5), **kwargs)
    assert str(caught.value) == str(expected.value)
