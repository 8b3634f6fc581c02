"""Makes `torch` cnn for a whole Python environment: packages and their metadata, as pip would lay
them, or as wheels.

With them `import torch` gives cnn in every process of the environment (pytest, Jupyter, entry
points), and pip is content: packages that ask for torch do not bring PyTorch's. As torchvision
brings it as well, `cnn.vision` takes that name where no torchvision is installed.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata as metadata
import os
import sys
import sysconfig
from typing import NamedTuple

from ._torch_alias import MARKER, TORCH_VERSION, TORCHVISION_VERSION

__all__ = ["InstallError", "install", "status", "uninstall", "write_wheels"]

_MARK = "Generator: cnn\n"


class _Package(NamedTuple):
    """What stands under a name of PyTorch's: its file puts cnn, or a part, in its own place.

    `scripts` are {name of a command: "module:function"}.
    """

    name: str
    version: str
    text: str
    requires: tuple[str, ...]
    scripts: dict[str, str] = {}

    @property
    def dist_info(self):
        return f"{self.name}-{self.version}.dist-info"


TORCH = _Package(
    "torch",
    TORCH_VERSION,
    '''"""PyTorch's name for cnn, which stands in for PyTorch in this environment."""

import sys

import cnn
from cnn import *  # for readers of types
from cnn import _torch_alias

sys.modules[__name__] = cnn
_torch_alias.install()
''',
    ("cnn",),
    {"torchrun": "torch.distributed.run:main"},
)
TORCHVISION = _Package(
    "torchvision",
    TORCHVISION_VERSION,
    '''"""torchvision's name for cnn.vision, which stands in for torchvision in this environment."""

import sys

import torch
from cnn import vision

