"""Objects whose Python code runs while they are read: they change what is being read, nest without
end, or are of the wrong type. An exception or a result, never a crash.
"""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

import cnn
from cnn import _C


class Clears:
    """An int, or a list of two numbers, that empties the list it stands in when it is read."""

    def __init__(self, owner, value=2):
        self.owner, self.value = owner, value

    def _act(self):
        self.owner.clear()
        self.owner.extend([7] * 1000)
        gc.collect()
        return [bytearray(56) for _ in range(200)]

    def __index__(self):
        self._act()
        return self.value

    def __float__(self):
        self._act()
        return float(self.value)


class ClearsByLength(Clears):
    def __len__(self):
        self._act()
        return 2

    def __getitem__(self, i):
        return [1.0, 2.0][i]


# Lists that change while they are read ------------------------------------------------------------


def test_data_whose_list_an_item_clears():
    for read in (cnn.tensor, cnn.as_tensor, cnn.Tensor, cnn.ones(1).new_tensor):
        for item, others in ((ClearsByLength, [3.0, 4.0]), (Clears, 3.0)):
            data = [others]
            data += [item(data), others] * 50
            try:
                assert read(data).tolist() == [7] * 1000  # what the list has become
            except (ValueError, TypeError):
                pass


@pytest.mark.parametrize(
    "call",
    [
        cnn.zeros,
        cnn.ones(4).view,
        cnn.ones(2, 2).sum,
        cnn.ones(1, 4).expand,
        cnn.ones(4).repeat,
        cnn.ones(4).new_zeros,
        lambda dims: cnn.roll(cnn.ones(4), dims, dims),
        lambda dims: cnn.ones(4).set_(cnn.ones(4).untyped_storage(), 0, dims, dims),
    ],
)
def test_sizes_are_those_that_the_list_held_when_it_was_given(call):
    for _ in range(20):
        dims = [2, 2]
        dims.insert(0, Clears(dims, 1))
        try:
            call(dims)
        except (TypeError, RuntimeError, IndexError):
            pass
    dims = [2, 2]
    dims.insert(0, Clears(dims, 1))
    assert cnn.zeros(dims).shape == (1, 2, 2)
    assert len(dims) == 1000


def test_a_metaclass_that_clears_the_list_of_tensors():
    tensors = []

    class Meta(type(cnn.Tensor)):
        def __getattribute__(cls, name):
            if name == "__torch_function__":
                tensors.clear()  # the last references
            return super().__getattribute__(name)

    class Own(cnn.Tensor, metaclass=Meta):
        pass

    for call in (cnn.cat, cnn.stack, lambda t: cnn.meshgrid(t, indexing="ij")):
        tensors[:] = [cnn.zeros(3).as_subclass(Own) for _ in range(100)]
        try:
            call(tensors)
        except (RuntimeError, TypeError, ValueError):
            pass


def test_indices_that_change_the_tensor():
    x = cnn.arange(24).view(2, 3, 4)

    class Reshapes:
        def __index__(self):
            x.resize_(24)
            return 1

    keys = [
        (slice(None, Reshapes()), 0, 0),
        (..., Reshapes(), 0, 0),
        (Reshapes(), slice(None), slice(None)),
        (slice(Reshapes(), None), slice(None), slice(None)),
        (slice(Reshapes(), None), None, ..., True),
    ]
    for key in keys:
        for act in (lambda key: x[key], lambda key: x.__setitem__(key, 1)):
            x = cnn.arange(24).view(2, 3, 4)
            try:
                act(key)
            except (IndexError, RuntimeError):
                pass


@pytest.mark.parametrize("step", [sys.maxsize, 2**80])
def test_slices_with_huge_bounds(step):
    x = cnn.arange(5)
    assert x[::step].tolist() == [0]
    assert x[-step:step:step].tolist() == [0]
    assert x[step:].tolist() == []
    with pytest.raises(ValueError, match="step must be greater than zero"):
        x[::-step]


# __torch_function__ -------------------------------------------------------------------------------


class Plain(cnn.Tensor):
    pass


def test_cyclic_results_end_in_a_recursion_error():
    cycle = []
    cycle.append(cycle)
    with pytest.raises(RecursionError):
        Plain.__torch_function__(lambda: cycle, (), (), {})
    nested = cnn.ones(1)
    for _ in range(100_000):
        nested = (nested,)
    with pytest.raises(RecursionError):
        Plain.__torch_function__(lambda: nested, (), (), {})
    while type(nested) is tuple:  # from the outside in: not to nest its end either
        (nested,) = nested


