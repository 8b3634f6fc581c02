#include "ops/reduce.h"

#include <algorithm>
#include <vector>

#include "autograd/recorder.h"
#include "cnn/ops.h"
#include "ops/map.h"

namespace cnn {

ReducedDims::ReducedDims(const char* op, const Tensor& x, const std::optional<Dims>& dim) {
  const bool all = !dim || dim->empty();
  mask_ = Dims::filled(std::max(x.dim(), 1), all);
  if (all) return;
  for (int64_t d : *dim) {
    int64_t& bit = mask_[normalize_dim(op, d, x.dim())];
    check(bit == 0, "", "dim ", d, " appears multiple times in the list of dims");
    bit = 1;
  }
}

int64_t ReducedDims::count(const Tensor& x) const {
  int64_t n = 1;
  for (int d = 0; d < x.dim(); ++d)
    if (reduces(d)) n *= x.shape()[d];
  return n;
}

Dims ReducedDims::shape(const Tensor& x, bool keepdim) const {
  Dims shape;
  for (int d = 0; d < x.dim(); ++d) {
    if (!reduces(d)) shape.push_back(x.shape()[d]);
    else if (keepdim) shape.push_back(1);
  }
  return shape;
}

Tensor with_reduced_dims(const Tensor& value, const Dims& sizes, const ReducedDims& dims, bool keepdim) {
  if (keepdim || sizes.empty()) return value;
  Dims shape = sizes;
  for (int d = 0; d < sizes.size(); ++d)
    if (dims.reduces(d)) shape[d] = 1;
  return reshape(value, shape);
}

Tensor expand_reduced(const Tensor& value, const Dims& sizes, const ReducedDims& dims, bool keepdim) {
  return expand(with_reduced_dims(value, sizes, dims, keepdim), sizes);
}

ReduceResult::ReduceResult(const char* op, const Dims& shape, DType dtype, const Tensor& x, const Dest& dest, Out out) {
  if (!dest) {
    work_ = empty(shape, dtype, x.device());
    return;
  }
  if (out == Out::Exact) check_exact(op, dtype, x, dest);
  const Tensor* inputs[] = {&x};
  target_ = result_for(op, shape, dtype, inputs, 1, dest);
  const bool direct = target_.is_contiguous() && target_.dtype() == dtype && target_.storage() != x.storage();
  work_ = direct ? target_ : empty(shape, dtype, x.device());
}

void ReduceResult::check_exact(const char* op, DType dtype, const Tensor& x, const Dest& dest) {
  if (!dest) return;
  const Tensor& to = dest.target();
  check(to.dtype() == dtype, op, "Expected out tensor to have dtype ", dtype_type_name(dtype), ", but got ",
        dtype_type_name(to.dtype()), " instead");
  check(to.device() == x.device(), op, "Expected out tensor to have device ", x.device(), ", but got ", to.device(),
        " instead");
}

Tensor ReduceResult::done() const {
  if (!target_.defined()) return work_;
  if (!target_.same(work_)) {
    NoGrad guard;
    copy_(target_, work_);
  }
  return target_;
}

namespace {

struct Run {
  int64_t size, x_stride, y_stride;
};

// Joins neighbours that run on into each other; outermost first.
std::vector<Run> joined(std::vector<Run> runs, bool by_memory) {
  if (by_memory)
    std::stable_sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) { return a.x_stride > b.x_stride; });
  std::vector<Run> out;
  for (const Run& r : runs) {
    if (!out.empty() && out.back().x_stride == r.x_stride * r.size && out.back().y_stride == r.y_stride * r.size)
      out.back() = {out.back().size * r.size, r.x_stride, r.y_stride};
    else out.push_back(r);
  }
  return out;
}

// x with the kept dimensions first and the reduced ones last, dense.
Tensor gathered(const Tensor& x, const ReducedDims& dims) {
  NoGrad guard;
  Dims order;
  for (int d = 0; d < x.dim(); ++d)
    if (!dims.reduces(d)) order.push_back(d);
  for (int d = 0; d < x.dim(); ++d)
    if (dims.reduces(d)) order.push_back(d);
  return contiguous(permute(x, order));
}

}  // namespace

void reduce_tensor(const char* op, ReduceKind kind, const void* functor, const Tensor& x, const ReducedDims& dims,
                   DType key, const Tensor& y0, const Tensor& y1) {
  const Recorded range(op, x);
  const Backend& device = backend(x.device());
  if (!device.has_reduce(kind.id, key)) not_implemented(op, x.dtype());
  const Tensor& y = y0.defined() ? y0 : y1;
  for (const Tensor* out : {&y0, &y1}) {
    if (!out->defined()) continue;
    check(out->device() == x.device() && out->numel() == y.numel(), op, "a result of shape ", out->shape(), " on ",
          out->device(), " does not fit an input on ", x.device());
  }
  if (y.numel() == 0) return;

  ReduceCall call;
  call.functor = functor;
  call.dtype = x.dtype();
  call.key = key;
  if (y0.defined()) call.y[0] = y0.raw(), call.y_dtype[0] = y0.dtype();
  if (y1.defined()) call.y[1] = y1.raw(), call.y_dtype[1] = y1.dtype();

  std::vector<Run> kept, reduced;
  int64_t y_stride = 1;
  for (int d = x.dim() - 1; d >= 0; --d) {
    const int64_t size = x.shape()[d];
    if (dims.reduces(d)) {
      if (size != 1) reduced.insert(reduced.begin(), {size, x.strides()[d], 0});
    } else {
      if (size != 1) kept.insert(kept.begin(), {size, x.strides()[d], y_stride});
      y_stride *= size;
    }
  }
  kept = joined(kept, true);
  reduced = joined(reduced, !kind.ordered);
  Tensor moved;
  const int64_t count = dims.count(x);
  if (count > 0 && (kept.size() > 2 || reduced.size() > 2)) {
    moved = gathered(x, dims);
    kept = {{y.numel(), count, 1}};
    reduced = {{count, 1, 0}};
  }
  call.x = moved.defined() ? moved.raw() : x.raw();
  if (count == 0) {
    call.outer = y.numel();
    call.n = 0;
    call.y_outer_stride = 1;
    device.reduce(kind.id, call);
    return;
  }
  if (!reduced.empty()) {
    call.n = reduced.back().size;
    call.n_stride = reduced.back().x_stride;
  }
  if (reduced.size() == 2) {
    call.batch = reduced[0].size;
    call.batch_stride = reduced[0].x_stride;
  }
  call.y_outer_stride = call.y_inner_stride = 1;
  if (!kept.empty()) {
    const Run& last = kept.back();
    if (kept.size() == 2 || last.x_stride == 1) {
      call.inner = last.size;
      call.inner_stride = last.x_stride;
      call.y_inner_stride = last.y_stride;
      call.y_outer_stride = last.size;
    } else {
      call.outer = last.size;
      call.outer_stride = last.x_stride;
      call.y_outer_stride = last.y_stride;
    }
  }
  if (kept.size() == 2) {
    call.outer = kept[0].size;
    call.outer_stride = kept[0].x_stride;
    call.y_outer_stride = kept[0].y_stride;
  }
  device.reduce(kind.id, call);
}

}  // namespace cnn
