"""Printed forms of tensors, character for character PyTorch's.

A tensor is first cut down to the elements that will be seen, then read once with `tolist()`; all
formatting works on those Python numbers, so printing costs a few small tensor calls whatever the
size of the tensor.
"""

from __future__ import annotations

import sys

from . import _C

__all__ = ["set_printoptions", "get_printoptions", "printoptions", "tensor_str"]

_PROFILES = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": float("inf"), "edgeitems": 3, "linewidth": 80},
}

_options = {**_PROFILES["default"], "sci_mode": None}


def set_printoptions(
    precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None
):
    """Sets how tensors print.

    `precision`: digits after the point; `threshold`: number of elements above which a tensor is
    summarised; `edgeitems`: elements kept at each end of a summarised dimension; `linewidth`:
    columns; `profile`: "default", "short" or "full", applied before the others; `sci_mode`: True,
    False, or None (chosen from the values), which every call sets.
    """
    if profile is not None:
        _options.update(_PROFILES.get(profile, {}))
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    _options.update({name: value for name, value in given.items() if value is not None})
    _options["sci_mode"] = sci_mode


def get_printoptions():
    """The options in force, as a dict that `set_printoptions` takes as keywords."""
    return dict(_options)


class printoptions:
    """Context manager: `set_printoptions(**options)` inside, the former options afterwards."""

    def __init__(self, **options):
        self._new = options

    def __enter__(self):
        self._former = get_printoptions()
        set_printoptions(**self._new)

    def __exit__(self, *exc_info):
        _options.update(self._former)


class _Formatter:
    """How the numbers of one tensor are written: whole, fixed or scientific, all of one width."""

    def __init__(self, values, floating):
        self._spec = None  # None: str()
        self._point = False
        self.width = 1
        if not floating:
            self.width = max((len(str(v)) for v in values), default=1)
            return
        self._spec, self._point = ".0f", True
        shown = [v for v in values if v and v - v == 0.0]  # nonzero and finite
        if not shown:
            return
        magnitudes = [abs(v) for v in shown]
        low, high = min(magnitudes), max(magnitudes)
        scientific = _options["sci_mode"]
        if scientific is None:
            scientific = high / low > 1000.0 or high > 1.0e8 or low < 1.0e-4
        whole = all(v.is_integer() for v in shown)
        if scientific:
            self._spec, self._point = f".{_options['precision']}e", False
        elif not whole:
            self._spec, self._point = f".{_options['precision']}f", False
        self.width = max(len(format(v, self._spec)) for v in shown) + self._point

    def __call__(self, value):
        if self._spec is None:
            text = str(value)
        else:
            text = format(value, self._spec)
            if self._point and value - value == 0.0:
                text += "."
        return text.rjust(self.width)


class _ComplexFormatter:
    """Real and imaginary parts, each with a width and a notation of its own."""

    def __init__(self, values):
        self._real = _Formatter([v.real for v in values], True)
        self._imag = _Formatter([v.imag for v in values], True)
        self.width = self._real.width + self._imag.width + 1

    def __call__(self, value):
        imag = self._imag(value.imag).lstrip() + "j"
        return self._real(value.real) + (imag if imag[0] in "+-" else "+" + imag)


def _visible(tensor, edge, dim=0):
    """What a summary shows: `edge` elements at each end of each dimension longer than that."""
    if dim == tensor.dim():
        return tensor
    size = tensor.size(dim)
    if size <= 2 * edge:
        return _visible(tensor, edge, dim + 1)
    # All dimensions are narrowed before anything is copied.
    ends = (tensor.narrow(dim, 0, edge), tensor.narrow(dim, size - edge, edge))
    return _C.cat([_visible(end, edge, dim + 1) for end in ends], dim)


def _flat(nested, dims):
    for _ in range(dims - 1):
        nested = [item for part in nested for item in part]
    return nested


