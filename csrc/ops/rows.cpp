#include "ops/rows.h"

#include "autograd/recorder.h"

namespace cnn {

void rows_tensors(const char* op, int id, const void* functor, const RowsArg* args, int outputs, int count,
                  const Dims& shape, int dim, DType key) {
  const Recorded range(op);
  const Tensor& first = *args[0].tensor;
  const Backend& device = backend(first.device());
  if (!device.has_rows(id, key)) not_implemented(op, key);
  RowsCall call;
  call.functor = functor;
  call.key = key;
  call.operands = count;
  call.outputs = outputs;
  call.n = shape.empty() ? 1 : shape[dim];
  for (int d = 0; d < shape.size(); ++d) {
    if (d < dim) call.outer *= shape[d];
    if (d > dim) call.inner *= shape[d];
  }
  bool writes = false;  // or else there may be any number of rows, all of them empty
  for (int k = 0; k < count; ++k) {
    RowsOperand& a = call.operand[k];
    a.kind = args[k].kind;
    if (!args[k].tensor || !args[k].tensor->defined()) continue;
    const Tensor& x = *args[k].tensor;
    writes |= k < outputs && x.numel() > 0;
    check_device(op, first.device(), x.device());
    a.data = x.raw();
    a.dtype = x.dtype();
    a.compute = args[k].index ? DType::Int64 : key;
    a.length = a.kind == RowKind::Single ? 1 : a.kind == RowKind::Shared ? x.numel() : x.dim() ? x.shape()[dim] : 1;
    const int64_t rows = a.kind == RowKind::Shared ? 1 : call.outer * call.inner;
    check(x.is_contiguous() && x.numel() == rows * a.length && (a.kind != RowKind::Shared || a.length == call.n), op,
          "an operand of shape ", x.shape(), " does not fit the rows of ", shape, " along dimension ", dim);
  }
  if (call.outer * call.inner == 0 || !writes) return;
  device.rows(id, call);
}

void check_norm_parameters(const char* op, const Tensor& x, std::initializer_list<const std::optional<Tensor>*> list) {
  const Tensor* first = nullptr;
  for (const std::optional<Tensor>* given : list) {
    if (!*given || !(*given)->defined()) continue;
    const Tensor& p = **given;
    if (!first) first = &p;
    check_device(op, x.device(), p.device());
    check(p.dtype() == x.dtype() || (is_reduced(x.dtype()) && p.dtype() == DType::Float32), "",
          "mixed dtype (CPU): expect parameter to have scalar type of Float, or the input's, ",
          dtype_type_name(x.dtype()), ", but found ", dtype_type_name(p.dtype()));
    check(p.dtype() == first->dtype(), "", "expected scalar type ", dtype_type_name(first->dtype()), " but found ",
          dtype_type_name(p.dtype()));
  }
}

}  // namespace cnn
