"""cnn.vision: transforms, data sets, grids and blocks, with torchvision's names."""

import gzip
import pickle
import random
import struct
import warnings

import numpy as np
import pytest

import cnn
from cnn import nn
from cnn.vision import datasets, ops, tv_tensors, utils
from cnn.vision import transforms as T
from cnn.vision.transforms import functional as F
from cnn.vision.transforms import v2

RAMP = cnn.arange(3 * 6 * 8, dtype=cnn.uint8).view(3, 6, 8)
NOISE = cnn.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 20, 30), dtype=np.uint8))
needs_pillow = pytest.mark.skipif(
    __import__("importlib").util.find_spec("PIL") is None, reason="Pillow is not installed"
)


def picture(tensor):
    return F.to_pil_image(tensor)


def pixels(image):
    return cnn.from_numpy(np.array(image)).permute(2, 0, 1)


# ---- Functions on tensors ----


def test_crops_flips_and_margins():
    assert F.crop(RAMP, 1, 2, 3, 4).equal(RAMP[:, 1:4, 2:6])
    over = F.crop(RAMP, -1, 6, 3, 4)
    assert over[:, 1:, :2].equal(RAMP[:, :2, 6:]) and over[:, 0].sum() == 0 == over[:, :, 2:].sum()
    assert F.center_crop(RAMP, (2, 4)).equal(RAMP[:, 2:4, 2:6])
    assert F.center_crop(RAMP, 10).shape == (3, 10, 10)
    assert F.hflip(RAMP).equal(RAMP.flip(2)) and F.vflip(RAMP).equal(RAMP.flip(1))
    corners = F.five_crop(RAMP, (2, 3))
    assert corners[3].equal(RAMP[:, 4:, 5:]) and len(F.ten_crop(RAMP, 2)) == 10
    row = cnn.tensor([[[1.0, 2, 3]]])
    for mode, expected in (
        ("constant", [9, 9, 1, 2, 3, 9]),
        ("edge", [1, 1, 1, 2, 3, 3]),
        ("reflect", [3, 2, 1, 2, 3, 2]),
        ("symmetric", [2, 1, 1, 2, 3, 3]),
    ):
        assert F.pad(row, [2, 0, 1, 0], 9, mode).flatten().tolist() == expected, mode
    assert F.pad(row, [-1, 0, 0, 0], padding_mode="symmetric").flatten().tolist() == [2, 3]
    with pytest.raises(ValueError, match="1, 2, or 4 element tuple"):
        F.pad(RAMP, [1, 2, 3])
    with pytest.raises(ValueError, match="bigger than input size"):
        F.five_crop(RAMP, 9)


def test_sizes():
    assert F.resize(NOISE, 10).shape == (3, 10, 15)
    assert F.resize(NOISE, 10, max_size=12).shape == (3, 8, 12)
    assert F.resize(NOISE, [7, 9], F.InterpolationMode.NEAREST).dtype is cnn.uint8
    exact = nn.functional.interpolate(NOISE[None].float(), (7, 9), mode="bilinear", antialias=True)
    assert F.resize(NOISE, [7, 9]).equal(exact[0].round().byte())
    with pytest.raises(ValueError, match="strictly greater"):
        F.resize(NOISE, 10, max_size=10)
    with pytest.raises(TypeError, match="InterpolationMode"):
        F.resize(NOISE, 10, 2.5)


