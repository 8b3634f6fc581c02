"""`python -m cnn`: runs programs written for PyTorch, and tells where things are.

python -m cnn script.py [args]      python -m cnn -m module [args]      python -m cnn -c code [args]
python -m cnn --version             python -m cnn --cmake-dir
python -m cnn --install             python -m cnn --uninstall           python -m cnn --status
python -m cnn --torch-wheel DIR
"""

from __future__ import annotations

import os
import sys

from . import _torch_alias

USAGE = """usage: python -m cnn [-m module | -c code | script.py] [args ...]
       python -m cnn --install | --uninstall | --status | --torch-wheel DIR
       python -m cnn --version | --cmake-dir | --help

Runs a program with `torch` and its submodules resolved to cnn.

  script.py       a file, or a folder or zip archive with a __main__.py
  -m module       a module, as `python -m` would
  -c code         code given as a string
  --install       makes `torch` cnn for this whole Python environment, for pip too, and
                  `torchvision` cnn.vision where none is installed
  --uninstall     takes that back
  --status        what `import torch` gives in this environment
  --torch-wheel DIR
                  writes what --install lays as wheels, for those who build images
  --version       cnn's version
  --cmake-dir     the folder of cnnConfig.cmake, for -Dcnn_DIR or CMAKE_PREFIX_PATH
"""


def main(argv):
    """Does what the command line says; returns the exit status."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE, end="", file=sys.stdout if argv else sys.stderr)
        return 0 if argv else 2
    option = argv[0]
    if option == "--version":
        import cnn

        print(cnn.__version__)
        return 0
    if option == "--cmake-dir":
        return print_cmake_dir()
    if option in ("--install", "--uninstall", "--status", "--torch-wheel"):
        return manage(option, argv[1:])
    if option in ("-m", "-c") and len(argv) < 2:
        print(f"python -m cnn: argument expected for the {option} option", file=sys.stderr)
        return 2
    if option.startswith("-") and option not in ("-m", "-c"):
        print(f"python -m cnn: unknown option {option}\n{USAGE}", end="", file=sys.stderr)
        return 2
    _torch_alias.install()
    if option == "-m":
        return run(run_module, argv[1], argv[1:])
    if option == "-c":
        return run(run_code, argv[1], ["-c", *argv[2:]])
    if not os.path.exists(option):
        print(f"python -m cnn: can't open file {option!r}: no such file", file=sys.stderr)
        return 2
    return run(run_script, option, argv)


def manage(option, arguments):
    """What is said to `torch` in the whole environment; errors are sentences."""
    from . import _torch_install

    wanted = 1 if option == "--torch-wheel" else 0
    if len(arguments) != wanted:
        expected = "a folder" if wanted else "no arguments"
        print(f"python -m cnn: {option} takes {expected}", file=sys.stderr)
        return 2
    try:
        if option == "--status":
            print(_torch_install.status())
        elif option == "--torch-wheel":
            print(*_torch_install.write_wheels(arguments[0]), sep="\n")
        elif option == "--install":
            print(f"`import torch` now gives cnn: {_torch_install.install()}")
        else:
            print(f"`import torch` no longer gives cnn: {_torch_install.uninstall()}")
    except _torch_install.InstallError as error:
        print(f"python -m cnn: {error}", file=sys.stderr)
        return 1
    return 0


def print_cmake_dir():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib", "cmake", "cnn")
    if not os.path.isdir(folder):
        print(f"python -m cnn: there is no {folder} in this installation", file=sys.stderr)
        return 1
    print(folder)
    return 0


def run(runner, what, argv):
    """Runs a program as `__main__`; its uncaught exception prints as if Python had run it."""
    sys.argv[:] = argv
    try:
        runner(what)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        trace = error.__traceback__
        while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return 1
    return 0


def _is_ours(filename):
    return (
        filename == __file__
        or filename.startswith("<frozen runpy>")
        or filename.endswith("runpy.py")
    )


def run_script(path):
    if os.path.isdir(path) or path.endswith((".zip", ".pyz")):
        import runpy

        sys.path.insert(0, path)
        runpy.run_path(path, run_name="__main__")
        return
    _set_first_path(os.path.dirname(os.path.realpath(path)))
    with open(path, "rb") as file:
        source = file.read()
    module = _fresh_main()
    module.__file__ = path
    exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)


def run_module(name):
    import runpy

    runpy.run_module(name, run_name="__main__", alter_sys=True)


def run_code(code):
    _set_first_path("")
    exec(compile(code, "<string>", "exec", dont_inherit=True), _fresh_main().__dict__)


def _fresh_main():
    """A new, empty `__main__`: where pickle and multiprocessing look for the program's classes."""
    module = type(sys)("__main__")
    module.__builtins__ = __builtins__
    sys.modules["__main__"] = module
    return module


def _set_first_path(folder):
    """`python -m` has put the current folder first; a script wants its own."""
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
