"""The work of `gradcheck`: Jacobians by finite differences, beside those of backward."""

from __future__ import annotations

from .. import _C
from .function import Function
from .gradcheck import GradcheckError, _differentiable_outputs, _tensors


class _UndefinedGrad(Function):
    """The identity, whose backward gives no gradient at all."""

    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return None


class Check:
    """One function at one point; complex tensors are real ones with a last dimension of 2."""

    def __init__(self, func, inputs, eps, atol, rtol, nondet_tol):
        self._func, self._eps, self._atol, self._rtol = func, eps, atol, rtol
        self._nondet_tol = nondet_tol
        self._arguments = list(inputs)
        self._complex = []  # positions of complex arguments, which the function gets back as such
        self._wanted = []  # positions of arguments to differentiate by
        for i, value in enumerate(inputs):
            if not isinstance(value, _C.Tensor) or not value.requires_grad:
                continue
            self._check_input(i, value)
            value.retain_grad()
            if value.is_complex():
                self._arguments[i] = _C.view_as_real(value.detach()).requires_grad_()
                self._complex.append(i)
            self._wanted.append(i)
        if not self._wanted:
            raise ValueError(
                "gradcheck expects at least one input tensor to require gradient, but none of "
                "them have requires_grad=True."
            )
        self._leaves = tuple(self._arguments[i] for i in self._wanted)

    @staticmethod
    def _check_input(i, value):
        if value.dtype not in (_C.float64, getattr(_C, "complex128", None)):
            import warnings

            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex. ",
                stacklevel=5,
            )
        if any(step == 0 and size > 1 for step, size in zip(value.stride(), value.shape)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs "
                "that are non-overlapping to be able to compute the numerical gradients "
                "correctly. You should call .contiguous on the input before passing it to "
                "gradcheck."
            )

    def _outputs(self):
        arguments = list(self._arguments)
        for i in self._complex:
            arguments[i] = _C.view_as_complex(arguments[i])
        outputs = _tensors(self._func(*arguments))
        return tuple(_C.view_as_real(o) if o.is_complex() else o for o in outputs)

    def run(self, check_undefined_grad, check_grad_dtypes):
        outputs = self._outputs()
        differentiable = [k for k, o in enumerate(outputs) if o.requires_grad]
        numerical = self._numerical(list(outputs))
        if not differentiable:
            if any(matrix.ne(0).any().item() for row in numerical for matrix in row):
                raise GradcheckError("Numerical gradient for function expected to be zero")
            return
        for k in differentiable:
            self._compare(k, outputs[k], numerical, check_grad_dtypes)
        outputs = tuple(outputs[k] for k in differentiable)
        self._check_linear(outputs)
        if check_undefined_grad:
            self._check_undefined()

    def _numerical(self, outputs):
        """[argument][output]: a matrix of argument elements by output elements."""
        return [self._numerical_by(leaf, outputs) for leaf in self._leaves]

    def _numerical_by(self, leaf, outputs):
        # Not detach(): changing it must not look like a change of what was saved.
        values = leaf.data
        columns = [[] for _ in outputs]
        for index in _indices(leaf.shape):
            former = values[index].item()
            shifted = []
            try:
                for step in (self._eps, -self._eps):
                    values[index] = former + step
                    shifted.append([o.detach().clone() for o in self._outputs()])
            finally:
                values[index] = former
            for k, (up, down, at) in enumerate(zip(*shifted, outputs)):
                if up.shape != at.shape or down.shape != at.shape or up.dtype != down.dtype:
                    raise AssertionError(
                        "Expected `func` to return outputs with the same shape and dtype when "
                        f"inputs are perturbed by {self._eps}, but got {tuple(up.shape)} and "
                        f"{tuple(down.shape)}, {up.dtype} and {down.dtype}."
                    )
                if up.is_floating_point():
                    columns[k].append(((up - down) / (2 * self._eps)).reshape(-1))
                else:
                    columns[k].append(_C.zeros(up.numel(), dtype=leaf.dtype))
        return [
            _C.stack(column) if column else _C.zeros(0, output.numel(), dtype=leaf.dtype)
            for column, output in zip(columns, outputs)
        ]

    def _compare(self, k, output, numerical, check_grad_dtypes):
        first = self._analytical(output, check_grad_dtypes)
        second = self._analytical(output, False)
        for i, (once, again) in enumerate(zip(first, second)):
            expected = numerical[i][k].to(once.dtype)
            if not _C.allclose(once, expected, rtol=self._rtol, atol=self._atol):
                raise GradcheckError(
                    f"Jacobian mismatch for output {k} with respect to input {self._wanted[i]},\n"
                    f"numerical:{expected}\nanalytical:{once}\n"
                )
            if once.numel() and not (once - again).abs().max().item() <= self._nondet_tol:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and "
                    "grad_output multiple times gives different values, although analytical "
                    "gradient matches numerical gradient.The tolerance for nondeterminism was "
                    f"{self._nondet_tol}."
                )

    def _analytical(self, output, check_dtypes):
        from .. import autograd

        rows = [[] for _ in self._leaves]
        seed = _C.zeros_like(output)
        for index in _indices(output.shape):
            seed[index] = 1
            grads = autograd.grad(output, self._leaves, seed, retain_graph=True, allow_unused=True)
            for row, grad, leaf in zip(rows, grads, self._leaves):
                if grad is None:
                    grad = _C.zeros_like(leaf)
                if check_dtypes and grad.dtype != leaf.dtype:
                    raise GradcheckError("Gradient has dtype mismatch")
                if grad.shape != leaf.shape:
                    raise GradcheckError("Analytical gradient has incorrect size")
                row.append(grad.detach().reshape(-1).clone())
            seed[index] = 0  # only now: a gradient may be the seed itself
        return [
            _C.stack(row, 1) if row else _C.zeros(leaf.numel(), 0, dtype=leaf.dtype)
            for row, leaf in zip(rows, self._leaves)
        ]

    def _check_linear(self, outputs):
        """Zero gradients in must give zero gradients out, of the right kind."""
        from .. import autograd

        zeros = tuple(_C.zeros_like(o) for o in outputs)
        grads = autograd.grad(outputs, self._leaves, zeros, retain_graph=True, allow_unused=True)
        for grad, leaf in zip(grads, self._leaves):
            if grad is None:
                continue
            if grad.ne(0).any().item():
                raise GradcheckError("backward not multiplied by grad_output")
            if grad.dtype != leaf.dtype:
                raise GradcheckError("grad is incorrect type")
            if grad.device != leaf.device:
                raise GradcheckError("grad is incorrect device")
            if grad.shape != leaf.shape:
                raise GradcheckError("grad is incorrect size")

    def _check_undefined(self):
        """Backward must bear missing gradients: of all outputs, and of each one alone."""
        from .. import autograd

        count = len(_differentiable_outputs(self._outputs()))
        cases = [range(count)] + ([[k] for k in range(count)] if count > 1 else [])
        for undefined in cases:
            outputs = _differentiable_outputs(self._outputs())
            guarded = tuple(
                _UndefinedGrad.apply(o) if k in undefined else o for k, o in enumerate(outputs)
            )
            zeros = tuple(_C.zeros_like(o) for o in outputs)
            try:
                grads = autograd.grad(guarded, self._leaves, zeros, allow_unused=True)
            except RuntimeError as error:
                raise GradcheckError(
                    f"Expected backward function to handle undefined output grads: {error}"
                ) from error
            if any(grad is not None and grad.ne(0).any().item() for grad in grads):
                raise GradcheckError(
                    "Expected all input grads to be undefined or zero when all output grads are "
                    "undefined or zero."
                )


