// What libcnn asks of the CUDA plug-in, libcnn_cuda.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "device/backend.h"
#include "cnn/cuda.h"
#include "cnn/random.h"

namespace cnn {

inline constexpr int kCudaPluginAbi = 13;  // raised whenever this, Backend, HeavyTable or a list of functors changes

struct CudaProperties {
  std::string name;
  int major, minor, processors, warp, threads_per_block, threads_per_processor, registers_per_processor;
  size_t memory, shared_per_block, shared_per_block_optin, shared_per_processor;
  int cache, bus_width, clock_khz, memory_clock_khz;
  int pci_bus, pci_device, pci_domain;
  bool integrated, multi_gpu_board;
  uint8_t uuid[16];
};

// A block of the allocator; those of one segment follow each other.
struct CudaBlock {
  uintptr_t address, segment, stream;
  size_t size, requested;
  bool small, allocated, active;
  uint64_t pool;  // 0: none
};

// What is counted of pinned memory.
struct CudaPinnedMemory {
  CudaCount blocks, bytes, active, active_bytes;
  CudaCount allocation_us, free_us;  // time in the driver: `allocated` is the sum, `peak` the longest
};

// A stream or an event of the runtime; null is the device's default stream.
using CudaStream = void*;
using CudaEvent = void*;

// Work of a stream that is recorded, to be run again.
using CudaGraph = void*;
struct CudaGraphHandles {
  void *recorded, *runs;  // of the runtime; null where there is none
  uint64_t pool;
  bool recording;  // is it still under way?
};

struct CudaPlugin {
  const Backend* backend;
  int devices;
  void (*select)(int index);  // the device of this thread's next calls
  void (*enter)(int index);   // the same; raises what kernels have noted there (Watch)
  CudaProperties (*properties)(int index);
  int (*runtime_version)();
  int64_t (*cudnn_version)();  // 0: the program does not ask for cuDNN (CNN_CUDNN=1), or it is not here
  const char* (*error_text)(int code);
  std::vector<int> (*architectures)();  // that it was compiled for: 90 is sm_90
  bool (*can_access_peer)(int index, int other);
  int (*device_at)(const void* data);  // whose memory this is; -1: none's
  void (*synchronize)();  // the selected device
  void (*note)(const char* text);  // why its work is void: whoever waits for it next, or calls, is told
  void (*set_reports_waits)(int how);  // waits that copies and values need: 1 warns, 2 raises
  int (*get_reports_waits)();

  void (*copy)(void* to, Device there, const void* from, Device here, size_t nbytes, bool non_blocking);

  // Memory. `index` is the selected device.
  void (*empty_cache)();
  CudaMemory (*memory)(int index);
  void (*reset_memory)(int index, bool peaks);  // the peaks, or the sums
  void (*free_memory)(size_t& left, size_t& total);
  void (*set_memory_limit)(int index, double fraction);  // of all the memory of the device
  double (*memory_limit)(int index);
  void (*set_caching)(bool enabled);
  std::vector<CudaBlock> (*blocks)(int index);
  // A pool (see new_pool) that the program holds. Others get its blocks before they run out of memory (`spare`) or
  // never; its segments may stay unsplit (`whole`). What this thread asks for between enter and leave comes from it,
  // not what a graph records. It goes when nobody holds it and its blocks are free. Users are holders and graphs.
  void (*hold_pool)(int index, uint64_t pool, bool spare, bool whole);
  void (*let_go_pool)(int index, uint64_t pool);
  void (*enter_pool)(int index, uint64_t pool);
  void (*leave_pool)(int index, uint64_t pool);
  int (*pool_users)(int index, uint64_t pool);
  void (*keep_for_stream)(void* data, CudaStream stream);  // the block that `data` begins is in use there, too

  // Pinned memory
  void* (*allocate_pinned)(size_t nbytes);
  Storage::Deleter free_pinned;
  bool (*is_pinned)(const void* data);
  CudaPinnedMemory (*pinned_memory)();
  void (*reset_pinned)(bool peaks);
  void (*empty_pinned_cache)();

  // Streams and events of the selected device
  CudaStream (*new_stream)(int priority);  // one of a pool, in turn
  CudaStream (*stream)();                   // this thread's
  void (*set_stream)(CudaStream stream);
  void (*synchronize_stream)(CudaStream stream);
  bool (*stream_is_done)(CudaStream stream);
  void (*join_streams)(bool in);  // this thread's wait for all the others that have been set; or the others for it
  CudaEvent (*new_event)(bool timed, bool blocking);
  void (*delete_event)(CudaEvent event);
  void (*record_event)(CudaEvent event, CudaStream stream);
  void (*wait_event)(CudaStream stream, CudaEvent event);
  bool (*event_is_done)(CudaEvent event);
  bool (*event_has_passed)(CudaEvent event);  // for who only looks on: tells nothing; false while anything is recorded
  void (*synchronize_event)(CudaEvent event);
  float (*elapsed_ms)(CudaEvent from, CudaEvent to);

  // Graphs. One is begun and ended on this thread's stream of the selected device, and runs on such a one. A pool is a
  // number, for graphs that share memory; 0 makes one. Modes are the runtime's: 0 global, 1 of the thread, 2 relaxed.
  uint64_t (*new_pool)();
  bool (*is_capturing)(CudaStream stream);
  CudaGraph (*begin_graph)(uint64_t pool, int mode);
  size_t (*end_graph)(CudaGraph graph);  // how many pieces of work have been recorded
  void (*instantiate_graph)(CudaGraph graph, bool keep);  // it can run then; `keep` what was recorded
  void (*run_graph)(CudaGraph graph);
  void (*delete_graph)(CudaGraph graph);
  void (*draw_graph)(CudaGraph graph, const char* path);
  CudaGraphHandles (*graph_handles)(CudaGraph graph);
  // Where kernels that this thread's stream of the selected device records find the seed and the offset of a run, of
  // which `count` numbers are theirs, from `first` on. Null while nothing is recorded.
  const uint64_t* (*draw_in_graph)(Generator& g, uint64_t count, uint64_t& first);

  // Marks for NVIDIA's profilers
  void (*mark)(const char* text);
  int (*push_range)(const char* text);
  int (*pop_range)();
  uint64_t (*start_range)(const char* text);
  void (*end_range)(uint64_t range);
  void (*profile)(bool on);
};

// The plug-in, with the device selected; -1 is the current one. RuntimeError where it cannot be used. What kernels have
// noted is raised here, too, but for those who only put back or let go of something, and must not fail.
CNN_API const CudaPlugin& cuda_calls(int index, bool tells = true);

// Is this thread's stream of a GPU being recorded? Opens no GPU.
CNN_API bool cuda_is_recorded(int index);

// Has any thread chosen a stream that is not the default one?
extern CNN_API std::atomic<bool> cuda_has_streams;
CNN_API void cuda_set_stream(int index, CudaStream stream);

// While one lives, this thread's streams come after the work of all others, and then the others after this: what is
// done inside may use whatever was made before on any stream, and whoever comes later may use what it makes.
class JoinedStreams {
 public:
  JoinedStreams() {
    if (cuda_has_streams.load(std::memory_order_relaxed)) [[unlikely]]
      join(true);
  }
  ~JoinedStreams() {
    if (cuda_has_streams.load(std::memory_order_relaxed)) [[unlikely]]
      leave();
  }
  JoinedStreams(const JoinedStreams&) = delete;
  JoinedStreams& operator=(const JoinedStreams&) = delete;

 private:
  CNN_API static void join(bool in);
  CNN_API static void leave() noexcept;
};

}  // namespace cnn
