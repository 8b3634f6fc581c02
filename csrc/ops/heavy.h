// The way to a device's heavy kernels: a dtype that one was not compiled for is refused here, also where nothing runs.
#pragma once

#include "device/backend.h"
#include "device/heavy_table.h"

namespace cnn {

template <class Args>
const HeavyEntry<Args>& heavy_entry(Device device, HeavyEntry<Args> HeavyTable::* entry) {
  const Backend& b = backend(device);
  return (b.heavy ? b : cpu_backend).heavy->*entry;
}

// Where ops are composed for devices that lack an entry: does this one have it, for x, whose elements 32 bits count?
template <class Args>
bool has_heavy(const Tensor& x, HeavyEntry<Args> HeavyTable::* entry) {
  return x.numel() > 0 && x.numel() < (int64_t(1) << 31) && !x.device().is_meta() &&
         heavy_entry(x.device(), entry).has(x.dtype());
}

// What a kernel is given for tensors of dtype t: t itself where it takes that, else 16-bit floats as float32.
template <class Args>
DType kernel_dtype(HeavyEntry<Args> HeavyTable::* entry, DType t, Device device) {
  return is_reduced(t) && !heavy_entry(device, entry).has(t) ? DType::Float32 : t;
}

// `op` is the name in the error. Whatever has no elements is refused like the rest, and then costs nothing.
template <class Args>
void run_heavy(const char* op, Device device, HeavyEntry<Args> HeavyTable::* entry, const Args& args) {
  const HeavyEntry<Args>& kernel = heavy_entry(device, entry);
  if (!kernel.has(args.dtype)) not_implemented(op, args.dtype);
  if (backend(device).heavy) kernel(args);
}

}  // namespace cnn
