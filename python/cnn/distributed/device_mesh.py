"""Processes in rows and columns: a mesh has a group for each line of each dimension."""

from __future__ import annotations

from .. import _C
from . import groups
from .process_group import ProcessGroup

__all__ = ["DeviceMesh", "init_device_mesh"]


class DeviceMesh:
    """Ranks laid out as an array, for tensors on `device_type`, with names of dimensions if given.

    Every process makes it, with the same `mesh` of ranks. `mesh["name"]` is the line of this
    process along a dimension, `mesh["a", "b"]` the plane along two; `get_group` gives groups.
    """

    def __init__(self, device_type, mesh, *, mesh_dim_names=None, _groups=None):
        self.device_type = _C.device(device_type).type
        self.mesh = _C.as_tensor(mesh, dtype=_C.int, device="cpu").detach().contiguous().clone()
        names = tuple(mesh_dim_names) if mesh_dim_names is not None else None
        if names is not None and len(names) != self.mesh.dim():
            raise RuntimeError(
                "mesh_shape and mesh_dim_names should have same length! Found "
                f"len(mesh_dim_names): {len(names)} and len(mesh_shape):{self.mesh.dim()}."
            )
        if names is not None and len(set(names)) != len(names):
            raise RuntimeError(f"Each mesh_dim_name must be unique. Found repeated name in {names}")
        self.mesh_dim_names = names
        default = groups._get_default_group()
        if self.mesh.numel() > default.size():
            raise RuntimeError(
                "Mesh should not be bigger than default world size "
                f"{default.size()}, but found {self.mesh.numel()} ranks!"
            )
        if len(set(self.mesh.view(-1).tolist())) != self.mesh.numel():
            raise RuntimeError(f"DeviceMesh cannot have duplicate ranks, but found {self.mesh}")
        self._groups = self._make_groups() if _groups is None else _groups

    def _make_groups(self):
        """The group of this process along each dimension; None outside of the mesh."""
        found = []
        for dim in range(self.mesh.dim()):
            mine = None
            for ranks in self.mesh.movedim(dim, -1).reshape(-1, self.mesh.shape[dim]).tolist():
                name = dim if self.mesh_dim_names is None else self.mesh_dim_names[dim]
                made = groups.new_group(ranks, group_desc=f"mesh_{name}", sort_ranks=False)
                if groups._get_default_group().rank() in ranks:
                    mine = made
            found.append(mine)
        return found

    def _dim(self, mesh_dim):
        if isinstance(mesh_dim, str):
            if self.mesh_dim_names is None or mesh_dim not in self.mesh_dim_names:
                raise KeyError(
                    f"Mesh dimension '{mesh_dim}' does not exist.Available mesh dimensions are: "
                    f"mesh_dim_names={self.mesh_dim_names}"
                )
            return self.mesh_dim_names.index(mesh_dim)
        return mesh_dim

    def get_group(self, mesh_dim=None):
        """The group of this process along a dimension, by number or name."""
        if mesh_dim is None:
            if self.mesh.dim() > 1:
                raise RuntimeError(
                    f"Found the DeviceMesh have {self.mesh.dim()} dimensions",
                    "Optional kwarg `mesh_dim` needs to be specified when device_mesh.ndim > 1.",
                )
            mesh_dim = 0
        return self._groups[self._dim(mesh_dim)]

    def get_all_groups(self):
        """The groups of this process along all dimensions."""
        return [self.get_group(dim) for dim in range(self.mesh.dim())]

    def __getitem__(self, mesh_dim_names):
        if self.mesh_dim_names is None:
            raise RuntimeError("Cannot slice a DeviceMesh without mesh_dim_names!")
        names = mesh_dim_names
        names = (names,) if isinstance(names, str) else tuple(names)
        dims = [self._dim(name) for name in names]
        place, index = self.get_coordinate(), [slice(None)] * self.mesh.dim()
        if place is not None:
            for dim in set(range(self.mesh.dim())) - set(dims):
                index[dim] = place[dim]
        part = self.mesh[tuple(index)]
        order = sorted(range(len(dims)), key=dims.__getitem__)
        part = part.permute([order.index(i) for i in range(len(dims))])
        made = [self._groups[dim] for dim in dims]
        return DeviceMesh(self.device_type, part, mesh_dim_names=names, _groups=made)

    @staticmethod
    def from_group(group, device_type, mesh=None, *, mesh_dim_names=None):
        """The mesh of a group, or of a list of groups, one for each dimension of `mesh`.

        ValueError unless `mesh`, which a list must have, says of one group the ranks in order, and
        has as many dimensions as there are groups in a list.
        """
        if isinstance(group, ProcessGroup):
            ranks = groups.get_process_group_ranks(group)
            if mesh is not None and _C.as_tensor(mesh, device="cpu").tolist() != ranks:
                raise ValueError(f"Invalid mesh {mesh} for ProcessGroup with ranks {ranks}")
            mesh, group = ranks, [group]
            return DeviceMesh(device_type, mesh, mesh_dim_names=mesh_dim_names, _groups=group)
        group = list(group)
        if not group:
            raise ValueError("Expects at least one ProcessGroup to be passed")
        if mesh is None:
            raise ValueError("Must pass mesh if passing multiple ProcessGroups")
        if mesh_dim_names is None:
            raise ValueError("Must pass mesh_dim_names if passing multiple ProcessGroups")
        mesh = _C.as_tensor(mesh, device="cpu")
        if mesh.dim() != len(group):
            raise ValueError(
                "Expects mesh with ndim equal to number of ProcessGroups but got "
                f"mesh {mesh.tolist()} and {len(group)} ProcessGroups"
            )
        return DeviceMesh(device_type, mesh, mesh_dim_names=mesh_dim_names, _groups=group)

    def size(self, mesh_dim=None):
        """The number of processes, or of those along a dimension."""
        return self.mesh.numel() if mesh_dim is None else self.mesh.shape[self._dim(mesh_dim)]

    @property
    def ndim(self):
        """The number of dimensions."""
        return self.mesh.dim()

    @property
    def shape(self):
        """The sizes of dimensions."""
        return tuple(self.mesh.shape)

    def get_rank(self):
        """This process's number among all."""
        return groups.get_rank()

    def get_coordinate(self):
        """This process's place in the mesh, or None outside of it."""
        places = (self.mesh == self.get_rank()).nonzero().tolist()
        return places[0] if places else None

    def get_local_rank(self, mesh_dim=None):
        """This process's place along a dimension."""
        if mesh_dim is None and self.mesh.dim() > 1:
            raise RuntimeError(
                f"Found the DeviceMesh have {self.mesh.dim()} dimensions",
                "Optional kwarg `mesh_dim` needs to be specified when device_mesh.ndim > 1.",
            )
        return groups.get_rank(self.get_group(mesh_dim))

    def __eq__(self, other):
        if not isinstance(other, DeviceMesh):
            return False
        return (
            self.device_type == other.device_type
            and self.mesh_dim_names == other.mesh_dim_names
            and self.shape == other.shape
            and self.mesh.tolist() == other.mesh.tolist()
        )

    def __hash__(self):
        ranks = tuple(self.mesh.view(-1).tolist())
        return hash((self.device_type, self.shape, ranks, self.mesh_dim_names))

    def __repr__(self):
        if self.mesh_dim_names is None:
            shape = str(self.shape)
        else:
            pairs = zip(self.mesh_dim_names, self.shape)
            shape = "(" + ", ".join(f"{name}={size}" for name, size in pairs) + ")"
        return f"DeviceMesh({shape}, '{self.device_type}', stride={tuple(self.mesh.stride())})"


def init_device_mesh(device_type, mesh_shape, *, mesh_dim_names=None, backend_override=None):
    """The mesh of the first processes in rows of these sizes; makes the default group if needed.

    RuntimeError if there are not so many processes, or names do not match the sizes.
    """
    if backend_override:
        raise NotImplementedError("init_device_mesh: backend_override: MPI carries all messages")
    if mesh_dim_names is not None:
        if len(set(mesh_dim_names)) != len(mesh_dim_names):
            raise RuntimeError(
                "Each mesh_dim_name must be unique.",
                f"Found repeated mesh_dim_name in mesh_dim_names {mesh_dim_names}",
            )
        if len(mesh_shape) != len(mesh_dim_names):
            raise RuntimeError(
                "mesh_shape and mesh_dim_names should have same length!",
                f"Found len(mesh_dim_names): {len(mesh_dim_names)} and "
                f"len(mesh_shape):{len(mesh_shape)}.",
            )
    if not groups.is_initialized():
        groups.init_process_group()
    count = 1
    for size in mesh_shape:
        count *= size
    return DeviceMesh(
        device_type, _C.arange(count, device="cpu").view(mesh_shape), mesh_dim_names=mesh_dim_names
    )
