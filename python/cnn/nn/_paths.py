"""Where PyTorch's classes live here: pickles carry class paths, and errors print them.

`TORCH_TO_CNN` maps 'torch.nn.modules.linear.Linear' to 'cnn.nn.linear.Linear', `CNN_TO_TORCH` back.
"""

from __future__ import annotations

# torch module: (module here, names).
_NAMES = {
    "torch.nn.modules.module": ("cnn.nn._module", "Module"),
    "torch.nn.modules.linear": (
        "cnn.nn.linear",
        "Identity Linear NonDynamicallyQuantizableLinear Bilinear LazyLinear",
    ),
    "torch.nn.modules.conv": (
        "cnn.nn.conv",
        "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConv1d "
        "LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d",
    ),
    "torch.nn.modules.pooling": (
        "cnn.nn.pooling",
        "MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d AvgPool1d AvgPool2d "
        "AvgPool3d FractionalMaxPool2d FractionalMaxPool3d LPPool1d LPPool2d LPPool3d "
        "AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d AdaptiveAvgPool1d "
        "AdaptiveAvgPool2d AdaptiveAvgPool3d",
    ),
    "torch.nn.modules.batchnorm": (
        "cnn.nn.norm",
        "BatchNorm1d BatchNorm2d BatchNorm3d LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d",
    ),
    "torch.nn.modules.instancenorm": (
        "cnn.nn.norm",
        "InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d LazyInstanceNorm2d "
        "LazyInstanceNorm3d",
    ),
    "torch.nn.modules.normalization": (
        "cnn.nn.norm",
        "LocalResponseNorm LayerNorm GroupNorm RMSNorm",
    ),
    "torch.nn.modules.activation": (
        "cnn.nn.activation",
        "Threshold ReLU RReLU Hardtanh ReLU6 Sigmoid Hardsigmoid Tanh SiLU Mish Hardswish ELU "
        "CELU SELU GLU GELU Hardshrink LeakyReLU LogSigmoid Softplus Softshrink PReLU Softsign "
        "Tanhshrink Softmin Softmax Softmax2d LogSoftmax",
    ),
    "torch.nn.modules.adaptive": ("cnn.nn.adaptive", "AdaptiveLogSoftmaxWithLoss"),
    "torch.nn.modules.dropout": (
        "cnn.nn.dropout",
        "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout",
    ),
    "torch.nn.modules.sparse": ("cnn.nn.embedding", "Embedding EmbeddingBag"),
    "torch.nn.modules.flatten": ("cnn.nn.flatten", "Flatten Unflatten"),
    "torch.nn.modules.padding": (
        "cnn.nn.padding",
        "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d "
        "ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d "
        "ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d",
    ),
    "torch.nn.modules.loss": (
        "cnn.nn.loss",
        "L1Loss LinearCrossEntropyLoss NLLLoss NLLLoss2d PoissonNLLLoss GaussianNLLLoss KLDivLoss "
        "MSELoss BCELoss BCEWithLogitsLoss HingeEmbeddingLoss MultiLabelMarginLoss SmoothL1Loss "
        "HuberLoss SoftMarginLoss CrossEntropyLoss MultiLabelSoftMarginLoss CosineEmbeddingLoss "
        "CTCLoss MarginRankingLoss MultiMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss",
    ),
    "torch.nn.modules.linear_cross_entropy_options": (
        "cnn.nn.linear_cross_entropy_options",
        "LinearCrossEntropyOptions",
    ),
    "torch.nn.modules.pixelshuffle": ("cnn.nn.resampling", "PixelShuffle PixelUnshuffle"),
    "torch.nn.modules.channelshuffle": ("cnn.nn.resampling", "ChannelShuffle"),
    "torch.nn.modules.upsampling": (
        "cnn.nn.resampling",
        "Upsample UpsamplingNearest2d UpsamplingBilinear2d",
    ),
    "torch.nn.modules.fold": ("cnn.nn.resampling", "Fold Unfold"),
    "torch.nn.modules.rnn": (
        "cnn.nn.rnn",
        "RNNBase RNN LSTM GRU",
    ),
    "torch.nn.modules.transformer": (
        "cnn.nn.transformer",
        "Transformer TransformerEncoder TransformerDecoder TransformerEncoderLayer "
        "TransformerDecoderLayer",
    ),
    "torch.nn.utils.rnn": ("cnn.nn.utils.rnn", "PackedSequence"),
    "torch.nn.modules.distance": ("cnn.nn.distance", "PairwiseDistance CosineSimilarity"),
    "torch.nn.modules.container": (
        "cnn.nn.containers",
        "Container Sequential ModuleList ModuleDict ParameterList ParameterDict",
    ),
    "torch.nn.parallel.data_parallel": ("cnn.nn.parallel", "DataParallel"),
    "torch.nn.parameter": (
        "cnn.nn.parameter",
        "Parameter Buffer UninitializedParameter UninitializedBuffer",
    ),
    "torch._utils": (
        "cnn.nn.parameter",
        "_rebuild_parameter _rebuild_parameter_with_state",
    ),
    "torch.utils.hooks": ("cnn.utils.hooks", "RemovableHandle"),
}

TORCH_TO_CNN = {
    f"{theirs}.{name}": f"{ours}.{name}"
    for theirs, (ours, names) in _NAMES.items()
    for name in names.split()
}
TORCH_TO_CNN["torch.nn.modules.module._WrappedHook"] = "cnn.nn.hooks.WrappedHook"

# Modules of PyTorch that are more than one here.
TORCH_TO_CNN["torch.nn.modules.activation.MultiheadAttention"] = (
    "cnn.nn.multihead.MultiheadAttention"
)
for _name in ("RNNCellBase", "RNNCell", "LSTMCell", "GRUCell"):
    TORCH_TO_CNN[f"torch.nn.modules.rnn.{_name}"] = f"cnn.nn.rnn_cells.{_name}"
TORCH_TO_CNN["torch.nn.functional.relu"] = "cnn.nn.functional.activations.relu"

CNN_TO_TORCH = {ours: theirs for theirs, ours in TORCH_TO_CNN.items()}


def torch_path(cls):
    """The dotted path that PyTorch gives a class; a class of its own keeps its path."""
    path = f"{cls.__module__}.{cls.__qualname__}"
    return CNN_TO_TORCH.get(path, path)
