"""What an installed torchvision finds in place of its compiled libraries: `ops.torchvision`, by
this package's own ops, and `ops.image`, by Pillow.

Its library is linked to PyTorch's and is not loaded; its Python is. Gradients, shapes on the meta
device and dtypes under autocast are stated in the ops themselves.
"""

from __future__ import annotations

from cnn import _C
from cnn.library import Library

_ROI = "Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width"
_GRAD = "Tensor grad, Tensor rois"
_SIZE = "float spatial_scale, SymInt pooled_height, SymInt pooled_width"
_INPUT = "SymInt batch_size, SymInt channels, SymInt height, SymInt width"
_DEFORM = (
    "Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, SymInt stride_h, "
    "SymInt stride_w, SymInt pad_h, SymInt pad_w, SymInt dilation_h, SymInt dilation_w, "
    "SymInt groups, SymInt offset_groups, bool use_mask"
)
_OPS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "box_iou_rotated(Tensor boxes1, Tensor boxes2) -> Tensor",
    f"roi_align(Tensor input, {_ROI}, int sampling_ratio, bool aligned) -> Tensor",
    f"_roi_align_backward({_GRAD}, {_SIZE}, {_INPUT}, int sampling_ratio, bool aligned) -> Tensor",
    f"ps_roi_align(Tensor input, {_ROI}, int sampling_ratio) -> (Tensor, Tensor)",
    f"_ps_roi_align_backward({_GRAD}, Tensor channel_mapping, {_SIZE}, int sampling_ratio, "
    f"{_INPUT}) -> Tensor",
    f"roi_pool(Tensor input, {_ROI}) -> (Tensor, Tensor)",
    f"_roi_pool_backward({_GRAD}, Tensor argmax, {_SIZE}, {_INPUT}) -> Tensor",
    f"ps_roi_pool(Tensor input, {_ROI}) -> (Tensor, Tensor)",
    f"_ps_roi_pool_backward({_GRAD}, Tensor channel_mapping, {_SIZE}, {_INPUT}) -> Tensor",
    f"deform_conv2d({_DEFORM}) -> Tensor",
    f"_deform_conv2d_backward(Tensor grad, {_DEFORM}) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)
_QUANTIZED = (
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    f"qroi_align(Tensor input, {_ROI}, int sampling_ratio, bool aligned) -> Tensor",
)
_IMAGE = (
    "read_file(str filename) -> Tensor",
    "write_file(str filename, Tensor data) -> ()",
    "decode_image(Tensor data, int mode, bool apply_exif_orientation=False) -> Tensor",
    "decode_png(Tensor data, int mode, bool apply_exif_orientation=False) -> Tensor",
    "decode_jpeg(Tensor data, int mode, bool apply_exif_orientation=False) -> Tensor",
    "decode_webp(Tensor encoded_data, int mode) -> Tensor",
    "decode_gif(Tensor encoded_data) -> Tensor",
    "encode_png(Tensor data, int compression_level) -> Tensor",
    "encode_jpeg(Tensor data, int quality) -> Tensor",
)
_libraries = {}


def _define(name, kernels):
    """Defines the operators of a namespace: {schema: function}."""
    if name in _libraries:
        return
    library = _libraries[name] = Library(name, "DEF")
    for schema, kernel in kernels.items():
        library.define(schema)
        library.impl(schema.partition("(")[0], kernel, "CompositeImplicitAutograd")


def _refuse_quantized(*args):
    raise NotImplementedError("there are no quantized tensors; use nms and roi_align of floats")


def provide_ops():
    """Instead of torchvision/_C.so."""
    kernels = {schema: getattr(_C, "_vision_" + schema.partition("(")[0]) for schema in _OPS}
    kernels |= dict.fromkeys(_QUANTIZED, _refuse_quantized)
    _define("torchvision", kernels | {"_cuda_version() -> int": lambda: -1})


def provide_image_ops():
    """Instead of torchvision/image.so."""
    from .io import _codecs

    kernels = {schema: getattr(_codecs, schema.partition("(")[0]) for schema in _IMAGE}
    _define("image", kernels | {"_is_compiled_against_turbo() -> bool": lambda: True})
