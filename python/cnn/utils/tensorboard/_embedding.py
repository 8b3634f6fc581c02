"""The files of TensorBoard's projector: points, what is said of them, and small pictures."""

from __future__ import annotations

import math
import os

import numpy

from ._convert_np import make_np
from ._pictures import make_grid

__all__ = []


def make_tsv(metadata, save_path, metadata_header=None):
    """Writes a line for each point; of several columns with a header, else of one."""
    if metadata_header:
        if len(metadata_header) != len(metadata[0]):
            raise AssertionError("len of header must be equal to the number of columns in metadata")
        lines = ["\t".join(map(str, line)) for line in [metadata_header, *metadata]]
    else:
        lines = [str(x) for x in metadata]
    with open(os.path.join(save_path, "metadata.tsv"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def make_sprite(label_img, save_path):
    """Writes one picture that holds a small one of each point, as many in a row as in a column."""
    from PIL import Image

    grid = make_grid(make_np(label_img), ncols=math.ceil(label_img.shape[0] ** 0.5))
    grid = grid.transpose(1, 2, 0)
    square = numpy.zeros((grid.shape[1], grid.shape[1], 3))
    square[: grid.shape[0]] = grid
    pixels = numpy.uint8((square * 255).clip(0, 255))
    Image.fromarray(pixels).save(os.path.join(save_path, "sprite.png"), format="PNG")


def make_mat(matrix, save_path):
    """Writes the points, a line each."""
    with open(os.path.join(save_path, "tensors.tsv"), "w", encoding="utf-8") as file:
        for row in matrix:
            file.write("\t".join(str(x.item()) for x in row) + "\n")


def get_embedding_info(metadata, label_img, subdir, global_step, tag):
    """A message that says where the files of some points are."""
    from tensorboard.plugins.projector.projector_config_pb2 import EmbeddingInfo

    info = EmbeddingInfo()
    info.tensor_name = f"{tag}:{str(global_step).zfill(5)}"
    info.tensor_path = os.path.join(subdir, "tensors.tsv")
    if metadata is not None:
        info.metadata_path = os.path.join(subdir, "metadata.tsv")
    if label_img is not None:
        info.sprite.image_path = os.path.join(subdir, "sprite.png")
        info.sprite.single_image_dim.extend([label_img.shape[3], label_img.shape[2]])
    return info


def write_pbtxt(save_path, contents):
    """Writes the file that lists all points."""
    path = os.path.join(save_path, "projector_config.pbtxt")
    with open(path, "w", encoding="utf-8") as file:
        file.write(contents)
