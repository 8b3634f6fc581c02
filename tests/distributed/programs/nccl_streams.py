"""Operations on GPUs beside streams, memory that is used again, messages, groups and objects."""

import pathlib
import sys
import warnings
from datetime import timedelta

from carried import start

import cnn
from cnn import distributed as dist

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import emulation  # noqa: E402

RANK, SIZE = start()
WORLD, HERE = dist.group.WORLD, cnn.get_default_device()
NEXT, BEFORE = (RANK + 1) % SIZE, (RANK - 1) % SIZE
TOTAL = SIZE * (SIZE + 1) // 2
BIG = 300_000


def raises(kind, words, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except kind as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"no {kind.__name__}: {words}")


def goes_on():
    dist.all_reduce(x := cnn.full((3,), RANK + 1.0))
    assert x.tolist() == [TOTAL] * 3


assert dist.get_backend() == "nccl" and dist.is_nccl_available()
assert dist.is_backend_available("cpu:gloo,cuda:nccl")
assert cnn.cuda.nccl.version() >= (2, 19, 0)
assert cnn.cuda.nccl.is_available([cnn.ones(2)])
assert not cnn.cuda.nccl.is_available([cnn.ones(2, device="cpu")])
goes_on()

# After what the current stream was asked for, and before what it is asked for next; nothing waits.
side = cnn.cuda.Stream()
for stream in (cnn.cuda.current_stream(), side):
    with cnn.cuda.stream(stream):
        for _ in range(3):
            x = (cnn.ones(BIG) * 2).mul_(RANK + 1).add_(1)
            work = dist.all_reduce(x, async_op=True)
            y = cnn.ones(BIG).exp_().log_()  # beside it
            assert work.wait() is True
            assert (x + y).sum().item() == BIG * (2 * TOTAL + SIZE + 1)
            assert work.is_completed() and work.is_success() and work.result()[0] is x
work = dist.all_reduce(x.fill_(1), async_op=True)
assert work.wait(timedelta(seconds=30)) and work.is_completed()  # this thread waits, too

# Memory that nobody holds any more is not given away before NCCL is done with it.
for _ in range(5):
    gathered = cnn.empty(SIZE * BIG)
    part = cnn.full((BIG,), RANK + 1.0)
    work = dist.all_gather_into_tensor(gathered, part, async_op=True)
    shared = dist.all_reduce(part.mul(2), async_op=True)
    holes = cnn.zeros(BIG, 2)
    strided = dist.all_reduce(holes[:, 0].add_(part), async_op=True)
    del part
    garbage = [cnn.full((BIG,), -1.0) for _ in range(4)]
    for each in (work, shared, strided):
        each.wait()
    assert gathered.view(SIZE, BIG)[:, 0].tolist() == [rank + 1 for rank in range(SIZE)]
    assert gathered.sum().item() == BIG * TOTAL
    assert holes.sum().item() == BIG * TOTAL and holes[:, 1].count_nonzero() == 0

# A Future's value is there for whoever waits, and what is done then comes after it.
x = cnn.full((BIG,), RANK + 1.0)
future = dist.all_reduce(x, async_op=True).get_future()
halves = future.then(lambda future: future.value()[0] / 2).then(lambda future: future.value() + 1)
failing = future.then(lambda future: 1 / 0)
assert halves.wait().sum().item() == BIG * (TOTAL / 2 + 1)
assert future.wait()[0] is x and x.sum().item() == BIG * TOTAL
raises(ZeroDivisionError, "", failing.wait)

if emulation.plugin() is not None:
    x, parts = cnn.ones(100), [cnn.ones(100) for _ in range(SIZE)]

    def several():
        dist.all_reduce(x)
        dist.broadcast(x, 0)
        dist.all_gather(parts, x)
        dist.reduce_scatter(x, parts)
        dist.all_to_all(parts, [x] * SIZE)
        dist.send(x, NEXT) if RANK % 2 else dist.recv(x, BEFORE)
        dist.recv(x, BEFORE) if RANK % 2 else dist.send(x, NEXT)

    if SIZE == 2:
        several()
        counts = emulation.counted(several)
        assert counts.waits == counts.copies == 0, counts

