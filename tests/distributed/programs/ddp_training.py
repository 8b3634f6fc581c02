"""Checks of training by DistributedDataParallel: as one process, and bit by bit the same."""

from __future__ import annotations

import copy
import hashlib

from ddp_job import check, each_way

import cnn
import cnn.distributed as dist
import cnn.nn.functional as F
from cnn import nn
from cnn.nn.parallel import DistributedDataParallel as DDP


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def own_share(x):
    """The rows of a batch that are this rank's."""
    return x.chunk(dist.get_world_size())[dist.get_rank()]


def batches(steps, size):
    draw = cnn.Generator().manual_seed(5)
    for _ in range(steps):
        labels = cnn.randint(0, 10, (size,), generator=draw, device="cpu")
        images = cnn.randn(size, 1, 28, 28, generator=draw, device="cpu")
        here = cnn.get_default_device()
        yield images.to(here), labels.to(here)


def trained(model, share, steps=20, **options):
    """The parameters of a copy of the model after some steps, and the bits of them."""
    model = copy.deepcopy(model)
    if share is own_share:
        model = DDP(model, **options)
    optimizer = cnn.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for images, labels in batches(steps, 12):
        loss = F.cross_entropy(model(share(images)), share(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [p.detach().clone() for p in model.parameters()]


def bits(tensors):
    return hashlib.sha256(b"".join(t.cpu().numpy().tobytes() for t in tensors)).hexdigest()


def on_all(value):
    values = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def assert_same_on_all(value):
    values = on_all(value)
    assert all(other == values[0] for other in values), values


@check
def lenet_learns_as_in_one_process():
    model = lenet()
    alone = trained(model, lambda x: x)
    runs = [
        trained(model, own_share, bucket_cap_mb=cap, gradient_as_bucket_view=views)
        for cap, views in ((None, False), (None, False), (None, False), (0.05, True))
    ]
    for run in runs:
        for ours, one in zip(run, alone):
            assert (ours - one).abs().max() <= 1e-6 * max(1.0, one.abs().max().item())
    assert bits(runs[0]) == bits(runs[1]) == bits(runs[2])
    assert_same_on_all([bits(run) for run in runs])


@check
def start_is_that_of_rank_0():
    cnn.manual_seed(dist.get_rank())
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    model[1].running_mean.normal_()
    DDP(model)
    assert_same_on_all([t.tolist() for t in model.state_dict().values()])
    cnn.manual_seed(dist.get_rank())
    apart = nn.Linear(3, 4)
    before = apart.weight.clone()
    DDP(apart, init_sync=False)
    assert cnn.equal(apart.weight, before)


@check
def ranks_that_disagree_raise_everywhere():
    rank = dist.get_rank()
    for make, text in (
        (lambda: nn.Linear(3, 4 + rank), "appears not to match sizes of the same param in process"),
        (lambda: nn.Linear(3, 4, bias=rank == 0), "DDP expects same model across all ranks, but"),
        (lambda: nn.Linear(3, 4).to(cnn.float64 if rank else None), "match dtype of the same"),
    ):
        try:
            DDP(make())
        except RuntimeError as error:
            assert text in str(error), error
        else:
            raise AssertionError(text)


@check
def gradients_are_means():
    """The gradient is the mean of the ranks', and lies in the bucket's memory if that is used."""
    rank, world = dist.get_rank(), dist.get_world_size()
    mean = sum(range(1, world + 1)) / world
    for views in each_way():
        linear = nn.Linear(2, 3, bias=False)
        model = DDP(linear, gradient_as_bucket_view=views)
        memory = []
        for _ in range(5):
            model.zero_grad()
            model(cnn.full((1, 2), rank + 1.0)).sum().backward()
            assert (linear.weight.grad - mean).abs().max() < 1e-6
            bucket = model.reducer.buckets[0]
            if bucket.has_memory():
                assert linear.weight.grad.data_ptr() == bucket.flat.data_ptr()
                memory.append(bucket.flat.data_ptr())
        assert len(set(memory[1:])) == bucket.has_memory()  # it is that of the step before
        linear.weight.grad.detach_()
        # Added to without zero_grad: the old mean and this rank's own, averaged again.
        model(cnn.full((1, 2), rank + 1.0)).sum().backward()
        assert (linear.weight.grad - 2 * mean).abs().max() < 1e-6
        model.zero_grad(set_to_none=False)
        model(cnn.full((1, 2), rank + 1.0)).sum().backward()
        assert (linear.weight.grad - mean).abs().max() < 1e-6


@check
def a_kept_gradient_keeps_its_values():
    rank, world = dist.get_rank(), dist.get_world_size()
    for views in each_way():
        model = DDP(nn.Linear(2, 3), gradient_as_bucket_view=views)
        kept = []
        for step in range(1, 5):
            model.zero_grad()
            model(cnn.full((1, 2), step * (rank + 1.0))).sum().backward()
            grad = model.module.weight.grad
            kept.append(grad if step % 2 else grad.view(-1)[1:])
        mean = sum(range(1, world + 1)) / world
        values = [grad.view(-1)[0].item() for grad in kept]
        if views:  # the second step's buckets are others than the first's
            assert values[1] == values[2] == values[3], values
        else:
            for step, value in enumerate(values, 1):
                assert abs(value - step * mean) < 1e-5, values


@check
def a_gradient_of_the_program_stays_that_tensor():
    model = DDP(nn.Linear(2, 3, bias=False))
    model(cnn.ones(1, 2)).sum().backward()
    own = model.module.weight.grad = cnn.zeros(3, 2)
    for step in range(1, 4):
        model(cnn.ones(1, 2)).sum().backward()
        assert model.module.weight.grad is own
        assert (own - step).abs().max() < 1e-6


@check
def gradients_that_are_added_to_beside_new_ones():
    """Some parameters keep their gradient, which the program looks at, and others get a new one."""
    rank, world = dist.get_rank(), dist.get_world_size()
    mean = sum(range(1, world + 1)) / world
    for kept_first in (True, False):
        model = DDP(nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)))
        weights = [layer.weight for layer in model.module]
        kept, new = weights if kept_first else weights[::-1]
        with cnn.no_grad():
            for weight in weights:
                weight.fill_(1)

        def step():
            model(cnn.full((1, 2), rank + 1.0)).sum().backward()

        step()
        once = [weight.grad[0, 0].item() for weight in (kept, new)]
        for times in range(2, 5):
            looked_at, other = kept.grad, new.grad
            new.grad = None
            step()
            assert kept.grad is looked_at
            assert (kept.grad - times * once[0]).abs().max() < 1e-4
            assert (new.grad - once[1]).abs().max() < 1e-4
            assert (other - once[1]).abs().max() < 1e-4  # what was looked at before
        assert all(abs(value - 2 * mean) < 1e-4 for value in once)


