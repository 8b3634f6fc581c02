"""The examples: LeNet on the digits, and the C++ program that reads its weights."""

import importlib.util
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import cnn

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture(scope="module")
def digits():
    spec = importlib.util.spec_from_file_location("digits_example", EXAMPLES / "digits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def results(digits, tmp_path_factory):
    """The output folder of two epochs."""
    folder = tmp_path_factory.mktemp("digits")
    digits.main(["--epochs", "2", "--out", str(folder)])
    return folder


def test_digits_are_those_of_uci(digits):
    images, labels = digits.read_digits()
    assert images.shape == (1797, 8, 8) and images.min() == 0 and images.max() == 1
    assert cnn.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@pytest.mark.parametrize("last_rows", [False, True])
def test_split_parts_are_disjoint_and_whole(digits, last_rows):
    _, labels = digits.read_digits()
    train, test = digits.split(labels, last_rows)
    assert len(train) == 1437 and len(test) == 360
    assert sorted(train + test) == list(range(1797))
    if last_rows:
        assert test == list(range(1437, 1797))
    else:
        shares = cnn.bincount(labels[test]) / cnn.bincount(labels)
        assert shares.min() > 0.19 and shares.max() < 0.21
        assert (train, test) == digits.split(labels, last_rows)


def test_plain_warp_of_full_size_images_changes_nothing(digits):
    images = cnn.rand(3, 28, 28)
    cnn.testing.assert_close(digits.warp(images), images.unsqueeze(1), rtol=0, atol=1e-5)


def test_two_epochs_learn_most_digits(digits, results):
    images, labels = digits.read_digits()
    _, test = digits.split(labels, last_rows=False)
    model = digits.LeNet()
    model.load_state_dict(cnn.load(results / "digits.pt"))
    model.eval()
    guesses = model(digits.warp(images[test])).argmax(1)
    assert (guesses == labels[test]).float().mean() > 0.8
    samples = cnn.load(results / "samples.pt")
    cnn.testing.assert_close(model(samples["images"]), samples["logits"])


def write_mnist(folder):
    """MNIST's four files, with 64 digits for training and 16 for test."""
    for part, count in (("train", 64), ("t10k", 16)):
        header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (count, 28, 28))
        pixels = bytes(range(256)) * (count * 784 // 256)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(header + pixels)
        labels = bytes(i % 10 for i in range(count))
        header = bytes([0, 0, 8, 1]) + count.to_bytes(4, "big")
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(header + labels)


def test_mnist_files_are_trained_on(digits, tmp_path, capsys):
    write_mnist(tmp_path)
    digits.main(["--mnist", str(tmp_path), "--epochs", "1", "--out", str(tmp_path)])
    assert "64 digits for training, 16 for test" in capsys.readouterr().out


def run(*command):
    """The standard output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def cmake_dir():
    """The installed package's; None for a build tree."""
    found = subprocess.run(
        [sys.executable, "-m", "cnn", "--cmake-dir"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() if found.returncode == 0 else None


def built(name, folder):
    """The C++ program examples/`name`, built in `folder` against the installed package."""
    if shutil.which("cmake") is None or shutil.which("c++") is None:
        pytest.skip("needs cmake and a C++ compiler")
    config = cmake_dir()
    if config is None:
        pytest.skip("cnn runs from a build tree, which has no cnnConfig.cmake")
    run("cmake", "-S", EXAMPLES / name, "-B", folder, f"-Dcnn_DIR={config}")
    run("cmake", "--build", folder)
    return folder / name


def test_cpp_program_prints_the_same_logits(results, tmp_path):
    output = run(built("embed", tmp_path), results / "digits.pt", results / "samples.pt")
    logits = cnn.tensor([[float(value) for value in line.split()] for line in output.splitlines()])
    expected = cnn.load(results / "samples.pt")["logits"]
    cnn.testing.assert_close(logits, expected, rtol=0, atol=1e-6)


def test_cpp_program_trains_and_python_reads_what_it_saved(tmp_path):
    output = run(built("train", tmp_path), tmp_path / "net.pt")
    assert "step 300" in output and "tensor([[" in output
    state = cnn.load(tmp_path / "net.pt")
    assert {name: tuple(x.shape) for name, x in state.items()} == {
        "hidden.weight": (32, 2),
        "hidden.bias": (32,),
        "out.weight": (2, 32),
        "out.bias": (2,),
    }


def test_the_page_about_cpp_shows_the_program():
    """ctest runs it, and so does the test above: what stands in the page is what was run."""
    page = (EXAMPLES.parent / "docs" / "cpp.md").read_text()
    program = (EXAMPLES / "train" / "main.cpp").read_text()
    assert f"```cpp\n{program}```\n" in page


def test_digits_on_several_processes(digits, tmp_path):
    pytest.importorskip("mpi4py")
    start = [sys.executable, "-m", "cnn.distributed.run", "--nproc-per-node"]
    example = [EXAMPLES / "distributed.py", "--batch", "24", "--out", tmp_path, "--epochs"]
    output = run(*start, "2", *example, "2")
    assert "1437 digits for training, 360 for test, 2 processes" in output
    assert re.findall("epoch +(\\d+)", output) == ["1", "2"]  # of rank 0 alone
    # It goes on from the checkpoint on another number of processes.
    output = run(*start, "3", *example, "3", "--resume")
    assert re.findall("epoch +(\\d+)", output) == ["3"]
    accuracy = float(re.search("test accuracy ([\\d.]+)%", output)[1])
    assert accuracy > 80
    model = digits.LeNet()
    model.load_state_dict(cnn.load(tmp_path / "distributed.pt")["model"])
    write_mnist(tmp_path)
    output = run(*start, "2", *example, "1", "--mnist", tmp_path)
    assert "64 digits for training, 16 for test, 2 processes" in output
    refused = subprocess.run(
        [*start, "2", EXAMPLES / "distributed.py", "--batch", "3"], capture_output=True, text=True
    )
    assert refused.returncode == 1
    assert "a batch of 3 cannot be shared by 2 processes" in refused.stderr
