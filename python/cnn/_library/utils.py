"""Names, tags and checks that definitions of operators share."""

from __future__ import annotations

import enum
import inspect

from .. import _C
from .binding import tensors_of


class Tag(enum.Enum):
    """What is said of an operator when it is defined. Nothing here but `inplace` and `out` reads
    them.
    """

    core = 0
    cudagraph_unsafe = 1
    data_dependent_output = 2
    dynamic_output_shape = 3
    flexible_layout = 4
    generated = 5
    inplace = 6
    inplace_view = 7
    maybe_aliasing_or_mutating = 8
    needs_contiguous_strides = 9
    needs_exact_strides = 10
    needs_fixed_stride_order = 11
    nondeterministic_bitwise = 12
    nondeterministic_seeded = 13
    out = 14
    out_variant = 15
    pointwise = 16
    pt2_compliant_tag = 17
    reduction = 18
    view_copy = 19


Tag.__module__ = "cnn"  # where users find it


def normalize_tags(tags):
    """None, a tag or a sequence of tags, as a tuple."""
    if tags is None:
        return ()
    return (tags,) if isinstance(tags, Tag) else tuple(tags)


def parse_namespace(qualname):
    """("mylib", "op") of "mylib::op"."""
    parts = qualname.split("::")
    if len(parts) != 2:
        raise ValueError(
            f"Expected `qualname` to be of the form 'namespace::name', but got {qualname}. The "
            "qualname passed to the torch.library APIs must consist of a namespace and a name, "
            "e.g. aten::sin"
        )
    return tuple(parts)


def is_functional_schema(schema):
    """Whether nothing is written to and no result is a view of an argument."""
    marked = [*schema.arguments, *schema.returns]
    return not any(a.alias_info is not None for a in marked) and bool(schema.returns)


def has_kwarg_only_tensors(schema):
    """Whether a tensor can be given by keyword only."""
    return any(a.kwarg_only and a.type.holds_tensors for a in schema.arguments)


def check_aliasing(op, kernel, results, arguments):
    """RuntimeError if a result shares memory with an argument or with another result."""
    seen = {t.untyped_storage() for t in tensors_of(arguments) if t.numel()}  # one object each
    for result in tensors_of(results if isinstance(results, tuple) else (results,)):
        storage = result.untyped_storage()
        if storage in seen:
            module = getattr(inspect.getmodule(kernel), "__name__", "???")
            raise RuntimeError(
                f"{op} (with implementation in {module}): The output of this custom operator (1) "
                "must not also be an input to this custom operator and (2) may not alias any "
                "inputs to this custom operator or other returns. The most common way to trigger "
                "this error is if we have y = custom_op(x) and y and x are the same Tensor. "
                "Please instead return a clone of the offending output tensor(s) (e.g. return "
                "x.clone()) or refactor the custom operator to not return y."
            )
        if result.numel():
            seen.add(storage)


def device_of(arguments):
    """The type of device that decides which kernel runs."""
    kinds = {t.device.type for t in tensors_of(arguments)}
    if not kinds:
        kinds = {a.type for a in arguments if isinstance(a, _C.device)}
    for kind in ("meta", "cuda", "cpu"):
        if kind in kinds:
            return kind
    return "cpu"
