#include "bytes.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "error.h"

namespace incache {
namespace {

class FileBytes : public Bytes {
 public:
  explicit FileBytes(const std::string &path) : path_(path), file_(path, std::ios::binary | std::ios::ate) {
    if (!file_) throw Error(INCACHE_ABSENT, "cannot open " + path + ": " + std::strerror(errno));
    const std::streamoff end = file_.tellg();
    if (end < 0) throw Error(INCACHE_ABSENT, "cannot read " + path + ": it has no size");
    size_ = static_cast<uint64_t>(end);
  }
  uint64_t size() const override { return size_; }
  void read(uint64_t first, uint64_t count, void *to) const override {
    std::lock_guard lock(mutex_);
    file_.clear();
    file_.seekg(static_cast<std::streamoff>(first));
    file_.read(static_cast<char *>(to), static_cast<std::streamsize>(count));
    if (static_cast<uint64_t>(file_.gcount()) != count)
      throw Error(INCACHE_BAD_PLAN, "cannot read " + path_ + ": it ends or fails at byte " + std::to_string(first));
  }

 private:
  const std::string path_;
  mutable std::mutex mutex_;
  mutable std::ifstream file_;
  uint64_t size_ = 0;
};

class MemoryBytes : public Bytes {
 public:
  MemoryBytes(const void *bytes, uint64_t length) : bytes_(static_cast<const char *>(bytes)), length_(length) {}
  uint64_t size() const override { return length_; }
  void read(uint64_t first, uint64_t count, void *to) const override { std::memcpy(to, bytes_ + first, count); }

 private:
  const char *bytes_;
  uint64_t length_;
};

}  // namespace

std::unique_ptr<Bytes> openFile(const std::string &path) { return std::make_unique<FileBytes>(path); }
std::unique_ptr<Bytes> viewMemory(const void *bytes, uint64_t length) { return std::make_unique<MemoryBytes>(bytes, length); }

}  // namespace incache
