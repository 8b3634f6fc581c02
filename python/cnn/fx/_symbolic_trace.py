"""Tracing: a module or a function runs once on proxies, and what it does becomes a graph."""

from __future__ import annotations

import functools
import inspect
import math
import warnings
from collections import OrderedDict
from itertools import chain
from types import CodeType, FunctionType

from .. import _C, nn
from .._checks import _assert
from ..utils import _pytree as pytree
from ._patching import _call, _getattr, module_methods, patching, wrapped_functions
from ._qualified import _torch
from .graph import Graph, _PyTreeCodeGen, _PyTreeInfo
from .graph_module import GraphModule
from .node import base_types, map_aggregate
from .proxy import ParameterProxy, Proxy, Scope, ScopeContextManager, TracerBase

_is_fx_tracing_flag = False
_VARIABLE = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
_proxyable_classes = {}


def is_fx_tracing():
    """Whether something is being traced."""
    return _is_fx_tracing_flag


def is_fx_symbolic_tracing():
    """Whether something is being traced."""
    return _is_fx_tracing_flag


class ProxyableClassMeta(type):
    """The metaclass of classes whose construction from proxies becomes a node."""

    def __init__(cls, name, bases, attrs):
        _proxyable_classes.setdefault(cls)
        super().__init__(name, bases, attrs)

    def __call__(cls, *args, **kwargs):
        found = []
        if _is_fx_tracing_flag:
            map_aggregate(
                (args, kwargs), lambda x: found.append(x) if isinstance(x, Proxy) else None
            )
        if found:
            return found[0].tracer.create_proxy("call_function", cls, args, kwargs)
        instance = cls.__new__(cls)
        cls.__init__(instance, *args, **kwargs)
        return instance


class PHBase:
    """A place of an argument that is traced, among `concrete_args`."""

    def __repr__(self):
        return "PH"


PH = PHBase()


class PHWithMeta(PHBase):
    """The same, whose attributes the node gets."""

    def __init__(self, ph_key=None):
        self.ph_key = ph_key


def _transfer_attrs(fr, to):
    for name in dir(fr):
        value = getattr(fr, name)
        if not callable(value) and not name.startswith("__") and not hasattr(to, name):
            setattr(to, name, value)


def _with_plain_arguments(fn, nargs):
    """The function with its `*args` and `**kwargs` as ordinary parameters."""
    code = fn.__code__
    code = code.replace(
        co_argcount=nargs,
        co_posonlyargcount=0,
        co_kwonlyargcount=0,
        co_flags=code.co_flags & ~_VARIABLE,
    )
    assert isinstance(code, CodeType)
    return FunctionType(code, fn.__globals__, fn.__name__, fn.__defaults__, fn.__closure__)


