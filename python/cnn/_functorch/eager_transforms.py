"""Derivatives of functions as functions, by reverse mode.

A transform gives the function new tensors in place of its arguments, which lead to the old ones if
those require grad: so transforms nest, and what they give has a graph where something outside, an
argument or what the function closes over, requires grad.
"""

from __future__ import annotations

import functools

from .. import _C, autograd
from ..autograd.grad_mode import enable_grad
from ..utils._pytree import (
    tree_flatten,
    tree_leaves,
    tree_map_only,
    treespec_pprint,
)

# A transform's own tensors -----------------------------------------------------------------------


class _Run:
    """The function called once on new tensors, with a graph."""

    def __init__(self, func, args, kwargs, argnums, has_aux, caller):
        self._recording = _C.is_grad_enabled()
        chosen = _slice_argnums(args, argnums)
        flat, self.spec = tree_flatten(chosen)
        self._outside = any(t.requires_grad for t in flat if isinstance(t, _C.Tensor))
        with enable_grad():
            self.inputs = [_own(t) for t in flat]
            args = _replace_args(args, self.spec.unflatten(self.inputs), argnums)
            self.output = func(*args, **kwargs)
        self.aux = None
        if has_aux:
            if not isinstance(self.output, tuple) or len(self.output) != 2:
                raise RuntimeError(
                    f"{caller}: output of function f should be a tuple: (output, aux) if has_aux "
                    "is True"
                )
            self.output, self.aux = self.output

    @functools.cached_property
    def keeps(self):
        """Whether what comes of it has a graph: it leads to something outside."""
        if not self._recording:
            return False
        return self._outside or _leads_elsewhere(tree_leaves((self.output, self.aux)), self.inputs)

    def grads(self, outputs, vectors=None, retain=False, create=None):
        """The gradient of each input, zeros where there is none."""
        keep = self.keeps if create is None else create
        pairs = [(o, v) for o, v in zip(outputs, vectors or outputs) if o.requires_grad]
        found = [None] * len(self.inputs)
        if pairs:
            outputs, given = zip(*pairs)
            with enable_grad():
                found = autograd.grad(
                    outputs,
                    self.inputs,
                    given if vectors else None,
                    retain_graph=retain or keep,
                    create_graph=keep,
                    allow_unused=True,
                )
        grads = [_C.zeros_like(t) if g is None else g for g, t in zip(found, self.inputs)]
        return grads if create is not None else self.released(grads)

    def released(self, value):
        """A result, whose tensors keep their graphs where those lead outside."""

        def release(t):
            return t if self.keeps and _leads_elsewhere([t], self.inputs) else t.detach()

        return tree_map_only(_C.Tensor, release, value)


def _own(t):
    if not isinstance(t, _C.Tensor):
        raise ValueError(f"Thing passed to transform API must be Tensor, got {type(t)}")
    return t.view_as(t) if t.requires_grad else t.detach().requires_grad_()


def _leads_elsewhere(values, own):
    """Whether a graph has a leaf that is not one of these tensors."""
    ids = {id(t) for t in own}
    left = [v.grad_fn for v in values if isinstance(v, _C.Tensor) and v.grad_fn is not None]
    # A result may be a leaf itself.
    if any(
        isinstance(v, _C.Tensor) and v.requires_grad and v.grad_fn is None and id(v) not in ids
        for v in values
    ):
        return True
    seen = set()
    while left:
        node = left.pop()
        if node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if variable is not None and id(variable) not in ids:
            return True
        left.extend(edge for edge, _ in node.next_functions if edge is not None)
    return False


# Arguments by number -----------------------------------------------------------------------------


def _validate_and_wrap_argnums(argnums, count):
    if isinstance(argnums, tuple):
        if not argnums:
            raise RuntimeError("argnums must be non-empty")
        if len(set(argnums)) != len(argnums):
            raise RuntimeError(f"argnums elements must be unique, got {argnums}")
        return tuple(_validate_and_wrap_argnums(n, count) for n in argnums)
    if not isinstance(argnums, int):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if not -count <= argnums < count:
        raise RuntimeError(f"Got argnum={argnums}, but only {count} positional inputs")
    return argnums % count


def _slice_argnums(args, argnums):
    if argnums is None:
        return args
    argnums = _validate_and_wrap_argnums(argnums, len(args))
    return args[argnums] if isinstance(argnums, int) else tuple(args[i] for i in argnums)


def _replace_args(args, new, argnums):
    if argnums is None:
        return new
    argnums = _validate_and_wrap_argnums(argnums, len(args))
    if isinstance(argnums, int):
        argnums, new = (argnums,), (new,)
    replaced = dict(zip(argnums, new))
    return tuple(replaced.get(i, arg) for i, arg in enumerate(args))


# Transforms --------------------------------------------------------------------------------------


def grad_and_value(func, argnums=0, has_aux=False):
    """A function that gives (gradient, value) of `func`, which returns a tensor of one element.

    The gradient is for the argument that `argnums` says, or for several as a tuple, each in the
    structure of the argument. With `has_aux` `func` returns (output, aux), and the value is that.
    """

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        return grad_and_value_impl(func, argnums, has_aux, args, kwargs)

    return wrapped


