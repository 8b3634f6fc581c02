"""Checks of what else DistributedDataParallel does: unused parameters, hooks, uneven inputs."""

from __future__ import annotations

import contextlib
import copy
import io
import os
import warnings

from ddp_job import check, each_way
from ddp_training import assert_same_on_all, lenet

import cnn
import cnn.distributed as dist
from cnn import nn
from cnn.distributed.algorithms.ddp_comm_hooks import (
    DDPCommHookType,
    debugging_hooks,
    default_hooks,
    powerSGD_hook,
    register_ddp_comm_hook,
)
from cnn.nn.parallel import DistributedDataParallel as DDP
from cnn.utils.checkpoint import checkpoint


@contextlib.contextmanager
def raises(kind, text):
    try:
        yield
    except kind as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"no {kind.__name__}: {text}")


class Branches(nn.Module):
    """Of three layers those that are named."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleDict({name: nn.Linear(2, 2, bias=False) for name in "abc"})

    def forward(self, x, names):
        for name in names:
            x = self.layers[name](x)
        return x

    def grads(self):
        return {name: layer.weight.grad for name, layer in self.layers.items()}


@check
def unused_parameters_are_found():
    rank, world = dist.get_rank(), dist.get_world_size()
    for views in each_way():
        model = DDP(Branches(), find_unused_parameters=True, gradient_as_bucket_view=views)
        for step in range(3):
            model.zero_grad()
            model(cnn.ones(1, 2), "ab" if rank == 0 and step != 1 else "a").sum().backward()
            grads = model.module.grads()
            assert grads["a"] is not None and grads["c"] is None
            assert (grads["b"] is None) == (step == 1)  # where no rank has used it
        # A gradient that nobody adds to keeps its values.
        kept = model.module.layers["b"].weight.grad = cnn.full((2, 2), 3.0 + rank)
        model(cnn.ones(1, 2), "a").sum().backward()
        assert model.module.layers["b"].weight.grad is kept and (kept == 3 + rank).all()
        # Also where it lies in the bucket, and differs between ranks.
        model.zero_grad()
        model(cnn.ones(1, 2), "ab").sum().backward()
        grad = model.module.layers["b"].weight.grad.add_(rank)
        before = grad.clone()
        model(cnn.ones(1, 2), "a").sum().backward()
        assert model.module.layers["b"].weight.grad is grad and cnn.equal(grad, before)
        # What some outputs lead to, but not the loss.
        model.zero_grad()
        x = cnn.ones(1, 2)
        two = DDP(TwoOutputs(), find_unused_parameters=True)
        for _ in range(2):
            two(x)["used"].sum().backward()
            assert two.module.a.weight.grad is not None and two.module.b.weight.grad is None
    one = Branches()
    sum(one(cnn.ones(1, 2), "ab" if r == 0 else "a").sum() / world for r in range(world)).backward()
    model = DDP(copy.deepcopy(one), find_unused_parameters=True)
    model.zero_grad()
    model(cnn.ones(1, 2), "ab" if rank == 0 else "a").sum().backward()
    for name in "ab":
        cnn.testing.assert_close(model.module.grads()[name], one.grads()[name])


class TwoOutputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, x):
        return {"used": self.a(x), "unused": [self.b(x)]}


@check
def several_backwards_of_one_forward():
    rank, world = dist.get_rank(), dist.get_world_size()
    mean = sum(range(1, world + 1)) / world
    for views in each_way():
        model = DDP(TwoOutputs(), gradient_as_bucket_view=views)
        for _ in range(3):
            model.zero_grad()
            y = model(cnn.full((1, 2), rank + 1.0))
            y["used"].sum().backward()
            y["unused"][0].sum().backward()
            for layer in (model.module.a, model.module.b):
                assert (layer.weight.grad - mean).abs().max() < 1e-6


@check
def unused_parameters_without_looking_raise():
    model = DDP(Branches())
    model(cnn.ones(1, 2), "ab").sum().backward()
    with raises(RuntimeError, "Expected to have finished reduction in the prior iteration"):
        model(cnn.ones(1, 2), "abc")
    model = DDP(Branches())
    dist.set_debug_level(dist.DebugLevel.INFO)
    try:
        model(cnn.ones(1, 2), "ab").sum().backward()
        with raises(RuntimeError, f"for rank {dist.get_rank()}: layers.c.weight"):
            model(cnn.ones(1, 2), "abc")
    finally:
        dist.set_debug_level(dist.DebugLevel.OFF)
    model = DDP(Branches())
    y = model(cnn.ones(1, 2), "abc").sum()
    y.backward(retain_graph=True)
    model.zero_grad()
    y = model(cnn.ones(1, 2), "abc").sum()
    again = model.module(cnn.ones(1, 2), "a").sum()
    again.backward()
    with raises(RuntimeError, "Expected to mark a variable ready only once"):
        y.backward()


@check
def static_graphs():
    rank = dist.get_rank()
    model = DDP(Branches(), static_graph=True)
    want = None
    for step in range(4):
        model.zero_grad()
        model(cnn.full((1, 2), rank + 1.0), "ab").sum().backward()
        grads = model.module.grads()
        assert grads["c"] is None
        values = [grads[name].tolist() for name in "ab"]
        want = want or values
        assert values == want, step
    assert model._get_ddp_logging_data()["has_rebuilt_buckets"]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model._set_static_graph()
    assert "no need to set it again" in str(told[0].message)

    class Twice(nn.Module):
        """A layer that two recomputations use."""

        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x, reentrant):
            y = checkpoint(self.layer, x, use_reentrant=reentrant)
            return checkpoint(self.layer, y, use_reentrant=reentrant)

    one = Twice()
    # Without static_graph, a layer that two backwards inside a backward come to is refused.
    x = cnn.ones(1, 2, requires_grad=True)
    with raises(RuntimeError, "Parameter at index 1 with name layer.bias has been marked as ready"):
        model = DDP(copy.deepcopy(one))
        model(x, True).sum().backward()
    for reentrant in (False, True):
        one.zero_grad()
        one(x, reentrant).sum().backward()
        model = DDP(copy.deepcopy(one), static_graph=True)
        for _ in range(3):
            model.zero_grad()
            model(x, reentrant).sum().backward()
            for p, q in zip(model.parameters(), one.parameters()):
                cnn.testing.assert_close(p.grad, q.grad)


@check
def buffers_are_those_of_rank_0():
    rank = dist.get_rank()
    model = DDP(nn.BatchNorm1d(3))
    model(cnn.randn(5, 3) + rank)
    model(cnn.randn(5, 3) + rank)  # which begins with rank 0's buffers
    assert model.module.num_batches_tracked.item() == 2
    own = model.module.running_mean.clone()
    model.module.eval()
    model(cnn.randn(5, 3))
    assert_same_on_all(model.module.running_mean.tolist())
    assert (rank == 0) == cnn.equal(own, model.module.running_mean)
    for options in ({"broadcast_buffers": False}, {"forward_sync_buffers": False}):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            model = DDP(nn.BatchNorm1d(3), **options)
        assert bool(told) == ("broadcast_buffers" in options)
        model.module.running_mean.fill_(rank)
        model.eval()
        model(cnn.randn(5, 3))
        assert (model.module.running_mean == rank).all()
    # Two forwards before backward: what the first has saved is still valid.
    model = DDP(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))).eval()
    (model(cnn.randn(5, 3)).sum() + model(cnn.randn(5, 3)).sum()).backward()


@check
def state_and_copies():
    model = DDP(lenet())
    plain = model.module.state_dict()
    state = model.state_dict()
    assert list(state) == [f"module.{name}" for name in plain]
    file = io.BytesIO()
    cnn.save(model, file)
    file.seek(0)
    other = cnn.load(file, weights_only=False)
    assert type(other) is DDP and other.process_group is dist.group.WORLD
    other(cnn.ones(1, 1, 28, 28)).sum().backward()
    model(cnn.ones(1, 1, 28, 28)).sum().backward()
    for p, q in zip(model.parameters(), other.parameters()):
        assert cnn.equal(p.grad, q.grad) and p.grad.data_ptr() != q.grad.data_ptr()
    group = dist.new_group(list(range(dist.get_world_size())))
    with raises(RuntimeError, "DDP Pickling/Unpickling are only supported"):
        cnn.save(DDP(lenet(), process_group=group), io.BytesIO())
    seen = []
    model.register_forward_pre_hook(lambda module, args: seen.append("before"))
    model.register_forward_hook(lambda module, args, result: seen.append("after"))
    model(cnn.ones(1, 1, 28, 28))
    assert seen == ["before", "after"]


@check
def arguments():
    linear = nn.Linear(2, 2)
    with raises(RuntimeError, "DistributedDataParallel is not needed when a module doesn't have"):
        DDP(nn.Linear(2, 2).requires_grad_(False))
    with raises(ValueError, "device_ids can only be None or contain a single element."):
        DDP(linear, device_ids=[0, 1])
    with raises(ValueError, "only work with single-device/multiple-device GPU modules or CPU"):
        DDP(linear, device_ids=[0])
    with raises(RuntimeError, "Modules with uninitialized parameters can't be used with"):
        DDP(nn.Sequential(linear, nn.LazyLinear(3)))
    with raises(ValueError, "need to be set at the same time"):
        DDP(linear, delay_all_reduce_named_params=[])
    with raises(NotImplementedError, "mixed_precision"):
        DDP(linear, mixed_precision=object())
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    DDP._set_params_and_buffers_to_ignore_for_model(model, ["1.weight"])
    model = DDP(model)
    assert len(model.reducer.params) == 3
    for _ in range(2):
        model(cnn.full((1, 2), 1.0 + dist.get_rank())).sum().backward()


@check
def inputs_may_be_uneven():
    rank, world = dist.get_rank(), dist.get_world_size()

    def trained(find, **options):
        cnn.manual_seed(1)
        layers = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, affine=False), nn.Linear(2, 1))
        model = DDP(layers, find_unused_parameters=find)
        with warnings.catch_warnings(), model.join(**options):
            for step in range(3 + 2 * rank):
                x = cnn.tensor([[1.0, step], [rank, 2.0], [0.5, -1.0]])
                model.zero_grad()
                if step == 1:
                    with model.no_sync():
                        model(x).sum().backward()
                model(x).square().sum().backward()
                for p in model.parameters():
                    p.data -= 0.01 * p.grad
        assert_same_on_all([t.tolist() for t in model.state_dict().values()])
        return model

    for find in (False, True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trained(find)
            trained(find, divide_by_initial_world_size=False)

    # The divisor is the number of ranks that have inputs, or of all.
    for initial in (True, False):
        model = DDP(nn.Linear(1, 1, bias=False))
        grads = []
        with model.join(divide_by_initial_world_size=initial):
            for _ in range(1 + (rank == world - 1)):
                model.zero_grad()
                model(cnn.ones(1, 1)).sum().backward()
                grads.append(model.module.weight.grad.item())
        want = [1.0, 1.0 / world if initial else 1.0]
        assert all(abs(a - b) < 1e-6 for a, b in zip(grads, want)), grads
    model = DDP(nn.Linear(1, 1))
    text = "exhausted all inputs" if rank == 0 else "Detected at least one rank that exhausted"
    with raises(RuntimeError, text), model.join(throw_on_early_termination=True):
        for _ in range(2 + (rank > 0)):
            model(cnn.ones(1, 1)).sum().backward()
    with model.join(enable=False):
        model(cnn.ones(1, 1)).sum().backward()


@check
def communication_hooks():
    rank, world = dist.get_rank(), dist.get_world_size()
    mean = sum(range(1, world + 1)) / world
    hooks = {
        default_hooks.allreduce_hook: (0, mean),
        default_hooks.fp16_compress_hook: (1e-3, mean),
        default_hooks.bf16_compress_hook: (1e-2, mean),
        default_hooks.fp16_compress_wrapper(default_hooks.allreduce_hook): (1e-3, mean),
        default_hooks.bf16_compress_wrapper(default_hooks.allreduce_hook): (1e-2, mean),
        debugging_hooks.noop_hook: (0, rank + 1.0),
    }
    for hook, (tolerance, want) in hooks.items():
        for views in each_way():
            model = DDP(nn.Linear(2, 3, bias=False), gradient_as_bucket_view=views)
            model.register_comm_hook(None, hook)
            for _ in range(3):
                model.zero_grad()
                model(cnn.full((1, 2), rank + 1.0)).sum().backward()
                assert (model.module.weight.grad - want).abs().max() <= tolerance + 1e-6, hook
    seen = []

    def own(state, bucket: dist.GradBucket) -> cnn.futures.Future[cnn.Tensor]:
        seen.append((bucket.index(), bucket.is_last(), bucket.buffer().shape, state))
        assert [g.shape for g in bucket.gradients()] == [p.shape for p in bucket.parameters()]
        bucket.set_buffer(cnn.arange(12.0)[3:])
        parts = [g.flatten().tolist() for g in bucket.gradients()]
        assert sum(parts, []) == list(range(3, 12))
        future = cnn.futures.Future()
        future.set_result(cnn.full_like(bucket.buffer(), 7))
        return future

    model = DDP(nn.Linear(2, 3))
    model.register_comm_hook("state", own)
    model(cnn.ones(1, 2)).sum().backward()
    assert seen == [(0, True, (9,), "state")]
    assert all((p.grad == 7).all() for p in model.parameters())
    with raises(RuntimeError, "can only be called once"):
        model.register_comm_hook(None, own)
    with raises(TypeError, "Communication hook must be callable."):
        DDP(nn.Linear(1, 1)).register_comm_hook(None, 3)
    with raises(ValueError, "bucket annotation should be dist.GradBucket."):
        DDP(nn.Linear(1, 1)).register_comm_hook(None, wrongly_annotated)
    with raises(NotImplementedError, "bf16_compress_hook halves what is sent"):
        powerSGD_hook.PowerSGDState(None)
    model = DDP(nn.Linear(2, 3, bias=False))
    register_ddp_comm_hook(DDPCommHookType.BF16_COMPRESS, model)
    model(cnn.full((1, 2), rank + 1.0)).sum().backward()
    assert (model.module.weight.grad - mean).abs().max() < 1e-2
    model = DDP(nn.Linear(2, 3, bias=False))
    model._register_builtin_comm_hook(dist.BuiltinCommHookType.FP16_COMPRESS)
    model(cnn.full((1, 2), rank + 1.0)).sum().backward()
    assert (model.module.weight.grad - mean).abs().max() < 1e-2


def wrongly_annotated(state, bucket: int):
    return bucket


@check
def a_group_of_some_ranks():
    rank, world = dist.get_rank(), dist.get_world_size()
    group = dist.new_group([0, world - 1])
    if rank in (0, world - 1):
        model = DDP(nn.Linear(1, 1, bias=False), process_group=group)
        model(cnn.full((1, 1), rank + 1.0)).sum().backward()
        assert model.module.weight.grad.item() == (1 + world) / 2
    assert os.environ.get("RANK", str(rank)) == str(rank)


@check
def hooks_of_the_program_see_its_own_gradients():
    rank, world = dist.get_rank(), dist.get_world_size()
    for views in each_way():
        model, seen = DDP(nn.Linear(2, 1, bias=False), gradient_as_bucket_view=views), []
        weight = model.module.weight
        weight.register_hook(lambda grad: grad * 10)
        weight.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad[0, 0].item()))
        for _ in range(2):
            model.zero_grad()
            model(cnn.full((1, 2), rank + 1.0)).sum().backward()
            assert (weight.grad - 5 * (world + 1)).abs().max() < 1e-5
        assert seen == [10 * (rank + 1.0)] * 2


@check
def gradients_of_gradients():
    rank, world = dist.get_rank(), dist.get_world_size()
    model = DDP(nn.Linear(2, 1, bias=False))
    for _ in range(2):
        model.zero_grad()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model(cnn.full((1, 2), rank + 1.0)).square().sum().backward(create_graph=True)
        w = model.module.weight.detach().sum().item()
        want = sum(2 * (r + 1) ** 2 * w for r in range(world)) / world
        assert (model.module.weight.grad - want).abs().max() < 1e-4
