"""Checks of what goes along with DistributedDataParallel: layers, samplers, optimizers."""

from __future__ import annotations

import copy

from ddp_features import raises
from ddp_job import check
from ddp_training import assert_same_on_all, bits, lenet, own_share

import cnn
import cnn.distributed as dist
from cnn import nn
from cnn.distributed.algorithms import Join
from cnn.distributed.optim import ZeroRedundancyOptimizer
from cnn.nn.parallel import DistributedDataParallel as DDP
from cnn.utils.data import DistributedSampler


@check
def synchronized_batch_norm():
    world, rank = dist.get_world_size(), dist.get_rank()
    for shape, dtype in (((3,), cnn.float32), ((3, 4, 5), cnn.float32), ((3, 2), cnn.float64)):
        rows = 2 * world + 1
        x = cnn.randn(rows, *shape, dtype=dtype) * 3 + 100
        dy = cnn.randn(rows, *shape, dtype=dtype)
        kinds = {1: nn.BatchNorm1d, 2: nn.BatchNorm1d, 3: nn.BatchNorm2d}
        one = kinds[len(shape)](3, dtype=dtype)
        nn.init.normal_(one.weight)
        model = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(one))
        assert type(model) is nn.SyncBatchNorm
        # Rank 0 has all but two rows of each other rank; the last has none with four ranks.
        counts = [2] * world
        counts[-1] = 0 if world == 4 else 2
        counts[0] = rows - sum(counts[1:])
        own = slice(sum(counts[:rank]), sum(counts[: rank + 1]))
        for _ in range(2):
            a = x.clone().requires_grad_()
            one.zero_grad()
            y = one(a)
            y.backward(dy)
            b = x[own].clone().requires_grad_()
            model.zero_grad()
            z = model(b)
            z.backward(dy[own])
            tolerance = {"rtol": 1e-4, "atol": 2e-5 if dtype == cnn.float32 else 1e-10}
            cnn.testing.assert_close(z, y[own], **tolerance)
            cnn.testing.assert_close(b.grad, a.grad[own], **tolerance)
            for p, q in zip(model.parameters(), one.parameters()):
                dist.all_reduce(p.grad)
                cnn.testing.assert_close(p.grad, q.grad, rtol=1e-4, atol=1e-4)
            for p, q in zip(model.buffers(), one.buffers()):
                cnn.testing.assert_close(p, q, rtol=1e-5, atol=1e-6)
        assert_same_on_all(bits([model.running_mean, model.running_var]))
        model.eval()
        one.eval()
        cnn.testing.assert_close(model(x), one(x), rtol=1e-5, atol=1e-5)
    alone = dist.new_group([rank], use_local_synchronization=True)
    of_one = nn.SyncBatchNorm(3, process_group=alone)
    cnn.testing.assert_close(of_one(x.float()), nn.BatchNorm1d(3)(x.float()))
    one = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    nn.init.normal_(one[1].weight)
    model = DDP(nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(one)))
    x = cnn.randn(world, 4, 3) + cnn.arange(world).view(-1, 1, 1)
    weights = cnn.arange(1.0, world + 1).view(-1, 1, 1)  # without them, gradients are near zero
    (model(x[rank]) ** 3 * weights[rank]).sum().backward()
    y = one(x.view(-1, 3)).view(x.shape)
    ((y**3 * weights).sum() / world).backward()
    assert_same_on_all(bits([p.grad for p in model.parameters()]))
    for p, q in zip(model.parameters(), one.parameters()):
        cnn.testing.assert_close(p.grad, q.grad, rtol=1e-4, atol=1e-4)
    for p, q in zip(model.buffers(), one.buffers()):
        cnn.testing.assert_close(p, q, rtol=1e-5, atol=1e-6)


