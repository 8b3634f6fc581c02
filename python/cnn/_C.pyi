# ruff: noqa: E501
# Made by tests/tools/make_stub.py from the bindings; do not edit.
import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, NamedTuple, TypeAlias, TypeVar, final, overload

from numpy.typing import NDArray
from typing_extensions import Self

# The names of Python that dtypes and methods of Tensor cover.
_bool: TypeAlias = builtins.bool
_int: TypeAlias = builtins.int
_float: TypeAlias = builtins.float
_dtype: TypeAlias = dtype
_device: TypeAlias = device
_layout: TypeAlias = layout
_DtypeLike: TypeAlias = dtype | type[_float] | type[_int] | type[_bool]
_DeviceLike: TypeAlias = device | str | _int
_Number: TypeAlias = _int | _float | _bool
_Dims: TypeAlias = _int | Sequence[_int]
_Index: TypeAlias = (
    Any  # ints, slices, None, Ellipsis, tensors, arrays, sequences, and tuples of them
)
_T = TypeVar("_T", bound=Tensor)

@final
class dtype:
    @property
    def is_floating_point(self) -> _bool: ...
    @property
    def is_complex(self) -> _bool: ...
    @property
    def is_signed(self) -> _bool: ...
    @property
    def itemsize(self) -> _int: ...
    @property
    def abbr(self) -> str: ...
    def to_real(self) -> dtype: ...
    def to_complex(self) -> dtype: ...
    def __copy__(self) -> dtype: ...
    def __deepcopy__(self, memo: Any, /) -> dtype: ...
    def __reduce__(self) -> str: ...

@final
class layout:
    def __copy__(self) -> _layout: ...
    def __deepcopy__(self, memo: Any, /) -> _layout: ...
    def __reduce__(self) -> str: ...

@final
class memory_format:
    def __copy__(self) -> memory_format: ...
    def __deepcopy__(self, memo: Any, /) -> memory_format: ...
    def __reduce__(self) -> str: ...

@final
class device:
    def __new__(cls, type: _DeviceLike, index: _int | None = None) -> Self: ...
    @property
    def type(self) -> str: ...
    @property
    def index(self) -> _int | None: ...
    def __call__(self, function: Callable[..., Any], /) -> Any: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *args: Any) -> None: ...
    def __eq__(self, other: object, /) -> _bool: ...
    def __ne__(self, other: object, /) -> _bool: ...
    def __hash__(self) -> _int: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class Size(tuple[_int, ...]):
    def numel(self) -> _int: ...
    @overload  # type: ignore[override]
    def __getitem__(self, key: _int, /) -> _int: ...
    @overload
    def __getitem__(self, key: slice, /) -> Size: ...
    def __add__(self, value: tuple[_int, ...], /) -> Size: ...  # type: ignore[override]
    def __radd__(self, value: tuple[_int, ...], /) -> Size: ...
    def __mul__(self, value: _int, /) -> Size: ...  # type: ignore[override]
    def __rmul__(self, value: _int, /) -> Size: ...  # type: ignore[override]
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class Generator:
    def __new__(cls, device: _DeviceLike = "cpu") -> Self: ...
    @property
    def device(self) -> _device: ...
    def manual_seed(self, seed: _int, /) -> Self: ...
    def seed(self) -> _int: ...
    def initial_seed(self) -> _int: ...
    def get_state(self) -> Tensor: ...
    def set_state(self, state: Tensor, /) -> Self: ...
    def get_offset(self) -> _int: ...
    def set_offset(self, offset: _int, /) -> Self: ...
    def clone_state(self) -> Generator: ...
    def graphsafe_get_state(self) -> Generator: ...
    def graphsafe_set_state(self, other: Generator, /) -> Self: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    def __setstate__(self, state: Tensor, /) -> Any: ...

default_generator: Generator

@final
class UntypedStorage:
    def __new__(cls, nbytes: _int = 0, *, device: _DeviceLike = "cpu") -> Self: ...
    @property
    def device(self) -> _device: ...
    def nbytes(self) -> _int: ...
    def size(self) -> _int: ...
    def element_size(self) -> _int: ...
    def data_ptr(self) -> _int: ...
    def is_shared(self) -> _bool: ...
    def share_memory_(self) -> Self: ...
    def resizable(self) -> _bool: ...
    def resize_(self, nbytes: _int, /) -> Self: ...
    def clone(self) -> UntypedStorage: ...
    def copy_(self, source: UntypedStorage, non_blocking: _bool = False, /) -> Self: ...
    def tolist(self) -> list[_int]: ...
    def __len__(self) -> _int: ...
    @overload
    def __getitem__(self, key: _int, /) -> _int: ...
    @overload
    def __getitem__(self, key: slice, /) -> UntypedStorage: ...
    def __setitem__(self, key: _int | slice, value: _int, /) -> None: ...
    @property
    def filename(self) -> str | None: ...
    @property
    def is_cuda(self) -> _bool: ...
    @staticmethod
    def from_file(filename: Any, shared: _bool = False, nbytes: _int = 0) -> UntypedStorage: ...
    @staticmethod
    def from_buffer(
        buffer: Any,
        byte_order: str = "native",
        count: _int = -1,
        offset: _int = 0,
        dtype: Any = None,
    ) -> UntypedStorage: ...
    def untyped(self) -> UntypedStorage: ...
    def cpu(self) -> UntypedStorage: ...
    def to(self, *, device: _DeviceLike, non_blocking: _bool = False) -> UntypedStorage: ...
    def fill_(self, value: _int) -> Self: ...
    def byteswap(self, dtype: _dtype) -> None: ...
    def type(self, dtype: Any = None, non_blocking: _bool = False) -> Any: ...
    def get_device(self) -> _int | None: ...
    def new(self) -> UntypedStorage: ...
    def cuda(self, device: Any = None, non_blocking: _bool = False) -> UntypedStorage: ...
    def hpu(self, device: Any = None, non_blocking: _bool = False) -> UntypedStorage: ...
    def mps(self) -> UntypedStorage: ...
    @property
    def is_hpu(self) -> _bool: ...
    is_sparse: _bool
    is_sparse_csr: _bool
    def is_pinned(self, device: _DeviceLike = "cuda") -> _bool: ...
    def pin_memory(self, device: _DeviceLike = "cuda") -> UntypedStorage: ...
    def __copy__(self) -> UntypedStorage: ...
    def __deepcopy__(self, memo: Any) -> UntypedStorage: ...
    def double(self) -> Any: ...
    def float(self) -> Any: ...
    def half(self) -> Any: ...
    def bfloat16(self) -> Any: ...
    def long(self) -> Any: ...
    def int(self) -> Any: ...
    def short(self) -> Any: ...
    def char(self) -> Any: ...
    def byte(self) -> Any: ...
    def bool(self) -> Any: ...
    def complex_double(self) -> Any: ...
    def complex_float(self) -> Any: ...
    def float8_e5m2(self) -> Any: ...
    def float8_e4m3fn(self) -> Any: ...
    def float8_e5m2fnuz(self) -> Any: ...
    def float8_e4m3fnuz(self) -> Any: ...

class Node:
    @property
    def next_functions(self) -> tuple[tuple[Node | None, _int], ...]: ...
    @property
    def metadata(self) -> dict[Any, Any]: ...
    @property
    def variable(self) -> Tensor: ...
    def name(self) -> str: ...
    def _sequence_nr(self) -> _int: ...
    def register_hook(self, hook: Callable[..., Any], /) -> RemovableHandle: ...
    def register_prehook(self, hook: Callable[..., Any], /) -> RemovableHandle: ...

@final
class RemovableHandle:
    @property
    def id(self) -> _int: ...
    def remove(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *args: Any) -> None: ...

class _FunctionBase:
    saved_tensors: tuple[Tensor, ...]
    saved_variables: tuple[Tensor, ...]
    needs_input_grad: tuple[_bool, ...]
    next_functions: tuple[tuple[Node | None, _int], ...]
    metadata: dict[Any, Any]
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __getattr__(self, name: str) -> Any: ...
    def __setattr__(self, name: str, value: Any, /) -> None: ...
    @classmethod
    def apply(cls, *args: Any) -> Any: ...
    # Users write these with parameters of their own.
    forward: Any
    backward: Any
    setup_context: Any
    def save_for_backward(self, *tensors: Tensor | None) -> None: ...
    def save_for_forward(self, *tensors: Tensor | None) -> None: ...
    def mark_dirty(self, *args: Tensor) -> None: ...
    def mark_non_differentiable(self, *args: Tensor) -> None: ...
    def set_materialize_grads(self, value: _bool, /) -> None: ...
    def name(self) -> str: ...
    def _sequence_nr(self) -> _int: ...
    def register_hook(self, hook: Callable[..., Any], /) -> RemovableHandle: ...
    def register_prehook(self, hook: Callable[..., Any], /) -> RemovableHandle: ...

@final
class DisableTorchFunctionSubclass:
    def __enter__(self) -> Self: ...
    def __exit__(self, *args: Any) -> None: ...

@final
class DisableTorchFunction:
    def __enter__(self) -> Self: ...
    def __exit__(self, *args: Any) -> None: ...

@final
class _overridable:
    def __new__(cls, function: Callable[..., Any], is_event: _bool = False, /) -> Self: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __get__(self, instance: Any, owner: Any = None, /) -> Any: ...
    def __reduce__(self) -> str: ...
    @property
    def __wrapped__(self) -> Callable[..., Any]: ...

class _RecordedRange:
    def __init__(self, name: str, kind: _int) -> None: ...
    def end(self) -> None: ...

class OutOfMemoryError(RuntimeError): ...
class _LinAlgError(RuntimeError): ...

bfloat16: _dtype
bit: _dtype
bits16: _dtype
bits1x8: _dtype
bits2x4: _dtype
bits4x2: _dtype
bits8: _dtype
bool: _dtype
cdouble: _dtype
cfloat: _dtype
chalf: _dtype
channels_last: memory_format
channels_last_3d: memory_format
complex128: _dtype
complex32: _dtype
complex64: _dtype
contiguous_format: memory_format
double: _dtype
float: _dtype
float16: _dtype
float32: _dtype
float4_e2m1fn_x2: _dtype
float64: _dtype
float8_e4m3fn: _dtype
float8_e4m3fnuz: _dtype
float8_e5m2: _dtype
float8_e5m2fnuz: _dtype
float8_e8m0fnu: _dtype
half: _dtype
int: _dtype
int1: _dtype
int16: _dtype
int2: _dtype
int3: _dtype
int32: _dtype
int4: _dtype
int5: _dtype
int6: _dtype
int64: _dtype
int7: _dtype
int8: _dtype
long: _dtype
preserve_format: memory_format
qint32: _dtype
qint8: _dtype
quint2x4: _dtype
quint4x2: _dtype
quint8: _dtype
short: _dtype
strided: _layout
uint1: _dtype
uint16: _dtype
uint2: _dtype
uint3: _dtype
uint32: _dtype
uint4: _dtype
uint5: _dtype
uint6: _dtype
uint64: _dtype
uint7: _dtype
uint8: _dtype

class _aminmax_result(NamedTuple):
    min: Tensor
    max: Tensor

class _cummax_result(NamedTuple):
    values: Tensor
    indices: Tensor

class _cummin_result(NamedTuple):
    values: Tensor
    indices: Tensor

class _frexp_result(NamedTuple):
    mantissa: Tensor
    exponent: Tensor

class _kthvalue_result(NamedTuple):
    values: Tensor
    indices: Tensor

class _max_result(NamedTuple):
    values: Tensor
    indices: Tensor

class _median_result(NamedTuple):
    values: Tensor
    indices: Tensor

class _min_result(NamedTuple):
    values: Tensor
    indices: Tensor

class _mode_result(NamedTuple):
    values: Tensor
    indices: Tensor

class _nanmedian_result(NamedTuple):
    values: Tensor
    indices: Tensor

class _sort_result(NamedTuple):
    values: Tensor
    indices: Tensor

class _topk_result(NamedTuple):
    values: Tensor
    indices: Tensor

