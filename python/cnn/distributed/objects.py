"""What the processes of a group do together with Python objects, which travel as pickles.

A pickle can run code when it is read: groups are for processes that trust each other.
"""

from __future__ import annotations

import pickle

from .. import _C
from . import _checks, collectives, messages
from .process_group import OverMPI


def _member(name, group):
    """The group that is to act, over MPI, or None, with a warning, outside of it."""
    pg = _checks.member(name, group, 4)
    return None if pg is None else OverMPI(pg)


def _packed(value):
    """A tensor of the pickle of an object."""
    return _C.frombuffer(bytearray(pickle.dumps(value)), dtype=_C.uint8)


def _unpacked(tensor):
    return pickle.loads(tensor.contiguous().numpy().tobytes())


def _together(values):
    """The pickles of objects behind one another, and their sizes."""
    parts = [_packed(value) for value in values]
    sizes = _C.tensor([part.numel() for part in parts], dtype=_C.int64, device="cpu")
    return _C.cat(parts) if parts else _C.empty(0, dtype=_C.uint8, device="cpu"), sizes


def _apart(flat, sizes):
    return [_unpacked(part) for part in flat.split(sizes.tolist())] if len(sizes) else []


def _gathered_sizes(pg, own):
    sizes = _C.empty(pg.size(), dtype=_C.int64, device="cpu")
    collectives.all_gather_single(sizes, _C.tensor([own], dtype=_C.int64, device="cpu"), pg)
    return sizes


def all_gather_object(object_list, obj, group=None):
    """Gives every process the objects of all, in the places of `object_list`."""
    if (pg := _member("all_gather_object", group)) is None:
        return
    _check_places(object_list, pg.size())
    own = _packed(obj)
    sizes = _gathered_sizes(pg, own.numel())
    parts = [_C.empty(size, dtype=_C.uint8, device="cpu") for size in sizes.tolist()]
    collectives.all_gather(parts, own, pg)
    object_list[: len(parts)] = [_unpacked(part) for part in parts]


def _check_places(values, size):
    if len(values) < size:
        raise RuntimeError(f"a list of {len(values)} has no places for the objects of {size} ranks")


def gather_object(obj, object_gather_list=None, dst=None, group=None, group_dst=None):
    """Gives process `dst` the objects of all, in the places of its list; others give no list."""
    if (pg := _member("gather_object", group)) is None:
        return
    root = _checks.root(pg, dst, group_dst, 0)
    mine = pg.rank() == root
    collectives._check_root_list("gather_list", object_gather_list, mine, "destination")
    if mine:
        _check_places(object_gather_list, pg.size())
    own = _packed(obj)
    sizes = _gathered_sizes(pg, own.numel())
    longest = int(sizes.max())
    padded = _C.zeros(longest, dtype=_C.uint8, device="cpu")
    padded[: own.numel()] = own
    parts = [_C.empty_like(padded) for _ in range(pg.size())] if mine else None
    collectives.gather(padded, parts, group=pg, group_dst=root)
    if mine:
        values = [_unpacked(part[:size]) for part, size in zip(parts, sizes.tolist())]
        object_gather_list[: len(values)] = values


def scatter_object_list(
    scatter_object_output_list,
    scatter_object_input_list=None,
    src=None,
    group=None,
    group_src=None,
):
    """Gives each process an object of a list of process `src`, in the first place of its list."""
    if not isinstance(scatter_object_output_list, list) or not scatter_object_output_list:
        raise ValueError(
            "Expected argument scatter_object_output_list to be a list of size at least 1."
        )
    if (pg := _member("scatter_object_list", group)) is None:
        return
    root = _checks.root(pg, src, group_src, 0)
    mine, parts = pg.rank() == root, None
    if mine:
        if scatter_object_input_list is None:
            raise ValueError("source rank must provide non-None scatter_object_input_list")
        if len(scatter_object_input_list) != pg.size():
            raise RuntimeError(
                f"scatter: invalid input list: expected length {pg.size()}, got "
                f"{len(scatter_object_input_list)}"
            )
        parts = [_packed(value) for value in scatter_object_input_list]
    sizes = _C.zeros(pg.size(), dtype=_C.int64, device="cpu")
    if mine:
        sizes = _C.tensor([part.numel() for part in parts], dtype=_C.int64, device="cpu")
    collectives.broadcast(sizes, group=pg, group_src=root)
    longest = int(sizes.max())
    if mine:
        parts = [_C.cat([part, part.new_zeros(longest - part.numel())]) for part in parts]
    received = _C.empty(longest, dtype=_C.uint8, device="cpu")
    collectives.scatter(received, parts, group=pg, group_src=root)
    scatter_object_output_list[0] = _unpacked(received[: int(sizes[pg.rank()])])


def broadcast_object_list(object_list, src=None, group=None, device=None, group_src=None):
    """Gives every process the objects of process `src`, in the places of a list as long."""
    if (pg := _member("broadcast_object_list", group)) is None:
        return
    root = _checks.root(pg, src, group_src, 0)
    if pg.rank() == root:
        flat, sizes = _together(object_list)
    else:
        sizes = _C.empty(len(object_list), dtype=_C.int64, device="cpu")
    collectives.broadcast(sizes, group=pg, group_src=root)
    if pg.rank() != root:
        flat = _C.empty(int(sizes.sum()), dtype=_C.uint8, device="cpu")
    collectives.broadcast(flat, group=pg, group_src=root)
    if pg.rank() != root:
        object_list[:] = _apart(flat, sizes)


def send_object_list(
    object_list, dst=None, group=None, device=None, group_dst=None, use_batch=False
):
    """Sends objects to process `dst`."""
    if (pg := _member("send_object_list", group)) is None:
        return
    to = _checks.root(pg, dst, group_dst)
    _checks.not_self(pg, to, "destination")
    flat, sizes = _together(object_list)
    messages.send(sizes, group=pg, group_dst=to)
    messages.send(flat, group=pg, group_dst=to)


def recv_object_list(
    object_list, src=None, group=None, device=None, group_src=None, use_batch=False
):
    """Waits for as many objects as the list is long of process `src`, or of any.

    Returns the number of the process that they came from, -1 outside of the group.
    """
    if (pg := _member("recv_object_list", group)) is None:
        return -1
    sizes = _C.empty(len(object_list), dtype=_C.int64, device="cpu")
    source = messages.recv(sizes, src, pg, group_src=group_src)
    flat = _C.empty(int(sizes.sum()), dtype=_C.uint8, device="cpu")
    messages.recv(flat, source, pg)
    object_list[:] = _apart(flat, sizes)
    return source
