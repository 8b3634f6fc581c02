"""This package's own functions under PyTorch's names for operators: `cnn.ops.aten.add.Tensor`.

They serve to compare with, as lists of operators do, and to call: every overload calls the
function.
"""

from __future__ import annotations

import sys

from . import _C
from ._ops import OpOverload, OpOverloadPacket

# The names of overloads, and the operators that have these.
_TABLE = """
    default | abs_ absolute_ acos_ acosh_ adaptive_max_pool1d addbmm_ addcdiv_ addcmul_ addmm_
      addmv_ addr_ allclose arccos_ arccosh_ arcsin_ arcsinh_ arctan2_ arctan_ arctanh_ argwhere
      as_strided as_strided_ asin_ asinh_ atan2_ atan_ atanh_ baddbmm_ batch_norm bitwise_not_
      broadcast_to can_cast cauchy_ cdist ceil_ celu_ chunk combinations contiguous
      conv_transpose1d corrcoef cos_ cosh_ cov cross_entropy_loss cumprod_ cumsum_ deg2rad_
      detach detach_ diagflat diagonal digamma_ dropout dropout_ element_size elu_ equal erf_
      erfc_ erfinv_ exp2_ exp_ expand expand_as expm1_ exponential_ fix_ fliplr flipud floor_
      frac_ gcd_ gelu_ geometric_ group_norm gru_cell hardsigmoid_ hardswish_ hardtanh_
      heaviside_ hypot_ index_add_ index_copy_ index_reduce_ instance_norm is_complex is_conj
      is_floating_point is_inference is_neg is_pinned is_same_size is_set_to is_signed isclose
      isfinite isreal layer_norm lcm_ ldexp_ leaky_relu_ lgamma_ log10_ log1p_ log2_ log_
      log_normal_ logical_and_ logical_not_ logical_or_ logical_xor_ logit_ lstm_cell
      manual_seed masked_scatter_ max_pool1d max_pool1d_with_indices max_pool2d max_pool3d mish_
      nan_to_num_ neg_ negative_ nextafter_ nll_loss_nd normal_ numel one_hot permute pin_memory
      positive prelu promote_types put_ rad2deg_ ravel reciprocal_ relu_ reshape reshape_as
      resize_ resize_as_ retain_grad rms_norm rnn_relu_cell rnn_tanh_cell rsqrt_
      scaled_dot_product_attention scatter_add_ seed selu selu_ sgn_ sigmoid_ sign_ silu_ sin_
      sinc_ sinh_ size split_with_sizes sqrt_ square_ storage_offset stride sum_to_size swapaxes
      swapaxes_ swapdims swapdims_ t t_ tan_ tanh_ tensor threshold_ tile transpose_ tril_ triu_
      trunc_ type_as unfold uniform_ unsqueeze unsqueeze_ view_as zero_
    default out | abs absolute adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
      adaptive_max_pool2d adaptive_max_pool3d addbmm addcdiv addcmul addmv addr amax amin
      aminmax arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin
      as_strided_scatter avg_pool1d avg_pool2d avg_pool3d binary_cross_entropy
      binary_cross_entropy_with_logits bincount bitwise_not cat celu clone column_stack concat
      concatenate constant_pad_nd convolution cross cummax cummin cumprod cumsum deg2rad diag
      diag_embed diff digamma dist dot dstack elu embedding empty_like empty_strided erfinv exp2
      fix flip fmax fmin frac full full_like gather gcd gelu ger hardshrink hardsigmoid
      hardswish hardtanh heaviside histc hstack huber_loss hypot index_add index_copy
      index_reduce index_select inner isinf isnan isneginf isposinf kron lcm leaky_relu
      linalg_vector_norm linear log2 log_sigmoid logaddexp logaddexp2 logcumsumexp logical_and
      logical_not logical_or logical_xor logit logsumexp masked_scatter masked_select matmul
      max_pool2d_with_indices max_pool3d_with_indices maximum minimum mish mse_loss msort
      multinomial mv nan_to_num nanmean nansum native_layer_norm negative new_empty new_full
      new_ones new_zeros nextafter nll_loss nonzero ones ones_like outer polygamma put rad2deg
      rand rand_like randn randn_like randperm reciprocal reflection_pad1d reflection_pad2d
      reflection_pad3d relu repeat replication_pad1d replication_pad2d replication_pad3d roll
      rot90 row_stack rsqrt scalar_tensor scatter_add sgn sigmoid sign signbit silu sinc
      smooth_l1_loss softplus softshrink square stack take take_along_dim threshold trace tril
      tril_indices triu triu_indices trunc unique_consecutive vdot vstack zeros zeros_like
    Scalar Tensor | bitwise_and_ bitwise_or_ bitwise_xor_ bucketize copysign_ eq_ fill fill_
      float_power_ floor_divide_ fmod_ ge_ greater greater_ greater_equal greater_equal_ gt_ le_
      lerp lerp_ less less_ less_equal less_equal_ lt_ masked_fill masked_fill_ multiply_ ne_
      not_equal not_equal_ pow_ remainder_ rsub searchsorted sub_ subtract_ true_divide_
    Scalar default out | acos acosh asin asinh atan atanh ceil cos cosh erf erfc exp expm1 floor
      floor_divide lgamma log10 log1p neg sin sinh sqrt tan tanh
    default out vec | upsample_bicubic2d upsample_bilinear2d upsample_linear1d
      upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_trilinear3d
    Tensor default | clamp_ clamp_max_ clamp_min_ clip_ copy_ narrow
    Scalar Tensor default | fmod ge gt le lt
    Tensor default out | clamp clamp_max clamp_min clip ldexp
    data input | gru lstm rnn_relu rnn_tanh
    default dtype out | addmm baddbmm bmm mm
    Scalar Scalar_Tensor Tensor | bitwise_and bitwise_or bitwise_xor
    Scalar Tensor out | multiply subtract true_divide
    Sequence default | atleast_1d atleast_2d atleast_3d
    array | dsplit hsplit vsplit
    default padding | conv1d conv2d conv3d
    default values | kthvalue mode topk
    Scalar Scalar_mode Tensor Tensor_mode | div_ divide_
    Scalar Tensor Tensor_list default device enum float_list int_list | eq ne
    Scalar Tensor default out | copysign sub
    Scalar Tensor t | add_ mul_
    Scalar_Tensor Tensor Tensor_Scalar | bitwise_left_shift bitwise_right_shift
    Scalar_Tensor Tensor_Scalar Tensor_Tensor default out | linspace logspace
    Tensor Tensor_Scalar | bitwise_left_shift_ bitwise_right_shift_
    correction default dim | std_mean var_mean
    correction default dim out | std var
    default dim dim_values out | median nanmedian
    default dim dims | squeeze squeeze_
    default dim dims out | all any
    default dim_IntList out | count_nonzero sum
    default out scalar | nanquantile quantile
    input | conv_transpose2d conv_transpose3d
    int_Scalar int_Tensor | index_fill index_fill_
    intlist | moveaxis movedim
    reduce src value value_reduce | scatter scatter_
    two | scatter_reduce scatter_reduce_
    OutScalar_Other OutScalar_Self OutTensor Scalar_Other Scalar_Self Tensor | xlogy
    Scalar ScalarOpt_dim ScalarOpt_dim_dtype ScalarOpt_dtype out | norm
    Scalar ScalarOther ScalarSelf default self | where
    Scalar Scalar_Scalar Tensor_Scalar Tensor_Tensor int_to_int | pow
    Scalar Scalar_Scalar default float_float int_int out | log
    Scalar Scalar_Tensor Tensor default | remainder
    Scalar Scalar_mode Tensor Tensor_mode default out out_mode | div
    Scalar Scalar_mode Tensor Tensor_mode out out_mode | divide
    Scalar Tensor default out right_ | mul
    Scalar Tensor default out t | add
    Scalar Tensor_Scalar Tensor_Tensor | float_power
    Scalar decimals default out | round
    Scalar_Other Tensor | xlogy_
    Scalar_Scalar default out | atan2
    Scalar_Tensor Tensor_Scalar Tensor_Tensor | isin
    Tensor | bernoulli_
    Tensor Tensor_hacked_twin list_Tensor list_float list_int | index
    Tensor any default stable values values_stable | sort
    Tensor default low_dtype out | randint_like
    Tensor default out p | bernoulli
    Tensor default sizes | split
    Tensor self_Tensor self_int | repeat_interleave
    TensorList default | backward
    Tensor_Tensor Tensor_float float_Tensor float_float out | normal
    decimals default | round_
    default dim dim_max other out | max
    default dim dim_min other out | min
    default dim out | mean
    default dim_int out | prod
    default dtype | view
    default from to | random_
    default hacked_twin | index_put_
    default hacked_twin out | index_put
    default list | as_tensor
    default low out | randint
    default m out | eye
    default memory_format | is_contiguous
    default out start start_step | arange
    default source_Storage source_Storage_storage_offset source_Tensor
      source_Tensor_storage_offset | set_
    default stable | argsort
    device dtype other prim_Device prim_dtype prim_other | to
    indices sections tensor_indices_or_sections | tensor_split
    memory_format out | empty
    t | select
    using_ints | flatten
"""


