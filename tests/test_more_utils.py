"""Small utilities: names, weak dictionaries, contexts, swapping, pipes, reports."""

from __future__ import annotations

import gc
import weakref

import pytest

import cnn
from cnn import nn, utils


def test_names_that_packages_look_at():
    class Own:
        pass

    utils.set_module(Own, "cnn.own")
    assert Own.__module__ == "cnn.own"
    with pytest.raises(TypeError, match="should be a string"):
        utils.set_module(Own, 3)
    assert utils.cmake_prefix_path.endswith("lib/cmake")
    for call in (
        lambda: utils.ThroughputBenchmark(None),
        lambda: utils.rename_privateuse1_backend("x"),
        lambda: utils.get_cpp_backtrace(),
        lambda: utils.mobile_optimizer.optimize_for_mobile(None),
        lambda: utils.benchmark.Fuzzer(),
        lambda: utils.checkpoint.create_selective_checkpoint_contexts([]),
        lambda: cnn.serialization.skip_data(),
    ):
        with pytest.raises(NotImplementedError):
            call()
    with pytest.raises(RuntimeError, match="PyTorch's own C\\+\\+ library"):
        utils.cpp_extension.load(name="x", sources=[])
    with pytest.raises(RuntimeError, match="PyTorch's own C\\+\\+ library"):
        utils.cpp_extension.BuildExtension.with_options(use_ninja=False)()
    assert isinstance(utils.cpp_extension.is_ninja_available(), bool)
    assert not utils._triton.has_triton() and utils._typing_utils.not_none(3) == 3


def test_dlpack_of_utils():
    x = cnn.arange(3)
    y = utils.dlpack.from_dlpack(utils.dlpack.to_dlpack(x))
    y[0] = 5
    assert x[0] == 5 and utils.dlpack.DLDeviceType.kDLCPU == 1


def test_checksums_are_always_there():
    assert cnn.serialization.get_crc32_options() is True
    cnn.serialization.set_crc32_options(True)
    with pytest.raises(NotImplementedError, match="always saved with their checksums"):
        cnn.serialization.set_crc32_options(False)
    assert cnn.serialization.MAP_LOCATION and cnn.serialization.STORAGE


def test_assert_allclose():
    with pytest.warns(FutureWarning, match="assert_close"):
        cnn.testing.assert_allclose(cnn.tensor([1.0]), [1.00005])
    with pytest.warns(FutureWarning), pytest.raises(AssertionError):
        cnn.testing.assert_allclose(cnn.tensor([1.0]), [1.001])
    with pytest.warns(FutureWarning):
        cnn.testing.assert_allclose(cnn.tensor([1.0]).double(), cnn.tensor([1.0 + 5e-5]))


def test_tensors_that_change_places():
    a, b = cnn.ones(2), nn.Parameter(cnn.zeros(3))
    a.own = 7
    ida, idb = id(a), id(b)
    utils.swap_tensors(a, b)
    assert (id(a), id(b)) == (ida, idb)
    assert type(a) is nn.Parameter and a.shape == (3,) and a.requires_grad and not hasattr(a, "own")
    assert type(b) is cnn.Tensor and b.tolist() == [1, 1] and b.own == 7
    (a * 2).sum().backward()
    assert a.grad.tolist() == [2, 2, 2]
    c, d = cnn.ones(1), cnn.zeros(1)
    held = c.untyped_storage()
    utils.swap_tensors(c, d)
    assert c.item() == 0 and d.untyped_storage() is held
    ref = weakref.ref(c)
    with pytest.raises(RuntimeError, match="Cannot swap t1 because it has weakref"):
        utils.swap_tensors(c, d)
    assert ref() is c
    e = cnn.ones(1, requires_grad=True)
    y = e * 2
    with pytest.raises(RuntimeError, match="Expected use_count of t1"):
        utils.swap_tensors(e, d)
    y.backward()
    assert e.grad.item() == 2 and d.item() == 1


def test_weak_dictionaries_know_tensors_by_identity():
    a, b = cnn.ones(2), cnn.ones(2)
    d = utils.weak.WeakTensorKeyDictionary({a: 1})
    d[b] = 2
    assert (d[a], d[b], len(d)) == (1, 2, 2) and a in d and cnn.ones(2) not in d
    del b
    gc.collect()
    assert len(d) == 1 and list(d) == [a] and dict(d.copy().items()) == {a: 1}
    ref = utils.weak.TensorWeakRef(a)
    assert ref() is a
    del a
    gc.collect()
    assert ref() is None and len(d) == 0