def _vector(values, indent, cut, formatter):
    items = [formatter(v) for v in values]
    if cut:
        items.insert(len(items) // 2, " ...")
    per_line = max(1, int((_options["linewidth"] - indent) / (formatter.width + 2)))
    lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _nested(values, indent, cuts, formatter):
    if len(cuts) == 1:
        return _vector(values, indent, cuts[0], formatter)
    parts = [_nested(v, indent + 1, cuts[1:], formatter) for v in values]
    if cuts[0]:
        parts.insert(len(parts) // 2, "...")
    return "[" + ("," + "\n" * (len(cuts) - 1) + " " * (indent + 1)).join(parts) + "]"


def _contents(tensor, indent):
    """The bracketed numbers of a tensor that has elements and memory."""
    summarize = tensor.numel() > _options["threshold"]
    edge = _options["edgeitems"]
    dims = tensor.dim()
    if summarize and dims and not edge:
        return "[...]"
    values = (_visible(tensor, edge) if summarize else tensor).tolist()
    flat = _flat(values, dims) if dims else [values]
    if tensor.is_complex():
        formatter = _ComplexFormatter(flat)
    else:
        formatter = _Formatter(flat, tensor.is_floating_point())
    if not dims:
        return formatter(values)
    cuts = [summarize and size > 2 * edge for size in tensor.shape]
    return _nested(values, indent, cuts, formatter)


def _with_suffixes(text, suffixes, indent):
    """Appends `, suffix` for each, on a new line where the line would grow past `linewidth`."""
    parts = [text]
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if column + len(suffix) + 2 > _options["linewidth"]:
            parts.append(",\n" + " " * indent + suffix)
            column = indent + len(suffix)
        else:
            parts.append(", " + suffix)
            column += len(suffix) + 2
    return "".join(parts) + ")"


def _history(tensor):
    """What the printed form says of autograd: a list of at most one suffix."""
    try:
        node = tensor.grad_fn
    except RuntimeError:  # a view whose history an in-place write under no_grad made meaningless
        return ["grad_fn=<Invalid>"]
    if node is not None:
        return [f"grad_fn=<{node.name().rpartition('::')[2]}>"]
    return ["requires_grad=True"] if tensor.requires_grad else []


def _dtype_is_shown(dtype):
    default = str(_C.get_default_dtype())
    default_complex = "torch.complex128" if default == "torch.float64" else "torch.complex64"
    return str(dtype) not in (default, default_complex, "torch.int64", "torch.bool")


def tensor_str(tensor, *, tensor_contents=None):
    """`repr` of a tensor; `tensor_contents` replaces the part that shows the numbers."""
    # Parameters exist only once their module was imported.
    parameters = sys.modules.get("cnn.nn.parameter")
    parameter_type = parameters.Parameter if parameters is not None else _C.Tensor
    plain_class = type(tensor) is _C.Tensor or type(tensor) is parameter_type
    prefix = "tensor(" if plain_class else f"{type(tensor).__name__}("

    former = _C.is_grad_enabled()
    _C._set_grad_enabled(False)
    try:
        text, suffixes = _body(tensor, len(prefix), tensor_contents)
    finally:
        _C._set_grad_enabled(former)
    text = _with_suffixes(prefix + text, suffixes + _history(tensor), len(prefix))
    if not plain_class and isinstance(tensor, parameter_type) and parameters is not None:
        return f"Parameter({text})"
    return text


def _body(tensor, indent, contents):
    """The printed numbers, and the suffixes that device, shape and dtype call for."""
    values = tensor.detach()
    if type(values) is not _C.Tensor:
        values = values.as_subclass(_C.Tensor)
    suffixes = []
    size = f"size={tuple(values.shape)}"
    if values.device.type != "cpu":
        suffixes.append(f"device='{values.device}'")
    if values.device.type == "meta" or values.numel() == 0:
        # There is no element from which to guess the dtype.
        dtype_is_shown = values.dtype != _C.get_default_dtype()
        default_contents = "..." if values.device.type == "meta" else "[]"
        if values.device.type == "meta" or values.dim() != 1:
            suffixes.append(size)
    else:
        dtype_is_shown = _dtype_is_shown(values.dtype)
        default_contents = None
        if not _options["edgeitems"]:
            suffixes.append(size)
    if dtype_is_shown:
        suffixes.append(f"dtype={values.dtype}")
    if contents is None:
        contents = default_contents or _contents(values, indent)
    return contents, suffixes