class _Own(OpOverload):
    """An overload of a function of this package."""

    def __init__(self, packet, overload, function):
        self._overloadpacket, self._overloadname, self._tags = packet, overload, ()
        self._name = packet._qualified_op_name + ("" if overload == "default" else f".{overload}")
        self.__name__ = f"{packet.__name__}.{overload}"
        self.__qualname__, self.__module__ = self._name, packet.__module__
        self._kernels, self._fake = {"CompositeImplicitAutograd": function}, None
        self._function = function

    @property
    def _schema(self):
        raise NotImplementedError(
            f"{self}: cnn's own functions have signatures, not PyTorch's schemas"
        )

    def __call__(self, /, *args, **kwargs):
        values = (*args, *kwargs.values())
        if _C._has_torch_function(values):
            return _C._handle_torch_function(self, values, *args, **kwargs)
        return self._function(*_positional(args, kwargs), **kwargs)

    redispatch = None


def _positional(args, kwargs):
    # PyTorch calls the first argument of nearly every operator "self".
    return (kwargs.pop("self"), *args) if "self" in kwargs else args


class _OwnPacket(OpOverloadPacket):
    """All overloads of a function of this package, which is what calling it calls."""

    def __call__(self, /, *args, **kwargs):
        return next(iter(self._overloads.values()))(*args, **kwargs)


def _parse():
    overloads_of = {}
    for line in _TABLE.replace("\n      ", " ").strip().splitlines():
        overloads, _, names = line.partition("|")
        overloads_of.update(dict.fromkeys(names.split(), tuple(overloads.split())))
    return overloads_of


_overloads = _parse()


def overloads_of(name):
    """The packet of a function of this package; None if there is none of that name."""
    if name not in _overloads:
        return None
    function = getattr(sys.modules["cnn"], name, None) or getattr(_C.Tensor, name)
    packet = _OwnPacket(f"aten::{name}", name, {})
    for overload in _overloads[name]:
        packet._overloads[overload] = _Own(packet, overload, function)
    return packet
