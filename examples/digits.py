"""LeNet learns to read handwritten digits.

    python examples/digits.py                     the 1,797 digits of examples/data
    python examples/digits.py --mnist DIR         MNIST's four IDX files (plain or .gz)

Prints loss and accuracy of every epoch; the last one counts, nothing is chosen by the test digits.
Leaves in the output folder the weights (digits.pt), a few digits with their logits (samples.pt),
and, where matplotlib is installed, a picture (digits.png).
"""

from __future__ import annotations

import argparse
import csv
import gzip
import math
import pathlib
import random
import time

import cnn
import cnn.nn.functional as F
from cnn import nn, optim
from cnn.utils.data import DataLoader, TensorDataset, readers

DATA = pathlib.Path(__file__).resolve().parent / "data" / "digits.csv.gz"
TEST_DIGITS = 360
SIZE = 28  # LeNet reads images of 28 x 28; the 8 x 8 digits are scaled up to it


class LeNet(nn.Module):
    """LeNet-5 with ReLU and max pooling: [N, 1, 28, 28] to [N, 10] logits.

    Y. LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 86 (1998).
    """

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.flatten(1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


# --- data ---------------------------------------------------------------------------------------


def read_digits(path=DATA):
    """Images [1797, 8, 8] from 0 to 1 and labels [1797], in the file's order."""
    with gzip.open(path, "rt", newline="") as file:
        rows = [[int(float(value)) for value in row] for row in csv.reader(file)]
    table = cnn.tensor(rows)
    return table[:, :64].reshape(-1, 8, 8).float() / 16, table[:, 64]


def split(labels, last_rows):
    """Indices for training and for test: the same in every run, whatever --seed says.

    Stratified: each digit gives the test part its share, drawn at random with seed 0. With
    last_rows the test part is the last 360 rows, which other writers wrote.
    """
    labels = labels.tolist()
    if last_rows:
        first = len(labels) - TEST_DIGITS
        return list(range(first)), list(range(first, len(labels)))
    draw = random.Random(0)
    members = {digit: [i for i, y in enumerate(labels) if y == digit] for digit in range(10)}
    shares = {digit: len(rows) * TEST_DIGITS / len(labels) for digit, rows in members.items()}
    counts = {digit: math.floor(share) for digit, share in shares.items()}
    by_remainder = sorted(shares, key=lambda digit: counts[digit] - shares[digit])
    for digit in by_remainder[: TEST_DIGITS - sum(counts.values())]:
        counts[digit] += 1
    train, test = [], []
    for digit, rows in members.items():
        draw.shuffle(rows)
        test += rows[: counts[digit]]
        train += rows[counts[digit] :]
    return sorted(train), sorted(test)


def read_mnist(folder, train):
    """MNIST's training or test part: images [N, 28, 28] from 0 to 1 and labels [N]."""
    images, labels = readers.mnist(folder, train)
    return images.float() / 255, labels


def warp(images, generator=None):
    """Samples images [N, h, w] at 28 x 28 points, bilinearly: [N, 1, 28, 28].

    With a generator each image is also turned, scaled, slanted and moved a little at random.
    """
    n, height, width = images.shape
    angle = shear = dx = dy = cnn.zeros(n, 1, 1)
    scale_x = scale_y = cnn.ones(n, 1, 1)
    if generator is not None:
        draws = cnn.rand(6, n, 1, 1, generator=generator) * 2 - 1
        angle, shear = draws[0] * 0.26, draws[1] * 0.2
        scale_x, scale_y = 1 + draws[2] * 0.15, 1 + draws[3] * 0.15
        dx, dy = draws[4] * 0.15, draws[5] * 0.15
    at = (cnn.arange(SIZE) + 0.5) * (2 / SIZE) - 1  # centres of the points, from -1 to 1
    y, x = at.reshape(1, SIZE, 1), at.reshape(1, 1, SIZE)
    cos, sin = cnn.cos(angle), cnn.sin(angle)
    column = ((scale_x * (cos * x - sin * y) + shear * y + dx + 1) * width - 1) / 2
    row = ((scale_y * (sin * x + cos * y) + dy + 1) * height - 1) / 2

    padded = F.pad(images, (1, 1, 1, 1)).flatten(1)
    left, top = cnn.floor(column), cnn.floor(row)
    right_part, lower_part = column - left, row - top
    result = cnn.zeros(n, SIZE, SIZE)
    for i, down in ((0, 1 - lower_part), (1, lower_part)):
        for j, across in ((0, 1 - right_part), (1, right_part)):
            r = (top + (i + 1)).clamp(0, height + 1).long()
            c = (left + (j + 1)).clamp(0, width + 1).long()
            corner = padded.gather(1, (r * (width + 2) + c).flatten(1))
            result = result + down * across * corner.reshape(n, SIZE, SIZE)
    return result.unsqueeze(1)


# --- training -----------------------------------------------------------------------------------


def train(model, data, test, args):
    """Trains the model, reporting after each epoch; returns each epoch's mean loss."""
    generator = cnn.Generator().manual_seed(args.seed)
    loader = DataLoader(data, batch_size=args.batch, shuffle=True, generator=generator)
    optimizer = optim.Adam(model.parameters(), lr=args.lr)
    steps = args.epochs * len(loader)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    losses = []
    for epoch in range(args.epochs):
        model.train()
        total = right = 0
        for images, labels in progress(loader, f"epoch {epoch + 1:2}/{args.epochs}"):
            logits = model(warp(images, generator))
            loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(labels)
            right += (logits.argmax(1) == labels).sum().item()
        losses.append(total / len(data))
        print(
            f"epoch {epoch + 1:2}  loss {losses[-1]:.4f}  training accuracy {right / len(data):.2%}"
            f"  test accuracy {accuracy(model, test):.2%}",
            flush=True,
        )
    return losses


def accuracy(model, data, batch=512):
    """The share of digits that the model reads rightly."""
    model.eval()
    right = 0
    with cnn.no_grad():
        for images, labels in DataLoader(data, batch_size=batch):
            right += (model(warp(images)).argmax(1) == labels).sum().item()
    return right / len(data)


def progress(loader, title):
    """The loader behind tqdm's bar; bare without tqdm or without a terminal."""
    try:
        from tqdm import tqdm
    except ImportError:
        return loader
    return tqdm(loader, title, leave=False, disable=None)


# --- results ------------------------------------------------------------------------------------


def save_results(model, test, losses, folder):
    """Writes digits.pt, samples.pt and, with matplotlib, digits.png."""
    folder.mkdir(parents=True, exist_ok=True)
    model.eval()
    images, labels = test[:40]
    samples = warp(images)
    some = samples[:8].clone()
    with cnn.no_grad():
        logits = model(samples)
        cnn.save({"images": some, "logits": model(some)}, folder / "samples.pt")
    cnn.save(model.state_dict(), folder / "digits.pt")
    print(f"wrote {folder / 'digits.pt'} and {folder / 'samples.pt'}")
    try:
        import matplotlib
    except ImportError:
        print("matplotlib is not installed: no picture")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure = plt.figure(figsize=(11, 4.5), layout="constrained")
    curve, pictures = figure.subfigures(1, 2)
    axes = curve.subplots()
    axes.semilogy(range(1, len(losses) + 1), losses)
    axes.set(xlabel="epoch", ylabel="training loss", title="LeNet, cross entropy")
    pictures.suptitle("test digits as LeNet reads them (errors red)")
    guesses = logits.argmax(1).tolist()
    for axes, image, guess, label in zip(
        pictures.subplots(5, 8).flat, samples.tolist(), guesses, labels.tolist(), strict=False
    ):
        axes.imshow(image[0], cmap="gray_r")
        axes.set_title(str(guess), fontsize=9, color="black" if guess == label else "red")
        axes.axis("off")
    figure.savefig(folder / "digits.png", dpi=120)
    print(f"wrote {folder / 'digits.png'}")


def parse_arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of weights, shuffles and distortions")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=2e-3, help="Adam's first step size")
    parser.add_argument("--mnist", metavar="DIR", help="folder of MNIST's four IDX files")
    parser.add_argument("--last-rows", action="store_true", help="test on the last 360 rows")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out"))
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_arguments(argv)
    if args.mnist:
        images, labels = read_mnist(args.mnist, train=True)
        test_images, test_labels = read_mnist(args.mnist, train=False)
    else:
        images, labels = read_digits()
        chosen, held_out = split(labels, args.last_rows)
        test_images, test_labels = images[held_out], labels[held_out]
        images, labels = images[chosen], labels[chosen]
    data, test = TensorDataset(images, labels), TensorDataset(test_images, test_labels)
    print(f"{len(data)} digits for training, {len(test)} for test, seed {args.seed}")

    cnn.manual_seed(args.seed)
    model = LeNet()
    start = time.perf_counter()
    losses = train(model, data, test, args)
    print(f"trained in {time.perf_counter() - start:.1f} s")
    print(f"test accuracy {accuracy(model, test):.2%}")
    save_results(model, test, losses, args.out)


if __name__ == "__main__":
    main()
