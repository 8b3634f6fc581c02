"""What stands for a value while a function is traced: whatever is done with it becomes a node."""

from __future__ import annotations

import copy
import dis
import inspect
import operator
import traceback
from bisect import bisect_left
from collections import OrderedDict
from dataclasses import fields, is_dataclass

from .. import _C
from ..overrides import is_tensor_method_or_property
from ..utils._pytree import tree_map_
from ._qualified import as_recorded, handed_on
from .graph import magic_methods, reflectable_magic_methods
from .node import _is_constant, map_arg

__all__ = [
    "TracerBase", "GraphAppendingTracer", "TraceError", "Proxy", "Attribute", "ParameterProxy",
    "Scope", "ScopeContextManager",
]  # fmt: skip


class TraceError(ValueError):
    """What cannot be traced: a branch or a loop that depends on a value."""


class Scope:
    """The module that is being traced: its path and its class."""

    def __init__(self, module_path, module_type):
        self.module_path, self.module_type = module_path, module_type


class ScopeContextManager:
    """Puts another scope in place of one for a while."""

    def __init__(self, scope, current_scope):
        self._before = copy.copy(scope)
        vars(scope).update(vars(current_scope))
        self._scope = scope

    def __enter__(self):
        return self._scope

    def __exit__(self, *args):
        vars(self._scope).update(vars(self._before))


class TracerBase:
    """Makes nodes of calls, and proxies of nodes."""

    record_stack_traces = False
    check_mutable_operations = False
    trace_asserts = False
    proxy_buffer_attributes = False
    traced_func_name = "forward"

    def create_node(self, kind, target, args, kwargs, name=None, type_expr=None):
        """Adds a node to the graph. Subclasses may look at it, or refuse it."""
        node = self.graph.create_node(kind, target, args, kwargs, name, type_expr)
        self.node_name_to_scope[node.name] = (self.scope.module_path, self.scope.module_type)
        if self.module_stack:
            node.meta["nn_module_stack"] = copy.copy(self.module_stack)
        if self.record_stack_traces and not node.stack_trace:
            node.stack_trace = _user_frames()
        return node

    def proxy(self, node):
        """What stands for the value of a node."""
        return Proxy(node, self)

    def create_proxy(
        self, kind, target, args, kwargs, name=None, type_expr=None, proxy_factory_fn=None
    ):
        """Adds a node for a call with proxies among its arguments; what stands for its value."""
        node = self.create_node(
            kind, target, self.create_arg(args), self.create_arg(kwargs), name, type_expr
        )
        return self.proxy(node) if proxy_factory_fn is None else proxy_factory_fn(node)

    def create_arg(self, a):
        """A value as a node's argument: nodes for proxies, in whatever holds them."""
        if isinstance(a, Proxy):
            return a.node
        if hasattr(a, "__fx_create_arg__"):
            return a.__fx_create_arg__(self)
        if isinstance(a, tuple):
            items = [self.create_arg(x) for x in a]
            return type(a)(*items) if hasattr(a, "_fields") else type(a)(items)
        if isinstance(a, list):
            return [self.create_arg(x) for x in a]
        if isinstance(a, dict):
            return {self._key(k): self.create_arg(v) for k, v in a.items()}
        if isinstance(a, (slice, range)):
            return type(a)(*(self.create_arg(x) for x in (a.start, a.stop, a.step)))
        if is_dataclass(a) and not isinstance(a, type):
            values = {f.name: self.create_arg(getattr(a, f.name)) for f in fields(a)}
            return self.create_node("call_function", type(a), (), values)
        if _is_constant(a):
            return a
        raise NotImplementedError(f"argument of type: {type(a)}")

    def _key(self, key):
        def refuse(node):
            raise RuntimeError(
                f"Keys for dictionaries used as an argument cannot contain a Node. Got key: {node}"
            )

        if not isinstance(key, str):
            key = self.create_arg(key)
            map_arg(key, refuse)
        return key

    def to_bool(self, obj):
        """Called where a value decides a branch. Subclasses may give an answer."""
        raise TraceError("symbolically traced variables cannot be used as inputs to control flow")

    def iter(self, obj):
        """Called where a loop runs over a value. Subclasses may give an iterator."""
        raise TraceError(
            "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a "
            "loop or as a *args or **kwargs function argument. See the torch.fx docs on "
            "pytorch.org for a more detailed explanation of what types of control flow can be "
            "traced, and check out the Proxy docstring for help troubleshooting Proxy iteration "
            "errors"
        )

    def keys(self, obj):
        """Called for `**value`."""
        return Attribute(obj, "keys")()


def _user_frames():
    frames = traceback.extract_stack()
    own = ("/cnn/fx/", "/cnn/nn/modules/_module/", "/cnn/overrides.py")
    names = [frame.name for frame in frames]
    frames = frames[names.index("forward") :] if "forward" in names else []
    kept = [frame for frame in frames if not any(part in frame.filename for part in own)]
    return "".join(traceback.StackSummary.from_list(kept).format()).strip() or None


