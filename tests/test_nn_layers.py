"""Layers, losses, nn.init, nn.utils, and import paths."""

from __future__ import annotations

import ast
import copy
import pathlib
import subprocess
import sys
import warnings

import pytest

import cnn
from cnn import nn
from cnn.nn import functional as F
from nn_model import Net, near

# Layers and functions -----------------------------------------------------------------------------


def test_seeded_initialization():
    cnn.manual_seed(0)
    layer = nn.Linear(4, 8)
    near(layer.weight[0], [-0.0037, 0.2682, -0.4115, -0.3680])
    near(layer.bias[:3], [-0.3241, -0.2302, -0.3493])


def test_batch_norm_statistics():
    layer = nn.BatchNorm1d(2)
    x = cnn.tensor([[1.0, 2.0], [3.0, 6.0]])
    near(layer(x), [-1, -1, 1, 1], 1e-3)
    near(layer.running_mean, [0.2, 0.4])
    near(layer.running_var, [0.9 + 0.2, 0.9 + 0.8])
    near(layer.eval()(cnn.zeros(1, 2)), [-0.2 / 1.1**0.5, -0.4 / 1.7**0.5], 1e-3)


def test_losses_by_hand():
    x, y = cnn.tensor([0.0, 2.0]), cnn.tensor([1.0, 4.0])
    assert float(nn.MSELoss()(x, y)) == 2.5
    assert float(nn.L1Loss(reduction="sum")(x, y)) == 3.0
    near(nn.SmoothL1Loss(reduction="none")(x, y), [0.5, 1.5])
    logits = cnn.zeros(2, 4)
    near(nn.CrossEntropyLoss()(logits, cnn.tensor([0, 3])), [1.386294])
    near(nn.BCEWithLogitsLoss()(cnn.zeros(2), cnn.ones(2)), [0.693147])
    with pytest.warns(UserWarning, match="reduction='sum' instead"):
        assert nn.L1Loss(size_average=False).reduction == "sum"
    with pytest.raises(ValueError, match="median is not a valid value for reduction"):
        nn.L1Loss(reduction="median")(x, y)
    with pytest.warns(UserWarning, match="different to the input size"):
        nn.MSELoss()(cnn.ones(2, 1), cnn.ones(2))


def test_dropout_modes():
    cnn.manual_seed(0)
    x = cnn.ones(1000)
    layer = nn.Dropout(0.25)
    y = layer(x)
    assert all(value in (0.0, pytest.approx(1 / 0.75)) for value in y.tolist())
    assert 150 < (y == 0).sum().item() < 350
    assert layer.eval()(x) is x or layer(x).tolist() == x.tolist()
    assert nn.Dropout2d(1.0)(cnn.ones(1, 2, 2, 2)).abs().sum().item() == 0
    with pytest.raises(ValueError, match="between 0 and 1, but got -0.1"):
        nn.Dropout(-0.1)


def test_functional_is_a_module_of_functions():
    import cnn.nn.functional as functional

    assert functional is nn.functional
    near(functional.relu(cnn.tensor([-1.0, 1.0])), [0, 1])
    assert "linear" in dir(functional) and "linear" in functional.__all__
    with pytest.raises(AttributeError, match="has no attribute 'relu7'"):
        _ = functional.relu7
    x = cnn.tensor([-1.0, 1.0])
    assert functional.relu(x, inplace=True) is x
    near(x, [0, 1])


def test_softmax_without_a_dimension_warns():
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax"):
        near(nn.Softmax()(cnn.zeros(2, 2)), [0.5] * 4)


def test_pad():
    x = cnn.arange(4.0).reshape(1, 1, 4)
    near(F.pad(x, (1, 2)), [0, 0, 1, 2, 3, 0, 0])
    near(F.pad(x, (1, 2), "circular"), [3, 0, 1, 2, 3, 0, 1])
    near(F.pad(x, (-1, 2), "circular"), [1, 2, 3, 1, 2])
    for pad, mode, kind, text in (
        ((1,), "constant", RuntimeError, "divisible by 2"),
        ((1,) * 8, "constant", RuntimeError, "two times the input dimension"),
        ((5, 0), "circular", RuntimeError, "wrapping around more than once"),
        ((1, 1), "mirror", NotImplementedError, "Unrecognised padding mode mirror"),
    ):
        with pytest.raises(kind, match=text):
            F.pad(x, pad, mode)


def test_one_hot():
    assert F.one_hot(cnn.tensor([0, 2])).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert tuple(F.one_hot(cnn.zeros(0, dtype=cnn.int64), 3).shape) == (0, 3)
    with pytest.raises(RuntimeError, match="smaller than num_classes"):
        F.one_hot(cnn.tensor([3]), 2)


def test_old_names_of_init_warn():
    t = cnn.zeros(2, 2)
    with pytest.warns(FutureWarning, match="`nn.init.constant` is now deprecated"):
        nn.init.constant(t, 3.0)
    near(t, [3, 3, 3, 3])
    for name in ("uniform normal eye dirac xavier_uniform xavier_normal kaiming_uniform").split():
        assert callable(getattr(nn.init, name)) and getattr(nn.init, name).__name__ == name
    with pytest.raises(ValueError, match="Unsupported nonlinearity cubic"):
        nn.init.calculate_gain("cubic")
    with pytest.warns(UserWarning, match="zero-element tensors is a no-op"):
        nn.Linear(0, 3)


