"""Packages that are one module to their users, as PyTorch has them, and several files here."""

from __future__ import annotations

import sys

from . import _C


def adopt(face, *files):
    """Makes classes and functions name `face` as their module, which shows them: those of `files`,
    by default of the files below it.

    Pickles and `inspect` then find them where PyTorch's are: `cnn.optim.lr_scheduler.StepLR`.
    """
    prefixes = files or (f"{face}.",)
    own = {m.__name__ for path, m in sys.modules.items() if path.startswith(prefixes)}
    for value in list(vars(sys.modules[face]).values()):
        if getattr(value, "__module__", None) in own and hasattr(value, "__name__"):
            value.__module__ = face


# Functions written in Python here that are one op in PyTorch: profiles show them by their name.
_ONE_OP = frozenset("""
    alpha_dropout atleast_1d atleast_2d atleast_3d batch_norm bilinear binary_cross_entropy
    binary_cross_entropy_with_logits block_diag cartesian_prod cdist celu celu_ channel_shuffle
    column_stack combinations conv_tbc corrcoef cosine_embedding_loss cosine_similarity cov cross
    ctc_loss cumulative_trapezoid diagflat diff dist dropout dstack einsum elu embedding
    embedding_bag feature_alpha_dropout fliplr flipud glu gradient grid_sampler group_norm
    hardsigmoid hardswish hardtanh hinge_embedding_loss histc histogram histogramdd hstack
    huber_loss inner instance_norm isin isreal kl_div kron l1_loss layer_norm leaky_relu
    log_softmax margin_ranking_loss meshgrid mish mse_loss multi_margin_loss multilabel_margin_loss
    nanquantile native_batch_norm native_channel_shuffle native_group_norm one_hot pad
    pairwise_distance pdist pixel_shuffle pixel_unshuffle poisson_nll_loss quantile relu6 rms_norm
    rot90 rrelu rrelu_ selu selu_ silu smooth_l1_loss soft_margin_loss softmax tensordot threshold
    tile trapezoid trapz tril_indices triplet_margin_loss triu_indices unique_consecutive vstack
""".split())  # fmt: skip


def let_override(space, names, **ops):
    """Lets `__torch_function__` and autocast take over functions that are written in Python, and
    profiles show them, as with ops.

    `space` is a namespace: {name: function, ...}. Keywords are the names under which autocast lists
    functions that are called otherwise.
    """
    for name in names:
        if isinstance(space[name], type(adopt)):
            space[name] = _C._overridable(space[name], ops.get(name, name), name in _ONE_OP)


def lend(face, source, names):
    """Lets a module show names of another one, which loads when one of them is asked for.

    `names` is a string of them.
    """
    names = names.split()

    def __getattr__(name):
        if name in names:
            from importlib import import_module

            return getattr(import_module(source), name)
        raise AttributeError(f"module {face!r} has no attribute {name!r}")

    sys.modules[face].__getattr__ = __getattr__
