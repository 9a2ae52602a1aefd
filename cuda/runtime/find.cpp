#include "find.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <sstream>

#include "check.h"

namespace incache::cuda {
namespace {

constexpr int kLeastCapability = 80;

[[noreturn]] void absent(const std::string &reason) { throw Error(INCACHE_ABSENT, reason); }

// 13020 -> 13.2
std::string versionText(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

// A driver serves every runtime of its own major version and of those before.
void requireDriver() {
  int driver = 0, runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  if (driver == 0) absent("there is no CUDA driver");
  const int least = runtime / 1000 * 1000;
  if (driver < least) absent("the driver is for CUDA " + versionText(driver) + "; expected " + versionText(least) + " or later");
}

int countDevices() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess) return count;
  cudaGetLastError();
  if (error == cudaErrorNoDevice) return 0;
  absent(messageOf("GPUs cannot be listed", error));
}

constexpr struct {
  const char *name;
  bool Unproven::*of;
} kUnproven[] = {{"alternating", &Unproven::alternating}, {"wide", &Unproven::wide},     {"stacked", &Unproven::stacked},
                 {"attention", &Unproven::attention},     {"narrow", &Unproven::narrow}, {"convolution", &Unproven::convolution}};

std::string namesOfUnproven() {
  std::string names;
  for (const auto &kernel : kUnproven) names += (names.empty() ? "" : ", ") + std::string(kernel.name);
  return names;
}

Unproven unprovenOf(const std::string &text) {
  if (text == "1") return kAllUnproven;
  Unproven admitted;
  std::istringstream names(text);
  for (std::string name; std::getline(names, name, ',');) {
    const auto found = std::find_if(std::begin(kUnproven), std::end(kUnproven), [&](const auto &kernel) { return name == kernel.name; });
    if (found == std::end(kUnproven))
      throw Error(INCACHE_BAD_ARGUMENT, "INCACHE_CUDA_UNPROVEN names '" + name + "'; expected 1, or " + namesOfUnproven() + " with commas between");
    admitted.*found->of = true;
  }
  return admitted;
}

}  // namespace

cudaDeviceProp propertiesOf(int index) {
  requireDriver();
  const int count = countDevices();
  if (count == 0) absent("the driver finds no GPU");
  if (count == 1 && index > 0) absent("there is one GPU, cuda:0");
  if (index >= count) absent("there are " + std::to_string(count) + " GPUs, the last one cuda:" + std::to_string(count - 1));
  cudaDeviceProp properties;
  check("its properties cannot be read", cudaGetDeviceProperties(&properties, index));
  if (properties.major * 10 + properties.minor < kLeastCapability)
    absent(std::string(properties.name) + " has compute capability " + std::to_string(properties.major) + "." + std::to_string(properties.minor) +
           "; expected 8.0 or more");
  return properties;
}

Chip chipOf(const cudaDeviceProp &properties) {
  const char *unproven = std::getenv("INCACHE_CUDA_UNPROVEN");
  return {properties.major * 10 + properties.minor, properties.multiProcessorCount, static_cast<int64_t>(properties.sharedMemPerBlockOptin),
          unprovenOf(unproven ? unproven : "")};
}

}  // namespace incache::cuda
