"""Function modes, `__torch_function__` of functions written in Python, and the default device."""

import inspect
import pickle
import threading

import pytest

import cnn
from cnn import nn, overrides
from cnn.nn import functional as F
from cnn.overrides import TorchFunctionMode


class Noted(TorchFunctionMode):
    """Calls everything as it is, and keeps the names."""

    def __init__(self):
        self.names = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.names.append(overrides.resolve_name(func) or func.__name__)
        return func(*args, **(kwargs or {}))


def names_of(function, *args):
    with Noted() as mode:
        function(*args)
    assert overrides._len_torch_function_stack() == 0
    return mode.names


@pytest.mark.parametrize(
    "function, names",
    [
        (lambda x: x + 1, ["torch.Tensor.add"]),
        (lambda x: 1 + x, ["torch.Tensor.add"]),
        (lambda x: x * x, ["torch.Tensor.mul"]),
        (lambda x: x @ x, ["torch.Tensor.matmul"]),
        (lambda x: -x, ["torch.Tensor.neg"]),
        (lambda x: x[0], ["torch.Tensor.__getitem__"]),
        (lambda x: x.__setitem__(0, 1), ["torch.Tensor.__setitem__"]),
        (lambda x: bool(x[0] > 0), ["torch.Tensor.__getitem__", "torch.Tensor.gt", "torch.Tensor.__bool__"]),
        (lambda x: float(x.sum()), ["torch.Tensor.sum", "torch.Tensor.__float__"]),
        (lambda x: 1 in x, ["torch.Tensor.__contains__"]),
        (lambda x: x.shape, ["torch.Tensor.shape.__get__"]),
        (lambda x: x.add_(1), ["torch.Tensor.add_"]),
        (lambda x: x.numpy(), ["torch.Tensor.numpy"]),
        (lambda x: repr(x), ["torch.Tensor.__repr__"]),
        (lambda x: cnn.ones(2), ["torch.ones"]),
        (lambda x: cnn.tensor([1.0]), ["torch.tensor"]),
        (lambda x: cnn.stack([x, x]), ["torch.stack"]),
        (lambda x: cnn.einsum("i->", x), ["torch.functional.einsum"]),
        (lambda x: F.linear(cnn.eye(2), cnn.eye(2)), ["torch.eye", "torch.eye", "torch.nn.functional.linear"]),
        (lambda x: F.mse_loss(x, x), ["torch.nn.functional.mse_loss"]),
    ],
)  # fmt: skip
def test_every_way_into_an_op_asks_the_mode(function, names):
    assert names_of(function, cnn.ones(2)) == names


def test_functions_called_inside_a_function_are_not_asked_about_twice():
    assert names_of(F.relu, cnn.ones(2)) == ["torch.nn.functional.relu"]


def test_backward_and_grad_ask():
    x = cnn.ones(2, requires_grad=True)
    y = (x * 2).sum()
    assert names_of(lambda: cnn.autograd.grad(y, x, retain_graph=True)) == ["grad"]
    assert names_of(y.backward) == ["torch.Tensor.backward"]
    assert x.grad.tolist() == [2, 2]


