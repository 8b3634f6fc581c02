// What libcnn finds when it opens this library.
#include "core/cuda_plugin.h"

#include <cstring>

#include "cuda/graphs.h"
#include "cuda/heavy_entries.h"
#include "cuda/marks.h"
#include "cuda/memory.h"
#include "cuda/runtime.h"
#include "cuda/skeletons.h"
#include "cuda/streams.h"
#include "cuda/watch.h"

namespace cnn::cuda {
namespace {

const Backend cuda_table = {
    .allocate = allocate,
    .free = release,
    .copy_bytes = copy_on_device,
    .read_element = read_element,
    .map = map,
    .reduce = reduce,
    .rows = rows,
    .each = each,
    .has_map = has_map,
    .has_reduce = has_reduce,
    .has_rows = has_rows,
    .has_each = has_each,
    .each_many = each_many,
    .watch = watch,
    .heavy = &heavy_table,
};

int attribute(int index, cudaDeviceAttr what) {
  int value = 0;
  check_cuda(cudaDeviceGetAttribute(&value, what, index), "cudaDeviceGetAttribute");
  return value;
}
CudaProperties properties(int index) {
  cudaDeviceProp p;
  check_cuda(cudaGetDeviceProperties(&p, index), "cudaGetDeviceProperties");
  CudaProperties known = {
      .name = p.name,
      .major = p.major,
      .minor = p.minor,
      .processors = p.multiProcessorCount,
      .warp = p.warpSize,
      .threads_per_block = p.maxThreadsPerBlock,
      .threads_per_processor = p.maxThreadsPerMultiProcessor,
      .registers_per_processor = p.regsPerMultiprocessor,
      .memory = p.totalGlobalMem,
      .shared_per_block = p.sharedMemPerBlock,
      .shared_per_block_optin = p.sharedMemPerBlockOptin,
      .shared_per_processor = p.sharedMemPerMultiprocessor,
      .cache = p.l2CacheSize,
      .bus_width = p.memoryBusWidth,
      .clock_khz = attribute(index, cudaDevAttrClockRate),
      .memory_clock_khz = attribute(index, cudaDevAttrMemoryClockRate),
      .pci_bus = p.pciBusID,
      .pci_device = p.pciDeviceID,
      .pci_domain = p.pciDomainID,
      .integrated = p.integrated != 0,
      .multi_gpu_board = p.isMultiGpuBoard != 0,
      .uuid = {},
  };
  static_assert(sizeof p.uuid == sizeof known.uuid);
  std::memcpy(known.uuid, &p.uuid, sizeof known.uuid);
  return known;
}
int runtime_version() {
  int version = 0;
  check_cuda(cudaRuntimeGetVersion(&version), "cudaRuntimeGetVersion");
  return version;
}
const char* error_text(int code) { return cudaGetErrorString(cudaError_t(code)); }
bool can_access_peer(int index, int other) {
  int can = 0;
  check_cuda(cudaDeviceCanAccessPeer(&can, index, other), "cudaDeviceCanAccessPeer");
  return can != 0;
}
int device_at(const void* data) {
  cudaPointerAttributes a{};
  check_cuda(cudaPointerGetAttributes(&a, data), "cudaPointerGetAttributes");
  return a.type == cudaMemoryTypeDevice || a.type == cudaMemoryTypeManaged ? a.device : -1;
}
void free_memory(size_t& left, size_t& total) { check_cuda(cudaMemGetInfo(&left, &total), "cudaMemGetInfo"); }
// Every call from outside begins here: what kernels have noted meanwhile is told first.
void enter(int index) {
  select(index);
  tell_notes();
}
// So does every wait end.
void synchronize() {
  refuse_in_graph("synchronize() waits for the device");
  check_cuda(cudaDeviceSynchronize(), "waiting for the device");
  tell_all_notes();
}
void wait_for_stream(void* s) {
  synchronize_stream(s);
  tell_all_notes();
}
void wait_for_event(void* e) {
  synchronize_event(e);
  tell_all_notes();
}
bool ask_stream(void* s) {
  const bool done = stream_is_done(s);
  if (done) tell_all_notes();
  return done;
}
bool ask_event(void* e) {
  const bool done = event_is_done(e);
  if (done) tell_all_notes();
  return done;
}

const char* reason_of(cudaError_t error) {
  switch (error) {
    case cudaErrorNoDevice:
      return "there is no NVIDIA GPU, or CUDA_VISIBLE_DEVICES hides it";
    case cudaErrorInsufficientDriver:
      return "no NVIDIA driver for CUDA 13 is installed on this machine (none at all, or an older one)";
    default:
      return cudaGetErrorString(error);
  }
}

}  // namespace
}  // namespace cnn::cuda

extern "C" CNN_API int cnn_cuda_abi() { return cnn::kCudaPluginAbi; }

// Null, and why, where no GPU can be used.
extern "C" CNN_API const cnn::CudaPlugin* cnn_cuda_start(const char** why) {
  using namespace cnn::cuda;
  static cnn::CudaPlugin plugin = {
      .backend = &cuda_table,
      .devices = 0,
      .select = select,
      .enter = enter,
      .properties = properties,
      .runtime_version = runtime_version,
      .cudnn_version = cudnn_version,
      .error_text = error_text,
      .architectures = architectures,
      .can_access_peer = can_access_peer,
      .device_at = device_at,
      .synchronize = synchronize,
      .note = note,
      .set_reports_waits = set_reports_waits,
      .get_reports_waits = get_reports_waits,
      .copy = copy_bytes,
      .empty_cache = empty_cache,
      .memory = memory,
      .reset_memory = reset_memory,
      .free_memory = free_memory,
      .set_memory_limit = set_memory_limit,
      .memory_limit = memory_limit,
      .set_caching = set_caching,
      .blocks = blocks,
      .hold_pool = hold_pool,
      .let_go_pool = let_go_held_pool,
      .enter_pool = enter_pool,
      .leave_pool = leave_pool,
      .pool_users = pool_users,
      .keep_for_stream = keep_for_stream,
      .allocate_pinned = allocate_pinned,
      .free_pinned = free_pinned,
      .is_pinned = is_pinned,
      .pinned_memory = pinned_memory,
      .reset_pinned = reset_pinned,
      .empty_pinned_cache = empty_pinned_cache,
      .new_stream = new_stream,
      .stream = this_stream,
      .set_stream = set_stream,
      .synchronize_stream = wait_for_stream,
      .stream_is_done = ask_stream,
      .join_streams = join_streams,
      .new_event = new_event,
      .delete_event = delete_event,
      .record_event = record_event,
      .wait_event = wait_event,
      .event_is_done = ask_event,
      .event_has_passed = event_has_passed,
      .synchronize_event = wait_for_event,
      .elapsed_ms = elapsed_ms,
      .new_pool = new_pool,
      .is_capturing = is_capturing,
      .begin_graph = begin_graph,
      .end_graph = end_graph,
      .instantiate_graph = instantiate_graph,
      .run_graph = run_graph,
      .delete_graph = delete_graph,
      .draw_graph = draw_graph,
      .graph_handles = graph_handles,
      .draw_in_graph = draw_in_graph,
      .mark = mark,
      .push_range = push_range,
      .pop_range = pop_range,
      .start_range = start_range,
      .end_range = end_range,
      .profile = profile,
  };
  const cudaError_t error = cudaGetDeviceCount(&plugin.devices);
  if (error != cudaSuccess || plugin.devices == 0) {
    *why = reason_of(error != cudaSuccess ? error : cudaErrorNoDevice);
    return nullptr;
  }
  return &plugin;
}
