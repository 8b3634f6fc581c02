"""Readers for the files of MNIST and CIFAR, from a local folder."""

import os
import pickle
import struct
import zlib

from ... import _C

# The element types of an IDX file, by the code in its third byte.
_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_CIFAR_ROW = 3 * 32 * 32


def mnist(folder, train=True):
    """MNIST, or a set in its format: (images uint8 [N, 28, 28], labels int64 [N]).

    Reads `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, or `t10k-...` for the test set,
    plain or with `.gz`. Raises FileNotFoundError, and ValueError for damaged files.
    """
    part = "train" if train else "t10k"
    image_path = _find(folder, f"{part}-images-idx3-ubyte")
    label_path = _find(folder, f"{part}-labels-idx1-ubyte")
    images, labels = idx(image_path), idx(label_path)
    if images.dtype != _C.uint8 or tuple(images.shape[1:]) != (28, 28):
        raise ValueError(
            f"{image_path}: expected images of 28 x 28 bytes, got {images.dtype} of shape "
            f"{tuple(images.shape)}"
        )
    if labels.dtype != _C.uint8 or tuple(labels.shape) != (images.shape[0],):
        raise ValueError(
            f"{label_path}: expected {images.shape[0]} labels of one byte, got {labels.dtype} of "
            f"shape {tuple(labels.shape)}"
        )
    return images, labels.to(_C.int64)


def idx(path):
    """The tensor in an IDX file, plain or gzipped (by its first bytes).

    Raises ValueError unless magic number, sizes and length agree.
    """
    import numpy as np

    data = _read(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _IDX_TYPES:
        raise ValueError(f"{path}: not an IDX file (it starts with {bytes(data[:4])!r})")
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise ValueError(f"{path}: not an IDX file (its header is cut off)")
    shape = struct.unpack(f">{data[3]}I", data[4:start])
    dtype = np.dtype(_IDX_TYPES[data[2]])
    expected = dtype.itemsize
    for size in shape:
        expected *= size
    if len(data) - start != expected:
        raise ValueError(
            f"{path}: holds {len(data) - start} bytes of data, but its header announces {expected} "
            f"(shape {shape})"
        )
    array = np.frombuffer(data, dtype, offset=start).reshape(shape)
    return _C.from_numpy(array.astype(dtype.newbyteorder("=")))


def cifar10(folder, train=True):
    """CIFAR-10, the Python version: (images uint8 [N, 3, 32, 32], labels int64 [N]).

    `folder` holds `data_batch_1` to `5` and `test_batch`, itself or in `cifar-10-batches-py`.
    Raises FileNotFoundError, and ValueError for damaged files.
    """
    names = [f"data_batch_{i}" for i in range(1, 6)] if train else ["test_batch"]
    return _cifar(folder, "cifar-10-batches-py", names, b"labels", 10)


def cifar100(folder, train=True, coarse=False):
    """CIFAR-100, the Python version: (images uint8 [N, 3, 32, 32], labels int64 [N]).

    The labels are those of the 100 classes, or of the 20 superclasses if `coarse`. `folder` holds
    `train` and `test`, itself or in `cifar-100-python`.
    Raises FileNotFoundError, and ValueError for damaged files.
    """
    name = "train" if train else "test"
    key, classes = (b"coarse_labels", 20) if coarse else (b"fine_labels", 100)
    return _cifar(folder, "cifar-100-python", [name], key, classes)


def _find(folder, name):
    for ending in ("", ".gz"):
        path = os.path.join(folder, name + ending)
        if os.path.exists(path):
            return path
    raise FileNotFoundError(f"neither {name} nor {name}.gz in {os.fspath(folder)}")


def _read(path):
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] != b"\x1f\x8b":
        return data
    import gzip

    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as e:
        raise ValueError(f"{path}: damaged gzip file ({e})") from e


def _cifar(folder, subfolder, names, label_key, classes):
    import numpy as np

    inner = os.path.join(folder, subfolder)
    if os.path.isdir(inner):
        folder = inner
    images, labels = [], []
    for name in names:
        path = os.path.join(folder, name)
        content = _load_restricted(path)
        rows, classes_of_rows = content.get(b"data"), content.get(label_key)
        if not isinstance(rows, _Array) or not isinstance(classes_of_rows, list):
            raise ValueError(f"{path}: no array 'data' and list {label_key.decode()!r} in it")
        if not all(type(c) is int and 0 <= c < classes for c in classes_of_rows):
            raise ValueError(f"{path}: a label is not a number below {classes}")
        count = len(classes_of_rows)
        if rows.dtype != "u1" or rows.shape != (count, _CIFAR_ROW):
            raise ValueError(
                f"{path}: expected {count} rows of {_CIFAR_ROW} bytes, got {rows.dtype} of shape "
                f"{rows.shape}"
            )
        if len(rows.data) != count * _CIFAR_ROW:
            raise ValueError(f"{path}: {len(rows.data)} bytes of images for {count} labels")
        order = "F" if rows.fortran else "C"
        flat = np.frombuffer(rows.data, np.uint8)
        images.append(flat.reshape(rows.shape, order=order).reshape(count, 3, 32, 32))
        labels += classes_of_rows
    return _C.from_numpy(np.concatenate(images)), _C.tensor(labels, dtype=_C.int64)


class _Array:
    """Stands for a NumPy array in a pickle: keeps what it is told and runs nothing."""

    dtype, shape, data, fortran = None, None, b"", False

    def __setstate__(self, state):
        _, self.shape, dtype, self.fortran, self.data = state
        self.dtype = dtype.name
        if not isinstance(self.data, bytes):
            raise pickle.UnpicklingError("array data are not bytes")


class _Dtype:
    def __init__(self, name, *_):
        self.name = name.decode("ascii") if isinstance(name, bytes) else name

    def __setstate__(self, state):
        pass


class _Restricted(pickle.Unpickler):
    """Loads dicts, lists, strings, numbers and arrays; every other name is refused."""

    _NAMES = {
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Dtype,
        ("numpy.core.multiarray", "_reconstruct"): lambda *_: _Array(),
        ("numpy._core.multiarray", "_reconstruct"): lambda *_: _Array(),
    }

    def find_class(self, module, name):
        if (module, name) == ("_codecs", "encode"):
            return _encode_latin1  # how Python 3 writes bytes in protocol 2
        try:
            return self._NAMES[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in it") from None


def _encode_latin1(text, encoding="latin1"):
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes encoded as {encoding}")
    return text.encode("latin1")


def _load_restricted(path):
    with open(path, "rb") as file:
        try:
            content = _Restricted(file, encoding="bytes").load()
        except Exception as e:
            # Damaged pickles raise nearly anything: all of it means the same here.
            raise ValueError(f"{path}: not a CIFAR file ({type(e).__name__}: {e})") from e
    if not isinstance(content, dict):
        raise ValueError(f"{path}: not a CIFAR file (it holds a {type(content).__name__})")
    return content
