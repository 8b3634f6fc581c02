"""Parameters and buffers: the tensors that a Module owns."""

from __future__ import annotations

from collections import OrderedDict

from .. import _C, _absent

_TensorMeta = type(_C.Tensor)


class _ParameterMeta(_TensorMeta):  # type: ignore[misc, valid-type]
    def __instancecheck__(cls, instance):
        # A custom tensor type stays its own type and is only marked as a parameter.
        if cls is Parameter and isinstance(instance, _C.Tensor):
            if getattr(instance, "_is_param", False):
                return True
        return super().__instancecheck__(instance)


class Parameter(_C.Tensor, metaclass=_ParameterMeta):
    """A leaf tensor that registers itself with the Module it is assigned to.

    Shares its memory with `data`. A tensor of a user's own type keeps that type, marked as a
    parameter.
    """

    def __new__(cls, data=None, requires_grad: bool = True):
        if data is None:
            data = _C.empty(0)
        if type(data) is _C.Tensor or type(data) is Parameter:
            return _C.Tensor._make_subclass(cls, data, requires_grad)
        marked = data.detach().requires_grad_(requires_grad)
        if type(marked) is not type(data):
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {type(data).__name__} requires "
                "that detach() returns an instance of the same type, but return type "
                f"{type(marked).__name__} was found instead."
            )
        marked._is_param = True
        return marked

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return memo[id(self)]

    def __repr__(self):
        if type(self) is not Parameter:
            return "Parameter containing:\n" + super().__repr__()
        # As the tensor that it holds, so that it prints as `tensor(...)`.
        return f"Parameter containing:\n{self.detach().requires_grad_(self.requires_grad)!r}"

    def __reduce_ex__(self, protocol):
        from .. import (
            _utils,  # and with it the storages, which a program that writes nothing never needs
        )

        args = (self.data, self.requires_grad, OrderedDict())
        if self.__dict__:
            return _utils._rebuild_parameter_with_state, (*args, dict(self.__dict__))
        return _utils._rebuild_parameter, args

    # Ops on parameters give plain tensors.
    __torch_function__ = _C._disabled_torch_function_impl


class _BufferMeta(_TensorMeta):  # type: ignore[misc, valid-type]
    def __instancecheck__(cls, instance):
        if cls is Buffer and isinstance(instance, _C.Tensor):
            if getattr(instance, "_is_buffer", False):
                return True
        return super().__instancecheck__(instance)


class Buffer(_C.Tensor, metaclass=_BufferMeta):
    """A tensor that registers itself as a buffer of the Module it is assigned to.

    The result is a plain tensor, marked; it is saved in `state_dict` if `persistent`.
    """

    def __new__(cls, data=None, *, persistent: bool = True):
        if data is None:
            data = _C.empty(0)
        marked = data.detach().requires_grad_(data.requires_grad)
        marked.persistent = persistent
        marked._is_buffer = True
        return marked

    __torch_function__ = _C._disabled_torch_function_impl


class UninitializedTensorMixin:
    """A tensor whose shape is not known yet: it can only be moved and cast before `materialize`."""

    _allowed_methods = frozenset(
        "__hash__ size copy_ is_complex is_floating_point half float double bfloat16 char short "
        "int long "
        "cuda cpu to get_device".split()
    )

    def materialize(self, shape, device=None, dtype=None):
        """Gives the tensor memory of `shape` and turns it into an ordinary parameter or buffer."""
        if device is None:
            device = self.data.device
        if dtype is None:
            dtype = self.data.dtype
        self.data = _C.empty(shape, device=device, dtype=dtype)
        self.__class__ = self.cls_to_become

    @property
    def shape(self):
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    def share_memory_(self):
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to "
            "initialize the parameters before calling `module.share_memory()`."
        )

    def __repr__(self):
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol):
        return type(self), (self.requires_grad,)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        # Attribute access arrives as the accessor's own `__get__`, `__set__` or `__delete__`.
        if name in cls._allowed_methods or type(func).__name__ == "method-wrapper":
            return super().__torch_function__(func, types, args, kwargs or {})
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {func}. This error happens when you "
            "are using a `LazyModule` or explicitly manipulating "
            f"`torch.nn.parameter.{cls.__name__}` objects. When using LazyModules Call `forward` "
            "with a dummy batch to initialize the parameters before calling torch functions"
        )


def is_lazy(param):
    """Whether `param` still waits for its shape."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A Parameter whose shape is found in the first forward."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        data = _C.empty(0, device=device, dtype=dtype)
        return _C.Tensor._make_subclass(cls, data, requires_grad)

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            data = self.data
            memo[id(self)] = type(self)(self.requires_grad, data.device, data.dtype)
        return memo[id(self)]


class UninitializedBuffer(UninitializedTensorMixin, _C.Tensor):
    """A buffer whose shape is found in the first forward."""

    cls_to_become = _C.Tensor

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        data = _C.empty(0, device=device, dtype=dtype)
        buffer = _C.Tensor._make_subclass(cls, data, requires_grad)
        buffer.persistent = persistent
        buffer._is_buffer = True
        return buffer


_absent.explain(__name__)
