"""Layers and losses with inputs for them.

A row of LAYERS is (class name, constructor arguments, keyword arguments, input shapes or makers),
one of LOSSES the same without constructor arguments.
"""

from __future__ import annotations

import numpy as np


def labels(*shape, high=3):
    return ("int64", shape, 0, high)


def signs(*shape):
    return ("sign", shape)


def probabilities(*shape):
    return ("unit", shape)


def positive(*shape):
    return ("positive", shape)


LAYERS = [
    ("Identity", (), {}, [(2, 3)]),
    ("Linear", (5, 3), {}, [(2, 5)]),
    ("Linear", (5, 3), {"bias": False}, [(2, 4, 5)]),
    ("Bilinear", (3, 4, 2), {}, [(5, 3), (5, 4)]),
    ("Bilinear", (3, 4, 2), {"bias": False}, [(2, 5, 3), (2, 5, 4)]),
    ("LazyLinear", (3,), {}, [(2, 5)]),
    ("LazyLinear", (3,), {"bias": False}, [(2, 5)]),
    ("Flatten", (), {}, [(2, 3, 4)]),
    ("Unflatten", (1, (2, 3)), {}, [(2, 6)]),
    ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 1, "groups": 2}, [(2, 4, 9)]),
    ("Conv1d", (2, 3, 3), {"padding": 2, "padding_mode": "circular"}, [(2, 2, 5)]),
    ("Conv2d", (1, 2, 3), {}, [(2, 1, 6, 6)]),
    ("Conv2d", (2, 4, (3, 2)), {"padding": "same", "dilation": (2, 1)}, [(2, 2, 6, 5)]),
    ("Conv2d", (2, 4, 3), {"padding": (1, 2), "padding_mode": "reflect"}, [(2, 2, 6, 5)]),
    ("Conv2d", (2, 4, 4), {"padding": "same", "padding_mode": "replicate"}, [(2, 2, 6, 5)]),
    ("Conv2d", (2, 4, 3), {"bias": False, "padding": "valid"}, [(2, 6, 5)]),
    ("Conv3d", (2, 3, 2), {"stride": (1, 2, 1)}, [(1, 2, 3, 4, 3)]),
    ("ConvTranspose1d", (2, 3, 3), {"stride": 2, "output_padding": 1}, [(2, 2, 4)]),
    ("ConvTranspose2d", (4, 2, 3), {"groups": 2, "padding": 1, "dilation": 2}, [(1, 4, 5, 4)]),
    ("ConvTranspose3d", (2, 2, 2), {"stride": 2}, [(1, 2, 2, 3, 2)]),
    ("LazyConv1d", (3, 2), {}, [(2, 4, 6)]),
    ("LazyConv2d", (4, 3), {"padding": 1, "groups": 2}, [(2, 2, 5, 5)]),
    ("LazyConv3d", (2, 2), {"bias": False}, [(1, 2, 3, 3, 3)]),
    ("LazyConvTranspose1d", (3, 2), {}, [(2, 4, 6)]),
    ("LazyConvTranspose2d", (2, 3), {"stride": 2}, [(2, 2, 4, 4)]),
    ("LazyConvTranspose3d", (2, 2), {}, [(1, 2, 2, 3, 2)]),
    ("MaxPool1d", (2,), {}, [(2, 3, 8)]),
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}, [(2, 3, 8, 7)]),
    ("MaxPool2d", ((2, 3),), {"dilation": (1, 2), "return_indices": True}, [(2, 3, 8, 7)]),
    ("MaxPool3d", (2,), {}, [(1, 2, 4, 4, 4)]),
    ("AvgPool1d", (3,), {"stride": 2, "padding": 1}, [(2, 3, 8)]),
    ("AvgPool2d", (3,), {"padding": 1, "count_include_pad": False}, [(2, 3, 8, 7)]),
    ("AvgPool2d", (2,), {"divisor_override": 3}, [(2, 3, 8, 7)]),
    ("AvgPool3d", (2,), {}, [(1, 2, 4, 4, 4)]),
    ("LPPool1d", (2, 3), {}, [(2, 3, 9)]),
    ("LPPool2d", (2, (2, 3)), {"stride": 2}, [(2, 3, 8, 9)]),
    ("LPPool2d", (float("inf"), 2), {}, [(2, 3, 8, 9)]),
    ("LPPool3d", (2, 2), {}, [(1, 2, 4, 4, 4)]),
    ("AdaptiveMaxPool1d", (3,), {"return_indices": True}, [(2, 3, 8)]),
    ("AdaptiveMaxPool2d", ((3, None),), {}, [(2, 3, 8, 7)]),
    ("AdaptiveMaxPool3d", (2,), {}, [(1, 2, 4, 5, 4)]),
    ("AdaptiveAvgPool1d", (3,), {}, [(2, 3, 8)]),
    ("AdaptiveAvgPool2d", ((None, 3),), {}, [(2, 3, 8, 7)]),
    ("AdaptiveAvgPool3d", (2,), {}, [(1, 2, 4, 5, 4)]),
    ("BatchNorm1d", (4,), {}, [(5, 4)]),
    ("BatchNorm1d", (4,), {"momentum": None}, [(5, 4, 3)]),
    ("BatchNorm2d", (3,), {"affine": False}, [(2, 3, 4, 4)]),
    ("BatchNorm2d", (3,), {"track_running_stats": False, "bias": False}, [(2, 3, 4, 4)]),
    ("BatchNorm3d", (2,), {"eps": 1e-3}, [(2, 2, 3, 2, 2)]),
    ("LazyBatchNorm1d", (), {}, [(5, 4)]),
    ("LazyBatchNorm2d", (), {"affine": False}, [(2, 3, 4, 4)]),
    ("LazyBatchNorm3d", (), {}, [(2, 2, 3, 2, 2)]),
    ("InstanceNorm1d", (3,), {}, [(2, 3, 5)]),
    ("InstanceNorm2d", (3,), {"affine": True, "track_running_stats": True}, [(2, 3, 4, 5)]),
    ("InstanceNorm2d", (3,), {"affine": True}, [(3, 4, 5)]),
    ("InstanceNorm3d", (2,), {}, [(2, 2, 3, 2, 2)]),
    ("LazyInstanceNorm1d", (), {}, [(2, 3, 5)]),
    ("LazyInstanceNorm2d", (), {}, [(2, 3, 4, 5)]),
    ("LazyInstanceNorm3d", (), {}, [(2, 2, 3, 2, 2)]),
    ("LocalResponseNorm", (3,), {"alpha": 0.5}, [(2, 5, 4)]),
    ("LocalResponseNorm", (2,), {"alpha": 0.5, "k": 2}, [(2, 5, 4, 3)]),
    ("LayerNorm", (4,), {}, [(3, 4)]),
    ("LayerNorm", ([3, 4],), {"bias": False}, [(2, 3, 4)]),
    ("LayerNorm", (4,), {"elementwise_affine": False}, [(3, 4)]),
    ("GroupNorm", (2, 4), {}, [(3, 4, 5)]),
    ("GroupNorm", (2, 4), {"affine": False}, [(3, 4, 5)]),
    ("RMSNorm", (4,), {}, [(3, 4)]),
    ("RMSNorm", ((3, 4),), {"eps": 1e-3, "elementwise_affine": False}, [(2, 3, 4)]),
    ("Threshold", (0.1, 2.0), {}, [(3, 4)]),
    ("ReLU", (), {}, [(3, 4)]),
    ("RReLU", (), {"lower": 0.2, "upper": 0.2}, [(3, 4)]),
    ("Hardtanh", (-0.5, 0.7), {}, [(3, 4)]),
    ("ReLU6", (), {}, [(3, 4)]),
    ("Sigmoid", (), {}, [(3, 4)]),
    ("Hardsigmoid", (), {}, [(3, 4)]),
    ("Tanh", (), {}, [(3, 4)]),
    ("SiLU", (), {}, [(3, 4)]),
    ("Mish", (), {}, [(3, 4)]),
    ("Hardswish", (), {}, [(3, 4)]),
    ("ELU", (), {"alpha": 0.5}, [(3, 4)]),
    ("CELU", (), {"alpha": 0.5}, [(3, 4)]),
    ("SELU", (), {}, [(3, 4)]),
    ("GLU", (), {"dim": 1}, [(3, 4)]),
    ("GELU", (), {}, [(3, 4)]),
    ("GELU", ("tanh",), {}, [(3, 4)]),
    ("Hardshrink", (), {}, [(3, 4)]),
    ("LeakyReLU", (0.2,), {}, [(3, 4)]),
    ("LogSigmoid", (), {}, [(3, 4)]),
    ("Softplus", (2.0, 1.0), {}, [(3, 4)]),
    ("Softshrink", (), {}, [(3, 4)]),
    ("PReLU", (), {}, [(3, 4)]),
    ("PReLU", (4,), {"init": 0.1}, [(3, 4)]),
    ("Softsign", (), {}, [(3, 4)]),
    ("Tanhshrink", (), {}, [(3, 4)]),
    ("Softmin", (1,), {}, [(3, 4)]),
    ("Softmax", (), {"dim": -1}, [(3, 4)]),
    ("Softmax2d", (), {}, [(2, 3, 4, 5)]),
    ("LogSoftmax", (1,), {}, [(3, 4)]),
    ("Dropout", (0.4,), {}, [(6, 7)]),
    ("Dropout1d", (0.4,), {}, [(6, 7, 2)]),
    ("Dropout2d", (0.4,), {}, [(6, 7, 2, 2)]),
    ("Dropout3d", (0.4,), {}, [(3, 4, 2, 2, 2)]),
    ("AlphaDropout", (0.4,), {}, [(6, 7)]),
    ("FeatureAlphaDropout", (0.4,), {}, [(6, 7, 2)]),
    ("Embedding", (5, 3), {}, [labels(2, 4, high=5)]),
    ("Embedding", (5, 3), {"padding_idx": -1, "max_norm": 1.0}, [labels(2, 4, high=5)]),
    ("Embedding", (5, 3), {"scale_grad_by_freq": True}, [labels(2, 4, high=5)]),
    ("CircularPad1d", (2,), {}, [(2, 3, 5)]),
    ("CircularPad2d", ((1, 2, 0, 1),), {}, [(2, 3, 4, 5)]),
    ("CircularPad2d", ((-1, 2, 0, 1),), {}, [(2, 3, 4, 5)]),
    ("CircularPad3d", (1,), {}, [(1, 2, 3, 3, 3)]),
    ("ConstantPad1d", ((1, 2), 3.5), {}, [(2, 3, 5)]),
    ("ConstantPad2d", (1, 3.5), {}, [(2, 3, 4, 5)]),
    ("ConstantPad3d", (-1, 3.5), {}, [(1, 2, 3, 3, 3)]),
    ("ReflectionPad1d", (2,), {}, [(2, 3, 5)]),
    ("ReflectionPad2d", ((1, 2, 0, 1),), {}, [(2, 3, 4, 5)]),
    ("ReflectionPad3d", (1,), {}, [(1, 2, 3, 3, 3)]),
    ("ReplicationPad1d", (2,), {}, [(2, 3, 5)]),
    ("ReplicationPad2d", ((1, 2, 0, 1),), {}, [(2, 3, 4, 5)]),
    ("ReplicationPad3d", (1,), {}, [(1, 2, 3, 3, 3)]),
    ("ZeroPad1d", (2,), {}, [(2, 3, 5)]),
    ("ZeroPad2d", ((1, 2, 0, -1),), {}, [(2, 3, 4, 5)]),
    ("ZeroPad3d", (1,), {}, [(1, 2, 3, 3, 3)]),
    ("PixelShuffle", (2,), {}, [(2, 8, 3, 4)]),
    ("PixelUnshuffle", (2,), {}, [(3, 2, 4, 6)]),
    ("ChannelShuffle", (3,), {}, [(2, 6, 3, 2)]),
    ("Upsample", (), {"scale_factor": 2}, [(2, 3, 4, 5)]),
    ("Upsample", (), {"scale_factor": (1.5, 2.0), "mode": "bilinear"}, [(2, 3, 4, 5)]),
    ("Upsample", (7,), {"mode": "linear", "align_corners": True}, [(2, 3, 4)]),
    ("Upsample", ((5, 6),), {"mode": "bicubic"}, [(2, 3, 4, 5)]),
    ("Upsample", (), {"scale_factor": 0.5, "mode": "area"}, [(2, 3, 4, 6)]),
    ("Upsample", ((2, 3, 4),), {"mode": "trilinear"}, [(1, 2, 3, 3, 3)]),
    ("UpsamplingNearest2d", (), {"scale_factor": 2}, [(2, 3, 4, 5)]),
    ("UpsamplingBilinear2d", ((6, 7),), {}, [(2, 3, 4, 5)]),
    ("Fold", ((4, 5), (2, 3)), {"padding": 1}, [(2, 12, 25)]),
    ("Unfold", ((2, 3),), {"stride": 2, "padding": 1}, [(2, 3, 5, 6)]),
    ("PairwiseDistance", (), {}, [(4, 5), (4, 5)]),
    ("PairwiseDistance", (1.0,), {"keepdim": True}, [(4, 5), (4, 5)]),
    ("CosineSimilarity", (), {}, [(4, 5), (4, 5)]),
    ("CosineSimilarity", (-1,), {"eps": 0.5}, [(3, 1, 5), (4, 5)]),
    ("MaxUnpool1d", (2,), {}, [(1, 2, 3), ("index", (1, 2, 3), 6)]),
    ("MaxUnpool2d", (2,), {}, [(1, 2, 3, 3), ("index", (1, 2, 3, 3), 36)]),
    ("FractionalMaxPool2d", (2,), {"output_ratio": 0.5}, [(2, 3, 8, 8)]),
    ("FractionalMaxPool3d", (2,), {"output_size": (3, 2, 3)}, [(1, 2, 6, 6, 6)]),
]