# Messages go side by side, in whatever order they begin; those of one rank to another keep theirs.
for shape in ((3,), (BIG,)):
    sent = [cnn.full(shape, 10.0 * RANK + i) for i in range(3)]
    came = [cnn.empty(shape) for _ in range(3)]
    works = [dist.isend(each, NEXT) for each in sent]
    works += [dist.irecv(each, BEFORE) for each in came]
    for work in works:
        work.wait()
    assert [each.mean().item() for each in came] == [10.0 * BEFORE + i for i in range(3)]
strided = cnn.zeros(4, 2)
work = dist.irecv(strided[:, 0], BEFORE)
dist.send(cnn.full((2, 4), RANK + 1.0).t()[:, 1], NEXT)
work.wait()
assert work._source_rank() == BEFORE
assert strided.tolist() == [[BEFORE + 1, 0]] * 4
came, everybody = cnn.empty(BIG), cnn.empty(2)
ops = [dist.P2POp(dist.isend, cnn.full((BIG,), float(RANK)), NEXT)]
ops += [dist.P2POp(dist.irecv, came, BEFORE)]
ops += [dist.P2POp(dist.isend, cnn.full((2,), 7.0), RANK), dist.P2POp(dist.irecv, everybody, RANK)]
for batch in (ops, ops[::-1]):
    came.zero_()
    (work,) = dist.batch_isend_irecv(batch)
    work.wait()
    assert came.mean().item() == BEFORE and everybody.tolist() == [7, 7]
if RANK < 2:  # of some ranks
    op = dist.P2POp(*((dist.isend, came, 1) if RANK == 0 else (dist.irecv, came, 0)))
    dist.batch_isend_irecv([op])[0].wait()
    assert came.mean().item() == SIZE - 1
goes_on()
raises(ValueError, "should not be the same as the rank", dist.isend, came, RANK)
raises(RuntimeError, "nccl does not support recvAnysource", dist.irecv, came)
wrong = cnn.empty(BIG + RANK)
other = BEFORE if RANK else NEXT
if RANK == 0:
    raises(RuntimeError, "1200004 bytes of torch.float32", dist.send, wrong, 1)
if RANK == 1:
    raises(RuntimeError, "rank 0 sends 1200000 bytes of", dist.recv, wrong, 0)
goes_on()

# Errors, after which the group goes on.
on_cpu = cnn.ones(2, device="cpu")
raises(RuntimeError, "No backend type associated with device type cpu", dist.all_reduce, on_cpu)
raises(RuntimeError, "No backend type associated with", dist.all_gather, [on_cpu] * SIZE, on_cpu)
raises(RuntimeError, "No backend type associated with device type cpu", dist.send, on_cpu, NEXT)
raises(ValueError, "Cannot use ReduceOp.BAND with NCCL", dist.all_reduce, cnn.ones(2).int(),
       dist.ReduceOp.BAND)  # fmt: skip
raises(TypeError, "AVG with boolean inputs", dist.all_reduce, cnn.ones(2).bool(),
       dist.ReduceOp.AVG)  # fmt: skip
raises(TypeError, "not supported for NCCL process group: Short", dist.all_reduce,
       cnn.ones(2, dtype=cnn.int16))  # fmt: skip
raises(RuntimeError, "non-overlapping and dense", dist.all_reduce, cnn.ones(1).expand(3))
DISAGREE = "is running collective" if dist.get_debug_level() == 2 else "ranks disagree on the"
for call in (
    lambda: dist.all_reduce(cnn.ones(2 + RANK)),
    lambda: dist.all_reduce(cnn.ones(2 + RANK), async_op=True).wait(),
    lambda: dist.broadcast(cnn.ones(2), RANK),
    lambda: dist.all_reduce(cnn.ones(2, dtype=cnn.float64 if RANK else cnn.float32)),
    lambda: dist.all_reduce(cnn.ones(2)) if RANK else dist.broadcast(cnn.ones(2), 0),
):
    raises(dist.DistBackendError, DISAGREE, call)
    goes_on()
