"""Operators that programs define, in Python: `custom_op` of a function, or a `Library` of schemas
and kernels. `cnn.ops.mylib.op(x)` calls them.

An operator runs below autograd unless its kernel is `CompositeImplicitAutograd`: what it gives has
a gradient if `register_autograd` has said which, else backward raises.
"""

from __future__ import annotations

import re
import weakref

from . import _C, _absent, _ops
from ._library import custom_ops as _custom_ops
from ._library.custom_ops import CustomOpDef, custom_op
from ._library.infer_schema import infer_schema
from ._library.keys import KNOWN, name_of
from ._library.utils import normalize_tags, parse_namespace
from ._unavailable import mark

__all__ = [
    "Library", "impl", "define", "fallthrough_kernel", "impl_abstract", "register_autocast",
    "register_fake", "register_torch_dispatch", "register_vmap", "get_ctx", "get_kernel",
    "custom_op", "triton_op", "wrap_triton", "infer_schema",
]  # fmt: skip

fallthrough_kernel = _ops._fallthrough
_keep_alive = []
_RESERVED = ("prim",)
_OWN = ("aten", "prims")


class Library:
    """Operators of a namespace, defined and given kernels here, until the object dies.

    `kind` is "DEF" or "FRAGMENT" to define operators, "IMPL" to give kernels to defined ones.
    """

    def __init__(self, ns, kind, dispatch_key=""):
        if kind not in ("IMPL", "DEF", "FRAGMENT"):
            raise ValueError(f"Unsupported kind: {kind}")
        if ns in _RESERVED and kind != "IMPL":
            raise ValueError(
                f"{ns} is a reserved namespace. Please try creating a library with another name."
            )
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key
        self._op_defs, self._op_impls = set(), {}
        self.m = object()  # of PyTorch: None when the library is gone
        self._finalizer = weakref.finalize(self, _forget, ns, self._op_defs, self._op_impls)
        self._finalizer.atexit = False

    def __repr__(self):
        return f"Library(kind={self.kind}, ns={self.ns}, dispatch_key={self.dispatch_key})>"

    def define(self, schema, alias_analysis="", *, tags=()):
        """Defines an operator, `"op(Tensor x) -> Tensor"`, and gives back its name."""
        if alias_analysis not in ("", "FROM_SCHEMA", "CONSERVATIVE"):
            raise RuntimeError(f"Invalid alias_analysis type {alias_analysis}")
        self._check_alive()
        if self.kind == "IMPL":
            raise RuntimeError(f"{self} gives kernels: a Library of kind DEF or FRAGMENT defines")
        if self.ns in _OWN:
            raise NotImplementedError(f"cnn defines no operators in its own namespace {self.ns!r}")
        op = _ops.define(self.ns, schema, normalize_tags(tags))
        name = op._name.partition("::")[2]
        self._op_defs.add(name)
        return name

    def impl(self, op_name, fn, dispatch_key="", *, with_keyset=False, allow_override=True):
        """Gives an operator a kernel: for "CPU", "CUDA", "Meta", "Autograd", ...; by default for
        the library's key, and without one as `CompositeImplicitAutograd`, made of other ops.
        """
        if not callable(fn):
            raise TypeError(
                f"Input function is required to be a callable but found type {type(fn)}"
            )
        self._check_alive()
        key = name_of(dispatch_key or self.dispatch_key or "CompositeImplicitAutograd")
        op = self._resolve(op_name)
        if not allow_override and key in op._kernels:
            raise RuntimeError(
                "This is not allowed since there's already a kernel registered from python "
                f"overriding {op._name.partition('::')[2]}'s behavior for {key} dispatch key and "
                f"{self.ns} namespace."
            )
        if key == "Meta" and "CompositeImplicitAutograd" in op._kernels:
            raise RuntimeError(
                f"We should not register a meta kernel directly to the operator '{op._name}', "
                "because it has a CompositeImplicitAutograd kernel, which gives the shapes."
            )
        op._register(key, fn, with_keyset)
        self._op_impls[op._name, key] = fn

    def _resolve(self, op_name):
        if isinstance(op_name, _ops.OpOverload):
            op_name = op_name._name
        namespace, _, name = op_name.rpartition("::")
        if namespace and namespace != self.ns:
            raise RuntimeError(
                f"impl({op_name}): the operator belongs to another namespace than {self}"
            )
        if self.ns in _OWN:
            raise NotImplementedError(
                f"cnn does not let a kernel take the place of its own {self.ns}::{name}: a "
                "TorchFunctionMode takes calls over"
            )
        return _ops.lookup(f"{self.ns}::{name}")

    def _register_fake(self, op_name, fn, _stacklevel=1, *, allow_override=True):
        op = self._resolve(op_name)
        if op._fake is not None and not allow_override:
            raise RuntimeError(f"{op._name} already has a fake impl")
        op._fake = fn

    def fallback(self, fn, dispatch_key="", *, with_keyset=False):
        """Refused: cnn's own ops ask no fallback."""
        if self.ns != "_":
            raise RuntimeError(
                "Fallback can only be registered using library fragment on the global namespace "
                f'"_" but it is {self.ns}'
            )
        raise NotImplementedError("cnn's ops ask no fallback: a TorchFunctionMode takes calls over")

    def _check_alive(self):
        if not self._finalizer.alive:
            raise AssertionError("Library object has been destroyed")

    def _destroy(self):
        """Takes out what was defined and registered here."""
        self._finalizer()


