// The way to a device's heavy kernels: a dtype that one was not compiled for is refused here, also where nothing runs.
#pragma once

#include "device/backend.h"
#include "device/heavy_table.h"

namespace cnn {

// `op` is the name in the error. Whatever has no elements is refused like the rest, and then costs nothing.
template <class Args>
void run_heavy(const char* op, Device device, HeavyEntry<Args> HeavyTable::* entry, const Args& args) {
  const Backend& b = backend(device);
  const HeavyEntry<Args>& kernel = (b.heavy ? b : cpu_backend).heavy->*entry;
  if (!kernel.has(args.dtype)) not_implemented(op, args.dtype);
  if (b.heavy) kernel(args);
}

}  // namespace cnn
