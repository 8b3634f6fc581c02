"""`cnn.ops`: operators by namespace, name and overload: `cnn.ops.mylib.op.default`.

Operators of programs are defined with `cnn.library`. `cnn.ops.aten` shows this package's own
functions under PyTorch's names for them.
"""

from __future__ import annotations

import os
import types

from . import _C
from ._library import autograd as _autograd
from ._library.binding import bind, tensors_of
from ._library.keys import KNOWN, excluded, name_of
from ._library.schema import parse_schema
from ._library.utils import Tag as Tag
from ._library.utils import device_of, normalize_tags

_KEYS = {"cpu": "CPU", "cuda": "CUDA", "meta": "Meta"}
_AUTOCAST = {"cpu": "AutocastCPU", "cuda": "AutocastCUDA", "meta": "AutocastCPU"}
_AUTOGRAD = {"cpu": "AutogradCPU", "cuda": "AutogradCUDA", "meta": "AutogradMeta"}
BACKENDS = ("CompositeExplicitAutograd", "CompositeExplicitAutogradNonFunctional")
# {"folder/library": (module, function)}: what defines a compiled library's operators here.
own_libraries = {}
# {"mylib::op": {"default": OpOverload}}: whatever was defined.
_defined = {}


def _fallthrough(*args, **kwargs):
    raise NotImplementedError("fallthrough_kernel() should never be called.")


class OperatorBase:
    """What operators have in common."""


class HigherOrderOperator(OperatorBase):
    """PyTorch's operators over functions (cond, scan): for `isinstance`."""

    def __init__(self, name, *, cacheable=False):
        raise NotImplementedError(
            f"cnn has no operators over functions (asked for {name!r}): write Python's own if and "
            "for"
        )