class GraphAppendingTracer(TracerBase):
    """Adds nodes to a graph that is there."""

    def __init__(self, graph):
        self.graph, self.scope = graph, Scope("", None)
        self.module_stack, self.node_name_to_scope = OrderedDict(), {}


def assert_fn(x):
    """What an `assert` of a traced function becomes."""
    if not x:
        raise AssertionError("Assertion failed")


def _instruction(frame):
    """The list of a frame's instructions, and the place of the one that runs."""
    instructions = list(dis.get_instructions(frame.f_code))
    return instructions, bisect_left(instructions, frame.f_lasti, key=lambda i: i.offset)


class Proxy:
    """Stands for the value of a node: operators, methods, attributes and functions of this package
    add nodes and give proxies.

    It cannot decide a branch, be looped over or be asked for its length; `a, b = value` works.
    """

    def __init__(self, node, tracer=None):
        self.tracer = GraphAppendingTracer(node.graph) if tracer is None else tracer
        self.node = node

    def __repr__(self):
        return f"Proxy({self.node.name})"

    def __getattr__(self, k):
        return Attribute(self, k)

    def __getstate__(self):
        return vars(self)

    def __setstate__(self, d):
        vars(self).update(d)

    def __deepcopy__(self, memo):
        return Proxy(copy.deepcopy(self.node, memo), self.tracer)

    def __call__(self, *args, **kwargs):
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self):
        instructions, at = _instruction(inspect.currentframe().f_back)
        if instructions[at].opname == "UNPACK_SEQUENCE":  # a, b = value
            return (self[i] for i in range(instructions[at].argval))
        return self.tracer.iter(self)

    def __abs__(self):
        return self.tracer.create_proxy("call_function", operator.abs, (self,), {})

    def __bool__(self):
        if self.tracer.trace_asserts:
            instructions, at = _instruction(inspect.currentframe().f_back)
            here, following = instructions[at], instructions[at + 1]
            if "JUMP" in here.opname and following.opname == "LOAD_ASSERTION_ERROR":
                self.tracer.create_proxy("call_function", assert_fn, (self,), {})
                return True
        return self.tracer.to_bool(self)

    def keys(self):
        return self.tracer.keys(self)

    def __len__(self):
        raise RuntimeError(
            "'len' is not supported in symbolic tracing by default. If you want this call to be "
            "recorded, please call torch.fx.wrap('len') at module scope"
        )

    @classmethod
    def __torch_function__(cls, orig_method, types, args=None, kwargs=None):
        args, kwargs = args or (), kwargs or {}
        tracers = {}

        def find(a):
            if isinstance(a, cls):
                tracers[a.tracer] = None

        tree_map_(find, (args, kwargs))
        if len(tracers) > 1:
            raise RuntimeError(
                f"Found multiple different tracers {list(tracers)} while trying to trace "
                f"operations {orig_method}"
            )
        tracer = next(iter(tracers))
        if is_tensor_method_or_property(orig_method):
            return tracer.create_proxy("call_method", orig_method.__name__, args, kwargs)
        result = handed_on(orig_method, args, kwargs)
        if result is not None:
            return result[0]
        function, name, args, kwargs = as_recorded(orig_method, args, kwargs)
        name = tracer.graph._target_to_str(name)
        return tracer.create_proxy("call_function", function, args, kwargs, name=name)


class Attribute(Proxy):
    """An attribute of a proxy, which becomes a node when it is used, unless it is called."""

    def __init__(self, root, attr):
        self.root, self.attr, self.tracer = root, attr, root.tracer
        self._node = None

    @property
    def node(self):
        # Now, and not at once: a call of it is a method's.
        if self._node is None:
            made = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {})
            self._node = made.node
        return self._node

    def __call__(self, *args, **kwargs):
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


class ParameterProxy(Proxy):
    """Stands for a parameter whose shape is known: it is not traced."""

    def __init__(self, tracer, node, name, param):
        super().__init__(node, tracer)
        if not isinstance(param, _C.Tensor):
            raise AssertionError(f"Expected Parameter, got {type(param)}")
        self.param, self.name = param, name

    def __repr__(self):
        return f"ParameterProxy({self.name})"

    shape = property(lambda self: self.param.shape)
    ndim = property(lambda self: self.param.ndim)

    def size(self):
        return self.param.size()

    def dim(self):
        return self.param.dim()

    def numel(self):
        return self.param.numel()

    def nelement(self):
        return self.param.nelement()


def _add_operator(name):
    def traced(*args, **kwargs):
        target = getattr(operator, name)
        return args[0].tracer.create_proxy("call_function", target, args, kwargs)

    traced.__name__ = name
    setattr(Proxy, f"__{name.strip('_')}__", traced)


def _add_reflected(name):
    def traced(self, rhs):
        target = getattr(operator, name)
        return self.tracer.create_proxy("call_function", target, (rhs, self), {})

    traced.__name__ = traced.__qualname__ = f"__r{name.strip('_')}__"
    setattr(Proxy, traced.__name__, traced)


for _name in magic_methods:
    _add_operator(_name)
for _name in reflectable_magic_methods:
    _add_reflected(_name)
Proxy.__hash__ = object.__hash__  # although it has an __eq__
