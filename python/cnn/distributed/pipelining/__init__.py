"""Models in stages on many processes: not available."""

from ... import _unavailable
from ..stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    functions="build_stage pipe_split pipeline",
    classes="""
        Pipe PipelineStage Schedule1F1B ScheduleDualPipeV ScheduleGPipe ScheduleInterleaved1F1B
        ScheduleInterleavedZeroBubble ScheduleLoopedBFS ScheduleZBVZeroBubble SplitPoint""",
    error=RuntimeError,
)
