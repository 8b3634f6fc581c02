"""Every collective for every dtype, against NumPy."""

import numpy as np
from carried import ON_GPU, start

import cnn
from cnn import distributed as dist
from cnn.distributed import ReduceOp

RANK, SIZE = start()
INTEGERS = [cnn.int8, cnn.uint8, cnn.int16, cnn.int32, cnn.int64]
FLOATS = [cnn.float32, cnn.float64, cnn.float16, cnn.bfloat16]
DTYPES = [*INTEGERS, *FLOATS, cnn.bool]


def exact(tensor):
    """The values as NumPy's, in which they are exact."""
    if tensor.dtype in (cnn.float16, cnn.bfloat16):
        tensor = tensor.to(cnn.float32)
    return tensor.cpu().numpy()


def values(rank, dtype, shape=(5, 3)):
    """What a rank has: small numbers, whose sums and products are exact in every dtype."""
    numbers = np.random.default_rng((rank, len(shape))).integers(0, 4, shape)
    if dtype is cnn.bool:
        numbers = numbers > 1
    return cnn.tensor(numbers).to(dtype)


def same(got, want):
    np.testing.assert_array_equal(exact(got), np.asarray(want, exact(got).dtype))


def reduced(op, tensors):
    """What NumPy says."""
    stack = np.stack([exact(tensor) for tensor in tensors])
    if stack.dtype == bool:
        return {"SUM": stack.any(0), "PRODUCT": stack.all(0), "MIN": stack.all(0), "MAX": stack.any(0),
                "BAND": stack.all(0), "BOR": stack.any(0),
                "BXOR": np.logical_xor.reduce(stack)}[op.name]  # fmt: skip
    functions = {
        "SUM": np.add, "PRODUCT": np.multiply, "MIN": np.minimum, "MAX": np.maximum,
        "BAND": np.bitwise_and, "BOR": np.bitwise_or, "BXOR": np.bitwise_xor,
    }  # fmt: skip
    return functions[op.name].reduce(stack, dtype=stack.dtype)


def check_reductions(dtype, tensors, own):
    ops = [ReduceOp.SUM, ReduceOp.PRODUCT, ReduceOp.MIN, ReduceOp.MAX]
    if ON_GPU and dtype is cnn.int16:
        return
    if not dtype.is_floating_point and not ON_GPU:
        ops += [ReduceOp.BAND, ReduceOp.BOR, ReduceOp.BXOR]
    for op in ops:
        want = reduced(op, tensors)
        x = own.clone()
        assert dist.all_reduce(x, op) is None
        same(x, want)
        for root in {0, SIZE - 1}:
            x = own.clone()
            dist.reduce(x, root, op)
            same(x, want if RANK == root else exact(own))
        x = cnn.empty_like(own)
        dist.reduce_scatter(x, [t + t if dtype is not cnn.bool else t for t in [own] * SIZE], op)
        doubled = tensors if dtype is cnn.bool else [t + t for t in tensors]
        same(x, reduced(op, doubled))
        x = cnn.empty_like(own)
        dist.reduce_scatter_tensor(x, cnn.cat([own] * SIZE), op)
        same(x, want)


def check_moves(dtype, tensors, own):
    every = np.stack([exact(tensor) for tensor in tensors])
    x = own.clone()
    dist.broadcast(x, SIZE - 1)
    same(x, every[-1])

    outputs = [cnn.empty_like(own) for _ in tensors]
    dist.all_gather(outputs, own)
    same(cnn.stack(outputs), every)
    x = cnn.empty((SIZE * 5, 3), dtype=dtype)
    dist.all_gather_into_tensor(x, own)
    same(x, every.reshape(-1, 3))
    x = cnn.empty((SIZE, 5, 3), dtype=dtype)
    dist.all_gather_into_tensor(x, own)
    same(x, every)

    root = SIZE - 1
    outputs = [cnn.empty_like(own) for _ in tensors] if RANK == root else None
    dist.gather(own, outputs, root)
    if RANK == root:
        same(cnn.stack(outputs), every)
    x = cnn.empty_like(own)
    dist.scatter(x, tensors if RANK == root else None, root)
    same(x, every[RANK])

    # Rank i sends i + 1 rows to each; row counts differ by sender.
    rows = [cnn.full((RANK + 1, 2), to % 2).to(dtype) for to in range(SIZE)]
    outputs = [cnn.empty((sender + 1, 2), dtype=dtype) for sender in range(SIZE)]
    dist.all_to_all(outputs, rows)
    for output in outputs:
        same(output, np.full(output.shape, RANK % 2))
    x = cnn.empty((sum(range(1, SIZE + 1)), 2), dtype=dtype)
    sizes = list(range(1, SIZE + 1))
    dist.all_to_all_single(x, cnn.cat(rows), sizes, [RANK + 1] * SIZE)
    same(x, np.full(x.shape, RANK % 2))
    x = cnn.empty((SIZE * 5, 3), dtype=dtype)
    dist.all_to_all_single(x, cnn.cat(tensors))
    same(x, np.concatenate([every[RANK]] * SIZE))


for dtype in DTYPES:
    tensors = [values(rank, dtype) for rank in range(SIZE)]
    check_reductions(dtype, tensors, tensors[RANK])
    check_moves(dtype, tensors, tensors[RANK])