def _indices(shape):
    from itertools import product

    return product(*map(range, shape))


def numerical_jacobian(function, x, eps):
    """[elements of x, elements of function()], by changing x in place."""
    data, rows = x.detach(), []
    for index in _indices(x.shape):
        before, ends = data[index].clone(), []
        for step in (eps, -eps):
            data[index] = before + step
            ends.append(function().detach().reshape(-1).clone())
        data[index] = before
        rows.append((ends[0] - ends[1]) / (2 * eps))
    if not rows:
        return _C.zeros(0, function().numel(), dtype=x.dtype)
    return _C.stack(rows)


def analytical_jacobian(inputs, output):
    """((the same of backward for each input), whether sizes fit, whether dtypes fit)."""
    from .. import autograd

    jacobians = tuple(_C.zeros(x.numel(), output.numel(), dtype=x.dtype) for x in inputs)
    sizes_fit = dtypes_fit = True
    for column in range(output.numel()):
        seed = _C.zeros(output.numel(), dtype=output.dtype, device=output.device)
        seed[column] = 1
        grads = autograd.grad(
            output, inputs, seed.reshape(output.shape), retain_graph=True, allow_unused=True
        )
        for x, jacobian, grad in zip(inputs, jacobians, grads):
            if grad is None:
                continue
            sizes_fit = sizes_fit and grad.shape == x.shape
            dtypes_fit = dtypes_fit and grad.dtype == x.dtype
            if grad.shape == x.shape:
                jacobian[:, column] = grad.reshape(-1)
    return jacobians, sizes_fit, dtypes_fit
