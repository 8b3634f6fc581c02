// A device is a table of skeletons that run any functor. `backend(device)` is the only switch over devices.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cnn/check.h"
#include "cnn/tensor.h"
#include "kernels/note.h"

namespace cnn {

struct HeavyTable;  // heavy_table.h: matrix products, convolution, pooling

inline constexpr int kMapDims = 10;      // dimensions of a call after coalescing
inline constexpr int kMapOperands = 8;

// Elementwise: one functor over operands of one shape, outputs first.
struct MapCall {
  const void* functor = nullptr;
  int operands = 0, outputs = 0;
  int ndim = 0;                            // coalesced; dimension 0 is the innermost
  int64_t sizes[kMapDims];
  void* data[kMapOperands];
  int64_t strides[kMapOperands][kMapDims];  // in bytes
  DType dtypes[kMapOperands];               // as the operands lie in memory
  DType compute[kMapOperands];              // as the functor takes them; cast in chunks where they differ
  DType key = DType::Float32;               // the functor's T
  int cost = 1;                             // of one element, about 1 for an addition
  unsigned constants = 0;  // bit k: operand k is one number of its `compute`, in memory of the CPU
};

// Reduction of x[batch, outer, n, inner] over batch and n (batch is the outer of the two: the element's number is
// b * n + i) to y[outer, inner]. Strides in elements.
struct ReduceCall {
  const void* functor = nullptr;
  int64_t batch = 1, outer = 1, n = 1, inner = 1;
  const void* x = nullptr;
  int64_t batch_stride = 0, outer_stride = 0, n_stride = 0, inner_stride = 0;
  DType dtype = DType::Float32;  // of x
  DType key = DType::Float32;    // the functor's T: x is cast to it in chunks
  void* y[2] = {nullptr, nullptr};
  DType y_dtype[2] = {DType::Float32, DType::Float32};
  int64_t y_outer_stride = 0, y_inner_stride = 0;  // of both outputs
};

// How an operand of a RowsCall lies in memory; always dense.
enum class RowKind : uint8_t {
  Whole,   // [outer, length, inner]
  Single,  // [outer, inner]: one element for a row
  Shared,  // [length]: the same for all rows
};
struct RowsOperand {
  void* data = nullptr;  // null: the functor does without
  int64_t length = 1;    // elements of a row
  RowKind kind = RowKind::Whole;
  DType dtype = DType::Float32;
  DType compute = DType::Float32;  // as the functor takes it
};

// One functor over the rows [outer, n, inner] along n, outputs first.
struct RowsCall {
  const void* functor = nullptr;
  int64_t outer = 1, n = 1, inner = 1;
  int operands = 0, outputs = 0;
  RowsOperand operand[kMapOperands];
  DType key = DType::Float32;  // the functor's T
};

// functor(i) for i in [0, n): indexing, gathering, scattering. The functor holds pointers and geometry.
struct EachCall {
  const void* functor = nullptr;
  int64_t n = 0;
  DType dtype = DType::Float32;  // the functor's T
  bool ordered = false;          // writes may meet: as if i ascended, in one thread
  int cost = 8;                  // of one index; about 1 for a multiplication and an addition
};

// What the program is told when a kernel that runs behind it has met a value that it must not use.
struct Watch {
  void (*fail)(const Watch& watch, int64_t value, const char* when);  // raises
  const char* op;
  ErrorKind kind;
  int64_t extent, dim;
};

struct Backend {
  void* (*allocate)(size_t nbytes, Device device);
  Storage::Deleter free;
  void (*copy_bytes)(void* to, const void* from, size_t nbytes);
  Scalar (*read_element)(const TensorImpl& x);
  void (*map)(int functor, const MapCall& call);
  void (*reduce)(int functor, const ReduceCall& call);
  void (*rows)(int functor, const RowsCall& call);
  void (*each)(int functor, const EachCall& call);
  // Is there a loop of this functor for this T?
  bool (*has_map)(int functor, DType key);
  bool (*has_reduce)(int functor, DType key);
  bool (*has_rows)(int functor, DType key);
  bool (*has_each)(int functor, DType dtype);
  // The calls, of one functor and dtype, in as few launches as can be; null where one after the other is as good.
  void (*each_many)(int functor, const EachCall* calls, int count);
  // Where a kernel of the next call is to note a value that it must not use; the program is told by a later call, or
  // when it waits. Null where kernels are done when their calls return.
  kernels::Note* (*watch)(const Watch& watch);
  const HeavyTable* heavy;  // null where nothing runs (meta): the CPU's then says which dtypes there are
};

// RuntimeError when the device has no backend here (CUDA without the plug-in or a GPU). Of several GPUs it selects the
// one that this thread's next calls run on, so ask again for each call.
CNN_API const Backend& backend(Device device);

extern const Backend cpu_backend, meta_backend;

// Where kernels on the device note what the watch is for: `here`, where they are done when their calls return.
inline kernels::Note* note_on(Device device, const Watch& watch, kernels::Note& here) {
  const Backend& b = backend(device);
  return b.watch ? b.watch(watch) : &here;
}

// What a skeleton or a heavy kernel says of a dtype that it was not compiled for: "op" not implemented for 'Long'.
[[noreturn]] void not_implemented(const char* op, DType t);

}  // namespace cnn