def test_colours():
    x = cnn.tensor([[[0.2]], [[0.4]], [[0.6]]])
    gray = 0.2989 * 0.2 + 0.587 * 0.4 + 0.114 * 0.6
    assert F.rgb_to_grayscale(x).item() == pytest.approx(gray, rel=1e-6)
    assert F.adjust_brightness(x, 2.0).flatten().tolist() == pytest.approx([0.4, 0.8, 1.0])
    by_gray = [0.5 * v + 0.5 * gray for v in (0.2, 0.4, 0.6)]
    assert F.adjust_saturation(x, 0.5).flatten().tolist() == pytest.approx(by_gray)
    assert F.adjust_contrast(x, 0.5).flatten().tolist() == pytest.approx(by_gray)
    red = cnn.tensor([[[1.0]], [[0.0]], [[0.0]]])
    assert F.adjust_hue(red, 1 / 3).flatten().tolist() == pytest.approx([0, 1, 0], abs=1e-6)
    assert F.adjust_hue(x, 0.0).flatten().tolist() == pytest.approx([0.2, 0.4, 0.6])
    assert F.adjust_gamma(x, 2.0).flatten().tolist() == pytest.approx([0.04, 0.16, 0.36])
    assert F.invert(RAMP).equal(255 - RAMP)
    assert F.posterize(RAMP, 2).equal(RAMP & 0xC0)
    assert F.solarize(RAMP, 100).equal(cnn.where(RAMP >= 100, 255 - RAMP, RAMP))
    stretched = F.autocontrast(cnn.tensor([[[10, 20, 30]]], dtype=cnn.uint8))
    assert stretched.flatten().tolist() == [0, 127, 255]
    assert F.equalize(NOISE).shape == NOISE.shape
    with pytest.raises(ValueError, match="not in"):
        F.adjust_hue(x, 0.6)
    with pytest.raises(TypeError, match="permitted channel values"):
        F.adjust_brightness(cnn.rand(2, 4, 4), 1.0)


def test_normalize_and_convert():
    x = cnn.rand(3, 4, 5)
    y = F.normalize(x, [0.5, 0.4, 0.3], [0.1, 0.2, 0.3])
    np.testing.assert_allclose(y[1].numpy(), (x[1].numpy() - 0.4) / 0.2, rtol=1e-5)
    with pytest.raises(ValueError, match="std evaluated to zero"):
        F.normalize(x, [0.0], [0.0])
    with pytest.raises(TypeError, match="float tensor"):
        F.normalize(RAMP, [0.0], [1.0])
    ends = cnn.tensor([0, 255], dtype=cnn.uint8)
    assert F.convert_image_dtype(ends, cnn.float32).tolist() == [0, 1]
    assert F.convert_image_dtype(ends, cnn.int16).tolist() == [0, 255 * 128]
    assert F.convert_image_dtype(cnn.tensor([0.0, 1.0]), cnn.uint8).tolist() == [0, 255]
    with pytest.raises(RuntimeError, match="cannot be performed safely"):
        F.convert_image_dtype(x, cnn.int64)


def test_geometry():
    x = cnn.zeros(1, 5, 5)
    x[0, 0, 1] = 1
    assert F.rotate(x, 90)[0].nonzero().tolist() == [[3, 0]]  # against the clock
    moved = F.affine(x, 0.0, [2, 1], 1.0, [0.0, 0.0])
    assert moved[0].nonzero().tolist() == [[1, 3]]
    assert F.rotate(cnn.ones(1, 4, 8), 90, expand=True).shape == (1, 8, 4)
    filled = F.rotate(cnn.ones(3, 9, 9), 45, fill=[2.0, 3.0, 4.0])
    assert filled[:, 0, 0].tolist() == [2, 3, 4]
    corners = [[0, 0], [4, 0], [4, 4], [0, 4]]
    np.testing.assert_allclose(F.perspective(x, corners, corners).numpy(), x.numpy(), atol=1e-4)
    still = cnn.zeros(1, 5, 5, 2)
    np.testing.assert_allclose(F.elastic_transform(x, still).numpy(), x.numpy(), atol=1e-5)
    blurred = F.gaussian_blur(cnn.nn.functional.pad(cnn.ones(1, 1, 1), [4, 4, 4, 4]), 5, 1.0)
    assert blurred.sum().item() == pytest.approx(1, abs=1e-5)
    assert blurred[0].equal(blurred[0].T)
    with pytest.raises(ValueError, match="odd and positive"):
        F.gaussian_blur(x, 4)


# ---- Random transforms ----

# Transforms, and what they must leave of the generator: the next number after seed 0.
DRAWS = {
    "RandomCrop(4)": 2,
    "RandomHorizontalFlip()": 1,
    "RandomRotation(10)": 1,
    "RandomAffine(10, (0.1, 0.1), (0.9, 1.1), 5)": 5,
    "RandomAdjustSharpness(2)": 1,
}


