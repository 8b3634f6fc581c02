"""Counts the floating-point operations of a program, by op and by module, backward included.

An op is known by its name in PyTorch's dispatcher: "aten.mm", "aten.convolution_backward"; the
kernels of recurrent layers, which PyTorch does not count, are "cnn.rnn_layer".
"""

from __future__ import annotations

import threading
from collections import defaultdict
from functools import wraps
from math import prod
from warnings import warn
from weakref import WeakKeyDictionary

from .. import _C
from ..autograd import _recorded
from ..autograd._recorded import Kind

__all__ = ["FlopCounterMode", "register_flop_formula"]

flop_registry = {}


def get_shape(i):
    """The shape of a tensor; anything else as it is."""
    return i.shape if isinstance(i, _C.Tensor) else i


def _op_name(target):
    """The name of an op that is given as text ("mm", "aten.mm") or as its function (`cnn.mm`)."""
    name = target if isinstance(target, str) else getattr(target, "__name__", None)
    if not name:
        raise ValueError(
            "register_flop_formula(targets): expected each target to be the name of an op, as in "
            f"'aten.mm', or its function, got {target} which is of type {type(target)}"
        )
    name = name.replace("::", ".")
    return name if name.startswith(("aten.", "cnn.")) else f"aten.{name}"


def register_flop_formula(targets, get_raw=False):
    """Decorates the formula of one op or several: it is called with the op's arguments, tensors as
    their shapes, and `out_shape=`, and returns a number.

    With `get_raw` the last is called `out_val=`; there are never tensors to be had, as the ops
    have run when their operations are counted.
    """

    def register(formula):
        counting = formula if get_raw else _of_shapes(formula)
        for target in targets if isinstance(targets, (list, tuple)) else (targets,):
            name = _op_name(target)
            if name in flop_registry:
                raise RuntimeError(f"duplicate registrations for {name}")
            flop_registry[name] = counting
        return counting

    return register


def _of_shapes(formula):
    @wraps(formula)
    def counting(*args, out_val=None, **kwargs):
        args = [get_shape(a) for a in args]
        return formula(*args, out_shape=get_shape(out_val), **kwargs)

    return counting


# The formulas -------------------------------------------------------------------------------------


@register_flop_formula("aten.mm")
def mm_flop(a_shape, b_shape, *args, out_shape=None, **kwargs):
    """Of a product of matrices."""
    m, k = a_shape
    k2, n = b_shape
    if k != k2:
        raise AssertionError(f"matmul: inner dimensions must match (k == k2), got {k} and {k2}")
    return m * n * 2 * k


@register_flop_formula("aten.addmm")
def addmm_flop(self_shape, a_shape, b_shape, *args, out_shape=None, **kwargs):
    """The same with a matrix added, which is not counted."""
    return mm_flop(a_shape, b_shape)


@register_flop_formula("aten.bmm")
def bmm_flop(a_shape, b_shape, *args, out_shape=None, **kwargs):
    """Of products in a batch."""
    b, m, k = a_shape
    b2, k2, n = b_shape
    if b != b2:
        raise AssertionError(f"bmm: batch dimensions must match (b == b2), got {b} and {b2}")
    if k != k2:
        raise AssertionError(f"bmm: inner dimensions must match (k == k2), got {k} and {k2}")
    return b * m * n * 2 * k


@register_flop_formula("aten.baddbmm")
def baddbmm_flop(self_shape, a_shape, b_shape, *args, out_shape=None, **kwargs):
    """The same with a batch added, which is not counted."""
    return bmm_flop(a_shape, b_shape)


def conv_flop_count(x_shape, w_shape, out_shape, transposed=False):
    """Of a convolution: the kernel's elements at each place of the output, of the input where it is
    transposed. Places in the padding count like the others, the bias does not.
    """
    places = (x_shape if transposed else out_shape)[2:]
    return prod(places) * prod(w_shape) * x_shape[0] * 2


@register_flop_formula(["aten.convolution", "aten._convolution"])
def conv_flop(
    x_shape, w_shape, _bias, _stride, _padding, _dilation, transposed, *args, out_shape, **kwargs
):  # fmt: skip
    """Of the forward pass."""
    return conv_flop_count(x_shape, w_shape, out_shape, transposed=transposed)


@register_flop_formula("aten.convolution_backward")
def conv_backward_flop(
    grad_out_shape, x_shape, w_shape, _bias, _stride, _padding, _dilation, transposed,
    _output_padding, _groups, output_mask, *args, out_shape, **kwargs,
):  # fmt: skip
    """Of the gradients that were wanted: of the input it is a convolution of the other kind, of the
    weight one of the input with the output's gradient, batch and channels exchanged.
    """

    def t(shape):
        return (shape[1], shape[0], *shape[2:])

    count = 0
    if output_mask[0]:
        count += conv_flop_count(grad_out_shape, w_shape, get_shape(out_shape[0]), not transposed)
    if output_mask[1]:
        moved, kernel = (grad_out_shape, x_shape) if transposed else (x_shape, grad_out_shape)
        count += conv_flop_count(t(moved), t(kernel), t(get_shape(out_shape[1])))
    return count


