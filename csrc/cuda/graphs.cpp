#include "cuda/graphs.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "cuda/memory.h"
#include "cuda/streams.h"

namespace cnn::cuda {

std::atomic<int> captures_under_way{0};

namespace {

struct Captures {
  std::mutex mutex;
  std::vector<Graph*> graphs;  // that are being recorded
};
Captures& under_way() {
  static Captures* const c = new Captures;
  return *c;
}

Graph& as_graph(CudaGraph graph) { return *static_cast<Graph*>(graph); }

void take_off(Graph& g) {
  Captures& c = under_way();
  std::lock_guard lock(c.mutex);
  c.graphs.erase(std::find(c.graphs.begin(), c.graphs.end(), &g));
  --captures_under_way;
  g.recording = false;
}

// Ends the capture, whatever has become of it; but where another thread has to do that, it goes on.
cudaError_t end(Graph& g) {
  const cudaError_t error = cudaStreamEndCapture(g.stream, &g.recorded);
  if (error != cudaErrorStreamCaptureWrongThread) take_off(g);
  return error;
}

// Nothing raises: a graph may die with the process.
void destroy(Graph& g) {
  const Selected device(g.device);
  if (g.recording && end(g) != cudaSuccess) {
    cudaGetLastError();
    if (g.recording) take_off(g);
  }
  if (g.runs && cudaGraphExecDestroy(g.runs) != cudaSuccess) cudaGetLastError();
  if (g.recorded && cudaGraphDestroy(g.recorded) != cudaSuccess) cudaGetLastError();
  g.notes.let_go(g.device, g.latest);
  for (const Graph::Draws& d : g.draws) {
    keep_for_stream(d.of_run, g.latest);
    release(nullptr, d.of_run, 0);
  }
  for (const void* const block : g.pinned) let_go_pinned(block, g.device, g.latest);
  for (const int index : g.pools) let_go_pool(index, g.pool);
  delete &g;
}

}  // namespace

Graph* graph_of(cudaStream_t s) {
  if (!s) return nullptr;  // the default stream cannot be recorded
  Captures& c = under_way();
  std::lock_guard lock(c.mutex);
  for (Graph* const g : c.graphs)
    if (g->stream == s) return g;
  // A stream that has waited for one that is recorded is recorded with it.
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  unsigned long long id = 0;
  if (cudaStreamGetCaptureInfo(s, &status, &id) != cudaSuccess) {
    cudaGetLastError();
    return nullptr;
  }
  if (status != cudaStreamCaptureStatusActive) return nullptr;
  for (Graph* const g : c.graphs)
    if (g->id == id) return g;
  return nullptr;
}

void refuse_in_graph(void* s, const char* what) {
  if (!captures() || !graph_of(static_cast<cudaStream_t>(s))) [[likely]]
    return;
  fail(ErrorKind::Runtime, "", "operation not permitted when stream is capturing: ", what);
}
void refuse_in_graph(const char* what) { refuse_in_graph(stream(), what); }

const uint64_t* draw_in_graph(Generator& g, uint64_t count, uint64_t& first) {
  Graph* const graph = this_graph();
  if (!graph) return nullptr;
  check(graph->device == selected(), "", "operation not permitted when stream is capturing: drawing on another GPU");
  const Generator::Shared state = g.shared_state();
  auto found = std::find_if(graph->draws.begin(), graph->draws.end(), [&](const auto& d) { return d.state == state; });
  if (found == graph->draws.end()) {
    auto* const of_run = static_cast<uint64_t*>(allocate(2 * sizeof(uint64_t), selected_gpu()));
    found = graph->draws.insert(found, {state, of_run, 0});
  }
  first = found->count;
  found->count += (count + 3) / 4 * 4;
  return found->of_run;
}

namespace {
std::atomic<uint64_t> latest_pool{0};
}
uint64_t new_pool() { return ++latest_pool; }

bool is_capturing(void* s) { return captures() && graph_of(static_cast<cudaStream_t>(s)); }

CudaGraph begin_graph(uint64_t pool, int mode) {
  const cudaStream_t here = stream();
  check(here != nullptr, "",
        "CUDA graphs must be captured on a non-default stream. (However, after capture, it's ok to replay them on the "
        "default stream.)");
  refuse_in_graph("a second capture cannot begin on the same stream");
  check(pool <= latest_pool, "", "capture_begin: the pool is neither a graph's nor of graph_pool_handle()");
  tell_notes();
  collect_graph_notes();
  Graph* const g = new Graph{.device = selected(), .pool = pool ? pool : new_pool(), .stream = here};
  keep_pool(g->device, g->pool);
  g->pools.insert(g->device);
  Captures& c = under_way();
  {
    std::lock_guard lock(c.mutex);
    c.graphs.push_back(g);
    ++captures_under_way;
  }
  constexpr const char* kWhat = "beginning to record a graph";
  cudaError_t error = cudaStreamBeginCapture(here, cudaStreamCaptureMode(mode));
  if (error != cudaSuccess) take_off(*g);  // whoever else records this stream goes on
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  if (error == cudaSuccess) error = cudaStreamGetCaptureInfo(here, &status, &g->id);
  if (error != cudaSuccess) destroy(*g);
  check_cuda(error, kWhat);
  return g;
}

uint64_t pool_of(Graph& graph, int device) {
  if (graph.pools.insert(device).second) keep_pool(device, graph.pool);
  return graph.pool;
}

size_t end_graph(CudaGraph graph) {
  Graph& g = as_graph(graph);
  check(g.recording && stream() == g.stream && selected() == g.device, "",
        "Capture must end on the same stream it began on.");
  check_cuda(end(g), "ending to record a graph");
  check(g.recorded != nullptr, "", "Invalid capture.");
  size_t nodes = 0;
  check_cuda(cudaGraphGetNodes(g.recorded, nullptr, &nodes), "cudaGraphGetNodes");
  return nodes;
}

void instantiate_graph(CudaGraph graph, bool keep) {
  Graph& g = as_graph(graph);
  if (g.runs) check_cuda(cudaGraphExecDestroy(std::exchange(g.runs, nullptr)), "cudaGraphExecDestroy");
  check_cuda(cudaGraphInstantiate(&g.runs, g.recorded, 0), "making a graph that can run");
  if (!keep) check_cuda(cudaGraphDestroy(std::exchange(g.recorded, nullptr)), "cudaGraphDestroy");
}

void run_graph(CudaGraph graph) {
  Graph& g = as_graph(graph);
  check(g.runs != nullptr, "", "Called CUDAGraph::replay without a preceding successful capture.");
  refuse_in_graph("replaying a graph, whose memory would not be kept");
  if (!g.draws.empty() && g.latest != stream()) {  // what an earlier run reads is not changed before it is over
    Mark earlier(g.device, g.latest);
    earlier.hold(g.device, stream());
    earlier.forget();
  }
  for (const Graph::Draws& d : g.draws) {
    const Generator::Stretch s = Generator::take_offsets(d.state, d.count);
    const uint64_t of_run[] = {s.seed, s.offset / 4};
    copy_bytes(d.of_run, {DeviceType::Cuda, int8_t(g.device)}, of_run, kCpu, sizeof of_run, true);
  }
  check_cuda(cudaGraphLaunch(g.runs, stream()), "running a graph");
  g.latest = stream();
  g.notes.run_again();
  tell_at_once();
}

void delete_graph(CudaGraph graph) { destroy(as_graph(graph)); }

void draw_graph(CudaGraph graph, const char* path) {
  check_cuda(cudaGraphDebugDotPrint(as_graph(graph).recorded, path, cudaGraphDebugDotFlagsVerbose), "drawing a graph");
}

CudaGraphHandles graph_handles(CudaGraph graph) {
  const Graph& g = as_graph(graph);
  return {g.recorded, g.runs, g.pool, g.recording};
}

}  // namespace cnn::cuda
