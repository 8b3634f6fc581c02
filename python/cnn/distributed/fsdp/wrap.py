"""Which modules of a model would be divided."""

from ... import _unavailable
from .._instead import WHOLE_MODELS

__all__ = _unavailable.declare(
    __name__,
    WHOLE_MODELS,
    functions="""
        always_wrap_policy enable_wrap lambda_auto_wrap_policy size_based_auto_wrap_policy
        transformer_auto_wrap_policy wrap _or_policy""",
    classes="CustomPolicy ModuleWrapPolicy _FSDPPolicy _Policy",
    error=NotImplementedError,
)
