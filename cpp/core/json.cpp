#include "json.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "error.h"

namespace incache {

const Json *Json::find(const std::string &name) const {
  for (const auto &[key, value] : members)
    if (key == name) return &value;
  return nullptr;
}

namespace {

constexpr int kDeepest = 32;
// The header of a checkpoint with 100,000 tensors has a million values. A value takes far more memory than its text.
constexpr int64_t kMostValues = int64_t{1} << 22;

class Reader {
 public:
  Reader(const char *text, size_t length) : start_(text), at_(text), end_(text + length) {}

  Json document() {
    Json value = read(0);
    space();
    if (at_ != end_) fail("more text after the value");
    return value;
  }

 private:
  const char *start_;
  const char *at_;
  const char *end_;
  int64_t values_ = 0;

  [[noreturn]] void fail(const char *problem) const {
    throw Error(INCACHE_BAD_PLAN,
                std::string("not JSON: ") + problem + " at byte " + std::to_string(at_ - start_));
  }

  void space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) at_++;
  }

  char peek() const { return at_ == end_ ? '\0' : *at_; }

  bool take(char wanted) {
    space();
    if (at_ == end_ || *at_ != wanted) return false;
    at_++;
    return true;
  }

  Json read(int depth) {
    if (depth > kDeepest) fail("nested too deeply");
    if (++values_ > kMostValues) fail("too many values");
    space();
    Json value;
    switch (peek()) {
      case '{':
        at_++;
        object(value, depth);
        return value;
      case '[':
        at_++;
        list(value, depth);
        return value;
      case '"':
        return Json(string());
      case 't':
        return word("true", Json::Kind::boolean);
      case 'f':
        return word("false", Json::Kind::boolean);
      case 'n':
        return word("null", Json::Kind::null);
      default:
        return Json(number());
    }
  }

  void object(Json &value, int depth) {
    value.kind = Json::Kind::object;
    if (take('}')) return;
    do {
      space();
      if (peek() != '"') fail("expected a name");
      std::string name = string();
      if (!take(':')) fail("expected ':'");
      value.members.emplace_back(std::move(name), read(depth + 1));
    } while (take(','));
    if (!take('}')) fail("expected ',' or '}'");
    requireDistinct(value);
  }

  // Sorts the names instead of comparing all pairs: the header of a large model has thousands.
  void requireDistinct(const Json &value) const {
    std::vector<const std::string *> names;
    for (const auto &member : value.members) names.push_back(&member.first);
    std::sort(names.begin(), names.end(), [](const auto *a, const auto *b) { return *a < *b; });
    const auto same = [](const auto *a, const auto *b) { return *a == *b; };
    if (std::adjacent_find(names.begin(), names.end(), same) != names.end()) fail("a name given twice in the object");
  }

  void list(Json &value, int depth) {
    value.kind = Json::Kind::list;
    if (take(']')) return;
    do value.list.push_back(read(depth + 1));
    while (take(','));
    if (!take(']')) fail("expected ',' or ']'");
  }

  Json word(const char *text, Json::Kind kind) {
    for (; *text; text++, at_++)
      if (peek() != *text) fail("unexpected character");
    Json value;
    value.kind = kind;
    value.boolean = at_[-1] == 'e' && at_[-2] == 'u';
    return value;
  }

  bool digit() const { return peek() >= '0' && peek() <= '9'; }

  void digits(const char *problem) {
    if (!digit()) fail(problem);
    while (digit()) at_++;
  }

  // Finds the end of a number by the grammar of RFC 8259, because from_chars accepts more, such as inf, 007 and "1.".
  double number() {
    const char *const first = at_;
    if (peek() == '-') at_++;
    const bool zero = peek() == '0';
    digits("expected a value");
    if (zero && at_ - first > (*first == '-' ? 2 : 1)) fail("a number that begins with 0");
    if (peek() == '.') {
      at_++;
      digits("expected a digit after the point");
    }
    if (peek() == 'e' || peek() == 'E') {
      at_++;
      if (peek() == '+' || peek() == '-') at_++;
      digits("expected a digit of the exponent");
    }
    double value = 0;
    const auto [next, error] = std::from_chars(first, at_, value);
    if (error != std::errc() || next != at_ || !std::isfinite(value)) fail("a number out of range");
    return value;
  }

