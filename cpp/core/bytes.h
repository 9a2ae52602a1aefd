// Bytes of a file or of memory, read only when they are needed.
#pragma once
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

namespace incache {

class Bytes {
 public:
  virtual ~Bytes() = default;
  virtual uint64_t size() const = 0;
  // Copies [first, first + count), which must lie inside. Throws an Error when the file cannot be read.
  virtual void read(uint64_t first, uint64_t count, void *to) const = 0;
};

// Throws an Error (INCACHE_ABSENT) with the reason when the file cannot be opened.
std::unique_ptr<Bytes> openFile(const std::string &path);
// The memory must outlive what is returned.
std::unique_ptr<Bytes> viewMemory(const void *bytes, uint64_t length);

}  // namespace incache
