"""Arguments of graphs that were traced with structures."""

from __future__ import annotations

from ..utils._pytree import TreeSpec, register_pytree_node, tree_flatten  # noqa: F401

SUPPORTED_NODES = {}
SUPPORTED_NODES_EXACT_MATCH = {}


def register_pytree_flatten_spec(cls, flatten_fn_spec, flatten_fn_exact_match_spec=None):
    """Says how instances of a class are taken apart along a structure."""
    SUPPORTED_NODES[cls] = flatten_fn_spec
    SUPPORTED_NODES_EXACT_MATCH[cls] = flatten_fn_exact_match_spec


def tree_flatten_spec(pytree, spec):
    """The leaves of a tree along a structure, in its order."""
    if spec.is_leaf():
        return [pytree]
    flatten = SUPPORTED_NODES.get(spec.type)
    if flatten is None:
        return spec.flatten_up_to(pytree)
    leaves = []
    for child, child_spec in zip(flatten(pytree, spec), spec.children()):
        leaves += tree_flatten_spec(child, child_spec)
    return leaves


def _structured(pytree, spec):
    return [pytree[key] for key in spec.context]


register_pytree_flatten_spec(dict, _structured)
register_pytree_flatten_spec(list, lambda d, spec: [d[i] for i in range(spec.num_children)])
register_pytree_flatten_spec(tuple, lambda d, spec: [d[i] for i in range(spec.num_children)])
