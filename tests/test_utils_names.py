"""Helpers that packages import from PyTorch's `_utils`, `types`, `functional` and `storage`."""

import io
import pickle
import subprocess
import sys
import warnings

import pytest

import cnn
from cnn import _utils, functional, storage, types


def test_tensors_in_one_vector():
    tensors = [cnn.arange(4.0).reshape(2, 2).t(), cnn.tensor(9.0), cnn.zeros(0, 3)]
    flat = _utils._flatten_dense_tensors(tensors)
    assert flat.tolist() == [0, 2, 1, 3, 9]
    parts = _utils._unflatten_dense_tensors(flat, tensors)
    assert [p.tolist() for p in parts] == [t.tolist() for t in tensors]
    assert [tuple(p.shape) for p in parts] == [(2, 2), (), (0, 3)]
    flat[4] = 7
    assert parts[1].item() == 7


def test_tensors_by_type_and_size():
    a, b, c = cnn.zeros(2), cnn.zeros(3), cnn.zeros(1)
    i = cnn.zeros(2, dtype=cnn.int64)
    taken = list(_utils._take_tensors([a, i, b, c], 16))
    assert [[id(t) for t in part] for part in taken] == [[id(a)], [id(b), id(c)], [id(i)]]
    ordered = _utils._reorder_tensors_as([b, a, i], [cnn.zeros(1), i, cnn.zeros(1)])
    assert [id(t) for t in ordered] == [id(b), id(i), id(a)]


def test_devices():
    assert _utils._get_device_index(3) == 3
    assert _utils._get_device_index("cuda:1") == 1
    assert _utils._get_device_index(cnn.device("cpu"), allow_cpu=True) == -1
    with pytest.raises(ValueError, match="non cpu device"):
        _utils._get_device_index("cpu")
    with pytest.raises(ValueError, match="specified index"):
        _utils._get_device_index(None)
    assert _utils._get_device_module("cuda") is cnn.cuda
    with pytest.raises(RuntimeError, match="does not have a corresponding module"):
        _utils._get_device_module("none")
    if not cnn.cuda.is_available():
        assert _utils._get_available_device_type() is None
        assert _utils._get_all_device_indices() is None and _utils.get_current_device_index() == -1


def test_a_call_as_text():
    text = _utils.render_call(cnn.nn.functional.relu, (cnn.ones(3), 2), {"alpha": 1})
    assert text == "torch.nn.functional.relu(tensor([...], size=(3,)), 2, alpha=1)"


def test_python_helpers():
    class Counted:
        count = 3

        @_utils.classproperty
        def double(cls):
            return 2 * cls.count

    assert Counted.double == Counted().double == 6
    assert _utils._import_dotted_name("cnn.nn.Linear") is cnn.nn.Linear
    assert (
        _utils.try_import("json").dumps([]) == "[]" and _utils.try_import("no_such_thing") is None
    )
    with pytest.raises(RuntimeError, match="dummy base class Absent"):
        _utils._dummy_type("Absent")()
    assert _utils._element_size(cnn.bfloat16) == 2 and _utils._element_size(cnn.bool) == 1
    assert _utils.cpu_count() >= 1
    assert _utils._chunk_or_narrow_cat(cnn.arange(4), 2, 0, 0).tolist() == [0, 1, 2, 3]
    calls = []
    registry = _utils.CallbackRegistry("event")
    registry.add_callback(lambda x: calls.append(x / 0))
    registry.add_callback(calls.append)
    registry.fire_callbacks(1)
    assert calls == [1]


def test_types_are_for_isinstance_too():
    assert isinstance(3, types.Number) and not isinstance("3", types._Number)
    assert isinstance(cnn.ones(1).size(), types._size)
    assert isinstance(cnn.ones(1).untyped_storage(), types.Storage)
    assert isinstance("cpu", types.Device) and isinstance(None, types.Device)


def test_storages_by_dtype():
    typed = storage.typed_storage(cnn.ones(2))
    assert isinstance(typed, storage.FloatStorage) and not isinstance(typed, storage.LongStorage)
    assert isinstance(storage.FloatStorage(2), storage._LegacyStorage)
    assert issubclass(storage.UntypedStorage, storage._StorageBase)
    assert storage._dtype_to_storage_type_map()[cnn.int64] == "LongStorage"
    assert storage._get_dtype_from_pickle_storage_type("HalfStorage") == cnn.float16
    with pytest.raises(KeyError, match="not recognized"):
        storage._get_dtype_from_pickle_storage_type("OddStorage")
    made = storage._get_storage_from_sequence([1, 2], cnn.int16, "cpu")
    assert made.nbytes() == 4
    file = io.BytesIO()
    cnn.save([cnn.ones(2)], file)
    assert storage._load_from_bytes(file.getvalue())[0].tolist() == [1, 1]


def test_typed_storages_are_warned_of_once():
    storage._reset_warn_typed_storage_removal()
    with pytest.warns(UserWarning, match="TypedStorage is deprecated"):
        storage._warn_typed_storage_removal()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        storage._warn_typed_storage_removal()
    storage._set_always_warn_typed_storage_removal(True)
    with pytest.warns(UserWarning):
        storage._warn_typed_storage_removal()
    storage._set_always_warn_typed_storage_removal(False)


def test_composed_functions_say_where_they_are():
    for name in functional.__all__:
        assert getattr(functional, name) is getattr(cnn, name)
    assert functional.einsum.__module__ == "cnn.functional" and cnn.hstack.__module__ == "cnn"
    assert pickle.loads(pickle.dumps(cnn.hstack)) is cnn.hstack


def test_unravel_index():
    places = cnn.unravel_index(cnn.tensor([[13, 22], [6, 0]]), (4, 3, 2))
    assert [p.tolist() for p in places] == [[[2, 3], [1, 0]], [[0, 2], [0, 0]], [[1, 0], [0, 0]]]
    (one,) = cnn.unravel_index(cnn.tensor([5], dtype=cnn.int8), 6)
    assert one.dtype == cnn.int64 and one.item() == 5
    with pytest.raises(TypeError, match="integer dtype"):
        cnn.unravel_index(cnn.ones(1), (2,))
    with pytest.raises(ValueError, match="negative values"):
        cnn.unravel_index(cnn.tensor([0]), (-1,))
    with pytest.raises(TypeError, match="only contain ints"):
        cnn.unravel_index(cnn.tensor([0]), (1.5,))


def test_as_torch_they_say_that_they_are_torchs():
    code = (
        "import torch; from torch.optim import lr_scheduler, swa_utils\n"
        "for value in (torch.einsum, torch.hstack, torch.norm, torch.autograd.grad,\n"
        "              torch.optim.Muon, lr_scheduler.StepLR, swa_utils.SWALR):\n"
        "    print(value.__module__)"
    )
    command = [sys.executable, "-m", "cnn", "-c", code]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert shown == [
        "torch.functional",
        "torch",
        "torch.functional",
        "torch.autograd",
        "torch.optim",
        "torch.optim.lr_scheduler",
        "torch.optim.swa_utils",
    ]
