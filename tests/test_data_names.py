"""The parts of a DataLoader under PyTorch's names, and shares of a dataset."""

import pickle

import numpy as np
import pytest

import cnn
from cnn._utils import ExceptionWrapper, KeyErrorMessage
from cnn.utils.data import (
    DataLoader,
    DistributedSampler,
    IterableDataset,
    TensorDataset,
    _DatasetKind,
    _utils,
    dataloader,
)
from cnn.utils.data._utils import collate, fetch, worker


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(5))


def test_a_loader_knows_how_its_samples_come():
    by_index = DataLoader(TensorDataset(cnn.arange(4)), batch_size=2)
    stream = DataLoader(Stream(), batch_size=2)
    single = DataLoader(Stream(), batch_size=None)
    assert by_index._dataset_kind == _DatasetKind.Map and by_index._auto_collation
    assert stream._dataset_kind == _DatasetKind.Iterable and not single._auto_collation
    assert isinstance(stream.sampler, dataloader._InfiniteConstantSampler)
    assert by_index._DataLoader__initialized
    iterator = iter(by_index)
    assert isinstance(iterator, dataloader._SingleProcessDataLoaderIter)
    assert isinstance(iterator, dataloader._BaseDataLoaderIter)
    assert iterator._next_index() == [0, 1]
    assert next(iterator)[0].tolist() == [2, 3]
    iterator._reset(by_index)
    assert next(iterator)[0].tolist() == [0, 1]


def test_workers_of_an_iterator():
    iterator = iter(DataLoader(TensorDataset(cnn.arange(4)), num_workers=1))
    assert isinstance(iterator, dataloader._MultiProcessingDataLoaderIter)
    (process,) = iterator._workers
    assert process.is_alive()
    iterator._shutdown_workers()
    assert not process.is_alive()


def test_fetchers():
    make = _DatasetKind.create_fetcher
    rows = make(_DatasetKind.Map, [10, 11, 12], True, collate.default_collate, False)
    assert isinstance(rows, fetch._MapDatasetFetcher)
    assert rows.fetch([2, 0]).tolist() == [12, 10]
    stream = make(_DatasetKind.Iterable, Stream(), True, list, True)
    assert isinstance(stream, fetch._IterableDatasetFetcher)
    assert [stream.fetch([0] * 3)] == [[0, 1, 2]]
    with pytest.raises(StopIteration):
        stream.fetch([0] * 3)


def test_functions_that_collate():
    both = cnn.tensor([1, 2]), cnn.tensor([3, 4])
    assert collate.collate_tensor_fn(both).tolist() == [[1, 2], [3, 4]]
    assert collate.collate_float_fn([1.5, 2]).dtype == cnn.float64
    assert collate.collate_int_fn([1, 2]).dtype == cnn.int64
    assert collate.collate_str_fn(["a", "b"]) == ["a", "b"]
    assert collate.collate_numpy_scalar_fn([np.float32(1)]).dtype == cnn.float32
    arrays = collate.collate_numpy_array_fn(
        [np.zeros(2), np.ones(2)], collate_fn_map=collate.default_collate_fn_map
    )
    assert arrays.tolist() == [[0, 0], [1, 1]]
    with pytest.raises(TypeError, match="must contain tensors"):
        collate.collate_numpy_array_fn([np.array(["a"])])
    with pytest.raises(TypeError) as error:
        collate.default_collate([object()])
    assert str(error.value) == collate.default_collate_err_msg_format.format(object)


def test_the_state_of_a_worker():
    info = worker.WorkerInfo(1, 2, 3, None)
    assert (info.id, info.num_workers, info.seed) == (1, 2, 3)
    assert worker._generate_state(123456789012, 3) == (
        np.random.SeedSequence([3, 123456789012 & 0xFFFFFFFF, 28, 0]).generate_state(4).tolist()
    )
    watchdog = worker.ManagerWatchdog()
    assert watchdog.is_alive()
    watchdog.manager_pid = -1
    assert not watchdog.is_alive() and watchdog.manager_dead
    assert _utils.MP_STATUS_CHECK_INTERVAL == 5.0


@pytest.mark.parametrize("kind, shown", [(ValueError, "Caught ValueError"), (KeyError, "Caught K")])
def test_an_exception_on_its_way(kind, shown):
    try:
        raise kind("mine")
    except kind:
        wrapped = pickle.loads(pickle.dumps(ExceptionWrapper(where="in a thread")))
    with pytest.raises(kind) as raised:
        wrapped.reraise()
    text = str(raised.value)
    assert text.startswith(shown) and "in a thread.\nOriginal Traceback" in text and "mine" in text
    assert repr(KeyErrorMessage("a\nb")) == "a\nb"


def test_an_exception_that_a_text_does_not_make():
    class Odd(Exception):
        def __init__(self, a, b):
            super().__init__(a, b)

    try:
        raise Odd(1, 2)
    except Odd:
        wrapped = ExceptionWrapper()
    with pytest.raises(RuntimeError, match="Caught Odd in background"):
        wrapped.reraise()


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", [0, 1, 5, 7, 12])
def test_shares_of_a_dataset(size, drop_last):
    shares = [
        DistributedSampler(range(size), 3, rank, shuffle=False, drop_last=drop_last)
        for rank in range(3)
    ]
    count = size // 3 if drop_last else -(-size // 3)
    assert [len(share) for share in shares] == [count] * 3
    together = [row[rank] for row in zip(*map(list, shares)) for rank in range(3)]
    assert together == [i % max(size, 1) for i in range(3 * count)]


def test_epochs_are_drawn_alike_by_all():
    shares = [DistributedSampler(range(10), 2, rank, seed=4) for rank in range(2)]
    orders = []
    for epoch in (0, 1):
        for share in shares:
            share.set_epoch(epoch)
        parts = [list(share) for share in shares]
        assert sorted(parts[0] + parts[1]) == list(range(10))
        orders.append(parts)
    assert orders[0] != orders[1]
    with pytest.raises(ValueError, match="process group has not been initialized"):
        DistributedSampler(range(10))
    with pytest.raises(ValueError, match="Invalid rank 2"):
        DistributedSampler(range(10), 2, 2)
