#include "hub/repository.h"

#include <algorithm>

#include "base/json.h"
#include "hub/retry.h"

namespace llm::hub {
namespace {

constexpr std::uint64_t kMaxAnswer = 32 << 20;
constexpr int kMaxPages = 100;

bool is_hex(std::string_view text, std::size_t shortest, std::size_t longest) {
  return text.size() >= shortest && text.size() <= longest &&
         text.find_first_not_of("0123456789abcdef") == text.npos;
}

Json parse(const std::string& text, const std::string& url) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded())
    throw TransferError(fmt::format("{}: the answer is no JSON", shown(url)), false);
  return json;
}

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// Nullopt when the entry is no file, or not one that may be stored.
std::optional<RemoteFile> file_of(const Json& entry) {
  if (!entry.is_object() || text_at(entry, "type") != "file") return std::nullopt;
  RemoteFile file{.path = text_at(entry, "path"), .blob = text_at(entry, "oid")};
  const Json* sized = &entry;
  if (const auto large = entry.find("lfs"); large != entry.end() && large->is_object()) {
    file.sha256 = text_at(*large, "oid");
    if (file.sha256.starts_with("sha256:")) file.sha256.erase(0, 7);
    if (!is_hex(file.sha256, 64, 64)) return std::nullopt;
    file.blob = file.sha256;
    if (large->contains("size")) sized = &*large;
  }
  const auto size = sized->find("size");
  if (size == sized->end() || !size->is_number_unsigned()) return std::nullopt;
  file.size = size->get<std::uint64_t>();
  if (!is_plain_path(file.path) || !is_hex(file.blob, 40, 64)) return std::nullopt;
  return file;
}

}  // namespace

std::string escaped_path(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') ||
                          std::string_view("-._~/").find(c) != std::string_view::npos;
    if (is_plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::vector<RemoteFile> parse_tree(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_array()) throw TransferError("the hub's list of files is none", false);
  std::vector<RemoteFile> files;
  for (const Json& entry : json)
    if (auto file = file_of(entry)) files.push_back(std::move(*file));
  return files;
}

Repository::Repository(const Settings& settings, std::string repo, std::string token)
    : settings_(settings), repo_(std::move(repo)), token_(std::move(token)) {}

Text Repository::fetch(const std::string& url) const {
  Text answer;
  with_retries(
      settings_.stopped, [] { return std::uint64_t{0}; },
      [&] {
        answer = get_text({.url = url,
                           .token = token_,
                           .headers = {"Accept: application/json"},
                           .certificates = settings_.certificates,
                           .stopped = settings_.stopped},
                          kMaxAnswer);
        const int status = answer.head.status;
        if (status == 200) return;
        if (status == 401 || status == 403)
          throw StatusError(
              fmt::format("{} refuses access to {} (status {}): {}", settings_.endpoint, repo_,
                          status,
                          token_.empty() ? "it does not exist, or it is private or gated and needs "
                                           "a token, by --hf-token or HF_TOKEN"
                                         : "it does not exist, or the token has no access to it"),
              answer.head);
        if (status == 404)
          throw StatusError(
              fmt::format("there is no repository {} at {}", repo_, settings_.endpoint),
              answer.head);
        throw StatusError(fmt::format("{}: the hub answers with status {}", shown(url), status),
                          answer.head);
      });
  return answer;
}

std::string Repository::commit() const {
  const std::string url = fmt::format("{}/api/models/{}/refs", settings_.endpoint, repo_);
  const Json json = parse(fetch(url).body, url);
  if (const auto branches = json.find("branches"); json.is_object() && branches != json.end()) {
    for (const Json& branch : *branches) {
      if (!branch.is_object() || text_at(branch, "name") != "main") continue;
      const std::string commit = text_at(branch, "targetCommit");
      if (is_hex(commit, 7, 64)) return commit;
    }
  }
  throw TransferError(fmt::format("{} has no branch main at {}", repo_, settings_.endpoint), false);
}

std::vector<RemoteFile> Repository::files(const std::string& commit) const {
  std::string url =
      fmt::format("{}/api/models/{}/tree/{}?recursive=true", settings_.endpoint, repo_, commit);
  std::vector<RemoteFile> files;
  for (int page = 0; !url.empty(); ++page) {
    if (page == kMaxPages)
      throw TransferError(fmt::format("{}: the list of files does not end", repo_), false);
    Text answer = fetch(url);
    for (RemoteFile& file : parse_tree(answer.body)) files.push_back(std::move(file));
    // Mirrors may name the original hub here; every page is asked for where the first one was.
    const auto path = answer.head.next.find("/api/");
    url = path == std::string::npos ? "" : settings_.endpoint + answer.head.next.substr(path);
  }
  return files;
}

Get Repository::content(const std::string& commit, const std::string& path) const {
  return {.url = fmt::format("{}/{}/resolve/{}/{}", settings_.endpoint, repo_, commit,
                             escaped_path(path)),
          .token = token_,
          .certificates = settings_.certificates,
          .stopped = settings_.stopped};
}

}  // namespace llm::hub
