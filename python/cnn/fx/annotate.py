"""Types of proxies."""

from .proxy import Proxy


def annotate(val, type):
    """Notes the type of a proxy's value; anything else is given back as it is."""
    if isinstance(val, Proxy):
        if val.node.type:
            raise RuntimeError(f"Tried to annotate a value that already had a type on it! {val}")
        val.node.type = type
    return val
