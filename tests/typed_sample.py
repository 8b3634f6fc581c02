"""A program with types, which mypy has to find right: see test_stub.py."""

from __future__ import annotations

import cnn
import cnn.nn.functional as F
from cnn import Tensor, nn, optim


class Net(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(features, 8), nn.ReLU(), nn.Linear(8, 3))
        self.scale = nn.Parameter(cnn.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return F.relu(y) * self.scale


def sizes(x: Tensor) -> list[int]:
    rows, columns = x.shape
    return [rows, columns, x.size(0), *x.size(), x.numel(), x.stride(0), *x.stride()]


def forms(x: Tensor) -> Tensor:
    """Overloads: each form of a call has its own result."""
    largest: Tensor = x.max()
    values, indices = x.max(dim=1)
    both: Tensor = cnn.max(x, x)
    out = cnn.empty(2, 3)
    cnn.add(x, 1, out=out)
    cnn.mul(x, 2.5, out=out)
    x.add_(1).mul_(out)[0] = 3.0
    y = x.view(-1).reshape((2, 3)).permute(1, 0)[1:, None, ...]
    z = cnn.zeros(2, 3, dtype=cnn.float64) + cnn.ones((2, 3), device="cpu")
    mask: Tensor = (x == 1) & (x > 0) | ~(x <= 2.0)
    top = cnn.topk(x, 2)
    parts: tuple[Tensor, ...] = x.split(1)
    w = cnn.where(mask, x, 0.0).to(cnn.float32).to("cpu", non_blocking=True).to(z)
    numbers: float = x.sum().item() + float(x.mean())
    print(top.values, top.indices, parts, numbers, both, largest, values, indices)
    print(x.dtype.is_floating_point, x.device.type, x.T, x.grad, x.numpy().tolist())
    return y.sum() + z.sum() + w.sum()


def train(steps: int) -> float:
    cnn.manual_seed(0)
    net = Net(4)
    optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=2)
    loss = cnn.zeros(())
    for _ in range(steps):
        x, target = cnn.rand(5, 4), cnn.randint(0, 3, (5,))
        loss = F.cross_entropy(net(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    with cnn.no_grad():
        net(cnn.rand(2, 4)).argmax(1)
    for name, parameter in net.named_parameters():
        print(name, parameter.shape, parameter.grad)
    return float(loss)


if __name__ == "__main__":
    nn.Linear(3, 4)(cnn.rand(2, 3)).sum().backward()
    print(sizes(cnn.rand(2, 3)), forms(cnn.rand(2, 3)), train(3))
