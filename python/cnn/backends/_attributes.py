"""What the `flags` of a backend do."""

from contextlib import contextmanager


@contextmanager
def attributes(module, values):
    """Set attributes in the dictionary of a module for the length of a `with`."""
    saved = {name: module[name] for name in values}
    module.update(values)
    try:
        yield
    finally:
        module.update(saved)
