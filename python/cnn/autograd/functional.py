"""Products with Jacobians and Hessians of functions of tensors, by reverse mode alone.

A forward product J v is the derivative of u -> J^T u, taken with v: reverse mode used twice.
"""

from __future__ import annotations

from .. import _C, _absent, autograd
from .grad_mode import enable_grad, set_grad_enabled

__all__ = ["vjp", "jvp", "vhp", "hvp", "jacobian", "hessian"]

_OUTPUTS = "outputs of the user-provided function"


def _as_tuple(value, what, caller):
    """(was it a tuple, the tuple); TypeError unless all of it is tensors."""
    was_tuple = isinstance(value, tuple)
    values = value if was_tuple else (value,)
    for i, item in enumerate(values):
        if not isinstance(item, _C.Tensor):
            which = f"value at index {i}" if was_tuple else f"given {what}"
            raise TypeError(
                f"The {what} given to {caller} must be either a Tensor or a tuple of Tensors but "
                f"the {which} has type {type(item)}."
            )
    return was_tuple, values


def _grad_preprocess(inputs, create_graph, need_graph):
    """New objects: a tensor that the function captured must not be taken for its argument."""
    return tuple(
        t.view_as(t) if create_graph and t.requires_grad else t.detach().requires_grad_(need_graph)
        for t in inputs
    )


def _grad_postprocess(inputs, create_graph):
    if create_graph:
        return inputs
    return tuple(
        v.detach() if isinstance(v, _C.Tensor) else _grad_postprocess(v, create_graph)
        for v in inputs
    )


class _Problem:
    """A function of arguments that require grad, and a vector to multiply with, all checked."""

    def __init__(self, caller, func, inputs, create_graph, strict):
        self.caller, self.create_graph, self.strict = caller, create_graph, strict
        self.several_inputs, inputs = _as_tuple(inputs, "inputs", caller)
        self.inputs = _grad_preprocess(inputs, create_graph, True)
        self._func = func

    def run(self):
        self.several_outputs, self.outputs = _as_tuple(
            self._func(*self.inputs), _OUTPUTS, self.caller
        )
        if self.strict:
            for i, output in enumerate(self.outputs):
                if not output.requires_grad:
                    raise RuntimeError(
                        f"Output {i} of the user-provided function does not require gradients. "
                        "The outputs must be computed in a differentiable manner from the input "
                        "when running in strict mode."
                    )

    def require_scalar(self):
        if self.several_outputs:
            raise RuntimeError(f"The function given to {self.caller} should return a single Tensor")
        if self.outputs[0].numel() != 1:
            raise RuntimeError(
                f"The Tensor returned by the function given to {self.caller} should contain a "
                "single element"
            )

    def vector(self, v, like, several, otherwise):
        """`v` as a tuple of the shapes of `like`; None, if that is a single number."""
        if v is None:
            if len(like) != 1 or like[0].numel() != 1:
                raise RuntimeError(f"The vector v can only be None if {otherwise}")
            return None
        v = _grad_preprocess(_as_tuple(v, "v", self.caller)[1], self.create_graph, False)
        if len(v) != len(like):
            if not several:
                raise RuntimeError("The given v should contain a single Tensor.")
            raise RuntimeError(
                f"v is a tuple of invalid length: should be {len(like)} but got {len(v)}."
            )
        for i, (given, wanted) in enumerate(zip(v, like)):
            if given.size() != wanted.size():
                entry = f"Entry {i} in " if several else ""
                raise RuntimeError(
                    f"{entry}v has invalid size: should be {wanted.size()} but got {given.size()}."
                )
        return v

    def input_vector(self, v):
        return self.vector(
            v,
            self.inputs,
            self.several_inputs,
            "the input to the user-provided function is a single Tensor with a single element.",
        )

    def recording(self):
        return set_grad_enabled(self.create_graph or _C.is_grad_enabled())

    def filled(self, grads, like, of, on):
        """Zeros where there is no gradient, which strict mode does not allow."""
        result = []
        for i, (value, shape) in enumerate(zip(grads, like)):
            if value is None and self.strict:
                raise RuntimeError(
                    f"The {of} is independent of {on} {i}. This is not allowed in strict mode."
                )
            if value is None:
                value = _C.zeros_like(shape)
            elif self.strict and self.create_graph and not value.requires_grad:
                raise RuntimeError(
                    f"The derivative of the {of} is independent of {on} {i}. This is not allowed "
                    "in strict mode when create_graph=True."
                )
            result.append(value)
        return tuple(result)

    def returned(self, product, several):
        outputs = _grad_postprocess(self.outputs, self.create_graph)
        product = _grad_postprocess(product, self.create_graph)
        return (
            outputs if self.several_outputs else outputs[0],
            product if several else product[0],
        )


