"""`python -m cnn --install`: `torch` is cnn in a whole environment."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import numpy
import pytest

import cnn

VERSION, VISION = "2.13.0+cnn", "0.28.0+cnn"
STATUS = f"torch {VERSION} in {{0}} is cnn\ntorchvision {VISION} in {{0}} is cnn"


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
    assert manage(python, "--status") == STATUS.format(python.site)
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


def test_processes_below_one_that_has_torch(python):
    manage(python, "--install")
    code = (
        "import subprocess, sys, torch\n"
        "code = 'import torch, cnn; print(torch is cnn, torch.nn.Linear.__module__)'\n"
        "print(subprocess.run([sys.executable, '-c', code], capture_output=True, text=True))"
    )
    assert "stdout='True torch.nn.modules.linear" in printed(python, code)


def test_torchvision_leads_to_the_part_of_cnn(python):
    manage(python, "--install")
    for first in ("import torchvision as v", "import torch, torchvision as v"):
        code = (
            f"{first}\nimport torch, cnn.vision\nfrom torchvision import ops\n"
            "assert v is cnn.vision and ops is cnn.vision.ops\n"
            "print(v.__version__, ops.nms.__module__.split('.')[0])"
        )
        assert printed(python, code) == f"{VISION} torchvision"


def test_a_torchvision_is_left_alone(python):
    (python.site / "torchvision").mkdir()
    (python.site / "torchvision" / "__init__.py").write_text("name = 'their own'")
    manage(python, "--install")
    assert printed(python, "import torch, torchvision; print(torchvision.name)") == "their own"
    manage(python, "--uninstall")
    assert (python.site / "torchvision" / "__init__.py").exists()


def test_the_record_names_every_file(python):
    manage(python, "--install")
    code = (
        "import importlib.metadata as m\n"
        "for f in m.files('{}'): print(f, f.hash and f.size == f.locate().stat().st_size)"
    )
    for name, version in (("torch", VERSION), ("torchvision", VISION)):
        rows = [row.rsplit(" ", 1) for row in printed(python, code.format(name)).splitlines()]
        info = f"{name}-{version}.dist-info"
        files = ["INSTALLER", "METADATA", "RECORD", "WHEEL", "top_level.txt"]
        command = []
        if name == "torch":
            files, command = sorted([*files, "entry_points.txt"]), ["../../../bin/torchrun"]
        assert sorted(path for path, _ in rows) == [
            *command,
            *(f"{info}/{file}" for file in files),
            f"{name}/__init__.py",
            f"{name}/leads_to_cnn",
        ]
        assert all(same == "True" for path, same in rows if not path.endswith("RECORD"))


def test_torchrun_is_a_command(python):
    manage(python, "--install")
    code = (
        "import importlib.metadata as m, subprocess, sysconfig\n"
        "(entry,) = [e for e in m.entry_points(group='console_scripts') if e.name == 'torchrun']\n"
        "assert entry.load().__module__ == 'torch.distributed.run'\n"
        "path = sysconfig.get_path('scripts') + '/torchrun'\n"
        "done = subprocess.run([path, '--help'], capture_output=True, text=True)\n"
        "print(done.stdout, done.stderr)"
    )
    text = printed(python, code)
    assert text.startswith("usage: torchrun") and "--nproc-per-node" in text
    command = python.site.parents[2] / "bin" / "torchrun"
    assert command.exists()
    manage(python, "--uninstall")
    assert not command.exists() and (command.parent / "python").exists()


def test_a_pytorch_is_left_alone(python):
    info = python.site / "torch-2.9.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.9.0\n")
    (python.site / "torch").mkdir()
    (python.site / "torch" / "__init__.py").write_text("")
    assert "is PyTorch\n" in manage(python, "--status")
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
    paths = manage(python, "--torch-wheel", "wheels").splitlines()
    assert paths == [
        os.path.join("wheels", f"{name}-{version}-py3-none-any.whl")
        for name, version in (("torch", VERSION), ("torchvision", VISION))
    ]
    data = [(tmp_path / path).read_bytes() for path in paths]
    manage(python, "--torch-wheel", "wheels")
    assert [(tmp_path / path).read_bytes() for path in paths] == data
    for path in paths:
        with zipfile.ZipFile(tmp_path / path) as wheel:
            wheel.extractall(python.site)  # what pip does, but for INSTALLER
    assert manage(python, "--status") == STATUS.format(python.site)
    assert printed(python, "import torch; print(torch.__version__)") == VERSION
    manage(python, "--uninstall")
    assert not (python.site / "torch").exists()
    assert "cannot write" in manage(python, "--torch-wheel", __file__, status=1)


def test_wrong_arguments(python):
    for wrong in (["--torch-wheel"], ["--install", "here"], ["--status", "now"]):
        assert "takes" in manage(python, *wrong, status=2)
