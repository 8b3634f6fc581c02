// Tensor: a counted pointer to a TensorImpl, which is a strided view of a Storage.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cnn/check.h"
#include "cnn/device.h"
#include "cnn/dtype.h"
#include "cnn/layout.h"
#include "cnn/ref.h"
#include "cnn/scalar.h"
#include "cnn/shape.h"
#include "cnn/storage.h"

namespace cnn {

class Node;
class Tensor;
struct AutogradMeta;  // gradient, node and hooks of one tensor; csrc/autograd/meta.h

// The version of a tensor's data where it is not the storage's own (`.data`).
struct VersionCounter final : RefCounted {
  std::atomic<uint32_t> value{0};
};

// How a view was made: decides whether its history can follow a write in place.
enum class ViewMode : uint8_t { Default, NoGrad, Inference, MultiOutput, Custom };

class CNN_API TensorImpl final : public RefCounted {
 public:
  TensorImpl(Ref<Storage> storage, Dims sizes, Dims strides, int64_t offset, DType dtype);
  // In C order, filling the storage: `numel` elements.
  TensorImpl(Ref<Storage> storage, const Dims& sizes, int64_t numel, DType dtype);
  ~TensorImpl() override;

  Ref<Storage> storage;
  Dims sizes;
  Dims strides;  // in elements
  int64_t offset = 0;
  int64_t numel = 0;
  DType dtype;
  Device device;
  bool contiguous = true;
  bool wrapped_number = false;  // made from a Python number: gives way in type promotion
  bool inference = false;       // made in inference mode: no versions, never recorded
  bool requires_grad = false;   // of a leaf; tensors with a node require grad by that
  ViewMode view_mode = ViewMode::Default;
  uint32_t view_version = 0;        // of a view: version of the data when its history was made
  Ref<VersionCounter> own_version;  // null: the storage counts
  Ref<TensorImpl> base;             // of a view: the tensor that is no view
  std::unique_ptr<AutogradMeta> autograd;

  // Python's side. While `owns_wrapper`, this impl holds the only reference to the wrapper
  // (csrc/bindings/tensor_type.cpp).
  std::atomic<void*> wrapper{nullptr};
  bool owns_wrapper = false;

  void set_geometry(Dims new_sizes, Dims new_strides, int64_t new_offset);
  uint32_t version() const { return own_version ? own_version->value.load() : storage->version(); }
  void bump_version() {
    if (!inference && !own_version) return storage->bump_version();
    storage->count_write();
    if (!inference) own_version->value.fetch_add(1);
  }
  AutogradMeta& meta();  // allocates it when there is none

 private:
  void last_ref_dropped() override;
};

using Tensors = std::vector<Tensor>;

// Dimensions, as methods take them: x.sum(), x.sum(-1), x.sum({0, 2}). None means all.
class DimArgs {
 public:
  DimArgs() = default;
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  DimArgs(T dim) : dims_({int64_t(dim)}) {}
  DimArgs(std::initializer_list<int64_t> dims) : dims_(dims) {}
  DimArgs(Dims dims) : dims_(std::move(dims)) {}
  operator const Dims&() const { return dims_; }

 private:
  Dims dims_;
};

class CNN_API Tensor {
 public:
  Tensor() = default;  // undefined
  explicit Tensor(Ref<TensorImpl> impl) : impl_(std::move(impl)) {}

  bool defined() const { return bool(impl_); }
  // Whatever looks into an undefined tensor goes through here, and raises.
  TensorImpl* impl() const {
    if (!impl_) [[unlikely]]
      fail_undefined();
    return impl_.get();
  }
  TensorImpl* impl_or_null() const { return impl_.get(); }
  bool same(const Tensor& other) const { return impl_ == other.impl_; }  // one and the same object

