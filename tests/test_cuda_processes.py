"""Tensors on a GPU between processes and in pickles."""

import os
import pickle

import pytest

import cnn

pytestmark = pytest.mark.cuda


def test_pickles_keep_the_device():
    x = cnn.arange(6.0, device="cuda").view(2, 3)
    part = cnn.nn.Parameter(x[1:, ::2])
    for protocol in (2, 5):
        a, b, c = pickle.loads(pickle.dumps([x, x[0], part], protocol))
        assert a.device == b.device == c.device == x.device
        assert cnn.equal(a, x) and cnn.equal(b, x[0]) and cnn.equal(c.data, part.data)
        assert type(c) is cnn.nn.Parameter and c.requires_grad
    storage = pickle.loads(pickle.dumps(x.untyped_storage()))
    assert storage.device == x.device and storage.nbytes() == 24
    assert pickle.loads(pickle.dumps(x.cpu())).device.type == "cpu"


def in_child(function):
    """What the function returns or raises in a forked child, as text."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            text = str(function())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        text = stream.read()
    os.waitpid(child, 0)
    return text


def test_a_forked_child_is_told():
    x = cnn.ones(2, device="cuda")
    calls = [
        lambda: x + 1,
        lambda: x.cpu(),
        lambda: cnn.ones(2).cuda(),
        lambda: cnn.zeros(2, device="cuda"),
        lambda: x.tolist(),
        lambda: cnn.cuda.synchronize(),
    ]
    for call in calls:
        assert in_child(call).startswith(
            "RuntimeError: Cannot re-initialize CUDA in forked subprocess. To use CUDA with "
            "multiprocessing, you must use the 'spawn' start method"
        )
    # The CPU goes on, and tensors of the parent may go.
    assert in_child(lambda: cnn.ones(2).sum().item()) == "2.0"
    held = [cnn.ones(3, device="cuda")]
    assert in_child(held.clear) == "None"
    assert (x + 1).tolist() == [2, 2]


def test_loaders_workers_are_forked():
    x = cnn.ones(1, device="cuda")
    loader = cnn.utils.data.DataLoader(
        cnn.utils.data.TensorDataset(cnn.arange(8)), 4, num_workers=2
    )
    assert [batch.cuda().tolist() for (batch,) in loader] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert x.item() == 1
