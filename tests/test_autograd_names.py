"""Names of autograd, its hooks and its checkpoints that other packages import."""

import warnings
from collections import namedtuple

import pytest

import cnn
from cnn.autograd import function, graph
from cnn.utils import checkpoint, hooks


def test_saved_tensors_may_change():
    a = cnn.ones(3, requires_grad=True)
    with graph.allow_mutation_on_saved_tensors():
        b = a.clone()
        out = (b**2).sum()
        b.sin_()
        out.sum().backward()
    assert a.grad.tolist() == [2.0, 2.0, 2.0]


def test_their_values_last_as_long_as_the_context():
    a = cnn.ones(3, requires_grad=True)
    with graph.allow_mutation_on_saved_tensors() as context:
        cleared = (a * a).sum()
        context.clear()
        with pytest.raises(AssertionError, match="outside of the"):
            cleared.backward()
        out = (a * a).sum()
        with pytest.raises(RuntimeError, match="cannot be nested"):
            with graph.allow_mutation_on_saved_tensors():
                pass
    with pytest.raises(AssertionError, match="outside of the"):
        out.backward()


@pytest.mark.parametrize("shape", [(), (3,), (2, 0)])
def test_increment_version(shape):
    x, y = cnn.ones(shape), cnn.ones(2, requires_grad=True)
    before = x.tolist()
    graph.increment_version([x, y])
    graph.increment_version(x)
    assert (x._version, y._version, x.tolist()) == (2, 1, before)
    z = (y * y).sum()
    graph.increment_version(y)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


@pytest.mark.parametrize(
    "switch, state",
    [
        (cnn.autograd.set_multithreading_enabled, cnn.autograd.is_multithreading_enabled),
        (cnn.autograd._force_original_view_tracking, cnn.autograd.is_view_replay_enabled),
    ],
)
def test_switches_of_a_thread(switch, state):
    former = state()
    with switch(not former):
        assert state() is not former
    assert state() is former

    @switch(not former)
    def inside():
        return state()

    assert inside() is not former and state() is former


def test_inference_mode_in_two_calls():
    entered = cnn.autograd.grad_mode._enter_inference_mode(True)
    assert cnn.is_inference_mode_enabled()
    cnn.autograd.grad_mode._exit_inference_mode(entered)
    assert not cnn.is_inference_mode_enabled()


def test_walks_through_nested_tensors():
    pair = namedtuple("pair", "left right")
    a, b, c = (cnn.tensor(float(i), requires_grad=True) for i in range(3))
    nested = [a, pair(b, None), (c,)]
    assert list(function._iter_tensors(nested)) == [a, b, c]
    assert list(function._iter_tensors_permissive([a, "text"])) == [a, "text"]
    mapped = function._map_tensor_data(nested)
    assert type(mapped[1]) is pair and mapped[1].right is None
    assert not mapped[2][0].requires_grad
    assert function._unflatten([1, 2, 3], nested) == [1, pair(2, None), (3,)]
    with pytest.raises(ValueError, match="Auto nesting"):
        list(function._iter_tensors([a, 5]))


def test_a_function_is_its_context():
    class Double(cnn.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            assert isinstance(ctx, function.FunctionCtx)
            assert isinstance(ctx, function.BackwardCFunction)
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    x = cnn.ones(1, requires_grad=True)
    Double.apply(x).backward()
    assert x.grad.item() == 2


def test_a_hook_that_is_not_saved_is_warned_of():
    x = cnn.ones(1, requires_grad=True)
    x.register_hook(hooks.unserializable_hook(lambda grad: None))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hooks.warn_if_has_hooks(x)
    x.register_hook(lambda grad: None)
    with pytest.warns(UserWarning, match="will not be serialized"):
        hooks.warn_if_has_hooks(x)


def test_hooks_of_a_module_by_hand():
    seen = []
    hook = hooks.BackwardHook(
        None, [lambda m, gi, go: seen.append((gi[0].item(), go[0].item()))], []
    )
    x = cnn.tensor(3.0, requires_grad=True)
    (inside,) = hook.setup_input_hook((x,))
    hook.setup_output_hook(inside * inside).backward()
    assert seen == [(6.0, 1.0)] and x.grad.item() == 6.0


def test_parts_of_a_checkpoint():
    x = cnn.ones(2, requires_grad=True)
    y = x * 2
    detached, number = checkpoint.detach_variable((y, 5))
    assert number == 5 and detached.is_leaf and detached.requires_grad
    with pytest.raises(RuntimeError, match="Only tuple of tensors"):
        checkpoint.detach_variable([y])
    with pytest.warns(UserWarning, match="None of the inputs"):
        checkpoint.check_backward_validity([cnn.ones(1)])
    assert checkpoint.get_device_states(x, {"a": [y]}) == ([], [])
    checkpoint.set_device_states([], [])
    checkpoint.CheckpointFunction.apply(lambda t: t * t, True, x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_debug_for_all_checkpoints_inside():
    x = cnn.ones(1, requires_grad=True)
    with checkpoint.set_checkpoint_debug_enabled(True):
        with pytest.raises(NotImplementedError, match="debug=True"):
            checkpoint.checkpoint(cnn.sin, x, use_reentrant=False)
        with checkpoint.set_checkpoint_debug_enabled(False):
            checkpoint.checkpoint(cnn.sin, x, use_reentrant=False, debug=True)
    checkpoint.checkpoint(cnn.sin, x, use_reentrant=False)


def test_the_type_of_devices_that_counts():
    kind = checkpoint.DefaultDeviceType
    former = kind.get_device_type()
    kind.set_device_type("cuda")
    assert kind.get_device_type() == "cuda"
    kind.set_device_type(former)


def test_a_hook_for_several_gradients():
    x, y, z = (cnn.tensor([v], requires_grad=True) for v in (1.0, 2.0, 3.0))
    inner = x * y
    seen = []
    handle = graph.register_multi_grad_hook((x, inner, z), lambda grads: seen.append(grads))
    (inner * 3).sum().backward(retain_graph=True)  # z takes no part
    assert [g if g is None else g.item() for g in seen.pop()] == [6.0, 3.0, None] and not seen
    (inner * z).sum().backward()
    assert [g.item() for g in seen.pop()] == [6.0, 3.0, 2.0] and not seen
    cnn.autograd.grad((x * 2 + z).sum(), z)  # of x nobody asks
    assert [g if g is None else g.item() for g in seen.pop()] == [None, None, 1.0]
    handle.remove()
    (x * z).sum().backward()
    assert not seen


def test_a_hook_for_the_first_of_several_gradients():
    x, y = cnn.ones(1, requires_grad=True), cnn.ones(1, requires_grad=True)
    seen = []
    with graph.register_multi_grad_hook((x, y, cnn.ones(1)), seen.append, mode="any"):
        for _ in range(2):
            (x * 2 + y * 3).sum().backward()
        assert len(seen) == 2
    (x + y).sum().backward()
    assert len(seen) == 2
    with pytest.raises(ValueError, match="Expects mode to be one of"):
        graph.register_multi_grad_hook((x,), seen.append, mode="some")
