#include "cuda_library.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "error.h"

#ifndef _WIN32
#include <dlfcn.h>
#include <unistd.h>
#endif

namespace incache {
namespace {

[[noreturn]] void absent(const std::string &reason) { throw Error(INCACHE_ABSENT, "cuda is absent: " + reason); }

#ifdef _WIN32

CudaPluginEntry entryOf(const std::string &) { absent("its plugin is not built for Windows"); }
std::string pluginPath() { return {}; }

#else

// A path in the folder of the shared library or program that contains this code.
std::string defaultPath() {
  Dl_info info;
  static const char place = 0;
  if (!dladdr(&place, &info) || !info.dli_fname) absent("the folder of the library is not known; expected INCACHE_CUDA_LIBRARY");
  const std::string library = info.dli_fname;
  const size_t slash = library.rfind('/');
  return (slash == std::string::npos ? "." : library.substr(0, slash)) + "/libincache_cuda.so";
}

std::string pluginPath() {
  const char *given = std::getenv("INCACHE_CUDA_LIBRARY");
  if (given && *given) return given;
  const std::string path = defaultPath();
  if (access(path.c_str(), F_OK) != 0) absent("its plugin was not built (there is no " + path + ")");
  return path;
}

CudaPluginEntry entryOf(const std::string &path) {
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    absent(reason ? reason : path + " cannot be opened");
  }
  const auto entry = reinterpret_cast<CudaPluginEntry>(dlsym(library, kCudaPluginSymbol));
  if (!entry) absent(path + " is no plugin of incache");
  return entry;
}

#endif

const CudaPlugin &checked(const CudaPlugin *plugin, const std::string &path) {
  if (std::strcmp(plugin->version, INCACHE_VERSION) != 0)
    absent(path + " is of version " + plugin->version + "; expected " + INCACHE_VERSION);
  if (plugin->layout != cudaPluginLayout()) absent(path + " was built from other sources or by another compiler than the library");
  return *plugin;
}

}  // namespace

const CudaPlugin &cudaPlugin() {
  static std::mutex mutex;
  static std::map<std::string, const CudaPlugin *> opened;
  std::lock_guard lock(mutex);
  const std::string path = pluginPath();
  const CudaPlugin *&plugin = opened[path];
  if (!plugin) plugin = &checked(entryOf(path)(), path);
  return *plugin;
}

}  // namespace incache
