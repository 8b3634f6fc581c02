"""Dtypes that are only stored: all that moves them moves their bits, and reductions refuse them."""

from carried import ON_GPU, start

import cnn
from cnn import distributed as dist

RANK, SIZE = start()
FLOATS = [
    getattr(cnn, f"float8_{kind}") for kind in ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz", "e8m0fnu")
]
INTEGERS = {1: cnn.uint8, 2: cnn.int16, 4: cnn.int32, 8: cnn.int64}


def bits(tensor):
    return tensor.view(INTEGERS[tensor.element_size()]).tolist()


def has(tensor, *ranks):
    """Whether a tensor has the bits of ranks, one behind the other."""
    return bits(tensor.reshape(-1)) == [n for rank in ranks for n in bits(of(rank))]


def of(rank):
    """What a rank has: every bit is somewhere set, those of NaN too."""
    size = cnn.empty(0, dtype=dtype).element_size()
    numbers = cnn.arange(256) * 0x0101_0101_0101_0101 ^ rank + 1
    return numbers.to(INTEGERS[size]).view(dtype)


def refused(call):
    try:
        call()
    except (RuntimeError, TypeError) as error:
        text = "Input tensor data type is not supported" if ON_GPU else "Invalid scalar type"
        assert text in str(error), error
    else:
        raise AssertionError("a sum of numbers that are only stored")


ALL = range(SIZE)
for dtype in (*FLOATS, cnn.uint16, cnn.uint32, cnn.uint64):
    x = of(RANK)
    dist.broadcast(x, SIZE - 1)
    assert has(x, SIZE - 1)
    x = of(RANK)
    outputs = [cnn.empty_like(x) for _ in ALL]
    dist.all_gather(outputs, x)
    assert has(cnn.stack(outputs), *ALL)
    into = cnn.empty(SIZE, 256, dtype=dtype)
    dist.all_gather_into_tensor(into, x)
    assert has(into, *ALL)
    into = cnn.empty(256, SIZE, dtype=dtype).t()  # with holes
    dist.all_gather_into_tensor(into, x)
    assert has(into, *ALL)
    lists = [[cnn.empty_like(x)] for _ in ALL]
    dist.all_gather_coalesced(lists, [x])
    assert has(cnn.stack([each for (each,) in lists]), *ALL)
    dist.gather(x, outputs if RANK == 1 else None, 1)
    assert has(cnn.stack(outputs), *ALL)
    dist.scatter(x, [of(rank) for rank in ALL][::-1] if RANK == 0 else None)
    assert has(x, SIZE - 1 - RANK)
    dist.all_to_all(outputs, [of(RANK)] * SIZE)
    assert has(cnn.stack(outputs), *ALL)
    dist.all_to_all_single(into := cnn.empty(SIZE * 256, dtype=dtype), of(RANK).repeat(SIZE))
    assert has(into, *ALL)
    sent = dist.isend(of(RANK), (RANK + 1) % SIZE)
    dist.recv(x, (RANK - 1) % SIZE)
    sent.wait()
    assert has(x, (RANK - 1) % SIZE)
    told = [of(0) if RANK == 0 else None]
    dist.broadcast_object_list(told)
    assert has(told[0], 0) and told[0].dtype == dtype

    x = of(RANK)
    for op in (dist.ReduceOp.SUM, dist.ReduceOp.MAX):
        refused(lambda: dist.all_reduce(x, op))
        refused(lambda: dist.all_reduce_coalesced([x], op))
        refused(lambda: dist.reduce(x, 0, op))
        refused(lambda: dist.reduce_scatter(x, [x] * SIZE, op))
        refused(lambda: dist.reduce_scatter_tensor(x, x.repeat(SIZE), op))
    # Of one rank alone: nobody else has begun anything.
    if RANK == 0:
        refused(lambda: dist.all_reduce(x))
    assert has(x, RANK)
dist.all_reduce(total := cnn.ones(1))
assert total.item() == SIZE
dist.destroy_process_group()
