// Copies between memories. What lies in pageable memory of the host goes through pinned blocks: the driver would wait
// for all that the stream has been asked to do before it looks at such memory.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "core/parallel.h"
#include "cuda/graphs.h"
#include "cuda/memory.h"
#include "cuda/streams.h"
#include "cuda/watch.h"

namespace cnn::cuda {
namespace {

constexpr size_t kStage = size_t(4) << 20;   // bytes of a pinned block
constexpr size_t kDirect = size_t(1) << 20;  // from here on, pinned memory is read where it lies, and waited for

std::atomic<int> reports_waits{0};  // 1: a warning, 2: an error

// The program waits for the GPU here, maybe without meaning to.
void report_wait() {
  const int how = reports_waits.load(std::memory_order_relaxed);
  if (how == 0) [[likely]]
    return;
  check(how == 1, "", "called a synchronizing CUDA operation");
  warn("called a synchronizing CUDA operation");
}

void enqueue(void* to, const void* from, size_t nbytes, cudaMemcpyKind how, const char* what) {
  check_cuda(cudaMemcpyAsync(to, from, nbytes, how, stream()), what);
}

void to_gpu(char* to, const char* from, size_t nbytes, bool non_blocking) {
  constexpr const char* kWhat = "copying to the device";
  if (this_graph() && !(non_blocking && is_pinned(from))) [[unlikely]]
    refuse_in_graph(
        "copying from the CPU. Of pinned memory alone a copy can be recorded, "
        "with non_blocking=True");
  if ((non_blocking || nbytes >= kDirect) && is_pinned(from)) {
    keep_pinned_for_stream(from);
    enqueue(to, from, nbytes, cudaMemcpyHostToDevice, kWhat);
    if (non_blocking) return;
    report_wait();
    synchronize_stream(stream());
    return tell_all_notes();
  }
  for (size_t done = 0; done < nbytes;) {
    const size_t n = std::min(kStage, nbytes - done);
    const Stage stage(n);
    std::memcpy(stage.data(), from + done, n);
    keep_pinned_for_stream(stage.data());
    enqueue(to + done, stage.data(), n, cudaMemcpyHostToDevice, kWhat);
    done += n;
  }
}

// Whoever has waited tells what kernels have noted.
void to_host(void* to, const void* from, size_t nbytes, bool non_blocking) {
  constexpr const char* kWhat = "copying to the host";
  const bool leaves = non_blocking && is_pinned(to);
  if (!leaves)
    refuse_in_graph(
        "reading values of the GPU, as item(), cpu() and whatever depends on values do, waits for them. Into pinned "
        "memory alone a copy can be recorded, with non_blocking=True");
  if (!leaves) report_wait();
  const WorkScope others_run(leaves ? 0 : 2 * WorkScope::kWorthwhileNs);
  if (!stream() && !non_blocking) {
    check_cuda(cudaMemcpy(to, from, nbytes, cudaMemcpyDeviceToHost), kWhat);
    return tell_all_notes();
  }
  if (leaves) keep_pinned_for_stream(to);
  enqueue(to, from, nbytes, cudaMemcpyDeviceToHost, kWhat);
  if (leaves) return;
  synchronize_stream(stream());
  tell_all_notes();
}

// On the stream of the device that has it, between the work of both.
void to_other_gpu(void* to, int there, const void* from, int here, size_t nbytes) {
  const Selected source(here);
  const cudaStream_t giving = stream_on(here), taking = stream_on(there);
  refuse_in_graph(giving, "copying to another GPU");
  refuse_in_graph(taking, "copying from another GPU");
  Mark ready(there, taking);
  ready.hold(here, giving);
  ready.forget();
  check_cuda(cudaMemcpyPeerAsync(to, there, from, here, nbytes, giving), "copying between devices");
  Mark done(here, giving);
  done.hold(there, taking);
  done.forget();
}

}  // namespace

void set_reports_waits(int how) { reports_waits = how; }
int get_reports_waits() { return reports_waits; }

void copy_on_device(void* to, const void* from, size_t nbytes) {
  if (nbytes) enqueue(to, from, nbytes, cudaMemcpyDeviceToDevice, "copying on the device");
}

void copy_bytes(void* to, Device there, const void* from, Device here, size_t nbytes, bool non_blocking) {
  if (nbytes == 0) return;
  if (here.is_cpu()) {
    to_gpu(static_cast<char*>(to), static_cast<const char*>(from), nbytes, non_blocking);
  } else if (there.is_cpu()) {
    to_host(to, from, nbytes, non_blocking);
  } else {
    to_other_gpu(to, there.index, from, here.index, nbytes);
  }
}

Scalar read_element(const TensorImpl& x) {
  alignas(8) char bytes[8];
  const char* p = static_cast<const char*>(x.storage->data()) + x.offset * item_size(x.dtype);
  to_host(bytes, p, size_t(item_size(x.dtype)), false);
  return visit_any_dtype(x.dtype, [&]<class T>() -> Scalar {
    if constexpr (std::is_same_v<T, bool>) return Scalar(bytes[0] != 0);
    T value;
    std::memcpy(&value, bytes, sizeof value);
    if constexpr (std::is_same_v<T, uint64_t>) return Scalar::of_unsigned(value);
    else if constexpr (std::is_integral_v<T>) return Scalar(int64_t(value));
    else return Scalar(double(value));
  });
}

}  // namespace cnn::cuda
