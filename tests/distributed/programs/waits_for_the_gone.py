"""Rank 1 ends at once; whatever the others wait for ends soon, and not at the timeout."""

import sys
import time
from datetime import timedelta

import cnn
from cnn import distributed as dist

dist.init_process_group("mpi", timeout=timedelta(seconds=100))
RANK, SIZE = dist.get_rank(), dist.get_world_size()
groups = [dist.new_group() for _ in range(7)]
first_two = [dist.new_group([0, 1]) for _ in range(3)]
if RANK == 1:
    dist.send(cnn.ones(1), 0, groups[0])
    sys.exit()


def is_told(call, *words):
    start = time.monotonic()
    try:
        call()
    except dist.DistBackendError as error:
        assert all(word in str(error) for word in words), error
        assert time.monotonic() - start < 20
    else:
        raise AssertionError(words)


def polled(work):
    while not work.is_completed():
        time.sleep(0.01)
    raise work.exception()


ENDED = "has ended its program without taking part"
x = cnn.zeros(1)
if RANK == 0:
    # Rank 2 may still send, and what rank 1 has sent before its end is there.
    assert dist.recv(x, group=groups[0]) == 1 and x.item() == 1
    assert dist.recv(x, group=groups[0]) == 2 and x.item() == 5
    any_of_one, objects, later = first_two
    is_told(lambda: dist.recv(x, group=any_of_one), "recv: every other rank", ENDED)
    is_told(lambda: dist.recv_object_list([None], group=objects), "every other rank", ENDED)
    work = dist.irecv(x, group=later)
    is_told(lambda: polled(work), "every other rank", ENDED)
else:
    time.sleep(6)
    dist.send(cnn.full((1,), 5.0), 0, groups[0])
rank_1 = f"rank 1 {ENDED}"
is_told(lambda: dist.monitored_barrier(groups[1]), "monitored_barrier", rank_1)
is_told(lambda: dist.split_group(groups[2], [list(range(SIZE))]), "new_group", rank_1)
is_told(lambda: dist.recv(x, 1, groups[3]), "recv", rank_1)
is_told(lambda: polled(dist.all_reduce(x, group=groups[4], async_op=True)), "all_reduce", rank_1)
future = dist.all_reduce(x, group=groups[5], async_op=True).get_future()
is_told(future.wait, "all_reduce", rank_1)
# A group of those that stay needs no rank that has left.
dist.all_reduce(x := cnn.ones(1), group=dist.new_group([0, 2], use_local_synchronization=True))
assert x.item() == 2
is_told(lambda: dist.new_group(), "new_group", rank_1)
dist.destroy_process_group()
again = {"backend": "mpi", "timeout": timedelta(seconds=100)}
is_told(lambda: dist.init_process_group(**again), "init_process_group", rank_1)
print(f"rank {RANK} was told")
