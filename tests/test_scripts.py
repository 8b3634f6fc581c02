"""`python -m cnn`: programs written for PyTorch, run unchanged."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap

import pytest

import cnn
from cnn._torch_alias import TorchVersion


def python(*args, folder=None, env=None):
    """The finished process of `python args`."""
    environment = {key: value for key, value in os.environ.items() if key != "CNN_AS_TORCH"}
    root = os.path.dirname(os.path.dirname(os.path.abspath(cnn.__file__)))
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH")]))
    environment.update(env or {})
    return subprocess.run(
        [sys.executable, *args],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=120,
    )


def run(tmp_path, source, *args, **options):
    """Runs the script `source` under `python -m cnn`; returns what it printed."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(source))
    done = python("-m", "cnn", str(script), *args, folder=tmp_path, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_same_modules(tmp_path):
    run(
        tmp_path,
        """
        import torch, torch.nn as nn, torch.nn.functional as F, torch.optim, torch.utils.data
        from torch import autograd
        from torch.autograd.gradcheck import gradcheck
        from torch.utils.checkpoint import checkpoint
        from torch.nn.modules.batchnorm import BatchNorm1d
        import cnn, sys
        assert torch is cnn and nn is cnn.nn and F is cnn.nn.functional and autograd is cnn.autograd
        assert torch.optim is cnn.optim and torch.utils.data is cnn.utils.data
        assert callable(torch.autograd.gradcheck) and gradcheck is torch.autograd.gradcheck
        assert BatchNorm1d is cnn.nn.BatchNorm1d
        assert cnn.__spec__.name == "cnn" and cnn.utils.data.__spec__.name == "cnn.utils.data"
        named = [name for name in sys.modules if name.startswith("torch.")]
        assert named and all("cnn" + name[5:] in sys.modules for name in named)
        """,
    )


def test_a_module_is_run_once(tmp_path):
    run(
        tmp_path,
        """
        import torch.fx
        import torch.nn.utils.stateless
        import sys

        assert torch.fx.node is sys.modules["cnn.fx.node"]
        assert torch.torch is torch
        assert torch.nn.utils.stateless is sys.modules["torch.nn.utils.stateless"]
        for name, module in list(sys.modules.items()):
            if name.startswith("torch."):
                assert module is sys.modules.get("cnn" + name[5:], module), name
        """,
    )


def test_annotations_are_the_programs_own(tmp_path):
    run(
        tmp_path,
        """
        def f(x: int) -> str: ...

        assert f.__annotations__ == {"x": int, "return": str}
        """,
    )


def test_a_function_keeps_its_place_before_a_module_of_its_name(tmp_path):
    run(
        tmp_path,
        """
        import torch
        import torch.nn.utils.spectral_norm, torch.nn.parallel.replicate, torch.nn.utils.parametrize
        from torch.nn.utils.weight_norm import WeightNorm
        from torch.nn.parallel.data_parallel import DataParallel
        from torch.nn.utils import parametrizations, prune
        from torch.nn.common_types import _size_2_t
        utils, parallel = torch.nn.utils, torch.nn.parallel
        for function in (utils.spectral_norm, utils.weight_norm, parallel.replicate, parallel.data_parallel):
            assert callable(function), function
        assert WeightNorm.__module__ == "torch.nn.utils.weight_norm"
        assert prune.L1Unstructured.__module__ == "torch.nn.utils.prune"
        layer = parametrizations.orthogonal(torch.nn.Linear(2, 2))
        assert utils.parametrize.is_parametrized(layer) and isinstance(layer, torch.nn.Linear)
        """,
    )


def test_a_package_is_loaded_once(tmp_path):
    run(
        tmp_path,
        """
        import importlib.util
        assert importlib.util.find_spec("torch.linalg") is not None
        import torch.optim
        import torch.distributions, torch.linalg
        import cnn
        assert cnn.optim is torch.optim and torch.distributions is cnn.distributions
        assert torch.optim.adam.Adam is torch.optim.Adam
        assert torch.distributions.normal.Normal is torch.distributions.Normal
        assert torch.linalg.__spec__.name == "cnn.linalg"
        """,
    )


def test_a_training_script(tmp_path):
    text = run(
        tmp_path,
        """
        import torch
        from torch import nn
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
        x = torch.randn(64, 2)
        y = x[:, :1] * x[:, 1:]
        losses = []
        for step in range(50):
            loss = nn.functional.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        torch.save(model.state_dict(), "model.pt")
        state = torch.load("model.pt")
        print(losses[-1] < losses[0], torch.equal(state["0.weight"], model[0].weight))
        """,
    )
    assert text == "True True\n"


def test_script_environment(tmp_path):
    (tmp_path / "neighbour.py").write_text("value = 5\n")
    text = run(
        tmp_path,
        """
        import sys, neighbour
        print(sys.argv[1:], __name__, __file__ == sys.argv[0], neighbour.value)
        print(sys.modules["__main__"].neighbour.value)
        """,
        *("a", "--b", "-m"),
    )
    assert text == "['a', '--b', '-m'] __main__ True 5\n5\n"


def test_code_and_modules(tmp_path):
    done = python(
        "-m", "cnn", "-c", "import torch, sys; print(sys.argv, torch.ones(2)); sys.exit(3)", "x"
    )
    assert (done.returncode, done.stdout) == (3, "['-c', 'x'] tensor([1., 1.])\n")
    package = tmp_path / "package"
    package.mkdir()
    (package / "__main__.py").write_text("import torch, sys; print(torch.__name__, sys.argv[1:])")
    done = python("-m", "cnn", "-m", "package", "y", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "torch ['y']\n"), done.stderr
    done = python("-m", "cnn", "package", "z", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "torch ['z']\n"), done.stderr


def test_an_error_looks_like_the_scripts_own(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import torch\n\ndef f():\n    raise ValueError('boom')\n\nf()\n")
    done = python("-m", "cnn", str(script))
    assert done.returncode == 1
    assert done.stderr.startswith(
        f'Traceback (most recent call last):\n  File "{script}", line 6, in <module>\n'
    )
    assert done.stderr.endswith("ValueError: boom\n")


def test_an_installed_torch_stays_unseen(tmp_path):
    fake = tmp_path / "torch"
    fake.mkdir()
    (fake / "__init__.py").write_text("raise SystemExit('the other torch')")
    assert run(tmp_path, "import torch; print(torch.__name__)") == "torch\n"


def test_a_module_that_is_missing(tmp_path):
    text = run(
        tmp_path,
        """
        try:
            import torch.no_such_module
        except ModuleNotFoundError as error:
            print(error.name, error)
        """,
    )
    assert text.startswith("torch.no_such_module No module named 'torch.no_such_module'")


def test_compiled_relatives_of_torch(tmp_path):
    for name, library in (
        ("torchaudio", b""),
        ("torch_fast", b"\x7fELF libc10.so"),
        ("torchpure", None),
    ):
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").write_text("")
        if library is not None:
            (package / "_C.so").write_bytes(library)
    text = run(
        tmp_path,
        """
        import torchpure
        for name in ("torchaudio", "torch_fast", "torchaudio_none"):
            try:
                __import__(name)
            except ImportError as error:
                print(type(error).__name__, error)
        """,
    )
    first, second, third = text.splitlines()
    assert first.startswith(
        "ImportError torchaudio has extensions that are compiled against PyTorch"
    )
    assert second.startswith("ImportError torch_fast has extensions")
    assert "torch_fast/_C.so asks for libtorch or libc10" in second
    assert third == "ModuleNotFoundError No module named 'torchaudio_none'"


def test_torchvision_runs_on_operators_of_this_package(tmp_path):
    """An installed one: its Python loads, its libraries and what it would tell them do not."""
    package = tmp_path / "torchvision"
    (package / "ops").mkdir(parents=True)
    for library in ("_C.so", "image.so"):
        (package / library).write_bytes(b"\x7fELF libc10.so libtorch_cpu.so")
    (package / "_meta_registrations.py").write_text("raise RuntimeError('would be told')")
    (package / "ops" / "_register_onnx_ops.py").write_text("import torch.onnx")
    (package / "ops" / "__init__.py").write_text(
        "from ._register_onnx_ops import _register_custom_op\n_register_custom_op()\n"
    )
    (package / "__init__.py").write_text(
        "import os, torch\n"
        "for name in ('_C.so', 'image.so'):\n"
        "    torch.ops.load_library(os.path.join(os.path.dirname(__file__), name))\n"
        "from torchvision import _meta_registrations, ops\n"
    )
    text = run(
        tmp_path,
        """
        import torch, torchvision
        print(torchvision.__file__.endswith("script.py"), torch.ops.torchvision._cuda_version())
        boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 1.9], [3, 3, 4, 4]])
        print(torch.ops.torchvision.nms(boxes, torch.tensor([0.1, 0.9, 0.5]), 0.5).tolist())
        x = torch.rand(1, 1, 4, 4, requires_grad=True)
        rois = torch.tensor([[0.0, 0, 0, 3, 3]])
        y = torch.ops.torchvision.roi_align.default(x, rois, 1.0, 2, 2, -1, False)
        y.sum().backward()
        print(y.shape, round(x.grad.sum().item(), 4), torch.ops.torchvision.roi_align)
        print(torch.ops.image.read_file(__file__).dtype)
        try:
            torch.ops.torchvision.qnms(boxes, boxes[:, 0], 0.5)
        except NotImplementedError as error:
            print(error)
        try:
            torch.ops.load_library("elsewhere/_C.so")
        except ImportError as error:
            print("ImportError", error)
        """,
    )
    lines = text.splitlines()
    assert lines[:5] == [
        "False -1",
        "[1, 2]",
        "torch.Size([1, 1, 2, 2]) 4.0 torchvision.roi_align",
        "torch.uint8",
        "there are no quantized tensors; use nms and roi_align of floats",
    ]
    assert lines[5].startswith("ImportError cannot load the operators of 'elsewhere/_C.so'")


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is not None, reason="it is installed")
def test_without_torchvision_there_is_one(tmp_path):
    text = run(
        tmp_path,
        """
        import sys
        import torchvision
        from torchvision import models, ops
        from torchvision.models.resnet import ResNet
        from torchvision.transforms import v2, functional as F
        import torchvision.transforms.v2.functional
        print(torchvision.__name__, torchvision.__version__, ResNet.__module__)
        print(type(ops.MLP(2, [3])).__module__, models.resnet18.__module__, F.__name__)
        print(sorted(name for name in sys.modules if name.startswith("torch.vision")))
        try:
            import torchvision.datasets.coco
        except ModuleNotFoundError as error:
            print(error)
        """,
    )
    assert text.splitlines() == [
        "torchvision 0.28.0+cnn torchvision.models.resnet",
        "torchvision.ops.misc torchvision.models.resnet torchvision.transforms.functional",
        "[]",
        "No module named 'torchvision.datasets.coco': cnn, which stands in for PyTorch here, has no "
        "cnn.vision.datasets.coco",
    ]


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_child_processes(tmp_path, method):
    text = run(
        tmp_path,
        f"""
        import sys
        import torch
        import multiprocessing

        class Job:
            def __init__(self, size):
                self.x = torch.ones(size)

        def work(job, queue):
            import torch.nn.functional
            queue.put((torch.__name__, torch is sys.modules["cnn"], job.x.sum().item()))

        if __name__ == "__main__":
            context = multiprocessing.get_context({method!r})
            queue = context.Queue()
            process = context.Process(target=work, args=(Job(3), queue))
            process.start()
            print(queue.get(timeout=60))
            process.join()
        """,
    )
    assert text == "('torch', True, 3.0)\n"


def test_version_in_scripts(tmp_path):
    text = run(
        tmp_path,
        """
        import torch
        v = torch.__version__
        assert v >= "1.8" and v > "2.9.1" and v < "3" and v < (3, 0) and v >= (2, 13)
        assert not v < "2.13.0" and v == "2.13.0+cnn" and v != "2.13.1"
        assert v.startswith("2.13") and v.split("+")[0] == "2.13.0"
        print(v, torch.version.__version__, torch.version.cuda)
        """,
    )
    assert text == "2.13.0+cnn 2.13.0+cnn None\n"


def test_version_order():
    rising = ["1.9", "1.10.2", "2.0.0a1", "2.0.0rc2", "2.0.0", "2.0.0+cnn", "2.0.1", "10.0"]
    versions = [TorchVersion(v) for v in rising]
    for i, a in enumerate(versions):
        for j, b in enumerate(rising):
            assert (a < b, a <= b, a == b, a >= b, a > b) == (i < j, i <= j, i == j, i >= j, i > j)
    assert TorchVersion("2.0") == "2.0.0" and hash(TorchVersion("2.0")) == hash("2.0")


def test_version_against_packaging():
    version = pytest.importorskip("packaging.version").Version
    v = TorchVersion("2.13.0+cnn")
    assert v >= version("2.12") and v < version("2.14") and version(v) > version("2.13.0")


def test_other_commands(tmp_path):
    done = python("-m", "cnn", "--version")
    assert (done.returncode, done.stdout.strip()) == (0, cnn.__version__)
    done = python("-m", "cnn", "--cmake-dir")
    folder = os.path.join(os.path.dirname(os.path.abspath(cnn.__file__)), "lib", "cmake", "cnn")
    if os.path.isdir(folder):
        assert (done.returncode, done.stdout.strip()) == (0, folder)
    else:
        assert done.returncode == 1 and folder in done.stderr
    assert python("-m", "cnn", "--help").stdout.startswith("usage: python -m cnn")
    for wrong in ([], ["-m"], ["--nonsense"], [str(tmp_path / "none.py")]):
        done = python("-m", "cnn", *wrong)
        assert done.returncode == 2 and done.stderr and not done.stdout


def test_environment_variable_installs_it():
    done = python("-c", "import cnn, torch; print(torch is cnn)", env={"CNN_AS_TORCH": "1"})
    assert done.stdout == "True\n", done.stderr


def test_too_late_for_an_imported_torch():
    source = "import sys, types; sys.modules['torch'] = types.ModuleType('torch')\n"
    done = python("-c", source + "from cnn import _torch_alias\n_torch_alias.install()")
    assert done.returncode == 1 and "PyTorch is already imported" in done.stderr
