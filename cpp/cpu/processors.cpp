#include "processors.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <thread>
#include <vector>

namespace incache {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

std::vector<std::string> split(const std::string &text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

// The numbers at the start of a file; none if it says `max`, is empty or does not exist.
std::vector<double> numbersIn(const std::string &path) {
  std::ifstream file(path);
  std::vector<double> numbers;
  for (double number; file >> number;) numbers.push_back(number);
  return numbers;
}

double quotient(const std::vector<double> &quota, const std::vector<double> &period) {
  if (quota.empty() || period.empty()) return kUnlimited;
  const double processors = quota[0] / period[0];
  return std::isfinite(processors) && processors > 0 ? processors : kUnlimited;
}

double quotaOfVersion2(const std::string &folder) {
  const std::vector<double> numbers = numbersIn(folder + "/cpu.max");
  return numbers.size() < 2 ? kUnlimited : quotient({numbers[0]}, {numbers[1]});
}

double quotaOfVersion1(const std::string &folder) {
  return quotient(numbersIn(folder + "/cpu.cfs_quota_us"), numbersIn(folder + "/cpu.cfs_period_us"));
}

// The paths of the process's groups by controller. The controller of version 2 has an empty name.
std::map<std::string, std::string> groupPaths(const std::string &root) {
  std::map<std::string, std::string> paths;
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty()) paths[""] = line.substr(second + 1);
    for (const std::string &controller : split(controllers, ',')) paths[controller] = line.substr(second + 1);
  }
  return paths;
}

// The parts of `path` below `mounted`. In a container the path may begin above the mount point, so the common part is left out.
std::vector<std::string> partsBelow(const std::string &path, const std::string &mounted) {
  std::vector<std::string> parts = split(path, '/'), above = split(mounted, '/');
  const auto isEmpty = [](const std::string &part) { return part.empty(); };
  parts.erase(std::remove_if(parts.begin(), parts.end(), isEmpty), parts.end());
  above.erase(std::remove_if(above.begin(), above.end(), isEmpty), above.end());
  if (above.size() > parts.size() || !std::equal(above.begin(), above.end(), parts.begin())) return {};
  parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(above.size()));
  return parts;
}

}  // namespace

double processorQuota(const std::string &root) {
  auto paths = groupPaths(root);
  double least = kUnlimited;
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const std::vector<std::string> place = split(line.substr(0, dash), ' '), kind = split(line.substr(dash + 3), ' ');
    if (place.size() < 5 || kind.size() < 3) continue;
    const std::vector<std::string> options = split(kind[2], ',');
    const bool isVersion2 = kind[0] == "cgroup2";
    if (!isVersion2 && (kind[0] != "cgroup" || std::find(options.begin(), options.end(), "cpu") == options.end())) continue;
    const auto quotaOf = isVersion2 ? quotaOfVersion2 : quotaOfVersion1;
    std::string folder = root + place[4];
    least = std::min(least, quotaOf(folder));
    for (const std::string &part : partsBelow(paths[isVersion2 ? "" : "cpu"], place[3])) {
      folder += "/" + part;
      least = std::min(least, quotaOf(folder));
    }
  }
  return least;
}

int64_t usableProcessors(const std::string &root) {
  const int64_t present = std::max(1u, std::thread::hardware_concurrency());
  const double quota = processorQuota(root);
  return quota < static_cast<double>(present) ? std::max<int64_t>(1, static_cast<int64_t>(std::ceil(quota))) : present;
}

}  // namespace incache
