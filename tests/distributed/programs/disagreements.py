"""Ranks that do not do the same: an error on each, at once or after the timeout, and no hang."""

import sys
import time
from datetime import timedelta

import cnn
from cnn import distributed as dist

dist.init_process_group("mpi", timeout=timedelta(seconds=20))
RANK, SIZE = dist.get_rank(), dist.get_world_size()
DETAIL = dist.get_debug_level() is dist.DebugLevel.DETAIL


def pair(first, second):
    return first if RANK == 0 else second


def ones(*shape, dtype=cnn.float32):
    return cnn.ones(*shape, dtype=dtype)


DIFFERENT = {
    "shape": lambda g: dist.all_reduce(ones(pair(2, 4)), group=g),
    "large": lambda g: dist.all_reduce(ones(pair(2, 500_000)), group=g),
    "dtype": lambda g: dist.all_reduce(ones(4, dtype=pair(cnn.float32, cnn.int32)), group=g),
    "half": lambda g: dist.all_reduce(ones(4, dtype=pair(cnn.float32, cnn.float16)), group=g),
    "reduction": lambda g: dist.all_reduce(
        ones(4), pair(dist.ReduceOp.SUM, dist.ReduceOp.MAX), group=g
    ),
    "root": lambda g: dist.broadcast(ones(4), pair(0, 1), group=g),
    "sender": lambda g: dist.broadcast(ones(pair(2, 4)), 0, group=g),
    "receiver": lambda g: dist.broadcast(ones(pair(4, 2)), 0, group=g),
    "order": lambda g: pair(dist.all_reduce, dist.broadcast)(ones(4), *pair((), (0,)), group=g),
    "barrier": lambda g: dist.barrier(g) if RANK == 0 else dist.all_reduce(ones(4), group=g),
    "gathered": lambda g: dist.all_gather_into_tensor(
        ones(SIZE * pair(2, 3)), ones(pair(2, 3)), group=g
    ),
    "work": lambda g: dist.all_reduce(ones(pair(2, 4)), group=g, async_op=True).wait(),
}


def error_of(call, group):
    try:
        call(group)
    except RuntimeError as error:
        return str(error)
    return None


for name, call in DIFFERENT.items():
    group = dist.new_group()
    start = time.monotonic()
    text = error_of(call, group)
    assert text is not None, name
    assert time.monotonic() - start < 10, name
    words = "Rank 0 is running collective: " if DETAIL else "ranks disagree on the operation"
    assert words in text, (name, text)
    # Each has seen it: the group is still good.
    dist.all_reduce(x := ones(2), group=group)
    assert x[1] == SIZE
if DETAIL:
    group = dist.new_group()
    text = error_of(DIFFERENT["shape"], group)
    assert "tensors=[[2] float32], SUM" in text and "tensors=[[4] float32], SUM" in text
    sys.exit()

# Parts of which one expects more than the other sends; two errors that cancel in the sum of counts.
for sizes in (pair((1, 2), (1, 2)), pair((2, 1), (1, 2))):
    group = dist.new_group([0, 1])
    if RANK < 2:
        x = ones(3)
        text = error_of(
            lambda g: dist.all_to_all_single(
                x[: sum(sizes)], ones(3), list(sizes), [1, 2], group=g
            ),
            group,
        )
        assert "ranks disagree" in text

# A rank that does not come.
group = dist.new_group(timeout=timedelta(seconds=0.5))
late = dist.new_group(timeout=timedelta(seconds=30))
if RANK == 0:
    start = time.monotonic()
    text = error_of(lambda g: dist.all_reduce(ones(4), group=g), group)
    assert "Timed out waiting 500ms for all_reduce" in text, text
    assert 0.4 < time.monotonic() - start < 5
    work = dist.all_reduce(ones(4), group=late, async_op=True)
    assert "Timed out waiting 200ms" in error_of(lambda g: work.wait(timedelta(seconds=0.2)), late)
    assert not work.is_success() and "Timed out" in str(work.exception())
    work = dist.irecv(x := ones(4), 1, dist.group.WORLD)
# One that comes late may have what was sent to it, and is told next time.
dist.barrier()
if RANK:
    error_of(lambda g: dist.all_reduce(ones(4), group=g), group)
    assert error_of(lambda g: dist.all_reduce(ones(4), group=g), group) is not None
if RANK == 1:
    dist.send(ones(4) * 3, 0)
if RANK == 0:
    work.wait()
    assert x[0] == 3
dist.barrier()

# monitored_barrier says who is missing.
group = dist.new_group()
if RANK != 1:
    text = error_of(lambda g: dist.monitored_barrier(g, timedelta(seconds=0.5)), group)
    want = (
        "Rank 1 failed to pass monitoredBarrier in 500 ms"
        if RANK == 0
        else "reached monitoredBarrier"
    )
    assert want in text, text
dist.barrier()
print("all told")
