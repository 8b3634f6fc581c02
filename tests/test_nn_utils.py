"""nn.utils: normalized, parametrized, pruned and folded weights, calls without state."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

import cnn
from cnn import nn
from cnn.nn.utils import _matrices, parametrizations, parametrize, prune, stateless
from cnn.nn.utils._deprecation_utils import lazy_deprecated_import

deprecated = pytest.mark.filterwarnings("ignore:.*deprecated.*:FutureWarning")


def array(tensor):
    return np.array(tensor.detach().tolist())


def near(tensor, expected, tolerance=1e-5):
    np.testing.assert_allclose(array(tensor), expected, rtol=tolerance, atol=tolerance)


def normal(*shape, dtype=cnn.float64):
    return cnn.tensor(
        np.random.default_rng(sum(shape)).standard_normal(shape).tolist(), dtype=dtype
    )


# Weight norm --------------------------------------------------------------------------------------


@deprecated
def test_weight_norm_is_length_times_direction():
    layer = nn.Linear(3, 4)
    weight = array(layer.weight)
    nn.utils.weight_norm(layer)
    lengths = np.linalg.norm(weight, axis=1, keepdims=True)
    near(layer.weight_g, lengths)
    near(layer.weight, weight)
    with cnn.no_grad():
        layer.weight_v.mul_(7)
        layer.weight_g.mul_(2)
    layer(cnn.ones(1, 3))
    near(layer.weight, 2 * weight)
    assert list(layer.state_dict()) == ["bias", "weight_g", "weight_v"]
    nn.utils.remove_weight_norm(layer)
    near(layer.weight, 2 * weight)
    assert isinstance(layer.weight, nn.Parameter) and not layer._forward_pre_hooks


@deprecated
def test_weight_norm_of_the_whole():
    layer = nn.utils.weight_norm(nn.Linear(3, 4), dim=None)
    assert layer.weight_g.shape == ()
    near(layer.weight_g, np.linalg.norm(array(layer.weight_v)))


def test_old_weight_norm_warns():
    with pytest.warns(FutureWarning, match="parametrizations.weight_norm"):
        nn.utils.weight_norm(nn.Linear(3, 4))


# Spectral norm ------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [nn.utils.spectral_norm, parametrizations.spectral_norm])
def test_spectral_norm_divides_by_the_largest_singular_value(norm):
    cnn.manual_seed(0)
    layer = nn.Conv2d(3, 4, 2)
    sigma = np.linalg.svd(array(layer.weight).reshape(4, 12), compute_uv=False)[0]
    weight = array(layer.weight)
    norm(layer)
    for _ in range(60):
        layer(cnn.ones(1, 3, 2, 2))
    near(layer.weight, weight / sigma)
    frozen = array(layer.eval().weight)
    layer(cnn.ones(1, 3, 2, 2))
    near(layer.weight, frozen, 0)


def test_the_state_of_spectral_norm_is_of_version_1():
    layer = nn.utils.spectral_norm(nn.Linear(3, 4))
    state = layer.state_dict()
    assert list(state) == ["bias", "weight_orig", "weight_u", "weight_v"]
    assert state._metadata[""]["spectral_norm"] == {"weight.version": 1}


def test_spectral_norm_finds_v_for_the_state_before_version_1():
    layer = nn.utils.spectral_norm(nn.Linear(3, 4))
    for _ in range(60):
        layer(cnn.ones(1, 3))
    state = dict(layer.state_dict(), weight=layer.weight.detach())
    v = array(state.pop("weight_v"))
    other = nn.utils.spectral_norm(nn.Linear(3, 4))
    other.load_state_dict(state)
    near(other.weight_v, v, 1e-3)
    near(other.eval()(cnn.ones(1, 3)), array(layer.eval()(cnn.ones(1, 3))))


def test_without_spectral_norm_an_ordinary_state_loads():
    layer = nn.utils.remove_spectral_norm(nn.utils.spectral_norm(nn.Linear(3, 4)))
    layer.load_state_dict(nn.Linear(3, 4).state_dict())
    assert not layer._load_state_dict_pre_hooks and not layer._state_dict_hooks


def test_two_forwards_before_a_backward():
    """The power method changes its vectors in place, but not those of the graph."""
    for norm in (nn.utils.spectral_norm, parametrizations.spectral_norm):
        layer = norm(nn.Linear(3, 4))
        (layer(cnn.ones(1, 3)) + layer(cnn.ones(1, 3))).sum().backward()


# Parametrizations ---------------------------------------------------------------------------------


class Symmetric(nn.Module):
    def forward(self, X):
        return X.triu() + X.triu(1).mT

    def right_inverse(self, A):
        return A.triu()


class Counting(nn.Module):
    calls = 0

    def forward(self, X):
        type(self).calls += 1
        return X + 1


def test_a_parametrized_weight_is_computed_from_its_original():
    layer = nn.Linear(3, 3)
    weight = layer.weight
    before = np.triu(array(weight))
    parametrize.register_parametrization(layer, "weight", Symmetric())
    assert layer.parametrizations.weight.original is weight
    near(layer.weight, before + np.triu(before, 1).T)
    layer.weight = cnn.ones(3, 3)
    near(weight, np.triu(np.ones((3, 3))))
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear and layer.weight is weight
    near(weight, np.ones((3, 3)))


def test_cached_computes_once():
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Counting())
    Counting.calls = 0
    with parametrize.cached():
        with parametrize.cached():
            layer(cnn.ones(1, 2))
        assert layer.weight is layer.weight
        assert copy.deepcopy(layer).weight is not layer.weight
    assert Counting.calls == 2
    assert layer.weight is not layer.weight


def test_parametrized_modules_are_copied_but_not_pickled():
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Counting())
    replica = copy.deepcopy(layer)
    near(replica.weight, array(layer.weight))
    original = replica.parametrizations.weight.original
    assert original is not layer.parametrizations.weight.original
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(layer)


def test_state_of_the_old_weight_norm_loads():
    with pytest.warns(FutureWarning):
        old = nn.utils.weight_norm(nn.Linear(3, 4))
    new = parametrizations.weight_norm(nn.Linear(3, 4))
    new.load_state_dict(old.state_dict())
    near(new.weight, array(old.weight))


@pytest.mark.parametrize("name", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (3, 6), (2, 5, 3), (40, 40)])
@pytest.mark.parametrize("trivial", [True, False])
def test_orthogonal_matrices_stay_so(name, shape, trivial):
    cnn.manual_seed(1)
    module = nn.Module()
    module.w = nn.Parameter(cnn.randn(shape, dtype=cnn.float64))
    parametrizations.orthogonal(module, "w", name, use_trivialization=trivial)
    optimizer = cnn.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(3):
        (module.w * normal(*shape)).sum().backward()
        optimizer.step()
        w = array(module.w)
        w = w if shape[-2] >= shape[-1] else w.swapaxes(-1, -2)
        near(
            cnn.tensor(w.swapaxes(-1, -2) @ w),
            np.broadcast_to(np.eye(w.shape[-1]), (*w.shape[:-2], w.shape[-1], w.shape[-1])),
            1e-10,
        )


@pytest.mark.parametrize("name", ["matrix_exp", "cayley", "householder"])
def test_an_orthogonal_matrix_that_is_assigned_is_kept(name):
    q = np.linalg.qr(array(normal(4, 4)))[0]
    layer = parametrizations.orthogonal(nn.Linear(4, 4, dtype=cnn.float64), orthogonal_map=name)
    layer.weight = cnn.tensor(q, dtype=cnn.float64)
    near(layer.weight, q, 1e-12)


def test_reflections_take_a_matrix_without_a_base():
    q = np.linalg.qr(array(normal(5, 3)))[0]
    layer = nn.Linear(3, 5, dtype=cnn.float64)
    parametrizations.orthogonal(layer, orthogonal_map="householder", use_trivialization=False)
    layer.weight = cnn.tensor(q, dtype=cnn.float64)
    near(layer.weight, q, 1e-12)


# Functions of matrices ----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 7, 16])
def test_inverse_of_positive_symmetric_part(n):
    a = array(normal(n, n))
    a = a - a.T + np.eye(n)
    near(_matrices.inverse(cnn.tensor(a, dtype=cnn.float64)), np.linalg.inv(a), 1e-12)


@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (3, 5), (1, 1), (2, 4, 3)])
def test_geqrf_is_lapacks(shape):
    a = array(normal(*shape))
    h, tau = np.linalg.qr(a, mode="raw")
    ours, our_tau = _matrices.geqrf(cnn.tensor(a, dtype=cnn.float64))
    near(ours, h.swapaxes(-1, -2), 1e-12)
    near(our_tau, tau, 1e-12)
    if shape[-2] >= shape[-1]:
        near(_matrices.householder_product(ours, our_tau), np.linalg.qr(a)[0], 1e-12)


def test_geqrf_of_columns_without_anything_to_reflect():
    h, tau = _matrices.geqrf(cnn.tensor([[2.0, 1], [0, -3], [0, 0]]))
    assert tau.tolist() == [0, 0] and h.tolist() == [[2, 1], [0, -3], [0, 0]]


def test_functions_of_matrices_have_gradients():
    x = (0.3 * normal(3, 3)).requires_grad_()
    for check in (cnn.autograd.gradcheck, cnn.autograd.gradgradcheck):
        assert check(lambda a: _matrices.inverse(cnn.eye(3) + a - a.mT), (x,))
    h, tau = normal(4, 2).requires_grad_(), normal(2).requires_grad_()
    assert cnn.autograd.gradcheck(_matrices.householder_product, (h, tau))


# Pruning ------------------------------------------------------------------------------------------


def test_pruning_keeps_the_original_and_a_mask():
    layer = nn.Linear(2, 2)
    with cnn.no_grad():
        layer.weight.copy_(cnn.tensor([[1.0, -4], [3, -2]]))
    prune.l1_unstructured(layer, "weight", amount=0.5)
    assert layer.weight_mask.tolist() == [[0, 1], [1, 0]]
    assert layer.weight.tolist() == [[0, -4], [3, 0]]
    assert list(layer.state_dict()) == ["bias", "weight_orig", "weight_mask"]
    layer(cnn.ones(1, 2)).sum().backward()
    assert layer.weight_orig.grad.tolist() == [[0, 1], [1, 0]]
    prune.remove(layer, "weight")
    assert layer.weight.tolist() == [[0, -4], [3, 0]] and not prune.is_pruned(layer)
    assert isinstance(layer.weight, nn.Parameter)


def test_slices_are_pruned_by_their_norms():
    layer = nn.Linear(2, 3)
    with cnn.no_grad():
        layer.weight.copy_(cnn.tensor([[3.0, 4], [1, 1], [0, 2]]))
    prune.ln_structured(layer, "weight", amount=1, n=2, dim=0)
    assert layer.weight.tolist() == [[3, 4], [0, 0], [0, 2]]
    # Of what is left, the next one.
    prune.ln_structured(layer, "weight", amount=1, n=2, dim=0)
    assert layer.weight.tolist() == [[3, 4], [0, 0], [0, 0]]


def test_parameters_are_pruned_as_if_they_were_one():
    a, b = nn.Linear(2, 1), nn.Linear(2, 1)
    with cnn.no_grad():
        a.weight.copy_(cnn.tensor([[1.0, 5]]))
        b.weight.copy_(cnn.tensor([[2.0, 3]]))
    pairs = ((module, "weight") for module in (a, b))  # also what can be read but once
    prune.global_unstructured(pairs, prune.L1Unstructured, amount=2)
    assert a.weight.tolist() == [[0, 5]] and b.weight.tolist() == [[0, 3]]


def test_random_pruning_takes_as_many_as_it_says():
    layer = prune.random_unstructured(nn.Linear(10, 10), "weight", amount=0.25)
    assert layer.weight_mask.sum() == 75
    layer = prune.random_structured(nn.Linear(10, 10), "weight", amount=3, dim=1)
    assert sorted(layer.weight_mask.sum(0).tolist()) == [0] * 3 + [10] * 7


def test_failed_pruning_changes_nothing():
    layer = nn.Linear(2, 3)
    prune.l1_unstructured(layer, "bias", 1)
    state, hooks = list(layer.state_dict()), list(layer._forward_pre_hooks)
    for name in ("weight", "bias"):
        with pytest.raises(ValueError, match="amount=100 should be smaller"):
            prune.ln_structured(layer, "weight", amount=100, n=2, dim=0)
        with pytest.raises(TypeError, match="Must be int or float"):
            prune.l1_unstructured(layer, name, amount="much")
    assert sorted(layer.state_dict()) == sorted(state)
    assert list(layer._forward_pre_hooks) == hooks and prune.is_pruned(layer)


# Fusion -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [nn.Conv1d, nn.ConvTranspose1d])
def test_a_folded_convolution_gives_what_both_layers_do(make):
    conv, norm = make(3, 4, 2).eval(), nn.BatchNorm1d(4)
    norm(normal(5, 4, 6, dtype=cnn.float32))
    norm.eval()
    x = normal(2, 3, 5, dtype=cnn.float32)
    fused = nn.utils.fuse_conv_bn_eval(conv, norm, transpose=make is nn.ConvTranspose1d)
    near(fused(x), array(norm(conv(x))))
    assert fused is not conv and type(fused) is make


def test_a_folded_linear_layer_gives_what_both_layers_do():
    linear, norm = nn.Linear(3, 4, bias=False).eval(), nn.BatchNorm1d(4)
    norm(normal(5, 4, dtype=cnn.float32))
    norm.eval()
    x = normal(2, 3, dtype=cnn.float32)
    near(nn.utils.fuse_linear_bn_eval(linear, norm)(x), array(norm(linear(x))))


# Calls without state, and names -------------------------------------------------------------------


def test_a_call_with_other_tensors():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    own = dict(net.named_parameters())
    given = {"0.weight": cnn.eye(2, requires_grad=True), "0.bias": cnn.zeros(2)}
    x = cnn.tensor([[1.0, 2]])
    y = stateless._functional_call(net, given, x)
    near(y, array(net[1](x)))
    y.sum().backward()
    near(given["0.weight"].grad, array(net[1].weight).T @ array(x))
    assert all(param is own[name] for name, param in net.named_parameters())


def test_tied_tensors_are_replaced_together():
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    net[1].weight = net[0].weight
    given = {"0.weight": 2 * cnn.eye(2)}
    x = cnn.ones(1, 2)
    near(stateless._functional_call(net, given, x), [[4, 4]])
    alone = stateless._functional_call(net, given, x, tie_weights=False)
    near(alone, array(net[1](2 * x)))
    given["1.weight"] = cnn.eye(2)
    with pytest.raises(ValueError, match="multiple values for keys"):
        stateless._functional_call(net, given, x)


def test_an_error_leaves_the_module_as_it_was():
    layer = nn.Linear(2, 2)
    weight = layer.weight
    for tensors in ({"weight": cnn.ones(2, 5)}, {"weight": cnn.ones(2, 2), "a.b": cnn.ones(1)}):
        with pytest.raises((RuntimeError, AttributeError)):
            stateless._functional_call(layer, tensors, cnn.ones(1, 2))
        assert layer.weight is weight


def test_names_that_have_moved():
    getattr_ = lazy_deprecated_import(["Linear"], "old.place", "cnn.nn")
    with pytest.warns(RuntimeWarning, match="'old.place' is deprecated; please use 'cnn.nn'"):
        assert getattr_("Linear") is nn.Linear
    with pytest.raises(AttributeError, match="no attribute 'Conv7d'"):
        getattr_("Conv7d")


@pytest.mark.parametrize("name", ["parametrizations", "parametrize", "prune", "stateless"])
def test_modules_load_at_first_use(name):
    code = f"""
import sys, cnn.nn
assert "cnn.nn.utils.{name}" not in sys.modules
assert cnn.nn.utils.{name} is sys.modules["cnn.nn.utils.{name}"]
"""
    subprocess.run([sys.executable, "-c", code], check=True)
