"""Settings of PyTorch's compiler, which programs set before they compile. None is read."""

from __future__ import annotations

import types
from contextlib import contextmanager


class Settings(types.ModuleType):
    """A module whose attributes can be set, and patched for a while."""

    def __getattr__(self, name):
        raise AttributeError(
            f"module {self.__name__!r} has no attribute {name!r}: cnn has no compiler whose "
            "setting it could be",
            name=name,
            obj=self,
        )

    def patch(self, arg1=None, arg2=None, **kwargs):
        """A context or decorator in which settings have other values."""
        if isinstance(arg1, str):
            changes = {arg1: arg2}
        else:
            changes = {**(arg1 or {}), **kwargs}
        return _patched(self, changes)

    def get_config_copy(self):
        """{name: value}."""
        return {k: v for k, v in vars(self).items() if not k.startswith("_")}

    def save_config(self):
        """The settings, for `load_config`."""
        import pickle

        return pickle.dumps(self.get_config_copy())

    def load_config(self, data):
        """Puts back what `save_config` gave."""
        import pickle

        vars(self).update(pickle.loads(data) if isinstance(data, bytes) else data)


@contextmanager
def _patched(settings, changes):
    before = {name: vars(settings).get(name, Settings) for name in changes}
    vars(settings).update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is Settings:
                vars(settings).pop(name, None)
            else:
                vars(settings)[name] = value


def make(module, **defaults):
    """Lets a module be one of settings."""
    module.__class__ = Settings
    vars(module).update(defaults)
