// Views: every function checks, makes an alias, and records how a gradient finds its way back.
#include "cnn/ops/view.h"

#include "autograd/meta.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "ops/each.h"
#include "ops/map.h"

namespace cnn {
namespace {

// zeros(sizes) with `grad` copied where `place` (a view) looks.
template <class F>
Tensor into_zeros(const Tensor& grad, const Dims& sizes, const F& place) {
  NoGrad guard;
  Tensor y = zeros(sizes, grad.dtype(), grad.device());
  copy_(place(y), grad);
  return y;
}

Tensor same_memory(const Tensor& x, const Dims& sizes, const Dims& strides) {
  return alias(x, sizes, strides, x.offset());
}

Tensor view_or_fail(const Tensor& x, const Dims& size) {
  const Dims shape = infer_size(size, x.numel());
  Dims strides;
  check(view_strides(x.shape(), x.strides(), shape, &strides), "",
        "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
        "contiguous subspaces). Use .reshape(...) instead. Size ",
        x.shape(), ", stride ", x.strides(), ", wanted ", shape);
  return same_memory(x, shape, strides);
}

// A view whose gradient is a reshape: the node's name is all that differs.
Tensor reshaped_view(const char* name, const Tensor& x, const Tensor& y) {
  Grad grad({x});
  if (!grad) return y;
  return grad.record_view(name, y, [sizes = x.shape()](Grads& g) { g[0] = reshape(g.out(), sizes); });
}

}  // namespace

Tensor view(const Tensor& x, const Dims& size) { return reshaped_view("ViewBackward0", x, view_or_fail(x, size)); }

Tensor view_dtype(const Tensor& x, DType t) {
  if (t == x.dtype()) return view(x, x.shape());
  const int64_t from = item_size(x.dtype()), to = item_size(t);
  Dims sizes = x.shape(), strides = x.strides();
  int64_t offset = x.offset();
  if (from != to) {
    Message pair;
    pair << " to view " << dtype_type_name(x.dtype()) << " as " << dtype_type_name(t) << " (different element sizes)";
    const std::string which = pair.take();
    check(x.dim() > 0, "", "self.dim() cannot be 0", which);
    const int last = x.dim() - 1;
    check(strides[last] == 1, "", "self.stride(-1) must be 1", which, ", but got ", strides[last]);
    const auto scale = [&](int64_t& n, const char* what) {
      check(from > to || n % (to / from) == 0, "", "self.", what, " must be divisible by ", to / from, which,
            ", but got ", n);
      n = from > to ? n * (from / to) : n / (to / from);
    };
    scale(sizes[last], "size(-1)");
    scale(offset, "storage_offset()");
    for (int i = 0; i < last; ++i) scale(strides[i], "stride");
  }
  auto impl = make_ref<TensorImpl>(x.storage(), sizes, strides, offset, t);
  impl->own_version = x.impl()->own_version;  // shared, without history
  return Tensor(std::move(impl));
}

Tensor reshape(const Tensor& x, const Dims& size) {
  const Dims shape = infer_size(size, x.numel());
  Dims strides;
  if (view_strides(x.shape(), x.strides(), shape, &strides))
    return reshaped_view("ViewBackward0", x, same_memory(x, shape, strides));
  const Tensor y = empty(x.shape(), x.dtype(), x.device());
  Grad grad({x});
  {
    NoGrad guard;
    copy_(y, x);
  }
  const Tensor out = detached_alias(y, true);
  out.impl()->set_geometry(shape, contiguous_strides(shape), 0);
  if (!grad) return out;
  return grad.record("UnsafeViewBackward0", out, [sizes = x.shape()](Grads& g) { g[0] = reshape(g.out(), sizes); });
}

Tensor expand(const Tensor& x, const Dims& size) {
  check(size.size() >= x.dim(), "expand", "the number of sizes provided (", size.size(),
        ") must be greater or equal to the number of dimensions in the tensor (", x.dim(), ")");
  const int extra = size.size() - x.dim();
  Dims sizes = size, strides = Dims::filled(size.size(), 0);
  for (int i = 0; i < size.size(); ++i) {
    const bool own = i >= extra;
    const int64_t have = own ? x.shape()[i - extra] : 1;
    if (size[i] == -1) {
      check(own, "expand", "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension ",
            i);
      sizes[i] = have;
    }
    check(sizes[i] >= 0 && (have == 1 || have == sizes[i]), "expand", "The expanded size of the tensor (", sizes[i],
          ") must match the existing size (", have, ") at non-singleton dimension ", i, ".  Target sizes: ", size,
          ".  Tensor sizes: ", x.shape());
    if (own) strides[i] = have == 1 && sizes[i] != 1 ? 0 : x.strides()[i - extra];
  }
  numel_of("expand", sizes);
  Grad grad({x});
  Tensor y = same_memory(x, sizes, strides);
  if (!grad) return y;
  return grad.record_view("ExpandBackward0", y, [](Grads& g) { g[0] = g.out(); });  // the engine sums
}

Tensors broadcast_tensors(const Tensors& tensors) {
  Dims shape;
  for (const Tensor& t : tensors) shape = broadcast_shapes("broadcast_tensors", shape, t.shape());
  Tensors out;
  for (const Tensor& t : tensors) out.push_back(t.shape() == shape ? t : expand(t, shape));
  return out;
}

Tensor permute(const Tensor& x, const Dims& dims) {
  check(dims.size() == x.dim(), "permute",
        "number of dimensions in the tensor input does not match the length of the "
        "desired ordering of dimensions i.e. input.dim() = ",
        x.dim(), " is not equal to len(dims) = ", dims.size());
  Dims sizes = dims, strides = dims, inverse = Dims::filled(dims.size(), -1);
  for (int i = 0; i < dims.size(); ++i) {
    const int d = normalize_dim("permute", dims[i], x.dim());
    check(inverse[d] < 0, "permute", "duplicate dims are not allowed: ", dims);
    inverse[d] = i;
    sizes[i] = x.shape()[d];
    strides[i] = x.strides()[d];
  }
  Grad grad({x});
  Tensor y = same_memory(x, sizes, strides);
  if (!grad) return y;
  return grad.record_view("PermuteBackward0", y, [inverse](Grads& g) { g[0] = permute(g.out(), inverse); });
}

namespace {
Tensor swapped(const char* name, const Tensor& x, int a, int b) {
  Dims sizes = x.shape(), strides = x.strides();
  if (x.dim() > 0) {
    std::swap(sizes[a], sizes[b]);
    std::swap(strides[a], strides[b]);
  }
  Grad grad({x});
  Tensor y = same_memory(x, sizes, strides);
  if (!grad) return y;
  return grad.record_view(name, y, [a, b](Grads& g) { g[0] = transpose(g.out(), a, b); });
}
Tensor transposed(const char* name, const Tensor& x, int64_t dim0, int64_t dim1) {
  return swapped(name, x, normalize_dim("transpose", dim0, x.dim()), normalize_dim("transpose", dim1, x.dim()));
}
Tensor turned_matrix(const char* name, const Tensor& x) {
  check(x.dim() <= 2, "t", "expects a tensor with <= 2 dimensions, but self is ", x.dim(), "D");
  return swapped(name, x, 0, x.dim() == 2 ? 1 : 0);
}
}  // namespace

Tensor transpose(const Tensor& x, int64_t dim0, int64_t dim1) {
  return transposed("TransposeBackward0", x, dim0, dim1);
}

Tensor t(const Tensor& x) { return turned_matrix("TBackward0", x); }

Tensor select(const Tensor& x, int64_t dim, int64_t index) {
  const TensorImpl& of = *x.impl();
  Dims sizes = of.sizes, strides = of.strides;
  check_index(sizes.size() > 0, "select", "select() cannot be applied to a 0-dim tensor.");
  const int d = normalize_dim("select", dim, sizes.size());
  const int64_t n = sizes[d];
  check_index(index >= -n && index < n, "", "select(): index ", index, " out of range for tensor of size ", x.shape(),
              " at dimension ", d);
  const int64_t i = index < 0 ? index + n : index;
  const int64_t offset = of.offset + i * strides[d];
  sizes.erase(d);
  strides.erase(d);
  Grad grad({x});
  Tensor y = alias(x, sizes, strides, offset);
  if (!grad) return y;
  return grad.record_view("SelectBackward0", y,
                          [shape = x.shape(), d, i](Grads& g) { g[0] = select_backward(g.out(), shape, d, i); });
}

Tensor select_backward(const Tensor& grad_out, const Dims& sizes, int64_t dim, int64_t index) {
  Grad grad({grad_out});
  Tensor y = into_zeros(grad_out, sizes, [&](const Tensor& z) { return select(z, dim, index); });
  if (!grad) return y;
  return grad.record("SelectBackwardBackward0", y, [dim, index](Grads& g) { g[0] = select(g.out(), dim, index); });
}

Tensor slice(const Tensor& x, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step) {
  check(x.dim() > 0, "slice", "slice() cannot be applied to a 0-dim tensor.");
  check(step > 0, "slice", "slice step must be positive, got ", step);
  const int d = normalize_dim("slice", dim, x.dim());
  const int64_t n = x.shape()[d];
  const auto clamped = [n](int64_t v) { return v < 0 ? (v + n < 0 ? 0 : v + n) : (v > n ? n : v); };
  const int64_t from = clamped(start.value_or(0));
  int64_t to = clamped(end.value_or(n));
  if (to < from) to = from;
  Dims sizes = x.shape(), strides = x.strides();
  sizes[d] = (to - from) / step + ((to - from) % step != 0);
  const int64_t offset = x.offset() + from * strides[d];
  if (sizes[d] > 1) strides[d] *= step;
  else if (step < int64_t(1) << 31) strides[d] *= step;
  Grad grad({x});
  Tensor y = alias(x, sizes, strides, offset);
  if (!grad) return y;
  return grad.record_view("SliceBackward0", y, [shape = x.shape(), d, from, to, step](Grads& g) {
    g[0] = slice_backward(g.out(), shape, d, from, to, step);
  });
}

Tensor slice_backward(const Tensor& grad_out, const Dims& sizes, int64_t dim, int64_t start, int64_t end,
                      int64_t step) {
  Grad grad({grad_out});
  Tensor y = into_zeros(grad_out, sizes, [&](const Tensor& z) { return slice(z, dim, start, end, step); });
  if (!grad) return y;
  return grad.record("SliceBackwardBackward0", y,
                     [dim, start, end, step](Grads& g) { g[0] = slice(g.out(), dim, start, end, step); });
}

Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length) {
  check(x.dim() > 0, "narrow", "narrow() cannot be applied to a 0-dim tensor.");
  check(length >= 0, "narrow", "length must be non-negative, got ", length);
  const int64_t n = x.shape()[normalize_dim("narrow", dim, x.dim())];
  check_index(start >= -n && start <= n, "narrow", "start out of range (expected to be in range of [", -n, ", ", n,
              "], but got ", start, ")");
  if (start < 0) start += n;
  check(start <= n - length, "narrow", "start (", start, ") + length (", length, ") exceeds dimension size (", n, ").");
  return slice(x, dim, start, start + length, 1);
}

