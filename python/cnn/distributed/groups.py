"""Groups of processes: there is none, and none can be made."""

from __future__ import annotations

import os
from types import SimpleNamespace

from .. import _unavailable
from .backends import Backend, BackendConfig
from .stores import ALONE

_unavailable.declare(__name__, ALONE, classes="ProcessGroup Work", error=RuntimeError)

# What is known of groups: the default one, and of each its ranks {global: in the group}.
_world = SimpleNamespace(default_pg=None, pg_map={}, pg_names={}, pg_group_ranks={}, group_count=0)


class _WorldMeta(type):
    @property
    def WORLD(cls):
        """The group of all processes; None."""
        return _world.default_pg

    @WORLD.setter
    def WORLD(cls, pg):
        _world.default_pg = pg


class group(metaclass=_WorldMeta):
    """`group.WORLD` is the group of all processes; None, as there is none."""


class GroupMember(metaclass=_WorldMeta):
    """What stands for a group that a process is not in."""

    NON_GROUP_MEMBER = -100


def is_initialized():
    """False: no group has been made."""
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
    """False: there is no Gloo."""
    return False


def is_mpi_available():
    """False: there is no MPI."""
    return False


def is_nccl_available():
    """False: there is no NCCL."""
    return False


def is_ucc_available():
    """False: there is no UCC."""
    return False


def is_xccl_available():
    """False: there is no XCCL."""
    return False


def is_backend_available(backend):
    """Whether groups can use a backend: none can be made, so none is."""
    if ":" in backend:
        BackendConfig(Backend(backend))
    return False


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
    """Raises RuntimeError: there are no other processes to make a group with."""
    raise RuntimeError(f"init_process_group: {ALONE}; is_available() is False")


def destroy_process_group(group=None):
    """Ends a group. AssertionError without one, as PyTorch's."""
    if _rank_not_in_group(group):
        return
    if (group or _world.default_pg) is None:
        raise AssertionError("Process group cannot be None")
    raise ValueError("Invalid process group specified")


def new_group(
    ranks=None,
    timeout=None,
    backend=None,
    pg_options=None,
    use_local_synchronization=False,
    group_desc=None,
    device_id=None,
    *,
    sort_ranks=True,
):
    """A group of some of the processes."""
    _get_default_group()


def new_subgroups(
    group_size=None, group=None, timeout=None, backend=None, pg_options=None, group_desc=None
):
    """Groups of equal size, by default one for each machine."""
    _get_default_group()


def new_subgroups_by_enumeration(
    ranks_per_subgroup_list, timeout=None, backend=None, pg_options=None, group_desc=None
):
    """Groups of given processes."""
    if not ranks_per_subgroup_list:
        raise ValueError("The arg 'ranks_per_subgroup_list' cannot be empty")
    _get_default_group()


def split_group(
    parent_pg=None, split_ranks=None, timeout=None, pg_options=None, group_desc=None, backend=None
):
    """Groups that a group is divided into."""
    if split_ranks is None or len(split_ranks) == 0:
        raise ValueError("split_ranks cannot be None or empty")
    _group_or_default_group(parent_pg)


def shrink_group(ranks_to_exclude, group=None, shrink_flags=0, pg_options=None):
    """A group without some of its processes."""
    _group_or_default_group(group)


def _find_pg_by_ranks_and_tag(tag, ranks):
    return None


_unavailable.mark(
    ALONE,
    init_process_group,
    new_group,
    new_subgroups,
    new_subgroups_by_enumeration,
    shrink_group,
    split_group,
)
