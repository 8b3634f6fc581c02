// NumPy, which is imported only when an array is asked for.
#pragma once

namespace cnn::python {

class Registry;

void bind_numpy(Registry& ops);

}  // namespace cnn::python