@pytest.mark.parametrize("code", DRAWS)
def test_random_transforms_draw_in_order(code):
    cnn.manual_seed(0)
    transform = eval(f"T.{code}", {"T": T})
    transform(NOISE)
    left = cnn.rand(1)
    cnn.manual_seed(0)
    for _ in range(DRAWS[code]):
        cnn.rand(1)
    assert left.equal(cnn.rand(1))


def test_one_seed_one_result():
    transforms = T.Compose([
        T.RandomResizedCrop(12), T.RandomHorizontalFlip(), T.ColorJitter(0.4, 0.4, 0.4, 0.1),
        T.RandomGrayscale(0.5), T.RandomPerspective(), T.ElasticTransform(10.0, 2.0),
        T.GaussianBlur(3), T.TrivialAugmentWide(), T.RandAugment(), T.AutoAugment(),
        T.RandomErasing(1.0), T.ConvertImageDtype(cnn.float32),
    ])  # fmt: skip
    results = []
    for _ in range(2):
        cnn.manual_seed(3)
        results.append(transforms(NOISE))
    assert results[0].equal(results[1]) and results[0].shape == (3, 12, 12)
    assert not results[0].equal(transforms(NOISE))


def test_transforms_of_transforms():
    random.seed(1)
    shapes = {
        tuple(T.RandomChoice([T.CenterCrop(2), T.CenterCrop(3)])(RAMP).shape) for _ in range(20)
    }
    assert shapes == {(3, 2, 2), (3, 3, 3)}
    assert T.RandomOrder([T.CenterCrop(4), T.CenterCrop(2)])(RAMP).shape[-1] in (2, 4)
    assert T.RandomApply([T.CenterCrop(2)], p=0.0)(RAMP) is RAMP
    assert T.Lambda(lambda x: x + 1)(RAMP).equal(RAMP + 1)
    assert repr(T.Compose([T.Resize(4), T.Normalize([0.5], [0.5])])) == (
        "Compose(\n    Resize(size=4, interpolation=bilinear, max_size=None, antialias=True)\n"
        "    Normalize(mean=[0.5], std=[0.5])\n)"
    )
    assert repr(T.RandomPosterize(3)) == "RandomPosterize(bits=3,p=0.5)"


def test_transforms_check_their_arguments():
    for make, error, message in (
        (lambda: T.Resize([1, 2, 3]), ValueError, "1 or 2 values"),
        (lambda: T.RandomRotation(-1), ValueError, "must be positive"),
        (lambda: T.ColorJitter(hue=0.6), ValueError, "between"),
        (lambda: T.ColorJitter(brightness=-1), ValueError, "non negative"),
        (lambda: T.RandomErasing(value="black"), ValueError, "random"),
        (lambda: T.GaussianBlur(4), ValueError, "odd and positive"),
        (lambda: T.Pad(1, padding_mode="wrap"), ValueError, "Padding mode"),
        (lambda: T.Lambda(3), TypeError, "callable"),
        (lambda: T.RandomCrop(50)(RAMP), ValueError, "larger than input image"),
    ):
        with pytest.raises(error, match=message):
            make()


# ---- Pillow ----


@needs_pillow
def test_between_kinds():
    image = picture(NOISE)
    assert image.size == (30, 20) and image.mode == "RGB"
    assert F.pil_to_tensor(image).equal(NOISE)
    assert T.ToTensor()(image).equal(NOISE.float() / 255)
    assert T.ToTensor()(NOISE[0].numpy()).shape == (1, 20, 30)
    assert picture(cnn.ones(1, 2, 2)).mode == "L" and picture(cnn.ones(4, 2, 2)).mode == "RGBA"
    with pytest.raises(ValueError, match="> 4 channels"):
        picture(cnn.ones(5, 2, 2))
    with pytest.raises(TypeError, match="PIL Image or ndarray"):
        T.ToTensor()(NOISE)


