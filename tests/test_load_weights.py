"""cnn.load of files that are not trusted: nothing is run but what was admitted."""

from __future__ import annotations

import pickle
import struct
import time

import pytest

import cnn
from cnn import serialization
from saving import REBUILD, STORAGE, archive_of, glob, number, round_trip, same, saved, tensor, text


class Config:
    def __init__(self, size):
        self.size = size


class Refusing:
    def __getstate__(self):
        return {"a": 1}

    def __setstate__(self, state):
        raise ZeroDivisionError


class Slotted:
    __slots__ = ("a",)


def test_other_classes_need_permission():
    config = Config(3)
    config.weight = cnn.ones(2)
    file = saved(config)
    path = f"{__name__}.Config"
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed") as caught:
        cnn.load(file)
    assert f"Unsupported global: GLOBAL {path} was not an allowed global by default" in str(
        caught.value
    )
    assert "add_safe_globals" in str(caught.value)
    file.seek(0)
    assert cnn.load(file, weights_only=False).size == 3
    file.seek(0)
    with serialization.safe_globals([Config]):
        assert serialization.get_safe_globals() == [Config]
        result = cnn.load(file)
    assert type(result) is Config and same(result.weight, cnn.ones(2))
    assert serialization.get_safe_globals() == []
    file.seek(0)
    serialization.add_safe_globals([(Config, path)])
    assert cnn.load(file).size == 3
    serialization.clear_safe_globals()
    slotted = Slotted()
    slotted.a = 5
    with serialization.safe_globals([Slotted]):
        assert round_trip(slotted).a == 5


def test_whole_modules():
    model = cnn.nn.Sequential(cnn.nn.Linear(2, 3), cnn.nn.ReLU())
    with pytest.raises(pickle.UnpicklingError, match=r"torch\.nn\.modules\.container\.Sequential"):
        round_trip(model)
    result = round_trip(model, weights_only=False)
    assert repr(result) == repr(model) and same(result[0].weight, model[0].weight)
    with serialization.safe_globals([cnn.nn.Sequential, cnn.nn.Linear, cnn.nn.ReLU, set]):
        assert repr(round_trip(model)) == repr(model)


def test_environment_decides_when_nothing_is_said(monkeypatch):
    file = saved(Config(1))
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    assert cnn.load(file).size == 1
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(RuntimeError, match="Only one of"):
        cnn.load(file)


HOSTILE = {
    "a call": glob("os.system") + b"(" + text("false") + b"tR.",
    "a builtin": glob("builtins.eval") + b"(" + text("1") + b"tR.",
    "getattr": glob("builtins.getattr") + b".",
    "a method by path": glob("collections.OrderedDict.clear") + b".",
    "a cnn function": glob("cnn.save") + b".",
    "a name in cnn": glob("torch.load") + b".",
    "state of a function": glob(REBUILD) + b"}" + text("__defaults__") + b")sb.",
    "slots of a class": glob("torch.Tensor") + b"N}" + text("add") + b"Ns\x86b.",
    "state of a dtype": glob("torch.float32") + b"}b.",
    "calling a class of tensors": glob("torch.Tensor") + b"(J\xff\xff\xff\x7ftR.",
    "calling a storage": glob("torch.FloatStorage") + b"(J\xff\xff\xff\x7ftR.",
    "calling a result": b"](tR.",
    "new object of a builtin": glob("builtins.bytearray") + b")\x81.",
    "a large bytearray": glob("builtins.bytearray") + b"(J\xff\xff\xff\x7ftR.",
    "a codec": glob("_codecs.encode") + b"(" + text("a") + text("zlib_codec") + b"tR.",
    "items of a list": b"]K\x00K\x01s.",
    "appending to a function": glob(REBUILD) + b"K\x01a.",
    "dunder attributes": glob("collections.OrderedDict") + b")R}" + text("__class__") + b"Nsb.",
    "another reference": b"(" + text("module") + b"tQ.",
    "INST": b"(ios\nsystem\n.",
    "an extension code": b"\x82\x01.",
    "an empty stack": b"R.",
    "no end": b"]",
    "nothing": b"",
    "a missing storage": STORAGE + b".",
    "a nested key": b"}" + b")" + b"2\x86" * 60 + b"Ns.",
    "a nested element": glob("builtins.set") + b"]" + b")" + b"2\x86" * 60 + b"a\x85R.",
}


