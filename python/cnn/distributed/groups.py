"""Groups of processes: made over MPI, named, numbered and ended."""

from __future__ import annotations

import os
import warnings
from types import SimpleNamespace

from .. import _C, _unavailable
from . import _mpi, _nccl, engine, exits, joining
from .backends import Backend, BackendConfig
from .constants import _seconds, default_pg_nccl_timeout, default_pg_timeout
from .process_group import ProcessGroup, queues

# What is known of groups: the default one, and of each its ranks {global: in the group}.
_world = SimpleNamespace(
    default_pg=None, pg_map={}, pg_names={}, pg_group_ranks={}, group_count=0, gloo_named=False
)


class _WorldMeta(type):
    @property
    def WORLD(cls):
        """The group of all processes, or None."""
        return _world.default_pg

    @WORLD.setter
    def WORLD(cls, pg):
        _world.default_pg = pg


class group(metaclass=_WorldMeta):
    """`group.WORLD` is the group of all processes, or None."""


class GroupMember(metaclass=_WorldMeta):
    """What stands for a group that a process is not in."""

    NON_GROUP_MEMBER = -100


def is_initialized():
    """Whether `init_process_group` has made the group of all processes."""
    return _world.default_pg is not None


def _get_default_group():
    if not is_initialized():
        raise ValueError(
            "Default process group has not been initialized, please make sure to call "
            "init_process_group."
        )
    return _world.default_pg


def _get_default_store():
    return _world.pg_map[_get_default_group()][1]


def _group_or_default_group(group=None):
    if group is None or group is _world.default_pg:
        return _get_default_group()
    return group


def _rank_not_in_group(group):
    return group is not None and group == GroupMember.NON_GROUP_MEMBER


def _known(group):
    ranks = _world.pg_group_ranks.get(group)
    if ranks is None:
        raise ValueError(
            f"Group {group} is not registered, please create group with "
            "torch.distributed.new_group API"
        )
    return ranks


def get_rank(group=None):
    """The number of this process in a group, -1 outside of it. ValueError without a group."""
    if _rank_not_in_group(group):
        return -1
    return get_group_rank(_group_or_default_group(group), _get_default_group().rank())


def get_world_size(group=None):
    """How many processes are in a group, -1 outside of it. ValueError without a group."""
    return -1 if _rank_not_in_group(group) else _get_group_size(group)


def _get_group_size(group):
    return _group_or_default_group(group).size()


def get_group_rank(group, global_rank):
    """The number in a group of a process that is `global_rank` among all."""
    if group is _world.default_pg:
        return global_rank
    ranks = _known(group)
    if global_rank not in ranks:
        raise ValueError(f"Global rank {global_rank} is not part of group {group}")
    return ranks[global_rank]


def get_global_rank(group, group_rank):
    """The number among all of a process that is `group_rank` in a group."""
    if group is _world.default_pg:
        return group_rank
    for rank, own in _known(group).items():
        if own == group_rank:
            return rank
    raise ValueError(f"Group rank {group_rank} is not part of group {group}")


_get_global_rank = get_global_rank


def get_process_group_ranks(group=None):
    """The processes of a group, numbered among all."""
    return list(_known(_group_or_default_group(group)))


def get_pg_count():
    """How many groups there are."""
    return _world.group_count


def get_backend(group=None):
    """The name of what carries a group's messages."""
    pg = group or _get_default_group()
    if _rank_not_in_group(pg):
        raise ValueError("Invalid process group specified")
    if pg not in _world.pg_map:
        raise ValueError(
            f"Process group {pg} is not initialized in the world group map. Please initialize the "
            "group first."
        )
    return Backend(_world.pg_map[pg][0])


def get_backend_config(group=None):
    """The backends of a group for each kind of device, as a string."""
    return str(BackendConfig(get_backend(group)))