@check
def no_sync_adds_up():
    rank, world = dist.get_rank(), dist.get_world_size()
    for views in each_way():
        model = DDP(nn.Linear(2, 3, bias=False), gradient_as_bucket_view=views)
        weight = model.module.weight
        for turn in range(3):
            model.zero_grad(set_to_none=turn != 1)
            with model.no_sync():
                for _ in range(2):
                    model(cnn.full((1, 2), rank + 1.0)).sum().backward()
            assert weight.grad.tolist() == [[2 * (rank + 1.0)] * 2] * 3
            model(cnn.full((1, 2), rank + 1.0)).sum().backward()
            want = 3 * sum(range(1, world + 1)) / world
            assert (weight.grad - want).abs().max() < 1e-5


@check
def buckets_are_rebuilt_in_the_order_of_gradients():
    class Twisted(nn.Module):
        def __init__(self):
            super().__init__()
            self.last, self.first = nn.Linear(64, 64), nn.Linear(64, 64)

        def forward(self, x):
            return self.last(self.first(x))

    model = DDP(Twisted(), bucket_cap_mb=0.015)
    names = [name for name, _ in model.module.named_parameters()]
    assert [len(bucket.indices) for bucket in model.reducer.buckets] == [4]
    for step in range(3):
        model(cnn.randn(4, 64)).sum().backward()
        assert bool(model._get_ddp_logging_data()["has_rebuilt_buckets"]) == (step > 0)
    order = [[names[i] for i in bucket.indices] for bucket in model.reducer.buckets]
    flat = [name for bucket in order for name in bucket]
    assert len(order) > 1 and [name.split(".")[0] for name in flat] == ["last"] * 2 + ["first"] * 2
    assert_same_on_all(order)