def test_contexts_that_decorate():
    from cnn.utils._contextlib import _DecoratorContextManager, context_decorator

    seen = []

    class Context(_DecoratorContextManager):
        def __enter__(self):
            seen.append("in")

        def __exit__(self, *error):
            seen.append("out")

    @Context()
    def f(x):
        seen.append(x)
        return x + 1

    assert f(1) == 2 and seen == ["in", 1, "out"]
    seen.clear()

    @Context()
    def g():
        got = yield 1
        seen.append(got)
        return 5

    run = g()
    assert next(run) == 1 and seen == ["in", "out"]
    with pytest.raises(StopIteration) as end:
        run.send("sent")
    assert end.value.value == 5 and seen == ["in", "out", "in", "sent", "out"]
    with pytest.raises(RuntimeError, match="Cannot decorate classes"):
        context_decorator(lambda: Context(), Context)
    with pytest.raises(TypeError, match="ambiguous which interface"):
        context_decorator(Context, f)


def test_lists_by_device_and_dtype():
    from cnn.utils._foreach_utils import _group_tensors_by_device_and_dtype, _has_foreach_support

    a, b, c = cnn.ones(1), cnn.ones(1).double(), cnn.ones(2)
    groups = _group_tensors_by_device_and_dtype([[a, b, c], [c, b, a]], with_indices=True)
    lists, numbers = groups[cnn.device("cpu"), cnn.float64]
    assert numbers == [1] and lists[0][0] is b and lists[1][0] is b
    lists, numbers = groups[cnn.device("cpu"), cnn.float32]
    assert numbers == [0, 2] and lists[0][1] is c and lists[1][0] is c
    assert _has_foreach_support([a, None], cnn.device("cpu"))


def test_which_modules_are_at_work():
    seen = []

    class Watched(nn.Module):
        def forward(self, x):
            seen.append((set(tracker.parents), tracker.is_bw))
            y = x * 2
            y.register_hook(lambda g: seen.append((set(tracker.parents), tracker.is_bw)))
            return y * 2

    model = nn.Sequential(nn.Linear(2, 2), Watched())
    with utils.module_tracker.ModuleTracker() as tracker:
        y = model(cnn.ones(1, 2, requires_grad=True))
        assert tracker.parents == {"Global"} and not tracker.is_bw
        y.sum().backward()
    assert seen[0] == ({"Global", "Sequential", "Sequential.1"}, False)
    assert "Sequential.1" in seen[1][0] and seen[1][1]


def test_pipes():
    from cnn.utils.data import IterDataPipe, MapDataPipe, functional_datapipe

    @functional_datapipe("doubled_for_a_test")
    class Doubled(IterDataPipe):
        def __init__(self, source):
            self.source = source

        def __iter__(self):
            return (2 * x for x in self.source)

    class Numbers(IterDataPipe):
        def __iter__(self):
            return iter(range(3))

    start = utils.data.datapipes.iter.IterableWrapper([1, 2])
    assert list(start.doubled_for_a_test()) == [2, 4] and len(start) == 2
    assert utils.data.datapipes.map.SequenceWrapper([1, 2])[1] == 2
    assert list(Numbers().doubled_for_a_test().doubled_for_a_test()) == [0, 4, 8]
    loader = utils.data.DataLoader(Numbers().doubled_for_a_test(), batch_size=3)
    assert [b.tolist() for b in loader] == [[0, 2, 4]]
    with pytest.raises(AttributeError, match="no attribute 'halved'"):
        Numbers().halved
    with pytest.raises(Exception, match="already taken"):
        functional_datapipe("doubled_for_a_test")(Doubled)
    assert issubclass(MapDataPipe, utils.data.Dataset)
    with utils.data.guaranteed_datapipes_determinism():
        with pytest.raises(TypeError, match="non-deterministic"):
            utils.data.non_deterministic(Numbers)()


def test_a_report_of_the_machine():
    info = utils.collect_env.get_env_info()
    assert info.torch_version == str(cnn.__version__) and info.num_threads == cnn.get_num_threads()
    text = utils.collect_env.get_pretty_env_info()
    assert "Python version" in text and "numpy==" in text
