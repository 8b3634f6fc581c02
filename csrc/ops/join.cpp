// cat and stack, and their reverse: split and unbind.
#include "cnn/ops/join.h"

#include <algorithm>

#include "autograd/autocast.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/view.h"
#include "core/cpu_info.h"
#include "ops/map.h"
#include "ops/parts.h"

namespace cnn {
namespace {

// A channels-last format that all of them have, or Contiguous.
MemoryFormat format_of_all(const Tensors& tensors) {
  const MemoryFormat first = memory_format_of(tensors[0]);
  for (const Tensor& x : tensors)
    if (first == MemoryFormat::Contiguous || memory_format_of(x) != first) return MemoryFormat::Contiguous;
  return first;
}

}  // namespace

Tensor cat(const Tensors& tensors, int64_t dim, Dest dest) {
  if (const Autocast cast{"cat", tensors, dest}) [[unlikely]]
    return cast(cat, tensors, dim, dest);
  check_value(!tensors.empty(), "", "torch.cat(): expected a non-empty list of Tensors");
  // An empty 1-d tensor joins anything: it was once the only way to write "nothing".
  const auto skipped = [](const Tensor& x) { return x.dim() == 1 && x.numel() == 0; };
  const Tensor* first = nullptr;
  Promotion promotion;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& x = tensors[i];
    check(x.dim() > 0, "cat", "zero-dimensional tensor (at position ", int64_t(i), ") cannot be concatenated");
    promotion.add(x);
    if (!first && !skipped(x)) first = &x;
  }
  if (!first) first = &tensors[0];
  const int d = normalize_dim("cat", dim, first->dim());
  Dims sizes = first->shape();
  sizes[d] = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& x = tensors[i];
    check_device("cat", first->device(), x.device());
    if (skipped(x)) continue;
    check(x.dim() == first->dim(), "cat", "Tensors must have same number of dimensions: got ", first->dim(), " and ",
          x.dim());
    for (int k = 0; k < x.dim(); ++k)
      check(k == d || x.shape()[k] == first->shape()[k], "cat", "Sizes of tensors must match except in dimension ", d,
            ". Expected size ", first->shape()[k], " but got size ", x.shape()[k], " for tensor number ", int64_t(i),
            " in the list: shapes ", first->shape(), " and ", x.shape());
    sizes[d] += x.shape()[d];
  }
  if (dest)
    for (const Tensor& x : tensors)
      check(x.storage() != dest.target().storage() || x.numel() == 0, "cat",
            "unsupported operation: the input tensors cannot refer to any of the output memory locations.");
  Grad grad(tensors);
  check(!grad || !dest, "cat",
        "functions with out=... arguments don't support automatic differentiation, but one of "
        "the arguments requires grad.");
  const Tensor* inputs[] = {first};
  Tensor y = dest ? result_for("cat", sizes, promotion.result(), inputs, 1, dest)
                  : empty(sizes, promotion.result(), first->device(), format_of_all(tensors));
  Dims lengths;
  {
    NoGrad guard;
    int64_t at = 0;
    for (const Tensor& x : tensors) {
      const int64_t n = skipped(x) ? 0 : x.shape()[d];
      lengths.push_back(skipped(x) ? -1 : n);
      if (n) copy_(narrow(y, d, at, n), x);
      at += n;
    }
  }
  if (!grad) return y;
  return grad.record("CatBackward0", y, [lengths, d](Grads& g) {
    int64_t at = 0;
    for (int i = 0; i < lengths.size(); ++i) {
      if (g.wants(i)) {
        if (lengths[i] >= 0) g[i] = narrow(g.out(), d, at, lengths[i]);
        else g[i] = zeros({0}, g.out().dtype(), g.out().device());  // of any dimensions beside it
      }
      at += std::max<int64_t>(lengths[i], 0);
    }
  });
}

Tensor stack(const Tensors& tensors, int64_t dim, Dest dest) {
  if (const Autocast cast{"stack", tensors, dest}) [[unlikely]]
    return cast(stack, tensors, dim, dest);
  check(!tensors.empty(), "stack", "stack expects a non-empty TensorList");
  const int d = normalize_dim("stack", dim, tensors[0].dim() + 1);
  Promotion promotion;
  for (size_t i = 0; i < tensors.size(); ++i) {
    promotion.add(tensors[i]);
    check(tensors[i].shape() == tensors[0].shape(), "stack", "stack expects each tensor to be equal size, but got ",
          tensors[0].shape(), " at entry 0 and ", tensors[i].shape(), " at entry ", int64_t(i));
    check_device("stack", tensors[0].device(), tensors[i].device());
  }
  Grad grad(tensors);
  check(!grad || !dest, "stack",
        "functions with out=... arguments don't support automatic differentiation, but one of "
        "the arguments requires grad.");
  Dims sizes = tensors[0].shape();
  sizes.insert(d, int64_t(tensors.size()));
  const Tensor* inputs[] = {&tensors[0]};
  Tensor y;
  if (const MemoryFormat format = format_of_all(tensors); dest) {
    y = result_for("stack", sizes, promotion.result(), inputs, 1, dest);
  } else if (format != MemoryFormat::Contiguous && d < tensors[0].dim()) {
    // As what cat gives, its dimension taken apart.
    Dims joined = tensors[0].shape();
    joined[d] *= int64_t(tensors.size());
    Dims strides = strides_in(format, joined);
    strides.insert(d, strides[d] * tensors[0].shape()[d]);
    y = empty_strided(sizes, strides, promotion.result(), tensors[0].device());
  } else {
    y = empty(sizes, promotion.result(), tensors[0].device());
  }
  {
    NoGrad guard;
    for (size_t i = 0; i < tensors.size(); ++i) copy_(select(y, d, int64_t(i)), tensors[i]);
  }
  if (!grad) return y;
  return grad.record("StackBackward0", y, [d](Grads& g) {
    for (int i = 0; i < g.inputs(); ++i)
      if (g.wants(i)) g[i] = select(g.out(), d, i);
  });
}

