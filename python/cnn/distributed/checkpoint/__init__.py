"""Checkpoints that many processes write together."""

from ... import _unavailable

INSTEAD = "use cnn.save and cnn.load of a state dict"

__all__ = _unavailable.declare(
    __name__,
    INSTEAD,
    functions="""
        async_save load load_sharded_optimizer_state_dict load_state_dict save save_state_dict""",
    classes="""
        BytesStorageMetadata CheckpointException ChunkStorageMetadata DefaultLoadPlanner
        DefaultSavePlanner FileSystemReader FileSystemWriter HuggingFaceStorageReader
        HuggingFaceStorageWriter LoadPlan LoadPlanner Metadata QuantizedHuggingFaceStorageReader
        ReadItem SavePlan SavePlanner StorageReader StorageWriter TensorStorageMetadata
        WriteItem""",
    error=NotImplementedError,
)