def sdpa_flop_count(query_shape, key_shape, value_shape):
    """Of attention: the scores, and their product with the values."""
    b, heads, rows, width = query_shape
    b2, kv_heads, cols, width2 = key_shape
    b3, kv_heads2, cols2, value_width = value_shape
    if (b, kv_heads, cols, width) != (b2, kv_heads2, cols2, width2) or b != b3:
        raise AssertionError(
            "sdpa_flop_count: query/key/value shapes are incompatible: "
            f"q={query_shape}, k={key_shape}, v={value_shape}"
        )
    if heads < kv_heads or heads % kv_heads:
        raise AssertionError(
            f"sdpa_flop_count: query heads ({heads}) must be a multiple of key/value heads "
            f"({kv_heads})"
        )
    scores = bmm_flop((b * heads, rows, width), (b * heads, width, cols))
    return scores + bmm_flop((b * heads, rows, cols), (b * heads, cols, value_width))


# PyTorch registers the names that its GPU kernels have, and does not count the CPU's.
@register_flop_formula(
    [
        "aten._scaled_dot_product_flash_attention_for_cpu",
        "aten._scaled_dot_product_flash_attention",
        "aten._scaled_dot_product_efficient_attention",
        "aten._scaled_dot_product_cudnn_attention",
    ]
)
def sdpa_flop(query_shape, key_shape, value_shape, *args, out_shape=None, **kwargs):
    """Of the forward pass, a causal one like any other."""
    return sdpa_flop_count(query_shape, key_shape, value_shape)


def sdpa_backward_flop_count(grad_out_shape, query_shape, key_shape, value_shape):
    """Of the backward pass, which makes the scores anew: five products in place of two."""
    b, heads, rows, width = query_shape
    cols, value_width = key_shape[2], value_shape[3]
    by_width = bmm_flop((b * heads, rows, width), (b * heads, width, cols))
    by_value = bmm_flop((b * heads, rows, cols), (b * heads, cols, value_width))
    return 3 * by_width + 2 * by_value


@register_flop_formula(
    [
        "aten._scaled_dot_product_flash_attention_for_cpu_backward",
        "aten._scaled_dot_product_flash_attention_backward",
        "aten._scaled_dot_product_efficient_attention_backward",
        "aten._scaled_dot_product_cudnn_attention_backward",
    ]
)
def sdpa_backward_flop(
    grad_out_shape, query_shape, key_shape, value_shape, *args, out_shape=None, **kwargs
):
    """Of the backward pass."""
    return sdpa_backward_flop_count(grad_out_shape, query_shape, key_shape, value_shape)


@register_flop_formula(["cnn.rnn_layer", "cnn.rnn_layer_backward"])
def rnn_layer_flop(gates_shape, w_hh_shape, w_hr_shape, *args, out_shape=None, **kwargs):
    """Of a recurrent layer's kernel: at each step the states times their weights, and with a
    projection what is projected. The products with the input, and those that give the weights'
    gradients, are ops of their own.
    """
    count = 2 * gates_shape[0] * prod(w_hh_shape)
    return count + (2 * gates_shape[0] * prod(w_hr_shape) if w_hr_shape else 0)


# Counting -----------------------------------------------------------------------------------------


class _ModuleRanges(threading.local):
    """While it is on, each call of a module is a range by the module's path from the outermost one
    that was called first: "LeNet.conv1". Threads have ranges of their own.
    """

    def __init__(self):
        self._names = WeakKeyDictionary()
        self._named_children = WeakKeyDictionary()
        self._open = []
        self._handles = ()

    def start(self):
        from ..nn.modules.module import (
            register_module_forward_hook,
            register_module_forward_pre_hook,
        )

        self._handles = (
            register_module_forward_pre_hook(self._enter),
            register_module_forward_hook(self._leave, always_call=True),
        )

    def stop(self):
        for handle in self._handles:
            handle.remove()
        self._handles = ()
        self._open.clear()

    def _name(self, module):
        name = self._names.setdefault(module, type(module).__name__)
        if module not in self._named_children:
            self._named_children[module] = True
            for child_name, child in module.named_children():
                self._names[child] = f"{name}.{child_name}"
                self._name(child)
        return name

    def _enter(self, module, args):
        self._open.append((module, _C._RecordedRange(self._name(module), Kind.MODULE)))

    def _leave(self, module, args, output):
        while self._open:
            entered, within = self._open.pop()
            within.end()
            if entered is module:
                return


