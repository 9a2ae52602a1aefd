#include "safetensors.h"

#include "error.h"
#include "json_fields.h"

namespace incache {
namespace {

// The same limit as in the format's own library.
constexpr uint64_t kMostHeader = 100'000'000;

[[noreturn]] void fail(const std::string &problem) { throw Error(INCACHE_BAD_PLAN, "not a model file: " + problem); }

incache_type typeNamed(const std::string &name, const std::string &tensor) {
  if (name == "F32") return INCACHE_F32;
  if (name == "BF16") return INCACHE_BF16;
  if (name == "F16") return INCACHE_F16;
  fail("tensor '" + tensor + "' is of type " + name + "; expected F32, BF16 or F16");
}

uint64_t offset(const Json &value, const std::string &tensor) {
  // Up to 9e15 whole numbers are exact in a double.
  if (value.kind != Json::Kind::number || value.number < 0 || value.number > 9e15 || value.number != static_cast<double>(static_cast<uint64_t>(value.number)))
    fail("tensor '" + tensor + "' has an offset or size that is not a whole number");
  return static_cast<uint64_t>(value.number);
}

StoredTensor parseTensor(const Json &json, const std::string &name, uint64_t data, uint64_t size) {
  StoredTensor tensor{typeNamed(fields::text(json, "dtype", name), name), 1, 0, 0};
  for (const Json &side : fields::list(json, "shape", name)) {
    const uint64_t count = offset(side, name);
    if (count > 0 && tensor.elements > (uint64_t{1} << 40) / count) fail("tensor '" + name + "' is too large");
    tensor.elements *= count;
  }
  const auto &offsets = fields::list(json, "data_offsets", name);
  if (offsets.size() != 2) fail("tensor '" + name + "' has not two offsets");
  const uint64_t first = offset(offsets[0], name), end = offset(offsets[1], name);
  if (first > end || end > size - data) fail("tensor '" + name + "' lies outside of the file");
  tensor.first = data + first;
  tensor.bytes = end - first;
  if (tensor.bytes != tensor.elements * (tensor.type == INCACHE_F32 ? 4 : 2)) fail("tensor '" + name + "' has not the bytes of its shape");
  return tensor;
}

}  // namespace

Safetensors::Safetensors(std::unique_ptr<Bytes> bytes) : bytes_(std::move(bytes)) {
  const uint64_t size = bytes_->size();
  if (size < 8) fail("it has " + std::to_string(size) + " bytes");
  unsigned char prefix[8];
  bytes_->read(0, 8, prefix);
  uint64_t length = 0;
  for (int i = 7; i >= 0; i--) length = length << 8 | prefix[i];
  if (length > size - 8 || length > kMostHeader) fail("its header would have " + std::to_string(length) + " bytes");
  std::string header(length, '\0');
  bytes_->read(8, length, header.data());
  const Json json = parseJson(header.data(), header.size());
  if (json.kind != Json::Kind::object) fail("its header is not an object");
  for (const auto &[name, value] : json.members) {
    if (name != "__metadata__") {
      tensors_.emplace(name, parseTensor(value, name, 8 + length, size));
      continue;
    }
    for (const auto &[key, text] : value.members)
      if (text.kind == Json::Kind::string) metadata_.emplace(key, text.string);
  }
}

const std::string &Safetensors::metadata(const std::string &name) const {
  const auto found = metadata_.find(name);
  if (found == metadata_.end()) fail("its metadata has no '" + name + "'; expected a file made by incache export");
  return found->second;
}

const StoredTensor &Safetensors::tensor(const std::string &name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) fail("tensor '" + name + "' is missing");
  return found->second;
}

std::vector<char> Safetensors::read(const StoredTensor &tensor) const {
  std::vector<char> data(tensor.bytes);
  bytes_->read(tensor.first, tensor.bytes, data.data());
  return data;
}

}  // namespace incache