@check
def samplers_know_the_group():
    rank, world = dist.get_rank(), dist.get_world_size()
    sampler = DistributedSampler(range(11), shuffle=False)
    assert (sampler.rank, sampler.num_replicas) == (rank, world)
    assert list(sampler) == [i % 11 for i in range(rank, -(-11 // world) * world, world)]


def stepped(model, optimizer, steps=3):
    draw = cnn.Generator(cnn.get_default_device()).manual_seed(3)
    for _ in range(steps):
        x = cnn.randn(4 * dist.get_world_size(), 1, 28, 28, generator=draw)
        optimizer.zero_grad()
        model(own_share(x) if isinstance(model, DDP) else x).square().mean().backward()
        optimizer.step()


def groups_of(model):
    params = list(model.parameters())
    return [{"params": params[:4], "lr": 1e-3}, {"params": params[4:]}]


@check
def zero_redundancy():
    rank, world = dist.get_rank(), dist.get_world_size()
    net = lenet()
    for views in (False, True):
        one = copy.deepcopy(net)
        plain = cnn.optim.Adam(groups_of(one), lr=3e-3)
        stepped(one, plain)
        model = DDP(copy.deepcopy(net))
        zero = ZeroRedundancyOptimizer(
            groups_of(model), cnn.optim.Adam, parameters_as_bucket_view=views, lr=3e-3
        )
        schedule = cnn.optim.lr_scheduler.StepLR(zero, 100)
        stepped(model, zero)
        schedule.step()
        for p, q in zip(model.parameters(), one.parameters()):
            cnn.testing.assert_close(p, q, rtol=1e-4, atol=1e-5)
        assert_same_on_all(bits(p.detach() for p in model.parameters()))
        kept = sum(p.numel() for p in zero.optim.state)
        total = sum(p.numel() for p in model.parameters())
        assert kept < total and on_all_sum(kept) == total
        with raises(RuntimeError, "Optimizer state has not been consolidated on this rank."):
            zero.state_dict()
        zero.consolidate_state_dict(to=world - 1)
        state = [None]
        if rank == world - 1:
            state = [zero.state_dict()]
            theirs = plain.state_dict()
            assert list(state[0]["state"]) == list(theirs["state"])
            for i, own in state[0]["state"].items():
                one_rank = theirs["state"][i]["exp_avg"].cpu()
                cnn.testing.assert_close(own["exp_avg"], one_rank, atol=1e-5, rtol=1e-3)
        dist.broadcast_object_list(state, src=world - 1)
        # The state goes to an optimizer of one process, and to another of many.
        cnn.optim.Adam(groups_of(copy.deepcopy(net)), lr=1.0).load_state_dict(state[0])
        again = DDP(copy.deepcopy(model.module))
        other = ZeroRedundancyOptimizer(groups_of(again), cnn.optim.Adam, lr=1.0)
        other.load_state_dict(state[0])
        assert [group["lr"] for group in other.param_groups] == [1e-3, 3e-3]
        stepped(model, zero, 2)
        stepped(again, other, 2)
        for p, q in zip(model.parameters(), again.parameters()):
            assert cnn.equal(p, q)
    zero = ZeroRedundancyOptimizer(list(net.parameters())[:2], cnn.optim.SGD, lr=0.1)
    zero.add_param_group({"params": list(net.parameters())[2:]})
    assert on_all_sum(sum(len(g["params"]) for g in zero.optim.param_groups)) == 10
    for wrong, kind in ((cnn.ones(1), TypeError), ([], ValueError), ([1], TypeError)):
        with raises(kind, ""):
            ZeroRedundancyOptimizer(wrong, cnn.optim.SGD, lr=0.1)
    with raises(ValueError, "only supports using the same dense type for all parameters"):
        ZeroRedundancyOptimizer([cnn.ones(1), cnn.ones(1).double()], cnn.optim.SGD, lr=0.1)


def on_all_sum(value):
    total = cnn.tensor(value)
    dist.all_reduce(total)
    return total.item()


@check
def zero_redundancy_with_uneven_inputs():
    rank, world = dist.get_rank(), dist.get_world_size()
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    one = list(copy.deepcopy(net).parameters())
    model = DDP(net)
    params = list(model.parameters())
    zero = ZeroRedundancyOptimizer(params, cnn.optim.SGD, lr=0.1)
    with Join([model, zero]):
        for _ in range(2 + rank):
            zero.zero_grad()
            model(cnn.ones(1, 2)).sum().backward()
            zero.step()
    assert_same_on_all(bits(p.detach() for p in model.parameters()))

    # The same in one process. As with PyTorch, a rank that has no more inputs goes on with the
    # gradients of its last ones, for those parameters that it steps.
    own = [group["params"] for group in zero.optim.param_groups]
    own = [any(p is q for group in own for q in group) for p in params]
    of_ranks = [None] * world
    dist.all_gather_object(of_ranks, own)
    owners = [[owned[i] for owned in of_ranks].index(True) for i in range(len(params))]
    history = []
    for step in range(1 + world):
        a, b, c, d = one
        output = nn.functional.linear(nn.functional.linear(cnn.ones(1, 2), a, b), c, d)
        share = sum(2 + each > step for each in range(world)) / world
        history.append(cnn.autograd.grad(output.sum() * share, one))
        with cnn.no_grad():
            for p, i in zip(one, range(len(one))):
                p -= 0.1 * history[min(step, 1 + owners[i])][i]
    for p, q in zip(params, one):
        cnn.testing.assert_close(p, q)
