// Opens the CUDA plug-in, libcnn_cuda, at first use, and remembers why it could not be used.
#include "cnn/cuda.h"

#include <dlfcn.h>

#include <string>

#include "backend.h"
#include "cnn/check.h"

namespace cnn {
namespace {

constexpr int kPluginAbi = 1;  // raised whenever Backend changes

struct Plugin {
  const Backend* backend = nullptr;
  int devices = 0;
  std::string reason;
};

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
                    "); install the extra cnn[cuda]";
    return plugin;
  }
  const auto abi = reinterpret_cast<int (*)()>(dlsym(library, "cnn_cuda_abi"));
  const auto start = reinterpret_cast<const Backend* (*)(int*, const char**)>(dlsym(library, "cnn_cuda_start"));
  if (!abi || !start || abi() != kPluginAbi) {
    plugin.reason = "the CUDA plug-in " + path + " was built for another version of cnn; reinstall cnn[cuda]";
    return plugin;
  }
  const char* why = nullptr;
  plugin.backend = start(&plugin.devices, &why);
  if (!plugin.backend) plugin.reason = why ? why : "no CUDA device";
  return plugin;
}

const Plugin& plugin() {
  static const Plugin* const p = new Plugin(open_plugin());
  return *p;
}

}  // namespace

const Backend& cuda_backend() {
  const Plugin& p = plugin();
  check(p.backend != nullptr, "", "CUDA is not available: ", p.reason);
  return *p.backend;
}
bool cuda_is_available() { return plugin().backend != nullptr; }
std::string cuda_unavailable_reason() { return plugin().reason; }
int cuda_device_count() { return plugin().devices; }

}  // namespace cnn