def _forget(namespace, names, kernels):
    for (name, key), function in kernels.items():
        packet, _, overload = name.partition("::")[2].partition(".")
        op = _ops._defined.get(f"{namespace}::{packet}", {}).get(overload or "default")
        if op is not None and op._kernels.get(key) is function:
            del op._kernels[key]
    for name in names:
        _ops.forget(namespace, name)


class _scoped_library:
    """A context that gives a Library and takes it out again."""

    def __init__(self, *args, **kwargs):
        self._library = Library(*args, **kwargs)

    def __enter__(self):
        return self._library

    def __exit__(self, *_):
        self._library._destroy()


def _library(namespace, lib):
    if lib is None:
        lib = Library(namespace, "FRAGMENT")
        _keep_alive.append(lib)
    return lib


_NAMELESS = re.compile(r"\(.*\) -> .*", re.DOTALL)


def define(qualname, schema, alias_analysis="", *, lib=None, tags=()):
    """Defines an operator: `define("mylib::op", "(Tensor x) -> Tensor")`.

    The older form is a decorator of the kernel, `@define(library, "op(Tensor x) -> Tensor")`.
    """
    if isinstance(qualname, Library):

        def decorate(function):
            qualname.impl(qualname.define(schema, alias_analysis), function)
            return function

        return decorate
    if not isinstance(qualname, str):
        raise ValueError(
            "define(qualname, schema): expected qualname to be instance of str, got "
            f"{type(qualname)}"
        )
    namespace, name = parse_namespace(qualname)
    if not _NAMELESS.fullmatch(schema):
        raise ValueError(
            "define(qualname, schema, ...): expected schema to look like e.g. "
            f'"(Tensor x) -> Tensor" but got "{schema}"'
        )
    _library(namespace, lib).define(name + schema, tags=tags)
    return None


def impl(qualname, types, func=None, *, lib=None):
    """Decorates a kernel of an operator for device types ("cpu", "cuda", "default") or dispatch
    keys.

    The older form is `@impl(library, "op", "CPU")`.
    """
    if isinstance(qualname, Library):
        library, name, key = qualname, types, func or ""

        def decorate(function):
            library.impl(name, function, key)
            return function

        return decorate
    namespace, _ = parse_namespace(qualname)
    keys = [_dispatch_key(t) for t in ((types,) if isinstance(types, str) else types)]

    def register(function):
        library = _library(namespace, lib)
        for key in keys:
            library.impl(qualname, function, key)

    return register if func is None else register(func)


def _dispatch_key(device_type):
    if device_type in KNOWN:
        return device_type
    if device_type == "default":
        return "CompositeExplicitAutograd"
    kind = _C.device(device_type).type
    return _ops._KEYS.get(kind, kind.upper())


def register_kernel(op, device_types, func=None, /, *, lib=None):
    """Decorates the kernel of an operator for device types; None is for all."""
    found = _custom_ops.find(op, "register_kernel")
    if isinstance(found, CustomOpDef):
        return found.register_kernel(device_types, func)
    if device_types is None:
        device_types = "CompositeExplicitAutograd"
    return impl(found._name, device_types, func, lib=lib)


def register_fake(op, func=None, /, *, lib=None, _stacklevel=1, allow_override=True):
    """Decorates what gives an operator's results for tensors on `meta`: shapes and dtypes."""
    found = _custom_ops.find(op, "register_fake")

    def register(function):
        if isinstance(found, CustomOpDef):
            return found.register_fake(function)
        if found._fake is not None and not allow_override:
            raise RuntimeError(f"{found._name} already has a fake impl")
        found._fake = function
        return function

    return register if func is None else register(func)


