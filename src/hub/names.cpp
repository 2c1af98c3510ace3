#include "hub/names.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <regex>
#include <set>

#include "base/error.h"

namespace llm::hub {
namespace {

constexpr std::size_t kMaxNameLength = 96;  // of a user or a repository
constexpr std::string_view kEnding = ".gguf";
constexpr std::string_view kPreferredQuant = "Q4_K_M";
constexpr std::string_view kPresetFile = "preset.ini";
constexpr int kMaxParts = 99999;

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// One part of a name: letters, digits and . _ - inside.
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameLength && is_alphanumeric(text.front()) &&
         text.find("..") == text.npos && std::all_of(text.begin(), text.end(), [](char c) {
           return is_alphanumeric(c) || c == '.' || c == '_' || c == '-';
         });
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

/// "dir/a-Q8_0-00001-of-00002.gguf" -> "dir/a-Q8_0"
std::string_view stem(std::string_view path) {
  if (path.size() > kEnding.size()) path.remove_suffix(kEnding.size());
  constexpr std::size_t kPartLength = std::string_view("-00001-of-00002").size();
  if (path.size() > kPartLength && path.substr(path.size() - 9, 4) == "-of-")
    path.remove_suffix(kPartLength);
  return path;
}

std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

bool is_gguf(std::string_view path) {
  return path.size() > kEnding.size() && upper(path).ends_with(".GGUF");
}

bool is_projector(std::string_view path) {
  return is_gguf(path) && upper(file_name(path)).find("MMPROJ") != std::string::npos;
}

/// Files beside a model that are none themselves: what importance matrices and drafts are called.
bool is_companion(std::string_view path) {
  const std::string name = upper(file_name(path));
  return name.find("IMATRIX") != name.npos || name.starts_with("MTP-");
}

/// Whether `quant` is a whole word of the path: "Q4_K" is not in "Q4_K_M", "Q4_0" not in "IQ4_0".
bool has_quant(std::string_view path, const std::string& quant) {
  const std::string text = upper(stem(path));
  for (auto at = text.find(quant); at != text.npos; at = text.find(quant, at + 1)) {
    const auto end = at + quant.size();
    const bool begins = at == 0 || !is_alphanumeric(text[at - 1]);
    const bool ends = end == text.size() || (!is_alphanumeric(text[end]) && text[end] != '_');
    if (begins && ends) return true;
  }
  return false;
}

const RemoteFile* find_model(const std::vector<RemoteFile>& files, const std::string& quant) {
  const auto found = std::find_if(files.begin(), files.end(), [&](const RemoteFile& file) {
    return is_model(file.path) && (quant.empty() || has_quant(file.path, quant));
  });
  return found == files.end() ? nullptr : &*found;
}

const RemoteFile* find_path(const std::vector<RemoteFile>& files, std::string_view path) {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const RemoteFile& file) { return file.path == path; });
  return found == files.end() ? nullptr : &*found;
}

/// All parts, when `path` is one of a split model.
std::vector<RemoteFile> parts_of(const RepoName& name, const std::string& path,
                                 const std::vector<RemoteFile>& files) {
  const auto split = split_name(path);
  std::vector<RemoteFile> parts;
  for (int part = 1; part <= (split ? split->count : 1); ++part) {
    const std::string part_path = split ? split->part_name(part) : path;
    const RemoteFile* found = find_path(files, part_path);
    if (!found) fail("{}: the model is split, and its part {} is missing", name.repo, part_path);
    parts.push_back(*found);
  }
  return parts;
}

[[noreturn]] void fail_without_quant(const RepoName& name, const std::vector<RemoteFile>& files) {
  std::set<std::string> quants;
  for (const RemoteFile& file : files)
    if (is_model(file.path)) quants.insert(quant_of(file.path));
  fail("{} has no file of quant '{}'; it has {}", name.repo, name.quant, fmt::join(quants, ", "));
}

}  // namespace

RepoName parse_repo(std::string_view flag, std::string_view text) {
  const auto colon = text.find(':');
  const auto path = text.substr(0, colon);
  const auto slash = path.find('/');
  const bool is_pair = slash != path.npos && is_name(path.substr(0, slash)) &&
                       is_name(path.substr(slash + 1)) && !path.ends_with(".git");
  const auto quant = colon == text.npos ? std::string_view{} : text.substr(colon + 1);
  if (!is_pair || (colon != text.npos && !is_name(quant)))
    fail("{}: expected USER/MODEL or USER/MODEL:QUANT, got '{}'", flag, text);
  return {std::string(path), std::string(quant)};
}

