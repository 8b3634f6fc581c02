"""`python -m cnn --install`: `torch` is cnn in a whole environment."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import numpy
import pytest

import cnn

VERSION = "2.13.0+cnn"


@pytest.fixture
def python(tmp_path):
    """Runs the Python of a fresh virtual environment that holds NumPy and cnn, and no pip."""
    environment, borrowed = tmp_path / "env", tmp_path / "borrowed"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    borrowed.mkdir()
    for package in (cnn, numpy):
        folder = os.path.dirname(os.path.abspath(package.__file__))
        for name in (os.path.basename(folder), os.path.basename(folder) + ".libs"):
            path = os.path.join(os.path.dirname(folder), name)
            if os.path.isdir(path):
                (borrowed / name).symlink_to(path)
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(f"{borrowed}\n")
    variables = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "CNN_AS_TORCH")}

    def run(*args):
        return subprocess.run(
            [environment / "bin" / "python", *args],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=variables,
            timeout=120,
        )

    run.site = site
    return run


def manage(python, *args, status=0):
    done = python("-m", "cnn", *args)
    assert done.returncode == status, done.stderr
    return (done.stderr if status else done.stdout).strip()


def printed(python, code):
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_life_of_an_installation(python):
    before = sorted(os.listdir(python.site))
    assert "no torch is installed" in manage(python, "--status")
    assert str(python.site) in manage(python, "--install")
    assert manage(python, "--status") == f"torch {VERSION} in {python.site} is cnn"
    assert str(python.site) in manage(python, "--install"), "a second time does no harm"
    names = "torch.__name__, torch is sys.modules['cnn'], nn.Linear.__module__"
    code = f"import sys, torch, torch.nn as nn; from torch.utils import data; print({names})"
    assert printed(python, code) == "torch True torch.nn.modules.linear"
    code = "import importlib.metadata as m; print(m.version('torch'), m.requires('torch'))"
    assert printed(python, code) == f"{VERSION} ['cnn']"
    code = "import torch, sys; print('cnn' in sys.modules, torch.ones(2).sum().item())"
    assert printed(python, code) == "True 2.0"
    assert str(python.site) in manage(python, "--uninstall")
    assert sorted(os.listdir(python.site)) == before
    assert python("-c", "import torch").returncode == 1
    assert "no torch is installed" in manage(python, "--uninstall", status=1)


def test_any_import_of_torch_first(python):
    manage(python, "--install")
    for first in (
        "import torch.nn.functional as t",
        "from torch import nn as t",
        "import cnn as t",
    ):
        code = f"{first}\nimport torch, cnn\nassert torch is cnn\nprint(t.__name__)"
        assert printed(python, code).startswith("torch")


def test_the_record_names_every_file(python):
    manage(python, "--install")
    code = (
        "import importlib.metadata as m\n"
        "for f in m.files('torch'): print(f, f.hash and f.size == f.locate().stat().st_size)"
    )
    rows = [row.rsplit(" ", 1) for row in printed(python, code).splitlines()]
    info = f"torch-{VERSION}.dist-info"
    names = ["INSTALLER", "METADATA", "RECORD", "WHEEL", "top_level.txt"]
    assert sorted(path for path, _ in rows) == [
        *(f"{info}/{name}" for name in names),
        "torch/__init__.py",
    ]
    assert all(same == "True" for path, same in rows if not path.endswith("RECORD"))


def test_a_pytorch_is_left_alone(python):
    info = python.site / "torch-2.9.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.9.0\n")
    (python.site / "torch").mkdir()
    (python.site / "torch" / "__init__.py").write_text("")
    assert manage(python, "--status").endswith("is PyTorch")
    assert "PyTorch 2.9.0 is installed" in manage(python, "--install", status=1)
    assert "PyTorch 2.9.0" in manage(python, "--uninstall", status=1)
    (info / "METADATA").unlink()
    info.rmdir()
    assert "which pip does not know" in manage(python, "--install", status=1)
    assert "which pip does not know" in manage(python, "--status")
    assert (python.site / "torch" / "__init__.py").read_text() == ""


def test_a_folder_that_cannot_be_written_to(python):
    (python.site / "torch").write_text("in the way")
    assert "cannot write" in manage(python, "--install", status=1)


def test_the_wheel(python, tmp_path):
    name = f"torch-{VERSION}-py3-none-any.whl"
    path = manage(python, "--torch-wheel", "wheels")
    assert path == os.path.join("wheels", name)
    data = (tmp_path / path).read_bytes()
    manage(python, "--torch-wheel", "wheels")
    assert (tmp_path / path).read_bytes() == data
    with zipfile.ZipFile(tmp_path / path) as wheel:
        wheel.extractall(python.site)  # what pip does, but for INSTALLER
    assert manage(python, "--status") == f"torch {VERSION} in {python.site} is cnn"
    assert printed(python, "import torch; print(torch.__version__)") == VERSION
    manage(python, "--uninstall")
    assert not (python.site / "torch").exists()
    assert "cannot write" in manage(python, "--torch-wheel", __file__, status=1)


def test_wrong_arguments(python):
    for wrong in (["--torch-wheel"], ["--install", "here"], ["--status", "now"]):
        assert "takes" in manage(python, *wrong, status=2)
