"""`hub`: directories with a hubconf.py, and weights by their URL."""

from __future__ import annotations

import hashlib
from urllib.error import URLError

import pytest

import cnn
from cnn import hub

CONF = '''
dependencies = ["cnn"]
from cnn import nn


def linear(width, bias=True):
    """A layer."""
    return nn.Linear(width, 2, bias=bias)


def _helper():
    pass
'''


@pytest.fixture
def folder(tmp_path):
    before = hub._hub_dir
    hub.set_dir(tmp_path / "hub")
    repository = tmp_path / "hub" / "owner_name_main"
    repository.mkdir(parents=True)
    (repository / "hubconf.py").write_text(CONF)
    yield repository
    hub._hub_dir = before


def test_models_of_a_directory(folder):
    layer = hub.load(str(folder), "linear", 3, source="local", bias=False)
    assert layer.weight.shape == (2, 3) and layer.bias is None
    assert hub.load("owner/name", "linear", 3).weight.shape == (2, 3)
    assert hub.load("owner/name:main", "linear", 3).weight.shape == (2, 3)
    assert "linear" in hub.list(str(folder)) and "_helper" not in hub.list(str(folder))
    assert hub.help("owner/name", "linear") == "A layer."


def test_what_is_not_there(folder):
    for call, kind, words in (
        (lambda: hub.load("owner/other", "linear"), RuntimeError, "clone it and use its path"),
        (lambda: hub.load("owner/name:v2", "linear"), RuntimeError, "owner_name_v2"),
        (lambda: hub.load("name", "linear"), ValueError, "owner/name"),
        (lambda: hub.load(str(folder), "nothing", source="local"), RuntimeError, "Cannot find"),
        (lambda: hub.load(str(folder), 3, source="local"), ValueError, "string of function name"),
        (lambda: hub.load(str(folder), "linear", source="ftp"), ValueError, "Unknown source"),
    ):
        with pytest.raises(kind, match=words):
            call()
    (folder / "hubconf.py").write_text("dependencies = ['no_such_package_here']")
    with pytest.raises(RuntimeError, match="Missing dependencies: no_such_package_here"):
        hub.load(str(folder), "linear", source="local")


def test_weights_by_url_are_kept(folder, tmp_path, capsys):
    path = tmp_path / "weights.pt"
    cnn.save({"w": cnn.ones(2)}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    name = f"net-{digest[:8]}.pt"
    got = hub.load_state_dict_from_url(
        path.as_uri(), file_name=name, check_hash=True, progress=False, weights_only=True
    )
    assert got["w"].tolist() == [1, 1] and "Downloading" in capsys.readouterr().out
    path.unlink()
    again = cnn.utils.model_zoo.load_url(path.as_uri(), file_name=name, weights_only=True)
    assert again["w"].tolist() == [1, 1] and capsys.readouterr().out == ""
    with pytest.raises(URLError, match="where there is no network, put the file at"):
        hub.load_state_dict_from_url(path.as_uri())
    assert list((tmp_path / "hub" / "checkpoints").iterdir()) == [
        tmp_path / "hub" / "checkpoints" / name
    ]


def test_a_download_with_another_digest_leaves_nothing(tmp_path):
    (tmp_path / "a").write_bytes(b"some bytes")
    with pytest.raises(RuntimeError, match='invalid hash value \\(expected "0000", got'):
        hub.download_url_to_file((tmp_path / "a").as_uri(), str(tmp_path / "b"), "0000", False)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_where_things_are_kept(monkeypatch):
    monkeypatch.setattr(hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", "/some/where")
    assert hub.get_dir() == "/some/where/hub"
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert hub.get_dir() == "/cache/torch/hub"
