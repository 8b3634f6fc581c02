"""Printed forms of types that scripts compare as text."""

from __future__ import annotations

from facts import fact


@fact(["torch.Size([2, 3])", "torch.float32", "device(type='cpu')", "cpu", "torch.strided"])
def small_types_print(torch):
    x = torch.ones(2, 3)
    return [repr(x.shape), repr(x.dtype), repr(x.device), str(x.device), repr(x.layout)]


@fact([True, "torch.Size([5])", 6, (2, 3), "Size"])
def sizes_are_tuples(torch):
    size = torch.ones(2, 3).shape
    joined = torch.Size([2]) + torch.Size([3])
    return [
        size == (2, 3),
        repr(torch.Size([5])),
        size.numel(),
        tuple(joined),
        type(joined).__name__,
    ]


@fact(["tensor([1., 2.], grad_fn=<MulBackward0>)", "tensor(3, dtype=torch.int32)", "tensor([])"])
def tensors_print(torch):
    x = torch.tensor([0.5, 1.0], requires_grad=True)
    return [repr(x * 2), repr(torch.tensor(3, dtype=torch.int32)), repr(torch.tensor([]))]
