"""Facts of PyTorch's behaviour: small functions of a library, each with the value PyTorch gives.

`tests/test_semantics.py` holds cnn to the values written here; `tests/parity/` asks PyTorch too.
"""

from __future__ import annotations

FACTS = []


def fact(expected):
    """Marks a function of the library's module as a fact whose value is `expected`."""

    def add(function):
        function.expected = expected
        FACTS.append(function)
        return function

    return add


def raised(call, fragment):
    """(type, whether the message holds the fragment, else the message) of what `call` raises."""
    try:
        value = call()
    except Exception as error:
        return type(error).__name__, fragment in str(error) or str(error)
    return "nothing", value


from facts import calls, functions, graph, inplace, layout, numbers, printing, saved, types  # noqa: E402, F401
