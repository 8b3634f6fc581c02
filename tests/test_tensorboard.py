"""`utils.tensorboard`: what a SummaryWriter writes is what TensorBoard reads."""

from __future__ import annotations

import io
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

import cnn

installed = pytest.mark.skipif(find_spec("tensorboard") is None, reason="no tensorboard")
with_pillow = pytest.mark.skipif(find_spec("PIL") is None, reason="no Pillow")


def events(folder):
    """Values by their tags, of all files in a folder."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    found = {}
    for path in sorted(folder.glob("events*")):
        for raw in RawEventFileLoader(str(path)).Load():
            event = Event.FromString(raw)
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value))
    return found


@pytest.fixture
def writer(tmp_path):
    from cnn.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path / "run") as writer:
        yield writer


def test_without_the_package_it_says_what_to_install():
    code = """
import sys
sys.modules["tensorboard"] = None
try:
    from cnn.utils.tensorboard import SummaryWriter
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install tensorboard" in done.stdout


@installed
def test_numbers(writer, tmp_path):
    for step in range(3):
        writer.add_scalar("loss", cnn.tensor(1.0 / (step + 1)), step)
    writer.add_scalar("exact", 0.1, 7, new_style=True, double_precision=True)
    writer.add_scalars("pair", {"a": 1, "b": cnn.tensor([2])}, 5)
    writer.add_tensor("whole", cnn.arange(6).reshape(2, 3))
    writer.flush()
    found = events(tmp_path / "run")
    assert [(s, v.simple_value) for s, v in found["loss"]] == [
        (0, 1),
        (1, 0.5),
        (2, np.float32(1 / 3)),
    ]
    assert found["exact"][0][1].tensor.double_val == [0.1] and found["exact"][0][0] == 7
    assert found["whole"][0][1].tensor.int64_val == [0, 1, 2, 3, 4, 5]
    for name, value in (("a", 1), ("b", 2)):
        [(step, message)] = events(tmp_path / "run" / f"pair_{name}")["pair"]
        assert (step, message.simple_value) == (5, value)
    with pytest.raises(AssertionError, match="one element"):
        writer.add_scalar("loss", cnn.ones(2))
    with pytest.raises(NotImplementedError, match="numpy array or torch tensor"):
        writer.add_scalar("loss", [1])
    with pytest.raises(NotImplementedError, match="add_text"):
        writer.add_graph(cnn.nn.Linear(1, 1))


@installed
def test_histograms(writer, tmp_path):
    values = cnn.tensor([0.0, 1.0, 1.0, 2.0, 4.0])
    writer.add_histogram("h", values, 1, bins=[0, 1, 2, 3, 4, 5, 6])
    writer.add_histogram("wide", values)
    writer.add_histogram_raw("raw", 0, 1, 2, 1, 1, [0.5, 1], [1, 1])
    writer.flush()
    found = events(tmp_path / "run")
    h = found["h"][0][1].histo
    assert (h.min, h.max, h.num, h.sum, h.sum_squares) == (0, 4, 5, 8, 22)
    assert list(h.bucket_limit) == [0, 1, 2, 3, 4, 5] and list(h.bucket) == [0, 1, 2, 1, 0, 1]
    assert sum(found["wide"][0][1].histo.bucket) == 5
    assert list(found["raw"][0][1].histo.bucket) == [1, 1]
    with pytest.raises(ValueError, match="no element"):
        writer.add_histogram("h", cnn.ones(0))
    with pytest.raises(ValueError, match="bucket_limits"):
        writer.add_histogram_raw("raw", 0, 1, 2, 1, 1, [0.5, 1], [1])


