"""Settings of PyTorch's tracing compiler; none is read."""

import sys

from .. import _compiler_settings

_compiler_settings.make(
    sys.modules[__name__],
    accumulated_cache_size_limit=256,
    accumulated_recompile_limit=256,
    allow_unspec_int_on_nn_module=False,
    assume_static_by_default=True,
    automatic_dynamic_shapes=True,
    cache_size_limit=8,
    capture_dynamic_output_shape_ops=False,
    capture_scalar_outputs=False,
    compiled_autograd=False,
    disable=False,
    do_not_emit_runtime_asserts=False,
    dynamic_shapes=True,
    error_on_recompile=False,
    force_parameter_static_shapes=True,
    guard_nn_modules=True,
    inline_inbuilt_nn_modules=True,
    log_level=30,
    numpy_default_complex="complex128",
    numpy_default_float="float64",
    numpy_default_int="int64",
    optimize_ddp=True,
    recompile_limit=8,
    skip_fsdp_hooks=True,
    specialize_float=False,
    specialize_int=False,
    suppress_errors=False,
    trace_numpy=True,
    verbose=False,
)
