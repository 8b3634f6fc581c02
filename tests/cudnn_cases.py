"""What test_cuda_cudnn.py runs in a process that asks for cuDNN (CNN_CUDNN=1)."""

import contextlib
import ctypes
import threading

import numpy as np
import pytest

import cnn
from cnn.nn import functional as F
from emulation import plugin

pytestmark = pytest.mark.cuda
cudnn = cnn.backends.cudnn

# dimensions, channels, outputs, kernel, options
SHAPES = [
    (1, 4, 6, 3, {}),
    (1, 4, 6, 5, {"stride": 2, "padding": 2}),
    (2, 3, 8, 3, {"padding": 1}),
    (2, 3, 8, 7, {"stride": 2, "padding": 3}),
    (2, 8, 4, 1, {}),
    (2, 8, 4, (3, 2), {"stride": (1, 2), "padding": (2, 0)}),
    (2, 6, 9, 3, {"groups": 3, "padding": 1}),
    (2, 4, 5, 3, {"dilation": 2, "padding": 2}),
    (3, 2, 4, 3, {"padding": 1, "stride": 2}),
    (3, 4, 4, (1, 3, 3), {"groups": 2}),
]
TRANSPOSED = [
    (1, 4, 6, 3, {"stride": 2}),
    (2, 4, 6, 3, {"stride": 2, "padding": 1, "output_padding": 1}),
    (2, 6, 6, 2, {"groups": 2}),
    (3, 2, 4, 3, {"padding": 1}),
]
TOLERANCES = {cnn.float64: 1e-12, cnn.float32: 2e-5, cnn.float16: 2e-3, cnn.bfloat16: 1.6e-2}


@pytest.fixture(autouse=True)
def exact():
    cnn.manual_seed(0)
    with cudnn.flags(enabled=True, allow_tf32=False):
        yield


def counts():
    """So far: executions, those on tensor cores, plans; and how many descriptors there are.

    A GPU does not count.
    """
    numbers = (ctypes.c_int64 * 4)()
    if plugin() is not None:
        plugin().cnn_emulation_cudnn(numbers)
    return np.array(numbers)


@contextlib.contextmanager
def executions(number, on_tensor_cores=None):
    """That cuDNN does so many passes meanwhile."""
    before = counts()
    yield
    done = counts() - before
    if plugin() is not None:
        assert done[0] == number and on_tensor_cores in (None, done[1])


