#include "cnn/print.h"

#include <cmath>
#include <cstdio>
#include <ostream>
#include <vector>

#include "cnn/autograd.h"
#include "cnn/ops.h"

namespace cnn {

namespace {

constexpr int64_t kThreshold = 1000, kEdge = 3, kLineWidth = 80;

// What a summary shows: kEdge elements at each end of each dimension longer than that.
Tensor visible(const Tensor& x, int dim = 0) {
  if (dim == x.dim()) return x;
  const int64_t size = x.shape()[dim];
  if (size <= 2 * kEdge) return visible(x, dim + 1);
  return cat({visible(narrow(x, dim, 0, kEdge), dim + 1), visible(narrow(x, dim, size - kEdge, kEdge), dim + 1)}, dim);
}

std::string formatted(const char* spec, double value) {
  char text[400];
  return {text, size_t(std::snprintf(text, sizeof text, spec, value))};
}

// Floats: whole, fixed or scientific, whichever shows them best.
std::vector<std::string> texts_of(const std::vector<double>& values) {
  double low = HUGE_VAL, high = 0;
  bool whole = true;
  for (const double v : values) {
    if (v == 0 || !std::isfinite(v)) continue;
    low = std::fmin(low, std::fabs(v)), high = std::fmax(high, std::fabs(v));
    whole &= v == std::floor(v);
  }
  const bool scientific = high > 0 && (high / low > 1000 || high > 1e8 || low < 1e-4);
  const char* const spec = scientific ? "%.4e" : whole ? "%.0f" : "%.4f";
  std::vector<std::string> texts;
  for (const double v : values)
    texts.push_back(formatted(spec, v) + (whole && !scientific && std::isfinite(v) ? "." : ""));
  return texts;
}

std::vector<std::string> texts_of(const Tensor& x) {
  std::vector<std::string> texts;
  if (is_floating(x.dtype())) {
    const Tensor wide = contiguous(to_device(to_dtype(x, DType::Float64), kCpu));
    texts = texts_of(std::vector<double>(wide.data<double>(), wide.data<double>() + wide.numel()));
  } else {
    const Tensor wide = contiguous(to_device(to_dtype(x, DType::Int64), kCpu));
    for (int64_t i = 0; i < wide.numel(); ++i) {
      const int64_t v = wide.data<int64_t>()[i];
      if (x.dtype() == DType::UInt64) texts.push_back(std::to_string(uint64_t(v)));
      else texts.push_back(x.dtype() != DType::Bool ? std::to_string(v) : v ? "True" : "False");
    }
  }
  size_t width = 1;
  for (const std::string& text : texts) width = std::max(width, text.size());
  for (std::string& text : texts) text.insert(0, width - text.size(), ' ');
  return texts;
}

// Brackets around the elements of `shown`, from the dimension `dim` on; a cut stands where `whole` is longer.
class Brackets {
 public:
  Brackets(const Tensor& shown, const Dims& whole)
      : shape_(shown.shape()), whole_(whole), dims_(shown.dim()), texts_(texts_of(shown)) {}

  std::string text(int dim, int64_t indent) {
    if (dim == dims_) return texts_[at_++];
    return dim + 1 == dims_ ? vector(indent) : nested(dim, indent);
  }

 private:
  bool is_cut(int dim) const { return shape_[dim] < whole_[dim]; }

  std::string vector(int64_t indent) {
    std::vector<std::string> items(texts_.begin() + std::ptrdiff_t(at_),
                                   texts_.begin() + std::ptrdiff_t(at_) + shape_[dims_ - 1]);
    at_ += items.size();
    const int64_t width = items.empty() ? 1 : int64_t(items[0].size());
    if (is_cut(dims_ - 1)) items.insert(items.begin() + std::ptrdiff_t(items.size() / 2), " ...");
    const int64_t per_line = std::max<int64_t>(1, (kLineWidth - indent) / (width + 2));
    std::string text = "[";
    for (size_t i = 0; i < items.size(); ++i) {
      if (i) text += int64_t(i) % per_line ? ", " : ",\n" + std::string(size_t(indent) + 1, ' ');
      text += items[i];
    }
    return text + "]";
  }

  std::string nested(int dim, int64_t indent) {
    const std::string between = "," + std::string(size_t(dims_ - dim - 1), '\n') + std::string(size_t(indent) + 1, ' ');
    std::string result = "[";
    for (int64_t i = 0; i < shape_[dim]; ++i) {
      if (i) result += between;
      if (is_cut(dim) && i == shape_[dim] / 2) result += "..." + between;
      result += text(dim + 1, indent + 1);
    }
    return result + "]";
  }

  Dims shape_, whole_;
  int dims_;
  std::vector<std::string> texts_;
  size_t at_ = 0;
};

std::string size_text(const Dims& shape) {
  std::string text = "size=(";
  for (int i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

}  // namespace

std::string to_string(const Tensor& x) {
  if (!x.defined()) return "tensor()";
  NoGrad guard;
  const std::string open = "tensor(";
  const bool meta = x.device().is_meta(), has_elements = !meta && x.numel() > 0;
  std::string text = meta ? "..." : "[]";
  if (has_elements) {
    const Tensor whole = detach(x);
    text = Brackets(whole.numel() > kThreshold ? visible(whole) : whole, whole.shape()).text(0, int64_t(open.size()));
  }
  text = open + text;
  std::vector<std::string> suffixes;
  if (!x.device().is_cpu()) suffixes.push_back("device='" + device_name(x.device()) + "'");
  if (meta || (x.numel() == 0 && x.dim() != 1)) suffixes.push_back(size_text(x.shape()));
  const bool guessed = has_elements && (x.dtype() == DType::Int64 || x.dtype() == DType::Bool);
  if (x.dtype() != default_dtype() && !guessed) suffixes.push_back(std::string("dtype=torch.") + dtype_name(x.dtype()));
  if (x.requires_grad()) suffixes.push_back("requires_grad=True");
  size_t column = text.size() - (text.rfind('\n') + 1) + 2;
  for (const std::string& suffix : suffixes) {
    const bool fits = column + suffix.size() + 2 <= size_t(kLineWidth);
    text += fits ? ", " + suffix : ",\n" + std::string(open.size(), ' ') + suffix;
    column = fits ? column + suffix.size() + 2 : open.size() + suffix.size();
  }
  return text + ")";
}

std::ostream& operator<<(std::ostream& stream, const Tensor& x) { return stream << to_string(x); }

}  // namespace cnn
