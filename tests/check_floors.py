"""Checks the floors of the code and the size of its pages, what compiled kernels export, and what the libraries need
of the system.

python tests/check_floors.py                    who may include or import whom; no line over 120 columns, no file over
                                                600 lines
python tests/check_floors.py --objects BUILD    also the kernel objects and libraries of a build folder
"""

import argparse
import ast
import pathlib
import platform
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What a folder of csrc may include, besides itself and the public headers.
CORE = {"core", "device"}
MAY_INCLUDE = {
    "include": set(),
    "core": {"device"},
    "kernels": set(),
    "device": {"core", "kernels"},
    "cpu": CORE | {"kernels"},
    "cuda": CORE | {"kernels"},
    "autograd": CORE,
    "ops": CORE | {"autograd", "kernels"},
    "io": CORE | {"autograd", "ops"},
    "bindings": CORE | {"autograd", "ops", "io"},
}
# Named exceptions. And autograd's sources, not its headers, may call the ops: it adds gradients up,
# undoes broadcasts and replays views by them.
EXCEPTIONS = {
    ("core/tensor.cpp", "autograd/meta.h"),  # a tensor frees its autograd state
}
NOT_PUBLIC = re.compile(r"<(iostream|sstream|regex|functional)>")
PYTHON_HEADER = re.compile(r'[<"](Python\.h|pybind11/.*)[>"]')
CUDA_HEADER = re.compile(r'[<"](cuda|cublas|cudnn|nccl)[^>"]*[>"]')

# What a part of python/cnn may import of the others; a part is a file or folder there.
# These may import the package's own face.
PYTHON_SEES_ALL = {
    "__config__",
    "__main__",
    "_aten_ops",
    "_torch_alias",
    "fx",
    "overrides",
    "version",
}
PYTHON_MAY_NOT = {
    "optim": {"nn"},
    "autograd": {"nn", "optim", "utils"},
    "_tensor": {"nn", "optim"},
}
# Packages on top of the package, which see of it what a program does.
PYTHON_ON_TOP = {"vision"}
# Modules that import what their part may not: this one averages modules, and loads at first use.
PYTHON_EXCEPTIONS = {"optim/swa_utils.py"}

# What manylinux_2_34 has. From glibc 2.38 and GCC 13 on, old names get new versions whatever the code does, so that
# only older systems tell; wheels are built on such.
NEWEST = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13)}


COLUMNS, LINES = 120, 600
SOURCES = {"", ".h", ".cpp", ".cuh", ".cu", ".py", ".pyi", ".txt", ".cmake", ".in"}
NOT_WRITTEN = {"python/cnn/_C.pyi"}  # but made by a program


