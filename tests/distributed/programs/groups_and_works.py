"""Groups in groups, work that is not waited for, messages, objects."""

import time
import warnings
from datetime import timedelta

import cnn
from cnn import distributed as dist

dist.init_process_group("mpi", timeout=timedelta(seconds=30))
RANK, SIZE = dist.get_rank(), dist.get_world_size()
WORLD = dist.group.WORLD
assert dist.is_initialized() and dist.get_backend() == "mpi" and dist.get_pg_count() == 1
assert WORLD.rank() == RANK and WORLD.size() == SIZE
assert dist.get_process_group_ranks(WORLD) == list(range(SIZE))


def raises(kind, call, words):
    try:
        call()
    except kind as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"no {kind.__name__}: {words}")


raises(
    ValueError, lambda: dist.init_process_group("mpi"), "initialize the default process group twice"
)

# Groups: the ranks below SIZE - 1, and of these the first and last, the other way round.
low = dist.new_group(range(SIZE - 1))
ends = dist.new_group([SIZE - 1, 0], sort_ranks=False)
if RANK < SIZE - 1:
    assert dist.get_rank(low) == RANK and dist.get_world_size(low) == SIZE - 1
    x = cnn.ones(2)
    dist.all_reduce(x, group=low)
    assert x.tolist() == [SIZE - 1] * 2
    raises(ValueError, lambda: dist.broadcast(x, SIZE - 1, low), "is not part of group")