DockerName parse_docker(std::string_view flag, std::string_view text) {
  const auto colon = text.find(':');
  const auto path = text.substr(0, colon);
  const auto slash = path.find('/');
  DockerName name{.repo = slash == path.npos ? fmt::format("ai/{}", path) : std::string(path),
                  .tag = colon == text.npos ? "latest" : std::string(text.substr(colon + 1))};
  const auto middle = name.repo.find('/');
  if (!is_name(std::string_view(name.repo).substr(0, middle)) ||
      !is_name(std::string_view(name.repo).substr(middle + 1)) || !is_name(name.tag))
    fail("{}: expected MODEL, REPO/MODEL or one of them with :TAG, got '{}'", flag, text);
  return name;
}

bool is_plain_path(std::string_view path) {
  if (path.empty() || path.size() > 1024) return false;
  for (const char c : path)
    if (static_cast<unsigned char>(c) < 0x20 || c == '\\' || c == 0x7f) return false;
  for (;;) {
    const auto slash = path.find('/');
    const auto part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == path.npos) return true;
    path.remove_prefix(slash + 1);
  }
}

std::string SplitName::part_name(int number) const {
  return fmt::format("{}-{:05}-of-{:05}.gguf", prefix, number, count);
}

std::optional<SplitName> split_name(std::string_view path) {
  // "-00001-of-00003.gguf": fixed widths, so plain positions do.
  constexpr std::size_t kLength = std::string_view("-00001-of-00003.gguf").size();
  if (path.size() <= kLength) return std::nullopt;
  const auto tail = path.substr(path.size() - kLength);
  SplitName name{.prefix = std::string(path.substr(0, path.size() - kLength))};
  const auto number = [&](std::size_t at, int& out) {
    const char* begin = tail.data() + at;
    const auto [end, problem] = std::from_chars(begin, begin + 5, out);
    return problem == std::errc{} && end == begin + 5 && out >= 1 && out <= kMaxParts;
  };
  const bool is_split = tail[0] == '-' && tail.substr(6, 4) == "-of-" && tail.ends_with(kEnding) &&
                        number(1, name.part) && number(10, name.count) && name.part <= name.count;
  if (!is_split) return std::nullopt;
  return name;
}

bool is_model(std::string_view path) {
  if (!is_gguf(path) || is_projector(path) || is_companion(path)) return false;
  const auto split = split_name(path);
  return !split || split->part == 1;
}

std::string quant_of(std::string_view path) {
  const std::string name = upper(file_name(stem(path)));
  static const std::regex kQuant(
      "(?:^|[-._])((?:UD-)?(?:I?Q[0-9]+(?:_[0-9A-Z]+)*|TQ[0-9]_[0-9]|B?F16|F32|MXFP4(?:_[A-Z]+)*|"
      "NVFP4))$");
  std::smatch match;
  if (std::regex_search(name, match, kQuant)) return match[1];
  return name.substr(name.find_last_of("-.") + 1);
}

Choice choose_files(const RepoName& name, std::string_view file,
                    const std::vector<RemoteFile>& files) {
  const RemoteFile* chosen = nullptr;
  if (!file.empty()) {
    chosen = find_path(files, file);
    if (!chosen) fail("{} has no file '{}'", name.repo, file);
  } else if (!name.quant.empty()) {
    chosen = find_model(files, upper(name.quant));
    if (!chosen && find_model(files, "")) fail_without_quant(name, files);
  } else {
    chosen = find_model(files, std::string(kPreferredQuant));
    if (!chosen) chosen = find_model(files, "");
    const RemoteFile* preset = find_path(files, kPresetFile);
    if (!chosen && preset) return {.parts = {*preset}, .is_preset = true};
  }
  if (!chosen) fail("{} holds no GGUF file of a model", name.repo);
  Choice choice{.parts = parts_of(name, chosen->path, files)};
  const auto projector = std::find_if(files.begin(), files.end(),
                                      [](const RemoteFile& one) { return is_projector(one.path); });
  if (projector != files.end()) choice.projector = projector->path;
  return choice;
}

}  // namespace llm::hub
