"""Models in stages on many processes: not available."""

from ... import _unavailable
from .._instead import NO_STAGES

__all__ = _unavailable.declare(
    __name__,
    NO_STAGES,
    functions="build_stage pipe_split pipeline",
    classes="""
        Pipe PipelineStage Schedule1F1B ScheduleDualPipeV ScheduleGPipe ScheduleInterleaved1F1B
        ScheduleInterleavedZeroBubble ScheduleLoopedBFS ScheduleZBVZeroBubble SplitPoint""",
    error=NotImplementedError,
)
