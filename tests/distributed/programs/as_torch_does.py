"""What data-parallel training does, case by case: as_torch_does.py FOLDER. Each rank writes lines.

It is a program for PyTorch: tests/parity runs it with PyTorch and with cnn, and compares.
"""

import os
import pathlib
import sys
import warnings

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.checkpoint import checkpoint
from torch.utils.data.distributed import DistributedSampler

for name, of_mpi, default in (("RANK", "RANK", "0"), ("WORLD_SIZE", "SIZE", "1")):
    told = (os.environ.get(f"{mpi}_{of_mpi}") for mpi in ("PMI", "OMPI_COMM_WORLD"))
    os.environ.setdefault(name, next(filter(None, told), default))
warnings.simplefilter("ignore")
dist.init_process_group("gloo")
rank = dist.get_rank()
LINES = []
X = torch.full((1, 1), rank + 1.0)


def show(*values):
    LINES.append(" ".join(map(str, values)))


def numbers(x):
    return None if x is None else [round(value, 4) for value in x.detach().flatten().tolist()]


def grads(model):
    return [numbers(p.grad) for p in model.parameters()]


def case(function):
    torch.manual_seed(0)
    show("##", function.__name__)
    try:
        function()
    except Exception as error:
        show(type(error).__name__, error)
    return function


