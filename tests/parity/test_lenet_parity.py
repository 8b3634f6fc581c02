"""LeNet seeded with 0 and trained for 20 steps follows PyTorch: same weights, shuffles, dropout."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import cnn  # noqa: E402

STEPS, BATCH = 20, 32
OPTIMIZERS = {
    "sgd": lambda lib, params: lib.optim.SGD(params, lr=0.01, momentum=0.9),
    "adam": lambda lib, params: lib.optim.Adam(params, lr=1e-3),
}


def images_and_labels():
    """640 noisy pictures of ten blobs, a class each: enough for a loss that falls."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, STEPS * BATCH)
    images = rng.normal(0, 0.3, (STEPS * BATCH, 1, 28, 28)).astype(np.float32)
    for image, label in zip(images, labels):
        row, column = divmod(int(label), 4)
        image[0, 8 * row : 8 * row + 6, 7 * column : 7 * column + 6] += 1
    return images, labels


def lenet(lib):
    nn = lib.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def train(lib, optimizer_name):
    """(losses, labels of each batch, initial parameters, final parameters), as NumPy's."""
    data = importlib.import_module(lib.__name__ + ".utils.data")
    images, labels = images_and_labels()
    dataset = data.TensorDataset(lib.from_numpy(images), lib.from_numpy(labels))
    lib.manual_seed(0)
    model = lenet(lib)
    first = [p.detach().numpy().copy() for p in model.parameters()]
    optimizer = OPTIMIZERS[optimizer_name](lib, model.parameters())
    criterion = lib.nn.CrossEntropyLoss()
    losses, order = [], []
    for x, y in data.DataLoader(dataset, batch_size=BATCH, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        order.append(y.tolist())
    return losses, order, first, [p.detach().numpy().copy() for p in model.parameters()]


@pytest.mark.parametrize("optimizer_name", OPTIMIZERS)
def test_lenet_follows_pytorch(optimizer_name):
    ours, our_order, our_first, our_last = train(cnn, optimizer_name)
    theirs, their_order, their_first, their_last = train(torch, optimizer_name)
    assert len(ours) == STEPS and our_order == their_order
    for a, b in zip(our_first, their_first):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    for a, b in zip(our_last, their_last):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4)
    assert theirs[-1] < theirs[0]


def test_dropout_masks_are_pytorchs():
    masks = []
    for lib in (cnn, torch):
        lib.manual_seed(0)
        dropout = lib.nn.Dropout(0.25)
        masks.append([dropout(lib.ones(n)).numpy() for n in (7, 120, 32 * 120)])
    for a, b in zip(*masks):
        np.testing.assert_allclose(a, b, rtol=1e-7)


def test_shuffles_are_pytorchs():
    orders = []
    for lib in (cnn, torch):
        data = importlib.import_module(lib.__name__ + ".utils.data")
        lib.manual_seed(0)
        loader = data.DataLoader(list(range(50)), batch_size=7, shuffle=True)
        orders.append([[batch.tolist() for batch in loader] for _ in range(3)])
    assert orders[0] == orders[1]
