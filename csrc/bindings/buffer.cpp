// The buffer protocol: memoryview(t), np.asarray(t) and the like, without copying.
#include "bindings/array_format.h"
#include "bindings/tensor_type.h"

namespace cnn::python {

const char* format_of(DType t) {
  switch (t) {
    case DType::UInt8:
      return "B";
    case DType::Int8:
      return "b";
    case DType::Int16:
      return "h";
    case DType::Int32:
      return "i";
    case DType::Int64:
      return sizeof(long) == 8 ? "l" : "q";  // NumPy's int64 is the C long where that is long enough
    case DType::Bool:
      return "?";
    case DType::Float16:
      return "e";
    case DType::Float32:
      return "f";
    case DType::Float64:
      return "d";
    case DType::UInt16:
      return "H";
    case DType::UInt32:
      return "I";
    case DType::UInt64:
      return sizeof(long) == 8 ? "L" : "Q";
    default:
      return nullptr;
  }
}

static DType integer_of(int size) {
  switch (size) {
    case 1:
      return DType::Int8;
    case 2:
      return DType::Int16;
    case 4:
      return DType::Int32;
    default:
      return DType::Int64;
  }
}

static DType unsigned_of(int size) {
  switch (size) {
    case 1:
      return DType::UInt8;
    case 2:
      return DType::UInt16;
    case 4:
      return DType::UInt32;
    default:
      return DType::UInt64;
  }
}

std::optional<DType> dtype_of_format(std::string_view format, int size) {
  if (!format.empty() && (format[0] == '@' || format[0] == '=')) format.remove_prefix(1);
  if (!format.empty() && format[0] == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>')) format.remove_prefix(1);
  if (format.size() != 1) return std::nullopt;
  switch (format[0]) {
    case '?':
      return DType::Bool;
    case 'e':
      return DType::Float16;
    case 'f':
      return DType::Float32;
    case 'd':
      return DType::Float64;
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q':
      return integer_of(size);
    case 'B':
    case 'H':
    case 'I':
    case 'L':
    case 'Q':
      return unsigned_of(size);
    default:
      return std::nullopt;
  }
}

namespace {

// What a view of a tensor needs besides the tensor itself: its geometry in bytes, and the memory, kept.
struct Exported {
  explicit Exported(Ref<Storage> storage) : memory(std::move(storage)) {}
  StorageExport memory;
  std::vector<Py_ssize_t> sizes, strides;
};

bool is_fortran_contiguous(const Tensor& t) {
  int64_t step = 1;
  for (int i = 0; i < t.dim() && t.numel(); step *= t.shape()[i++])
    if (t.shape()[i] != 1 && t.strides()[i] != step) return false;
  return true;
}

void fill_view(PyObject* self, Py_buffer* view, int flags) {
  const Tensor& t = tensor_of(self);
  const char* format = format_of(t.dtype());
  auto refuse = [](const auto&... why) { fail(ErrorKind::Buffer, "", why...); };
  if (!t.device().is_cpu()) refuse("a tensor on ", t.device(), " has no buffer; use t.cpu()");
  if (t.requires_grad()) refuse("a tensor that requires grad has no buffer; use t.detach()");
  if (!format) refuse("a tensor of ", t.dtype(), " has no buffer; use t.float()");
  if (!(flags & PyBUF_STRIDES) && !t.is_contiguous()) refuse("the tensor is not contiguous");
  auto exported = std::make_unique<Exported>(t.storage());
  const int size = item_size(t.dtype());
  for (int i = 0; i < t.dim(); ++i) {
    exported->sizes.push_back(t.shape()[i]);
    exported->strides.push_back(t.strides()[i] * size);
  }
  static char nothing[8];
  *view = {};
  view->buf = t.numel() ? t.raw() : nothing;
  view->len = t.numel() * size;
  view->itemsize = size;
  view->ndim = t.dim();
  view->format = flags & PyBUF_FORMAT ? const_cast<char*>(format) : nullptr;
  view->shape = flags & PyBUF_ND ? exported->sizes.data() : nullptr;
  view->strides = flags & PyBUF_STRIDES ? exported->strides.data() : nullptr;
  const auto asks = [&](int for_order) { return (flags & for_order) == for_order; };
  if ((asks(PyBUF_C_CONTIGUOUS) && !t.is_contiguous()) || (asks(PyBUF_F_CONTIGUOUS) && !is_fortran_contiguous(t)) ||
      (asks(PyBUF_ANY_CONTIGUOUS) && !t.is_contiguous() && !is_fortran_contiguous(t))) {
    refuse("the tensor is not contiguous in the order asked for");
  }
  view->internal = exported.release();
  view->obj = new_ref(self);
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  const int status = guard_status([&] { fill_view(self, view, flags); });
  if (status < 0) view->obj = nullptr;
  return status;
}
void release_buffer(PyObject*, Py_buffer* view) { delete static_cast<Exported*>(view->internal); }

}  // namespace

PyBufferProcs tensor_buffer_methods = {get_buffer, release_buffer};

}  // namespace cnn::python
