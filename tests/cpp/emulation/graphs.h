// Work that is recorded on a stream and run again. cuda_emulation.h includes this in front of its calls. What would
// upset a capture is refused as the runtime refuses it, and makes the capture invalid; where its documentation leaves
// open what does, so does every wait.
#pragma once

#include <algorithm>

#include "emulation/fibers.h"

struct CUgraph_st {
  std::vector<cnn::emulation::Capture::Node> nodes;
};
using cudaGraph_t = CUgraph_st*;
struct CUgraphExec_st {
  std::vector<cnn::emulation::Capture::Node> nodes;
  uint64_t last = 0;  // the end of its latest launch
};
using cudaGraphExec_t = CUgraphExec_st*;
using cudaGraphNode_t = void*;
enum cudaStreamCaptureStatus {
  cudaStreamCaptureStatusNone,
  cudaStreamCaptureStatusActive,
  cudaStreamCaptureStatusInvalidated
};
enum cudaGraphDebugDotFlags { cudaGraphDebugDotFlagsVerbose = 1 };

namespace cnn::emulation {

// Under way on any stream.
inline std::set<Capture*>& captures() {
  static auto* const c = new std::set<Capture*>;
  return *c;
}
inline cudaStreamCaptureMode& capture_mode() {  // of the calls that this thread makes
  thread_local cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  return mode;
}

// Whoever makes one of the calls that are no work for a stream, like cudaMalloc.
inline cudaError_t unsafe_call() {
  if (capture_mode() == cudaStreamCaptureModeRelaxed) return cudaSuccess;
  cudaError_t error = cudaSuccess;
  for (Capture* const c : captures()) {
    const bool own = c->thread == std::this_thread::get_id();
    const bool upset = own ? c->mode != cudaStreamCaptureModeRelaxed
                           : c->mode == cudaStreamCaptureModeGlobal && capture_mode() == cudaStreamCaptureModeGlobal;
    if (!upset) continue;
    c->invalid = true;
    error = cudaErrorStreamCaptureUnsupported;
  }
  return error;
}

// Whoever waits for the stream, or asks how far it has come.
inline cudaError_t wait_for(cudaStream_t stream) {
  const auto& capture = queue().stream(stream).capture;
  if (!capture) return unsafe_call();
  capture->invalid = true;
  return cudaErrorStreamCaptureUnsupported;
}
inline cudaError_t wait_for(const CUevent_st& event) { return event.capture ? cudaErrorCapturedEvent : unsafe_call(); }
inline cudaError_t wait_for_device(int device) {
  for (Capture* const c : captures())
    for (const CUstream_st* const s : c->streams) {
      if (s->device != device) continue;
      c->invalid = true;
      return cudaErrorStreamCaptureUnsupported;
    }
  return unsafe_call();
}

// The stream's next work comes after the event. A stream that waits for an event of a capture takes part in it.
inline cudaError_t await(cudaStream_t stream, const CUevent_st& event) {
  CUstream_st& s = queue().stream(stream);
  if (!event.capture && !s.capture) {
    queue().await(stream, event);
    return cudaSuccess;
  }
  if (!event.capture) {  // what is not recorded cannot be waited for at each replay
    s.capture->invalid = true;
    return cudaErrorStreamCaptureIsolation;
  }
  if (!captures().count(event.capture.get())) return cudaErrorCapturedEvent;
  if (s.capture && s.capture != event.capture) {
    s.capture->invalid = event.capture->invalid = true;
    return cudaErrorStreamCaptureMerge;
  }
  if (queue().is_null(s)) {
    event.capture->invalid = true;
    return cudaErrorStreamCaptureImplicit;
  }
  s.capture = event.capture;
  s.capture->streams.insert(&s);
  s.tips.insert(s.tips.end(), event.nodes.begin(), event.nodes.end());
  return cudaSuccess;
}

// Has the capture's first stream waited for the work of all others?
inline bool joined(const Capture& c) {
  std::set<size_t> before(c.origin->tips.begin(), c.origin->tips.end());
  for (size_t n = c.nodes.size(); n-- > 0;)
    if (before.count(n)) before.insert(c.nodes[n].after.begin(), c.nodes[n].after.end());
  for (const CUstream_st* const s : c.streams)
    for (const size_t tip : s->tips)
      if (!before.count(tip)) return false;
  return true;
}

}  // namespace cnn::emulation

inline cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  std::swap(*mode, cnn::emulation::capture_mode());
  return cudaSuccess;
}
inline cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const cnn::emulation::Access lock;
  static uint64_t id = 0;
  CUstream_st& s = cnn::emulation::queue().stream(stream);
  if (cnn::emulation::queue().is_null(s)) return cudaErrorStreamCaptureUnsupported;
  if (s.capture) return cudaErrorIllegalState;
  s.capture = std::make_shared<cnn::emulation::Capture>(cnn::emulation::Capture{&s, mode, ++id});
  s.capture->streams.insert(&s);
  s.tips.clear();
  cnn::emulation::captures().insert(s.capture.get());
  return cudaSuccess;
}
inline cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const cnn::emulation::Access lock;
  *graph = nullptr;
  const auto capture = cnn::emulation::queue().stream(stream).capture;
  if (!capture) return cudaErrorIllegalState;
  if (capture->origin != stream) return cudaErrorStreamCaptureUnmatched;
  if (capture->mode != cudaStreamCaptureModeRelaxed && capture->thread != std::this_thread::get_id())
    return cudaErrorStreamCaptureWrongThread;
  const bool whole = joined(*capture);
  for (CUstream_st* const s : capture->streams) {
    s->capture = nullptr;
    s->tips.clear();
  }
  cnn::emulation::captures().erase(capture.get());
  if (capture->invalid) return cudaErrorStreamCaptureInvalidated;
  if (!whole) return cudaErrorStreamCaptureUnjoined;
  *graph = new CUgraph_st{std::move(capture->nodes)};
  return cudaSuccess;
}
inline cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status,
                                            unsigned long long* id = nullptr) {
  const cnn::emulation::Access lock;
  const CUstream_st& s = cnn::emulation::queue().stream(stream);
  *status = !s.capture           ? cudaStreamCaptureStatusNone
            : s.capture->invalid ? cudaStreamCaptureStatusInvalidated
                                 : cudaStreamCaptureStatusActive;
  if (id && s.capture) *id = s.capture->id;
  return cudaSuccess;
}
inline cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return cudaStreamGetCaptureInfo(stream, status);
}

inline cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t*, size_t* count) {
  *count = graph->nodes.size();
  return cudaSuccess;
}
inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long = 0) {
  *exec = new CUgraphExec_st{graph->nodes};
  return cudaSuccess;
}
inline cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  const cnn::emulation::Access lock;
  cnn::emulation::counts().launches += !cnn::emulation::queue().stream(stream).capture;
  cnn::emulation::queue().add_graph(stream, exec->nodes, exec->last);
  return cudaSuccess;
}
inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}
inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
inline cudaError_t cudaGraphDebugDotPrint(cudaGraph_t graph, const char* path, unsigned) {
  std::FILE* const file = std::fopen(path, "w");
  if (!file) return cudaErrorInvalidValue;
  std::fprintf(file, "digraph {\n");
  for (size_t n = 0; n < graph->nodes.size(); ++n)
    for (const size_t before : graph->nodes[n].after) std::fprintf(file, "  %zu -> %zu\n", before, n);
  std::fprintf(file, "}\n");
  std::fclose(file);
  return cudaSuccess;
}
