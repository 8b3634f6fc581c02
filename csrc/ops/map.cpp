#include "ops/map.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "autograd/recorder.h"
#include "cnn/ops.h"

namespace cnn {
namespace {

using kernels::Rule;

bool same_layout(const TensorImpl& a, const TensorImpl& b) {
  return &a == &b || (a.sizes == b.sizes && ((a.contiguous && b.contiguous) || a.strides == b.strides));
}
bool same_layout(const Tensor& a, const Tensor& b) { return same_layout(*a.impl(), *b.impl()); }

// Strides of x seen as `shape`, 0 along broadcast dimensions.
Dims broadcast_strides(const Tensor& x, const Dims& shape) {
  const int extra = shape.size() - x.dim();
  Dims strides = Dims::filled(shape.size(), 0);
  for (int i = 0; i < x.dim(); ++i) strides[i + extra] = x.shape()[i] == 1 ? 0 : x.strides()[i];
  return strides;
}

// Dense strides for `shape` in the order in which the inputs lie.
Dims strides_in_input_order(const Dims& shape, const Tensor* const* inputs, int count) {
  Dims strides[kMapOperands];
  for (int k = 0; k < count; ++k) {
    const Tensor& x = *inputs[k];
    const int extra = shape.size() - x.dim();
    strides[k] = Dims::filled(shape.size(), 0);
    for (int i = 0; i < x.dim(); ++i)
      if (x.shape()[i] == shape[i + extra]) strides[k][i + extra] = x.strides()[i];
  }
  return strides_in_order_of(shape, strides, count);
}

struct ByteRange {
  const char* begin;
  const char* end;
};
ByteRange range_of(const Tensor& x) {
  int64_t last = 0;
  for (int i = 0; i < x.dim(); ++i) last += (x.shape()[i] - 1) * x.strides()[i];
  const char* p = static_cast<const char*>(x.raw());
  return {p, p + (last + 1) * item_size(x.dtype())};
}

// Operands broadcast to the first one's shape; anything else would be read outside its memory.
void check_broadcasts(const char* op, const Tensor& first, const Tensor& x) {
  if (x.shape() == first.shape() || x.dim() == 0) return;
  check(x.dim() <= first.dim() && broadcast_shapes(op, first.shape(), x.shape()) == first.shape(), op,
        "an operand of shape ", x.shape(), " does not broadcast to ", first.shape());
}

// Geometry of a call over operands that broadcast to the first one's shape.
void set_geometry(MapCall& call, const char* op, const MapOperand* operands, int count) {
  const TensorImpl& first = *operands[0].tensor->impl();
  const Dims& shape = first.sizes;
  bool linear = true;
  for (int k = 0; k < count; ++k) {
    const TensorImpl& x = *operands[k].tensor->impl();
    const void* constant = operands[k].constant;
    if (!constant) check_device(op, first.device, x.device);
    call.data[k] = constant ? const_cast<void*>(constant) : operands[k].tensor->raw();
    call.dtypes[k] = constant ? operands[k].compute : x.dtype;
    call.compute[k] = operands[k].compute;
    if (constant) call.constants |= 1u << k;
    linear &= x.numel == 1 || ((x.contiguous || first.contiguous) && same_layout(x, first));
  }
  if (linear) {
    call.ndim = 1;
    call.sizes[0] = first.numel;
    for (int k = 0; k < count; ++k)
      call.strides[k][0] = operands[k].tensor->numel() == 1 && first.numel != 1 ? 0 : item_size(call.dtypes[k]);
    return;
  }
  // Innermost first by the first operand's strides, then neighbours that run on into each other are joined.
  const int n = shape.size();
  Dims strides[kMapOperands];
  for (int k = 0; k < count; ++k) {
    if (k && !operands[k].constant) check_broadcasts(op, *operands[0].tensor, *operands[k].tensor);
    strides[k] = broadcast_strides(*operands[k].tensor, shape);
  }
  Dims order;
  for (int i = n - 1; i >= 0; --i)
    if (shape[i] != 1) order.push_back(i);
  const auto weight = [&](int64_t d) {
    for (int k = 0; k < count; ++k)
      if (strides[k][int(d)] != 0) return strides[k][int(d)];
    return int64_t(0);
  };
  for (int i = 1; i < order.size(); ++i)
    for (int j = i; j > 0 && weight(order[j]) < weight(order[j - 1]); --j) std::swap(order[j], order[j - 1]);
  int dims = 0;
  for (int i = 0; i < order.size(); ++i) {
    const int d = int(order[i]);
    bool joins = dims > 0;
    for (int k = 0; k < count && joins; ++k)
      joins = strides[k][d] * item_size(call.dtypes[k]) == call.strides[k][dims - 1] * call.sizes[dims - 1];
    if (joins) {
      call.sizes[dims - 1] *= shape[d];
      continue;
    }
    check_implemented(dims < kMapDims, op, "more than ", kMapDims,
                      " dimensions that do not coalesce; call contiguous() first");
    call.sizes[dims] = shape[d];
    for (int k = 0; k < count; ++k) call.strides[k][dims] = strides[k][d] * item_size(call.dtypes[k]);
    ++dims;
  }
  if (dims == 0) {
    call.sizes[0] = 1;
    for (int k = 0; k < count; ++k) call.strides[k][0] = 0;
    dims = 1;
  }
  call.ndim = dims;
}

// As most calls are: everything is on the CPU, the first input in C order, and the others like it, or single numbers.
bool is_line(const Tensor* const* inputs, int count) {
  const TensorImpl& a = *inputs[0]->impl();
  bool line = a.contiguous && a.device.is_cpu() && !a.wrapped_number && a.numel != 0;
  for (int k = 1; k < count && line; ++k) {
    const TensorImpl& b = *inputs[k]->impl();
    line = b.device.is_cpu() && (b.sizes.empty() || (b.contiguous && b.dtype == a.dtype && b.sizes == a.sizes));
  }
  return line;
}

Tensor map_line(MapKind kind, const void* functor, const Tensor* const* inputs, int count) {
  const TensorImpl& a = *inputs[0]->impl();
  Tensor y = empty(a.sizes, kind.rule == Rule::Predicate ? DType::Bool : a.dtype, kCpu);
  Constant constants[kMapOperands];
  MapCall call;
  call.functor = functor;
  call.operands = count + 1;
  call.outputs = 1;
  call.key = a.dtype;
  call.cost = kind.cost;
  call.ndim = 1;
  call.sizes[0] = a.numel;
  for (int k = 0; k <= count; ++k) {
    const Tensor& x = k ? *inputs[k - 1] : y;
    const bool single = k > 1 && x.dim() == 0;
    if (single) constants[k - 1].set(x.item(), a.dtype);
    call.data[k] = single ? const_cast<void*>(constants[k - 1].place()) : x.raw();
    call.dtypes[k] = call.compute[k] = single ? a.dtype : x.dtype();
    call.strides[k][0] = single ? 0 : item_size(x.dtype());
  }
  cpu_backend.map(kind.id, call);
  return y;
}

bool takes(kernels::Stored stored, DType t) {
  using kernels::Stored;
  return stored == Stored::Both || stored == (is_float8(t) ? Stored::Floats : Stored::Unsigned);
}

// Of operands whose common dtype is only stored: a number beside them is first made one of it.
Tensor map_stored(const char* op, MapKind kind, const void* functor, const Tensor* const* inputs, int count,
                  DType common, const Dest& dest) {
  if (!takes(kind.stored, common)) not_implemented(op, common);
  Tensor same[kMapOperands];
  const Tensor* operands[kMapOperands];
  for (int k = 0; k < count; ++k) {
    same[k] = to_dtype(*inputs[k], common);
    operands[k] = &same[k];
  }
  return map_tensors(op, kind, functor, operands, count, dest);
}

}  // namespace

void Constant::set(Scalar number, DType key, bool bits) {
  visit_any_dtype(key, [&]<class T>() {
    T value;
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
      value = bits && number.is_unsigned() ? T(number.to_bits()) : number.to<T>();
    else value = number.to<T>();
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>)
      value = number.is_float()      ? value
              : number.is_unsigned() ? T(float(number.to_bits()))
                                     : T(float(number.to_int()));  // as casts of tensors round
    else if constexpr (std::is_floating_point_v<T>)  // rounded once
      value = number.is_float() ? value : number.is_unsigned() ? T(number.to_bits()) : T(number.to_int());
    std::memcpy(bytes_, &value, sizeof value);
  });
}

