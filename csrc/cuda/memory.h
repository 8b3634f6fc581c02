// Memory of the GPUs: a caching allocator, and copies.
#pragma once

#include <cstddef>
#include <vector>

#include "core/cuda_plugin.h"
#include "cnn/tensor.h"

namespace cnn::cuda {

// Memory on the device for this thread's stream, at least 512 bytes aligned; null for nothing. OutOfMemory when neither
// the driver nor the cache has it.
void* allocate(size_t nbytes, Device device);
// Back to the cache. Work under way may still use it: its next owner's comes after it on the same stream, and it waits
// for the other streams that it was kept for.
void release(void* context, void* data, size_t nbytes);
void keep_for_stream(void* data, void* stream);
void empty_cache();
CudaMemory memory(int index);
void reset_memory(int index, bool peaks);
void set_memory_limit(int index, double fraction);
double memory_limit(int index);
void set_caching(bool enabled);
std::vector<CudaBlock> blocks(int index);
int64_t blocks_handed_out();  // on all devices, since the start

// The program's pools; see CudaPlugin.
void hold_pool(int index, uint64_t pool, bool spare, bool whole);
void let_go_held_pool(int index, uint64_t pool);
void enter_pool(int index, uint64_t pool);
void leave_pool(int index, uint64_t pool);
int pool_users(int index, uint64_t pool);

// Pinned memory of the host.
void* allocate_pinned(size_t nbytes);
void free_pinned(void* context, void* data, size_t nbytes);
bool is_pinned(const void* data);
void keep_pinned_for_stream(const void* data);  // this thread's, on the selected device
CudaPinnedMemory pinned_memory();
void reset_pinned(bool peaks);
void empty_pinned_cache();

// A pinned block through which bytes go to a GPU. Where others still have much to do, it waits for them.
class Stage {
 public:
  explicit Stage(size_t nbytes);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  void* data() const { return data_; }

 private:
  void* data_;
};

// See cuda_copy.
void copy_bytes(void* to, Device there, const void* from, Device here, size_t nbytes, bool non_blocking);
// Whether waits of the host for a copy are reported: 1 by a warning, 2 by an error.
void set_reports_waits(int how);
int get_reports_waits();
void copy_on_device(void* to, const void* from, size_t nbytes);
Scalar read_element(const TensorImpl& x);

// The device that this thread's calls go to.
void select(int index);
int selected();
inline Device selected_gpu() { return {DeviceType::Cuda, int8_t(selected())}; }

// Working memory of one call on the selected device.
class Scratch {
 public:
  explicit Scratch(size_t nbytes) : nbytes_(nbytes), data_(allocate(nbytes, selected_gpu())) {}
  ~Scratch() { release(nullptr, data_, nbytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* data() const { return data_; }

 private:
  size_t nbytes_;
  void* data_;
};

}  // namespace cnn::cuda
