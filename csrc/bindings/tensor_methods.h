// Methods of Tensor that have no op behind them.
#pragma once

namespace cnn::python {

class Registry;

void bind_tensor_methods(Registry& ops);

}  // namespace cnn::python
