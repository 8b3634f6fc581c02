// Drives functors over whole rows. Operands that do not lie dense in the functor's types are copied to working memory
// and back by the elementwise skeleton.
#include "cuda/memory.h"
#include "cuda/skeletons.h"
#include "kernels/arithmetic.h"
#include "kernels/rows.h"

namespace cnn::cuda {
namespace {

class RowsRun {
 public:
  RowsRun(const RowsCall& call, RowsLaunch launch) : call_(call), launch_(launch), rows_(call.outer * call.inner) {
    int64_t bytes = 0;
    for (int k = 0; k < call.operands; ++k) {
      const RowsOperand& a = call.operand[k];
      length_[k] = a.kind == RowKind::Single ? 1 : a.length;
      direct_[k] = !a.data || (a.dtype == a.compute && (call.inner == 1 || a.kind != RowKind::Whole));
      if (direct_[k]) continue;
      at_[k] = bytes;
      const int64_t count = length_[k] * (a.kind == RowKind::Shared ? 1 : rows_);
      bytes += (count * item_size(a.compute) + 255) / 256 * 256;
    }
    copied_ = size_t(bytes);
  }

  void run() const {
    const Scratch copies(copied_);
    RowsBlock block{};
    block.functor = call_.functor;
    block.n = call_.n;
    block.rows = rows_;
    for (int k = 0; k < call_.operands; ++k) {
      const RowsOperand& a = call_.operand[k];
      if (!a.data) continue;
      block.data[k] = direct_[k] ? static_cast<char*>(a.data) : static_cast<char*>(copies.data()) + at_[k];
      block.strides[k] = a.kind == RowKind::Shared ? 0 : length_[k] * item_size(a.compute);
      if (!direct_[k] && k >= call_.outputs) copy(k, block.data[k], true);
    }
    launch_(block);
    for (int k = 0; k < call_.outputs; ++k)
      if (!direct_[k]) copy(k, block.data[k], false);
  }

 private:
  // Operand k between memory [outer, length, inner] and the dense rows [outer, inner, length].
  void copy(int k, void* dense, bool in) const {
    const RowsOperand& a = call_.operand[k];
    const bool shared = a.kind == RowKind::Shared;
    const int64_t inner = shared ? 1 : call_.inner, length = length_[k];
    const int64_t sizes[3] = {length, inner, shared ? 1 : call_.outer};
    const int64_t there[3] = {inner, 1, length * inner}, here[3] = {1, length, length * inner};
    const kernels::Copy functor{};
    MapCall call;
    call.functor = &functor;
    call.operands = 2;
    call.outputs = 1;
    const int memory = in ? 1 : 0, rows = 1 - memory;
    call.data[memory] = a.data;
    call.data[rows] = dense;
    call.dtypes[memory] = a.dtype;
    call.dtypes[rows] = a.compute;
    call.compute[0] = call.compute[1] = call.dtypes[0];
    call.key = call.dtypes[0];
    call.ndim = 3;
    for (int d = 0; d < 3; ++d) {
      call.sizes[d] = sizes[d];
      call.strides[memory][d] = there[d] * item_size(a.dtype);
      call.strides[rows][d] = here[d] * item_size(a.compute);
    }
    map(kernels::IdOf<kernels::Copy>::value, call);
  }

  const RowsCall& call_;
  RowsLaunch launch_;
  int64_t rows_;
  int64_t length_[kMapOperands], at_[kMapOperands] = {};
  bool direct_[kMapOperands];
  size_t copied_ = 0;
};

}  // namespace

void rows(int functor, const RowsCall& call) {
  if (call.outer * call.inner == 0) return;
  RowsRun(call, tables().rows[functor][int(call.key)]).run();
}

}  // namespace cnn::cuda
