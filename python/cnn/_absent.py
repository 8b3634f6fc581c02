"""What is said of PyTorch's names that cnn does not have: AttributeError, with a word on what to
use instead, or that there is nothing.
"""

from __future__ import annotations

import sys

_NOTHING = "cnn has nothing in its place"

_COMPLEX = "there are no complex tensors; keep real and imaginary parts apart"
_MATRICES = "it is a function of cnn.linalg"
_COPIES = "take the view of that name, and clone() it"
_COMPILER = "there are no scripts in PyTorch's own language; write Python"
_IN_PLACE = "there is no such change in place; compute the new values, and copy_() them"

# Sentences, and the names that each is about: of modules and of Tensor alike.
_SENTENCES = {
    _COMPLEX: """
        angle cdouble cfloat chalf complex conj_physical conj_physical_ polar view_as_complex
        view_as_complex_copy view_as_real view_as_real_copy resolve_conj resolve_neg""",
    "tensors are real, and so their own conjugate": "adjoint conj imag real",
    "there are no sparse tensors; use dense ones": """
        ccol_indices ccol_indices_copy coalesce col_indices col_indices_copy crow_indices
        crow_indices_copy dense_dim hspmm indices indices_copy is_coalesced is_sparse_csr
        resize_as_sparse_ row_indices row_indices_copy smm sparse_bsc_tensor
        sparse_bsr_tensor sparse_compressed_tensor sparse_coo_tensor sparse_csc_tensor
        sparse_csr_tensor sparse_dim sparse_mask sparse_resize_ sparse_resize_and_clear_ sspaddmm
        to_dense to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr
        values values_copy""",
    "there are no quantized tensors; keep integers and their scale apart": """
        dequantize fake_quantize_per_channel_affine fake_quantize_per_tensor_affine int_repr
        q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point
        qscheme quantize_per_channel quantize_per_tensor quantize_per_tensor_dynamic
        quantized_batch_norm quantized_max_pool1d quantized_max_pool2d""",
    _MATRICES: """
        cholesky_ex cond eigh eigvals eigvalsh householder_product inv inv_ex ldl_factor
        ldl_factor_ex ldl_solve lu_factor lu_factor_ex multi_dot pinv solve_ex
        solve_triangular svdvals tensorinv tensorsolve""",
    "there are no Fourier transforms; use numpy.fft on t.numpy()": "istft stft",
    _COPIES: """
        alias_copy as_strided_copy detach_copy diagonal_copy expand_copy narrow_copy permute_copy
        select_copy slice_copy split_copy split_with_sizes_copy squeeze_copy t_copy transpose_copy
        unbind_copy unfold_copy unsqueeze_copy view_copy""",
    "clone() the tensor and copy_() into the view": """
        diagonal_scatter select_scatter slice_inverse slice_scatter""",
    _IN_PLACE: """
        apply_ fill_diagonal_ i0_ map2_ map_ mvlgamma_ polygamma_ renorm_""",
    _COMPILER: """
        ScriptClass import_ir_module import_ir_module_from_buffer merge_type_from_type_comment
        parse_ir parse_type_comment unify_type_list""",
    "use func, whose functions these are": "functionalize jacfwd jacrev grad_and_value",
    "use jit, whose functions these are": "ScriptFunction fork wait",
    "use library, which defines operators": "parse_schema",
    "use chunk": "unsafe_chunk",
    "use split": "unsafe_split unsafe_split_with_sizes",
    "use resize_": "resize resize_as",
    "use histc": "histogram histogramdd",
    "use new_empty and strides of as_strided": "new_empty_strided",
    "use data_ptr": "const_data_ptr",
    "use repeat_interleave or an index": "nonzero_static",
}
_SENTENCE_OF = {name: text for text, names in _SENTENCES.items() for name in names.split()}