sys.modules[__name__] = vision
''',
    ("cnn", "pillow", f"torch=={TORCH_VERSION}"),
)

_METADATA = """Metadata-Version: 2.1
Name: {name}
Version: {version}
Summary: cnn in the place of {name}
License: BSD-3-Clause
Requires-Python: >=3.10
{requires}

`import {name}` gives cnn, a small and fast library with PyTorch's names and semantics.
"""

_WHEEL = f"""Wheel-Version: 1.0
{_MARK}Root-Is-Purelib: true
Tag: py3-none-any
"""


class InstallError(RuntimeError):
    """Why `torch` cannot become cnn in this environment, or cannot cease to be it."""


def _files(package, installer=None):
    """The text of each file by its path in site-packages, RECORD last."""
    name, info = package.name, package.dist_info
    requires = "\n".join(f"Requires-Dist: {other}" for other in package.requires)
    files = {
        f"{name}/__init__.py": package.text,
        f"{name}/{MARKER}": "",
        f"{info}/METADATA": _METADATA.format(name=name, version=package.version, requires=requires),
        f"{info}/WHEEL": _WHEEL,
        f"{info}/top_level.txt": f"{name}\n",
    }
    if package.scripts:
        lines = (f"{script} = {where}\n" for script, where in package.scripts.items())
        files[f"{info}/entry_points.txt"] = "[console_scripts]\n" + "".join(lines)
    if installer:
        files[f"{info}/INSTALLER"] = f"{installer}\n"
        files.update(_commands(package))
    record = "".join(f"{path},{_digest(text)},{len(text)}\n" for path, text in files.items())
    return {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}


_COMMAND = """#!{python}
import sys

from {module} import {function}

sys.exit({function}())
"""


def _commands(package):
    """The text of each command by its path from site-packages, as pip writes them of wheels."""
    texts = {}
    for script, where in package.scripts.items():
        module, _, function = where.partition(":")
        path = os.path.relpath(os.path.join(sysconfig.get_path("scripts"), script), _site())
        texts[path] = _COMMAND.format(python=sys.executable, module=module, function=function)
    return texts


def _digest(text):
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _installed(name):
    """The distribution of that name in this environment, or None."""
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def _is_ours(distribution):
    return _MARK in (distribution.read_text("WHEEL") or "")


def _packages_without_metadata(name):
    """Folders of packages of that name that no distribution owns."""
    folders = [os.path.join(path or os.curdir, name) for path in sys.path]
    return [folder for folder in folders if os.path.isfile(os.path.join(folder, "__init__.py"))]


def _site():
    return sysconfig.get_path("purelib")


def install():
    """Lays torch, and torchvision where there is none, into this environment; returns the folder.

    InstallError where a PyTorch is installed, where the system's packages are managed by others,
    and where the folder cannot be written to.
    """
    found = _installed("torch")
    if found is not None and not _is_ours(found):
        raise InstallError(
            f"PyTorch {found.version} is installed in {found.locate_file('')}; take it away first "
            "(pip uninstall torch), or make an environment without it"
        )
    if found is None and (folders := _packages_without_metadata("torch")):
        raise InstallError(f"a package called torch is in {folders[0]}, which pip does not know")
    managed = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    if sys.prefix == sys.base_prefix and os.path.exists(managed):
        raise InstallError(
            "the operating system manages this Python's packages; make a virtual environment "
            "(python -m venv) and install there"
        )
    _lay(TORCH)
    vision = _installed("torchvision")
    if _is_ours(vision) if vision else not _packages_without_metadata("torchvision"):
        _lay(TORCHVISION)
    return _site()


def _lay(package):
    before = _installed(package.name)
    if before is not None:
        _take_away(before)
    try:
        for path, text in _files(package, "cnn").items():
            path = os.path.normpath(os.path.join(_site(), path))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            if text.startswith("#!"):
                os.chmod(path, 0o755)
    except OSError as error:
        raise InstallError(f"cannot write {error.filename}: {error.strerror}") from None


def uninstall():
    """Takes away what `install`, or pip with the wheels, has laid; returns the folder it was in."""
    found = _installed("torch")
    if found is None:
        raise InstallError("no torch is installed in this environment")
    if not _is_ours(found):
        raise InstallError(f"torch is PyTorch {found.version} here; pip uninstall torch removes it")
    site = os.fspath(found.locate_file(""))
    vision = _installed("torchvision")
    if vision is not None and _is_ours(vision):
        _take_away(vision)
    _take_away(found)
    return site


def _take_away(distribution):
    paths = [os.fspath(distribution.locate_file(file)) for file in distribution.files or ()]
    try:
        for path in paths:
            if os.path.exists(path):
                os.remove(path)
        for folder in sorted({os.path.dirname(path) for path in paths}):
            _remove_empty(folder)
    except OSError as error:
        raise InstallError(f"cannot remove {error.filename}: {error.strerror}") from None


def _remove_empty(folder):
    """Removes a folder that holds nothing but bytecode."""
    cache = os.path.join(folder, "__pycache__")
    if os.path.isdir(cache):
        for name in os.listdir(cache):
            os.remove(os.path.join(cache, name))
        os.rmdir(cache)
    if os.path.isdir(folder) and not os.listdir(folder):
        os.rmdir(folder)


def status():
    """What `import torch` and `import torchvision` give in this environment, a sentence each."""
    return "\n".join((_status_of("torch", "PyTorch"), _status_of("torchvision", "the package")))


def _status_of(name, original):
    found = _installed(name)
    if found is None:
        folders = _packages_without_metadata(name)
        if folders:
            return f"{name} is a package in {folders[0]}, which pip does not know"
        return f"no {name} is installed; `python -m cnn --install` makes it cnn"
    what = "cnn" if _is_ours(found) else original
    return f"{name} {found.version} in {os.fspath(found.locate_file(''))} is {what}"


def write_wheels(folder):
    """Writes the same as wheels into a folder; returns their paths. The same bytes each time."""
    return [_write_wheel(package, folder) for package in (TORCH, TORCHVISION)]


def _write_wheel(package, folder):
    import zipfile

    path = os.path.join(folder, f"{package.name}-{package.version}-py3-none-any.whl")
    try:
        os.makedirs(folder, exist_ok=True)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
            for name, text in _files(package).items():
                entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                wheel.writestr(entry, text)
    except OSError as error:
        raise InstallError(f"cannot write {error.filename}: {error.strerror}") from None
    return path
