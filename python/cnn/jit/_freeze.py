"""Modules made ready for inference: there is nothing to do but to switch training off."""

from __future__ import annotations

from ..nn import Module


def freeze(mod, preserved_attrs=None, optimize_numerics=True):
    """Gives the module back, which must be in evaluation mode.

    PyTorch makes a copy with the weights as constants; here later changes of the weights count.
    """
    if not isinstance(mod, Module):
        raise RuntimeError(
            "Freezing expects a ScriptModule as input. Please use torch.jit.script or "
            "torch.jit.trace to script your 'nn.Module'."
        )
    if mod.training:
        raise RuntimeError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() "
            "on your module before freezing."
        )
    return mod


def run_frozen_optimizations(mod, optimize_numerics=True, preserved_methods=None):
    """Nothing: the core fuses what it can when it runs."""


def optimize_for_inference(mod, other_methods=None):
    """Puts the module into evaluation mode and gives it back."""
    if not isinstance(mod, Module):
        raise RuntimeError(
            "optimize_for_inference expects a ScriptModule as input. Please use torch.jit.script "
            "or torch.jit.trace to script your 'nn.Module'."
        )
    return freeze(mod.eval(), other_methods)
