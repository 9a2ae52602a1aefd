// Fuzz target: bytes that may be JSON. What is accepted is written and read again, and must be the same.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../core/error.h"
#include "../core/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace {

using incache::Json;

void writeString(std::string &text, const std::string &value) {
  text += '"';
  for (const char c : value) {
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned char>(c));
    // Bytes of UTF-8 are above all that must be escaped.
    if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\')
      text += escaped;
    else
      text += c;
  }
  text += '"';
}

void writeValue(std::string &text, const Json &value) {
  switch (value.kind) {
    case Json::Kind::null:
      text += "null";
      break;
    case Json::Kind::boolean:
      text += value.boolean ? "true" : "false";
      break;
    case Json::Kind::number: {
      char digits[64];
      std::snprintf(digits, sizeof digits, "%.17g", value.number);
      text += digits;
      break;
    }
    case Json::Kind::string:
      writeString(text, value.string);
      break;
    case Json::Kind::list:
      text += '[';
      for (const Json &item : value.list) {
        if (&item != value.list.data()) text += ',';
        writeValue(text, item);
      }
      text += ']';
      break;
    case Json::Kind::object:
      text += '{';
      for (const auto &member : value.members) {
        if (&member != value.members.data()) text += ',';
        writeString(text, member.first);
        text += ':';
        writeValue(text, member.second);
      }
      text += '}';
      break;
  }
}

bool same(const Json &a, const Json &b) {
  if (a.kind != b.kind || a.boolean != b.boolean || a.string != b.string) return false;
  // Bits, so that -0 stays what it is.
  if (std::memcmp(&a.number, &b.number, sizeof a.number) != 0) return false;
  if (a.list.size() != b.list.size() || a.members.size() != b.members.size()) return false;
  for (size_t i = 0; i < a.list.size(); i++)
    if (!same(a.list[i], b.list[i])) return false;
  for (size_t i = 0; i < a.members.size(); i++)
    if (a.members[i].first != b.members[i].first || !same(a.members[i].second, b.members[i].second)) return false;
  return true;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Json value;
  try {
    value = incache::parseJson(reinterpret_cast<const char *>(data), size);
  } catch (const incache::Error &error) {
    if (error.status != INCACHE_BAD_PLAN || !*error.what()) std::abort();
    return 0;
  }
  std::string text;
  writeValue(text, value);
  if (!same(value, incache::parseJson(text.data(), text.size()))) std::abort();
  return 0;
}