def get_node_local_rank(fallback_rank=None):
    """The number of this process on its machine: LOCAL_RANK in the environment, or the fallback."""
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError(
        "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow "
        "`get_node_local_rank` to work, assuming you are not running in a multi-device context and "
        "want the code to run locally instead."
    )


def is_torchelastic_launched():
    """Whether torchrun started this process: TORCHELASTIC_RUN_ID is in the environment."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def is_gloo_available():
    """Whether "gloo" can be asked for: MPI carries its messages."""
    return _mpi.is_installed()


def is_mpi_available():
    """Whether there is mpi4py, which carries the messages."""
    return _mpi.is_installed()


def is_nccl_available():
    """Whether "nccl" can be asked for: there are a GPU, NCCL and MPI, which ranks meet over."""
    return _mpi.is_installed() and _C._cuda_is_available() and _nccl.is_installed()


def is_ucc_available():
    """False: there is no UCC."""
    return False


def is_xccl_available():
    """False: there is no XCCL."""
    return False


def is_backend_available(backend):
    """Whether groups can use a backend, or each of those of "cpu:gloo,cuda:nccl"."""
    if ":" in backend:
        names = BackendConfig(Backend(backend)).get_device_backend_map().values()
    else:
        names = [backend.lower()]
    served = (Backend.MPI, Backend.GLOO, *([Backend.NCCL] if is_nccl_available() else ()))
    return _mpi.is_installed() and all(name in served for name in names)


def init_process_group(
    backend=None,
    init_method=None,
    timeout=None,
    world_size=-1,
    rank=-1,
    store=None,
    group_name="",
    pg_options=None,
    device_id=None,
    _ranks=None,
):
    """Makes the group of all processes, which the other functions use by default.

    Every process of a job calls this; `mpiexec` or `cnn.distributed.run` starts them. `backend` is
    "mpi", or "gloo", which means the same here, for tensors of the CPU, "nccl" for those of GPUs,
    and "cpu:gloo,cuda:nccl", or None, for both. With `device_id`, a GPU, NCCL connects the ranks
    now. `rank` and `world_size`, or RANK and WORLD_SIZE in
    the environment, must be those of the job if they are given. Raises RuntimeError where mpi4py
    is missing, and DistBackendError if a process does not come within `timeout`.
    """
    if is_initialized():
        raise ValueError("trying to initialize the default process group twice!")
    if store is not None and init_method is not None:
        raise AssertionError("Cannot specify both init_method and store.")
    if store is not None and not world_size > 0:
        raise AssertionError("world_size must be positive if using store")
    if store is not None and not rank >= 0:
        raise AssertionError("rank must be non-negative if using store")
    device_id = _gpu(device_id)
    if backend is None and device_id is not None:
        backend = Backend.default_device_backend_map[device_id.type]
    backend, devices = _served(backend)
    usual = default_pg_nccl_timeout if devices == {"cuda"} else default_pg_timeout
    seconds = _seconds(timeout, usual.total_seconds())
    comm = joining.join(init_method, rank, world_size, store, seconds)
    if Backend.GLOO in backend and comm.rank == 0 and not _world.gloo_named:
        _world.gloo_named = True
        warnings.warn("there is no Gloo here: MPI carries the messages", stacklevel=2)
    pg = _enter(comm, range(comm.size), seconds, backend, devices, "default_pg", store)
    _world.default_pg = pg
    exits.watch(comm, lambda: queues(_world.pg_map), engine.stop)
    pg.bind(device_id)


def _gpu(device_id):
    """The device of `device_id`, or None. Errors for what is no GPU, as PyTorch's."""
    if isinstance(device_id, int):
        device_id = _C.device("cuda", device_id)
    if device_id is None or device_id.type == "cpu":
        return None
    if device_id.index is None:
        raise ValueError("Please use a device_id with index.")
    if device_id.type != "cuda" or device_id.index >= _C._cuda_device_count():
        raise ValueError(
            f"device_id {device_id} is out of range. Please use a device index less than the "
            f"number of accelerators available: {_C._cuda_device_count()}."
        )
    return device_id


