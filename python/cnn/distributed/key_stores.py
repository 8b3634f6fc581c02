"""Stores: keys with values, which threads of a process share, or processes through a file."""

from __future__ import annotations

import fcntl
import math
import os
import pickle
import threading
import time
from datetime import timedelta

from .constants import _seconds
from .stores import DistStoreError, QueueEmptyError, Store

__all__ = ["FileStore", "HashStore", "PrefixStore"]

_PAUSE = 0.005


def _bytes(value):
    return value.encode() if isinstance(value, str) else bytes(value)


def _limit(timeout):
    """The seconds of a timeout, of which 0 is none."""
    return _seconds(timeout) or math.inf


class _Kept(Store):
    """A store whose keys and values `_look()` gives and `_change(function)` changes."""

    def __init__(self):
        self._timeout = timedelta(seconds=300)

    @property
    def timeout(self):
        """How long `get` and `wait` wait for keys."""
        return self._timeout

    def set_timeout(self, timeout):
        """Sets how long `get` and `wait` wait for keys."""
        _seconds(timeout)
        self._timeout = timeout

    def set(self, key, value):
        """Gives a key a value: a string, or bytes."""
        self._change(lambda values: values.__setitem__(key, _bytes(value)))

    def get(self, key):
        """The bytes of a key, which is waited for. DistStoreError after the timeout."""
        self.wait([key])
        return self._look()[key]

    def add(self, key, amount):
        """Adds to the number that a key holds, at first 0; the sum."""

        def add(values):
            total = int(values.get(key, b"0")) + amount
            values[key] = str(total).encode()
            return total

        return self._change(add)

    def append(self, key, value):
        """Adds bytes to the end of a key's."""

        def append(values):
            values[key] = values.get(key, b"") + _bytes(value)

        self._change(append)

    def compare_set(self, key, expected, desired):
        """Gives a key a value if it holds `expected`, or nothing is there and expected; the value
        that it then holds, or `expected` where there is none.
        """

        def compare(values):
            if values.get(key, b"") == _bytes(expected):
                values[key] = _bytes(desired)
            return values.get(key, _bytes(expected))

        return self._change(compare)

    def check(self, keys):
        """Whether all keys are there."""
        values = self._look()
        return all(key in values for key in keys)

    def wait(self, keys, timeout=None):
        """Waits until all keys are there. DistStoreError after the timeout."""
        end = time.monotonic() + _limit(self._timeout if timeout is None else timeout)
        while not self.check(keys):
            if time.monotonic() > end:
                raise DistStoreError("Wait timeout")
            time.sleep(_PAUSE)

    def delete_key(self, key):
        """Takes a key away; whether it was there."""
        return self._change(lambda values: values.pop(key, None) is not None)

    def num_keys(self):
        """How many keys there are."""
        return len(self._look())

    def list_keys(self):
        """The keys."""
        return list(self._look())

    def multi_get(self, keys):
        """The bytes of several keys."""
        return [self.get(key) for key in keys]

    def multi_set(self, keys, values):
        """Gives several keys their values."""
        for key, value in zip(keys, values):
            self.set(key, value)

    def has_extended_api(self):
        """True: `append`, `multi_get` and `multi_set` are there."""
        return True

    def queue_push(self, key, value):
        """Puts a value at the end of a queue."""
        queue = f"queue/{key}"

        def push(values):
            values[queue] = pickle.dumps([*pickle.loads(values.get(queue, _EMPTY)), _bytes(value)])

        self._change(push)

    def queue_pop(self, key, block=True):
        """Takes the first value of a queue, which is waited for unless `block` is False.

        QueueEmptyError if there is none, DistStoreError after the timeout.
        """
        queue = f"queue/{key}"

        def pop(values):
            waiting = pickle.loads(values.get(queue, _EMPTY))
            if not waiting:
                return None
            values[queue] = pickle.dumps(waiting[1:])
            return waiting[0]

        end = time.monotonic() + _limit(self._timeout)
        while (value := self._change(pop)) is None:
            if not block:
                raise QueueEmptyError("queue is empty")
            if time.monotonic() > end:
                raise DistStoreError("Wait timeout")
            time.sleep(_PAUSE)
        return value

    def queue_len(self, key):
        """How many values a queue has."""
        return len(pickle.loads(self._look().get(f"queue/{key}", _EMPTY)))


_EMPTY = pickle.dumps([])


class HashStore(_Kept):
    """A store that the threads of this process share."""

    def __init__(self):
        super().__init__()
        self._values, self._lock = {}, threading.Lock()

    def _look(self):
        return dict(self._values)

    def _change(self, function):
        with self._lock:
            return function(self._values)


class FileStore(_Kept):
    """A store in a file, which processes that can lock it share. It stays when they have ended."""

    def __init__(self, file_name, world_size=-1):
        super().__init__()
        self._path = file_name
        self._change(lambda values: None)

    @property
    def path(self):
        """The file."""
        return self._path

    def _look(self):
        with open(self._path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return _read(file)

    def _change(self, function):
        # Made if it is missing, and neither emptied nor written behind what others have written.
        with os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            values = _read(file)
            result = function(values)
            file.seek(0)
            file.truncate()
            pickle.dump(values, file)
        return result


def _read(file):
    data = file.read()
    return pickle.loads(data) if data else {}


class PrefixStore(_Kept):
    """Another store's keys that begin with a prefix."""

    def __init__(self, prefix, store):
        self._prefix, self._store = f"{prefix}/", store

    @property
    def underlying_store(self):
        """The other store."""
        return self._store

    @property
    def timeout(self):
        """The other store's."""
        return self._store.timeout

    def set_timeout(self, timeout):
        """Sets the other store's."""
        self._store.set_timeout(timeout)

    def num_keys(self):
        """How many keys the other store has."""
        return self._store.num_keys()


def _prefixed(name):
    def method(self, key, *args, **kwargs):
        return getattr(self._store, name)(self._prefix + key, *args, **kwargs)

    method.__name__, method.__doc__ = name, getattr(_Kept, name).__doc__
    return method


def _prefixed_lists(name):
    def method(self, keys, *args, **kwargs):
        keys = [self._prefix + key for key in keys]
        return getattr(self._store, name)(keys, *args, **kwargs)

    method.__name__, method.__doc__ = name, getattr(_Kept, name).__doc__
    return method


for _name in (
    "set", "get", "add", "append", "compare_set", "delete_key", "queue_push", "queue_pop",
    "queue_len",
):  # fmt: skip
    setattr(PrefixStore, _name, _prefixed(_name))
for _name in ("check", "wait", "multi_get", "multi_set"):
    setattr(PrefixStore, _name, _prefixed_lists(_name))
for _class in (FileStore, HashStore, PrefixStore):
    _class.__module__ = "cnn.distributed.distributed_c10d"
