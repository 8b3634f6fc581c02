"""The floors of the code hold, and the check notices when they do not."""

import pathlib
import re

import check_floors


def test_every_floor_is_respected():
    assert [*check_floors.check_includes(), *check_floors.check_imports()] == []
    assert [*check_floors.check_pages()] == []


def test_a_wrong_include_and_import_are_found(tmp_path, monkeypatch):
    files = {
        "csrc/core/storage.cpp": '#include "ops/map.h"\n#include <Python.h>\n',
        "csrc/include/cnn/shape.h": "#include <iostream>\n",
        "csrc/cpu/map.cpp": '#include "cnn/ops.h"\n#include <cuda_runtime.h>\n',
        "python/cnn/optim/sgd.py": "from cnn import nn\nfrom ..utils.data import DataLoader\n",
        "python/cnn/random.py": "import torch\n",
    }
    for name, text in files.items():
        path = pathlib.Path(tmp_path, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(check_floors, "ROOT", tmp_path)
    includes = "\n".join(check_floors.check_includes())
    assert "core may not include ops/map.h" in includes
    assert "<Python.h> belongs to bindings" in includes
    assert "<iostream> is too heavy" in includes
    assert "cpu is below the ops" in includes
    assert "<cuda_runtime.h> belongs to cuda" in includes
    imports = "\n".join(check_floors.check_imports())
    assert "optim may not import cnn.nn" in imports
    assert "nothing imports cnn.utils.data" in imports
    assert "imports torch" in imports


def test_long_lines_and_long_files_are_found(tmp_path, monkeypatch):
    (tmp_path / "csrc").mkdir()
    (tmp_path / "csrc" / "wide.h").write_text("x" * 121 + "\n" + "é" * 120 + "\n")
    (tmp_path / "csrc" / "long.cpp").write_text("\n" * 601)
    (tmp_path / "csrc" / "data.bin").write_bytes(b"\xff" * 200)
    monkeypatch.setattr(check_floors, "ROOT", tmp_path)
    assert [*check_floors.check_pages()] == [
        "csrc/long.cpp: 601 lines, more than 600",
        "csrc/wide.h:1: 121 columns, more than 120",
    ]


def test_every_declared_op_is_tried_with_undefined_tensors():
    headers = pathlib.Path(check_floors.ROOT, "csrc/include/cnn/ops").glob("*.h")
    text = "".join(re.sub(r"//.*", "", path.read_text()) for path in headers)
    declared = re.findall(r"CNN_API[\w:<>, ]+?\s(\w+)\(([^;]*)\);", text)
    taking_tensors = {name for name, args in declared if re.search("Tensor&|Tensors|Indices", args)}
    tried = pathlib.Path(check_floors.ROOT, "tests/cpp/test_undefined.cpp").read_text()
    assert len(taking_tensors) > 280
    assert taking_tensors - set(re.findall(r"\w+", tried)) == set()
