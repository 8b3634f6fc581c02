"""PyTorch's names of functions, which generated code calls them by; and their arguments as PyTorch
writes them down.
"""

from __future__ import annotations

import builtins
import inspect
import sys
import types
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from .. import _C

# Of nn.functional: what is a function of PyTorch's core, in one of two namespaces there.
_OF_CORE_NN = frozenset("""
    avg_pool2d avg_pool3d elu_ gelu hardtanh_ leaky_relu_ linear logsigmoid one_hot
    scaled_dot_product_attention softplus softshrink
""".split())  # fmt: skip
_OF_CORE = frozenset("""
    adaptive_avg_pool1d avg_pool1d bilinear celu_ channel_shuffle conv1d conv2d conv3d conv_tbc
    conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity hardshrink
    native_channel_shuffle pairwise_distance pdist pixel_shuffle pixel_unshuffle prelu relu_ rrelu_
    selu_ threshold_
""".split())  # fmt: skip
_RENAMED = {"logsigmoid": "log_sigmoid"}
# Modules whose functions PyTorch has in its core, as `torch._C._linalg.linalg_norm`.
_SPACES = ("linalg", "special", "fft")


@cache
def _names():
    """{function: PyTorch's name of it}."""
    from .. import functional, nn

    names = {}

    def add(space, path, wanted=None):
        for name in wanted if wanted is not None else dir(space):
            value = getattr(space, name, None) if name[0] != "_" else None
            if callable(value) and not isinstance(value, type) and value.__hash__:
                names.setdefault(value, path(name) if callable(path) else f"{path}.{name}")

    def of_functional(name):
        place = "torch.nn.functional"
        if name in _OF_CORE_NN:
            place = "torch._C._nn"
        elif name in _OF_CORE:
            place = "torch"
        return f"{place}.{_RENAMED.get(name, name)}"

    add(functional, "torch.functional", functional.__all__)
    add(nn.functional, of_functional)
    add(sys.modules["cnn"], "torch")
    add(nn.init, "torch.nn.init")
    for space in filter(_is_there, _SPACES):
        module = import_module(f"cnn.{space}")
        add(module, lambda name, space=space: f"torch._C._{space}.{space}_{name}")
    return names


def _is_there(space):
    return find_spec(f"cnn.{space}") is not None


@cache
def core_space(space):
    """`torch._C._linalg` and its like: the functions of a module under PyTorch's core's names."""
    module = import_module(f"cnn.{space}")
    core = types.ModuleType(f"cnn._C._{space}", f"Functions of {space} as PyTorch's core has them.")
    for name in dir(module):
        value = getattr(module, name, None)
        if name[0] != "_" and callable(value) and not isinstance(value, type):
            setattr(core, f"{space}_{name}", value)
    return core


@cache
def core_nn():
    """`torch._C._nn`: those of nn.functional that PyTorch has in its core."""
    from .. import nn
    from ..nn.modules._module.converting import _parse_to

    space = types.ModuleType("cnn._C._nn", "Functions of nn.functional that PyTorch's core has.")
    space._parse_to = _parse_to
    for name in _OF_CORE_NN:
        setattr(space, _RENAMED.get(name, name), getattr(nn.functional, name))
    return space


def name_of(func):
    """The dotted name of a function or class: `torch.nn.functional.relu`."""
    name = func.__name__
    if getattr(builtins, name, None) is func:
        return name
    if isinstance(func, type):
        return f"{_torch(func.__module__)}.{name}"
    try:
        known = _names().get(func)
    except TypeError:  # not hashable
        known = None
    if known is not None:
        return known
    if getattr(_C.Tensor, name, None) is func:
        return f"torch.Tensor.{name}"
    if name == "<lambda>":
        try:
            name = inspect.getsource(func).split("=")[0].strip()
        except Exception as error:
            raise RuntimeError("Unable to represent lambda") from error
    module = func.__module__
    if module is None:
        raise RuntimeError(f"cannot find module for {func}")
    return f"{_torch(module)}.{name}"


def _torch(module):
    return "torch" + module[3:] if module == "cnn" or module.startswith("cnn.") else module


def is_own(obj):
    """Whether generated code can reach an object by its PyTorch name."""
    module = getattr(obj, "__module__", None)
    if not isinstance(module, str):
        return False
    return _torch(module).split(".")[0] == "torch" and not module.startswith("torch.fx.eval")


# How PyTorch's own Python functions hand on what they are given: what is required by position, all
# else by keyword, defaults included.
_BY_DISPATCH = frozenset(
    f"{kind}max_pool{n}d" for kind in ("", "adaptive_", "fractional_") for n in (1, 2, 3)
)


def _split(tensor, split_size_or_sections, dim=0): ...


def _norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None): ...


def _tensors(*tensors): ...


_SIGNATURES = {
    "torch.functional.broadcast_tensors": _tensors,
    "torch.functional.split": _split,
    "torch.functional.norm": _norm,
}


# What PyTorch's own function only hands on: to another function, or to the method of its name.
_METHODS = frozenset(("sigmoid", "tanh"))


def handed_on(func, args, kwargs):
    """(the result,) of a function that PyTorch traces through; None for all others."""
    path, _, name = name_of(func).rpartition(".")
    if name == "upsample":
        from ..nn.functional import interpolate

        return (interpolate(*args, **kwargs),)
    if name == "is_tensor":
        return (False,)
    if path == "torch.nn.functional" and name in _METHODS:
        return (getattr(*args, name)(),) if not kwargs else None
    return None


def as_recorded(func, args, kwargs):
    """(function, name, args, kwargs) of a call as PyTorch records it."""
    qualified = name_of(func)
    path, _, name = qualified.rpartition(".")
    if path not in ("torch.nn.functional", "torch.functional"):
        return func, name, args, kwargs
    signature = inspect.signature(_SIGNATURES.get(qualified, getattr(func, "__wrapped__", func)))
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    positional, keywords = [], {}
    for key, parameter in signature.parameters.items():
        value = bound.arguments[key]
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += value
        elif parameter.kind is parameter.VAR_KEYWORD:
            keywords.update(value)
        elif parameter.default is parameter.empty:
            positional.append(value)
        else:
            keywords[key] = value
    if name == "multi_head_attention_forward":  # PyTorch has this one earlier
        rest = iter(list(keywords.items()))
        keywords = {}
        for key, value in rest:
            if key == "use_separate_proj_weight":
                keywords["is_causal"] = bound.arguments["is_causal"]
            keywords.setdefault(key, value)
    if name == "l1_loss" and keywords.get("weight") is None:
        keywords.pop("weight", None)
    if name in _BY_DISPATCH and keywords.get("return_indices"):
        from ..nn import functional

        name += "_with_indices"
        func = getattr(functional, name)
    return func, name, tuple(positional), keywords