# A tensor of 2**50 elements over four: whatever walks through it or copies it never ends.
ENDLESS = tensor(number(2**50), b"K\x00")
LONG_KEY = b")" + b"2\x86" * 60  # a tuple in which the empty one is found 2**60 times
REBUILD_TYPE = glob("torch._tensor._rebuild_from_type_v2")
ON_DEVICE = glob("torch._utils._rebuild_device_tensor_from_cpu_tensor")
WITH_STATE = glob("torch._utils._rebuild_parameter_with_state")

UNFOLDING = {
    **{
        f"{path} of an endless tensor": glob(path) + b"(" + ENDLESS + b"tR."
        for path in (
            *("builtins.set", "builtins.bytes", "builtins.bytearray", "builtins.complex"),
            *("collections.OrderedDict", "collections.Counter", "torch.Size", "torch.device"),
        )
    },
    "sizes from an endless tensor": glob(REBUILD)
    + b"("
    + STORAGE
    + b"K\x00"
    + ENDLESS * 2
    + b"\x89NtR.",
    "arguments from an endless tensor": glob("collections.OrderedDict") + ENDLESS + b"\x81.",
    "a negative of an endless tensor": tensor(
        number(2**50), b"K\x00", metadata=b"}" + text("neg") + b"\x88s"
    ),
    "a cast of an endless tensor": ON_DEVICE
    + b"("
    + ENDLESS
    + glob("torch.float64")
    + text("cpu")
    + b"\x89tR.",
    "a meta tensor without end": glob("torch._utils._rebuild_meta_tensor_no_storage")
    + b"("
    + glob("torch.float32")
    + b"("
    + number(2**62) * 2
    + b"t(K\x01K\x01t\x89tR.",
    "a nested key in a list": glob("collections.OrderedDict") + b"(]((" + LONG_KEY + b"NleatR.",
    "a set as a tensor": REBUILD_TYPE
    + b"("
    + glob("builtins.set")
    + glob("torch.Tensor")
    + b"(]"
    + LONG_KEY
    + b"at}tR.",
    "a rebuilding of a rebuilding": REBUILD_TYPE
    + b"("
    + REBUILD_TYPE
    + glob("torch.Tensor")
    + b"()}tR.",
    "a long text as bytes, often": glob("_codecs.encode")
    + b"q\x00("
    + text("a" * 100_000)
    + b"q\x01tR"
    + b"h\x00(h\x01tR" * 100_000
    + b".",
    "a long list as a set, often": glob("builtins.set")
    + b"q\x00(]("
    + b"K\x01" * 50_000
    + b"eq\x01tR"
    + b"h\x00(h\x01tR" * 50_000
    + b".",
    "a large number as a key, often": b"}(\x8b"
    + struct.pack("<I", 10**6)
    + b"\x01" * 10**6
    + b"q\x01N"
    + b"h\x01N" * 100_000
    + b"u.",
    "more bytes than there are": b"\x8e" + struct.pack("<Q", 2**62) + b"abc.",
    "more text than there is": b"\x8d" + struct.pack("<Q", 2**40) + b"abc.",
    "a larger bytearray than there is": b"\x96" + struct.pack("<Q", 2**40) + b"abc.",
    "attributes of special names": WITH_STATE
    + b"("
    + tensor(b"K\x04")
    + b"\x89N}"
    + text("__class__")
    + b"NstR.",
    "a parameter with hooks": glob("torch._utils._rebuild_parameter")
    + b"("
    + tensor(b"K\x04")
    + b"\x88}K\x00"
    + glob("builtins.set")
    + b"stR.",
    "a parameter of no tensor": glob("torch._utils._rebuild_parameter") + b"(]\x88NtR.",
    "a storage of 2**62 elements": STORAGE.replace(b"K\x04", number(2**62)) + b".",
    "a storage of -4 elements": STORAGE.replace(b"K\x04", number(-4)) + b".",
    "a storage of two sizes": b"(" + STORAGE + STORAGE.replace(b"K\x04", b"K\x03") + b"t.",
    "a storage of two dtypes": b"(" + STORAGE + STORAGE.replace(b"Float", b"Int") + b"t.",
    "a storage at no device": STORAGE.replace(text("cpu"), text("cpu:x")) + b".",
    "a reference made of tensors": b"(" + ENDLESS * 5 + b"tQ.",
}


