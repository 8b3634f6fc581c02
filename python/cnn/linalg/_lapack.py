"""NumPy's LAPACK: stacks of matrices of float32 and float64, the same bits on every run.

The OpenBLAS that NumPy carries sums in an order that depends on how many threads it uses, and uses
as many as the machine has. While it works for us it has one. Where NumPy was built over another
library, that library's own setting decides.
"""

from __future__ import annotations

import threading

from .. import _C
from . import _checks

_lock = threading.Lock()
_users = 0
_before = 1


def _find_switches():
    """(get, set) of the number of threads of the OpenBLAS in this process, or None."""
    import ctypes

    import numpy.linalg  # noqa: F401  (which loads it)

    try:
        with open("/proc/self/maps") as maps:
            paths = sorted({line.split(None, 5)[5].strip() for line in maps if "blas" in line})
    except OSError:
        return None
    for path in paths:
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        for prefix in ("scipy_", ""):
            for suffix in ("64_", "", "_64_"):
                get = getattr(library, f"{prefix}openblas_get_num_threads{suffix}", None)
                put = getattr(library, f"{prefix}openblas_set_num_threads{suffix}", None)
                if get and put:
                    return get, put
    return None


_switches = ...


class one_thread:
    """A region in which NumPy's OpenBLAS works on the calling thread alone.

    Regions of several threads may overlap: the first sets, the last restores.
    """

    def __enter__(self):
        global _switches, _users, _before
        with _lock:
            if _switches is ...:
                _switches = _find_switches()
            if _switches and _users == 0:
                _before = _switches[0]()
                _switches[1](1)
            _users += 1

    def __exit__(self, *_):
        global _users
        with _lock:
            _users -= 1
            if _switches and _users == 0:
                _switches[1](_before)


def call(function, *arrays, **options):
    """numpy.linalg's function of tensors: a tensor or a tuple of them, of the first's dtype."""
    import numpy

    dtype = arrays[0].dtype
    given = [a.detach().numpy() for a in arrays]
    with one_thread():
        result = getattr(numpy.linalg, function)(*given, **options)
    if isinstance(result, tuple):
        return tuple(_tensor(r, dtype) for r in result)
    return _tensor(result, dtype)


def _tensor(array, dtype):
    import numpy

    return _C.from_numpy(numpy.array(array)).to(dtype)


def refuse_non_finite(op, a, text):
    """LinAlgError for the first matrix with inf or nan, as where algorithms do not converge."""
    if a.is_meta or a.numel() == 0:
        return
    good = a.detach().isfinite().all(-1).all(-1)
    if good.all():
        return
    at = int((~good).reshape(-1).nonzero()[0])
    _checks.fail(op, text, None if a.dim() == 2 else at)
