"""Names that other packages import, beside PyTorch's: that they are there, and what they give."""

import importlib
import warnings

import numpy as np
import pytest

import cnn
from cnn import _utils
from cnn.utils.data import DistributedSampler

torch = pytest.importorskip("torch")

# Public names of PyTorch's files that are not here, and why.
MISSING = {
    # Decompositions of matrices, and Fourier transforms.
    "functional": {"chain_matmul", "istft", "lu", "pca_lowrank", "stft", "svd_lowrank"},
    "autograd.gradcheck": {"get_numerical_jacobian_wrt_specific_input"},
    "autograd.graph": {
        "region_activation_memory_budget",
        "set_override_stale_capture_stream",
        "set_warn_on_accumulate_grad_stream_mismatch",
    },
    "autograd.function": {"NestedIOFunction"},  # which cannot be called in PyTorch, either
    "autograd.grad_mode": {"enforce_grad_layout_policy"},
    "serialization": {"StorageType", "mkdtemp"},
}
OPTIMIZERS = (
    "_adafactor _muon adadelta adagrad adam adamax adamw asgd lbfgs lr_scheduler nadam optimizer "
    "radam rmsprop rprop sgd sparse_adam swa_utils"
).split()
FILES = [
    *("functional", "serialization", "types", "random", "utils.checkpoint", "utils.hooks"),
    *("optim", *(f"optim.{name}" for name in OPTIMIZERS)),
    *("autograd.anomaly_mode", "autograd.function", "autograd.functional", "autograd.grad_mode"),
    *("autograd.gradcheck", "autograd.graph", "autograd.variable"),
    *("utils.data", "utils.data.dataloader", "utils.data.dataset", "utils.data.sampler"),
    "utils.data.distributed",
]


@pytest.mark.parametrize("file", FILES)
def test_public_names(file):
    theirs = importlib.import_module(f"torch.{file}")
    ours = importlib.import_module(f"cnn.{file}")
    lacking = {name for name in theirs.__all__ if not hasattr(ours, name)}
    assert lacking == MISSING.get(file, set()) & set(theirs.__all__)


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith(("optim", "utils"))])
def test_where_classes_say_that_they_are(file):
    theirs = importlib.import_module(f"torch.{file}")
    ours = importlib.import_module(f"cnn.{file}")
    for name in theirs.__all__:
        expected, found = getattr(theirs, name), getattr(ours, name, None)
        if isinstance(expected, type) and found is not None:
            path = expected.__module__.replace("torch", "cnn", 1)
            assert found.__module__ == path, name


def test_jacobians():
    def run(lib):
        check = importlib.import_module(f"{lib.__name__}.autograd.gradcheck")
        x = lib.tensor([0.5, -2.0], dtype=lib.float64, requires_grad=True)
        y = lib.tensor([[3.0]], dtype=lib.float64, requires_grad=True)

        def function(inputs):
            return inputs[0].exp() * inputs[1]

        numerical = check.get_numerical_jacobian(function, (x, y), eps=1e-6)
        found, *facts = check.get_analytical_jacobian((x, y), function((x, y)))
        return [j.numpy() for j in (*numerical, *found)], facts

    (ours, our_facts), (theirs, their_facts) = run(cnn), run(torch)
    assert our_facts == their_facts
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("size, replicas", [(10, 3), (3, 8), (12, 4), (1, 1), (5, 2)])
def test_distributed_sampler(size, replicas, shuffle, drop_last):
    for rank in range(replicas):
        options = {"num_replicas": replicas, "rank": rank, "shuffle": shuffle, "seed": 3}
        ours = DistributedSampler(range(size), drop_last=drop_last, **options)
        theirs = torch.utils.data.DistributedSampler(range(size), drop_last=drop_last, **options)
        for epoch in (0, 2):
            ours.set_epoch(epoch)
            theirs.set_epoch(epoch)
            assert list(ours) == list(theirs) and len(ours) == len(theirs)


def test_lists_of_tensors():
    arrays = [np.arange(6.0).reshape(2, 3), np.float32([1, 2]), np.arange(4), np.ones(5, "f")]
    ours, theirs = ([lib.as_tensor(a) for a in arrays] for lib in (cnn, torch))
    for limit in (1, 20, 30, 1000):
        found = [[t.tolist() for t in part] for part in _utils._take_tensors(ours, limit)]
        expected = [
            [t.tolist() for t in part] for part in torch._utils._take_tensors(theirs, limit)
        ]
        assert found == expected
    flat = _utils._flatten_dense_tensors([ours[0].t(), ours[0]])
    assert flat.tolist() == torch._utils._flatten_dense_tensors([theirs[0].t(), theirs[0]]).tolist()


@pytest.mark.parametrize("gather", [0, 1, 2])
@pytest.mark.parametrize("shape", [(4, 1, 3), (4, 2, 3), (8, 1, 1)])
def test_chunks_along_another_dimension(shape, gather):
    data = np.arange(np.prod(shape)).reshape(shape)
    ours = _utils._maybe_view_chunk_cat(cnn.as_tensor(data), 4, gather)
    theirs = torch._utils._maybe_view_chunk_cat(torch.as_tensor(data), 4, gather)
    assert ours.tolist() == theirs.tolist() and tuple(ours.shape) == tuple(theirs.shape)


CALLS = [
    lambda lib: lib._utils._get_device_index("cpu"),
    lambda lib: lib._utils._get_device_index(None),
    lambda lib: lib._utils._get_device_index("cuda:2"),
    lambda lib: lib._utils._get_device_module("nothing"),
    lambda lib: lib._utils._element_size(3),
    lambda lib: lib._utils._element_size(lib.float16),
    lambda lib: lib._utils._dummy_type("Kind")(),
    lambda lib: lib.utils.checkpoint.detach_variable([1]),
    lambda lib: lib.serialization.set_default_load_endianness("big"),
    lambda lib: lib.serialization.set_default_mmap_options(99),
    lambda lib: lib.serialization.default_restore_location(lib.ones(1).untyped_storage(), "x:1"),
    lambda lib: lib.storage._get_dtype_from_pickle_storage_type("OddStorage"),
    lambda lib: lib.unravel_index(lib.ones(1), (2,)),
    lambda lib: lib.unravel_index(lib.tensor([1]), "ab"),
    lambda lib: lib.unravel_index(lib.tensor([1]), (-2,)),
    lambda lib: lib.optim.lr_scheduler._format_param("lr", _optimizer(lib), [1, 2]),
    lambda lib: _base(lib)._default_to_fused_or_foreach([lib.ones(1)], False, True),
    lambda lib: lib.utils.data.DistributedSampler(range(3), 2, 5),
]


def _base(lib):
    return importlib.import_module(f"{lib.__name__}.optim.optimizer")


def _optimizer(lib):
    return lib.optim.SGD([lib.ones(1, requires_grad=True)])


def outcome(call, lib):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call(lib)
    except Exception as error:
        return type(error), str(error).replace("<class 'cnn", "<class 'torch")


@pytest.mark.parametrize("call", CALLS)
def test_what_they_give(call):
    import cnn.storage, cnn.utils.checkpoint, cnn.utils.data, torch.utils.checkpoint  # noqa: E401, I001

    assert outcome(call, cnn) == outcome(call, torch)
