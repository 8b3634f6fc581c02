"""Errors of one operation, after which the group goes on; and arguments that are looked at first."""

import time
import warnings
from datetime import timedelta

import cnn
from cnn import distributed as dist
from cnn.distributed import operations

dist.init_process_group("mpi", timeout=timedelta(seconds=30))
RANK, SIZE = dist.get_rank(), dist.get_world_size()
WORLD = dist.group.WORLD
DETAIL = dist.get_debug_level() is dist.DebugLevel.DETAIL


def raises(kind, words, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except kind as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"no {kind.__name__}: {words}")


def goes_on():
    dist.all_reduce(x := cnn.full((3,), RANK + 1.0))
    assert x.tolist() == [SIZE * (SIZE + 1) / 2] * 3


# A message that cannot be made, as there is no memory for it.
waits = dist.irecv(came := cnn.zeros(2), (RANK + 1) % SIZE)
work = dist.isend(cnn.ones(1).expand(2**50), (RANK + 1) % SIZE)
raises(RuntimeError, "", work.wait)
assert work.is_completed() and not work.is_success() and work.exception() is not None
dist.send(cnn.full((2,), float(RANK)), (RANK - 1) % SIZE)
waits.wait()
assert came.tolist() == [(RANK + 1) % SIZE] * 2
goes_on()

# An operation of all for which one rank, or each, finds no memory: all hear of it at once.
room = operations._Written


def no_memory(*arguments, **named):
    raise MemoryError("nothing is left")


for ranks in ([1], range(SIZE)):
    for call in (
        lambda: dist.all_reduce(cnn.ones(2)),
        lambda: dist.all_reduce(cnn.ones(2), async_op=True).wait(),
        lambda: dist.all_reduce_coalesced([cnn.ones(2)] * 2),
        lambda: dist.broadcast(cnn.ones(2), 0),
        lambda: dist.all_gather_into_tensor(cnn.ones(SIZE), cnn.ones(1)),
    ):
        if RANK in ranks:
            operations._Written = no_memory
        start = time.monotonic()
        if RANK in ranks:
            raises(MemoryError, "nothing is left", call)
        elif DETAIL:
            raises(dist.DistBackendError, "nothing, as it raised MemoryError: nothing", call)
        else:
            raises(dist.DistBackendError, f"1 of {SIZE} ranks raised an error before", call)
        assert time.monotonic() - start < 10
        operations._Written = room
        goes_on()

# Tags: those that MPI has, and nothing of a batch begins before all are looked at.
x, to, source = cnn.full((2,), float(RANK)), (RANK + 1) % SIZE, (RANK - 1) % SIZE
largest = WORLD.comm.largest_tag
for tag in (-1, largest + 1, 2**31, 2**70, "1", 1.0):
    for call in (dist.send, dist.isend, dist.recv, dist.irecv):
        raises(ValueError, "a tag is a number from 0 on", call, x, to, tag=tag)
    raises(ValueError, "a tag is a number", WORLD.send, x, to, tag)
    raises(ValueError, "a tag is a number", WORLD.recv_anysource, x, tag)
    ops = [dist.P2POp(dist.isend, x * 7, to), dist.P2POp(dist.irecv, cnn.ones(2), source, tag=tag)]
    raises(ValueError, "a tag is a number", dist.batch_isend_irecv, ops)
raises(RuntimeError, "device type meta", dist.batch_isend_irecv,
       [ops[0], dist.P2POp(dist.isend, cnn.ones(2, device="meta"), to)])  # fmt: skip
for rank in (-1, SIZE):
    raises(RuntimeError, f"invalid rank: {rank}", WORLD.send, x, rank)
    raises(RuntimeError, f"invalid rank: {rank}", WORLD.receive, x, rank)
sent = dist.isend(x, to, tag=largest)
dist.recv(came, source, tag=largest)
sent.wait()
assert came.tolist() == [source] * 2
goes_on()

# Timeouts are timedeltas, whoever takes them.
pair = [[rank] for rank in range(SIZE)]
work = dist.all_reduce(cnn.ones(1), async_op=True)
for call in (
    lambda: dist.new_group(timeout=3),
    lambda: dist.new_subgroups(1, timeout=3),
    lambda: dist.new_subgroups_by_enumeration(pair, timeout=3.0),
    lambda: dist.split_group(split_ranks=pair, timeout=3),
    lambda: dist.barrier(timeout=3),
    lambda: dist.monitored_barrier(timeout=3),
    lambda: WORLD.set_timeout(3),
    lambda: work.wait(3),
    lambda: dist.HashStore().set_timeout(3),
    lambda: dist.HashStore().wait(["key"], 3),
    lambda: dist.PrefixStore("part", dist.HashStore()).set_timeout(3),
):
    raises(TypeError, "datetime.timedelta", call)
assert work.wait(timedelta(0)) is True
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    dist.monitored_barrier(timeout=10.0)
assert "assuming it represents seconds" in str(caught[0].message)
goes_on()

# Operations are collected once.
with dist._coalescing_manager():
    raises(ValueError, "is coalescing already", dist._coalescing_manager().__enter__)
    dist.all_reduce(x := cnn.ones(1))
    raises(ValueError, "non-empty op list", dist._coalescing_manager().__enter__)
    dist.all_reduce(y := cnn.ones(1))
    other = dist.new_group()
    with dist._coalescing_manager(other):
        dist.all_reduce(z := cnn.ones(1), group=other)
    assert (x.item(), y.item(), z.item()) == (1, 1, SIZE)
assert (x.item(), y.item(), z.item()) == (SIZE, SIZE, SIZE)
with dist._coalescing_manager():
    pass
goes_on()

# Meshes of groups that are there.
backwards = list(range(SIZE))[::-1]
group = dist.new_group(backwards, None, None, None, False, None, None, False)
assert dist.get_process_group_ranks(group) == backwards
from_group = dist.DeviceMesh.from_group
for mesh in (None, backwards, cnn.tensor(backwards)):
    made = from_group(group, "cpu", mesh, mesh_dim_names=("all",))
    assert made.mesh.tolist() == backwards and made["all"].get_group() is group
raises(ValueError, "Invalid mesh", from_group, group, "cpu", backwards[::-1])
raises(ValueError, "Invalid mesh", from_group, group, "cpu", [backwards])
alone, _ = dist.new_subgroups(1)
made = from_group([alone, group], "cpu", [backwards], mesh_dim_names=("one", "all"))
assert made.shape == (1, SIZE) and made.get_group("all") is group
assert made.get_coordinate() == [0, SIZE - 1 - RANK]
assert from_group([alone], "cpu", [RANK], mesh_dim_names=("one",)).get_group() is alone
names = {"mesh_dim_names": ("one", "all")}
raises(ValueError, "at least one ProcessGroup", from_group, [], "cpu", [0], **names)
raises(ValueError, "Must pass mesh if", from_group, [alone, group], "cpu", **names)
raises(ValueError, "Must pass mesh_dim_names", from_group, [alone, group], "cpu", [backwards])
raises(ValueError, "Expects mesh with ndim", from_group, [alone, group], "cpu", backwards, **names)
goes_on()
dist.destroy_process_group()
