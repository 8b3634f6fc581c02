"""What the functions of linear algebra check, and how they say that a matrix would not do."""

from __future__ import annotations

from collections import namedtuple
from functools import wraps

from .. import _C
from ..autograd.function import Function

LinAlgError = _C._LinAlgError


NAMED = {}  # the classes of named results, by name


def named(name, fields):
    """A named tuple as PyTorch has it in `torch.return_types`, and prints it."""
    made = namedtuple(name, fields)
    made.__module__ = "torch.return_types"
    made.__repr__ = _repr
    NAMED[name] = made
    return made


def _repr(result):
    parts = [f"{field}={value!r}" for field, value in zip(result._fields, result)]
    return f"torch.return_types.{type(result).__name__}(\n" + ",\n".join(parts) + ")"


# NumPy's names of arguments, which PyTorch's functions take too.
_NUMPYS = {
    "axis": "dim",
    "keepdims": "keepdim",
    "x": "input",
    "a": "input",
    "x1": "input",
    "x2": "other",
}


def with_numpys_names(function):
    """The function, which takes its arguments by NumPy's names as well."""
    code = function.__code__
    own = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    aliases = {a: name for a, name in _NUMPYS.items() if name in own and a not in own}
    if not aliases:
        return function

    @wraps(function)
    def wrapper(*args, **kwargs):
        if kwargs:
            kwargs = {aliases.get(name, name): value for name, value in kwargs.items()}
        return function(*args, **kwargs)

    return wrapper


def type_name(dtype):
    """What PyTorch's messages call a dtype: 'Long'."""
    kind = _C.empty(0, dtype=dtype, device="cpu").type().rpartition(".")[2]
    return kind.removesuffix("Tensor")


def require_floating(op, *tensors, kernel=None, low_precision=False):
    """RuntimeError unless all are float32 or float64.

    `low_precision`: 16-bit floats will do. With `kernel` they are what PyTorch's kernel of that
    name does not have.
    """
    for x in tensors:
        require_tensor(op, x)
        if not x.is_floating_point():
            raise RuntimeError(
                f"{op}: Expected a floating point or complex tensor as input. "
                f"Got {type_name(x.dtype)}"
            )
        if not low_precision and x.dtype not in (_C.float32, _C.float64):
            if kernel is not None:
                require_kernel(kernel, x)
            raise RuntimeError(
                f"{op}: Low precision dtypes not supported. Got {type_name(x.dtype)}"
            )


def require_kernel(kernel, x):
    """NotImplementedError unless x is float32 or float64."""
    require_tensor(kernel, x)
    if x.dtype not in (_C.float32, _C.float64):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{type_name(x.dtype)}'")


def require_tensor(op, x):
    if not isinstance(x, _C.Tensor):
        raise TypeError(f"{op}(): argument must be Tensor, not {type(x).__name__}")


def require_matrix(op, x, name="A"):
    require_tensor(op, x)
    if x.dim() < 2:
        raise RuntimeError(f"{op}: The input tensor {name} must have at least 2 dimensions.")


def require_square(op, x, name="A"):
    require_matrix(op, x, name)
    if x.shape[-1] != x.shape[-2]:
        raise RuntimeError(
            f"{op}: {name} must be batches of square matrices, but they are "
            f"{x.shape[-2]} by {x.shape[-1]} matrices"
        )


def require_same(op, a, b, first="A", second="B"):
    """RuntimeError unless both have one dtype and one device."""
    require_tensor(op, a)
    require_tensor(op, b)
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"{op}: Expected {first} and {second} to have the same dtype, but found {first} of "
            f"type {type_name(a.dtype)} and {second} of type {type_name(b.dtype)} instead"
        )
    if a.device != b.device:
        raise RuntimeError(
            f"{op}: Expected {first} and {second} to be on the same device, but found {first} on "
            f"{a.device} and {second} on {b.device} instead"
        )


def require_solvable(op, a, b, left):
    """RuntimeError unless A X = B, or X A = B, has fitting shapes."""
    require_square(op, a)
    require_matrix(op, b, "B")
    if b.shape[-2 if left else -1] != a.shape[-1]:
        raise RuntimeError(
            f"{op}: Incompatible shapes of A and B for the equation "
            f"{'AX = B' if left else 'XA = B'} ({a.shape[-2]}x{a.shape[-1]} and "
            f"{b.shape[-2]}x{b.shape[-1]})"
        )


