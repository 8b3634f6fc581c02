"""Logs of training for TensorBoard: `SummaryWriter`. The package tensorboard writes them."""

try:
    import tensorboard as _tensorboard
except ImportError as error:
    raise ImportError(
        "utils.tensorboard writes its files with the package tensorboard, which is not installed: "
        "pip install tensorboard"
    ) from error

from tensorboard.summary.writer.record_writer import RecordWriter

from .writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "RecordWriter", "SummaryWriter"]
