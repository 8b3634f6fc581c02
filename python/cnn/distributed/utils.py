"""What data-parallel training does to modules at its start."""

from __future__ import annotations

from .buckets import _broadcast_coalesced, _verify_params_across_processes

__all__ = []


def _verify_param_shape_across_processes(process_group, tensors, logger=None):
    """RuntimeError on every rank unless tensors agree in number, shape, strides and dtype."""
    return _verify_params_across_processes(process_group, tensors, logger)


def _sync_module_states(
    module,
    process_group,
    broadcast_bucket_size,
    src,
    params_and_buffers_to_ignore,
    broadcast_buffers=True,
):
    """Parameters of all ranks become those of rank `src`, and buffers if `broadcast_buffers`."""
    named = list(module.named_parameters())
    if broadcast_buffers:
        named += module.named_buffers()
    tensors = [tensor for name, tensor in named if name not in params_and_buffers_to_ignore]
    if tensors:
        _broadcast_coalesced(process_group, tensors, broadcast_bucket_size, src)
