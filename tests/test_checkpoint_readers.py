"""The two readers of checkpoints, in Python and in C++: they believe the same files."""

from __future__ import annotations

import collections
import pickle
import random
import warnings
import zipfile

import pytest

import cnn
from cnn import _C
from saving import archive_of, glob, number, same, saved, tensor, text


def state_dict():
    x = cnn.arange(24.0).view(4, 6)
    state = collections.OrderedDict(w=x, v=x[1:, ::2], n=cnn.tensor(7), empty=cnn.empty(0, 3))
    state["p"] = cnn.nn.Parameter(cnn.ones(2))
    state._metadata = collections.OrderedDict({"": {"version": 1}})
    return state


def plain(state):
    """The tensors by name; None for what is no state dict."""
    if not isinstance(state, dict) or not all(isinstance(x, cnn.Tensor) for x in state.values()):
        return None
    if not all(isinstance(name, str) for name in state):
        return None
    return {name: x.detach().as_subclass(cnn.Tensor) for name, x in state.items()}


def both(path, data):
    """What the readers give for a file of these bytes; None from one that refuses it."""
    path.write_bytes(data)
    results = []
    for read in (lambda p: plain(cnn.load(p, map_location="cpu")), _C._load_state_dict):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results.append(read(path))
        except (pickle.UnpicklingError, RuntimeError, ValueError):
            results.append(None)
    return results


def test_a_state_dict_is_read_alike(tmp_path):
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        data = saved(state_dict(), pickle_protocol=protocol).getvalue()
        python, core = both(tmp_path / "f", data)
        assert same(python, plain(state_dict())) and same(core, python)


def test_damaged_archives_are_refused_alike(tmp_path):
    """Every byte changed, pieces cut out and moved about."""
    data = saved(state_dict()).getvalue()
    chance = random.Random(0)
    changed = [data[:i] + bytes([chance.randrange(256)]) + data[i + 1 :] for i in range(len(data))]
    for _ in range(400):
        start, to, size = (chance.randrange(len(data)) for _ in range(3))
        part = data[start : start + size % 100]
        changed += [data[:to] + part + data[to:], data[:to] + part + data[to + len(part) :]]
        changed += [data[:to] + data[to + size % 100 :]]
    refused = 0
    for damaged in changed:
        python, core = both(tmp_path / "f", damaged)
        assert (python is None and core is None) or same(python, core)
        refused += core is None
    assert refused > len(changed) // 2


def test_damaged_pickles_are_refused_alike(tmp_path):
    """The core's reader knows fewer instructions, but takes nothing that Python's does not."""
    with zipfile.ZipFile(saved(state_dict())) as archive:
        whole = archive.read("archive/data.pkl")
        names = [name for name in archive.namelist() if name.startswith("archive/data/")]
        storages = [archive.read(name) for name in names]
    chance = random.Random(0)
    changed = [
        whole[:i] + bytes([b]) + whole[i + 1 :]
        for i in range(len(whole))
        for b in (whole[i] ^ 1, chance.randrange(256))
    ]
    changed += [whole[:i] for i in range(len(whole))]
    for _ in range(400):
        start, to, size = (chance.randrange(len(whole)) for _ in range(3))
        part = whole[start : start + size % 40]
        changed += [whole[:to] + part + whole[to:], whole[:to] + part + whole[to + len(part) :]]
    read = 0
    for damaged in changed:
        python, core = both(tmp_path / "f", archive_of(damaged, storages).getvalue())
        assert core is None or same(python, core), damaged
        read += core is not None
    assert read > 50


ONE = {
    "too many elements": tensor(b"K\x05"),
    "a stride too large": tensor(b"K\x03", b"K\x02"),
    "an offset too large": tensor(b"K\x04", offset=b"K\x01"),
    "an empty tensor beyond the end": tensor(b"K\x00", offset=b"K\x05"),
    "a negative size": tensor(number(-1)),
    "a negative stride": tensor(b"K\x02", number(-1)),
    "a negative offset": tensor(b"K\x01", offset=number(-1)),
    "an offset of text": tensor(b"K\x01", offset=text("0")),
    "a size of text": tensor(text("1")),
    "a boolean size": tensor(b"\x88"),
    "sizes whose product wraps": tensor(number(2**62) + b"K\x04", b"K\x00K\x00"),
    "a stride that wraps": tensor(b"K\x05", number(2**62)),
    "a count that wraps": tensor(b"K\x04").replace(b"cpuK\x04", b"cpu" + number(2**62 + 4)),
    "a negative count": tensor(b"K\x04").replace(b"cpuK\x04", b"cpu" + number(-4)),
    "a count of text": tensor(b"K\x04").replace(b"cpuK\x04", b"cpu" + text("4")),
    "another dtype": tensor(b"K\x02").replace(b"Float", b"Long"),
    "a dtype without a name": tensor(b"K\x04").replace(b"Float", b"Flout"),
    "no storage": tensor(b"K\x04").replace(glob("torch.FloatStorage"), glob("torch.float32")),
    "an unknown key": tensor(b"K\x04").replace(text("0"), text("1")),
    "a call of os.system": glob("os.system") + b"(" + text("true") + b"tR",
    "a class": glob("torch.FloatStorage"),
    "a number": b"K\x01",
}


@pytest.mark.parametrize("case", ONE)
def test_tensors_that_lie_are_refused_alike(case, tmp_path):
    def file_of(value):
        body = b"\x80\x02}" + text("w") + value + b"s."
        return archive_of(body, [cnn.storage.storage_bytes(cnn.ones(4).untyped_storage())])

    python, core = both(tmp_path / "f", file_of(tensor(b"K\x04")).getvalue())
    assert same(python, {"w": cnn.ones(4)}) and same(core, python)
    assert both(tmp_path / "f", file_of(ONE[case]).getvalue()) == [None, None]


def test_other_files_are_refused_alike(tmp_path):
    path = tmp_path / "f"
    for data in (b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), pickle.dumps({}), bytes(1000)):
        assert both(path, data) == [None, None]
    for other in ("/dev/zero", tmp_path, tmp_path / "none"):
        with pytest.raises((RuntimeError, pickle.UnpicklingError, OSError)):
            cnn.load(other)
        with pytest.raises(RuntimeError):
            _C._load_state_dict(other)