@needs_pillow
@pytest.mark.parametrize(
    "code",
    ["CenterCrop(10)", "Pad((1, 2), 7)", "RandomCrop(9, padding=2)", "RandomHorizontalFlip(1.0)",
     "RandomVerticalFlip(1.0)", "FiveCrop(5)", "RandomInvert(1.0)", "RandomPosterize(3, 1.0)",
     "RandomSolarize(100, 1.0)"],
)  # fmt: skip
def test_pictures_and_tensors_alike(code):
    results = []
    for value in (NOISE, picture(NOISE)):
        cnn.manual_seed(0)
        result = eval(f"T.{code}", {"T": T})(value)
        results.append(result if isinstance(result, tuple) else (result,))
    for tensor, image in zip(*results):
        assert pixels(image).equal(tensor)


@needs_pillow
def test_pictures_take_every_transform():
    transforms = T.Compose([
        T.RandomResizedCrop(16), T.ColorJitter(0.2, 0.2, 0.2, 0.2), T.RandomRotation(20),
        T.RandomAffine(10), T.RandomPerspective(p=1.0), T.GaussianBlur(3), T.RandomGrayscale(1.0),
        T.RandomAutocontrast(1.0), T.RandomEqualize(1.0), T.RandomAdjustSharpness(2, 1.0),
        T.ElasticTransform(5.0, 1.0), T.AutoAugment(), T.RandAugment(), T.TrivialAugmentWide(),
        T.Resize(12), T.PILToTensor(),
    ])  # fmt: skip
    assert transforms(picture(NOISE)).shape == (3, 12, 12)


@needs_pillow
def test_files(tmp_path):
    from cnn.vision import io

    io.write_png(NOISE, tmp_path / "a.png")
    assert io.read_image(tmp_path / "a.png").equal(NOISE)
    assert io.decode_png(io.encode_png(NOISE[:1])).equal(NOISE[:1])
    assert io.read_image(tmp_path / "a.png", "RGB_ALPHA")[3].eq(255).all()
    weights = cnn.tensor([9794, 19234, 3740]).view(3, 1, 1)
    gray = (NOISE.long() * weights).sum(0, keepdim=True) >> 15
    assert io.read_image(tmp_path / "a.png", io.ImageReadMode.GRAY).equal(gray.byte())
    smooth = cnn.full((3, 16, 16), 100, dtype=cnn.uint8)
    io.write_jpeg(smooth, tmp_path / "a.jpg")
    assert (io.read_image(tmp_path / "a.jpg").int() - 100).abs().max() <= 2
    utils.save_image(cnn.rand(4, 3, 5, 5), tmp_path / "grid.png", nrow=2)
    assert io.read_image(tmp_path / "grid.png").shape == (3, 16, 16)
    for bad, error, message in (
        (lambda: io.decode_png(cnn.zeros(9, dtype=cnn.uint8)), RuntimeError, "not a whole picture"),
        (lambda: io.decode_png(NOISE), RuntimeError, "1-dimensional"),
        (lambda: io.encode_png(NOISE.float()), RuntimeError, "uint8"),
        (lambda: io.encode_jpeg(cnn.zeros(2, 4, 4, dtype=cnn.uint8)), RuntimeError, "1 or 3"),
        (lambda: io.encode_jpeg(NOISE, 0), ValueError, "between 1 and 100"),
    ):
        with pytest.raises(error, match=message):
            bad()