  int dim() const { return impl()->sizes.size(); }
  const Dims& shape() const { return impl()->sizes; }
  const Dims& strides() const { return impl()->strides; }
  int64_t size(int64_t d) const { return impl()->sizes[existing_dim("size", d, dim())]; }
  int64_t stride(int64_t d) const { return impl()->strides[existing_dim("stride", d, dim())]; }
  int64_t numel() const { return impl()->numel; }
  int64_t offset() const { return impl()->offset; }
  DType dtype() const { return impl()->dtype; }
  Device device() const { return impl()->device; }
  bool is_contiguous() const { return impl()->contiguous; }
  bool is_view() const { return bool(impl()->base); }
  const Ref<Storage>& storage() const { return impl()->storage; }

  // First element. `data<T>` raises when T is not the C++ type of the dtype. Whoever writes through `raw` calls
  // `impl()->bump_version()` each time; through `data<T>` it is never needed.
  void* raw() const {
    const TensorImpl& x = *impl();
    const Storage& s = *x.storage;
    if (s.was_shrunk()) [[unlikely]]
      check_memory();
    return static_cast<char*>(s.data()) + x.offset * item_size(x.dtype);
  }
  template <class T>
  T* data() const {
    if (dtype() != DTypeOf<T>::value) [[unlikely]]
      fail_dtype(DTypeOf<T>::value);
    storage()->expose();
    return static_cast<T*>(raw());
  }
  // The one element of a tensor with numel 1, as a number. RuntimeError otherwise.
  Scalar item() const;
  template <class T>
  T item() const {
    return item().to<T>();
  }

  bool requires_grad() const;
  void set_requires_grad(bool value) const;  // RuntimeError for integers and non-leaves
  bool is_leaf() const;
  Tensor grad() const;  // undefined when there is none
  void set_grad(const Tensor& grad) const;
  Ref<Node> grad_fn() const;  // null for a leaf; of a view of changed data, made anew

  // ---- The common ops as methods; their bodies stand in cnn/methods.h, which cnn.h brings. ----
  // One of them is named std, so that the library's names begin with ::std in this class.
  // Elementwise.
  inline Tensor abs() const;
  inline Tensor neg() const;
  inline Tensor exp() const;
  inline Tensor expm1() const;
  inline Tensor log() const;
  inline Tensor log1p() const;
  inline Tensor log2() const;
  inline Tensor sqrt() const;
  inline Tensor rsqrt() const;
  inline Tensor square() const;
  inline Tensor reciprocal() const;
  inline Tensor sign() const;
  inline Tensor sin() const;
  inline Tensor cos() const;
  inline Tensor tanh() const;
  inline Tensor sigmoid() const;
  inline Tensor relu() const;
  inline Tensor erf() const;
  inline Tensor floor() const;
  inline Tensor ceil() const;
  inline Tensor round() const;
  inline Tensor isnan() const;
  inline Tensor isinf() const;
  inline Tensor isfinite() const;
  inline Tensor logical_not() const;
  inline Tensor clamp(::std::optional<Scalar> min = {}, ::std::optional<Scalar> max = {}) const;
  inline Tensor clamp_min(Scalar min) const;
  inline Tensor clamp_max(Scalar max) const;

  // Of two tensors, or of a tensor and a number.
  inline Tensor add(const Tensor& other, Scalar alpha = 1) const;
  inline Tensor add(Scalar other, Scalar alpha = 1) const;
  inline Tensor sub(const Tensor& other, Scalar alpha = 1) const;
  inline Tensor sub(Scalar other, Scalar alpha = 1) const;
  inline Tensor mul(const Tensor& other) const;
  inline Tensor mul(Scalar other) const;
  inline Tensor div(const Tensor& other) const;
  inline Tensor div(Scalar other) const;
  inline Tensor pow(const Tensor& exponent) const;
  inline Tensor pow(Scalar exponent) const;
  inline Tensor maximum(const Tensor& other) const;
  inline Tensor minimum(const Tensor& other) const;
  inline Tensor eq(const Tensor& other) const;
  inline Tensor eq(Scalar other) const;
  inline Tensor ne(const Tensor& other) const;
  inline Tensor ne(Scalar other) const;
  inline Tensor lt(const Tensor& other) const;
  inline Tensor lt(Scalar other) const;
  inline Tensor le(const Tensor& other) const;
  inline Tensor le(Scalar other) const;
  inline Tensor gt(const Tensor& other) const;
  inline Tensor gt(Scalar other) const;
  inline Tensor ge(const Tensor& other) const;
  inline Tensor ge(Scalar other) const;
  inline bool equal(const Tensor& other) const;
  inline bool allclose(const Tensor& other, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false) const;
  inline Tensor masked_fill(const Tensor& mask, const Tensor& value) const;
  inline Tensor masked_fill(const Tensor& mask, Scalar value) const;