@pytest.mark.parametrize("case", UNFOLDING)
def test_small_files_do_not_unfold(case):
    start = time.monotonic()
    with pytest.raises((pickle.UnpicklingError, RuntimeError)) as caught:
        cnn.load(archive_of(b"\x80\x02" + UNFOLDING[case], [bytes(16)]))
    assert not isinstance(caught.value, RecursionError)
    assert time.monotonic() - start < 10


def test_deep_nesting_is_read():
    deep = cnn.load(archive_of(b"\x80\x02N" + b"\x85" * 1_000_000 + b"."))
    for _ in range(1_000_000):
        (deep,) = deep
    assert deep is None


def test_errors_of_the_callers_own_code_stay_what_they_are():
    class Own(KeyError):
        pass

    def place(storage, location):
        raise Own("mine")

    with pytest.raises(Own):
        cnn.load(saved(cnn.ones(2)), map_location=place)
    file = saved(Refusing())
    with serialization.safe_globals([Refusing]), pytest.raises(ZeroDivisionError):
        cnn.load(file)


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_pickles_raise(case):
    with pytest.raises((pickle.UnpicklingError, RuntimeError)):
        cnn.load(archive_of(b"\x80\x02" + HOSTILE[case]))


def test_hostile_pickles_change_nothing():
    before = dict(cnn.Tensor.__dict__)
    for body in HOSTILE.values():
        with pytest.raises((pickle.UnpicklingError, RuntimeError)):
            cnn.load(archive_of(b"\x80\x02" + body))
    assert dict(cnn.Tensor.__dict__) == before


@pytest.mark.parametrize(
    "offset, size, stride",
    [(0, "K\x05\x85", "K\x01\x85"), (1, "K\x04\x85", "K\x01\x85"), (0, "K\x02\x85", "K\x04\x85")]
    + [(0, "K\x02\x85", "K\x01K\x01\x86"), (0, "J\xff\xff\xff\xff\x85", "K\x01\x85")]
    + [(0, "\x8a\x09" + "\xff" * 8 + "\x00\x85", "K\x00\x85"), (9, "K\x00\x85", "K\x01\x85")],
)
def test_views_outside_the_storage_raise(offset, size, stride):
    layout = f"K{chr(offset)}{size}{stride}".encode("latin1")
    body = glob(REBUILD) + b"(" + STORAGE + layout + b"\x89)tR."
    with pytest.raises((RuntimeError, pickle.UnpicklingError)):
        cnn.load(archive_of(b"\x80\x02" + body, [bytes(16)]))


def test_storage_of_another_size_raises():
    body = b"\x80\x02" + glob(REBUILD) + b"(" + STORAGE + b"K\x00K\x04\x85K\x01\x85\x89)tR."
    assert same(cnn.load(archive_of(body, [bytes(16)])), cnn.zeros(4))
    for size in (0, 12, 20):
        with pytest.raises(RuntimeError, match="wrong byte size"):
            cnn.load(archive_of(body, [bytes(size)]))
