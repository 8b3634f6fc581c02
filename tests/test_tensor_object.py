"""The Python object of a tensor: identity, lifetime, collection, subclasses, exchange of memory."""

from __future__ import annotations

import array
import copy
import gc
import pickle
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

import cnn
from cnn import _C


class Tagged(cnn.Tensor):
    """A subclass whose calls nobody intercepts, as Parameter's."""

    __torch_function__ = _C._disabled_torch_function_impl


def tagged(values, requires_grad=False):
    return cnn.Tensor._make_subclass(Tagged, cnn.tensor(values), requires_grad)


# Identity and lifetime ----------------------------------------------------------------------------


def test_one_object_per_tensor():
    x = cnn.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    assert x.grad is x.grad
    assert x.untyped_storage() is x.untyped_storage()
    y = x * 2
    assert y.grad_fn is y.grad_fn
    assert y.grad_fn.next_functions[0][0].variable is x
    assert y[0]._base is y


def test_a_method_of_the_class_without_a_tensor():
    """CPython 3.11, which has specialized the call, gives up a reference to what lies where the tensor should."""

    def dim(x):
        return x.dim()

    x = cnn.ones(2)
    for _ in range(50):
        assert dim(x) == 1
    held = sys.getrefcount(x)
    for _ in range(50):
        with pytest.raises(TypeError, match=r"unbound method Tensor.dim\(\) needs an argument"):
            dim(cnn.Tensor)
    assert sys.getrefcount(x) == held


def test_an_object_held_only_by_the_graph_comes_back_as_it_was():
    p = tagged([1.0, 2.0], requires_grad=True)
    p.note = "kept"
    alive, number = weakref.ref(p), id(p)
    y = p * p
    del p
    gc.collect()
    assert alive() is not None
    leaf = y.grad_fn.next_functions[0][0].variable
    assert type(leaf) is Tagged and leaf.note == "kept" and id(leaf) == number
    del leaf, y
    gc.collect()
    assert alive() is None


def test_a_plain_tensor_without_attributes_is_not_kept():
    x = cnn.tensor([1.0], requires_grad=True)
    y = x * cnn.tensor([2.0])
    y.sum().backward()
    assert x.grad.tolist() == [2.0]


def test_attributes_survive_in_the_graph():
    x = cnn.tensor([2.0])
    x.note = "kept"
    w = cnn.tensor([3.0], requires_grad=True)
    y = w * x
    del x
    gc.collect()
    seen = []
    y.grad_fn.register_prehook(lambda grads: seen.append(grads))
    y.backward()
    assert w.grad.tolist() == [2.0] and len(seen) == 1


def test_finalizers_see_the_tensor():
    seen = []

    class Final(cnn.Tensor):
        def __del__(self):
            seen.append(self.tolist())

    Final([3.0])
    assert seen == [[3.0]]
    revived = []

    class Revived(cnn.Tensor):
        def __del__(self):
            revived.append(self)

    Revived([4.0])
    assert revived[0].tolist() == [4.0]


def test_slots_of_subclasses_are_released():
    class Slotted(cnn.Tensor):
        __slots__ = ("held",)

    x = Slotted([1.0])
    x.held = tagged([1.0])
    alive = weakref.ref(x.held)
    del x
    gc.collect()
    assert alive() is None


def test_long_chains_of_attributes_are_released():
    x = cnn.tensor(0.0)
    for _ in range(100_000):
        x, last = cnn.tensor(0.0), x
        x.last = last
    del x, last


class Probe:
    pass


def test_cycle_through_attributes_is_collected():
    x, probe = cnn.tensor(0.0), Probe()
    x.self, x.probe = x, probe
    alive = weakref.ref(probe)
    del x, probe
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("leaf", [True, False])
def test_cycle_through_a_hook_is_collected(leaf):
    x, probe = cnn.tensor(0.0, requires_grad=True), Probe()
    x = x if leaf else x * 2
    x.register_hook(lambda grad, x=x, probe=probe: None)
    alive = weakref.ref(probe)
    del x, probe
    gc.collect()
    assert alive() is None


