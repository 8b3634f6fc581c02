"""Values of all kinds as TensorBoard's messages."""

from __future__ import annotations

import io
import json
import struct
import wave

import numpy
from google.protobuf import struct_pb2
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

from ... import _C
from ._convert_np import make_np
from ._pictures import bytes_of, convert_to_HWC, frames_of, make_image, make_video

__all__ = [
    "audio",
    "compute_curve",
    "custom_scalars",
    "histogram",
    "histogram_raw",
    "hparams",
    "image",
    "image_boxes",
    "make_histogram",
    "mesh",
    "pr_curve",
    "pr_curve_raw",
    "scalar",
    "tensor_proto",
    "text",
    "video",
]


def _plugin(name, content=b""):
    """What says which plug-in shows a value."""
    return SummaryMetadata(
        plugin_data=SummaryMetadata.PluginData(plugin_name=name, content=content)
    )


def _one(tag, **value):
    return Summary(value=[Summary.Value(tag=tag, **value)])


def _shape(*sizes):
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in sizes])


# Numbers ------------------------------------------------------------------------------------------


def scalar(name, tensor, collections=None, new_style=False, double_precision=False):
    """One number; `double_precision` counts with `new_style` only."""
    array = make_np(tensor).squeeze()
    if array.ndim != 0:
        raise AssertionError(
            f"Tensor should contain one element (0 dimensions). Was given size: {array.size} and "
            f"{array.ndim} dimensions."
        )
    number = float(array)
    if not new_style:
        return _one(name, simple_value=number)
    if double_precision:
        message = TensorProto(double_val=[number], dtype="DT_DOUBLE")
    else:
        message = TensorProto(float_val=[number], dtype="DT_FLOAT")
    return _one(name, tensor=message, metadata=_plugin("scalars"))


def _bits(values):
    """Floats by their bits, as integers: the way of the messages for 16 bits."""
    return [struct.unpack("i", struct.pack("f", x))[0] for x in values]


# The name of the dtype, the field of the message that holds the values.
_FIELDS = {
    _C.float16: ("DT_HALF", "half_val"),
    _C.bfloat16: ("DT_BFLOAT16", "half_val"),
    _C.float32: ("DT_FLOAT", "float_val"),
    _C.float64: ("DT_DOUBLE", "double_val"),
    _C.int8: ("DT_INT8", "int_val"),
    _C.int16: ("DT_INT16", "int_val"),
    _C.int32: ("DT_INT32", "int_val"),
    _C.int64: ("DT_INT64", "int64_val"),
    _C.bool: ("DT_BOOL", "bool_val"),
    _C.uint8: ("DT_UINT8", "uint32_val"),
}


def tensor_proto(tag, tensor):
    """A whole tensor."""
    if tensor.numel() * tensor.itemsize >= 1 << 31:
        raise ValueError("tensor is bigger than protocol buffer's hard limit of 2GB in size")
    if tensor.dtype not in _FIELDS:
        raise ValueError(f"{tag} has unsupported tensor dtype {tensor.dtype}")
    name, field = _FIELDS[tensor.dtype]
    values = tensor.flatten().tolist()
    values = _bits(values) if field == "half_val" else values
    message = TensorProto(dtype=name, tensor_shape=_shape(*tensor.shape), **{field: values})
    return _one(tag, tensor=message, metadata=_plugin("tensor"))


def histogram_raw(name, min, max, num, sum, sum_squares, bucket_limits, bucket_counts):
    """A histogram that has been counted already: the right end of each bin, and its count."""
    message = HistogramProto(
        min=min,
        max=max,
        num=num,
        sum=sum,
        sum_squares=sum_squares,
        bucket_limit=bucket_limits,
        bucket=bucket_counts,
    )
    return _one(name, histo=message)


def histogram(name, values, bins, max_bins=None):
    """How many values lie in each of the bins, which NumPy's histogram understands."""
    return _one(name, histo=make_histogram(make_np(values).astype(float), bins, max_bins))


