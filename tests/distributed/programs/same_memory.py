"""Collectives whose tensors share memory: what is read is what was there before the call."""

import numpy as np
from carried import start

import cnn
from cnn import distributed as dist

RANK, SIZE = start()
ROWS = 3


def own(rank, rows=ROWS):
    return np.random.default_rng((rank, rows)).integers(0, 100, (rows, 2))


def slot(rank):
    return slice(ROWS * rank, ROWS * (rank + 1))


EVERY = np.concatenate([own(rank) for rank in range(SIZE)])
LONG = [own(rank, ROWS * SIZE) for rank in range(SIZE)]
for dtype in (cnn.float32, cnn.bfloat16, cnn.int64, cnn.float8_e5m2):
    # 2-bit fractions hold few of the numbers: those of NumPy become what the dtype has of them.
    def held(numbers):
        return cnn.tensor(numbers).to(cnn.float32).to(dtype)

    def same(got, want):
        wide = cnn.float32 if dtype.is_floating_point else cnn.int64
        assert cnn.equal(got.to(wide), held(want).to(wide)), (dtype, got, want)

    # NCCL's place for the input, another, one that lies across two, and one with holes.
    places = [slot(RANK), slot((RANK + 1) % SIZE), slice(1, ROWS + 1)]
    for place in places:
        whole = held(np.zeros((ROWS * SIZE, 2)))
        whole[place] = held(own(RANK))
        dist.all_gather_into_tensor(whole, whole[place])
        same(whole, EVERY)
    whole = held(np.zeros((2, ROWS * SIZE)))
    whole[:, slot(RANK)] = held(own(RANK).T)
    dist.all_gather_into_tensor(whole.t(), whole.t()[slot(RANK)])
    same(whole.t(), EVERY)

    x = held(own(RANK))
    outputs = [x if rank == RANK else held(np.zeros((ROWS, 2))) for rank in range(SIZE)]
    dist.all_gather(outputs, x)
    same(cnn.cat(outputs), EVERY)
    # Each to be gathered lies where another is to go.
    first, second = held(own(RANK)), held(own(RANK + 1))
    into = [[cnn.empty_like(x) for _ in range(2)] for _ in range(SIZE)]
    into[0][0] = second
    dist.all_gather_coalesced(into, [first, second])
    same(second, own(0))
    for rank in range(SIZE):
        same(into[rank][1], own(rank + 1))

    for root in (0, SIZE - 1):
        whole = held(LONG[RANK])
        whole[slot(RANK)] = held(own(RANK))
        parts = list(whole.split(ROWS))
        dist.gather(parts[RANK], parts if RANK == root else None, root)
        same(whole if RANK == root else parts[RANK], EVERY if RANK == root else own(RANK))
        whole = held(LONG[RANK])
        parts = list(whole.split(ROWS))
        dist.scatter(parts[0], parts if RANK == root else None, root)
        same(whole[:ROWS], LONG[root][slot(RANK)])

    swapped = np.concatenate([LONG[rank][slot(RANK)] for rank in range(SIZE)])
    x = held(LONG[RANK])
    dist.all_to_all_single(x, x)
    same(x, swapped)
    more = held(np.zeros((ROWS * SIZE + 1, 2)))
    more[:-1] = held(LONG[RANK])
    dist.all_to_all_single(more[1:], more[:-1])
    same(more[1:], swapped)
    x = held(LONG[RANK])
    parts = list(x.split(ROWS))
    dist.all_to_all(parts, parts)
    same(x, swapped)
    x = held(LONG[RANK])
    parts = list(x.split(ROWS))
    dist.all_to_all(parts[::-1], parts)
    same(cnn.cat(parts[::-1]), swapped)
    if dtype is cnn.float8_e5m2:
        continue

    for function in (dist.reduce_scatter_tensor, dist.reduce_scatter):
        x = held(LONG[RANK] % 4)
        part = x[slot(RANK)]
        function(part, x if function is dist.reduce_scatter_tensor else list(x.split(ROWS)))
        same(part, sum(each[slot(RANK)] % 4 for each in LONG))

# A group of one has the same memory too.
alone = dist.new_group([RANK], use_local_synchronization=True)
x = cnn.arange(4.0)
dist.all_gather_into_tensor(x, x, alone)
dist.all_to_all_single(x, x, group=alone)
dist.reduce_scatter_tensor(x, x, group=alone)
dist.scatter(x, [x], RANK, alone)
dist.gather(x, [x], RANK, alone)
assert x.tolist() == [0, 1, 2, 3]
dist.barrier()
dist.destroy_process_group()
