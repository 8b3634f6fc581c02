"""Two tensors that change places."""

from __future__ import annotations

import copyreg
import weakref

__all__ = ["swap_tensors"]


def swap_tensors(t1, t2):
    """Gives each of two objects the other's tensor, class and attributes.

    RuntimeError if anybody else holds one of the tensors, or refers to an object weakly.
    """
    for name, tensor in (("t1", t1), ("t2", t2)):
        if weakref.getweakrefs(tensor):
            raise RuntimeError(f"Cannot swap {name} because it has weakref associated with it")
    slots = set(copyreg._slotnames(type(t1)))
    if slots != set(copyreg._slotnames(type(t2))):
        raise RuntimeError("Cannot swap t1 and t2 if they have different slots")
    t1._swap_impl(t2)  # which is refused before anything is changed
    t1.__class__, t2.__class__ = type(t2), type(t1)
    t1.__dict__, t2.__dict__ = t2.__dict__, t1.__dict__
    for slot in slots:
        values = [getattr(t, slot) for t in (t2, t1) if hasattr(t, slot)]
        holders = [t for t, other in ((t1, t2), (t2, t1)) if hasattr(other, slot)]
        for tensor in (t1, t2):
            if hasattr(tensor, slot):
                delattr(tensor, slot)
        for tensor, value in zip(holders, values):
            setattr(tensor, slot, value)


swap_tensors.__module__ = "cnn.utils"
