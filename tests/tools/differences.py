"""Where a name of PyTorch's works otherwise in cnn: {name: what is other}."""

DIFFERENCES: dict[str, str] = {}
