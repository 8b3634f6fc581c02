"""A decorator of PyTorch's sources."""


def compatibility(is_backward_compatible):
    """Gives the function or class back: how stable it is, its documentation says."""
    return lambda fn: fn
