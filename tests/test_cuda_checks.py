"""Values that a GPU must not use: it goes on, and a later call, or whoever waits, is told."""

import os
import subprocess
import sys

import pytest

import cnn
from emulation import counted

pytestmark = pytest.mark.cuda
F = cnn.nn.functional

X = cnn.arange(12.0).view(4, 3)


def pooled_by(x, places):
    """The gradient of a max pooling whose indices are changed before it runs."""
    x = x.view(1, 1, 4, 3) if len(places) == 1 else x.view(1, 2, 2, 3)
    if len(places) == 2:
        x = x.to(memory_format=cnn.channels_last)
    kernel = (4, 2) if len(places) == 1 else 2
    y, at = F.max_pool2d(x.detach().requires_grad_(), kernel, 1, return_indices=True)
    at.data.copy_(cnn.tensor(places)[None])
    y.sum().backward()


INVALID_MAX = (
    "Found an invalid max index: the indices were changed after the forward pass"
    r"( \(in MaxPool2DWithIndicesBackward0\))?"
)
LATER = r" \(found on the GPU, in this or an earlier call\)( \(in \w+\))?$"
CASES = {
    "index": (lambda x: x[cnn.tensor([0, 5, 9]).cuda()],
              IndexError, "index 5 is out of bounds for dimension 0 with size 4"),
    "index of the end": (lambda x: x[:, cnn.tensor([-4]).cuda()],
                         IndexError, "index -4 is out of bounds for dimension 1 with size 3"),
    "index_put_": (lambda x: x.index_put_((cnn.tensor([7]).cuda(),), x[0].clone()),
                   IndexError, "index 7 is out of bounds for dimension 0 with size 4"),
    "index_select": (lambda x: x.index_select(0, cnn.tensor([-1, 2]).cuda()),
                     IndexError, "index out of range in self.*index -1 is out of bounds"),
    "index_add_": (lambda x: x.index_add_(0, cnn.tensor([4]).cuda(), x[:1].clone()),
                   RuntimeError, "index 4 is out of bounds for dimension 0 with size 4"),
    "gather": (lambda x: x.gather(1, cnn.tensor([[0, 3]]).cuda()),
               RuntimeError, "index 3 is out of bounds for dimension 1 with size 3"),
    "scatter_": (lambda x: x.scatter_(0, cnn.tensor([[-1, 0, 0]]).cuda(), 1.0),
                 RuntimeError, "index -1 is out of bounds for dimension 0 with size 4"),
    "take": (lambda x: x.take(cnn.tensor([12]).cuda()),
             IndexError, "index 12 is out of bounds for dimension 0 with size 12"),
    "embedding": (lambda x: F.embedding(cnn.tensor([[1, 4], [8, 0]]).cuda(), x),
                  IndexError, "index out of range in self.*index 4 is out of bounds"),
    "cross_entropy": (lambda x: F.cross_entropy(x, cnn.tensor([0, 1, 3, -1]).cuda()),
                      IndexError, r"Target 3 is out of bounds\."),
    "binary_cross_entropy": (lambda x: F.binary_cross_entropy(x, x.clamp(0, 1)),
                             RuntimeError, "all elements of input should be between 0 and 1"),
    "its targets": (lambda x: F.binary_cross_entropy(x.clamp(0, 1), -x),
                    RuntimeError, "all elements of target should be between 0 and 1"),
    "floor_divide": (lambda x: cnn.arange(3).cuda() // cnn.tensor([2, 0, 1]).cuda(),
                     RuntimeError, "ZeroDivisionError"),
    "trunc": (lambda x: cnn.div(cnn.arange(3).cuda(), cnn.tensor(0).cuda(), rounding_mode="trunc"),
              RuntimeError, "ZeroDivisionError"),
    "remainder": (lambda x: cnn.arange(3, dtype=cnn.uint8).cuda() % cnn.tensor([[7], [0]]).cuda(),
                  RuntimeError, "ZeroDivisionError"),
    "fmod": (lambda x: cnn.arange(3).cuda().fmod_(cnn.tensor([True, False, True]).cuda()),
             RuntimeError, "ZeroDivisionError"),
    "max_pool2d": (lambda x: pooled_by(x, [[[0, 12]]]), RuntimeError, INVALID_MAX),
    "max_pool2d, channels last": (lambda x: pooled_by(x, [[[0, -2]], [[1, 1]]]),
                                  RuntimeError, INVALID_MAX),
}  # fmt: skip


def on_the_cpu(call):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cnn.Tensor, "cuda", lambda self: self)
        call(X.clone())


