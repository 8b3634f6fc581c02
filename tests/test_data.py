"""Datasets, samplers, collation, the loader with and without workers, and the readers."""

import collections
import gzip
import os
import pickle
import signal
import struct
import time
import warnings

import numpy as np
import pytest

import cnn
from cnn.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    get_worker_info,
    random_split,
    readers,
)

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


class Squares(Dataset):
    """i -> i * i, as plain numbers."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return i * i


class Count(IterableDataset):
    """0 .. n - 1, shared out among the workers."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        start, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(start, self.n, step))


def pairs(n=10):
    return TensorDataset(cnn.arange(2.0 * n).reshape(n, 2), cnn.arange(n))


def batches(loader):
    return [[part.tolist() for part in batch] for batch in loader]


# Datasets.


def test_tensor_dataset():
    data = pairs()
    assert len(data) == 10
    x, y = data[3]
    assert x.tolist() == [6.0, 7.0] and y.item() == 3
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        TensorDataset(cnn.zeros(3), cnn.zeros(4))


def test_concat_chain_stack_subset():
    both = Squares(3) + Squares(4)
    assert isinstance(both, ConcatDataset) and len(both) == 7
    assert [both[i] for i in range(7)] == [0, 1, 4, 0, 1, 4, 9]
    assert both[-1] == 9 and both.cumulative_sizes == [3, 7]
    with pytest.raises(ValueError, match="absolute value of index"):
        both[-8]
    with pytest.raises(AssertionError, match="not be an empty iterable"):
        ConcatDataset([])
    chain = Count(2) + Count(3)
    assert isinstance(chain, ChainDataset) and list(chain) == [0, 1, 0, 1, 2]
    stack = StackDataset(Squares(3), Squares(3))
    assert stack[2] == (4, 4) and stack.__getitems__([0, 1]) == [(0, 0), (1, 1)]
    named = StackDataset(a=Squares(3), b=both.datasets[0])
    assert named[1] == {"a": 1, "b": 1} and len(named) == 3
    assert named.__getitems__([2]) == [{"a": 4, "b": 4}]
    with pytest.raises(ValueError, match="Size mismatch between datasets"):
        StackDataset(Squares(3), Squares(4))
    subset = Subset(Squares(10), [3, 1])
    assert len(subset) == 2 and subset[0] == 9 and subset.__getitems__([1, 0]) == [1, 9]


def test_subset_subclass_has_to_override_both():
    class Doubled(Subset):
        def __getitem__(self, i):
            return 2 * super().__getitem__(i)

    with pytest.raises(NotImplementedError, match="Doubled overrides __getitem__ but not"):
        Doubled(Squares(3), [0])


