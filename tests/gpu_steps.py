"""The steps of tests/gpu.py. Each takes the results, which it adds its rows to."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import numpy as np

import cnn
import gpu_models

F = cnn.nn.functional
HERE = pathlib.Path(__file__).resolve().parent


def other_library():
    """PyTorch where it can use the GPU, to compare with."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    return torch if torch.cuda.is_available() else None


def seconds(call, repeat, synchronize):
    """Of a call, the best of three rounds of `repeat`."""
    call()
    best = float("inf")
    for _ in range(3):
        synchronize()
        began = time.perf_counter()
        for _ in range(repeat):
            call()
        synchronize()
        best = min(best, (time.perf_counter() - began) / repeat)
    return best


# 1 ------------------------------------------------------------------------------------------------


def starts(results):
    assert cnn.cuda.is_available(), cnn.cuda.unavailable_reason()
    results.add("device", cnn.cuda.get_device_name())
    results.add("devices", cnn.cuda.device_count())
    x = cnn.arange(6.0).view(2, 3)
    assert cnn.equal((x.cuda() + 1).cpu(), x + 1)
    results.add("x + 1", "right")
    assert cnn.equal((x.cuda() @ x.cuda().t()).cpu(), x @ x.t())
    results.add("product", "right")
    image = cnn.ones(1, 1, 5, 5, device="cuda")

    def convolution():
        return bool((cnn.nn.functional.conv2d(image, image[..., :3, :3]) == 9).all())

    results.attempt("convolution", convolution)


# 2 ------------------------------------------------------------------------------------------------


def tests(results):
    files = sorted(map(str, [*HERE.glob("test_cuda*.py"), HERE / "distributed" / "test_nccl.py"]))
    command = [sys.executable, "-m", "pytest", "-q", "-m", "cuda", "-p", "no:cacheprovider"]
    if importlib.util.find_spec("xdist") and not results.tiny:
        command += ["-n", "8"]
    command += [str(HERE / "test_cuda.py"), "-k", "values and add"] if results.tiny else files
    run = subprocess.run(
        command, env={**os.environ, "CNN_REQUIRE_CUDA": "1"}, stdout=subprocess.PIPE, text=True
    )
    print(run.stdout[-20000:])
    summary = run.stdout.strip().splitlines()[-1] if run.stdout.strip() else "no output"
    results.add("pytest -m cuda", summary.strip("= "), failed=run.returncode != 0)


# 3 ------------------------------------------------------------------------------------------------

FEW_OPS = """
import cnn
from op_cases import results_of
from op_table import ROWS
from test_cuda import moved
for row in ROWS[::{step}]:
    for call in row.cases_for(row.dtypes[0]):
        _, args = call.make(row.dtypes[0], None)
        try:
            results_of(row.call(*[moved(a) for a in args], **call.kwargs))
        except NotImplementedError:
            pass
cnn.cuda.synchronize()
print("done")
"""