LOSSES = [
    ("L1Loss", {}, [(3, 4), (3, 4)]),
    ("MSELoss", {}, [(3, 4), (3, 4)]),
    ("SmoothL1Loss", {"beta": 0.5}, [(3, 4), (3, 4)]),
    ("SmoothL1Loss", {"beta": 0.0}, [(3, 4), (3, 4)]),
    ("HuberLoss", {"delta": 0.7}, [(3, 4), (3, 4)]),
    ("NLLLoss", {"ignore_index": 1}, [(6, 3), labels(6)]),
    ("NLLLoss", {}, [(2, 3, 4), labels(2, 4)]),
    ("CrossEntropyLoss", {}, [(6, 3), labels(6)]),
    ("CrossEntropyLoss", {"label_smoothing": 0.1, "ignore_index": 0}, [(6, 3), labels(6)]),
    ("CrossEntropyLoss", {}, [(6, 3), probabilities(6, 3)]),
    ("CrossEntropyLoss", {}, [(2, 3, 4, 5), labels(2, 4, 5)]),
    ("BCELoss", {}, [probabilities(3, 4), probabilities(3, 4)]),
    ("BCEWithLogitsLoss", {}, [(3, 4), probabilities(3, 4)]),
    ("KLDivLoss", {}, [(3, 4), probabilities(3, 4)]),
    ("KLDivLoss", {"log_target": True}, [(3, 4), (3, 4)]),
    ("PoissonNLLLoss", {}, [(3, 4), positive(3, 4)]),
    ("PoissonNLLLoss", {"log_input": False, "full": True}, [positive(3, 4), positive(3, 4)]),
    ("GaussianNLLLoss", {}, [(3, 4), (3, 4), positive(3, 4)]),
    ("GaussianNLLLoss", {"full": True}, [(3, 4), (3, 4), positive(3, 1)]),
    ("HingeEmbeddingLoss", {"margin": 0.5}, [(3, 4), signs(3, 4)]),
    ("CosineEmbeddingLoss", {"margin": 0.2}, [(5, 4), (5, 4), signs(5)]),
    ("MarginRankingLoss", {"margin": 0.3}, [(5,), (5,), signs(5)]),
    ("MultiLabelMarginLoss", {}, [(3, 4), ("labelset", (3, 4))]),
    ("SoftMarginLoss", {}, [(3, 4), signs(3, 4)]),
    ("MultiLabelSoftMarginLoss", {}, [(3, 4), probabilities(3, 4)]),
    ("MultiMarginLoss", {}, [(5, 3), labels(5)]),
    ("MultiMarginLoss", {"p": 2, "margin": 0.5}, [(5, 3), labels(5)]),
    ("MultiMarginLoss", {}, [(3,), labels()]),
    ("TripletMarginLoss", {"swap": True}, [(5, 4), (5, 4), (5, 4)]),
    ("TripletMarginWithDistanceLoss", {}, [(5, 4), (5, 4), (5, 4)]),
]


def make(rng, spec):
    """A NumPy input from a shape or from a marked tuple."""
    if not spec or not isinstance(spec[0], str):
        return rng.standard_normal(spec).astype(np.float32)
    kind, shape = spec[:2]
    if kind == "int64":
        return rng.integers(spec[2], spec[3], shape).astype(np.int64)
    if kind == "index":
        count = int(np.prod(shape[2:]))
        rows = [rng.permutation(spec[2])[:count] for _ in range(int(np.prod(shape[:2])))]
        return np.sort(np.stack(rows)).reshape(shape).astype(np.int64)
    if kind == "sign":
        return np.where(rng.random(shape) < 0.5, -1.0, 1.0).astype(np.float32)
    if kind == "unit":
        return rng.uniform(0.05, 0.95, shape).astype(np.float32)
    if kind == "positive":
        return rng.uniform(0.5, 3.0, shape).astype(np.float32)
    rows = [rng.permutation(shape[1]) for _ in range(shape[0])]
    chosen = np.stack(rows).astype(np.int64)
    chosen[:, 2:] = -1
    chosen[0, 1] = -1
    return chosen


def row_id(row):
    return f"{row[0]}-{row[1]}-{row[2]}" if len(row) == 4 else f"{row[0]}-{row[1]}"