namespace {
// names: of the node for all dimensions, one dimension, several
Tensor squeezed(const char* const (&names)[3], const Tensor& x, const std::optional<Dims>& dims) {
  Dims keep = Dims::filled(x.dim(), dims ? 1 : 0);
  if (dims)
    for (int64_t d : *dims) {
      const int at = normalize_dim("squeeze", d, x.dim());
      if (x.dim() == 0) continue;
      check(keep[at] == 1, "squeeze", "dim ", at, " appears multiple times in the list of dims");
      keep[at] = 0;
    }
  Dims sizes, strides;
  for (int i = 0; i < x.dim(); ++i)
    if (keep[i] || x.shape()[i] != 1) {
      sizes.push_back(x.shape()[i]);
      strides.push_back(x.strides()[i]);
    }
  return reshaped_view(names[!dims ? 0 : dims->size() == 1 ? 1 : 2], x, same_memory(x, sizes, strides));
}

Tensor unsqueezed(const char* name, const Tensor& x, int64_t dim) {
  const int d = normalize_dim("unsqueeze", dim, x.dim() + 1);
  Dims sizes = x.shape(), strides = x.strides();
  const int64_t stride = d < x.dim() ? x.shape()[d] * x.strides()[d] : 1;
  sizes.insert(d, 1);
  strides.insert(d, stride);
  return reshaped_view(name, x, same_memory(x, sizes, strides));
}
}  // namespace