  // In place; the result is the tensor itself.
  inline Tensor add_(const Tensor& other, Scalar alpha = 1) const;
  inline Tensor add_(Scalar other, Scalar alpha = 1) const;
  inline Tensor sub_(const Tensor& other, Scalar alpha = 1) const;
  inline Tensor sub_(Scalar other, Scalar alpha = 1) const;
  inline Tensor mul_(const Tensor& other) const;
  inline Tensor mul_(Scalar other) const;
  inline Tensor div_(const Tensor& other) const;
  inline Tensor div_(Scalar other) const;
  inline Tensor relu_() const;
  inline Tensor clamp_(::std::optional<Scalar> min = {}, ::std::optional<Scalar> max = {}) const;
  inline Tensor fill_(Scalar value) const;
  inline Tensor zero_() const;
  inline Tensor copy_(const Tensor& src) const;
  inline Tensor uniform_(double from = 0, double to = 1) const;
  inline Tensor normal_(double mean = 0, double std = 1) const;

  // Reductions. Extrema along a dimension are (values, indices).
  inline Tensor sum(const DimArgs& dim = {}, bool keepdim = false, ::std::optional<DType> dtype = {}) const;
  inline Tensor mean(const DimArgs& dim = {}, bool keepdim = false, ::std::optional<DType> dtype = {}) const;
  inline Tensor var(const DimArgs& dim = {}, Scalar correction = 1, bool keepdim = false) const;
  inline Tensor std(const DimArgs& dim = {}, Scalar correction = 1, bool keepdim = false) const;
  inline Tensor prod() const;
  inline Tensor prod(int64_t dim, bool keepdim = false) const;
  inline Tensor all() const;
  inline Tensor any() const;
  inline Tensor max() const;
  inline Tensor min() const;
  inline ::std::pair<Tensor, Tensor> max(int64_t dim, bool keepdim = false) const;
  inline ::std::pair<Tensor, Tensor> min(int64_t dim, bool keepdim = false) const;
  inline Tensor amax(const DimArgs& dim = {}, bool keepdim = false) const;
  inline Tensor amin(const DimArgs& dim = {}, bool keepdim = false) const;
  inline Tensor argmax(::std::optional<int64_t> dim = {}, bool keepdim = false) const;
  inline Tensor argmin(::std::optional<int64_t> dim = {}, bool keepdim = false) const;
  inline Tensor norm(Scalar p = 2) const;
  inline Tensor norm(Scalar p, const DimArgs& dim, bool keepdim = false) const;
  inline Tensor logsumexp(const DimArgs& dim, bool keepdim = false) const;
  inline Tensor softmax(int64_t dim) const;
  inline Tensor log_softmax(int64_t dim) const;
  inline Tensor cumsum(int64_t dim) const;
  inline ::std::pair<Tensor, Tensor> sort(int64_t dim = -1, bool descending = false) const;
  inline ::std::pair<Tensor, Tensor> topk(int64_t k, int64_t dim = -1, bool largest = true) const;

  // Products.
  inline Tensor matmul(const Tensor& other) const;
  inline Tensor mm(const Tensor& mat2) const;
  inline Tensor bmm(const Tensor& mat2) const;
  inline Tensor mv(const Tensor& vec) const;
  inline Tensor dot(const Tensor& other) const;

