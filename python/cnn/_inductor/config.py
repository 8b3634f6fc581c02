"""Settings of PyTorch's code generator; none is read."""

import sys
from types import SimpleNamespace

from .. import _compiler_settings

_compiler_settings.make(
    sys.modules[__name__],
    allow_buffer_reuse=True,
    compile_threads=1,
    conv_1x1_as_mm=False,
    coordinate_descent_tuning=False,
    coordinate_descent_check_all_directions=False,
    cpp=SimpleNamespace(threads=-1, simdlen=None),
    cpp_wrapper=False,
    debug=False,
    emulate_precision_casts=False,
    epilogue_fusion=True,
    fallback_random=False,
    force_disable_caches=False,
    force_fuse_int_mm_with_mul=False,
    freezing=False,
    fx_graph_cache=True,
    layout_optimization=True,
    max_autotune=False,
    shape_padding=True,
    split_reductions=True,
    trace=SimpleNamespace(enabled=False, graph_diagram=False),
    triton=SimpleNamespace(cudagraphs=False, cudagraph_trees=True, unique_kernel_names=True),
    use_mixed_mm=True,
)