MapOperand operand_on(Device device, const Tensor& x, DType compute, Constant& room, bool bits) {
  const bool stays = device.is_cpu() && (x.dtype() == compute || is_stored(x.dtype()) || is_stored(compute));
  if (x.dim() != 0 || !x.device().is_cpu() || stays) return {&x, compute};
  room.set(x.item(), compute, bits || !x.impl()->wrapped_number);
  return {&x, compute, room.place()};
}

Dims broadcast_all(const char* op, const Tensor* const* inputs, int count) {
  Dims shape = inputs[0]->shape();
  for (int k = 1; k < count; ++k) shape = broadcast_shapes(op, shape, inputs[k]->shape());
  return shape;
}

Device common_device(const char* op, const Tensor* const* inputs, int count) {
  Device device = inputs[0]->device();
  bool scalar = device.is_cpu() && inputs[0]->dim() == 0;
  for (int k = 1; k < count; ++k) {
    const Device other = inputs[k]->device();
    const bool other_scalar = other.is_cpu() && inputs[k]->dim() == 0;
    if (other == device) {
      scalar &= other_scalar;
    } else if (scalar) {
      device = other;
      scalar = false;
    } else {
      if (!other_scalar) check_device(op, device, other);
    }
  }
  return device;
}

namespace {
bool repeats(const Tensor& x) {
  for (int i = 0; i < x.dim(); ++i)
    if (x.shape()[i] > 1 && x.strides()[i] == 0 && x.numel() > 0) return true;
  return false;
}
[[noreturn]] void fail_overlap(const char* op) {
  fail(ErrorKind::Runtime, op,
       "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
       "location. Please clone() the tensor before performing the operation.");
}
}  // namespace

