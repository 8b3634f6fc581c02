// What kernels note of values that they must not use, and the call that tells the program.
#pragma once

#include <cuda_runtime.h>

#include <vector>

#include "device/backend.h"

namespace cnn::cuda {

// A note in pinned memory, for a kernel that is launched next on the selected device.
kernels::Note* watch(const Watch& watch);
// Notes of the kernels of a graph, which write them whenever it runs: they are nobody else's until it is let go.
class GraphNotes {
 public:
  kernels::Note* next(const Watch& watch);  // on the selected device
  void run_again() const;  // the graph runs
  void let_go(int device, cudaStream_t stream);  // which may still run it

 private:
  std::vector<struct NoteChunk*> chunks_;
};
void collect_graph_notes();  // those of graphs that have been let go are for others

// A note of the host's own: its text is raised.
void note(const char* text);

// Raises what kernels of the selected device have noted so far, the first of it; the rest is forgotten. Not while
// anything is recorded: what was noted is told when that is done.
void tell_notes();
// The same of every device: for those who have waited.
void tell_all_notes();
// With CNN_CUDA_CHECKS=now: waits for the kernel that was given a note, and raises what it noted.
void tell_at_once();

}  // namespace cnn::cuda