def test_random_split():
    parts = random_split(range(10), [3, 7], generator=cnn.Generator().manual_seed(42))
    # randperm(10) of seed 42
    assert parts[0].indices == [2, 6, 1] and parts[1].indices == [8, 4, 5, 0, 9, 3, 7]
    assert [len(p) for p in random_split(range(10), [0.3, 0.3, 0.4])] == [3, 3, 4]
    assert [len(p) for p in random_split(range(7), [0.5, 0.5])] == [4, 3]
    with pytest.raises(ValueError, match="does not equal the length of the input dataset"):
        random_split(range(10), [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 1 is not between 0 and 1"):
        random_split(range(10), [0.5, -0.5, 1.0])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        random_split(range(1), [0.9, 0.1])


# Samplers.


def test_samplers():
    data = range(10)
    assert list(SequentialSampler(data)) == list(data)
    shuffled = RandomSampler(data, generator=cnn.Generator().manual_seed(42))
    assert len(shuffled) == 10 and list(shuffled) == [2, 6, 1, 8, 4, 5, 0, 9, 3, 7]
    twice = list(RandomSampler(data, num_samples=25))
    assert sorted(twice[:10]) == sorted(twice[10:20]) == list(data) and len(twice) == 25
    drawn = list(RandomSampler(data, replacement=True, num_samples=100))
    assert len(drawn) == 100 and set(drawn) <= set(data)
    assert sorted(SubsetRandomSampler([5, 7, 9])) == [5, 7, 9]
    weighted = WeightedRandomSampler([0.0, 1.0, 0.0], 5)
    assert list(weighted) == [1] * 5 and len(weighted) == 5
    assert list(BatchSampler(range(7), 3, False)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(BatchSampler(range(7), 3, True)) == [[0, 1, 2], [3, 4, 5]]
    assert len(BatchSampler(range(7), 3, False)) == 3 and len(BatchSampler(range(7), 3, True)) == 2


def test_sampler_errors():
    with pytest.raises(ValueError, match="num_samples should be a positive integer value"):
        RandomSampler([])
    with pytest.raises(TypeError, match="replacement should be a boolean value"):
        RandomSampler([1], replacement=1)
    with pytest.raises(ValueError, match="batch_size should be a positive integer value"):
        BatchSampler([1], 0, False)
    with pytest.raises(ValueError, match="drop_last should be a boolean value"):
        BatchSampler([1], 2, 1)
    with pytest.raises(ValueError, match="weights should be a 1d sequence"):
        WeightedRandomSampler([[1.0]], 1)


# Collation.

Point = collections.namedtuple("Point", "x y")


def test_default_collate():
    ints = default_collate([1, 2])
    assert ints.tolist() == [1, 2] and ints.dtype == cnn.int64
    floats = default_collate([1.0, 2.0])
    assert floats.tolist() == [1.0, 2.0] and floats.dtype == cnn.float64
    assert default_collate([True, False]).dtype == cnn.bool
    assert default_collate([cnn.ones(2), cnn.zeros(2)]).tolist() == [[1.0, 1.0], [0.0, 0.0]]
    assert default_collate(["a", "b"]) == ["a", "b"]
    mapped = default_collate([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}])
    assert mapped["a"].tolist() == [1, 2] and mapped["b"] == ["x", "y"]
    columns = default_collate([(1, "x"), (2, "y")])
    assert type(columns) is list and columns[0].tolist() == [1, 2] and columns[1] == ("x", "y")
    point = default_collate([Point(1, 2.0), Point(3, 4.0)])
    assert type(point) is Point and point.y.tolist() == [2.0, 4.0]
    array = default_collate([np.ones(2, np.float32), np.zeros(2, np.float32)])
    assert array.dtype == cnn.float32 and array.shape == (2, 2)
    assert default_collate([np.int32(3), np.int32(4)]).tolist() == [3, 4]


def test_collate_errors():
    with pytest.raises(TypeError, match="must contain tensors, numpy arrays, numbers, dicts"):
        default_collate([object()])
    with pytest.raises(TypeError, match="found <U1"):
        default_collate([np.array(["a"])])
    with pytest.raises(RuntimeError, match="each element in list of batch should be of equal size"):
        default_collate([[1, 2], [1]])
    with pytest.raises(RuntimeError, match="stack"):
        default_collate([cnn.ones(2), cnn.ones(3)])


def test_default_convert():
    converted = default_convert({"a": np.arange(2), "b": [np.float32(1.5), "text"]})
    assert converted["a"].tolist() == [0, 1]
    assert converted["b"][0].item() == 1.5 and converted["b"][1] == "text"


# The loader in one process.


def test_batches_in_order():
    assert batches(DataLoader(pairs(5), batch_size=2)) == [
        [[[0.0, 1.0], [2.0, 3.0]], [0, 1]],
        [[[4.0, 5.0], [6.0, 7.0]], [2, 3]],
        [[[8.0, 9.0]], [4]],
    ]
    loader = DataLoader(pairs(5), batch_size=2, drop_last=True)
    assert len(loader) == 2 and [y for _, y in batches(loader)] == [[0, 1], [2, 3]]
    assert [x.tolist() for x in DataLoader(Squares(5), batch_size=3)] == [[0, 1, 4], [9, 16]]
    assert list(DataLoader(Squares(3), batch_size=None)) == [0, 1, 4]
    assert [x.tolist() for x in DataLoader(Count(5), batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert len(list(DataLoader(Count(5), batch_size=2, drop_last=True))) == 2


def test_shuffles_repeat_with_the_seed():
    data = pairs()
    cnn.manual_seed(0)
    first = [y for _, y in batches(DataLoader(data, 4, shuffle=True))]
    cnn.manual_seed(0)
    assert [y for _, y in batches(DataLoader(data, 4, shuffle=True))] == first
    assert sorted(sum(first, [])) == list(range(10)) and first[0] != [0, 1, 2, 3]


def test_a_batch_is_a_copy():
    data = pairs(4)
    for x, _ in DataLoader(data, batch_size=2):
        x.zero_()
    assert data.tensors[0][1].tolist() == [2.0, 3.0]


class Rows(TensorDataset):
    """Not exactly a TensorDataset: fetched sample by sample."""


def test_sliced_batches_equal_collated_ones():
    tensors = cnn.randn(20, 3, 2), cnn.arange(20).to(cnn.uint8), cnn.rand(20).to(cnn.bfloat16)
    order = list(range(19, -1, -2))
    views = {
        "plain": lambda d: d,
        "subset": lambda d: Subset(d, order),
        "subset of subset": lambda d: Subset(Subset(d, order), cnn.tensor([3, 1, 5, 0])),
        "negative": lambda d: Subset(d, [-1, 0, -20]),
    }
    for view in views.values():
        fast = list(DataLoader(view(TensorDataset(*tensors)), batch_size=3))
        slow = list(DataLoader(view(Rows(*tensors)), batch_size=3))
        assert len(fast) == len(slow)
        for a, b in zip(fast, slow, strict=True):
            assert type(a) is type(b) is list
            for x, y in zip(a, b, strict=True):
                assert x.dtype == y.dtype and x.shape == y.shape and cnn.equal(x, y)
    with pytest.raises(IndexError):
        list(DataLoader(Subset(TensorDataset(*tensors), [20]), batch_size=1))


def test_gradients_flow_through_batches():
    x = cnn.ones(4, requires_grad=True)
    for (batch,) in DataLoader(TensorDataset(x), batch_size=2):
        (2 * batch).sum().backward()
    assert x.grad.tolist() == [2.0] * 4


def test_options():
    data = Squares(6)
    assert [b.tolist() for b in DataLoader(data, 2, sampler=[5, 0, 1])] == [[25, 0], [1]]
    assert [b.tolist() for b in DataLoader(data, batch_sampler=[[1], [2, 3]])] == [[1], [4, 9]]
    assert list(DataLoader(data, 3, collate_fn=sum)) == [5, 50]
    loader = DataLoader(data, 2, generator=cnn.Generator().manual_seed(1), shuffle=True)
    again = DataLoader(data, 2, generator=cnn.Generator().manual_seed(1), shuffle=True)
    assert [b.tolist() for b in loader] == [b.tolist() for b in again]


def test_option_errors():
    data = Squares(6)
    for kwargs, message in [
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor option could only be specified"),
        ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
        ({"sampler": [0], "shuffle": True}, "sampler option is mutually exclusive with shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler option is mutually exclusive"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None option disables auto-batching"),
        ({"batch_size": 0}, "batch_size should be a positive integer"),
        ({"multiprocessing_context": "fork"}, "can only be used with multi-process loading"),
        (
            {"num_workers": 1, "multiprocessing_context": "no"},
            "should specify a valid start method",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            DataLoader(data, **kwargs)
    with pytest.raises(ValueError, match="with IterableDataset: expected unspecified shuffle"):
        DataLoader(Count(3), shuffle=True)
    loader = DataLoader(data)
    with pytest.raises(ValueError, match="batch_size attribute should not be set after"):
        loader.batch_size = 3
    with pytest.raises(TypeError):
        len(DataLoader(Count(3)))


def test_pinning_without_a_gpu_warns():
    if cnn.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.warns(UserWarning, match="'pin_memory' argument is set as true but no"):
        assert len(list(DataLoader(pairs(4), pin_memory=True))) == 4


def test_a_stream_longer_than_promised_warns():
    class Liar(Count):
        def __len__(self):
            return 2

    loader = DataLoader(Liar(4), batch_size=None)
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="was reported to be 2"):
        assert list(loader) == [0, 1, 2, 3]


# The loader with workers.


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_yield_what_one_process_yields(context):
    data = pairs(11)
    cnn.manual_seed(3)
    here = [batches(DataLoader(data, 4, shuffle=True)) for _ in range(2)]
    cnn.manual_seed(3)
    there = [
        batches(DataLoader(data, 4, shuffle=True, num_workers=2, multiprocessing_context=context))
        for _ in range(2)
    ]
    assert here == there


def test_persistent_workers():
    loader = DataLoader(Report(), num_workers=2, persistent_workers=True, collate_fn=list)
    first = {batch[0][0] for batch in loader}
    iterator = iter(loader)
    next(iterator)  # left half way
    second = [batch[0] for batch in loader]
    assert {pid for pid, *_ in second} == first and len(first) == 2
    assert [i for _, i, *_ in second] == list(range(8))


class Report(Dataset):
    """(pid, index, worker id, seed, a draw of each generator)."""

    def __len__(self):
        return 8

    def __getitem__(self, i):
        import random

        info = get_worker_info()
        draws = random.random(), cnn.rand(()).item(), np.random.rand()
        return os.getpid(), i, info.id, info.seed, draws


def test_each_worker_has_its_own_seed():
    def run():
        loader = DataLoader(Report(), num_workers=2, collate_fn=list)
        return [batch[0] for batch in loader]

    cnn.manual_seed(5)
    first = run()
    cnn.manual_seed(5)
    assert [row[1:] for row in run()] == [row[1:] for row in first]
    assert [row[2] for row in first] == [0, 1] * 4
    assert first[1][3] == first[0][3] + 1
    assert len({draw for row in first for draw in row[4]}) == 24
    assert get_worker_info() is None


def test_streams_in_workers():
    loader = DataLoader(Count(7), batch_size=2, num_workers=2)
    assert sorted(sum((b.tolist() for b in loader), [])) == list(range(7))
    kept = DataLoader(Count(7), batch_size=2, num_workers=2, persistent_workers=True)
    for _ in range(2):
        assert sorted(sum((b.tolist() for b in kept), [])) == list(range(7))


def test_out_of_order():
    class Uneven(Squares):
        def __getitem__(self, i):
            if i == 0:
                time.sleep(0.5)
            return i

    loader = DataLoader(Uneven(6), num_workers=2, in_order=False)
    seen = [b.item() for b in loader]
    assert sorted(seen) == list(range(6)) and seen[0] != 0
    assert [b.item() for b in DataLoader(Uneven(6), num_workers=2)] == list(range(6))


class Kinds(Dataset):
    def __len__(self):
        return 3

    def __getitem__(self, i):
        return {
            "bf16": cnn.full((2,), float(i), dtype=cnn.bfloat16),
            "bool": cnn.tensor([True, i == 1]),
            "none": cnn.zeros(0, 3),
            "scalar": cnn.tensor(i),
            "strided": cnn.arange(6).reshape(2, 3).t(),
            "leaf": cnn.ones(1, requires_grad=True),
            "array": np.arange(3) + i,
            "text": "text",
        }


def test_what_travels():
    here = list(DataLoader(Kinds(), batch_size=None))
    there = list(DataLoader(Kinds(), batch_size=None, num_workers=1))
    for a, b in zip(here, there, strict=True):
        for key in a:
            if key == "text":
                assert a[key] == b[key]
                continue
            assert a[key].dtype == b[key].dtype and a[key].shape == b[key].shape
            assert a[key].tolist() == b[key].tolist()
        assert b["leaf"].requires_grad
        b["strided"].add_(1)  # writable


def test_large_batches_do_not_block_each_other():
    data = TensorDataset(cnn.zeros(64, 100_000))
    loader = DataLoader(data, batch_size=8, num_workers=2, prefetch_factor=4)
    assert sum(x.shape[0] for (x,) in loader) == 64
    many = DataLoader(TensorDataset(cnn.arange(300_000)), batch_size=100_000, num_workers=2)
    assert [x[0].item() for (x,) in many] == [0, 100_000, 200_000]


class Faulty(Squares):
    def __init__(self, error):
        super().__init__(6)
        self.error = error

    def __getitem__(self, i):
        if i == 3:
            raise self.error
        return i


def test_errors_come_with_the_worker_s_traceback():
    loader = DataLoader(Faulty(ValueError("a bad sample")), num_workers=2)
    seen = []
    with pytest.raises(ValueError, match="a bad sample") as caught:
        for batch in loader:
            seen.append(batch.item())
    assert seen == [0, 1, 2]
    text = str(caught.value)
    assert text.startswith("Caught ValueError in DataLoader worker process 1.\nOriginal Traceback")
    assert "raise self.error" in text
    with pytest.raises(KeyError, match="worker process"):
        list(DataLoader(Faulty(KeyError("key")), num_workers=1))


def test_errors_without_a_plain_constructor_become_runtime_errors():
    class Odd(Exception):
        def __init__(self, a, b):
            super().__init__(a, b)

    with pytest.raises(RuntimeError, match="Caught Odd|Caught RuntimeError"):
        list(DataLoader(Faulty(Odd(1, 2)), num_workers=1))


def test_iteration_goes_on_after_an_error():
    iterator = iter(DataLoader(Faulty(ValueError("bad")), num_workers=2))
    seen = []
    for _ in range(6):
        try:
            seen.append(next(iterator).item())
        except ValueError:
            seen.append(None)
    assert seen == [0, 1, 2, None, 4, 5]


def test_init_function_errors():
    def init(worker_id):
        raise ValueError(f"no start {worker_id}")

    with pytest.raises(ValueError, match="no start 0"):
        list(DataLoader(Squares(4), num_workers=2, worker_init_fn=init))


class Deadly(Squares):
    def __getitem__(self, i):
        if i == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return i


def test_a_killed_worker_raises():
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="exited unexpectedly.*Killed"):
        list(DataLoader(Deadly(6), num_workers=2))
    assert time.monotonic() - start < 15


class Sleepy(Squares):
    def __getitem__(self, i):
        time.sleep(30)


def test_timeouts_raise_and_leave_nobody():
    start = time.monotonic()
    iterator = iter(DataLoader(Sleepy(2), num_workers=1, timeout=0.3))
    with pytest.raises(RuntimeError, match="DataLoader timed out after 0.3 seconds"):
        next(iterator)
    workers = list(iterator._pool.processes)
    del iterator
    assert time.monotonic() - start < 20
    assert not any(worker.is_alive() for worker in workers)


def test_an_abandoned_iteration_ends_its_workers():
    iterator = iter(DataLoader(Squares(1000), num_workers=2))
    next(iterator)
    workers = list(iterator._pool.processes)
    assert all(worker.is_alive() for worker in workers)
    del iterator
    assert not any(worker.is_alive() for worker in workers)


def test_too_many_workers_warn():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        DataLoader(Squares(3), num_workers=4096)
    assert "will create 4096 worker processes" in str(caught[0].message)


# Readers.


def write_idx(path, array):
    codes = {"uint8": 8, "int32": 12}
    head = struct.pack(">HBB", 0, codes[array.dtype.name], array.ndim)
    head += struct.pack(f">{array.ndim}I", *array.shape)
    data = head + array.astype(array.dtype.newbyteorder(">")).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_mnist(tmp_path, ending):
    images = np.arange(3 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28)
    write_idx(tmp_path / f"t10k-images-idx3-ubyte{ending}", images)
    write_idx(tmp_path / f"t10k-labels-idx1-ubyte{ending}", np.array([7, 0, 9], np.uint8))
    x, y = readers.mnist(tmp_path, train=False)
    assert x.dtype == cnn.uint8 and x.shape == (3, 28, 28) and y.dtype == cnn.int64
    assert y.tolist() == [7, 0, 9] and x[2, 27, 27].item() == images[2, 27, 27]
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        readers.mnist(tmp_path, train=True)


def test_damaged_idx_files(tmp_path):
    path = tmp_path / "x"
    write_idx(path, np.zeros((2, 3), np.uint8))
    good = path.read_bytes()
    for bad, message in [
        (good[:-1], "holds 5 bytes of data, but its header"),
        (good + b"x", "holds 7 bytes of data, but its header"),
        (b"\x01" + good[1:], "not an IDX file"),
        (good[:2] + b"\x07" + good[3:], "not an IDX file"),
        (good[:6], "not an IDX file"),
        (good[:4] + b"\xff" * 8 + good[12:], "holds 6 bytes of data, but its header"),
        (b"", "not an IDX file"),
    ]:
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=message):
            readers.idx(path)
    path = tmp_path / "y.gz"
    path.write_bytes(gzip.compress(good)[:-12])
    with pytest.raises(ValueError, match="damaged gzip"):
        readers.idx(path)


def write_cifar(folder, name, **content):
    folder.mkdir(exist_ok=True)
    content = {key.encode(): value for key, value in content.items()}
    (folder / name).write_bytes(pickle.dumps(content, protocol=2))


def test_cifar10(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    for i in range(1, 6):
        data = np.full((2, 3072), i, np.uint8)
        write_cifar(folder, f"data_batch_{i}", data=data, labels=[i, 0], batch_label=b"x")
    write_cifar(
        folder,
        "test_batch",
        data=np.arange(3072, dtype=np.uint32).astype(np.uint8)[None],
        labels=[4],
    )
    x, y = readers.cifar10(tmp_path)
    assert x.shape == (10, 3, 32, 32) and x.dtype == cnn.uint8
    assert y.tolist() == [1, 0, 2, 0, 3, 0, 4, 0, 5, 0] and y.dtype == cnn.int64
    x, y = readers.cifar10(folder, train=False)
    assert x[0, 1, 0, 5].item() == (1024 + 5) % 256 and y.tolist() == [4]


def test_cifar100(tmp_path):
    data = np.zeros((2, 3072), np.uint8)
    write_cifar(tmp_path, "train", data=data, fine_labels=[99, 1], coarse_labels=[19, 0])
    assert readers.cifar100(tmp_path)[1].tolist() == [99, 1]
    assert readers.cifar100(tmp_path, coarse=True)[1].tolist() == [19, 0]


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


def test_hostile_and_damaged_cifar_files(tmp_path):
    for content in [
        pickle.dumps({b"data": Evil()}),
        pickle.dumps([1, 2]),
        pickle.dumps({b"data": np.zeros((2, 3072), np.float32), b"labels": [0, 1]}, protocol=2),
        pickle.dumps({b"data": np.zeros((2, 100), np.uint8), b"labels": [0, 1]}, protocol=2),
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0]}, protocol=2),
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 10]}, protocol=2),
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8)}, protocol=2)[:-500],
        b"",
    ]:
        (tmp_path / "test_batch").write_bytes(content)
        with pytest.raises(ValueError, match="test_batch"):
            readers.cifar10(tmp_path, train=False)
