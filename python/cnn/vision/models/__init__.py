"""Models that classify pictures, with torchvision's names, state dicts and first weights.

Trained weights are loaded from local files: `model.load_state_dict(cnn.load("weights.pth"))`.
"""

from __future__ import annotations

from ._api import get_model, get_model_builder, list_models, register_model
from .alexnet import *  # noqa: F403
from .convnext import *  # noqa: F403
from .densenet import *  # noqa: F403
from .efficientnet import *  # noqa: F403
from .googlenet import *  # noqa: F403
from .inception import *  # noqa: F403
from .mnasnet import *  # noqa: F403
from .mobilenetv2 import *  # noqa: F403
from .mobilenetv3 import *  # noqa: F403
from .regnet import *  # noqa: F403
from .resnet import *  # noqa: F403
from .shufflenetv2 import *  # noqa: F403
from .squeezenet import *  # noqa: F403
from .swin_transformer import *  # noqa: F403
from .vgg import *  # noqa: F403
from .vision_transformer import *  # noqa: F403


def __getattr__(name):
    if name.endswith("_Weights"):
        from ._api import BUILTIN_MODELS, Weights

        wanted = name.removesuffix("_Weights").lower()
        if wanted in {n.replace("_", "") for n in BUILTIN_MODELS} | set(BUILTIN_MODELS):
            return Weights(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
