"""Private bases of layers, gradients of convolutions, layers of old, against PyTorch's."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from module_parity import LIBS, both, close, compare_modules, draw  # noqa: E402

import cnn  # noqa: E402


def test_gradients_of_convolutions():
    for n, (input_size, weight_size) in enumerate(
        [((2, 4, 9), (6, 2, 3)), ((1, 4, 6, 5), (2, 2, 2, 3)), ((1, 2, 4, 3, 5), (2, 1, 2, 2, 2))],
        1,
    ):

        def run(lib, n=n, input_size=input_size, weight_size=weight_size):
            options = {"stride": 2, "padding": 1, "groups": 2}
            x, w = draw(lib, *input_size), draw(lib, *weight_size)
            y = getattr(lib.nn.functional, f"conv{n}d")(x, w, **options)
            g = draw(lib, *y.shape)
            of_input = getattr(lib.nn.grad, f"conv{n}d_input")(input_size, w, g, **options)
            of_weight = getattr(lib.nn.grad, f"conv{n}d_weight")(x, weight_size, g, **options)
            (of_input**2).sum().backward()
            return of_input, of_weight, w.grad

        for ours, theirs in zip(*both(run)):
            close(ours, theirs, f"conv{n}d")


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5), (2, 3, 4, 4)])
@pytest.mark.parametrize(
    "options",
    [{}, {"momentum": None}, {"affine": False}, {"track_running_stats": False}, {"bias": False}],
)
@pytest.mark.parametrize("training", [True, False])
def test_sync_batch_norm(shape, options, training):
    def call(lib, module):
        x = draw(lib, *shape)
        return module(x), [x]

    compare_modules(lambda lib: lib.nn.SyncBatchNorm(3, **options), call, training)


def test_converted_batch_norms():
    def make(lib):
        nn = lib.nn
        net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Sequential(nn.BatchNorm2d(2)))
        net[1].eval()
        return nn.SyncBatchNorm.convert_sync_batchnorm(net)

    ours, theirs = both(make)
    assert repr(ours) == repr(theirs) and list(ours.state_dict()) == list(theirs.state_dict())
    assert [m.training for m in ours.modules()] == [m.training for m in theirs.modules()]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9, 30])
@pytest.mark.parametrize("channels", [1, 3, 9])
def test_cross_map_normalization(size, channels):
    def run(lib):
        layer = lib.nn.CrossMapLRN2d(size, alpha=0.5, beta=0.6, k=2)
        return layer(draw(lib, 2, channels, 2, 3, grad=False)), repr(layer)

    (ours, text), (theirs, expected) = both(run)
    close(ours, theirs, "forward")
    assert text == expected


def test_types_of_arguments():
    for name in vars(torch.nn.common_types):
        if name.endswith("_t"):
            ours, theirs = (getattr(lib.nn.common_types, name) for lib in LIBS)
            assert repr(ours).replace("cnn.", "torch.") == repr(theirs), name


def own_layers(lib):
    """Layers on private bases, as programs write them."""
    modules, F = lib.nn.modules, lib.nn.functional

    class Conv(modules.conv._ConvNd):
        def __init__(self):
            super().__init__(2, 4, (3, 2), (1, 1), (1, 0), (1, 1), False, (0, 0), 1, True, "zeros")

        def forward(self, x):
            return F.conv2d(x, self.weight, self.bias, padding=self.padding)

    class Transposed(modules.conv._ConvTransposeNd):
        def __init__(self):
            super().__init__(2, 4, (3,), (2,), (0,), (1,), True, (0,), 1, True, "zeros")

        def forward(self, x):
            sizes = self.stride, self.padding, self.kernel_size
            extra = self._output_padding(x, [12], *sizes, 1, self.dilation)
            return F.conv_transpose1d(x, self.weight, self.bias, 2, output_padding=extra)

    class Norm(modules.batchnorm._BatchNorm):
        def _check_input_dim(self, input):
            pass

    class Instance(modules.instancenorm._InstanceNorm):
        def _get_no_batch_dim(self):
            return 3

        def _check_input_dim(self, input):
            pass

    class Reflect(modules.padding._ReflectionPadNd):
        def __init__(self):
            super().__init__()
            self.padding = (1, 2)

    class Constant(modules.padding._ConstantPadNd):
        def __init__(self):
            super().__init__(7)
            self.padding = (1, 2)

    class Average(modules.pooling._AdaptiveAvgPoolNd):
        def forward(self, x):
            return F.adaptive_avg_pool1d(x, self.output_size)

    return [
        (Conv(), (1, 2, 4, 5)),
        (Transposed(), (1, 2, 5)),
        (Norm(2), (3, 2, 4)),
        (Instance(2, affine=True), (2, 3, 4)),
        (Reflect(), (1, 2, 5)),
        (Constant(), (1, 2, 5)),
        (Average(3), (1, 2, 6)),
    ]


@pytest.mark.parametrize("i", range(7))
def test_layers_on_private_bases(i):
    def call(lib, module):
        x = draw(lib, *own_layers(lib)[i][1])
        return module(x), [x]

    compare_modules(lambda lib: own_layers(lib)[i][0], call)


@pytest.mark.parametrize(
    "attempt",
    [
        lambda p, lib: p.parallel_apply([lib.nn.ReLU()], [lib.ones(1)]),
        lambda p, lib: p.parallel_apply([lib.nn.ReLU()], [lib.ones(1)], devices=["cpu"]),
        lambda p, lib: p.parallel_apply([lib.nn.ReLU()], []),
        lambda p, lib: p.replicate(lib.nn.Linear(1, 1), [0]),
        lambda p, lib: p.replicate(lib.nn.ReLU(), ["cpu"]),
        lambda p, lib: p.scatter(lib.ones(2), ["cpu"]),
        lambda p, lib: p.gather([lib.ones(2)], "cpu"),
        lambda p, lib: p.gather([{"a": None}, {}], 0),
        lambda p, lib: p.gather([3], 0),
        lambda p, lib: p.comm.broadcast(lib.ones(2)),
        lambda p, lib: p.comm.reduce_add([lib.ones(2)], 0),
        lambda p, lib: p.comm.scatter(lib.ones(2), [0], out=[]),
        lambda p, lib: p.comm.gather([lib.ones(2)], destination="cpu", out=lib.ones(2)),
    ],
)
@pytest.mark.skipif(cnn.cuda.is_available() or torch.cuda.is_available(), reason="there is a GPU")
def test_errors_without_a_gpu(attempt):
    errors = []
    for lib in LIBS:
        with pytest.raises(Exception) as caught:  # noqa: B017, PT011
            attempt(lib.nn.parallel, lib)
        errors.append((type(caught.value), str(caught.value)))
    assert errors[0] == errors[1]


@pytest.mark.parametrize(
    "inputs, kwargs",
    [((2, "a"), {"k": 3}), ((2,), {}), ((), {"k": [1]}), (((1, [2]), {"a": 1}), {})],
)
def test_what_is_no_tensor_goes_to_all_devices(inputs, kwargs):
    found = [lib.nn.parallel.scatter_gather.scatter_kwargs(inputs, kwargs, [0, 1]) for lib in LIBS]
    assert found[0] == found[1]
