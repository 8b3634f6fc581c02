"""Trees of containers: `cnn.utils._pytree`."""

from __future__ import annotations

import copy
import dataclasses
import enum
import pickle
import time
from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

import cnn
from cnn.utils import _pytree as pytree

Point = namedtuple("Point", "x y")
TREE = {"a": [1, (2, None)], "b": OrderedDict(z=3), "c": deque([4], maxlen=2), "d": Point(5, [])}


def test_a_tree_is_its_leaves_and_its_structure():
    leaves, spec = pytree.tree_flatten(TREE)
    assert leaves == [1, 2, None, 3, 4, 5]
    assert (spec.num_leaves, spec.num_children, spec.type) == (6, 4, dict)
    again = pytree.tree_unflatten(leaves, spec)
    assert again == TREE and type(again["d"]) is Point and again["c"].maxlen == 2
    assert spec == pytree.tree_structure(TREE) and hash(spec) == hash(pytree.tree_structure(TREE))
    assert spec != pytree.tree_structure([]) and copy.deepcopy(spec) == spec
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert pytree.tree_leaves(TREE) == list(pytree.tree_iter(TREE)) == leaves
    assert pytree.treespec_pprint(pytree.tree_structure([1, (2,)])) == "[*, (*,)]"
    assert repr(pytree.tree_structure([1, [2]])) == (
        "TreeSpec(list, None, [*,\n  TreeSpec(list, None, [*])])"
    )


def test_leaves_are_what_is_no_container_or_what_the_caller_says():
    assert pytree.tree_is_leaf(None) and pytree.tree_is_leaf(cnn.ones(2))
    assert not pytree.tree_is_leaf([]) and pytree.tree_leaves([]) == []
    assert pytree.tree_leaves([(1, 2), 3], is_leaf=lambda x: isinstance(x, tuple)) == [(1, 2), 3]
    assert pytree.treespec_leaf().is_leaf() and repr(pytree.treespec_leaf()) == "*"
    with pytest.warns(FutureWarning, match="is_leaf"):
        pytree.LeafSpec()


def test_maps():
    assert pytree.tree_map(lambda x, y: x + y, [1, (2,)], [10, (20,)]) == [11, (22,)]
    assert pytree.tree_map(lambda x, y: [x, *y], [5, 6], [[7], [8, 9]]) == [[5, 7], [6, 8, 9]]
    assert pytree.tree_map_only(int, lambda x: -x, [1, "a"]) == [-1, "a"]
    assert pytree.tree_map_only((int, str), str, [1, "a", 2.0]) == ["1", "a", 2.0]
    assert pytree.tree_map_only(lambda x: x > 1, lambda x: 0, [1, 2]) == [1, 0]
    seen = []
    assert pytree.tree_map_(seen.append, TREE) is TREE and len(seen) == 6
    assert pytree.tree_all(bool, [1, 2]) and not pytree.tree_any_only(
        int, lambda x: x > 1, [1, "b"]
    )
    with pytest.raises(TypeError, match="must be a type"):
        pytree.map_only(3)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([1, 2], [1], "Node arity mismatch; expected 2, but got 1"),
        ([1], (1,), "Node type mismatch; expected <class 'list'>, but got <class 'tuple'>"),
        ({"a": 1}, {"b": 1}, r"missing key\(s\): {'a'}; extra key\(s\): {'b'}"),
        (Point(1, 2), namedtuple("Q", "x y")(1, 2), "Node context mismatch"),
    ],
)
def test_structures_that_do_not_fit(first, second, words):
    with pytest.raises(ValueError, match=words):
        pytree.tree_map(lambda a, b: a, first, second)


def test_dictionaries_match_by_their_keys():
    one, other = {"a": 1, "b": 2}, OrderedDict(b=20, a=10)
    assert pytree.tree_map(lambda x, y: x + y, one, other) == {"a": 11, "b": 22}
    filled = defaultdict(int, a=1)
    mapped = pytree.tree_map(lambda x: x + 1, filled)
    assert mapped == {"a": 2} and mapped.default_factory is int


def test_key_paths():
    pairs = pytree.tree_leaves_with_path(TREE)
    assert [pytree.keystr(path) for path, _ in pairs] == [
        "['a'][0]", "['a'][1][0]", "['a'][1][1]", "['b']['z']", "['c'][0]", "['d'].x",
    ]  # fmt: skip
    assert all(pytree.key_get(TREE, path) is leaf for path, leaf in pairs)
    shown = pytree.tree_map_with_path(lambda path, x: f"{pytree.keystr(path)}={x}", [1, [2]])
    assert shown == ["[0]=1", ["[1][0]=2"]]


