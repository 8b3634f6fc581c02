"""Datasets, samplers, collation, and the loader in one process."""

import collections

import numpy as np
import pytest

import cnn
from cnn.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    random_split,
)
from loading import Count, Squares, batches, pairs

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

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
