// torch.Generator, and how ops that draw random numbers take one.
#pragma once

#include "bindings/caster.h"
#include "cnn/random.h"

namespace cnn::python {

Generator* to_generator(PyObject* o);  // null for None
uint64_t to_seed(PyObject* o);  // negative seeds count from the top, as in PyTorch
Object default_generator_of(Device device);

template <>
struct Converter<Generator*> {  // None: null, by which ops mean the default generator
  static bool fits(Kind k) { return k == Kind::Generator; }
  static Generator* get(const Call& c, int i) { return to_generator(c.slots[i]); }
};
template <>
struct Converter<Generator> {  // Generator&; None: the default generator
  static bool fits(Kind k) { return k == Kind::Generator; }
  static Generator& get(const Call& c, int i) {
    Generator* given = to_generator(c.slots[i]);
    return given ? *given : default_generator();
  }
};

void bind_generator(PyObject* module);

}  // namespace cnn::python
