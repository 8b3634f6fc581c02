"""Steps of an optimizer on other parameters and states than its own."""

from collections import defaultdict
from contextlib import contextmanager


@contextmanager
def swap_in_optimizer_params_and_state(optimizer, swapin_parameters, swapin_optim_state):
    """Context manager: inside, the optimizer holds the given parameters, in the order of its own,
    and the state of a `state_dict()`; afterwards its own again.

    Tensors are shared: what a step does to them in place stays.
    """
    state, groups = _checked(optimizer, swapin_optim_state)
    replacements = _dealt(list(swapin_parameters.values()), groups)
    known = {key for group in groups for key in group["params"]}
    extra = [key for key in state if key not in known]
    if extra:
        _refuse(f"state entries of the parameters in 'param_groups' alone, got {extra!r}")

    former_state, former_groups = optimizer.state, [dict(g) for g in optimizer.param_groups]
    swapped = defaultdict(dict)
    for saved, params in zip(groups, replacements, strict=True):
        for p, key in zip(params, saved["params"], strict=True):
            swapped[p] = dict(state.get(key, {}))
    try:
        for group, saved, params in zip(optimizer.param_groups, groups, replacements, strict=True):
            group.update(saved, params=params)
        optimizer.state = swapped
        yield
    finally:
        for group, former in zip(optimizer.param_groups, former_groups, strict=True):
            group.clear()
            group.update(former)
        optimizer.state = former_state


def _refuse(what):
    raise RuntimeError(f"swap_in_optimizer_params_and_state requires {what}")


def _checked(optimizer, saved):
    """(state, groups) of a state dict that fits the optimizer."""
    if not optimizer.state:
        _refuse("initialized optimizer state.")
    state, groups = (
        (saved.get("state"), saved.get("param_groups")) if isinstance(saved, dict) else (None, None)
    )
    if not isinstance(state, dict) or not isinstance(groups, list):
        _refuse("a state_dict() of an optimizer, with a dict 'state' and a list 'param_groups'")
    if not all(isinstance(k, int) and isinstance(v, dict) for k, v in state.items()):
        _refuse("a dict of state for each parameter's number")
    if len(groups) != len(optimizer.param_groups):
        _refuse(f"{len(optimizer.param_groups)} parameter groups, got {len(groups)}")
    for i, (group, given) in enumerate(zip(optimizer.param_groups, groups, strict=True)):
        if not isinstance(given, dict) or group.keys() != given.keys():
            _refuse(f"the options of the optimizer's group {i}, and no others")
        numbers = given["params"]
        if not isinstance(numbers, list) or not all(isinstance(n, int) for n in numbers):
            _refuse("numbers of parameters in param_groups[*]['params']")
        if len(numbers) != len(group["params"]):
            _refuse(f"{len(group['params'])} parameters in group {i}, got {len(numbers)}")
    return state, groups


def _dealt(params, groups):
    """The parameters, as many for each group as it has."""
    if len(params) < sum(len(group["params"]) for group in groups):
        _refuse("a parameter for each of the optimizer's")
    source = iter(params)
    return [[next(source) for _ in group["params"]] for group in groups]
