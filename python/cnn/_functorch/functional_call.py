"""Modules as functions of their parameters, one or many at once."""

from __future__ import annotations

from .. import _C
from ..nn import Module
from ..nn.utils import stateless

__all__ = ["functional_call", "stack_module_state"]


def functional_call(
    module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights=True, strict=False
):
    """The module called with other tensors for its parameters and buffers: {name: tensor}, or
    several such dictionaries. Those not named are its own.

    `tie_weights` gives a tensor under all names that the module's has; `strict` asks for all names.
    """
    given = parameter_and_buffer_dicts
    if not isinstance(given, dict):
        if not isinstance(given, (list, tuple)) or not all(isinstance(d, dict) for d in given):
            raise ValueError(
                "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but "
                f"got {type(given)}"
            )
        names = [name for d in given for name in d]
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            raise ValueError(
                f"{sorted(repeated)} appeared in multiple dictionaries; behavior of functional "
                "call is ambiguous"
            )
        given = {name: value for d in given for name, value in d.items()}
    return stateless._functional_call(
        module, given, args, kwargs, tie_weights=tie_weights, strict=strict
    )


def stack_module_state(models):
    """(parameters, buffers) of several models of one class, each name's stacked along a new first
    dimension: for `vmap` over them.
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if any(type(m) is not type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = [dict(Module.named_parameters(m)) for m in models]
    buffers = [dict(Module.named_buffers(m)) for m in models]

    def stacked(tables):
        return {name: _stack([table[name] for table in tables]) for name in tables[0]}

    return stacked(parameters), stacked(buffers)


def _stack(tensors):
    needs = {t.requires_grad for t in tensors}
    if len(needs) > 1:
        raise RuntimeError("Expected 0 or 1 for requires_grad of each name: all models' or none's")
    if all(t.is_leaf for t in tensors):
        return _C.stack([t.detach() for t in tensors]).requires_grad_(needs.pop())
    return _C.stack(tensors)
