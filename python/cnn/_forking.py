"""Forked processes: what another thread was importing at the fork is imported anew.

Sub-packages load at first use, in whichever thread that is. Of a thread that a child does not have,
Python keeps the locks of modules, for which the child would wait without end, and halves of them.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from importlib import _bootstrap


def _release_imports():
    own, package = get_ident(), sys.modules[__package__]
    for name, ref in list(_bootstrap._module_locks.items()):
        lock, root = ref(), sys.modules.get(name.partition(".")[0])  # which may be called torch
        if lock is None or lock.owner in (None, own) or root is not package:
            continue
        del _bootstrap._module_locks[name]
        module = sys.modules.get(name)
        if getattr(getattr(module, "__spec__", None), "_initializing", False):
            del sys.modules[name]


os.register_at_fork(after_in_child=_release_imports)
