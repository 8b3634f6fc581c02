"""Where a graph holds another graph, the pattern."""

from __future__ import annotations

from dataclasses import dataclass, field

from .... import _C
from ...graph_module import _get_attr
from ...node import Node

__all__ = ["SubgraphMatcher", "InternalMatch"]


@dataclass
class InternalMatch:
    """A place where the pattern was found: `nodes_map` from the pattern's nodes to the graph's."""

    anchors: list
    nodes_map: dict = field(default_factory=dict)
    placeholder_nodes: list = field(default_factory=list)
    returning_nodes: list = field(default_factory=list)
    name_node_map: dict = field(default_factory=dict)


class SubgraphMatcher:
    """Finds a pattern: the same calls with the same arguments, its inputs standing for anything.

    Values inside a match may be used by the match alone, but for those that the pattern returns.
    """

    def __init__(
        self,
        pattern,
        match_output=False,
        match_placeholder=False,
        remove_overlapping_matches=True,
        ignore_literals=False,
    ):
        if len(pattern.nodes) == 0:
            raise ValueError("SubgraphMatcher cannot be initialized with an empty pattern")
        for node in pattern.nodes:
            if node.op != "output" and not node.users and not node.is_impure():
                raise AssertionError(
                    "SubgraphMatcher cannot be initialized with an pattern with dead code"
                )
        self.pattern, self.ignore_literals = pattern, ignore_literals
        self.match_placeholder = match_placeholder
        self.remove_overlapping_matches = remove_overlapping_matches
        self.pattern_placeholder_nodes = pattern.find_nodes(op="placeholder")
        output = pattern.output_node()
        self.pattern_returning_nodes = output.all_input_nodes
        # What nothing else of the pattern uses: from there it is followed to its inputs.
        self.pattern_anchors = [output]
        if not match_output:
            self.pattern_anchors = [n for n in output.all_input_nodes if len(n.users) == 1]

    def match(self, graph, node_name_match=""):
        """The list of the places where the pattern is."""
        maps = [{}]
        for anchor in self.pattern_anchors:
            candidates = [n for n in graph.nodes if self._alike(anchor, n, node_name_match)]
            maps = [
                found
                for known in maps
                for node in candidates
                if (found := self._follow(anchor, node, known, node_name_match)) is not None
            ]
        matches, taken = [], set()
        for found in maps if self.pattern_anchors else ():
            inside = [g for p, g in found.items() if p.op not in ("placeholder", "output")]
            if not self._is_closed(found) or _depends_on_itself(inside):
                continue
            if self.remove_overlapping_matches:
                if taken & set(inside):
                    continue
                taken |= set(inside)
            matches.append(
                InternalMatch(
                    self.pattern_anchors,
                    found,
                    [found[p] for p in self.pattern_placeholder_nodes],
                    [found[p] for p in self.pattern_returning_nodes],
                )
            )
        return matches

    def _alike(self, p, g, name):
        if p.op == "placeholder" and not self.match_placeholder:
            return True
        if name and name in g.name:
            return True
        if p.op != g.op:
            return False
        if p.op in ("placeholder", "output"):
            return True
        if p.op == "get_attr":
            one = _get_attr(p.graph.owning_module, p.target)
            other = _get_attr(g.graph.owning_module, g.target)
            return type(one) is type(other) and isinstance(one, _C.Tensor)
        return p.target == g.target

    def _follow(self, p, g, known, name=""):
        """`known` with the pattern's node and all that it is made from; None if they differ."""
        if p in known:
            return known if known[p] is g else None
        if any(g is other for other in known.values()) or not self._alike(p, g, name):
            return None
        found = {**known, p: g}
        if p.op == "placeholder":
            return found
        if len(p.args) != len(g.args) or list(p.kwargs) != list(g.kwargs):
            return None
        return self._follow_all((*p.args, *p.kwargs.values()), (*g.args, *g.kwargs.values()), found)

    def _follow_all(self, ps, gs, found):
        if len(ps) != len(gs):
            return None
        for p, g in zip(ps, gs):
            if isinstance(p, Node) and isinstance(g, Node):
                found = self._follow(p, g, found)
            elif isinstance(p, (list, tuple)) and isinstance(g, (list, tuple)):
                found = self._follow_all(p, g, found)
            elif isinstance(p, Node) and p.op == "placeholder":
                if p in found and (isinstance(found[p], Node) or found[p] != g):
                    return None
                found = {**found, p: g}
            elif not (self.ignore_literals or (type(p) is type(g) and p == g)):
                return None
            if found is None:
                return None
        return found

    def _is_closed(self, found):
        inside = {g: p for p, g in found.items() if p.op != "placeholder" and isinstance(g, Node)}
        return all(
            p in self.pattern_returning_nodes or all(user in inside for user in g.users)
            for g, p in inside.items()
        )


def _depends_on_itself(inside):
    """Whether a value outside is made from these nodes and goes into them again."""
    own, seen = set(inside), set()
    left = [user for node in inside for user in node.users if user not in own]
    while left:
        node = left.pop()
        if node in own:
            return True
        if node not in seen:
            seen.add(node)
            left.extend(node.users)
    return False
