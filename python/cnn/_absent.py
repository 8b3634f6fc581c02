"""What is said of PyTorch's names that cnn does not have: AttributeError, with a word on what to
use instead, or that there is nothing.
"""

from __future__ import annotations

import sys

_NOTHING = "cnn has nothing in its place"

_COMPLEX = "there are no complex tensors; keep real and imaginary parts apart"
_MATRICES = "it is a function of cnn.linalg"
_COMPILER = "there are no scripts in PyTorch's own language; write Python"

# Sentences, and the names that each is about: of modules and of Tensor alike.
_SENTENCES = {
    _COMPLEX: """
        cdouble cfloat chalf complex polar view_as_complex view_as_complex_copy view_as_real
        view_as_real_copy""",
    "there are no sparse tensors; use dense ones": """
        ccol_indices ccol_indices_copy coalesce col_indices col_indices_copy crow_indices
        crow_indices_copy dense_dim hspmm indices indices_copy is_coalesced is_sparse_csr
        resize_as_sparse_ row_indices row_indices_copy smm sparse_bsc_tensor
        sparse_bsr_tensor sparse_compressed_tensor sparse_coo_tensor sparse_csc_tensor
        sparse_csr_tensor sparse_dim sparse_mask sparse_resize_ sparse_resize_and_clear_ sspaddmm
        to_dense to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr
        values values_copy""",
    "there are no quantized tensors; keep integers and their scale apart": """
        fake_quantize_per_channel_affine fake_quantize_per_tensor_affine int_repr
        q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point
        qscheme quantize_per_channel quantize_per_tensor quantize_per_tensor_dynamic
        quantized_batch_norm quantized_max_pool1d quantized_max_pool2d""",
    _MATRICES: """
        cholesky_ex eigh eigvals eigvalsh householder_product inv inv_ex ldl_factor
        ldl_factor_ex ldl_solve lu_factor lu_factor_ex multi_dot pinv solve_ex
        solve_triangular svdvals tensorinv tensorsolve""",
    "there are no Fourier transforms; use numpy.fft on t.numpy()": "istft stft",
    "clone() the tensor and copy_() into the view": "slice_inverse",
    _COMPILER: """
        ScriptClass import_ir_module import_ir_module_from_buffer merge_type_from_type_comment
        parse_ir parse_type_comment unify_type_list""",
    "use func, whose functions these are": "functionalize jacfwd jacrev grad_and_value",
    "use resize_": "resize resize_as",
}
_SENTENCE_OF = {name: text for text, names in _SENTENCES.items() for name in names.split()}

# Names of another place: where they stand here.
_ELSEWHERE = {"embedding_bag": "cnn.nn.functional.embedding_bag"}

# Of Tensor, whose attributes are looked up without asking a function: each gets a descriptor.
_OF_TENSOR = """
    cdouble cfloat chalf hash_tensor index istft resize resize_as resize_as_sparse_ slice_inverse
    smm sparse_mask sparse_resize_ sparse_resize_and_clear_ sspaddmm stft to_mkldnn
    to_padded_tensor to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc
    to_sparse_csr
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