def _served(name):
    """(the backend by name, the kinds of devices whose tensors it carries). RuntimeError for those
    not here.
    """
    if name is None or name == Backend.UNDEFINED:
        return Backend(Backend.MPI), frozenset(("cpu", "cuda"))
    backend = Backend(name)
    config = BackendConfig(backend).get_device_backend_map()
    served = {"cpu": (Backend.MPI, Backend.GLOO), "cuda": (Backend.NCCL,)}
    devices = frozenset(kind for kind in served if config.get(kind) in served[kind])
    if not devices:
        raise RuntimeError(f'distributed: there is no backend {name!r} here; "mpi" is, and "nccl"')
    if devices == {"cuda"}:
        if not _C._cuda_is_available():
            raise RuntimeError(
                "ProcessGroupNCCL is only supported with GPUs, no GPUs found! "
                f'({_C._cuda_unavailable_reason()}); "mpi" carries tensors of the CPU'
            )
        _nccl.load()
    return backend, devices


def _served_like(name, parent):
    """The same, by default as in another group."""
    return _served(name) if name else (_world.pg_map[parent][0], parent.devices)


def _enter(comm, ranks, seconds, backend, devices, desc, store):
    """A ProcessGroup of global ranks, entered among those that are known."""
    name = str(_world.group_count)
    pg = ProcessGroup(comm, ranks, seconds, name, backend, devices, desc)
    _world.pg_map[pg] = (backend, store)
    _world.pg_names[pg] = pg.group_name
    _world.pg_group_ranks[pg] = {rank: own for own, rank in enumerate(ranks)}
    _world.group_count += 1
    return pg


def destroy_process_group(group=None):
    """Ends a group, or, by default, all of them. AssertionError without one, as PyTorch's."""
    if _rank_not_in_group(group):
        return
    pg = group or _world.default_pg
    if pg is None:
        raise AssertionError("Process group cannot be None")
    if pg not in _world.pg_map:
        raise ValueError("Invalid process group specified")
    for each in list(_world.pg_map) if pg is _world.default_pg else [pg]:
        each.shutdown()
        for known in (_world.pg_map, _world.pg_names, _world.pg_group_ranks):
            known.pop(each, None)
    if pg is _world.default_pg:
        _world.default_pg, _world.group_count = None, 0


def new_group(
    ranks=None,
    timeout=None,
    backend=None,
    pg_options=None,
    use_local_synchronization=False,
    group_desc=None,
    device_id=None,
    sort_ranks=True,
):
    """A group of some of the processes, by default of all.

    All processes call this, also those outside of it, which get `GroupMember.NON_GROUP_MEMBER`;
    with `use_local_synchronization` only those of the group, and others get None.
    """
    default = _get_default_group()
    backend, devices = _served_like(backend, default)
    device_id = _gpu(device_id)
    seconds = _seconds(timeout, default.seconds)
    own, size = default.rank(), default.size()
    ranks = list(range(size)) if ranks is None else list(ranks)
    if sort_ranks:
        ranks.sort()
    if len(set(ranks)) != len(ranks):
        raise ValueError(f"ranks list must not contain duplicate entries, got {ranks}")
    if len(ranks) > size:
        raise ValueError(
            "the new group's world size should be less or equal to the world size set by "
            "init_process_group"
        )
    for rank in ranks:
        if not 0 <= rank < size:
            raise ValueError(
                f"Rank {rank} is out of range. Valid ranks are 0 to {size - 1} (world_size={size})"
            )
    if own not in ranks:
        if use_local_synchronization:
            return None
        _world.group_count += 1
        return GroupMember.NON_GROUP_MEMBER
    default.meet(ranks, seconds)
    comm = default.comm.among(ranks)
    pg = _enter(comm, ranks, seconds, backend, devices, group_desc or "undefined", None)
    pg.bind(device_id)
    return pg


