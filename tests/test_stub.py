"""The types that editors and type checkers see: python/cnn/_C.pyi and the package around it."""

import ast
import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest

import cnn
from cnn import _C, _absent

HERE = pathlib.Path(__file__).parent
PACKAGE = pathlib.Path(cnn.__file__).parent
STUB = PACKAGE / "_C.pyi"

needs_mypy = pytest.mark.skipif(
    importlib.util.find_spec("mypy") is None, reason="mypy is not installed"
)


def load_make_stub():
    spec = importlib.util.spec_from_file_location("make_stub", HERE / "tools" / "make_stub.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_stub"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


make_stub = load_make_stub()


def test_stub_is_what_the_bindings_state():
    committed = ast.parse(STUB.read_text())
    made = ast.parse(make_stub.make())
    assert ast.dump(committed) == ast.dump(made), "run python tests/tools/make_stub.py"


def test_marker_is_shipped():
    assert (PACKAGE / "py.typed").exists()


@pytest.mark.parametrize("name", sorted(_C._signatures))
def test_signature_parses_to_itself(name):
    """The reader of signatures loses nothing: positions, keyword-only, defaults."""
    for text in _C._signatures[name]:
        s = make_stub.parse(text)
        star = next((i for i, p in enumerate(s.params) if p.keyword_only), None)
        parts = [
            ("*" if p.gathers else "")
            + f"{p.type} {p.name}"
            + (f"={p.default}" if p.default else "")
            for p in s.params
        ]
        if star is not None:
            parts.insert(star, "*")
        assert f"{s.name}({', '.join(parts)}) -> {s.result}" == text.replace("=inf", "=...")


def test_everything_public_is_in_the_stub():
    top = {getattr(n, "name", None) for n in ast.walk(ast.parse(STUB.read_text()))}
    assert {n for n in _C._signatures if "." not in n} <= top
    assert {n for n in dir(_C.Tensor) if n[0] != "_"} <= top | property_names()


def property_names():
    tree = ast.parse(STUB.read_text())
    (body,) = [n.body for n in tree.body if getattr(n, "name", None) == "Tensor"]
    return {n.target.id for n in body if isinstance(n, ast.AnnAssign)}


# What the stub says otherwise than the run-time does, and why.
DIFFERS = [
    r"cnn\._C\.\w+Tensor is not a type",  # they answer isinstance and make tensors, as a class
    r"cnn\._C\.\w+ is inconsistent, metaclass differs",  # metaclasses that only print and watch
    r"cnn\._C\._FunctionBase\.__[gs]etattr__ is not present at runtime",  # ctx takes any attribute
    # A parameter for the printing of one tensor in another alone.
    r"cnn\._C\.Tensor\.__repr__ is inconsistent, stub does not have parameter \"tensor_contents\"",
    # Of f(*sizes) and f(sizes) the run-time's signature shows the second.
    r"cnn\._C\.[\w.]+ is inconsistent, stub does not have parameter \"(size|shape|dims?|repeats|tensors)\"",
    r"cnn\._C\.[\w.]+ is inconsistent, runtime does not have \*args parameter "
    r"\"(size|shape|dims?|repeats|tensors)\"",
    # They raise AttributeError, and say what to use instead.
    rf"cnn\._C\.Tensor\.({'|'.join(_absent._OF_TENSOR)}) is not present in stub",
]


def run_mypy(module, *args, cwd):
    """One worker, its cache apart: the run leaves nothing behind."""
    command = [sys.executable, "-m", module, *args]
    environment = {"PATH": "/usr/bin:/bin", "MYPY_CACHE_DIR": str(cwd / "cache")}
    if PACKAGE.parent.name != "site-packages":  # there mypy looks of its own accord
        environment["MYPYPATH"] = environment["PYTHONPATH"] = str(PACKAGE.parent)
    return subprocess.run(command, cwd=cwd, env=environment, text=True, capture_output=True)


@needs_mypy
def test_stub_fits_the_module(tmp_path):
    config = tmp_path / "mypy.ini"
    ignored = "assignment,dict-item,name-match,var-annotated"  # as in pyproject.toml
    config.write_text(f"[mypy]\nignore_missing_imports = true\ndisable_error_code = {ignored}\n")
    done = run_mypy(
        "mypy.stubtest",
        "--ignore-disjoint-bases",
        f"--mypy-config-file={config}",
        "cnn._C",
        cwd=tmp_path,
    )
    errors = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
    assert errors, f"stubtest reports nothing at all: {done.stdout}{done.stderr}"
    known = re.compile("|".join(f"error: {p}" for p in DIFFERS))
    assert [e for e in errors if not known.fullmatch(e)] == []


@needs_mypy
def test_typed_program(tmp_path):
    """A user's program has no errors under --strict."""
    done = run_mypy(
        "mypy",
        "--config-file=",
        "--strict",
        "--follow-imports=silent",
        "--ignore-missing-imports",
        str(HERE / "typed_sample.py"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr


WRONG = {
    "cnn.ad(cnn.ones(2), 1)": "attr-defined",
    "cnn.add(cnn.ones(2), 'one')": "call-overload",
    "cnn.ones(2).sum(dimm=1)": "call-arg",
    "x: str = cnn.ones(2).exp()": "assignment",
    "cnn.ones(2, dtype='float32')": "call-overload",
    "cnn.nn.functional.no_such_layer": "attr-defined",
    "cnn.ones(2).add_(1).no_such_method()": "attr-defined",
}


@needs_mypy
def test_wrong_program(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("\n".join(["import cnn", *WRONG]))
    done = run_mypy(
        "mypy",
        "--config-file=",  # none that lies above
        "--follow-imports=silent",
        "--ignore-missing-imports",
        str(program),
        cwd=tmp_path,
    )
    found = re.findall(r":(\d+): error: .*\[([\w-]+)\]$", done.stdout, re.M)
    assert found == [(str(i), code) for i, code in enumerate(WRONG.values(), 2)], done.stdout


def test_typed_program_runs():
    done = subprocess.run(
        [sys.executable, str(HERE / "typed_sample.py")],
        env={"PYTHONPATH": str(PACKAGE.parent)},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr


def test_functional_exports():
    """`__all__` and the names that type checkers see are what the module has."""
    functional = cnn.nn.functional
    there = {n for n, v in vars(functional).items() if callable(v) and n[0] != "_"}
    there |= {n for n, op in functional._CORE_OPS.items() if hasattr(_C, op)}
    assert set(functional.__all__) == there
    tree = ast.parse(pathlib.Path(functional.__file__).read_text())
    (block,) = [n for n in tree.body if isinstance(n, ast.If)]
    shown = {n.names[0].asname: n.names[0].name for n in block.body}
    assert shown == {n: op for n, op in functional._CORE_OPS.items() if hasattr(_C, op)}
