"""What to use instead of what processes do not do together here."""

WHOLE_MODELS = (
    "models are not divided between processes: DistributedDataParallel keeps one on each, and "
    "distributed.optim.ZeroRedundancyOptimizer divides the optimizer's state"
)
WHOLE_TENSORS = (
    "tensors are not divided between processes: distributed.scatter and distributed.all_gather "
    "hand out and join parts"
)
NO_CALLS = (
    "functions are not called in other processes: distributed.send and "
    "distributed.broadcast_object_list carry tensors and objects"
)
NO_STAGES = (
    "models are not run in stages on several processes: DistributedDataParallel shares out the "
    "batch"
)
AVERAGES = "average parameters by distributed.all_reduce with ReduceOp.AVG"