def make_histogram(values, bins, max_bins=None):
    """The message for values: of the bins only those from the first to the last that has any."""
    if values.size == 0:
        raise ValueError("The input has no element.")
    values = values.reshape(-1)
    counts, limits = numpy.histogram(values, bins=bins)
    if max_bins is not None and len(counts) > max_bins:
        counts, limits = _fewer(counts, limits, len(counts) // max_bins)
    filled = numpy.flatnonzero(counts)
    start, end = filled[0], filled[-1] + 1
    # Only right ends are said. An empty bin on the left tells where the first one begins.
    if start > 0:
        counts = counts[start - 1 : end]
    else:
        counts = numpy.concatenate([[0], counts[:end]])
    return HistogramProto(
        min=values.min(),
        max=values.max(),
        num=len(values),
        sum=values.sum(),
        sum_squares=values.dot(values),
        bucket_limit=limits[start : end + 1].tolist(),
        bucket=counts.tolist(),
    )


def _fewer(counts, limits, together):
    """Bins that hold `together` of the given ones each."""
    missing = len(counts) % together
    if missing:
        counts = numpy.pad(counts, (0, together - missing))
    counts = counts.reshape(-1, together).sum(-1)
    return counts, numpy.append(limits[:-1:together], limits[-1])


# Pictures, films, sounds, texts -------------------------------------------------------------------


def image(tag, tensor, rescale=1, dataformats="NCHW"):
    """A picture, or several side by side, of bytes or of floats from 0 to 1."""
    array = bytes_of(convert_to_HWC(make_np(tensor), dataformats))
    return _one(tag, image=make_image(array, rescale=rescale))


def image_boxes(tag, tensor_image, tensor_boxes, rescale=1, dataformats="CHW", labels=None):
    """A picture with boxes [N, 4] drawn into it: left, top, right, bottom in pixels."""
    array = bytes_of(convert_to_HWC(make_np(tensor_image), dataformats))
    boxes = make_np(tensor_boxes)
    return _one(tag, image=make_image(array, rescale=rescale, rois=boxes, labels=labels))


def video(tag, tensor, fps=4):
    """Films [N, time, channels, h, w] side by side, as a GIF."""
    return _one(tag, image=make_video(bytes_of(frames_of(make_np(tensor))), fps))


def audio(tag, tensor, sample_rate=44100):
    """A sound: numbers from -1 to 1."""
    array = make_np(tensor).squeeze()
    if abs(array).max() > 1:
        print("warning: audio amplitude out of range, auto clipped.")
        array = array.clip(-1, 1)
    if array.ndim != 1:
        raise AssertionError("input tensor should be 1 dimensional.")
    array = (array * numpy.iinfo(numpy.int16).max).astype("<i2")
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(array.data)
    sound = Summary.Audio(
        sample_rate=sample_rate,
        num_channels=1,
        length_frames=array.shape[-1],
        encoded_audio_string=stream.getvalue(),
        content_type="audio/wav",
    )
    return _one(tag, audio=sound)


def text(tag, text):
    """A text, shown as Markdown."""
    from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData

    message = TensorProto(
        dtype="DT_STRING", string_val=[text.encode("utf-8")], tensor_shape=_shape(1)
    )
    content = TextPluginData(version=0).SerializeToString()
    return _one(tag + "/text_summary", tensor=message, metadata=_plugin("text", content))


# What plug-ins show -------------------------------------------------------------------------------


def _hparam(value):
    """(type, field of the message, number or string) of a parameter."""
    if isinstance(value, (int, float)):
        return "DATA_TYPE_FLOAT64", "number_value", value
    if isinstance(value, str):
        return "DATA_TYPE_STRING", "string_value", value
    if isinstance(value, _C.Tensor):
        return "DATA_TYPE_FLOAT64", "number_value", make_np(value).reshape(-1)[0]
    raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")


def _check_hparams(hparam_dict, metric_dict, domain):
    for name, given in (
        ("hparam_dict", hparam_dict),
        ("metric_dict", metric_dict),
        ("hparam_domain_discrete", domain),
    ):
        if not isinstance(given, dict):
            raise TypeError(f"parameter: {name} should be a dictionary, nothing logged.")
    for name, choices in domain.items():
        fits = name in hparam_dict and isinstance(choices, list)
        if not fits or not all(isinstance(c, type(hparam_dict[name])) for c in choices):
            raise TypeError(
                f"parameter: hparam_domain_discrete[{name}] should be a list of same type as "
                f"hparam_dict[{name}]."
            )


def hparams(hparam_dict=None, metric_dict=None, hparam_domain_discrete=None):
    """Three messages: which parameters and metrics there are, a run's start, its end."""
    from tensorboard.plugins.hparams import api_pb2, metadata
    from tensorboard.plugins.hparams.plugin_data_pb2 import (
        HParamsPluginData,
        SessionEndInfo,
        SessionStartInfo,
    )

    domain = hparam_domain_discrete or {}
    _check_hparams(hparam_dict, metric_dict, domain)
    start, infos = SessionStartInfo(), []
    for name, value in hparam_dict.items():
        if value is None:
            continue
        kind, field, value = _hparam(value)
        setattr(start.hparams[name], field, value)
        info = api_pb2.HParamInfo(name=name, type=api_pb2.DataType.Value(kind))
        if name in domain:
            choices = [struct_pb2.Value(**{field: choice}) for choice in domain[name]]
            info.domain_discrete.CopyFrom(struct_pb2.ListValue(values=choices))
        infos.append(info)
    metrics = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag)) for tag in metric_dict]
    experiment = api_pb2.Experiment(hparam_infos=infos, metric_infos=metrics)
    end = SessionEndInfo(status=api_pb2.Status.Value("STATUS_SUCCESS"))

    def message(tag, **what):
        content = HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **what)
        return _one(tag, metadata=_plugin(metadata.PLUGIN_NAME, content.SerializeToString()))

    return (
        message(metadata.EXPERIMENT_TAG, experiment=experiment),
        message(metadata.SESSION_START_INFO_TAG, session_start_info=start),
        message(metadata.SESSION_END_INFO_TAG, session_end_info=end),
    )