@pytest.mark.parametrize("call, kind, text", CASES.values(), ids=CASES)
def test_what_is_wrong_is_told_later(call, kind, text):
    with pytest.raises(kind, match=text + "( for dimension . with size .)?$"):
        on_the_cpu(call)
    # By a later call, by one that waits, or, where an op is made of several, by the op itself.
    x, stream, event = X.cuda(), cnn.cuda.current_stream(), cnn.cuda.Event()
    for later in (
        cnn.cuda.synchronize,
        lambda: x + 1,
        lambda: x.sum().item(),
        lambda: x.tolist(),
        stream.synchronize,
        lambda: (event.record(), event.synchronize()),
    ):
        x.copy_(X)
        with pytest.raises(kind, match=text + "( for dimension . with size .)?" + LATER):
            call(x)
            later()
        # Nothing is left of it: the context lives, and no memory outside was touched.
        cnn.cuda.synchronize()
        assert (X.cuda() * 2).sum().item() == 132


def test_who_only_puts_back_is_not_told():
    x, at, device = X.cuda(), cnn.tensor([9], device="cuda"), cnn.cuda.current_device()
    event, stream = cnn.cuda.Event(), cnn.cuda.Stream()
    event.record()
    x[at]
    cnn.cuda.set_device(device)
    with cnn.cuda.device(device), cnn.cuda.stream(stream):
        pass
    del event
    with pytest.raises(IndexError, match="index 9 "):
        cnn.cuda.synchronize()


def test_the_first_of_many_is_told():
    at = cnn.zeros(5000, dtype=cnn.int64)
    at[1234:] = cnn.arange(100, 100 + 5000 - 1234)
    x = X.cuda()
    for _ in range(3):
        with pytest.raises(IndexError, match="index 100 is out of bounds"):
            x[at.cuda()]
            cnn.cuda.synchronize()
    # Of several calls, the first.
    a, b = cnn.tensor([77]).cuda(), cnn.tensor([78]).cuda()
    with pytest.raises(IndexError, match="index 77 "):
        x[a]
        x[b]
        cnn.cuda.synchronize()
    cnn.cuda.synchronize()


def test_results_beside_it_are_right():
    x = X.cuda()
    at = cnn.tensor([3, 9, 0], device="cuda")
    with pytest.raises(IndexError, match="index 9 "):
        x.index_put_((at,), cnn.full((3, 3), -1.0, device="cuda"))
        cnn.cuda.synchronize()
    expected = X.clone()
    expected[[3, 0]] = -1
    assert cnn.equal(x.cpu(), expected)


def test_backward_is_told_too():
    x = X.cuda().requires_grad_()
    y = x[cnn.tensor([1, 2]).cuda()].sum()
    at = cnn.tensor([3], device="cuda")
    z = F.embedding(at, x).sum()
    at.data.fill_(9)
    with pytest.raises(IndexError, match="index 9 "):
        z.backward()
        cnn.cuda.synchronize()
    x.grad = None
    y.backward()
    assert x.grad.sum().item() == 6


def test_nothing_waits():
    x, at = X.cuda(), cnn.tensor([0, 3], device="cuda")
    target, p = cnn.tensor([0, 1, 2, 0], device="cuda"), X.cuda().sigmoid()
    for call in (
        lambda: x[at], lambda: x.index_select(0, at), lambda: F.embedding(at, x),
        lambda: x.gather(0, at[None]), lambda: F.cross_entropy(x, target),
        lambda: F.binary_cross_entropy(p, p), lambda: x.index_add_(0, at, x[:2].clone()),
        lambda: target // (at[1] + 2), lambda: target % at[1], lambda: target.fmod(at[1]),
        lambda: cnn.div(target, at[1], rounding_mode="trunc"),
        lambda: F.max_pool2d(x.detach()[None, None].requires_grad_(), 2).sum().backward(),
    ):  # fmt: skip
        counts = counted(call)
        assert counts.waits == 0 and counts.copies == 0
    assert counted(lambda: F.embedding(at, x)).launches == 1
    assert counted(lambda: target.remainder(at[1])).launches == 1
    y, places = F.max_pool2d(x.detach()[None, None].requires_grad_(), 2, return_indices=True)
    assert counted(lambda: y.backward(y)) <= (2, 0, 0, 3)


def test_quotients_beside_a_zero_are_right():
    a, b = cnn.tensor([7, -7, 9], device="cuda"), cnn.tensor([2, 0, -4], device="cuda")
    with pytest.raises(RuntimeError, match="^ZeroDivisionError" + LATER):
        y = a // b
        cnn.cuda.synchronize()
    assert y.tolist() == [3, 0, -3]
    assert (a.double() / b).tolist() == [3.5, -float("inf"), -2.25]  # floats have no need of it


def test_checks_at_once():
    code = (
        "import cnn\n"
        "x = cnn.ones(3, device='cuda')\n"
        "try:\n    x[cnn.tensor([5]).cuda()]\n"
        "except IndexError as error:\n    print(error)\n"
    )
    env = {**os.environ, "CNN_CUDA_CHECKS": "now"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout == "index 5 is out of bounds for dimension 0 with size 3\n", done.stderr
