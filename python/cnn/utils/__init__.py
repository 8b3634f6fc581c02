"""Utilities beside the tensors: data loading, checkpointing, hook handles, counts and times."""

_SUBMODULES = (
    "_cxx_pytree",
    "_python_dispatch",
    "_pytree",
    "benchmark",
    "checkpoint",
    "data",
    "deterministic",
    "flop_counter",
    "hooks",
)

__all__ = ["benchmark", "checkpoint", "data", "deterministic", "flop_counter", "hooks"]


def __getattr__(name):
    # At first use, so that `import cnn` need not wait for them.
    if name in _SUBMODULES:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    from .._absent import absent

    raise absent(__name__, name)