def sanitizer(results):
    """NVIDIA's: accesses out of bounds, races in shared memory, memory that nobody wrote."""
    program = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    here = pathlib.Path(program).exists()
    if not here:
        results.add("compute-sanitizer", "not here")
    env = {**os.environ, "PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
    for tool, step in (("memcheck", 3), ("racecheck", 9), ("initcheck", 9)):
        code = FEW_OPS.format(step=150 if results.tiny else step)
        command = [sys.executable, "-c", code]
        if here:
            command = [program, "--tool", tool, "--error-exitcode", "9", *command]
        run = subprocess.run(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        print(run.stdout[-4000:])
        results.add(
            tool if here else f"{tool}'s program, alone", run.returncode, failed=run.returncode != 0
        )
        if not here:
            break


# 4 ------------------------------------------------------------------------------------------------


def training(results):
    """The same bits twice, and the CPU's losses, which do not round to TF32."""
    cnn.backends.cudnn.allow_tf32 = False
    for make in gpu_models.ALL:

        def losses(device, make=make):
            program = gpu_models.Training(cnn, make, device, True)
            return [program.step().item() for _ in range(5)]

        def same_bits(losses=losses):
            return losses("cuda") == losses("cuda")

        def distance(losses=losses):
            gpu, cpu = np.array(losses("cuda")), np.array(losses("cpu"))
            np.testing.assert_allclose(gpu, cpu, rtol=1e-3)
            return float(np.abs(gpu / cpu - 1).max())

        results.attempt(f"{make.__name__}, the same twice", same_bits)
        results.attempt(f"{make.__name__}, from the CPU's losses", distance)


# 5 ------------------------------------------------------------------------------------------------


def bandwidth(results):
    n = 1 << 10 if results.tiny else 1 << 26
    side = 16 if results.tiny else 8192
    repeat = 1 if results.tiny else 10
    x, y = (cnn.ones(n, device="cuda") for _ in range(2))
    half = x.to(cnn.bfloat16)
    square = x[: n // 4096 * 4096].view(-1, 4096 if n >= 4096 else n) if n >= 4096 else x.view(1, n)
    halves = half.view_as(square)
    index = cnn.arange(n // 16, device="cuda").flip(0)
    out = cnn.empty_like(x)
    calls = {  # bytes that must move
        "copy": (lambda: out.copy_(x), 8 * n),
        "x + y": (lambda: cnn.add(x, y, out=out), 12 * n),
        "x * 2": (lambda: cnn.mul(x, 2, out=out), 8 * n),
        "x[::2] + y[::2]": (lambda: x[::2] + y[::2], 6 * n),
        "bfloat16 x + x": (lambda: half + half, 6 * n),
        "exp": (lambda: cnn.exp(x, out=out), 8 * n),
        "sum": (x.sum, 4 * n),
        "sum over rows": (lambda: square.sum(1), 4 * n),
        "sum over columns": (lambda: square.sum(0), 4 * n),
        "softmax": (lambda: cnn.softmax(square, 1), 8 * n),
        "layer_norm": (lambda: F.layer_norm(square, square.shape[1:]), 8 * n),
        "bfloat16 layer_norm": (lambda: F.layer_norm(halves, square.shape[1:]), 4 * n),
        "bfloat16 rms_norm": (lambda: F.rms_norm(halves, square.shape[1:]), 4 * n),
        "group_norm": (lambda: F.group_norm(x.view(16, 64, -1), 32), 8 * n),
        "gather": (lambda: x.gather(0, index), (16 * n) // 16),
        "index_add": (lambda: out.index_add_(0, index, x[: n // 16]), 20 * n // 16),
        "cumsum": (lambda: x[: n // 16].cumsum(0), 8 * n // 16),
        "sort": (lambda: x[: n // 64].sort(), 24 * n // 64),
    }
    for what, (call, nbytes) in calls.items():

        def rate(call=call, nbytes=nbytes):
            return nbytes / seconds(call, repeat, cnn.cuda.synchronize) / 1e9, "GB/s"

        results.attempt(what, rate)
    for dtype in (cnn.float32, cnn.float64, cnn.bfloat16, cnn.float16):

        def products(dtype=dtype):
            a = cnn.ones(side, side, device="cuda", dtype=dtype)
            took = seconds(
                lambda: a @ a, 1 if dtype == cnn.float64 else repeat, cnn.cuda.synchronize
            )
            return 2 * side**3 / took / 1e12, "TFLOP/s"

        results.attempt(f"product of {str(dtype)[6:]}", products)
    cnn.backends.cuda.matmul.allow_tf32 = True
    results.attempt("product of float32 by TF32", lambda: products(cnn.float32))
    cnn.backends.cuda.matmul.allow_tf32 = False
    attention(results, repeat)


def attention(results, repeat):
    """TFLOP/s of two products forward and five backward, causal ones of half of them."""
    batch, heads, length = (1, 1, 16) if results.tiny else (4, 16, 4096)
    for dtype, width, causal, tf32 in (
        (cnn.bfloat16, 64, False, False),
        (cnn.bfloat16, 128, False, False),
        (cnn.float16, 128, False, False),
        (cnn.bfloat16, 128, True, False),
        (cnn.float32, 64, False, False),
        (cnn.float32, 64, False, True),
        (cnn.float32, 128, False, True),
    ):
        what = f"attention of {str(dtype)[6:]}, width {width}{', causal' if causal else ''}"
        what += ", by TF32" if tf32 else ""
        cnn.backends.cuda.matmul.allow_tf32 = tf32
        products = batch * heads * length**2 * width * 2 / 1e12 / (2 if causal else 1)

        def operands(dtype=dtype, width=width):
            shape = batch, heads, length, width
            return [cnn.randn(shape, device="cuda").to(dtype).requires_grad_() for _ in range(3)]

        def forward(operands=operands, causal=causal, products=products):
            q, k, v = operands()

            def call():
                with cnn.no_grad():
                    cnn.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)

            return 2 * products / seconds(call, repeat, cnn.cuda.synchronize), "TFLOP/s"

        def backward(operands=operands, causal=causal, products=products):
            q, k, v = operands()
            y = cnn.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
            dy = cnn.ones_like(y)

            def call():
                cnn.autograd.grad(y, (q, k, v), dy, retain_graph=True)

            return 5 * products / seconds(call, repeat, cnn.cuda.synchronize), "TFLOP/s"

        results.attempt(what, forward)
        results.attempt(f"{what}, backward", backward)
    cnn.backends.cuda.matmul.allow_tf32 = False


# 6 ------------------------------------------------------------------------------------------------


def speed(results):
    """Milliseconds of a training step, of cnn and of PyTorch in turn; and of a launch."""
    torch = other_library()
    for make in gpu_models.ALL:
        for lib in filter(None, (cnn, torch)):

            def step_time(lib=lib, make=make):
                program = gpu_models.Training(lib, make, "cuda", results.tiny)
                repeat = 1 if results.tiny else 10
                return 1e3 * seconds(program.step, repeat, lib.cuda.synchronize), "ms"

            results.attempt(f"{make.__name__}, {lib.__name__}", step_time)
    for lib in filter(None, (cnn, torch)):

        def launch_time(lib=lib):
            x = lib.ones(16, device="cuda")
            return 1e6 * seconds(
                lambda: x + x, 10 if results.tiny else 2000, lib.cuda.synchronize
            ), "us"

        results.attempt(f"x + x of 16 numbers, {lib.__name__}", launch_time)
    by_cudnn(results)


def by_cudnn(results):
    """The same by cuDNN, where it is installed: it takes a process that asks for it."""
    program = """if True:
        import sys
        import cnn, gpu_models, gpu_steps
        print("version", cnn.backends.cudnn.version())
        tiny = sys.argv[1] == "True"
        for make in (gpu_models.lenet, gpu_models.resnet):
            step = gpu_models.Training(cnn, make, "cuda", tiny).step
            print(make.__name__, 1e3 * gpu_steps.seconds(step, 1 if tiny else 10, cnn.cuda.synchronize))
        """
    environment = {**os.environ, "CNN_CUDNN": "1"}

    def output():
        run = subprocess.run(
            [sys.executable, "-c", program, str(results.tiny)], env=environment, timeout=60,
            capture_output=True, text=True,
        )  # fmt: skip
        rows = dict(line.split() for line in run.stdout.splitlines())
        if rows.get("version") == "None":
            raise NotImplementedError("cuDNN is not installed")
        if run.returncode != 0:
            raise RuntimeError(run.stderr[-160:])
        for name in ("lenet", "resnet"):
            results.add(f"{name}, cnn by cuDNN", float(rows[name]), "ms")
        return rows["version"]

    results.attempt("cuDNN", output)


# 7 ------------------------------------------------------------------------------------------------


def empty(lib, n=64, dtype="float32"):
    return lib.empty(n, dtype=getattr(lib, dtype), device="cuda")


def dropped(lib, n=64, dtype="float32", inplace=False):
    x = lib.ones(n, dtype=getattr(lib, dtype), device="cuda")
    return lib.nn.functional.dropout(x, 0.3, inplace=inplace)


# What is drawn after a seed. Those of many are more than a GPU has threads.
MANY = 1_200_000
DRAWN = {
    "rand": lambda lib: lib.rand(64, device="cuda"),
    "rand of many": lambda lib: lib.rand(MANY, device="cuda")[::9973],
    "rand of float64": lambda lib: lib.rand(64, dtype=lib.float64, device="cuda"),
    "uniform_ of float16": lambda lib: empty(lib, dtype="float16").uniform_(-1, 2),
    "uniform_ of a turned tensor": lambda lib: empty(lib).view(4, 16).t().uniform_(),
    "randn": lambda lib: lib.randn(64, device="cuda"),
    "randn of many": lambda lib: lib.randn(MANY, device="cuda")[::9973],
    "randn of float64": lambda lib: lib.randn(64, dtype=lib.float64, device="cuda"),
    "randint": lambda lib: lib.randint(0, 1000, (64,), device="cuda"),
    "randint of 64 bits": lambda lib: lib.randint(0, 1 << 40, (64,), device="cuda"),
    "random_": lambda lib: empty(lib, dtype="int32").random_(),
    "randperm": lambda lib: lib.randperm(64, device="cuda"),
    "randperm of many": lambda lib: lib.randperm(60_000, device="cuda")[::997],
    "bernoulli_": lambda lib: empty(lib).bernoulli_(0.3),
    "bernoulli": lambda lib: lib.bernoulli(lib.linspace(0, 1, 64, device="cuda")),
    "exponential_": lambda lib: empty(lib).exponential_(2),
    "cauchy_": lambda lib: empty(lib).cauchy_().atan(),
    "log_normal_": lambda lib: empty(lib).log_normal_(0, 0.5),
    "geometric_": lambda lib: empty(lib).geometric_(0.3),
    "multinomial": lambda lib: lib.multinomial(lib.linspace(1, 2, 64, device="cuda"), 8),
    "multinomial with replacement": lambda lib: lib.multinomial(
        lib.linspace(1, 2, 64, device="cuda").repeat(3, 1), 40, True
    ),
    "poisson": lambda lib: lib.poisson(lib.linspace(0, 63, 64, device="cuda")),
    "poisson of high rates": lambda lib: lib.poisson(lib.linspace(5e3, 5e5, 64, device="cuda")),
    "_standard_gamma": lambda lib: lib._standard_gamma(lib.linspace(0.1, 30, 64, device="cuda")),
    "_sample_dirichlet": lambda lib: lib._sample_dirichlet(
        lib.linspace(0.1, 30, 64, device="cuda").view(8, 8)
    ),
    "binomial": lambda lib: lib.binomial(
        lib.linspace(1, 64, 64, device="cuda").floor(), lib.linspace(0, 1, 64, device="cuda")
    ),
    "dropout": dropped,
    "dropout of 63": lambda lib: dropped(lib, 63),
    "dropout of many": lambda lib: dropped(lib, MANY)[::9973],
    "dropout of float16": lambda lib: dropped(lib, 64, "float16"),
    "dropout of float64": lambda lib: dropped(lib, 64, "float64"),
    "dropout in place": lambda lib: dropped(lib, inplace=True),
}


def numbers(results):
    """Random numbers of the device beside PyTorch's, kept for tests that run without one; and how exact its
    functions are.
    """
    kept, torch = {}, other_library()
    for name, call in DRAWN.items():

        def drawn(lib, name=name, call=call):
            lib.manual_seed(7)
            values = call(lib).cpu().flatten().tolist()
            state = bytes(lib.cuda.get_rng_state().tolist())
            kept[f"{lib.__name__}: {name}"] = [*values, int.from_bytes(state[8:], "little")]
            return kept[f"{lib.__name__}: {name}"]

        def beside_torch(name=name, drawn=drawn):
            ours, theirs = drawn(cnn), drawn(torch)
            if name == "dropout of float16":  # whose offset moves by what was drawn, here alone
                ours, theirs = ours[:-1], theirs[:-1]
            return bool(np.allclose(ours, theirs, 1e-5, 1e-5))

        if torch:
            results.attempt(f"{name} as torch.cuda draws it, and the offset after it", beside_torch)
        else:
            results.attempt(f"{name}, numbers kept", lambda drawn=drawn: len(drawn(cnn)) - 1)
    (results.folder / "random.json").write_text(json.dumps(kept))
    x = (
        np.random.default_rng(0)
        .uniform(-8, 8, 1 << 8 if results.tiny else 1 << 18)
        .astype(np.float32)
    )
    for name in (
        "exp",
        "log",
        "sin",
        "cos",
        "tanh",
        "sigmoid",
        "erf",
        "sqrt",
        "rsqrt",
        "lgamma",
        "digamma",
    ):
        values = (
            np.abs(x) + np.float32(0.1)
            if name in ("log", "sqrt", "rsqrt", "lgamma", "digamma")
            else x
        )

        def error(name=name, values=values):
            got = getattr(cnn, name)(cnn.tensor(values, device="cuda")).cpu().numpy()
            want = getattr(cnn, name)(cnn.tensor(values.astype(np.float64))).numpy()
            step = np.spacing(np.abs(want).astype(np.float32)).astype(np.float64)
            return float((np.abs(got - want) / step).max()), "ulp"

        results.attempt(f"{name}, largest error", error)


# 8 ------------------------------------------------------------------------------------------------

FAULTS = {
    "index out of range": """
x = cnn.ones(4, device="cuda")
try:
    y = x[cnn.tensor([9], device="cuda")]
    y.cpu(), cnn.cuda.synchronize()
    print("nothing was raised")
except IndexError:
    print("told, and goes on:", (x + 1).sum().item() == 8)
""",
    "out of memory": """
x = cnn.ones(4, device="cuda")
try:
    cnn.empty(1 << 50, device="cuda")
    print("nothing was raised")
except RuntimeError as error:
    print("told, and goes on:", "out of memory" in str(error) and (x + 1).sum().item() == 8)
""",
    "use in a forked child": """
import os
x = cnn.ones(4, device="cuda")
child = os.fork()
if child == 0:
    try:
        cnn.ones(4, device="cuda").sum().item()
    except RuntimeError:
        os._exit(7)
    os._exit(0)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print("told, and goes on:", code == 7 and (x + 1).sum().item() == 8)
""",
    "end with live tensors": """
import threading
keep = [cnn.ones(1000, device="cuda") for _ in range(50)]
cnn.holder = keep
threading.Thread(target=lambda: keep[0] + keep[1]).start()
print("told, and goes on:", True)
""",
}


def faults(results):
    for what, code in FAULTS.items():
        run = subprocess.run(
            [sys.executable, "-c", "import cnn\n" + code],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30,
        )  # fmt: skip
        last = (run.stdout.strip().splitlines() or ["no output"])[-1]
        right = run.returncode == 0 and last == "told, and goes on: True"
        results.add(what, last[:100], failed=not right, note=f"status {run.returncode}")


# 9 ------------------------------------------------------------------------------------------------

PROFILED = """
import cnn
n = {n}
x = cnn.ones(n, device="cuda")
rows = x.view(-1, 256)
for call in (lambda: x[::2] + x[::2], lambda: cnn.softmax(rows, 1), lambda: rows.sum(0)):
    call()
cnn.cuda.synchronize()
"""


def profile(results):
    """What Nsight Compute says of a few kernels."""
    program = shutil.which("ncu") or "/usr/local/cuda/bin/ncu"
    command = [sys.executable, "-c", PROFILED.format(n=1 << 10 if results.tiny else 1 << 26)]
    here = pathlib.Path(program).exists()
    if here:
        command = [program, "--set", "basic", *command]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    (results.folder / "profile.txt").write_text(run.stdout)
    if not here:
        return results.add(
            "ncu", "not here", failed=run.returncode != 0, note="the program alone ran"
        )
    results.add("ncu", "profile.txt", note=f"status {run.returncode}")