elsewhere = cnn.device("cuda", (RANK + 1) % cnn.cuda.device_count())
if RANK == 0:
    raises(RuntimeError, "expected tensors on one device", dist.all_gather_into_tensor,
           cnn.empty(SIZE), cnn.ones(1, device=elsewhere))  # fmt: skip
    raises(dist.DistBackendError, DISAGREE, dist.all_reduce, cnn.ones(3, device=elsewhere))
else:
    raises(dist.DistBackendError, DISAGREE, dist.all_reduce, cnn.ones(3))
goes_on()

# Waiting for all, objects, groups in groups and by backend.
dist.barrier()
dist.barrier(device_ids=[RANK])
dist.monitored_barrier()
objects = [{"rank": RANK, "tensor": cnn.ones(2)} if RANK == 0 else None]
dist.broadcast_object_list(objects)
assert objects[0]["rank"] == 0 and objects[0]["tensor"].device.type == "cuda"
every = [None] * SIZE
dist.all_gather_object(every, RANK)
assert every == list(range(SIZE))
mine, _ = dist.new_subgroups(1)
pair = dist.new_group([0, 1])
dist.all_reduce(x := cnn.ones(2), group=mine)
assert x.tolist() == [1, 1] and dist.get_backend(mine) == "nccl"
if RANK < 2:
    dist.all_reduce(x, group=pair)
    assert x.tolist() == [2, 2]
    dist.destroy_process_group(pair)
both = dist.new_group(backend="cpu:gloo,cuda:nccl", device_id=HERE)
assert both.bound_device_id == HERE and dist.get_backend_config(both) == "cpu:gloo,cuda:nccl"
for device in ("cpu", HERE):
    dist.all_reduce(x := cnn.ones(2, device=device), group=both)
    assert x.tolist() == [SIZE, SIZE]
over_mpi = dist.new_group(backend="mpi")
raises(RuntimeError, "device type cuda: in this group MPI carries", dist.all_reduce, x,
       group=over_mpi)  # fmt: skip
raises(RuntimeError, "expected tensors on one device", dist.all_gather_into_tensor,
       cnn.empty(SIZE), on_cpu[:1], group=both)  # fmt: skip
with dist._coalescing_manager():
    dist.all_reduce(x := cnn.ones(2))
    dist.all_reduce(y := cnn.full((3,), 2.0))
assert (x.sum() + y.sum()).item() == 8 * SIZE
assert dist.all_reduce_coalesced([x, y], async_op=True).wait() is not None
assert (x.sum() + y.sum()).item() == 8 * SIZE**2
mesh = dist.init_device_mesh("cuda", (SIZE,))
dist.all_reduce(x.fill_(1), group=mesh.get_group())
assert x.tolist() == [SIZE, SIZE]

# Recorded into a graph, and run again.
static = cnn.zeros(4)
dist.all_reduce(static)
graph = cnn.cuda.CUDAGraph()
cnn.cuda.synchronize()
with cnn.cuda.graph(graph):
    static += 1
    dist.all_reduce(static)
    twice = static * 2
static.zero_()
for _ in range(2):
    graph.replay()
assert twice.tolist() == [2 * SIZE * (SIZE + 1)] * 4
del graph
goes_on()

dist.destroy_process_group()
assert not dist.is_initialized()
dist.init_process_group("nccl", device_id=HERE)
goes_on()
raises(ValueError, "out of range", dist.new_group, device_id=cnn.device("cuda", 99))
with warnings.catch_warnings():
    warnings.simplefilter("error")
    dist.destroy_process_group()
