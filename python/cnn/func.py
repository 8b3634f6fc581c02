"""Transforms of functions: derivatives as functions, batches of calls, modules as functions.

`vmap` calls the function slice by slice. Derivatives are by reverse mode, which `jvp` uses twice.
"""

from __future__ import annotations

from . import _absent, _faces, nn
from ._functorch.eager_transforms import (
    debug_unwrap,
    functionalize,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    vjp,
)
from ._functorch.functional_call import functional_call, stack_module_state
from ._functorch.vmap import vmap
from ._unavailable import mark

__all__ = [
    "grad", "grad_and_value", "vmap", "replace_all_batch_norm_modules_", "functionalize",
    "hessian", "jacfwd", "jacrev", "jvp", "linearize", "rearrange", "vjp", "functional_call",
    "stack_module_state", "debug_unwrap",
]  # fmt: skip


def replace_all_batch_norm_modules_(root):
    """Lets all batch norms of a module use the batch's statistics; gives the module back."""
    for module in root.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root


def rearrange(tensor, pattern, **axes_lengths):
    """Refused: the package einops rearranges tensors of this package by such patterns."""
    raise NotImplementedError(
        "func.rearrange: use einops.rearrange(tensor, pattern, **axes_lengths) of the package "
        "einops, which knows the same patterns"
    )


mark("there is no compiler that would need it; call the function", functionalize)
mark("use einops.rearrange, of the package einops", rearrange)
_faces.adopt(__name__, "cnn._functorch", "torch._functorch")
_absent.explain(__name__)
