"""The floors of the code hold, and the check notices when they do not."""

import pathlib

import check_floors


def test_every_floor_is_respected():
    assert [*check_floors.check_includes(), *check_floors.check_imports()] == []


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
