// The families of ops that the module binds: declared here, listed in module.cpp, one file ops_<family>.cpp each.
#pragma once

namespace cnn::python {

class Registry;

void bind_activation(Registry& ops);
void bind_arithmetic(Registry& ops);
void bind_binary(Registry& ops);
void bind_compare(Registry& ops);
void bind_conv(Registry& ops);
void bind_create(Registry& ops);
void bind_index(Registry& ops);
void bind_matmul(Registry& ops);
void bind_norm(Registry& ops);
void bind_random(Registry& ops);
void bind_reduce(Registry& ops);
void bind_optim(Registry& ops);
void bind_resample(Registry& ops);
void bind_sequence(Registry& ops);
void bind_shape(Registry& ops);
void bind_special(Registry& ops);
void bind_unary(Registry& ops);
void bind_view(Registry& ops);
void bind_view_copies(Registry& ops);
void bind_vision(Registry& ops);

}  // namespace cnn::python