def grad_and_value_impl(func, argnums, has_aux, args, kwargs):
    """`grad_and_value(func, argnums, has_aux)(*args, **kwargs)`."""
    caller = "grad_and_value(f)(*args)"
    run = _Run(func, args, kwargs, argnums, has_aux, caller)
    output = run.output
    if not isinstance(output, _C.Tensor):
        raise RuntimeError(f"{caller}: Expected f(*args) to return a Tensor, got {type(output)}")
    if output.dim() != 0:
        raise RuntimeError(
            f"{caller}: Expected f(*args) to return a scalar Tensor, got tensor with "
            f"{output.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
        )
    gradient = run.spec.unflatten(run.grads([output]))
    value = run.released(output)
    return gradient, (value, run.released(run.aux)) if has_aux else value


def grad(func, argnums=0, has_aux=False):
    """A function that gives the gradient of `func`, which returns a tensor of one element.

    `argnums` says for which argument, or for which as a tuple. With `has_aux` `func` returns
    (output, aux), and the result is (gradient, aux).

    >>> grad(lambda x: x**3)(tensor(2.0))
    tensor(12.)
    """

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        return grad_impl(func, argnums, has_aux, args, kwargs)

    return wrapped


def grad_impl(func, argnums, has_aux, args, kwargs):
    """`grad(func, argnums, has_aux)(*args, **kwargs)`."""
    gradient, value = grad_and_value_impl(func, argnums, has_aux, args, kwargs)
    return (gradient, value[1]) if has_aux else gradient


def _tensor_leaves(output, caller):
    flat, spec = tree_flatten(output)
    if not flat:
        raise RuntimeError(
            f"{caller}: Expected f to be a function that has non-empty output (got output = "
            f"{output})"
        )
    for value in flat:
        if not isinstance(value, _C.Tensor):
            raise RuntimeError(
                f"{caller}: expected f(*primals) to return only tensors, got unsupported type "
                f"{type(value)}"
            )
    return flat, spec


def vjp(func, *primals, has_aux=False):
    """(func(*primals), vector-Jacobian product): a function of a vector like the output, which
    gives the tuple of the products for each argument. With `has_aux` also what `func` returns
    besides.
    """
    caller = "vjp(f, *primals)"
    run = _Run(func, primals, {}, None, has_aux, caller)
    flat, spec = _tensor_leaves(run.output, caller)
    for value in flat:
        if not value.is_floating_point():
            raise RuntimeError(
                "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got "
                f"Tensor with dtype {value.dtype}"
            )

    def product(cotangents, retain_graph=True, create_graph=None):
        given, given_spec = tree_flatten(cotangents)
        if given_spec != spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {treespec_pprint(given_spec)}, primal "
                f"output: {treespec_pprint(spec)}"
            )
        if create_graph is None and _C.is_grad_enabled():
            # None: as the arguments say, unless the vectors have a graph themselves.
            create_graph = True if any(v.requires_grad for v in given) else None
        return run.spec.unflatten(run.grads(flat, given, retain_graph, create_graph))

    output = run.released(run.output)
    return (output, product, run.released(run.aux)) if has_aux else (output, product)


def _forward_product(run, flat, tangents, strict):
    """J v: the derivative of u -> J^T u, which is linear, taken with v."""
    products = []
    for output in flat:
        if not output.requires_grad:
            if strict:
                raise RuntimeError(
                    "jvp(f, primals, tangents, strict=True): The output of f is independent of the "
                    "inputs. This is not allowed with strict=True."
                )
            products.append(_C.zeros_like(output))
            continue
        with enable_grad():
            u = _C.zeros_like(output).requires_grad_()
            pulled = autograd.grad(
                output, run.inputs, u, retain_graph=True, create_graph=True, allow_unused=True
            )
            pairs = [(p, t) for p, t in zip(pulled, tangents) if p is not None and p.requires_grad]
            if not pairs:
                products.append(_C.zeros_like(output))
                continue
            keep = run.keeps or any(t.requires_grad for t in tangents)
            outputs, vectors = zip(*pairs)
            (product,) = autograd.grad(
                outputs, u, vectors, retain_graph=True, create_graph=keep, allow_unused=True
            )
        products.append(_C.zeros_like(output) if product is None else product)
    return products


