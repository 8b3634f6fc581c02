"""Where storages are: the tags that files carry, and the way back from a tag to a device."""

from __future__ import annotations

import sys

from .. import _C, storage

__all__ = [
    "default_restore_location",
    "location_tag",
    "register_package",
    "validate_cuda_device",
]

# (priority, storage -> tag or None, (storage, tag) -> storage or None), in order of priority.
_package_registry = []


def register_package(priority, tagger, deserializer):
    """Teach `save` and `load` another kind of place.

    The first `tagger(storage)` that is not None tags a storage that is saved; the first
    `deserializer(storage, tag)` that is not None is where one that was read belongs.
    """
    _package_registry.append((priority, tagger, deserializer))
    _package_registry.sort(key=lambda entry: entry[0])


def location_tag(storage):
    """The tag of the place where a storage is: "cpu", "cuda:0", ..."""
    for _, tagger, _ in _package_registry:
        location = tagger(storage)
        if location:
            return location
    raise RuntimeError(
        f"don't know how to determine data location of torch.storage.{type(storage).__name__}"
    )


def default_restore_location(storage, location):
    """A storage that was read, moved to the place of that tag."""
    for _, _, deserializer in _package_registry:
        result = deserializer(storage, location)
        if result is not None:
            return result
    raise RuntimeError(
        f"don't know how to restore data location of torch.storage.{type(storage).__name__} "
        f"(tagged with {location[:60]})"
    )


def _get_restore_location(map_location):
    """`map_location` as a function of a storage and its tag."""
    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda storage, location: default_restore_location(
            storage, map_location.get(location, location)
        )
    if isinstance(map_location, (str, bytes, _C.device)):
        fixed = map_location.decode() if isinstance(map_location, bytes) else str(map_location)
        return lambda storage, location: default_restore_location(storage, fixed)

    def restore_location(storage, location):
        result = map_location(storage, location)
        return default_restore_location(storage, location) if result is None else result

    return restore_location


def _tag(kind):
    def tagger(obj):
        device = obj.device
        # One text for all storages there, which the pickle then has once.
        return sys.intern(str(device)) if device.type == kind else None

    return tagger


_cpu_tag, _cuda_tag, _meta_tag = map(_tag, ("cpu", "cuda", "meta"))


def _cpu_deserialize(obj, location):
    if location != "cpu" and not (location.startswith("cpu") and _C.device(location)):
        return None
    return obj


def _cuda_deserialize(obj, location):
    if not location.startswith("cuda"):
        return None
    validate_cuda_device(location)
    return _moved(obj, location)


def _meta_deserialize(obj, location):
    return _moved(obj, location) if location == "meta" else None


def _moved(obj, location):
    untyped = obj.untyped() if isinstance(obj, storage.TypedStorage) else obj
    whole = _C._rebuild_tensor(untyped, _C.uint8, 0, (untyped.nbytes(),), (1,))
    return whole.to(location).untyped_storage()


def validate_cuda_device(location):
    """The number of the GPU that a tag names; RuntimeError if there is no such GPU."""
    device = _C.device(location)
    if not _C._cuda_is_available():
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is "
            "False. If you are running on a CPU-only machine, please use torch.load with "
            "map_location=torch.device('cpu') to map your storages to the CPU."
        )
    count = _C._cuda_device_count()
    if device.index is not None and device.index >= count:
        raise RuntimeError(
            f"Attempting to deserialize object on CUDA device {device.index} but "
            f"torch.cuda.device_count() is {count}. Please use torch.load with map_location to map "
            "your storages to an existing device."
        )
    return device.index or 0


register_package(10, _cpu_tag, _cpu_deserialize)
register_package(20, _cuda_tag, _cuda_deserialize)
register_package(22, _meta_tag, _meta_deserialize)
_OWN = len(_package_registry)


def has_only_own_taggers():
    """Whether a storage's tag is its device: nobody has registered another kind of place."""
    return len(_package_registry) == _OWN


for _name in __all__:
    globals()[_name].__module__ = __package__  # the path that PyTorch has
