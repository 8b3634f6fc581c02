"""Trees: leaves, structures, paths and texts as PyTorch gives them."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

torch = pytest.importorskip("torch")

import torch.utils._pytree as theirs  # noqa: E402

import cnn  # noqa: E402
import cnn.utils._pytree as ours  # noqa: E402

Point = namedtuple("Point", "x y")
TREES = [
    1,
    None,
    [],
    [1, (2, None), {"b": 3, "a": [4]}],
    OrderedDict(b=1, a=(2,)),
    defaultdict(list, k=[1]),
    deque([1, 2], maxlen=5),
    Point(1, [2, Point(3, ())]),
    {1: {2: {3: "x"}}, "y": b"z"},
]


@pytest.mark.parametrize("tree", TREES, ids=str)
def test_structures(tree):
    results = []
    for module in (ours, theirs):
        leaves, spec = module.tree_flatten(tree)
        paths = [module.keystr(path) for path, _ in module.tree_leaves_with_path(tree)]
        counts = spec.num_nodes, spec.num_leaves, spec.num_children, spec.is_leaf()
        try:
            text = module.treespec_dumps(spec)
            assert module.treespec_loads(text) == spec
        except NotImplementedError as error:
            text = str(error)
        results.append((leaves, str(spec), paths, counts, text, module.treespec_pprint(spec)))
        mapped = module.tree_map(lambda x: (x,), tree, is_leaf=lambda x: isinstance(x, tuple))
        results[-1] += (mapped, module.tree_unflatten(leaves, spec))
    assert results[0] == results[1]


@pytest.mark.parametrize("other", TREES, ids=str)
@pytest.mark.parametrize("tree", TREES[2:], ids=str)
def test_two_trees(tree, other):
    results = []
    for module in (ours, theirs):
        try:
            results.append(module.tree_map(lambda a, b: (a, b), tree, other))
        except (ValueError, AttributeError, TypeError) as error:
            results.append(f"{type(error).__name__}: {error}")
        spec = module.tree_structure(tree)
        results[-1] = results[-1], module._broadcast_to_and_flatten(other, spec)
    mine, wanted = results
    if str(wanted[0]).startswith(("AttributeError", "TypeError")):  # of an internal len() there
        assert str(mine[0]).startswith("ValueError")
    else:
        assert mine == wanted


def test_names():
    missing = [n for n in theirs.__all__ if not hasattr(ours, n)]
    assert not missing and set(theirs.__all__) == set(ours.__all__)


def test_named_results():
    values = [ours.tree_flatten(cnn.max(cnn.ones(1, 2), 1)), theirs.tree_flatten(
        torch.max(torch.ones(1, 2), 1)
    )]  # fmt: skip
    assert [str(spec).replace("torch.", "") for _, spec in values][0] == str(values[1][1])
