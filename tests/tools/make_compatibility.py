"""Writes docs/compatibility.md, what cnn has of PyTorch's documented names: `python tests/tools/make_compatibility.py`.

The names are in torch_names.txt beside this file; with PyTorch installed, `--names` writes that anew. What cnn has of
them is asked of the package itself; differences.py says where something works otherwise.
"""

from __future__ import annotations

import importlib
import pathlib
import sys
import textwrap
import types
import typing

HERE = pathlib.Path(__file__).parent
NAMES = HERE / "torch_names.txt"
PAGE = HERE.parents[1] / "docs" / "compatibility.md"

NAMESPACES = """
    torch torch.Tensor torch.nn torch.nn.functional torch.nn.init torch.nn.utils torch.nn.utils.parametrizations
    torch.nn.utils.parametrize torch.nn.utils.rnn torch.nn.utils.prune torch.nn.utils.stateless torch.nn.parallel
    torch.nn.attention torch.nn.attention.flex_attention torch.nn.parameter torch.nn.grad torch.optim
    torch.optim.lr_scheduler torch.optim.swa_utils torch.autograd torch.autograd.function torch.autograd.functional
    torch.autograd.graph torch.autograd.profiler torch.autograd.forward_ad torch.linalg torch.fft torch.special
    torch.distributions torch.distributions.transforms torch.distributions.constraints torch.distributions.kl
    torch.func torch.amp torch.cpu torch.cuda torch.accelerator torch.utils torch.utils.data
    torch.utils.data.distributed torch.utils.checkpoint torch.utils.dlpack
    torch.utils.benchmark torch.utils.flop_counter torch.utils.hooks torch.utils.module_tracker torch.random
    torch.testing torch.jit torch.compiler torch._dynamo torch.onnx torch.export torch.profiler torch.multiprocessing
    torch.distributed torch.distributed.optim torch.sparse torch.nested torch.backends.cuda torch.backends.mps
    torch.backends.mkl torch.hub torch.library torch.fx torch.masked torch.overrides torch.signal.windows
    torch.serialization torch.types torch.__config__ torch.version torch.Generator torch.Size torch.dtype torch.device
    torch.finfo torch.iinfo torch.nn.Module torch.optim.Optimizer torch.autograd.Function torch.utils.data.DataLoader
    torch.UntypedStorage torch.Event torch.Stream
""".split()

# Values of these modules are no names of their own.
_BORROWED = {
    "typing",
    "typing_extensions",
    "collections.abc",
    "_collections_abc",
    "__future__",
    "_io",
    "_thread",
}
# Operators and the protocols of Python and NumPy that Tensor takes part in.
_PROTOCOLS = """
    abs add and array array_priority array_wrap bool complex contains deepcopy dir div dlpack dlpack_device eq float
    floordiv format ge getitem gt hash iadd iand ifloordiv ilshift imatmul imod imul index int invert ior ipow irshift
    isub iter itruediv ixor le len lshift lt matmul mod mul ne neg or pos pow radd rand reduce_ex reversed rfloordiv
    rlshift rmatmul rmod rmul ror rpow rrshift rshift rsub rtruediv rxor setitem setstate sub torch_function truediv xor
""".split()

HEAD = """\
# What cnn has of PyTorch's names

`python tests/tools/make_compatibility.py` writes this page from the package itself and a list of the names that
PyTorch {version} documents. A name **works** where its values are PyTorch's, within rounding; where it works with a
difference, the difference is below; a name that **raises** is there, so that programs can import it, and says what to
use when it is called; what is **absent** is an AttributeError that says the same. No name is there and does nothing
where PyTorch's would change a number.

"""


def resolve(root, path):
    """The module of that dotted path below `root`, else the attribute; None where there is none."""
    try:
        return importlib.import_module(".".join([root, *path]))
    except ImportError:
        pass
    value = importlib.import_module(root)
    for part in path:
        value = getattr(value, part, None)
    return value


def documented(namespace, place):
    """The public names of a module or class of PyTorch's that are its own and have a text."""
    listed = set(getattr(place, "__all__", None) or ())
    for name in sorted(set(dir(place)) | listed):
        if name.startswith("_") and not (
            namespace == "torch.Tensor" and name.strip("_") in _PROTOCOLS
        ):
            continue
        value = getattr(place, name, None)
        if isinstance(value, (types.ModuleType, typing.TypeVar)):
            continue
        if (
            isinstance(place, types.ModuleType)
            and name not in listed
            and not _is_own(namespace, value, bool(listed))
        ):
            continue
        if not callable(value) or value.__doc__:
            yield name