def operands(dims, channels, outs, kernel, options, transposed, dtype):
    kernel = (kernel,) * dims if isinstance(kernel, int) else kernel
    groups = options.get("groups", 1)
    shape = (channels, outs // groups) if transposed else (outs, channels // groups)
    x, w, b = cnn.randn(3, channels, *(9, 8, 7)[:dims]), cnn.randn(*shape, *kernel), cnn.randn(outs)
    return [t.to(dtype) for t in (x, w, b)]


def results(call, given, options, device, dtype, last=False):
    """The output and the gradients of x, w and b, as float64 arrays."""
    tensors = [t.to(device, dtype) for t in given]
    if last:
        form = cnn.channels_last_3d if tensors[0].dim() == 5 else cnn.channels_last
        tensors[0] = tensors[0].to(memory_format=form)
    tensors = [t.detach().requires_grad_() for t in tensors]
    y = call(*tensors, **options)
    weights = cnn.linspace(-1, 1, y.numel(), dtype=cnn.float64).reshape(y.shape)
    grads = cnn.autograd.grad(y, tensors, weights.to(device, dtype))
    return [t.detach().cpu().double().numpy() for t in (y, *grads)]


def assert_near(found, expected, tolerance):
    for y, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(y, e, rtol=0, atol=tolerance * max(1, np.abs(e).max()))


CASES = [(s, False) for s in SHAPES] + [(s, True) for s in TRANSPOSED]


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("case, transposed", CASES)
def test_values_and_gradients(case, transposed, dtype):
    dims, options = case[0], case[-1]
    call = getattr(F, f"conv{'_transpose' * transposed}{dims}d")
    given = operands(*case, transposed, dtype)
    expected = results(call, given, options, "cpu", cnn.float64)
    for last in (False, True)[: 1 + (dims > 1)]:
        # Forward, and the gradients of x and w. The emulation has other engines than on tensor cores for float32, which
        # these would round, and for what is dilated.
        others = dtype == cnn.float32 or "dilation" in options
        with executions(3, on_tensor_cores=0 if others else 3):
            found = results(call, given, options, "cuda", dtype, last)
        assert_near(found, expected, TOLERANCES[dtype])


def test_a_finish_of_other_numbers():
    """Scale, bias and bounds of a folded batch norm with ReLU."""
    model = cnn.nn.Sequential(cnn.nn.Conv2d(3, 4, 3), cnn.nn.BatchNorm2d(4), cnn.nn.ReLU()).eval()
    model[1].running_mean.normal_(), model[1].running_var.uniform_(0.5, 2)
    x = cnn.randn(2, 3, 8, 8)
    with cnn.no_grad():
        expected = model(x)
        with executions(1):
            found = model.cuda()(x.cuda())
    cnn.testing.assert_close(found.cpu(), expected, rtol=1e-5, atol=1e-5)


def test_second_order():
    given = operands(*SHAPES[2], False, cnn.float64)

    def gradients(device):
        x, w, b = (t.to(device).requires_grad_() for t in given)
        y = F.conv2d(x, w, b, padding=1).tanh().sum()
        gx, gw = cnn.autograd.grad(y, (x, w), create_graph=True)
        return [
            g.cpu().numpy()
            for g in cnn.autograd.grad(gx.square().sum() + gw.square().sum(), (x, w, b))
        ]

    before = counts()
    assert_near(gradients("cuda"), gradients("cpu"), 1e-12)
    assert plugin() is None or (counts() - before)[0] > 3


def test_tf32_takes_its_permission():
    """Factors are rounded to 10 bits of fraction where that is allowed, and not where it is not."""
    x, w, _ = operands(*SHAPES[2], False, cnn.float32)
    expected = F.conv2d(x.double(), w.double()).numpy()

    def error():
        return np.abs(F.conv2d(x.cuda(), w.cuda()).cpu().double().numpy() - expected).max()

    exact = error()
    with executions(1, on_tensor_cores=1):
        cudnn.allow_tf32 = True
        assert 1e-4 < error() < 2e-2 and exact < 1e-5
    with executions(1, on_tensor_cores=0):
        cudnn.allow_tf32 = False
        assert error() == exact


def test_the_switch():
    x, w, _ = (t.cuda() for t in operands(*SHAPES[2], False, cnn.float32))
    with_library = F.conv2d(x, w)
    with executions(0):
        cudnn.enabled = False
        assert not cudnn.is_acceptable(x)
        own = F.conv2d(x, w)
    with executions(1):
        cudnn.enabled = True
        assert cudnn.is_acceptable(x) and not cudnn.is_acceptable(x.cpu())
        assert not cudnn.is_acceptable(x.int())
        F.conv2d(x, w)
    cnn.testing.assert_close(own, with_library, rtol=1e-5, atol=1e-5)


def test_version():
    assert cudnn.is_available() and 90000 <= cudnn.version() < 100000


def test_depthwise_and_what_has_no_engine_stay_our_own():
    """The emulation has no engine for dilated volumes."""
    x = cnn.randn(2, 4, 6, 6, 6)
    w, one = cnn.randn(4, 4, 2, 2, 2), cnn.randn(8, 1, 2, 2, 2)
    with executions(0):
        found = F.conv3d(x.cuda(), w.cuda(), dilation=2), F.conv3d(x.cuda(), one.cuda(), groups=4)
    for y, e in zip(found, (F.conv3d(x, w, dilation=2), F.conv3d(x, one, groups=4))):
        cnn.testing.assert_close(y.cpu(), e, rtol=1e-5, atol=1e-4)


def test_a_plan_is_made_once_and_nothing_is_left_over():
    x, w, _ = (t.cuda() for t in operands(*SHAPES[3], False, cnn.float32))
    F.conv2d(x, w)
    if plugin() is None:
        pytest.skip("only the emulation counts")
    before = counts()
    for _ in range(20):
        F.conv2d(x, w)
    assert (counts() - before).tolist() == [20, 0, 0, 0]
    F.conv2d(x, w, stride=2)
    assert (counts() - before)[2] > 0


@pytest.mark.parametrize("dtype", [cnn.float32, cnn.float16], ids=str)
def test_operands_that_are_less_aligned(dtype):
    given = [t.to(dtype) for t in operands(*SHAPES[2], False, cnn.float32)]
    expected = F.conv2d(*(t.double() for t in given)).numpy()
    for offset in (1, 2, 3, 4):
        moved = []
        for t in given:
            room = cnn.empty(t.numel() + offset, dtype=dtype, device="cuda")
            room[offset:].copy_(t.reshape(-1))
            moved.append(room[offset:].view(t.shape))
        assert_near([F.conv2d(*moved).cpu().double().numpy()], [expected], TOLERANCES[dtype])


def test_weights_in_another_order_than_the_images():
    x, w, b = operands(*SHAPES[2], False, cnn.float32)
    expected = results(F.conv2d, (x, w, b), {}, "cpu", cnn.float64)
    turned = w.to(memory_format=cnn.channels_last)
    for last in (False, True):
        with executions(3):
            found = results(F.conv2d, (x, turned, b), {}, "cuda", cnn.float32, last)
        assert_near(found, expected, 2e-5)


def test_autocast():
    model = cnn.nn.Conv2d(3, 4, 3).cuda()
    x = cnn.randn(2, 3, 8, 8, device="cuda")
    with executions(2):
        with cnn.autocast("cuda", cnn.bfloat16):
            y = model(x)
        y.float().sum().backward()
    assert y.dtype == cnn.bfloat16 and model.weight.grad.dtype == cnn.float32
    expected = F.conv2d(x.double(), model.weight.double(), model.bias.double())
    cnn.testing.assert_close(y.double(), expected, rtol=2e-2, atol=2e-2)


def test_a_recorded_training_step():
    def step():
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    def losses(graphed):
        nonlocal model, optimizer
        cnn.manual_seed(3)
        model = cnn.nn.Sequential(
            cnn.nn.Conv2d(3, 4, 3), cnn.nn.ReLU(), cnn.nn.Conv2d(4, 2, 3)
        ).cuda()
        optimizer = cnn.optim.SGD(model.parameters(), 0.1)
        if not graphed:
            return [step().item() for _ in range(6)]
        stream = cnn.cuda.Stream()
        with cnn.cuda.stream(stream):
            first = [step().item() for _ in range(2)]
        graph = cnn.cuda.CUDAGraph()
        with cnn.cuda.graph(graph):
            loss = step()
        for _ in range(4):
            graph.replay()
            first.append(loss.item())
        return first

    model = optimizer = None
    x = cnn.randn(2, 3, 8, 8, device="cuda")
    assert losses(True) == losses(False)


def test_a_plan_that_is_made_while_a_graph_is_recorded():
    x, w = cnn.randn(2, 3, 11, 13, device="cuda"), cnn.randn(5, 3, 3, 3, device="cuda")
    graph = cnn.cuda.CUDAGraph()
    with executions(1):
        with cnn.cuda.graph(graph):
            y = F.conv2d(x, w)
        graph.replay()
    cnn.testing.assert_close(y, F.conv2d(x, w), rtol=0, atol=0)


def test_two_devices():
    if cnn.cuda.device_count() < 2:
        pytest.skip("takes two GPUs")
    x, w, b = operands(*SHAPES[3], False, cnn.float32)
    found = [F.conv2d(x.to(d), w.to(d), b.to(d)).cpu() for d in ("cuda:1", "cuda:0", "cuda:1")]
    assert all(cnn.equal(y, found[0]) for y in found)
    cnn.testing.assert_close(found[0], F.conv2d(x, w, b), rtol=1e-5, atol=1e-4)


def test_threads_and_streams():
    x, w, _ = (t.cuda() for t in operands(*SHAPES[3], False, cnn.float32))
    expected, found = F.conv2d(x, w), {}
    cnn.cuda.synchronize()

    def work(i):
        with cnn.cuda.stream(cnn.cuda.Stream()):
            for _ in range(10):
                y = F.conv2d(x, w)
            found[i] = y.cpu()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 4 and all(cnn.equal(y, expected.cpu()) for y in found.values())


def test_no_images():
    y = F.conv2d(cnn.zeros(0, 3, 8, 8, device="cuda"), cnn.ones(4, 3, 3, 3, device="cuda"))
    assert y.shape == (0, 4, 6, 6)