Tensor squeeze(const Tensor& x, std::optional<Dims> dims) {
  return squeezed({"SqueezeBackward0", "SqueezeBackward1", "SqueezeBackward2"}, x, dims);
}
Tensor unsqueeze(const Tensor& x, int64_t dim) { return unsqueezed("UnsqueezeBackward0", x, dim); }

namespace {
// x itself becomes what `view` makes of it: takes its geometry, and its history.
template <class F> Tensor turned(const Tensor& x, const F& view) {
  const Grad grad({x}, Dest::in_place(x));
  const Tensor y = view(x);
  const Ref<Node> node = grad ? y.grad_fn() : Ref<Node>();
  TensorImpl& impl = *x.impl();
  impl.set_geometry(y.shape(), y.strides(), y.offset());
  impl.bump_version();
  if (!grad) return x;
  if (!x.is_view()) replace_history(x, node, 0);
  else impl.view_version = impl.version() - 1;  // grad_fn makes the new history from the base when it is asked for
  return x;
}
}  // namespace

Tensor transpose_(const Tensor& x, int64_t dim0, int64_t dim1) {
  return turned(x, [=](const Tensor& x) { return transposed("TransposeBackward1", x, dim0, dim1); });
}
Tensor t_(const Tensor& x) {
  return turned(x, [](const Tensor& x) { return turned_matrix("TBackward1", x); });
}
Tensor squeeze_(const Tensor& x, std::optional<Dims> dims) {
  return turned(x, [&](const Tensor& x) {
    return squeezed({"SqueezeBackward3", "SqueezeBackward4", "SqueezeBackward5"}, x, dims);
  });
}
Tensor as_strided_(const Tensor& x, const Dims& size, const Dims& stride, std::optional<int64_t> storage_offset) {
  return turned(x, [&](const Tensor& x) { return as_strided(x, size, stride, storage_offset); });
}
Tensor unsqueeze_(const Tensor& x, int64_t dim) {
  return turned(x, [=](const Tensor& x) { return unsqueezed("UnsqueezeBackward1", x, dim); });
}

