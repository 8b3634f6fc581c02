"""Limited-memory BFGS, with a line search for the strong Wolfe conditions."""

from collections.abc import Callable

from .. import _C
from .._C import Tensor
from ..autograd import no_grad
from ._parts import check_lr, options
from .optimizer import Optimizer

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """Quasi-Newton steps from the last `history_size` changes of the gradient.

    Each step calls the closure several times, up to `max_eval`. One parameter group only. With
    H the inverse Hessian estimated by the two-loop recursion and g the gradient of all parameters,
    laid end to end:

        d = -H g,   p = p + t * d

    t is lr, in the very first iteration min(1, 1 / sum|g|) * lr, or what
    `line_search_fn="strong_wolfe"` finds from there. An iteration ends the step when max|g| falls
    to `tolerance_grad`, or the parameters or the loss change by less than `tolerance_change`.
    Source: Nocedal and Wright, Numerical Optimization, algorithms 3.5, 3.6 and 7.4.
    """

    def __init__(
        self,
        params,
        lr=1,
        max_iter=20,
        max_eval=None,
        tolerance_grad=1e-7,
        tolerance_change=1e-9,
        history_size=100,
        line_search_fn=None,
    ) -> None:
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        defaults = options(locals())
        check_lr(lr)
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self):
        return self.param_groups[0]["params"]

    def step(self, closure: Callable[[], Tensor | float]):  # type: ignore[override]
        """Minimize for up to `max_iter` iterations; returns the first value of `closure()`."""
        with no_grad():
            return self._minimize(closure)

    def _minimize(self, closure):
        group = self.param_groups[0]
        lr, max_iter, max_eval = float(group["lr"]), group["max_iter"], group["max_eval"]
        tolerance_grad, tolerance_change = group["tolerance_grad"], group["tolerance_change"]
        search = group["line_search_fn"]
        if search not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")

        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = self._evaluate(closure)
        loss, grad = float(first_loss), self._flat_grad()
        evals = 1
        state["func_evals"] += 1
        if grad.abs().max() <= tolerance_grad:
            return first_loss

        for iteration in range(1, max_iter + 1):
            state["n_iter"] += 1
            d = state["d"] = _direction(state, grad, group["history_size"])
            t = lr
            if state["n_iter"] == 1:
                t = min(1.0, 1.0 / grad.abs().sum()) * lr
            state.update(t=t, prev_flat_grad=grad.clone(), prev_loss=loss)
            slope = grad.dot(d)
            if slope > -tolerance_change:
                break

            new_evals = 0
            if search is None:
                self._add(d, t)
                if iteration != max_iter:
                    loss, grad = float(self._evaluate(closure)), self._flat_grad()
                    new_evals = 1
            else:

                def probe(start, t, d):
                    self._add(d, t)
                    found = float(self._evaluate(closure)), self._flat_grad()
                    for p, value in zip(self._params, start, strict=True):
                        p.copy_(value)
                    return found

                start = [p.clone() for p in self._params]
                loss, grad, t, new_evals = _strong_wolfe(
                    probe, start, t, d, loss, grad, slope, max_ls=max_eval - evals
                )
                state["t"] = t
                self._add(d, t)
            evals += new_evals
            state["func_evals"] += new_evals
            if (
                evals >= max_eval
                or grad.abs().max() <= tolerance_grad
                or d.mul(t).abs().max() <= tolerance_change
                or abs(loss - state["prev_loss"]) < tolerance_change
            ):
                break
        return first_loss

    def _flat_grad(self):
        """The gradients of all parameters in one vector; zeros where there is none."""
        parts = []
        for p in self._params:
            grad = p.grad
            if grad is None:
                grad = _C.zeros_like(p)
            elif grad.is_sparse:
                grad = grad.to_dense()
            if grad.is_complex():
                grad = _C.view_as_real(grad)
            parts.append(grad.reshape(-1))
        return _C.cat(parts, 0)

    def _add(self, direction, t):
        """Add t * direction to the parameters."""
        start = 0
        for p in self._params:
            if p.is_complex():
                p = _C.view_as_real(p)
            part = direction[start : start + p.numel()]
            p.add_(part.view(p.shape), alpha=float(t))
            start += p.numel()