class OpOverload(OperatorBase):
    """One operator with one schema, and its kernels."""

    def __init__(self, packet, schema, tags=()):
        self._overloadpacket = packet
        self._schema = schema
        self._overloadname = schema.overload_name or "default"
        self._name = f"{packet._qualified_op_name}" + (
            f".{schema.overload_name}" if schema.overload_name else ""
        )
        self.__name__ = f"{packet.__name__}.{self._overloadname}"
        self.__qualname__ = self._name
        self.__module__ = packet.__module__
        self._tags = tags
        self._kernels = {}  # {dispatch key: function}
        self._with_keyset = set()
        self._fake = self._backward = self._setup_context = self._node = None
        self._autocast_dtypes = {}

    namespace = property(lambda self: self._name.partition("::")[0])
    overloadpacket = property(lambda self: self._overloadpacket)
    op = property(lambda self: self._overloadpacket.op)
    tags = property(lambda self: list(self._tags))
    py_kernels = property(lambda self: self._kernels)

    def name(self):
        """ "mylib::op.overload"."""
        return self._name

    def __str__(self):
        return ".".join((*self._overloadpacket._qualified_op_name.split("::"), self._overloadname))

    def __repr__(self):
        path = self._overloadpacket._qualified_op_name.replace("::", ".")
        return f"<OpOverload(op='{path}', overload='{self._overloadname}')>"

    def __deepcopy__(self, memo=None):
        return self

    def __reduce__(self):
        return _find, (self._overloadpacket._qualified_op_name, self._overloadname)

    def has_kernel_for_dispatch_key(self, key):
        """Whether a kernel was registered for exactly that key: "CPU"."""
        name = name_of(key)
        return name in self._kernels or (name == "Meta" and self._fake is not None)

    def has_kernel_for_any_dispatch_key(self, keys):
        """Whether a kernel was registered for one of these keys."""
        return any(map(self.has_kernel_for_dispatch_key, keys))

    def py_impl(self, key):
        """Decorates the kernel for a key."""

        def register(function):
            self._register(name_of(key), function, False)
            return function

        return register

    def decompose(self, *args, **kwargs):
        """Calls the kernel that is made of other ops."""
        kernel = self._kernels.get("CompositeImplicitAutograd")
        return NotImplemented if kernel is None else kernel(*args, **kwargs)

    def _can_decompose(self):
        return "CompositeImplicitAutograd" in self._kernels

    def _register(self, key, function, with_keyset):
        if key not in KNOWN:
            raise RuntimeError(f"could not parse dispatch key: {key}")
        if key == "BackendSelect":
            raise NotImplementedError(
                f"{self._name}: no kernel is asked for under BackendSelect; one under "
                "CompositeExplicitAutograd serves every device"
            )
        self._kernels[key] = function
        self._with_keyset.discard(key)
        if with_keyset:
            self._with_keyset.add(key)

    def __call__(self, /, *args, **kwargs):
        values = (*args, *kwargs.values())
        if _C._has_torch_function(values):
            return _C._handle_torch_function(self, values, *args, **kwargs)
        return self._dispatch(*bind(self._name, self._schema, args, kwargs))

    def redispatch(self, keyset, /, *args, **kwargs):
        """Runs the kernel below autograd."""
        with _autograd.below_autograd():
            return self._run_kernel(*bind(self._name, self._schema, args, kwargs))

    def _dispatch(self, args, keywords):
        values = (*args, *keywords.values())
        kind = device_of(values)
        key = _AUTOCAST[kind]
        if key in self._kernels and _C.is_autocast_enabled(kind) and key not in excluded():
            return self._call(key, args, keywords)
        if kind in self._autocast_dtypes and _C.is_autocast_enabled(kind):
            from .amp.autocast_mode import autocast

            cast = _caster(kind, self._autocast_dtypes[kind])
            with autocast(kind, enabled=False):
                return self._dispatch([*map(cast, args)], {k: cast(v) for k, v in keywords.items()})
        if not _autograd.is_below_autograd():
            for key in (_AUTOGRAD[kind], "Autograd"):
                kernel = self._kernels.get(key)
                if kernel is _fallthrough:
                    return self._run_kernel(args, keywords)
                if kernel is not None:
                    return self._call(key, args, keywords)
            if "CompositeImplicitAutograd" not in self._kernels or self._backward is not None:
                if self._schema.is_mutable or not _autograd.needs_gradient(values):
                    with _autograd.below_autograd():
                        return self._run_kernel(args, keywords)
                return _autograd.call_with_node(self, args, keywords)
        return self._run_kernel(args, keywords)

    def _run_kernel(self, args, keywords):
        """The kernel of the device that the tensors are on."""
        kind = device_of((*args, *keywords.values()))
        if kind == "meta" and self._fake is not None and "Meta" not in self._kernels:
            return self._fake(*args, **keywords)
        for key in (_KEYS[kind], *BACKENDS, "CompositeImplicitAutograd"):
            kernel = self._kernels.get(key)
            if kernel is None or kernel is _fallthrough:
                continue
            if kind == "meta" and key in BACKENDS and self._is_custom:
                break  # a kernel that looks at values; what is missing is the one of shapes
            return self._call(key, args, keywords)
        if kind == "meta" and self._is_custom:
            raise NotImplementedError(
                f"There was no fake impl registered for {self._name}. This is necessary to run it "
                "on the meta device. Please use `register_fake` to add an fake impl."
            )
        raise NotImplementedError(
            f"Could not run '{self._name}' with arguments from the '{_KEYS[kind]}' backend: "
            f"kernels are registered for {sorted(self._kernels)}."
        )

    _is_custom = False

    def _call(self, key, args, keywords):
        kernel = self._kernels[key]
        if key in self._with_keyset:
            result = kernel(key, *args, **keywords)
        else:
            result = kernel(*args, **keywords)
        written = [
            t
            for argument, value in zip(self._schema.arguments, (*args, *keywords.values()))
            if argument.alias_info is not None and argument.alias_info.is_write
            for t in tensors_of((value,))
        ]
        if written:
            from .autograd.graph import increment_version

            increment_version([t for t in written if not t.is_inference()])
        return result