Tensor diagonal(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2) {
  const int a = normalize_dim("diagonal", dim1, x.dim()), b = normalize_dim("diagonal", dim2, x.dim());
  check(a != b, "diagonal", "dimensions cannot be identical ", dim1, ", ", dim2);
  int64_t n =
      offset >= 0 ? std::min(x.shape()[a], x.shape()[b] - offset) : std::min(x.shape()[a] + offset, x.shape()[b]);
  if (n < 0) n = 0;
  const int64_t shift = n == 0 ? 0 : offset >= 0 ? offset * x.strides()[b] : -offset * x.strides()[a];
  Dims sizes, strides;
  for (int i = 0; i < x.dim(); ++i)
    if (i != a && i != b) {
      sizes.push_back(x.shape()[i]);
      strides.push_back(x.strides()[i]);
    }
  sizes.push_back(n);
  strides.push_back(x.strides()[a] + x.strides()[b]);
  Grad grad({x});
  Tensor y = alias(x, sizes, strides, x.offset() + shift);
  if (!grad) return y;
  return grad.record_view("DiagonalBackward0", y, [shape = x.shape(), offset, dim1, dim2](Grads& g) {
    g[0] = diagonal_backward(g.out(), shape, offset, dim1, dim2);
  });
}

Tensor diagonal_backward(const Tensor& grad_out, const Dims& sizes, int64_t offset, int64_t dim1, int64_t dim2) {
  Grad grad({grad_out});
  Tensor y = into_zeros(grad_out, sizes, [&](const Tensor& z) { return diagonal(z, offset, dim1, dim2); });
  if (!grad) return y;
  return grad.record("DiagonalBackwardBackward0", y,
                     [offset, dim1, dim2](Grads& g) { g[0] = diagonal(g.out(), offset, dim1, dim2); });
}

