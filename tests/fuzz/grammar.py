"""Arguments, drawn as Python text from a random number generator. `values` holds the words of the text."""

from __future__ import annotations

import re

from .values import FLOATS, FLOATS8, INTS, LAYOUTS, STORED

DEFAULTS = ((), "float32", "small", "", "")
ALL = (*(*FLOATS, *INTS, "bool") * 2, *STORED)  # what is stored alone is drawn half as often
SMALL = ("0", "1", "2", "3", "-1", "-2", "5")
EDGES = (
    "2**31", "2**31 - 1", "-2**31", "2**63 - 1", "-2**63", "2**63", "2**64", "-3", "100", "256", "1000", "10**9",
    "10**18", "2**40",
)  # fmt: skip
REALS = (
    "0.5", "1.0", "0.0", "-0.0", "2.5", "1e-5", "-1.5", "1e308", "1e-320", "float('nan')", "float('inf')",
    "float('-inf')", "0.1", "1e10",
)  # fmt: skip
# Not the class of tensors itself: where `x.dim()` is called on a class again and again, CPython 3.11 reads past its
# stack. `str` and `x.split()` do the same.
ODD = (
    "None", "True", "False", "0", "-1", "2", "2**63", "0.5", "1j", "'x'", "''", "'mean'", "b'ab'", "[]", "()", "[1]",
    "(2, 2)", "[2, -1]", "[[1, 2], [3]]", "{}", "{1: 2}", "set()", "...", "slice(None)", "slice(-1, None, 2)",
    "slice(2**62, -2**62, 1)", "range(3)", "(i for i in range(2))", "int", "float", "object()", "(lambda *a: a)",
    "(lambda x: x)", "cnn.float32", "cnn.int64", "cnn.bool", "cnn.device('cpu')", "'meta'", "'cuda'", "'cpu:0'",
    "cnn.strided", "cnn.Generator()", "cnn.Size((2, 2))", "cnn.Tensor()", "A((2, 3))", "A((2,), 'int32')",
    "A()", "A((2,), 'complex64')", "A((2,), 'object')", "A((2,), 'U3')", "np.float32(2)", "np.int64(1)", "np.bool_(1)",
    "np.array(['a'])", "Raising()", "clearing(2, 3)", "clearing([1.0, 2.0])", "cyclic()", "nested(70)", "nested(20000)",
    "cnn.nn.Linear(2, 2)", "cnn.nn.Parameter(T((2, 2)))", "T((2**40,), layout='meta')",
    "T((2**20, 2**20, 2**20), layout='meta')", "T((0, 2**62), layout='meta')", "[T((2,))]", "(T((2,)), T((2,)))",
    "[None]", "[T(), 1.0]",
    "T((2, 2)).untyped_storage()", "float('nan')", "float('inf')", "[float('nan')]", "[2**63]", "'0'", "'cpu'",
    "'float32'", "'é' * 300",
    "bytearray(8)", "memoryview(b'12345678')", "iter([1, 2])", "type('Index', (), {'__index__': lambda self: 1})()",
)  # fmt: skip
WORDS = {
    "reduction": ("mean", "sum", "none"),
    "padding_mode": ("zeros", "reflect", "replicate", "circular", "border", "reflection"),
    "mode": ("nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact", "constant", "reflect",
             "replicate", "circular", "sum", "mean", "max", "fan_in", "fan_out", "min"),
    "rounding_mode": ("floor", "trunc"),
    "reduce": ("sum", "prod", "mean", "amax", "amin", "add", "multiply"),
    "approximate": ("none", "tanh"),
    "indexing": ("ij", "xy"),
    "side": ("left", "right"),
    "interpolation": ("linear", "lower", "higher", "midpoint", "nearest"),
    "activation": ("relu", "gelu"),
    "nonlinearity": ("tanh", "relu", "leaky_relu"),
    "padding": ("valid", "same"),
    "equation": ("ij,jk->ik", "ii->i", "...i,...i", "i,j", "ij->", "...", "ij,jk", "bij,bjk->bik"),
    "compute_mode": ("use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"),
    "format_spec": ("", ".2f", "d"),
    "anneal_strategy": ("cos", "linear"),
    "attr": ("weight", "x"),
    "name": ("weight", "x", ""),
}  # fmt: skip
# Positions in a small tensor; lengths; masks.
_INDEX = re.compile(
    r"^(index|indices|target|tgt|.*lengths?|offsets|batch_sizes|sorter|sorted_indices|start_ids)$"
)
_MASK = re.compile(r"^(mask|condition|.*_mask)$")
_FLAT = re.compile(
    r"^(bias|.*_bias|b_.h|vec\d?|running_\w+|index|boundaries|batch_sizes|.*lengths|mean|var|pos_weight)$"
)
_MATRIX = re.compile(r"^(mat\d?|w_.h|.*_proj_weight)$")
_LISTS = re.compile(
    r"^(tensors|parameters|inputs|outputs|operands|arrays|sequences|modules|params|split_sizes)$"
)
_COUNTS = re.compile(
    r"^(in_\w+|out_\w+|num_\w+|n|k|dims?|dim\d|axis\d?|groups|\w*size\w*|stride|padding|dilation|\w*channels"
    r"|\w*features|\w*factor|nhead|d_model|dim_\w+|embed_dim\w*|\w*_steps|\w+dim|step|milestones|T_\w+|chunks|sections"
    r"|shifts|repeats)$"
)


