"""What nvcc made of the kernels: fails on stack, on accesses that are not vectors where they could
be, and on calls in loops that should have none.

python tests/tools/cuda_code.py LIBRARY [--cuobjdump PROGRAM]

The library is libcnn_cuda.so; the program is in NVIDIA's wheel nvidia-cuda-cuobjdump.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import subprocess
import sys

MAX_STACK = 64  # bytes
# Kernels that keep an array of their own: (part of the name, bytes).
STACK_ALLOWED = (
    (r"rows_by_thread<.*::(Sort|TopK|Kth|Median|Mode)\b", 2064),  # one thread sorts a row
    (r"map_(dense|strided)<.*::Trigamma\b", 72),
    (r"\b(reduce|join)_parts<", 80),  # what calls of conversions keep: no spills
)
# Elementwise kernels over dense operands take 16 bytes at a time and call nothing, but for these functors:
# long formulas, which take an element at a time,
LONG = re.compile(
    r"::(AiryAi|Bessel\w+|\w*Chebyshev\w+|Digamma|Entr|Erfcx|HermiteHe?|I0e?|I1e?|Igammac?|K0e?|K1e?|"
    r"LaguerreL|LegendreP|Lgamma|LogNdtr|Ndtri?|Nextafter|Polygamma|Pow\w*|SphericalJ0|Trigamma|Zeta)\b"
)
# quotients and roots, whose rare path for subnormal numbers is a call,
CALLING = re.compile(
    r"::(Addcdiv|Atan2|BceWithLogitsBackward|BinaryCrossEntropyBackward|Div|Erfinv|FloorDivide|Gcd|"
    r"Hardsigmoid\w*|Hardswish\w*|Hypot|Lcm|Reciprocal|RoundDecimals|Rsqrt|Sigmoid\w*|Silu\w*|Sinc|"
    r"SmoothL1|Softplus\w*|Sqrt|TruncDivide)\b"
)
# and predicates, whose results are bytes.
PREDICATE = re.compile(r"::(Eq|Ne|Lt|Le|Gt|Ge|Logical\w+|Is[A-Z]\w+|Signbit)\b")
DENSE = re.compile(r"map_dense<(.+), ([\w ]+), (\d)\b")
WIDE_TYPES = ("float", "int", "unsigned int")


@dataclasses.dataclass
class Kernel:
    name: str
    stack: int = 0
    wide_loads: int = 0  # of 16 bytes
    loads: int = 0
    wide_stores: int = 0
    stores: int = 0
    calls_in_loops: int = 0


def demangled(names: list[str]) -> list[str]:
    run = subprocess.run(
        ["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True
    )
    return run.stdout.splitlines()


def read_resources(lines, kernels):
    name = None
    for line in lines:
        if match := re.match(r"\s*Function (\S+):", line):
            name = match[1]
        elif name and (match := re.search(r"STACK:(\d+)", line)):
            kernels.setdefault(name, Kernel(name)).stack = int(match[1])
            name = None


INSTRUCTION = re.compile(r"\s+/\*([0-9a-f]{4,})\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)\s*([^;]*);")


def read_code(lines, kernels):
    """Loops are what lies between a branch and its target before it."""
    kernel, calls = None, []
    for line in lines:
        if match := re.match(r"\s*Function : (\S+)", line):
            kernel, calls = kernels.setdefault(match[1], Kernel(match[1])), []
        match = kernel and INSTRUCTION.match(line)
        if not match:
            continue
        at, code, operands = int(match[1], 16), match[2], match[3]
        if code.startswith("LDG"):
            kernel.loads += 1
            kernel.wide_loads += ".128" in code
        elif code.startswith("STG"):
            kernel.stores += 1
            kernel.wide_stores += ".128" in code
        elif code.startswith("CALL"):
            calls.append(at)
        elif code.startswith("BRA") and (target := re.search(r"0x([0-9a-f]+)", operands)):
            begin = int(target[1], 16)
            if begin < at:
                kernel.calls_in_loops += sum(begin <= call for call in calls)
                calls = [call for call in calls if call < begin]


def faults(kernels):
    for kernel in kernels:
        name = kernel.name
        allowed = max([MAX_STACK, *(size for part, size in STACK_ALLOWED if re.search(part, name))])
        if kernel.stack > allowed:
            yield f"{kernel.stack} bytes of stack, {allowed} are allowed: {name}"
        dense = DENSE.search(name)
        if not dense or dense[2] not in WIDE_TYPES or LONG.search(name):
            continue
        if kernel.calls_in_loops and not CALLING.search(name):
            yield f"{kernel.calls_in_loops} calls in loops: {name}"
        if kernel.loads and not kernel.wide_loads:
            yield f"no loads of 16 bytes: {name}"
        if kernel.stores and not kernel.wide_stores and not PREDICATE.search(name):
            yield f"no stores of 16 bytes: {name}"


def dump(program, option, library):
    with subprocess.Popen([program, option, library], stdout=subprocess.PIPE, text=True) as process:
        yield from process.stdout
    if process.returncode:
        sys.exit(f"{program} {option} failed")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("library")
    parser.add_argument("--cuobjdump", default="cuobjdump")
    options = parser.parse_args()
    kernels: dict[str, Kernel] = {}
    read_resources(dump(options.cuobjdump, "-res-usage", options.library), kernels)
    read_code(dump(options.cuobjdump, "-sass", options.library), kernels)
    for kernel, name in zip(kernels.values(), demangled(list(kernels))):
        kernel.name = name
    found = list(faults(kernels.values()))
    print(*found, sep="\n")
    print(
        f"{len(kernels)} kernels, {len(found)} faults; most stack {max(k.stack for k in kernels.values())}"
    )
    if not any(DENSE.search(kernel.name) for kernel in kernels.values()):
        sys.exit("there is no elementwise kernel over dense operands among them")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
