"""The reader of compiled kernels finds what it should find."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "tools"))

import cuda_code

NAME = "void cnn::cuda::map_dense<cnn::kernels::cuda::{}, float, 2>(int)"


def kernel(functor="Add", **changes):
    right = {"loads": 4, "wide_loads": 2, "stores": 2, "wide_stores": 1}
    return cuda_code.Kernel(NAME.format(functor), **{**right, **changes})


@pytest.mark.parametrize(
    "fault, changes",
    [
        ("72 bytes of stack", {"stack": 72}),
        ("no loads of 16 bytes", {"wide_loads": 0}),
        ("no stores of 16 bytes", {"wide_stores": 0}),
        ("4 calls in loops", {"calls_in_loops": 4}),
    ],
)
def test_planted_faults_are_found(fault, changes):
    (found,) = cuda_code.faults([kernel(**changes), kernel()])
    assert found.startswith(fault) and "Add" in found


def test_what_is_allowed_is_silent():
    allowed = [
        kernel(),
        kernel(stack=64),
        kernel("Div", calls_in_loops=4),
        kernel("Lt", wide_stores=0),
        kernel("Zeta", wide_loads=0, wide_stores=0, calls_in_loops=60),
    ]
    assert list(cuda_code.faults(allowed)) == []


def code_line(at, text):
    return f"        /*{at:04x}*/                   {text} ;       /* 0x0000000400007947 */"


def test_code_is_read():
    lines = [
        "\t\tFunction : _Z1fv",
        code_line(0x00, "CALL.REL.NOINC 0x400"),  # before the loop
        code_line(0x10, "LDG.E.128 R8, desc[UR6][R8.64]"),
        code_line(0x20, "@P1 CALL.REL.NOINC 0x400"),
        code_line(0x30, "STG.E desc[UR6][R10.64], R4"),
        code_line(0x40, "@!P0 BRA 0x10"),
        code_line(0x50, "BRA 0x70"),  # forwards
        code_line(0x60, "CALL.REL.NOINC 0x400"),
        code_line(0x70, "EXIT"),
        code_line(0x80, "BRA 0x80"),
    ]
    kernels = {}
    cuda_code.read_code(lines, kernels)
    usage = [" Function _Z1fv:", "  REG:40 STACK:72 SHARED:0 LOCAL:0 CONSTANT[0]:624"]
    cuda_code.read_resources(usage, kernels)
    found = kernels["_Z1fv"]
    assert (found.loads, found.wide_loads, found.stores, found.wide_stores) == (1, 1, 1, 0)
    assert found.calls_in_loops == 1 and found.stack == 72
