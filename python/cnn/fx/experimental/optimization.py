"""Graphs made smaller for inference."""

from __future__ import annotations

import copy

from ... import nn
from ...nn.utils.fusion import fuse_conv_bn_eval
from .._symbolic_trace import symbolic_trace
from ..graph_module import GraphModule

_FUSED = {
    nn.Conv1d: nn.BatchNorm1d,
    nn.Conv2d: nn.BatchNorm2d,
    nn.Conv3d: nn.BatchNorm3d,
}


def _parent_name(target):
    parent, _, name = target.rpartition(".")
    return parent, name


def replace_node_module(node, modules, new_module):
    """Puts another module in place of the one that a node calls."""
    parent, name = _parent_name(node.target)
    modules[node.target] = new_module
    setattr(modules[parent], name, new_module)


def fuse(model, inplace=False, no_trace=False):
    """A GraphModule of the model in which each convolution has taken in the batch norm after it.

    For evaluation mode; the model stays as it is unless `inplace`.
    """
    if not inplace:
        model = copy.deepcopy(model)
    traced = model if no_trace and isinstance(model, GraphModule) else symbolic_trace(model)
    modules = dict(traced.named_modules())
    graph = copy.deepcopy(traced.graph)
    for node in list(graph.nodes):
        before = node.args[0] if node.op == "call_module" and node.args else None
        if getattr(before, "op", None) != "call_module" or len(before.users) > 1:
            continue
        conv, norm = modules[before.target], modules[node.target]
        if _FUSED.get(type(conv)) is not type(norm) or not norm.track_running_stats:
            continue
        replace_node_module(before, modules, fuse_conv_bn_eval(conv, norm))
        node.replace_all_uses_with(before)
        graph.erase_node(node)
    return GraphModule(traced, graph)


def remove_dropout(model):
    """A GraphModule of the model without its Dropout layers."""
    traced = symbolic_trace(model)
    for node in list(traced.graph.nodes):
        if node.op == "call_module" and isinstance(traced.get_submodule(node.target), nn.Dropout):
            node.replace_all_uses_with(node.args[0])
            traced.graph.erase_node(node)
    traced.recompile()
    return traced
