"""System calls that fail: the kernel's own filter refuses them, in a child process."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

import pytest

# Numbers of system calls, and the argument with the flags of those that have one.
_CALLS = {
    "x86_64": {"openat": 257, "linkat": 265, "fsync": 74, "renameat": 264, "fchmod": 91},
    "aarch64": {"openat": 56, "linkat": 37, "fsync": 82, "renameat": 38, "fchmod": 52},
}.get(platform.machine(), {})
_LOAD, _AND, _IF_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_FLAGS_AT = 16 + 8 * 2  # the third argument in the record that the filter looks at


def _instruction(code, operand, when_true=0, when_false=0):
    return struct.pack("<HBBI", code, when_true, when_false, operand)


def refuse(name, error, flags=0):
    """From now on the call fails in this thread with that error, if it has all the flags."""
    parts = [_instruction(_LOAD, 0)]
    if flags:
        parts += [
            _instruction(_IF_EQUAL, _CALLS[name], 0, 4),
            _instruction(_LOAD, _FLAGS_AT),
            _instruction(_AND, flags),
            _instruction(_IF_EQUAL, flags, 0, 1),
        ]
    else:
        parts += [_instruction(_IF_EQUAL, _CALLS[name], 0, 1)]
    parts += [_instruction(_RETURN, _ERROR | error), _instruction(_RETURN, _ALLOW)]
    code = ctypes.create_string_buffer(b"".join(parts))
    program = ctypes.create_string_buffer(struct.pack("HP", len(parts), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, seccomp, with_filter = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) or libc.prctl(seccomp, with_filter, program, 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter")


def in_child(function):
    """Runs `function` in a child process; True if it raised nothing."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            function()
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def _can_refuse():
    return bool(_CALLS) and hasattr(os, "fork") and in_child(lambda: refuse("linkat", errno.EIO))


needs_filter = pytest.mark.skipif(not _can_refuse(), reason="the kernel takes no filter of calls")