class Chain(nn.Module):
    """Of three layers those that are named."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleDict({name: nn.Linear(1, 1, bias=False) for name in "abc"})
        for factor, layer in enumerate(self.layers.values(), 1):
            nn.init.constant_(layer.weight, factor)

    def forward(self, x, names):
        for name in names:
            x = self.layers[name](x)
        return x


def for_both(function):
    """A case with gradient_as_bucket_view and without."""
    for views in (False, True):

        def run(views=views):
            function(views)

        run.__name__ = f"{function.__name__} {views}"
        case(run)


@for_both
def unused_parameters(views):
    model = DDP(Chain(), find_unused_parameters=True, gradient_as_bucket_view=views)
    for names in ("abc", "ab" if rank else "a", "a", "abc"):
        model(X, names).sum().backward()
        show(grads(model))
    model.zero_grad(set_to_none=False)
    model(X, "a").sum().backward()
    show(grads(model))
    model.zero_grad()
    with model.no_sync():
        model(X, "abc").sum().backward()
    show(grads(model))
    model(X, "a").sum().backward()
    show(grads(model))


@for_both
def static_graph(views):
    model = DDP(Chain(), static_graph=True, gradient_as_bucket_view=views)
    for _ in range(4):
        model.zero_grad()
        model(X, "ab" if rank else "a").sum().backward()
        show(grads(model))
    model(X, "abc").sum().backward()


@for_both
def accumulation(views):
    model = DDP(Chain(), gradient_as_bucket_view=views)
    for _ in range(3):
        model(X, "abc").sum().backward()
        show(grads(model))
    model.module.layers["a"].weight.grad = None
    model(X, "abc").sum().backward()
    show(grads(model))


@case
def unused_without_looking():
    model = DDP(Chain())
    model(X, "ab").sum().backward()
    model(X, "abc")


@case
def outputs_that_are_not_used():
    model = DDP(Chain(), find_unused_parameters=True)
    y = model(X, "abc")
    model.module(X, "a").sum().backward()
    model(X, "abc")
    show(y is None)


@case
def ready_twice():
    model = DDP(Chain())
    y = model(X, "abc").sum()
    model.module(X, "ab").sum().backward()
    y.backward()


@case
def without_gradients():
    model = DDP(Chain())
    with torch.no_grad():
        show(numbers(model(X, "abc")))
    show(numbers(model.eval()(X, "abc")))
    model(X, "abc").sum().backward()
    show(grads(model))


@case
def two_forwards():
    model = DDP(Chain())
    a, b = model(X, "abc"), model(2 * X, "abc")
    (a + b).sum().backward()
    show(grads(model))
    a, b = model(X, "abc"), model(2 * X, "abc")
    a.sum().backward()
    show(grads(model))
    b.sum().backward()
    show(grads(model))


@case
def one_graph_twice():
    model = DDP(Chain())
    y = model(X, "abc").sum()
    for _ in range(2):
        y.backward(retain_graph=True)
        show(grads(model))
    show([numbers(g) for g in torch.autograd.grad(model(X, "abc").sum(), model.parameters())])
    show(grads(model))


@case
def hooks():
    model, seen = DDP(Chain()), []
    weight = model.module.layers["a"].weight
    weight.register_hook(lambda grad: grad * 10)
    weight.register_post_accumulate_grad_hook(lambda p: seen.append(numbers(p.grad)))
    model(X, "abc").sum().backward()
    show(grads(model), seen)


@case
def communication_hooks():
    def doubled(state, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
        future = torch.futures.Future()
        future.set_result(bucket.buffer() * 2)
        return future

    model = DDP(Chain())
    model.register_comm_hook(None, doubled)
    model(X, "abc").sum().backward()
    show(grads(model))
    model.register_comm_hook(None, doubled)


@case
def wrong_annotation():
    def hook(state, bucket: dist.GradBucket) -> int:
        return 1

    DDP(Chain()).register_comm_hook(None, hook)


@case
def wrong_hook():
    DDP(Chain()).register_comm_hook(None, 3)


@case
def recomputation():
    class Recomputed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 1, bias=False)
            nn.init.ones_(self.layer.weight)

        def forward(self, x, times, reentrant):
            for _ in range(times):
                x = checkpoint(self.layer, x, use_reentrant=reentrant)
            return x

    for times, reentrant in ((1, False), (2, False), (1, True)):
        model = DDP(Recomputed())
        for _ in range(2):
            model.zero_grad()
            model(X.clone().requires_grad_(), times, reentrant).sum().backward()
            show(times, reentrant, grads(model))


@case
def state():
    model = DDP(nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1)))
    show(list(model.state_dict()), model.load_state_dict(model.state_dict()))
    show(repr(model), [name for name, _ in model.named_parameters()])
    model.load_state_dict(model.module.state_dict())


@case
def buffers():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 1)
            self.register_buffer("count", torch.tensor([float(rank)]))
            self.register_buffer("whole", torch.tensor(rank))

        def forward(self, x):
            self.count += 1
            self.whole += 1
            return self.layer(x)

    model = DDP(Counting())
    for step in range(8):
        if step == 3:
            with model.no_sync():
                model(X)
        elif step == 5:
            with torch.no_grad():
                model(X)
        else:
            model(X)
        show(numbers(model.module.count), model.module.whole.item())
        model.module.count += rank


@case
def uneven_inputs():
    for options in ({}, {"divide_by_initial_world_size": False}):
        model = DDP(nn.Linear(1, 1))
        with model.join(**options):
            for _ in range(2 + rank):
                model.zero_grad()
                model(X).sum().backward()
                show(grads(model))
    with model.join(throw_on_early_termination=True):
        for _ in range(2 + rank):
            model(X).sum().backward()


@case
def buckets():
    model = DDP(nn.Sequential(*[nn.Linear(300, 300) for _ in range(6)]), bucket_cap_mb=1)
    for _ in range(3):
        model(torch.ones(1, 300)).sum().backward()
    facts = model._get_ddp_logging_data()
    show(facts["bucket_cap_bytes"], facts.get("rebuilt_bucket_sizes") or facts["bucket_sizes"])


@case
def nested_outputs():
    class Nested(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(1, 1), nn.Linear(1, 1)

        def forward(self, x):
            return {"a": [self.a(x), (3, "x", x)], "b": None}

    model = DDP(Nested(), find_unused_parameters=True)
    output = model(X)
    show(output["a"][0].grad_fn.name(), output["b"], output["a"][1][:2])
    output["a"][0].sum().backward()
    show(grads(model))


@case
def zero_redundancy():
    model = DDP(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)))
    optimizer = ZeroRedundancyOptimizer(model.parameters(), torch.optim.Adam, lr=0.1)
    show([[tuple(p.shape) for p in g["params"]] for g in optimizer.optim.param_groups])
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.full((1, 3), rank + 1.0)).sum().backward()
        optimizer.step()
    show([[round(value, 2) for value in p.detach().flatten().tolist()] for p in model.parameters()])
    optimizer.consolidate_state_dict(0)
    state = optimizer.state_dict()
    show(
        list(state),
        list(state["state"]),
        sorted(state["state"][0]),
        sorted(state["param_groups"][0]),
    )


@case
def samplers():
    for size in (7, 10, 1):
        for drop_last in (False, True):
            sampler = DistributedSampler(range(size), drop_last=drop_last)
            sampler.set_epoch(3)
            show(len(sampler), list(sampler))


@case
def without_parameters():
    DDP(nn.ReLU())


pathlib.Path(sys.argv[1], f"{rank}.txt").write_text("\n".join(LINES) + "\n")
dist.barrier()
