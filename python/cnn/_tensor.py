"""Methods of `Tensor` that are written in Python, added to the C type once."""

from __future__ import annotations

import copyreg
import warnings

from . import _C, _absent

Tensor = _C.Tensor


def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    """Adds d self / d leaf into every leaf's `.grad`; `gradient` (1 for scalars): self's shape."""
    if gradient is None and inputs is None:  # most often; what may be wrong is found there
        keep = create_graph if retain_graph is None else retain_graph
        _C._backward(self, None, bool(keep), bool(create_graph), (), True)
        return
    from . import autograd

    autograd.backward(self, gradient, retain_graph, create_graph, inputs=inputs)


def _repr(self, *, tensor_contents=None):
    from ._tensor_str import tensor_str

    return tensor_str(self, tensor_contents=tensor_contents)


def _format(self, spec):
    if self.dim() == 0 and not self.is_meta and type(self) is Tensor:
        return self.item().__format__(spec)
    return object.__format__(self, spec)


def _reduce_ex(self, protocol):
    from ._tensor_pickle import reduce_tensor

    return reduce_tensor(self, protocol)


def _deepcopy(self, memo):
    from ._tensor_pickle import deepcopy_tensor

    return deepcopy_tensor(self, memo)


def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False):
    """A copy of `data` as a tensor of self's dtype and device."""
    dtype = self.dtype if dtype is None else dtype
    device = self.device if device is None else device
    return _C.tensor(data, dtype=dtype, device=device, requires_grad=requires_grad)


def tile(self, *dims, **named):
    """`repeat`, with the missing leading counts taken as 1."""
    from . import _composite

    if named or not dims:
        return _composite.tile(self, *dims, **named)
    one = len(dims) == 1 and isinstance(dims[0], (list, tuple))
    return _composite.tile(self, dims[0] if one else dims)


def _volatile(self):
    """False: what it said is said by `no_grad`."""
    warnings.warn("volatile was removed (Variable.volatile is always False)", stacklevel=2)
    return False


def _grad_dtype(self):
    """The dtype of the gradient: that of the tensor."""
    return self.dtype


def _rdiv(self, other):
    """other / self, under the name that Python 2 had for it."""
    return self.reciprocal() * other


def _reversed(self):
    return self if self.dim() == 0 else self.flip(0)


def _dir(self):
    return _absent.listed(type(self), object.__dir__(self), vars(self))


def _rebuild_from_type_v2(func, new_type, args, state):
    tensor = func(*args)
    if type(tensor) is not new_type:
        tensor = tensor.as_subclass(new_type)
    own = getattr(new_type, "__setstate__", None)
    if own is not None and own is not getattr(Tensor, "__setstate__", None):
        own(tensor, state)
        return tensor
    return _set_state(tensor, state)


# The same as files of older versions name it.
_rebuild_from_type = _rebuild_from_type_v2


def _set_state(tensor, state):
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    if attributes:
        tensor.__dict__.update(attributes)
    for name, value in (slots or {}).items():
        if name not in copyreg._slotnames(type(tensor)):
            raise RuntimeError(f"{type(tensor).__name__} has no slot {name!r} to restore")
        setattr(tensor, name, value)
    return tensor


# Methods that are functions of cnn, in a module that loads when one of them is asked for.
OF_LINALG = """
    cholesky cholesky_inverse cholesky_solve det eig geqrf inverse logdet lstsq lu lu_solve
    matrix_exp matrix_power orgqr ormqr pinverse qr slogdet solve svd symeig triangular_solve
""".split()


class _AtFirstUse:
    """Takes the place of a method of Tensor until it is looked up."""

    def __init__(self, name):
        self._name = name

    def __get__(self, instance, owner=None):
        from .linalg import _older

        function = getattr(_older, self._name)
        setattr(Tensor, self._name, function)
        return function.__get__(instance, owner)


def storage(self):
    """The memory that the tensor views, with its dtype. `untyped_storage` is the newer name."""
    from .storage import _warn_typed_storage_removal, typed_storage

    _warn_typed_storage_removal(stacklevel=2)
    return typed_storage(self)


def storage_type(self):
    """The class of its typed storage: `cnn.FloatStorage`."""
    from .storage import typed_storage

    return typed_storage(self)._get_legacy_storage_class()


_TYPES_OF_ARRAYS = {
    "bool": "|b1", "uint8": "|u1", "int8": "|i1", "int16": "<i2", "int32": "<i4", "int64": "<i8",
    "uint16": "<u2", "uint32": "<u4", "uint64": "<u8",
    "float16": "<f2", "bfloat16": "<V2", "float32": "<f4", "float64": "<f8",
}  # fmt: skip


def _cuda_array_interface(self):
    """Where it lies on its GPU, as other libraries read it; CPU tensors do not have this."""
    if not self.is_cuda:
        raise AttributeError(
            f"Can't get __cuda_array_interface__ on non-CUDA tensor type: {self.type()} If CUDA "
            "data is required use tensor.cuda() to copy tensor to device memory."
        )
    if self.requires_grad:
        raise RuntimeError(
            "Can't get __cuda_array_interface__ on Variable that requires grad. If gradients "
            "aren't required, use var.detach() to get Variable that doesn't require grad."
        )
    size, typestr = self.element_size(), _TYPES_OF_ARRAYS.get(str(self.dtype).rpartition(".")[2])
    if typestr is None:
        raise TypeError(f"arrays have no type for {self.dtype}: view(torch.uint8) has its bytes")
    return {
        "typestr": typestr,
        "shape": tuple(self.shape),
        "strides": None if self.is_contiguous() else tuple(s * size for s in self.stride()),
        "data": (self.data_ptr() if self.numel() else 0, False),
        "version": 2,
    }


def _typed_storage(self):
    from .storage import typed_storage

    return typed_storage(self)


def _install():
    from . import _composite, functional

    asking = {
        "backward": backward,
        "__repr__": _repr,
        "__format__": _format,
        "__deepcopy__": _deepcopy,
        "__rdiv__": _rdiv,
        "__reversed__": _reversed,
        "tile": tile,
        "new_tensor": new_tensor,
        "storage": storage,
        "storage_type": storage_type,
    }
    for name, function in asking.items():
        function.__name__, function.__qualname__ = name, f"Tensor.{name}"
        setattr(Tensor, name, _C._overridable(function))
    Tensor.__reduce_ex__ = _reduce_ex
    Tensor.__dir__ = _dir
    Tensor._typed_storage = _typed_storage
    Tensor.volatile = property(_volatile)
    Tensor.__cuda_array_interface__ = property(_cuda_array_interface)
    Tensor.grad_dtype = property(_grad_dtype)
    methods = {name: getattr(_composite, name) for name in _composite.METHODS}
    methods |= {name: getattr(functional, name) for name in functional.METHODS}
    methods |= _composite.own_methods()
    for name, function in methods.items():
        if not hasattr(Tensor, name):
            setattr(Tensor, name, function)
    for name in OF_LINALG:
        setattr(Tensor, name, _AtFirstUse(name))
    _absent.explain_tensor(Tensor)


_install()
