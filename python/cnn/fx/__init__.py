"""Graphs of modules: `symbolic_trace` runs a module on proxies and writes down its calls, the Graph
is changed, and a GraphModule runs the Python that is generated from it.

Calls of this package's functions, operators, methods and submodules are traced, and branches that
do not depend on values; those that do raise.
"""

from .. import _absent
from . import immutable_collections
from ._symbolic_trace import PH, ProxyableClassMeta, Tracer, symbolic_trace, wrap
from .graph import CodeGen, Graph
from .graph_module import GraphModule
from .interpreter import Interpreter, Transformer
from .node import Node, has_side_effect, map_arg
from .proxy import Proxy
from .subgraph_rewriter import replace_pattern

__all__ = [
    "symbolic_trace", "Tracer", "wrap", "Graph", "GraphModule", "Interpreter", "Transformer",
    "Node", "Proxy", "replace_pattern", "has_side_effect", "map_arg",
]  # fmt: skip

_absent.explain(__name__, ("annotate", "experimental", "operator_schemas", "passes"))
