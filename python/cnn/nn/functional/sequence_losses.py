"""The loss of connectionist temporal classification."""

from __future__ import annotations

from ... import _C
from .._reduction import get_enum

# The logarithm of what cannot be: finite, so that gradients stay numbers.
_NEVER = -1e30


def _lengths(value, name, batch, limit):
    """Lengths as an int64 tensor [batch]; RuntimeError for others."""
    if isinstance(value, _C.Tensor):
        if value.is_floating_point() or value.dtype == _C.bool:
            raise RuntimeError(f"{name} must be integral")
        value = value.reshape(-1).tolist()
    value = list(value)
    if len(value) != batch:
        raise RuntimeError(f"{name} must be of size batch_size")
    for length in value:
        bound = "least 0" if length < 0 else f"most {limit}"
        if length < 0 or (limit is not None and length > limit):
            raise RuntimeError(
                f"Expected {name} to have value at {bound}, but got value {length} (while "
                "checking arguments for ctc_loss_allocate_outputs)"
            )
    return value


def _padded_targets(targets, lengths, blank):
    """Targets [batch, longest] of those [batch, *] or one after the other; blank as padding."""
    longest = max([*lengths, 0])
    if targets.dim() == 1:
        total = sum(lengths)
        if targets.size(0) != total:
            raise RuntimeError(
                f"Expected tensor to have size {total} at dimension 0, but got size "
                f"{targets.size(0)} for argument #2 'targets' (while checking arguments for "
                "ctc_loss_allocate_outputs)"
            )
        rows = targets.split(list(lengths))
    else:
        if targets.size(0) != len(lengths):
            raise RuntimeError(
                f"Expected tensor to have size {len(lengths)} at dimension 0, but got size "
                f"{targets.size(0)} for argument #2 'targets' (while checking arguments for "
                "ctc_loss_allocate_outputs)"
            )
        if targets.size(1) < longest:
            raise RuntimeError(
                f"Expected tensor to have size at least {longest} at dimension 1, but got size "
                f"{targets.size(1)} for argument #2 'targets' (while checking arguments for "
                "ctc_loss_allocate_outputs)"
            )
        rows = [row[:length] for row, length in zip(targets, lengths)]
    return _C.stack([_C.constant_pad_nd(row, (0, longest - len(row)), blank) for row in rows])


def _log_likelihood(log_probs, targets, input_lengths, target_lengths, blank):
    """log p(target) of each sequence, by the forward recursion (Graves et al. 2006).

    alpha[t, s] is the log of the probability of all alignments of the first s of the labels with
    blanks between them to the first t steps.
    """
    steps, batch, _ = log_probs.shape
    place = {"dtype": _C.int64, "device": log_probs.device}
    labels = _C.full((batch, 2 * targets.size(1) + 1), blank, **place)
    labels[:, 1::2] = targets
    width = labels.size(1)
    seen = log_probs.gather(2, labels.expand(steps, batch, width))
    places = _C.arange(width, device=log_probs.device)
    # From s - 2 one comes to another label, not to a blank or to the same label again.
    before = _C.constant_pad_nd(labels, (2, 0), blank)[:, :width]
    jumps = (labels != blank) & (labels != before) & (places >= 2)
    never = _C.full((), _NEVER, dtype=log_probs.dtype, device=log_probs.device)

    ends = 2 * target_lengths.unsqueeze(1)
    start = (places < 2) & (places <= ends)
    alpha = _C.where(start, seen[0], never)
    alphas = [alpha]
    for t in range(1, steps):
        shifted = _C.constant_pad_nd(alpha, (2, 0), _NEVER)
        one, two = shifted[:, 1 : width + 1], shifted[:, :width]
        ways = _C.stack([alpha, one, _C.where(jumps, two, never)])
        alpha = ways.logsumexp(0) + seen[t]
        alphas.append(alpha)
    last = (input_lengths - 1).clamp(0)
    final = _C.stack(alphas)[last, _C.arange(batch, device=log_probs.device)]
    label = final.gather(1, (ends - 1).clamp(0))
    total = _C.stack([final.gather(1, ends), _C.where(ends > 0, label, never)]).logsumexp(0)
    total = total.squeeze(1)
    # Without any step only an empty target is possible.
    empty = _C.where(target_lengths == 0, _C.zeros_like(never), never)
    return _C.where(input_lengths == 0, empty, total)


def ctc_loss(
    log_probs,
    targets,
    input_lengths,
    target_lengths,
    blank=0,
    reduction="mean",
    zero_infinity=False,
):
    """-log p(targets) summed over all alignments to log_probs [steps, batch, classes].

    targets [batch, longest], or one after the other; `blank` is no label. 'mean' divides by the
    target lengths first. Impossible targets give inf, with nan for gradients, or 0 with
    zero_infinity. As in PyTorch, the gradient is that for log_probs whose exponentials sum to 1.
    Without a batch: [steps, classes].
    Raises RuntimeError for lengths, targets or a blank that do not fit.
    """
    get_enum(reduction)
    if not log_probs.is_floating_point():
        raise NotImplementedError(
            f"\"ctc_loss_cpu\" not implemented for '{log_probs.type().split('.')[-1][:-6]}'"
        )
    is_batched = log_probs.dim() == 3
    if not is_batched:
        log_probs = log_probs.unsqueeze(1)
    steps, batch, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    inputs = _lengths(input_lengths, "input_lengths", batch, steps)
    labels = _lengths(target_lengths, "target_lengths", batch, None)
    if targets.is_floating_point():
        targets = targets.long()
    targets = _padded_targets(targets, labels, blank)
    place = {"dtype": _C.int64, "device": log_probs.device}
    inputs, labels = _C.tensor(inputs, **place), _C.tensor(labels, **place)
    likelihood = _log_likelihood(log_probs, targets.long(), inputs, labels, blank)
    # 0, with the gradient of the sum of probabilities that normalized log_probs keep at 1.
    used = (_C.arange(steps, device=log_probs.device).unsqueeze(1) < inputs).unsqueeze(2)
    probs = _C.where(used, log_probs, _C.full_like(log_probs, _NEVER)).exp()
    loss = (probs - probs.detach()).sum((0, 2)) - likelihood
    impossible = likelihood < _NEVER / 10
    rest = _C.full_like(loss, 0.0 if zero_infinity else float("inf"))
    if loss.requires_grad and not zero_infinity:
        spoilt = _C.where(impossible, loss, _C.zeros_like(loss))
        spoilt.register_hook(lambda grad: None if grad is None else grad * float("nan"))
        rest = rest + (spoilt - spoilt.detach())
    loss = _C.where(impossible, rest, loss)
    if reduction == "mean":
        return (loss / labels.clamp(1)).mean()
    if reduction == "sum":
        return loss.sum()
    return loss if is_batched else loss.squeeze(0)