def _direction(state, grad, history_size):
    """The quasi-Newton direction -H g, after the newest pair (s, y) has entered the history."""
    if state["n_iter"] == 1:
        state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
        return grad.neg()
    old_y, old_s, ro = state["old_dirs"], state["old_stps"], state["ro"]
    y = grad.sub(state["prev_flat_grad"])
    s = state["d"].mul(state["t"])
    ys = y.dot(s)
    if ys > 1e-10:
        if len(old_y) == history_size:
            for history in (old_y, old_s, ro):
                history.pop(0)
        old_y.append(y)
        old_s.append(s)
        ro.append(1.0 / ys)
        state["H_diag"] = ys / y.dot(y)

    al = state.setdefault("al", [None] * history_size)
    q = grad.neg()
    for i in reversed(range(len(old_y))):
        al[i] = old_s[i].dot(q) * ro[i]
        q.add_(old_y[i], alpha=-al[i].item())
    r = q.mul(state["H_diag"])
    for i in range(len(old_y)):
        be = old_y[i].dot(r) * ro[i]
        r.add_(old_s[i], alpha=(al[i] - be).item())
    return r


class _Point:
    """A step size t with the loss f, gradient g and slope d.g there."""

    __slots__ = ("t", "f", "g", "slope")

    def __init__(self, t, f, g, slope) -> None:
        self.t, self.f, self.g, self.slope = t, f, g, slope


def _strong_wolfe(
    obj_func, x, t, d, f, g, gtd, c1=1e-4, c2=0.9, tolerance_change=1e-9, max_ls=25
):  # fmt: skip
    """Find a step size along d that meets the strong Wolfe conditions.

    `obj_func(x, t, d)` gives loss and gradient at a step of t; f, g and the slope `gtd` are those
    at x. First the step grows until a bracket holds a solution, then the bracket shrinks around it;
    after `max_ls` steps the best point so far is taken. Returns (loss, gradient, step size,
    evaluations).
    """

    def probe(t):
        loss, gradient = obj_func(x, t, d)
        return _Point(t, loss, gradient, gradient.dot(d))

    slope = gtd
    origin = previous = _Point(0, f, g, slope)
    point = probe(t)
    evals, steps = 1, 0

    def too_high(point):
        return point.f > f + c1 * point.t * slope

    def flat_enough(point):
        return abs(point.slope) <= -c2 * slope

    bracket, done = [origin, point], False
    while steps < max_ls:
        if too_high(point) or (steps > 1 and point.f >= previous.f):
            bracket = [previous, point]
            break
        if flat_enough(point):
            bracket, done = [point], True
            break
        if point.slope >= 0:
            bracket = [previous, point]
            break
        least = point.t + 0.01 * (point.t - previous.t)
        t = _cubic_minimum(previous, point, bounds=(least, point.t * 10))
        previous, point = point, probe(t)
        evals += 1
        steps += 1
    else:
        bracket = [origin, point]

    stalled = False
    low, high = (0, 1) if bracket[0].f <= bracket[-1].f else (1, 0)
    width = d.abs().max()
    while not done and steps < max_ls:
        if abs(bracket[1].t - bracket[0].t) * width < tolerance_change:
            break
        left, right = sorted(p.t for p in bracket)
        t = _cubic_minimum(*bracket)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:
            # Too close to an end: the second time in a row, or outside, move a tenth inwards.
            if stalled or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                stalled = False
            else:
                stalled = True
        else:
            stalled = False
        point = probe(t)
        evals += 1
        steps += 1
        if too_high(point) or point.f >= bracket[low].f:
            bracket[high] = point
            low, high = (0, 1) if bracket[0].f <= bracket[1].f else (1, 0)
        else:
            if flat_enough(point):
                done = True
            elif point.slope * (bracket[high].t - bracket[low].t) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = point
    best = bracket[low]
    return best.f, best.g, best.t, evals


def _cubic_minimum(a, b, bounds=None):
    return _cubic_interpolate(a.t, a.f, a.slope, b.t, b.f, b.slope, bounds)


def _cubic_interpolate(x1, f1, g1, x2, f2, g2, bounds=None):
    """Where the cubic through two points with their slopes has its minimum, kept in the bounds."""
    left, right = bounds if bounds is not None else sorted((x1, x2))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1 * d1 - g1 * g2
    if not square >= 0:
        return (left + right) / 2.0
    d2 = square.sqrt()
    if x1 <= x2:
        t = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        t = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(t, left), right)
