"""Arrays of pictures: grids of several, boxes drawn into one, figures, films; and PNG of them."""

from __future__ import annotations

import io
import math

import numpy
from tensorboard.compat.proto.summary_pb2 import Summary


def make_grid(images, ncols=8):
    """[3, H, W] of pictures [N, 1 or 3, h, w], side by side, ncols to a row."""
    if images.shape[1] == 1:
        images = numpy.concatenate([images] * 3, 1)
    if images.ndim != 4 or images.shape[1] != 3:
        raise AssertionError("Input should be a 4D numpy array with 3 channels")
    count, _, height, width = images.shape
    ncols = min(count, ncols)
    canvas = numpy.zeros((3, height * math.ceil(count / ncols), width * ncols), images.dtype)
    for i, image in enumerate(images):
        y, x = i // ncols * height, i % ncols * width
        canvas[:, y : y + height, x : x + width] = image
    return canvas


def convert_to_HWC(array, input_format):
    """[H, W, channels] of an array whose dimensions are named by letters: "CHW", "NCHW", "HW"."""
    if len(set(input_format)) != len(input_format):
        raise AssertionError(
            f"You can not use the same dimension shorthand twice. input_format: {input_format}"
        )
    if len(array.shape) != len(input_format):
        raise AssertionError(
            "size of input tensor and input format are different. tensor shape: "
            f"{array.shape}, input_format: {input_format}"
        )
    input_format = input_format.upper()
    order = [input_format.find(c) for c in {4: "NCHW", 3: "HWC", 2: "HW"}[len(input_format)]]
    array = array.transpose(order)
    if array.ndim == 4:
        return make_grid(array).transpose(1, 2, 0)
    if array.ndim == 2:
        return numpy.stack([array] * 3, 2)
    return numpy.concatenate([array] * 3, 2) if array.shape[2] == 1 else array


def bytes_of(array):
    """A picture as uint8: bytes stay, other numbers are from 0 to 1."""
    scale = 1 if array.dtype == numpy.uint8 else 255
    return (array.astype(numpy.float32) * scale).clip(0, 255).astype(numpy.uint8)


def make_image(array, rescale=1, rois=None, labels=None):
    """A picture [H, W, channels] of uint8 as a message, by Pillow, with boxes drawn into it."""
    from PIL import Image

    height, width, channels = array.shape
    picture = Image.fromarray(array)
    for i, box in enumerate(() if rois is None else rois):
        _draw_box(picture, box, None if labels is None else labels[i])
    size = int(width * rescale), int(height * rescale)
    stream = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(stream, format="PNG")
    return Summary.Image(
        height=height, width=width, colorspace=channels, encoded_image_string=stream.getvalue()
    )


def _draw_box(picture, box, label, color="Red"):
    from PIL import ImageDraw, ImageFont

    draw = ImageDraw.Draw(picture)
    left, top, right, bottom = (float(x) for x in box)
    corners = [(left, top), (left, bottom), (right, bottom), (right, top), (left, top)]
    draw.line(corners, width=2, fill=color)
    if label:
        font = ImageFont.load_default()
        x0, y0, x1, y1 = font.getbbox(label)
        width, height = x1 - x0, y1 - y0
        margin = math.ceil(0.05 * height)
        around = [(left, bottom - height - 2 * margin), (left + width, bottom)]
        draw.rectangle(around, fill=color)
        draw.text((left + margin, bottom - height - margin), label, fill="black", font=font)


def figure_to_image(figures, close=True):
    """[3, H, W] of a figure of matplotlib, or [N, 3, H, W] of a list of them."""
    if isinstance(figures, list):
        return numpy.stack([figure_to_image(figure, close) for figure in figures])
    import matplotlib.pyplot as plt
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figures)
    canvas.draw()
    image = numpy.array(canvas.buffer_rgba())[:, :, :3]
    if close:
        plt.close(figures)
    return numpy.moveaxis(image, 2, 0)


def frames_of(films):
    """[time, H, W, channels] of films [N, time, channels, h, w], laid out in a grid."""
    count, time, channels, height, width = films.shape
    if films.dtype == numpy.uint8:
        films = numpy.float32(films) / 255.0
    places = 1 << (count - 1).bit_length()  # the next power of 2
    films = numpy.pad(films, [(0, places - count)] + [(0, 0)] * 4)
    rows = 2 ** ((count.bit_length() - 1) // 2)
    grid = films.reshape(rows, places // rows, time, channels, height, width)
    grid = grid.transpose(2, 0, 4, 1, 5, 3)
    return grid.reshape(time, rows * height, places // rows * width, channels)


def make_video(frames, fps):
    """Frames [time, H, W, channels] of uint8 as a message: a GIF, by Pillow."""
    from PIL import Image

    _, height, width, channels = frames.shape
    first, *others = (
        Image.fromarray(frame.squeeze(-1) if channels == 1 else frame) for frame in frames
    )
    stream = io.BytesIO()
    first.save(stream, "GIF", save_all=True, append_images=others, duration=1000 // fps, loop=0)
    return Summary.Image(
        height=height, width=width, colorspace=channels, encoded_image_string=stream.getvalue()
    )
