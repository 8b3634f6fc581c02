// x[indices] and its reverse.
#include "cnn/ops/index.h"

#include <algorithm>

#include "autograd/autocast.h"
#include "cnn/ops/binary.h"
#include "cnn/ops/compare.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/operators.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/view.h"
#include "ops/each.h"
#include "ops/indexing.h"
#include "ops/map.h"

namespace cnn {

Tensor index_tensor(const char* op, const Tensor& index, const Tensor& x) {
  check_index(index.dtype() == DType::Int64 || index.dtype() == DType::Int32 || index.dtype() == DType::UInt8, op,
              "tensors used as indices must be long, int, byte or bool tensors");
  if (index.dim() != 0 || !index.device().is_cpu()) check_device(op, x.device(), index.device());
  NoGrad guard;
  return contiguous(to_device(to_dtype(index, DType::Int64), x.device()));
}

namespace {
void fail_index(const Watch& w, int64_t value, const char* when) {
  fail(w.kind, w.op, "index ", value, " is out of bounds for dimension ", w.dim, " with size ", w.extent, when);
}
}  // namespace

kernels::Note* BoundedIndices::note_of(const IndexRange& range, Device device, kernels::Note& here) {
  return note_on(device, {range.fail ? range.fail : fail_index, range.op, range.kind, range.extent, range.dim}, here);
}

void BoundedIndices::check() const {
  for (const Use& use : uses_) {
    const Tensor& index = use.index;
    const IndexRange& range = use.range;
    if (index.numel() == 0 || index.device().is_meta()) continue;
    const int64_t low = range.negative ? -range.extent : 0, *const values = index.data<int64_t>();
    kernels::Note here;
    cnn::each(kernels::CheckRange{values, low, range.extent, note_of(range, index.device(), here)}, index.numel(),
              DType::Int64, index.device());
    if (here.empty()) continue;
    int64_t value = here.value();
    for (int64_t i = 0; i < index.numel(); ++i) {  // the first, and all of its digits
      if (values[i] >= low && values[i] < range.extent) continue;
      value = values[i];
      break;
    }
    fail_index({fail_index, range.op, range.kind, range.extent, range.dim}, value, "");
  }
}

void BoundedIndices::check_before_use() const {
  for (const Use& use : uses_)
    if (backend(use.index.device()).watch) return;
  check();
}

void BoundedIndices::fail_used() const {
  check();
  fail(ErrorKind::Runtime, uses_[0].range.op,
       "an index was out of bounds when it was used, and is not any more: "
       "somebody writes into the index while it is read");
}

BoundedIndices bounded(const char* op, const Tensor& index, const Tensor& x, int d, bool negative, ErrorKind kind) {
  return {index, {op, size_along(x, d), d, negative, kind}};
}

void check_not_repeated(const char* op, const Tensor& written, const Tensor& index, const Tensor& source) {
  check_no_internal_overlap(op, written);
  check_no_overlap(op, written, index);
  check_no_overlap(op, written, source);
}

namespace {

// What x[indices] means for every x of one shape: which dimensions are indexed, by which dense tensors, and the
// result's shape. Nothing of x's memory: `run_over` takes that from the tensor that is worked on.
struct Plan {
  std::vector<int> dims;
  Tensors index;  // parallel to dims, all of shape `broadcast`
  Dims broadcast, shape;
  int at = 0;  // where the index dimensions stand in the result
};

Tensor mask_of(const Tensor& t) { return t.dtype() == DType::Bool ? t : ne(t, wrapped_number(0)); }

// Masks become the columns of their nonzero().
Tensors expand_masks(const Tensor& x, const Indices& indices, std::vector<int>* dims) {
  Tensors out;
  int d = 0;
  for (const auto& given : indices) {
    if (!given) {
      ++d;
      continue;
    }
    const Tensor& t = *given;
    if (t.dtype() == DType::Bool || t.dtype() == DType::UInt8) {
      for (int k = 0; k < t.dim(); ++k)
        check_index(d + k < x.dim() && t.shape()[k] == x.shape()[d + k], "", "The shape of the mask ", t.shape(),
                    " at index ", k, " does not match the shape of the indexed tensor ", x.shape(), " at index ",
                    d + k);
      const Tensor places = nonzero(mask_of(t));
      for (int k = 0; k < t.dim(); ++k) {
        out.push_back(to_device(select(places, 1, k), x.device()));
        dims->push_back(d++);
      }
      continue;
    }
    check_index(d < x.dim(), "", "too many indices for tensor of dimension ", x.dim());
    // Indices of the CPU serve any device.
    out.push_back(index_tensor("index", t.device().is_cpu() ? to_device(t, x.device()) : t, x));
    dims->push_back(d++);
  }
  check_index(d <= x.dim(), "", "too many indices for tensor of dimension ", x.dim());
  return out;
}

Plan make_plan(const Tensor& x, const Indices& indices) {
  NoGrad guard;
  Plan p;
  Tensors raw = expand_masks(x, indices, &p.dims);
  check(!raw.empty(), "index", "at least one index must be a tensor");
  for (const Tensor& t : raw) {
    bool fits = true;
    const int n = std::min(p.broadcast.size(), t.dim());
    for (int i = 1; i <= n; ++i) {
      const int64_t a = p.broadcast[p.broadcast.size() - i], b = t.shape()[t.dim() - i];
      fits &= a == b || a == 1 || b == 1;
    }
    check_index(fits, "", "shape mismatch: indexing tensors could not be broadcast together with shapes ",
                raw[0].shape(), ", ", t.shape());
    p.broadcast = broadcast_shapes("index", p.broadcast, t.shape());
  }
  for (size_t k = 0; k < raw.size(); ++k) {
    p.index.push_back(contiguous(expand(raw[k], p.broadcast)));
    check_index(x.shape()[p.dims[k]] != 0 || p.index[k].numel() == 0, "",
                "index is out of bounds for dimension with size 0");
  }
  bool adjacent = true;
  for (size_t k = 1; k < p.dims.size(); ++k) adjacent &= p.dims[k] == p.dims[k - 1] + 1;
  p.at = adjacent ? p.dims[0] : 0;
  for (int d = 0, others = 0;; ++d) {
    if (others == p.at)
      for (int64_t n : p.broadcast) p.shape.push_back(n);
    while (d < x.dim() && std::count(p.dims.begin(), p.dims.end(), d)) ++d;
    if (d >= x.dim()) break;
    p.shape.push_back(x.shape()[d]);
    ++others;
  }
  return p;
}

// The steps of the result's dimensions through the memory of x and through the index tensors.
struct Steps {
  Steps(const Plan& p, const Tensor& tensor) {
    const Dims index_strides = contiguous_strides(p.broadcast);
    for (int i = 0, d = 0; i < p.shape.size(); ++i) {
      const bool of_index = i >= p.at && i < p.at + p.broadcast.size();
      while (!of_index && std::count(p.dims.begin(), p.dims.end(), d)) ++d;
      x.push_back(of_index ? 0 : tensor.strides()[d++]);
      index.push_back(of_index ? index_strides[i - p.at] : 0);
    }
  }
  Dims x, index;
};

kernels::IndexPlace place_in(const Plan& p, const Tensor& x) {
  const auto [x_steps, index_steps] = Steps(p, x);
  kernels::IndexPlace place;
  place.x = x.raw();
  // Trailing dimensions that run evenly through x become the inner loop.
  int last = p.shape.size();
  place.inner = 1;
  place.inner_stride = 1;
  for (; last > 0 && index_steps[last - 1] == 0 && x_steps[last - 1] != 0; --last) {
    if (place.inner == 1) place.inner_stride = x_steps[last - 1];
    else if (x_steps[last - 1] != place.inner_stride * place.inner && p.shape[last - 1] != 1) break;
    place.inner *= p.shape[last - 1];
  }
  check_implemented(last <= kernels::kIndexDims && int(p.dims.size()) <= kernels::kIndexDims, "index", "more than ",
                    kernels::kIndexDims, " dimensions; reshape the tensor first");
  place.ndim = last;
  for (int d = 0; d < last; ++d) {
    place.sizes[d] = p.shape[d];
    place.x_strides[d] = x_steps[d];
    place.index_strides[d] = index_steps[d];
  }
  place.count = int(p.dims.size());
  for (int k = 0; k < place.count; ++k) place.strides[k] = x.strides()[p.dims[size_t(k)]];
  return place;
}

// The plan's indices, for x.
struct PlanIndices : BoundedIndices {
  PlanIndices(const Plan& p, const Tensor& x, const char* op = "", bool negative = true) {
    for (size_t k = 0; k < p.dims.size(); ++k) add(p.index[k], {op, x.shape()[p.dims[k]], p.dims[k], negative});
  }
};

// F over the places of x, which is of the plan's shape, and dense y of the result's.
template <class F>
void run_over(const Plan& p, const PlanIndices& indices, const Tensor& x, const Tensor& y, Order order = Order::Any) {
  F f;
  f.place = place_in(p, x);
  f.y = y.raw();
  int64_t rows = f.place.inner == 0 ? 0 : 1;
  for (int d = 0; d < f.place.ndim; ++d) rows *= f.place.sizes[d];
  indices.each(
      [&](const kernels::IndexValues* values) {
        std::copy_n(values, f.place.count, f.place.index);
        return f;
      },
      rows, x.dtype(), x.device(), order);
}

// The same indices as positions: masks are counted out once.
Indices fixed_indices(const Tensor& x, const Plan& p) {
  Indices out(size_t(x.dim()));
  for (size_t k = 0; k < p.dims.size(); ++k) out[size_t(p.dims[k])] = p.index[k];
  return out;
}

// Indices kept for backward: the tensors given, so that writes into them are noticed, and what the op made of them.
class SavedIndices {
 public:
  SavedIndices(Grad& grad, const Indices& given, Indices fixed) : fixed_(std::move(fixed)) {
    for (const auto& t : given)
      if (t) given_.push_back(grad.save(*t));
  }
  const Indices& get(Grads& g) const {
    for (const Saved& s : given_) s.get(g);
    return fixed_;
  }

