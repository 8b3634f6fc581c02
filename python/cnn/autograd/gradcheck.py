"""Checks of gradients against finite differences: df/dx = (f(x + eps) - f(x - eps)) / (2 eps),
element by element.
"""

from __future__ import annotations

from .. import _C

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """A gradient does not agree with the function."""


def gradcheck(
    func,
    inputs,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_batched_forward_grad=False,
    check_forward_ad=False,
    check_backward_ad=True,
    fast_mode=False,
    masked=None,
):
    """True if the gradients agree with finite differences; else GradcheckError, or False.

    Tensors among `inputs` that require grad are checked, and should be float64. Complex values
    count as pairs of real ones. `fast_mode` is accepted; the whole Jacobian is compared all the
    same.
    """
    for name, asked in (
        ("check_batched_grad", check_batched_grad),
        ("check_batched_forward_grad", check_batched_forward_grad),
        ("check_forward_ad", check_forward_ad),
        ("masked", masked),
    ):
        if asked:
            raise NotImplementedError(
                f"gradcheck: {name}={asked} is not available; check backward without it"
            )
    if not check_backward_ad:
        raise AssertionError(
            "Expected at least one of check_forward_ad or check_backward_ad to be True"
        )
    inputs = (inputs,) if isinstance(inputs, _C.Tensor) else tuple(inputs)
    from ._checking import Check  # at first use: most programs check no gradient

    check = Check(func, inputs, eps, atol, rtol, nondet_tol)
    try:
        check.run(check_undefined_grad, check_grad_dtypes)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func,
    inputs,
    grad_outputs=None,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    gen_non_contig_grad_outputs=False,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_fwd_over_rev=False,
    check_rev_over_rev=True,
    fast_mode=False,
    masked=False,
):
    """`gradcheck` of the gradients of `func`, by `inputs` and `grad_outputs` (default: random)."""
    if check_fwd_over_rev or not check_rev_over_rev:
        raise NotImplementedError(
            "gradgradcheck: forward mode is not available; use reverse over reverse"
        )
    inputs = (inputs,) if isinstance(inputs, _C.Tensor) else tuple(inputs)
    if grad_outputs is None:
        outputs = _differentiable_outputs(func(*inputs))
        grad_outputs = tuple(_random_like(o, gen_non_contig_grad_outputs) for o in outputs)
    elif isinstance(grad_outputs, _C.Tensor):
        grad_outputs = (grad_outputs,)
    count = len(grad_outputs)

    def gradients(*args):
        from .. import autograd

        arguments, grads = args[: len(args) - count], args[len(args) - count :]
        wanted = tuple(a for a in arguments if isinstance(a, _C.Tensor) and a.requires_grad)
        outputs = _differentiable_outputs(func(*arguments))
        result = autograd.grad(outputs, wanted, grads, create_graph=True, allow_unused=True)
        return tuple(g for g in result if g is not None)

    return gradcheck(
        gradients,
        inputs + tuple(grad_outputs),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
        masked=masked,
    )


def get_numerical_jacobian(fn, inputs, target=None, eps=1e-3, grad_out=1.0):
    """By finite differences, a matrix [elements of x, elements of the first output] for each x of
    `target` (default: `inputs`) that requires grad. `fn` takes `inputs` as one tuple; x is changed
    in place, and back.
    """
    from ._checking import numerical_jacobian

    _check_grad_out("get_numerical_jacobian", grad_out)
    return tuple(
        numerical_jacobian(lambda: _tensors(fn(inputs))[0], x, eps)
        for x in _differentiable_outputs(inputs if target is None else target)
    )


def get_analytical_jacobian(inputs, output, nondet_tol=0.0, grad_out=1.0):
    """By backward: (such a matrix for each of `inputs` that requires grad, whether a second run
    gives the same, whether sizes fit, whether dtypes fit).
    """
    from ._checking import analytical_jacobian

    _check_grad_out("get_analytical_jacobian", grad_out)
    if output.is_complex():
        raise ValueError(
            "Expected output to be non-complex. get_analytical_jacobian no longer supports "
            "functions that return complex outputs."
        )
    inputs = _differentiable_outputs(inputs)
    first, sizes_fit, dtypes_fit = analytical_jacobian(inputs, output)
    second, _, _ = analytical_jacobian(inputs, output)
    same = all((a - b).abs().max() <= nondet_tol for a, b in zip(first, second) if a.numel())
    return first, same, sizes_fit, dtypes_fit


def _check_grad_out(name, grad_out):
    if grad_out != 1.0:
        raise ValueError(
            f"Expected grad_out to be 1.0. {name} no longer supports values of grad_out != 1.0."
        )


def _tensors(outputs):
    outputs = (outputs,) if isinstance(outputs, _C.Tensor) else outputs
    return tuple(o for o in outputs if isinstance(o, _C.Tensor))


def _differentiable_outputs(outputs):
    return tuple(o for o in _tensors(outputs) if o.requires_grad)


def _random_like(output, strided):
    dtype = output.dtype if output.is_floating_point() or output.is_complex() else _C.float64
    shape = tuple(output.shape)
    values = _C.randn(shape, dtype=dtype, device=output.device)
    if strided and values.numel():
        values = _C.stack([values, values], -1).select(-1, 0)
    return values.detach().requires_grad_()
