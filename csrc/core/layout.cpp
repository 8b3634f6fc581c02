#include "cnn/layout.h"

#include <algorithm>

#include "cnn/check.h"
#include "cnn/tensor.h"

namespace cnn {
namespace {

// Dimensions from the innermost out: channels, then space from the last to the first, then the batch.
constexpr int kPixels[] = {1, 3, 2, 0}, kPixels3d[] = {1, 4, 3, 2, 0};

int ndim_of(MemoryFormat format) { return format == MemoryFormat::ChannelsLast ? 4 : 5; }
const int* order_of(MemoryFormat format) { return format == MemoryFormat::ChannelsLast ? kPixels : kPixels3d; }

// The format for so many dimensions, Contiguous for others.
MemoryFormat channels_last_of(int ndim) {
  return ndim == 4 ? MemoryFormat::ChannelsLast : ndim == 5 ? MemoryFormat::ChannelsLast3d : MemoryFormat::Contiguous;
}

int64_t at_least_one(int64_t size) { return size > 1 ? size : 1; }

}  // namespace

const char* memory_format_name(MemoryFormat format) {
  constexpr const char* kNames[] = {"contiguous_format", "preserve_format", "channels_last", "channels_last_3d"};
  return kNames[int(format)];
}

Dims strides_in(MemoryFormat format, const Dims& sizes) {
  if (format == MemoryFormat::Contiguous) return contiguous_strides(sizes);
  check(format != MemoryFormat::Preserve, "", "unsupported memory format Preserve");
  const int n = ndim_of(format);
  check(sizes.size() == n, "", "required rank ", n, " tensor to use ", memory_format_name(format), " format");
  Dims strides = Dims::filled(n, 1);
  int64_t step = 1;
  for (int i = 0; i < n; ++i) {
    const int d = order_of(format)[i];
    strides[d] = step;
    check(!__builtin_mul_overflow(step, sizes[d], &step), "", "Stride calculation overflowed with sizes=", sizes);
  }
  return strides;
}

bool is_dense(const Dims& sizes, const Dims& strides) {
  if (is_contiguous(sizes, strides)) return true;
  Dims order;  // ascending strides
  for (int i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 1) continue;
    int at = 0;
    while (at < order.size() && strides[int(order[at])] < strides[i]) ++at;
    order.insert(at, i);
  }
  int64_t step = 1;
  for (int64_t d : order) {
    if (strides[int(d)] != step) return false;
    step *= sizes[int(d)];
  }
  return true;
}

Dims strides_in_order_of(const Dims& sizes, const Dims* operands, int count) {
  const int n = sizes.size();
  // Negative: `a` lies within `b`; positive: around it; 0: nobody can tell.
  const auto compare = [&](int a, int b) {
    for (int k = 0; k < count; ++k) {
      const int64_t sa = operands[k][a], sb = operands[k][b];
      if (sa == 0 || sb == 0) continue;
      if (sa != sb) return sa < sb ? -1 : 1;
      if (sizes[a] > sizes[b]) return 1;
    }
    return 0;
  };
  Dims order = Dims::filled(n, 0);  // innermost first
  for (int i = 0; i < n; ++i) order[i] = n - 1 - i;
  for (int i = 1; i < n; ++i) {
    int at = i;
    for (int j = i - 1; j >= 0; --j) {
      const int c = compare(int(order[j]), int(order[at]));
      if (c > 0) {
        std::swap(order[j], order[at]);
        at = j;
      } else if (c < 0) {
        break;
      }
    }
  }
  Dims strides = Dims::filled(n, 1);
  int64_t step = 1;
  for (int64_t d : order) {
    strides[int(d)] = step;
    step *= at_least_one(sizes[int(d)]);
  }
  return strides;
}

bool falls_as_channels_last(const Dims& sizes, const Dims& strides) {
  const MemoryFormat format = channels_last_of(sizes.size());
  if (format == MemoryFormat::Contiguous || strides[1] == 0) return false;
  int64_t least = 0;
  for (int i = 0; i < sizes.size(); ++i) {
    const int d = order_of(format)[i];
    if (sizes[d] == 0 || strides[d] < least) return false;
    if (d == 0 && least == strides[1]) return false;  // single pixels of single channels, in C order too
    least = strides[d] * at_least_one(sizes[d]);
  }
  return true;
}

MemoryFormat memory_format_of(const Tensor& x) {
  return falls_as_channels_last(x.shape(), x.strides()) ? channels_last_of(x.dim()) : MemoryFormat::Contiguous;
}

MemoryFormat common_memory_format(std::initializer_list<const Tensor*> operands) {
  for (const Tensor* x : operands)
    if (const MemoryFormat f = memory_format_of(*x); f != MemoryFormat::Contiguous) return f;
  return MemoryFormat::Contiguous;
}

bool is_contiguous(const Tensor& x, MemoryFormat format) {
  if (format <= MemoryFormat::Preserve) return x.is_contiguous();
  if (x.dim() != ndim_of(format)) return false;
  int64_t step = 1;
  for (int i = 0; i < x.dim(); ++i) {
    const int d = order_of(format)[i];
    if (x.shape()[d] == 1) continue;
    if (x.strides()[d] != step) return false;
    step *= x.shape()[d];
  }
  return true;
}

}  // namespace cnn
