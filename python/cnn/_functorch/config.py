"""Settings of PyTorch's tracing of gradients; none is read."""

import sys

from .. import _compiler_settings

_compiler_settings.make(
    sys.modules[__name__],
    activation_memory_budget=1.0,
    donated_buffer=False,
    functionalize_rng_ops=False,
    generate_fake_kernels_from_real_mismatches=False,
)
