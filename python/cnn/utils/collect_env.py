"""What a program runs on, for reports of faults: `python -m cnn.utils.collect_env` prints it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections import namedtuple

__all__ = ["SystemEnv", "get_env_info", "get_pretty_env_info", "get_pip_packages", "main"]

TORCH_AVAILABLE = True
COMMON_PATTERNS = ["torch", "numpy", "triton", "optree", "cnn"]
NVIDIA_PATTERNS = ["cuda-cudart", "cublas", "nvidia"]
CONDA_PATTERNS = ["cudatoolkit", "soumith", "mkl", "magma"]
ONEAPI_PATTERNS = ["dpcpp-cpp-rt", "intel-cmplr-lib-rt", "mkl"]
PIP_PATTERNS = ["mypy", "flake8", "onnx", "safetensors", "timm", "transformers"]

SystemEnv = namedtuple(
    "SystemEnv",
    [
        "torch_version",
        "is_debug_build",
        "cuda_compiled_version",
        "gcc_version",
        "cmake_version",
        "os",
        "libc_version",
        "python_version",
        "python_platform",
        "is_cuda_available",
        "cuda_runtime_version",
        "nvidia_gpu_models",
        "cpu_info",
        "cpu_capability",
        "num_threads",
        "pip_version",
        "pip_packages",
    ],
)

env_info_fmt = """
cnn version: {torch_version}
Is debug build: {is_debug_build}
CUDA used to build: {cuda_compiled_version}

OS: {os}
GCC version: {gcc_version}
CMake version: {cmake_version}
Libc version: {libc_version}

Python version: {python_version}
Python platform: {python_platform}
Is CUDA available: {is_cuda_available}
CUDA runtime version: {cuda_runtime_version}
GPU models and configuration: {nvidia_gpu_models}

CPU: {cpu_info}
CPU capability in use: {cpu_capability}
Threads: {num_threads}

Versions of relevant libraries:
{pip_packages}
""".strip()


def run(command):
    """(exit status, output, errors) of a command, a list or a line."""
    shell = isinstance(command, str)
    try:
        done = subprocess.run(command, capture_output=True, text=True, shell=shell)
    except OSError as error:
        return 127, "", str(error)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def run_and_read_all(run_lambda, command):
    """The output of a command; None if it fails."""
    status, out, _ = run_lambda(command)
    return out if status == 0 else None


def run_and_parse_first_match(run_lambda, command, regex):
    """The first group of an expression in the output of a command; None without one."""
    out = run_and_read_all(run_lambda, command)
    found = None if out is None else re.search(regex, out)
    return found and found.group(1)


def run_and_return_first_line(run_lambda, command):
    """The first line of a command's output; None if it fails."""
    out = run_and_read_all(run_lambda, command)
    return None if out is None else out.split("\n")[0]


def get_pip_packages(run_lambda, patterns=None):
    """("pip3", lines name==version) of installed packages whose names hold one of the patterns."""
    from importlib.metadata import distributions

    patterns = PIP_PATTERNS + COMMON_PATTERNS + NVIDIA_PATTERNS if patterns is None else patterns
    names = {f"{d.metadata['Name']}=={d.version}" for d in distributions() if d.metadata["Name"]}
    lines = [line for line in sorted(names) if any(p in line for p in patterns)]
    return "pip3", "\n".join(lines)


def get_cudnn_version(run_lambda):
    """None: there is no cuDNN."""
    return None


def get_cachingallocator_config():
    """{variable: value} of settings of PyTorch's allocator, which are not read."""
    names = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF")
    return {name: os.environ[name] for name in names if name in os.environ}


def _system():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"] + f" ({platform.machine()})"
    except (OSError, KeyError):
        return platform.platform()


def _processor():
    try:
        with open("/proc/cpuinfo") as file:
            found = re.search(r"model name\s*:\s*(.*)", file.read())
    except OSError:
        found = None
    return (found.group(1) if found else platform.machine()) + f", {os.cpu_count()} cores"


def get_env_info():
    """All of it, as a SystemEnv."""
    cnn = sys.modules["cnn"]
    gpus = [cnn.cuda.get_device_name(i) for i in range(cnn.cuda.device_count())]
    version = sys.version.replace("\n", " ")
    return SystemEnv(
        torch_version=str(cnn.__version__),
        is_debug_build="False",
        cuda_compiled_version="N/A" if cnn.version.cuda is None else cnn.version.cuda,
        gcc_version=run_and_parse_first_match(run, ["gcc", "--version"], r"gcc (.*)"),
        cmake_version=run_and_parse_first_match(run, ["cmake", "--version"], r"cmake (.*)"),
        os=_system(),
        libc_version="-".join(platform.libc_ver()),
        python_version=f"{version} ({sys.maxsize.bit_length() + 1}-bit runtime)",
        python_platform=platform.platform(),
        is_cuda_available=str(cnn.cuda.is_available()),
        cuda_runtime_version=cnn.cuda.unavailable_reason() or "of the plug-in",
        nvidia_gpu_models="\n".join(gpus) or "No CUDA",
        cpu_info=_processor(),
        cpu_capability=cnn.backends.cpu.get_cpu_capability(),
        num_threads=cnn.get_num_threads(),
        pip_version="pip3",
        pip_packages=get_pip_packages(run)[1],
    )


def pretty_str(envinfo):
    """A SystemEnv as a text."""
    values = {
        name: "Could not collect" if v is None else v for name, v in envinfo._asdict().items()
    }
    return env_info_fmt.format(**values)


def get_pretty_env_info():
    """What `get_env_info` finds, as a text."""
    return pretty_str(get_env_info())


def main():
    """Prints it."""
    print("Collecting environment information...")
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()
