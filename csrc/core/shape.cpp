#include "cnn/shape.h"

#include "cnn/check.h"

namespace cnn {

void Dims::grow(int n) {
  const int capacity = n > 2 * capacity_ ? n : 2 * capacity_;
  auto* bigger = new int64_t[capacity];
  for (int i = 0; i < size_; ++i) bigger[i] = data()[i];
  if (capacity_ > kInline) delete[] heap_;
  heap_ = bigger;
  capacity_ = capacity;
}

void Dims::insert(int at, int64_t v) {
  resize(size_ + 1);
  for (int i = size_ - 1; i > at; --i) data()[i] = data()[i - 1];
  data()[at] = v;
}

void Dims::erase(int at) {
  for (int i = at; i + 1 < size_; ++i) data()[i] = data()[i + 1];
  --size_;
}

int64_t numel_of(const char* op, const Dims& sizes) {
  int64_t n = 1;
  bool zero = false;
  for (int64_t s : sizes) {
    check(s >= 0, op, "Trying to create tensor with negative dimension ", s, ": ", sizes);
    zero |= s == 0;
  }
  if (zero) return 0;
  for (int64_t s : sizes)
    check(!__builtin_mul_overflow(n, s, &n) && n < (int64_t(1) << 59), op,
          "Storage size calculation overflowed with sizes=", sizes);
  return n;
}

Dims contiguous_strides(const Dims& sizes) {
  Dims strides = Dims::filled(sizes.size(), 1);
  for (int i = sizes.size() - 1; i > 0; --i)
    check(!__builtin_mul_overflow(strides[i], sizes[i] > 1 ? sizes[i] : 1, &strides[i - 1]), "",
          "Stride calculation overflowed with sizes=", sizes);
  return strides;
}

bool is_contiguous(const Dims& sizes, const Dims& strides) {
  uint64_t step = 1;  // may wrap around when a size further out is 0
  bool dense = true;
  for (int i = sizes.size() - 1; i >= 0; --i) {
    if (sizes[i] == 0) return true;
    if (sizes[i] != 1) {
      dense &= uint64_t(strides[i]) == step;
      step *= uint64_t(sizes[i]);
    }
  }
  return dense;
}

Dims broadcast_shapes(const char* op, const Dims& a, const Dims& b) {
  if (a == b) return a;
  const int n = a.size() > b.size() ? a.size() : b.size();
  Dims out = Dims::filled(n, 1);
  for (int i = 0; i < n; ++i) {
    const int ia = a.size() - 1 - i, ib = b.size() - 1 - i;
    const int64_t sa = ia >= 0 ? a[ia] : 1, sb = ib >= 0 ? b[ib] : 1;
    check(sa == sb || sa == 1 || sb == 1, op, "The size of tensor a (", sa, ") must match the size of tensor b (", sb,
          ") at non-singleton dimension ", n - 1 - i, ": shapes ", a, " and ", b);
    out[n - 1 - i] = sa == 1 ? sb : sa;
  }
  return out;
}

int normalize_dim(const char* op, int64_t dim, int ndim) {
  const int64_t n = ndim > 0 ? ndim : 1;
  check_index(dim >= -n && dim < n, op, "Dimension out of range (expected to be in range of [", -n, ", ", n - 1,
              "], but got ", dim, ")");
  return int(dim < 0 ? dim + n : dim);
}

int existing_dim(const char* op, int64_t dim, int ndim) {
  check_index(ndim > 0, "", "Dimension specified as ", dim, " but tensor has no dimensions");
  return normalize_dim(op, dim, ndim);
}

bool view_strides(const Dims& sizes, const Dims& strides, const Dims& to, Dims* out) {
  *out = Dims::filled(to.size(), 1);
  bool none = false;
  for (int64_t s : sizes) none |= s == 0;
  if (none) {
    if (sizes == to) *out = strides;
    else *out = contiguous_strides(to);
    return true;
  }
  // Walk from the last dimension; cut the old dimensions into chunks that are contiguous among themselves
  // and fill each chunk with new dimensions.
  int view = to.size() - 1;
  int64_t base = sizes.empty() ? 1 : strides.back();
  int64_t chunk = 1, filled = 1;
  for (int d = sizes.size() - 1; d >= 0; --d) {
    chunk *= sizes[d];
    const bool ends = d == 0 || (sizes[d - 1] != 1 && strides[d - 1] != chunk * base);
    if (!ends) continue;
    while (view >= 0 && (filled < chunk || to[view] == 1)) {
      (*out)[view] = filled * base;
      filled *= to[view];
      --view;
    }
    if (filled != chunk) return false;
    if (d > 0) {
      base = strides[d - 1];
      chunk = filled = 1;
    }
  }
  if (sizes.empty())
    while (view >= 0 && to[view] == 1) --view;
  return view == -1;
}

Dims infer_size(const Dims& shape, int64_t numel) {
  int unknown = -1;
  int64_t known = 1;
  bool fits = true;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1) {
      check(unknown < 0, "", "only one dimension can be inferred");
      unknown = i;
    } else {
      check(shape[i] >= 0, "", "invalid shape dimension ", shape[i]);
      fits &= !__builtin_mul_overflow(known, shape[i], &known);
    }
  }
  Dims out = shape;
  if (unknown >= 0 && fits) {
    check(known != 0 || numel != 0, "", "cannot reshape tensor of 0 elements into shape ", shape,
          " because the unspecified dimension size -1 can be any value and is ambiguous");
    fits = known != 0 && numel % known == 0;
    if (fits) out[unknown] = numel / known;
  } else {
    fits = fits && known == numel;
  }
  check(fits, "", "shape '", shape, "' is invalid for input of size ", numel);
  return out;
}

}  // namespace cnn
