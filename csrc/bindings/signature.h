// The signature of an op, as its binding line states it, and the matching of a call against it.
//
//   "sum(Tensor input, Dims? dim=None, bool keepdim=False, *, Dtype? dtype=None) -> Tensor"
//
// Types: Tensor; Tensor|Number (a Python number becomes a 0-d tensor); Tensors; *Tensors (also as separate arguments);
// Number, int, float, bool, str; Dims (an int or a sequence of ints), Dims[2] (one int stands for two); Dtype, Device,
// Generator, MemoryFormat. `?` admits None. Without a C++ parameter: Layout,
// PinMemory (checked only) and RequiresGrad (applied to the result). TensorOptions stands for dtype,
// layout, device, pin_memory and requires_grad.
#pragma once

#include <string>
#include <vector>

#include "bindings/python.h"

namespace cnn::python {

enum class Kind : uint8_t {
  Tensor,
  TensorOrNumber,
  Tensors,
  Number,
  Int,
  Float,
  Bool,
  String,
  Dims,
  DType,
  Device,
  Generator,
  MemoryFormat,
  Layout,
  PinMemory,
  RequiresGrad,
  Out,  // from here on: not passed to C++
};
inline bool is_passed(Kind k) { return k < Kind::Layout; }

enum class Gathers : uint8_t { No, Always, InMethods };  // does it take all further positional arguments?

struct Param {
  PyObject* name = nullptr;  // interned
  PyObject* fallback = nullptr;  // the default; null: required
  Kind kind = Kind::Tensor;
  bool optional = false;  // None is admitted
  Gathers gathers = Gathers::No;
  uint8_t slot = 0;
  uint8_t repeat = 0;  // Dims[n]
};

struct Call;
using Invoke = PyObject* (*)(const Call& call);
inline constexpr int kMaxParams = 32;

struct Signature {
  std::vector<Param> params;
  int positional = 0;  // how many may be given by position
  int passed = 0;  // how many the C++ function takes, Dest apart
  int out_slot = -1, requires_grad_slot = -1, pin_slot = -1;
  bool in_place = false;  // writes into argument 0 and returns it
  bool out_any_dtype = false;  // of `out=` without a Dest: is it converted to?
  Invoke invoke = nullptr;
  PyTypeObject* result_type = nullptr;  // of named results
  std::string name, text;
  std::vector<std::string> result_names;

  // Fills call.slots; false when the call does not fit. Raises nothing.
  bool bind(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Call& call) const;
  // As PyTorch lists it: "(Tensor input, *, torch.dtype dtype = None)".
  std::string listed(bool method) const;
  // For inspect.signature: "($self, dim=None, *, dtype=None)".
  std::string python_text(bool method) const;
};

// One call on its way: an object for each parameter.
struct Call {
  const Signature* signature = nullptr;
  // Bits of the mode word that have a say: a function mode, or an argument's __torch_function__; the profiler.
  uint32_t door = 0;
  Py_ssize_t gathered_count = 0;
  PyObject* const* gathered = nullptr;  // what slots[i] stands for where it is gathered_marker()
  PyObject* slots[kMaxParams];
};
inline PyObject* gathered_marker() { return Py_Ellipsis; }

// Reads the text; with_out adds `out`. std::logic_error when it makes no sense: the module then does not import.
Signature parse_signature(std::string_view text, bool with_out);
// The signature without `out`, as methods have it.
void drop_out(Signature& s);
// Does the object fit the parameter? A cheap test of types; may set call.door.
bool accepts(const Param& param, PyObject* o, Call& call);
bool is_int_like(PyObject* o);  // an int for PyTorch: neither bool nor float
bool is_numpy_scalar(PyObject* o);  // told by its type's name, without NumPy
bool is_ndarray(PyObject* o);  // of this class or a subclass

// Sets PyTorch's TypeError for a call that fits none of the signatures.
void raise_no_match(const char* name, const std::vector<Signature>& signatures, PyObject* self, PyObject* const* args,
                    Py_ssize_t n, PyObject* kwnames);

}  // namespace cnn::python