def included(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+([<"][^>"]+[>"])', line)
        if found:
            yield number, found[1]


def check_includes():
    for path in sorted(ROOT.glob("csrc/**/*")):
        if path.suffix not in {".h", ".cpp", ".cu", ".cuh"}:
            continue
        parts = path.relative_to(ROOT / "csrc").parts
        room = parts[0]
        for number, header in included(path):
            where = f"{path.relative_to(ROOT)}:{number}: "
            if PYTHON_HEADER.fullmatch(header) and room != "bindings":
                yield f"{where}{header} belongs to bindings"
            if CUDA_HEADER.fullmatch(header) and room != "cuda" and "cuda.h" not in header:
                yield f"{where}{header} belongs to cuda"
            if room == "include" and NOT_PUBLIC.fullmatch(header):
                yield f"{where}{header} is too heavy for a public header"
            yield from check_include(path, room, header, where)


def check_include(path, room, header, where):
    if not header.startswith('"'):
        return
    target = header.strip('"')
    if target.startswith("cnn/"):
        calls_ops = target == "cnn/ops.h" or target.startswith("cnn/ops/")
        if calls_ops and room in {"core", "kernels", "device", "cpu", "cuda"}:
            yield f"{where}{room} is below the ops"
        if calls_ops and room == "autograd" and path.suffix == ".h":
            yield f"{where}a header of autograd may not include the ops"
        return
    folder = target.split("/")[0] if "/" in target else target
    if (path.parent / target).exists() or folder == room:
        return
    name = path.relative_to(ROOT / "csrc").as_posix()
    if folder not in MAY_INCLUDE[room] and (name, target) not in EXCEPTIONS:
        yield f"{where}{room} may not include {target}"


def imported(path):
    """(line, dotted name, is it written relatively?) of each import, those in functions too."""
    package = ("cnn", *path.relative_to(ROOT / "python" / "cnn").parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, False) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join((*base, *([node.module] if node.module else [])))
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}", node.level > 0


def check_imports():
    for path in sorted(ROOT.glob("python/cnn/**/*.py")):
        inside = path.relative_to(ROOT / "python" / "cnn")
        part = inside.parts[0].removesuffix(".py")
        for number, name, is_relative in imported(path):
            where = f"{path.relative_to(ROOT)}:{number}: "
            names = name.split(".")
            if names[0] in {"torch", "torchvision"}:
                yield f"{where}imports {name}"
            if part in PYTHON_ON_TOP:
                continue
            if names[0] == "cnn" and name != "cnn" and not is_relative:
                yield f"{where}{name} is imported by its whole path: parts of the package say `from .`"
            if name == "cnn" and part not in PYTHON_SEES_ALL:
                yield f"{where}{part} may not import the face of the package"
            if names[0] != "cnn" or len(names) < 2:
                continue
            if inside.as_posix() in PYTHON_EXCEPTIONS:
                continue
            if names[1] in PYTHON_MAY_NOT.get(part, ()) or names[1] in PYTHON_ON_TOP:
                yield f"{where}{part} may not import {name}"
            if name.startswith("cnn.utils.data") and inside.parts[:2] != ("utils", "data"):
                yield f"{where}nothing imports cnn.utils.data"


def check_pages():
    for folder in ("csrc", "python", "tests", "examples", ".ci"):
        for path in sorted((ROOT / folder).rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            if path.is_dir() or path.suffix not in SOURCES or name in NOT_WRITTEN:
                continue
            lines = path.read_text().splitlines()
            if len(lines) > LINES:
                yield f"{name}: {len(lines)} lines, more than {LINES}"
            for number, line in enumerate(lines, 1):
                if len(line) > COLUMNS:
                    yield f"{name}:{number}: {len(line)} columns, more than {COLUMNS}"


def check_objects(build):
    """A weak function compiled with AVX-512 could be the one the linker keeps for everybody."""
    folders = sorted(build.glob("csrc/CMakeFiles/cnn_kernels_*.dir"))
    if not folders:
        yield f"{build}: no kernel objects"
    for folder in folders:
        isa = folder.name.removeprefix("cnn_kernels_").removesuffix(".dir")
        for path in sorted(folder.rglob("*.o")):
            names = subprocess.run(
                ["nm", "-C", "--defined-only", path], capture_output=True, text=True, check=True
            ).stdout
            for line in names.splitlines():
                _, kind, symbol = line.split(" ", 2)
                if kind in "WVu" and isa not in symbol and not symbol.startswith("DW.ref."):
                    yield f"{path.name} ({isa}): weak symbol {symbol}"


def version(text):
    return tuple(int(part) for part in text.split("."))


def check_needs(build):
    if version(platform.libc_ver()[1]) > (2, 36):
        return
    for path in [*build.glob("libcnn.so"), *build.glob("stage/cnn/_C.*.so")]:
        names = subprocess.run(["objdump", "-T", path], capture_output=True, text=True, check=True)
        for of, at, symbol in re.findall(r"\*UND\*.*\((\w+)_([\d.]+)\) +(\S+)", names.stdout):
            if version(at) > NEWEST.get(of, version(at)):
                yield f"{path.name} needs {symbol} of {of} {at}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=pathlib.Path, metavar="BUILD")
    args = parser.parse_args()
    faults = [*check_includes(), *check_imports(), *check_pages()]
    if args.objects:
        faults += [*check_objects(args.objects), *check_needs(args.objects)]
    print("\n".join(faults) if faults else "floors: all in order")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