void check_no_internal_overlap(const char* op, const Tensor& written) {
  check(!repeats(written), op,
        "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
        "Please clone() the tensor before performing the operation. Shape ",
        written.shape(), ", strides ", written.strides());
}

void warn_of_expanded(const char* op, const char* like, const Tensor& written) {
  if (!repeats(written)) return;
  Message m;
  m << "Use of " << op << " on expanded tensors is deprecated. Please clone() the tensor before performing this "
    << "operation. This also applies to advanced indexing e.g. " << like;
  warn(m.take());
}

Tensor without_repeats(const Tensor& x) {
  if (!repeats(x)) return x;
  Dims sizes = x.shape();
  for (int i = 0; i < x.dim(); ++i)
    if (x.strides()[i] == 0) sizes[i] = 1;
  return alias(x, sizes, x.strides(), x.offset());
}

void check_no_partial_overlap(const char* op, const Tensor& written, const Tensor& read) {
  if (written.same(read) || written.numel() == 0 || read.numel() == 0 || written.storage() != read.storage() ||
      written.device().is_meta())
    return;
  if (written.offset() == read.offset() && written.dtype() == read.dtype() && same_layout(written, read)) return;
  const ByteRange w = range_of(written), r = range_of(read);
  if (w.end <= r.begin || r.end <= w.begin) return;
  if (!is_dense(written.shape(), written.strides()) || !is_dense(read.shape(), read.strides())) {
    // Strided views of one storage may interleave without meeting (columns of a matrix): compare lattices.
    if (written.dtype() == read.dtype() && written.strides() == read.strides() && written.dim() > 0) {
      int64_t shift = read.offset() - written.offset();
      bool apart = false;
      for (int i = 0; i < written.dim() && !apart; ++i) {  // outermost strides first are larger in a sane view
        const int64_t s = written.strides()[i];
        if (s == 0) continue;
        const int64_t steps = shift / s;
        shift -= steps * s;
        apart = steps >= written.shape()[i] || -steps >= read.shape()[i];
      }
      if (apart || shift != 0) return;
    } else {
      return;
    }
  }
  fail_overlap(op);
}

