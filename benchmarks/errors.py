"""The errors of float32 products and convolutions, beside PyTorch's: `python -m benchmarks.errors`.

Each figure is the root mean square of the distance from the same in float64, over that of the
result: of y and, where there are three, of the gradients of x and of the weight.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys

import numpy as np

PRODUCTS = [(96, 256), (96, 1024), (96, 4096), (1, 1024), (8, 1024)]  # rows, depth
CONVOLUTIONS = [  # channels, outputs, kernel, stride, size of the image
    (64, 64, 3, 1, 28), (128, 64, 3, 1, 28), (256, 64, 3, 1, 14), (512, 64, 3, 1, 14),
    (64, 64, 5, 1, 28), (128, 64, 3, 2, 14), (512, 64, 3, 2, 14), (1024, 64, 1, 1, 14),
    (3, 64, 7, 2, 56),
]  # fmt: skip


def distance(y, exact):
    y, exact = np.asarray(y, np.float64), np.asarray(exact, np.float64)
    return float(np.sqrt(np.mean((y - exact) ** 2) / np.mean(exact**2)))


def measure(torch):
    """{title: errors}"""
    random = np.random.default_rng(0)
    found = {}
    for rows, depth in PRODUCTS:
        a = random.standard_normal((rows, depth), np.float32)
        b = random.standard_normal((96, depth), np.float32)
        y = torch.nn.functional.linear(torch.from_numpy(a), torch.from_numpy(b))
        found[f"linear {rows}x{depth}x96"] = [distance(y, a.astype("f8") @ b.T.astype("f8"))]
    for channels, outputs, kernel, stride, size in CONVOLUTIONS:
        x = random.standard_normal((1, channels, size, size), np.float32)
        w = random.standard_normal((outputs, channels, kernel, kernel), np.float32)
        results = []
        for dtype in (torch.float32, torch.float64):
            inputs = [torch.from_numpy(v).to(dtype).requires_grad_() for v in (x, w)]
            y = torch.nn.functional.conv2d(*inputs, stride=stride, padding=kernel // 2)
            g = np.random.default_rng(1).standard_normal(tuple(y.shape), np.float32)
            y.backward(torch.from_numpy(g).to(dtype))
            results.append([y.detach().numpy(), *(v.grad.numpy() for v in inputs)])
        title = f"convolution {kernel}x{kernel} stride {stride}, {channels} channels"
        found[title] = [distance(*pair) for pair in zip(*results, strict=True)]
    return found


def main(arguments):
    if arguments:
        print(json.dumps(measure(importlib.import_module(arguments[0]))))
        return
    libraries = [name for name in ("cnn", "torch") if importlib.util.find_spec(name)]
    found = {}
    for library in libraries:  # by turns: two such libraries do not share a process
        command = [sys.executable, "-m", "benchmarks.errors", library]
        found[library] = json.loads(
            subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        )
    print("| relative error |", " | ".join(libraries), "|")
    print("| --- |", " | ".join("---:" for _ in libraries), "|")
    for title in found["cnn"]:
        cells = (", ".join(f"{e:.1e}" for e in found[name][title]) for name in libraries)
        print(f"| {title} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main(sys.argv[1:])