Tensor flatten(const Tensor& x, int64_t start_dim, int64_t end_dim) {
  const int from = normalize_dim("flatten", start_dim, x.dim()), to = normalize_dim("flatten", end_dim, x.dim());
  check(from <= to, "flatten", "flatten() has invalid args: start_dim cannot come after end_dim");
  if (x.dim() == 0) return reshape(x, {1});
  if (from == to) return x;
  Dims sizes;
  int64_t joined = 1;
  for (int i = 0; i < x.dim(); ++i) {
    if (i < from || i > to) {
      sizes.push_back(x.shape()[i]);
      continue;
    }
    joined *= x.shape()[i];
    if (i == to) sizes.push_back(joined);
  }
  return reshape(x, sizes);
}

Tensor unflatten(const Tensor& x, int64_t dim, const Dims& sizes) {
  const int d = normalize_dim("unflatten", dim, x.dim());
  check(!sizes.empty(), "unflatten", "sizes must be non-empty");
  check_index(x.dim() > 0, "unflatten", "cannot unflatten a 0-dim tensor");
  int64_t known = 1;
  int unknown = -1;
  Dims inner = sizes;
  for (int i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == -1) {
      check(unknown < 0, "unflatten", "only one dimension can be inferred");
      unknown = i;
    } else {
      known *= sizes[i];
    }
  }
  const int64_t n = x.shape()[d];
  if (unknown >= 0 && known != 0) inner[unknown] = n / known;
  check(unknown >= 0 ? known != 0 && n % known == 0 : known == n, "unflatten", "Provided sizes ", sizes,
        " don't multiply up to the size of dim ", d, " (", n, ") in the input tensor");
  Dims shape;
  for (int i = 0; i < x.dim(); ++i) {
    if (i != d) {
      shape.push_back(x.shape()[i]);
      continue;
    }
    for (int64_t s : inner) shape.push_back(s);
  }
  return view(x, shape);
}

Tensor movedim(const Tensor& x, const Dims& source, const Dims& destination) {
  check(source.size() == destination.size(), "movedim", "Invalid source or destination dims: source (", source,
        " dims) should contain the same number of dims as destination (", destination, " dims)");
  Dims order = Dims::filled(x.dim(), -1), taken = Dims::filled(x.dim(), 0);
  for (int i = 0; i < source.size(); ++i) {
    const int from = normalize_dim("movedim", source[i], x.dim()),
              to = normalize_dim("movedim", destination[i], x.dim());
    if (x.dim() == 0) return alias(x, x.shape(), x.strides(), x.offset());
    check(!taken[from], "movedim", "repeated dim in `source` (", source, ")");
    check(order[to] < 0, "movedim", "repeated dim in `destination` (", destination, ")");
    order[to] = from;
    taken[from] = 1;
  }
  int next = 0;
  for (int i = 0; i < x.dim(); ++i) {
    if (order[i] >= 0) continue;
    while (taken[next]) ++next;
    order[i] = next++;
  }
  return permute(x, order);
}

}  // namespace cnn
