"""Messages from one process of a group to another.

They go side by side, with each other and with what the whole group does; those between the same two
with the same tag arrive in the order in which they were sent. A tag is a number from 0 on, as
large as MPI's tags may be; between GPUs it means nothing.
"""

from __future__ import annotations

from . import _checks
from .groups import _group_or_default_group, get_global_rank, get_rank


def isend(tensor, dst=None, group=None, tag=0, group_dst=None):
    """Sends a tensor to process `dst` and goes on; hands back the Work."""
    _checks.single(tensor, "tensor")
    if (pg := _checks.member("isend", group)) is None:
        return None
    _checks.carrier(pg, tensor)
    return pg.send(tensor, _checks.root(pg, dst, group_dst), tag)


def irecv(tensor, src=None, group=None, tag=0, group_src=None):
    """Asks for a tensor of process `src`, or of any, and goes on; hands back the Work."""
    _checks.single(tensor, "tensor")
    if (pg := _checks.member("irecv", group)) is None:
        return None
    _checks.carrier(pg, written=[tensor])
    source = None
    if src is not None or group_src is not None:
        source = _checks.root(pg, src, group_src)
    return pg.receive(tensor, source, tag)


def send(tensor, dst=None, group=None, tag=0, group_dst=None):
    """Sends a tensor to process `dst`, and waits until its memory may be written again."""
    _checks.single(tensor, "tensor")
    if (pg := _checks.member("send", group)) is None:
        return
    to = _checks.root(pg, dst, group_dst)
    _checks.not_self(pg, to, "destination")
    isend(tensor, group=pg, tag=tag, group_dst=to).wait()


def recv(tensor, src=None, group=None, tag=0, group_src=None):
    """Waits for a tensor of process `src`, or of any; the number of the one that it came from.

    -1 outside of the group. RuntimeError if what comes has not the tensor's size.
    """
    _checks.single(tensor, "tensor")
    if (pg := _checks.member("recv", group)) is None:
        return -1
    if src is not None or group_src is not None:
        _checks.not_self(pg, _checks.root(pg, src, group_src), "source")
    work = irecv(tensor, src, pg, tag, group_src)
    work.wait()
    return get_global_rank(pg, work._source_rank())


class P2POp:
    """A message to or from one process, for `batch_isend_irecv`.

    `op` is `isend` or `irecv`, `peer` the other process among all, `group_peer` in the group.
    """

    def __new__(cls, op, tensor, peer=None, group=None, tag=0, group_peer=None):
        if op not in (isend, irecv):
            raise ValueError(
                "Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or "
                "``torch.distributed.irecv``."
            )
        _checks.single(tensor, "tensor")
        return object.__new__(cls)

    def __init__(self, op, tensor, peer=None, group=None, tag=0, group_peer=None):
        self.op, self.tensor, self.tag = op, tensor, tag
        self.group = _group_or_default_group(group)
        self.group_peer = _checks.root(self.group, peer, group_peer)
        self.peer = get_global_rank(self.group, self.group_peer)

    def __repr__(self):
        own, ends = get_rank(self.group), (self.group_peer,)
        source, to = (own, *ends) if self.op is isend else (*ends, own)
        return (
            f"P2POp({self.op.__name__} pg={self.group.group_name}, group_src={source}, "
            f"group_dst={to},  {self.tensor.shape}, {self.tensor.dtype})"
        )


def batch_isend_irecv(p2p_op_list):
    """Sends and receives many messages of one group at once; hands back the list of Works.

    On GPUs they are one Work. As the first operation of a group there, all its ranks call this.
    """
    if not isinstance(p2p_op_list, list) or not all(isinstance(p, P2POp) for p in p2p_op_list):
        raise ValueError(
            "Invalid ``p2p_op_list``. Each op is expected to to be of type "
            "``torch.distributed.P2POp``."
        )
    _group_or_default_group()
    if any(op.group != p2p_op_list[0].group for op in p2p_op_list):
        raise ValueError("All ops need to use the same group.")
    if not p2p_op_list:
        return []
    pg = p2p_op_list[0].group
    for op in p2p_op_list:
        pg.check_tag(op.tag)
    _checks.carrier(
        pg,
        *(op.tensor for op in p2p_op_list),
        written=[op.tensor for op in p2p_op_list if op.op is irecv],
    )
    if p2p_op_list[0].tensor.is_cuda:
        ops = [(op.op is isend, op.tensor, op.group_peer) for op in p2p_op_list]
        return [pg.batch(ops)]
    works = []
    for op in p2p_op_list:
        end = {"group_dst" if op.op is isend else "group_src": op.group_peer}
        works.append(op.op(op.tensor, group=op.group, tag=op.tag, **end))
    return works
