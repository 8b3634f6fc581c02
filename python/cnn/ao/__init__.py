"""Quantization and pruning as PyTorch has them: names only."""


def __getattr__(name):
    from importlib import import_module

    if name in ("nn", "pruning", "quantization"):
        return import_module(f"{__name__}.{name}")
    from .._absent import absent

    raise absent(__name__, name)
