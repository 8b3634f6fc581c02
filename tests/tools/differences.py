"""Where a name of PyTorch's works otherwise in cnn: {name: what is other}."""

_NAME_ALONE = "the dtype has its name, size and limits; no tensor has it, and making one raises"
_ACCEPTED = "accepted, and nothing here reads it"
_EAGER = "nothing is compiled: it gives back what it is given, which runs as Python"
_LOOP = "there is no forward mode: reverse mode does it, at the cost of a pass for each output"

DIFFERENCES: dict[str, str] = {
    **{
        f"torch.{name}": _NAME_ALONE
        for name in """
            bit bits16 bits1x8 bits2x4 bits4x2 bits8 float4_e2m1fn_x2 int1 int2 int3 int4 int5 int6 int7 qint32 qint8
            quint2x4 quint4x2 quint8 uint1 uint2 uint3 uint4 uint5 uint6 uint7""".split()
    },
    "torch.cuda.CUDAGraph": "a replay cannot be recorded into another graph; numbers are drawn on its own GPU",
    "torch.cuda.MemPool": "`allocator` has to be None",
    "torch.cuda.graph": "what cannot be recorded raises and leaves the capture valid",
    "torch.set_num_interop_threads": _ACCEPTED + ": operators run one after the other",
    "torch.set_warn_always": _ACCEPTED + ": warnings of the core come each time",
    "torch.multiprocessing.set_sharing_strategy": 'memory goes by file descriptors, also with "file_system"',
    "torch.hub.load": "repositories are used where they lie in get_dir(), and never fetched",
    "torch.hub.help": "as `load`",
    "torch.hub.list": "as `load`",
    "torch.serialization.set_crc32_options": "False raises: files always have their checksums",
    "torch.nn.SyncBatchNorm": "on a CPU as well, over MPI",
    "torch.nn.parallel.DistributedDataParallel": "gradients are pieces of buckets also without "
    "`gradient_as_bucket_view`, and a bucket moves while the program holds one; `mixed_precision` and "
    "`delay_all_reduce_named_params` raise; `batched_grad_copy` changes nothing, as there is no copy",
    "torch.distributed.optim.ZeroRedundancyOptimizer": "`overlap_with_ddp` raises",
    "torch.distributed.init_process_group": "MPI finds and joins the processes, whatever the address or the store; "
    '"gloo" means "mpi", and other backends raise; `pg_options`, `device_id` and `group_name` change nothing',
    "torch.distributed.new_group": "`pg_options` and `device_id` change nothing",
    "torch.distributed.new_subgroups": "without `group_size` it raises, as in a PyTorch without GPUs; `pg_options` "
    "changes nothing",
    "torch.distributed.new_subgroups_by_enumeration": "`pg_options` changes nothing",
    "torch.distributed.split_group": "`pg_options` changes nothing",
    "torch.distributed.barrier": "`device_ids` changes nothing",
    "torch.distributed.broadcast_object_list": "`device` changes nothing: objects travel from the CPU",
    "torch.distributed.send_object_list": "as broadcast_object_list; `use_batch` changes nothing",
    "torch.distributed.recv_object_list": "as send_object_list",
    "torch.distributed.monitored_barrier": "of every group, as each is MPI's",
    "torch.distributed.register_rendezvous_handler": "keeps the handler, and `init_process_group` does not ask it",
    "torch.distributed.Backend": "`register_backend` enters the name; groups of it cannot be made",
    "torch.distributed.FileStore": "`world_size` changes nothing: the file stays when all have ended",
    "torch.nn.attention.sdpa_kernel": "all choices are one kernel; one that PyTorch refuses on a CPU raises",
    "torch.nn.attention.flex_attention.flex_attention": "composed, with gradients on the CPU as well; functions are "
    "called once, with indices that broadcast, and one that looks beyond its own place raises",
    "torch.nn.attention.flex_attention.create_block_mask": "compute_dq_write_order, which is for GPUs, raises",
    "torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp": _ACCEPTED + ": sums are float32",
    "torch.utils.data.IterDataPipe": "the class to derive from; PyTorch's own pipes are not here",
    "torch.utils.data.MapDataPipe": "as IterDataPipe",
    "torch.linalg.lstsq": "every driver is the pseudo-inverse by singular values",
    "torch.linalg.svd": "on GPUs every `driver` is the host's LAPACK",
    "torch.linalg.svdvals": "on GPUs every `driver` is the host's LAPACK",
    "torch.lobpcg": "by QR whatever `method` and the `ortho_` parameters ask; with gradients, by `linalg.eigh`",
    "torch.compile": _EAGER,
    "torch.vmap": "calls the function once for each slice, at a loop's speed",
    "torch.compiler.compile": _EAGER,
    "torch.func.vmap": "calls the function once for each slice, at a loop's speed",
    "torch.func.jvp": "reverse mode twice, as there is no forward mode",
    "torch.func.linearize": "reverse mode twice, as there is no forward mode",
    "torch.func.jacfwd": _LOOP,
    "torch.func.hessian": _LOOP,
    "torch.jit.script": _EAGER,
    "torch.jit.freeze": "gives the module back; later changes of its weights count",
    "torch.jit.fork": "runs the call at once",
    "torch.jit.trace": "runs the example once, and the module itself at every call, branches included",
    "torch.jit.trace_module": "runs the examples once, and the module itself at every call",
    "torch.library.register_vmap": "accepts the rule; vmap calls operators slice by slice",
    "torch.library.opcheck": "makes the checks of schema, autograd and shapes, not the compiler's",
}
