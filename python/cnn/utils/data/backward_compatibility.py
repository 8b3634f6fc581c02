"""A function that old scripts give to DataLoader."""

import warnings


def worker_init_fn(worker_id):
    """Nothing is left to do in a worker; warns that it is of the past."""
    warnings.warn(
        "Usage of `backward_compatibility.worker_init_fn` is deprecated as `DataLoader` "
        "automatically applies sharding in every worker",
        FutureWarning,
        stacklevel=2,
    )
