"""A program that torchrun starts."""

import os
import sys
import time

how = sys.argv[1]
rank = int(os.environ["RANK"])
if how == "variables":
    names = """RANK LOCAL_RANK WORLD_SIZE LOCAL_WORLD_SIZE MASTER_ADDR MASTER_PORT ROLE_NAME
        GROUP_RANK TORCHELASTIC_RUN_ID TORCHELASTIC_RESTART_COUNT OMP_NUM_THREADS CNN_NUM_THREADS
        """.split()
    print(*(f"{name}={os.environ[name]}" for name in names), *sys.argv[2:])
elif how.startswith("--local-rank"):
    print(*sys.argv[1:])
elif how == "fails":
    if rank == 1:
        sys.exit(7)
    time.sleep(60)
elif how == "streams":
    print(f"out of {rank}")
    print(f"err of {rank}", file=sys.stderr)
elif how == "waits":
    print(f"rank {rank} waits", flush=True)
    time.sleep(100)
else:
    import torch
    import torch.distributed as dist

    if how == "restarts" and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        raise ValueError(f"rank {rank} failed")
    dist.init_process_group(backend="gloo")
    assert rank == dist.get_rank() and dist.is_torchelastic_launched()
    assert dist.get_node_local_rank() == int(os.environ["LOCAL_RANK"])
    x = torch.ones(2)
    dist.all_reduce(x)
    if how == "raises" and rank == 1:
        raise ValueError("one of us")
    print("sum", x.tolist(), torch.get_num_threads())
    dist.barrier()
    dist.destroy_process_group()
