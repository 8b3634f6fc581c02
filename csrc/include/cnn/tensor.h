// Tensor: a counted pointer to a TensorImpl, which is a strided view of a Storage.
#pragma once

#include <memory>
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

  // Python's side. While `owns_wrapper`, this impl holds the only reference to the wrapper (csrc/bindings/tensor_type.cpp).
  std::atomic<void*> wrapper{nullptr};
  bool owns_wrapper = false;

  void set_geometry(Dims new_sizes, Dims new_strides, int64_t new_offset);
  uint32_t version() const { return own_version ? own_version->value.load() : storage->version(); }
  void bump_version() {
    if (inference) return;
    own_version ? void(own_version->value.fetch_add(1)) : storage->bump_version();
  }
  AutogradMeta& meta();  // allocates it when there is none

 private:
  void last_ref_dropped() override;
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
  int64_t size(int64_t d) const { return impl()->sizes[normalize_dim("size", d, dim())]; }
  int64_t stride(int64_t d) const { return impl()->strides[normalize_dim("stride", d, dim())]; }
  int64_t numel() const { return impl()->numel; }
  int64_t offset() const { return impl()->offset; }
  DType dtype() const { return impl()->dtype; }
  Device device() const { return impl()->device; }
  bool is_contiguous() const { return impl()->contiguous; }
  bool is_view() const { return bool(impl()->base); }
  const Ref<Storage>& storage() const { return impl()->storage; }

  // First element. `data<T>` raises when T is not the C++ type of the dtype.
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
    return static_cast<T*>(raw());
  }
  // The one element of a tensor with numel 1, as a number. RuntimeError otherwise.
  Scalar item() const;

  bool requires_grad() const;
  void set_requires_grad(bool value) const;  // RuntimeError for integers and non-leaves
  bool is_leaf() const;
  Tensor grad() const;  // undefined when there is none
  void set_grad(const Tensor& grad) const;
  Ref<Node> grad_fn() const;  // null for a leaf; of a view of changed data, made anew

 private:
  [[noreturn]] static void fail_undefined();
  [[noreturn]] void fail_dtype(DType asked) const;
  void check_memory() const;  // RuntimeError when the storage was shrunk below what the tensor reaches
  Ref<TensorImpl> impl_;
};

using Tensors = std::vector<Tensor>;

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
