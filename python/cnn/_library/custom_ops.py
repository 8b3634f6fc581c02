"""Functions of programs as operators: `custom_op`, and what can be registered for it."""

from __future__ import annotations

import logging
from contextlib import contextmanager

from .. import _C, _ops
from .binding import tensors_of
from .infer_schema import infer_schema
from .utils import (
    check_aliasing,
    has_kwarg_only_tensors,
    is_functional_schema,
    normalize_tags,
    parse_namespace,
)

log = logging.getLogger(__name__)

OPDEFS = {}  # {"mylib::op": CustomOpDef}, the latest of each name


def custom_op(name, fn=None, /, *, mutates_args, device_types=None, schema=None, tags=None):
    """Makes a function an operator, `cnn.ops.mylib.op`: a decorator, `@custom_op("mylib::op",
    mutates_args=())`.

    Its schema comes from its annotations, or is given. `mutates_args` names the arguments that the
    function writes to; no result may share memory with an argument. The function runs without
    autograd: `register_autograd` says what the gradient is, and without that backward raises.
    `device_types` ("cpu", "cuda", a sequence) are those that the function is for; None is all.
    """

    def decorate(function):
        namespace, op_name = parse_namespace(name)
        text = schema
        if text is None:
            text = infer_schema(function, mutates_args=mutates_args, tags=tags)
        made = CustomOpDef(namespace, op_name, text, function, tags)
        if schema is not None:
            written = {
                a.name
                for a in made._opoverload._schema.arguments
                if a.alias_info is not None and a.alias_info.is_write
            }
            if written != set(mutates_args):
                raise ValueError(
                    "Attempted to create a custom op with "
                    f"`mutates_args={mutates_args}` and `schema={schema}. The schema suggests "
                    f"that the op mutates {written} which is different from what was provided to "
                    "us in `mutates_args`. Please make these consistent."
                )
        made.register_kernel(device_types)(function)
        return made

    return decorate if fn is None else decorate(fn)


