"""Settings of PyTorch's compiler; none is read."""

import sys

from .. import _compiler_settings

_compiler_settings.make(
    sys.modules[__name__], job_id=None, dynamic_sources="", unbacked_sources="", cache_key_tag=""
)
