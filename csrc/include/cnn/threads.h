// The threads that kernels use.
#pragma once

#include "cnn/export.h"

namespace cnn {

// Threads that take part in parallel work, the caller included. By default as many as the affinity mask and the
// cgroup's quota allow; CNN_NUM_THREADS, then OMP_NUM_THREADS override that. No result depends on it.
CNN_API int num_threads();
CNN_API void set_num_threads(int n);  // RuntimeError below 1

}  // namespace cnn