class CustomOpDef:
    """The operator that `custom_op` makes of a function."""

    def __init__(self, namespace, name, schema, fn, tags=None):
        self._namespace, self._name, self._schema, self._init_fn = namespace, name, schema, fn
        self._tags = normalize_tags(tags)
        if self._qualname in OPDEFS:  # defined anew, as in a notebook
            _ops.forget(namespace, name)
        self._opoverload = op = _ops.define(namespace, name + schema, self._tags)
        op._is_custom = True
        self._returns_written = any(tag.name in ("inplace", "out") for tag in self._tags)
        if has_kwarg_only_tensors(op._schema) and not self._returns_written:
            _ops.forget(namespace, name)
            raise NotImplementedError(
                "custom_op with kwarg-only Tensor args. Please make your tensors not kwarg-only. "
                f"Got: {name}{schema}"
            )
        op._kernels["CompositeExplicitAutograd"] = self._run
        op._fake = self._run_fake
        self._backend_fns, self._abstract_fn, self._disabled_kernel = {}, None, set()
        OPDEFS[self._qualname] = self

    @property
    def _qualname(self):
        return f"{self._namespace}::{self._name}"

    def __repr__(self):
        return f"<CustomOpDef({self._qualname})>"

    def __call__(self, *args, **kwargs):
        return self._opoverload(*args, **kwargs)

    def _run(self, *args, **kwargs):
        kind = _ops.device_of((*args, *kwargs.values()))
        function = None
        if kind not in self._disabled_kernel:
            function = self._backend_fns.get(kind)
        function = function or self._backend_fns.get(None)
        if function is None:
            known = sorted(k for k in self._backend_fns if k)
            if not any(True for _ in tensors_of((*args, *kwargs.values()))):
                raise RuntimeError(
                    f"{self._name} does not have a kernel registered for {kind}. "
                    "Please use register_kernel to do so."
                )
            raise NotImplementedError(
                f"Could not run '{self._qualname}' with arguments from the '{kind}' backend: "
                f"kernels are registered for {known}."
            )
        result = function(*args, **kwargs)
        if not self._returns_written:
            check_aliasing(self._qualname, function, result, (*args, *kwargs.values()))
        return result

    def _run_fake(self, *args, **kwargs):
        if self._abstract_fn is not None:
            return self._abstract_fn(*args, **kwargs)
        schema = self._opoverload._schema
        if schema.is_mutable and not schema.returns:
            return None  # nothing but a write, which has no shape
        raise RuntimeError(
            f"There was no fake impl registered for {self}. This is necessary for "
            "torch.compile/export/fx tracing to work. Please use "
            f"`{self._init_fn.__name__}.register_fake` to add an fake impl."
        )

    @contextmanager
    def set_kernel_enabled(self, device_type, enabled=True):
        """A context in which the kernel of a device type is, or is not, used."""
        before = device_type in self._disabled_kernel
        if device_type not in self._backend_fns:
            log.warning(
                "Attempted to %s kernel for %s but no kernel was registered for this device type.",
                "enable" if enabled else "disable",
                device_type,
            )
        if before != enabled:
            action = "enable" if enabled else "disable"
            message = "Attempted to %s kernel for %s but it was already %sd."
            log.warning(message, action, device_type, action)
        (self._disabled_kernel.discard if enabled else self._disabled_kernel.add)(device_type)
        try:
            yield
        finally:
            (self._disabled_kernel.add if before else self._disabled_kernel.discard)(device_type)

    def register_kernel(self, device_types, fn=None, /):
        """Decorates the kernel for one device type or several; None is for those without one."""

        def register(function):
            kinds = device_types
            if kinds is None or isinstance(kinds, str):
                kinds = (kinds,)
            for kind in kinds:
                if kind is not None:
                    _C.device(kind)  # a name that is no device raises
                self._backend_fns[kind] = function
            return function

        return register if fn is None else register(fn)

    def register_fake(self, fn, /):
        """Decorates what gives results of the right shape and dtype for tensors on `meta`."""
        self._abstract_fn = fn
        return fn

    def register_autograd(self, backward, /, *, setup_context=None):
        """Says what the gradient is, as in `autograd.Function`: `backward(ctx, *grads)`, and
        `setup_context(ctx, inputs, output)` that keeps what it needs.
        """
        register_autograd(self._opoverload, backward, setup_context, self)

    def register_autocast(self, device_type, cast_inputs):
        """While autocast is on for that device type, float inputs are cast to a dtype."""
        register_autocast(self._opoverload, device_type, cast_inputs)

    def register_vmap(self, func=None):
        """Accepts a rule for `vmap`, which calls the operator slice by slice and needs none."""
        if func is None:
            return lambda function: function
        return None

    def register_torch_dispatch(self, torch_dispatch_class, fn=None, /):
        """Refused: nothing is dispatched below autograd to classes or modes here."""
        refuse_torch_dispatch()


def refuse_torch_dispatch():
    raise NotImplementedError(
        "cnn does not call __torch_dispatch__: use __torch_function__, of a class or of a "
        "TorchFunctionMode"
    )


def register_autocast(op, device_type, cast_inputs):
    """The rule for one device type; ValueError where autocast knows it not."""
    from ..amp import is_autocast_available

    if not is_autocast_available(device_type):
        raise ValueError(f"Device type '{device_type}' does not support autocast.")
    op._autocast_dtypes[_C.device(device_type).type] = cast_inputs


def register_autograd(op, backward, setup_context, shown=None):
    """The formula of an operator that writes to nothing."""
    shown = op if shown is None else shown
    if any(tag.name == "out" for tag in op._tags):
        raise RuntimeError(
            "Cannot register autograd formula for operator tagged with torch.Tag.out: "
            f"{shown}. Out variants do not support autograd."
        )
    if not is_functional_schema(op._schema):
        raise RuntimeError(
            f"Cannot register autograd formula for non-functional operator {shown} with schema "
            f"{op._schema}. Please create a functional operator and register an autograd formula "
            "for that."
        )
    if has_kwarg_only_tensors(op._schema):
        raise NotImplementedError(
            "register_autograd with kwarg-only Tensor args. In the original definition of the op, "
            f"please make your tensors not kwarg-only. Got: {op._schema}"
        )
    op._backward, op._setup_context, op._node = backward, setup_context, None


def find(op, caller):
    """The CustomOpDef or the OpOverload that a name, an overload or a definition means."""
    if isinstance(op, CustomOpDef):
        return op
    if isinstance(op, _ops.OpOverload):
        return OPDEFS.get(op._name, op)
    if not isinstance(op, str):
        raise ValueError(f"{caller}({op}): got unexpected type for op: {type(op)}")
    parse_namespace(op)
    return OPDEFS.get(op) or _ops.lookup(op)
