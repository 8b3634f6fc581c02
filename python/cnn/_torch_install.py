"""Makes `torch` cnn for a whole Python environment: a package and its metadata, as pip would lay
them, or as a wheel.

With them `import torch` gives cnn in every process of the environment (pytest, Jupyter, entry
points), and pip is content: packages that ask for torch do not bring PyTorch's.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata as metadata
import os
import sys
import sysconfig

from ._torch_alias import TORCH_VERSION

__all__ = ["InstallError", "install", "status", "uninstall", "write_wheel"]

_DIST_INFO = f"torch-{TORCH_VERSION}.dist-info"
_MARK = "Generator: cnn\n"

# `import torch` finds this file, which puts cnn in its own place.
_PACKAGE = '''"""PyTorch's name for cnn, which stands in for PyTorch in this environment."""

import sys

import cnn
from cnn import *  # for readers of types
from cnn import _torch_alias

sys.modules[__name__] = cnn
_torch_alias.install()
'''

_METADATA = f"""Metadata-Version: 2.1
Name: torch
Version: {TORCH_VERSION}
Summary: cnn in PyTorch's place
License: BSD-3-Clause
Requires-Python: >=3.10
Requires-Dist: cnn

`import torch` gives cnn, a small and fast library with PyTorch's names and semantics. This is not
PyTorch.
"""

_WHEEL = f"""Wheel-Version: 1.0
{_MARK}Root-Is-Purelib: true
Tag: py3-none-any
"""


class InstallError(RuntimeError):
    """Why `torch` cannot become cnn in this environment, or cannot cease to be it."""


def _files(installer=None):
    """The text of each file by its path in site-packages, RECORD last."""
    files = {
        "torch/__init__.py": _PACKAGE,
        f"{_DIST_INFO}/METADATA": _METADATA,
        f"{_DIST_INFO}/WHEEL": _WHEEL,
        f"{_DIST_INFO}/top_level.txt": "torch\n",
    }
    if installer:
        files[f"{_DIST_INFO}/INSTALLER"] = f"{installer}\n"
    record = "".join(f"{path},{_digest(text)},{len(text)}\n" for path, text in files.items())
    return {**files, f"{_DIST_INFO}/RECORD": f"{record}{_DIST_INFO}/RECORD,,\n"}


def _digest(text):
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _installed():
    """The distribution called torch of this environment, or None."""
    try:
        return metadata.distribution("torch")
    except metadata.PackageNotFoundError:
        return None


def _is_ours(distribution):
    return _MARK in (distribution.read_text("WHEEL") or "")


def _packages_without_metadata():
    """Folders of packages called torch that no distribution owns."""
    folders = [os.path.join(path or os.curdir, "torch") for path in sys.path]
    return [folder for folder in folders if os.path.isfile(os.path.join(folder, "__init__.py"))]


def _site():
    return sysconfig.get_path("purelib")


def install():
    """Lays the package and its metadata into this environment; returns the folder they are in.

    InstallError where a PyTorch is installed, where the system's packages are managed by others,
    and where the folder cannot be written to.
    """
    found = _installed()
    if found is not None and not _is_ours(found):
        raise InstallError(
            f"PyTorch {found.version} is installed in {found.locate_file('')}; take it away first "
            "(pip uninstall torch), or make an environment without it"
        )
    if found is None and (folders := _packages_without_metadata()):
        raise InstallError(
            f"there is a package called torch in {folders[0]}, which pip does not know"
        )
    managed = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    if sys.prefix == sys.base_prefix and os.path.exists(managed):
        raise InstallError(
            "the operating system manages this Python's packages; make a virtual environment "
            "(python -m venv) and install there"
        )
    if found is not None:
        uninstall()
    site = _site()
    files = _files("cnn")
    try:
        for path, text in files.items():
            path = os.path.join(site, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except OSError as error:
        raise InstallError(f"cannot write {error.filename}: {error.strerror}") from None
    return site


def uninstall():
    """Takes away what `install`, or pip with the wheel, has laid; returns the folder it was in."""
    found = _installed()
    if found is None:
        raise InstallError("no torch is installed in this environment")
    if not _is_ours(found):
        raise InstallError(f"torch is PyTorch {found.version} here; pip uninstall torch removes it")
    site = os.fspath(found.locate_file(""))
    paths = [os.fspath(found.locate_file(file)) for file in found.files or ()]
    folders = {os.path.join(site, "torch"), os.path.join(site, _DIST_INFO)}
    try:
        for path in paths:
            if os.path.exists(path):
                os.remove(path)
        for folder in folders:
            _remove_empty(folder)
    except OSError as error:
        raise InstallError(f"cannot remove {error.filename}: {error.strerror}") from None
    return site


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
    """A sentence on what `import torch` gives in this environment."""
    found = _installed()
    if found is None:
        folders = _packages_without_metadata()
        if folders:
            return f"torch is a package in {folders[0]}, which pip does not know"
        return "no torch is installed; `python -m cnn --install` makes it cnn"
    where = os.fspath(found.locate_file(""))
    if _is_ours(found):
        return f"torch {found.version} in {where} is cnn"
    return f"torch {found.version} in {where} is PyTorch"


def write_wheel(folder):
    """Writes the same as a wheel into a folder; returns its path. The same bytes each time."""
    import zipfile

    path = os.path.join(folder, f"torch-{TORCH_VERSION}-py3-none-any.whl")
    try:
        os.makedirs(folder, exist_ok=True)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
            for name, text in _files().items():
                entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                wheel.writestr(entry, text)
    except OSError as error:
        raise InstallError(f"cannot write {error.filename}: {error.strerror}") from None
    return path