class Tracer(TracerBase):
    """Traces modules and functions. Subclasses decide what is a leaf, and see every call.

    `autowrap_modules` are modules of functions (math, by default) that become nodes when they are
    called with proxies, and `autowrap_functions` such functions.
    """

    def __init__(
        self, autowrap_modules=(math,), autowrap_functions=(), param_shapes_constant=False
    ):
        names = chain.from_iterable(vars(m).items() for m in autowrap_modules)
        self._autowrap_function_ids = {
            id(value) for name, value in names if not name.startswith("_") and callable(value)
        } | {id(f) for f in autowrap_functions}
        self._autowrap_search = list(autowrap_modules)
        self.param_shapes_constant = param_shapes_constant
        self.submodule_paths, self.root_module_name = None, ""
        self.scope, self.module_stack = Scope("", None), OrderedDict()
        self.num_calls, self.node_name_to_scope = {}, {}

    def get_fresh_qualname(self, prefix):
        """A name of an attribute that the root does not have: `prefix0`, `prefix1`, ..."""
        i = 0
        while hasattr(self.root, f"{prefix}{i}"):
            i += 1
        return f"{prefix}{i}"

    def create_arg(self, a):
        """A value as a node's argument; tensors and modules become attributes of the root."""
        if isinstance(a, nn.Parameter):
            for name, parameter in self.root.named_parameters():
                if a is parameter:
                    return self.create_node("get_attr", name, (), {})
            raise NameError("parameter is not a member of this module")
        if isinstance(a, (_C.Tensor, nn.Module)):
            tensor = isinstance(a, _C.Tensor)
            owned = self.root.named_buffers() if tensor else self.root.named_modules()
            for name, value in owned:
                if a is value:
                    return self.create_node("get_attr", name, (), {})
        if isinstance(a, tuple) and hasattr(a, "_fields"):
            args = tuple(self.create_arg(x) for x in a)
            return self.create_node("call_function", type(a), args, {})
        if isinstance(a, (_C.Tensor, pytree.TreeSpec)):
            name = self.tensor_attrs.get(a)
            if not name:
                kind = "_tensor" if isinstance(a, _C.Tensor) else "_tree_spec"
                name = self.get_fresh_qualname(f"{kind}_constant")
                self.tensor_attrs[a] = name
                setattr(self.root, name, a)
            return self.create_node("get_attr", name, (), {})
        if type(a) in _proxyable_classes:
            name = self.get_fresh_qualname(f"_{type(a).__name__}_constant_")
            setattr(self.root, name, a)
            return self.create_node("get_attr", name, (), {})
        return super().create_arg(a)

    def is_leaf_module(self, m, module_qualified_name):
        """Whether a module is one node: those of this package are, but for Sequential."""
        return _torch(m.__module__).startswith(("torch.nn", "torch.ao.nn")) and not isinstance(
            m, nn.Sequential
        )

    def path_of_module(self, mod):
        """The path of a submodule; NameError if it is none."""
        if self.submodule_paths:
            path = self.submodule_paths.get(mod)
            if path is not None:
                return path
        else:
            for name, module in self.root.named_modules():
                if mod is module:
                    return name
        raise NameError("module is not installed as a submodule")

    def call_module(self, m, forward, args, kwargs):
        """What a call of a module becomes: a node for a leaf, else what `forward` does."""
        path = self.path_of_module(m)
        with ScopeContextManager(self.scope, Scope(path, type(m))) as scope:
            calls = self.num_calls.get(path, 0)
            key = f"{path}@{calls}" if calls else path
            self.module_stack[key] = (path, scope.module_type)
            self.num_calls[path] = calls + 1
            if self.is_leaf_module(m, path):
                result = self.create_proxy("call_module", path, args, kwargs)
            else:
                result = forward(*args, **kwargs)
            self.module_stack.popitem()
        return result

    def getattr(self, attr, attr_val, parameter_proxy_cache):
        """What an attribute of a module becomes: a proxy for a parameter, and for a buffer if
        `proxy_buffer_attributes` is set.
        """

        def proxy_of(owned):
            name = next((name for name, value in owned if attr_val is value), None)
            if name is not None and name not in parameter_proxy_cache:
                options = {}
                if "proxy_factory_fn" in inspect.signature(self.create_proxy).parameters:
                    options["proxy_factory_fn"] = None
                    if self.param_shapes_constant:
                        options["proxy_factory_fn"] = lambda node: ParameterProxy(
                            self, node, name, attr_val
                        )
                parameter_proxy_cache[name] = self.create_proxy("get_attr", name, (), {}, **options)
            return parameter_proxy_cache.get(name)

        found = None
        if isinstance(attr_val, nn.Parameter):
            found = proxy_of(self.root.named_parameters())
        if found is None and self.proxy_buffer_attributes and isinstance(attr_val, _C.Tensor):
            found = proxy_of(self.root.named_buffers())
        return attr_val if found is None else found

    def create_args_for_root(self, root_fn, is_module, concrete_args=None):
        """(function, its arguments): proxies for the parameters, and nodes for the inputs."""
        plain = inspect.unwrap(root_fn)
        code = plain.__code__
        total = code.co_argcount + code.co_kwonlyargcount
        names = iter(code.co_varnames)
        args, skipped = [], 0
        if is_module:
            if total == 0:
                raise RuntimeError("``self`` argument cannot be part of *args expansion!")
            skipped = 1
            next(names)
            args.append(self.root)
        signature = inspect.signature(plain)
        arg_names = [next(names) for _ in range(skipped, total)]
        if isinstance(concrete_args, tuple):
            if len(arg_names) != len(concrete_args):
                raise RuntimeError(
                    f"Tracing expected {len(arg_names)} arguments but got {len(concrete_args)} "
                    "concrete arguments"
                )
            concrete_args = dict(zip(arg_names, concrete_args))
        args += [self._proxy_placeholder(n, concrete_args, signature, plain) for n in arg_names]
        if code.co_kwonlyargcount > 0 or code.co_flags & _VARIABLE:
            for flag, stars in ((inspect.CO_VARARGS, "*"), (inspect.CO_VARKEYWORDS, "**")):
                if code.co_flags & flag:
                    name = stars + next(names)
                    args.append(self._proxy_placeholder(name, concrete_args, signature, plain))
            root_fn = _with_plain_arguments(root_fn, len(args))
        flat, spec = pytree.tree_flatten(tuple(args))
        if all(child.is_leaf() for child in spec.children()):
            return root_fn, args
        codegen = _PyTreeCodeGen(_PyTreeInfo(list(code.co_varnames)[:total], spec, None))
        self.graph._codegen = codegen

        def flattened(*args):
            result = root_fn(*pytree.tree_unflatten(list(args), spec))
            leaves, out_spec = pytree.tree_flatten(result)
            codegen.pytree_info = codegen.pytree_info._replace(out_spec=out_spec)
            return leaves

        return flattened, flat

    def _proxy_placeholder(self, name, concrete_args, signature, plain):
        default = ()
        if name[0] != "*" and signature.parameters[name].default is not inspect.Parameter.empty:
            default = (signature.parameters[name].default,)
        if concrete_args is None or name not in concrete_args:
            annotation = plain.__annotations__.get(name)
            return self.create_proxy("placeholder", name, default, {}, type_expr=annotation)
        count = 0

        def place(x):
            nonlocal count
            count += 1
            out = self.create_proxy("placeholder", f"{name}_{count}", default, {})
            if isinstance(x, PHBase):
                if x is not PH:
                    _transfer_attrs(x, out.node)
                return out
            if x is None:
                message = f"{name} has been specialized to have value None but got another value"
                self.create_proxy("call_function", _assert_is_none, (out, message), {})
            elif type(x) in base_types and not isinstance(x, _C.Tensor):
                message = f"{name} has been specialized to have value {x} but got another value"
                self.create_proxy("call_function", _assert, (out == x, message), {})
            else:
                warnings.warn(
                    "Was not able to add assertion to guarantee correct input "
                    f"{name} to specialized function. It is up to the user to make sure that your "
                    "inputs match the inputs you specialized the function with.",
                    stacklevel=2,
                )
            return x

        return pytree.tree_map(place, concrete_args[name])

    def trace(self, root, concrete_args=None):
        """The Graph of a module or a function.

        `concrete_args` gives values to parameters by name, which the graph then takes for granted.
        """
        global _is_fx_tracing_flag
        before, _is_fx_tracing_flag = _is_fx_tracing_flag, True
        try:
            if isinstance(root, nn.Module):
                self._check_root(root)
                self.root = root
                fn = getattr(type(root), self.traced_func_name)
                self.root_module_name = root._get_name()
                self.submodule_paths = {mod: name for name, mod in root.named_modules()}
            else:
                self.root, fn = nn.Module(), root
            self.graph = Graph(tracer_cls=getattr(self, "__class__", None))
            if hasattr(fn, "__code__"):
                code = fn.__code__
                self.graph._co_fields = {
                    "co_name": code.co_name,
                    "co_filename": code.co_filename,
                    "co_firstlineno": code.co_firstlineno,
                }
            self.tensor_attrs = {}
            for path, module in self.root.named_modules(remove_duplicate=False):
                for name, value in vars(module).items():
                    if isinstance(value, (_C.Tensor, pytree.TreeSpec)):
                        self.tensor_attrs[value] = f"{path}.{name}" if path else name
            self._run(fn, isinstance(root, nn.Module), concrete_args)
            self.submodule_paths = None
        finally:
            _is_fx_tracing_flag = before
        return self.graph

    def _check_root(self, root):
        if not hasattr(type(root), self.traced_func_name):
            raise AssertionError(
                f"traced_func_name={self.traced_func_name} doesn't exist in {type(root).__name__}"
            )

    def _run(self, fn, is_module, concrete_args):
        names = fn.__globals__
        fn, args = self.create_args_for_root(fn, is_module, concrete_args)
        proxies = {}

        @functools.wraps(_getattr)
        def get(module, attr):
            return self.getattr(attr, _getattr(module, attr), proxies)

        @functools.wraps(_call)
        def call(module, *args, **kwargs):
            def forward(*args, **kwargs):
                return _call(module, *args, **kwargs)

            function = getattr(module, "forward", module)
            patcher.autowrap(getattr(function, "__globals__", {}), self._autowrap_function_ids)
            return self.call_module(module, forward, args, kwargs)

        with patching() as patcher, module_methods(call, get):
            patcher.autowrap(names, self._autowrap_function_ids)
            for module in self._autowrap_search:
                patcher.autowrap(vars(module), self._autowrap_function_ids)
            returned = inspect.get_annotations(inspect.unwrap(fn)).get("return")
            value = self.create_arg(fn(*args))
            self.create_node("output", "output", (value,), {}, type_expr=returned)


def wrap(fn_or_name):
    """Lets a function of the calling module become a node when it is called with a proxy: called at
    the top of a module, with the function or its name ("len"); gives it back.
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError(
            "Unsupported type for global function! Must be either a callable or string name"
        )
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__
    frame = inspect.currentframe().f_back
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    wrapped_functions[id(frame.f_globals), name] = frame.f_globals
    return fn_or_name


def symbolic_trace(root, concrete_args=None):
    """The GraphModule of a module or a function: what it does, as a graph with its code."""
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, nn.Module) else root.__name__
    return GraphModule(tracer.root, graph, name)


@wrap
def _assert_is_none(value, msg):
    if value is not None:
        raise AssertionError(msg)
