"""The classes that pipes derive from. A class may be registered as a method: `pipe.shuffled()`.

Of PyTorch's own pipes (Mapper, Batcher, ...) there are none; a generator, `map` or the DataLoader
does what they do.
"""

from __future__ import annotations

import functools

from ..dataset import Dataset, IterableDataset

__all__ = ["DataChunk", "DFIterDataPipe", "IterDataPipe", "MapDataPipe"]


class _Functions:
    """Methods that other classes were registered as: {name: function (pipe, ...)}."""

    functions: dict = {}

    def __getattr__(self, name):
        if name in type(self).functions:
            return functools.partial(type(self).functions[name], self)
        raise AttributeError(
            f"'{type(self).__name__}' object has no attribute '{name}'", name=name, obj=self
        )

    @classmethod
    def register_function(cls, function_name, function):
        """Lets pipes have a method: `function` with the pipe in front."""
        cls.functions[function_name] = function

    @classmethod
    def register_datapipe_as_function(cls, function_name, cls_to_register, **options):
        """Lets pipes have a method that makes another pipe of them."""
        if function_name in cls.functions:
            raise Exception(  # noqa: TRY002  (what PyTorch raises)
                f"Unable to add DataPipe function name {function_name} as it is already taken"
            )

        @functools.wraps(cls_to_register)
        def make(source, *args, **kwargs):
            return cls_to_register(source, *args, **kwargs)

        cls.functions[function_name] = make

    def __str__(self):
        return type(self).__qualname__

    __repr__ = __str__


class IterDataPipe(_Functions, IterableDataset):
    """A pipe that is iterated over: `__iter__` is the subclass's."""

    functions: dict = {}

    def reset(self):
        """Called before a new pass; a subclass may forget what it has kept."""


class MapDataPipe(_Functions, Dataset):
    """A pipe that is indexed: `__getitem__` and `__len__` are the subclass's."""

    functions: dict = {}


class DFIterDataPipe(IterDataPipe):
    """A pipe of frames of data."""


class DataChunk(list):
    """Several elements of a pipe as one."""

    def __init__(self, items):
        items = list(items)
        super().__init__(items)
        self.items = items

    def as_str(self, indent=""):
        """The elements, in brackets."""
        return indent + "[" + ", ".join(map(str, self)) + "]"

    def raw_iterator(self):
        """The elements as they are."""
        yield from self.items
