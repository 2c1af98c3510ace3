// JSON to values and back.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/utf8.h"
#include "chat/jinja/big_integer.h"
#include "chat/jinja/operators.h"
#include "chat/jinja/runtime.h"
#include "chat/jinja/text.h"

namespace llm::chat::jinja {
namespace {

void append_utf16(std::string& out, char32_t c) {
  const auto unit = [&](std::uint32_t u) { out += fmt::format("\\u{:04x}", u); };
  if (c < 0x10000) return unit(c);
  unit(0xD800 + ((c - 0x10000) >> 10));
  unit(0xDC00 + ((c - 0x10000) & 0x3FF));
}

/// The two-character escape of `c`, or 0 when it has none.
char short_escape(char c) {
  switch (c) {
    case '"':
    case '\\':
      return c;
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\f':
      return 'f';
    case '\b':
      return 'b';
    default:
      return 0;
  }
}

std::string float_json(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return float_text(value);
}

/// Writes one document.
class Writer {
 public:
  Writer(Runtime& runtime, const JsonStyle& style) : runtime_(runtime), style_(style) {}

  void write(const Value& value, int level) {
    const Runtime::Nested nested(runtime_);
    runtime_.step();
    runtime_.charge(8);
    switch (value.kind()) {
      case Kind::none:
        out += "null";
        return;
      case Kind::boolean:
        out += value.boolean() ? "true" : "false";
        return;
      case Kind::integer:
      case Kind::big_integer:
        append_repr(runtime_, out, value);
        return;
      case Kind::floating:
        out += float_json(value.floating());
        return;
      case Kind::string:
        return write_string(value.text());
      case Kind::list:
      case Kind::tuple:
        return write_array(value, level);
      case Kind::dict:
        return write_object(value.dict(), level);
      default:
        refuse("tojson: a value of type {} cannot be written as JSON", type_name(value));
    }
  }

  std::string out;

 private:
  void write_string(const std::string& text) {
    runtime_.charge(text.size());
    out += '"';
    for (std::size_t at = 0; at < text.size();) {
      const char byte = text[at];
      const utf8::Decoded d = utf8::decode(text, at);
      if (const char escape = short_escape(byte)) {
        out += '\\';
        out += escape;
      } else if (d.code_point < 0x20 || (style_.ascii && d.code_point > 0x7E)) {
        append_utf16(out, d.code_point);
      } else {
        out.append(text, at, d.length);
      }
      at += d.length;
    }
    out += '"';
  }

  void write_array(const Value& value, int level) {
    const auto& items = value.list().items;
    const Flavor flavor = value.list().flavor;
    if (value.is(Kind::list) && flavor != Flavor::plain && flavor != Flavor::generator)
      refuse("tojson: a value of type {} cannot be written as JSON", type_name(value));
    if (items.empty()) {
      out += "[]";
      return;
    }
    out += '[';
    for (std::size_t i = 0; i < items.size(); ++i) {
      separate(i == 0, level + 1);
      write(items[i], level + 1);
    }
    close(level);
    out += ']';
  }

  void write_object(const Dict& dict, int level) {
    if (dict.entries().empty()) {
      out += "{}";
      return;
    }
    std::vector<const Dict::Entry*> entries;
    for (const Dict::Entry& entry : dict.entries()) entries.push_back(&entry);
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(), [&](const auto* a, const auto* b) {
        return less(runtime_, a->first, b->first);
      });
    }
    out += '{';
    for (std::size_t i = 0; i < entries.size(); ++i) {
      separate(i == 0, level + 1);
      write_key(entries[i]->first);
      out += style_.key_separator;
      write(entries[i]->second, level + 1);
    }
    close(level);
    out += '}';
  }

  void write_key(const Value& key) {
    if (key.is_string()) return write_string(key.text());
    if (!key.is_number() && !key.is_none())
      refuse("tojson: keys must be strings, numbers, booleans or none, not {}", type_name(key));
    out += '"';
    write(key, 0);
    out += '"';
  }

  void separate(bool first, int level) {
    if (!first) out += style_.item_separator;
    if (style_.lines) new_line(level);
  }
  void close(int level) {
    if (style_.lines) new_line(level);
  }
  void new_line(int level) {
    runtime_.charge(style_.indent.size() * static_cast<std::size_t>(level) + 1);
    out += '\n';
    for (int i = 0; i < level; ++i) out += style_.indent;
  }

  Runtime& runtime_;
  const JsonStyle& style_;
};

}  // namespace

std::string to_json(Runtime& runtime, const Value& value, const JsonStyle& style) {
  Writer writer(runtime, style);
  writer.write(value, 0);
  return std::move(writer.out);
}

Value from_json(Runtime& runtime, const Json& json) {
  const Runtime::Nested nested(runtime);
  switch (json.type()) {
    case Json::value_t::boolean:
      return json.get<bool>();
    case Json::value_t::number_integer:
      return json.get<std::int64_t>();
    case Json::value_t::number_unsigned:
      return make_integer(BigInteger::from_unsigned(json.get<std::uint64_t>()));
    case Json::value_t::number_float:
      return json.get<double>();
    case Json::value_t::string:
      return runtime.text(json.get_ref<const std::string&>());
    case Json::value_t::array: {
      std::vector<Value> items;
      runtime.charge_items(json.size());
      items.reserve(json.size());
      for (const Json& item : json) items.push_back(from_json(runtime, item));
      return make_list(std::move(items));
    }
    case Json::value_t::object: {
      auto dict = std::make_shared<Dict>();
      runtime.charge_items(2 * json.size());
      for (const auto& [key, value] : json.items()) dict->append(key, from_json(runtime, value));
      return make_dict(std::move(dict));
    }
    default:
      return {};
  }
}

}  // namespace llm::chat::jinja