def test_init_works_on_parameters():
    param = nn.Parameter(cnn.ones(3, 3))
    assert nn.init.eye_(param) is param and param.requires_grad
    near(param, [1, 0, 0, 0, 1, 0, 0, 0, 1])


# Utilities ----------------------------------------------------------------------------------------


def test_clip_grad_norm():
    param = nn.Parameter(cnn.zeros(2))
    param.grad = cnn.tensor([3.0, 4.0])
    assert float(nn.utils.clip_grad_norm_([param], 1.0)) == pytest.approx(5.0)
    near(param.grad, [0.6, 0.8])
    assert float(nn.utils.clip_grad_norm_(param, 10.0, norm_type=float("inf"))) == pytest.approx(
        0.8
    )
    near(param.grad, [0.6, 0.8])
    assert float(nn.utils.clip_grad_norm_([nn.Parameter(cnn.ones(1))], 1.0)) == 0.0
    param.grad = cnn.tensor([float("nan"), 1.0])
    with pytest.raises(RuntimeError, match="non-finite, so it cannot be clipped"):
        nn.utils.clip_grad_norm_([param], 1.0, error_if_nonfinite=True)
    with pytest.warns(UserWarning, match="empty generator"):
        nn.utils.clip_grad_norm_((p for p in ()), 1.0)


def test_clip_grad_value():
    param = nn.Parameter(cnn.zeros(3))
    param.grad = cnn.tensor([-3.0, 0.5, 4.0])
    nn.utils.clip_grad_value_([param], 1)
    near(param.grad, [-1, 0.5, 1])


def test_parameters_as_one_vector():
    layer = nn.Linear(2, 1)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert tuple(vector.shape) == (3,)
    nn.utils.vector_to_parameters(cnn.tensor([1.0, 2.0, 3.0]), layer.parameters())
    near(layer.weight, [1, 2])
    near(layer.bias, [3])
    with pytest.raises(TypeError, match="expected torch.Tensor, but got: list"):
        nn.utils.vector_to_parameters([1.0], layer.parameters())


def test_data_parallel_on_one_device():
    layer = nn.Linear(2, 1)
    wrapped = nn.DataParallel(layer)
    x = cnn.ones(3, 2)
    assert wrapped(x).tolist() == layer(x).tolist()
    assert nn.parallel.data_parallel(layer, x).tolist() == layer(x).tolist()
    assert list(wrapped.state_dict()) == ["module.weight", "module.bias"]


def test_factory_kwargs():
    assert nn.factory_kwargs(None) == {}
    assert nn.factory_kwargs({"device": "cpu", "factory_kwargs": {"dtype": 1}}) == {
        "device": "cpu",
        "dtype": 1,
    }
    with pytest.raises(TypeError, match="unexpected kwargs"):
        nn.factory_kwargs({"shape": 1})


# Paths and imports --------------------------------------------------------------------------------


def test_pytorchs_module_paths():
    from cnn.nn.modules import Linear, batchnorm
    from cnn.nn.modules.container import ModuleDict, ParameterList
    from cnn.nn.modules.loss import _WeightedLoss
    from cnn.nn.modules.utils import _pair

    assert Linear is nn.Linear and batchnorm.BatchNorm2d is nn.BatchNorm2d
    assert ModuleDict is nn.ModuleDict and ParameterList is nn.ParameterList
    assert issubclass(nn.NLLLoss, _WeightedLoss) and _pair(3) == (3, 3)
    assert issubclass(nn.BatchNorm2d, nn.modules.batchnorm._BatchNorm)
    assert issubclass(nn.Conv2d, nn.modules.conv._ConvNd)


def test_every_public_class_has_its_path():
    for name in nn.modules.__all__:
        value = getattr(nn, name)
        if isinstance(value, type):
            module = sys.modules[value.__module__]
            assert module.__name__.startswith("cnn.nn.modules."), name
            assert name in module.__all__ and getattr(module, name) is value, name
    assert nn.Linear.__module__ == "cnn.nn.modules.linear"


def test_sources_import_nothing_slow():
    """`import cnn` is fast because nothing heavy is imported before it is needed."""
    allowed = {"__future__", "collections", "itertools", "math", "operator", "sys", "types"}
    allowed |= {"warnings", "weakref"}
    code = (
        "import sys, cnn.nn; print(*[m.__file__ for n, m in sys.modules.items() if 'cnn.nn' in n])"
    )
    paths = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    for path in paths.stdout.split():
        for node in ast.parse(pathlib.Path(path).read_text()).body:
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            else:
                continue
            assert {name.partition(".")[0] for name in names} <= allowed, path


def test_no_warnings_in_ordinary_use():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = Net()
        net(cnn.ones(1, 1, 2, 2)).sum().backward()
        net.load_state_dict(net.state_dict())
        copy.deepcopy(net)
