"""Storages: parts, files, conversions, and memory that processes share."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import sys

import pytest

import cnn
from cnn.storage import TypedStorage


def bytes_of(storage):
    return bytes(memoryview(storage).cast("B"))


def test_a_slice_is_a_part_of_the_memory():
    whole = cnn.arange(6, dtype=cnn.uint8).untyped_storage()
    part = whole[2:5]
    assert part.tolist() == [2, 3, 4] and whole[-2:].tolist() == [4, 5] and len(whole[9:]) == 0
    part[0] = 20
    assert whole[2] == 20
    whole[3:5] = 7
    assert part.tolist() == [20, 7, 7]
    with pytest.raises(RuntimeError, match="with a step of 2, but only a step of 1 is supported"):
        whole[::2]
    with pytest.raises(TypeError, match="can't index"):
        whole["a"]
    with pytest.raises(RuntimeError, match="resize"):
        whole.resize_(100)  # somebody looks at it
    del whole
    gc.collect()
    assert part.tolist() == [20, 7, 7]


def test_a_part_knows_of_writes_to_products():
    weight = cnn.ones(64, 64)
    x = cnn.ones(2, 64)
    with cnn.no_grad():
        first = [cnn.mm(x, weight) for _ in range(3)][-1]
        part = weight.untyped_storage()[0:256]
        part[0:4] = 0
        assert not cnn.equal(cnn.mm(x, weight), first)


def test_its_size_counts_its_memory():
    small, large = (cnn.ones(n).untyped_storage() for n in (1, 1001))
    assert sys.getsizeof(large) - sys.getsizeof(small) == 4000


def test_a_file_that_is_mapped(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(bytes(range(8)))
    own = cnn.UntypedStorage.from_file(str(path), False, 8)
    assert own.tolist() == list(range(8)) and own.filename is None and not own.is_shared()
    own[0] = 99
    assert path.read_bytes()[0] == 0  # a copy of the page was written to
    shared = cnn.UntypedStorage.from_file(path, shared=True, nbytes=16)
    assert shared.filename == str(path) and shared.is_shared() and len(shared) == 16
    shared[1] = 77
    assert path.read_bytes()[1] == 77 and path.stat().st_size == 16
    assert len(cnn.UntypedStorage.from_file(str(path))) == 0
    with pytest.raises(RuntimeError, match="size <16> is smaller than the required mapping size"):
        cnn.UntypedStorage.from_file(str(path), nbytes=17)
    with pytest.raises(RuntimeError, match="unable to open file <.*nothing> in read-only mode"):
        cnn.UntypedStorage.from_file(str(tmp_path / "nothing"), nbytes=1)
    with pytest.raises(RuntimeError, match="negative"):
        cnn.UntypedStorage.from_file(str(path), nbytes=-1)


def test_tensors_over_files(tmp_path):
    path = str(tmp_path / "floats")
    x = cnn.from_file(path, shared=True, size=3)
    x.copy_(cnn.tensor([1.0, 2.0, 3.0]))
    y = cnn.from_file(path, size=2, dtype=cnn.float32)
    assert y.tolist() == [1, 2] and x.shape == (3,)
    z = cnn.FloatStorage.from_file(path, False, 3)
    assert z.tolist() == [1, 2, 3]
    with pytest.raises(RuntimeError, match="derived classes"):
        TypedStorage.from_file(path, False, 3)


def test_asarray_looks_at_storages_and_buffers(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(cnn.tensor([1.0, -2.0, 4.0]).numpy().tobytes())
    storage = cnn.UntypedStorage.from_file(str(path), nbytes=12).untyped()
    part = cnn.asarray(storage[4:12], dtype=cnn.uint8).view(dtype=cnn.float32)
    assert part.tolist() == [-2, 4]
    data = bytearray(b"abcd")
    x = cnn.asarray(data, dtype=cnn.uint8)
    data[0] = 0
    assert x.tolist() == [0, 98, 99, 100]
    assert cnn.asarray([1, 2]).dtype == cnn.int64 and cnn.asarray(3.5).dim() == 0
    t = cnn.ones(2)
    assert cnn.asarray(t).data_ptr() == t.data_ptr() != cnn.asarray(t, copy=True).data_ptr()
    assert cnn.asarray(t, requires_grad=True).requires_grad and not t.requires_grad
    with pytest.raises(ValueError, match="can't alias"):
        cnn.asarray(t, dtype=cnn.int32, copy=False)
    with pytest.raises(ValueError, match="can't alias"):
        cnn.asarray([1], copy=False)


def test_conversions_and_copies():
    storage = cnn.tensor([1, 0, 200], dtype=cnn.uint8).untyped_storage()
    floats = storage.float()
    assert isinstance(floats, cnn.FloatStorage) and floats.tolist() == [1, 0, 200]
    assert storage.bool().tolist() == [True, False, True] and storage.byte().tolist() == [1, 0, 200]
    assert storage.byte().data_ptr() != storage.data_ptr()
    assert storage.untyped() is storage and storage.cpu() is storage
    assert storage.type() == "torch.storage.UntypedStorage" and storage.new().nbytes() == 0
    assert not (storage.is_cuda or storage.is_hpu or storage.is_sparse or storage.is_pinned())
    assert copy.copy(storage).tolist() == copy.deepcopy(storage).tolist() == [1, 0, 200]
    assert storage.fill_(3).tolist() == [3, 3, 3]
    twos = cnn.tensor([1, 256], dtype=cnn.int16).untyped_storage()
    twos.byteswap(cnn.int16)
    assert twos.tolist() == [0, 1, 1, 0]
    big = cnn.UntypedStorage.from_buffer(b"\x00\x01\x00\x02", "big", dtype=cnn.int16)
    assert memoryview(bytes_of(big)).cast("h").tolist() == [1, 2]
    with pytest.raises(ValueError, match="must be a multiple of element size"):
        cnn.UntypedStorage.from_buffer(b"abc", "native", dtype=cnn.int16)
    assert storage.float8_e5m2().dtype == cnn.float8_e5m2
    with pytest.raises(NotImplementedError, match="are not supported"):
        storage.complex_float()


def test_a_program_may_add_what_is_missing():
    cnn.UntypedStorage.of_a_program = lambda self: len(self)
    try:
        assert cnn.ones(2).untyped_storage().of_a_program() == 8
    finally:
        del cnn.UntypedStorage.of_a_program


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_typed_storages():
    x = cnn.tensor([1.5, 2.0])
    s = x.storage()
    assert s.type() == "torch.FloatStorage" and x.storage_type() is cnn.FloatStorage
    assert s.data_ptr() == x.data_ptr() and s.pickle_storage_type() == "FloatStorage"
    assert s.long().tolist() == [1, 2] and s.clone().data_ptr() != s.data_ptr()
    assert cnn.is_storage(s) and cnn.is_storage(s.untyped()) and not cnn.is_storage(x)
    s.copy_(cnn.tensor([3, 4]).storage())
    assert x.tolist() == [3, 4]
    s.resize_(1)
    assert len(s) == 1
    assert cnn.IntStorage.from_buffer(b"\x01\0\0\0").tolist() == [1]
    assert pickle.loads(pickle.dumps(s)).tolist() == [3]


def test_memory_goes_to_other_processes_by_a_descriptor():
    x = cnn.arange(4)
    fd, nbytes = x.untyped_storage()._share_fd_cpu_()
    assert x.is_shared() and nbytes == 32 and x.tolist() == [0, 1, 2, 3]
    other = cnn.UntypedStorage._new_shared_fd_cpu(fd, nbytes)
    y = cnn.asarray(other, dtype=cnn.int64)
    y[0] = 9
    assert x[0] == 9 and other.is_shared()
    x.zero_()
    assert y.sum() == 0
    with pytest.raises(RuntimeError, match="does not hold 64 bytes"):
        cnn.UntypedStorage._new_shared_fd_cpu(fd, 64)
    del x
    gc.collect()
    with pytest.raises(OSError):
        os.fstat(fd)  # closed with the memory it belongs to
    assert y.tolist() == [0, 0, 0, 0]


def test_sharing_leaves_descriptors_for_files():
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, before[1]))
    try:
        tensors = [cnn.full((3,), float(i)).share_memory_() for i in range(150)]
        with open(os.devnull):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert all(t.is_shared() and t[0] == i for i, t in enumerate(tensors))
    tensors[0].untyped_storage()._share_fd_cpu_()
    with pytest.raises(RuntimeError, match="too many files are open"):
        tensors[-1].untyped_storage()._share_fd_cpu_()


def test_set_takes_a_place_in_the_memory_of_a_tensor():
    x = cnn.arange(6.0)
    for source in (x, x[2:], x.untyped_storage()):
        view = cnn.empty(0).set_(source, 1, (2, 2), (2, 1))
        assert view.tolist() == [[1, 2], [3, 4]] and view.stride() == (2, 1)
        assert cnn.empty(0).set_(source, 4, (2,)).tolist() == [4, 5]
    assert cnn.empty(0).set_(x[2:]).tolist() == [2, 3, 4, 5]
    for wrong, error in (
        (lambda: cnn.empty(0).set_(x, 1), TypeError),
        (lambda: cnn.empty(0).set_(x, 3, (4,)), RuntimeError),
        (lambda: cnn.empty(0, dtype=cnn.int64).set_(x, 0, (1,)), RuntimeError),
    ):
        with pytest.raises(error, match="set_"):
            wrong()
