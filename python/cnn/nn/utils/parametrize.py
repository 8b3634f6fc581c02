"""Parameters and buffers as functions of others, which are what is trained and saved."""

from __future__ import annotations

import contextlib
import copyreg
from collections.abc import Sequence
from copy import deepcopy

from ... import _C
from ...autograd import no_grad
from ..modules.container import ModuleDict, ModuleList
from ..parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

# How many `cached` contexts are open, and what has been computed in them, by module and name.
_cache_enabled = 0
_cache: dict = {}


@contextlib.contextmanager
def cached():
    """In this context a parametrized tensor is computed once, when it is first asked for."""
    global _cache, _cache_enabled
    _cache_enabled += 1
    try:
        yield
    finally:
        _cache_enabled -= 1
        if not _cache_enabled:
            _cache = {}


def _register_parameter_or_buffer(module, name, X):
    if isinstance(X, Parameter):
        module.register_parameter(name, X)
    else:
        module.register_buffer(name, X)


def _maybe_set(dest, src):
    """Makes a tensor hold the memory of another, as the object that it is."""
    dest.set_(src)


def _type_name(value):
    return type(value).__name__


def _check_result(value, before, what, by, tail):
    """Raises ValueError unless a value is a tensor of the dtype and shape of `before`."""
    if not isinstance(value, _C.Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {_type_name(value)}.")
    for trait in ("dtype", "shape"):
        if getattr(value, trait) != getattr(before, trait):
            raise ValueError(
                f"Registering a parametrization may not change the {trait} of the tensor, unless "
                f"{tail} flag is enabled.\n"
                f"{what(trait)}: {getattr(before, trait)}\n{by(trait)}: {getattr(value, trait)}"
            )


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor in a row, and the original tensors under them.

    Its forward is what the module has under the tensor's name: each parametrization of what the one
    before gives, the first of `original`, or of `original0`, `original1`, ... where the last
    `right_inverse` gives a sequence. It is made by `register_parametrization`.
    """

    def __init__(self, modules, original, unsafe=False) -> None:
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        before = _C.empty(original.shape, dtype=original.dtype, device="meta")
        new = original
        with no_grad():
            for module in reversed(self):
                if hasattr(module, "right_inverse"):
                    with contextlib.suppress(NotImplementedError):
                        new = module.right_inverse(new)
        if not isinstance(new, (_C.Tensor, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {_type_name(new)}"
            )
        self.is_tensor = isinstance(new, _C.Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            self._take_original(original, new)
        else:
            self._take_originals(original, new)
        if not unsafe:
            _check_result(
                self(),
                before,
                lambda trait: f"unparametrized {trait}",
                lambda trait: f"parametrized {trait}",
                "`unsafe`",
            )

    def _take_original(self, original, new):
        for trait in ("dtype", "device"):
            if getattr(original, trait) != getattr(new, trait):
                raise ValueError(
                    f"When `right_inverse` outputs one tensor, it may not change the {trait}.\n"
                    f"original.{trait}: {getattr(original, trait)}\n"
                    f"right_inverse(original).{trait}: {getattr(new, trait)}"
                )
        # The parameter stays the same object: an optimizer may hold it.
        with no_grad():
            _maybe_set(original, new)
        _register_parameter_or_buffer(self, "original", original)

    def _take_originals(self, original, new):
        for i, tensor in enumerate(new):
            if not isinstance(tensor, _C.Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, "
                    f"tuple...). Got element {i} of the sequence with type {_type_name(tensor)}."
                )
            if isinstance(original, Parameter):
                tensor = Parameter(tensor, original.requires_grad)
            tensor.requires_grad_(original.requires_grad)
            _register_parameter_or_buffer(self, f"original{i}", tensor)

    def right_inverse(self, value):
        """Changes the originals so that the parametrized tensor becomes `value`.

        As far as the `right_inverse` of every parametrization can do so, of the last one first.
        """
        with no_grad():
            for module in reversed(self):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {_type_name(module)} does not implement right_inverse."
                    )
                value = module.right_inverse(value)
            if self.is_tensor:
                self._set_original(value)
            else:
                self._set_originals(value)

    def _set_original(self, value):
        if not isinstance(value, _C.Tensor):
            raise ValueError(f"`right_inverse` should return a tensor. Got {_type_name(value)}")
        if value.dtype != self.original.dtype:
            raise ValueError(
                f"The tensor returned by `right_inverse` has dtype {value.dtype} while `original` "
                f"has dtype {self.original.dtype}"
            )
        _maybe_set(self.original, value)

    def _set_originals(self, values):
        if not isinstance(values, Sequence):
            raise ValueError(
                f"'right_inverse' must return a sequence of tensors. Got {_type_name(values)}."
            )
        if len(values) != self.ntensors:
            raise ValueError(
                "'right_inverse' must return a sequence of tensors of length "
                f"{self.ntensors}. Got a sequence of length {len(values)}."
            )
        for i, tensor in enumerate(values):
            original = getattr(self, f"original{i}")
            if not isinstance(tensor, _C.Tensor):
                raise ValueError(
                    "'right_inverse' must return a sequence of tensors. Got element "
                    f"{i} of type {_type_name(tensor)}."
                )
            if original.dtype != tensor.dtype:
                raise ValueError(
                    f"Tensor {i} returned by `right_inverse` has dtype {tensor.dtype} while "
                    f"`original{i}` has dtype {original.dtype}"
                )
            _maybe_set(original, tensor)

    def forward(self):
        first, *others = self
        if self.is_tensor:
            x = first(self.original)
        else:
            x = first(*[getattr(self, f"original{i}") for i in range(self.ntensors)])
        for module in others:
            x = module(x)
        return x


def _deepcopy_of_parametrized(self, memo):
    if id(self) in memo:
        return memo[id(self)]
    replica = self.__new__(type(self))
    memo[id(self)] = replica
    replica.__dict__ = deepcopy(self.__dict__, memo)
    for slot in copyreg._slotnames(type(self)):
        if hasattr(self, slot):
            setattr(replica, slot, deepcopy(getattr(self, slot), memo))
    return replica


def _getstate_of_parametrized(self):
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(). See:\n"
        "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
        "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
    )


def _inject_new_class(module):
    """Gives the module a class of its own, below the one that it has, to put properties on."""
    cls = type(module)
    attributes = {"__getstate__": _getstate_of_parametrized}
    if not hasattr(cls, "__deepcopy__"):
        attributes["__deepcopy__"] = _deepcopy_of_parametrized
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), attributes)


def _inject_property(module, tensor_name):
    """Puts a property on the module's class: the parametrized tensor."""
    if hasattr(module, tensor_name):
        raise AssertionError(f"Module already has an attribute named '{tensor_name}'")

    def get_parametrized(self):
        parametrization = self.parametrizations[tensor_name]
        if not _cache_enabled:
            return parametrization()
        key = (id(self), tensor_name)
        tensor = _cache.get(key)
        if tensor is None:
            tensor = _cache[key] = parametrization()
        return tensor

    def set_original(self, value):
        self.parametrizations[tensor_name].right_inverse(value)

    setattr(type(module), tensor_name, property(get_parametrized, set_original))


def _check_next(module, tensor_name, parametrization):
    """Raises ValueError unless a parametrization keeps the dtype and shape of the tensor."""
    Y = getattr(module, tensor_name)
    X = parametrization(Y)
    _check_result(
        X,
        Y,
        lambda trait: f"module.{tensor_name}.{trait}",
        lambda trait: f"parametrization(module.{tensor_name}).{trait}",
        "the `unsafe`",
    )
    if not hasattr(parametrization, "right_inverse"):
        return
    try:
        Z = parametrization.right_inverse(X)
    except NotImplementedError:
        return
    if not isinstance(Z, _C.Tensor):
        raise ValueError(
            f"parametrization.right_inverse must return a tensor. Got: {_type_name(Z)}"
        )
    for trait in ("dtype", "shape"):
        if getattr(Z, trait) != getattr(Y, trait):
            raise ValueError(
                "The tensor returned by parametrization.right_inverse must have the same "
                f"{trait} as module.{tensor_name}, unless the `unsafe` flag is enabled.\n"
                f"module.{tensor_name}.{trait}: {getattr(Y, trait)}\n"
                f"returned {trait}: {getattr(Z, trait)}"
            )


def register_parametrization(module, tensor_name, parametrization, *, unsafe=False):
    """Lets `parametrization`, a Module, compute a parameter or buffer from an original.

    The original is `module.parametrizations[tensor_name].original`; a `right_inverse` of the
    parametrization gives its first value, and those of later assignments. Further calls put a
    parametrization upon the one before. Raises ValueError for one that changes the dtype or shape,
    unless `unsafe`, and where there is no such tensor. Returns the module.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_next(module, tensor_name, parametrization)
        module.parametrizations[tensor_name].append(parametrization)
        module.parametrizations[tensor_name].unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        parametrizations = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _inject_new_class(module)
            module.parametrizations = ModuleDict()
        _inject_property(module, tensor_name)
        module.parametrizations[tensor_name] = parametrizations
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    return module


def is_parametrized(module, tensor_name=None):
    """Whether the module has a parametrization, of the tensor of that name if one is given."""
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    if tensor_name is None:
        return len(parametrizations) > 0
    return tensor_name in parametrizations


def remove_parametrizations(module, tensor_name, leave_parametrized=True):
    """Makes a parametrized tensor an ordinary one again; returns the module.

    It keeps its computed value, or with leave_parametrized=False gets back the original, which must
    be one tensor. Raises ValueError otherwise, and where there is no parametrization.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    parametrizations = module.parametrizations[tensor_name]
    if parametrizations.is_tensor:
        original = parametrizations.original
        if leave_parametrized:
            with no_grad():
                _maybe_set(original, getattr(module, tensor_name))
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register_parameter_or_buffer(module, tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module):
    """The class that a module had before its first parametrization."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def _originals(parametrizations):
    if parametrizations.is_tensor:
        return ["original"]
    return [f"original{i}" for i in range(parametrizations.ntensors)]


def transfer_parametrizations_and_params(from_module, to_module, tensor_name=None):
    """Gives a module the parametrizations of another and the tensors under them.

    Of one tensor or of all that are parametrized; what to_module lacks it gets. Returns to_module.
    """
    if not is_parametrized(from_module):
        return to_module
    for name in from_module.parametrizations if tensor_name is None else [tensor_name]:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        source = from_module.parametrizations[name]
        for parametrization in source:
            register_parametrization(to_module, name, parametrization)
        for original in _originals(source):
            setattr(to_module.parametrizations[name], original, getattr(source, original))
    return to_module