class Tensor:
    __array_priority__: _int
    def __new__(cls, *args: Any, **kwargs: Any) -> Self: ...

    # Properties
    @property
    def shape(self) -> Size: ...
    @property
    def dtype(self) -> _dtype: ...
    @property
    def device(self) -> _device: ...
    @property
    def layout(self) -> _layout: ...
    @property
    def ndim(self) -> _int: ...
    @property
    def itemsize(self) -> _int: ...
    @property
    def nbytes(self) -> _int: ...
    @property
    def grad_fn(self) -> Node | None: ...
    @property
    def is_leaf(self) -> _bool: ...
    @property
    def retains_grad(self) -> _bool: ...
    @property
    def output_nr(self) -> _int: ...
    @property
    def T(self) -> Tensor: ...
    @property
    def mT(self) -> Tensor: ...
    @property
    def H(self) -> Tensor: ...
    @property
    def mH(self) -> Tensor: ...
    @property
    def real(self) -> Tensor: ...
    @property
    def imag(self) -> Tensor: ...
    @property
    def name(self) -> None: ...
    @property
    def is_cpu(self) -> _bool: ...
    @property
    def is_cuda(self) -> _bool: ...
    @property
    def is_meta(self) -> _bool: ...
    @property
    def is_sparse(self) -> _bool: ...
    @property
    def is_quantized(self) -> _bool: ...
    @property
    def is_nested(self) -> _bool: ...
    @property
    def is_mps(self) -> _bool: ...
    @property
    def is_ipu(self) -> _bool: ...
    @property
    def is_maia(self) -> _bool: ...
    @property
    def is_mtia(self) -> _bool: ...
    @property
    def is_sparse_csr(self) -> _bool: ...
    @property
    def is_vulkan(self) -> _bool: ...
    @property
    def is_xla(self) -> _bool: ...
    @property
    def is_xpu(self) -> _bool: ...
    @property
    def grad_dtype(self) -> _dtype: ...
    @property
    def volatile(self) -> _bool: ...
    @property
    def is_mkldnn(self) -> _bool: ...
    @property
    def _base(self) -> Tensor | None: ...
    @property
    def _version(self) -> _int: ...
    @property
    def _cdata(self) -> _int: ...
    @property
    def _post_accumulate_grad_hooks(self) -> None: ...
    data: Tensor
    grad: Tensor | None
    requires_grad: _bool
    names: tuple[str | None, ...]
    _grad: Tensor | None
    _backward_hooks: Mapping[_int, Callable[..., Any]] | None

    # Operators
    def __add__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __radd__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __iadd__(self, value: Tensor | _Number, /) -> Self: ...
    def __sub__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __rsub__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __isub__(self, value: Tensor | _Number, /) -> Self: ...
    def __mul__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __rmul__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __imul__(self, value: Tensor | _Number, /) -> Self: ...
    def __truediv__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __rtruediv__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __rdiv__(self, other: Tensor | _Number) -> Tensor: ...
    def __itruediv__(self, value: Tensor | _Number, /) -> Self: ...
    def __floordiv__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __rfloordiv__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __ifloordiv__(self, value: Tensor | _Number, /) -> Self: ...
    def __mod__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __rmod__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __imod__(self, value: Tensor | _Number, /) -> Self: ...
    def __pow__(self, value: Tensor | _Number, mod: None = None, /) -> Tensor: ...
    def __rpow__(self, value: Tensor | _Number, mod: None = None, /) -> Tensor: ...
    def __ipow__(self, value: Tensor | _Number, /) -> Self: ...  # type: ignore[misc]
    def __matmul__(self, value: Tensor, /) -> Tensor: ...
    def __rmatmul__(self, value: Tensor, /) -> Tensor: ...
    def __and__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __rand__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __iand__(self, value: Tensor | _Number, /) -> Self: ...
    def __or__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __ror__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __ior__(self, value: Tensor | _Number, /) -> Self: ...
    def __xor__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __rxor__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __ixor__(self, value: Tensor | _Number, /) -> Self: ...
    def __lshift__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __rlshift__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __ilshift__(self, value: Tensor | _Number, /) -> Self: ...
    def __rshift__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __rrshift__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __irshift__(self, value: Tensor | _Number, /) -> Self: ...
    def __neg__(self) -> Tensor: ...
    def __pos__(self) -> Tensor: ...
    def __abs__(self) -> Tensor: ...
    def __invert__(self) -> Tensor: ...
    def __eq__(self, value: Any, /) -> Tensor: ...  # type: ignore[override]
    def __ne__(self, value: Any, /) -> Tensor: ...  # type: ignore[override]
    def __lt__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __le__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __gt__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __ge__(self, value: Tensor | _Number, /) -> Tensor: ...
    def __hash__(self) -> _int: ...
    def __bool__(self) -> _bool: ...
    def __int__(self) -> _int: ...
    def __index__(self) -> _int: ...
    def __float__(self) -> _float: ...
    def __complex__(self) -> complex: ...
    def __len__(self) -> _int: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __contains__(self, key: Tensor | _Number, /) -> _bool: ...
    def __getitem__(self, key: _Index, /) -> Tensor: ...
    def __setitem__(
        self, key: _Index, value: Tensor | _Number | Sequence[Any] | NDArray[Any], /
    ) -> None: ...
    @property
    def __cuda_array_interface__(self) -> dict[str, Any]: ...
    def __array__(self, dtype: Any = None, copy: _bool | None = None) -> NDArray[Any]: ...
    def __array_wrap__(
        self, array: NDArray[Any], context: Any = None, return_scalar: _bool = False, /
    ) -> Tensor: ...
    def __reversed__(self) -> Tensor: ...
    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[_int, _int] | None = None,
        dl_device: tuple[_int, _int] | None = None,
        copy: _bool | None = None,
    ) -> Any: ...
    def __dlpack_device__(self) -> tuple[_int, _int]: ...
    def __format__(self, spec: str) -> str: ...
    def __deepcopy__(self, memo: dict[_int, Any] | None) -> Self: ...
    def __reduce_ex__(self, protocol: Any) -> Any: ...
    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[builtins.type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any: ...
    @staticmethod
    def _make_subclass(cls: builtins.type[_T], data: Tensor, require_grad: _bool = False) -> _T: ...

    # Methods whose arguments are read by hand
    def as_subclass(self, cls: builtins.type[_T], /) -> _T: ...
    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: _bool | None = None,
        create_graph: _bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None: ...
    def new(self, *args: Any) -> Tensor: ...
    def new_tensor(
        self,
        data: Any,
        *,
        dtype: _DtypeLike | None = None,
        device: _DeviceLike | None = None,
        requires_grad: _bool = False,
    ) -> Tensor: ...
    def numpy(self, *, force: _bool = False) -> NDArray[Any]: ...
    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle: ...
    def register_post_accumulate_grad_hook(
        self, hook: Callable[[Tensor], None]
    ) -> RemovableHandle: ...
    def set_(
        self,
        source: Tensor | UntypedStorage | None = None,
        storage_offset: _int = 0,
        size: Sequence[_int] | None = None,
        stride: Sequence[_int] | None = None,
    ) -> Self: ...
    def share_memory_(self) -> Self: ...
    @overload
    def stride(self, dim: None = None) -> tuple[_int, ...]: ...
    @overload
    def stride(self, dim: _int) -> _int: ...
    def tolist(self) -> Any: ...
    @overload
    def type(self, dtype: None = None, non_blocking: _bool = False) -> str: ...
    @overload
    def type(self, dtype: _DtypeLike | str | Any, non_blocking: _bool = False) -> Tensor: ...
    def untyped_storage(self) -> UntypedStorage: ...
    def storage(self) -> Any: ...
    def storage_type(self) -> Any: ...
    def apply_(self, callable: Any) -> Tensor:
        """Each element x becomes callable(x). For tensors on the CPU; slow."""
    def ccol_indices(self, *args: Any, **kwargs: Any) -> Tensor:
        """RuntimeError: ccol_indices expected sparse column compressed tensor layout but got Strided."""
    def cholesky(input, upper: Any = False, *, out: Any = None) -> Tensor:
        """`linalg.cholesky`."""
    def cholesky_inverse(input, upper: Any = False, *, out: Any = None) -> Tensor:
        """The inverse of A, given the factor of A = L L' (or U' U where `upper`)."""
    def cholesky_solve(input, input2: Any, upper: Any = False, *, out: Any = None) -> Tensor:
        """X of A X = B, given B [..., n, k] and the factor of A = L L' (or U' U where `upper`)."""
    def coalesce(self, *args: Any, **kwargs: Any) -> Tensor:
        """RuntimeError: coalesce expected sparse coordinate tensor layout but got Strided."""
    def col_indices(self, *args: Any, **kwargs: Any) -> Tensor:
        """RuntimeError: col_indices expected sparse row compressed tensor layout but got Strided."""
    def corrcoef(input) -> Tensor:
        """Correlations of the rows (variables) over the columns (observations)."""
    def cov(input, *, correction: Any = 1, fweights: Any = None, aweights: Any = None) -> Tensor:
        """Covariances of the rows (variables) over the columns (observations)."""
    def cross(input, other: Any, dim: Any = None, *, out: Any = None) -> Tensor:
        """Cross product of 3-vectors along `dim` (the first dimension of size 3 when none)."""
    def crow_indices(self, *args: Any, **kwargs: Any) -> Tensor:
        """RuntimeError: crow_indices expected sparse row compressed tensor layout but got Strided."""
    def dense_dim(input) -> _int:
        """The number of dimensions: all are dense."""
    def dequantize(input) -> Tensor:
        """The tensor itself, in float32: it is not quantized. Of a list, each of its tensors."""
    def det(input) -> Tensor:
        """`linalg.det`."""
    def diagflat(input, offset: Any = 0) -> Tensor:
        """A matrix with the flattened input on a diagonal."""
    def diff(
        input,
        n: Any = 1,
        dim: Any = -1,
        prepend: Any = None,
        append: Any = None,
        *,
        out: Any = None,
    ) -> Tensor:
        """Differences of neighbours along `dim`, n times."""
    def dim_order(self, *, ambiguity_check: Any = False) -> tuple[_int, ...]:
        """The dimensions from the outermost in memory to the innermost."""
    def eig(input, eigenvectors: Any = False, *, e: Any = None, v: Any = None) -> Tensor:
        """Use linalg.eigh for symmetric matrices; the eigenvalues of others are complex."""
    def fliplr(input) -> Tensor:
        """Columns in reverse order."""
    def flipud(input) -> Tensor:
        """Rows in reverse order."""
    def geqrf(input, *, out: Any = None) -> Any:
        """R in the upper triangle of a, and below it and in tau the reflections whose product is Q."""
    def histc(input, bins: Any = 100, min: Any = 0, max: Any = 0, *, out: Any = None) -> Tensor:
        """How many elements lie in each of `bins` equal parts of [min, max]; 0, 0: the data's range."""
    def histogram(
        input,
        bins: Any = 100,
        *,
        range: Any = None,
        weight: Any = None,
        density: Any = False,
        out: Any = None,
    ) -> Any:
        """(hist, bin_edges): how many elements lie between edges, the last of which belongs to its bin."""
    def indices(self, *args: Any, **kwargs: Any) -> Tensor:
        """RuntimeError: indices expected sparse coordinate tensor layout but got Strided."""
    def inner(input, other: Any, *, out: Any = None) -> Tensor:
        """Sums of products over the last dimensions."""
    def int_repr(self, *args: Any, **kwargs: Any) -> Tensor:
        """NotImplementedError: 'aten::int_repr' is of quantized tensors: there are no quantized tensors; keep integers and their scale apart."""
    def inverse(input, *, out: Any = None) -> Tensor:
        """`linalg.inv`."""
    def ipu(self, *args: Any, **kwargs: Any) -> Tensor:
        """AssertionError: not compiled with IPU enabled."""
    def is_coalesced(self, *args: Any, **kwargs: Any) -> Tensor:
        """RuntimeError: is_coalesced expected sparse coordinate tensor layout but got Strided."""
    def is_distributed(input) -> _bool:
        """False."""
    def is_nonzero(input) -> _bool:
        """Is the one element other than 0?"""
    def isreal(input) -> Tensor:
        """True everywhere: there are no complex dtypes."""
    def kron(input, other: Any, *, out: Any = None) -> Tensor:
        """Kronecker product."""
    def logdet(input) -> Tensor:
        """The logarithm of the determinant; nan where that is negative."""
    def lstsq(input, A: Any, *, out: Any = None) -> Tensor:
        """Use linalg.lstsq, whose arguments are the other way about."""
    def lu(input, pivot: Any = True, get_infos: Any = False, out: Any = None) -> Any:
        """LU and pivots of `linalg.lu_factor_ex`, and with `get_infos` its info."""
    def lu_solve(input, LU_data: Any, LU_pivots: Any, *, out: Any = None) -> Tensor:
        """`linalg.lu_solve`, B first."""
    def map2_(self, x: Any, y: Any, callable: Any) -> Tensor:
        """Each element becomes callable of itself and those of x and y. For the CPU; slow."""
    def map_(self, other: Any, callable: Any) -> Tensor:
        """Each element x becomes callable(x, y), with y of `other`. For tensors on the CPU; slow."""
    def matrix_exp(input) -> Tensor:
        """`linalg.matrix_exp`."""
    def matrix_power(input, n: Any, *, out: Any = None) -> Tensor:
        """`linalg.matrix_power`."""
    def module_load(self, other: Any, assign: Any = False) -> Tensor:
        """What a module's parameter becomes when `other` is loaded into it: other, or self's copy."""
    def mtia(self, *args: Any, **kwargs: Any) -> Tensor:
        """AssertionError: not compiled with MTIA enabled."""
    def nanquantile(
        input,
        q: Any,
        dim: Any = None,
        keepdim: Any = False,
        *,
        interpolation: Any = "linear",
        out: Any = None,
    ) -> Tensor:
        """`quantile` without the nans."""
    def orgqr(input, input2: Any, *, out: Any = None) -> Tensor:
        """`linalg.householder_product`."""
    def ormqr(
        input,
        input2: Any,
        input3: Any,
        left: Any = True,
        transpose: Any = False,
        *,
        out: Any = None,
    ) -> Tensor:
        """Q C, C Q, or either with Q' where `transpose`, for the product Q [m, m] of the reflections `input`, `input2` of `geqrf`, and C `input3`."""
    def pinverse(input, rcond: Any = 1e-15) -> Tensor:
        """`linalg.pinv`, with rcond of its own."""
    def q_per_channel_axis(self, *args: Any, **kwargs: Any) -> Tensor:
        """NotImplementedError: 'aten::q_per_channel_axis' is of quantized tensors: there are no quantized tensors; keep integers and their scale apart."""
    def q_per_channel_scales(self, *args: Any, **kwargs: Any) -> Tensor:
        """NotImplementedError: 'aten::q_per_channel_scales' is of quantized tensors: there are no quantized tensors; keep integers and their scale apart."""
    def q_per_channel_zero_points(self, *args: Any, **kwargs: Any) -> Tensor:
        """NotImplementedError: 'aten::q_per_channel_zero_points' is of quantized tensors: there are no quantized tensors; keep integers and their scale apart."""
    def q_scale(self, *args: Any, **kwargs: Any) -> Tensor:
        """NotImplementedError: 'aten::q_scale' is of quantized tensors: there are no quantized tensors; keep integers and their scale apart."""
    def q_zero_point(self, *args: Any, **kwargs: Any) -> Tensor:
        """NotImplementedError: 'aten::q_zero_point' is of quantized tensors: there are no quantized tensors; keep integers and their scale apart."""
    def qr(input, some: Any = True, *, out: Any = None) -> Any:
        """`linalg.qr`: reduced with `some`, else complete."""
    def qscheme(self, *args: Any, **kwargs: Any) -> Tensor:
        """NotImplementedError: 'aten::qscheme' is of quantized tensors: there are no quantized tensors; keep integers and their scale apart."""
    def quantile(
        input,
        q: Any,
        dim: Any = None,
        keepdim: Any = False,
        *,
        interpolation: Any = "linear",
        out: Any = None,
    ) -> Tensor:
        """The q-quantiles (q in [0, 1], a number or a vector) along `dim`, or of all elements."""
    def record_stream(self, s: Any) -> None:
        """Keeps the memory until the stream has done all it was asked for when the tensor is freed."""
    def reinforce(self, reward: Any) -> Tensor:
        """RuntimeError: it was removed from PyTorch. Use cnn.distributions."""
    def rot90(input, k: Any = 1, dims: Any = (0, 1)) -> Tensor:
        """Turned by k quarter turns in the plane of `dims`, from the first towards the second."""
    def row_indices(self, *args: Any, **kwargs: Any) -> Tensor:
        """RuntimeError: row_indices expected sparse column compressed tensor layout but got Strided."""
    def slogdet(input, *, out: Any = None) -> Any:
        """`linalg.slogdet`."""
    def solve(input, A: Any, *, out: Any = None) -> Tensor:
        """Use linalg.solve, whose arguments are the other way about."""
    def sparse_dim(input) -> _int:
        """0: no dimension is sparse."""
    def svd(input, some: Any = True, compute_uv: Any = True, *, out: Any = None) -> Any:
        """U, S, V of A = U diag(S) V'. `some`: reduced. Without `compute_uv` U and V are zeros."""
    def symeig(input, eigenvectors: Any = False, upper: Any = True, *, out: Any = None) -> Tensor:
        """Use linalg.eigh, which reads the lower triangle by default."""
    def tile(self, *dims: Any, **named: Any) -> Tensor:
        """`repeat`, with the missing leading counts taken as 1."""
    def to_dense(self, dtype: Any = None, *, masked_grad: Any = None) -> Tensor:
        """The tensor itself, which is dense; or of another dtype."""
    def triangular_solve(
        input,
        A: Any,
        upper: Any = True,
        transpose: Any = False,
        unitriangular: Any = False,
        *,
        out: Any = None,
    ) -> Any:
        """(X, A) of A X = B, or A' X = B where `transpose`, for triangles A; see `linalg.solve_triangular`."""
    def unique(
        input,
        sorted: Any = True,
        return_inverse: Any = False,
        return_counts: Any = False,
        dim: Any = None,
    ) -> Any:
        """The distinct elements, ascending; where each is (`inverse`), how often it is (`counts`)."""
    def unique_consecutive(
        input, return_inverse: Any = False, return_counts: Any = False, dim: Any = None
    ) -> Any:
        """The elements without immediate repetitions."""
    def values(self, *args: Any, **kwargs: Any) -> Tensor:
        """RuntimeError: values expected sparse tensor layout but got Strided."""
    def xpu(self, *args: Any, **kwargs: Any) -> Tensor:
        """AssertionError: not compiled with XPU enabled."""

    def _is_view(self) -> _bool:
        """Does it share another tensor's memory?"""
    def abs(self) -> Tensor:
        """|input|."""
    def abs_(self) -> Self:
        """|input|."""
    def absolute(self) -> Tensor:
        """The same as abs."""
    def absolute_(self) -> Self:
        """The same as abs."""
    def acos(self) -> Tensor:
        """Inverse cosine, in radians."""
    def acos_(self) -> Self:
        """Inverse cosine, in radians."""
    def acosh(self) -> Tensor:
        """Inverse hyperbolic cosine."""
    def acosh_(self) -> Self:
        """Inverse hyperbolic cosine."""
    def add(self, other: Tensor | _Number, *, alpha: _Number = 1) -> Tensor:
        """input + alpha * other."""
    def add_(self, other: Tensor | _Number, *, alpha: _Number = 1) -> Self:
        """input + alpha * other."""
    def addbmm(
        self, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1
    ) -> Tensor:
        """beta * input + alpha * sum of products."""
    def addbmm_(
        self, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1
    ) -> Self:
        """beta * input + alpha * sum of products."""
    def addcdiv(self, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1) -> Tensor:
        """input + value * tensor1 / tensor2."""
    def addcdiv_(self, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1) -> Self:
        """input + value * tensor1 / tensor2."""
    def addcmul(self, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1) -> Tensor:
        """input + value * tensor1 * tensor2."""
    def addcmul_(self, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1) -> Self:
        """input + value * tensor1 * tensor2."""
    def addmm(self, mat1: Tensor, mat2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
        """beta * input + alpha * (mat1 @ mat2)."""
    def addmm_(self, mat1: Tensor, mat2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Self:
        """beta * input + alpha * (mat1 @ mat2)."""
    def addmv(self, mat: Tensor, vec: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
        """beta * input + alpha * (mat @ vec)."""
    def addmv_(self, mat: Tensor, vec: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Self:
        """beta * input + alpha * (mat @ vec)."""
    def addr(self, vec1: Tensor, vec2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Tensor:
        """beta * input + alpha * outer(vec1, vec2)."""
    def addr_(self, vec1: Tensor, vec2: Tensor, *, beta: _Number = 1, alpha: _Number = 1) -> Self:
        """beta * input + alpha * outer(vec1, vec2)."""
    def adjoint(self) -> Tensor:
        """The tensor with its last two dimensions exchanged."""
    def all(self, dim: _Dims | None = None, keepdim: _bool = False) -> Tensor:
        """Are all elements true?"""
    def allclose(
        self, other: Tensor, rtol: _float = 1e-05, atol: _float = 1e-08, equal_nan: _bool = False
    ) -> _bool:
        """Is every element close?"""
    def amax(self, dim: _Dims | None = (), keepdim: _bool = False) -> Tensor:
        """The largest element; the gradient is shared by equals."""
    def amin(self, dim: _Dims | None = (), keepdim: _bool = False) -> Tensor:
        """The smallest element; the gradient is shared by equals."""
    def aminmax(self, *, dim: _int | None = None, keepdim: _bool = False) -> _aminmax_result:
        """The smallest and the largest element."""
    def angle(self) -> Tensor:
        """pi where negative, nan where nan, else 0."""
    def any(self, dim: _Dims | None = None, keepdim: _bool = False) -> Tensor:
        """Is any element true?"""
    def arccos(self) -> Tensor:
        """The same as acos."""
    def arccos_(self) -> Self:
        """The same as acos."""
    def arccosh(self) -> Tensor:
        """The same as acosh."""
    def arccosh_(self) -> Self:
        """The same as acosh."""
    def arcsin(self) -> Tensor:
        """The same as asin."""
    def arcsin_(self) -> Self:
        """The same as asin."""
    def arcsinh(self) -> Tensor:
        """The same as asinh."""
    def arcsinh_(self) -> Self:
        """The same as asinh."""
    def arctan(self) -> Tensor:
        """The same as atan."""
    def arctan2(self, other: Tensor) -> Tensor:
        """The same as atan2."""
    def arctan2_(self, other: Tensor) -> Self:
        """The same as atan2."""
    def arctan_(self) -> Self:
        """The same as atan."""
    def arctanh(self) -> Tensor:
        """The same as atanh."""
    def arctanh_(self) -> Self:
        """The same as atanh."""
    def argmax(self, dim: _int | None = None, keepdim: _bool = False) -> Tensor:
        """Where the largest element stands first."""
    def argmin(self, dim: _int | None = None, keepdim: _bool = False) -> Tensor:
        """Where the smallest element stands first."""
    @overload
    def argsort(self, dim: _int = -1, descending: _bool = False) -> Tensor:
        """The indices that sort along dim."""
    @overload
    def argsort(self, *, stable: _bool, dim: _int = -1, descending: _bool = False) -> Tensor:
        """The indices that sort along dim."""
    def argwhere(self) -> Tensor:
        """Indices of nonzero elements, a row each."""
    def as_strided(self, size: _Dims, stride: _Dims, storage_offset: _int | None = None) -> Tensor:
        """A view with any geometry."""
    def as_strided_(self, size: _Dims, stride: _Dims, storage_offset: _int | None = None) -> Self:
        """The tensor itself with any geometry."""
    def as_strided_scatter(
        self, src: Tensor, size: _Dims, stride: _Dims, storage_offset: _int | None = None
    ) -> Tensor:
        """input with src written where as_strided looks."""
    def asin(self) -> Tensor:
        """Inverse sine, in radians."""
    def asin_(self) -> Self:
        """Inverse sine, in radians."""
    def asinh(self) -> Tensor:
        """Inverse hyperbolic sine."""
    def asinh_(self) -> Self:
        """Inverse hyperbolic sine."""
    def atan(self) -> Tensor:
        """Inverse tangent, in radians."""
    def atan2(self, other: Tensor) -> Tensor:
        """Angle of (other, input), in radians."""
    def atan2_(self, other: Tensor) -> Self:
        """Angle of (other, input), in radians."""
    def atan_(self) -> Self:
        """Inverse tangent, in radians."""
    def atanh(self) -> Tensor:
        """Inverse hyperbolic tangent."""
    def atanh_(self) -> Self:
        """Inverse hyperbolic tangent."""
    def baddbmm(
        self, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1
    ) -> Tensor:
        """beta * input + alpha * (batch1 @ batch2)."""
    def baddbmm_(
        self, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1
    ) -> Self:
        """beta * input + alpha * (batch1 @ batch2)."""
    @overload
    def bernoulli(self, *, generator: Generator | None = None) -> Tensor:
        """1 with the probabilities of input, else 0."""
    @overload
    def bernoulli(self, p: _float, *, generator: Generator | None = None) -> Tensor:
        """1 with the probabilities of input, else 0."""
    @overload
    def bernoulli_(self, p: Tensor, *, generator: Generator | None = None) -> Self:
        """1 with probability p, else 0."""
    @overload
    def bernoulli_(self, p: _float = 0.5, *, generator: Generator | None = None) -> Self:
        """1 with probability p, else 0."""
    def bfloat16(self, *, memory_format: memory_format | None = None) -> Tensor:
        """With this dtype; itself when it has it."""
    def bincount(self, weights: Tensor | None = None, minlength: _int = 0) -> Tensor:
        """How often each value occurs."""
    def bitwise_and(self, other: Tensor | _Number) -> Tensor:
        """Of the bits of integers."""
    def bitwise_and_(self, other: Tensor | _Number) -> Self:
        """Of the bits of integers."""
    def bitwise_left_shift(self, other: Tensor | _Number) -> Tensor:
        """Of the bits of integers."""
    def bitwise_left_shift_(self, other: Tensor | _Number) -> Self:
        """Of the bits of integers."""
    def bitwise_not(self) -> Tensor:
        """Each bit inverted; not for bool."""
    def bitwise_not_(self) -> Self:
        """Each bit inverted; not for bool."""
    def bitwise_or(self, other: Tensor | _Number) -> Tensor:
        """Of the bits of integers."""
    def bitwise_or_(self, other: Tensor | _Number) -> Self:
        """Of the bits of integers."""
    def bitwise_right_shift(self, other: Tensor | _Number) -> Tensor:
        """Of the bits of integers."""
    def bitwise_right_shift_(self, other: Tensor | _Number) -> Self:
        """Of the bits of integers."""
    def bitwise_xor(self, other: Tensor | _Number) -> Tensor:
        """Of the bits of integers."""
    def bitwise_xor_(self, other: Tensor | _Number) -> Self:
        """Of the bits of integers."""
    def bmm(self, mat2: Tensor) -> Tensor:
        """Matrix products of a batch."""
    def bool(self, *, memory_format: memory_format | None = None) -> Tensor:
        """With this dtype; itself when it has it."""
    @overload
    def broadcast_to(self, size: _Dims) -> Tensor:
        """Expanded to a shape."""
    @overload
    def broadcast_to(self, *size: _int) -> Tensor:
        """Expanded to a shape."""
    def byte(self, *, memory_format: memory_format | None = None) -> Tensor:
        """With this dtype; itself when it has it."""
    def cauchy_(
        self, median: _float = 0, sigma: _float = 1, *, generator: Generator | None = None
    ) -> Self:
        """Cauchy."""
    def ceil(self) -> Tensor:
        """Smallest integer not below."""
    def ceil_(self) -> Self:
        """Smallest integer not below."""
    def celu_(self, alpha: _Number = 1.0) -> Self:
        """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."""
    def char(self, *, memory_format: memory_format | None = None) -> Tensor:
        """With this dtype; itself when it has it."""
    def chunk(self, chunks: _int, dim: _int = 0) -> tuple[Tensor, ...]:
        """About equal parts."""
    @overload
    def clamp(self, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
        """Limited to [min, max]."""
    @overload
    def clamp(self, min: _Number | None = None, max: _Number | None = None) -> Tensor:
        """Limited to [min, max]."""
    @overload
    def clamp_(self, min: Tensor | None = None, max: Tensor | None = None) -> Self:
        """Limited to [min, max]."""
    @overload
    def clamp_(self, min: _Number | None = None, max: _Number | None = None) -> Self:
        """Limited to [min, max]."""
    @overload
    def clamp_max(self, max: Tensor) -> Tensor:
        """Not above max."""
    @overload
    def clamp_max(self, max: _Number) -> Tensor:
        """Not above max."""
    @overload
    def clamp_max_(self, max: Tensor) -> Self:
        """Not above max."""
    @overload
    def clamp_max_(self, max: _Number) -> Self:
        """Not above max."""
    @overload
    def clamp_min(self, min: Tensor) -> Tensor:
        """Not below min."""
    @overload
    def clamp_min(self, min: _Number) -> Tensor:
        """Not below min."""
    @overload
    def clamp_min_(self, min: Tensor) -> Self:
        """Not below min."""
    @overload
    def clamp_min_(self, min: _Number) -> Self:
        """Not below min."""
    @overload
    def clip(self, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
        """Limited to [min, max]."""
    @overload
    def clip(self, min: _Number | None = None, max: _Number | None = None) -> Tensor:
        """Limited to [min, max]."""
    @overload
    def clip_(self, min: Tensor | None = None, max: Tensor | None = None) -> Self:
        """Limited to [min, max]."""
    @overload
    def clip_(self, min: _Number | None = None, max: _Number | None = None) -> Self:
        """Limited to [min, max]."""
    def clone(self, *, memory_format: memory_format | None = None) -> Tensor:
        """A copy, through which gradients flow."""
    def conj(self) -> Tensor:
        """The tensor itself, which is real."""
    def conj_physical(self) -> Tensor:
        """The tensor itself, which is real."""
    def conj_physical_(self) -> Self:
        """The tensor itself, which is real."""
    def const_data_ptr(self) -> _int:
        """data_ptr() of one who only reads."""
    def contiguous(self, memory_format: memory_format | None = None) -> Tensor:
        """Dense, in C order or the format; itself where it is."""
    def copy_(self, other: Tensor, non_blocking: _bool = False) -> Self:
        """Takes the elements of other, broadcast and converted."""
    def copysign(self, other: Tensor | _Number) -> Tensor:
        """|input| with the sign of other."""
    def copysign_(self, other: Tensor | _Number) -> Self:
        """|input| with the sign of other."""
    def cos(self) -> Tensor:
        """Cosine of radians."""
    def cos_(self) -> Self:
        """Cosine of radians."""
    def cosh(self) -> Tensor:
        """Hyperbolic cosine."""
    def cosh_(self) -> Self:
        """Hyperbolic cosine."""
    @overload
    def count_nonzero(self, dim: _Dims | None = None) -> Tensor:
        """Number of elements that are not 0."""
    @overload
    def count_nonzero(self, *dim: _int) -> Tensor:
        """Number of elements that are not 0."""
    def cpu(self, *, memory_format: memory_format | None = None) -> Tensor:
        """On the CPU; itself when it lies there."""
    def cuda(
        self,
        device: _DeviceLike | None = None,
        non_blocking: _bool = False,
        *,
        memory_format: memory_format | None = None,
    ) -> Tensor:
        """On a GPU. RuntimeError with the reason where there is none."""
    def cummax(self, dim: _int) -> _cummax_result:
        """Running maximum along dim, and where it stands last."""
    def cummin(self, dim: _int) -> _cummin_result:
        """Running minimum along dim, and where it stands last."""
    def cumprod(self, dim: _int, *, dtype: _DtypeLike | None = None) -> Tensor:
        """Running product along dim."""
    def cumprod_(self, dim: _int, *, dtype: _DtypeLike | None = None) -> Self:
        """Running product along dim."""
    def cumsum(self, dim: _int, *, dtype: _DtypeLike | None = None) -> Tensor:
        """Running sum along dim."""
    def cumsum_(self, dim: _int, *, dtype: _DtypeLike | None = None) -> Self:
        """Running sum along dim."""
    def data_ptr(self) -> _int:
        """The address of the first element."""
    def deg2rad(self) -> Tensor:
        """Degrees to radians."""
    def deg2rad_(self) -> Self:
        """Degrees to radians."""
    def detach(self) -> Tensor:
        """The same memory, without history."""
    def detach_(self) -> Self:
        """Forgets the history, in place."""
    def diag(self, diagonal: _int = 0) -> Tensor:
        """The diagonal of a matrix, or the matrix of a diagonal."""
    def diag_embed(self, offset: _int = 0, dim1: _int = -2, dim2: _int = -1) -> Tensor:
        """Matrices with input on a diagonal."""
    def diagonal(self, offset: _int = 0, dim1: _int = 0, dim2: _int = 1) -> Tensor:
        """A view of a diagonal, as the last dimension."""
    def diagonal_scatter(
        self, src: Tensor, offset: _int = 0, dim1: _int = 0, dim2: _int = 1
    ) -> Tensor:
        """A copy with src on a diagonal."""
    def digamma(self) -> Tensor:
        """Derivative of lgamma."""
    def digamma_(self) -> Self:
        """Derivative of lgamma."""
    def dim(self) -> _int:
        """The number of dimensions."""
    def dist(self, other: Tensor, p: _Number = 2) -> Tensor:
        """The p-norm of input - other."""
    @overload
    def div(self, other: Tensor | _Number) -> Tensor:
        """input / other, of floating-point dtype."""
    @overload
    def div(self, other: Tensor | _Number, *, rounding_mode: str | None) -> Tensor:
        """input / other, of floating-point dtype."""
    @overload
    def div_(self, other: Tensor | _Number) -> Self:
        """input / other, of floating-point dtype."""
    @overload
    def div_(self, other: Tensor | _Number, *, rounding_mode: str | None) -> Self:
        """input / other, of floating-point dtype."""
    @overload
    def divide(self, other: Tensor | _Number) -> Tensor:
        """The same as div."""
    @overload
    def divide(self, other: Tensor | _Number, *, rounding_mode: str | None) -> Tensor:
        """The same as div."""
    @overload
    def divide_(self, other: Tensor | _Number) -> Self:
        """The same as div."""
    @overload
    def divide_(self, other: Tensor | _Number, *, rounding_mode: str | None) -> Self:
        """The same as div."""
    def dot(self, tensor: Tensor) -> Tensor:
        """Inner product of vectors."""
    def double(self, *, memory_format: memory_format | None = None) -> Tensor:
        """With this dtype; itself when it has it."""
    def dropout_(self, p: _float, train: _bool) -> Self:
        """Zeroed with probability p, the rest times 1 / (1 - p)."""
    @overload
    def dsplit(self, sections: _int) -> tuple[Tensor, ...]:
        """Split along dimension 2."""
    @overload
    def dsplit(self, indices: _Dims) -> tuple[Tensor, ...]:
        """Split along dimension 2."""
    @overload
    def dsplit(self, *indices: _int) -> tuple[Tensor, ...]:
        """Split along dimension 2."""
    def element_size(self) -> _int:
        """Bytes per element."""
    def elu_(self, alpha: _Number = 1, scale: _Number = 1, input_scale: _Number = 1) -> Self:
        """input, alpha * (exp(input) - 1) where negative."""
    def eq(self, other: Tensor | _Number) -> Tensor:
        """input == other."""
    def eq_(self, other: Tensor | _Number) -> Self:
        """input == other."""
    def equal(self, other: Tensor) -> _bool:
        """Same shape and elements?"""
    def erf(self) -> Tensor:
        """Error function."""
    def erf_(self) -> Self:
        """Error function."""
    def erfc(self) -> Tensor:
        """1 - erf(input)."""
    def erfc_(self) -> Self:
        """1 - erf(input)."""
    def erfinv(self) -> Tensor:
        """Inverse of the error function on (-1, 1)."""
    def erfinv_(self) -> Self:
        """Inverse of the error function on (-1, 1)."""
    def exp(self) -> Tensor:
        """e^input."""
    def exp2(self) -> Tensor:
        """2^input."""
    def exp2_(self) -> Self:
        """2^input."""
    def exp_(self) -> Self:
        """e^input."""
    @overload
    def expand(self, size: _Dims, *, implicit: _bool = False) -> Tensor:
        """Size-1 dimensions repeated, without copying."""
    @overload
    def expand(self, *size: _int, implicit: _bool = False) -> Tensor:
        """Size-1 dimensions repeated, without copying."""
    def expand_as(self, other: Tensor) -> Tensor:
        """Expanded to the shape of other."""
    def expm1(self) -> Tensor:
        """e^input - 1, exact near 0."""
    def expm1_(self) -> Self:
        """e^input - 1, exact near 0."""
    def exponential_(self, lambd: _float = 1, *, generator: Generator | None = None) -> Self:
        """Exponential of rate lambd."""
    @overload
    def fill_(self, value: Tensor) -> Self:
        """Every element set."""
    @overload
    def fill_(self, value: _Number) -> Self:
        """Every element set."""
    def fill_diagonal_(self, fill_value: _Number, wrap: _bool = False) -> Self:
        """Every element of the diagonal set."""
    def fix(self) -> Tensor:
        """The same as trunc."""
    def fix_(self) -> Self:
        """The same as trunc."""
    def flatten(self, start_dim: _int = 0, end_dim: _int = -1) -> Tensor:
        """A range of dimensions joined into one."""
    @overload
    def flip(self, dims: _Dims) -> Tensor:
        """Reversed along dimensions."""
    @overload
    def flip(self, *dims: _int) -> Tensor:
        """Reversed along dimensions."""
    def float(self, *, memory_format: memory_format | None = None) -> Tensor:
        """With this dtype; itself when it has it."""
    def float_power(self, exponent: Tensor | _Number) -> Tensor:
        """input^exponent in float64."""
    def float_power_(self, exponent: Tensor | _Number) -> Self:
        """input^exponent in float64."""
    def floor(self) -> Tensor:
        """Largest integer not above."""
    def floor_(self) -> Self:
        """Largest integer not above."""
    def floor_divide(self, other: Tensor | _Number) -> Tensor:
        """floor(input / other)."""
    def floor_divide_(self, other: Tensor | _Number) -> Self:
        """floor(input / other)."""
    def fmax(self, other: Tensor) -> Tensor:
        """The larger; numbers win over nan."""
    def fmax_(self, other: Tensor) -> Self:
        """The larger; numbers win over nan."""
    def fmin(self, other: Tensor) -> Tensor:
        """The smaller; numbers win over nan."""
    def fmin_(self, other: Tensor) -> Self:
        """The smaller; numbers win over nan."""
    def fmod(self, other: Tensor | _Number) -> Tensor:
        """The rest of division, with the sign of input."""
    def fmod_(self, other: Tensor | _Number) -> Self:
        """The rest of division, with the sign of input."""
    def frac(self) -> Tensor:
        """Fractional part, with the sign of input."""
    def frac_(self) -> Self:
        """Fractional part, with the sign of input."""
    def frexp(self) -> _frexp_result:
        """input as mantissa 2^exponent, |mantissa| in [0.5, 1)."""
    def gather(self, dim: _int, index: Tensor, *, sparse_grad: _bool = False) -> Tensor:
        """y[i][j] = x[index[i][j]][j] (dim 0)."""
    def gcd(self, other: Tensor) -> Tensor:
        """Greatest common divisor."""
    def gcd_(self, other: Tensor) -> Self:
        """Greatest common divisor."""
    def ge(self, other: Tensor | _Number) -> Tensor:
        """input >= other."""
    def ge_(self, other: Tensor | _Number) -> Self:
        """input >= other."""
    def gelu_(self, *, approximate: str = "none") -> Self:
        """x * Phi(x) (Hendrycks and Gimpel 2016)."""
    def geometric_(self, p: _float, *, generator: Generator | None = None) -> Self:
        """Trials up to the first success."""
    def ger(self, vec2: Tensor) -> Tensor:
        """Outer product of vectors."""
    def get_device(self) -> _int:
        """The number of its GPU, -1 on the CPU."""
    def greater(self, other: Tensor | _Number) -> Tensor:
        """The same as gt."""
    def greater_(self, other: Tensor | _Number) -> Self:
        """The same as gt."""
    def greater_equal(self, other: Tensor | _Number) -> Tensor:
        """The same as ge."""
    def greater_equal_(self, other: Tensor | _Number) -> Self:
        """The same as ge."""
    def gt(self, other: Tensor | _Number) -> Tensor:
        """input > other."""
    def gt_(self, other: Tensor | _Number) -> Self:
        """input > other."""
    def half(self, *, memory_format: memory_format | None = None) -> Tensor:
        """With this dtype; itself when it has it."""
    def hardshrink(self, lambd: _Number = 0.5) -> Tensor:
        """0 within [-lambd, lambd]."""
    def hardsigmoid_(self) -> Self:
        """relu6(x + 3) / 6."""
    def hardswish_(self) -> Self:
        """x * relu6(x + 3) / 6 (Howard et al. 2019)."""
    def hardtanh_(self, min_val: _Number = -1, max_val: _Number = 1) -> Self:
        """Limited to [min_val, max_val]."""
    def has_names(self) -> _bool:
        """False."""
    def heaviside(self, values: Tensor) -> Tensor:
        """0 below zero, 1 above, values at zero."""
    def heaviside_(self, values: Tensor) -> Self:
        """0 below zero, 1 above, values at zero."""
    @overload
    def hsplit(self, sections: _int) -> tuple[Tensor, ...]:
        """Split side by side: along dimension 1, or 0 for vectors."""
    @overload
    def hsplit(self, indices: _Dims) -> tuple[Tensor, ...]:
        """Split side by side: along dimension 1, or 0 for vectors."""
    @overload
    def hsplit(self, *indices: _int) -> tuple[Tensor, ...]:
        """Split side by side: along dimension 1, or 0 for vectors."""
    def hypot(self, other: Tensor) -> Tensor:
        """sqrt(input^2 + other^2)."""
    def hypot_(self, other: Tensor) -> Self:
        """sqrt(input^2 + other^2)."""
    def i0(self) -> Tensor:
        """The modified Bessel function I0."""
    def i0_(self) -> Self:
        """The modified Bessel function I0."""
    def igamma(self, other: Tensor) -> Tensor:
        """The regularised lower incomplete gamma function P(input, other)."""
    def igamma_(self, other: Tensor) -> Self:
        """The regularised lower incomplete gamma function P(input, other)."""
    def igammac(self, other: Tensor) -> Tensor:
        """The regularised upper incomplete gamma function Q(input, other)."""
    def igammac_(self, other: Tensor) -> Self:
        """The regularised upper incomplete gamma function Q(input, other)."""
    def index_add(self, dim: _int, index: Tensor, source: Tensor, *, alpha: _Number = 1) -> Tensor:
        """source added at positions of a dimension."""
    def index_add_(self, dim: _int, index: Tensor, source: Tensor, *, alpha: _Number = 1) -> Self:
        """source added at positions of a dimension."""
    def index_copy(self, dim: _int, index: Tensor, source: Tensor) -> Tensor:
        """source written at positions of a dimension."""
    def index_copy_(self, dim: _int, index: Tensor, source: Tensor) -> Self:
        """source written at positions of a dimension."""
    def index_fill(self, dim: _int, index: Tensor, value: Tensor | _Number) -> Tensor:
        """value at positions of a dimension."""
    def index_fill_(self, dim: _int, index: Tensor, value: Tensor | _Number) -> Self:
        """value at positions of a dimension."""
    def index_put(
        self, indices: Sequence[Tensor], values: Tensor, accumulate: _bool = False
    ) -> Tensor:
        """input with values at indices."""
    def index_put_(
        self, indices: Sequence[Tensor], values: Tensor, accumulate: _bool = False
    ) -> Self:
        """input with values at indices."""
    def index_reduce(
        self, dim: _int, index: Tensor, source: Tensor, reduce: str, *, include_self: _bool = True
    ) -> Tensor:
        """source reduced into positions of a dimension by prod, mean, amax or amin."""
    def index_reduce_(
        self, dim: _int, index: Tensor, source: Tensor, reduce: str, *, include_self: _bool = True
    ) -> Self:
        """source reduced into positions of a dimension by prod, mean, amax or amin."""
    def index_select(self, dim: _int, index: Tensor) -> Tensor:
        """Positions of a dimension."""
    def int(self, *, memory_format: memory_format | None = None) -> Tensor:
        """With this dtype; itself when it has it."""
    def is_complex(self) -> _bool:
        """Has it complex elements?"""
    def is_conj(self) -> _bool:
        """False."""
    def is_contiguous(self, memory_format: memory_format | None = None) -> _bool:
        """Dense, in C order or the format?"""
    def is_floating_point(self) -> _bool:
        """Has it floating-point elements?"""
    def is_inference(self) -> _bool:
        """Was it made in inference mode?"""
    def is_neg(self) -> _bool:
        """False."""
    def is_pinned(self, device: _DeviceLike | None = None) -> _bool:
        """Does it lie in memory that GPUs reach by themselves?"""
    def is_same_size(self, other: Tensor) -> _bool:
        """Same sizes?"""
    def is_set_to(self, tensor: Tensor) -> _bool:
        """The same view of the same memory?"""
    def is_shared(self) -> _bool:
        """Is the memory shared between processes?"""
    def is_signed(self) -> _bool:
        """Can its elements be negative?"""
    def isclose(
        self, other: Tensor, rtol: _float = 1e-05, atol: _float = 1e-08, equal_nan: _bool = False
    ) -> Tensor:
        """|input - other| <= atol + rtol * |other|."""
    def isfinite(self) -> Tensor:
        """True where finite."""
    def isinf(self) -> Tensor:
        """True where infinite."""
    def isnan(self) -> Tensor:
        """True where nan."""
    def isneginf(self) -> Tensor:
        """True where -inf."""
    def isneginf_(self) -> Self:
        """True where -inf."""
    def isposinf(self) -> Tensor:
        """True where +inf."""
    def isposinf_(self) -> Self:
        """True where +inf."""
    def item(self) -> _Number:
        """The one element, as a Python number."""
    def kthvalue(self, k: _int, dim: _int = -1, keepdim: _bool = False) -> _kthvalue_result:
        """The k-th smallest element along dim, from 1."""
    def lcm(self, other: Tensor) -> Tensor:
        """Least common multiple."""
    def lcm_(self, other: Tensor) -> Self:
        """Least common multiple."""
    def ldexp(self, other: Tensor) -> Tensor:
        """input * 2^other."""
    def ldexp_(self, other: Tensor) -> Self:
        """input * 2^other."""
    def le(self, other: Tensor | _Number) -> Tensor:
        """input <= other."""
    def le_(self, other: Tensor | _Number) -> Self:
        """input <= other."""
    def leaky_relu_(self, negative_slope: _Number = 0.01) -> Self:
        """input, times the slope where negative."""
    def lerp(self, end: Tensor, weight: Tensor | _Number) -> Tensor:
        """input + weight * (end - input)."""
    def lerp_(self, end: Tensor, weight: Tensor | _Number) -> Self:
        """input + weight * (end - input)."""
    def less(self, other: Tensor | _Number) -> Tensor:
        """The same as lt."""
    def less_(self, other: Tensor | _Number) -> Self:
        """The same as lt."""
    def less_equal(self, other: Tensor | _Number) -> Tensor:
        """The same as le."""
    def less_equal_(self, other: Tensor | _Number) -> Self:
        """The same as le."""
    def lgamma(self) -> Tensor:
        """log |Gamma(input)|."""
    def lgamma_(self) -> Self:
        """log |Gamma(input)|."""
    def linspace(
        self,
        end: Tensor | _Number,
        steps: _int,
        *,
        dtype: _DtypeLike | None = None,
        layout: _layout | None = None,
        device: _DeviceLike | None = None,
        pin_memory: _bool = False,
        requires_grad: _bool = False,
    ) -> Tensor: ...
    def log(self) -> Tensor:
        """Natural logarithm."""
    def log10(self) -> Tensor:
        """Logarithm to base 10."""
    def log10_(self) -> Self:
        """Logarithm to base 10."""
    def log1p(self) -> Tensor:
        """log(1 + input), exact near 0."""
    def log1p_(self) -> Self:
        """log(1 + input), exact near 0."""
    def log2(self) -> Tensor:
        """Logarithm to base 2."""
    def log2_(self) -> Self:
        """Logarithm to base 2."""
    def log_(self) -> Self:
        """Natural logarithm."""
    def log_normal_(
        self, mean: _float = 1, std: _float = 2, *, generator: Generator | None = None
    ) -> Self:
        """exp of a normal."""
    def log_softmax(self, dim: _int, dtype: _DtypeLike | None = None) -> Tensor:
        """log(softmax(input)), without underflow."""
    def logaddexp(self, other: Tensor) -> Tensor:
        """log(exp(input) + exp(other))."""
    def logaddexp2(self, other: Tensor) -> Tensor:
        """log2(2^input + 2^other)."""
    def logaddexp2_(self, other: Tensor) -> Self:
        """log2(2^input + 2^other)."""
    def logaddexp_(self, other: Tensor) -> Self:
        """log(exp(input) + exp(other))."""
    def logcumsumexp(self, dim: _int) -> Tensor:
        """Running logsumexp along dim."""
    def logical_and(self, other: Tensor) -> Tensor:
        """Of truth values."""
    def logical_and_(self, other: Tensor) -> Self:
        """Of truth values."""
    def logical_not(self) -> Tensor:
        """True where zero."""
    def logical_not_(self) -> Self:
        """True where zero."""
    def logical_or(self, other: Tensor) -> Tensor:
        """Of truth values."""
    def logical_or_(self, other: Tensor) -> Self:
        """Of truth values."""
    def logical_xor(self, other: Tensor) -> Tensor:
        """Of truth values."""
    def logical_xor_(self, other: Tensor) -> Self:
        """Of truth values."""
    def logit(self, eps: _float | None = None) -> Tensor:
        """log(x / (1 - x)), x clamped to [eps, 1 - eps] when eps is given."""
    def logit_(self, eps: _float | None = None) -> Self:
        """log(x / (1 - x)), x clamped to [eps, 1 - eps] when eps is given."""
    def logspace(
        self,
        end: Tensor | _Number,
        steps: _int,
        base: _float = 10.0,
        *,
        dtype: _DtypeLike | None = None,
        layout: _layout | None = None,
        device: _DeviceLike | None = None,
        pin_memory: _bool = False,
        requires_grad: _bool = False,
    ) -> Tensor: ...
    def logsumexp(self, dim: _Dims, keepdim: _bool = False) -> Tensor:
        """log(sum(exp(input))), without overflow."""
    def long(self, *, memory_format: memory_format | None = None) -> Tensor:
        """With this dtype; itself when it has it."""
    def lt(self, other: Tensor | _Number) -> Tensor:
        """input < other."""
    def lt_(self, other: Tensor | _Number) -> Self:
        """input < other."""
    def masked_fill(self, mask: Tensor, value: Tensor | _Number) -> Tensor:
        """value where the mask is True."""
    def masked_fill_(self, mask: Tensor, value: Tensor | _Number) -> Self:
        """value where the mask is True."""
    def masked_scatter(self, mask: Tensor, source: Tensor) -> Tensor:
        """source, in order, where mask is True."""
    def masked_scatter_(self, mask: Tensor, source: Tensor) -> Self:
        """source, in order, where mask is True."""
    def masked_select(self, mask: Tensor) -> Tensor:
        """The elements where mask is True, 1-d."""
    def matmul(self, other: Tensor) -> Tensor:
        """Matrix product; batch dimensions broadcast."""
    @overload
    def max(self) -> Tensor:
        """The largest element; along `dim` also where it stands first; nan wins."""
    @overload
    def max(self, other: Tensor) -> Tensor:
        """The largest element; along `dim` also where it stands first; nan wins."""
    @overload
    def max(self, dim: _int, keepdim: _bool = False) -> _max_result:
        """The largest element; along `dim` also where it stands first; nan wins."""
    def maximum(self, other: Tensor) -> Tensor:
        """The larger; nan wins."""
    def maximum_(self, other: Tensor) -> Self:
        """The larger; nan wins."""
    def mean(
        self, dim: _Dims | None = None, keepdim: _bool = False, *, dtype: _DtypeLike | None = None
    ) -> Tensor:
        """Mean of the elements, over `dim` or over all."""
    @overload
    def median(self) -> Tensor:
        """The lower median; along `dim` also where it is."""
    @overload
    def median(self, dim: _int, keepdim: _bool = False) -> _median_result:
        """The lower median; along `dim` also where it is."""
    @overload
    def min(self) -> Tensor:
        """The smallest element; along `dim` also where it stands first; nan wins."""
    @overload
    def min(self, other: Tensor) -> Tensor:
        """The smallest element; along `dim` also where it stands first; nan wins."""
    @overload
    def min(self, dim: _int, keepdim: _bool = False) -> _min_result:
        """The smallest element; along `dim` also where it stands first; nan wins."""
    def minimum(self, other: Tensor) -> Tensor:
        """The smaller; nan wins."""
    def minimum_(self, other: Tensor) -> Self:
        """The smaller; nan wins."""
    def mish_(self) -> Self:
        """x * tanh(softplus(x)) (Misra 2019)."""
    def mm(self, mat2: Tensor) -> Tensor:
        """Matrix product."""
    def mode(self, dim: _int = -1, keepdim: _bool = False) -> _mode_result:
        """The most frequent value along dim, and its last place."""
    def moveaxis(self, source: _Dims, destination: _Dims) -> Tensor:
        """Dimensions moved to other places."""
    def movedim(self, source: _Dims, destination: _Dims) -> Tensor:
        """Dimensions moved to other places."""
    def msort(self) -> Tensor:
        """Sorted along the first dimension."""
    def mul(self, other: Tensor | _Number) -> Tensor:
        """input * other."""
    def mul_(self, other: Tensor | _Number) -> Self:
        """input * other."""
    def multinomial(
        self, num_samples: _int, replacement: _bool = False, *, generator: Generator | None = None
    ) -> Tensor:
        """Indices drawn with the probabilities of each row."""
    def multiply(self, other: Tensor | _Number) -> Tensor:
        """The same as mul."""
    def multiply_(self, other: Tensor | _Number) -> Self:
        """The same as mul."""
    def mv(self, vec: Tensor) -> Tensor:
        """Matrix times vector."""
    def mvlgamma(self, p: _int) -> Tensor:
        """The logarithm of the gamma function of p dimensions."""
    def mvlgamma_(self, p: _int) -> Self:
        """The logarithm of the gamma function of p dimensions."""
    def nan_to_num(
        self, nan: _float | None = None, posinf: _float | None = None, neginf: _float | None = None
    ) -> Tensor:
        """nan and infinities replaced; by 0 and the largest finite numbers when not given."""
    def nan_to_num_(
        self, nan: _float | None = None, posinf: _float | None = None, neginf: _float | None = None
    ) -> Self:
        """nan and infinities replaced; by 0 and the largest finite numbers when not given."""
    def nanmean(
        self, dim: _Dims | None = None, keepdim: _bool = False, *, dtype: _DtypeLike | None = None
    ) -> Tensor:
        """Mean of the elements that are not nan."""
    @overload
    def nanmedian(self) -> Tensor:
        """The lower median of what is not nan."""
    @overload
    def nanmedian(self, dim: _int, keepdim: _bool = False) -> _nanmedian_result:
        """The lower median of what is not nan."""
    def nansum(
        self, dim: _Dims | None = None, keepdim: _bool = False, *, dtype: _DtypeLike | None = None
    ) -> Tensor:
        """Sum of the elements that are not nan."""
    @overload
    def narrow(self, dim: _int, start: _int, length: _int) -> Tensor:
        """A range of a dimension."""
    @overload
    def narrow(self, dim: _int, start: Tensor, length: _int) -> Tensor:
        """A range of a dimension."""
    def narrow_copy(self, dim: _int, start: _int, length: _int) -> Tensor:
        """A copy of the view of that name."""
    def ndimension(self) -> _int:
        """dim()."""
    def ne(self, other: Tensor | _Number) -> Tensor:
        """input != other."""
    def ne_(self, other: Tensor | _Number) -> Self:
        """input != other."""
    def neg(self) -> Tensor:
        """-input."""
    def neg_(self) -> Self:
        """-input."""
    def negative(self) -> Tensor:
        """The same as neg."""
    def negative_(self) -> Self:
        """The same as neg."""
    def nelement(self) -> _int:
        """numel()."""
    @overload
    def new_empty(
        self,
        size: _Dims,
        *,
        dtype: _DtypeLike | None = None,
        layout: _layout | None = None,
        device: _DeviceLike | None = None,
        pin_memory: _bool = False,
        requires_grad: _bool = False,
    ) -> Tensor:
        """Uninitialised, of input's dtype."""
    @overload
    def new_empty(
        self,
        *size: _int,
        dtype: _DtypeLike | None = None,
        layout: _layout | None = None,
        device: _DeviceLike | None = None,
        pin_memory: _bool = False,
        requires_grad: _bool = False,
    ) -> Tensor:
        """Uninitialised, of input's dtype."""
    def new_empty_strided(
        self,
        size: _Dims,
        stride: _Dims,
        *,
        dtype: _DtypeLike | None = None,
        layout: _layout | None = None,
        device: _DeviceLike | None = None,
        pin_memory: _bool = False,
        requires_grad: _bool = False,
    ) -> Tensor:
        """Uninitialised, with the given strides, of input's dtype."""
    def new_full(
        self,
        size: _Dims,
        fill_value: _Number,
        *,
        dtype: _DtypeLike | None = None,
        layout: _layout | None = None,
        device: _DeviceLike | None = None,
        pin_memory: _bool = False,
        requires_grad: _bool = False,
    ) -> Tensor:
        """All one value, of input's dtype."""
    @overload
    def new_ones(
        self,
        size: _Dims,
        *,
        dtype: _DtypeLike | None = None,
        layout: _layout | None = None,
        device: _DeviceLike | None = None,
        pin_memory: _bool = False,
        requires_grad: _bool = False,
    ) -> Tensor:
        """All 1, of input's dtype."""
    @overload
    def new_ones(
        self,
        *size: _int,
        dtype: _DtypeLike | None = None,
        layout: _layout | None = None,
        device: _DeviceLike | None = None,
        pin_memory: _bool = False,
        requires_grad: _bool = False,
    ) -> Tensor:
        """All 1, of input's dtype."""
    @overload
    def new_zeros(
        self,
        size: _Dims,
        *,
        dtype: _DtypeLike | None = None,
        layout: _layout | None = None,
        device: _DeviceLike | None = None,
        pin_memory: _bool = False,
        requires_grad: _bool = False,
    ) -> Tensor:
        """All 0, of input's dtype."""
    @overload
    def new_zeros(
        self,
        *size: _int,
        dtype: _DtypeLike | None = None,
        layout: _layout | None = None,
        device: _DeviceLike | None = None,
        pin_memory: _bool = False,
        requires_grad: _bool = False,
    ) -> Tensor:
        """All 0, of input's dtype."""
    def nextafter(self, other: Tensor) -> Tensor:
        """The next number after input towards other."""
    def nextafter_(self, other: Tensor) -> Self:
        """The next number after input towards other."""
    @overload
    def nonzero(self) -> Tensor:
        """Indices of nonzero elements, a row each; as_tuple: a tensor for each dimension."""
    @overload
    def nonzero(self, *, as_tuple: _bool) -> Any:
        """Indices of nonzero elements, a row each; as_tuple: a tensor for each dimension."""
    def nonzero_static(self, *, size: _int, fill_value: _int = -1) -> Tensor:
        """nonzero, cut or filled up to `size` rows."""
    @overload
    def norm(
        self,
        p: str = "fro",
        dim: _Dims | None = None,
        keepdim: _bool = False,
        dtype: _DtypeLike | None = None,
    ) -> Tensor:
        """(sum |x|^p)^(1/p); 'fro': p = 2."""
    @overload
    def norm(
        self,
        p: _Number,
        dim: _Dims | None = None,
        keepdim: _bool = False,
        dtype: _DtypeLike | None = None,
    ) -> Tensor:
        """(sum |x|^p)^(1/p); 'fro': p = 2."""
    @overload
    def norm(
        self,
        p: _Number | None,
        dim: _Dims | None = None,
        keepdim: _bool = False,
        dtype: _DtypeLike | None = None,
    ) -> Tensor:
        """(sum |x|^p)^(1/p); 'fro': p = 2."""
    def normal_(
        self, mean: _float = 0, std: _float = 1, *, generator: Generator | None = None
    ) -> Self:
        """Normal."""
    def not_equal(self, other: Tensor | _Number) -> Tensor:
        """The same as ne."""
    def not_equal_(self, other: Tensor | _Number) -> Self:
        """The same as ne."""
    def numel(self) -> _int:
        """The number of elements."""
    def outer(self, vec2: Tensor) -> Tensor:
        """Outer product of vectors."""
    @overload
    def permute(self, dims: _Dims) -> Tensor:
        """Dimensions in another order."""
    @overload
    def permute(self, *dims: _int) -> Tensor:
        """Dimensions in another order."""
    def pin_memory(self, device: _DeviceLike | None = None) -> Tensor:
        """A copy in memory that GPUs reach by themselves; itself where it lies there. RuntimeError without a GPU."""
    def polygamma(self, n: _int) -> Tensor:
        """The n-th derivative of digamma."""
    def polygamma_(self, n: _int) -> Self:
        """The n-th derivative of digamma."""
    def positive(self) -> Tensor:
        """input itself."""
    def pow(self, exponent: Tensor | _Number) -> Tensor:
        """input^exponent."""
    def pow_(self, exponent: Tensor | _Number) -> Self:
        """input^exponent."""
    def prelu(self, weight: Tensor) -> Tensor:
        """leaky_relu with a learnt slope a channel."""
    @overload
    def prod(self, *, dtype: _DtypeLike | None = None) -> Tensor:
        """Product of the elements, over `dim` or over all."""
    @overload
    def prod(self, dim: _int, keepdim: _bool = False, *, dtype: _DtypeLike | None = None) -> Tensor:
        """Product of the elements, over `dim` or over all."""
    def put(self, index: Tensor, source: Tensor, accumulate: _bool = False) -> Tensor:
        """source written into the flattened input."""
    def put_(self, index: Tensor, source: Tensor, accumulate: _bool = False) -> Self:
        """source written into the flattened input."""
    def rad2deg(self) -> Tensor:
        """Radians to degrees."""
    def rad2deg_(self) -> Self:
        """Radians to degrees."""
    @overload
    def random_(self, *, generator: Generator | None = None) -> Self:
        """Any integer that the dtype holds exactly."""
    @overload
    def random_(self, to: _int, *, generator: Generator | None = None) -> Self:
        """Any integer that the dtype holds exactly."""
    @overload
    def random_(
        self, from_: _int, /, to: _int | None, *, generator: Generator | None = None
    ) -> Self:
        """Any integer that the dtype holds exactly."""
    def ravel(self) -> Tensor:
        """All elements in one dimension."""
    def reciprocal(self) -> Tensor:
        """1 / input."""
    def reciprocal_(self) -> Self:
        """1 / input."""
    def relu(self) -> Tensor:
        """max(input, 0)."""
    def relu_(self) -> Self:
        """max(input, 0)."""
    def remainder(self, other: Tensor | _Number) -> Tensor:
        """The rest of division, with the sign of other."""
    def remainder_(self, other: Tensor | _Number) -> Self:
        """The rest of division, with the sign of other."""
    def renorm(self, p: _Number, dim: _int, maxnorm: _Number) -> Tensor:
        """Slices along dim of a p-norm above maxnorm, scaled down to it."""
    def renorm_(self, p: _Number, dim: _int, maxnorm: _Number) -> Self:
        """Slices along dim of a p-norm above maxnorm, scaled down to it."""
    @overload
    def repeat(self, repeats: _Dims) -> Tensor:
        """Copies side by side."""
    @overload
    def repeat(self, *repeats: _int) -> Tensor:
        """Copies side by side."""
    @overload
    def repeat_interleave(
        self, repeats: Tensor, dim: _int | None = None, *, output_size: _int | None = None
    ) -> Tensor:
        """Each element repeated; without `repeats`: the numbers 0, 1, ... as often as input says."""
    @overload
    def repeat_interleave(
        self, repeats: _int, dim: _int | None = None, *, output_size: _int | None = None
    ) -> Tensor:
        """Each element repeated; without `repeats`: the numbers 0, 1, ... as often as input says."""
    def requires_grad_(self, requires_grad: _bool = True) -> Self:
        """Sets requires_grad; returns the tensor."""
    @overload
    def reshape(self, shape: _Dims) -> Tensor:
        """Another shape; a view where possible."""
    @overload
    def reshape(self, *shape: _int) -> Tensor:
        """Another shape; a view where possible."""
    def reshape_as(self, other: Tensor) -> Tensor:
        """Reshaped to the shape of other."""
    @overload
    def resize_(self, size: _Dims, *, memory_format: memory_format | None = None) -> Self:
        """Gives the tensor another size; new elements are uninitialised."""
    @overload
    def resize_(self, *size: _int, memory_format: memory_format | None = None) -> Self:
        """Gives the tensor another size; new elements are uninitialised."""
    def resize_as_(
        self, the_template: Tensor, *, memory_format: memory_format | None = None
    ) -> Self:
        """Gives the tensor the size of another."""
    def resolve_conj(self) -> Tensor:
        """The tensor itself, which is real."""
    def resolve_neg(self) -> Tensor:
        """The tensor itself, which is real."""
    def retain_grad(self) -> None:
        """Backward then sets .grad though it is no leaf."""
    def roll(self, shifts: _Dims, dims: _Dims = ()) -> Tensor:
        """Rotated along dimensions."""
    def round(self, *, decimals: _int = 0) -> Tensor:
        """To the nearest integer, halves to even; or to `decimals` places."""
    def round_(self, *, decimals: _int = 0) -> Self:
        """To the nearest integer, halves to even; or to `decimals` places."""
    def rsqrt(self) -> Tensor:
        """1 / sqrt(input)."""
    def rsqrt_(self) -> Self:
        """1 / sqrt(input)."""
    @overload
    def rsub(self, other: Tensor | _Number, *, alpha: _Number = 1) -> Tensor:
        """other - alpha * input."""
    @overload
    def rsub(self, other: _Number, alpha: _Number) -> Tensor:
        """other - alpha * input."""
    @overload
    def scatter(self, dim: _int, index: Tensor, src: Tensor) -> Tensor:
        """y[index[i][j]][j] = src[i][j] (dim 0)."""
    @overload
    def scatter(self, dim: _int, index: Tensor, value: Tensor | _Number) -> Tensor:
        """y[index[i][j]][j] = src[i][j] (dim 0)."""
    @overload
    def scatter(self, dim: _int, index: Tensor, src: Tensor | _Number, *, reduce: str) -> Tensor:
        """y[index[i][j]][j] = src[i][j] (dim 0)."""
    @overload
    def scatter(self, dim: _int, index: Tensor, value: Tensor | _Number, *, reduce: str) -> Tensor:
        """y[index[i][j]][j] = src[i][j] (dim 0)."""
    @overload
    def scatter_(self, dim: _int, index: Tensor, src: Tensor) -> Self:
        """y[index[i][j]][j] = src[i][j] (dim 0)."""
    @overload
    def scatter_(self, dim: _int, index: Tensor, value: Tensor | _Number) -> Self:
        """y[index[i][j]][j] = src[i][j] (dim 0)."""
    @overload
    def scatter_(self, dim: _int, index: Tensor, src: Tensor | _Number, *, reduce: str) -> Self:
        """y[index[i][j]][j] = src[i][j] (dim 0)."""
    @overload
    def scatter_(self, dim: _int, index: Tensor, value: Tensor | _Number, *, reduce: str) -> Self:
        """y[index[i][j]][j] = src[i][j] (dim 0)."""
    def scatter_add(self, dim: _int, index: Tensor, src: Tensor) -> Tensor:
        """y[index[i][j]][j] += src[i][j] (dim 0)."""
    def scatter_add_(self, dim: _int, index: Tensor, src: Tensor) -> Self:
        """y[index[i][j]][j] += src[i][j] (dim 0)."""
    def scatter_reduce(
        self, dim: _int, index: Tensor, src: Tensor, reduce: str, *, include_self: _bool = True
    ) -> Tensor:
        """Reduced by sum, prod, mean, amax or amin."""
    def scatter_reduce_(
        self, dim: _int, index: Tensor, src: Tensor, reduce: str, *, include_self: _bool = True
    ) -> Self:
        """Reduced by sum, prod, mean, amax or amin."""
    def select(self, dim: _int, index: _int) -> Tensor:
        """One position of a dimension."""
    def select_scatter(self, src: Tensor, dim: _int, index: _int) -> Tensor:
        """A copy with src where select looks."""
    def selu_(self) -> Self:
        """Self-normalising elu (Klambauer et al. 2017)."""
    def sgn(self) -> Tensor:
        """-1, 0 or 1."""
    def sgn_(self) -> Self:
        """-1, 0 or 1."""
    def short(self, *, memory_format: memory_format | None = None) -> Tensor:
        """With this dtype; itself when it has it."""
    def sigmoid(self) -> Tensor:
        """1 / (1 + exp(-input))."""
    def sigmoid_(self) -> Self:
        """1 / (1 + exp(-input))."""
    def sign(self) -> Tensor:
        """-1, 0 or 1."""
    def sign_(self) -> Self:
        """-1, 0 or 1."""
    def signbit(self) -> Tensor:
        """True where the sign bit is set."""
    def signbit_(self) -> Self:
        """True where the sign bit is set."""
    def silu_(self) -> Self:
        """x * sigmoid(x)."""
    def sin(self) -> Tensor:
        """Sine of radians."""
    def sin_(self) -> Self:
        """Sine of radians."""
    def sinc(self) -> Tensor:
        """sin(pi input) / (pi input), 1 at 0."""
    def sinc_(self) -> Self:
        """sin(pi input) / (pi input), 1 at 0."""
    def sinh(self) -> Tensor:
        """Hyperbolic sine."""
    def sinh_(self) -> Self:
        """Hyperbolic sine."""
    @overload
    def size(self) -> Size:
        """The sizes."""
    @overload
    def size(self, dim: _int) -> _int:
        """The sizes."""
    def slice_scatter(
        self,
        src: Tensor,
        dim: _int = 0,
        start: _int | None = None,
        end: _int | None = None,
        step: _int = 1,
    ) -> Tensor:
        """A copy with src at positions start, start + step, ... of dim."""
    def softmax(self, dim: _int, dtype: _DtypeLike | None = None) -> Tensor:
        """exp(input), scaled to sum 1 along dim."""
    @overload
    def sort(self, dim: _int = -1, descending: _bool = False) -> _sort_result:
        """Sorted along dim; always stable; nan is the largest."""
    @overload
    def sort(
        self, *, stable: _bool | None, dim: _int = -1, descending: _bool = False
    ) -> _sort_result:
        """Sorted along dim; always stable; nan is the largest."""
    @overload
    def split(self, split_size: _int, dim: _int = 0) -> tuple[Tensor, ...]:
        """Parts of split_size."""
    @overload
    def split(self, split_size: _Dims, dim: _int = 0) -> tuple[Tensor, ...]:
        """Parts of split_size."""
    def split_with_sizes(self, split_sizes: _Dims, dim: _int = 0) -> tuple[Tensor, ...]:
        """Parts of the given sizes."""
    def sqrt(self) -> Tensor:
        """Square root."""
    def sqrt_(self) -> Self:
        """Square root."""
    def square(self) -> Tensor:
        """input * input."""
    def square_(self) -> Self:
        """input * input."""
    @overload
    def squeeze(self) -> Tensor:
        """Without dimensions of size 1."""
    @overload
    def squeeze(self, dim: _Dims) -> Tensor:
        """Without dimensions of size 1."""
    @overload
    def squeeze(self, *dim: _int) -> Tensor:
        """Without dimensions of size 1."""
    @overload
    def squeeze_(self) -> Self:
        """The tensor itself without dimensions of size 1."""
    @overload
    def squeeze_(self, dim: _Dims) -> Self:
        """The tensor itself without dimensions of size 1."""
    @overload
    def squeeze_(self, *dim: _int) -> Self:
        """The tensor itself without dimensions of size 1."""
    @overload
    def std(
        self, dim: _Dims | None = None, *, correction: _Number | None = None, keepdim: _bool = False
    ) -> Tensor:
        """The root of var."""
    @overload
    def std(self, *dim: _int, correction: _Number | None = None, keepdim: _bool = False) -> Tensor:
        """The root of var."""
    @overload
    def std(self, unbiased: _bool) -> Tensor:
        """The root of var."""
    @overload
    def std(self, dim: _Dims | None, unbiased: _bool = True, keepdim: _bool = False) -> Tensor:
        """The root of var."""
    def storage_offset(self) -> _int:
        """Where it starts in its storage, in elements."""
    def sub(self, other: Tensor | _Number, *, alpha: _Number = 1) -> Tensor:
        """input - alpha * other."""
    def sub_(self, other: Tensor | _Number, *, alpha: _Number = 1) -> Self:
        """input - alpha * other."""
    @overload
    def subtract(self, other: Tensor | _Number, *, alpha: _Number = 1) -> Tensor:
        """The same as sub."""
    @overload
    def subtract(self, other: _Number, alpha: _Number) -> Tensor:
        """The same as sub."""
    @overload
    def subtract_(self, other: Tensor | _Number, *, alpha: _Number = 1) -> Self:
        """The same as sub."""
    @overload
    def subtract_(self, other: _Number, alpha: _Number) -> Self:
        """The same as sub."""
    def sum(
        self, dim: _Dims | None = None, keepdim: _bool = False, *, dtype: _DtypeLike | None = None
    ) -> Tensor:
        """Sum of the elements, over `dim` or over all. Integers sum in int64."""
    @overload
    def sum_to_size(self, size: _Dims) -> Tensor:
        """Summed to a shape that broadcasts to the present one."""
    @overload
    def sum_to_size(self, *size: _int) -> Tensor:
        """Summed to a shape that broadcasts to the present one."""
    def swapaxes(self, axis0: _int, axis1: _int) -> Tensor:
        """The same as transpose."""
    def swapaxes_(self, axis0: _int, axis1: _int) -> Self:
        """The same as transpose_."""
    def swapdims(self, dim0: _int, dim1: _int) -> Tensor:
        """The same as transpose."""
    def swapdims_(self, dim0: _int, dim1: _int) -> Self:
        """The same as transpose_."""
    def t(self) -> Tensor:
        """Transpose of a matrix."""
    def t_(self) -> Self:
        """A matrix itself transposed."""
    def take(self, index: Tensor) -> Tensor:
        """Elements of the flattened input."""
    def take_along_dim(self, indices: Tensor, dim: _int | None = None) -> Tensor:
        """gather with broadcasting."""
    def tan(self) -> Tensor:
        """Tangent of radians."""
    def tan_(self) -> Self:
        """Tangent of radians."""
    def tanh(self) -> Tensor:
        """Hyperbolic tangent."""
    def tanh_(self) -> Self:
        """Hyperbolic tangent."""
    @overload
    def tensor_split(self, sections: _int, dim: _int = 0) -> tuple[Tensor, ...]:
        """As equal parts as possible."""
    @overload
    def tensor_split(self, indices: _Dims, dim: _int = 0) -> tuple[Tensor, ...]:
        """As equal parts as possible."""
    @overload
    def tensor_split(self, tensor_indices_or_sections: Tensor, dim: _int = 0) -> tuple[Tensor, ...]:
        """As equal parts as possible."""
    def threshold_(self, threshold: _Number, value: _Number) -> Self:
        """input where above threshold, else value."""
    @overload
    def to(
        self,
        device: _DeviceLike | None = None,
        dtype: _DtypeLike | None = None,
        non_blocking: _bool = False,
        copy: _bool = False,
        *,
        memory_format: memory_format | None = None,
    ) -> Tensor:
        """With another dtype or device; itself when nothing changes."""
    @overload
    def to(
        self,
        dtype: _DtypeLike,
        non_blocking: _bool = False,
        copy: _bool = False,
        *,
        memory_format: memory_format | None = None,
    ) -> Tensor:
        """With another dtype or device; itself when nothing changes."""
    @overload
    def to(
        self,
        other: Tensor,
        non_blocking: _bool = False,
        copy: _bool = False,
        *,
        memory_format: memory_format | None = None,
    ) -> Tensor:
        """With another dtype or device; itself when nothing changes."""
    def topk(
        self, k: _int, dim: _int = -1, largest: _bool = True, sorted: _bool = True
    ) -> _topk_result:
        """The k largest (or smallest) elements along dim, in order."""
    def trace(self) -> Tensor:
        """Sum of the diagonal of a matrix."""
    def transpose(self, dim0: _int, dim1: _int) -> Tensor:
        """Two dimensions exchanged."""
    def transpose_(self, dim0: _int, dim1: _int) -> Self:
        """Two dimensions of the tensor itself exchanged."""
    def tril(self, diagonal: _int = 0) -> Tensor:
        """The lower triangle, 0 elsewhere."""
    def tril_(self, diagonal: _int = 0) -> Self:
        """The lower triangle, 0 elsewhere."""
    def triu(self, diagonal: _int = 0) -> Tensor:
        """The upper triangle, 0 elsewhere."""
    def triu_(self, diagonal: _int = 0) -> Self:
        """The upper triangle, 0 elsewhere."""
    def true_divide(self, other: Tensor | _Number) -> Tensor:
        """input / other, of floating-point dtype."""
    def true_divide_(self, other: Tensor | _Number) -> Self:
        """input / other, of floating-point dtype."""
    def trunc(self) -> Tensor:
        """Integer part."""
    def trunc_(self) -> Self:
        """Integer part."""
    def type_as(self, other: Tensor) -> Tensor:
        """With other's dtype."""
    def unbind(self, dim: _int = 0) -> tuple[Tensor, ...]:
        """All positions of a dimension."""
    def unflatten(self, dim: _int, sizes: _Dims) -> Tensor:
        """One dimension split into several."""
    def unfold(self, dimension: _int, size: _int, step: _int) -> Tensor:
        """Sliding windows, as a new last dimension."""
    def uniform_(
        self, from_: _float = 0, /, to: _float = 1, *, generator: Generator | None = None
    ) -> Self:
        """Uniform in [from, to)."""
    def unsafe_chunk(self, chunks: _int, dim: _int = 0) -> tuple[Tensor, ...]:
        """The same as chunk."""
    def unsafe_split(self, split_size: _int, dim: _int = 0) -> tuple[Tensor, ...]:
        """The same as split: parts of a size."""
    def unsafe_split_with_sizes(self, split_sizes: _Dims, dim: _int = 0) -> tuple[Tensor, ...]:
        """The same as split_with_sizes."""
    def unsqueeze(self, dim: _int) -> Tensor:
        """With a new dimension of size 1."""
    def unsqueeze_(self, dim: _int) -> Self:
        """The tensor itself with a new dimension of size 1."""
    @overload
    def var(
        self, dim: _Dims | None = None, *, correction: _Number | None = None, keepdim: _bool = False
    ) -> Tensor:
        """Sum of squared distances from the mean over n - correction (1)."""
    @overload
    def var(self, *dim: _int, correction: _Number | None = None, keepdim: _bool = False) -> Tensor:
        """Sum of squared distances from the mean over n - correction (1)."""
    @overload
    def var(self, unbiased: _bool) -> Tensor:
        """Sum of squared distances from the mean over n - correction (1)."""
    @overload
    def var(self, dim: _Dims | None, unbiased: _bool = True, keepdim: _bool = False) -> Tensor:
        """Sum of squared distances from the mean over n - correction (1)."""
    def vdot(self, other: Tensor) -> Tensor:
        """Inner product of vectors."""
    @overload
    def view(self, dtype: _DtypeLike) -> Tensor:
        """The same bytes as elements of another type."""
    @overload
    def view(self, size: _Dims) -> Tensor:
        """The same bytes as elements of another type."""
    @overload
    def view(self, *size: _int) -> Tensor:
        """The same bytes as elements of another type."""
    def view_as(self, other: Tensor) -> Tensor:
        """Viewed in the shape of other."""
    @overload
    def vsplit(self, sections: _int) -> tuple[Tensor, ...]:
        """Split along dimension 0."""
    @overload
    def vsplit(self, indices: _Dims) -> tuple[Tensor, ...]:
        """Split along dimension 0."""
    @overload
    def vsplit(self, *indices: _int) -> tuple[Tensor, ...]:
        """Split along dimension 0."""
    def where(self, condition: Tensor, other: Tensor | _Number) -> Tensor:
        """self where the condition holds, else other."""
    def xlogy(self, other: Tensor | _Number) -> Tensor:
        """input * log(other), 0 where input is 0."""
    def xlogy_(self, other: Tensor | _Number) -> Self:
        """input * log(other), 0 where input is 0."""
    def zero_(self) -> Self:
        """Every element set to 0."""

class BFloat16Tensor(Tensor): ...
class BoolTensor(Tensor): ...
class ByteTensor(Tensor): ...
class CharTensor(Tensor): ...
class DoubleTensor(Tensor): ...
class FloatTensor(Tensor): ...
class HalfTensor(Tensor): ...
class IntTensor(Tensor): ...
class LongTensor(Tensor): ...
class ShortTensor(Tensor): ...

# Tensors from data

def tensor(
    data: Any,
    *,
    dtype: _DtypeLike | None = None,
    device: _DeviceLike | None = None,
    requires_grad: _bool = False,
    pin_memory: _bool = False,
) -> Tensor: ...
def as_tensor(
    data: Any, dtype: _DtypeLike | None = None, device: _DeviceLike | None = None
) -> Tensor: ...
def from_numpy(ndarray: NDArray[Any], /) -> Tensor: ...
def frombuffer(
    buffer: Any,
    *,
    dtype: _DtypeLike,
    count: _int = -1,
    offset: _int = 0,
    requires_grad: _bool = False,
) -> Tensor: ...
def from_dlpack(
    ext_tensor: Any, *, device: _DeviceLike | None = None, copy: _bool | None = None
) -> Tensor: ...

# Settings

def get_default_dtype() -> dtype: ...
def _set_default_dtype(dtype: _DtypeLike, /) -> None: ...
def can_cast(from_: _DtypeLike, to: _DtypeLike, /) -> _bool: ...
def promote_types(type1: _DtypeLike, type2: _DtypeLike) -> dtype: ...
def get_num_threads() -> _int: ...
def set_num_threads(n: _int, /) -> None: ...
def set_flush_denormal(mode: _bool, /) -> _bool: ...
def is_grad_enabled() -> _bool: ...
def is_inference_mode_enabled() -> _bool: ...
def is_anomaly_enabled() -> _bool: ...
def is_anomaly_check_nan_enabled() -> _bool: ...
def set_anomaly_enabled(enabled: _bool, check_nan: _bool = True) -> None: ...
@overload
def is_autocast_enabled(device_type: str) -> _bool: ...
@overload
def is_autocast_enabled() -> _bool: ...
@overload
def set_autocast_enabled(device_type: str, enabled: _bool) -> None: ...
@overload
def set_autocast_enabled(enabled: _bool) -> None: ...
def get_autocast_dtype(device_type: str) -> dtype: ...
def set_autocast_dtype(device_type: str, dtype: dtype) -> None: ...
def is_autocast_cache_enabled() -> _bool: ...
def set_autocast_cache_enabled(enabled: _bool) -> None: ...
def clear_autocast_cache() -> None: ...
def autocast_increment_nesting() -> _int: ...
def autocast_decrement_nesting() -> _int: ...
def _autocast_ops() -> list[str]: ...
def _autocast_policy(op: str, device_type: str) -> str: ...
def _exchange_autocast(
    device_type: str, enabled: _bool, dtype: dtype, cache_enabled: _bool
) -> tuple[_bool, dtype, _bool]: ...
def _is_any_autocast_enabled() -> _bool: ...
def _set_grad_enabled(enabled: _bool) -> None: ...
def _set_inference_mode(enabled: _bool) -> _bool: ...
def _cpu_capability() -> str: ...
def _cpu_bf16() -> str: ...
def _cuda_allocate(index: _int, size: _int, stream: _int) -> _int: ...
def _cuda_architectures() -> list[_int]: ...
def _cuda_blocks(index: _int) -> list[dict[str, Any]]: ...
def _cuda_can_access_peer(index: _int, other: _int) -> _bool: ...
def _cuda_current_device() -> _int: ...
def _cuda_delete_event(index: _int, event: _int) -> None: ...
def _cuda_device_count() -> _int: ...
def _cuda_elapsed_ms(index: _int, start: _int, end: _int) -> _float: ...
def _cuda_empty_cache() -> None: ...
def _cuda_empty_pinned_cache() -> None: ...
def _cuda_error_text(code: _int) -> str: ...
def _cuda_event_has_passed(index: _int, event: _int) -> _bool: ...
def _cuda_event_is_done(index: _int, event: _int) -> _bool: ...
def _cuda_free(address: _int) -> None: ...
def _cuda_free_memory(index: _int) -> tuple[_int, _int]: ...
def _cuda_generator(index: _int) -> Generator: ...
def _cuda_get_reports_waits() -> _int: ...
def _cuda_set_reports_waits(how: _int) -> None: ...
def _cuda_is_available() -> _bool: ...
def _cuda_is_initialized() -> _bool: ...
def _cuda_keep_for_stream(tensor: Tensor, stream: _int) -> None: ...
def _cuda_mark(text: str) -> None: ...
def _cuda_push_range(text: str) -> _int: ...
def _cuda_pop_range() -> _int: ...
def _cuda_start_range(text: str) -> _int: ...
def _cuda_end_range(range: _int) -> None: ...
def _cuda_profile(on: _bool) -> None: ...
def _cuda_memory(index: _int) -> dict[str, Any]: ...
def _cuda_memory_limit(index: _int) -> _float: ...
def _cuda_begin_graph(index: _int, pool: _int, mode: _int) -> _int: ...
def _cuda_delete_graph(index: _int, graph: _int) -> None: ...
def _cuda_draw_graph(index: _int, graph: _int, path: str) -> None: ...
def _cuda_end_graph(index: _int, graph: _int) -> _int: ...
def _cuda_graph_handles(index: _int, graph: _int) -> tuple[_int, _int, _int, _bool]: ...
def _cuda_instantiate_graph(index: _int, graph: _int, keep: _bool) -> None: ...
def _cuda_is_capturing(index: _int, stream: _int) -> _bool: ...
def _cuda_run_graph(index: _int, graph: _int) -> None: ...
def _cuda_new_event(index: _int, timed: _bool, blocking: _bool) -> _int: ...
def _cuda_new_pool() -> _int: ...
def _cuda_hold_pool(index: _int, pool: _int, spare: _bool, whole: _bool) -> None: ...
def _cuda_let_go_pool(index: _int, pool: _int) -> None: ...
def _cuda_enter_pool(index: _int, pool: _int) -> None: ...
def _cuda_leave_pool(index: _int, pool: _int) -> None: ...
def _cuda_pool_users(index: _int, pool: _int) -> _int: ...
def _cuda_new_stream(index: _int, priority: _int) -> _int: ...
def _cuda_note(index: _int, text: str) -> None: ...
def _cuda_pinned_memory() -> dict[str, Any]: ...
def _cuda_properties(index: _int) -> dict[str, Any]: ...
def _cuda_record_event(index: _int, event: _int, stream: _int) -> None: ...
def _cuda_reset_memory(index: _int, peaks: _bool) -> None: ...
def _cuda_reset_pinned(peaks: _bool) -> None: ...
def _cuda_runtime_version() -> _int: ...
def _cuda_seed_all(seed: _int) -> None: ...
def _cuda_set_caching(enabled: _bool) -> None: ...
def _cuda_set_device(device: _int, /) -> None: ...
def _cuda_set_memory_limit(index: _int, fraction: _float) -> None: ...
def _cuda_set_stream(index: _int, stream: _int) -> None: ...
def _cuda_stream(index: _int) -> _int: ...
def _cuda_stream_is_done(index: _int, stream: _int) -> _bool: ...
def _cuda_synchronize(device: _int, /) -> None: ...
def _cuda_synchronize_event(index: _int, event: _int) -> None: ...
def _cuda_synchronize_stream(index: _int, stream: _int) -> None: ...
def _cuda_unavailable_reason() -> str: ...
def _cuda_wait_event(index: _int, stream: _int, event: _int) -> None: ...
def _device_name(device: _DeviceLike, /) -> str: ...
def _empty_cache() -> None: ...
def _float32_matmul_precision() -> _int: ...
def _set_float32_matmul_precision(level: _int) -> None: ...
def _memory_stats() -> dict[str, _int]: ...
def _set_module_methods(getattr: Any, call: Any, note_error: Any, global_hooks: Any, /) -> None: ...
def _allow_conv_tf32(allowed: _bool) -> None: ...
def _allow_rnn_tf32(allowed: _bool) -> None: ...
def _conv_tf32_allowed() -> _bool: ...
def _rnn_tf32_allowed() -> _bool: ...
def _set_winograd_enabled(enabled: _bool) -> None: ...
def _shorten_module_slots(cls: type, /) -> None: ...
def _winograd_enabled() -> _bool: ...
def _sdp_backends() -> _int: ...
def _set_sdp_backends(bits: _int) -> None: ...

# Autograd and storages

def _backward(
    tensors: tuple[Tensor, ...],
    grads: tuple[Tensor | None, ...],
    retain_graph: _bool,
    create_graph: _bool,
    inputs: Any,
    accumulate: _bool,
    /,
) -> Any: ...
def _grad(
    outputs: tuple[Tensor, ...],
    inputs: tuple[Tensor, ...],
    grad_outputs: tuple[Tensor | None, ...],
    retain_graph: _bool,
    create_graph: _bool,
    allow_unused: _bool,
    /,
) -> tuple[Tensor | None, ...]: ...
def _push_saved_tensors_default_hooks(
    pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor], /
) -> None: ...
def _pop_saved_tensors_default_hooks() -> None: ...
def _saved_tensors_hooks_disable(error_message: str, /) -> Any: ...
def _saved_tensors_hooks_enable() -> Any: ...
def _saved_tensors_hooks_get_disabled_error_message() -> str | None: ...
def _load_state_dict(path: str | bytes | PathLike[str], /) -> dict[str, Tensor]: ...
def _rebuild_tensor(
    storage: UntypedStorage,
    dtype: _DtypeLike,
    storage_offset: _int,
    size: Sequence[_int],
    stride: Sequence[_int],
    /,
) -> Tensor: ...
def _disabled_torch_function_impl(*args: Any, **kwargs: Any) -> Any: ...
def _is_recording() -> _bool: ...
def _recorder_now() -> _int: ...
def _recorder_start(options: _int) -> _int: ...
def _recorder_stop(since: _int) -> list[tuple[Any, ...]]: ...
def _recorder_events(since: _int) -> list[tuple[Any, ...]]: ...
def _push_on_torch_function_stack(mode: Any) -> None: ...
def _pop_torch_function_stack() -> Any: ...
def _len_torch_function_stack() -> _int: ...
def _get_function_stack_at(level: _int) -> Any: ...
def _is_torch_function_mode_enabled() -> _bool: ...
def _is_torch_function_enabled() -> _bool: ...
def _is_torch_function_all_disabled() -> _bool: ...
def _has_torch_function(relevant_args: Any) -> _bool: ...
def _has_torch_function_variadic(*args: Any) -> _bool: ...
def _get_overloaded_args(relevant_args: Any) -> list[Any]: ...
def _handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Any, *args: Any, **kwargs: Any
) -> Any: ...
def _set_default_device(device: _DeviceLike | None, /) -> None: ...
def _get_default_device() -> _device: ...
def _set_fill_uninitialized(on: _bool) -> None: ...
def _set_module(type: type, module: str) -> None: ...

_return_types: dict[str, type]
_signatures: dict[str, list[str]]

# Ops

def _adadelta_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    square_avgs: Sequence[Tensor],
    acc_deltas: Sequence[Tensor],
    steps: Sequence[Tensor],
    lr: _float,
    rho: _float,
    eps: _float,
    weight_decay: _float,
    maximize: _bool,
    rate: Tensor | None = None,
) -> None:
    """One step of Adadelta over a group."""

def _adagrad_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    sums: Sequence[Tensor],
    steps: Sequence[Tensor],
    lr: _float,
    lr_decay: _float,
    eps: _float,
    weight_decay: _float,
    maximize: _bool,
    rate: Tensor | None = None,
) -> None:
    """One step of Adagrad over a group."""

def _adam_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    exp_avgs: Sequence[Tensor],
    exp_avg_sqs: Sequence[Tensor],
    max_exp_avg_sqs: Sequence[Tensor],
    steps: Sequence[Tensor],
    lr: _float,
    beta1: _float,
    beta2: _float,
    eps: _float,
    weight_decay: _float,
    amsgrad: _bool,
    maximize: _bool,
    decoupled: _bool,
    rate: Tensor | None = None,
) -> None:
    """One step of Adam or AdamW over a group."""

def _adamax_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    exp_avgs: Sequence[Tensor],
    exp_infs: Sequence[Tensor],
    steps: Sequence[Tensor],
    lr: _float,
    beta1: _float,
    beta2: _float,
    eps: _float,
    weight_decay: _float,
    maximize: _bool,
    rate: Tensor | None = None,
) -> None:
    """One step of Adamax over a group."""

def _asgd_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    axs: Sequence[Tensor],
    mus: Sequence[Tensor],
    etas: Sequence[Tensor],
    steps: Sequence[Tensor],
    lr: _float,
    lambd: _float,
    alpha: _float,
    t0: _float,
    weight_decay: _float,
    maximize: _bool,
    rate: Tensor | None = None,
) -> None:
    """One step of ASGD over a group."""

def _batch_norm_relu(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: _bool,
    momentum: _float,
    eps: _float,
) -> Tensor:
    """relu(batch_norm(...)) in one pass."""

def _cholesky_factor(input: Tensor) -> tuple[Tensor, Tensor]:
    """U and info of A = U' U, from the upper triangle."""

def _conv_norm_clamp(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: _Dims,
    padding: _Dims,
    dilation: _Dims,
    groups: _int,
    norm_weight: Tensor | None,
    norm_bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    eps: _float,
    low: _float,
    high: _float,
) -> Tensor:
    """clamp(batch_norm(convolution(...)), low, high) by running statistics, in one pass."""

def _copy_out(input: Tensor, op: str, out: Tensor) -> Tensor:
    """Takes a finished result into the `out` of an op."""

def _dirichlet_grad(x: Tensor, alpha: Tensor, total: Tensor) -> Tensor:
    """Derivative of draws of Beta(alpha, total - alpha) by alpha, over 1 - x."""

def _log_softmax_backward_data(
    grad_output: Tensor, output: Tensor, dim: _int, input_dtype: _DtypeLike
) -> Tensor:
    """The gradient of log_softmax, given its output."""

def _lu_factor(input: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """L and U in one matrix, the rows that were exchanged, info."""

def _memory_format_of(input: Tensor) -> memory_format:
    """channels_last or channels_last_3d where the strides fall so, else contiguous_format."""

def _nadam_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    exp_avgs: Sequence[Tensor],
    exp_avg_sqs: Sequence[Tensor],
    mu_products: Sequence[Tensor],
    steps: Sequence[Tensor],
    lr: _float,
    beta1: _float,
    beta2: _float,
    eps: _float,
    weight_decay: _float,
    momentum_decay: _float,
    decoupled: _bool,
    maximize: _bool,
    rate: Tensor | None = None,
) -> None:
    """One step of NAdam over a group."""

def _norm_of_all(tensors: Sequence[Tensor]) -> Tensor:
    """The Euclidean norm of all elements of tensors of one dtype and device."""

def _radam_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    exp_avgs: Sequence[Tensor],
    exp_avg_sqs: Sequence[Tensor],
    steps: Sequence[Tensor],
    lr: _float,
    beta1: _float,
    beta2: _float,
    eps: _float,
    weight_decay: _float,
    decoupled: _bool,
    maximize: _bool,
    rate: Tensor | None = None,
) -> None:
    """One step of RAdam over a group."""

