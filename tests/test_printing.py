"""Printed forms of tensors, to the character; the expected strings are PyTorch's."""

from __future__ import annotations

from math import inf, nan

import pytest

import cnn

ROWS = [
    ("cnn.tensor(3)", "tensor(3)"),
    ("cnn.tensor(3.5)", "tensor(3.5000)"),
    ("cnn.tensor([1, 2, 3])", "tensor([1, 2, 3])"),
    ("cnn.tensor([1.0, 2.0, 3.0])", "tensor([1., 2., 3.])"),
    ("cnn.tensor([1.5, -2.25, 100.0])", "tensor([  1.5000,  -2.2500, 100.0000])"),
    ("cnn.tensor([True, False])", "tensor([ True, False])"),
    ("cnn.tensor([])", "tensor([])"),
    ("cnn.tensor([], dtype=cnn.int64)", "tensor([], dtype=torch.int64)"),
    ("cnn.empty(0, 3)", "tensor([], size=(0, 3))"),
    ("cnn.empty(2, 0, 4, dtype=cnn.float64)", "tensor([], size=(2, 0, 4), dtype=torch.float64)"),
    ("cnn.tensor([1e-5, 1.0])", "tensor([1.0000e-05, 1.0000e+00])"),
    ("cnn.tensor([1.0, 1001.0])", "tensor([1.0000e+00, 1.0010e+03])"),
    ("cnn.tensor([0.5, 1001.0])", "tensor([5.0000e-01, 1.0010e+03])"),
    ("cnn.tensor([1e9, 2e9])", "tensor([1.0000e+09, 2.0000e+09])"),
    ("cnn.tensor([123456.5, 1.0])", "tensor([1.2346e+05, 1.0000e+00])"),
    ("cnn.tensor([0.0, 0.0])", "tensor([0., 0.])"),
    ("cnn.tensor([-0.0, 1.0])", "tensor([-0., 1.])"),
    ("cnn.tensor([inf, -inf, nan])", "tensor([inf, -inf, nan])"),
    ("cnn.tensor([inf, 1.0, nan])", "tensor([inf, 1., nan])"),
    ("cnn.tensor([inf, 1.5, nan])", "tensor([   inf, 1.5000,    nan])"),
    ("cnn.tensor(1e-10)", "tensor(1.0000e-10)"),
    ("cnn.tensor(nan)", "tensor(nan)"),
    ("cnn.tensor([1, -100, 30], dtype=cnn.int8)", "tensor([   1, -100,   30], dtype=torch.int8)"),
    ("cnn.tensor([1, 2], dtype=cnn.uint8)", "tensor([1, 2], dtype=torch.uint8)"),
    (
        "cnn.tensor([1.0, 2.5], dtype=cnn.float64)",
        "tensor([1.0000, 2.5000], dtype=torch.float64)",
    ),
    (
        "cnn.tensor([1.0, 2.5], dtype=cnn.float16)",
        "tensor([1.0000, 2.5000], dtype=torch.float16)",
    ),
    (
        "cnn.tensor([1.0, 2.5], dtype=cnn.bfloat16)",
        "tensor([1.0000, 2.5000], dtype=torch.bfloat16)",
    ),
    (
        "cnn.tensor([[1, 20], [-3, 4]])",
        "tensor([[ 1, 20],\n        [-3,  4]])",
    ),
    (
        "cnn.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])",
        "tensor([[[1., 2.],\n         [3., 4.]],\n\n        [[5., 6.],\n         [7., 8.]]])",
    ),
    (
        "cnn.arange(2 * 2 * 1 * 2).view(2, 2, 1, 2)",
        "tensor([[[[0, 1]],\n\n         [[2, 3]]],\n\n\n        [[[4, 5]],\n\n         [[6, 7]]]])",
    ),
    (
        "cnn.arange(30)",
        "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
        "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])",
    ),
    (
        "cnn.arange(30.0)",
        "tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.,\n"
        "        14., 15., 16., 17., 18., 19., 20., 21., 22., 23., 24., 25., 26., 27.,\n"
        "        28., 29.])",
    ),
    ("cnn.arange(1001)", "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
    (
        "cnn.arange(1000.0, 2200.0) / 3",
        "tensor([333.3333, 333.6667, 334.0000,  ..., 732.3333, 732.6667, 733.0000])",
    ),
    (
        "cnn.arange(2000.0).view(1000, 2)",
        "tensor([[0.0000e+00, 1.0000e+00],\n"
        "        [2.0000e+00, 3.0000e+00],\n"
        "        [4.0000e+00, 5.0000e+00],\n"
        "        ...,\n"
        "        [1.9940e+03, 1.9950e+03],\n"
        "        [1.9960e+03, 1.9970e+03],\n"
        "        [1.9980e+03, 1.9990e+03]])",
    ),
    (
        "cnn.arange(2000).view(2, 1000)",
        "tensor([[   0,    1,    2,  ...,  997,  998,  999],\n"
        "        [1000, 1001, 1002,  ..., 1997, 1998, 1999]])",
    ),
    (
        "cnn.zeros(10, 11, 12, dtype=cnn.int64)",
        "tensor([[[0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         ...,\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0]],\n"
        "\n"
        "        [[0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         ...,\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0]],\n"
        "\n"
        "        [[0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         ...,\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0]],\n"
        "\n"
        "        ...,\n"
        "\n"
        "        [[0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         ...,\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0]],\n"
        "\n"
        "        [[0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         ...,\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0]],\n"
        "\n"
        "        [[0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         ...,\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0],\n"
        "         [0, 0, 0,  ..., 0, 0, 0]]])",
    ),
    ("cnn.ones(2, requires_grad=True)", "tensor([1., 1.], requires_grad=True)"),
    ("cnn.ones(2, requires_grad=True) + 1", "tensor([2., 2.], grad_fn=<AddBackward0>)"),
    ("cnn.ones(2, requires_grad=True).sum()", "tensor(2., grad_fn=<SumBackward0>)"),
    (
        "cnn.ones(2, 3, requires_grad=True).exp()",
        "tensor([[2.7183, 2.7183, 2.7183],\n"
        "        [2.7183, 2.7183, 2.7183]], grad_fn=<ExpBackward0>)",
    ),
    (
        "cnn.ones(3, 4, 5, dtype=cnn.float64, requires_grad=True).tanh()",
        "tensor([[[0.7616, 0.7616, 0.7616, 0.7616, 0.7616],\n"
        "         [0.7616, 0.7616, 0.7616, 0.7616, 0.7616],\n"
        "         [0.7616, 0.7616, 0.7616, 0.7616, 0.7616],\n"
        "         [0.7616, 0.7616, 0.7616, 0.7616, 0.7616]],\n"
        "\n"
        "        [[0.7616, 0.7616, 0.7616, 0.7616, 0.7616],\n"
        "         [0.7616, 0.7616, 0.7616, 0.7616, 0.7616],\n"
        "         [0.7616, 0.7616, 0.7616, 0.7616, 0.7616],\n"
        "         [0.7616, 0.7616, 0.7616, 0.7616, 0.7616]],\n"
        "\n"
        "        [[0.7616, 0.7616, 0.7616, 0.7616, 0.7616],\n"
        "         [0.7616, 0.7616, 0.7616, 0.7616, 0.7616],\n"
        "         [0.7616, 0.7616, 0.7616, 0.7616, 0.7616],\n"
        "         [0.7616, 0.7616, 0.7616, 0.7616, 0.7616]]], dtype=torch.float64,\n"
        "       grad_fn=<TanhBackward0>)",
    ),
    ('cnn.empty(2, device="meta")', "tensor(..., device='meta', size=(2,))"),
    (
        'cnn.empty(2, 3, dtype=cnn.int32, device="meta")',
        "tensor(..., device='meta', size=(2, 3), dtype=torch.int32)",
    ),
    (
        "cnn.nn.Parameter(cnn.ones(2))",
        "Parameter containing:\ntensor([1., 1.], requires_grad=True)",
    ),
    (
        "cnn.nn.Parameter(cnn.ones(2), requires_grad=False)",
        "Parameter containing:\ntensor([1., 1.])",
    ),
    ("[cnn.ones(2), cnn.tensor(1)]", "[tensor([1., 1.]), tensor(1)]"),
    ("cnn.ones(2).view(cnn.int32)", "tensor([1065353216, 1065353216], dtype=torch.int32)"),
    (
        "cnn.arange(6.0).view(2, 3).t()",
        "tensor([[0., 3.],\n        [1., 4.],\n        [2., 5.]])",
    ),
    ("cnn.arange(12)[::5]", "tensor([ 0,  5, 10])"),
]


@pytest.mark.parametrize("source, expected", ROWS)
def test_repr(source, expected):
    value = eval(source, {"cnn": cnn, "inf": inf, "nan": nan})
    assert repr(value) == expected
    if not isinstance(value, list):
        assert str(value) == expected


@pytest.fixture
def options():
    yield cnn.set_printoptions
    cnn.set_printoptions(profile="default")


def test_precision(options):
    options(precision=2)
    assert repr(cnn.tensor([1.123, 2.0])) == "tensor([1.12, 2.00])"
    assert repr(cnn.tensor([1.123e-9, 2.0])) == "tensor([1.12e-09, 2.00e+00])"


def test_threshold_and_edgeitems(options):
    options(threshold=5, edgeitems=1)
    assert repr(cnn.arange(10)) == "tensor([0,  ..., 9])"
    assert (
        repr(cnn.arange(16).view(4, 4))
        == "tensor([[ 0,  ...,  3],\n        ...,\n        [12,  ..., 15]])"
    )
    options(edgeitems=0)
    assert repr(cnn.arange(10)) == "tensor([...], size=(10,))"


def test_linewidth(options):
    options(linewidth=20)
    assert repr(cnn.arange(8)) == "tensor([0, 1, 2, 3,\n        4, 5, 6, 7])"
    assert repr(cnn.zeros(2, dtype=cnn.int32)) == "tensor([0, 0],\n       dtype=torch.int32)"


def test_sci_mode(options):
    options(sci_mode=True)
    assert repr(cnn.tensor([1.5])) == "tensor([1.5000e+00])"
    assert repr(cnn.tensor([2.0])) == "tensor([2.0000e+00])"
    options(sci_mode=False)
    assert repr(cnn.tensor([1e-9, 1.0])) == "tensor([0.0000, 1.0000])"
    options()  # every call sets it anew
    assert repr(cnn.tensor([1e-9, 1.0])) == "tensor([1.0000e-09, 1.0000e+00])"


def test_profiles(options):
    options(profile="short")
    assert repr(cnn.tensor([1.12345])) == "tensor([1.12])"
    options(profile="full")
    assert "..." not in repr(cnn.arange(5000))
    with cnn._tensor_str.printoptions(precision=1):
        assert repr(cnn.tensor([1.12345])) == "tensor([1.1])"
    assert repr(cnn.tensor([1.12345])) == "tensor([1.1235])"


def test_subclasses():
    class Point(cnn.Tensor):
        pass

    class Weight(cnn.nn.Parameter):
        pass

    assert repr(cnn.ones(2).as_subclass(Point)) == "Point([1., 1.])"
    assert (
        cnn._tensor_str.tensor_str(Weight(cnn.ones(1)))
        == "Parameter(Weight([1.], requires_grad=True))"
    )


def test_replaced_contents():
    assert cnn._tensor_str.tensor_str(cnn.ones(2), tensor_contents="...") == "tensor(...)"


def test_printing_records_nothing():
    x = cnn.ones(3, requires_grad=True)
    with cnn.inference_mode():
        assert repr(cnn.ones(2)) == "tensor([1., 1.])"
    repr(x)
    assert cnn.is_grad_enabled() and x._version == 0


def test_large_tensors_print_fast():
    x = cnn.ones(1).expand(10**6, 10**6)
    assert repr(x).count("...") == 7