namespace {
// One of several views made at once: autograd does not follow writes into it.
Tensor part_of(const Tensor& x, const Dims& sizes, const Dims& strides, int64_t offset) {
  const Tensor y = alias(x, sizes, strides, offset);
  if (y.impl()->view_mode == ViewMode::Default) y.impl()->view_mode = ViewMode::MultiOutput;
  return y;
}
}  // namespace

void check_parts(const char* op, int64_t count) {
  constexpr int64_t kBytes = 512;  // of a tensor with its view of another, its node's edge and its Python object
  check(uint64_t(count) <= memory_limit() / kBytes, op, "not enough memory for ", count, " tensors");
}

Tensors split_with_sizes(const Tensor& x, const Dims& split_sizes, int64_t dim) {
  check(x.dim() > 0, "split", "split expects at least a 1-dimensional tensor");
  const int d = normalize_dim("split_with_sizes", dim, x.dim());
  int64_t left = x.shape()[d];
  for (int64_t n : split_sizes) {
    check(n >= 0, "split_with_sizes",
          "split_with_sizes expects split_sizes have only non-negative entries, but got "
          "split_sizes=",
          split_sizes);
    left = n > left ? -1 : left - n;  // no sum, which might overflow; -1 stays below 0
  }
  check(left == 0, "split_with_sizes", "split_with_sizes expects split_sizes to sum exactly to ", x.shape()[d],
        " (input tensor's size at dimension ", d, "), but got split_sizes=", split_sizes);
  Grad grad({x});
  Tensors parts;
  Dims sizes = x.shape();
  int64_t at = x.offset();
  for (int64_t n : split_sizes) {
    sizes[d] = n;
    parts.push_back(part_of(x, sizes, x.strides(), at));
    at += n * x.strides()[d];
  }
  if (grad && !parts.empty())
    grad.record("SplitWithSizesBackward0", parts, [d](Grads& g) {
      Tensors grads;
      for (int i = 0; i < g.outputs(); ++i) grads.push_back(g.out_or_zeros(i));
      g[0] = cat(grads, d);
    });
  return parts;
}

Tensors split(const Tensor& x, int64_t split_size, int64_t dim) {
  check(x.dim() > 0, "split", "split expects at least a 1-dimensional tensor");
  check(split_size >= 0, "split", "split expects split_size be non-negative, but got split_size=", split_size);
  const int d = normalize_dim("split", dim, x.dim());
  const int64_t n = x.shape()[d];
  check(split_size > 0 || n == 0, "split",
        "split_size can only be 0 if dimension size is 0, but got dimension size of ", n);
  if (split_size > 0) check_parts("split", n / split_size);
  Dims sizes;
  for (int64_t left = n; left > 0; left -= sizes.back()) sizes.push_back(std::min(split_size, left));
  if (n == 0) sizes.push_back(0);
  return split_with_sizes(x, sizes, d);
}

Tensors unbind(const Tensor& x, int64_t dim) {
  check_index(x.dim() > 0, "unbind", "Dimension specified as ", dim, " but tensor has no dimensions");
  const int d = normalize_dim("unbind", dim, x.dim());
  check_parts("unbind", x.shape()[d]);
  Grad grad({x});
  Tensors parts;
  Dims sizes = x.shape(), strides = x.strides();
  sizes.erase(d);
  strides.erase(d);
  for (int64_t i = 0; i < x.shape()[d]; ++i)
    parts.push_back(part_of(x, sizes, strides, x.offset() + i * x.strides()[d]));
  if (grad && !parts.empty())
    grad.record("UnbindBackward0", parts, [d](Grads& g) {
      Tensors grads;
      for (int i = 0; i < g.outputs(); ++i) grads.push_back(g.out_or_zeros(i));
      g[0] = stack(grads, d);
    });
  return parts;
}

}  // namespace cnn