_LAYOUTS = tuple(LAYOUTS)


class TensorText(str):
    """The word for a tensor, without what is left at its default. `properties`: shape, dtype, values, layout, grad."""

    def __new__(cls, properties):
        given = list(properties)
        while given and given[-1] == DEFAULTS[len(given) - 1]:
            given.pop()
        text = super().__new__(cls, f"T({', '.join(map(repr, given))})")
        text.properties = properties
        return text


def pick(rng, options):
    """One of them; quicker than `rng.choice`."""
    return options[int(rng.random() * len(options))]


class Grammar:
    """Draws one call's arguments, which like to have sizes and dtypes in common."""

    def __init__(self, rng):
        self.rng = rng
        self.size = self._pick((2, 2, 3, 1, 4, 5, 17))
        self.ndim = self._pick((2, 1, 3, 4, 2, 3, 5, 0))
        self.dtype = "float32" if rng.random() < 0.6 else self._pick(ALL)
        # Every third call is in order, but for what the parameters' names do not say.
        self.orderly = rng.random() < 0.35
        if self.orderly and self.size > 4:
            self.size = 2

    def _pick(self, options):
        return pick(self.rng, options)

    def _chance(self, p):
        return self.rng.random() < (p * 0.25 if self.orderly else p)

    # ------------------------------------------------------------------------------------ tensors

    def shape(self, name=""):
        rng = self.rng
        if self._chance(0.25):
            if rng.random() < 0.5:  # broadcast with others
                return tuple(self._pick((1, self.size)) for _ in range(self.ndim))
            if rng.random() < 0.2:
                return ()
            return tuple(
                self._pick((0, 1, 2, 3, self.size, 7)) for _ in range(int(rng.random() * 5))
            )
        ndim = self.ndim
        if rng.random() < 0.8:
            ndim = 1 if _FLAT.match(name) else 2 if _MATRIX.match(name) else ndim
        if name in ("input", "self", "weight", "other") and rng.random() < 0.2:
            ndim = int(rng.random() * 6)
        if ndim > 4 and self.size > 5:
            ndim = 2
        return (self.size,) * ndim

    def _dtype(self, name):
        if _INDEX.match(name) and self.rng.random() < (0.5 if name == "target" else 0.9):
            return "int64" if self.rng.random() < 0.9 else "int32"
        if _MASK.match(name) and self.rng.random() < 0.9:
            return "bool"
        return self._pick(ALL) if self._chance(0.2) else self.dtype

    def _values(self, name, dtype):
        if _INDEX.match(name) and dtype in INTS and not self._chance(0.2):
            return self._pick(("zeros", "two", "three", "ones"))
        if not self._chance(0.5):
            return "small"
        return self._pick(("unit", "special", "zeros", "ones", "two", "rising", "special"))

    def tensor(self, name=""):
        if self._chance(0.03):
            return "T((), layout='meta')" if self.rng.random() < 0.3 else self.huge()
        dtype = self._dtype(name)
        shape, values = self.shape(name), self._values(name, dtype)
        layout = self._pick(_LAYOUTS) if self._chance(0.45) else ""
        if self.rng.random() < 0.06:
            layout = "numpy"
        grad = (
            self._pick(("leaf", "leaf", "inner", "view"))
            if self.rng.random() < 0.45 and dtype in FLOATS + FLOATS8
            else ""
        )
        return TensorText((shape, dtype, values, layout, grad))

    def huge(self):
        sizes = self._pick(
            ("(2**31,)", "(2**40, 2)", "(2**62,)", "(0, 2**62)", "(2**31, 2**31)", "(3, 0, 2**40)")
        )
        return f"T({sizes}, {self._pick(ALL)!r}, layout='meta')"

    # ------------------------------------------------------------------------------------ numbers

    def integer(self):
        if self._chance(0.2):
            return self._pick(EDGES)
        if self._chance(0.08):
            return self._pick(
                ("True", "1.0", "2.5", "T((), 'int64', 'ones')", "np.int64(1)", "np.int8(2)")
            )
        return self._pick((str(self.size), *SMALL)) if self.rng.random() < 0.9 else str(self.size)

    def real(self):
        return self._pick(REALS) if self.rng.random() < 0.75 else self.number()

    def number(self):
        pick = self.rng.random()
        if pick < 0.5:
            return self.integer()
        if pick < 0.9:
            return self._pick(REALS)
        return self._pick(
            ("True", "False", "T((), 'float64', 'ones')", "np.float32(2)", "1j", "T((1,))")
        )

    def dims(self):
        if self.rng.random() < 0.35:
            return self.integer()
        count = self._pick((1, 2, 2, 3, 1, 2, 4, 0)) if self.rng.random() < 0.9 else 70
        items = ", ".join(self.integer() for _ in range(min(count, 5)))
        if count == 70:
            return "[1] * 70"
        if self._chance(0.05):
            return f"clearing({items})"
        return f"[{items}]" if self.rng.random() < 0.5 else f"({items}{',' if count == 1 else ''})"

    # ------------------------------------------------------------------------------------- others

    def tensors(self):
        if self.rng.random() < 0.2 and self.dtype == "float32":
            one = self.tensor()
            return f"[{one}] * {self._pick((2, 3, 100))}"
        items = ", ".join(self.tensor("input") for _ in range(self._pick((2, 1, 3, 2, 0))))
        return f"[{items}]" if self.rng.random() < 0.7 else f"({items}{',' if items else ''})"

    def params(self):
        items = [
            f"T({self.shape()!r}, {self.dtype!r}, grad='leaf')"
            for _ in range(self._pick((1, 2, 3)))
        ]
        if self._chance(0.2):
            items.append(self.tensor())
        if self.rng.random() < 0.2:
            return f"[{{'params': [{', '.join(items)}], 'lr': {self.real()}}}]"
        return f"[{', '.join(items)}]"

    def index(self):
        if self.rng.random() < 0.35:
            items = [self._index_item() for _ in range(self._pick((2, 2, 3, 1, 0, 4)))]
            return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
        return self._index_item()

    def _index_item(self):
        pick = self.rng.random()
        if pick < 0.2:
            return self.integer()
        if pick < 0.45:
            a, b, c = (self._pick(("None", "None", self.integer())) for _ in range(3))
            return f"slice({a}, {b}, {c})"
        if pick < 0.55:
            return self._pick(("None", "...", "True", "False"))
        if pick < 0.8:
            return self.tensor(self._pick(("index", "mask")))
        if pick < 0.92:
            return self._pick(("[0, 1]", "[True, False]", "[]", "[[0], [1]]", "[-1, 0, 1]", "[slice(None), 0]",
                               "A((2,), 'int64')", "A((2, 2), 'bool')", "range(2)", "[0, None]", "[...]"))  # fmt: skip
        return self.odd()

    def odd(self):
        return self.tensor() if self.rng.random() < 0.2 else self._pick(ODD)

    def word(self, name):
        if name in WORDS and not self._chance(0.1):
            return repr(self._pick(WORDS[name]))
        return repr(self._pick(WORDS[self._pick(tuple(WORDS))]))

    def _callable(self):
        return self._pick(("(lambda *a: a)", "(lambda x: x)", "(lambda x: x * 2)", "(lambda *a: a[0].sum())",
                           "(lambda *a, **k: None)", "cnn.sin", "(lambda x: 1 / 0)"))  # fmt: skip

    def guess(self, name):
        """For a parameter that says nothing of its type."""
        if name in WORDS and self.rng.random() < 0.8:
            return self.word(name)
        if _LISTS.match(name) and self.rng.random() < 0.8:
            return self.tensors()
        if _COUNTS.match(name) and self.rng.random() < 0.85:
            return self.integer() if self.rng.random() < 0.75 else self.dims()
        if re.search(r"func|hook|lambda|fn|closure|callable", name) and self.rng.random() < 0.8:
            return self._callable()
        return self._pick(
            (self.tensor, self.tensor, self.number, self.dims, self.odd, self.tensors)
        )()

    def of_type(self, kind, name):
        """Text for a parameter of this type, as the bindings write types; now and then for another."""
        if self._chance(0.06):
            return self.odd()
        if kind.endswith("?"):
            if self._chance(0.1):
                return "None"
            kind = kind[:-1]
        if kind == "Tensor|Number":
            kind = self._pick(("Tensor", "Tensor", "Number"))
        if kind == "Tensor":
            return self.tensor(name)
        make = {
            "Number": self.number, "int": self.integer, "float": self.real, "Dims": self.dims, "Tensors": self.tensors,
            "params": self.params, "index": self.index,
        }.get(kind)  # fmt: skip
        if make:
            return make()
        if kind == "str":
            return self.word(name)
        if kind in ("bool", "RequiresGrad", "PinMemory"):
            return "False" if kind == "PinMemory" or self.rng.random() < 0.5 else "True"
        if kind == "Dtype":
            return f"cnn.{self._pick(ALL)}"
        fixed = {
            "Device": ("'cpu'", "'cpu'", "'meta'", "'cuda'", "cnn.device('cpu')", "0"),
            "Layout": ("cnn.strided", "None"),
            "MemoryFormat": (
                "cnn.contiguous_format",
                "cnn.preserve_format",
                "cnn.channels_last",
                "cnn.channels_last_3d",
            ),
            "Generator": ("cnn.Generator()", "None"),
            "Module": ("cnn.nn.Linear(2, 2)", "cnn.nn.Sequential(cnn.nn.Linear(2, 2), cnn.nn.ReLU())",
                       "cnn.nn.BatchNorm1d(2)", "cnn.nn.Module()"),
            "Storage": ("T((3,)).untyped_storage()", "T((0,)).untyped_storage()",
                        "T((2,), layout='numpy').untyped_storage()"),
            "Size": ("cnn.Size((2, 3))", "cnn.Size(())", "cnn.Size((2**62, 2**62))"),
        }.get(kind)  # fmt: skip
        return self._pick(fixed) if fixed else self.guess(name)
