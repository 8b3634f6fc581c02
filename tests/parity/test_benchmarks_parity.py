"""The benchmarks' further rivals compute what cnn does: a row fails where they do not."""

import json
import pathlib
import sys

import pytest

torch = pytest.importorskip("torch")

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))

from benchmarks import __main__ as program  # noqa: E402


def rounds_of(tmp_path, *arguments):
    file = tmp_path / "figures.json"
    assert program.main(["--quick", "--json", str(file), *arguments]) == 0
    return [(row["section"], set(row["rounds"])) for row in json.loads(file.read_text())["rows"]]


def test_onnx_runtime(tmp_path):
    for name in ("onnxruntime", "onnxscript"):
        pytest.importorskip(name)
    rows = rounds_of(tmp_path, "inference", "--only", "LeNet")
    assert rows == [("inference", {"cnn", "torch", "onnxruntime"})]


def test_numpy(tmp_path):
    rows = rounds_of(tmp_path, "--only", "784-200-10")
    libraries = {"cnn", "torch", "numpy"}
    assert rows == [("tiny nets", libraries), ("beside NumPy", libraries)]


@pytest.mark.parametrize(
    "name", ["MLP 784-256-10, Adam, batch 64", "LeNet, SGD, batch 32", "d 256"]
)
def test_jax(tmp_path, name):
    pytest.importorskip("jax")
    rows = rounds_of(tmp_path, "--only", f"^training steps: .*{name}")
    libraries = {"cnn", "torch", "jax"}
    assert rows == [("training steps", libraries), ("beside JAX", libraries)]
