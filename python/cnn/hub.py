"""Models from directories with a `hubconf.py`, and weights by their URL.

`load(path, name, source="local")` calls a function of that file. A repository on GitHub is used
where it has been put into `get_dir()`; none is fetched, since its code would run. Weights are
downloaded once, to `get_dir()`/checkpoints.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from urllib.error import HTTPError, URLError
from urllib.parse import urlparse

from . import _absent

__all__ = [
    "download_url_to_file",
    "get_dir",
    "help",
    "list",
    "load",
    "load_state_dict_from_url",
    "set_dir",
]

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
MODULE_HUBCONF = "hubconf.py"
ENV_TORCH_HOME = "TORCH_HOME"
ENV_XDG_CACHE_HOME = "XDG_CACHE_HOME"
DEFAULT_CACHE_DIR = "~/.cache"
VAR_DEPENDENCY = "dependencies"
READ_DATA_CHUNK = 128 * 1024

_hub_dir = None


class _QuietProgress:
    """What `tqdm` is where it is not installed: shows nothing."""

    def __init__(self, iterable=None, total=None, disable=None, **kwargs):
        self.n, self._iterable = 0, iterable

    def update(self, n=1):
        self.n += n

    def set_description(self, *args, **kwargs):
        pass

    def close(self):
        pass

    def __iter__(self):
        return iter(self._iterable)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False


def _get_torch_home():
    cache = os.path.join(os.getenv(ENV_XDG_CACHE_HOME, DEFAULT_CACHE_DIR), "torch")
    return os.path.expanduser(os.getenv(ENV_TORCH_HOME, cache))


def get_dir():
    """Where repositories and weights are kept: $TORCH_HOME/hub, by default ~/.cache/torch/hub."""
    return os.path.join(_get_torch_home(), "hub") if _hub_dir is None else _hub_dir


def set_dir(d):
    """Sets where repositories and weights are kept."""
    global _hub_dir
    _hub_dir = os.path.expanduser(d)


# Directories with a hubconf.py --------------------------------------------------------------------


@contextlib.contextmanager
def _add_to_sys_path(path):
    sys.path.insert(0, path)
    try:
        yield
    finally:
        sys.path.remove(path)


def _import_module(name, path):
    spec = spec_from_file_location(name, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _repository(github):
    """The directory in which a repository lies that is named owner/name[:ref]."""
    name, _, ref = github.partition(":")
    owner, slash, name = name.partition("/")
    if not slash:
        raise ValueError(f"hub: expected owner/name[:ref], got {github!r}")
    for branch in [ref] if ref else ["main", "master"]:
        folder = os.path.join(get_dir(), f"{owner}_{name}_{branch.replace('/', '_')}")
        if os.path.exists(folder):
            return folder
    raise RuntimeError(
        f"hub: {github} is not in {get_dir()}, and repositories are not fetched, because their "
        f"code would run; clone it and use its path with source='local', or put it at {folder}"
    )


def _directory(repo_or_dir, source):
    """A directory that is named by its path or as a repository."""
    if source == "local" or os.path.isdir(repo_or_dir):
        return os.fspath(repo_or_dir)
    return _repository(repo_or_dir)


def _entry(module, model):
    if not isinstance(model, str):
        raise ValueError("Invalid input: model should be a string of function name")
    missing = [name for name in getattr(module, VAR_DEPENDENCY, ()) if find_spec(name) is None]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    function = getattr(module, model, None)
    if not callable(function):
        raise RuntimeError(f"Cannot find callable {model} in hubconf")
    return function


def list(github, force_reload=False, skip_validation=False, trust_repo="check", verbose=True):
    """The functions that a repository's (or directory's) hubconf.py offers."""
    folder = _directory(github, "github")
    with _add_to_sys_path(folder):
        module = _import_module(MODULE_HUBCONF, os.path.join(folder, MODULE_HUBCONF))
    return [n for n in dir(module) if callable(getattr(module, n)) and not n.startswith("_")]


def help(github, model, force_reload=False, skip_validation=False, trust_repo="check"):
    """What a repository (or directory) says of one of its functions."""
    folder = _directory(github, "github")
    with _add_to_sys_path(folder):
        module = _import_module(MODULE_HUBCONF, os.path.join(folder, MODULE_HUBCONF))
    return _entry(module, model).__doc__


def load(
    repo_or_dir,
    model,
    *args,
    source="github",
    trust_repo="check",
    force_reload=False,
    verbose=True,
    skip_validation=False,
    **kwargs,
):
    """What the function `model` of a directory's hubconf.py gives for these arguments.

    `source` is "local" for a path, "github" for owner/name[:ref], which has to lie in `get_dir()`.
    """
    source = source.lower()
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    folder = os.fspath(repo_or_dir) if source == "local" else _repository(repo_or_dir)
    return _load_local(folder, model, *args, **kwargs)


def _load_local(hubconf_dir, model, *args, **kwargs):
    with _add_to_sys_path(hubconf_dir):
        module = _import_module(MODULE_HUBCONF, os.path.join(hubconf_dir, MODULE_HUBCONF))
        return _entry(module, model)(*args, **kwargs)


# Files by their URL -------------------------------------------------------------------------------


def download_url_to_file(url, dst, hash_prefix=None, progress=True):
    """Downloads to a file, which appears when it is complete.

    RuntimeError if its SHA-256 does not begin with hash_prefix; nothing is left behind then.
    """
    import uuid
    from urllib.request import Request, urlopen

    dst = os.path.expanduser(dst)
    part = f"{dst}.{uuid.uuid4().hex}.partial"
    digest = hashlib.sha256()
    try:
        with urlopen(Request(url, headers={"User-Agent": "cnn.hub"})) as source:
            size = source.info().get("Content-Length")
            with open(part, "xb") as file, _progress(size, progress) as bar:
                while chunk := source.read(READ_DATA_CHUNK):
                    file.write(chunk)
                    digest.update(chunk)
                    bar.update(len(chunk))
        found = digest.hexdigest()
        if hash_prefix is not None and not found.startswith(hash_prefix):
            raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{found}")')
        os.replace(part, dst)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(part)


def _progress(size, shown):
    size = None if size is None else int(size)
    return _tqdm()(total=size, disable=not shown, unit="B", unit_scale=True, unit_divisor=1024)


def _tqdm():
    try:
        from tqdm import tqdm
    except ImportError:
        return _QuietProgress
    return tqdm


def load_state_dict_from_url(
    url,
    model_dir=None,
    map_location=None,
    progress=True,
    check_hash=False,
    file_name=None,
    weights_only=False,
):
    """What the file at a URL holds, read by `cnn.load`.

    It is kept in `model_dir`, by default `get_dir()`/checkpoints, under its own name or
    `file_name`, and downloaded where it is not there yet. `check_hash`: names like
    resnet18-5c106cde.pth say how the file's SHA-256 begins.
    """
    from .serialization import load

    model_dir = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(model_dir, exist_ok=True)
    name = os.path.basename(urlparse(url).path) if file_name is None else file_name
    path = os.path.join(model_dir, name)
    if not os.path.exists(path):
        sys.stdout.write(f'Downloading: "{url}" to {path}\n')
        found = HASH_REGEX.search(name) if check_hash else None
        try:
            download_url_to_file(url, path, found and found.group(1), progress=progress)
        except HTTPError:
            raise
        except URLError as error:
            raise URLError(
                f"{error.reason}; where there is no network, put the file at {path}"
            ) from error
    return load(path, map_location=map_location, weights_only=weights_only)


def __getattr__(name):
    if name == "tqdm":
        return _tqdm()
    raise _absent.absent("cnn.hub", name)
