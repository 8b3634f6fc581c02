// Bindings of reductions, scans and sorting: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/binary.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/scan.h"
#include "cnn/ops/sort.h"

namespace cnn::python {
namespace {

using OptTensors = std::optional<Tensors>;

// One of the two tensors of out=(values, indices).
Dest out_of(const OptTensors& out, int k) {
  if (!out) return {};
  check_type(out->size() == 2, "", "argument 'out' must be a tuple of 2 Tensors, got ", int64_t(out->size()));
  return Dest::out((*out)[k]);
}
// The same for an op without Dest.
std::pair<Tensor, Tensor> written_to(const char* op, std::pair<Tensor, Tensor> result, const OptTensors& out) {
  if (!out) return result;
  return {copy_out(op, result.first, out_of(out, 0).target()), copy_out(op, result.second, out_of(out, 1).target())};
}

// The sum of the singular values, which Python's cnn.linalg computes.
Tensor nuclear_norm(const Tensor& x, const std::optional<Dims>& dim, bool keepdim, std::optional<DType> dtype,
                    const Dest& dest) {
  Dims all;
  for (int d = 0; d < x.dim(); ++d) all.push_back(d);
  const Object module = run_python([] { return PyImport_ImportModule("cnn.linalg"); });
  const Object wrapped = Object::steal(wrap(dtype ? cnn::to_dtype(x, *dtype) : x));
  const Object dims = Object::steal(size_object(dim ? *dim : all));
  const Object result = run_python([&] {
    return PyObject_CallMethod(module.get(), "matrix_norm", "OsOO", wrapped.get(), "nuc", dims.get(),
                               keepdim ? Py_True : Py_False);
  });
  const Tensor y = tensor_of(result.get());
  return dest ? copy_out("norm", y, dest.target()) : y;
}

// The order of a matrix norm by name: 'fro' is the 2-norm of the elements.
Tensor named_norm(const Tensor& x, const std::string& p, std::optional<Dims> dim, bool keepdim,
                  std::optional<DType> dtype, Dest dest) {
  if (p == "nuc") return nuclear_norm(x, dim, keepdim, dtype, dest);
  check(p == "fro", "", "linalg.matrix_norm: Order ", p, " not supported.");
  return norm(x, 2, dim, keepdim, dtype, dest);
}

std::optional<Scalar> correction_of(bool unbiased) { return Scalar(unbiased ? 1 : 0); }

using OptDims = std::optional<Dims>;

void bind_sums(Registry& ops) {
  ops.def_op<&cnn::sum>("sum(Tensor input, Dims? dim=None, bool keepdim=False, *, Dtype? dtype=None) -> Tensor",
                        "Sum of the elements, over `dim` or over all. Integers sum in int64.", kNoInPlace);
  ops.def_op<&cnn::mean>("mean(Tensor input, Dims? dim=None, bool keepdim=False, *, Dtype? dtype=None) -> Tensor",
                         "Mean of the elements, over `dim` or over all.", kNoInPlace);
  ops.def_op<&cnn::nansum>("nansum(Tensor input, Dims? dim=None, bool keepdim=False, *, Dtype? dtype=None) -> Tensor",
                           "Sum of the elements that are not nan.", kNoInPlace);
  ops.def_op<&cnn::nanmean>("nanmean(Tensor input, Dims? dim=None, bool keepdim=False, *, Dtype? dtype=None) -> Tensor",
                            "Mean of the elements that are not nan.", kNoInPlace);
  ops.def_op<[](const Tensor& x, std::optional<DType> t) { return cnn::prod(x, {}, false, t); }>(
      "prod(Tensor input, *, Dtype? dtype=None) -> Tensor", "Product of the elements, over `dim` or over all.");
  ops.def_op<[](const Tensor& x, int64_t dim, bool keepdim, std::optional<DType> t, Dest dest) {
    return cnn::prod(x, dim, keepdim, t, dest);
  }>("prod(Tensor input, int dim, bool keepdim=False, *, Dtype? dtype=None) -> Tensor", "", kNoInPlace);
  ops.def_op<&cnn::any>("any(Tensor input, Dims? dim=None, bool keepdim=False) -> Tensor", "Is any element true?",
                        kNoInPlace);
  ops.def_op<&cnn::all>("all(Tensor input, Dims? dim=None, bool keepdim=False) -> Tensor", "Are all elements true?",
                        kNoInPlace);
  ops.def_op<&cnn::count_nonzero>("count_nonzero(Tensor input, Dims? dim=None) -> Tensor",
                                  "Number of elements that are not 0.");
  ops.def_op<&cnn::trace>("trace(Tensor input) -> Tensor", "Sum of the diagonal of a matrix.");
  ops.def_op<&cnn::logsumexp>("logsumexp(Tensor input, Dims dim, bool keepdim=False) -> Tensor",
                              "log(sum(exp(input))), without overflow.", kNoInPlace);
  ops.def_op<&cnn::linalg_vector_norm>(
      "linalg_vector_norm(Tensor input, Number ord=2, Dims? dim=None, bool keepdim=False, *, "
      "Dtype? dtype=None) -> Tensor",
      "(sum |x|^ord)^(1/ord).", kNoInPlace | kFunctionOnly);
  ops.def_op<&named_norm>(
      "norm(Tensor input, str p='fro', Dims? dim=None, bool keepdim=False, Out? out=None, Dtype? dtype=None) -> Tensor",
      "(sum |x|^p)^(1/p); 'fro': p = 2.", kNoInPlace | kNoOut);
  ops.def_op<&cnn::norm>(
      "norm(Tensor input, Number p, Dims? dim=None, bool keepdim=False, Out? out=None, Dtype? dtype=None) -> Tensor",
      "", kNoInPlace | kNoOut);
  ops.def_op<[](const Tensor& x, std::optional<Scalar>, OptDims d, bool k, std::optional<DType> t, Dest dest) {
    return cnn::norm(x, 2, d, k, t, dest);
  }>("norm(Tensor input, Number? p, Dims? dim=None, bool keepdim=False, Out? out=None, Dtype? dtype=None) -> Tensor",
     "", kNoInPlace | kNoOut);
  ops.def_op<&cnn::renorm>("renorm(Tensor input, Number p, int dim, Number maxnorm) -> Tensor",
                           "Slices along dim of a p-norm above maxnorm, scaled down to it.");
  ops.def_op<&cnn::dist>("dist(Tensor input, Tensor other, Number p=2) -> Tensor", "The p-norm of input - other.");
}

void bind_extrema(Registry& ops) {
  ops.def_op<[](const Tensor& x, Dest dest) { return cnn::max(x, dest); }>(
      "max(Tensor input) -> Tensor", "The largest element; along `dim` also where it stands first; nan wins.",
      kNoInPlace);
  // Before the one with `dim`, as which a 0-d tensor of integers could pass.
  ops.def_op<&cnn::maximum>("max(Tensor input, Tensor other) -> Tensor", "", kNoInPlace);
  ops.def_op<[](const Tensor& x, int64_t d, bool k) { return cnn::max(x, d, k); }>(
      "max(Tensor input, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)");
  ops.def_op<[](const Tensor& x, int64_t d, bool k, const OptTensors& out) {
    return cnn::max(x, d, k, out_of(out, 0), out_of(out, 1));
  }>("max(Tensor input, int dim, bool keepdim=False, *, Tensors? out) -> (Tensor values, Tensor indices)", "",
     kFunctionOnly);
  ops.def_op<[](const Tensor& x, Dest dest) { return cnn::min(x, dest); }>(
      "min(Tensor input) -> Tensor", "The smallest element; along `dim` also where it stands first; nan wins.",
      kNoInPlace);
  ops.def_op<&cnn::minimum>("min(Tensor input, Tensor other) -> Tensor", "", kNoInPlace);
  ops.def_op<[](const Tensor& x, int64_t d, bool k) { return cnn::min(x, d, k); }>(
      "min(Tensor input, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)");
  ops.def_op<[](const Tensor& x, int64_t d, bool k, const OptTensors& out) {
    return cnn::min(x, d, k, out_of(out, 0), out_of(out, 1));
  }>("min(Tensor input, int dim, bool keepdim=False, *, Tensors? out) -> (Tensor values, Tensor indices)", "",
     kFunctionOnly);
  ops.def_op<&cnn::amax>("amax(Tensor input, Dims? dim=(), bool keepdim=False) -> Tensor",
                         "The largest element; the gradient is shared by equals.", kNoInPlace);
  ops.def_op<&cnn::amin>("amin(Tensor input, Dims? dim=(), bool keepdim=False) -> Tensor",
                         "The smallest element; the gradient is shared by equals.", kNoInPlace);
  ops.def_op<[](const Tensor& x, std::optional<int64_t> d, bool k) { return cnn::aminmax(x, d, k); }>(
      "aminmax(Tensor input, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)",
      "The smallest and the largest element.");
  ops.def_op<[](const Tensor& x, std::optional<int64_t> d, bool k, const OptTensors& out) {
    return cnn::aminmax(x, d, k, out_of(out, 0), out_of(out, 1));
  }>("aminmax(Tensor input, *, int? dim=None, bool keepdim=False, Tensors? out) -> (Tensor min, Tensor max)", "",
     kFunctionOnly);
  ops.def_op<&cnn::argmax>("argmax(Tensor input, int? dim=None, bool keepdim=False) -> Tensor",
                           "Where the largest element stands first.", kNoInPlace);
  ops.def_op<&cnn::argmin>("argmin(Tensor input, int? dim=None, bool keepdim=False) -> Tensor",
                           "Where the smallest element stands first.", kNoInPlace);
}

void bind_moments(Registry& ops) {
  ops.def_op<&cnn::var>("var(Tensor input, Dims? dim=None, *, Number? correction=None, bool keepdim=False) -> Tensor",
                        "Sum of squared distances from the mean over n - correction (1).", kNoInPlace);
  ops.def_op<[](const Tensor& x, bool u) { return cnn::var(x, {}, correction_of(u)); }>(
      "var(Tensor input, bool unbiased) -> Tensor");
  ops.def_op<[](const Tensor& x, OptDims d, bool u, bool k, Dest dest) {
    return cnn::var(x, d, correction_of(u), k, dest);
  }>("var(Tensor input, Dims? dim, bool unbiased=True, bool keepdim=False) -> Tensor", "", kNoInPlace);
  ops.def_op<&cnn::std>("std(Tensor input, Dims? dim=None, *, Number? correction=None, bool keepdim=False) -> Tensor",
                        "The root of var.", kNoInPlace);
  ops.def_op<[](const Tensor& x, bool u) { return cnn::std(x, {}, correction_of(u)); }>(
      "std(Tensor input, bool unbiased) -> Tensor");
  ops.def_op<[](const Tensor& x, OptDims d, bool u, bool k, Dest dest) {
    return cnn::std(x, d, correction_of(u), k, dest);
  }>("std(Tensor input, Dims? dim, bool unbiased=True, bool keepdim=False) -> Tensor", "", kNoInPlace);
  ops.def_op<&cnn::var_mean>(
      "var_mean(Tensor input, Dims? dim=None, *, Number? correction=None, bool keepdim=False) -> (Tensor, Tensor)",
      "Variance and mean.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, bool u) { return cnn::var_mean(x, {}, correction_of(u)); }>(
      "var_mean(Tensor input, bool unbiased) -> (Tensor, Tensor)", "", kFunctionOnly);
  ops.def_op<[](const Tensor& x, OptDims d, bool u, bool k) { return cnn::var_mean(x, d, correction_of(u), k); }>(
      "var_mean(Tensor input, Dims? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)", "",
      kFunctionOnly);
  ops.def_op<&cnn::std_mean>(
      "std_mean(Tensor input, Dims? dim=None, *, Number? correction=None, bool keepdim=False) -> (Tensor, Tensor)",
      "Standard deviation and mean.", kFunctionOnly);
  ops.def_op<[](const Tensor& x, bool u) { return cnn::std_mean(x, {}, correction_of(u)); }>(
      "std_mean(Tensor input, bool unbiased) -> (Tensor, Tensor)", "", kFunctionOnly);
  ops.def_op<[](const Tensor& x, OptDims d, bool u, bool k) { return cnn::std_mean(x, d, correction_of(u), k); }>(
      "std_mean(Tensor input, Dims? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)", "",
      kFunctionOnly);
}

void bind_scans(Registry& ops) {
  ops.def_op<&cnn::cumsum>("cumsum(Tensor input, int dim, *, Dtype? dtype=None) -> Tensor", "Running sum along dim.");
  ops.def_op<&cnn::cumprod>("cumprod(Tensor input, int dim, *, Dtype? dtype=None) -> Tensor",
                            "Running product along dim.");
  ops.def_op<&cnn::logcumsumexp>("logcumsumexp(Tensor input, int dim) -> Tensor", "Running logsumexp along dim.",
                                 kNoInPlace);
  ops.def_op<[](const Tensor& x, int64_t d) { return cnn::cummax(x, d); }>(
      "cummax(Tensor input, int dim) -> (Tensor values, Tensor indices)",
      "Running maximum along dim, and where it stands last.");
  ops.def_op<[](const Tensor& x, int64_t d, const OptTensors& out) {
    return cnn::cummax(x, d, out_of(out, 0), out_of(out, 1));
  }>("cummax(Tensor input, int dim, *, Tensors? out) -> (Tensor values, Tensor indices)", "", kFunctionOnly);
  ops.def_op<[](const Tensor& x, int64_t d) { return cnn::cummin(x, d); }>(
      "cummin(Tensor input, int dim) -> (Tensor values, Tensor indices)",
      "Running minimum along dim, and where it stands last.");
  ops.def_op<[](const Tensor& x, int64_t d, const OptTensors& out) {
    return cnn::cummin(x, d, out_of(out, 0), out_of(out, 1));
  }>("cummin(Tensor input, int dim, *, Tensors? out) -> (Tensor values, Tensor indices)", "", kFunctionOnly);
}

void bind_sorting(Registry& ops) {
  ops.def_op<[](const Tensor& x, int64_t d, bool desc) { return cnn::sort(x, d, desc); }>(
      "sort(Tensor input, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
      "Sorted along dim; always stable; nan is the largest.");
  ops.def_op<[](const Tensor& x, std::optional<bool> stable, int64_t d, bool desc) {
    return cnn::sort_stable(x, stable, d, desc);
  }>("sort(Tensor input, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)");
  ops.def_op<[](const Tensor& x, int64_t d, bool desc, const OptTensors& out) {
    return cnn::sort(x, d, desc, out_of(out, 0), out_of(out, 1));
  }>("sort(Tensor input, int dim=-1, bool descending=False, *, Tensors? out) -> (Tensor values, Tensor indices)", "",
     kFunctionOnly);
  ops.def_op<[](const Tensor& x, std::optional<bool> stable, int64_t d, bool desc, const OptTensors& out) {
    return written_to("sort", cnn::sort_stable(x, stable, d, desc), out);
  }>("sort(Tensor input, *, bool? stable, int dim=-1, bool descending=False, Tensors? out) -> (Tensor values, "
     "Tensor indices)",
     "", kFunctionOnly);
  ops.def_op<[](const Tensor& x, int64_t d, bool desc) { return cnn::argsort(x, d, desc); }>(
      "argsort(Tensor input, int dim=-1, bool descending=False) -> Tensor", "The indices that sort along dim.");
  ops.def_op<[](const Tensor& x, bool, int64_t d, bool desc) { return cnn::argsort(x, d, desc); }>(
      "argsort(Tensor input, *, bool stable, int dim=-1, bool descending=False) -> Tensor", "", kOut);
  ops.def_op<&cnn::msort>("msort(Tensor input) -> Tensor", "Sorted along the first dimension.", kOut);
  ops.def_op<[](const Tensor& x, int64_t k, int64_t d, bool largest, bool sorted) {
    return cnn::topk(x, k, d, largest, sorted);
  }>("topk(Tensor input, int k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)",
     "The k largest (or smallest) elements along dim, in order.");
  ops.def_op<[](const Tensor& x, int64_t k, int64_t d, bool largest, bool sorted, const OptTensors& out) {
    return cnn::topk(x, k, d, largest, sorted, out_of(out, 0), out_of(out, 1));
  }>("topk(Tensor input, int k, int dim=-1, bool largest=True, bool sorted=True, *, Tensors? out) -> (Tensor values, "
     "Tensor indices)",
     "", kFunctionOnly);
  ops.def_op<[](const Tensor& x, int64_t k, int64_t d, bool keep) { return cnn::kthvalue(x, k, d, keep); }>(
      "kthvalue(Tensor input, int k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
      "The k-th smallest element along dim, from 1.");
  ops.def_op<[](const Tensor& x, int64_t k, int64_t d, bool keep, const OptTensors& out) {
    return cnn::kthvalue(x, k, d, keep, out_of(out, 0), out_of(out, 1));
  }>("kthvalue(Tensor input, int k, int dim=-1, bool keepdim=False, *, Tensors? out) -> "
     "(Tensor values, Tensor indices)",
     "", kFunctionOnly);
  ops.def_op<[](const Tensor& x) { return cnn::median(x); }>("median(Tensor input) -> Tensor",
                                                             "The lower median; along `dim` also where it is.");
  ops.def_op<[](const Tensor& x, int64_t d, bool keep) { return cnn::median(x, d, keep); }>(
      "median(Tensor input, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)");
  ops.def_op<[](const Tensor& x, int64_t d, bool keep, const OptTensors& out) {
    return cnn::median(x, d, keep, out_of(out, 0), out_of(out, 1));
  }>("median(Tensor input, int dim, bool keepdim=False, *, Tensors? out) -> (Tensor values, Tensor indices)", "",
     kFunctionOnly);
  ops.def_op<[](const Tensor& x) { return cnn::nanmedian(x); }>("nanmedian(Tensor input) -> Tensor",
                                                                "The lower median of what is not nan.");
  ops.def_op<[](const Tensor& x, int64_t d, bool keep) { return cnn::nanmedian(x, d, keep); }>(
      "nanmedian(Tensor input, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)");
  ops.def_op<[](const Tensor& x, int64_t d, bool keep, const OptTensors& out) {
    return cnn::nanmedian(x, d, keep, out_of(out, 0), out_of(out, 1));
  }>("nanmedian(Tensor input, int dim, bool keepdim=False, *, Tensors? out) -> (Tensor values, Tensor indices)", "",
     kFunctionOnly);
  ops.def_op<[](const Tensor& x, int64_t d, bool keep) { return cnn::mode(x, d, keep); }>(
      "mode(Tensor input, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
      "The most frequent value along dim, and its last place.");
  ops.def_op<[](const Tensor& x, int64_t d, bool keep, const OptTensors& out) {
    return cnn::mode(x, d, keep, out_of(out, 0), out_of(out, 1));
  }>("mode(Tensor input, int dim=-1, bool keepdim=False, *, Tensors? out) -> (Tensor values, Tensor indices)", "",
     kFunctionOnly);
}

}  // namespace

void bind_reduce(Registry& ops) {
  bind_sums(ops);
  bind_extrema(ops);
  bind_moments(ops);
  bind_scans(ops);
  bind_sorting(ops);
}

}  // namespace cnn::python