 private:
  std::vector<Saved> given_;
  Indices fixed_;
};

// x[indices], without a gradient.
Tensor read_at(const Plan& p, const PlanIndices& indices, const Tensor& x) {
  Tensor y = empty(p.shape, x.dtype(), x.device());
  run_over<kernels::IndexRead>(p, indices, x, y);
  if (!x.is_contiguous()) {  // the result lies as x does
    NoGrad guard;
    const Steps steps(p, x);
    const Dims operands[] = {steps.x, steps.index}, strides = strides_in_order_of(p.shape, operands, 2);
    if (strides != y.strides()) y = copy_(empty_strided(p.shape, strides, x.dtype(), x.device()), y);
  }
  return y;
}

}  // namespace

Tensor read_from_front(const char* op, const Tensor& x, const Indices& indices) {
  NoGrad guard;
  const Plan p = make_plan(x, indices);
  return read_at(p, PlanIndices(p, x, op, /*negative=*/false), x);
}

Tensor index(const Tensor& x, const Indices& indices) {
  Grad grad({x});
  const Plan p = make_plan(x, indices);
  Tensor y = read_at(p, PlanIndices(p, x), x);
  if (!grad) return y;
  return grad.record("IndexBackward0", y,
                     [saved = SavedIndices(grad, indices, fixed_indices(x, p)), shape = x.shape()](Grads& g) {
                       const Tensor whole = zeros(shape, g.out().dtype(), g.out().device());
                       g[0] = index_put(whole, saved.get(g), g.out(), true, Dest::in_place(whole));
                     });
}

namespace {

// Writes `source`, dense and of the plan's shape, into y.
void put_into(const Tensor& y, const Plan& p, const Tensor& source, bool accumulate) {
  if (!accumulate) {
    run_over<kernels::IndexWrite>(p, PlanIndices(p, y), y, source, Order::Ascending);
  } else if (is_reduced(y.dtype()) || is_float8(y.dtype()) ||
             y.dtype() == DType::Bool) {  // summed in float, or counted
    const DType t = y.dtype() == DType::Bool ? DType::Int64 : DType::Float32;
    const Tensor own = without_repeats(y), wide = to_dtype(contiguous(own), t);
    run_over<kernels::IndexAdd>(p, PlanIndices(p, y), expand(wide, y.shape()), to_dtype(source, t), Order::Ascending);
    copy_(own, wide);
  } else {
    run_over<kernels::IndexAdd>(p, PlanIndices(p, y), y, source, Order::Ascending);
  }
}

bool only_masks(const Indices& indices) {
  for (const auto& t : indices)
    if (t && t->dtype() != DType::Bool && t->dtype() != DType::UInt8) return false;
  return true;
}
}  // namespace

void write_at(const Tensor& y, const Indices& indices, const Tensor& values) {
  NoGrad guard;
  const Plan p = make_plan(y, indices);
  put_into(y, p, contiguous(expand(values, p.shape)), false);
}

Tensor index_put(const Tensor& x, const Indices& indices, const Tensor& values, bool accumulate, Dest dest) {
  if (const Autocast cast{"index_put", x, dest}) [[unlikely]]
    return cast(index_put, x, indices, values, accumulate, dest);
  check_index(values.dtype() == x.dtype() || values.dim() == 0 || values.impl()->wrapped_number, "",
              "Index put requires the source and destination dtypes match, got ", dtype_type_name(x.dtype()),
              " for the destination and ", dtype_type_name(values.dtype()), " for the source.");
  check_same_device("index_put", x, values);
  Grad grad({x, values}, dest);
  const Plan p = make_plan(x, indices);
  for (int i = 1; i <= values.dim(); ++i) {
    const int at = p.shape.size() - i;
    const int64_t v = values.shape()[values.dim() - i];
    check(at >= 0 && (v == 1 || p.shape[at] == v), "", "shape mismatch: value tensor of shape ", values.shape(),
          " cannot be broadcast to indexing result of shape ", p.shape);
  }
  Tensor y = x;
  {
    NoGrad guard;
    Tensor source = expand(to_device(to_dtype(values, x.dtype()), x.device()), p.shape);
    // Read before the write: one value may be a view of x.
    source = source.storage() == x.storage() ? clone(contiguous(source)) : contiguous(source);
    if (dest) {
      warn_of_expanded("index_put_", "tensor[indices] = tensor", x);
      for (const Tensor& t : p.index) check_no_overlap("index_put_", x, t);
      if (values.numel() != 1 || !only_masks(indices)) check_no_overlap("index_put_", x, values);
      PlanIndices(p, x).check_before_use();
      x.impl()->bump_version();
    } else {
      y = clone(x);
    }
    put_into(y, p, source, accumulate);
  }
  if (!grad) return y;
  return grad.record("IndexPutBackward0", y,
                     [saved = SavedIndices(grad, indices, fixed_indices(x, p)), accumulate](Grads& g) {
                       const Indices& at = saved.get(g);
                       const Tensor zero = zeros(Dims(), g.out().dtype(), g.out().device());
                       if (g.wants(0)) g[0] = accumulate ? g.out() : index_put(g.out(), at, zero);
                       if (g.wants(1)) g[1] = index(g.out(), at);
                     });
}

Tensor nonzero(const Tensor& x, Dest dest) {
  NoGrad guard;
  if (dest.is_out()) {
    check_no_overlap("nonzero", dest.target(), x);
    check(dest.target().dtype() == DType::Int64, "nonzero",
          "Expected out tensor to have scalar type Long but got scalar "
          "type",
          dtype_type_name(dest.target().dtype()));
    return copy_out("nonzero", nonzero(x), dest);
  }
  if (is_stored(x.dtype())) not_implemented("nonzero_count_cpu", x.dtype());
  const Tensor mask = contiguous(x.dtype() == DType::Bool ? x : ne(x, wrapped_number(0)));
  check_implemented(x.dim() <= kernels::kIndexDims, "nonzero", "more than ", kernels::kIndexDims, " dimensions");
  check(!x.device().is_meta(), "nonzero",
        "the shape of the result depends on the data, which meta tensors do not have");
  const int64_t n = sum(mask).item().to_int();
  Tensor out = empty({n, x.dim()}, DType::Int64, x.device());
  if (n == 0) return out;
  const Tensor counter = zeros({1}, DType::Int64, x.device());
  kernels::NonZero f{
      static_cast<const uint8_t*>(mask.raw()), out.data<int64_t>(), counter.data<int64_t>(), n, x.dim(), {}};
  for (int d = 0; d < x.dim(); ++d) f.sizes[d] = x.shape()[d];
  each(f, x.numel(), DType::Bool, x.device(), Order::Ascending);
  check(counter.item().to_int() == n, "nonzero", "the number of nonzero elements was ", n, ", and is ",
        counter.item().to_int(), " now: somebody writes into the tensor while it is read");
  return out;
}

Tensor masked_select(const Tensor& x, const Tensor& mask, Dest dest) {
  if (dest.is_out()) {
    check_no_internal_overlap("masked_select", dest.target());
    check_no_overlap("masked_select", dest.target(), x);
    check_no_overlap("masked_select", dest.target(), mask);
    check(dest.target().dtype() == x.dtype(), "masked_select()", "self and result must have the same scalar type");
    return copy_out("masked_select", masked_select(x, mask), dest);
  }
  check(mask.dtype() == DType::Bool, "masked_select", "expected BoolTensor for mask, got ", mask.dtype());
  check_same_device("masked_select", x, mask);
  const Dims shape = broadcast_shapes("masked_select", x.shape(), mask.shape());
  Grad grad({x});
  Tensor y, positions;
  {
    NoGrad guard;
    positions = select(nonzero(reshape(expand(mask, shape), {-1})), 1, 0);
    y = index(reshape(expand(x, shape), {-1}), {positions});
  }
  if (!grad) return y;
  return grad.record("MaskedSelectBackward0", y, [saved = SavedIndices(grad, {mask}, {positions}), shape](Grads& g) {
    const Tensor flat = zeros({numel_of("masked_select", shape)}, g.out().dtype(), g.out().device());
    g[0] = reshape(index_put(flat, saved.get(g), g.out(), true, Dest::in_place(flat)), shape);
  });
}

Tensor masked_scatter(const Tensor& x, const Tensor& mask, const Tensor& source, Dest dest) {
  check(mask.dtype() == DType::Bool, "masked_scatter", "only supports boolean masks, but got mask with dtype ",
        mask.dtype());
  check(x.dtype() == source.dtype(), "masked_scatter", "expected self and source to have same dtypes but got ",
        dtype_type_name(x.dtype()), " and ", dtype_type_name(source.dtype()));
  check_same_device("masked_scatter", x, mask);
  check_same_device("masked_scatter", x, source);
  const Dims shape = broadcast_shapes("masked_scatter", x.shape(), mask.shape());
  check(!dest || shape == x.shape(), "masked_scatter_", "output with shape ", x.shape(),
        " doesn't match the broadcast shape ", shape);
  const Tensor whole = shape == x.shape() ? x : expand(x, shape);
  const Tensor m = expand(mask, shape);
  if (x.device().is_meta()) return dest ? x : empty(shape, x.dtype(), x.device());
  const int64_t n = sum(m).item().to_int();
  check(n <= source.numel(), "masked_scatter",
        "Number of elements of source < number of ones in mask: ", source.numel(), " < ", n);
  if (dest) check_no_internal_overlap("masked_scatter_", x);
  Tensor values = narrow(reshape(source, {-1}), 0, 0, n);
  if (dest && values.storage() == x.storage()) values = clone(values);
  if (shape.empty()) {  // no dimension to count places along
    const Tensor value = n ? reshape(values, Dims()) : zeros(Dims(), x.dtype(), x.device());
    const Tensor y = where(m, value, x);
    return dest ? copy_(x, y) : y;
  }
  return index_put(dest ? x : contiguous(whole), {m}, values, false, dest);
}

}  // namespace cnn
