"""What is done to pictures, by PyTorch's name of the file."""

from ._pictures import convert_to_HWC, figure_to_image, make_grid

__all__ = ["convert_to_HWC", "figure_to_image", "make_grid"]
