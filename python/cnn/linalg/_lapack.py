"""NumPy's LAPACK: stacks of matrices of float32 and float64, the same bits on every run.

The OpenBLAS that NumPy carries sums in an order that depends on how many threads it uses, and uses
as many as the machine has. While it works for us it has one. Where NumPy was built over another
library, that library's own setting decides.
"""

from __future__ import annotations

import os
import threading

from .. import _C
from . import _checks

_lock = threading.Lock()
_users = 0
_switches = None  # (get, set) of the number of threads, of each OpenBLAS in this process
_before = ()


def _find_switches():
    import ctypes

    import numpy.linalg  # noqa: F401  (which loads it)

    try:
        with open("/proc/self/maps") as maps:
            paths = sorted({line.split(None, 5)[5].strip() for line in maps if "blas" in line})
    except OSError:
        return []
    found = []
    for path in paths:
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        for name in ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads",
                     "openblas_{}_num_threads64_", "openblas_{}_num_threads"):  # fmt: skip
            get, put = (getattr(library, name.format(verb), None) for verb in ("get", "set"))
            if get and put:
                found.append((get, put))
                break
    return found


class one_thread:
    """A region in which NumPy's OpenBLAS works on the calling thread alone.

    Regions of several threads may overlap: the first sets, the last restores.
    """

    def __enter__(self):
        global _switches, _users, _before
        with _lock:
            if _switches is None:
                _switches = _find_switches()
            if _users == 0:
                _before = [get() for get, _ in _switches]
                for _, put in _switches:
                    put(1)
            _users += 1

    def __exit__(self, *_):
        global _users
        with _lock:
            _users -= 1
            if _users == 0:
                for (_, put), before in zip(_switches, _before):
                    put(before)


def _restart():
    """In a forked process: what other threads were about ended with them."""
    global _lock, _users
    _lock = threading.Lock()
    if _users:
        _users = 0
        for (_, put), before in zip(_switches, _before):
            put(before)


os.register_at_fork(after_in_child=_restart)


def call(function, a, *, op=None, kind=None, **options):
    """numpy.linalg's function of a tensor: a tensor or a tuple of them, of its dtype and device.

    A tensor on a GPU is waited for and comes here; the results go there.
    Where it does not converge, LinAlgError of `op` says so for that `kind` of algorithm.
    """
    import numpy

    work = getattr(numpy.linalg, function)
    array = a.detach().cpu().numpy()
    with one_thread():
        try:
            result = work(array, **options)
        except numpy.linalg.LinAlgError:
            at = _first_failure(work, array, options)
            _checks.fail(op, _checks.reason(kind, 1), None if a.dim() == 2 else at)
    if isinstance(result, tuple):
        return tuple(_tensor(r, a) for r in result)
    return _tensor(result, a)


def _first_failure(work, array, options):
    import numpy

    for i, matrix in enumerate(array.reshape(-1, *array.shape[-2:])):
        try:
            work(matrix, **options)
        except numpy.linalg.LinAlgError:
            return i
    return None


def _tensor(array, like):
    import numpy

    return _C.from_numpy(numpy.array(array)).to(like.device, like.dtype)


def refuse(op, kind, bad):
    """LinAlgError for the first matrix that has an element marked as bad."""
    if bad.is_meta or not bad.any():
        return
    at = int(bad.any(-1).any(-1).reshape(-1).nonzero()[0])
    _checks.fail(op, _checks.reason(kind, 1), None if bad.dim() == 2 else at)
