"""The op table: every op that is bound, with its reference. `test_ops.py` proves the rows."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

from op_rows.large import CASES

FAMILIES = (
    "arithmetic",
    "unary",
    "compare",
    "activation",
    "reduce",
    "shape",
    "index",
    "matmul",
    "nn",
    "create",
    "resample",
    "sequence",
    "special",
    "view_copies",
)

ROWS = [row for family in FAMILIES for row in import_module(f"op_rows.{family}").ROWS]
ROWS = [row if row.large else replace(row, large=CASES.get(row.name)) for row in ROWS]

# Bound, but nothing that a reference could be compared with.
PROPERTIES = """
    _memory_format_of
    const_data_ptr data_ptr dim element_size get_device has_names is_complex is_conj is_contiguous
    is_floating_point is_inference is_neg is_same_size is_set_to is_shared is_signed _is_view item
    ndimension nelement numel size storage_offset stride tolist type untyped_storage
    __array__ __array_wrap__ __complex__ __dlpack__ __dlpack_device__ numpy allclose equal
"""
AUTOGRAD = "register_hook register_post_accumulate_grad_hook requires_grad_ retain_grad as_subclass"
UNINITIALISED = """
    new empty empty_like empty_strided new_empty new_empty_strided resize_ resize_as_ set_
"""
IN_PLACE_ONLY = "copy_ _copy_out fill_diagonal_ imag zero_ share_memory_"
DEVICES = "cpu cuda is_pinned pin_memory"
OBJECTS = "_swap_impl"  # in test_more_utils.py
RANDOM = """
    bernoulli bernoulli_ binomial cauchy_ exponential_ geometric_ log_normal_ multinomial normal
    normal_ poisson rand rand_like randint randint_like randn randn_like random_ randperm uniform_
    _sample_dirichlet _standard_gamma _dirichlet_grad _standard_gamma_grad
"""
OPTIMIZER_STEPS = """
    _adadelta_step _adagrad_step _adam_step _adamax_step _asgd_step _nadam_step _norm_of_all _radam_step
    _rmsprop_step _rprop_step _scale_all_ _sgd_step
"""
# What cnn.linalg stands on; see test_linalg.py. Nothing is recorded.
FACTORS = "_cholesky_factor _lu_factor _solve_triangle"

# In test_vision_ops.py, with their gradients.
VISION = """
    _vision_nms _vision_box_iou_rotated _vision_roi_align _vision__roi_align_backward _vision_roi_pool
    _vision__roi_pool_backward _vision_ps_roi_align _vision__ps_roi_align_backward _vision_ps_roi_pool
    _vision__ps_roi_pool_backward _vision_deform_conv2d _vision__deform_conv2d_backward
"""
NOT_OPS = {
    name
    for names in (
        PROPERTIES, AUTOGRAD, UNINITIALISED, IN_PLACE_ONLY, DEVICES, RANDOM, OPTIMIZER_STEPS,
        FACTORS, OBJECTS, VISION,
    )
    for name in names.split()
}  # fmt: skip