def broadcast_batches(a, b):
    """Both, with their leading dimensions expanded to common ones."""
    batch = _C.broadcast_tensors(
        _C.empty(a.shape[:-2], device="meta"), _C.empty(b.shape[:-2], device="meta")
    )[0].shape
    return a.expand(*batch, *a.shape[-2:]), b.expand(*batch, *b.shape[-2:])


# What `info` says of each kind of algorithm.
_TEXTS = {
    "inv": "The diagonal element {0} is zero, the inversion could not be completed because the "
    "input matrix is singular.",
    "solve": "The solver failed because the input matrix is singular.",
    "cholesky": "The factorization could not be completed because the input is not "
    "positive-definite (the leading minor of order {0} is not positive-definite).",
    "svd": "The algorithm failed to converge because the input matrix is ill-conditioned or has "
    "too many repeated singular values (error code: {0}).",
    "non_finite": "The algorithm failed to converge because the input matrix contained non-finite "
    "values.",
    "eigh": "The algorithm failed to converge because the input matrix is ill-conditioned or has "
    "too many repeated eigenvalues (error code: {0}).",
    "ldl_factor": "The block of D at row {0} is zero, with which no system can be solved. "
    "linalg.ldl_factor_ex gives the factors nevertheless.",
    "lstsq": "The least squares solution could not be computed because the input matrix does not "
    "have full rank (error code: {0}).",
    "lu_factor": "U[{0},{0}] is zero and using it on lu_solve would result in a division by zero. "
    "If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
    "linalg.lu_factor_ex(A, pivot)",
}  # fmt: skip


def reason(kind, code):
    return _TEXTS[kind].format(code)


def check_info(op, kind, info):
    """An error about the first matrix of a batch whose `info` is not 0: LinAlgError, or of factors
    that may be wanted as they are, RuntimeError."""
    if info.is_meta or not info.any():
        return
    flat = info.reshape(-1)
    at = int(flat.nonzero()[0])
    error = RuntimeError if kind in ("lu_factor", "ldl_factor") else LinAlgError
    fail(op, reason(kind, flat[at].item()), None if info.dim() == 0 else at, error)


def fail(op, text, at, error=LinAlgError):
    """Raises an error about matrix `at` of a batch, or about the only one."""
    where = "" if at is None else f"(Batch element {at}): "
    raise error(f"{op}: {where}{text}")


class _WithoutDerivative(Function):
    @staticmethod
    def forward(ctx, op, results, *inputs):
        ctx.op = op
        ctx.mark_non_differentiable(*(r for r in results if not r.is_floating_point()))
        return results

    @staticmethod
    def backward(ctx, *_):
        raise NotImplementedError(f"the derivative for '{ctx.op}' is not implemented.")


def without_derivative(op, results, *inputs):
    """The results, which raise where backward reaches them."""
    if _C.is_grad_enabled() and any(x.requires_grad for x in inputs):
        return _WithoutDerivative.apply(op, results, *inputs)
    return results


def into(out, result, op):
    """`result`, or `out` with the result copied into it.

    Of named results `out` is a sequence with as many tensors, and so is what comes back.
    """
    if out is None:
        return result
    if isinstance(result, tuple):
        if isinstance(out, _C.Tensor) or len(out) != len(result):
            raise TypeError(
                f"{op}(): argument 'out' must be tuple of {len(result)} Tensors, not "
                f"{type(out).__name__}"
            )
        for given, made in zip(out, result):
            require_castable(op, given, made)
        written = [into(o, r, op) for o, r in zip(out, result)]
        return result._make(written) if hasattr(result, "_make") else tuple(written)
    require_castable(op, out, result)
    return _C._copy_out(result, op, out)


def require_castable(op, out, result):
    if not _C.can_cast(result.dtype, out.dtype):
        raise RuntimeError(
            f"{op}: Expected result to be safely castable from {type_name(result.dtype)} dtype, "
            f"but got result with dtype {type_name(out.dtype)}"
        )
    if out.device != result.device:
        raise RuntimeError(
            f"{op}: Expected result and input tensors to be on the same device, but got result on "
            f"{out.device} and input on {result.device}"
        )