void check_no_overlap(const char* op, const Tensor& written, const Tensor& read) {
  const bool one = written.same(read) || (written.storage() == read.storage() && written.offset() == read.offset() &&
                                          written.dtype() == read.dtype() && same_layout(written, read));
  if (one && written.numel() > 0 && !written.device().is_meta()) fail_overlap(op);
  check_no_partial_overlap(op, written, read);
}

Tensor result_for(const char* op, const Dims& shape, DType dtype, const Tensor* const* inputs, int count,
                  const Dest& dest) {
  if (!dest) {
    const Tensor& a = *inputs[0];
    bool alike = a.shape() == shape;
    for (int k = 1; k < count && alike; ++k)
      alike = same_layout(a, *inputs[k]) || (inputs[k]->dim() == 0 && a.dim() > 0);
    const Device device = count == 1 ? a.device() : common_device(op, inputs, count);
    if (alike) {
      if (a.is_contiguous()) return empty(shape, dtype, device);
      if (device == a.device()) return empty_like(a, dtype);
    }
    return empty_strided(shape, strides_in_input_order(shape, inputs, count), dtype, device);
  }
  const Tensor& target = dest.target();
  const Device device = common_device(op, inputs, count);
  check_device(op, device, target.device());
  if (dest.is_in_place()) {
    check(target.shape() == shape, op, "output with shape ", target.shape(), " doesn't match the broadcast shape ",
          shape);
  }
  check(can_cast(dtype, target.dtype()), op, "result type ", dtype_type_name(dtype),
        " can't be cast to the desired output type ", dtype_type_name(target.dtype()));
  if (target.shape() != shape) {
    // Resizing an operand would pull the ground from under the op.
    for (int k = 0; k < count; ++k)
      check(!inputs[k]->same(target) && (inputs[k]->storage() != target.storage() || inputs[k]->numel() == 0), op,
            "output with shape ", target.shape(), " is also an input and doesn't match the result's shape ", shape,
            ". Please clone() one of them.");
    resize_output(op, target, shape);
    if (inputs[0]->shape() == shape && !inputs[0]->is_contiguous())
      target.impl()->set_geometry(shape, strides_in_input_order(shape, inputs, count), target.offset());
  }
  check_no_internal_overlap(op, target);
  for (int k = 0; k < count; ++k) check_no_partial_overlap(op, target, *inputs[k]);
  target.impl()->bump_version();
  return target;
}

Tensor copy_out(const char* op, const Tensor& result, const Dest& dest) {
  check(!result.requires_grad() && !(grad_enabled() && dest.target().requires_grad()), op,
        "functions with out=... arguments don't support automatic differentiation, but one of the arguments requires "
        "grad.");
  const Tensor* inputs[] = {&result};
  const Tensor y = result_for(op, result.shape(), result.dtype(), inputs, 1, dest);
  NoGrad guard;
  return copy_(y, result);
}

void map_into(const char* op, MapKind kind, const void* functor, const MapOperand* operands, int outputs, int count,
              DType key) {
  const Backend& b = backend(operands[0].tensor->device());
  if (!b.has_map(kind.id, key)) not_implemented(op, key);
  if (operands[0].tensor->numel() == 0) {
    for (int k = 1; k < count; ++k) {
      if (operands[k].constant) continue;
      check_device(op, operands[0].tensor->device(), operands[k].tensor->device());
      check_broadcasts(op, *operands[0].tensor, *operands[k].tensor);
    }
    return;
  }
  MapCall call;
  call.functor = functor;
  call.operands = count;
  call.outputs = outputs;
  call.key = key;
  call.cost = kind.cost;
  set_geometry(call, op, operands, count);
  b.map(kind.id, call);
}

