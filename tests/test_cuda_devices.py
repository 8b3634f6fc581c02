"""Several GPUs: each has its memory, and work goes where its operands are. The emulation has two."""

import threading

import pytest

import cnn
from emulation import counted
from op_cases import results_of
from op_table import ROWS
from test_cuda import near, on_device, run, tensors_in

pytestmark = pytest.mark.cuda


@pytest.fixture(autouse=True)
def two_devices():
    if cnn.cuda.device_count() < 2:
        pytest.skip("one GPU")
    yield
    cnn.cuda.set_device(0)


def test_tensors_are_where_they_were_put():
    x = cnn.arange(6.0).view(2, 3)
    there = x.to("cuda:1")
    assert there.device == cnn.device("cuda", 1) and there.get_device() == 1
    assert (there * 2).device == there.device and cnn.equal((there * 2).cpu(), x * 2)
    assert cnn.zeros(3, device="cuda:1").sum().item() == 0
    assert cnn.cuda.current_device() == 0 and x.cuda().device.index == 0
    assert there.cuda().device.index == 0  # the current device
    cnn.cuda.set_device(1)
    assert x.cuda().device.index == 1 and cnn.ones(2, device="cuda").device.index == 1
    assert cnn.empty_like(there).device == there.device
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        x.to(f"cuda:{cnn.cuda.device_count()}")


def test_memory_is_counted_apart():
    before = [cnn.cuda.memory_allocated(i) for i in range(2)]
    x = cnn.ones(1000, device="cuda:1")
    assert cnn.cuda.memory_allocated(0) == before[0]
    assert cnn.cuda.memory_allocated(1) >= before[1] + x.nbytes


@pytest.mark.parametrize(
    "mix",
    [
        lambda x, y: x + y,
        lambda x, y: x.add_(y),
        lambda x, y: x @ y,
        lambda x, y: cnn.cat([x, y]),
        lambda x, y: cnn.where(x > 0, x, y),
        lambda x, y: cnn.nn.functional.linear(x, x, y[0]),
        lambda x, y: x.index_select(0, y[0].long()),
        lambda x, y: cnn.add(x, x, out=y),
        lambda x, y: cnn.addmm(x, x, y),
    ],
)
def test_devices_do_not_mix(mix):
    x, y = (cnn.ones(4, 4, device=f"cuda:{i}") for i in range(2))
    # Some calls make an operand first; nothing may run that has both.
    with pytest.raises(RuntimeError, match="cuda:0.*cuda:1|cuda:1.*cuda:0"):
        mix(x, y)
    assert x.sum().item() == 16 and y.sum().item() == 16


def test_nothing_is_launched_for_a_mix():
    x, y = (cnn.ones(4, device=f"cuda:{i}") for i in range(2))

    def mix():
        with pytest.raises(RuntimeError, match="cuda:0.*cuda:1"):
            x + y

    assert counted(mix).launches == 0


def test_copies_between_devices():
    x = cnn.arange(24.0, device="cuda:0").view(4, 6)
    assert cnn.equal(x.to("cuda:1").cpu(), x.cpu())
    assert cnn.equal(x.t().to("cuda:1").cpu(), x.t().cpu())
    assert cnn.equal(x[:, ::2].to("cuda:1", cnn.float64).cpu(), x[:, ::2].double().cpu())
    y = cnn.zeros(6, 4, device="cuda:1")
    y.copy_(x.t())
    assert cnn.equal(y.cpu(), x.t().cpu())
    z = x.to("cuda:1", copy=True)
    z += 1
    assert x.sum().item() == z.sum().item() - 24


def test_gradients_cross_devices():
    x = cnn.arange(4.0, device="cuda:0").requires_grad_()
    y = (x * 2).to("cuda:1")
    (y * y).sum().backward()
    assert x.grad.device == x.device and x.grad.cpu().tolist() == [0, 8, 16, 24]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_values_on_the_other_device(row):
    dtype = row.dtypes[0]
    for call in row.cases_for(dtype):
        _, args = call.make(dtype, None)
        want = results_of(row.call(*args, **call.kwargs))
        there = on_device(row, args, "cuda:1")
        for g, w in zip(run(row, there, call), want):
            assert g.device == cnn.device("cuda:1" if tensors_in(there) else "cpu")
            near(g.cpu(), w, row.tolerance, dtype)


def test_a_thread_for_each_device():
    x = cnn.linspace(-2, 2, 64).view(8, 8)
    want = cnn.softmax(x @ x, 1)
    results = [[], []]

    def work(index):
        mine = x.to(f"cuda:{index}")
        for _ in range(20):
            results[index].append(cnn.softmax(mine @ mine, 1).cpu())

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for got in results:
        assert len(got) == 20 and all(cnn.allclose(g, want, atol=1e-6) for g in got)


def test_a_model_trains_on_the_other_device():
    def losses(device):
        cnn.manual_seed(0)
        model = cnn.nn.Sequential(cnn.nn.Linear(8, 16), cnn.nn.ReLU(), cnn.nn.Linear(16, 4))
        model.to(device)
        optimizer = cnn.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        x, target = cnn.randn(32, 8).to(device), cnn.randint(0, 4, (32,)).to(device)
        found = []
        for _ in range(4):
            optimizer.zero_grad()
            loss = cnn.nn.functional.cross_entropy(model(x), target)
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return found

    assert losses("cuda:1") == losses("cuda:0")