def _autograd_grad(outputs, inputs, grad_outputs=None, create_graph=False, retain_graph=None):
    """`autograd.grad` of the outputs that have a gradient; None for inputs without part in it."""
    grads = grad_outputs or (None,) * len(outputs)
    pairs = [(o, g) for o, g in zip(outputs, grads) if o is not None and o.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    outputs, grads = zip(*pairs)
    return autograd.grad(
        outputs,
        inputs,
        grads,
        allow_unused=True,
        create_graph=create_graph,
        retain_graph=retain_graph,
    )


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), v^T J). `v` has the outputs' shapes; None stands for a single number."""
    with enable_grad():
        problem = _Problem("vjp", func, inputs, create_graph, strict)
        problem.run()
        v = problem.vector(
            v,
            problem.outputs,
            problem.several_outputs,
            "the user-provided function returns a single Tensor with a single element.",
        )
    with problem.recording():
        grads = _autograd_grad(problem.outputs, problem.inputs, v, create_graph)
        product = problem.filled(
            grads, problem.inputs, "output of the user-provided function", "input"
        )
    return problem.returned(product, problem.several_inputs)


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), J v). `v` has the inputs' shapes; None for a single number."""
    with enable_grad():
        problem = _Problem("jvp", func, inputs, create_graph, strict)
        v = problem.input_vector(v)
        problem.run()
        dual = tuple(_C.zeros_like(o, requires_grad=True) for o in problem.outputs)
        grads = _autograd_grad(problem.outputs, problem.inputs, dual, create_graph=True)
        if strict:
            problem.filled(grads, problem.inputs, "output of the user-provided function", "input")
    with problem.recording():
        product = problem.filled(
            _autograd_grad(grads, dual, v, create_graph),
            problem.outputs,
            "gradient with respect to the input",
            "entry",
        )
    return problem.returned(product, problem.several_outputs)


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), v^T H) for a function giving one number; `v` has the inputs' shapes."""
    with enable_grad():
        problem = _Problem("vhp", func, inputs, create_graph, strict)
        v = problem.input_vector(v)
        problem.run()
        problem.require_scalar()
        gradient = _strict_gradient(problem)
    with problem.recording():
        product = problem.filled(
            _autograd_grad(gradient, problem.inputs, v, create_graph),
            problem.inputs,
            "jacobian of the user-provided function",
            "input",
        )
    return problem.returned(product, problem.several_inputs)


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), H v) for a function giving one number; costs more than `vhp`."""
    with enable_grad():
        problem = _Problem("hvp", func, inputs, create_graph, strict)
        v = problem.input_vector(v)
        problem.run()
        problem.require_scalar()
        gradient = _strict_gradient(problem)
        dual = tuple(_C.zeros_like(i, requires_grad=True) for i in problem.inputs)
        twice = _autograd_grad(gradient, problem.inputs, dual, create_graph=True)
        if strict:
            problem.filled(twice, problem.inputs, "jacobian of the user-provided function", "input")
    with problem.recording():
        product = problem.filled(
            _autograd_grad(twice, dual, v, create_graph),
            problem.inputs,
            "hessian of the user-provided function",
            "entry",
        )
    return problem.returned(product, problem.several_inputs)


def _strict_gradient(problem):
    gradient = _autograd_grad(problem.outputs, problem.inputs, create_graph=True)
    if problem.strict:
        for i, value in enumerate(gradient):
            if value is None or not value.requires_grad:
                raise RuntimeError(
                    f"The jacobian of the user-provided function with respect to input {i} is "
                    "independent of the input. This is not allowed in strict mode. You should "
                    "ensure that your function is twice differentiable and that the jacobian "
                    "depends on the inputs."
                )
    return gradient


def _check_strategy(caller, strategy):
    if strategy == "forward-mode":
        raise NotImplementedError(
            f'{caller}: forward mode is not available; use strategy="reverse-mode"'
        )
    if strategy != "reverse-mode":
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')


def jacobian(
    func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"
):
    """J[i][j]: derivative of output i by input j, of shape output.shape + input.shape.

    One tensor where `inputs` or the result is no tuple. One backward for each element of the
    outputs; `vectorize` is accepted and changes nothing.
    """
    _check_strategy("jacobian", strategy)
    with enable_grad():
        problem = _Problem("jacobian", func, inputs, create_graph, strict)
        problem.run()
        if vectorize and strict:
            raise RuntimeError(
                "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not "
                "supported together. Please either set `strict=False` or `vectorize=False`."
            )
        rows = tuple(_jacobian_of(problem, i, out) for i, out in enumerate(problem.outputs))
    rows = _grad_postprocess(rows, create_graph)
    if not problem.several_inputs:
        rows = tuple(row[0] for row in rows)
    return rows if problem.several_outputs else rows[0]


def _jacobian_of(problem, i, output):
    """Derivatives of one output by each input."""
    columns = [[] for _ in problem.inputs]
    flat = output.reshape(-1)
    for k in range(output.numel()):
        grads = _autograd_grad(
            (flat[k],), problem.inputs, create_graph=problem.create_graph, retain_graph=True
        )
        grads = problem.filled(
            grads, problem.inputs, f"output {i} of the user-provided function", "input"
        )
        for column, value in zip(columns, grads):
            column.append(value)
    return tuple(
        _C.stack(column).view(output.size() + inp.size())
        if column
        else inp.new_zeros(output.size() + inp.size())
        for column, inp in zip(columns, problem.inputs)
    )


def hessian(
    func,
    inputs,
    create_graph=False,
    strict=False,
    vectorize=False,
    outer_jacobian_strategy="reverse-mode",
):
    """H[i][j]: second derivatives by inputs i and j of a function with one number as its result."""
    _check_strategy("hessian", outer_jacobian_strategy)
    several, inputs = _as_tuple(inputs, "inputs", "hessian")

    def gradient(*args):
        def scalar(*args):
            output = func(*args)
            was_tuple, _ = _as_tuple(output, _OUTPUTS, "hessian")
            if was_tuple:
                raise RuntimeError("The function given to hessian should return a single Tensor")
            if output.numel() != 1:
                raise RuntimeError(
                    "The Tensor returned by the function given to hessian should contain a single "
                    "element"
                )
            return output.squeeze()

        result = jacobian(scalar, args, create_graph=True)
        if strict:
            for i, value in enumerate(result):
                if not value.requires_grad:
                    raise RuntimeError(
                        "While computing the hessian, found that the jacobian of the "
                        f"user-provided function with respect to input {i} is independent of the "
                        "input. This is not allowed in strict mode."
                    )
        return result

    result = jacobian(gradient, inputs, create_graph, strict, vectorize)
    return result if several else result[0][0]


_absent.explain(__name__)
