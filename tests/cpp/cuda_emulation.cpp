// What the emulated plug-in tells Python's tests (tests/emulation.py).
#include <cuda_runtime.h>

#include "cnn/export.h"
#include "cuda/memory.h"

// Launches, blocking copies to the device, waits for it, and blocks of memory handed out, since the start.
extern "C" CNN_API void cnn_emulation_counts(int64_t* out) {
  const cnn::emulation::Access access;
  const cnn::emulation::Counts& c = cnn::emulation::counts();
  out[0] = c.launches, out[1] = c.copies, out[2] = c.waits, out[3] = cnn::cuda::blocks_handed_out();
}
