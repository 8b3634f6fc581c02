"""What a step of data-parallel training asks of a GPU: no wait, and sums begin during backward."""

import pathlib
import sys

from carried import start

import cnn
import cnn.nn.functional as F
from cnn import distributed as dist
from cnn import nn
from cnn.distributed import collectives
from cnn.distributed.algorithms.ddp_comm_hooks import default_hooks
from cnn.nn.parallel import DistributedDataParallel as DDP

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import emulation  # noqa: E402

RANK, SIZE = start()
EMULATED = emulation.plugin() is not None


def model_of(hook, synchronized):
    cnn.manual_seed(RANK)
    layers = nn.Linear(12, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 16), nn.Linear(16, 4)
    model = nn.Sequential(*layers)
    if synchronized:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    model = DDP(model, device_ids=[RANK], bucket_cap_mb=0.0005)
    if hook is not None:
        model.register_comm_hook(None, hook)
    return model


for hook, synchronized in ((None, False), (None, True), (default_hooks.fp16_compress_hook, False)):
    model = model_of(hook, synchronized)
    optimizer = cnn.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    x, target = cnn.randn(8, 12), cnn.randint(0, 4, (8,))
    launches, begun, real = [], [], collectives.all_reduce

    def noted(*arguments, **named):
        begun.append(emulation._counts().launches if EMULATED else 0)
        return real(*arguments, **named)

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), target)
        collectives.all_reduce = noted
        begun.clear()
        loss.backward()
        launches[:] = [emulation._counts().launches if EMULATED else 0]
        collectives.all_reduce = real
        optimizer.step()
        return loss

    first = step().item()
    for _ in range(10):
        last = step().item()
    assert last < first, (first, last)
    sums = [None] * SIZE
    dist.all_gather_object(sums, [p.double().sum().item() for p in model.parameters()])
    assert all(each == sums[0] for each in sums)
    if EMULATED:
        counts = emulation.counted(step)
        assert counts.waits == counts.copies == 0, counts
        if hook is None:  # the first bucket, before the last gradients
            assert len(begun) > 1 and launches[0] - begun[0] > len(begun) + 5, (begun, launches)
dist.barrier()
dist.destroy_process_group()