def custom_scalars(layout):
    """Which scalars are drawn together: {category: {chart: ["Multiline" or "Margin", tags]}}."""
    from tensorboard.plugins.custom_scalar import layout_pb2

    categories = []
    for title, charts in layout.items():
        messages = []
        for name, (kind, tags) in ((name, chart[:2]) for name, chart in charts.items()):
            if kind == "Margin":
                if len(tags) != 3:
                    raise AssertionError("len(tags) != 3")
                series = layout_pb2.MarginChartContent.Series(
                    value=tags[0], lower=tags[1], upper=tags[2]
                )
                margin = layout_pb2.MarginChartContent(series=[series])
                messages.append(layout_pb2.Chart(title=name, margin=margin))
            else:
                lines = layout_pb2.MultilineChartContent(tag=tags)
                messages.append(layout_pb2.Chart(title=name, multiline=lines))
        categories.append(layout_pb2.Category(title=title, chart=messages))
    content = layout_pb2.Layout(category=categories).SerializeToString()
    message = TensorProto(dtype="DT_STRING", string_val=[content], tensor_shape=TensorShapeProto())
    return _one("custom_scalars__config__", tensor=message, metadata=_plugin("custom_scalars"))


_MOST_THRESHOLDS = 127  # of the plug-in


def pr_curve_raw(tag, tp, fp, tn, fn, precision, recall, num_thresholds=127, weights=None):
    """Precision and recall at each threshold, counted already."""
    return _curve(tag, numpy.stack((tp, fp, tn, fn, precision, recall)), num_thresholds)


def pr_curve(tag, labels, predictions, num_thresholds=127, weights=None):
    """Precision and recall at each threshold, of labels 0 and 1 and predictions from 0 to 1."""
    num_thresholds = min(num_thresholds, _MOST_THRESHOLDS)
    return _curve(tag, compute_curve(labels, predictions, num_thresholds, weights), num_thresholds)


def _curve(tag, data, num_thresholds):
    from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData

    content = PrCurvePluginData(version=0, num_thresholds=min(num_thresholds, _MOST_THRESHOLDS))
    message = TensorProto(
        dtype="DT_FLOAT", float_val=data.reshape(-1).tolist(), tensor_shape=_shape(*data.shape)
    )
    metadata = _plugin("pr_curves", content.SerializeToString())
    return _one(tag, tensor=message, metadata=metadata)


def compute_curve(labels, predictions, num_thresholds=None, weights=None):
    """[6, thresholds]: true and false positives, true and false negatives, precision, recall."""
    weights = 1.0 if weights is None else weights
    bucket = numpy.int32(numpy.floor(predictions * (num_thresholds - 1)))
    labels = labels.astype(numpy.float64)

    def at_least(weights):
        counts, _ = numpy.histogram(
            bucket, bins=num_thresholds, range=(0, num_thresholds - 1), weights=weights
        )
        return numpy.cumsum(counts[::-1])[::-1]

    tp, fp = at_least(labels * weights), at_least((1.0 - labels) * weights)
    tn, fn = fp[0] - fp, tp[0] - tp
    precision = tp / numpy.maximum(1e-7, tp + fp)
    recall = tp / numpy.maximum(1e-7, tp + fn)
    return numpy.stack((tp, fp, tn, fn, precision, recall))


def mesh(tag, vertices, colors, faces, config_dict, display_name=None, description=None):
    """Points [batch, N, 3], their colours, and triangles of them."""
    from tensorboard.plugins.mesh import metadata
    from tensorboard.plugins.mesh.plugin_data_pb2 import MeshPluginData

    config = "{}" if config_dict is None else json.dumps(config_dict, sort_keys=True)
    parts = [
        (_C.as_tensor(tensor), kind)
        for tensor, kind in (
            (vertices, MeshPluginData.VERTEX),
            (faces, MeshPluginData.FACE),
            (colors, MeshPluginData.COLOR),
        )
        if tensor is not None
    ]
    components = metadata.get_components_bitmask([kind for _, kind in parts])
    values = []
    for tensor, kind in parts:
        about = metadata.create_summary_metadata(
            tag, display_name, kind, components, tensor.shape, description, json_config=config
        )
        message = TensorProto(
            dtype="DT_FLOAT",
            float_val=tensor.reshape(-1).tolist(),
            tensor_shape=_shape(*tensor.shape[:3]),
        )
        name = metadata.get_instance_name(tag, kind)
        values.append(Summary.Value(tag=name, tensor=message, metadata=about))
    return Summary(value=values)