def test_arguments_of_torch_function_are_taken_as_python_takes_them():
    call = Plain.__torch_function__
    with pytest.raises(TypeError):
        call(len, (), 5, {})
    for wrong in (5, [], "keys", [("a", 1)]):
        with pytest.raises(TypeError, match="must be a mapping"):
            call(cnn.add, (Plain,), (cnn.ones(1), 2), wrong)
    for args in ((cnn.ones(1), 2), [cnn.ones(1), 2], iter([cnn.ones(1), 2])):
        result = call(cnn.add, (Plain,), args, {})
        assert type(result) is Plain and result.item() == 3
    assert call(cnn.add, [Plain], (cnn.ones(1), 2), None).item() == 3
    with pytest.raises(TypeError):
        call(cnn.add, 5, (cnn.ones(1), 2), {})
    with pytest.raises(TypeError):
        call(5, (), (), {})
    assert _C._disabled_torch_function_impl(cnn.add, (), [cnn.ones(1), 2], {}).item() == 3


def test_results_in_a_list_that_as_subclass_clears():
    results = [cnn.ones(1) for _ in range(50)]

    class Own(cnn.Tensor):
        pass

    class Clearing(cnn.Tensor):
        def as_subclass(self, cls):
            results.clear()
            gc.collect()
            return self

    results.insert(1, cnn.ones(1).as_subclass(Clearing))
    Own.__torch_function__(lambda: results, (), (), {})
    assert results == []


def test_only_attribute_errors_mean_that_there_is_no_torch_function():
    class Meta(type):
        def __getattr__(cls, name):
            raise KeyboardInterrupt

    class Odd(metaclass=Meta):
        pass

    with pytest.raises(KeyboardInterrupt):
        cnn.add(cnn.ones(1), Odd())


def test_a_deleted_slot_of_tensor_is_an_attribute_error():
    code = """if True:
        import cnn
        class Own(cnn.Tensor): pass
        x = cnn.ones(2).as_subclass(Own)
        getitem, grad = cnn.Tensor.__getitem__, cnn.Tensor.grad
        del cnn.Tensor.__getitem__, cnn.Tensor.grad
        for act in (lambda: getitem(x, 0), lambda: grad.__get__(x)):
            try: act()
            except AttributeError: pass
            else: raise SystemExit("there is still something")
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# Nesting ------------------------------------------------------------------------------------------


def test_a_hundred_thousand_dimensions():
    x = cnn.ones([1] * 100_000)
    assert x.dim() == 100_000
    for act in (x.tolist, lambda: repr(x), lambda: str(x), lambda: f"{x}", x.numpy):
        with pytest.raises((RecursionError, ValueError, RuntimeError)):
            act()
    assert x.sum().item() == 1 and (x + 1).sum().item() == 2
    assert x.reshape(1).item() == 1


def test_deeply_nested_data_is_refused():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    for call in (cnn.tensor, cnn.as_tensor, cnn.Tensor, cnn.ones(3).__getitem__):
        with pytest.raises((ValueError, RecursionError, TypeError, IndexError)):
            call(nested)
    cycle = []
    cycle.append(cycle)
    with pytest.raises((ValueError, TypeError)):
        cnn.tensor(cycle)


# Objects that say they are something else ---------------------------------------------------------


def test_a_context_class_that_makes_no_context():
    class Doubled(cnn.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    for wrong in (int, 5, type("Other", (), {})):
        Doubled._backward_cls = wrong
        with pytest.raises(TypeError, match="_backward_cls"):
            Doubled.apply(cnn.ones(1, requires_grad=True))


def test_setup_context_of_a_mixin_is_found():
    class Mixin:
        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.factor = 3

    class Tripled(Mixin, cnn.autograd.Function):
        @staticmethod
        def forward(x):
            return x * 3

        @staticmethod
        def backward(ctx, g):
            return g * ctx.factor

    x = cnn.ones(1, requires_grad=True)
    Tripled.apply(x).backward()
    assert x.grad.item() == 3


def test_an_unpack_hook_that_lets_go_of_the_graph():
    x = cnn.ones(3, requires_grad=True)
    unpacked = []

    class Doubled(cnn.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, x, x)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    def unpack(t):
        if not unpacked:
            unpacked.append(True)
            y.sum().backward()
        return t

    with cnn.autograd.graph.saved_tensors_hooks(lambda t: t, unpack):
        y = Doubled.apply(x)
    saved = y.grad_fn.saved_tensors
    assert len(saved) == 3 and all(cnn.equal(t, x) for t in saved)
    with pytest.raises(RuntimeError):
        y.grad_fn.saved_tensors


def test_hooks_that_register_hooks_when_they_go():
    x = cnn.ones(1, requires_grad=True)

    class Registers:
        def __call__(self, grad):
            return grad

        def __del__(self):
            for _ in range(100):
                x.register_hook(lambda g: g * 2)

    for _ in range(5):
        x.register_hook(Registers())
    x._backward_hooks = None
    gc.collect()
    x._backward_hooks = {}
    assert x._backward_hooks is None
    (x * 1).backward()
    assert x.grad.item() == 1


def test_a_dictionary_of_hooks_that_changes_while_it_is_read():
    x = cnn.ones(1, requires_grad=True)
    hooks = {0: lambda g: g * 2}

    class Values(dict):
        def values(self):
            return [lambda g: g * 3] * 3

    x._backward_hooks = hooks
    x._backward_hooks = Values()
    (x * 1).backward()
    assert x.grad.item() == 27


def test_modules_whose_dictionaries_run_code():
    class Net(cnn.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = cnn.nn.Parameter(cnn.ones(2))

        def forward(self, x):
            return x * self.weight

    net = Net()

    class Key(str):
        def __hash__(self):
            return str.__hash__(self)

        def __eq__(self, other):
            net.__dict__.clear()
            gc.collect()
            return False

    for name in ("weight", "forward", "_parameters", "_forward_hooks", "other"):
        net = Net()
        net.__dict__[Key(name)] = 1
        for act in (lambda: net.weight, lambda: net(cnn.ones(2)), lambda: net.other):
            try:
                act()
            except (AttributeError, KeyError, TypeError):
                pass
    net = Net()
    net.__dict__["_parameters"] = 5
    with pytest.raises((AttributeError, TypeError)):
        net.weight


def test_names_of_results_that_are_no_names():
    code = """if True:
        import cnn
        result = cnn.ones(2, 2).max(0)
        for wrong in (5, (), ("a",), ("a", "b", "c"), (1, 2)):
            type(result).__match_args__ = wrong
            try: repr(result)
            except TypeError: pass
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    "make",
    [
        lambda: type((cnn.ones(1, requires_grad=True) * 2).grad_fn)(),
        lambda: object.__new__(type((cnn.ones(1, requires_grad=True) * 2).grad_fn)),
        lambda: object.__new__(cnn.dtype),
        lambda: cnn.dtype(),
        lambda: object.__new__(cnn.device),
        lambda: object.__new__(cnn.Tensor),
        lambda: object.__new__(cnn.Generator),
        lambda: object.__new__(cnn.UntypedStorage),
        lambda: _C.RemovableHandle(),
        lambda: _C.Node(),
        lambda: type("N", (_C.Node,), {})(),
    ],
)
def test_objects_cannot_be_made_half(make):
    with pytest.raises(TypeError):
        make()