def _caster(kind, dtype):
    """Casts the float tensors of a device, in lists too."""

    def cast(value):
        if isinstance(value, (list, tuple)):
            return type(value)(map(cast, value))
        if not isinstance(value, _C.Tensor) or value.device.type != kind:
            return value
        floats = value.is_floating_point() and value.dtype is not _C.float64
        return value.to(dtype) if floats else value

    return cast


class OpOverloadPacket:
    """The operators of one name: `packet(...)` calls the overload that fits, `packet.default` is
    one.
    """

    def __init__(self, qualified_op_name, op_name, overloads):
        self._qualified_op_name = qualified_op_name
        self.__name__ = op_name
        self.__module__ = "torch.ops." + qualified_op_name.partition("::")[0]
        self._overloads = overloads
        self._dir = []

    op = property(lambda self: self)
    _op = op
    _overload_names = property(
        lambda self: ["" if name == "default" else name for name in self._overloads]
    )
    _schemas = property(
        lambda self: {o._schema.overload_name: o._schema for o in self._overloads.values()}
    )

    def __getattr__(self, key):
        if key.startswith("__") or key == "_overloads":
            raise AttributeError(
                f"'{type(self).__name__}' can't have an overload name beginning with '__' and the "
                f"underlying op has no attribute {key} either."
            )
        found = self._overloads.get(key)
        if found is None:
            raise AttributeError(
                f"The underlying op of '{self}' has no overload name '{key}'", name=key, obj=self
            )
        return found

    def __iter__(self):
        return iter(self._overloads)

    def __str__(self):
        return self._qualified_op_name.replace("::", ".")

    def __repr__(self):
        return f"<OpOverloadPacket(op='{self}')>"

    def __deepcopy__(self, memo=None):
        return self

    def __reduce__(self):
        return _find, (self._qualified_op_name, None)

    def overloads(self):
        """The names of the overloads."""
        return list(self._overloads)

    def op_overloads(self):
        """The overloads themselves."""
        return list(self._overloads.values())

    def __call__(self, /, *args, **kwargs):
        values = (*args, *kwargs.values())
        if _C._has_torch_function(values):
            return _C._handle_torch_function(self, values, *args, **kwargs)
        overloads = list(self._overloads.values())
        if len(overloads) == 1:
            return overloads[0](*args, **kwargs)
        refused = []
        for overload in overloads:
            try:
                bound = bind(overload._name, overload._schema, args, kwargs)
            except RuntimeError as error:
                refused.append(str(error))
                continue
            return overload._dispatch(*bound)
        raise RuntimeError(
            f"Arguments for call are not valid. The following overloads of {self} are available:"
            "\n\n" + "\n\n".join(refused)
        )


def _find(qualified_op_name, overload):
    namespace, name = qualified_op_name.split("::")
    packet = getattr(getattr(ops, namespace), name)
    return packet if overload is None else getattr(packet, overload)


def define(namespace, text, tags=()):
    """Enters an operator: "op(Tensor x) -> Tensor". RuntimeError if it is there."""
    schema = parse_schema(text.strip().removeprefix(f"{namespace}::"))
    qualified = f"{namespace}::{schema.name}"
    overloads = _defined.setdefault(qualified, {})
    overload = schema.overload_name or "default"
    if overload in overloads:
        raise RuntimeError(
            f"Tried to register an operator ({qualified}{text[len(schema.name) :]}) with the same "
            "name and overload name multiple times."
        )
    schema = type(schema)(qualified, schema.overload_name, schema.arguments, schema.returns)
    packet = getattr(getattr(ops, namespace), schema.name.partition("::")[2])
    overloads[overload] = OpOverload(packet, schema, normalize_tags(tags))
    return overloads[overload]


