"""Many operations drawn at random, of which each rank knows what must come out."""

import random
import sys

from carried import start

import cnn
from cnn import distributed as dist
from cnn.distributed import ReduceOp

RANK, SIZE = start()
SEED, COUNT = int(sys.argv[1]), int(sys.argv[2])
draw = random.Random(SEED)  # the same on every rank
DTYPES = [
    cnn.float32,
    cnn.float64,
    cnn.float16,
    cnn.bfloat16,
    cnn.int8,
    cnn.uint8,
    cnn.int32,
    cnn.int64,
]
OPS = {"SUM": cnn.add, "MIN": cnn.minimum, "MAX": cnn.maximum}
# (group or None, its ranks)
GROUPS = [(dist.group.WORLD, list(range(SIZE)))]
for ranks in ([0, SIZE - 1], list(range(SIZE - 1)), [SIZE - 1, 0]):
    GROUPS.append((dist.new_group(ranks, sort_ranks=False), ranks))


def values(seed, shape, dtype):
    generator = cnn.Generator(cnn.get_default_device()).manual_seed(seed)
    return cnn.randint(0, 9, shape, generator=generator).to(dtype)


def laid(tensor, how):
    """The same values in another layout of memory."""
    if how == 1 and tensor.dim() > 1:
        return tensor.transpose(0, -1).contiguous().transpose(0, -1)
    if how == 2 and tensor.dim() > 0:
        wide = cnn.full((*tensor.shape[:-1], 2 * tensor.shape[-1] + 1), 77).to(tensor.dtype)
        wide[..., 1::2] = tensor
        return wide[..., 1::2]
    return tensor.clone()


def step(number):
    """(Work or None, what to compare when it is over), or None outside of the group."""
    group, ranks = draw.choice(GROUPS)
    dtype, how, size = draw.choice(DTYPES), draw.randrange(3), len(ranks)
    shape = draw.choice(
        [(), (0,), (1,), (7,), (3, 4), (2, 0, 3), (2, 3, 5), (1, 1), (50, 41), (70001,)]
    )
    kind = draw.randrange(9)
    asynchronous, root, op = draw.random() < 0.6, draw.randrange(size), draw.choice(sorted(OPS))
    seeds = [draw.randrange(2**31) for _ in ranks]
    if RANK not in ranks:
        return None
    own = ranks.index(RANK)
    every = [values(seed, shape, dtype) for seed in seeds]
    x = laid(every[own], how)
    total = every[0].clone()
    for other in every[1:]:
        total = OPS[op](total, other)
    reduction = getattr(ReduceOp, op)
    settings = {"group": group, "async_op": asynchronous}
    if kind == 0:
        return dist.all_reduce(x, reduction, **settings), [(x, total)]
    if kind == 1:
        return dist.broadcast(x, group_src=root, **settings), [(x, every[root])]
    if kind == 2:
        outputs = [laid(each, how).zero_() for each in every]
        return dist.all_gather(outputs, x, **settings), list(zip(outputs, every))
    if kind == 3:
        output = cnn.empty((size, *shape), dtype=dtype)
        return dist.all_gather_into_tensor(output, x, **settings), [(output, cnn.stack(every))]
    if kind == 4:
        work = dist.reduce(x, op=reduction, group_dst=root, **settings)
        return work, [(x, total if own == root else every[own])]
    if kind == 5:
        outputs = [cnn.empty_like(each) for each in every] if own == root else None
        work = dist.gather(x, outputs, group_dst=root, **settings)
        return work, list(zip(outputs or [], every))
    if kind == 6:
        output = laid(cnn.zeros(shape, dtype=dtype), how)
        inputs = every if own == root else None
        return dist.scatter(output, inputs, group_src=root, **settings), [(output, every[own])]
    if kind == 7:
        # Rank i's tensor for rank j is its own, j times shifted.
        outputs = [cnn.empty_like(each) for each in every]
        inputs = [x + to for to in range(size)]
        work = dist.all_to_all(outputs, inputs, **settings)
        return work, [(output, each + own) for output, each in zip(outputs, every)]
    output = laid(cnn.zeros(shape, dtype=dtype), how)
    work = dist.reduce_scatter(output, [x + to for to in range(size)], reduction, **settings)
    shifted = every[0] + own
    for other in every[1:]:
        shifted = OPS[op](shifted, other + own)
    return work, [(output, shifted)]


pending = []
lottery = random.Random(SEED + RANK)  # each rank waits in an order of its own
for number in range(COUNT):
    begun = step(number)
    if begun is not None:
        pending.append((number, *begun))
    while pending and (len(pending) > 6 or number == COUNT - 1):
        which, work, pairs = pending.pop(lottery.randrange(len(pending)))
        if work is not None:
            work.wait()
        for got, want in pairs:
            assert cnn.equal(got, want), (SEED, which, got, want)
dist.destroy_process_group()
