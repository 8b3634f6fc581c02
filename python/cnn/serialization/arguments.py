"""What a file of weights may hand to the callables that it may name.

A few bytes of a pickle can mention one large object again and again, or describe a tensor of 2**50
elements over one byte of memory. So whatever is read element by element has a plain kind, and all
that calls copy is no more than the file holds.
"""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict

from .. import _C, storage
from . import names

__all__ = ["Arguments", "check_key", "check_state"]

# What hashing a key may cost: a nested tuple can name one part many times over, and hashing follows
# each mention; a large integer is hashed anew each time.
_KEY_PARTS = 1000
_KEY_BITS = 4096


def _refuse(what):
    raise pickle.UnpicklingError(what)


def check_key(key):
    """Raises if hashing `key` would visit more than a bounded number of parts."""
    if type(key) is not tuple and type(key) is not int:
        return
    parts, seen = [key], 0
    while parts:
        part = parts.pop()
        seen += 1
        if type(part) is tuple:
            parts.extend(part[: _KEY_PARTS + 1])
        elif type(part) is int and part.bit_length() > _KEY_BITS:
            _refuse("a key is too large a number")
        if seen + len(parts) > _KEY_PARTS:
            _refuse("a key has too many parts")


def check_state(state):
    """Raises unless `state` is a dict, or two dicts, of attributes without dunder names."""
    for group in state if isinstance(state, tuple) and len(state) == 2 else (state,):
        if group is None:
            continue
        if not isinstance(group, dict):
            _refuse(f"attributes must be a dict, but got {type(group).__name__}")
        for name in group:
            if type(name) is not str or (name.startswith("__") and name.endswith("__")):
                _refuse("a file may not set attributes of special names")


class Arguments:
    """Checks arguments before a call; `size` is the file's length, all calls' allowance."""

    def __init__(self, size):
        self._left = size

    def check(self, func, args):
        """Raises UnpicklingError unless `func` may be called with `args`; False if it is not known
        here.
        """
        checker = _CHECKERS.get(id(func))
        if checker is not None:
            checker(self, *args)
        return checker is not None

    def _spend(self, amount):
        self._left -= amount
        if self._left < 0:
            _refuse("the pickle unfolds into more than the file holds")

    def _take(self, value, *kinds):
        if type(value) not in kinds:
            _refuse(f"an argument of type {type(value).__name__} where none can be")
        self._spend(len(value))
        return value

    def _bytes(self, data=b"", *encoding):
        self._take(data, bytes, bytearray, str)

    def _set(self, items=()):
        for item in self._take(items, list, tuple):
            check_key(item)

    def _ordered_dict(self, pairs=()):
        for pair in self._take(pairs, list, tuple):
            if type(pair) not in (list, tuple) or len(pair) != 2:
                _refuse("an item of a dictionary is not a pair")
            check_key(pair[0])

    def _counter(self, counts=()):
        if counts != ():
            self._take(counts, dict)  # whose keys have been checked

    def _complex(self, *parts):
        if any(type(part) not in (int, float) for part in parts):
            _refuse("a complex number is made of two numbers")

    def _size(self, sizes=()):
        self._take(sizes, list, tuple)

    def _tensor_on_device(self, data, *rest):
        if not isinstance(data, _C.Tensor):
            _refuse(f"a tensor is made from a tensor, not from {type(data).__name__}")
        self._spend(data.numel() * data.element_size())

    def _tensor(self, memory, offset, size, stride, dtype=None):
        for dimensions in (size, stride):
            self._take(dimensions, tuple, list, _C.Size)

    def _tensor_v2(self, memory, offset, size, stride, requires_grad, hooks, metadata=None):
        self._tensor(memory, offset, size, stride)
        if metadata and isinstance(memory, storage.TypedStorage):
            self._spend(memory.nbytes())  # a conjugate or negative is computed here

    def _tensor_v3(self, memory, offset, size, stride, requires_grad, hooks, dtype, metadata=None):
        self._tensor_v2(memory, offset, size, stride, requires_grad, hooks, metadata)

    def _tensor_without_memory(self, dtype, size, stride, requires_grad):
        self._tensor(None, 0, size, stride)

    def _parameter(self, data, requires_grad, hooks):
        if not isinstance(data, _C.Tensor):
            _refuse(f"a parameter is made from a tensor, not from {type(data).__name__}")
        if hooks:
            _refuse("a parameter with hooks")

    def _parameter_with_state(self, data, requires_grad, hooks, state):
        self._parameter(data, requires_grad, hooks)
        check_state(state)

    def _subclass(self, func, kind, args, state):
        if func not in _MAKING_TENSORS or type(args) is not tuple:
            _refuse("a tensor is not rebuilt by this function")
        if not isinstance(kind, type) or not issubclass(kind, _C.Tensor):
            _refuse("a tensor may not be rebuilt as this type")
        self.check(func, args)
        check_state(state)


def _checkers():
    by_path = {
        "_codecs.encode": Arguments._bytes,
        "builtins.bytearray": Arguments._bytes,
        "builtins.bytes": Arguments._bytes,
        "builtins.set": Arguments._set,
        "builtins.complex": Arguments._complex,
        "torch.Size": Arguments._size,
        "torch._utils._rebuild_tensor": Arguments._tensor,
        "torch._utils._rebuild_tensor_v2": Arguments._tensor_v2,
        "torch._utils._rebuild_tensor_v3": Arguments._tensor_v3,
        "torch._utils._rebuild_meta_tensor_no_storage": Arguments._tensor_without_memory,
        "torch._utils._rebuild_device_tensor_from_cpu_tensor": Arguments._tensor_on_device,
        "torch._utils._rebuild_parameter": Arguments._parameter,
        "torch._utils._rebuild_parameter_with_state": Arguments._parameter_with_state,
        "torch._tensor._rebuild_from_type_v2": Arguments._subclass,
    }
    checkers = {id(names.admitted()[path]): checker for path, checker in by_path.items()}
    return checkers | {
        id(OrderedDict): Arguments._ordered_dict,
        id(Counter): Arguments._counter,
    }


_CHECKERS = _checkers()
_MAKING_TENSORS = tuple(
    names.admitted()[f"torch._utils._rebuild_{name}"]
    for name in (
        "tensor",
        "tensor_v2",
        "tensor_v3",
        "parameter",
        "meta_tensor_no_storage",
        "device_tensor_from_cpu_tensor",
    )
)