def _check_tangents(primals, tangents, caller):
    for name, values in (("primals", primals), ("tangents", tangents)):
        if not isinstance(values, tuple):
            raise RuntimeError(
                f"{caller}: Expected {name} to be a tuple. E.g. it should be valid to call "
                "f(*primals)."
            )
    flat, spec = tree_flatten(primals)
    given, given_spec = tree_flatten(tangents)
    if spec != given_spec:
        raise RuntimeError(
            f"{caller}: Expected primals and tangents to have the same python structure. For "
            "example, if primals is a tuple of 3 tensors, tangents also must be. Got primals with "
            f"structure {spec} and tangents with structure {given_spec}"
        )
    for name, values in (("primals", flat), ("tangents", given)):
        if not values:
            raise RuntimeError(f"{caller}: Expected {name} to contain at least one Tensor.")
        for value in values:
            if not isinstance(value, _C.Tensor):
                raise RuntimeError(
                    f"{caller}: Expected {name} to only contain Tensors, got {type(value)}"
                )
    for p, t in zip(flat, given):
        if p.shape != t.shape:
            raise RuntimeError(
                f"{caller}: Expected tangents of the shapes of the primals, got {tuple(t.shape)} "
                f"for {tuple(p.shape)}"
            )
    return given


def jvp(func, primals, tangents, *, strict=False, has_aux=False):
    """(func(*primals), Jacobian-vector product with `tangents`), by reverse mode used twice.

    `strict` raises where the output does not depend on the arguments. With `has_aux` also what
    `func` returns besides.
    """
    caller = "jvp(f, primals, tangents)"
    given = _check_tangents(primals, tangents, caller)
    run = _Run(func, primals, {}, None, has_aux, caller)
    flat, spec = _tensor_leaves(run.output, caller)
    product = spec.unflatten(run.released(_forward_product(run, flat, given, strict)))
    output = run.released(run.output)
    return (output, product, run.released(run.aux)) if has_aux else (output, product)


def linearize(func, *primals):
    """(func(*primals), Jacobian-vector product): a function of tangents like the arguments, of the
    graph that was recorded once.
    """
    caller = "linearize(f, *primals)"
    run = _Run(func, primals, {}, None, False, caller)
    flat, spec = _tensor_leaves(run.output, caller)

    def product(*tangents):
        given, given_spec = tree_flatten(tangents)
        if given_spec != run.spec:
            raise RuntimeError(
                f"Expected the tangents {given_spec} to have the same argspec as the primals "
                f"{run.spec}"
            )
        for p, t in zip(run.inputs, given):
            if p.shape != t.shape or p.dtype != t.dtype or p.device != t.device:
                raise RuntimeError(
                    f"Expected a tangent of shape {tuple(p.shape)}, dtype {p.dtype} and device "
                    f"{p.device}, got {tuple(t.shape)}, {t.dtype} and {t.device}"
                )
        return spec.unflatten(_forward_product(run, flat, given, False))

    return run.released(run.output), product


def jacrev(func, argnums=0, *, has_aux=False, chunk_size=None, _preallocate_and_copy=False):
    """A function that gives the Jacobian of `func`, row by row: for each output, in the outputs'
    structure, the derivatives of the shape (*output's, *argument's), in the arguments'.

    `argnums` says for which argument, or for which as a tuple. `chunk_size` changes nothing.
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        return _jacobian(func, args, kwargs, argnums, has_aux, "jacrev(f, *args)")

    return wrapped


def _jacobian(func, args, kwargs, argnums, has_aux, caller):
    run = _Run(func, args, kwargs, argnums, has_aux, caller)
    flat, spec = _tensor_leaves(run.output, caller)
    blocks = []
    for output in flat:
        if not output.is_floating_point():
            raise RuntimeError(
                f"{caller}: All outputs of f must be floating-point or complex Tensors, got Tensor "
                f"with dtype {output.dtype}"
            )
        with enable_grad():
            elements = output.reshape(-1).unbind()
        rows = [run.grads([element], retain=True) for element in elements]
        if not rows:
            blocks.append([t.new_zeros((*output.shape, *t.shape)) for t in run.inputs])
            continue
        blocks.append(
            [
                _C.stack(column).reshape((*output.shape, *t.shape))
                for column, t in zip(zip(*rows), run.inputs)
            ]
        )
    result = spec.unflatten([run.spec.unflatten(block) for block in blocks])
    return (result, run.released(run.aux)) if has_aux else result


def jacfwd(func, argnums=0, has_aux=False, *, randomness="error"):
    """The Jacobian of `func`, as `jacrev` gives it: there is no forward mode, so that it costs a
    backward pass for each element of the output.
    """

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        return _jacobian(func, args, kwargs, argnums, has_aux, "jacfwd(f, *args)")

    return wrapped


def hessian(func, argnums=0):
    """A function that gives the Hessian of `func`: the Jacobian of the Jacobian."""
    return jacfwd(jacrev(func, argnums), argnums)


def functionalize(func, *, remove="mutations"):
    """Refused: it makes PyTorch's compiler see no writes, and there is none here."""
    raise NotImplementedError(
        "functionalize() prepares functions for PyTorch's compiler; call the function as it is"
    )


def debug_unwrap(tensor, *, recurse=True):
    """The tensor within a transform: tensors are plain here, also there."""
    if not isinstance(tensor, _C.Tensor):
        raise RuntimeError(f"Expected a Tensor, got {type(tensor)}")
    return tensor


__all__ = [
    "debug_unwrap", "functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev",
    "jvp", "linearize", "vjp",
]  # fmt: skip
