"""Quantized models: none. The names can be imported, and raise when they are called."""

from __future__ import annotations

from ... import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "there are no quantized tensors; keep integers and their scale apart",
    functions="""
        add_quant_dequant convert default_debug_observer default_eval_fn
        default_placeholder_observer default_reuse_input_observer disable_fake_quant
        disable_observer enable_fake_quant enable_observer fuse_conv_bn fuse_conv_bn_jit
        fuse_conv_bn_relu fuse_convtranspose_bn fuse_linear_bn fuse_modules fuse_modules_qat
        get_block_size get_default_compare_output_module_list get_default_custom_config_dict
        get_default_dynamic_quant_module_mappings
        get_default_dynamic_sparse_quant_module_mappings get_default_qat_module_mappings
        get_default_qat_qconfig get_default_qat_qconfig_mapping get_default_qconfig
        get_default_qconfig_mapping get_default_qconfig_propagation_list
        get_default_static_quant_module_mappings
        get_default_static_quant_reference_module_mappings
        get_default_static_sparse_quant_module_mappings get_dynamic_quant_module_class
        get_embedding_qat_module_mappings get_embedding_static_quant_module_mappings
        get_fuser_method get_fuser_method_new get_observer_state_dict get_quantized_operator
        get_static_quant_module_class load_observer_state_dict no_observer_set prepare
        prepare_qat propagate_qconfig_ qconfig_equals quantize quantize_dynamic
        quantize_dynamic_jit quantize_jit quantize_qat script_qconfig script_qconfig_dict
        swap_module""",
    classes="""
        AffineQuantizedObserverBase DeQuantStub FakeQuantize FakeQuantizeBase
        FixedQParamsFakeQuantize FixedQParamsObserver FusedMovingAvgObsFakeQuantize Granularity
        HistogramObserver MappingType MinMaxObserver MovingAverageMinMaxObserver
        MovingAveragePerChannelMinMaxObserver NoopObserver ObserverBase PerAxis PerBlock
        PerChannelMinMaxObserver PerGroup PerRow PerTensor PerToken PlaceholderObserver QConfig
        QConfigDynamic QConfigMapping QuantStub QuantWrapper RecordingObserver
        ReuseInputObserver TorchAODType UniformQuantizationObserverBase ZeroPointDomain""",
)
