"""A module called as a function of its parameters and buffers."""

from __future__ import annotations

import contextlib
import warnings

from ..parallel.data_parallel import DataParallel
from ._named_member_accessor import NamedMemberAccessor

__all__ = ["functional_call"]


def _untie_named_tensors_map(module, parameters_and_buffers):
    """The dictionary with an entry for every name of each tensor that has several.

    Raises ValueError where two names of one tensor are given different values.
    """
    names_of = {}
    for tensors in (module.named_parameters, module.named_buffers):
        for name, tensor in tensors(remove_duplicate=False):
            names_of.setdefault(tensor, []).append(name)
    given = parameters_and_buffers
    untied = dict(given)
    for names in names_of.values():
        values = {given[name] for name in names if name in given}
        if len(names) == 1 or not values:
            continue
        if len(values) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(names)}, which are tied. "
                "Consider using tie_weights=False"
            )
        (value,) = values
        untied.update(dict.fromkeys(names, value))
    return untied


def _check_all_given(accessor, tensors):
    missing, unexpected = accessor.check_keys(tensors)
    errors = [
        f"{kind} key(s): {', '.join(map(repr, keys))}."
        for kind, keys in (("Unexpected", unexpected), ("Missing", missing))
        if keys
    ]
    if errors:
        listed = "\n\t".join(errors)
        raise RuntimeError(
            f"Error(s) in reparametrizing for {accessor.module._get_name()}:\n\t{listed}"
        )


@contextlib.contextmanager
def _reparametrize_module(
    module, parameters_and_buffers, tie_weights=False, strict=False, stack_weights=False
):
    """In this context the module has other tensors under the names given.

    What the module has put in their places meanwhile is found in the dictionary afterwards.
    """
    if tie_weights:
        tensors = _untie_named_tensors_map(module, parameters_and_buffers)
    else:
        tensors = parameters_and_buffers
    accessor = NamedMemberAccessor(module)
    if strict:
        _check_all_given(accessor, tensors)
    own, _ = accessor.swap_tensors_dict(tensors, allow_missing=True)
    try:
        yield
    finally:
        if stack_weights:  # nested contexts are left in the opposite order
            own = dict(reversed(own.items()))
        used, _ = accessor.swap_tensors_dict(own, allow_missing=True)
        parameters_and_buffers.update(
            {name: used[name] for name in parameters_and_buffers if name in used}
        )


def functional_call(
    module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False
):
    """The old name of torch.func.functional_call."""
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be "
        "removed in a future version of PyTorch. Please use `torch.func.functional_call` instead "
        "which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )


def _functional_call(
    module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False
):
    """module(*args, **kwargs) with the tensors given by dotted name in place of its own.

    With `tie_weights` a tensor of several names is replaced under all of them; with `strict` every
    tensor must be given, and no other name.
    """
    if isinstance(module, DataParallel):
        raise RuntimeError("The stateless API can't be used with nn.DataParallel module")
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with _reparametrize_module(
        module, parameters_and_buffers, tie_weights=tie_weights, strict=strict
    ):
        return module(*args, **(kwargs or {}))
