"""What returns new tensors returns them on the operands' GPU, wherever tensors are made by default."""

from carried import start

import cnn
import cnn.distributed.nn as together
from cnn import distributed as dist
from cnn.distributed import _functional_collectives as functions

RANK, SIZE = start()
WORLD = dist.group.WORLD
x = cnn.full((SIZE,), RANK + 1.0)
cnn.set_default_device("cpu")
ranks = [rank + 1.0 for rank in range(SIZE)]
for made, values in (
    (functions.all_gather_tensor(x, 0, WORLD), [r for r in ranks for _ in range(SIZE)]),
    (functions.reduce_scatter_tensor(x, "sum", 0, WORLD), [sum(ranks)]),
    (functions.all_to_all_single(x, None, None, WORLD), ranks),
    (cnn.cat(together.all_to_all([x[:1]] * SIZE, list(x.split(1)))), ranks),
    (together.all_to_all_single(x, x), ranks),
):
    assert made.device == x.device and made.tolist() == values
dist.destroy_process_group()
