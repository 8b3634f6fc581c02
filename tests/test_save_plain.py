"""cnn.save of plain values and tensors goes by the core's pickler: it writes what Python's writes."""

from __future__ import annotations

import collections
import copyreg
import pickle
import zlib

import pytest

import cnn
from cnn import serialization
from cnn.serialization import placing, writing
from saving import checkpoint, same


def bytes_of(obj, path):
    cnn.save(obj, path)
    return path.read_bytes()


@pytest.fixture
def general_bytes(tmp_path, monkeypatch):
    """The file as Python's pickler and archive make it."""

    def save(obj):
        with monkeypatch.context() as patch:
            patch.setattr(writing, "_is_ordinary", lambda *args: False)
            return bytes_of(obj, tmp_path / "model.pt")

    return save


@pytest.fixture
def plain_bytes(tmp_path, monkeypatch):
    """The file as the core makes it, which may not fall back."""

    def save(obj):
        with monkeypatch.context() as patch:
            patch.setattr(writing, "pickled", None)
            return bytes_of(obj, tmp_path / "model.pt")

    return save


def model():
    return cnn.nn.Sequential(
        collections.OrderedDict(
            conv=cnn.nn.Conv2d(3, 8, 3),
            norm=cnn.nn.BatchNorm2d(8),
            blocks=cnn.nn.ModuleList(cnn.nn.Linear(4, 4) for _ in range(12)),
        )
    )


def trained():
    net = cnn.nn.Linear(3, 2)
    optimizer = cnn.optim.AdamW(net.parameters(), lr=1e-2)
    net(cnn.ones(1, 3)).sum().backward()
    optimizer.step()
    return {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}


def shared():
    x, p = cnn.arange(12.0).view(3, 4), cnn.nn.Parameter(cnn.ones(2))
    part = [1]
    return {"a": x, "same": x, "t": x.t(), "part": x[1:, ::2], "p": p, "q": p, "l": (part, part)}


def moved_to_the_front():
    odd = collections.OrderedDict(a=cnn.ones(1), b=cnn.zeros(2))
    odd.move_to_end("a")
    odd.note = {"c": (1, 2.5)}
    return odd


def endless():
    x = [1]
    x.append(x)
    y = {"x": x}
    y["y"] = y
    return y


EDGES = [0, 1, 2**7, 2**8, 2**15, 2**16, 2**31, 2**32, 2**39, 2**40, 2**47, 2**55, 2**62]
DTYPES = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split()
OBJECTS = {
    "a model's state": lambda: model().state_dict(),
    "its parameters": lambda: dict(model().named_parameters()),
    "a checkpoint": checkpoint,
    "a training": trained,
    "sharing": shared,
    "an order of its own": moved_to_the_front,
    "endless": endless,
    "integers": lambda: [s * (n + d) for n in EDGES for d in (-1, 0, 1) for s in (1, -1)],
    "largest integers": lambda: [2**63 - 1, -(2**63), -(2**63) + 1],
    "numbers": lambda: [0.0, -0.0, 2.5, float("inf"), float("-inf"), 1e-310, True, False, None],
    "texts": lambda: ["", "a", "é", "\N{SNOWMAN}", "\U0001f600", "a\0b", "x" * 300, "a\nb"],
    "tuples": lambda: [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((((1,),),),)],
    **{f"{n} items": lambda n=n: [list(range(n)), dict.fromkeys(range(n))] for n in (999, 1000)},
    **{f"{n} items": lambda n=n: {str(i): i for i in range(n)} for n in (1001, 2000, 2001)},
    "300 tensors": lambda: {f"w{i}": cnn.full((i,), float(i)) for i in range(300)},
    "dtypes": lambda: [cnn.tensor([0, 1, 2]).to(getattr(cnn, name)) for name in DTYPES],
    "shapes": lambda: [cnn.ones(s) for s in [(), (0,), (0, 3), (1,), (2, 3, 4, 5, 1, 2)]],
    "leaves": lambda: [
        cnn.ones(2, requires_grad=True),
        cnn.ones(2, requires_grad=True) * 2,
        cnn.nn.Parameter(cnn.ones(2)),
        cnn.nn.Parameter(cnn.ones(3, 2).t(), requires_grad=False),
        cnn.nn.Parameter(cnn.tensor([1, 2]), requires_grad=False),
    ],
    "expanded": lambda: cnn.ones(3, 1).expand(3, 4),
    "a large one": lambda: {"x": cnn.arange(100_000), "y": cnn.ones(3)},
    "a tensor": lambda: cnn.ones(3),
    "nothing": dict,
}


@pytest.mark.parametrize("name", OBJECTS)
def test_the_bytes_are_those_of_the_general_path(name, plain_bytes, general_bytes):
    obj = OBJECTS[name]()
    assert plain_bytes(obj) == general_bytes(obj)


@pytest.mark.parametrize("name", [name for name in OBJECTS if name != "endless"])
def test_what_was_written_comes_back(name, plain_bytes, tmp_path):
    obj = OBJECTS[name]()
    plain_bytes(obj)
    assert same(cnn.load(tmp_path / "model.pt"), obj)


