// The one thing the core knows of Python: an impl that owns its wrapper asks for its release.
#pragma once

#include "cnn/tensor.h"

namespace cnn {

// Set by the bindings. Called when the last C++ reference to an impl that owns its wrapper has gone; must destroy both.
extern CNN_API void (*release_wrapper)(TensorImpl*);

}  // namespace cnn
