"""Times of small pieces of code: `Timer` measures, `Compare` lays measurements side by side."""

from ... import _unavailable
from .utils.common import *  # noqa: F403
from .utils.common import __all__ as _common
from .utils.compare import *  # noqa: F403
from .utils.compare import __all__ as _compare
from .utils.timer import *  # noqa: F403
from .utils.timer import __all__ as _timer

__all__ = _common + _compare + _timer
__all__ += _unavailable.declare(
    __name__,
    "instructions are not counted; Timer measures times",
    functions="CopyIfCallgrind",
    classes="CallgrindStats FunctionCount FunctionCounts",
)
__all__ += _unavailable.declare(
    __name__,
    "sizes and inputs are not drawn here; draw them with random or NumPy",
    classes="FuzzedParameter FuzzedTensor Fuzzer ParameterAlias",
)
