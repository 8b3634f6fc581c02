"""Triangular systems and Cholesky factors, differentiable any number of times."""

from __future__ import annotations

from .. import _C
from ..autograd.function import Function


def solve_triangle(a, b, upper, left=True, unit=False):
    """X of A X = B, or X A = B, for triangles A; the other triangle is not read."""
    if _C.is_grad_enabled() and (a.requires_grad or b.requires_grad):
        return LinalgSolveTriangular.apply(a, b, upper, left, unit)
    return _C._solve_triangle(a, b, upper, left, unit)


class LinalgSolveTriangular(Function):
    """Giles (2008), section 2.3.1, for a matrix of which a triangle counts."""

    @staticmethod
    def forward(ctx, a, b, upper, left, unit):
        x = _C._solve_triangle(a, b, upper, left, unit)
        ctx.save_for_backward(a, x)
        ctx.form = upper, left, unit
        return x

    @staticmethod
    def backward(ctx, grad):
        a, x = ctx.saved_tensors
        upper, left, unit = ctx.form
        grad_b = solve_triangle(a.mT, grad, not upper, left, unit)
        if not ctx.needs_input_grad[0]:
            return None, grad_b, None, None, None
        grad_a = -(grad_b @ x.mT if left else x.mT @ grad_b)
        grad_a = grad_a.triu(int(unit)) if upper else grad_a.tril(-int(unit))
        return grad_a, grad_b, None, None, None


def cholesky(a, upper=False):
    """The factor L (or its transpose) and info; of A its lower (upper) triangle is read."""
    if _C.is_grad_enabled() and a.requires_grad:
        factor, info = LinalgCholeskyEx.apply(a if upper else a.mT)
    else:
        factor, info = _C._cholesky_factor(a if upper else a.mT)
    return factor if upper else factor.mT, info


class LinalgCholeskyEx(Function):
    """Murray (2016), equation 10. The gradient is symmetric, though one triangle is read."""

    @staticmethod
    def forward(ctx, a):
        upper, info = _C._cholesky_factor(a)
        ctx.save_for_backward(upper)
        ctx.mark_non_differentiable(info)
        return upper, info

    @staticmethod
    def backward(ctx, grad, _):
        (upper,) = ctx.saved_tensors
        product = (grad @ upper.mT).triu()
        middle = (product + product.triu(1).mT) / 2
        right = solve_triangle(upper.mT, middle, False, left=False)
        return solve_triangle(upper, right, True)  # inv(U) middle inv(U)'


def cholesky_solve(b, factor, upper):
    """X of A X = B by the factor of A."""
    if _C.is_grad_enabled() and (b.requires_grad or factor.requires_grad):
        return CholeskySolve.apply(b, factor, upper)
    lower = factor.mT if upper else factor
    first = _C._solve_triangle(lower, b, False, True, False)
    return _C._solve_triangle(lower.mT, first, True, True, False)


class CholeskySolve(Function):
    @staticmethod
    def forward(ctx, b, factor, upper):
        x = cholesky_solve(b.detach(), factor.detach(), upper)
        ctx.save_for_backward(factor, x)
        ctx.upper = upper
        return x

    @staticmethod
    def backward(ctx, grad):
        factor, x = ctx.saved_tensors
        grad_b = cholesky_solve(grad, factor, ctx.upper)
        if not ctx.needs_input_grad[1]:
            return grad_b, None, None
        return grad_b, _of_factor(-(grad_b @ x.mT), factor, ctx.upper), None


def _of_factor(grad, factor, upper):
    """The gradient of the factor, given that of the matrix."""
    both = grad + grad.mT
    return factor.triu() @ both if upper else both @ factor.tril()


def cholesky_inverse(factor, upper):
    """inv(A) = inv(L)' inv(L) by the factor of A, symmetric to the last bit."""
    if _C.is_grad_enabled() and factor.requires_grad:
        return CholeskyInverse.apply(factor, upper)
    eye = _C.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device).expand(factor.shape)
    first = _C._solve_triangle(factor.mT if upper else factor, eye, False, True, False)
    return first.mT @ first


class CholeskyInverse(Function):
    @staticmethod
    def forward(ctx, factor, upper):
        inverse = cholesky_inverse(factor.detach(), upper)
        ctx.save_for_backward(factor, inverse)
        ctx.upper = upper
        return inverse

    @staticmethod
    def backward(ctx, grad):
        factor, inverse = ctx.saved_tensors
        return _of_factor(-(inverse @ grad @ inverse), factor, ctx.upper), None