def forget(namespace, name):
    """Takes an operator out again: "op" or "op.overload"."""
    name, _, overload = name.partition(".")
    qualified = f"{namespace}::{name}"
    overloads = _defined.get(qualified, {})
    overloads.pop(overload or "default", None)
    if not overloads:
        _defined.pop(qualified, None)
        vars(getattr(ops, namespace)).pop(name, None)


def lookup(qualname):
    """The operator "mylib::op" or "mylib::op.overload"; RuntimeError if there is none."""
    namespace, _, name = qualname.partition("::")
    name, _, overload = name.partition(".")
    overload = overload or "default"
    if namespace == "aten":
        try:
            return getattr(getattr(ops.aten, name), overload)
        except AttributeError as error:
            raise RuntimeError(f"operator {qualname} does not exist: {error}") from None
    found = _defined.get(f"{namespace}::{name}", {}).get(overload)
    if found is None:
        raise RuntimeError(f"operator {qualname} does not exist")
    return found


class _OpNamespace(types.ModuleType):
    """The operators of one library."""

    __file__ = "torch.ops"

    def __init__(self, name):
        super().__init__("torch.ops." + name)
        self.name = name

    def __iter__(self):
        prefix = self.name + "::"
        return (n.removeprefix(prefix) for n in list(_defined) if n.startswith(prefix))

    def __dir__(self):
        return sorted({*super().__dir__(), *self})

    def __getattr__(self, op_name):
        qualified = f"{self.name}::{op_name}"
        overloads = _defined.get(qualified)
        if overloads is None and self.name == "aten":
            from ._aten_ops import overloads_of

            overloads = overloads_of(op_name)
        if overloads is None:
            text = f"'_OpNamespace' '{self.name}' object has no attribute '{op_name}'"
            if self.name in ("aten", "prims", "prim"):
                text += ": cnn has no op of that name"
            raise AttributeError(text, name=op_name, obj=self)
        if isinstance(overloads, OpOverloadPacket):
            packet = overloads
        else:
            packet = OpOverloadPacket(qualified, op_name, overloads)
        setattr(self, op_name, packet)
        return packet


class _HigherOrderNamespace(types.ModuleType):
    """PyTorch's operators over functions (cond, scan, ...), of which there are none."""

    __file__ = "torch.ops"

    def __iter__(self):
        return iter(())

    def __getattr__(self, name):
        raise AttributeError(
            f"'_HigherOrderNamespace' 'torch.ops.higher_order' object has no attribute '{name}': "
            "cnn has no operators over functions; write Python's own if and for",
            name=name,
            obj=self,
        )


class _Ops(types.ModuleType):
    """The namespaces; each is there as soon as it is asked for."""

    __file__ = "_ops.py"

    def __init__(self):
        super().__init__("torch.ops")
        self.loaded_libraries = set()
        self.higher_order = _HigherOrderNamespace("torch.ops.higher_order")

    def __getattr__(self, name):
        namespace = _OpNamespace(name)
        setattr(self, name, namespace)
        return namespace

    def __iter__(self):
        return (name for name, value in vars(self).items() if type(value) is _OpNamespace)

    def import_module(self, module):
        """Imports a module for the operators that it defines."""
        import importlib

        importlib.import_module(module)

    def load_library(self, path):
        """Refuses a library of C++ operators, which would be linked to PyTorch's own library,
        unless this package has those operators itself.
        """
        folder, file = os.path.split(os.fspath(path))
        own = own_libraries.get(f"{os.path.basename(folder)}/{file.partition('.')[0]}")
        if own is not None:
            from importlib import import_module

            module, function = own
            return getattr(import_module(module), function)()
        raise ImportError(
            f"cannot load the operators of {str(path)!r}: the library is linked to PyTorch's C++ "
            "library (libtorch), which is not here. Operators in Python can take their place: see "
            "cnn.library.custom_op",
            path=str(path),
        )


ops = _Ops()