def _is_own(namespace, value, has_list):
    home = getattr(value, "__module__", None)
    home = home if isinstance(home, str) else ""
    if has_list or _BORROWED & {type(value).__module__, home}:
        return False
    if not callable(value):
        return True
    if home and not home.startswith(("torch", "_")):
        return False
    return (
        namespace == "torch"
        or not home.startswith("torch.")
        or home.startswith((namespace, "torch._C"))
    )


def write_names():
    import torch

    lines = [f"# The names that PyTorch {torch.__version__.split('+')[0]} documents, by namespace."]
    for namespace in NAMESPACES:
        place = resolve("torch", namespace.split(".")[1:])
        if place is not None:
            names = " ".join(documented(namespace, place))
            lines += [f"[{namespace}]", *textwrap.wrap(names, 120, break_on_hyphens=False)]
    NAMES.write_text("\n".join(lines) + "\n")


def read_names():
    """The version of PyTorch, and {namespace: names}."""
    version, spaces, current = "", {}, []
    for line in NAMES.read_text().splitlines():
        if line.startswith("#"):
            version = line.split("PyTorch ")[1].split(" ")[0]
        elif line.startswith("["):
            current = spaces.setdefault(line.strip("[]"), [])
        else:
            current += line.split()
    return version, spaces


def refusal(value):
    """What a name says that only raises, or None."""
    marked = vars(value) if isinstance(value, type) else getattr(value, "__dict__", {})
    return marked.get("__refuses__")


def what_is(place, name):
    """('works' | 'raises' | 'absent', sentence)."""
    try:
        value = getattr(place, name)
    except AttributeError as error:
        return "absent", str(error).partition(": ")[2]
    except (ImportError, NotImplementedError, RuntimeError) as error:
        return "raises", str(error)
    said = refusal(value)
    return ("works", None) if said is None else ("raises", said)


def make():
    """The text of the page."""
    sys.path.insert(0, str(HERE))
    from differences import DIFFERENCES

    version, spaces = read_names()
    rows, chapters, totals = [], [], [0, 0, 0, 0]
    for namespace, names in spaces.items():
        place = resolve("cnn", namespace.split(".")[1:])
        found = {
            name: ("absent", None) if place is None else what_is(place, name) for name in names
        }
        differing = {
            n: DIFFERENCES[f"{namespace}.{n}"] for n in names if f"{namespace}.{n}" in DIFFERENCES
        }
        kinds = [kind for kind, _ in found.values()]
        counts = [
            kinds.count("works") - len(differing), len(differing), kinds.count("raises"), kinds.count("absent")
        ]  # fmt: skip
        totals = [a + b for a, b in zip(totals, counts)]
        rows.append(f"| `{namespace}` | {len(names)} | " + " | ".join(map(str, counts)) + " |")
        chapters += _chapter(namespace, found, differing)
    rows.append(f"| all | {sum(totals)} | " + " | ".join(map(str, totals)) + " |")
    table = [
        "| namespace | names | work | with a difference | raise | absent |",
        "| --- " + "| ---: " * 5 + "|",
        *rows,
    ]
    return HEAD.format(version=version) + "\n".join([*table, *chapters]) + "\n"


def _chapter(namespace, found, differing):
    """What is to be said of a namespace, in lines; nothing where all works."""
    lines = []
    for name, text in differing.items():
        lines += textwrap.wrap(
            f"- `{name}`: {text}", 120, subsequent_indent="  ", break_on_hyphens=False
        )
    for kind, title in (("raises", "Raise"), ("absent", "Absent")):
        said = {}
        for name, (its_kind, text) in found.items():
            if its_kind == kind:
                said.setdefault(text, []).append(f"`{name}`")
        for text, names in said.items():
            reason = f" ({text})" if text else ""
            line = f"- {title}{reason}: {' '.join(names)}"
            lines += textwrap.wrap(
                line, 120, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
            )
    return ["", f"## {namespace}", "", *lines] if lines else []


if __name__ == "__main__":
    if "--names" in sys.argv[1:]:
        write_names()
    PAGE.write_text(make())
