"""Pictures of tensors: grids, files, boxes."""

from __future__ import annotations

import math
import warnings

import cnn

from ._pillow import pillow

__all__ = ["draw_bounding_boxes", "draw_segmentation_masks", "make_grid", "save_image"]


def _scale_to_unit(img, low, high):
    img.clamp_(min=low, max=high)
    img.sub_(low).div_(max(high - low, 1e-5))


@cnn.no_grad()
def make_grid(
    tensor,
    nrow=8,
    padding=2,
    normalize=False,
    value_range=None,
    scale_each=False,
    pad_value=0.0,
):
    """One picture [C, H, W] of many [N, C, H, W], `nrow` side by side, `padding` pixels apart.

    `normalize` stretches values from `value_range`, or from what there is (in each picture with
    `scale_each`), to [0, 1].
    """
    if isinstance(tensor, list):
        for t in tensor:
            if not isinstance(t, cnn.Tensor):
                raise TypeError(
                    f"tensor or list of tensors expected, got a list containing {type(t)}"
                )
        tensor = cnn.stack(tensor, dim=0)
    elif not isinstance(tensor, cnn.Tensor):
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    if tensor.dim() == 2:
        tensor = tensor.unsqueeze(0)
    if tensor.dim() == 3:
        tensor = tensor.unsqueeze(0)
    if tensor.dim() == 4 and tensor.size(1) == 1:
        tensor = cnn.cat((tensor, tensor, tensor), 1)
    if normalize is True:
        if value_range is not None and not isinstance(value_range, tuple):
            raise TypeError(
                "value_range has to be a tuple (min, max) if specified. min and max are numbers"
            )
        tensor = tensor.clone()
        for t in tensor if scale_each is True else [tensor]:
            _scale_to_unit(t, *(value_range or (float(t.min()), float(t.max()))))
    count, channels, height, width = tensor.shape
    if count == 1:
        return tensor.squeeze(0)
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    height, width = height + padding, width + padding
    shape = (channels, height * rows + padding, width * columns + padding)
    grid = tensor.new_full(shape, pad_value)
    for i, picture in enumerate(tensor):
        y, x = i // columns * height + padding, i % columns * width + padding
        grid[:, y : y + height - padding, x : x + width - padding] = picture
    return grid


@cnn.no_grad()
def save_image(tensor, fp, format=None, **kwargs):
    """Writes make_grid(tensor, **kwargs) to a file; values are in [0, 1]."""
    grid = make_grid(tensor, **kwargs)
    pixels = grid.mul(255).add_(0.5).clamp_(0, 255).permute(1, 2, 0).to("cpu", cnn.uint8)
    pillow().fromarray(pixels.numpy()).save(fp, format=format)


def _palette(count):
    """Colours that are easy to tell apart."""
    steps = (2**25 - 1, 2**15 - 1, 2**21 - 1)
    return [tuple(i * step % 255 for step in steps) for i in range(count)]


def _colours(colours, count):
    if colours is None:
        colours = _palette(count)
    elif isinstance(colours, list):
        if len(colours) < count:
            raise ValueError(
                f"Number of colors must be equal or larger than the number of objects, but got "
                f"{len(colours)} < {count}"
            )
    elif isinstance(colours, (str, tuple)):
        colours = [colours] * count
    else:
        raise ValueError(
            "`colors` must be a tuple or a string, or a list thereof, but got " + f"{colours}."
        )
    return [_by_name(c) if isinstance(c, str) else c for c in colours]


def _by_name(colour):
    pillow()
    from PIL import ImageColor

    return ImageColor.getrgb(colour)


def _check_picture(image, channels):
    if not isinstance(image, cnn.Tensor):
        raise TypeError(f"Tensor expected, got {type(image)}")
    if not (image.dtype is cnn.uint8 or image.is_floating_point()):
        raise ValueError(f"The image dtype must be uint8 or float, got {image.dtype}")
    if image.dim() != 3:
        raise ValueError("Pass individual images, not batches")
    if image.size(0) not in channels:
        raise ValueError(
            "Only grayscale and RGB images are supported"
            if 1 in channels
            else "Pass an RGB image. Other Image formats are not supported"
        )


