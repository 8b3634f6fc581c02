// Opens the CUDA plug-in, libcnn_cuda, at first use, and remembers why it could not be used.
#include "cnn/cuda.h"

#include <dlfcn.h>
#include <pthread.h>

#include <string>

#include "cnn/check.h"
#include "core/cuda_plugin.h"

namespace cnn {
namespace {

struct Plugin {
  const CudaPlugin* calls = nullptr;
  std::string reason;
};

thread_local int current_device = 0;
bool forked = false;  // after the plug-in was opened: the driver's state does not outlive a fork
std::atomic<const CudaPlugin*> opened_plugin{nullptr};  // for those who ask without wanting to open it

std::string own_directory() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<const void*>(&cuda_device_count), &info) || !info.dli_fname) return "";
  const std::string path = info.dli_fname;
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

Plugin open_plugin() {
  Plugin plugin;
  const std::string path = own_directory() + "libcnn_cuda.so";
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = dlerror();
    plugin.reason = "the CUDA plug-in could not be opened (" + std::string(why ? why : "unknown error") +
                    "); it needs a build with CNN_CUDA=ON and the extra cnn[cuda]";
    return plugin;
  }
  const auto abi = reinterpret_cast<int (*)()>(dlsym(library, "cnn_cuda_abi"));
  const auto start = reinterpret_cast<const CudaPlugin* (*)(const char**)>(dlsym(library, "cnn_cuda_start"));
  if (!abi || !start || abi() != kCudaPluginAbi) {
    plugin.reason = "the CUDA plug-in " + path + " was built for another version of cnn; reinstall cnn[cuda]";
    return plugin;
  }
  const char* why = nullptr;
  plugin.calls = start(&why);
  opened_plugin = plugin.calls;
  if (!plugin.calls) plugin.reason = why ? why : "no CUDA device";
  else pthread_atfork(nullptr, nullptr, [] { forked = true; });
  return plugin;
}

const Plugin& plugin() {
  static const Plugin* const p = new Plugin(open_plugin());
  return *p;
}

const CudaPlugin& calls() {
  const Plugin& p = plugin();
  check(p.calls != nullptr, "", "CUDA is not available: ", p.reason);
  check(!forked, "",
        "Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, you must use the 'spawn' "
        "start method");
  return *p.calls;
}

// The plug-in, with the device selected; see cuda_calls.
const CudaPlugin& calls_on(int index, bool tells = true) {
  const CudaPlugin& p = calls();
  check(index >= 0 && index < p.devices, "", "CUDA error: invalid device ordinal: cuda:", index, " of ", p.devices,
        " devices");
  tells ? p.enter(index) : p.select(index);
  return p;
}

}  // namespace

bool cuda_is_available() { return plugin().calls != nullptr; }
std::string cuda_unavailable_reason() { return plugin().reason; }
bool cuda_is_initialized() { return opened_plugin.load(std::memory_order_acquire) != nullptr; }
int cuda_device_count() { return plugin().calls ? plugin().calls->devices : 0; }

Device cuda_device(Device device) {
  if (device.index < 0) device.index = int8_t(current_device);
  calls_on(device.index);
  return device;
}
const Backend& cuda_backend(Device device) {
  return *calls_on(device.index < 0 ? current_device : device.index).backend;
}

int cuda_current_device() {
  calls();
  return current_device;
}
void cuda_set_device(int index) {
  calls_on(index, false);
  current_device = index;
}
std::string cuda_device_name(int index) { return calls_on(index).properties(index).name; }
void cuda_synchronize(int index) { calls_on(index).synchronize(); }
void cuda_empty_cache() { calls().empty_cache(); }
CudaMemory cuda_memory(int index) { return calls_on(index).memory(index); }

void cuda_copy(void* to, Device there, const void* from, Device here, size_t nbytes, bool non_blocking) {
  calls_on(there.is_cuda() ? there.index : here.index).copy(to, there, from, here, nbytes, non_blocking);
}
Ref<Storage> cuda_pinned_storage(size_t nbytes) {
  const CudaPlugin& p = calls_on(cuda_current_device());
  return make_ref<Storage>(p.allocate_pinned(nbytes), nbytes, kCpu, p.free_pinned, nullptr);
}
bool cuda_is_pinned(const void* data) {
  const CudaPlugin* const p = opened_plugin.load(std::memory_order_acquire);
  return p && !forked && data && p->is_pinned(data);
}

const CudaPlugin& cuda_calls(int index, bool tells) {
  return calls_on(index < 0 ? cuda_current_device() : index, tells);
}

bool cuda_is_recorded(int index) {
  const CudaPlugin* const p = opened_plugin.load(std::memory_order_acquire);
  if (!p || forked || index >= p->devices) return false;
  p->select(index);
  return p->is_capturing(p->stream());
}

std::atomic<bool> cuda_has_streams{false};
void cuda_set_stream(int index, CudaStream stream) {
  if (stream) cuda_has_streams = true;
  cuda_calls(index, false).set_stream(stream);
}
void JoinedStreams::join(bool in) {
  const CudaPlugin* const p = opened_plugin.load(std::memory_order_acquire);
  if (p && !forked) p->join_streams(in);
}
void JoinedStreams::leave() noexcept {
  try {
    join(false);
  } catch (...) {  // out of memory, or a device that is lost: whoever waits for it is told
  }
}

}  // namespace cnn
