// A strict reader of JSON (RFC 8259), for files that may come from anywhere: bounded in depth, and it never
// reads past the text it was given.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace incache {

struct Json {
  enum class Kind { null, boolean, number, string, list, object };
  Kind kind = Kind::null;
  bool boolean = false;
  double number = 0;
  std::string string;
  std::vector<Json> list;
  // In the order of the text; no name occurs twice.
  using Members = std::vector<std::pair<std::string, Json>>;
  Members members;

  Json() = default;
  explicit Json(double value) : kind(Kind::number), number(value) {}
  explicit Json(std::string value) : kind(Kind::string), string(std::move(value)) {}
  explicit Json(std::vector<Json> items) : kind(Kind::list), list(std::move(items)) {}
  explicit Json(Members given) : kind(Kind::object), members(std::move(given)) {}

  const Json *find(const std::string &name) const;
};

// Throws an Error (INCACHE_BAD_PLAN) that names the byte at which the text stops being JSON.
Json parseJson(const char *text, size_t length);

}  // namespace incache