@cnn.no_grad()
def draw_bounding_boxes(
    image,
    boxes,
    labels=None,
    colors=None,
    fill=False,
    width=1,
    font=None,
    font_size=None,
    label_colors=None,
    label_background_colors=None,
    fill_labels=False,
):
    """A picture [1 or 3, H, W] with boxes (x1, y1, x2, y2) drawn on it, and their labels."""
    pillow()
    from PIL import ImageDraw, ImageFont

    from .transforms import functional as F

    _check_picture(image, (1, 3))
    if boxes.shape[-1] != 4:
        raise NotImplementedError("only boxes along the axes can be drawn: (x1, y1, x2, y2)")
    if (boxes[:, 0] > boxes[:, 2]).any() or (boxes[:, 1] > boxes[:, 3]).any():
        raise ValueError(
            "Boxes need to be in (xmin, ymin, xmax, ymax) format. Use torchvision.ops.box_convert "
            "to convert them"
        )
    count = boxes.shape[0]
    if count == 0:
        warnings.warn("boxes doesn't contain any box. No box was drawn", stacklevel=2)
        return image
    if labels is None:
        labels = [None] * count
    elif len(labels) != count:
        raise ValueError(
            f"Number of boxes ({count}) and labels ({len(labels)}) mismatch. Please specify labels "
            "for each box."
        )
    colors = _colours(colors, count)
    backgrounds = colors
    if fill_labels and label_background_colors:
        backgrounds = _colours(label_background_colors, count)
    text_colours = colors
    if label_colors or fill_labels:
        text_colours = _colours(label_colors or "black", count)
    if font is None:
        if font_size is not None:
            warnings.warn(
                "Argument 'font_size' will be ignored since 'font' is not set.", stacklevel=2
            )
        typeface = ImageFont.load_default()
    else:
        typeface = ImageFont.truetype(font=font, size=font_size or 10)
    pixels = F.convert_image_dtype(image, cnn.uint8)
    canvas = F.to_pil_image(pixels.expand(3, -1, -1))
    draw = ImageDraw.Draw(canvas, "RGBA" if fill else None)
    for i, box in enumerate(boxes.to(cnn.int64).tolist()):
        inside = (*colors[i], 100) if fill else None
        draw.rectangle(box, width=width, outline=colors[i], fill=inside)
        if labels[i] is not None:
            at = (box[0] + width + 1, box[1] + width + 1)
            if fill_labels:
                left, top, right, bottom = draw.textbbox(at, labels[i], font=typeface)
                around = (left - 1, top - 1, right + 1, bottom + 1)
                draw.rectangle(around, fill=backgrounds[i])
            draw.text(at, labels[i], fill=text_colours[i], font=typeface)
    return F.convert_image_dtype(F.pil_to_tensor(canvas), image.dtype)


@cnn.no_grad()
def draw_segmentation_masks(image, masks, alpha=0.8, colors=None):
    """A picture [3, H, W] with masks [N, H, W] laid over it; where several meet, it is dark."""
    _check_picture(image, (3,))
    masks = masks[None] if masks.ndim == 2 else masks
    if masks.ndim != 3:
        raise ValueError("masks must be of shape (H, W) or (batch_size, H, W)")
    if masks.dtype is not cnn.bool:
        raise ValueError(f"The masks must be of dtype bool. Got {masks.dtype}")
    if masks.shape[-2:] != image.shape[-2:]:
        raise ValueError("The image and the masks must have the same height and width")
    if masks.shape[0] == 0:
        warnings.warn("masks doesn't contain any mask. No mask was drawn", stacklevel=2)
        return image
    over = image.detach().clone()
    for mask, colour in zip(masks, _colours(colors, masks.shape[0])):
        value = cnn.tensor(colour, dtype=cnn.float32)
        value = value / 255 if image.is_floating_point() else value
        over = cnn.where(mask, value.to(image.dtype).view(-1, 1, 1), over)
    over = over.masked_fill(masks.sum(dim=0) > 1, 0)
    return (image * (1 - alpha) + over * alpha).to(image.dtype)
