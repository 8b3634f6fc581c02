"""Reductions of large tensors, which go in pieces: in the order of ranks, to the last bit."""

import cnn
from cnn import distributed as dist
from cnn.distributed import ReduceOp, exchange

dist.init_process_group("mpi")
RANK, SIZE = dist.get_rank(), dist.get_world_size()
PIECE = exchange._PIECE  # bytes, of the values of all ranks together


def values(rank, count, dtype):
    cnn.manual_seed(rank)
    if dtype is cnn.bool or not dtype.is_floating_point:
        return cnn.randint(0, 3, (count,)).to(dtype)
    return (cnn.randn(count) * 3).to(dtype)


def expected(count, dtype, op):
    """One value after another, 16-bit floats in float32."""
    wide = cnn.float32 if dtype in (cnn.float16, cnn.bfloat16) else dtype
    total = values(0, count, dtype).to(wide)
    for rank in range(1, SIZE):
        value = values(rank, count, dtype).to(wide)
        if dtype is cnn.bool:
            total = total | value if op in (ReduceOp.SUM, ReduceOp.MAX) else total & value
        elif op in (ReduceOp.SUM, ReduceOp.AVG):
            total = total + value
        elif op is ReduceOp.PRODUCT:
            total = total * value
        else:
            total = (cnn.minimum if op is ReduceOp.MIN else cnn.maximum)(total, value)
    return (total / SIZE if op is ReduceOp.AVG else total).to(dtype)


def same_bits(a, b):
    return a.shape == b.shape and cnn.equal(a.view(cnn.uint8), b.view(cnn.uint8))


def check(count, dtype, op):
    x = values(RANK, count, dtype)
    version = x._version
    dist.all_reduce(x, op)
    assert same_bits(x, expected(count, dtype, op)), (count, dtype, op)
    assert x._version > version


# Lengths around those at which a share has another piece, and where one rank has less of it.
for dtype in (cnn.float32, cnn.bfloat16):
    whole = PIECE // dtype.itemsize
    for count in (whole // 2 + 1, whole - 1, whole, whole + 1, 2 * whole + SIZE - 1, 5 * whole + 7):
        check(count, dtype, ReduceOp.SUM)
for dtype in (cnn.float64, cnn.float32, cnn.float16, cnn.bfloat16, cnn.int64, cnn.int8, cnn.bool):
    ops = [ReduceOp.SUM, ReduceOp.PRODUCT, ReduceOp.MIN, ReduceOp.MAX]
    for op in ops + [ReduceOp.AVG] * dtype.is_floating_point:
        check(2 * PIECE // dtype.itemsize + 5, dtype, op)

# Several under way, with messages between; tensors with gaps; tensors of inference mode.
count = PIECE // 4 + 3
many = [values(RANK, count + i, cnn.float32) for i in range(4)]
works = [dist.all_reduce(x, async_op=True) for x in many]
word = cnn.zeros(9)
messages = [
    dist.isend(cnn.full((9,), float(RANK)), (RANK + 1) % SIZE),
    dist.irecv(word, (RANK - 1) % SIZE),
]
for work in (*works, *messages):
    work.wait()
assert (word == (RANK - 1) % SIZE).all()
for i, x in enumerate(many):
    assert same_bits(x, expected(count + i, cnn.float32, ReduceOp.SUM))

base = cnn.zeros(count, 2)
base[:, 1] = values(RANK, count, cnn.float32)
dist.all_reduce(base[:, 1])
assert same_bits(base[:, 1].contiguous(), expected(count, cnn.float32, ReduceOp.SUM))
assert not base[:, 0].any()

with cnn.inference_mode():
    x = values(RANK, count, cnn.float32)
    y = x.clone()
    dist.all_reduce(x)
dist.all_reduce(y, ReduceOp.AVG)
assert same_bits(x.clone(), expected(count, cnn.float32, ReduceOp.SUM))
assert same_bits(y.clone(), expected(count, cnn.float32, ReduceOp.AVG))

weight = cnn.nn.Parameter(values(RANK, count, cnn.float32))
dist.all_reduce(weight.data)
assert same_bits(weight.detach(), expected(count, cnn.float32, ReduceOp.SUM))
dist.destroy_process_group()
