"""Every path of PyTorch's own tree from which programs import, and the module that its classes name as theirs."""

import importlib
import json
import subprocess
import sys
import types

import pytest

torch = pytest.importorskip("torch")

# Module: the names that programs take from it. Those of nn are to have all of PyTorch's `__all__` besides; the public
# names of other modules are compared in test_names_parity.py.
PATHS = {
    "torch._compile": "_disable_dynamo",
    "torch._custom_ops": "impl_abstract",
    "torch._dynamo": "OptimizedModule config disable is_compiling mark_static mark_static_address",
    "torch._dynamo.eval_frame": "OptimizedModule innermost_fn is_dynamo_supported",
    "torch._dynamo.exc": "BackendCompilerFailed TorchDynamoException Unsupported",
    "torch._dynamo.external_utils": "is_compiling wrap_numpy",
    "torch._functorch.apis": "grad vmap",
    "torch._functorch.eager_transforms": "jacrev jvp vjp",
    "torch._functorch.functional_call": "functional_call stack_module_state",
    "torch._functorch.vmap": "vmap_impl",
    "torch._guards": "CompileContext TracingContext detect_fake_mode",
    "torch._higher_order_ops": "associative_scan cond map scan while_loop",
    "torch._inductor.config": "",
    "torch._jit_internal": """BroadcastingList1 BroadcastingList2 BroadcastingList3 Final Future
        _copy_to_script_wrapper _overload _overload_method boolean_dispatch export ignore is_scripting unused""",
    "torch._logging": "LazyString getArtifactLogger set_logs warning_once",
    "torch._ops": "HigherOrderOperator OpOverload OpOverloadPacket ops",
    "torch._subclasses.fake_tensor": "FakeTensor FakeTensorMode",
    "torch.compiler": "is_compiling",
    "torch.export": "Dim ExportedProgram ShapesCollection",
    "torch.func": "functional_call grad hessian jacrev vmap",
    "torch.futures": "Future collect_all wait_all",
    "torch.fx": "Graph GraphModule Interpreter Node PH Proxy ProxyableClassMeta Tracer Transformer wrap",
    "torch.fx._symbolic_trace": "Tracer is_fx_tracing symbolic_trace _assert_is_none",
    "torch.fx.experimental.optimization": "fuse remove_dropout replace_node_module",
    "torch.fx.experimental.proxy_tensor": "make_fx",
    "torch.fx.graph": "CodeGen Graph PythonCode _Namespace _PyTreeCodeGen inplace_methods magic_methods",
    "torch.fx.graph_module": "GraphModule _assign_attr _copy_attr reduce_graph_module",
    "torch.fx.immutable_collections": "immutable_dict immutable_list",
    "torch.fx.interpreter": "Interpreter Transformer",
    "torch.fx.node": "Argument Node Target _get_qualified_name base_types has_side_effect map_aggregate map_arg",
    "torch.fx.passes.shape_prop": "ShapeProp TensorMetadata _extract_tensor_metadata",
    "torch.fx.passes.utils.matcher_utils": "InternalMatch SubgraphMatcher",
    "torch.fx.proxy": "Attribute GraphAppendingTracer ParameterProxy Proxy Scope TraceError TracerBase",
    "torch.fx.subgraph_rewriter": "Match ReplacedPatterns replace_pattern replace_pattern_with_filters",
    "torch.jit": """Attribute CompilationUnit RecursiveScriptModule ScriptFunction ScriptModule ScriptWarning
        TopLevelTracedModule TracedModule TracerWarning TracingCheckError _overload_method is_scripting is_tracing""",
    "torch.jit._script": "ScriptModule script",
    "torch.jit._trace": "TopLevelTracedModule TracerWarning trace",
    "torch.jit.annotations": "",
    "torch.jit.frontend": "FrontendError NotSupportedError",
    "torch.library": "Library custom_op opcheck register_autograd register_fake register_kernel",
    "torch.onnx": "OnnxExporterError OperatorExportTypes TrainingMode is_in_onnx_export",
    "torch.onnx.symbolic_helper": "parse_args",
    "torch.return_types": "max",
    "torch.utils._python_dispatch": """TorchDispatchMode is_traceable_wrapper_subclass
        return_and_correct_aliasing transform_subclass""",
    "torch.utils._pytree": """GetAttrKey LeafSpec MappingKey NodeDef SequenceKey SUPPORTED_NODES TreeSpec
        _broadcast_to_and_flatten register_dataclass tree_flatten tree_map_only""",
    "torch._tensor": "_rebuild_from_type_v2",
    "torch._utils": """ExceptionWrapper _element_size _flatten_dense_tensors _get_device_index _import_dotted_name
        _rebuild_parameter _rebuild_tensor _rebuild_tensor_v2 _reorder_tensors_as _take_tensors
        _unflatten_dense_tensors classproperty render_call""",
    "torch.amp": "_enter_autocast _exit_autocast",
    "torch.amp.autocast_mode": "_cast",
    "torch.amp.grad_scaler": "_MultiDeviceReplicator _refresh_per_optimizer_state",
    "torch.autograd": "Function Variable backward grad",
    "torch.autograd.anomaly_mode": "",
    "torch.autograd.function": "BackwardCFunction FunctionMeta once_differentiable",
    "torch.autograd.functional": "",
    "torch.autograd.grad_mode": "_force_original_view_tracking",
    "torch.autograd.gradcheck": "get_analytical_jacobian get_numerical_jacobian",
    "torch.autograd.graph": "",
    "torch.autograd.profiler": "KinetoStepTracker emit_nvtx kineto_available profile record_function",
    "torch.autograd.profiler_util": "EventList FormattedTimesMixin FunctionEvent FunctionEventAvg Interval Kernel",
    "torch.autograd.variable": "Variable",
    "torch.cpu.amp": "GradScaler autocast",
    "torch.cpu.amp.autocast_mode": "",
    "torch.cpu.amp.grad_scaler": "",
    "torch.cuda.amp": "",
    "torch.cuda.amp.autocast_mode": "_cast",
    "torch.cuda.amp.common": "",
    "torch.cuda.amp.grad_scaler": "OptState",
    "torch.functional": "",
    "torch.nn._reduction": "get_enum legacy_get_string",
    "torch.nn.common_types": """_maybe_indices_t _ratio_2_t _ratio_3_t _ratio_any_t _scalar_or_tuple_2_t
        _scalar_or_tuple_any_t _size_1_t _size_2_opt_t _size_2_t _size_3_t _size_any_t""",
    "torch.nn.functional": "_canonical_mask _get_softmax_dim _in_projection _in_projection_packed",
    "torch.nn.grad": "conv1d_input conv1d_weight conv2d_input conv2d_weight conv3d_input conv3d_weight",
    "torch.nn.init": "_calculate_correct_fan _calculate_fan_in_and_fan_out _no_grad_normal_ _no_grad_trunc_normal_",
    "torch.nn.modules": "",
    "torch.nn.modules.activation": "",
    "torch.nn.modules.adaptive": "_ASMoutput",
    "torch.nn.modules.batchnorm": "_BatchNorm _LazyNormBase _NormBase",
    "torch.nn.modules.channelshuffle": "",
    "torch.nn.modules.container": "_addindent",
    "torch.nn.modules.conv": "_ConvNd _ConvTransposeNd _reverse_repeat_tuple _pair _single _triple",
    "torch.nn.modules.distance": "",
    "torch.nn.modules.dropout": "_DropoutNd",
    "torch.nn.modules.flatten": "",
    "torch.nn.modules.fold": "",
    "torch.nn.modules.instancenorm": "_InstanceNorm",
    "torch.nn.modules.lazy": "LazyModuleMixin",
    "torch.nn.modules.linear": "NonDynamicallyQuantizableLinear",
    "torch.nn.modules.loss": "_Loss _WeightedLoss _Reduction",
    "torch.nn.modules.module": """_EXTRA_STATE_KEY_SUFFIX _IncompatibleKeys _WrappedHook _addindent
        _global_backward_hooks _global_backward_pre_hooks _global_forward_hooks _global_forward_pre_hooks""",
    "torch.nn.modules.normalization": "_shape_t",
    "torch.nn.modules.padding": "_ConstantPadNd _ReflectionPadNd _ReplicationPadNd",
    "torch.nn.modules.pixelshuffle": "",
    "torch.nn.modules.pooling": "_AdaptiveAvgPoolNd _AdaptiveMaxPoolNd _AvgPoolNd _MaxPoolNd _MaxUnpoolNd",
    "torch.nn.modules.rnn": "apply_permutation",
    "torch.nn.modules.sparse": "",
    "torch.nn.modules.transformer": "_get_activation_fn _get_clones _generate_square_subsequent_mask",
    "torch.nn.modules.upsampling": "",
    "torch.nn.modules.utils": """_list_with_default _ntuple _pair _quadruple _reverse_repeat_tuple _single _triple
        consume_prefix_in_state_dict_if_present""",
    "torch.nn.parallel": "",
    "torch.nn.parallel._functions": "Broadcast Gather ReduceAddCoalesced Scatter",
    "torch.nn.parallel.comm": "broadcast broadcast_coalesced gather reduce_add reduce_add_coalesced scatter",
    "torch.nn.parallel.data_parallel": "",
    "torch.nn.parallel.parallel_apply": "",
    "torch.nn.parallel.replicate": "",
    "torch.nn.parallel.scatter_gather": "is_namedtuple",
    "torch.nn.parameter": "Buffer UninitializedTensorMixin is_lazy",
    "torch.nn.utils": "",
    "torch.nn.utils.clip_grad": "",
    "torch.nn.utils.convert_parameters": "",
    "torch.nn.utils.fusion": "",
    "torch.nn.utils.init": "skip_init",
    "torch.nn.utils.parametrizations": "_Orthogonal _SpectralNorm",
    "torch.nn.utils.parametrize": "",
    "torch.nn.utils.prune": """BasePruningMethod CustomFromMask Identity L1Unstructured LnStructured
        PruningContainer RandomStructured RandomUnstructured custom_from_mask global_unstructured identity is_pruned
        l1_unstructured ln_structured random_structured random_unstructured remove""",
    "torch.nn.utils.rnn": "PackedSequence bind invert_permutation",
    "torch.nn.utils.spectral_norm": "SpectralNorm SpectralNormLoadStateDictPreHook",
    "torch.nn.utils.stateless": "functional_call",
    "torch.nn.utils.weight_norm": "WeightNorm",
    "torch.optim": "",
    "torch.optim._functional": "adam adamw sgd",
    "torch.optim._multi_tensor": "Adam AdamW SGD",
    "torch.optim.adadelta": "",
    "torch.optim.adagrad": "",
    "torch.optim.adam": "",
    "torch.optim.adamax": "",
    "torch.optim.adamw": "",
    "torch.optim.asgd": "",
    "torch.optim.lbfgs": "",
    "torch.optim.lr_scheduler": "_LRScheduler EPOCH_DEPRECATION_WARNING",
    "torch.optim.nadam": "",
    "torch.optim.optimizer": """ParamsT _RequiredParameter _default_to_fused_or_foreach _dispatch_sqrt _get_value
        _use_grad_for_differentiable required""",
    "torch.optim.radam": "",
    "torch.optim.rmsprop": "",
    "torch.optim.rprop": "",
    "torch.optim.sgd": "",
    "torch.optim.sparse_adam": "",
    "torch.optim.swa_utils": "",
    "torch.overrides": "_get_current_function_mode is_tensor_like has_torch_function_unary has_torch_function_variadic",
    "torch.profiler": """DeviceType ExecutionTraceObserver KinetoStepTracker ProfilerAction ProfilerActivity
        _KinetoProfile kineto_available profile record_function schedule supported_activities
        tensorboard_trace_handler""",
    "torch.profiler.profiler": "PROFILER_STEP_NAME ProfilerActivity profile",
    "torch.random": "fork_rng",
    "torch.serialization": "",
    "torch.storage": "_LegacyStorage _StorageBase",
    "torch.types": "Device Number _TensorOrTensors _size",
    "torch.utils.benchmark": "Colorize Compare Measurement TaskSpec Timer timer",
    "torch.utils.benchmark.utils.common": "ordered_unique select_unit set_torch_threads trim_sigfig unit_to_english",
    "torch.utils.benchmark.utils.compare": "Compare",
    "torch.utils.benchmark.utils.timer": "Timer timer",
    "torch.utils.checkpoint": "",
    "torch.utils.data": "",
    "torch.utils.data._utils": "",
    "torch.utils.data._utils.collate": """collate collate_float_fn collate_int_fn collate_numpy_array_fn
        collate_numpy_scalar_fn collate_str_fn collate_tensor_fn default_collate_err_msg_format
        default_collate_fn_map default_convert np_str_obj_array_pattern""",
    "torch.utils.data._utils.fetch": "_IterableDatasetFetcher _MapDatasetFetcher",
    "torch.utils.data._utils.pin_memory": "pin_memory",
    "torch.utils.data._utils.worker": "WorkerInfo get_worker_info",
    "torch.utils.data.dataloader": """_BaseDataLoaderIter _DatasetKind _InfiniteConstantSampler
        _MultiProcessingDataLoaderIter _SingleProcessDataLoaderIter""",
    "torch.utils.data.dataset": "",
    "torch.utils.data.distributed": "",
    "torch.utils.data.sampler": "",
    "torch.utils.flop_counter": """FlopCounterMode conv_flop_count flop_registry mm_flop register_flop_formula
        sdpa_flop_count""",
    "torch.utils.hooks": "",
}