class FlopCounterMode:
    """A context that counts floating-point operations; on leaving it prints a table, by `display`.

    Operations of ops with a formula (products, convolutions, attention) are counted for all the
    program ("Global") and for each module that ran them, to the `depth` in the table; those of
    backward for the modules whose calls made the graph's nodes. `custom_mapping` gives more
    formulas: {"aten.tanh": formula}, as `register_flop_formula` describes them.
    """

    def __init__(self, mods=None, depth=2, display=True, custom_mapping=None):
        if mods is not None:
            warn("mods argument is not needed anymore, you can stop passing it", stacklevel=2)
        self.depth = depth
        self.display = display
        custom = {
            _op_name(op): formula if getattr(formula, "_get_raw", False) else _of_shapes(formula)
            for op, formula in (custom_mapping or {}).items()
        }
        self.flop_registry = {**flop_registry, **custom}
        self._modules = _ModuleRanges()
        self._since = None
        self._counts = defaultdict(lambda: defaultdict(int))

    def __enter__(self):
        if self._since is not None:
            raise RuntimeError("FlopCounterMode is not reentrant")
        self._counts.clear()
        self._modules.start()
        self._since = _recorded.start(_recorded.ARGUMENTS)
        return self

    def __exit__(self, *args):
        since, self._since = self._since, None
        self._modules.stop()
        self._count(_recorded.stop(since))
        if self.display:
            print(self.get_table(self.depth))

    @property
    def flop_counts(self):
        """{module: {op: operations}}, so far."""
        if self._since is not None:
            self._count(_recorded.until_now(self._since))
        return self._counts

    def get_total_flops(self):
        """All operations so far."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self):
        """{module: {op: operations}}, as dicts of its own."""
        return {module: dict(counts) for module, counts in self.flop_counts.items() if counts}

    def _count(self, ranges):
        self._counts.clear()
        counted = [False] * len(ranges)  # itself, or a range around it
        modules = [frozenset()] * len(ranges)
        intervals = [
            (r.first_sequence, r.last_sequence, i)
            for i, r in enumerate(ranges)
            if r.kind == Kind.MODULE
        ]
        for i, r in enumerate(ranges):
            if r.parent >= 0:
                counted[i], modules[i] = counted[r.parent], modules[r.parent]
            if r.kind == Kind.MODULE:
                modules[i] |= {r.name}
            elif r.kind == Kind.NODE:
                modules[i] |= {
                    ranges[at].name
                    for first, end, at in intervals
                    if first <= r.first_sequence < end
                }
            if r.kind != Kind.OP or counted[i] or r.arguments is None:
                continue
            op = _recorded.event_name(r).replace("::", ".")
            formula = self.flop_registry.get(op)
            if formula is None:
                continue
            counted[i] = True
            out = r.results[0] if r.results and len(r.results) == 1 else r.results
            count = formula(*r.arguments, out_val=out)
            for module in ("Global", *sorted(modules[i])):
                self._counts[module][op] += count

    def get_table(self, depth=None):
        """The counts as a table, of modules down to `depth` names."""
        depth = self.depth if depth is None else depth
        depth = float("inf") if depth is None else depth
        counts = self.flop_counts
        total = sum(counts["Global"].values())
        suffix = get_suffix_str(total)

        def rows_of(module, indent):
            named = [(module, sum(counts[module].values()))]
            named += [(f" - {op}", count) for op, count in counts[module].items()]
            return [
                (
                    " " * indent + name,
                    convert_num_with_suffix(count, suffix),
                    convert_to_percent_str(count, total),
                )
                for name, count in named
            ]

        rows, whole = [], False
        for module in sorted(counts):
            level = module.count(".") + 1
            if module != "Global" and level <= depth:
                whole |= sum(counts[module].values()) >= total
                rows += rows_of(module, level - 1)
        if counts["Global"] and not whole:  # something ran outside of the modules that are shown
            rows = rows_of("Global", 0) + [(" " + name, *rest) for name, *rest in rows]
        return _table(("Module", "FLOP", "% Total"), rows or [("Global", "0", "0%")])


_SUFFIXES = ["", "K", "M", "B", "T"]


def get_suffix_str(number):
    """The order of magnitude in which a number is shown, by thousands."""
    return _SUFFIXES[max(0, min(len(_SUFFIXES) - 1, (len(str(number)) - 2) // 3))]


def convert_num_with_suffix(number, suffix):
    """A number in that order of magnitude."""
    return f"{number / 1000 ** _SUFFIXES.index(suffix):.3f}{suffix}"


def convert_to_percent_str(num, denom):
    """A share in percent."""
    return f"{num / denom:.2%}" if denom else "0%"


def _table(header, rows):
    """The first column left, the others right, under lines of dashes."""
    widths = [max(len(title) + 2, *(len(row[i]) for row in rows)) for i, title in enumerate(header)]

    def line(texts):
        first, *rest = texts
        padded = [first.ljust(widths[0])] + [t.rjust(w) for t, w in zip(rest, widths[1:])]
        return "  ".join(padded)

    return "\n".join([line(header), line("-" * w for w in widths), *map(line, rows)])
