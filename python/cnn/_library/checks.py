"""`opcheck`: is an operator what it says of itself?"""

from __future__ import annotations

from .. import _C, _ops
from ..utils._pytree import tree_map_only
from .autograd import needs_gradient
from .binding import bind, tensors_of
from .custom_ops import CustomOpDef
from .utils import check_aliasing


class OpCheckError(Exception):
    """What `opcheck` found."""


def _test_schema(op, args, kwargs):
    values, keywords = bind(op._name, op._schema, args, kwargs)
    given = [*values, *keywords.values()]
    before = [[t.detach().clone() for t in tensors_of((v,))] for v in given]
    result = op._dispatch(values, keywords)
    for argument, value, old in zip(op._schema.arguments, given, before):
        if argument.alias_info is not None and argument.alias_info.is_write:
            continue
        for now, then in zip(tensors_of((value,)), old):
            if not _C.equal(now.detach().nan_to_num(), then.nan_to_num()):
                raise OpCheckError(
                    f"Argument {argument.name} is not defined as mutable but was mutated"
                )
    if not op._schema.is_mutable and not op._schema._is_view_op():
        check_aliasing(op._name, op, result, given)


def _test_autograd_registration(op, args, kwargs):
    values, keywords = bind(op._name, op._schema, args, kwargs)
    if not needs_gradient((*values, *keywords.values())) or op._schema.is_mutable:
        return
    keys = ("CompositeImplicitAutograd", "Autograd", "AutogradCPU", "AutogradCUDA")
    if op._backward is None and not any(key in op._kernels for key in keys):
        raise OpCheckError(
            f"{op._name}: inputs require gradients, but no autograd formula was registered; please "
            "use register_autograd"
        )


def _test_faketensor(op, args, kwargs):
    def to_meta(t):
        return t.detach().to("meta")

    real = op(*args, **kwargs)
    fake = op(*tree_map_only(_C.Tensor, to_meta, args), **tree_map_only(_C.Tensor, to_meta, kwargs))
    reals, fakes = list(tensors_of((real,))), list(tensors_of((fake,)))
    if len(reals) != len(fakes):
        raise OpCheckError(f"{op._name}: {len(reals)} results, but {len(fakes)} on meta")
    for r, f in zip(reals, fakes):
        if r.shape != f.shape or r.dtype != f.dtype or r.stride() != f.stride():
            raise OpCheckError(
                f"{op._name}: the result is {r.dtype} of shape {tuple(r.shape)} and stride "
                f"{r.stride()}, but on meta {f.dtype}, {tuple(f.shape)} and {f.stride()}"
            )


_CHECKS = {
    "test_schema": _test_schema,
    "test_autograd_registration": _test_autograd_registration,
    "test_faketensor": _test_faketensor,
}


def opcheck(op, args, kwargs, test_utils, raise_exception):
    if isinstance(op, CustomOpDef):
        op = op._opoverload
    if isinstance(op, _ops.OpOverloadPacket):
        op = op.default
    names = _CHECKS if test_utils is None else test_utils
    found = {}
    for name in (names,) if isinstance(names, str) else names:
        if name not in _CHECKS:
            raise NotImplementedError(f"opcheck makes the checks {list(_CHECKS)}, not {name!r}")
        try:
            _CHECKS[name](op, args, kwargs)
            found[name] = "SUCCESS"
        except Exception as error:
            if raise_exception:
                raise OpCheckError(f"opcheck(op, ...): {name} failed with {error}") from error
            found[name] = error
    return found