def new_subgroups(
    group_size=None, group=None, timeout=None, backend=None, pg_options=None, group_desc=None
):
    """Groups of `group_size` processes, by default as many as there are GPUs: the one of this
    process, and a list of all.
    """
    if group_size is None and _C._cuda_is_available():
        group_size = _C._cuda_device_count()
    if group_size is None:
        raise ValueError(
            "Default group size only takes effect when CUDA is available."
            "If your subgroup using a backend that does not depend on CUDA,"
            "please pass in 'group_size' correctly."
        )
    if group_size <= 0:
        raise ValueError(f"The arg 'group_size' ({group_size}) must be positive")
    size = get_world_size(group)
    if size < group_size:
        raise ValueError(
            f"The arg 'group_size' ({group_size}) must not exceed the world size ({size})"
        )
    if size % group_size:
        raise ValueError(f"The world size ({size}) must be divisible by 'group_size={group_size}'")
    ranks = get_process_group_ranks(group)
    parts = [ranks[i : i + group_size] for i in range(0, len(ranks), group_size)]
    return new_subgroups_by_enumeration(parts, timeout, backend, pg_options, group_desc)


def new_subgroups_by_enumeration(
    ranks_per_subgroup_list, timeout=None, backend=None, pg_options=None, group_desc=None
):
    """Groups of given processes: the one of this process, or None, and a list of all."""
    if not ranks_per_subgroup_list:
        raise ValueError("The arg 'ranks_per_subgroup_list' cannot be empty")
    _get_default_group()
    homes = {}
    for ranks in ranks_per_subgroup_list:
        for rank in ranks:
            if rank in homes:
                raise ValueError(
                    f"Rank {rank} has appeared in both subgroup {homes[rank]} and {ranks}"
                )
            homes[rank] = ranks
    subgroups, current = [], None
    for ranks in ranks_per_subgroup_list:
        subgroup = new_group(ranks, timeout, backend, pg_options, group_desc=group_desc)
        subgroups.append(subgroup)
        if get_rank() in ranks:
            current = subgroup
    return current, subgroups


def split_group(
    parent_pg=None, split_ranks=None, timeout=None, pg_options=None, group_desc=None, backend=None
):
    """The one of the groups that a group is divided into in which this process is, or None.

    `split_ranks` are lists of ranks of the parent; only its processes call this.
    """
    if split_ranks is None or len(split_ranks) == 0:
        raise ValueError("split_ranks cannot be None or empty")
    parent = _group_or_default_group(parent_pg)
    seconds = _seconds(timeout, parent.seconds)
    if parent not in _world.pg_group_ranks:
        raise ValueError(f"Group {parent} is not registered")
    mine = None
    for ranks in split_ranks:
        if len(ranks) == 0:
            raise ValueError("the split group cannot be empty")
        if len(ranks) > parent.size():
            raise ValueError(
                "the split group's size should be less or equal to the world_size set by "
                "init_process_group"
            )
        if len(ranks) != len(set(ranks)):
            raise ValueError("the split group cannot have duplicate ranks")
        if parent.rank() in ranks and mine is None:
            mine = sorted(ranks)
    if mine is None:
        return None
    parent.meet(mine, seconds)
    comm = parent.comm.among(mine)
    ranks = [get_global_rank(parent, rank) for rank in mine]
    backend, devices = _served_like(backend, parent)
    desc = group_desc or f"{parent.group_desc}:split"
    return _enter(comm, ranks, seconds, backend, devices, desc, None)


def shrink_group(ranks_to_exclude, group=None, shrink_flags=0, pg_options=None):
    """A group without some of its processes; raises NotImplementedError, which says how."""
    _group_or_default_group(group)
    raise NotImplementedError(f"distributed.shrink_group: {_SMALLER}")


def _find_pg_by_ranks_and_tag(tag, ranks):
    return None


_SMALLER = "new_group(ranks) makes a group of those that stay"
_unavailable.mark(_SMALLER, shrink_group)
