"""KL(p || q) = E_p[log p(x) - log q(x)], by the classes of p and q."""

from __future__ import annotations

import warnings

__all__ = ["register_kl", "kl_divergence"]

_KL_REGISTRY = {}  # (class of p, class of q): function
_KL_MEMOIZE = {}  # the same for the classes that have been asked for


def register_kl(type_p, type_q):
    """Decorates the function of (p, q) that computes KL(p || q) for these classes and those below
    them.

    Of several functions that fit, the one for the nearest classes is taken. Where one is nearer in
    p and another in q, the first is taken with a RuntimeWarning; a function registered for both
    breaks the tie.
    """
    for name, cls in (("type_p", type_p), ("type_q", type_q)):
        if not isinstance(cls, type):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {cls}")

    def decorator(fun):
        _KL_REGISTRY[type_p, type_q] = fun
        _KL_MEMOIZE.clear()
        return fun

    return decorator


def _distance(cls, base):
    order = cls.__mro__
    return order.index(base) if base in order else len(order)  # a base by registration only


def _dispatch_kl(type_p, type_q):
    """The registered function for two classes, or NotImplemented."""
    fitting = [(p, q) for p, q in _KL_REGISTRY if issubclass(type_p, p) and issubclass(type_q, q)]
    if not fitting:
        return NotImplemented
    nearest_in_p = min(fitting, key=lambda pq: (_distance(type_p, pq[0]), _distance(type_q, pq[1])))
    nearest_in_q = min(fitting, key=lambda pq: (_distance(type_q, pq[1]), _distance(type_p, pq[0])))
    if _KL_REGISTRY[nearest_in_p] is not _KL_REGISTRY[nearest_in_q]:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). Please "
            f"register_kl({nearest_in_p[0].__name__}, {nearest_in_q[1].__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return _KL_REGISTRY[nearest_in_p]


def kl_divergence(p, q):
    """KL(p || q), one number for each distribution of the batch. NotImplementedError when no
    function is registered for their classes.
    """
    classes = type(p), type(q)
    if classes not in _KL_MEMOIZE:
        _KL_MEMOIZE[classes] = _dispatch_kl(*classes)
    fun = _KL_MEMOIZE[classes]
    if fun is NotImplemented:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {classes[0].__name__} and q type "
            f"{classes[1].__name__}"
        )
    return fun(p, q)
