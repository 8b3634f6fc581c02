"""Putting one subgraph in place of another."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import NamedTuple

from ..nn import Module
from ._symbolic_trace import symbolic_trace
from .graph import Graph
from .graph_module import GraphModule, _assign_attr, _get_attr, _has_attr
from .node import Node

__all__ = ["Match", "replace_pattern", "replace_pattern_with_filters", "ReplacedPatterns"]


class Match(NamedTuple):
    """A place where the pattern was: the node that it ended with, and {pattern's node: graph's}."""

    anchor: Node
    nodes_map: dict


@dataclass
class ReplacedPatterns:
    """The same, with the nodes that are there now."""

    anchor: Node
    nodes_map: dict
    replacements: list


def replace_pattern(gm, pattern, replacement):
    """Puts `replacement` wherever `pattern` is in the graph of a GraphModule; the list of matches.

    Both are functions or modules of the same parameters, which are traced: the parameters of the
    pattern stand for any values, and calls match by function and constant arguments.
    """
    found = replace_pattern_with_filters(gm, pattern, replacement)
    return [Match(m.anchor, m.nodes_map) for m in found]


def replace_pattern_with_filters(
    gm,
    pattern,
    replacement=None,
    match_filters=None,
    ignore_literals=False,
    replacement_callback=None,
    node_name_match="",
):
    """`replace_pattern` where `match_filters`, functions (match, graph, pattern graph) -> bool,
    agree; `replacement_callback` of the same arguments gives the graph to put there.
    """
    from .passes.utils.matcher_utils import SubgraphMatcher

    graph, pattern_graph = gm.graph, _graph_of(pattern)
    matcher = SubgraphMatcher(pattern_graph, ignore_literals=ignore_literals)
    matches = matcher.match(graph, node_name_match)
    matches = [m for m in matches if all(f(m, graph, pattern_graph) for f in match_filters or ())]
    common = None if replacement is None else _graph_of(replacement)
    if common is None and replacement_callback is None:
        raise AssertionError(
            "Must provide either a replacement GraphModule or a replacement callback"
        )
    replaced_by, done = {}, []
    for match in matches:
        new = common
        if replacement_callback is not None:
            new = replacement_callback(match, graph, pattern_graph)
        done.append(_replace(graph, pattern_graph, match, new, replaced_by))
    gm.recompile()
    if isinstance(replacement, Module):
        _take_attributes(gm, replacement)
    return done


def _graph_of(code):
    if isinstance(code, Graph):
        return code
    return code.graph if isinstance(code, GraphModule) else symbolic_trace(code).graph


def _replace(graph, pattern_graph, match, new, replaced_by):
    inputs = new.find_nodes(op="placeholder")
    if len(inputs) != len(match.placeholder_nodes):
        raise AssertionError(
            f"Placeholder count mismatch: {len(match.placeholder_nodes)} vs {len(inputs)}"
        )
    # An input of this match may be what an earlier one returned.
    match.placeholder_nodes = [
        replaced_by.get(n, n) if isinstance(n, Node) else n for n in match.placeholder_nodes
    ]
    for pattern_node, node in match.nodes_map.items():
        if pattern_node.op == "placeholder" and isinstance(node, Node):
            match.nodes_map[pattern_node] = replaced_by.get(node, node)
    values = dict(zip(inputs, match.placeholder_nodes))
    with graph.inserting_before(_place(graph, match)):
        returned = graph.graph_copy(new, values)
    returned = (returned,) if isinstance(returned, Node) else returned
    if len(match.returning_nodes) != len(returned):
        raise AssertionError(
            f"Returning nodes count mismatch: {len(match.returning_nodes)} vs {len(returned)}"
        )
    for old, copied in zip(match.returning_nodes, returned):
        old.replace_all_uses_with(copied)
        replaced_by[old] = copied
    for node in reversed(pattern_graph.nodes):
        if node.op not in ("placeholder", "output"):
            graph.erase_node(match.nodes_map[node])
    made = [n for n in values.values() if n not in match.placeholder_nodes]
    return ReplacedPatterns(match.anchors[0], match.nodes_map, made)


def _place(graph, match):
    """The node before which the new ones go: the first that uses a result."""
    users = {user for node in match.returning_nodes for user in node.users}
    for node in graph.nodes:
        if node in users:
            return node
    last = max((n for n in graph.nodes if n in match.returning_nodes), key=list(graph.nodes).index)
    return last.next


def _take_attributes(gm, replacement):
    """Copies what the new calls refer to from the replacement."""
    gm.delete_all_unused_submodules()
    for node in gm.graph.nodes:
        if node.op not in ("call_module", "get_attr") or _has_attr(gm, node.target):
            continue
        if not _has_attr(replacement, node.target):
            raise RuntimeError(
                f'Attempted to create a "{node.op}" node during subgraph rewriting with target '
                f"{node.target}, but the referenced attribute does not exist in the replacement "
                "GraphModule"
            )
        _assign_attr(copy.deepcopy(_get_attr(replacement, node.target)), gm, node.target)
    gm.graph.lint()
