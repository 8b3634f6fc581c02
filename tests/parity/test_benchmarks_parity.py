"""The benchmarks' further rivals compute what cnn does: a row fails where they do not."""

import json
import pathlib
import sys

import pytest

import cnn

torch = pytest.importorskip("torch")

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))

from benchmarks import __main__ as program  # noqa: E402
from benchmarks import catalogue  # noqa: E402
from benchmarks.workload import Place  # noqa: E402


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
    "title", ["MLP 784-256-10, Adam, batch 64", "LeNet, SGD, batch 32", "transformer encoder"]
)
def test_jax_learns_the_same(title):
    jax = pytest.importorskip("jax")
    workloads = catalogue.workloads().items()
    (workload,) = (w for name, w in workloads if name.startswith(f"training steps: {title}"))
    cnn.manual_seed(0)
    step = workload.build(cnn)
    ours = [step().item() for _ in range(4)]
    step = workload.others["jax"](jax, Place(1, ""))
    theirs = [float(step()) for _ in range(4)]
    assert theirs == pytest.approx(ours, rel=1e-4) and len(set(ours)) == 4


def test_jax_is_a_rival_where_it_is_installed(tmp_path):
    pytest.importorskip("jax")
    rows = rounds_of(tmp_path, "--only", "784-256-10, Adam, batch 1$")
    libraries = {"cnn", "torch", "jax"}
    assert rows == [("training steps", libraries), ("beside JAX", libraries)]