def test_members_names_follow_the_file_s(tmp_path, monkeypatch):
    for name in ("a", "a.b.pt", ".pt", "..pt", "...", ".a.b", "ü.pt", "a.", "a b.pt"):
        path = tmp_path / name
        plain = bytes_of([cnn.ones(2)], path)
        with monkeypatch.context() as patch:
            patch.setattr(writing, "_is_ordinary", lambda *args: False)
            assert bytes_of([cnn.ones(2)], path) == plain, name


def test_equal_texts_are_written_once(plain_bytes, general_bytes, tmp_path):
    names = ["".join(["ab", "cd"]), "".join(["abc", "d"])]
    assert len(plain_bytes(names)) <= len(general_bytes(names))
    assert plain_bytes(names).count(b"abcd") == 1
    assert cnn.load(tmp_path / "model.pt") == ["abcd", "abcd"]


class Kind(cnn.Tensor):
    pass


class Key(str):
    pass


def with_attribute():
    x = cnn.ones(2)
    x.note = 1
    return x


def tuple_in_itself():
    x = ([],)
    x[0].append(x)
    return x


def deep(n):
    x = []
    for _ in range(n):
        x = [x]
    return x


OTHERS = {
    "a subclass": lambda: {"x": cnn.ones(2).as_subclass(Kind)},
    "attributes": lambda: {"x": with_attribute()},
    "a meta tensor": lambda: {"x": cnn.ones(2, device="meta")},
    "a long number": lambda: [2**63, -(2**70)],
    "half a pair": lambda: ["\ud800"],
    "a set": lambda: {"x": {1}},
    "a counter": lambda: collections.Counter("aab"),
    "a text's subclass": lambda: {Key("x"): cnn.ones(1)},
    "a size": lambda: cnn.Size([1, 2]),
    "a dtype": lambda: {"dtype": cnn.float16},
    "bytes": lambda: [b"ab"],
    "deep": lambda: deep(60),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_objects_are_left_to_python(name, general_bytes, tmp_path):
    obj = OTHERS[name]()
    assert not cnn._C._save_plain(obj, tmp_path / "x", cnn.nn.Parameter)
    assert not list(tmp_path.iterdir())
    assert bytes_of(obj, tmp_path / "model.pt") == general_bytes(obj)


def test_a_tuple_that_holds_itself(tmp_path):
    cnn.save(tuple_in_itself(), tmp_path / "x")
    x = cnn.load(tmp_path / "x")
    assert x[0][0] is x


def test_hooks_are_left_out_with_a_warning(tmp_path):
    x = cnn.ones(2, requires_grad=True)
    x.register_hook(lambda grad: None)
    with pytest.warns(UserWarning, match="hooks"):
        cnn.save({"x": x}, tmp_path / "x")
    assert same(cnn.load(tmp_path / "x"), {"x": cnn.ones(2, requires_grad=True)})


def test_two_dtypes_over_one_memory_raise(tmp_path):
    x = cnn.zeros(4)
    y = cnn._C._rebuild_tensor(x.untyped_storage(), cnn.int32, 0, (4,), (1,))
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        cnn.save({"x": x, "y": y}, tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_what_pickle_was_taught_is_used(tmp_path, monkeypatch):
    monkeypatch.setitem(copyreg.dispatch_table, cnn.Tensor, lambda x: (float, (x.item(),)))
    cnn.save({"x": cnn.full((), 3.0)}, tmp_path / "x")
    assert cnn.load(tmp_path / "x", weights_only=False) == {"x": 3.0}


def test_places_of_others_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(placing, "_package_registry", list(placing._package_registry))
    serialization.register_package(1, lambda obj: "cpu:0", lambda obj, location: None)
    assert b"cpu:0" in bytes_of({"x": cnn.ones(2)}, tmp_path / "x")


def test_protocols_and_modules_of_others(tmp_path):
    x = {"x": cnn.ones(2)}
    cnn.save(x, tmp_path / "x", pickle_protocol=4)
    assert same(cnn.load(tmp_path / "x"), x)
    cnn.save(x, tmp_path / "x", pickle_module=pickle)
    assert same(cnn.load(tmp_path / "x"), x)


def test_memory_cannot_move_while_it_is_written(tmp_path):
    x = cnn.ones(4)
    cnn.save({"x": x}, tmp_path / "x")
    x.untyped_storage().resize_(64)  # not refused any more
    assert x.untyped_storage().nbytes() == 64


def test_the_core_and_python_write_one_file(tmp_path):
    """tests/cpp/test_save.cpp writes the same tensors, and knows the same checksum."""
    x = cnn.arange(6, dtype=cnn.float32).view(2, 3)
    state = {"weight": x, "turned": x.t(), "tail": x[1], "count": cnn.tensor(7)}
    assert zlib.crc32(bytes_of(state, tmp_path / "state.pt")) == 775_813_768
