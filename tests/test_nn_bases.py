"""The private bases of layers that programs build on, and what stands beside the layers."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest

import cnn
from cnn import nn
from cnn.nn import functional as F
from cnn.nn import grad
from cnn.nn.modules import _functions, conv, instancenorm, padding, pooling, transformer, utils
from cnn.nn.modules import module as module_file


def near(tensor, expected, tolerance=1e-5):
    found = np.array(tensor.detach().tolist())
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def normal(*shape, dtype=cnn.float64):
    return cnn.tensor(
        np.random.default_rng(sum(shape)).standard_normal(shape).tolist(), dtype=dtype
    )


# Bases --------------------------------------------------------------------------------------------


class OwnConv(conv._ConvNd):
    def __init__(self):
        sizes = (3,), (1,), (1,), (1,)
        super().__init__(2, 4, *sizes, False, (0,), 1, True, "zeros")

    def forward(self, x):
        return F.conv1d(x, self.weight, self.bias, padding=self.padding)


def test_a_convolution_of_ones_own():
    layer = OwnConv()
    assert layer.weight.shape == (4, 2, 3) and layer.kernel_size == (3,)
    assert layer(cnn.ones(1, 2, 5)).shape == (1, 4, 5)
    assert repr(layer) == "OwnConv(2, 4, kernel_size=(3,), stride=(1,), padding=(1,))"


class OwnTransposed(conv._ConvTransposeNd):
    def __init__(self):
        sizes = (3,), (2,), (0,), (1,)
        super().__init__(2, 4, *sizes, True, (0,), 1, False, "zeros")

    def forward(self, x, output_size=None):
        sizes = self.stride, self.padding, self.kernel_size
        extra = self._output_padding(x, output_size, *sizes, 1, self.dilation)
        return F.conv_transpose1d(x, self.weight, None, self.stride, output_padding=extra)


def test_a_transposed_convolution_of_ones_own():
    layer = OwnTransposed()
    assert layer.weight.shape == (2, 4, 3)
    assert layer(cnn.ones(1, 2, 5)).shape == (1, 4, 11)
    assert layer(cnn.ones(1, 2, 5), [12]).shape == (1, 4, 12)
    with pytest.raises(ValueError, match="valid sizes range from"):
        layer(cnn.ones(1, 2, 5), [13])
    sizes = (3,), (1,), (0,), (1,)
    with pytest.raises(ValueError, match='Only "zeros" padding mode'):
        conv._ConvTransposeNd(2, 4, *sizes, True, (0,), 1, False, "reflect")
    with pytest.warns(FutureWarning, match="deprecated internal class"):
        conv._ConvTransposeMixin(2, 4, *sizes, True, (0,), 1, False, "zeros")


class OwnLazy(conv._LazyConvXdMixin, OwnConv):
    cls_to_become = OwnConv

    def __init__(self):
        super().__init__()
        self.in_channels = 0
        self.weight = nn.UninitializedParameter()
        self.bias = nn.UninitializedParameter()

    def _get_num_spatial_dims(self):
        return 1


def test_a_lazy_convolution_of_ones_own():
    layer = OwnLazy()
    assert layer(cnn.ones(1, 7, 5)).shape == (1, 4, 5)
    assert type(layer) is OwnConv and layer.weight.shape == (4, 7, 3)
    with pytest.raises(RuntimeError, match=r"Expected 2D \(unbatched\) or 3D"):
        OwnLazy()(cnn.ones(1, 1, 7, 5))
    assert isinstance(nn.LazyConv2d(1, 1), conv._LazyConvXdMixin)
    assert nn.LazyConv2d(1, 1)._get_num_spatial_dims() == 2


def test_paddings_and_pools_have_their_bases():
    for layer, base in (
        (nn.ReflectionPad2d(1), padding._ReflectionPadNd),
        (nn.ReplicationPad3d(1), padding._ReplicationPadNd),
        (nn.ZeroPad1d(1), padding._ConstantPadNd),
        (nn.CircularPad1d(1), padding._CircularPadNd),
        (nn.AdaptiveAvgPool3d(1), pooling._AdaptiveAvgPoolNd),
    ):
        assert isinstance(layer, base) and issubclass(base, nn.Module)
    assert not isinstance(nn.AdaptiveMaxPool1d(1), pooling._AdaptiveAvgPoolNd)

    class Sides(padding._ReflectionPadNd):
        padding = (1, 2)

    assert Sides()(cnn.tensor([[0.0, 1, 2]])).tolist() == [[1, 0, 1, 2, 1, 0]]

    class Sevens(padding._ConstantPadNd):
        def __init__(self):
            super().__init__(7)
            self.padding = (1, 0)

    assert Sevens()(cnn.ones(1, 1)).tolist() == [[7, 1]]


def test_an_instance_norm_of_ones_own():
    class Any(instancenorm._InstanceNorm):
        def _get_no_batch_dim(self):
            return 3

        def _check_input_dim(self, input):
            pass

    x = normal(2, 4, 4, dtype=cnn.float32)
    near(Any(2)(x), np.array(nn.InstanceNorm2d(2)(x).tolist()))
    near(Any(2)(x[None]), np.array(nn.InstanceNorm2d(2)(x[None]).tolist()))


def test_names_by_index_in_lists():
    layers = nn.ModuleList([nn.ReLU(), nn.Tanh()])
    assert layers._get_abs_string_index(-1) == "1"
    assert nn.ParameterList([1, 2, 3])._get_abs_string_index(-3) == "0"
    sequence = nn.Sequential(*layers)
    assert sequence._get_item_by_idx("ab", -2) == "a" and sequence[-1] is layers[1]
    for find in (layers._get_abs_string_index, lambda i: sequence._get_item_by_idx("ab", i)):
        with pytest.raises(IndexError, match="index 2 is out of range"):
            find(2)
    assert nn.ParameterDict()._key_to_attr("a") == "a"


def test_every_output_of_the_adaptive_softmax():
    layer, x = nn.AdaptiveLogSoftmaxWithLoss(4, 6, [2, 4]), cnn.randn(3, 4)
    log_prob = layer._get_full_log_prob(x, layer.head(x))
    near(log_prob.exp().sum(1), np.ones(3))
    assert layer.predict(x).tolist() == log_prob.argmax(1).tolist()


def test_hooks_of_all_modules_are_seen():
    assert not module_file._has_any_global_hook()
    handle = module_file.register_module_forward_hook(lambda *args: None)
    assert list(module_file._global_forward_hooks) == [handle.id]
    assert module_file._has_any_global_hook()
    handle.remove()
    assert not module_file._has_any_global_hook()
    assert nn.Module.forward is module_file._forward_unimplemented
    with pytest.raises(NotImplementedError, match='missing the required "forward" function'):
        nn.Module()(1)


# Helpers ------------------------------------------------------------------------------------------


def test_prefixes_of_wrapped_modules_are_consumed():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    state = nn.DataParallel(net).state_dict()
    utils.consume_prefix_in_state_dict_if_present(state, "module.")
    assert list(state) == list(net.state_dict())
    assert set(state._metadata) == set(net.state_dict()._metadata)
    net.load_state_dict(state)
    plain = OrderedDict(a=1, module=2)
    utils.consume_prefix_in_state_dict_if_present(plain, "module.")
    assert plain == {"a": 1, "module": 2}


def test_sizes_with_defaults():
    assert utils._list_with_default([None, 3], [8, 9, 4]) == [9, 3]
    assert utils._list_with_default(5, [1]) == 5
    with pytest.raises(ValueError, match="at least 3"):
        utils._list_with_default([None, 3], [8, 9])
    assert utils._pair.__name__ == "_pair" and utils._ntuple(2, "_two").__name__ == "_two"


def test_causal_masks_are_found():
    mask = nn.Transformer.generate_square_subsequent_mask(3)
    assert transformer._detect_is_causal_mask(mask) is True
    assert transformer._detect_is_causal_mask(cnn.zeros(3, 3)) is False
    assert transformer._detect_is_causal_mask(mask, size=4) is False
    assert transformer._detect_is_causal_mask(None) is False
    assert transformer._detect_is_causal_mask(mask, False) is False
    assert transformer._get_seq_len(cnn.ones(2, 3, 4), True) == 3
    assert transformer._get_seq_len(cnn.ones(2, 3, 4), False) == 2
    assert transformer._get_seq_len(cnn.ones(2, 3), True) == 2


def test_types_of_arguments():
    types = nn.common_types
    assert types._size_2_t == int | tuple[int, int]
    assert types._maybe_indices_t == cnn.Tensor | tuple[cnn.Tensor, cnn.Tensor]
    assert types._size_any_opt_t == int | None | tuple[int | None, ...]
    assert conv._size_2_t is padding._size_2_t is pooling._size_2_t is types._size_2_t
    with pytest.raises(AttributeError, match="has no attribute '_size_7_t'"):
        conv._size_7_t


# Layers -------------------------------------------------------------------------------------------


def expected_cross_map(x, size, alpha, beta, k):
    reach = int((size - 1) / 2 + 1)
    out = np.empty_like(x)
    for c in range(x.shape[1]):
        near = [i for i in range(x.shape[1]) if abs(i - c) < reach or i == 0]
        out[:, c] = x[:, c] * (k + alpha / size * (x[:, near] ** 2).sum(1)) ** -beta
    return out


@pytest.mark.parametrize("size", [1, 2, 3, 5, 20])
def test_cross_map_normalization(size):
    x = normal(2, 7, 2, 3)
    layer = nn.CrossMapLRN2d(size, alpha=0.5, beta=0.6, k=2)
    near(layer(x), expected_cross_map(np.array(x.tolist()), size, 0.5, 0.6, 2), 1e-12)
    assert repr(layer) == f"CrossMapLRN2d({size}, alpha=0.5, beta=0.6, k=2)"
    x = x[:1].requires_grad_()
    assert cnn.autograd.gradcheck(layer, (x,)) and cnn.autograd.gradgradcheck(layer, (x,))
    with pytest.raises(ValueError, match="Expected input to be 4D, got 2D"):
        layer(cnn.ones(2, 2))


def test_sync_batch_norm_of_one_process_is_batch_norm():
    x = normal(4, 3, 5, dtype=cnn.float32)
    own, sync = nn.BatchNorm1d(3), nn.SyncBatchNorm(3, process_group=None)
    for _ in range(2):
        near(sync(x), np.array(own(x).tolist()), 0)
    near(sync.running_var, np.array(own.running_var.tolist()), 0)
    near(sync.eval()(x), np.array(own.eval()(x).tolist()), 0)
    with pytest.raises(ValueError, match="at least 2D input"):
        sync(cnn.ones(3))
    with pytest.raises(ValueError, match="channels should be non-zero"):
        sync(cnn.ones(3, 0))


def test_batch_norms_become_synchronous():
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Sequential(nn.BatchNorm2d(2), nn.ReLU()))
    net[1][0].eval()
    before = net[1][0]
    assert nn.SyncBatchNorm.convert_sync_batchnorm(net, "group") is net
    after = net[1][0]
    assert type(after) is nn.SyncBatchNorm and after.process_group == "group"
    assert after.weight is before.weight and after.running_mean is before.running_mean
    assert after.training is False and type(net[0]) is nn.Conv2d
    assert type(nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm1d(2))) is nn.SyncBatchNorm
    plain = nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm1d(2, affine=False))
    assert plain.weight is None and plain.bias is None


def test_several_tensors_behind_one_node():
    x, y = cnn.ones(2, requires_grad=True), cnn.ones(3)
    a, b = _functions.BackwardHookFunction.apply(x, y)
    (a * 3).sum().backward()
    assert x.grad.tolist() == [3, 3] and not b.requires_grad


# Gradients of convolutions ------------------------------------------------------------------------

CONVOLUTIONS = [
    (1, (2, 4, 9), (6, 2, 3), {"stride": 2, "padding": 1, "groups": 2}),
    (2, (1, 2, 6, 5), (3, 2, 2, 3), {"dilation": (2, 1), "padding": (0, 2)}),
    (3, (1, 2, 4, 3, 5), (2, 1, 2, 2, 2), {"stride": (1, 2, 3), "groups": 2}),
]


@pytest.mark.parametrize("dims, input_size, weight_size, options", CONVOLUTIONS)
def test_gradients_of_convolutions(dims, input_size, weight_size, options):
    convolution = getattr(F, f"conv{dims}d")
    of_input, of_weight = (getattr(grad, f"conv{dims}d_{name}") for name in ("input", "weight"))
    x, w = normal(*input_size).requires_grad_(), normal(*weight_size).requires_grad_()
    y = convolution(x, w, **options)
    g = normal(*y.shape).requires_grad_()
    expected = cnn.autograd.grad(y, (x, w), g)
    found = of_input(input_size, w, g, **options), of_weight(x, weight_size, g, **options)
    for ours, right in zip(found, expected):
        near(ours, np.array(right.tolist()), 1e-12)
    assert cnn.autograd.gradcheck(lambda w, g: of_input(input_size, w, g, **options), (w, g))
    assert cnn.autograd.gradcheck(lambda x, g: of_weight(x, weight_size, g, **options), (x, g))
    with cnn.no_grad():
        assert not of_input(input_size, w, g, **options).requires_grad
    with pytest.raises(RuntimeError):
        of_input(input_size, w, normal(2, 2), **options)


def test_helpers_of_functional():
    assert F._Reduction.get_enum("mean") == 1
    assert F._Reduction.legacy_get_enum(False, True, emit_warning=False) == 2
    assert F._list_with_default is utils._list_with_default
    F._verify_batch_size([2, 3])
    F._verify_spatial_size([1, 3, 2])
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        F._verify_batch_size([1, 3, 1])
    with pytest.raises(ValueError, match="more than 1 spatial element"):
        F._verify_spatial_size([2, 3, 1, 1])
    x = normal(1, 2, 6, 6)
    cnn.manual_seed(0)
    values, places = F.fractional_max_pool2d_with_indices(x, 2, output_size=3)
    cnn.manual_seed(0)
    assert F.fractional_max_pool2d(x, 2, output_size=3).tolist() == values.tolist()
    assert x.flatten(2).gather(2, places.flatten(2)).tolist() == values.flatten(2).tolist()
    assert len(F.fractional_max_pool3d_with_indices(normal(1, 1, 4, 4, 4), 2, 2)) == 2