def test_unflatten_counts_the_leaves():
    spec = pytree.tree_structure([1, 2])
    with pytest.raises(ValueError, match="`leaves` has length 1 but the spec refers to .* 2 items"):
        spec.unflatten([1])
    with pytest.raises(TypeError, match="PyTreeSpec but got item of type <class 'int'>"):
        pytree.tree_unflatten([1], 5)


class Pair:
    def __init__(self, a, b):
        self.a, self.b = a, b


@pytest.fixture
def registered():
    pytree.register_pytree_node(
        Pair,
        lambda p: ([p.a, p.b], None),
        lambda children, _: Pair(*children),
        serialized_type_name="tests.Pair",
    )
    yield
    pytree._deregister_pytree_node(Pair)


def test_registered_classes(registered):
    pair = pytree.tree_map(lambda x: x + 1, Pair(1, [2]))
    assert (pair.a, pair.b) == (2, [3])
    with pytest.raises(ValueError, match="already registered"):
        pytree.register_pytree_node(Pair, None, None)
    with pytest.raises(ValueError, match="flatten_with_keys_fn"):
        pytree.tree_leaves_with_path(Pair(1, 2))
    spec = pytree.tree_structure(Pair(1, 2))
    assert pytree.treespec_loads(pytree.treespec_dumps(spec)) == spec


def test_deregistered_classes_are_leaves():
    assert pytree.tree_is_leaf(Pair(1, 2)) and Pair not in pytree.SUPPORTED_NODES


@dataclasses.dataclass
class Config:
    weight: object
    bias: object = None


def test_dataclasses_and_constants():
    pytree.register_dataclass(Config)
    try:
        leaves, spec = pytree.tree_flatten(Config(1))
        assert leaves == [1] and spec.unflatten([5]) == Config(5)
        assert pytree.keystr(pytree.tree_leaves_with_path(Config(1, 2))[1][0]) == ".bias"
    finally:
        pytree._deregister_pytree_node(Config)
    with pytest.raises(ValueError, match="Missing fields in `field_names`: {'bias'}"):
        pytree.register_dataclass(Config, field_names=["weight"])

    @dataclasses.dataclass(frozen=True)
    class Name:
        text: str

    pytree.register_constant(Name)
    leaves, spec = pytree.tree_flatten([Name("a"), 1])
    assert leaves == [1] and spec.unflatten([2]) == [Name("a"), 2]
    assert pytree.is_constant_class(Name)
    with pytest.raises(TypeError, match="non-default `__eq__`"):
        pytree.register_constant(Pair)


class Color(enum.Enum):
    RED = 1


def test_structures_are_written_and_read():
    spec = pytree.tree_structure({"a": [1, 2], "b": (3, {Color.RED.name: deque([1])})})
    text = pytree.treespec_dumps(spec)
    assert pytree.treespec_loads(text) == spec
    filled = pytree.tree_structure(defaultdict(list, a=1))
    assert pytree.treespec_loads(pytree.treespec_dumps(filled)) == filled
    with pytest.raises(NotImplementedError, match="_register_namedtuple"):
        pytree.treespec_dumps(pytree.tree_structure(Point(1, 2)))
    with pytest.raises(ValueError, match="Unknown protocol 7"):
        pytree.treespec_dumps(spec, 7)


def test_named_results_of_ops():
    found = pytree.tree_map(lambda t: t * 2, cnn.max(cnn.tensor([[1.0, 3.0]]), 1))
    assert found.values.item() == 6.0 and type(found) is cnn.return_types.max
    assert pytree.is_structseq(found) and not pytree.is_namedtuple(found)
    assert pytree.is_structseq_class(time.struct_time) and pytree.is_namedtuple_class(Point)


def test_broadcast_of_prefixes():
    spec = pytree.tree_structure([1, (2, 3)])
    assert pytree._broadcast_to_and_flatten([0, 1], spec) == [0, 1, 1]
    assert pytree._broadcast_to_and_flatten(7, spec) == [7, 7, 7]
    assert pytree._broadcast_to_and_flatten([0], spec) is None


def test_there_are_no_trees_in_cpp():
    with pytest.raises(ImportError, match=r"use cnn\.utils\._pytree"):
        import cnn.utils._cxx_pytree  # noqa: F401
