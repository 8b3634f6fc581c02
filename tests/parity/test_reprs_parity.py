"""How objects print, beside PyTorch: schedules, optimizers, storages, dtypes, sizes, modules' states."""

from __future__ import annotations

import re
import warnings

import pytest

import cnn

torch = pytest.importorskip("torch")

# T is the library, S its lr_scheduler, O an optimizer, P a parameter.
CALLS = """
    S.StepLR(O, 2)
    S.MultiStepLR(O, [2])
    S.ConstantLR(O)
    S.LinearLR(O)
    S.ExponentialLR(O, 0.9)
    S.PolynomialLR(O)
    S.CosineAnnealingLR(O, 3)
    S.CosineAnnealingWarmRestarts(O, 3)
    S.CyclicLR(O, 0.1, 0.2)
    S.OneCycleLR(O, 0.1, total_steps=4)
    S.ReduceLROnPlateau(O)
    S.LambdaLR(O, abs)
    S.MultiplicativeLR(O, abs)
    S.ChainedScheduler([S.ConstantLR(O)])
    S.SequentialLR(O, [S.ConstantLR(O), S.ExponentialLR(O, 0.9)], [2])
    [S.LRScheduler, S.StepLR, S.OneCycleLR, S.SequentialLR, S.ReduceLROnPlateau, S.LambdaLR]
    O
    O.defaults
    O.state_dict()
    T.optim.Adam([("weight", P)], lr=T.tensor(0.1))
    T.optim.AdamW([{"params": [P], "lr": 0.3}], amsgrad=True)
    T.optim.Adagrad([P])
    T.optim.RMSprop([P])
    T.optim.Adadelta([P])
    T.optim.Adamax([P])
    T.optim.NAdam([P])
    T.optim.RAdam([P])
    T.optim.ASGD([P])
    T.optim.Rprop([P])
    T.optim.LBFGS([P])
    T.optim.SparseAdam([P])
    [T.optim.SGD, T.optim.Adam, T.optim.LBFGS, T.optim.Optimizer]
    P
    T.nn.Parameter(T.ones(2, 2), requires_grad=False)
    T.nn.Parameter()
    T.nn.Buffer(T.ones(2))
    T.nn.UninitializedParameter()
    T.nn.UninitializedBuffer()
    T.nn.ParameterList([T.ones(2), 3, "a"])
    T.nn.ParameterDict({"a": T.ones(2), "b": P})
    T.nn.ModuleDict({"a": T.nn.ReLU(), "b": T.nn.Sequential(T.nn.Linear(2, 3), T.nn.Tanh())})
    T.nn.ModuleList([T.nn.ReLU()] * 3)
    T.nn.Sequential()
    T.nn.Module()
    T.nn.Identity(3, a=2)
    T.nn.Transformer(4, 2, 1, 1, 8)
    T.nn.Linear(2, 2).state_dict()
    T.nn.Linear(2, 2)._parameters
    T.nn.Linear(2, 2).load_state_dict(T.nn.Linear(2, 2).state_dict())
    T.nn.Linear(2, 2).load_state_dict({"x": P}, strict=False)
    T.nn.utils.rnn.pack_sequence([T.ones(2)])
    T.ones(3).untyped_storage()
    T.ones(3).half().untyped_storage()
    T.ones(0).untyped_storage()
    T.ones(3, device="meta").untyped_storage()
    type(T.ones(1).untyped_storage())
    [T.float32, T.float64, T.bool, T.int64, T.bfloat16, T.uint8]
    [T.dtype, T.Size, T.device, T.layout, T.memory_format, T.finfo, T.iinfo]
    [T.Tensor, T.nn.Parameter, T.FloatTensor, T.LongTensor]
    [T.Size([1, 2]), T.Size([])]
    [T.device("cpu"), T.device("cuda:1"), T.device("meta")]
    [T.strided, T.preserve_format, T.contiguous_format, T.channels_last]
    [T.finfo(t) for t in (T.float16, T.bfloat16, T.float32, T.float64)]
    [T.iinfo(t) for t in (T.uint8, T.int8, T.int16, T.int32, T.int64)]
    T.max(T.ones(2, 2), 0)
    T.sort(T.ones(2))
    T.topk(T.ones(2), 1)
    type(T.max(T.ones(2, 2), 0))
    [T.no_grad, T.no_grad(), T.enable_grad(), T.set_grad_enabled(True), T.inference_mode()]
    T.ones(2, requires_grad=True).sum().grad_fn
    T.autograd.Function
    [T.Generator, T.Generator(), T.default_generator]
    T.utils.data.TensorDataset(T.ones(2))
    T.utils.data.DataLoader([1])
    T.utils.data.random_split([1, 2], [1, 1])[0]
    T.utils.data.ConcatDataset([[1], [2]])
    T.utils.data.BatchSampler(T.utils.data.SequentialSampler([1]), 2, False)
    [T.nn.functional.relu, T.nn.functional.mse_loss, T.nn.init.xavier_uniform_]
""".strip().splitlines()


def printed(lib, call):
    """repr and str, with PyTorch's name and no addresses."""
    lib.manual_seed(0)
    P = lib.nn.Parameter(lib.ones(2))
    names = {"T": lib, "S": lib.optim.lr_scheduler, "P": P}
    names["O"] = lib.optim.SGD([P], lr=0.1, momentum=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = eval(call, names)
    found = [repr(value), str(value)]
    return [re.sub(r"0x[0-9a-f]+", "0x", text).replace("cnn", "torch") for text in found]


@pytest.mark.parametrize("call", [c.strip() for c in CALLS])
def test_prints_the_same(call):
    assert printed(cnn, call) == printed(torch, call)