else:
    assert low == dist.GroupMember.NON_GROUP_MEMBER and dist.get_rank(low) == -1
    assert dist.get_world_size(low) == -1
    x = cnn.ones(2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert dist.all_reduce(x, group=low) is None
        assert dist.recv(x, 0, group=low) == -1
        dist.barrier(low)
    assert len(caught) == 3
    assert str(caught[0].message) == (
        f"Running all_reduce on global rank {RANK} which does not belong to the given group."
    )
    assert x.tolist() == [1, 1]
if RANK in (0, SIZE - 1):
    assert dist.get_rank(ends) == int(RANK == 0)
    assert dist.get_global_rank(ends, 0) == SIZE - 1 and dist.get_group_rank(ends, 0) == 1
    x = cnn.full((1,), float(RANK))
    dist.broadcast(x, src=SIZE - 1, group=ends)
    assert x.item() == SIZE - 1
    dist.broadcast(x.fill_(RANK), group_src=1, group=ends)
    assert x.item() == 0
    dist.destroy_process_group(ends)
    raises(ValueError, lambda: dist.get_backend(ends), "is not initialized in the world group map")
raises(ValueError, lambda: dist.new_group([0, 0]), "duplicate entries")
raises(ValueError, lambda: dist.new_group([SIZE]), f"Rank {SIZE} is out of range")
mine, every = dist.new_subgroups(1)
assert mine.size() == 1 and len(every) == SIZE
dist.all_reduce(x := cnn.ones(1), group=mine)
assert x.item() == 1
raises(ValueError, lambda: dist.new_subgroups(SIZE + 1), "must not exceed the world size")
if RANK < 2:
    local = dist.new_group([0, 1], use_local_synchronization=True)
    dist.all_reduce(x := cnn.ones(1), group=local)
    assert x.item() == 2
half = dist.split_group(split_ranks=[list(range(1)), list(range(1, SIZE))])
assert half.size() == (1 if RANK == 0 else SIZE - 1)
if RANK:
    # A group in a group in the group.
    inner = dist.split_group(half, [[SIZE - 2], list(range(SIZE - 2))] if SIZE > 2 else [[0]])
    assert inner.size() == (1 if RANK == SIZE - 1 else SIZE - 2)

# Work goes on while nobody waits for it, one operation after the other.
works, tensors = [], [cnn.full((1000 * (i + 1),), float(RANK)) for i in range(20)]
for x in tensors:
    works.append(dist.all_reduce(x, async_op=True))
end = time.monotonic() + 20
while not all(work._done for work in works):
    assert time.monotonic() < end
    time.sleep(0.001)
assert all(work.is_completed() and work.is_success() and work.exception() is None for work in works)
assert all((x == SIZE * (SIZE - 1) / 2).all() for x in tensors)
work = dist.all_gather(
    outputs := [cnn.zeros(1) for _ in range(SIZE)], cnn.full((1,), 3.0), async_op=True
)
future = work.get_future().then(lambda done: sum(t.item() for t in done.value()))
assert work.wait() is True and work.result() is outputs
assert future.wait() == 3 * SIZE == sum(t.item() for t in outputs)
# What runs when one is over may begin others.
work = dist.all_reduce(first := cnn.ones(1), async_op=True)
second = cnn.ones(1)
begun = work.get_future().then(lambda done: dist.all_reduce(second, async_op=True))
begun.wait().wait()
assert first.item() == second.item() == SIZE
work = dist.barrier(async_op=True)
work.wait(timedelta(seconds=10))
assert work.get_future().done()
future = dist.all_reduce_coalesced([cnn.ones(2), x := cnn.ones(3)], async_op=True)
assert future.wait()[1] is x and x[2] == SIZE
with dist._coalescing_manager() as manager:
    dist.all_reduce(a := cnn.ones(1))
    dist.all_reduce(b := cnn.ones(2))
assert a.item() == b[1].item() == SIZE

# Messages: a ring, tags that cross, any sender, lists, objects.
right, left = (RANK + 1) % SIZE, (RANK - 1) % SIZE
ops = [
    dist.P2POp(dist.irecv, came := cnn.empty(3, 2).t(), left),
    dist.P2POp(dist.isend, cnn.full((2, 3), float(RANK)), right),
]
assert f"group_src={RANK}, group_dst={right}" in repr(ops[1])
for work in dist.batch_isend_irecv(ops):
    work.wait()
assert (came == left).all()
if RANK == 0:
    sent = [dist.isend(cnn.tensor([tag]), 1, tag=tag) for tag in (5, 6)]
    for work in sent:
        work.wait()
elif RANK == 1:
    raises(ValueError, lambda: dist.recv(cnn.ones(1), 1), "source rank should not be the same")
    six, five = cnn.zeros(1, dtype=cnn.int64), cnn.zeros(1, dtype=cnn.int64)
    assert dist.recv(six, 0, tag=6) == 0 and dist.recv(five, tag=5) == 0
    assert (five.item(), six.item()) == (5, 6)
dist.barrier()
if RANK == 0:
    seen = {dist.recv(x := cnn.zeros(1)): x.item() for _ in range(SIZE - 1)}
    assert seen == {rank: rank + 10.0 for rank in range(1, SIZE)}
    # One that is longer or shorter than the tensor is an error, and the next one is there.
    raises(RuntimeError, lambda: dist.recv(cnn.zeros(9), 1, tag=1), "a message of 8 bytes came")
    raises(RuntimeError, lambda: dist.recv(cnn.zeros(1), 1, tag=1), "truncated")
    dist.recv(x, 1, tag=1)
    assert x.item() == 4
else:
    dist.send(cnn.full((1,), RANK + 10.0), 0)
    if RANK == 1:
        for x in (cnn.ones(2), cnn.ones(2), cnn.full((1,), 4.0)):
            dist.send(x, 0, tag=1)

told = [None] * SIZE
dist.all_gather_object(told, {"rank": RANK, "more": "x" * RANK})
assert told == [{"rank": rank, "more": "x" * rank} for rank in range(SIZE)]
told = [None] * SIZE if RANK == 1 else None
dist.gather_object((RANK, "a" * 1000 * RANK), told, dst=1)
assert RANK != 1 or told == [(rank, "a" * 1000 * rank) for rank in range(SIZE)]
told = [None]
dist.scatter_object_list(told, [str(rank) * rank for rank in range(SIZE)] if RANK == 0 else None)
assert told == [str(RANK) * RANK]
told = [1, "two", cnn.ones(3)] if RANK == 0 else [None] * 3
dist.broadcast_object_list(told)
assert told[:2] == [1, "two"] and told[2].tolist() == [1, 1, 1]
if RANK == 0:
    dist.send_object_list([3, {4}], 1)
elif RANK == 1:
    told = [None, None]
    assert dist.recv_object_list(told) == 0 and told == [3, {4}]
dist.monitored_barrier(timeout=timedelta(seconds=20))

# Arguments that cannot be: nothing is written, and the group goes on.
x, pair = cnn.ones(2), [cnn.ones(2)] * SIZE
raises(
    ValueError,
    lambda: dist.all_gather([cnn.ones(2, dtype=cnn.int64)] * SIZE, x),
    "different dtypes",
)
raises(RuntimeError, lambda: dist.all_gather(pair[1:], x), f"expected length {SIZE}")
raises(RuntimeError, lambda: dist.all_gather([cnn.ones(3)] * SIZE, x), "invalid tensor size")
raises(RuntimeError, lambda: dist.all_gather_into_tensor(cnn.ones(3), x), "does not hold")
raises(RuntimeError, lambda: dist.reduce_scatter(x, pair[1:]), f"expected length {SIZE}")
raises(RuntimeError, lambda: dist.reduce_scatter_tensor(x, cnn.ones(5 * SIZE)), "does not hold")
raises(RuntimeError, lambda: dist.all_to_all(pair, pair[1:]), f"expected length {SIZE}")
raises(
    RuntimeError, lambda: dist.all_to_all_single(x, x, [1], [1]), "splits not equal to group size"
)
raises(RuntimeError, lambda: dist.all_reduce(cnn.ones(2, device="meta")), "device type meta")
raises(RuntimeError, lambda: dist.all_reduce(x, dist.ReduceOp.BAND), "non-integral dtype")
raises(RuntimeError, lambda: dist.all_reduce(x, dist.ReduceOp.PREMUL_SUM), "PREMUL_SUM")
raises(RuntimeError, lambda: dist.all_reduce(cnn.ones(1).expand(3)), "non-overlapping and dense")
raises(ValueError, lambda: dist.broadcast(x), "Must specify global_rank or group_rank")
raises(ValueError, lambda: dist.broadcast(x, 0, group_src=0), "Can't specify both")
raises(RuntimeError, lambda: dist.broadcast(x, SIZE), f"invalid rank: {SIZE}")
raises(RuntimeError, lambda: dist.all_reduce(x.long(), dist.ReduceOp.AVG), "output type Long")
raises(TypeError, lambda: dist.all_reduce(x, "sum"), "expected a ReduceOp, got 'sum'")
raises(ValueError, lambda: dist.send(x, RANK), "destination rank should not be the same")
raises(ValueError, lambda: dist.isend(x, 0, tag=-1), "a tag is a number from 0 on")
if RANK == 0:
    raises(ValueError, lambda: dist.gather(x), "must be specified on destination rank")
    raises(ValueError, lambda: dist.scatter(x), "must be specified on source rank")
else:
    raises(ValueError, lambda: dist.gather(x, pair), "must NOT be specified on non-destination")
    raises(ValueError, lambda: dist.scatter(x, pair), "must NOT be specified on non-source")
raises(TypeError, lambda: dist.barrier(timeout=3), "datetime.timedelta")
assert x.tolist() == [1, 1]
dist.all_reduce(x)
assert x.tolist() == [SIZE] * 2
# No destroy_process_group: the program ends all the same.