@check
def dtypes_shared_parameters_and_layouts():
    rank, world = dist.get_rank(), dist.get_world_size()

    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.f32, self.f64 = nn.Linear(3, 3), nn.Linear(3, 3).double()
            self.bf16, self.again = nn.Linear(3, 3).bfloat16(), nn.Linear(3, 3)
            self.again.weight = self.f32.weight
            self.conv = nn.Conv2d(2, 2, 3).to(memory_format=cnn.channels_last)
            self.expanded = nn.Parameter(cnn.ones(4, 2).t())
            self.empty = nn.Parameter(cnn.ones(0, 2))

        def forward(self, x):
            y = self.again(self.f32(x))
            y = self.bf16(y.bfloat16()).double() + self.f64(y.double())
            image = self.conv(x[:1].sum() * cnn.ones(1, 2, 3, 3))
            return y.sum() + image.sum() + self.expanded.sum() * 2 + self.empty.sum()

    inputs = [cnn.randn(2, 3) for _ in range(world)]
    model = Mixed()
    one = copy.deepcopy(model)
    sum(one(x) / world for x in inputs).backward()
    model = DDP(model)
    for _ in range(3):
        model.zero_grad()
        model(inputs[rank]).backward()
        assert len({bucket.flat.dtype for bucket in model.reducer.buckets}) == 3
        for p, q in zip(model.module.parameters(), one.parameters()):
            assert p.grad.dtype == p.dtype and p.grad.stride() == p.stride()
            tolerance = 3e-2 if p.dtype == cnn.bfloat16 else 1e-5
            cnn.testing.assert_close(p.grad, q.grad, rtol=tolerance, atol=tolerance)


@check
def clipping_and_scaling():
    world = dist.get_world_size()
    model = lenet()
    images, labels = next(batches(1, 4 * world))
    one = copy.deepcopy(model)
    F.cross_entropy(one(images), labels).backward()
    norm = nn.utils.clip_grad_norm_(one.parameters(), 0.1)
    model = DDP(model)
    for _ in range(2):
        model.zero_grad()
        F.cross_entropy(model(own_share(images)), own_share(labels)).backward()
        cnn.testing.assert_close(nn.utils.clip_grad_norm_(model.parameters(), 0.1), norm)
        for p, q in zip(model.parameters(), one.parameters()):
            cnn.testing.assert_close(p.grad, q.grad, rtol=1e-4, atol=1e-6)

    # What overflows on one rank is skipped on all.
    optimizer = cnn.optim.SGD(model.parameters(), lr=0.1)
    scaler = cnn.amp.GradScaler("cpu", init_scale=4.0, growth_interval=100)
    states = [bits(p.detach() for p in model.parameters())]
    for overflows in (True, False):
        factor = float("inf") if overflows and dist.get_rank() == world - 1 else 1.0
        optimizer.zero_grad()
        loss = F.cross_entropy(model(own_share(images)), own_share(labels)) * factor
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        assert scaler.get_scale() == 2.0
        states.append(bits(p.detach() for p in model.parameters()))
    assert states[0] == states[1] != states[2]
    assert_same_on_all(states)
