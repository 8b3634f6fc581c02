"""Threads that use groups of their own at once, large messages both ways, and callbacks."""

import threading

import cnn
from cnn import distributed as dist

dist.init_process_group()
RANK, SIZE = dist.get_rank(), dist.get_world_size()
groups = [dist.new_group() for _ in range(3)]
errors = []


def work(number):
    try:
        for count in range(60):
            x = cnn.full((1 + 997 * count,), float(RANK + number))
            if count % 3:
                dist.all_reduce(x, group=groups[number])
            else:
                works = [dist.all_reduce(x, group=groups[number], async_op=True)]
                works.append(dist.barrier(groups[number], async_op=True))
                for each in reversed(works):
                    each.wait()
            assert (x == SIZE * number + SIZE * (SIZE - 1) / 2).all()
    except BaseException as error:
        errors.append(error)
        raise


threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not errors

# Everybody sends everybody megabytes, and asks for them later, in another order.
sent = [
    dist.isend(cnn.full((1_000_000,), RANK + tag / 4), to, tag=tag)
    for to in range(SIZE)
    for tag in range(2)
    if to != RANK
]
came = {
    (source, tag): cnn.zeros(1_000_000)
    for tag in (1, 0)
    for source in reversed(range(SIZE))
    if source != RANK
}
asked = [dist.irecv(x, source, tag=tag) for (source, tag), x in came.items()]
for each in asked + sent:
    each.wait()
for (source, tag), x in came.items():
    assert (x == source + tag / 4).all()
# Two threads wait for the same.
one = dist.all_reduce(x := cnn.ones(3_000_000), async_op=True)
threads = [threading.Thread(target=one.wait) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert (x == SIZE).all()
