// torch.finfo and torch.iinfo
#include <pybind11/pybind11.h>

#include <limits>

#include "bindings/number_info.h"
#include "bindings/types.h"

namespace py = pybind11;

namespace cnn::python {

namespace {

struct FloatInfo {
  DType dtype;
  double eps, max, tiny, smallest_subnormal, resolution;
};

FloatInfo float_info(py::handle o) {
  const DType t = o.is_none() ? default_dtype() : to_dtype(o.ptr());
  switch (t) {
    case DType::Float64: {
      using L = std::numeric_limits<double>;
      return {t, L::epsilon(), L::max(), L::min(), L::denorm_min(), 1e-15};
    }
    case DType::Float32: {
      using L = std::numeric_limits<float>;
      return {t, L::epsilon(), L::max(), L::min(), L::denorm_min(), 1e-6};
    }
    case DType::Float16:
      return {t, 0x1p-10, 65504, 0x1p-14, 0x1p-24, 1e-3};
    case DType::BFloat16:
      return {t, 0x1p-7, 0x1.fep127, 0x1p-126, 0x1p-133, 1e-2};
    default:
      throw py::type_error(
          std::string("torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.") +
          dtype_name(t) + "'");
  }
}

struct IntInfo {
  DType dtype;
  int64_t min, max;
};

IntInfo int_info(py::handle o) {
  const DType t = to_dtype(o.ptr());
  if (is_floating(t)) {
    throw py::type_error(
        std::string("torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.") + dtype_name(t) +
        "'");
  }
  if (t == DType::Bool) throw py::type_error("torch.bool is not supported by torch.iinfo");
  if (t == DType::UInt8) return {t, 0, 255};
  const int bits = item_size(t) * 8;
  const int64_t max = int64_t(~uint64_t(0) >> (65 - bits));
  return {t, -max - 1, max};
}

// Up to six significant digits, as PyTorch prints them.
std::string brief(double v) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%g", v);
  return buffer;
}

std::string repr(const FloatInfo& f) {
  return "finfo(resolution=" + brief(f.resolution) + ", min=" + brief(-f.max) + ", max=" + brief(f.max) +
         ", eps=" + brief(f.eps) + ", smallest_normal=" + brief(f.tiny) + ", tiny=" + brief(f.tiny) +
         ", dtype=" + dtype_name(f.dtype) + ")";
}

}  // namespace

void bind_number_info(PyObject* module) {
  auto m = py::reinterpret_borrow<py::module_>(module);
  py::class_<FloatInfo> floats(m, "finfo", "finfo(dtype=None): limits of a floating-point dtype.");
  floats.def(py::init(&float_info), py::arg("type") = py::none())
      .def_property_readonly("bits", [](const FloatInfo& f) { return item_size(f.dtype) * 8; })
      .def_property_readonly("dtype", [](const FloatInfo& f) { return dtype_name(f.dtype); })
      .def_readonly("eps", &FloatInfo::eps)
      .def_readonly("max", &FloatInfo::max)
      .def_property_readonly("min", [](const FloatInfo& f) { return -f.max; })
      .def_readonly("tiny", &FloatInfo::tiny)
      .def_readonly("smallest_normal", &FloatInfo::tiny)
      .def_readonly("resolution", &FloatInfo::resolution)
      .def("__eq__", [](const FloatInfo& a, const FloatInfo& b) { return a.dtype == b.dtype; })
      .def("__repr__", &repr);
  py::class_<IntInfo> ints(m, "iinfo", "iinfo(dtype): limits of an integer dtype.");
  ints.def(py::init(&int_info), py::arg("type"))
      .def_property_readonly("bits", [](const IntInfo& i) { return item_size(i.dtype) * 8; })
      .def_property_readonly("dtype", [](const IntInfo& i) { return dtype_name(i.dtype); })
      .def_readonly("min", &IntInfo::min)
      .def_readonly("max", &IntInfo::max)
      .def("__eq__", [](const IntInfo& a, const IntInfo& b) { return a.dtype == b.dtype; })
      .def("__repr__", [](const IntInfo& i) {
        return "iinfo(min=" + brief(double(i.min)) + ", max=" + brief(double(i.max)) +
               ", dtype=" + dtype_name(i.dtype) + ")";
      });
  floats.attr("__module__") = "cnn";
  ints.attr("__module__") = "cnn";
}

}  // namespace cnn::python
