"""cnn: tensors, automatic differentiation, neural networks; with PyTorch's names and semantics."""

from __future__ import annotations

import os as _os
from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi

from . import _C
from ._C import *  # noqa: F403  (the ops, dtypes and types of the core)
from ._C import Tensor as Tensor

__version__ = "0.1.0"

# Names of the core that start with an underscore stay there; these are Python's own.
from . import _forking, _storage_methods, _tensor  # noqa: E402, F401
from ._composite import *  # noqa: E402, F403
from ._number_info import finfo as finfo  # noqa: E402
from ._number_info import iinfo as iinfo  # noqa: E402
from ._settings import *  # noqa: E402, F403
from .autograd import enable_grad as enable_grad  # noqa: E402
from .autograd import inference_mode as inference_mode  # noqa: E402
from .autograd import no_grad as no_grad  # noqa: E402
from .autograd import set_grad_enabled as set_grad_enabled  # noqa: E402
from .functional import *  # noqa: E402, F403
from .random import get_rng_state as get_rng_state  # noqa: E402
from .random import initial_seed as initial_seed  # noqa: E402
from .random import manual_seed as manual_seed  # noqa: E402
from .random import seed as seed  # noqa: E402
from .random import set_rng_state as set_rng_state  # noqa: E402

newaxis = None
has_lapack = True
has_mkl = has_mkldnn = has_openmp = has_spectral = has_cuda = has_cudnn = has_mps = False

# PyTorch's names for the dtypes.
float = _C.float32
double = _C.float64
half = _C.float16
short = _C.int16
int = _C.int32
long = _C.int64

# Sub-packages, and names by the module that has them: they load when they are asked for.
_SUBMODULES = frozenset(
    """
    accelerator amp ao autograd backends _compile compiler __config__ cpu cuda _custom_ops
    distributed distributions _dynamo export fft func _functorch futures fx _guards
    _higher_order_ops hub _inductor jit _jit_internal _library library linalg _logging masked
    monitor mps mtia multiprocessing nested nn onnx _ops optim overrides package profiler
    quantization quasirandom random return_types serialization signal sparse special storage
    _subclasses testing types _utils utils version xpu
""".split()
)
_NAMES_OF = {
    "_C": "_dirichlet_grad _sample_dirichlet _standard_gamma _standard_gamma_grad",
    "_checks": """
        _assert _check _check_index _check_is_size _check_not_implemented _check_tensor_all
        _check_type _check_value _check_with""",
    "_compile": "compile _disable_dynamo",
    "_core_forms": """
        alpha_dropout alpha_dropout_ cosine_embedding_loss ctc_loss feature_alpha_dropout
        feature_alpha_dropout_ grid_sampler grid_sampler_2d grid_sampler_3d hinge_embedding_loss
        kl_div margin_ranking_loss native_batch_norm native_group_norm poisson_nll_loss rrelu
        triplet_margin_loss""",
    "_creation": "asarray empty_permuted from_file range",
    "_dispatch_key": "DispatchKey",
    "_kinds": """
        AVG AggregationType SUM get_device_module is_storage result_type typename""",
    "_ops": "ops Tag",
    "_streams": "AcceleratorError Event Stream",
    "_symbols": """
        sym_float sym_fresh_size sym_int sym_ite sym_max sym_min sym_not sym_sqrt sym_sum SymBool
        SymFloat SymInt""",
    "_tensor_str": "get_printoptions set_printoptions",
    "_windows": "bartlett_window blackman_window hamming_window hann_window kaiser_window",
    "amp._deprecation": """
        get_autocast_cpu_dtype get_autocast_gpu_dtype is_autocast_cpu_enabled
        set_autocast_cpu_dtype set_autocast_cpu_enabled set_autocast_gpu_dtype""",
    "amp.autocast_mode": "autocast",
    "amp.grad_scaler": "_amp_foreach_non_finite_check_and_unscale_ _amp_update_scale_ GradScaler",
    "func": "vmap",
    "_higher_order_ops": "cond",
    "_library.schema": "parse_schema",
    "jit": "ScriptFunction ScriptModule fork wait",
    "linalg._older": """
        chain_matmul cholesky cholesky_inverse cholesky_solve det eig geqrf inverse lobpcg logdet
        lstsq lu lu_solve lu_unpack matrix_exp matrix_power matrix_rank orgqr ormqr pca_lowrank
        pinverse qr slogdet solve svd svd_lowrank symeig triangular_solve vander""",
    "nn.functional": """
        bilinear channel_shuffle conv_tbc cosine_similarity native_channel_shuffle
        pairwise_distance pdist pixel_shuffle pixel_unshuffle rrelu_""",
    "serialization": "load save",
    "serialization.records": "PyTorchFileReader",
    "storage": """
        BFloat16Storage BoolStorage ByteStorage CharStorage DoubleStorage FloatStorage
        HalfStorage IntStorage LongStorage ShortStorage TypedStorage""",
}
_LAZY = {name: module for module, names in _NAMES_OF.items() for name in names.split()}

TYPE_CHECKING = False  # as in `typing`, which costs a third of the import
if TYPE_CHECKING:  # what __getattr__ brings, for readers of types
    from . import amp as amp
    from . import autograd as autograd
    from . import compiler as compiler
    from . import cpu as cpu
    from . import cuda as cuda
    from . import distributions as distributions
    from . import export as export
    from . import func as func
    from . import futures as futures
    from . import fx as fx
    from . import jit as jit
    from . import library as library
    from . import linalg as linalg
    from . import nn as nn
    from . import onnx as onnx
    from . import optim as optim
    from . import overrides as overrides
    from . import profiler as profiler
    from . import random as random
    from . import return_types as return_types
    from . import serialization as serialization
    from . import special as special
    from . import storage as storage
    from . import testing as testing
    from . import types as types
    from . import utils as utils
    from ._compile import compile as compile
    from ._ops import Tag as Tag
    from ._ops import ops as ops
    from ._tensor_str import get_printoptions as get_printoptions
    from ._tensor_str import set_printoptions as set_printoptions
    from .amp.autocast_mode import autocast as autocast
    from .amp.grad_scaler import GradScaler as GradScaler
    from .func import vmap as vmap
    from .linalg._older import *  # noqa: F403
    from .serialization import load as load
    from .serialization import save as save
else:

    def __getattr__(name):
        """Sub-packages and what stands in them load at first use, so that `import cnn` is quick."""
        import importlib

        if name in _SUBMODULES:
            return importlib.import_module(f"cnn.{name}")
        if name in _LAZY:
            value = getattr(importlib.import_module(f"cnn.{_LAZY[name]}"), name)
            globals()[name] = value
            return value
        from ._absent import absent

        raise absent("cnn", name)


def _core_name(name):
    from ._core_names import find

    return find(name)


_C.__getattr__ = _core_name  # what PyTorch's core has and this one needs not


if "CNN_AS_TORCH" in _os.environ:
    from . import _torch_alias

    _torch_alias.install()
