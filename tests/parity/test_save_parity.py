"""Checkpoint files against PyTorch, both ways: what one writes the other reads."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict

import pytest

torch = pytest.importorskip("torch")

import cnn  # noqa: E402

DTYPES = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split()


def contents(module):
    """The same objects, made of one library or the other."""
    x = module.arange(24.0).view(4, 6) / 7
    state = OrderedDict(
        weight=x, bias=module.nn.Parameter(x[0].clone()), view=x[1:, ::2], turned=x.t()
    )
    state._metadata = OrderedDict({"": {"version": 1}})
    tensors = {name: module.arange(6).to(getattr(module, name)).view(2, 3) for name in DTYPES}
    return {
        "state": state,
        "tensors": tensors,
        "odd": [module.tensor(2.5), module.empty(0, 3), module.ones(1).expand(5)],
        "leaf": module.ones(2, requires_grad=True),
        "frozen": module.nn.Parameter(module.ones(2), requires_grad=False),
        "meta": module.empty(2, 3, device="meta"),
        "plain": [
            module.Size([1, 2]),
            module.device("cpu"),
            module.float16,
            module.strided,
            "text",
            b"bytes",
            {1: (None, True)},
        ],
        "numbers": [3, -(2**70), 2.5, 1 + 2j],
    }


def described(obj):
    """A comparable form in which neither library shows."""
    if isinstance(obj, (torch.Tensor, cnn.Tensor)):
        values = None if obj.device.type == "meta" else obj.tolist()
        layout = tuple(obj.shape), tuple(obj.stride()), obj.storage_offset()
        return type(obj).__name__, str(obj.dtype), layout, obj.requires_grad, values
    if isinstance(obj, dict):
        return type(obj).__name__, [(key, described(value)) for key, value in obj.items()]
    if isinstance(obj, (list, tuple)):
        return type(obj).__name__, [described(value) for value in obj]
    return repr(obj)


@pytest.mark.parametrize("weights_only", [True, False])
@pytest.mark.parametrize(
    "writer, reader", [(cnn, torch), (torch, cnn)], ids=["cnn-torch", "torch-cnn"]
)
def test_contents(writer, reader, weights_only, tmp_path):
    file = io.BytesIO()
    file.write(b"front")
    writer.save(contents(writer), file)
    file.seek(5)
    result = reader.load(file, weights_only=weights_only)
    assert described(result) == described(contents(reader))
    assert result["state"]._metadata == OrderedDict({"": {"version": 1}})
    state = result["state"]
    state["weight"][1, 0] = -1
    assert state["view"][0, 0] == state["turned"][0, 1] == -1
    writer.save(contents(writer), tmp_path / "f.pt")
    for mapped in (False, True):
        again = reader.load(tmp_path / "f.pt", mmap=mapped)
        assert described(again) == described(contents(reader))


def plain(module):
    """What cnn writes without Python's pickler."""
    kept = "state", "tensors", "odd", "leaf", "frozen"
    return {name: value for name, value in contents(module).items() if name in kept}


def test_plain_contents(tmp_path):
    path = tmp_path / "plain.pt"
    assert cnn._C._save_plain(plain(cnn), path, cnn.nn.Parameter)
    for options in ({}, {"weights_only": False}, {"mmap": True}):
        result = torch.load(path, **options)
        assert described(result) == described(plain(torch))
        assert result["state"]._metadata == OrderedDict({"": {"version": 1}})


def test_a_model_s_state_is_pickled_to_the_byte_as_pytorch_pickles_it(tmp_path):
    found = []
    for module in (cnn, torch):
        path = tmp_path / "state.pt"
        module.save(model(module).state_dict(), path)
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if "/data/" not in name]
            found.append((sorted(names), archive.read("state/data.pkl")))
    assert found[0] == found[1]


def test_old_format():
    for protocol in (2, 4):
        file = io.BytesIO()
        options = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": False}
        torch.save(contents(torch), file, **options)
        for weights_only in (True, False):
            file.seek(0)
            assert described(cnn.load(file, weights_only=weights_only)) == described(contents(cnn))