def test_states_of_the_wrong_kind():
    g = cnn.Generator()
    for wrong in (None, 5, b"x", cnn.ones(3), cnn.zeros(3, dtype=cnn.uint8)):
        with pytest.raises((TypeError, RuntimeError, ValueError)):
            g.__setstate__(wrong)
    with pytest.raises(TypeError):
        cnn.Tensor(device=object(), data=[1.0])


# Subinterpreters ----------------------------------------------------------------------------------


def test_import_in_a_subinterpreter_is_an_import_error():
    code = """if True:
        import sys
        try: import _interpreters as s
        except ImportError: import _xxsubinterpreters as s
        run = getattr(s, "exec", None) or s.run_string
        text = '''
        try:
            import cnn
        except ImportError as error:
            assert "main interpreter" in str(error) or "subinterpreter" in str(error), error
        else:
            raise SystemExit("imported")
        '''
        import textwrap
        text = textwrap.dedent(text)
        before = bool(int(sys.argv[1]))
        if before: import cnn
        for _ in range(2):
            failed = run(s.create(), text)
            assert failed is None, failed
        import cnn
        assert cnn.ones(2).sum().item() == 2
    """
    for before in "01":
        subprocess.run([sys.executable, "-c", code, before], check=True, timeout=60)


# Operands that no signature tells apart -----------------------------------------------------------


def test_scale_factors_lie_on_the_cpu():
    x = cnn.zeros(1, 1, 3)
    for wrong in (
        cnn.zeros((), device="meta", dtype=cnn.float64),
        cnn.zeros(1, device="meta", dtype=cnn.float64),
        cnn.zeros(1, dtype=cnn.float32),
    ):
        with pytest.raises(RuntimeError, match="float64 tensor on the CPU"):
            _C.upsample_nearest1d(x, [2], wrong)


def test_a_hook_that_changes_the_kind_of_a_gradient_is_named():
    def doubles(grad):
        return grad.double()

    class Wider:
        def __call__(self, grad):
            return grad.expand(2)

    for hook, words in (
        (doubles, r"hook 'doubles' has changed the type of value \(was torch.FloatTensor got"),
        (Wider(), "^hook has changed the size of value"),
    ):
        x = cnn.ones(1, requires_grad=True)
        x.register_hook(hook)
        with pytest.raises(RuntimeError, match=words):
            (x * 2).sum().backward()