@installed
@with_pillow
def test_pictures(writer, tmp_path):
    from PIL import Image

    picture = cnn.zeros(3, 4, 5)
    picture[0, 1, 2] = 1
    writer.add_image("float", picture)
    writer.add_image("bytes", (picture * 255).byte().permute(1, 2, 0), dataformats="HWC")
    writer.add_images("grid", cnn.stack([picture, 1 - picture]))
    writer.add_image("flat", picture[0], dataformats="HW")
    writer.add_image_with_boxes("boxes", picture, cnn.tensor([[0.0, 0.0, 2.0, 2.0]]), labels="a")
    writer.add_video("film", cnn.rand(1, 3, 3, 4, 4))
    writer.flush()
    found = events(tmp_path / "run")

    def pixels(tag):
        message = found[tag][0][1].image
        array = np.asarray(Image.open(io.BytesIO(message.encoded_image_string)))
        assert (message.height, message.width) == array.shape[:2]
        return array

    want = (picture.permute(1, 2, 0) * 255).byte().numpy()
    np.testing.assert_array_equal(pixels("float"), want)
    np.testing.assert_array_equal(pixels("bytes"), want)
    np.testing.assert_array_equal(pixels("grid"), np.concatenate([want, 255 - want], 1))
    assert pixels("flat")[1, 2].tolist() == [255, 255, 255]
    assert pixels("boxes")[0, 0].tolist() == [255, 0, 0]
    film = Image.open(io.BytesIO(found["film"][0][1].image.encoded_image_string))
    assert film.n_frames == 3
    with pytest.raises(AssertionError, match="input tensor and input format are different"):
        writer.add_image("x", picture[0])


@installed
def test_texts_sounds_curves_and_parameters(writer, tmp_path):
    import wave

    writer.add_text("note", "of *this* run", 3)
    writer.add_audio("tone", cnn.tensor([0.0, 0.5, -1.0]), sample_rate=8000)
    labels, scores = cnn.tensor([0, 1, 1, 0]), cnn.tensor([0.1, 0.9, 0.4, 0.6])
    writer.add_pr_curve("curve", labels, scores, num_thresholds=3)
    writer.add_custom_scalars({"all": {"both": ["Multiline", ["a", "b"]]}})
    writer.add_mesh("shape", cnn.rand(1, 4, 3), faces=cnn.tensor([[[0, 1, 2]]]))
    writer.add_hparams({"lr": 0.1, "name": "x"}, {"accuracy": 0.5}, run_name="trial")
    writer.flush()
    found = events(tmp_path / "run")
    assert found["note/text_summary"][0][1].tensor.string_val == [b"of *this* run"]
    with wave.open(io.BytesIO(found["tone"][0][1].audio.encoded_audio_string)) as file:
        assert file.getframerate() == 8000
        frames = np.frombuffer(file.readframes(3), "<i2").tolist()
    assert frames == [0, 16383, -32767]
    curve = np.reshape(found["curve"][0][1].tensor.float_val, (6, 3))
    np.testing.assert_allclose(curve[0], [2, 1, 0])  # true positives at 0, 1/2 and 1
    np.testing.assert_allclose(curve[1], [2, 1, 0])
    np.testing.assert_allclose(curve[5], [1, 0.5, 0])
    assert found["custom_scalars__config__"] and len(found) >= 6
    trial = events(tmp_path / "run" / "trial")
    assert "_hparams_/session_start_info" in trial and trial["accuracy"][0][1].simple_value == 0.5
    with pytest.raises(TypeError, match="should be dictionary"):
        writer.add_hparams([], {})
    with pytest.raises(ValueError, match="int, float, str, bool, or torch.Tensor"):
        writer.add_hparams({"x": []}, {})


@installed
def test_embeddings(writer, tmp_path):
    points = cnn.tensor([[1.0, 2.0], [3.0, 4.0]])
    writer.add_embedding(points, ["a", "b"], global_step=1, tag="of/all")
    folder = tmp_path / "run" / "00001" / "of%2fall"
    assert (folder / "tensors.tsv").read_text() == "1.0\t2.0\n3.0\t4.0\n"
    assert (folder / "metadata.tsv").read_text() == "a\nb\n"
    assert "of/all:00001" in (tmp_path / "run" / "projector_config.pbtxt").read_text()
    with pytest.raises(AssertionError, match="#labels should equal"):
        writer.add_embedding(points, ["a"])


@installed
def test_closing_and_beginning_again(tmp_path):
    from cnn.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(tmp_path, purge_step=3)
    writer.close()
    writer.close()
    writer.add_scalar("again", 1)
    writer.close()
    assert len(list(tmp_path.glob("events*"))) >= 1 and "again" in events(tmp_path)