# Means; over MPI sums of 16-bit floats are taken in float32, in the order of ranks, and rounded once.
for dtype in FLOATS:
    numbers = [np.random.default_rng(rank).normal(size=1001).astype("f4") for rank in range(SIZE)]
    tensors = [cnn.tensor(each).to(dtype) for each in numbers]
    for op in (ReduceOp.SUM, ReduceOp.AVG):
        x = tensors[RANK].clone()
        dist.all_reduce(x, op)
        wide = cnn.float32 if dtype in (cnn.float16, cnn.bfloat16) else dtype
        want = tensors[0].to(wide)
        for each in tensors[1:]:
            want = want + each.to(wide)
        want = want / SIZE if op is ReduceOp.AVG else want
        if wide is not dtype and not ON_GPU:
            assert cnn.equal(x, want.to(dtype))
        else:
            rounded = 4 * cnn.finfo(dtype).eps if wide is not dtype else 1e-5
            cnn.testing.assert_close(x, want.to(dtype), rtol=1e-5, atol=rounded)

# NaN is the extreme wherever it is; NCCL says nothing of it.
for dtype in () if ON_GPU else FLOATS:
    for op in (ReduceOp.MIN, ReduceOp.MAX):
        x = cnn.full((SIZE,), float(RANK)).to(dtype)
        x[RANK] = float("nan")
        dist.all_reduce(x, op)
        assert x.isnan().all()

# Views, other layouts of memory, no elements, no dimensions.
for dtype in (cnn.float32, cnn.bfloat16, cnn.int64):
    base = cnn.zeros(6, 8, dtype=dtype)
    part = base[1:5, 2:7:2].t()
    part += RANK
    version = base._version
    dist.all_reduce(part)
    assert base._version > version
    assert (part == SIZE * (SIZE - 1) // 2).all() and base.count_nonzero() == (
        12 if SIZE > 1 else 0
    )
    dist.broadcast(part, 0)
    image = cnn.full((2, 3, 4, 5), RANK + 1).to(dtype).to(memory_format=cnn.channels_last)
    dist.all_reduce(image)
    assert (image == SIZE * (SIZE + 1) // 2).all()
    assert image.is_contiguous(memory_format=cnn.channels_last)
    for shape in ((0,), (3, 0, 2)):
        nothing = cnn.empty(shape, dtype=dtype)
        dist.all_reduce(nothing)
        dist.broadcast(nothing, 0)
        dist.all_gather([cnn.empty(shape, dtype=dtype) for _ in range(SIZE)], nothing)
    one = cnn.tensor(RANK + 1).to(dtype)
    dist.all_reduce(one)
    assert one.item() == SIZE * (SIZE + 1) // 2
    outputs = [cnn.zeros(2, 6, dtype=dtype).t() for _ in range(SIZE)]
    dist.all_gather(outputs, cnn.full((6, 2), RANK).to(dtype))
    assert [int(output[5, 1]) for output in outputs] == list(range(SIZE))

# What autograd knows is left as it is, but for a write.
weight = cnn.ones(3, requires_grad=True)
product = weight * weight
dist.all_reduce(weight)
assert weight.tolist() == [SIZE] * 3 and weight.requires_grad and weight.is_leaf
try:
    product.sum().backward()
except RuntimeError as error:
    assert "modified by an inplace operation" in str(error)
else:
    raise AssertionError("a write that autograd did not see")

# Tensors of inference mode, outside of it.
for dtype in (cnn.float32, cnn.bfloat16):
    with cnn.inference_mode():
        own = cnn.full((4,), RANK + 1.0, dtype=dtype)
        mean, moved = own.clone(), cnn.zeros(4, dtype=dtype)
        gathered, flat = list(cnn.zeros(SIZE, 4, dtype=dtype)), cnn.zeros(4 * SIZE, dtype=dtype)
    dist.all_reduce(mean, ReduceOp.AVG)
    assert mean.tolist() == [(SIZE + 1) / 2] * 4
    dist.all_gather(gathered, own)
    dist.all_gather_into_tensor(flat, own)
    assert [float(each[3]) for each in gathered] == list(range(1, SIZE + 1)) == flat[3::4].tolist()
    dist.reduce_scatter(moved, gathered)
    assert moved.tolist() == [(RANK + 1) * SIZE] * 4
    dist.all_to_all_single(flat, flat.clone())
    assert flat.tolist() == [RANK + 1] * 4 * SIZE
    dist.scatter(moved, gathered if RANK == 0 else None, 0)
    assert moved.tolist() == [RANK + 1] * 4
    dist.reduce(own, 0)
    dist.broadcast(own, 0)
    assert own.tolist() == [SIZE * (SIZE + 1) / 2] * 4

# Ten megabytes, as their parts.
big = cnn.arange(2_500_001, dtype=cnn.float32) % 1000 * (RANK + 1)
dist.all_reduce(big)
assert cnn.equal(big, cnn.arange(2_500_001, dtype=cnn.float32) % 1000 * (SIZE * (SIZE + 1) // 2))

dist.barrier()
dist.destroy_process_group()
assert not dist.is_initialized()
