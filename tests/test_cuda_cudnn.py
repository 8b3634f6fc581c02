"""cuDNN as a second way for convolutions, in processes that ask for it.

The emulation's is strict about what it is told, and its engines that do not suit give wrong numbers. What cuDNN's own
header says is compared where its wheel is installed.
"""

import os
import pathlib
import re
import site
import subprocess
import sys

import pytest

import cnn
from emulation import plugin

HERE = pathlib.Path(__file__).parent


def run(*command, **env):
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=600, cwd=HERE.parent,
        env={**os.environ, "CNN_CUDNN": "1", **env},
    )  # fmt: skip


def installed():
    """The emulation has one; on a GPU there may be none."""
    print_version = "import cnn; print(cnn.backends.cudnn.version() or '')"
    return plugin() is not None or bool(run("-c", print_version).stdout.strip())


@pytest.mark.cuda
def test_in_a_process_that_asks_for_it():
    if not installed():
        pytest.skip("cuDNN is not installed")
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "cudnn_cases.py"))
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert " passed" in done.stdout and "refused" not in done.stderr


@pytest.mark.cuda
def test_convolutions_of_the_op_table_and_modules():
    """The same cases as without it."""
    if not installed():
        pytest.skip("cuDNN is not installed")
    file = str(HERE / "test_cuda.py")
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "cuda", "-k", "conv", file)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 40


@pytest.mark.cuda
def test_a_library_that_is_missing_is_said(tmp_path):
    """And stops nobody who does not ask for it."""
    if plugin() is None:
        pytest.skip("takes the emulation")
    folder = pathlib.Path(os.environ["LD_LIBRARY_PATH"].split(":")[0])
    for file in folder.glob("libcnn*"):
        (tmp_path / file.name).symlink_to(
            file.resolve() if "cuda" in file.name else os.readlink(file)
        )
    program = """if True:
        import cnn
        x, w = cnn.ones(1, 1, 4, 4, device="cuda"), cnn.ones(1, 1, 3, 3, device="cuda")
        cudnn = cnn.backends.cudnn
        assert not cudnn.is_available() and cudnn.version() is None and not cudnn.is_acceptable(x)
        try:
            cnn.nn.functional.conv2d(x, w)
        except RuntimeError as error:
            print(error)
        cudnn.enabled = False
        print(cnn.nn.functional.conv2d(x, w).sum().item())
        """
    done = run("-c", program, LD_LIBRARY_PATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "libcudnn.so.9" in done.stdout and "pip install nvidia-cudnn-cu13" in done.stdout
    assert done.stdout.splitlines()[-1] == "36.0"


@pytest.mark.cuda
def test_who_does_not_ask_has_none():
    assert not cnn.backends.cudnn.is_available() and cnn.backends.cudnn.version() is None


def header():
    for folder in site.getsitepackages():
        path = pathlib.Path(folder) / "nvidia" / "cudnn" / "include" / "cudnn_graph.h"
        if path.exists():
            return path.read_text()
    return None


@pytest.mark.skipif(header() is None, reason="nvidia-cudnn-cu13 is not installed")
def test_numbers_and_prototypes_are_the_headers():
    own = (HERE.parent / "csrc" / "cuda" / "cudnn_api.h").read_text()
    theirs = header()
    numbers = re.findall(r"\b(CUDNN_\w+) = (\d+)", own)
    assert len(numbers) > 80
    for name, number in numbers:
        found = re.search(rf"\b{name}\b(?: CUDNN_DEPRECATED_ENUM)?\s*= (\d+)", theirs)
        assert found and found[1] == number, name
    functions = re.findall(r"^  \S.*\(\*(cudnn\w+)\)\((.*)\);$", own, re.M)
    assert len(functions) == 11
    for name, parameters in functions:
        found = re.search(rf"^{name}\((.*?)\);", theirs, re.M | re.S)
        assert found, name
        theirs_count = 0 if found[1].strip() in ("", "void") else found[1].count(",") + 1
        assert theirs_count == (parameters.count(",") + 1 if parameters else 0), name
