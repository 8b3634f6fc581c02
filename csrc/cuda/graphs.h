// CUDA graphs: the work of a stream that is recorded once and run again.
//
// Addresses, numbers and launches are recorded as they are. So what a graph works on has to stay its own as long as it
// lives: memory that is allocated while it is recorded comes from a pool of its graphs (allocator.cpp), pinned memory
// that it reads is held (pinned.cpp), and its kernels' notes are not given to others (watch.cpp). Nothing can wait for
// recorded work; what would is refused in front, so that a capture stays valid and can go on or be ended.
#pragma once

#include <atomic>
#include <cstdint>
#include <set>
#include <vector>

#include "core/cuda_plugin.h"
#include "cuda/runtime.h"
#include "cuda/watch.h"

namespace cnn::cuda {

struct Graph {
  int device;
  uint64_t pool;
  cudaStream_t stream;  // that is recorded
  unsigned long long id = 0;  // of the capture
  bool recording = true;
  cudaGraph_t recorded = nullptr;
  cudaGraphExec_t runs = nullptr;
  cudaStream_t latest = nullptr;  // where it was last run; only one run of it is under way at a time
  std::set<int> pools = {};  // the devices on which its pool is kept
  std::set<const void*> pinned = {};  // first bytes of what it holds
  GraphNotes notes = {};
  // Of each state of a generator: the seed and the block from which a run draws, on the GPU, and how many numbers.
  struct Draws {
    Generator::Shared state;
    uint64_t* of_run;
    uint64_t count;
  };
  std::vector<Draws> draws = {};
};

extern std::atomic<int> captures_under_way;  // by any thread
inline bool captures() { return captures_under_way.load(std::memory_order_relaxed) > 0; }

// The graph that a stream's work is recorded into; null for none. Ask captures() first.
Graph* graph_of(cudaStream_t stream);
inline Graph* this_graph() { return captures() ? graph_of(stream()) : nullptr; }

// RuntimeError where this thread's stream, or the one given, is being recorded: `what` cannot be.
void refuse_in_graph(const char* what);
void refuse_in_graph(void* stream, const char* what);

// Calls of this thread that are no work for a stream, like cudaMalloc, do not upset captures while one lives.
class BesideCaptures {
 public:
  BesideCaptures() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  ~BesideCaptures() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  BesideCaptures(const BesideCaptures&) = delete;
  BesideCaptures& operator=(const BesideCaptures&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

// What the plug-in offers; see CudaPlugin.
uint64_t new_pool();
bool is_capturing(void* stream);
CudaGraph begin_graph(uint64_t pool, int mode);
size_t end_graph(CudaGraph graph);
void instantiate_graph(CudaGraph graph, bool keep);
void run_graph(CudaGraph graph);
void delete_graph(CudaGraph graph);
void draw_graph(CudaGraph graph, const char* path);
CudaGraphHandles graph_handles(CudaGraph graph);
const uint64_t* draw_in_graph(Generator& g, uint64_t count, uint64_t& first);

// The pool where a graph that is being recorded gets memory of a device.
uint64_t pool_of(Graph& graph, int device);

// Of allocator.cpp. A pool's memory is for graphs while any of them keeps it, and goes back to the driver afterwards.
void keep_pool(int device, uint64_t pool);
void let_go_pool(int device, uint64_t pool);
// Of pinned.cpp: a block that a graph holds may be given to others after what the stream has been asked to do.
void let_go_pinned(const void* block, int device, cudaStream_t stream);

}  // namespace cnn::cuda
