// The families of ops that the module binds: declared here, listed in module.cpp, one file ops_<family>.cpp each.
#pragma once

namespace cnn::python {

class Registry;

void bind_arithmetic(Registry& ops);

}  // namespace cnn::python
