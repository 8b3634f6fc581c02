"""Networks of the inference benchmarks as ONNX files, and ONNX Runtime that runs them.

PyTorch makes and exports them in a process of its own: that which is timed has ONNX Runtime alone.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys

FILES = "net.onnx", "input.npy"


def session(name, onnxruntime, place):
    """The function to time: the net of that name, with every optimization of the graph."""
    import numpy

    model, x = files(name, place.folder)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = place.threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    provider = ["CPUExecutionProvider"]
    net = onnxruntime.InferenceSession(str(model), options, providers=provider)
    feed = {net.get_inputs()[0].name: numpy.load(x)}
    return lambda: net.run(None, feed)[0]


def files(name, folder):
    """The paths of model and input, exported by the first that asks."""
    place = pathlib.Path(folder) / "".join(c if c.isalnum() else "_" for c in name)
    model, x = (place / file for file in FILES)
    if not x.exists():
        place.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "benchmarks.exported", name, str(place)]
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if run.returncode:
            last = (run.stdout.strip().splitlines() or ["no message"])[-1]
            raise ImportError(f"not exported: {last}")
    return model, x


def main(name, folder):
    import numpy
    import torch

    from benchmarks import inference

    torch.manual_seed(0)
    torch.backends.mha.set_fastpath_enabled(False)  # it has no form in ONNX
    (net,) = (net for net in inference.nets() if net.name == name)
    module, x = net.prepared(torch)
    model, file = (pathlib.Path(folder) / file for file in FILES)
    torch.onnx.export(module, (x,), str(model), dynamo=True)
    numpy.save(file, x.numpy())  # last: it says that all is there


if __name__ == "__main__":
    main(*sys.argv[1:])
