"""Einstein summation: operands permuted to one list of dimensions, and matrix products of them."""

from __future__ import annotations

import operator

from . import _C


def einsum(equation, *operands):
    """See `cnn.einsum`. RuntimeError when the equation does not fit the operands."""
    if not operands:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one "
            "operand and its subscripts list"
        )
    if not isinstance(equation, str):
        return _from_lists(equation, operands)
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    inputs, output = _parse(equation, operands)
    return _contract(inputs, list(operands), output)


def _from_lists(first, rest):
    """einsum(a, [0, 1], b, [1, 2], [0, 2])"""
    items = [first, *rest]
    pairs = len(items) // 2
    operands, labels = items[0 : 2 * pairs : 2], items[1 : 2 * pairs : 2]

    def letter(n):
        if n is Ellipsis:
            return "..."
        n = operator.index(n)
        if not 0 <= n < 52:
            raise ValueError(
                "einsum(): subscript in subscript list is not within the valid range [0, 52)"
            )
        return chr(ord("A") + n if n < 26 else ord("a") + n - 26)

    def letters(numbers):
        return "".join(map(letter, numbers))

    equation = ",".join(letters(x) for x in labels)
    if len(items) % 2:
        equation += "->" + letters(items[-1])
    return einsum(equation, *operands)


def _parse(equation, operands):
    """The labels of each operand and of the result; an ellipsis is 0, 1, ... from the right."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        more = "more" if len(operands) > len(terms) else "fewer"
        raise RuntimeError(
            f"einsum(): {more} operands were provided than specified in the equation: "
            f"{len(operands)} operands for '{equation}'"
        )
    inputs, widest = [], 0
    for i, (term, x) in enumerate(zip(terms, operands)):
        head, dots, tail = term.partition("...")
        hidden = x.dim() - len(head) - len(tail) if dots else 0
        if hidden < 0 or (not dots and len(term) != x.dim()):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(head) + len(tail)}) "
                "does not match "
                f"the number of dimensions ({x.dim()}) for operand {i} and no ellipsis was given"
            )
        for c in head + tail:
            if not c.isalpha():
                raise RuntimeError(
                    f"einsum(): invalid subscript given at index {i} in the equation string, "
                    "subscripts "
                    "must be in [a-zA-Z]"
                )
        widest = max(widest, hidden)
        inputs.append((list(head), hidden, list(tail)))
    inputs = [[*head, *range(widest - hidden, widest), *tail] for head, hidden, tail in inputs]
    if arrow:
        head, dots, tail = right.partition("...")
        output = [*head, *(range(widest) if dots else []), *tail]
        known = {label for labels in inputs for label in labels}
        for c in output:
            if c not in known:
                raise RuntimeError(
                    f"einsum(): output subscript {c} does not appear in the equation "
                    "for any input operand"
                )
            if output.count(c) > 1:
                raise RuntimeError(
                    f"einsum(): output subscript {c} appears more than once in the output"
                )
    else:
        letters = [c for labels in inputs for c in labels if isinstance(c, str)]
        output = [*range(widest), *sorted(c for c in set(letters) if letters.count(c) == 1)]
    return inputs, output


def _merge_repeats(labels, x):
    """Repeated labels take the diagonal."""
    i = 0
    while i < len(labels):
        j = labels.index(labels[i])
        if j < i:
            if x.shape[i] != x.shape[j]:
                raise RuntimeError(
                    f"einsum(): subscript {labels[i]} is repeated for operand "
                    "but the sizes don't match, "
                    f"{x.shape[i]} != {x.shape[j]}"
                )
            x = x.diagonal(0, j, i).movedim(-1, j)
            del labels[i]
            continue
        i += 1
    return labels, x


def _contract(inputs, operands, output):
    prepared = [_merge_repeats(list(labels), x) for labels, x in zip(inputs, operands)]
    sizes = {}
    for labels, x in prepared:
        for label, size in zip(labels, x.shape):
            have = sizes.setdefault(label, size)
            if have != size and have != 1 and size != 1:
                raise RuntimeError(
                    "einsum(): operands do not broadcast with remapped shapes: "
                    f"subscript {label} has size {have} and {size}"
                )
            sizes[label] = size if have == 1 else have
    labels, result = prepared[0]
    for i in range(1, len(prepared)):
        later = {c for other, _ in prepared[i + 1 :] for c in other} | set(output)
        labels, result = _pair(labels, result, *prepared[i], later)
    extra = [i for i, c in enumerate(labels) if c not in output]
    if extra:
        result = result.sum(extra)
        labels = [c for c in labels if c in output]
    return result.permute([labels.index(c) for c in output])


def _pair(la, a, lb, b, later):
    """a * b, summed over labels that nobody needs later: a batched matrix product."""
    shared = [c for c in la if c in lb]
    drop_a = [i for i, c in enumerate(la) if c not in lb and c not in later]
    drop_b = [i for i, c in enumerate(lb) if c not in la and c not in later]
    if drop_a:
        a, la = a.sum(drop_a), [c for i, c in enumerate(la) if i not in drop_a]
    if drop_b:
        b, lb = b.sum(drop_b), [c for i, c in enumerate(lb) if i not in drop_b]
    size = {c: max(a.shape[la.index(c)], b.shape[lb.index(c)]) for c in shared}
    if any(a.shape[la.index(c)] != b.shape[lb.index(c)] for c in shared):
        a = a.expand([size.get(c, n) for c, n in zip(la, a.shape)])
        b = b.expand([size.get(c, n) for c, n in zip(lb, b.shape)])
    batch = [c for c in shared if c in later]
    summed = [c for c in shared if c not in later]
    rows, columns = [c for c in la if c not in shared], [c for c in lb if c not in shared]

    def arranged(x, labels, groups):
        x = x.permute([labels.index(c) for group in groups for c in group])
        shape, at = [], 0
        for group in groups:
            n = 1
            for _ in group:
                n *= x.shape[at]
                at += 1
            shape.append(n)
        return x.reshape(shape)

    shape = [size[c] for c in batch]
    shape += [a.shape[la.index(c)] for c in rows] + [b.shape[lb.index(c)] for c in columns]
    product = _C.bmm(
        arranged(a, la, (batch, rows, summed)), arranged(b, lb, (batch, summed, columns))
    )
    return batch + rows + columns, product.reshape(shape)