def test_same_members_and_globals():
    """The archive's members and every global of the pickle are those that PyTorch writes."""
    found = []
    for module in (cnn, torch):
        file = io.BytesIO()
        module.save(contents(module), file)
        with zipfile.ZipFile(file) as archive:
            import pickletools

            operations = pickletools.genops(archive.read("archive/data.pkl"))
            names = {argument for code, argument, _ in operations if code.name == "GLOBAL"}
            members = {name: archive.getinfo(name).file_size for name in archive.namelist()}
            members.pop("archive/data.pkl")
            small = [
                archive.read(f"archive/{name}")
                for name in ("version", "byteorder", ".format_version")
            ]
            found.append((names, list(members.items()), small))
    assert found[0] == found[1]


def model(module):
    nn = module.nn
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(1, 2, 3),
            norm=nn.BatchNorm2d(2),
            act=nn.ReLU(inplace=True),
            pool=nn.MaxPool2d(2),
            flat=nn.Flatten(),
            drop=nn.Dropout(0.3),
            out=nn.Linear(18, 3),
        )
    )


@pytest.mark.parametrize(
    "writer, reader", [(cnn, torch), (torch, cnn)], ids=["cnn-torch", "torch-cnn"]
)
def test_whole_modules(writer, reader):
    written = model(writer).eval()
    file = io.BytesIO()
    writer.save(written, file)
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        reader.load(io.BytesIO(file.getvalue()))
    file.seek(0)
    read = reader.load(file, weights_only=False)
    assert type(read) is reader.nn.Sequential and repr(read) == repr(written)
    values = [[i * j / 64 - 0.3 for i in range(8)] for j in range(8)]
    outputs = [
        m(lib.tensor([[values]])).tolist()[0] for lib, m in ((writer, written), (reader, read))
    ]
    assert outputs[0] == pytest.approx(outputs[1], abs=1e-5)


def test_state_dict_into_the_other_library():
    for writer, reader in ((cnn, torch), (torch, cnn)):
        written, fresh = model(writer), model(reader)
        file = io.BytesIO()
        writer.save(written.state_dict(), file)
        file.seek(0)
        fresh.load_state_dict(reader.load(file))
        values = [
            (a.tolist(), b.tolist()) for a, b in zip(written.parameters(), fresh.parameters())
        ]
        assert all(a == b for a, b in values)


@pytest.mark.parametrize(
    "writer, reader", [(cnn, torch), (torch, cnn)], ids=["cnn-torch", "torch-cnn"]
)
def test_optimizer_state(writer, reader):
    def trained(module):
        p = module.nn.Parameter(module.arange(3.0))
        optimizer = module.optim.Adam([p], lr=0.1)
        (p * p).sum().backward()
        optimizer.step()
        return optimizer

    file = io.BytesIO()
    writer.save(trained(writer).state_dict(), file)
    file.seek(0)
    state = reader.load(file)
    optimizer = trained(reader)
    optimizer.load_state_dict(state)
    assert (
        optimizer.state_dict()["state"][0]["exp_avg"].tolist()
        == state["state"][0]["exp_avg"].tolist()
    )


def test_refusals_read_alike():
    class_path = "unknown_module.Thing"
    body = b"\x80\x02cunknown_module\nThing\n."
    messages = []
    for module in (cnn, torch):
        file = io.BytesIO()
        module.save({}, file)
        changed = io.BytesIO()
        with zipfile.ZipFile(file) as old, zipfile.ZipFile(changed, "w") as new:
            for name in old.namelist():
                new.writestr(name, body if name.endswith("data.pkl") else old.read(name))
        changed.seek(0)
        with pytest.raises(pickle.UnpicklingError) as caught:
            module.load(changed)
        text = str(caught.value)
        assert "Weights only load failed" in text
        start = text.index("Unsupported global")
        messages.append(text[start : text.index("trust this class/function", start)])
    assert messages[0] == messages[1] and class_path in messages[0]


def test_safe_globals_of_both():
    for writer, reader in ((cnn, torch), (torch, cnn)):
        file = io.BytesIO()
        writer.save(writer.nn.Linear(2, 2), file)
        file.seek(0)
        with reader.serialization.safe_globals([reader.nn.Linear, set]):
            assert repr(reader.load(file)) == repr(reader.nn.Linear(2, 2))


def test_storages_of_both():
    for writer, reader in ((cnn, torch), (torch, cnn)):
        file = io.BytesIO()
        writer.save(writer.arange(3.0).untyped_storage(), file)
        file.seek(0)
        result = reader.load(file)
        assert type(result).__name__ == "TypedStorage" and result.nbytes() == 12