def test_without_pillow(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(ImportError, match="pip install pillow"):
        utils.save_image(cnn.rand(3, 4, 4), "never.png")


# ---- Samples (v2) ----


def test_samples_change_together():
    sample = {"image": tv_tensors.Image(NOISE), "mask": tv_tensors.Mask(NOISE[0]), "label": 3}
    cnn.manual_seed(0)
    out = v2.Compose([v2.RandomCrop(8), v2.RandomHorizontalFlip(1.0), v2.ColorJitter(0.5)])(sample)
    assert type(out["image"]) is tv_tensors.Image and type(out["mask"]) is tv_tensors.Mask
    assert out["mask"].shape == (8, 8) and out["label"] == 3
    flipped = v2.RandomHorizontalFlip(1.0)((NOISE, cnn.tensor([1, 2])))
    assert flipped[0].equal(NOISE.flip(-1)) and flipped[1].tolist() == [1, 2]
    cnn.manual_seed(1)
    one = v2.RandomRotation(30)(NOISE)
    cnn.manual_seed(1)
    assert v2.RandomRotation(30)({"x": [NOISE]})["x"][0].equal(one)


def test_samples_are_converted():
    image = v2.ToDtype(cnn.float32, scale=True)(tv_tensors.Image(NOISE))
    assert type(image) is tv_tensors.Image and image.max() <= 1
    plain = v2.ToPureTensor()(image)
    assert type(plain) is cnn.Tensor
    assert type(image + 1) is cnn.Tensor and type(image.clone()) is tv_tensors.Image
    mask = v2.ToDtype({tv_tensors.Mask: cnn.int64, "others": None})(tv_tensors.Mask(NOISE))
    assert mask.dtype is cnn.int64
    assert v2.ToImage()(NOISE[0].numpy()).shape == (1, 20, 30)
    assert v2.RGB()(NOISE[:1]).shape == (3, 20, 30)
    assert v2.Resize(None, max_size=15)(NOISE).shape == (3, 10, 15)
    bicubic = v2.Resize((7, 9), "bicubic")(NOISE)
    whole = nn.functional.interpolate(NOISE[None], (7, 9), mode="bicubic", antialias=True)[0]
    assert bicubic.equal(whole)


def test_samples_of_ones_own():
    class Shift(v2.Transform):
        def make_params(self, flat_inputs):
            return {"by": len(flat_inputs)}

        def transform(self, inpt, params):
            return inpt + params["by"]

    a, b = Shift()(NOISE, "text")
    assert a.equal(NOISE + 1) and b == "text"


def test_batches_are_mixed():
    x, labels = cnn.rand(4, 3, 8, 8), cnn.tensor([0, 1, 2, 2])
    mixed, soft = v2.MixUp(num_classes=3)(x, labels)
    share = soft[0, 0].item()  # of the picture itself; the rest is of the last one
    np.testing.assert_allclose(
        mixed.numpy(), (share * x + (1 - share) * x.roll(1, 0)).numpy(), rtol=1e-5
    )
    assert soft.sum(1).tolist() == pytest.approx([1] * 4) and soft[3].tolist() == [0, 0, 1]
    sample = v2.CutMix(num_classes=3)({"x": tv_tensors.Image(x), "labels": labels})
    other = (sample["x"] != x).any(1).float().mean((1, 2))
    assert sample["labels"][0, 0].item() == pytest.approx(1 - other[0].item(), abs=1e-6)
    assert type(sample["x"]) is tv_tensors.Image
    for call, message in (
        (lambda: v2.MixUp()(x, labels), "num_classes must be passed"),
        (lambda: v2.MixUp(num_classes=3)(x[0], labels), "batched input"),
        (lambda: v2.MixUp(num_classes=3)(x[:2], labels), "batch size"),
        (lambda: v2.CutMix(num_classes=3)({"x": x}), "infer where the labels are"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


# ---- Data sets ----


def write_idx(path, array):
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        gzip.compress(header + array.tobytes()) if path.suffix else header + array.tobytes()
    )


@needs_pillow
def test_mnist(tmp_path):
    images = np.arange(2 * 784, dtype=np.uint8).reshape(2, 28, 28)
    raw = tmp_path / "FashionMNIST" / "raw"
    write_idx(raw / "train-images-idx3-ubyte", images)
    write_idx(raw / "train-labels-idx1-ubyte.gz", np.array([3, 9], dtype=np.uint8))
    data = datasets.FashionMNIST(str(tmp_path), transform=T.ToTensor(), target_transform=str)
    image, label = data[1]
    assert label == "9" and image.equal(cnn.from_numpy(images[1:]).float() / 255)
    assert data.classes[3] == "Dress" and data.class_to_idx["Dress"] == 3 and len(data) == 2
    assert data.data.shape == (2, 28, 28) and data.targets.tolist() == [3, 9]
    assert "Split: Train" in repr(data) and "ToTensor()" in repr(data)
    batch, labels = next(
        iter(
            cnn.utils.data.DataLoader(
                datasets.FashionMNIST(str(tmp_path), transform=T.ToTensor()), 2
            )
        )
    )
    assert batch.shape == (2, 1, 28, 28) and labels.tolist() == [3, 9]
    emnist = tmp_path / "EMNIST" / "raw"
    write_idx(emnist / "emnist-letters-test-images-idx3-ubyte", images)
    write_idx(emnist / "emnist-letters-test-labels-idx1-ubyte", np.array([1, 26], dtype=np.uint8))
    letters = datasets.EMNIST(str(tmp_path), "letters", train=False)
    assert letters.classes[letters[1][1]] == "z"


def test_missing_files_say_where_they_go(tmp_path):
    for make, where in (
        (datasets.MNIST, "MNIST/raw"),
        (datasets.KMNIST, "KMNIST/raw"),
        (datasets.CIFAR10, "cifar-10-batches-py"),
        (datasets.CIFAR100, "cifar-100-python"),
    ):
        with pytest.raises(RuntimeError, match=where):
            make(str(tmp_path))
        with pytest.raises(RuntimeError, match="nothing is downloaded here"):
            make(str(tmp_path), download=True)


@needs_pillow
def test_cifar(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    rows = np.arange(2 * 3072, dtype=np.uint8).reshape(2, 3072)
    batch = {b"data": rows, b"labels": [4, 0]}
    (folder / "test_batch").write_bytes(pickle.dumps(batch, protocol=2))
    names = {b"label_names": [b"class %d" % i for i in range(10)]}
    (folder / "batches.meta").write_bytes(pickle.dumps(names, protocol=2))
    data = datasets.CIFAR10(str(tmp_path), train=False)
    image, label = data[0]
    assert label == 4 and data.classes[4] == "class 4" and image.size == (32, 32)
    assert pixels(image).equal(cnn.from_numpy(rows[0]).view(3, 32, 32))


@needs_pillow
def test_folders(tmp_path):
    for i, name in enumerate("ba"):
        (tmp_path / name / "deep").mkdir(parents=True)
        picture(RAMP + i).save(tmp_path / name / "deep" / "x.PNG")
        (tmp_path / name / "notes.txt").write_text("no picture")
    data = datasets.ImageFolder(str(tmp_path), T.PILToTensor())
    assert data.classes == ["a", "b"] and data.targets == [0, 1]
    assert data[0][0].equal(RAMP + 1) and data[1][0].equal(RAMP)
    own = datasets.DatasetFolder(str(tmp_path), lambda p: p[-9:], extensions=(".txt",))
    assert own[0] == ("notes.txt", 0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no valid file for the classes empty"):
        datasets.ImageFolder(str(tmp_path))
    assert len(datasets.ImageFolder(str(tmp_path), allow_empty=True)) == 2
    with pytest.raises(FileNotFoundError, match="any class folder"):
        datasets.ImageFolder(str(tmp_path / "empty"))


@needs_pillow
def test_fake_data():
    data = datasets.FakeData(4, (3, 8, 8), 5, T.PILToTensor())
    cnn.manual_seed(9)
    before = cnn.get_rng_state()
    image, label = data[2]
    assert cnn.get_rng_state().equal(before)
    assert image.shape == (3, 8, 8) and data[2][0].equal(image) and data[2][1] == label < 5
    with pytest.raises(IndexError):
        data[4]


# ---- Grids and blocks ----


def test_make_grid():
    x = cnn.arange(3 * 3 * 2 * 2, dtype=cnn.float32).view(3, 3, 2, 2)
    grid = utils.make_grid(x, nrow=2, padding=1, pad_value=-1)
    assert grid.shape == (3, 7, 7)
    assert grid[:, 1:3, 1:3].equal(x[0]) and grid[:, 4:6, 1:3].equal(x[2])
    assert (grid[:, 4:6, 4:6] == -1).all() and (grid[:, 0] == -1).all()
    assert utils.make_grid(x[0, :1]).shape == (3, 2, 2)
    scaled = utils.make_grid(x, normalize=True, scale_each=True, padding=0)
    assert scaled.min() == 0 and scaled.max() == 1
    assert x.max() == 35  # the given tensor stays
    with pytest.raises(TypeError, match="tensor or list of tensors"):
        utils.make_grid("x")


def test_masks_are_drawn():
    image = cnn.zeros(3, 2, 2, dtype=cnn.uint8)
    masks = cnn.tensor([[[True, True], [False, False]], [[False, True], [False, False]]])
    drawn = utils.draw_segmentation_masks(
        image, masks, alpha=0.5, colors=[(200, 0, 0), (0, 100, 0)]
    )
    assert drawn[:, 0, 0].tolist() == [100, 0, 0] and drawn[:, 0, 1].tolist() == [0, 0, 0]


@needs_pillow
def test_boxes_are_drawn():
    image = cnn.zeros(3, 9, 9, dtype=cnn.uint8)
    drawn = utils.draw_bounding_boxes(image, cnn.tensor([[1, 1, 5, 5]]), colors="red", labels=["x"])
    assert drawn[:, 1, 3].tolist() == [255, 0, 0] and drawn[:, 3, 8].tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="xmin, ymin, xmax, ymax"):
        utils.draw_bounding_boxes(image, cnn.tensor([[5, 1, 1, 5]]))


def test_blocks():
    conv = ops.Conv2dNormActivation(3, 8, stride=2)
    assert [type(m).__name__ for m in conv] == ["Conv2d", "BatchNorm2d", "ReLU"]
    assert conv(cnn.rand(2, 3, 8, 8)).shape == (2, 8, 4, 4) and conv[0].bias is None
    frozen = ops.FrozenBatchNorm2d(4)
    x = cnn.rand(2, 4, 3, 3)
    np.testing.assert_allclose(frozen(x).numpy(), x.numpy(), rtol=1e-4)
    assert list(frozen.parameters()) == [] and len(frozen.state_dict()) == 4
    squeeze = ops.SqueezeExcitation(4, 2)
    scale = squeeze.fc2(squeeze.fc1(x.mean((2, 3), keepdim=True)).relu()).sigmoid()
    np.testing.assert_allclose(squeeze(x).detach().numpy(), (x * scale).detach().numpy(), rtol=1e-5)
    assert ops.MLP(4, [8, 2])(cnn.rand(3, 4)).shape == (3, 2)
    pyramid = ops.FeaturePyramidNetwork([4, 8], 5)
    maps = pyramid({"a": x, "b": cnn.rand(2, 8, 2, 2)})
    assert [tuple(m.shape) for m in maps.values()] == [(2, 5, 3, 3), (2, 5, 2, 2)]


def test_dropped_paths():
    x = cnn.ones(1000, 2)
    cnn.manual_seed(0)
    y = ops.stochastic_depth(x, 0.25, "row")
    assert set(y.flatten().tolist()) == {0.0, cnn.tensor(1 / 0.75).item()}
    assert (y[:, 0] == y[:, 1]).all() and 0.2 < (y[:, 0] == 0).float().mean() < 0.3
    assert ops.stochastic_depth(x, 0.25, "row", training=False) is x
    assert ops.drop_block2d(cnn.ones(1, 1, 16, 16), 0.5, 3).eq(0).any()
    with pytest.raises(ValueError, match="between 0 and 1"):
        ops.stochastic_depth(x, 1.5, "row")


def test_focal_loss():
    logits, targets = cnn.tensor([0.5, -1.0]), cnn.tensor([1.0, 0.0])
    p = logits.sigmoid()
    expected = cnn.stack(
        [-0.25 * (1 - p[0]) ** 2 * p[0].log(), -0.75 * p[1] ** 2 * (1 - p[1]).log()]
    )
    np.testing.assert_allclose(
        ops.sigmoid_focal_loss(logits, targets).numpy(), expected.numpy(), rtol=1e-5
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ops.sigmoid_focal_loss(logits, targets, reduction="sum").item() == pytest.approx(
            expected.sum().item()
        )