def impl_abstract(qualname, func=None, *, lib=None, _stacklevel=1):
    """The older `register_fake`."""
    import warnings

    warnings.warn(
        "`torch.library.impl_abstract` was renamed to `torch.library.register_fake`. Please use "
        "that instead; we will remove `torch.library.impl_abstract` in a future version of "
        "PyTorch.",
        FutureWarning,
        stacklevel=2,
    )
    return register_fake(qualname, func, lib=lib)


def register_autograd(op, backward, /, *, setup_context=None, lib=None):
    """Says what an operator's gradient is, as in `autograd.Function`: `backward(ctx, *grads)`, and
    `setup_context(ctx, inputs, output)` that keeps what it needs.
    """
    if not isinstance(op, (str, _ops.OpOverload, CustomOpDef)):
        raise ValueError(f"register_autograd({op}): got unexpected type for op: {type(op)}")
    found = _custom_ops.find(op, "register_autograd")
    if isinstance(found, CustomOpDef):
        found.register_autograd(backward, setup_context=setup_context)
    else:
        _custom_ops.register_autograd(found, backward, setup_context)


def register_autocast(op, device_type, cast_inputs, /, *, lib=None):
    """While autocast is on for that device type, an operator's float inputs are cast to a dtype."""
    found = _custom_ops.find(op, "register_autocast")
    if isinstance(found, CustomOpDef):
        found = found._opoverload
    _custom_ops.register_autocast(found, device_type, cast_inputs)


def register_vmap(op, func=None, /, *, lib=None):
    """Accepts a rule for `vmap`, which calls operators slice by slice here and needs none."""
    _custom_ops.find(op, "register_vmap")
    return (lambda function: function) if func is None else None


def register_torch_dispatch(op, torch_dispatch_class, func=None, /, *, lib=None):
    """Refused: nothing is dispatched below autograd to classes or modes here."""
    _custom_ops.refuse_torch_dispatch()


def get_ctx():
    """Refused: sizes that values decide have no symbol here."""
    raise RuntimeError(
        "get_ctx() is for fake kernels that PyTorch's compiler calls; on the meta device sizes are "
        "numbers, and a size that values decide is unknown"
    )


def get_kernel(op, dispatch_key):
    """The function that an operator runs for a dispatch key."""
    if not isinstance(op, (str, _ops.OpOverload)):
        raise ValueError(f"get_kernel({op}): got unexpected type for op: {type(op)}")
    key = name_of(dispatch_key)
    if key not in KNOWN:
        raise ValueError(f"Invalid dispatch key: {dispatch_key}")
    found = _ops.lookup(op) if isinstance(op, str) else op
    for candidate in (key, *_ops.BACKENDS, "CompositeImplicitAutograd"):
        if candidate in found._kernels:
            return found._kernels[candidate]
    raise RuntimeError(f"no kernel for {found._name} with dispatch key {key}")


_NO_TRITON = "Triton compiles kernels for GPUs with PyTorch's compiler, which is not here: "


def triton_op(name, fn=None, /, *, mutates_args, schema=None):
    """Refused: there is no Triton here."""
    raise NotImplementedError(_NO_TRITON + "use cnn.library.custom_op")


def wrap_triton(triton_kernel, /):
    """Refused: there is no Triton here."""
    raise NotImplementedError(_NO_TRITON + "call the kernel itself")


mark("there is no Triton here; use custom_op", triton_op, wrap_triton)
mark("nothing is dispatched below autograd; use __torch_function__", register_torch_dispatch)
mark("sizes that values decide have no symbol here", get_ctx)


def opcheck(op, args, kwargs=None, *, test_utils=None, raise_exception=True, atol=None, rtol=None):
    """Checks an operator on sample arguments: {check: "SUCCESS", or the exception}.

    `test_schema`: it writes to nothing but what the schema says, and results share no memory with
    arguments. `test_autograd_registration`: a gradient is registered where one is asked for.
    `test_faketensor`: on `meta` it gives the shapes and dtypes that it gives on the device.
    PyTorch's fourth, `test_aot_dispatch_dynamic`, is about its compiler and is not made here.
    """
    from ._library.checks import opcheck

    return opcheck(op, args, kwargs or {}, test_utils, raise_exception)


_absent.explain(__name__)