# Names of another place: where they stand here.
_IN_FUNCTIONAL = """
    alpha_dropout bilinear channel_shuffle cosine_embedding_loss cosine_similarity ctc_loss
    embedding_bag feature_alpha_dropout hinge_embedding_loss kl_div margin_ranking_loss
    pairwise_distance pdist pixel_shuffle pixel_unshuffle poisson_nll_loss rrelu rrelu_
    triplet_margin_loss
""".split()
_ELSEWHERE = {name: f"cnn.nn.functional.{name}" for name in _IN_FUNCTIONAL} | {
    "alpha_dropout_": "cnn.nn.functional.alpha_dropout",
    "feature_alpha_dropout_": "cnn.nn.functional.feature_alpha_dropout",
    "native_channel_shuffle": "cnn.nn.functional.channel_shuffle",
    "special": "cnn",
}

# Of Tensor, whose attributes are looked up without asking a function: each gets a descriptor.
_OF_TENSOR = """
    adjoint angle apply_ ccol_indices cdouble cfloat chalf coalesce col_indices conj
    conj_physical conj_physical_ const_data_ptr crow_indices dense_dim dequantize
    diagonal_scatter dim_order fill_diagonal_ frexp grad_dtype hash_tensor histogram i0 i0_
    index indices int_repr ipu is_coalesced is_distributed is_ipu is_maia is_mtia is_sparse_csr
    is_vulkan is_xla istft map2_ map_ module_load mtia mvlgamma mvlgamma_ narrow_copy
    new_empty_strided nonzero_static polygamma polygamma_ q_per_channel_axis
    q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point qscheme record_stream
    reinforce renorm renorm_ resize resize_as resize_as_sparse_ resolve_conj resolve_neg
    row_indices select_scatter slice_inverse slice_scatter smm sparse_dim sparse_mask
    sparse_resize_ sparse_resize_and_clear_ sspaddmm stft to_dense to_mkldnn to_padded_tensor
    to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr unsafe_chunk
    unsafe_split
    unsafe_split_with_sizes values volatile xpu
""".split()


def sentence(name, module="cnn"):
    """What to use instead of a name of PyTorch's, or that there is nothing."""
    if name in _ELSEWHERE:
        return f"use {_ELSEWHERE[name]}"
    if module != "cnn" and not name.startswith("_") and name in vars(sys.modules["cnn"]):
        return f"use cnn.{name}"
    return _SENTENCE_OF.get(name, _NOTHING)


def absent(module, name):
    """The AttributeError for an attribute that a module does not have."""
    text = f"module {module!r} has no attribute {name!r}"
    if not name.startswith("__"):
        text += f": {sentence(name, module)}"
    return AttributeError(text, name=name, obj=sys.modules.get(module))


def explain(module, at_first_use=()):
    """Lets a module say what to use instead of what it does not have.

    Sub-modules named in `at_first_use` load when they are asked for.
    """

    def __getattr__(name):
        if name in at_first_use:
            import importlib

            return importlib.import_module(f"{module}.{name}")
        raise absent(module, name)

    sys.modules[module].__getattr__ = __getattr__


class _Absent:
    """An attribute that neither the class nor its instances have: `hasattr` says so."""

    __slots__ = ("_name",)

    def __init__(self, name):
        self._name = name

    def __get__(self, instance, owner=None):
        name = self._name
        cls = repr(owner.__name__)
        subject = f"type object {cls}" if instance is None else f"{cls} object"
        raise AttributeError(
            f"{subject} has no attribute {name!r}: {sentence(name)}",
            name=name,
            obj=owner if instance is None else instance,
        )


def explain_tensor(cls):
    """The same for Tensor: its instances and the class itself."""
    for name in _OF_TENSOR:
        if not hasattr(cls, name):
            setattr(cls, name, _Absent(name))


def listed(cls, names, own=()):
    """Of the names that `dir` has found, those that are there."""

    def is_absent(name):
        found = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
        return type(found) is _Absent and name not in own

    return [name for name in names if not is_absent(name)]
