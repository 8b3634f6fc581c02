"""The keyword arguments that layers hand on to the factories of their tensors."""

from __future__ import annotations


def factory_kwargs(kwargs):
    """The keyword arguments of `kwargs` for tensor factories: device, dtype, memory_format.

    They stand in it directly or in its entry 'factory_kwargs'. Raises TypeError for others and for
    doubles.
    """
    if kwargs is None:
        return {}
    simple = {"device", "dtype", "memory_format"}
    unexpected = kwargs.keys() - simple - {"factory_kwargs"}
    if unexpected:
        raise TypeError(f"unexpected kwargs {unexpected}")
    found = dict(kwargs.get("factory_kwargs", {}))
    for name in simple & kwargs.keys():
        if name in found:
            raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
        found[name] = kwargs[name]
    return found