Tensor map_tensors(const char* op, MapKind kind, const void* functor, const Tensor* const* inputs, int count,
                   const Dest& dest) {
  const Recorded range(op, dest, inputs, count);
  const Tensor& a = *inputs[0];
  DType common = a.dtype();
  bool broadcast = false, mixed = false;
  for (int k = 1; k < count; ++k) {
    mixed |= inputs[k]->dtype() != common;
    broadcast |= inputs[k]->shape() != a.shape();
  }
  if (mixed || (count == 1 && a.impl()->wrapped_number)) {
    Promotion p;
    for (int k = 0; k < count; ++k) p.add(*inputs[k]);
    common = p.result();
  }
  if (kind.rule == Rule::Float && !is_floating(common)) common = default_dtype();
  if (!dest && common == a.dtype() && !is_reduced(common) && is_line(inputs, count) &&
      cpu_backend.has_map(kind.id, common))
    return map_line(kind, functor, inputs, count);
  if (is_stored(common) && !backend(a.device()).has_map(kind.id, common)) {
    if (mixed || !takes(kind.stored, common)) return map_stored(op, kind, functor, inputs, count, common, dest);
  }
  // Sixteen-bit floats are computed in float.
  const DType key = is_stored(common) ? carrier(common) : compute_dtype(common);
  const DType result = kind.rule == Rule::Predicate ? DType::Bool : common;
  const Dims shape = broadcast ? broadcast_all(op, inputs, count) : a.shape();
  if (!backend(a.device()).has_map(kind.id, key)) not_implemented(op, common);

  Tensor y = result_for(op, shape, result, inputs, count, dest);
  const DType computed = kind.rule == Rule::Predicate ? DType::Bool : key;
  Constant constants[kMapOperands];
  MapOperand operands[kMapOperands];
  operands[0] = {&y, computed};
  for (int k = 0; k < count; ++k)
    operands[k + 1] = operand_on(y.device(), *inputs[k], key, constants[k], is_stored(common));
  map_into(op, kind, functor, operands, 1, count + 1, key);
  return y;
}

const char* type_in_c(DType t) {
  constexpr const char* kNames[kDTypes] = {"uint8_t",
                                           "int8_t",
                                           "int16_t",
                                           "int",
                                           "int64_t",
                                           "bool",
                                           "c10::Half",
                                           "c10::BFloat16",
                                           "float",
                                           "double",
                                           "c10::Float8_e4m3fn",
                                           "c10::Float8_e5m2",
                                           "c10::Float8_e4m3fnuz",
                                           "c10::Float8_e5m2fnuz",
                                           "c10::Float8_e8m0fnu",
                                           "uint16_t",
                                           "uint32_t",
                                           "uint64_t"};
  return kNames[int(t)];
}

double largest(DType t) {
  switch (t) {
    case DType::Float16:
      return 65504;
    case DType::BFloat16:
      return 0x1.fep127;
    case DType::Float32:
      return double(std::numeric_limits<float>::max());
    case DType::Float8E4M3FN:
      return 448;
    case DType::Float8E5M2:
    case DType::Float8E5M2FNUZ:
      return 57344;
    case DType::Float8E4M3FNUZ:
      return 240;
    case DType::Float8E8M0FNU:
      return 0x1p127;
    default:
      return std::numeric_limits<double>::max();
  }
}

void check_converts(Scalar value, DType dtype) {
  bool fits = true;
  if (is_floating(dtype)) {
    const double v = value.to_double();
    const bool infinite = !is_float8(dtype) || dtype == DType::Float8E5M2;
    const bool positive = dtype == DType::Float8E8M0FNU && value.is_float();
    fits = std::isnan(v) || (std::isinf(v) ? infinite : std::abs(v) <= largest(dtype) && (!positive || v >= 0x1p-127));
  } else if (value.is_unsigned()) {
    fits = dtype == DType::UInt64 || dtype == DType::Bool;
  } else if (dtype != DType::Bool && !value.is_bool()) {
    visit_any_dtype(dtype, [&]<class T>() {
      if constexpr (std::is_integral_v<T>) {
        using Limits = std::numeric_limits<T>;
        const bool wraps = !Limits::is_signed && !value.is_float();
        const double low = wraps ? -double(Limits::max()) : double(Limits::min());
        if (value.is_float()) fits = value.to_double() >= low && value.to_double() <= double(Limits::max());
        else if (sizeof(T) < 8) fits = double(value.to_int()) >= low && double(value.to_int()) <= double(Limits::max());
      }
    });
  }
  check(fits, "", "value cannot be converted to type ", type_in_c(dtype), " without overflow");
}

}  // namespace cnn
