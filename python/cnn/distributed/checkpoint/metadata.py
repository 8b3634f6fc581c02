"""What a checkpoint says of itself."""

from ... import _unavailable
from . import INSTEAD

__all__ = _unavailable.declare(
    __name__,
    INSTEAD,
    classes="""
        BytesStorageMetadata ChunkStorageMetadata Metadata MetadataIndex StorageMeta
        TensorProperties TensorStorageMetadata""",
    error=NotImplementedError,
)
