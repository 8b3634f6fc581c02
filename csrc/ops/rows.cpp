#include "ops/rows.h"

namespace cnn {

void rows_tensors(const char* op, int id, const void* functor, const RowsArg* args, int outputs, int count,
                  const Dims& shape, int dim, DType key) {
  const Tensor& first = *args[0].tensor;
  const Backend& device = backend(first.device());
  if (!device.has_rows(id, key))
    fail(ErrorKind::NotImplemented, "", "\"", op, "\" not implemented for '", dtype_type_name(key), "'");
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
  if (!device.runs || call.outer * call.inner == 0) return;
  for (int k = 0; k < count; ++k) {
    RowsOperand& a = call.operand[k];
    a.kind = args[k].kind;
    if (!args[k].tensor || !args[k].tensor->defined()) continue;
    const Tensor& x = *args[k].tensor;
    a.data = x.raw();
    a.dtype = x.dtype();
    a.compute = args[k].index ? DType::Int64 : key;
    a.length = a.kind == RowKind::Single ? 1 : a.kind == RowKind::Shared ? x.numel() : x.dim() ? x.shape()[dim] : 1;
  }
  device.rows(id, call);
}

}  // namespace cnn
