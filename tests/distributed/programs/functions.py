"""What has gradients, what returns new tensors, meshes, and the methods of groups."""

import cnn
import cnn.distributed.nn as together
from cnn import distributed as dist
from cnn.distributed import _functional_collectives as functions

dist.init_process_group()
RANK, SIZE = dist.get_rank(), dist.get_world_size()
WORLD = dist.group.WORLD


def leaf(*shape):
    return cnn.full(shape, RANK + 1.0, requires_grad=True)


def everyone(value):
    """The list of all ranks' values."""
    values = [None] * SIZE
    dist.all_gather_object(values, value)
    return values


def check(make, shape=(2,)):
    """The gradient of a sum of squares over all ranks, by differences of one element."""
    x = leaf(*shape)
    weight = cnn.tensor(RANK + 2.0, dtype=cnn.float64)

    def loss(x):
        out = make(x)
        out = cnn.cat([o.reshape(-1) for o in out]) if isinstance(out, tuple) else out
        return (out.double() ** 2 * cnn.arange(1.0, out.numel() + 1).view_as(out)).sum() * weight

    x = x.detach().double().requires_grad_()
    loss(x).backward()
    for rank in range(SIZE):
        totals = []
        for step in (1e-4, -1e-4):
            moved = x.detach().clone()
            if rank == RANK:
                moved.view(-1)[0] += step
            totals.append(sum(everyone(loss(moved).item())))
        if rank == RANK:
            want = (totals[0] - totals[1]) / 2e-4
            assert abs(x.grad.view(-1)[0].item() - want) < 1e-4 * max(1, abs(want)), (make, rank)
        dist.barrier()


check(lambda x: together.all_reduce(x))
check(lambda x: together.broadcast(x, SIZE - 1))
check(lambda x: together.all_gather(x))
check(lambda x: together.reduce(x, 0) * (RANK == 0) + 0 * x)
check(lambda x: together.gather(x, SIZE - 1))
check(lambda x: together.scatter([x * (i + 1) for i in range(SIZE)], 0))
check(lambda x: together.reduce_scatter(x.detach(), [x * (i + 1) for i in range(SIZE)]))
check(lambda x: together.all_to_all([x.detach()] * SIZE, [x * (i + 1) for i in range(SIZE)]))
check(lambda x: together.all_to_all_single(x.detach(), x), (SIZE,))
check(lambda x: functions.all_gather_tensor_autograd(x, 0, WORLD))
check(lambda x: functions.reduce_scatter_tensor_autograd(x, "avg", 0, WORLD), (SIZE,))
check(lambda x: functions.all_to_all_single_autograd(x, None, None, WORLD), (SIZE,))

# Wherever tensors are made by default, results lie where operands do.
x, large = cnn.full((SIZE,), RANK + 1.0), cnn.full((300_000,), RANK + 1.0)
net = cnn.nn.parallel.DistributedDataParallel(cnn.nn.Linear(2, 1, bias=False))
ones = cnn.ones(1, 2)
with cnn.device("meta"):
    for made in (
        functions.all_gather_tensor(x, 0, WORLD),
        functions.reduce_scatter_tensor(x, "sum", 0, WORLD),
        functions.all_to_all_single(x, None, None, WORLD),
        *together.all_to_all([x[:1]] * SIZE, list(x.split(1))),
        together.all_to_all_single(x, x),
    ):
        assert made.device == x.device and cnn.isfinite(made).all()
    dist.all_reduce(large)
    net(ones).sum().backward()
    dist.init_device_mesh("cpu", (SIZE,))
assert (large == SIZE * (SIZE + 1) / 2).all() and (net.module.weight.grad == 1).all()

x = cnn.full((SIZE, 2), RANK + 1.0)
assert (functions.all_reduce(x, "sum", WORLD) == SIZE * (SIZE + 1) / 2).all() and x[
    0, 0
] == RANK + 1
assert functions.wait_tensor(functions.all_reduce(x, "max", WORLD))[0, 0] == SIZE
gathered = functions.all_gather_tensor(x, 1, WORLD)
assert gathered.shape == (SIZE, 2 * SIZE) and gathered[0, ::2].tolist() == [
    r + 1.0 for r in range(SIZE)
]
assert functions.reduce_scatter_tensor(x, "avg", 0, WORLD).tolist() == [[(SIZE + 1) / 2] * 2]
assert functions.broadcast(x, 1, WORLD)[0, 0] == 2
assert (
    functions.permute_tensor(x, [(r + 1) % SIZE for r in range(SIZE)], WORLD)[0, 0]
    == (RANK - 1) % SIZE + 1
)

mesh = dist.init_device_mesh("cpu", (2, SIZE // 2), mesh_dim_names=("rows", "columns"))
row, column = divmod(RANK, SIZE // 2)
assert mesh.get_coordinate() == [row, column] and mesh.size() == SIZE and mesh.size(0) == 2
assert mesh.shape == (2, SIZE // 2) and mesh.ndim == 2 and mesh.get_rank() == RANK
assert mesh.get_local_rank("rows") == row and mesh.get_local_rank(1) == column
line = mesh["columns"]
assert line.mesh.tolist() == [row * (SIZE // 2) + c for c in range(SIZE // 2)]
assert line.get_group() is mesh.get_group("columns") and line == mesh["columns"] != mesh["rows"]
assert mesh["columns", "rows"].mesh.tolist() == mesh.mesh.t().tolist()
dist.all_reduce(x := cnn.ones(1), group=mesh.get_group("rows"))
assert x.item() == 2
assert functions.all_reduce(cnn.ones(1), "sum", (mesh, "columns")).item() == SIZE // 2
assert repr(mesh).startswith(f"DeviceMesh((rows=2, columns={SIZE // 2}), 'cpu'")
for wrong, words in (
    (lambda: mesh.get_group(), "`mesh_dim` needs to be specified"),
    (lambda: dist.breakpoint(), "ranks have no terminal of their own"),
    (lambda: dist.shrink_group([0]), "new_group(ranks) makes a group"),
    (lambda: mesh["depth"], "'depth' does not exist"),
    (lambda: dist.init_device_mesh("cpu", (SIZE + 1,)), "not be bigger than default world size"),
):
    try:
        wrong()
    except (RuntimeError, KeyError) as error:
        assert words in str(error), error
    else:
        raise AssertionError(words)

x = cnn.full((2,), RANK + 1.0)
WORLD.allreduce([x]).wait()
assert x[0] == SIZE * (SIZE + 1) / 2
WORLD.broadcast(x.fill_(RANK), 1).wait()
assert x[0] == 1
outputs = [cnn.zeros(2) for _ in range(SIZE)]
WORLD.allgather([outputs], [x.fill_(RANK)]).wait()
assert [int(output[0]) for output in outputs] == list(range(SIZE))
WORLD.reduce_scatter([x], [[cnn.ones(2)] * SIZE]).wait()
assert x[0] == SIZE
WORLD.barrier().wait()
assert WORLD.name() == "mpi" and "rank" in repr(WORLD)
with cnn.profiler.profile() as profile, dist.record_comm("sums of x"):
    dist.all_reduce(x)
assert "sums of x" in {event.name for event in profile.events()}
lonely = dist.new_group([RANK], use_local_synchronization=True)
lonely.abort()
try:
    lonely.barrier()
except dist.DistBackendError as error:
    assert "aborted" in str(error)
else:
    raise AssertionError("a group that was aborted")
dist.destroy_process_group()