def test_a_hook_in_use_is_not_collected():
    x = cnn.tensor(1.0, requires_grad=True)
    y = x * 2
    seen = []
    y.register_hook(lambda grad, y=y: seen.append(float(grad)))
    z = y * 3
    del y
    gc.collect()
    z.backward()
    assert seen == [3.0]


def test_cycle_through_a_function_ctx_is_collected():
    class Keeps(cnn.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    y, probe = Keeps.apply(cnn.tensor(1.0, requires_grad=True)), Probe()
    y.grad_fn.output, y.grad_fn.probe = y, probe
    alive = weakref.ref(probe)
    del y, probe
    gc.collect()
    assert alive() is None


def test_many_threads_make_and_drop_tensors():
    errors = []

    def work():
        try:
            for i in range(2000):
                a = cnn.tensor([1.0, 2.0])
                a.mark = i
                b = a + a
                b.source = a
                assert b.tolist() == [2.0, 4.0]
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_exit_with_live_hooks_and_functions():
    script = """
import cnn
class F(cnn.autograd.Function):
    @staticmethod
    def forward(ctx, x): ctx.x = x; return x * 1
    @staticmethod
    def backward(ctx, g): return g
class Sub(cnn.Tensor): pass
x = cnn.ones(3, requires_grad=True)
x.register_hook(lambda g: x and None)
y = F.apply(x); y.grad_fn.y = y
s = Sub([1.0]); s.y = y; z = y * s.as_subclass(cnn.Tensor)
kept = [x, y, z, s, z.grad_fn, cnn.Generator()]
import builtins; builtins.kept = kept
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and done.stdout == "done\n", done.stderr


# Subclasses and __torch_function__ ----------------------------------------------------------------


def test_results_of_subclasses_are_instances():
    class Mine(cnn.Tensor):
        pass

    x = Mine([[1.0, 2.0], [3.0, 4.0]])
    assert type(x) is Mine and x.shape == (2, 2)
    for y in (x + 1, 1 - x, x[0], -x, x.sum(0), cnn.add(cnn.ones(2), x), x @ x, x.clone(), x == x):
        assert type(y) is Mine
    assert type(x.split(1)[0]) is Mine
    assert type(x.max(1).values) is Mine
    assert type(x.shape) is cnn.Size
    with _C.DisableTorchFunctionSubclass():
        assert type(x + 1) is cnn.Tensor
    assert type(tagged([1.0]) + 1) is cnn.Tensor


def test_torch_function_sees_calls():
    calls = []

    class Logged(cnn.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            calls.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs or {})

    x = Logged([1.0, 2.0])
    y = cnn.cat([x + 1, 2 * x])
    y.sum()
    x[0] = 5.0
    assert calls == ["add", "mul", "cat", "sum", "__setitem__"]
    assert isinstance(y, Logged)


def test_torch_function_of_other_objects():
    class Duck:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func.__name__, [t.__name__ for t in types], kwargs

    x = cnn.ones(2)
    assert cnn.add(Duck(), x, alpha=2) == ("add", ["Duck"], {"alpha": 2})
    assert x + Duck() == ("add", ["Duck"], {})

    class Refuses:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return NotImplemented

    with pytest.raises(TypeError, match="Multiple dispatch failed for 'torch.add'"):
        cnn.add(Refuses(), x)


def test_changing_the_class_later_is_noticed():
    class Later(cnn.Tensor):
        __torch_function__ = _C._disabled_torch_function_impl

    x = Later([1.0])
    assert type(x + 1) is cnn.Tensor
    Later.__torch_function__ = classmethod(lambda cls, func, types, args=(), kwargs=None: "mine")
    assert x + 1 == "mine"


# Small types --------------------------------------------------------------------------------------


def test_size():
    size = cnn.Size([2, 3])
    assert repr(size) == "torch.Size([2, 3])" and size == (2, 3) and hash(size) == hash((2, 3))
    assert size.numel() == 6
    for part in (size[:1], size + (4,), (4,) + size, size * 2):
        assert type(part) is cnn.Size
    assert type(size[0]) is int
    with pytest.raises(TypeError, match=r"takes an iterable of 'int' \(item 0 is 'float'\)"):
        cnn.Size([1.5])
    with pytest.raises(TypeError):
        size + [1]


def test_a_tensor_without_dimensions_has_no_size_of_one():
    x = cnn.ones(())
    for ask in (x.size, x.stride):
        assert ask() == ()
        for dim in (0, -1):
            with pytest.raises(
                IndexError, match=f"specified as {dim} but tensor has no dimensions"
            ):
                ask(dim)


def test_constants_are_copied_and_pickled_as_themselves():
    for value in (cnn.float32, cnn.bool, cnn.strided, cnn.contiguous_format):
        assert copy.deepcopy(value) is value and pickle.loads(pickle.dumps(value)) is value
    for value in (cnn.device("cuda", 1), cnn.device("cpu"), cnn.Size([1])):
        assert copy.deepcopy(value) == value and pickle.loads(pickle.dumps(value)) == value
    assert repr(cnn.float32) == "torch.float32" and cnn.float is cnn.float32
    assert repr(cnn.device("cuda:1")) == "device(type='cuda', index=1)"
    assert len({cnn.device("cpu"), cnn.device("cpu")}) == 1
    assert cnn.complex64.is_complex and not cnn.int8.is_floating_point and cnn.float16.itemsize == 2


def test_generator_states():
    generator = cnn.Generator().manual_seed(3)
    state = generator.get_state()
    assert state.dtype == cnn.uint8 and generator.initial_seed() == 3
    twin = pickle.loads(pickle.dumps(generator))
    assert cnn.equal(twin.get_state(), state)
    with pytest.raises(RuntimeError):
        generator.set_state(cnn.zeros(5, dtype=cnn.uint8))
    with pytest.raises(TypeError):
        generator.manual_seed("seed")


def test_legacy_types():
    assert isinstance(cnn.ones(1), cnn.FloatTensor) and not isinstance(cnn.ones(1), cnn.LongTensor)
    assert cnn.LongTensor([1, 2]).dtype == cnn.int64 and cnn.Tensor(2, 3).shape == (2, 3)
    assert cnn.Tensor([1, 2]).dtype == cnn.float32 and cnn.Tensor().shape == (0,)
    assert cnn.ones(1).type() == "torch.FloatTensor"
    assert cnn.ones(1).type("torch.IntTensor").dtype == cnn.int32
    with pytest.raises(ValueError, match="invalid type: 'x'"):
        cnn.ones(1).type("x")
    with pytest.raises(RuntimeError, match="negative dimension"):
        cnn.Tensor(-1)


# Making tensors and sharing memory ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype", "values"),
    [
        ([1, 2], "int64", [1, 2]),
        ([1, 2.5], "float32", [1, 2.5]),
        ([True, False], "bool", [True, False]),
        ([True, 2], "int64", [1, 2]),
        ([], "float32", []),
        ([[], []], "float32", [[], []]),
        ((range(2), (2, 3)), "int64", [[0, 1], [2, 3]]),
        (np.float32(1.5), "float32", 1.5),
        (np.int16(3), "int16", 3),
        ([np.float64(1)], "float64", [1]),
        (np.arange(4, dtype="u1").reshape(2, 2), "uint8", [[0, 1], [2, 3]]),
        (array.array("d", [1, 2]), "float32", [1, 2]),
    ],
)
def test_tensor_infers_dtype(data, dtype, values):
    x = cnn.tensor(data)
    assert x.dtype == getattr(cnn, dtype) and x.tolist() == values


def test_tensor_of_tensors():
    assert cnn.tensor([cnn.tensor(1.0), 2]).tolist() == [1, 2]
    with pytest.warns(UserWarning, match="recommended to use sourceTensor"):
        assert cnn.tensor(cnn.tensor(3)).item() == 3


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        ([[1, 2], [3]], ValueError, r"expected sequence of length 2 at dim 1 \(got 1\)"),
        ([[1], 2], TypeError, "not a sequence"),
        ("a", TypeError, "new\\(\\): invalid data type 'str'"),
        ([1, "a"], TypeError, "invalid data type 'str'"),
        ([None], RuntimeError, "Could not infer dtype of NoneType"),
        ({1}, RuntimeError, "Could not infer dtype of set"),
        ([2**63], ValueError, "Overflow when unpacking long long"),
        (np.array(["a"]), TypeError, "can't convert np.ndarray of type numpy.str_"),
        (np.ones(2, dtype=">f4"), ValueError, "byte order"),
        (np.ones(3)[::-1], ValueError, "stride in the given numpy array is negative"),
    ],
)
def test_tensor_refuses(data, error, text):
    with pytest.raises(error, match=text):
        cnn.tensor(data)


def test_list_that_holds_itself():
    items = [1]
    items.append(items)
    with pytest.raises((TypeError, ValueError)):
        cnn.tensor(items)
    deep = [1]
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(ValueError, match="too many dimensions"):
        cnn.tensor(deep)


def test_a_list_that_changes_while_it_is_read():
    items = [0.0, 0.0, 0.0]

    class Shrinks:
        def __float__(self):
            items.clear()
            return 1.0

        def __index__(self):
            items.clear()
            return 1

    items[0] = Shrinks()
    with pytest.raises((ValueError, TypeError, RuntimeError)):
        cnn.tensor(items, dtype=cnn.float32)


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i1", "i2", "i4", "i8", "u1", "?"])
def test_numpy_shares_memory(dtype):
    source = np.zeros((2, 3), dtype=dtype)
    x = cnn.from_numpy(source[:, ::2])
    x[0, 1] = 1
    assert source[0, 2] == 1 and x.shape == (2, 2)
    back = x.numpy()
    back[1, 0] = 1
    assert source[1, 0] == 1 and back.dtype == source.dtype
    assert np.asarray(x).ctypes.data == source.ctypes.data
    assert memoryview(x).shape == (2, 2)
    assert np.array(x, dtype="f8").dtype == np.float64
    assert cnn.from_dlpack(source).data_ptr() == source.ctypes.data
    assert np.from_dlpack(x).ctypes.data == source.ctypes.data
    with pytest.raises(RuntimeError, match="not resizable"):
        x.untyped_storage().resize_(1000)


EXPORTS = {
    "numpy": lambda x: x.numpy(),
    "a part of an array": lambda x: x.numpy()[1:],
    "memoryview": memoryview,
    "memoryview of the storage": lambda x: memoryview(x.untyped_storage()),
    "DLPack": np.from_dlpack,
    "an unused capsule": lambda x: x.__dlpack__(),
}


@pytest.mark.parametrize("export", EXPORTS)
def test_memory_stays_while_others_look_at_it(export):
    x = cnn.arange(4.0)
    seen = EXPORTS[export](x)
    assert not x.untyped_storage().resizable()
    for resize in (lambda: x.resize_(1000), lambda: x.untyped_storage().resize_(0)):
        with pytest.raises(RuntimeError, match="not resizable"):
            resize()
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0]
    del seen
    gc.collect()
    assert x.untyped_storage().resizable()
    assert x.resize_(1000)[:4].tolist() == [0.0, 1.0, 2.0, 3.0]


SHRUNK = {
    "add": lambda x: x + 1,
    "fill": lambda x: x.fill_(1),
    "matmul": lambda x: x.view(100, 200) @ x.view(200, 100),
    "sum": lambda x: x.sum(),
    "a part": lambda x: x[10000:] * 2,
    "index": lambda x: x[cnn.tensor([5])],
    "an element": lambda x: x[19999].item(),
    "tolist": lambda x: x.tolist(),
    "numpy": lambda x: x.numpy(),
    "DLPack": lambda x: x.__dlpack__(),
    "clone": lambda x: x.clone(),
    "backward": lambda x: cnn.autograd.grad((cnn.ones(1, requires_grad=True) * x).sum(), x),
}


@pytest.mark.parametrize("use", SHRUNK)
def test_memory_that_was_given_up_is_not_reached(use):
    x = cnn.ones(20000)
    x.untyped_storage().resize_(64)
    with pytest.raises(RuntimeError):
        SHRUNK[use](x)
    assert x[:16].tolist() == [1.0] * 16
    repr(x[:0])
    x.untyped_storage().resize_(80000)
    assert x.fill_(2).sum().item() == 40000


def test_an_exported_array_outlives_a_change_of_its_tensor_s_memory():
    x = cnn.arange(4.0)
    arrays = [x.numpy(), np.from_dlpack(x)]
    x.set_()
    del x
    gc.collect()
    [cnn.full((4,), 7.0) for _ in range(100)]
    assert [a.tolist() for a in arrays] == [[0.0, 1.0, 2.0, 3.0]] * 2


def test_numpy_refuses():
    with pytest.raises(RuntimeError, match="Use tensor.detach\\(\\).numpy\\(\\)"):
        cnn.ones(1, requires_grad=True).numpy()
    with pytest.raises(TypeError, match="BFloat16"):
        cnn.ones(1, dtype=cnn.bfloat16).numpy()
    assert cnn.ones(2, requires_grad=True).numpy(force=True).tolist() == [1, 1]
    with pytest.raises(BufferError):
        memoryview(cnn.ones(1, requires_grad=True))
    with pytest.raises(BufferError):
        cnn.ones(1, requires_grad=True).__dlpack__()
    with pytest.raises(TypeError, match="expected np.ndarray"):
        cnn.from_numpy([1])


def test_memory_outlives_its_owner():
    def view():
        return (
            cnn.from_numpy(np.arange(5.0)),
            cnn.arange(5.0).numpy(),
            cnn.from_dlpack(np.arange(5.0)),
        )

    a, b, c = view()
    gc.collect()
    assert a.tolist() == b.tolist() == c.tolist() == [0, 1, 2, 3, 4]
    capsule = cnn.ones(2).__dlpack__()
    del capsule
    used = cnn.ones(2).__dlpack__()
    cnn.from_dlpack(used)
    with pytest.raises(RuntimeError, match="consumed only once"):
        cnn.from_dlpack(used)


def test_storages():
    x = cnn.arange(6.0)
    storage = x.untyped_storage()
    assert len(storage) == storage.nbytes() == 24 and storage.data_ptr() == x.data_ptr()
    y = _C._rebuild_tensor(storage, cnn.float32, 1, (2, 2), (2, 1))
    assert y.tolist() == [[1, 2], [3, 4]] and y.untyped_storage() is storage
    outside = (7, (1,), (1,)), (0, (2, 4), (3, 1)), (0, (2**62,), (2**62,))
    for bad in (*outside, (-1, (1,), (1,)), (0, (2,), (-1,)), (0, (-2,), (1,)), (0, (2,), (1, 1))):
        with pytest.raises(RuntimeError):
            _C._rebuild_tensor(storage, cnn.float32, *bad)
    memory = cnn.UntypedStorage(4)
    memoryview(memory)[:] = b"\x00\x00\x80\x3f"
    assert _C._rebuild_tensor(memory, cnn.float32, 0, (), ()).item() == 1.0
    z = cnn.zeros(2)
    z.set_(storage, 2, (2,), (1,))
    assert z.tolist() == [2, 3]
    z.resize_(8)
    assert z.shape == (8,) and z[0] == 2


def test_set_data_while_others_compute():
    x, stop = cnn.ones(200_000), threading.Event()

    def replace():
        while not stop.is_set():
            x.data = cnn.ones(200_000)

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        for _ in range(50):
            assert (x + x).sum().item() == 400_000
    finally:
        stop.set()
        thread.join()