# What of these there is not, and why.
MISSING: dict[str, str] = {}

# Classes that stand at another path in PyTorch by the accident of its own build.
ELSEWHERE = {
    "DeviceType",
    "Future",
    "Node",
    "OperatorExportTypes",
    "ProfilerActivity",
    "ScriptModule",
    "Storage",
    "TrainingMode",
}

ASK = r"""
import importlib, json, sys

def ask(path, names):
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError:
        return None
    return {name: getattr(getattr(module, name), "__module__", None) for name in names if hasattr(module, name)}

print(json.dumps({path: ask(path, names) for path, names in json.loads(sys.stdin.read()).items()}))
"""


def theirs(path):
    """The names that a module is to have."""
    public = (
        getattr(importlib.import_module(path), "__all__", ()) if path.startswith("torch.nn") else ()
    )
    return [*public, *PATHS[path].split()]


@pytest.fixture(scope="module")
def ours():
    """{path: {name: the `__module__` of what stands there}} of a program that takes cnn for PyTorch."""
    wanted = {path: theirs(path) for path in PATHS}
    wanted["torch"] = public_classes(torch)
    done = subprocess.run(
        [sys.executable, "-m", "cnn", "-c", ASK],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def public_classes(module):
    return [
        name for name, value in vars(module).items() if name[0] != "_" and isinstance(value, type)
    ]


@pytest.mark.parametrize("path", PATHS)
def test_names(ours, path):
    assert ours[path] is not None, "there is no such module"
    absent = {name for name in theirs(path) if name not in ours[path]}
    assert absent == set(MISSING.get(path, "").split())


def test_few_names_are_missing():
    assert sum(len(names.split()) for names in MISSING.values()) <= 10


@pytest.mark.parametrize("path", ["torch", *PATHS])
def test_classes_say_where_they_are(ours, path):
    module = importlib.import_module(path)
    for name, where in (ours[path] or {}).items():
        value = getattr(module, name, None)
        if isinstance(value, type) and name not in ELSEWHERE:
            assert where == value.__module__, name


def test_functions_of_nn_say_where_they_are(ours):
    for name, where in ours["torch.nn.functional"].items():
        if isinstance(getattr(torch.nn.functional, name, None), types.FunctionType):
            assert where == "torch.nn.functional", name


def test_the_package_says_that_it_is_torch():
    code = "import torch; print(torch.__name__, torch.Tensor.__module__, torch.nn.__name__, torch.float32)"
    done = subprocess.run(
        [sys.executable, "-m", "cnn", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "torch torch torch.nn torch.float32\n"