  // Shape.
  inline Tensor operator[](int64_t i) const;  // of the first dimension
  inline Tensor view(const Dims& size) const;
  inline Tensor reshape(const Dims& size) const;
  inline Tensor expand(const Dims& size) const;
  inline Tensor expand_as(const Tensor& other) const;
  inline Tensor view_as(const Tensor& other) const;
  inline Tensor permute(const Dims& dims) const;
  inline Tensor transpose(int64_t dim0, int64_t dim1) const;
  inline Tensor t() const;
  inline Tensor flatten(int64_t start_dim = 0, int64_t end_dim = -1) const;
  inline Tensor unflatten(int64_t dim, const Dims& sizes) const;
  inline Tensor squeeze() const;
  inline Tensor squeeze(int64_t dim) const;
  inline Tensor unsqueeze(int64_t dim) const;
  inline Tensor select(int64_t dim, int64_t index) const;
  inline Tensor slice(int64_t dim, ::std::optional<int64_t> start = {}, ::std::optional<int64_t> end = {},
                      int64_t step = 1) const;
  inline Tensor narrow(int64_t dim, int64_t start, int64_t length) const;
  inline Tensors split(int64_t split_size, int64_t dim = 0) const;
  inline Tensors chunk(int64_t chunks, int64_t dim = 0) const;
  inline Tensors unbind(int64_t dim = 0) const;
  inline Tensor repeat(const Dims& repeats) const;
  inline Tensor flip(const Dims& dims) const;
  inline Tensor index_select(int64_t dim, const Tensor& index) const;
  inline Tensor gather(int64_t dim, const Tensor& index) const;
  inline Tensor masked_select(const Tensor& mask) const;
  inline Tensor nonzero() const;

  // Copies. `to` is the tensor itself where nothing changes.
  inline Tensor clone() const;
  inline Tensor contiguous() const;
  inline Tensor to(DType dtype) const;
  inline Tensor to(Device device) const;
  inline Tensor to(Device device, DType dtype) const;
  inline Tensor cpu() const;

  // Gradients.
  inline Tensor detach() const;
  inline Tensor requires_grad_(bool value = true) const;
  inline void retain_grad() const;
  // Adds into the .grad of the leaves below; an undefined gradient is 1, for a tensor of one element.
  inline void backward(const Tensor& gradient = {}, bool retain_graph = false, bool create_graph = false) const;

 private:
  [[noreturn]] static void fail_undefined();
  [[noreturn]] void fail_dtype(DType asked) const;
  void check_memory() const;  // RuntimeError when the storage was shrunk below what the tensor reaches
  Ref<TensorImpl> impl_;
};

// Where an op with `f_` or `out=` puts its result: in a new tensor, into operand 0, or into the given tensor.
class Dest {
 public:
  enum class Kind : uint8_t { New, InPlace, Out };
  Dest() = default;
  static Dest in_place(const Tensor& operand) { return Dest(Kind::InPlace, operand); }
  static Dest out(const Tensor& target) { return Dest(Kind::Out, target); }
  Kind kind() const { return kind_; }
  explicit operator bool() const { return kind_ != Kind::New; }
  bool is_in_place() const { return kind_ == Kind::InPlace; }
  bool is_out() const { return kind_ == Kind::Out; }
  const Tensor& target() const { return target_; }

 private:
  Dest(Kind kind, const Tensor& target) : kind_(kind), target_(target) {}
  Kind kind_ = Kind::New;
  Tensor target_;
};

// A new, dense, uninitialised tensor, in C order or another format.
CNN_API Tensor empty(const Dims& sizes, DType dtype, Device device = kCpu);
CNN_API Tensor empty(const Dims& sizes, DType dtype, Device device, MemoryFormat format);
CNN_API Tensor empty_strided(const Dims& sizes, const Dims& strides, DType dtype, Device device = kCpu);
// Same shape, and the order of the strides of `like`, or a format; dtype may differ.
CNN_API Tensor empty_like(const Tensor& like, DType dtype, MemoryFormat format = MemoryFormat::Preserve);
// An alias of `base`'s memory with another geometry: a view, sharing versions. Records nothing.
CNN_API Tensor alias(const Tensor& base, const Dims& sizes, const Dims& strides, int64_t offset);
// An alias that is no view and has its own version: `.data`. With `share_version`: detach().
CNN_API Tensor detached_alias(const Tensor& x, bool share_version);
// A 0-d tensor that takes part in promotion as a Python number.
CNN_API Tensor wrapped_number(Scalar value, Device device = kCpu);

}  // namespace cnn
