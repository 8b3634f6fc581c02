"""Module: casting, copies, state dicts, lazy modules."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict

import pytest

import cnn
from cnn import nn
from nn_model import Net, near

# Changing everything at once ----------------------------------------------------------------------


def test_train_eval_apply_and_requires_grad():
    net = Net()
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert net.train() is net and all(m.training for m in net.modules())
    seen = []
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Conv2d", "ReLU", "Sequential", "Linear", "Net"]
    assert net.requires_grad_(False) is net and not any(p.requires_grad for p in net.parameters())


def test_casting_keeps_the_parameter_objects():
    net = Net()
    net.register_buffer("count", cnn.tensor(3))
    params = list(net.parameters())
    net(cnn.ones(1, 1, 2, 2)).sum().backward()
    assert net.double() is net
    assert all(a is b for a, b in zip(params, net.parameters()))
    assert {p.dtype for p in params} == {cnn.float64} and net.scale.dtype == cnn.float64
    assert net.count.dtype == cnn.int64
    assert params[0].grad.dtype == cnn.float64
    for method, dtype in (
        ("float", cnn.float32),
        ("half", cnn.float16),
        ("bfloat16", cnn.bfloat16),
    ):
        getattr(net, method)()
        assert {p.dtype for p in net.parameters()} == {dtype} and net.count.dtype == cnn.int64
    assert net.to("cpu", cnn.float32).head.weight.dtype == cnn.float32
    assert net.to(cnn.ones(1, dtype=cnn.float64)).head.weight.dtype == cnn.float64
    assert net.to(dtype=cnn.float32, device=cnn.device("cpu")).scale.dtype == cnn.float32
    assert net.cpu() is net
    with pytest.raises(TypeError, match="only accepts floating point"):
        net.to(cnn.int32)
    with pytest.raises(TypeError, match="invalid combination of arguments"):
        net.to(shape=3)


def test_zero_grad():
    layer = nn.Linear(2, 1)
    layer(cnn.ones(1, 2)).sum().backward()
    layer.zero_grad(set_to_none=False)
    near(layer.weight.grad, [0, 0])
    layer.zero_grad()
    assert layer.weight.grad is None


def test_meta_device_and_to_empty():
    layer = nn.Linear(3, 2, device="meta")
    assert layer.weight.is_meta and tuple(layer(cnn.ones(4, 3, device="meta")).shape) == (4, 2)
    with pytest.raises(NotImplementedError, match="to_empty"):
        layer.to("cpu")
    assert layer.to_empty(device="cpu") is layer
    assert not layer.weight.is_meta and isinstance(layer.weight, nn.Parameter)
    skipped = nn.utils.skip_init(nn.Linear, 3, 2)
    assert not skipped.weight.is_meta and tuple(skipped.weight.shape) == (2, 3)
    with pytest.raises(RuntimeError, match="must support a 'device' arg"):
        nn.utils.skip_init(nn.ReLU)


def test_copies_and_pickles():
    net = Net().eval()
    net.extra = {"note": [1, 2]}
    x = cnn.ones(2, 1, 2, 2)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert repr(other) == repr(net) and not other.training and other.extra == net.extra
        assert other(x).tolist() == net(x).tolist()
        assert not {id(p) for p in net.parameters()} & {id(p) for p in other.parameters()}


def test_old_pickles_get_the_tables_they_lack():
    module = nn.ReLU()
    state = dict(vars(module))
    del state["_forward_hooks_with_kwargs"], state["_backward_pre_hooks"]
    other = nn.ReLU.__new__(nn.ReLU)
    other.__setstate__(state)
    near(other(cnn.tensor([-1.0, 2.0])), [0, 2])


# State dicts --------------------------------------------------------------------------------------


def test_state_dict_shares_memory_and_has_versions():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    state = net.state_dict()
    assert isinstance(state, OrderedDict)
    assert dict(state._metadata) == {"": {"version": 1}, "0": {"version": 1}, "1": {"version": 2}}
    assert not state["0.weight"].requires_grad
    state["0.weight"].zero_()
    near(net[0].weight, [0, 0, 0, 0])
    assert net.state_dict(keep_vars=True)["0.weight"] is net[0].weight
    assert list(net.state_dict(prefix="m."))[0] == "m.0.weight"
    with pytest.warns(FutureWarning, match="Positional args are being deprecated"):
        assert list(net.state_dict(None, "m."))[0] == "m.0.weight"


def test_load_state_dict():
    a, b = Net(), Net()
    result = b.load_state_dict(a.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    x = cnn.ones(1, 1, 2, 2)
    assert a(x).tolist() == b(x).tolist()
    assert b.head.weight is not a.head.weight


def test_load_state_dict_reports_everything_at_once():
    state = Net().state_dict()
    del state["head.bias"]
    state["head.weight"] = cnn.ones(2, 2)
    state["other.weight"] = cnn.ones(1)
    net = Net()
    with pytest.raises(RuntimeError) as info:
        net.load_state_dict(state)
    assert str(info.value) == (
        "Error(s) in loading state_dict for Net:\n\t"
        'Missing key(s) in state_dict: "head.bias". \n\t'
        'Unexpected key(s) in state_dict: "other.weight". \n\t'
        "size mismatch for head.weight: copying a param with shape torch.Size([2, 2]) from "
        "checkpoint, the shape in current model is torch.Size([3, 8])."
    )
    del state["head.weight"]
    result = net.load_state_dict(state, strict=False)
    assert result.missing_keys == ["head.weight", "head.bias"]
    assert result.unexpected_keys == ["other.weight"]
    assert "missing_keys=['head.weight', 'head.bias']" in repr(result)
    with pytest.raises(TypeError, match="Expected state_dict to be dict-like, got <class 'list'>"):
        net.load_state_dict([])


def test_load_state_dict_assign():
    layer = nn.Linear(2, 2, device="meta")
    state = nn.Linear(2, 2).state_dict()
    with pytest.warns(UserWarning, match="which is a no-op"):
        layer.load_state_dict(state)
    layer.load_state_dict(state, assign=True)
    assert isinstance(layer.weight, nn.Parameter) and layer.weight.requires_grad
    assert layer.weight.tolist() == state["weight"].tolist()


def test_batch_norm_reads_its_first_version():
    state = nn.BatchNorm1d(2).state_dict()
    del state["num_batches_tracked"], state._metadata
    assert not nn.BatchNorm1d(2).load_state_dict(state).missing_keys


def test_extra_state():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.count = 0

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    a, b = nn.Sequential(Counting()), nn.Sequential(Counting())
    a[0].count = 5
    assert a.state_dict()["0._extra_state"] == {"count": 5}
    b.load_state_dict(a.state_dict())
    assert b[0].count == 5
    with pytest.raises(RuntimeError, match='Missing key.*"0._extra_state"'):
        b.load_state_dict({})
    with pytest.raises(RuntimeError, match='Unexpected key.*"0._extra_state"'):
        nn.Sequential(nn.ReLU()).load_state_dict(a.state_dict())


def test_state_dict_hooks():
    layer = nn.Linear(2, 2)
    calls = []

    def after(module, state, prefix, metadata):
        state["added"] = cnn.ones(1)

    def rename(module, state, prefix, metadata, strict, missing, unexpected, errors):
        state["weight"] = state.pop("kernel")
        state.pop("added")

    handles = [
        layer.register_state_dict_pre_hook(lambda m, prefix, keep: calls.append(prefix)),
        layer.register_state_dict_post_hook(after),
        layer.register_load_state_dict_pre_hook(rename),
        layer.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear()),
    ]
    state = layer.state_dict()
    assert calls == [""] and "added" in state
    state["kernel"] = state.pop("weight")
    del state["bias"]
    layer.load_state_dict(state)
    for handle in handles:
        handle.remove()
    assert list(layer.state_dict()) == ["weight", "bias"]
    layer._register_state_dict_hook(lambda m, state, prefix, meta: OrderedDict(other=1))
    assert list(layer.state_dict()) == ["other"]


# Lazy modules -------------------------------------------------------------------------------------


def test_lazy_linear():
    layer = nn.LazyLinear(3)
    assert repr(layer) == "LazyLinear(in_features=0, out_features=3, bias=True)"
    assert repr(layer.weight) == "<UninitializedParameter>"
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter"):
        _ = layer.weight.shape
    assert tuple(layer(cnn.ones(2, 5)).shape) == (2, 3)
    assert repr(layer) == "Linear(in_features=5, out_features=3, bias=True)"
    assert type(layer) is nn.Linear and type(layer.weight) is nn.Parameter
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_lazy_module_takes_its_shape_from_a_state_dict():
    source = nn.Linear(5, 3)
    layer = nn.LazyLinear(3)
    layer.load_state_dict(source.state_dict())
    x = cnn.ones(2, 5)
    assert layer(x).tolist() == source(x).tolist()
    assert type(layer) is nn.Linear


def test_lazy_modules_move_copy_and_pickle():
    layer = nn.LazyConv2d(4, 3).double()
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), layer):
        assert other.has_uninitialized_params()
        y = other.double()(cnn.ones(1, 2, 5, 5, dtype=cnn.float64))
        assert tuple(y.shape) == (1, 4, 3, 3) and type(other) is nn.Conv2d
        assert y.dtype == cnn.float64


def test_lazy_batch_norm():
    layer = nn.LazyBatchNorm2d()
    assert repr(layer).startswith("LazyBatchNorm2d(0, eps=1e-05")
    layer(cnn.ones(2, 3, 2, 2))
    assert repr(layer).startswith("BatchNorm2d(3, eps=1e-05")
    assert tuple(layer.running_mean.shape) == (3,) and int(layer.num_batches_tracked) == 1
