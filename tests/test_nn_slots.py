"""Attributes and calls of modules whose classes are out of the ordinary."""

from __future__ import annotations

import copy
import pickle

import pytest

import cnn
from cnn import nn


class Doubled(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(cnn.ones(2))
        self.register_buffer("scale", cnn.full((2,), 2.0))
        self.child = nn.Identity()

    def forward(self, x, *, extra=0):
        return self.child(x * self.weight * self.scale) + extra


def test_tables_are_looked_at_after_the_attributes():
    net = Doubled()
    assert net.weight is net._parameters["weight"]
    assert net.scale is net._buffers["scale"]
    assert net.child is net._modules["child"]
    net.__dict__["weight"] = 7
    assert net.weight == 7
    Doubled.child = property(lambda self: "of the class")
    try:
        assert net.child == "of the class"
    finally:
        del Doubled.child
    with pytest.raises(AttributeError, match="^'Doubled' object has no attribute 'missing'$"):
        net.missing  # noqa: B018


def test_a_property_that_raises_ends_in_getattr():
    class Net(nn.Module):
        @property
        def broken(self):
            return self.not_there

        @property
        def wrong(self):
            raise ValueError("as it is")

    with pytest.raises(AttributeError, match="'Net' object has no attribute 'broken'"):
        Net().broken  # noqa: B018
    with pytest.raises(ValueError, match="as it is"):
        Net().wrong  # noqa: B018


def test_an_overridden_getattr_comes_before_the_tables():
    class Net(Doubled):
        def __getattr__(self, name):
            if not self.__dict__.get("ready"):
                return super().__getattr__(name)
            if name == "weight":
                return "mine"
            try:
                return super().__getattr__(name)
            except AttributeError:
                return f"no {name}"

    net = Net()
    net.ready = True
    assert net.weight == "mine"
    assert net.scale is net._buffers["scale"]
    assert net.missing == "no missing"
    assert cnn.equal(net.child(cnn.ones(1)), cnn.ones(1))


def test_getattr_may_be_given_to_a_class_later():
    class Net(Doubled):
        pass

    net = Net()
    assert net.scale is net._buffers["scale"]
    Net.__getattr__ = lambda self, name: "later"
    assert net.scale == "later"
    del Net.__getattr__
    assert net.scale is net._buffers["scale"]


def test_getattribute_sees_every_lookup():
    seen = []

    class Net(Doubled):
        def __getattribute__(self, name):
            seen.append(name)
            return super().__getattribute__(name)

    net = Net()
    seen.clear()
    net(cnn.ones(2))
    assert "forward" in seen and "weight" in seen


def test_a_table_may_be_another_mapping():
    class Table(dict):
        def __getitem__(self, key):
            return "from the table"

    net = Doubled()
    net._parameters = Table(net._parameters)
    assert net.weight == "from the table"


def test_calls_take_keywords_and_many_arguments():
    class Net(nn.Module):
        def forward(self, *args, **kwargs):
            return args, kwargs

    assert Net()(*range(12)) == (tuple(range(12)), {})
    assert Net()(1, two=2) == ((1,), {"two": 2})
    assert Net()() == ((), {})
    assert Net().__call__(3) == ((3,), {})
    assert nn.Module.__call__(Net(), 4) == ((4,), {})
    assert cnn.equal(Doubled()(cnn.ones(2), extra=1), cnn.full((2,), 3.0))


def test_forward_may_be_an_attribute_of_the_module():
    net = Doubled()
    net.forward = lambda x: "replaced"
    assert net(cnn.ones(2)) == "replaced"
    del net.forward
    Doubled.forward, before = staticmethod(lambda x: ("static", x)), Doubled.forward
    try:
        assert net(1) == ("static", 1)
    finally:
        Doubled.forward = before


def test_call_may_be_overridden_and_patched():
    class Net(Doubled):
        def __call__(self, *args, **kwargs):
            return "around", super().__call__(*args, **kwargs)

    assert Net()(cnn.ones(2))[0] == "around"
    net, before = Doubled(), nn.Module.__call__
    nn.Module.__call__ = lambda self, *args, **kwargs: "patched"
    try:
        assert net(cnn.ones(2)) == "patched"
    finally:
        nn.Module.__call__ = before
    assert cnn.equal(net(cnn.ones(2)), cnn.full((2,), 2.0))


def test_hooks_are_seen_as_soon_as_they_hang():
    net, calls = Doubled(), []
    net(cnn.ones(2))
    own = net.register_forward_hook(lambda *args: calls.append("own"))
    everywhere = nn.modules.module.register_module_forward_hook(lambda *args: calls.append("all"))
    net.child(cnn.ones(2))
    net(cnn.ones(2))
    assert calls == ["all", "all", "all", "own"]
    own.remove(), everywhere.remove()
    net(cnn.ones(2))
    assert len(calls) == 4


def test_a_module_without_init_says_so():
    class Net(nn.Module):
        def __init__(self):
            pass

        def forward(self):
            return 1

    with pytest.raises(AttributeError, match="'Net' object has no attribute '_backward_hooks'"):
        Net()()


def test_errors_pass_and_keep_their_traceback():
    class Net(nn.Module):
        def forward(self):
            raise KeyError("deep")

    with pytest.raises(KeyError, match="deep") as caught:
        nn.Sequential(Net()).forward.__self__[0]()
    assert caught.traceback[-1].name == "forward"
    with pytest.raises(KeyboardInterrupt):
        net = Net()
        net.forward = lambda: (_ for _ in ()).throw(KeyboardInterrupt)
        next(net())


def test_a_class_may_change_with_another_base_in_front():
    class Mixin:
        pass

    class Mixed(Mixin, nn.Linear):
        pass

    net = Mixed(2, 2)
    net.__class__ = nn.Linear
    assert net(cnn.ones(1, 2)).shape == (1, 2)


def test_keywords_of_a_class_reach_the_other_base():
    class Registered:
        def __init_subclass__(cls, *, name=None, **kwargs):
            super().__init_subclass__(**kwargs)
            cls.name = name

    class Net(nn.Module, Registered, name="given"):
        pass

    assert Net.name == "given"
    with pytest.raises(TypeError):

        class Bad(nn.Module, name="taken by nobody"):
            pass


def test_a_class_that_keeps_init_subclass_to_itself_works():
    class Base(nn.Module):
        def __init_subclass__(cls):
            pass

    class Net(Base, Doubled):
        pass

    assert cnn.equal(Net()(cnn.ones(2)), cnn.full((2,), 2.0))


def test_copies_and_pickles_work_as_the_original():
    net = Doubled()
    for other in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert cnn.equal(other(cnn.ones(2)), net(cnn.ones(2)))
