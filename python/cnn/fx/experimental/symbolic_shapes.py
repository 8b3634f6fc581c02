"""Questions about symbolic sizes. Sizes are numbers here, so that the answers are known."""

from __future__ import annotations

from ... import _absent


def guard_size_oblivious(expr):
    """Whether a condition holds."""
    return bool(expr)


def guard_or_false(a):
    """Whether a condition holds."""
    return bool(a)


def guard_or_true(a):
    """Whether a condition holds."""
    return bool(a)


def statically_known_true(x):
    """Whether a condition holds."""
    return bool(x)


def sym_or(x, *others):
    """Whether one of the conditions holds."""
    return any((x, *others))


def sym_and(x, *others):
    """Whether all conditions hold."""
    return all((x, *others))


def sym_eq(x, y):
    """Whether two sizes, or lists of them, are equal."""
    return x == y


def is_concrete_int(a):
    """Whether a size is a number: all are."""
    return isinstance(a, int)


def is_concrete_bool(a):
    """Whether a truth value is known: all are."""
    return isinstance(a, bool)


def has_free_symbols(val):
    """Whether something depends on symbols: nothing does."""
    return False


has_free_unbacked_symbols = has_free_symbols
has_symbolic_sizes_strides = has_free_symbols


def hint_int(a, fallback=None):
    """A size as a number."""
    return int(a)


def constrain_range(a, *, min, max=None):
    """ValueError unless a size lies in a range."""
    if a < min or (max is not None and a > max):
        raise ValueError(f"Invalid value {a} for range [{min}:{max}]")


_absent.explain(__name__)
