"""The readers of MNIST and CIFAR."""

import gzip
import os
import pickle
import struct

import numpy as np
import pytest

import cnn
from cnn.utils.data import (
    readers,
)


def write_idx(path, array):
    codes = {"uint8": 8, "int32": 12}
    head = struct.pack(">HBB", 0, codes[array.dtype.name], array.ndim)
    head += struct.pack(f">{array.ndim}I", *array.shape)
    data = head + array.astype(array.dtype.newbyteorder(">")).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_mnist(tmp_path, ending):
    images = np.arange(3 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28)
    write_idx(tmp_path / f"t10k-images-idx3-ubyte{ending}", images)
    write_idx(tmp_path / f"t10k-labels-idx1-ubyte{ending}", np.array([7, 0, 9], np.uint8))
    x, y = readers.mnist(tmp_path, train=False)
    assert x.dtype == cnn.uint8 and x.shape == (3, 28, 28) and y.dtype == cnn.int64
    assert y.tolist() == [7, 0, 9] and x[2, 27, 27].item() == images[2, 27, 27]
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        readers.mnist(tmp_path, train=True)


def test_damaged_idx_files(tmp_path):
    path = tmp_path / "x"
    write_idx(path, np.zeros((2, 3), np.uint8))
    good = path.read_bytes()
    for bad, message in [
        (good[:-1], "holds 5 bytes of data, but its header"),
        (good + b"x", "holds 7 bytes of data, but its header"),
        (b"\x01" + good[1:], "not an IDX file"),
        (good[:2] + b"\x07" + good[3:], "not an IDX file"),
        (good[:6], "not an IDX file"),
        (good[:4] + b"\xff" * 8 + good[12:], "holds 6 bytes of data, but its header"),
        (b"", "not an IDX file"),
    ]:
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=message):
            readers.idx(path)
    path = tmp_path / "y.gz"
    path.write_bytes(gzip.compress(good)[:-12])
    with pytest.raises(ValueError, match="damaged gzip"):
        readers.idx(path)


def write_cifar(folder, name, **content):
    folder.mkdir(exist_ok=True)
    content = {key.encode(): value for key, value in content.items()}
    (folder / name).write_bytes(pickle.dumps(content, protocol=2))


def test_cifar10(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    for i in range(1, 6):
        data = np.full((2, 3072), i, np.uint8)
        write_cifar(folder, f"data_batch_{i}", data=data, labels=[i, 0], batch_label=b"x")
    write_cifar(
        folder,
        "test_batch",
        data=np.arange(3072, dtype=np.uint32).astype(np.uint8)[None],
        labels=[4],
    )
    x, y = readers.cifar10(tmp_path)
    assert x.shape == (10, 3, 32, 32) and x.dtype == cnn.uint8
    assert y.tolist() == [1, 0, 2, 0, 3, 0, 4, 0, 5, 0] and y.dtype == cnn.int64
    x, y = readers.cifar10(folder, train=False)
    assert x[0, 1, 0, 5].item() == (1024 + 5) % 256 and y.tolist() == [4]


def test_cifar100(tmp_path):
    data = np.zeros((2, 3072), np.uint8)
    write_cifar(tmp_path, "train", data=data, fine_labels=[99, 1], coarse_labels=[19, 0])
    assert readers.cifar100(tmp_path)[1].tolist() == [99, 1]
    assert readers.cifar100(tmp_path, coarse=True)[1].tolist() == [19, 0]


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


def test_hostile_and_damaged_cifar_files(tmp_path):
    for content in [
        pickle.dumps({b"data": Evil()}),
        pickle.dumps([1, 2]),
        pickle.dumps({b"data": np.zeros((2, 3072), np.float32), b"labels": [0, 1]}, protocol=2),
        pickle.dumps({b"data": np.zeros((2, 100), np.uint8), b"labels": [0, 1]}, protocol=2),
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0]}, protocol=2),
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 10]}, protocol=2),
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8)}, protocol=2)[:-500],
        b"",
    ]:
        (tmp_path / "test_batch").write_bytes(content)
        with pytest.raises(ValueError, match="test_batch"):
            readers.cifar10(tmp_path, train=False)
