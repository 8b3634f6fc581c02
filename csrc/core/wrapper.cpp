#include "core/wrapper.h"

namespace cnn {

void (*release_wrapper)(TensorImpl*) = nullptr;

}  // namespace cnn
