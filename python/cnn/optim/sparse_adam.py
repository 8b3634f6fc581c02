"""Adam for sparse gradients."""

from collections.abc import Callable

from .. import _C
from .._C import Tensor
from ..autograd import no_grad
from ._functional import sparse_adam
from ._parts import check_betas, check_lr, options
from .optimizer import Optimizer

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam that moves, and ages the moments of, only the entries that a sparse gradient names.

    Adam's formula on those entries, with the step lr * sqrt(1 - beta2^t) / (1 - beta1^t) and
    eps added to sqrt(v) itself. Parameters are dense; dense gradients raise RuntimeError.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False) -> None:
        defaults = options(locals())
        check_lr(lr)
        if not 0.0 < lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 < eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, defaults)
        places = [
            ([i, j], p)
            for i, group in enumerate(self.param_groups)
            for j, p in enumerate(group["params"])
        ]
        sparse = [place for place, p in places if p.is_sparse]
        if sparse:
            raise ValueError(
                f"Sparse params at indices {sparse}: SparseAdam requires dense parameter tensors"
            )
        complexes = [place for place, p in places if p.is_complex()]
        if complexes:
            raise ValueError(
                f"Complex params at indices {complexes}: "
                "SparseAdam does not support complex parameters"
            )

    def _move(self, group, p, grad):
        if not grad.is_sparse:
            raise RuntimeError(
                "SparseAdam does not support dense gradients, please consider Adam instead"
            )
        state = self.state[p]
        if not state:
            # The count is a plain number here, as it is in PyTorch's files.
            state["step"] = 0
            state["exp_avg"] = _C.zeros_like(p)
            state["exp_avg_sq"] = _C.zeros_like(p)
        state["step"] += 1
        beta1, beta2 = group["betas"]
        sparse_adam(
            [p],
            [grad],
            [state["exp_avg"]],
            [state["exp_avg_sq"]],
            [state["step"]],
            eps=group["eps"],
            beta1=beta1,
            beta2=beta2,
            lr=float(group["lr"]),
            maximize=group["maximize"],
        )

    def step(self, closure: Callable[[], Tensor | float] | None = None):
        """Move every parameter that has a gradient once; returns `closure()`, if one is given."""
        loss = self._evaluate(closure)
        with no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        self._move(group, p, p.grad)
        return loss
