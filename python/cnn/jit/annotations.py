"""Types of scripts: for imports."""

from typing import Any, Dict, List, Optional, Tuple, Union  # noqa: F401, UP035

from .. import _absent
from .._jit_internal import (  # noqa: F401
    BroadcastingList1,
    BroadcastingList2,
    BroadcastingList3,
    Future,
    is_dict,
    is_list,
    is_optional,
    is_tuple,
)

_absent.explain(__name__)
