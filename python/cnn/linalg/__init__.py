"""Linear algebra on matrices, the last two dimensions of float32 and float64 tensors on the CPU.

Cholesky, LU and triangular systems are blocks over the library's own matrix products; QR,
eigenvalues and singular values are the LAPACK's that NumPy carries. The bits of a result do not
depend on the number of threads; of the second kind, where NumPy stands on OpenBLAS. Gradients are
stated in differentiable functions, and so there to any order; what each needs of its matrix is said
with the function.
"""

from __future__ import annotations

from .. import _absent, _faces
from . import _checks, factorizations, norms, products, solving, spectral
from ._checks import LinAlgError
from .factorizations import *  # noqa: F403
from .norms import *  # noqa: F403
from .products import *  # noqa: F403
from .solving import *  # noqa: F403
from .spectral import *  # noqa: F403

_functions = [
    name for part in (factorizations, norms, products, solving, spectral) for name in part.__all__
]
__all__ = sorted(["LinAlgError", *_functions])

for _name in _functions:
    globals()[_name] = _checks.with_numpys_names(globals()[_name])
_faces.adopt(__name__)
_faces.let_override(globals(), _functions, **{name: f"linalg_{name}" for name in _functions})
_absent.explain(__name__)
