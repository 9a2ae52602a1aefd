// A safetensors file: eight bytes with the length of a JSON header, the header, the data of the tensors.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bytes.h"
#include "incache.h"

namespace incache {

struct StoredTensor {
  incache_type type;
  uint64_t elements;
  uint64_t first, bytes;
};

class Safetensors {
 public:
  // Throws an Error (INCACHE_BAD_PLAN) for a header that is damaged or points outside the file.
  explicit Safetensors(std::unique_ptr<Bytes> bytes);
  // These throw an Error (INCACHE_BAD_PLAN) for what the file does not have.
  const std::string &metadata(const std::string &name) const;
  const StoredTensor &tensor(const std::string &name) const;
  std::vector<char> read(const StoredTensor &tensor) const;

 private:
  std::unique_ptr<Bytes> bytes_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, StoredTensor> tensors_;
};

}  // namespace incache