class Doubling(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        return result * 2 if isinstance(result, cnn.Tensor) else result


def test_modes_nest():
    with Doubling(), Doubling():
        # The inner one's product goes to the outer one, too.
        assert cnn.ones(1).item() == 8
    with Doubling():
        x = cnn.full((1,), 3.0)
    assert x.item() == 6


def test_a_mode_is_off_while_it_runs_and_when_it_is_left_by_an_exception():
    class Raising(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            raise KeyError("no")

    x = cnn.ones(1)
    with Raising():
        for _ in range(2):
            with pytest.raises(KeyError, match="no"):
                x + 1
    assert (x + 1).item() == 2
    with pytest.raises(ZeroDivisionError), Doubling():
        1 / 0
    assert (x + 1).item() == 2


def test_a_mode_may_be_entered_again():
    mode = Noted()
    with mode, mode:
        cnn.ones(1)
    assert mode.names == ["torch.ones", "torch.ones"]


def test_what_no_mode_and_no_class_answers():
    class Silent(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return NotImplemented

    with (
        Silent(),
        pytest.raises(TypeError, match=r"Multiple dispatch failed for 'torch.ones'(.|\n)*Silent"),
    ):
        cnn.ones(1)


def test_a_mode_belongs_to_its_thread():
    seen = []
    with Noted() as mode:
        thread = threading.Thread(target=lambda: seen.append(cnn.ones(2)))
        thread.start()
        thread.join()
    assert mode.names == [] and len(seen) == 1


def test_a_mode_outlives_grad_modes_and_they_it():
    with cnn.no_grad():
        mode = Noted()
        mode.__enter__()
    assert cnn.is_grad_enabled()
    cnn.ones(1)
    mode.__exit__(None, None, None)
    assert mode.names == ["torch.ones"]
    cnn.ones(1)
    assert mode.names == ["torch.ones"]


def test_disabling():
    with Noted() as mode:
        with cnn._C.DisableTorchFunction():
            cnn.ones(1)
        with cnn._C.DisableTorchFunctionSubclass():
            cnn.zeros(1)
    assert mode.names == ["torch.zeros"]


def test_no_mode_to_take_away():
    with pytest.raises(RuntimeError, match="no function mode"):
        overrides._pop_mode()


# Classes ------------------------------------------------------------------------------------------


class Named:
    """No tensor, but it answers for functions."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func.__name__, [t.__name__ for t in types]


@pytest.mark.parametrize("name", ["relu", "mse_loss", "interpolate", "linear", "cross_entropy"])
def test_functions_of_nn_ask_their_arguments(name):
    x = Named()
    assert getattr(F, name)(x, x) == (name, ["Named"])


def test_functions_of_python_ask_their_arguments():
    assert cnn.kron(cnn.ones(1), Named()) == ("kron", ["Named"])
    assert cnn.atleast_1d(Named()) == ("atleast_1d", ["Named"])
    assert nn.init.normal_(Named()) == ("normal_", ["Named"])
    assert cnn.autograd.grad([Named()], [cnn.ones(1)]) == ("grad", ["Named"])


def test_they_stay_functions_to_python():
    assert F.relu.__name__ == F.relu.__qualname__ == "relu"
    assert F.relu.__module__ == "cnn.nn.functional"
    assert F.relu.__doc__ == F.relu.__wrapped__.__doc__
    assert list(inspect.signature(F.relu).parameters) == ["input", "inplace"]
    assert "def relu" in inspect.getsource(F.relu)
    assert pickle.loads(pickle.dumps(F.relu)) is F.relu
    assert inspect.isroutine(F.relu) and callable(F.relu)
    with pytest.raises(TypeError, match="unexpected keyword"):
        F.relu(cnn.ones(1), nothing=1)


def test_questions():
    x = cnn.ones(1)
    assert not overrides.has_torch_function((x, nn.Parameter(x), 1))
    assert overrides.has_torch_function((x, Named()))
    assert overrides.has_torch_function_unary(Named()) and overrides.has_torch_function_variadic(
        x, Named()
    )
    assert (
        overrides.is_tensor_like(x)
        and overrides.is_tensor_like(Named())
        and not overrides.is_tensor_like(1)
    )
    assert not cnn.is_tensor(Named())  # asks of the type, and nobody
    assert overrides.is_tensor_method_or_property(cnn.Tensor.add)
    assert overrides.is_tensor_method_or_property(cnn.Tensor.shape.__get__)
    assert not overrides.is_tensor_method_or_property(cnn.add)


def test_handling_by_hand():
    def mine(x):
        if overrides.has_torch_function((x,)):
            return overrides.handle_torch_function(mine, (x,), x)
        return "own"

    assert mine(cnn.ones(1)) == "own" and mine(Named()) == ("mine", ["Named"])
    wrapped = overrides.wrap_torch_function(lambda x: (x,))(lambda x: "own")
    assert wrapped(1) == "own" and wrapped(Named())[1] == ["Named"]


def test_lists_of_functions():
    overridable = overrides.get_overridable_functions()
    assert (
        cnn.add in overridable[cnn]
        and F.relu in overridable[F]
        and cnn.Tensor.add in overridable[cnn.Tensor]
    )
    assert cnn.Tensor.shape.__get__ in overridable[cnn.Tensor.shape]
    stands = overrides.get_testing_overrides()
    assert all(function in stands for functions in overridable.values() for function in functions)
    assert stands[F.relu](1) == -1 and list(inspect.signature(stands[F.relu]).parameters) == [
        "input",
        "inplace",
    ]
    assert cnn.manual_seed in overrides.get_ignored_functions()


# The default device -------------------------------------------------------------------------------


FACTORIES = [
    lambda: cnn.ones(2),
    lambda: cnn.empty(2),
    lambda: cnn.rand(2),
    lambda: cnn.arange(3),
    lambda: cnn.randperm(3),
    lambda: cnn.eye(2),
    lambda: cnn.full((2,), 1),
    lambda: cnn.tensor([1.0]),
    lambda: cnn.as_tensor([1.0]),
    lambda: cnn.linspace(0, 1, 3),
    lambda: cnn.tril_indices(2, 2),
    lambda: nn.Linear(2, 2).weight,
    lambda: nn.BatchNorm2d(2).running_mean,
]


@pytest.mark.parametrize("make", FACTORIES)
def test_a_device_as_a_context(make):
    with cnn.device("meta") as device:
        assert device == cnn.device("meta")
        assert make().device.type == "meta"
        with cnn.device("cpu"):
            assert make().device.type == "cpu"
        assert make().device.type == "meta"
    assert make().device.type == "cpu"


@pytest.mark.parametrize("make", FACTORIES)
def test_the_default_device(make):
    cnn.set_default_device("meta")
    try:
        assert cnn.get_default_device() == cnn.device("meta") and make().device.type == "meta"
        with cnn.device("cpu"):
            assert make().device.type == "cpu"
    finally:
        cnn.set_default_device(None)
    assert cnn.get_default_device() == cnn.device("cpu") and make().device.type == "cpu"


def test_what_a_default_device_leaves_alone():
    x = cnn.ones(2)
    with cnn.device("meta"):
        assert cnn.ones(2, device="cpu").device.type == "cpu"
        assert cnn.ones_like(x).device.type == "cpu" and x.new_zeros(2).device.type == "cpu"
        assert cnn.from_numpy(x.numpy()).device.type == "cpu"
        assert (x + 1).device.type == "cpu"


def test_a_default_device_for_a_function():
    @cnn.device("meta")
    def make():
        return cnn.ones(2)

    assert make().is_meta and not cnn.ones(2).is_meta


def test_a_default_device_belongs_to_its_thread():
    seen = []
    with cnn.device("meta"):
        thread = threading.Thread(target=lambda: seen.append(cnn.ones(2).device.type))
        thread.start()
        thread.join()
    assert seen == ["cpu"]


@pytest.mark.skipif(cnn.cuda.is_available(), reason="there is a GPU here")
def test_a_default_device_that_cannot_be_used_raises_where_it_is():
    with cnn.device("cuda"), pytest.raises(RuntimeError, match="(?i)cuda"):
        cnn.ones(2)
    with pytest.raises(RuntimeError, match="nowhere"):
        cnn.set_default_device("nowhere")
