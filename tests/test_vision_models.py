"""cnn.vision.models: torchvision's state dicts, and that the networks run and train."""

import pathlib
import zlib

import pytest

import cnn
from cnn.vision import models

# name, tensors of the state dict, parameters, checksum of the names and shapes in order
FACTS = pathlib.Path(__file__).with_name("facts") / "torchvision_models.txt"
ROWS = [line.split() for line in FACTS.read_text().splitlines()]
# Sizes of pictures that are as small as they go, and the rest: 32.
SIZES = {"vit_b_32": 32, "googlenet": 64, "alexnet": 64, "inception_v3": 96}
SMALL = [
    "resnet18", "squeezenet1_1", "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x0_5",
    "mnasnet0_5", "regnet_y_400mf", "efficientnet_b0", "densenet121", "googlenet", "inception_v3",
    "convnext_tiny", "swin_v2_t",
]  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore:The default weight initialization")


@pytest.mark.parametrize("name, tensors, parameters, checksum", ROWS, ids=[r[0] for r in ROWS])
def test_state_dicts(name, tensors, parameters, checksum):
    with cnn.device("meta"):
        model = models.get_model(name)
    state = model.state_dict()
    text = " ".join(f"{key}{list(value.shape)}" for key, value in state.items())
    assert len(state) == int(tensors)
    assert sum(p.numel() for p in model.parameters()) == int(parameters)
    assert f"{zlib.crc32(text.encode()):08x}" == checksum


@pytest.mark.parametrize("name", SMALL)
def test_models_train(name):
    cnn.manual_seed(0)
    model = models.get_model(name, num_classes=3)
    size = SIZES.get(name, 32)
    x = cnn.rand(2, 3, size, size)
    if name in SIZES:
        model.eval()
    model(x).square().sum().backward()
    for key, p in model.named_parameters():
        if "aux" not in key.lower():
            assert p.grad is not None and p.grad.isfinite().all(), key
    assert model.eval()(x).shape == (2, 3)


def test_first_weights_follow_from_the_seed():
    states = []
    for _ in range(2):
        cnn.manual_seed(5)
        states.append(models.squeezenet1_1(num_classes=2).state_dict())
    assert all(a.equal(b) for a, b in zip(*(s.values() for s in states)))


def test_state_dicts_load(tmp_path):
    model = models.shufflenet_v2_x0_5(num_classes=4)
    cnn.save(model.state_dict(), tmp_path / "weights.pth")
    other = models.shufflenet_v2_x0_5(num_classes=4)
    other.load_state_dict(cnn.load(tmp_path / "weights.pth"))
    x = cnn.rand(1, 3, 64, 64)
    assert model.eval()(x).equal(other.eval()(x))
    state = cnn.load(tmp_path / "weights.pth")
    del state["fc.bias"]
    state["fc.weight"] = cnn.zeros(3, 3)
    with pytest.raises(RuntimeError, match=r"Missing key\(s\)[\s\S]*size mismatch for fc.weight"):
        other.load_state_dict(state)


def test_trained_weights_are_refused():
    for weights in ("DEFAULT", "IMAGENET1K_V1", models.ResNet18_Weights.DEFAULT):
        with pytest.raises(NotImplementedError, match=r"load_state_dict\(cnn.load"):
            models.resnet18(weights=weights)
    with pytest.raises(NotImplementedError, match="nothing is downloaded here"):
        models.get_model("resnet18", pretrained=True)
    with pytest.raises(AttributeError):
        models.NoSuchNet_Weights  # noqa: B018
    with pytest.raises(ValueError, match="Unknown model nosuchnet"):
        models.get_model("nosuchnet")


def test_names():
    assert len(models.list_models()) == len(ROWS)
    assert models.list_models(include="resnet*", exclude=["*1*"]) == ["resnet34", "resnet50"]
    assert models.get_model_builder("ResNet18") is models.resnet18
    assert models.resnet18.__name__ == "resnet18"


def test_dilated_and_narrow_variants():
    dilated = models.resnet50(replace_stride_with_dilation=[False, True, True], num_classes=2)
    assert dilated.layer4[2].conv2.dilation == (4, 4) and dilated.layer4[0].conv2.stride == (1, 1)
    narrow = models.mobilenet_v3_small(
        width_mult=0.5, reduced_tail=True, dilated=True, num_classes=2
    )
    assert narrow.eval()(cnn.rand(1, 3, 32, 32)).shape == (1, 2)
    with pytest.raises(AssertionError, match="Wrong image height"):
        models.vit_b_32(num_layers=1)(cnn.rand(1, 3, 32, 224))
