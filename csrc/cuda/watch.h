// What kernels note of values that they must not use, and the call that tells the program.
#pragma once

#include "device/backend.h"

namespace cnn::cuda {

// A note in pinned memory, for a kernel that is launched next on the selected device.
kernels::Note* watch(const Watch& watch);
// Raises what kernels of the selected device have noted so far, the first of it; the rest is forgotten.
void tell_notes();
// The same of every device: for those who have waited.
void tell_all_notes();
// With CNN_CUDA_CHECKS=now: waits for the kernel that was given a note, and raises what it noted.
void tell_at_once();

}  // namespace cnn::cuda
