"""Checks that several processes make together: mpiexec -n N python ddp_job.py FOLDER NAME...

Each rank writes to FOLDER/rank.json how every check ended: null, or the traceback.
"""

from __future__ import annotations

import json
import pathlib
import sys
import traceback

import cnn
import cnn.distributed as dist
from cnn.distributed import operations

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from carried import start  # noqa: E402

CHECKS = {}


def check(function):
    """Enters a check, by the name of its function."""
    CHECKS[function.__name__] = function
    return function


def each_way():
    """`gradient_as_bucket_view` for each way of averaging gradients: where they lie; copied into
    buckets, as between many ranks; and as views of buckets.
    """
    yield False
    few, operations._MANY_RANKS = operations._MANY_RANKS, 1
    yield False
    operations._MANY_RANKS = few
    yield True


def run(folder, names):
    (rank, _), failed = start(), False
    for name in names:
        outcome = None
        try:
            if failed:
                raise RuntimeError("an earlier check has failed on this or another rank")
            cnn.manual_seed(0)
            CHECKS[name]()
            dist.barrier()
        except Exception:
            failed, outcome = True, traceback.format_exc()
        with open(pathlib.Path(folder) / f"{rank}.json", "a") as file:
            file.write(json.dumps({name: outcome}) + "\n")
    if not failed:
        dist.destroy_process_group()
    return failed


if __name__ == "__main__":
    sys.modules["ddp_job"] = sys.modules["__main__"]
    import ddp_features  # noqa: F401
    import ddp_parts  # noqa: F401
    import ddp_training  # noqa: F401

    sys.exit(run(sys.argv[1], sys.argv[2:]))
