"""LeNet on made-up images, a training step at a time: for tests and for the scripts they start."""

from __future__ import annotations

import cnn
from cnn import nn


class LeNet(nn.Module):
    """[N, 1, 28, 28] to [N, 10]."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(400, 120),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, 10),
        )

    def forward(self, x):
        return self.classifier(self.features(x))


class Training:
    """A seeded LeNet with its optimizer and one batch; `step()` trains once and gives the loss."""

    def __init__(self, seed=0, batch=64, lr=0.01):
        cnn.manual_seed(seed)
        self.x = cnn.randn(batch, 1, 28, 28)
        self.y = cnn.randint(0, 10, (batch,))
        self.model = LeNet()
        self.optimizer = cnn.optim.SGD(self.model.parameters(), lr=lr, momentum=0.9)
        self.criterion = nn.CrossEntropyLoss()

    def step(self):
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(self.x), self.y)
        loss.backward()
        self.optimizer.step()
        return loss.item()


def losses(steps=20, **settings):
    """The losses of a fresh training, as hexadecimal floats: equal only when bit-identical."""
    training = Training(**settings)
    return [training.step().hex() for _ in range(steps)]
