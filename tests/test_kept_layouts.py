"""What is laid out of a weight is kept from call to call, and never used once the weight changed."""

import copy
import ctypes
import io
import multiprocessing
import threading

import numpy
import pytest

import cnn
from cnn import nn
from cnn.nn import functional as F

# (channels, outputs, kernel, stride, size of the image)
CONVOLUTIONS = {
    "pixels": (24, 32, 5, 1, 9),
    "strided": (32, 48, 3, 2, 15),
    "few pixels": (64, 72, 3, 1, 5),
    "one tap": (512, 64, 1, 1, 3),
}


def held():
    return cnn._C._memory_stats()["allocated_bytes"]


class Layer:
    """A convolution that has kept its layout."""

    def __init__(self, kind):
        cnn.manual_seed(1)
        channels, outputs, kernel, stride, size = CONVOLUTIONS[kind]
        self.x = cnn.randn(2, channels, size, size)
        self.conv = nn.Conv2d(channels, outputs, kernel, stride, kernel // 2, bias=False)
        self.before = [self() for _ in range(3)][-1]

    @property
    def weight(self):
        return self.conv.weight

    def __call__(self):
        with cnn.no_grad():
            return self.conv(self.x)

    def fresh(self):
        """The same by a weight that nobody has seen."""
        with cnn.no_grad():
            stride, padding = self.conv.stride, self.conv.padding
            return F.conv2d(self.x, self.weight.detach().clone(), None, stride, padding)


@pytest.fixture(params=CONVOLUTIONS)
def layer(request):
    return Layer(request.param)


def test_the_second_call_keeps_a_layout_and_results_stay_the_same_bits(layer):
    assert layer().equal(layer.fresh())
    cnn._C._empty_cache()
    without = held()
    layer()
    assert held() - without < layer.weight.nbytes / 2
    layer()
    kept = held() - without
    assert kept >= layer.weight.nbytes
    layer()
    assert held() - without == kept
    cnn._C._empty_cache()
    assert held() == without
    assert layer().equal(layer.before)


def test_the_layout_goes_with_the_weight(layer):
    cnn._C._empty_cache()
    before = held()
    other = Layer("pixels")
    assert held() > before + 2 * other.weight.nbytes
    del other
    assert held() == before


def test_training_keeps_nothing(layer):
    cnn._C._empty_cache()
    for _ in range(3):
        layer.conv(layer.x).sum().backward()
        layer.conv.zero_grad(set_to_none=True)
    before = held()
    cnn._C._empty_cache()
    assert held() == before


def through_optimizer(w):
    w.grad = cnn.ones_like(w)
    cnn.optim.Adam([w], 0.1).step()


def through_sgd_without_foreach(w):
    w.grad = cnn.ones_like(w)
    cnn.optim.SGD([w], 0.1, momentum=0.9, foreach=False).step()


def through_state_dict(w):
    module = nn.Module()
    module.w = w
    module.load_state_dict({"w": cnn.randn(w.shape)})


def through_assigned_state(w):
    module = nn.Module()
    module.w = w
    state = {"w": nn.Parameter(cnn.randn(w.shape))}
    module.load_state_dict(state, assign=True)
    w.data = module.w.data


def through_a_checkpoint(w):
    file = io.BytesIO()
    cnn.save({"w": cnn.randn(w.shape)}, file)
    file.seek(0)
    module = nn.Module()
    module.w = w
    module.load_state_dict(cnn.load(file))


def through_ctypes(w):
    (ctypes.c_float * 4).from_address(w.data_ptr())[1] = 5.0


def through_a_storage_address(w):
    (ctypes.c_float * 4).from_address(w.untyped_storage().data_ptr())[1] = 5.0


def through_set(w):
    with cnn.no_grad():
        w.set_(cnn.randn(w.shape))


def through_a_vector(w):
    nn.utils.vector_to_parameters(cnn.randn(w.numel()), [w])


def through_a_resized_storage(w):
    storage = w.untyped_storage()
    size = storage.size()
    storage.resize_(0)
    storage.resize_(size)
    w.data.fill_(0.5)


def through_a_thread(w):
    thread = threading.Thread(target=lambda: w.data.mul_(3))
    thread.start()
    thread.join()


def through_inference_mode(w):
    with cnn.inference_mode():
        w.mul_(2)


def through_an_alias_made_in_inference_mode(w):
    with cnn.inference_mode():
        w.detach().view(-1)[3:9].zero_()


def through_a_byte(w):
    storage = w.untyped_storage()
    storage[2] = (storage[2] + 64) % 256


def through_the_other_storage(w):
    w.untyped_storage().copy_(cnn.randn(w.shape).untyped_storage())


def through_numpy_scatter(w):
    w.data.index_put_((cnn.tensor([0, 1]),), cnn.tensor(2.0))


def in_place(write):
    def change(w):
        with cnn.no_grad():
            write(w)

    return change


WRITES = {
    f.__name__: f
    for f in (
        through_optimizer,
        through_sgd_without_foreach,
        through_state_dict,
        through_assigned_state,
        through_a_checkpoint,
        through_ctypes,
        through_a_storage_address,
        through_set,
        through_a_vector,
        through_a_resized_storage,
        through_a_thread,
        through_inference_mode,
        through_an_alias_made_in_inference_mode,
        through_a_byte,
        through_the_other_storage,
        through_numpy_scatter,
    )
} | {
    name: in_place(write)
    for name, write in {
        "add_": lambda w: w.add_(1),
        "data": lambda w: w.data.mul_(2),
        "data of data": lambda w: w.data.data.detach().zero_(),
        "set data": lambda w: setattr(w, "data", cnn.randn(w.shape)),
        "item": lambda w: w.__setitem__((1, 2, 0, 0), 7.0),
        "slice": lambda w: w[1:3].copy_(w[3:5]),
        "mask": lambda w: w.__setitem__(w > 0, 0.25),
        "view": lambda w: w.view(-1).add_(1),
        "transposed": lambda w: w.transpose(0, 1).mul_(0.5),
        "strided": lambda w: w.as_strided((3,), (5,)).fill_(9),
        "out": lambda w: cnn.mul(w, 2, out=w.detach()),
        "normal_": lambda w: w.normal_(),
        "init": lambda w: nn.init.kaiming_uniform_(w),
        "fill_": lambda w: w.fill_(0.1),
        "clamp_": lambda w: w.clamp_(-0.01, 0.01),
        "where": lambda w: cnn.where(w > 0, w, 1.0, out=w.detach()),
        "masked_fill_": lambda w: w.masked_fill_(w > 0, 1.0),
        "scatter_": lambda w: w.view(-1).scatter_(0, cnn.tensor([3]), 4.0),
        "index_add_": lambda w: w.index_add_(0, cnn.tensor([1]), w[:1].clone()),
        "index_fill_": lambda w: w.index_fill_(1, cnn.tensor([1]), 2.0),
        "put_": lambda w: w.put_(cnn.tensor([7]), cnn.tensor([3.0])),
        "lerp_": lambda w: w.lerp_(cnn.ones_like(w), 0.5),
        "addmm_": lambda w: w.view(len(w), -1).addmm_(
            cnn.randn(len(w), 3), cnn.randn(3, w[0].numel())
        ),
        "numpy": lambda w: w.detach().numpy().fill(2),
        "numpy view": lambda w: w.detach().numpy()[1].__setitem__(0, 3),
        "dlpack": lambda w: cnn.from_dlpack(w.detach()).fill_(2),
        "memoryview": lambda w: memoryview(w.detach().view(-1)).__setitem__(4, 3.5),
        "share_memory_": lambda w: w.share_memory_().data.add_(1),
        "trunc_normal_": lambda w: nn.init.trunc_normal_(w),
        "orthogonal_": lambda w: nn.init.orthogonal_(w),
        "bernoulli_": lambda w: w.bernoulli_(0.5),
        "squeeze_": lambda w: w.unsqueeze_(0).squeeze_(0).neg_(),
    }.items()
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("kind", ["strided", "few pixels"])
def test_no_write_is_missed(kind, write):
    layer = Layer(kind)
    WRITES[write](layer.weight)
    for _ in range(3):
        y = layer()
        assert y.equal(layer.fresh())
    assert not y.equal(layer.before)


def test_memory_that_numpy_holds_is_watched_at_every_call(layer):
    array = layer.weight.detach().numpy()
    for i in range(4):
        array += i
        assert layer().equal(layer.fresh())
    del array
    for _ in range(3):
        assert layer().equal(layer.fresh())


def test_memory_whose_address_is_known_keeps_none(layer):
    address = layer.weight.data_ptr()
    values = (ctypes.c_float * layer.weight.numel()).from_address(address)
    for i in range(4):
        values[i] = 3.0
        assert layer().equal(layer.fresh())


def test_shared_memory_keeps_none(layer):
    layer.weight.share_memory_()
    for _ in range(3):
        child = multiprocessing.get_context("fork").Process(target=layer.weight.data.add_, args=[1])
        child.start()
        child.join()
        assert child.exitcode == 0
        assert layer().equal(layer.fresh())


def test_foreign_memory_keeps_none(layer):
    array = numpy.ones(tuple(layer.weight.shape), numpy.float32)
    layer.conv.weight = nn.Parameter(cnn.from_numpy(array))
    for i in range(4):
        array[i, 0, 0, 0] += 1
        assert layer().equal(layer.fresh())


def test_a_child_and_its_parent_change_their_own(layer):
    queue = multiprocessing.get_context("fork").SimpleQueue()

    def work():
        same = layer().equal(layer.before)
        layer.weight.data.mul_(2)
        queue.put((same, layer().equal(layer.fresh())))

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    assert queue.get() == (True, True)
    child.join()
    assert layer().equal(layer.before)


def test_threads_share_and_drop_them(layer):
    wrong = []

    def infer():
        for _ in range(50):
            if not layer().equal(layer.before):
                wrong.append(1)

    threads = [threading.Thread(target=infer) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        cnn._C._empty_cache()
        layer.weight.data.mul_(1)
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_copy_has_its_own(layer):
    other = copy.deepcopy(layer.conv)
    other.weight.data.mul_(2)
    with cnn.no_grad():
        assert not other(layer.x).equal(layer.before)
    assert layer().equal(layer.before)


def test_two_convolutions_of_one_weight():
    cnn.manual_seed(0)
    w, x = cnn.randn(32, 32, 3, 3), cnn.randn(1, 32, 12, 12)
    calls = [(1, 1), (2, 1), (1, 0), (2, 0), (3, 1), (1, 2)]  # stride, padding
    with cnn.no_grad():
        first = [F.conv2d(x, w, None, *call) for call in calls]
        for _ in range(3):
            for y, call in zip(first, calls, strict=True):
                assert F.conv2d(x, w, None, *call).equal(y)
        part = w[:, :16].contiguous()
        for _ in range(3):
            assert F.conv2d(x[:, :16], w[:, :16], None, 2).equal(F.conv2d(x[:, :16], part, None, 2))


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_the_same_bits_whatever_the_threads(layer, threads):
    before = cnn.get_num_threads()
    cnn.set_num_threads(threads)
    try:
        assert layer().equal(layer.before)
        cnn._C._empty_cache()
        for _ in range(3):
            assert layer().equal(layer.before)
    finally:
        cnn.set_num_threads(before)


@pytest.mark.parametrize("rows", [1, 20, 70, 200, 300])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_layers(rows, bias):
    cnn.manual_seed(0)
    net, x = nn.Linear(130, 70, bias=bias), cnn.randn(rows, 130)
    with cnn.no_grad():
        first = net(x)
        for _ in range(3):
            assert net(x).equal(first)
        net.weight.data.mul_(2)
        fresh = F.linear(x, net.weight.clone(), net.bias)
        for _ in range(3):
            assert net(x).equal(fresh)


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_weights_whose_channels_lie_side_by_side(kind):
    layer = Layer(kind)
    layer.conv.to(memory_format=cnn.channels_last)
    for x in (layer.x, layer.x.to(memory_format=cnn.channels_last)):
        layer.x = x
        for _ in range(3):
            cnn.testing.assert_close(layer(), layer.before)
        layer.weight.data.neg_()
        for _ in range(3):
            cnn.testing.assert_close(layer(), -layer.before)
        layer.weight.data.neg_()


def test_other_types_over_the_same_memory_have_layouts_of_their_own():
    cnn.manual_seed(0)
    n, k = 70, 130
    doubles = cnn.randn(n * k, dtype=cnn.float64)
    wide, narrow = doubles.view(n, k), doubles.view(cnn.float32)[: n * k].view(n, k)
    x = cnn.randn(40, k)
    with cnn.no_grad():
        for _ in range(3):
            for w, rows in ((wide, x.double()), (narrow, x)):
                y, fresh = F.linear(rows, w), F.linear(rows, w.clone())
                cnn.testing.assert_close(y, fresh, rtol=0, atol=0, equal_nan=True)
