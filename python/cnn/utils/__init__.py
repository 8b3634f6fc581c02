"""Utilities beside the tensors: data loading, checkpointing, hook handles, counts and times."""

_SUBMODULES = frozenset(
    """
    _contextlib _foreach_utils _triton _typing_utils backend_registration backcompat benchmark
    bottleneck checkpoint collect_env cpp_extension data deterministic dlpack flop_counter hooks
    mobile_optimizer model_zoo module_tracker tensorboard throughput_benchmark weak
""".split()
)
_LATER = {
    "ThroughputBenchmark": "throughput_benchmark",
    "generate_methods_for_privateuse1_backend": "backend_registration",
    "get_cpp_backtrace": "cpp_backtrace",
    "rename_privateuse1_backend": "backend_registration",
    "swap_tensors": "_swapping",
}

__all__ = ["benchmark", "checkpoint", "data", "deterministic", "flop_counter", "hooks"]


def set_module(obj, mod):
    """Lets a class or a function say that it is of the module of that name."""
    if not isinstance(mod, str):
        raise TypeError("The mod argument should be a string")
    obj.__module__ = mod


def __getattr__(name):
    # At first use, so that `import cnn` need not wait for them.
    from importlib import import_module

    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name in _LATER:
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    if name == "cmake_prefix_path":
        from pathlib import Path

        return str(Path(__file__).parents[1] / "lib" / "cmake")
    from .._absent import absent

    raise absent(__name__, name)
