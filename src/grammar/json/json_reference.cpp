#include "grammar/json/json_reference.h"

#include <charconv>
#include <optional>
#include <vector>

namespace llm::grammar {
namespace {

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 1] + 2, value, 16).ptr == &text[i + 1] + 2) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// RFC 6901: ~1 is a slash, ~0 a tilde.
std::string unescaped(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool escape = token[i] == '~' && i + 1 < token.size();
    if (escape && (token[i + 1] == '0' || token[i + 1] == '1')) {
      out += token[++i] == '0' ? '~' : '/';
    } else {
      out += token[i];
    }
  }
  return out;
}

const Json* child(const Json& parent, const std::string& key) {
  if (parent.is_object()) {
    const auto found = parent.find(key);
    return found == parent.end() ? nullptr : &*found;
  }
  std::size_t position = 0;
  const char* end = key.data() + key.size();
  if (!parent.is_array() || key.empty() || std::from_chars(key.data(), end, position).ptr != end ||
      position >= parent.size()) {
    return nullptr;
  }
  return &parent[position];
}

/// `pointer` is "" or begins with a slash.
const Json* at_pointer(const Json& root, std::string_view pointer) {
  const Json* place = &root;
  while (place && !pointer.empty()) {
    pointer.remove_prefix(1);
    const std::string_view token = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(token.size());
    place = child(*place, unescaped(token));
  }
  return place;
}

/// `reference` seen from `base`, as far as schemas need it: absolute, or a name beside the base.
std::string resolved(const std::string& base, const std::string& reference) {
  if (reference.find("://") != std::string::npos || reference.rfind("urn:", 0) == 0) {
    return reference;
  }
  const std::size_t scheme = base.find("://");
  const std::size_t authority = scheme == std::string::npos ? 0 : scheme + 3;
  if (reference.rfind('/', 0) == 0) {
    return base.substr(0, base.find('/', authority)) + reference;
  }
  const std::size_t slash = base.rfind('/');
  return slash == std::string::npos || slash < authority ? reference
                                                         : base.substr(0, slash + 1) + reference;
}

}  // namespace

void References::index() {
  is_indexed_ = true;
  const auto text_at = [](const Json& schema, const char* key) -> std::optional<std::string> {
    const auto found = schema.find(key);
    if (found == schema.end() || !found->is_string()) return std::nullopt;
    return found->get<std::string>();
  };
  const std::string base = root_.is_object() ? text_at(root_, "$id").value_or("") : "";
  std::vector<const Json*> places = {&root_};
  while (!places.empty()) {
    const Json& place = *places.back();
    places.pop_back();
    if (!place.is_structured()) continue;
    for (const Json& part : place) places.push_back(&part);
    if (!place.is_object()) continue;
    for (const char* key : {"$anchor", "$dynamicAnchor"}) {
      if (const auto name = text_at(place, key)) anchors_.emplace(*name, &place);
    }
    for (const char* key : {"$id", "id"}) {
      const auto id = text_at(place, key);
      if (!id) continue;
      if (id->rfind('#', 0) == 0) {  // how draft 7 wrote anchors
        anchors_.emplace(id->substr(1), &place);
      } else {
        std::string address = resolved(base, *id);
        address.erase(std::min(address.size(), address.find('#')));
        identifiers_.emplace(std::move(address), &place);
      }
    }
  }
}

const Json* References::find(const std::string& reference) {
  const std::size_t hash = reference.find('#');
  const std::string address = reference.substr(0, hash);
  const std::string fragment = hash == std::string::npos
                                   ? ""
                                   : percent_decoded(std::string_view(reference).substr(hash + 1));
  const Json* place = &root_;
  if (!address.empty()) {
    if (!is_indexed_) index();
    std::string base;
    if (root_.is_object() && root_.contains("$id") && root_["$id"].is_string()) {
      base = root_["$id"].get<std::string>();
    }
    auto found = identifiers_.find(resolved(base, address));
    if (found == identifiers_.end()) found = identifiers_.find(address);
    if (found == identifiers_.end()) return nullptr;
    place = found->second;
  }
  if (fragment.empty() || fragment[0] == '/') return at_pointer(*place, fragment);
  if (!is_indexed_) index();
  const auto found = anchors_.find(fragment);
  return found == anchors_.end() ? nullptr : found->second;
}

}  // namespace llm::grammar
