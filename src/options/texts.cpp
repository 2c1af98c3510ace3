#include "options/texts.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/error.h"

namespace llm::options {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (;;) {
    const auto at = text.find(separator);
    out.push_back(text.substr(0, at));
    if (at == text.npos) return out;
    text.remove_prefix(at + 1);
  }
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::vector<std::string> csv(std::string_view flag, std::string_view text) {
  std::vector<std::string> out(1);
  bool is_quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' && is_quoted && i + 1 < text.size() && text[i + 1] == '"') {
      out.back() += c;
      ++i;
    } else if (c == '"' && (is_quoted || out.back().empty())) {
      is_quoted = !is_quoted;
    } else if (c == ',' && !is_quoted) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  if (is_quoted) fail("{}: a double quote is not closed in '{}'", flag, text);
  return out;
}

std::vector<std::string> comma_list(std::string_view text) {
  std::vector<std::string> out;
  for (const auto field : split(text, ','))
    if (const auto bare = trimmed(field); !bare.empty()) out.emplace_back(bare);
  return out;
}

std::string read_file(std::string_view flag, const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  std::string content;
  char piece[4096];
  // Opening a directory succeeds, reading it does not.
  while (file && !std::ferror(file.get())) {
    const auto bytes = std::fread(piece, 1, sizeof piece, file.get());
    content.append(piece, bytes);
    if (bytes == 0 && std::feof(file.get())) return content;
  }
  fail("{}: cannot read '{}': {}", flag, path, std::strerror(errno));
}

}  // namespace llm::options