  std::string string() {
    std::string text;
    at_++;
    while (true) {
      if (at_ == end_) fail("a string without an end");
      const char c = *at_++;
      if (c == '"') return text;
      if (static_cast<unsigned char>(c) < 0x20) fail("a control character in a string");
      if (c == '\\')
        escape(text);
      else if (static_cast<unsigned char>(c) < 0x80)
        text += c;
      else
        multibyte(text);
    }
  }

  // Reads a character of two to four bytes, the first of which has been taken. Refuses overlong forms, surrogates and code points
  // beyond Unicode.
  void multibyte(std::string &text) {
    const unsigned lead = static_cast<unsigned char>(at_[-1]);
    const int more = lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf5 ? 3 : 0;
    if (more == 0 || end_ - at_ < more) fail("a byte that is not UTF-8");
    unsigned code = lead & (0x3fu >> more);
    for (int i = 0; i < more; i++) {
      const unsigned byte = static_cast<unsigned char>(at_[i]);
      if ((byte & 0xc0) != 0x80) fail("a byte that is not UTF-8");
      code = code << 6 | (byte & 0x3f);
    }
    const bool overlong = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
    if (overlong || isSurrogate(code) || code > 0x10ffff) fail("a byte that is not UTF-8");
    text.append(at_ - 1, static_cast<size_t>(more) + 1);
    at_ += more;
  }

  void escape(std::string &text) {
    static const std::string from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
    if (at_ == end_) fail("a string without an end");
    const char c = *at_++;
    const size_t place = from.find(c);
    if (place != std::string::npos)
      text += to[place];
    else if (c == 'u')
      utf8(text, character());
    else
      fail("an unknown escape");
  }

  unsigned hex() {
    unsigned value = 0;
    if (end_ - at_ < 4) fail("a string without an end");
    const auto [next, error] = std::from_chars(at_, at_ + 4, value, 16);
    if (error != std::errc() || next != at_ + 4) fail("expected four hexadecimal digits");
    at_ = next;
    return value;
  }

  static bool isSurrogate(unsigned code) { return code >= 0xd800 && code < 0xe000; }

  // Refuses the zero character: names are given to C, where it would end them.
  unsigned character() {
    const unsigned code = hex();
    if (code == 0) fail("the character 0 in a string");
    if (!isSurrogate(code)) return code;
    // A character outside the basic plane is written as two escapes.
    const bool paired = code < 0xdc00 && end_ - at_ >= 2 && at_[0] == '\\' && at_[1] == 'u';
    if (!paired) fail("half of a surrogate pair");
    at_ += 2;
    const unsigned low = hex();
    if (low < 0xdc00 || low >= 0xe000) fail("half of a surrogate pair");
    return 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
  }

  static void utf8(std::string &text, unsigned code) {
    if (code < 0x80) {
      text += static_cast<char>(code);
    } else if (code < 0x800) {
      text += static_cast<char>(0xc0 | code >> 6);
      text += static_cast<char>(0x80 | (code & 0x3f));
    } else {
      if (code < 0x10000) {
        text += static_cast<char>(0xe0 | code >> 12);
      } else {
        text += static_cast<char>(0xf0 | code >> 18);
        text += static_cast<char>(0x80 | (code >> 12 & 0x3f));
      }
      text += static_cast<char>(0x80 | (code >> 6 & 0x3f));
      text += static_cast<char>(0x80 | (code & 0x3f));
    }
  }
};

}  // namespace

Json parseJson(const char *text, size_t length) { return Reader(text, length).document(); }

}  // namespace incache