def _rmsprop_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    square_avgs: Sequence[Tensor],
    grad_avgs: Sequence[Tensor],
    momentum_buffers: Sequence[Tensor],
    steps: Sequence[Tensor],
    lr: _float,
    alpha: _float,
    eps: _float,
    weight_decay: _float,
    momentum: _float,
    centered: _bool,
    maximize: _bool,
    rate: Tensor | None = None,
) -> None:
    """One step of RMSprop over a group."""

def _rprop_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    prevs: Sequence[Tensor],
    step_sizes: Sequence[Tensor],
    steps: Sequence[Tensor],
    etaminus: _float,
    etaplus: _float,
    step_size_min: _float,
    step_size_max: _float,
    maximize: _bool,
) -> None:
    """One step of Rprop over a group."""

def _sample_dirichlet(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Dirichlet, with the concentrations of each row of input."""

def _scale_all_(tensors: Sequence[Tensor], factor: Tensor, max_norm: _float | None = None) -> None:
    """Multiplies all of them by one number, in place; with max_norm, by what clips that norm."""

def _sgd_step(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    momentum_buffers: Sequence[Tensor],
    lr: _float,
    momentum: _float,
    dampening: _float,
    weight_decay: _float,
    nesterov: _bool,
    maximize: _bool,
    first: _bool,
    rate: Tensor | None = None,
) -> None:
    """One step of SGD over a group."""

def _softmax_backward_data(
    grad_output: Tensor, output: Tensor, dim: _int, input_dtype: _DtypeLike
) -> Tensor:
    """The gradient of softmax, given its output."""

def _solve_triangle(input: Tensor, other: Tensor, upper: _bool, left: _bool, unit: _bool) -> Tensor:
    """X of A X = B or X A = B, nothing recorded."""

def _standard_gamma(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Gamma of rate 1, with the concentrations of input."""

def _standard_gamma_grad(input: Tensor, output: Tensor) -> Tensor:
    """Derivative of draws by their concentration."""

def _upsample_bicubic2d_aa(
    input: Tensor, output_size: _Dims, align_corners: _bool, scale_factors: Tensor | None = None
) -> Tensor:
    """Resized by cubic interpolation, against aliasing."""

def _upsample_bilinear2d_aa(
    input: Tensor, output_size: _Dims, align_corners: _bool, scale_factors: Tensor | None = None
) -> Tensor:
    """Resized by linear interpolation, against aliasing."""

def _upsample_nearest_exact1d(
    input: Tensor, output_size: _Dims, scale_factors: Tensor | None = None
) -> Tensor:
    """Resized by the nearest centre."""

def _upsample_nearest_exact2d(
    input: Tensor, output_size: _Dims, scale_factors: Tensor | None = None
) -> Tensor:
    """Resized by the nearest centre."""

def _upsample_nearest_exact3d(
    input: Tensor, output_size: _Dims, scale_factors: Tensor | None = None
) -> Tensor:
    """Resized by the nearest centre."""

def _vision__deform_conv2d_backward(
    grad: Tensor,
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor,
    bias: Tensor,
    stride_h: _int,
    stride_w: _int,
    pad_h: _int,
    pad_w: _int,
    dilation_h: _int,
    dilation_w: _int,
    groups: _int,
    offset_groups: _int,
    use_mask: _bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The gradient of deform_conv2d."""

def _vision__ps_roi_align_backward(
    grad: Tensor,
    rois: Tensor,
    channel_mapping: Tensor,
    spatial_scale: _float,
    pooled_height: _int,
    pooled_width: _int,
    sampling_ratio: _int,
    batch_size: _int,
    channels: _int,
    height: _int,
    width: _int,
) -> Tensor:
    """The gradient of ps_roi_align."""

def _vision__ps_roi_pool_backward(
    grad: Tensor,
    rois: Tensor,
    channel_mapping: Tensor,
    spatial_scale: _float,
    pooled_height: _int,
    pooled_width: _int,
    batch_size: _int,
    channels: _int,
    height: _int,
    width: _int,
) -> Tensor:
    """The gradient of ps_roi_pool."""

def _vision__roi_align_backward(
    grad: Tensor,
    rois: Tensor,
    spatial_scale: _float,
    pooled_height: _int,
    pooled_width: _int,
    batch_size: _int,
    channels: _int,
    height: _int,
    width: _int,
    sampling_ratio: _int,
    aligned: _bool,
) -> Tensor:
    """The gradient of roi_align."""

def _vision__roi_pool_backward(
    grad: Tensor,
    rois: Tensor,
    argmax: Tensor,
    spatial_scale: _float,
    pooled_height: _int,
    pooled_width: _int,
    batch_size: _int,
    channels: _int,
    height: _int,
    width: _int,
) -> Tensor:
    """The gradient of roi_pool."""

def _vision_box_iou_rotated(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Intersection over union of rotated boxes."""

def _vision_deform_conv2d(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    mask: Tensor,
    bias: Tensor,
    stride_h: _int,
    stride_w: _int,
    pad_h: _int,
    pad_w: _int,
    dilation_h: _int,
    dilation_w: _int,
    groups: _int,
    offset_groups: _int,
    use_mask: _bool,
) -> Tensor:
    """A convolution whose taps move."""

def _vision_nms(dets: Tensor, scores: Tensor, iou_threshold: _float) -> Tensor:
    """The boxes that overlap no kept box of a higher score."""

def _vision_ps_roi_align(
    input: Tensor,
    rois: Tensor,
    spatial_scale: _float,
    pooled_height: _int,
    pooled_width: _int,
    sampling_ratio: _int,
) -> tuple[Tensor, Tensor]:
    """The same with channels for each bin: (output, channel_mapping)."""

def _vision_ps_roi_pool(
    input: Tensor, rois: Tensor, spatial_scale: _float, pooled_height: _int, pooled_width: _int
) -> tuple[Tensor, Tensor]:
    """Means of regions with channels for each bin: (output, channel_mapping)."""

def _vision_roi_align(
    input: Tensor,
    rois: Tensor,
    spatial_scale: _float,
    pooled_height: _int,
    pooled_width: _int,
    sampling_ratio: _int,
    aligned: _bool,
) -> Tensor:
    """Means of bilinear samples of regions."""

def _vision_roi_pool(
    input: Tensor, rois: Tensor, spatial_scale: _float, pooled_height: _int, pooled_width: _int
) -> tuple[Tensor, Tensor]:
    """The largest pixels of regions: (output, argmax)."""

def abs(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """|input|."""

def abs_(input: Tensor) -> Tensor:
    """|input|."""

def absolute(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The same as abs."""

def absolute_(input: Tensor) -> Tensor:
    """The same as abs."""

def acos(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inverse cosine, in radians."""

def acos_(input: Tensor) -> Tensor:
    """Inverse cosine, in radians."""

def acosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inverse hyperbolic cosine."""

def acosh_(input: Tensor) -> Tensor:
    """Inverse hyperbolic cosine."""

def adaptive_avg_pool1d(input: Tensor, output_size: _Dims) -> Tensor:
    """Means of windows that make output_size."""

def adaptive_avg_pool2d(input: Tensor, output_size: _Dims) -> Tensor:
    """Means of windows that make output_size."""

def adaptive_avg_pool3d(input: Tensor, output_size: _Dims) -> Tensor:
    """Means of windows that make output_size."""

def adaptive_max_pool1d(input: Tensor, output_size: _Dims) -> tuple[Tensor, Tensor]:
    """Maxima of windows that make output_size, and where they are."""

def adaptive_max_pool2d(input: Tensor, output_size: _Dims) -> tuple[Tensor, Tensor]:
    """Maxima of windows that make output_size, and where they are."""

def adaptive_max_pool3d(input: Tensor, output_size: _Dims) -> tuple[Tensor, Tensor]:
    """Maxima of windows that make output_size, and where they are."""

@overload
def add(
    input: Tensor, other: Tensor | _Number, *, alpha: _Number = 1, out: Tensor | None = None
) -> Tensor:
    """input + alpha * other."""

@overload
def add(
    input: Tensor | _Number, other: Tensor, *, alpha: _Number = 1, out: Tensor | None = None
) -> Tensor:
    """input + alpha * other."""

def add_(input: Tensor, other: Tensor | _Number, *, alpha: _Number = 1) -> Tensor:
    """input + alpha * other."""

def addbmm(
    input: Tensor,
    batch1: Tensor,
    batch2: Tensor,
    *,
    beta: _Number = 1,
    alpha: _Number = 1,
    out: Tensor | None = None,
) -> Tensor:
    """beta * input + alpha * sum of products."""

def addbmm_(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1
) -> Tensor:
    """beta * input + alpha * sum of products."""

def addcdiv(
    input: Tensor,
    tensor1: Tensor,
    tensor2: Tensor,
    *,
    value: _Number = 1,
    out: Tensor | None = None,
) -> Tensor:
    """input + value * tensor1 / tensor2."""

def addcdiv_(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1) -> Tensor:
    """input + value * tensor1 / tensor2."""

def addcmul(
    input: Tensor,
    tensor1: Tensor,
    tensor2: Tensor,
    *,
    value: _Number = 1,
    out: Tensor | None = None,
) -> Tensor:
    """input + value * tensor1 * tensor2."""

def addcmul_(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: _Number = 1) -> Tensor:
    """input + value * tensor1 * tensor2."""

def addmm(
    input: Tensor,
    mat1: Tensor,
    mat2: Tensor,
    *,
    beta: _Number = 1,
    alpha: _Number = 1,
    out: Tensor | None = None,
) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2)."""

def addmm_(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: _Number = 1, alpha: _Number = 1
) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2)."""

def addmv(
    input: Tensor,
    mat: Tensor,
    vec: Tensor,
    *,
    beta: _Number = 1,
    alpha: _Number = 1,
    out: Tensor | None = None,
) -> Tensor:
    """beta * input + alpha * (mat @ vec)."""

def addmv_(
    input: Tensor, mat: Tensor, vec: Tensor, *, beta: _Number = 1, alpha: _Number = 1
) -> Tensor:
    """beta * input + alpha * (mat @ vec)."""

def addr(
    input: Tensor,
    vec1: Tensor,
    vec2: Tensor,
    *,
    beta: _Number = 1,
    alpha: _Number = 1,
    out: Tensor | None = None,
) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2)."""

def addr_(
    input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: _Number = 1, alpha: _Number = 1
) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2)."""

def adjoint(input: Tensor) -> Tensor:
    """The tensor with its last two dimensions exchanged."""

def alias_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy of the view of that name."""

def all(
    input: Tensor, dim: _Dims | None = None, keepdim: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Are all elements true?"""

def allclose(
    input: Tensor,
    other: Tensor,
    rtol: _float = 1e-05,
    atol: _float = 1e-08,
    equal_nan: _bool = False,
) -> _bool:
    """Is every element close?"""

def amax(
    input: Tensor, dim: _Dims | None = (), keepdim: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The largest element; the gradient is shared by equals."""

def amin(
    input: Tensor, dim: _Dims | None = (), keepdim: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The smallest element; the gradient is shared by equals."""

@overload
def aminmax(input: Tensor, *, dim: _int | None = None, keepdim: _bool = False) -> _aminmax_result:
    """The smallest and the largest element."""

@overload
def aminmax(
    input: Tensor,
    *,
    dim: _int | None = None,
    keepdim: _bool = False,
    out: Sequence[Tensor | None] | None,
) -> _aminmax_result:
    """The smallest and the largest element."""

def angle(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """pi where negative, nan where nan, else 0."""

def any(
    input: Tensor, dim: _Dims | None = None, keepdim: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Is any element true?"""

@overload
def arange(
    end: _Number,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """0, 1, ... below end."""

@overload
def arange(
    start: _Number,
    end: _Number,
    step: _Number = 1,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """0, 1, ... below end."""

def arccos(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The same as acos."""

def arccos_(input: Tensor) -> Tensor:
    """The same as acos."""

def arccosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The same as acosh."""

def arccosh_(input: Tensor) -> Tensor:
    """The same as acosh."""

def arcsin(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The same as asin."""

def arcsin_(input: Tensor) -> Tensor:
    """The same as asin."""

def arcsinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The same as asinh."""

def arcsinh_(input: Tensor) -> Tensor:
    """The same as asinh."""

def arctan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The same as atan."""

def arctan2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The same as atan2."""

def arctan2_(input: Tensor, other: Tensor) -> Tensor:
    """The same as atan2."""

def arctan_(input: Tensor) -> Tensor:
    """The same as atan."""

def arctanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The same as atanh."""

def arctanh_(input: Tensor) -> Tensor:
    """The same as atanh."""

def argmax(
    input: Tensor, dim: _int | None = None, keepdim: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Where the largest element stands first."""

def argmin(
    input: Tensor, dim: _int | None = None, keepdim: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Where the smallest element stands first."""

@overload
def argsort(input: Tensor, dim: _int = -1, descending: _bool = False) -> Tensor:
    """The indices that sort along dim."""

@overload
def argsort(
    input: Tensor,
    *,
    stable: _bool,
    dim: _int = -1,
    descending: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """The indices that sort along dim."""

def argwhere(input: Tensor) -> Tensor:
    """Indices of nonzero elements, a row each."""

def as_strided(
    input: Tensor, size: _Dims, stride: _Dims, storage_offset: _int | None = None
) -> Tensor:
    """A view with any geometry."""

def as_strided_(
    input: Tensor, size: _Dims, stride: _Dims, storage_offset: _int | None = None
) -> Tensor:
    """The tensor itself with any geometry."""

def as_strided_copy(
    input: Tensor,
    size: _Dims,
    stride: _Dims,
    storage_offset: _int | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """A copy of the view of that name."""

def as_strided_scatter(
    input: Tensor, src: Tensor, size: _Dims, stride: _Dims, storage_offset: _int | None = None
) -> Tensor:
    """input with src written where as_strided looks."""

def asin(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inverse sine, in radians."""

def asin_(input: Tensor) -> Tensor:
    """Inverse sine, in radians."""

def asinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inverse hyperbolic sine."""

def asinh_(input: Tensor) -> Tensor:
    """Inverse hyperbolic sine."""

def atan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inverse tangent, in radians."""

def atan2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Angle of (other, input), in radians."""

def atan2_(input: Tensor, other: Tensor) -> Tensor:
    """Angle of (other, input), in radians."""

def atan_(input: Tensor) -> Tensor:
    """Inverse tangent, in radians."""

def atanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inverse hyperbolic tangent."""

def atanh_(input: Tensor) -> Tensor:
    """Inverse hyperbolic tangent."""

def avg_pool1d(
    input: Tensor,
    kernel_size: _Dims,
    stride: _Dims | None = None,
    padding: _Dims = 0,
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
) -> Tensor:
    """The mean of each window."""

def avg_pool2d(
    input: Tensor,
    kernel_size: _Dims,
    stride: _Dims | None = None,
    padding: _Dims = 0,
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
    divisor_override: _int | None = None,
) -> Tensor:
    """The mean of each window."""

def avg_pool3d(
    input: Tensor,
    kernel_size: _Dims,
    stride: _Dims | None = None,
    padding: _Dims = 0,
    ceil_mode: _bool = False,
    count_include_pad: _bool = True,
    divisor_override: _int | None = None,
) -> Tensor:
    """The mean of each window."""

def baddbmm(
    input: Tensor,
    batch1: Tensor,
    batch2: Tensor,
    *,
    beta: _Number = 1,
    alpha: _Number = 1,
    out: Tensor | None = None,
) -> Tensor:
    """beta * input + alpha * (batch1 @ batch2)."""

def baddbmm_(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: _Number = 1, alpha: _Number = 1
) -> Tensor:
    """beta * input + alpha * (batch1 @ batch2)."""

def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: _bool,
    momentum: _float,
    eps: _float,
    cudnn_enabled: _bool,
) -> Tensor:
    """Channels normalised over the batch; running statistics move by momentum."""

@overload
def bernoulli(
    input: Tensor, *, generator: Generator | None = None, out: Tensor | None = None
) -> Tensor:
    """1 with the probabilities of input, else 0."""

@overload
def bernoulli(input: Tensor, p: _float, *, generator: Generator | None = None) -> Tensor:
    """1 with the probabilities of input, else 0."""

def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: _int = 1
) -> Tensor:
    """-(t log x + (1 - t) log(1 - x))."""

def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: _int = 1,
) -> Tensor:
    """binary_cross_entropy of sigmoid(input), stable."""

def bincount(input: Tensor, weights: Tensor | None = None, minlength: _int = 0) -> Tensor:
    """How often each value occurs."""

def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """Successes of count trials of probability prob."""

@overload
def bitwise_and(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """Of the bits of integers."""

@overload
def bitwise_and(input: Tensor | _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Of the bits of integers."""

def bitwise_and_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """Of the bits of integers."""

@overload
def bitwise_left_shift(
    input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None
) -> Tensor:
    """Of the bits of integers."""

@overload
def bitwise_left_shift(
    input: Tensor | _Number, other: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """Of the bits of integers."""

def bitwise_left_shift_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """Of the bits of integers."""

def bitwise_not(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Each bit inverted; not for bool."""

def bitwise_not_(input: Tensor) -> Tensor:
    """Each bit inverted; not for bool."""

@overload
def bitwise_or(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """Of the bits of integers."""

@overload
def bitwise_or(input: Tensor | _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Of the bits of integers."""

def bitwise_or_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """Of the bits of integers."""

@overload
def bitwise_right_shift(
    input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None
) -> Tensor:
    """Of the bits of integers."""

@overload
def bitwise_right_shift(
    input: Tensor | _Number, other: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """Of the bits of integers."""

def bitwise_right_shift_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """Of the bits of integers."""

@overload
def bitwise_xor(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """Of the bits of integers."""

@overload
def bitwise_xor(input: Tensor | _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Of the bits of integers."""

def bitwise_xor_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """Of the bits of integers."""

def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Matrix products of a batch."""

def broadcast_tensors(*tensors: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    """All expanded to their common shape."""

def broadcast_to(input: Tensor, size: _Dims) -> Tensor:
    """Expanded to a shape."""

def bucketize(
    input: Tensor | _Number,
    boundaries: Tensor,
    *,
    out_int32: _bool = False,
    right: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """The bucket of each value."""

def cat(tensors: Sequence[Tensor], dim: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """Joined along a dimension."""

def ceil(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Smallest integer not below."""

def ceil_(input: Tensor) -> Tensor:
    """Smallest integer not below."""

def celu(input: Tensor, alpha: _Number = 1.0) -> Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."""

def celu_(input: Tensor, alpha: _Number = 1.0) -> Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."""

def chunk(input: Tensor, chunks: _int, dim: _int = 0) -> tuple[Tensor, ...]:
    """About equal parts."""

@overload
def clamp(
    input: Tensor,
    min: Tensor | None = None,
    max: Tensor | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Limited to [min, max]."""

@overload
def clamp(
    input: Tensor,
    min: _Number | None = None,
    max: _Number | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Limited to [min, max]."""

@overload
def clamp_(input: Tensor, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
    """Limited to [min, max]."""

@overload
def clamp_(input: Tensor, min: _Number | None = None, max: _Number | None = None) -> Tensor:
    """Limited to [min, max]."""

@overload
def clamp_max(input: Tensor, max: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Not above max."""

@overload
def clamp_max(input: Tensor, max: _Number, *, out: Tensor | None = None) -> Tensor:
    """Not above max."""

@overload
def clamp_max_(input: Tensor, max: Tensor) -> Tensor:
    """Not above max."""

@overload
def clamp_max_(input: Tensor, max: _Number) -> Tensor:
    """Not above max."""

@overload
def clamp_min(input: Tensor, min: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Not below min."""

@overload
def clamp_min(input: Tensor, min: _Number, *, out: Tensor | None = None) -> Tensor:
    """Not below min."""

@overload
def clamp_min_(input: Tensor, min: Tensor) -> Tensor:
    """Not below min."""

@overload
def clamp_min_(input: Tensor, min: _Number) -> Tensor:
    """Not below min."""

@overload
def clip(
    input: Tensor,
    min: Tensor | None = None,
    max: Tensor | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Limited to [min, max]."""

@overload
def clip(
    input: Tensor,
    min: _Number | None = None,
    max: _Number | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Limited to [min, max]."""

@overload
def clip_(input: Tensor, min: Tensor | None = None, max: Tensor | None = None) -> Tensor:
    """Limited to [min, max]."""

@overload
def clip_(input: Tensor, min: _Number | None = None, max: _Number | None = None) -> Tensor:
    """Limited to [min, max]."""

def clone(input: Tensor, *, memory_format: memory_format | None = None) -> Tensor:
    """A copy, through which gradients flow."""

def concat(tensors: Sequence[Tensor], dim: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """Joined along a dimension."""

def concatenate(tensors: Sequence[Tensor], dim: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """Joined along a dimension."""

def conj(input: Tensor) -> Tensor:
    """The tensor itself, which is real."""

def conj_physical(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The tensor itself, which is real."""

def conj_physical_(input: Tensor) -> Tensor:
    """The tensor itself, which is real."""

def constant_pad_nd(input: Tensor, pad: _Dims, value: _Number = 0) -> Tensor:
    """Padded with a value; negative pads crop."""

@overload
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _Dims = 1,
    padding: _Dims = 0,
    dilation: _Dims = 1,
    groups: _int = 1,
) -> Tensor:
    """1-D cross-correlation."""

@overload
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _Dims = 1,
    padding: str = "valid",
    dilation: _Dims = 1,
    groups: _int = 1,
) -> Tensor:
    """1-D cross-correlation."""

@overload
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _Dims = 1,
    padding: _Dims = 0,
    dilation: _Dims = 1,
    groups: _int = 1,
) -> Tensor:
    """2-D cross-correlation."""

@overload
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _Dims = 1,
    padding: str = "valid",
    dilation: _Dims = 1,
    groups: _int = 1,
) -> Tensor:
    """2-D cross-correlation."""

@overload
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _Dims = 1,
    padding: _Dims = 0,
    dilation: _Dims = 1,
    groups: _int = 1,
) -> Tensor:
    """3-D cross-correlation."""

@overload
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _Dims = 1,
    padding: str = "valid",
    dilation: _Dims = 1,
    groups: _int = 1,
) -> Tensor:
    """3-D cross-correlation."""

def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _Dims = 1,
    padding: _Dims = 0,
    output_padding: _Dims = 0,
    groups: _int = 1,
    dilation: _Dims = 1,
) -> Tensor:
    """1-D transposed convolution."""

def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _Dims = 1,
    padding: _Dims = 0,
    output_padding: _Dims = 0,
    groups: _int = 1,
    dilation: _Dims = 1,
) -> Tensor:
    """2-D transposed convolution."""

def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: _Dims = 1,
    padding: _Dims = 0,
    output_padding: _Dims = 0,
    groups: _int = 1,
    dilation: _Dims = 1,
) -> Tensor:
    """3-D transposed convolution."""

def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: _Dims,
    padding: _Dims,
    dilation: _Dims,
    transposed: _bool,
    output_padding: _Dims,
    groups: _int,
) -> Tensor:
    """Convolution over 1 to 3 dimensions."""

def copysign(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """|input| with the sign of other."""

def copysign_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """|input| with the sign of other."""

def cos(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Cosine of radians."""

def cos_(input: Tensor) -> Tensor:
    """Cosine of radians."""

def cosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Hyperbolic cosine."""

def cosh_(input: Tensor) -> Tensor:
    """Hyperbolic cosine."""

def count_nonzero(input: Tensor, dim: _Dims | None = None) -> Tensor:
    """Number of elements that are not 0."""

def cross_entropy_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: _int = 1,
    ignore_index: _int = -100,
    label_smoothing: _float = 0.0,
) -> Tensor:
    """Cross entropy of logits against classes or probabilities, reduced."""

@overload
def cummax(input: Tensor, dim: _int) -> _cummax_result:
    """Running maximum along dim, and where it stands last."""

@overload
def cummax(input: Tensor, dim: _int, *, out: Sequence[Tensor | None] | None) -> _cummax_result:
    """Running maximum along dim, and where it stands last."""

@overload
def cummin(input: Tensor, dim: _int) -> _cummin_result:
    """Running minimum along dim, and where it stands last."""

@overload
def cummin(input: Tensor, dim: _int, *, out: Sequence[Tensor | None] | None) -> _cummin_result:
    """Running minimum along dim, and where it stands last."""

def cumprod(
    input: Tensor, dim: _int, *, dtype: _DtypeLike | None = None, out: Tensor | None = None
) -> Tensor:
    """Running product along dim."""

def cumprod_(input: Tensor, dim: _int, *, dtype: _DtypeLike | None = None) -> Tensor:
    """Running product along dim."""

def cumsum(
    input: Tensor, dim: _int, *, dtype: _DtypeLike | None = None, out: Tensor | None = None
) -> Tensor:
    """Running sum along dim."""

def cumsum_(input: Tensor, dim: _int, *, dtype: _DtypeLike | None = None) -> Tensor:
    """Running sum along dim."""

def deg2rad(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Degrees to radians."""

def deg2rad_(input: Tensor) -> Tensor:
    """Degrees to radians."""

def detach(input: Tensor) -> Tensor:
    """The same memory, without history."""

def detach_(input: Tensor) -> Tensor:
    """Forgets the history, in place."""

def detach_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy of the view of that name."""

def diag(input: Tensor, diagonal: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """The diagonal of a matrix, or the matrix of a diagonal."""

def diag_embed(input: Tensor, offset: _int = 0, dim1: _int = -2, dim2: _int = -1) -> Tensor:
    """Matrices with input on a diagonal."""

def diagonal(input: Tensor, offset: _int = 0, dim1: _int = 0, dim2: _int = 1) -> Tensor:
    """A view of a diagonal, as the last dimension."""

def diagonal_copy(
    input: Tensor, offset: _int = 0, dim1: _int = 0, dim2: _int = 1, *, out: Tensor | None = None
) -> Tensor:
    """A copy of the view of that name."""

def diagonal_scatter(
    input: Tensor, src: Tensor, offset: _int = 0, dim1: _int = 0, dim2: _int = 1
) -> Tensor:
    """A copy with src on a diagonal."""

def digamma(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Derivative of lgamma."""

def digamma_(input: Tensor) -> Tensor:
    """Derivative of lgamma."""

def dist(input: Tensor, other: Tensor, p: _Number = 2) -> Tensor:
    """The p-norm of input - other."""

@overload
def div(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input / other, of floating-point dtype."""

@overload
def div(input: Tensor | _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input / other, of floating-point dtype."""

@overload
def div(
    input: Tensor, other: Tensor | _Number, *, rounding_mode: str | None, out: Tensor | None = None
) -> Tensor:
    """input / other, of floating-point dtype."""

@overload
def div_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """input / other, of floating-point dtype."""

@overload
def div_(input: Tensor, other: Tensor | _Number, *, rounding_mode: str | None) -> Tensor:
    """input / other, of floating-point dtype."""

@overload
def divide(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The same as div."""

@overload
def divide(input: Tensor | _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The same as div."""

@overload
def divide(
    input: Tensor, other: Tensor | _Number, *, rounding_mode: str | None, out: Tensor | None = None
) -> Tensor:
    """The same as div."""

@overload
def divide_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """The same as div."""

@overload
def divide_(input: Tensor, other: Tensor | _Number, *, rounding_mode: str | None) -> Tensor:
    """The same as div."""

def dot(input: Tensor, tensor: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inner product of vectors."""

def dropout(input: Tensor, p: _float, train: _bool) -> Tensor:
    """Zeroed with probability p, the rest times 1 / (1 - p)."""

def dropout_(input: Tensor, p: _float, train: _bool) -> Tensor:
    """Zeroed with probability p, the rest times 1 / (1 - p)."""

@overload
def dsplit(input: Tensor, sections: _int) -> tuple[Tensor, ...]:
    """Split along dimension 2."""

@overload
def dsplit(input: Tensor, indices: _Dims) -> tuple[Tensor, ...]:
    """Split along dimension 2."""

def elu(
    input: Tensor,
    alpha: _Number = 1,
    scale: _Number = 1,
    input_scale: _Number = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """input, alpha * (exp(input) - 1) where negative."""

def elu_(input: Tensor, alpha: _Number = 1, scale: _Number = 1, input_scale: _Number = 1) -> Tensor:
    """input, alpha * (exp(input) - 1) where negative."""

def embedding(
    weight: Tensor,
    indices: Tensor,
    padding_idx: _int = -1,
    scale_grad_by_freq: _bool = False,
    sparse: _bool = False,
) -> Tensor:
    """Rows of weight."""

@overload
def empty(
    size: _Dims,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: memory_format | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Uninitialised."""

@overload
def empty(
    *size: _int,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: memory_format | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Uninitialised."""

def empty_like(
    input: Tensor,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: memory_format | None = None,
) -> Tensor:
    """Uninitialised, in the shape of input."""

def empty_strided(
    size: _Dims,
    stride: _Dims,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> Tensor:
    """Uninitialised, with the given strides."""

def eq(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input == other."""

def eq_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """input == other."""

def equal(input: Tensor, other: Tensor) -> _bool:
    """Same shape and elements?"""

def erf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Error function."""

def erf_(input: Tensor) -> Tensor:
    """Error function."""

def erfc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 - erf(input)."""

def erfc_(input: Tensor) -> Tensor:
    """1 - erf(input)."""

def erfinv(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inverse of the error function on (-1, 1)."""

def erfinv_(input: Tensor) -> Tensor:
    """Inverse of the error function on (-1, 1)."""

def exp(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """e^input."""

def exp2(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """2^input."""

def exp2_(input: Tensor) -> Tensor:
    """2^input."""

def exp_(input: Tensor) -> Tensor:
    """e^input."""

def expand_copy(
    input: Tensor, size: _Dims, *, implicit: _bool = False, out: Tensor | None = None
) -> Tensor:
    """A copy of the view of that name."""

def expm1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """e^input - 1, exact near 0."""

def expm1_(input: Tensor) -> Tensor:
    """e^input - 1, exact near 0."""

@overload
def eye(
    n: _int,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Identity matrix."""

@overload
def eye(
    n: _int,
    m: _int,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Identity matrix."""

@overload
def fill(input: Tensor, value: Tensor) -> Tensor:
    """A copy with every element set."""

@overload
def fill(input: Tensor, value: _Number) -> Tensor:
    """A copy with every element set."""

@overload
def fill_(input: Tensor, value: Tensor) -> Tensor:
    """Every element set."""

@overload
def fill_(input: Tensor, value: _Number) -> Tensor:
    """Every element set."""

def fix(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The same as trunc."""

def fix_(input: Tensor) -> Tensor:
    """The same as trunc."""

def flatten(input: Tensor, start_dim: _int = 0, end_dim: _int = -1) -> Tensor:
    """A range of dimensions joined into one."""

def flip(input: Tensor, dims: _Dims) -> Tensor:
    """Reversed along dimensions."""

@overload
def float_power(input: Tensor, exponent: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input^exponent in float64."""

@overload
def float_power(input: Tensor | _Number, exponent: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input^exponent in float64."""

def float_power_(input: Tensor, exponent: Tensor | _Number) -> Tensor:
    """input^exponent in float64."""

def floor(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Largest integer not above."""

def floor_(input: Tensor) -> Tensor:
    """Largest integer not above."""

@overload
def floor_divide(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """floor(input / other)."""

@overload
def floor_divide(input: Tensor | _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """floor(input / other)."""

def floor_divide_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """floor(input / other)."""

def fmax(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger; numbers win over nan."""

def fmax_(input: Tensor, other: Tensor) -> Tensor:
    """The larger; numbers win over nan."""

def fmin(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller; numbers win over nan."""

def fmin_(input: Tensor, other: Tensor) -> Tensor:
    """The smaller; numbers win over nan."""

def fmod(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The rest of division, with the sign of input."""

def fmod_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """The rest of division, with the sign of input."""

def frac(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Fractional part, with the sign of input."""

def frac_(input: Tensor) -> Tensor:
    """Fractional part, with the sign of input."""

@overload
def frexp(input: Tensor) -> _frexp_result:
    """input as mantissa 2^exponent, |mantissa| in [0.5, 1)."""

@overload
def frexp(input: Tensor, *, out: Sequence[Tensor | None] | None) -> _frexp_result:
    """input as mantissa 2^exponent, |mantissa| in [0.5, 1)."""

def full(
    size: _Dims,
    fill_value: _Number,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """All one value."""

def full_like(
    input: Tensor,
    fill_value: _Number,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: memory_format | None = None,
) -> Tensor:
    """All one value, in the shape of input."""

def gather(
    input: Tensor,
    dim: _int,
    index: Tensor,
    *,
    sparse_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """y[i][j] = x[index[i][j]][j] (dim 0)."""

def gcd(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Greatest common divisor."""

def gcd_(input: Tensor, other: Tensor) -> Tensor:
    """Greatest common divisor."""

def ge(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input >= other."""

def ge_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """input >= other."""

def gelu(input: Tensor, *, approximate: str = "none", out: Tensor | None = None) -> Tensor:
    """x * Phi(x) (Hendrycks and Gimpel 2016)."""

def gelu_(input: Tensor, *, approximate: str = "none") -> Tensor:
    """x * Phi(x) (Hendrycks and Gimpel 2016)."""

def ger(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Outer product of vectors."""

def get_device(input: Tensor) -> _int:
    """The number of its GPU, -1 on the CPU."""

def greater(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The same as gt."""

def greater_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """The same as gt."""

def greater_equal(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The same as ge."""

def greater_equal_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """The same as ge."""

def group_norm(
    input: Tensor,
    num_groups: _int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: _float = 1e-05,
    cudnn_enabled: _bool = True,
) -> Tensor:
    """Groups of channels normalised over each image."""

@overload
def gru(
    input: Tensor,
    hx: Tensor,
    params: Sequence[Tensor],
    has_biases: _bool,
    num_layers: _int,
    dropout: _float,
    train: _bool,
    bidirectional: _bool,
    batch_first: _bool,
) -> tuple[Tensor, Tensor]:
    """Layers of gated recurrent units: (output, last h)."""

@overload
def gru(
    data: Tensor,
    batch_sizes: Tensor,
    hx: Tensor,
    params: Sequence[Tensor],
    has_biases: _bool,
    num_layers: _int,
    dropout: _float,
    train: _bool,
    bidirectional: _bool,
) -> tuple[Tensor, Tensor]:
    """Layers of gated recurrent units: (output, last h)."""

def gru_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step of gated recurrent units."""

def gt(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input > other."""

def gt_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """input > other."""

def hardshrink(input: Tensor, lambd: _Number = 0.5, *, out: Tensor | None = None) -> Tensor:
    """0 within [-lambd, lambd]."""

def hardsigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """relu6(x + 3) / 6."""

def hardsigmoid_(input: Tensor) -> Tensor:
    """relu6(x + 3) / 6."""

def hardswish(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """x * relu6(x + 3) / 6 (Howard et al. 2019)."""

def hardswish_(input: Tensor) -> Tensor:
    """x * relu6(x + 3) / 6 (Howard et al. 2019)."""

def hardtanh(
    input: Tensor, min_val: _Number = -1, max_val: _Number = 1, *, out: Tensor | None = None
) -> Tensor:
    """Limited to [min_val, max_val]."""

def hardtanh_(input: Tensor, min_val: _Number = -1, max_val: _Number = 1) -> Tensor:
    """Limited to [min_val, max_val]."""

def heaviside(input: Tensor, values: Tensor, *, out: Tensor | None = None) -> Tensor:
    """0 below zero, 1 above, values at zero."""

def heaviside_(input: Tensor, values: Tensor) -> Tensor:
    """0 below zero, 1 above, values at zero."""

@overload
def hsplit(input: Tensor, sections: _int) -> tuple[Tensor, ...]:
    """Split side by side: along dimension 1, or 0 for vectors."""

@overload
def hsplit(input: Tensor, indices: _Dims) -> tuple[Tensor, ...]:
    """Split side by side: along dimension 1, or 0 for vectors."""

def huber_loss(input: Tensor, target: Tensor, reduction: _int = 1, delta: _float = 1.0) -> Tensor:
    """Squared below delta, linear above (Huber 1964)."""

def hypot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sqrt(input^2 + other^2)."""

def hypot_(input: Tensor, other: Tensor) -> Tensor:
    """sqrt(input^2 + other^2)."""

def i0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function I0."""

def i0_(input: Tensor) -> Tensor:
    """The modified Bessel function I0."""

def igamma(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The regularised lower incomplete gamma function P(input, other)."""

def igamma_(input: Tensor, other: Tensor) -> Tensor:
    """The regularised lower incomplete gamma function P(input, other)."""

def igammac(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The regularised upper incomplete gamma function Q(input, other)."""

def igammac_(input: Tensor, other: Tensor) -> Tensor:
    """The regularised upper incomplete gamma function Q(input, other)."""

def imag(input: Tensor) -> Tensor:
    """RuntimeError: only complex tensors have one."""

def index(input: Tensor, indices: Sequence[Tensor | None] | None) -> Tensor:
    """input[indices]."""

def index_add(
    input: Tensor,
    dim: _int,
    index: Tensor,
    source: Tensor,
    *,
    alpha: _Number = 1,
    out: Tensor | None = None,
) -> Tensor:
    """source added at positions of a dimension."""

def index_add_(
    input: Tensor, dim: _int, index: Tensor, source: Tensor, *, alpha: _Number = 1
) -> Tensor:
    """source added at positions of a dimension."""

def index_copy(
    input: Tensor, dim: _int, index: Tensor, source: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """source written at positions of a dimension."""

def index_copy_(input: Tensor, dim: _int, index: Tensor, source: Tensor) -> Tensor:
    """source written at positions of a dimension."""

def index_fill(input: Tensor, dim: _int, index: Tensor, value: Tensor | _Number) -> Tensor:
    """value at positions of a dimension."""

def index_fill_(input: Tensor, dim: _int, index: Tensor, value: Tensor | _Number) -> Tensor:
    """value at positions of a dimension."""

def index_put(
    input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: _bool = False
) -> Tensor:
    """input with values at indices."""

def index_put_(
    input: Tensor, indices: Sequence[Tensor], values: Tensor, accumulate: _bool = False
) -> Tensor:
    """input with values at indices."""

def index_reduce(
    input: Tensor,
    dim: _int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: _bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """source reduced into positions of a dimension by prod, mean, amax or amin."""

def index_reduce_(
    input: Tensor,
    dim: _int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: _bool = True,
) -> Tensor:
    """source reduced into positions of a dimension by prod, mean, amax or amin."""

def index_select(input: Tensor, dim: _int, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Positions of a dimension."""

def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: _bool,
    momentum: _float,
    eps: _float,
    cudnn_enabled: _bool,
) -> Tensor:
    """Channels normalised over each image."""

def is_complex(input: Tensor) -> _bool:
    """Has it complex elements?"""

def is_conj(input: Tensor) -> _bool:
    """False."""

def is_floating_point(input: Tensor) -> _bool:
    """Has it floating-point elements?"""

def is_inference(input: Tensor) -> _bool:
    """Was it made in inference mode?"""

def is_neg(input: Tensor) -> _bool:
    """False."""

def is_same_size(input: Tensor, other: Tensor) -> _bool:
    """Same sizes?"""

def is_signed(input: Tensor) -> _bool:
    """Can its elements be negative?"""

def isclose(
    input: Tensor,
    other: Tensor,
    rtol: _float = 1e-05,
    atol: _float = 1e-08,
    equal_nan: _bool = False,
) -> Tensor:
    """|input - other| <= atol + rtol * |other|."""

def isfinite(input: Tensor) -> Tensor:
    """True where finite."""

def isinf(input: Tensor) -> Tensor:
    """True where infinite."""

def isnan(input: Tensor) -> Tensor:
    """True where nan."""

def isneginf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """True where -inf."""

def isneginf_(input: Tensor) -> Tensor:
    """True where -inf."""

def isposinf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """True where +inf."""

def isposinf_(input: Tensor) -> Tensor:
    """True where +inf."""

@overload
def kthvalue(input: Tensor, k: _int, dim: _int = -1, keepdim: _bool = False) -> _kthvalue_result:
    """The k-th smallest element along dim, from 1."""

@overload
def kthvalue(
    input: Tensor,
    k: _int,
    dim: _int = -1,
    keepdim: _bool = False,
    *,
    out: Sequence[Tensor | None] | None,
) -> _kthvalue_result:
    """The k-th smallest element along dim, from 1."""

def layer_norm(
    input: Tensor,
    normalized_shape: _Dims,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: _float = 1e-05,
    cudnn_enable: _bool = True,
) -> Tensor:
    """Normalised over the last dimensions."""

def lcm(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Least common multiple."""

def lcm_(input: Tensor, other: Tensor) -> Tensor:
    """Least common multiple."""

def ldexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * 2^other."""

def ldexp_(input: Tensor, other: Tensor) -> Tensor:
    """input * 2^other."""

def le(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input <= other."""

def le_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """input <= other."""

def leaky_relu(
    input: Tensor, negative_slope: _Number = 0.01, *, out: Tensor | None = None
) -> Tensor:
    """input, times the slope where negative."""

def leaky_relu_(input: Tensor, negative_slope: _Number = 0.01) -> Tensor:
    """input, times the slope where negative."""

def lerp(
    input: Tensor, end: Tensor, weight: Tensor | _Number, *, out: Tensor | None = None
) -> Tensor:
    """input + weight * (end - input)."""

def lerp_(input: Tensor, end: Tensor, weight: Tensor | _Number) -> Tensor:
    """input + weight * (end - input)."""

def less(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The same as lt."""

def less_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """The same as lt."""

def less_equal(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The same as le."""

def less_equal_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """The same as le."""

def lgamma(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log |Gamma(input)|."""

def lgamma_(input: Tensor) -> Tensor:
    """log |Gamma(input)|."""

def linalg_vector_norm(
    input: Tensor,
    ord: _Number = 2,
    dim: _Dims | None = None,
    keepdim: _bool = False,
    *,
    dtype: _DtypeLike | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """(sum |x|^ord)^(1/ord)."""

def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input @ weight.T + bias."""

@overload
def linspace(
    start: _Number,
    end: _Number,
    steps: _int,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Evenly spaced, both ends included."""

@overload
def linspace(
    start: Tensor,
    end: Tensor | _Number,
    steps: _int,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Evenly spaced, both ends included."""

@overload
def linspace(
    start: Tensor | _Number,
    end: Tensor,
    steps: _int,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Evenly spaced, both ends included."""

def log(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Natural logarithm."""

def log10(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Logarithm to base 10."""

def log10_(input: Tensor) -> Tensor:
    """Logarithm to base 10."""

def log1p(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(1 + input), exact near 0."""

def log1p_(input: Tensor) -> Tensor:
    """log(1 + input), exact near 0."""

def log2(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Logarithm to base 2."""

def log2_(input: Tensor) -> Tensor:
    """Logarithm to base 2."""

def log_(input: Tensor) -> Tensor:
    """Natural logarithm."""

def log_sigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(sigmoid(x))."""

def log_softmax(
    input: Tensor, dim: _int, dtype: _DtypeLike | None = None, *, out: Tensor | None = None
) -> Tensor:
    """log(softmax(input)), without underflow."""

def logaddexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(exp(input) + exp(other))."""

def logaddexp2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log2(2^input + 2^other)."""

def logaddexp2_(input: Tensor, other: Tensor) -> Tensor:
    """log2(2^input + 2^other)."""

def logaddexp_(input: Tensor, other: Tensor) -> Tensor:
    """log(exp(input) + exp(other))."""

def logcumsumexp(input: Tensor, dim: _int, *, out: Tensor | None = None) -> Tensor:
    """Running logsumexp along dim."""

def logical_and(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Of truth values."""

def logical_and_(input: Tensor, other: Tensor) -> Tensor:
    """Of truth values."""

def logical_not(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """True where zero."""

def logical_not_(input: Tensor) -> Tensor:
    """True where zero."""

def logical_or(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Of truth values."""

def logical_or_(input: Tensor, other: Tensor) -> Tensor:
    """Of truth values."""

def logical_xor(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Of truth values."""

def logical_xor_(input: Tensor, other: Tensor) -> Tensor:
    """Of truth values."""

def logit(input: Tensor, eps: _float | None = None, *, out: Tensor | None = None) -> Tensor:
    """log(x / (1 - x)), x clamped to [eps, 1 - eps] when eps is given."""

def logit_(input: Tensor, eps: _float | None = None) -> Tensor:
    """log(x / (1 - x)), x clamped to [eps, 1 - eps] when eps is given."""

@overload
def logspace(
    start: _Number,
    end: _Number,
    steps: _int,
    base: _float = 10.0,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Powers of base, evenly spaced."""

@overload
def logspace(
    start: Tensor,
    end: Tensor | _Number,
    steps: _int,
    base: _float = 10.0,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Powers of base, evenly spaced."""

@overload
def logspace(
    start: Tensor | _Number,
    end: Tensor,
    steps: _int,
    base: _float = 10.0,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Powers of base, evenly spaced."""

def logsumexp(
    input: Tensor, dim: _Dims, keepdim: _bool = False, *, out: Tensor | None = None
) -> Tensor:
    """log(sum(exp(input))), without overflow."""

@overload
def lstm(
    input: Tensor,
    hx: Sequence[Tensor],
    params: Sequence[Tensor],
    has_biases: _bool,
    num_layers: _int,
    dropout: _float,
    train: _bool,
    bidirectional: _bool,
    batch_first: _bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Layers of LSTM: (output, last h, last c)."""

@overload
def lstm(
    data: Tensor,
    batch_sizes: Tensor,
    hx: Sequence[Tensor],
    params: Sequence[Tensor],
    has_biases: _bool,
    num_layers: _int,
    dropout: _float,
    train: _bool,
    bidirectional: _bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Layers of LSTM: (output, last h, last c)."""

def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM: (h, c)."""

def lt(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input < other."""

def lt_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """input < other."""

def masked_fill(input: Tensor, mask: Tensor, value: Tensor | _Number) -> Tensor:
    """value where the mask is True."""

def masked_fill_(input: Tensor, mask: Tensor, value: Tensor | _Number) -> Tensor:
    """value where the mask is True."""

def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """source, in order, where mask is True."""

def masked_scatter_(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """source, in order, where mask is True."""

def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements where mask is True, 1-d."""

def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Matrix product; batch dimensions broadcast."""

@overload
def max(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The largest element; along `dim` also where it stands first; nan wins."""

@overload
def max(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The largest element; along `dim` also where it stands first; nan wins."""

@overload
def max(input: Tensor, dim: _int, keepdim: _bool = False) -> _max_result:
    """The largest element; along `dim` also where it stands first; nan wins."""

@overload
def max(
    input: Tensor, dim: _int, keepdim: _bool = False, *, out: Sequence[Tensor | None] | None
) -> _max_result:
    """The largest element; along `dim` also where it stands first; nan wins."""

def max_pool1d(
    input: Tensor,
    kernel_size: _Dims,
    stride: _Dims | None = None,
    padding: _Dims = 0,
    dilation: _Dims = 1,
    ceil_mode: _bool = False,
) -> Tensor:
    """The largest element of each window."""

def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: _Dims,
    stride: _Dims | None = None,
    padding: _Dims = 0,
    dilation: _Dims = 1,
    ceil_mode: _bool = False,
) -> tuple[Tensor, Tensor]:
    """The largest element of each window, and where it is."""

def max_pool2d(
    input: Tensor,
    kernel_size: _Dims,
    stride: _Dims | None = None,
    padding: _Dims = 0,
    dilation: _Dims = 1,
    ceil_mode: _bool = False,
) -> Tensor:
    """The largest element of each window."""

def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: _Dims,
    stride: _Dims | None = None,
    padding: _Dims = 0,
    dilation: _Dims = 1,
    ceil_mode: _bool = False,
) -> tuple[Tensor, Tensor]:
    """The largest element of each window, and where it is."""

def max_pool3d(
    input: Tensor,
    kernel_size: _Dims,
    stride: _Dims | None = None,
    padding: _Dims = 0,
    dilation: _Dims = 1,
    ceil_mode: _bool = False,
) -> Tensor:
    """The largest element of each window."""

def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: _Dims,
    stride: _Dims | None = None,
    padding: _Dims = 0,
    dilation: _Dims = 1,
    ceil_mode: _bool = False,
) -> tuple[Tensor, Tensor]:
    """The largest element of each window, and where it is."""

def maximum(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger; nan wins."""

def maximum_(input: Tensor, other: Tensor) -> Tensor:
    """The larger; nan wins."""

def mean(
    input: Tensor,
    dim: _Dims | None = None,
    keepdim: _bool = False,
    *,
    dtype: _DtypeLike | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Mean of the elements, over `dim` or over all."""

@overload
def median(input: Tensor) -> Tensor:
    """The lower median; along `dim` also where it is."""

@overload
def median(input: Tensor, dim: _int, keepdim: _bool = False) -> _median_result:
    """The lower median; along `dim` also where it is."""

@overload
def median(
    input: Tensor, dim: _int, keepdim: _bool = False, *, out: Sequence[Tensor | None] | None
) -> _median_result:
    """The lower median; along `dim` also where it is."""

@overload
def min(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smallest element; along `dim` also where it stands first; nan wins."""

@overload
def min(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smallest element; along `dim` also where it stands first; nan wins."""

@overload
def min(input: Tensor, dim: _int, keepdim: _bool = False) -> _min_result:
    """The smallest element; along `dim` also where it stands first; nan wins."""

@overload
def min(
    input: Tensor, dim: _int, keepdim: _bool = False, *, out: Sequence[Tensor | None] | None
) -> _min_result:
    """The smallest element; along `dim` also where it stands first; nan wins."""

def minimum(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller; nan wins."""

def minimum_(input: Tensor, other: Tensor) -> Tensor:
    """The smaller; nan wins."""

def mish(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """x * tanh(softplus(x)) (Misra 2019)."""

def mish_(input: Tensor) -> Tensor:
    """x * tanh(softplus(x)) (Misra 2019)."""

def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Matrix product."""

@overload
def mode(input: Tensor, dim: _int = -1, keepdim: _bool = False) -> _mode_result:
    """The most frequent value along dim, and its last place."""

@overload
def mode(
    input: Tensor, dim: _int = -1, keepdim: _bool = False, *, out: Sequence[Tensor | None] | None
) -> _mode_result:
    """The most frequent value along dim, and its last place."""

def moveaxis(input: Tensor, source: _Dims, destination: _Dims) -> Tensor:
    """Dimensions moved to other places."""

def movedim(input: Tensor, source: _Dims, destination: _Dims) -> Tensor:
    """Dimensions moved to other places."""

def mse_loss(input: Tensor, target: Tensor, reduction: _int = 1) -> Tensor:
    """Squared error."""

def msort(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Sorted along the first dimension."""

@overload
def mul(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input * other."""

@overload
def mul(input: Tensor | _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * other."""

def mul_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """input * other."""

def multinomial(
    input: Tensor,
    num_samples: _int,
    replacement: _bool = False,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Indices drawn with the probabilities of each row."""

@overload
def multiply(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The same as mul."""

@overload
def multiply(input: Tensor | _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The same as mul."""

def multiply_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """The same as mul."""

def mv(input: Tensor, vec: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Matrix times vector."""

def mvlgamma(input: Tensor, p: _int, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of the gamma function of p dimensions."""

def mvlgamma_(input: Tensor, p: _int) -> Tensor:
    """The logarithm of the gamma function of p dimensions."""

def nan_to_num(
    input: Tensor,
    nan: _float | None = None,
    posinf: _float | None = None,
    neginf: _float | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """nan and infinities replaced; by 0 and the largest finite numbers when not given."""

def nan_to_num_(
    input: Tensor,
    nan: _float | None = None,
    posinf: _float | None = None,
    neginf: _float | None = None,
) -> Tensor:
    """nan and infinities replaced; by 0 and the largest finite numbers when not given."""

def nanmean(
    input: Tensor,
    dim: _Dims | None = None,
    keepdim: _bool = False,
    *,
    dtype: _DtypeLike | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Mean of the elements that are not nan."""

@overload
def nanmedian(input: Tensor) -> Tensor:
    """The lower median of what is not nan."""

@overload
def nanmedian(input: Tensor, dim: _int, keepdim: _bool = False) -> _nanmedian_result:
    """The lower median of what is not nan."""

@overload
def nanmedian(
    input: Tensor, dim: _int, keepdim: _bool = False, *, out: Sequence[Tensor | None] | None
) -> _nanmedian_result:
    """The lower median of what is not nan."""

def nansum(
    input: Tensor,
    dim: _Dims | None = None,
    keepdim: _bool = False,
    *,
    dtype: _DtypeLike | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Sum of the elements that are not nan."""

@overload
def narrow(input: Tensor, dim: _int, start: _int, length: _int) -> Tensor:
    """A range of a dimension."""

@overload
def narrow(input: Tensor, dim: _int, start: Tensor, length: _int) -> Tensor:
    """A range of a dimension."""

def narrow_copy(
    input: Tensor, dim: _int, start: _int, length: _int, *, out: Tensor | None = None
) -> Tensor:
    """A copy of the view of that name."""

def native_layer_norm(
    input: Tensor, normalized_shape: _Dims, weight: Tensor | None, bias: Tensor | None, eps: _float
) -> tuple[Tensor, Tensor, Tensor]:
    """layer_norm, its mean and 1 / standard deviation."""

def ne(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input != other."""

def ne_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """input != other."""

def neg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """-input."""

def neg_(input: Tensor) -> Tensor:
    """-input."""

def negative(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The same as neg."""

def negative_(input: Tensor) -> Tensor:
    """The same as neg."""

def nextafter(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The next number after input towards other."""

def nextafter_(input: Tensor, other: Tensor) -> Tensor:
    """The next number after input towards other."""

def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: _int = 1,
    ignore_index: _int = -100,
) -> Tensor:
    """-weight[target] * input[target], reduced."""

def nll_loss_nd(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: _int = 1,
    ignore_index: _int = -100,
) -> Tensor:
    """-weight[target] * input[target], reduced."""

@overload
def nonzero(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Indices of nonzero elements, a row each; as_tuple: a tensor for each dimension."""

@overload
def nonzero(input: Tensor, *, as_tuple: _bool, out: Tensor | None = None) -> Any:
    """Indices of nonzero elements, a row each; as_tuple: a tensor for each dimension."""

def nonzero_static(
    input: Tensor, *, size: _int, fill_value: _int = -1, out: Tensor | None = None
) -> Tensor:
    """nonzero, cut or filled up to `size` rows."""

@overload
def norm(
    input: Tensor,
    p: str = "fro",
    dim: _Dims | None = None,
    keepdim: _bool = False,
    out: Tensor | None = None,
    dtype: _DtypeLike | None = None,
) -> Tensor:
    """(sum |x|^p)^(1/p); 'fro': p = 2."""

@overload
def norm(
    input: Tensor,
    p: _Number,
    dim: _Dims | None = None,
    keepdim: _bool = False,
    out: Tensor | None = None,
    dtype: _DtypeLike | None = None,
) -> Tensor:
    """(sum |x|^p)^(1/p); 'fro': p = 2."""

@overload
def norm(
    input: Tensor,
    p: _Number | None,
    dim: _Dims | None = None,
    keepdim: _bool = False,
    out: Tensor | None = None,
    dtype: _DtypeLike | None = None,
) -> Tensor:
    """(sum |x|^p)^(1/p); 'fro': p = 2."""

@overload
def normal(
    mean: _float,
    std: _float,
    size: _Dims,
    *,
    generator: Generator | None = None,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Normal."""

@overload
def normal(
    mean: Tensor | _Number,
    std: Tensor | _Number = 1.0,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Normal."""

def not_equal(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The same as ne."""

def not_equal_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """The same as ne."""

def numel(input: Tensor) -> _int:
    """The number of elements."""

def one_hot(input: Tensor, num_classes: _int = -1) -> Tensor:
    """0/1 vectors of classes."""

@overload
def ones(
    size: _Dims,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """All 1."""

@overload
def ones(
    *size: _int,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """All 1."""

def ones_like(
    input: Tensor,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: memory_format | None = None,
) -> Tensor:
    """All 1, in the shape of input."""

def outer(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Outer product of vectors."""

def permute(input: Tensor, dims: _Dims) -> Tensor:
    """Dimensions in another order."""

def permute_copy(input: Tensor, dims: _Dims, *, out: Tensor | None = None) -> Tensor:
    """A copy of the view of that name."""

def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Poisson, with the rates of input."""

def polygamma(n: _int, input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The n-th derivative of digamma."""

def polygamma_(input: Tensor, n: _int) -> Tensor:
    """The n-th derivative of digamma."""

def positive(input: Tensor) -> Tensor:
    """input itself."""

@overload
def pow(input: Tensor, exponent: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input^exponent."""

@overload
def pow(input: Tensor | _Number, exponent: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input^exponent."""

def pow_(input: Tensor, exponent: Tensor | _Number) -> Tensor:
    """input^exponent."""

def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """leaky_relu with a learnt slope a channel."""

@overload
def prod(input: Tensor, *, dtype: _DtypeLike | None = None) -> Tensor:
    """Product of the elements, over `dim` or over all."""

@overload
def prod(
    input: Tensor,
    dim: _int,
    keepdim: _bool = False,
    *,
    dtype: _DtypeLike | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Product of the elements, over `dim` or over all."""

def put(input: Tensor, index: Tensor, source: Tensor, accumulate: _bool = False) -> Tensor:
    """source written into the flattened input."""

def put_(input: Tensor, index: Tensor, source: Tensor, accumulate: _bool = False) -> Tensor:
    """source written into the flattened input."""

def rad2deg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Radians to degrees."""

def rad2deg_(input: Tensor) -> Tensor:
    """Radians to degrees."""

@overload
def rand(
    size: _Dims,
    *,
    generator: Generator | None = None,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Uniform in [0, 1)."""

@overload
def rand(
    *size: _int,
    generator: Generator | None = None,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Uniform in [0, 1)."""

def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: memory_format | None = None,
) -> Tensor:
    """Uniform in [0, 1). In the shape of input."""

@overload
def randint(
    high: _int,
    size: _Dims,
    *,
    generator: Generator | None = None,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Integers in [0, high)."""

@overload
def randint(
    low: _int,
    high: _int,
    size: _Dims,
    *,
    generator: Generator | None = None,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Integers in [0, high)."""

@overload
def randint_like(
    input: Tensor,
    high: _int,
    *,
    generator: Generator | None = None,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: memory_format | None = None,
) -> Tensor:
    """Integers in [0, high)."""

@overload
def randint_like(
    input: Tensor,
    low: _int,
    high: _int,
    *,
    generator: Generator | None = None,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: memory_format | None = None,
) -> Tensor:
    """Integers in [0, high)."""

@overload
def randn(
    size: _Dims,
    *,
    generator: Generator | None = None,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Standard normal."""

@overload
def randn(
    *size: _int,
    generator: Generator | None = None,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Standard normal."""

def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: memory_format | None = None,
) -> Tensor:
    """Standard normal. In the shape of input."""

def randperm(
    n: _int,
    *,
    generator: Generator | None = None,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """A permutation of 0 to n - 1."""

def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension."""

def real(input: Tensor) -> Tensor:
    """The tensor itself, which is real."""

def reciprocal(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / input."""

def reciprocal_(input: Tensor) -> Tensor:
    """1 / input."""

def reflection_pad1d(input: Tensor, padding: _Dims) -> Tensor:
    """Padded with its mirror image."""

def reflection_pad2d(input: Tensor, padding: _Dims) -> Tensor:
    """Padded with its mirror image."""

def reflection_pad3d(input: Tensor, padding: _Dims) -> Tensor:
    """Padded with its mirror image."""

def relu(input: Tensor) -> Tensor:
    """max(input, 0)."""

def relu_(input: Tensor) -> Tensor:
    """max(input, 0)."""

@overload
def remainder(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """The rest of division, with the sign of other."""

@overload
def remainder(input: Tensor | _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The rest of division, with the sign of other."""

def remainder_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """The rest of division, with the sign of other."""

def renorm(
    input: Tensor, p: _Number, dim: _int, maxnorm: _Number, *, out: Tensor | None = None
) -> Tensor:
    """Slices along dim of a p-norm above maxnorm, scaled down to it."""

def renorm_(input: Tensor, p: _Number, dim: _int, maxnorm: _Number) -> Tensor:
    """Slices along dim of a p-norm above maxnorm, scaled down to it."""

@overload
def repeat_interleave(
    input: Tensor, repeats: Tensor, dim: _int | None = None, *, output_size: _int | None = None
) -> Tensor:
    """Each element repeated; without `repeats`: the numbers 0, 1, ... as often as input says."""

@overload
def repeat_interleave(
    input: Tensor, repeats: _int, dim: _int | None = None, *, output_size: _int | None = None
) -> Tensor:
    """Each element repeated; without `repeats`: the numbers 0, 1, ... as often as input says."""

@overload
def repeat_interleave(repeats: Tensor, *, output_size: _int | None = None) -> Tensor:
    """Each element repeated; without `repeats`: the numbers 0, 1, ... as often as input says."""

def replication_pad1d(input: Tensor, padding: _Dims) -> Tensor:
    """Padded with its border."""

def replication_pad2d(input: Tensor, padding: _Dims) -> Tensor:
    """Padded with its border."""

def replication_pad3d(input: Tensor, padding: _Dims) -> Tensor:
    """Padded with its border."""

def reshape(input: Tensor, shape: _Dims) -> Tensor:
    """Another shape; a view where possible."""

def resize_as_(
    self: Tensor, the_template: Tensor, *, memory_format: memory_format | None = None
) -> Tensor:
    """Gives the tensor the size of another."""

def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself, which is real."""

def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself, which is real."""

def rms_norm(
    input: Tensor, normalized_shape: _Dims, weight: Tensor | None = None, eps: _float | None = None
) -> Tensor:
    """Divided by the root mean square over the last dimensions."""

@overload
def rnn_relu(
    input: Tensor,
    hx: Tensor,
    params: Sequence[Tensor],
    has_biases: _bool,
    num_layers: _int,
    dropout: _float,
    train: _bool,
    bidirectional: _bool,
    batch_first: _bool,
) -> tuple[Tensor, Tensor]:
    """Recurrent layers with ReLU: (output, last h)."""

@overload
def rnn_relu(
    data: Tensor,
    batch_sizes: Tensor,
    hx: Tensor,
    params: Sequence[Tensor],
    has_biases: _bool,
    num_layers: _int,
    dropout: _float,
    train: _bool,
    bidirectional: _bool,
) -> tuple[Tensor, Tensor]:
    """Recurrent layers with ReLU: (output, last h)."""

def rnn_relu_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step with ReLU."""

@overload
def rnn_tanh(
    input: Tensor,
    hx: Tensor,
    params: Sequence[Tensor],
    has_biases: _bool,
    num_layers: _int,
    dropout: _float,
    train: _bool,
    bidirectional: _bool,
    batch_first: _bool,
) -> tuple[Tensor, Tensor]:
    """Recurrent layers with tanh: (output, last h)."""

@overload
def rnn_tanh(
    data: Tensor,
    batch_sizes: Tensor,
    hx: Tensor,
    params: Sequence[Tensor],
    has_biases: _bool,
    num_layers: _int,
    dropout: _float,
    train: _bool,
    bidirectional: _bool,
) -> tuple[Tensor, Tensor]:
    """Recurrent layers with tanh: (output, last h)."""

def rnn_tanh_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step with tanh."""

def roll(input: Tensor, shifts: _Dims, dims: _Dims = ()) -> Tensor:
    """Rotated along dimensions."""

def round(input: Tensor, *, decimals: _int = 0, out: Tensor | None = None) -> Tensor:
    """To the nearest integer, halves to even; or to `decimals` places."""

def round_(input: Tensor, *, decimals: _int = 0) -> Tensor:
    """To the nearest integer, halves to even; or to `decimals` places."""

def rsqrt(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / sqrt(input)."""

def rsqrt_(input: Tensor) -> Tensor:
    """1 / sqrt(input)."""

@overload
def rsub(input: Tensor, other: Tensor | _Number, *, alpha: _Number = 1) -> Tensor:
    """other - alpha * input."""

@overload
def rsub(input: Tensor, other: _Number, alpha: _Number) -> Tensor:
    """other - alpha * input."""

def scalar_tensor(
    s: _Number,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
) -> Tensor:
    """A 0-d tensor."""

def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: _float = 0.0,
    is_causal: _bool = False,
    *,
    scale: _float | None = None,
    enable_gqa: _bool = False,
) -> Tensor:
    """softmax(scale query key^T + mask) value."""

@overload
def scatter(
    input: Tensor, dim: _int, index: Tensor, src: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """y[index[i][j]][j] = src[i][j] (dim 0)."""

@overload
def scatter(
    input: Tensor, dim: _int, index: Tensor, value: Tensor | _Number, *, out: Tensor | None = None
) -> Tensor:
    """y[index[i][j]][j] = src[i][j] (dim 0)."""

@overload
def scatter(
    input: Tensor,
    dim: _int,
    index: Tensor,
    src: Tensor | _Number,
    *,
    reduce: str,
    out: Tensor | None = None,
) -> Tensor:
    """y[index[i][j]][j] = src[i][j] (dim 0)."""

@overload
def scatter(
    input: Tensor,
    dim: _int,
    index: Tensor,
    value: Tensor | _Number,
    *,
    reduce: str,
    out: Tensor | None = None,
) -> Tensor:
    """y[index[i][j]][j] = src[i][j] (dim 0)."""

@overload
def scatter_(input: Tensor, dim: _int, index: Tensor, src: Tensor) -> Tensor:
    """y[index[i][j]][j] = src[i][j] (dim 0)."""

@overload
def scatter_(input: Tensor, dim: _int, index: Tensor, value: Tensor | _Number) -> Tensor:
    """y[index[i][j]][j] = src[i][j] (dim 0)."""

@overload
def scatter_(
    input: Tensor, dim: _int, index: Tensor, src: Tensor | _Number, *, reduce: str
) -> Tensor:
    """y[index[i][j]][j] = src[i][j] (dim 0)."""

@overload
def scatter_(
    input: Tensor, dim: _int, index: Tensor, value: Tensor | _Number, *, reduce: str
) -> Tensor:
    """y[index[i][j]][j] = src[i][j] (dim 0)."""

def scatter_add(
    input: Tensor, dim: _int, index: Tensor, src: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """y[index[i][j]][j] += src[i][j] (dim 0)."""

def scatter_add_(input: Tensor, dim: _int, index: Tensor, src: Tensor) -> Tensor:
    """y[index[i][j]][j] += src[i][j] (dim 0)."""

def scatter_reduce(
    input: Tensor,
    dim: _int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: _bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """Reduced by sum, prod, mean, amax or amin."""

def scatter_reduce_(
    input: Tensor, dim: _int, index: Tensor, src: Tensor, reduce: str, *, include_self: _bool = True
) -> Tensor:
    """Reduced by sum, prod, mean, amax or amin."""

@overload
def searchsorted(
    sorted_sequence: Tensor,
    input: Tensor,
    *,
    out_int32: _bool = False,
    right: _bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Where each value would be inserted."""

@overload
def searchsorted(
    sorted_sequence: Tensor,
    self: Tensor | _Number,
    *,
    out_int32: _bool = False,
    right: _bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Where each value would be inserted."""

def select(input: Tensor, dim: _int, index: _int) -> Tensor:
    """One position of a dimension."""

def select_copy(input: Tensor, dim: _int, index: _int, *, out: Tensor | None = None) -> Tensor:
    """A copy of the view of that name."""

def select_scatter(input: Tensor, src: Tensor, dim: _int, index: _int) -> Tensor:
    """A copy with src where select looks."""

def selu(input: Tensor) -> Tensor:
    """Self-normalising elu (Klambauer et al. 2017)."""

def selu_(input: Tensor) -> Tensor:
    """Self-normalising elu (Klambauer et al. 2017)."""

def sgn(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """-1, 0 or 1."""

def sgn_(input: Tensor) -> Tensor:
    """-1, 0 or 1."""

def sigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / (1 + exp(-input))."""

def sigmoid_(input: Tensor) -> Tensor:
    """1 / (1 + exp(-input))."""

def sign(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """-1, 0 or 1."""

def sign_(input: Tensor) -> Tensor:
    """-1, 0 or 1."""

def signbit(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """True where the sign bit is set."""

def signbit_(input: Tensor) -> Tensor:
    """True where the sign bit is set."""

def silu(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """x * sigmoid(x)."""

def silu_(input: Tensor) -> Tensor:
    """x * sigmoid(x)."""

def sin(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Sine of radians."""

def sin_(input: Tensor) -> Tensor:
    """Sine of radians."""

def sinc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sin(pi input) / (pi input), 1 at 0."""

def sinc_(input: Tensor) -> Tensor:
    """sin(pi input) / (pi input), 1 at 0."""

def sinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Hyperbolic sine."""

def sinh_(input: Tensor) -> Tensor:
    """Hyperbolic sine."""

def slice_copy(
    input: Tensor,
    dim: _int = 0,
    start: _int | None = None,
    end: _int | None = None,
    step: _int = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """A copy of the view of that name."""

def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: _int = 0,
    start: _int | None = None,
    end: _int | None = None,
    step: _int = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """A copy with src at positions start, start + step, ... of dim."""

def smooth_l1_loss(
    input: Tensor, target: Tensor, reduction: _int = 1, beta: _float = 1.0
) -> Tensor:
    """Squared below beta, absolute above (Girshick 2015)."""

def softmax(
    input: Tensor, dim: _int, dtype: _DtypeLike | None = None, *, out: Tensor | None = None
) -> Tensor:
    """exp(input), scaled to sum 1 along dim."""

def softplus(
    input: Tensor, beta: _Number = 1, threshold: _Number = 20, *, out: Tensor | None = None
) -> Tensor:
    """log(1 + exp(beta * x)) / beta."""

def softshrink(input: Tensor, lambd: _Number = 0.5, *, out: Tensor | None = None) -> Tensor:
    """Moved towards 0 by lambd."""

@overload
def sort(input: Tensor, dim: _int = -1, descending: _bool = False) -> _sort_result:
    """Sorted along dim; always stable; nan is the largest."""

@overload
def sort(
    input: Tensor, *, stable: _bool | None, dim: _int = -1, descending: _bool = False
) -> _sort_result:
    """Sorted along dim; always stable; nan is the largest."""

@overload
def sort(
    input: Tensor, dim: _int = -1, descending: _bool = False, *, out: Sequence[Tensor | None] | None
) -> _sort_result:
    """Sorted along dim; always stable; nan is the largest."""

@overload
def sort(
    input: Tensor,
    *,
    stable: _bool | None,
    dim: _int = -1,
    descending: _bool = False,
    out: Sequence[Tensor | None] | None,
) -> _sort_result:
    """Sorted along dim; always stable; nan is the largest."""

def special_airy_ai(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Airy function Ai."""

def special_bessel_j0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Bessel function J0."""

def special_bessel_j1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Bessel function J1."""

def special_bessel_y0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Bessel function Y0."""

def special_bessel_y1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Bessel function Y1."""

@overload
def special_chebyshev_polynomial_t(
    input: Tensor, n: Tensor | _Number, *, out: Tensor | None = None
) -> Tensor:
    """The Chebyshev polynomial of degree n."""

@overload
def special_chebyshev_polynomial_t(
    input: Tensor | _Number, n: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """The Chebyshev polynomial of degree n."""

@overload
def special_chebyshev_polynomial_u(
    input: Tensor, n: Tensor | _Number, *, out: Tensor | None = None
) -> Tensor:
    """The Chebyshev polynomial of degree n."""

@overload
def special_chebyshev_polynomial_u(
    input: Tensor | _Number, n: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """The Chebyshev polynomial of degree n."""

@overload
def special_chebyshev_polynomial_v(
    input: Tensor, n: Tensor | _Number, *, out: Tensor | None = None
) -> Tensor:
    """The Chebyshev polynomial of degree n."""

@overload
def special_chebyshev_polynomial_v(
    input: Tensor | _Number, n: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """The Chebyshev polynomial of degree n."""

@overload
def special_chebyshev_polynomial_w(
    input: Tensor, n: Tensor | _Number, *, out: Tensor | None = None
) -> Tensor:
    """The Chebyshev polynomial of degree n."""

@overload
def special_chebyshev_polynomial_w(
    input: Tensor | _Number, n: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """The Chebyshev polynomial of degree n."""

def special_entr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """-x log(x), 0 at 0, -inf below."""

def special_erfcx(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(x^2) erfc(x)."""

@overload
def special_hermite_polynomial_h(
    input: Tensor, n: Tensor | _Number, *, out: Tensor | None = None
) -> Tensor:
    """The physicists' Hermite polynomial of degree n."""

@overload
def special_hermite_polynomial_h(
    input: Tensor | _Number, n: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """The physicists' Hermite polynomial of degree n."""

@overload
def special_hermite_polynomial_he(
    input: Tensor, n: Tensor | _Number, *, out: Tensor | None = None
) -> Tensor:
    """The probabilists' Hermite polynomial of degree n."""

@overload
def special_hermite_polynomial_he(
    input: Tensor | _Number, n: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """The probabilists' Hermite polynomial of degree n."""

def special_i0e(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(-|x|) I0(x)."""

def special_i1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function I1."""

def special_i1e(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(-|x|) I1(x)."""

@overload
def special_laguerre_polynomial_l(
    input: Tensor, n: Tensor | _Number, *, out: Tensor | None = None
) -> Tensor:
    """The Laguerre polynomial of degree n."""

@overload
def special_laguerre_polynomial_l(
    input: Tensor | _Number, n: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """The Laguerre polynomial of degree n."""

@overload
def special_legendre_polynomial_p(
    input: Tensor, n: Tensor | _Number, *, out: Tensor | None = None
) -> Tensor:
    """The Legendre polynomial of degree n."""

@overload
def special_legendre_polynomial_p(
    input: Tensor | _Number, n: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """The Legendre polynomial of degree n."""

def special_log_ndtr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of the normal distribution."""

def special_modified_bessel_i0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """I0, without a derivative."""

def special_modified_bessel_i1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """I1, without a derivative."""

def special_modified_bessel_k0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function K0."""

def special_modified_bessel_k1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function K1."""

def special_ndtr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The normal distribution."""

def special_ndtri(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of the normal distribution."""

def special_scaled_modified_bessel_k0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(x) K0(x)."""

def special_scaled_modified_bessel_k1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(x) K1(x)."""

@overload
def special_shifted_chebyshev_polynomial_t(
    input: Tensor, n: Tensor | _Number, *, out: Tensor | None = None
) -> Tensor:
    """The Chebyshev polynomial of degree n at 2 x - 1."""

@overload
def special_shifted_chebyshev_polynomial_t(
    input: Tensor | _Number, n: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """The Chebyshev polynomial of degree n at 2 x - 1."""

@overload
def special_shifted_chebyshev_polynomial_u(
    input: Tensor, n: Tensor | _Number, *, out: Tensor | None = None
) -> Tensor:
    """The Chebyshev polynomial of degree n at 2 x - 1."""

@overload
def special_shifted_chebyshev_polynomial_u(
    input: Tensor | _Number, n: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """The Chebyshev polynomial of degree n at 2 x - 1."""

@overload
def special_shifted_chebyshev_polynomial_v(
    input: Tensor, n: Tensor | _Number, *, out: Tensor | None = None
) -> Tensor:
    """The Chebyshev polynomial of degree n at 2 x - 1."""

@overload
def special_shifted_chebyshev_polynomial_v(
    input: Tensor | _Number, n: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """The Chebyshev polynomial of degree n at 2 x - 1."""

@overload
def special_shifted_chebyshev_polynomial_w(
    input: Tensor, n: Tensor | _Number, *, out: Tensor | None = None
) -> Tensor:
    """The Chebyshev polynomial of degree n at 2 x - 1."""

@overload
def special_shifted_chebyshev_polynomial_w(
    input: Tensor | _Number, n: Tensor, *, out: Tensor | None = None
) -> Tensor:
    """The Chebyshev polynomial of degree n at 2 x - 1."""

def special_spherical_bessel_j0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sin(x) / x."""

@overload
def special_xlog1py(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input log(1 + other), 0 where input is 0."""

@overload
def special_xlog1py(input: Tensor | _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input log(1 + other), 0 where input is 0."""

@overload
def special_zeta(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """Hurwitz's zeta: the sum of (other + k)^-input."""

@overload
def special_zeta(input: Tensor | _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Hurwitz's zeta: the sum of (other + k)^-input."""

@overload
def split(tensor: Tensor, split_size_or_sections: _int, dim: _int = 0) -> tuple[Tensor, ...]:
    """Parts of a size, or of the given sizes."""

@overload
def split(tensor: Tensor, split_size_or_sections: _Dims, dim: _int = 0) -> tuple[Tensor, ...]:
    """Parts of a size, or of the given sizes."""

@overload
def split_copy(input: Tensor, split_size: _int, dim: _int = 0) -> tuple[Tensor, ...]:
    """A copy of the view of that name."""

@overload
def split_copy(input: Tensor, split_size: _int, dim: _int = 0, *, out: Sequence[Tensor]) -> None:
    """A copy of the view of that name."""

def split_with_sizes(input: Tensor, split_sizes: _Dims, dim: _int = 0) -> tuple[Tensor, ...]:
    """Parts of the given sizes."""

@overload
def split_with_sizes_copy(input: Tensor, split_sizes: _Dims, dim: _int = 0) -> tuple[Tensor, ...]:
    """A copy of the view of that name."""

@overload
def split_with_sizes_copy(
    input: Tensor, split_sizes: _Dims, dim: _int = 0, *, out: Sequence[Tensor]
) -> None:
    """A copy of the view of that name."""

def sqrt(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Square root."""

def sqrt_(input: Tensor) -> Tensor:
    """Square root."""

def square(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * input."""

def square_(input: Tensor) -> Tensor:
    """input * input."""

@overload
def squeeze(input: Tensor) -> Tensor:
    """Without dimensions of size 1."""

@overload
def squeeze(input: Tensor, dim: _Dims) -> Tensor:
    """Without dimensions of size 1."""

@overload
def squeeze_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy of the view of that name."""

@overload
def squeeze_copy(input: Tensor, dim: _Dims, *, out: Tensor | None = None) -> Tensor:
    """A copy of the view of that name."""

def stack(tensors: Sequence[Tensor], dim: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """Joined along a new dimension."""

@overload
def std(
    input: Tensor,
    dim: _Dims | None = None,
    *,
    correction: _Number | None = None,
    keepdim: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """The root of var."""

@overload
def std(input: Tensor, unbiased: _bool) -> Tensor:
    """The root of var."""

@overload
def std(
    input: Tensor,
    dim: _Dims | None,
    unbiased: _bool = True,
    keepdim: _bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The root of var."""

@overload
def std_mean(
    input: Tensor,
    dim: _Dims | None = None,
    *,
    correction: _Number | None = None,
    keepdim: _bool = False,
) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean."""

@overload
def std_mean(input: Tensor, unbiased: _bool) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean."""

@overload
def std_mean(
    input: Tensor, dim: _Dims | None, unbiased: _bool = True, keepdim: _bool = False
) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean."""

@overload
def sub(
    input: Tensor, other: Tensor | _Number, *, alpha: _Number = 1, out: Tensor | None = None
) -> Tensor:
    """input - alpha * other."""

@overload
def sub(
    input: Tensor | _Number, other: Tensor, *, alpha: _Number = 1, out: Tensor | None = None
) -> Tensor:
    """input - alpha * other."""

def sub_(input: Tensor, other: Tensor | _Number, *, alpha: _Number = 1) -> Tensor:
    """input - alpha * other."""

@overload
def subtract(
    input: Tensor, other: Tensor | _Number, *, alpha: _Number = 1, out: Tensor | None = None
) -> Tensor:
    """The same as sub."""

@overload
def subtract(
    input: Tensor | _Number, other: Tensor, *, alpha: _Number = 1, out: Tensor | None = None
) -> Tensor:
    """The same as sub."""

@overload
def subtract(input: Tensor, other: _Number, alpha: _Number) -> Tensor:
    """The same as sub."""

@overload
def subtract_(input: Tensor, other: Tensor | _Number, *, alpha: _Number = 1) -> Tensor:
    """The same as sub."""

@overload
def subtract_(input: Tensor, other: _Number, alpha: _Number) -> Tensor:
    """The same as sub."""

def sum(
    input: Tensor,
    dim: _Dims | None = None,
    keepdim: _bool = False,
    *,
    dtype: _DtypeLike | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Sum of the elements, over `dim` or over all. Integers sum in int64."""

def swapaxes(input: Tensor, axis0: _int, axis1: _int) -> Tensor:
    """The same as transpose."""

def swapdims(input: Tensor, dim0: _int, dim1: _int) -> Tensor:
    """The same as transpose."""

def t(input: Tensor) -> Tensor:
    """Transpose of a matrix."""

def t_copy(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy of the view of that name."""

def take(input: Tensor, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Elements of the flattened input."""

def take_along_dim(
    input: Tensor, indices: Tensor, dim: _int | None = None, *, out: Tensor | None = None
) -> Tensor:
    """gather with broadcasting."""

def tan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Tangent of radians."""

def tan_(input: Tensor) -> Tensor:
    """Tangent of radians."""

def tanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Hyperbolic tangent."""

def tanh_(input: Tensor) -> Tensor:
    """Hyperbolic tangent."""

@overload
def tensor_split(input: Tensor, sections: _int, dim: _int = 0) -> tuple[Tensor, ...]:
    """As equal parts as possible."""

@overload
def tensor_split(input: Tensor, indices: _Dims, dim: _int = 0) -> tuple[Tensor, ...]:
    """As equal parts as possible."""

@overload
def tensor_split(
    input: Tensor, tensor_indices_or_sections: Tensor, dim: _int = 0
) -> tuple[Tensor, ...]:
    """As equal parts as possible."""

def threshold(
    input: Tensor, threshold: _Number, value: _Number, *, out: Tensor | None = None
) -> Tensor:
    """input where above threshold, else value."""

def threshold_(input: Tensor, threshold: _Number, value: _Number) -> Tensor:
    """input where above threshold, else value."""

@overload
def topk(
    input: Tensor, k: _int, dim: _int = -1, largest: _bool = True, sorted: _bool = True
) -> _topk_result:
    """The k largest (or smallest) elements along dim, in order."""

@overload
def topk(
    input: Tensor,
    k: _int,
    dim: _int = -1,
    largest: _bool = True,
    sorted: _bool = True,
    *,
    out: Sequence[Tensor | None] | None,
) -> _topk_result:
    """The k largest (or smallest) elements along dim, in order."""

def trace(input: Tensor) -> Tensor:
    """Sum of the diagonal of a matrix."""

def transpose(input: Tensor, dim0: _int, dim1: _int) -> Tensor:
    """Two dimensions exchanged."""

def transpose_copy(input: Tensor, dim0: _int, dim1: _int, *, out: Tensor | None = None) -> Tensor:
    """A copy of the view of that name."""

def tril(input: Tensor, diagonal: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """The lower triangle, 0 elsewhere."""

def tril_(input: Tensor, diagonal: _int = 0) -> Tensor:
    """The lower triangle, 0 elsewhere."""

def triu(input: Tensor, diagonal: _int = 0, *, out: Tensor | None = None) -> Tensor:
    """The upper triangle, 0 elsewhere."""

def triu_(input: Tensor, diagonal: _int = 0) -> Tensor:
    """The upper triangle, 0 elsewhere."""

@overload
def true_divide(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input / other, of floating-point dtype."""

@overload
def true_divide(input: Tensor | _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input / other, of floating-point dtype."""

def true_divide_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """input / other, of floating-point dtype."""

def trunc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Integer part."""

def trunc_(input: Tensor) -> Tensor:
    """Integer part."""

def unbind(input: Tensor, dim: _int = 0) -> tuple[Tensor, ...]:
    """All positions of a dimension."""

@overload
def unbind_copy(input: Tensor, dim: _int = 0) -> tuple[Tensor, ...]:
    """A copy of the view of that name."""

@overload
def unbind_copy(input: Tensor, dim: _int = 0, *, out: Sequence[Tensor]) -> None:
    """A copy of the view of that name."""

def unflatten(input: Tensor, dim: _int, sizes: _Dims) -> Tensor:
    """One dimension split into several."""

def unfold_copy(
    input: Tensor, dimension: _int, size: _int, step: _int, *, out: Tensor | None = None
) -> Tensor:
    """A copy of the view of that name."""

def unsafe_chunk(input: Tensor, chunks: _int, dim: _int = 0) -> tuple[Tensor, ...]:
    """The same as chunk."""

def unsafe_split(input: Tensor, split_size: _int, dim: _int = 0) -> tuple[Tensor, ...]:
    """The same as split: parts of a size."""

def unsafe_split_with_sizes(input: Tensor, split_sizes: _Dims, dim: _int = 0) -> tuple[Tensor, ...]:
    """The same as split_with_sizes."""

def unsqueeze(input: Tensor, dim: _int) -> Tensor:
    """With a new dimension of size 1."""

def unsqueeze_copy(input: Tensor, dim: _int, *, out: Tensor | None = None) -> Tensor:
    """A copy of the view of that name."""

def upsample_bicubic2d(
    input: Tensor, output_size: _Dims, align_corners: _bool, scale_factors: Tensor | None = None
) -> Tensor:
    """Resized by cubic interpolation."""

def upsample_bilinear2d(
    input: Tensor, output_size: _Dims, align_corners: _bool, scale_factors: Tensor | None = None
) -> Tensor:
    """Resized by linear interpolation."""

def upsample_linear1d(
    input: Tensor, output_size: _Dims, align_corners: _bool, scale_factors: Tensor | None = None
) -> Tensor:
    """Resized by linear interpolation."""

def upsample_nearest1d(
    input: Tensor, output_size: _Dims, scale_factors: Tensor | None = None
) -> Tensor:
    """Resized by repetition."""

def upsample_nearest2d(
    input: Tensor, output_size: _Dims, scale_factors: Tensor | None = None
) -> Tensor:
    """Resized by repetition."""

def upsample_nearest3d(
    input: Tensor, output_size: _Dims, scale_factors: Tensor | None = None
) -> Tensor:
    """Resized by repetition."""

def upsample_trilinear3d(
    input: Tensor, output_size: _Dims, align_corners: _bool, scale_factors: Tensor | None = None
) -> Tensor:
    """Resized by linear interpolation."""

@overload
def var(
    input: Tensor,
    dim: _Dims | None = None,
    *,
    correction: _Number | None = None,
    keepdim: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Sum of squared distances from the mean over n - correction (1)."""

@overload
def var(input: Tensor, unbiased: _bool) -> Tensor:
    """Sum of squared distances from the mean over n - correction (1)."""

@overload
def var(
    input: Tensor,
    dim: _Dims | None,
    unbiased: _bool = True,
    keepdim: _bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Sum of squared distances from the mean over n - correction (1)."""

@overload
def var_mean(
    input: Tensor,
    dim: _Dims | None = None,
    *,
    correction: _Number | None = None,
    keepdim: _bool = False,
) -> tuple[Tensor, Tensor]:
    """Variance and mean."""

@overload
def var_mean(input: Tensor, unbiased: _bool) -> tuple[Tensor, Tensor]:
    """Variance and mean."""

@overload
def var_mean(
    input: Tensor, dim: _Dims | None, unbiased: _bool = True, keepdim: _bool = False
) -> tuple[Tensor, Tensor]:
    """Variance and mean."""

def vdot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inner product of vectors."""

@overload
def view_copy(input: Tensor, size: _Dims, *, out: Tensor | None = None) -> Tensor:
    """A copy of the view of that name."""

@overload
def view_copy(input: Tensor, dtype: _DtypeLike, *, out: Tensor | None = None) -> Tensor:
    """A copy of the view of that name."""

@overload
def vsplit(input: Tensor, sections: _int) -> tuple[Tensor, ...]:
    """Split along dimension 0."""

@overload
def vsplit(input: Tensor, indices: _Dims) -> tuple[Tensor, ...]:
    """Split along dimension 0."""

@overload
def where(
    condition: Tensor,
    input: Tensor | _Number,
    other: Tensor | _Number,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """input where the condition holds, else other."""

@overload
def where(
    condition: Tensor, self: Tensor | _Number, other: Tensor | _Number, *, out: Tensor | None = None
) -> Tensor:
    """input where the condition holds, else other."""

@overload
def where(condition: Tensor) -> tuple[Tensor, ...]:
    """input where the condition holds, else other."""

@overload
def xlogy(input: Tensor, other: Tensor | _Number, *, out: Tensor | None = None) -> Tensor:
    """input * log(other), 0 where input is 0."""

@overload
def xlogy(input: Tensor | _Number, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input * log(other), 0 where input is 0."""

def xlogy_(input: Tensor, other: Tensor | _Number) -> Tensor:
    """input * log(other), 0 where input is 0."""

def zero_(input: Tensor) -> Tensor:
    """Every element set to 0."""

@overload
def zeros(
    size: _Dims,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """All 0."""

@overload
def zeros(
    *size: _int,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """All 0."""

def zeros_like(
    input: Tensor,
    *,
    dtype: _DtypeLike | None = None,
    layout: _layout | None = None,
    device: _DeviceLike | None = None,
    pin_memory: _bool = False,
    requires_grad: _bool = False,
    memory_format: memory_format | None = None,
) -> Tensor:
    """All 0, in the shape of input."""
