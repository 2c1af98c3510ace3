#include "http/static_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <vector>

#include "base/error.h"
#include "http/message.h"

namespace llm::http {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPieceBytes = 64 << 10;

/// Owns an open file.
class File {
 public:
  explicit File(const fs::path& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ >= 0 && (::fstat(descriptor_, &status_) != 0 || !S_ISREG(status_.st_mode))) {
      ::close(descriptor_);
      descriptor_ = -1;
    }
  }
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  std::uint64_t size() const { return static_cast<std::uint64_t>(status_.st_size); }
  std::time_t modified() const { return status_.st_mtime; }
  /// Bytes read; 0 at the end and on errors.
  std::size_t read_at(std::uint64_t offset, char* to, std::size_t bytes) const {
    const auto got = ::pread(descriptor_, to, bytes, static_cast<off_t>(offset));
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }

 private:
  int descriptor_;
  struct stat status_ {};
};

/// "Sun, 06 Nov 1994 08:49:37 GMT", whatever the locale.
std::string http_date(std::time_t time) {
  constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[parts.tm_wday], parts.tm_mday,
                     kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
                     parts.tm_sec);
}

bool is_not_modified(const Request& request, std::string_view etag, std::string_view date) {
  if (const auto known = request.header("If-None-Match"); !known.empty())
    return known == "*" || known.find(etag) != known.npos;
  return request.header("If-Modified-Since") == date;
}

bool is_hidden(std::string_view path) {
  std::size_t at = 0;
  while ((at = path.find("/.", at)) != path.npos) {
    if (!path.substr(at).starts_with("/.well-known/")) return true;
    ++at;
  }
  return false;
}

Task<Response> send_file(Exchange& exchange, const File& file, Headers headers, ByteRange range) {
  const bool is_whole = range.first == 0 && range.last + 1 == file.size();
  const std::uint64_t length = range.last + 1 - range.first;
  if (!is_whole)
    headers.emplace_back("Content-Range",
                         fmt::format("bytes {}-{}/{}", range.first, range.last, file.size()));
  headers.emplace_back("Content-Length", std::to_string(length));
  co_await exchange.begin_stream(std::move(headers), is_whole ? 200 : 206);
  if (exchange.request().method == "HEAD") co_return Response{};
  std::vector<char> piece(std::min<std::uint64_t>(kPieceBytes, length));
  for (std::uint64_t done = 0; done < length;) {
    co_await exchange.to_worker();  // the disk may be slow
    const auto wanted = std::min<std::uint64_t>(piece.size(), length - done);
    const auto got = file.read_at(range.first + done, piece.data(), wanted);
    if (got == 0) fail("a file became shorter while it was sent");
    if (!co_await exchange.write({piece.data(), got})) break;
    done += got;
  }
  co_return Response{};
}

Task<Response> answer(const fs::path& root, Exchange& exchange) {
  const Request& request = exchange.request();
  const auto path = find_static_file(root, request.path);
  const File file(path ? *path : fs::path());
  if (!path || !file.is_open()) co_return plain_refusal(404, "not_found_error", "File Not Found");
  const auto etag = fmt::format("W/\"{:x}-{:x}\"", file.modified(), file.size());
  const auto date = http_date(file.modified());
  Headers headers{{"ETag", etag}, {"Last-Modified", date}};
  if (is_not_modified(request, etag, date)) co_return Response{304, headers, ""};
  headers.emplace_back("Content-Type", content_type_of(*path));
  if (request.method == "HEAD") headers.emplace_back("Accept-Ranges", "bytes");
  if (file.size() == 0) co_return Response{200, headers, ""};
  auto range = requested_range(request.method == "GET" ? request.header("Range") : "", file.size())
                   .value_or(ByteRange{0, file.size() - 1});
  if (range.first > range.last) {
    auto refusal = error_response(416, "invalid_request_error", "Range: outside of the file");
    refusal.headers.emplace_back("Content-Range", fmt::format("bytes */{}", file.size()));
    co_return refusal;
  }
  co_return co_await send_file(exchange, file, std::move(headers), range);
}

}  // namespace

std::optional<fs::path> find_static_file(const fs::path& root, std::string_view path) {
  if (!path.starts_with('/') || path.find('\\') != path.npos || is_hidden(path))
    return std::nullopt;
  std::string relative(path.substr(1));
  if (relative.empty() || relative.ends_with('/')) relative += "index.html";
  if (relative.starts_with('/')) return std::nullopt;
  std::error_code ec;
  const auto file = fs::canonical(root / relative, ec);
  if (ec || !fs::is_regular_file(file, ec)) return std::nullopt;
  // Links are resolved in `file`, so what matters is where it really lies.
  const auto [end, rest] = std::mismatch(root.begin(), root.end(), file.begin(), file.end());
  return end == root.end() ? std::optional(file) : std::nullopt;
}

std::string_view content_type_of(const fs::path& file) {
  static constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {".html", "text/html"},        {".htm", "text/html"},
      {".css", "text/css"},          {".js", "text/javascript"},
      {".mjs", "text/javascript"},   {".json", "application/json"},
      {".map", "application/json"},  {".webmanifest", "application/manifest+json"},
      {".txt", "text/plain"},        {".md", "text/markdown"},
      {".csv", "text/csv"},          {".xml", "application/xml"},
      {".svg", "image/svg+xml"},     {".png", "image/png"},
      {".jpg", "image/jpeg"},        {".jpeg", "image/jpeg"},
      {".gif", "image/gif"},         {".webp", "image/webp"},
      {".avif", "image/avif"},       {".ico", "image/x-icon"},
      {".woff", "font/woff"},        {".woff2", "font/woff2"},
      {".ttf", "font/ttf"},          {".otf", "font/otf"},
      {".wasm", "application/wasm"}, {".pdf", "application/pdf"},
      {".zip", "application/zip"},   {".gz", "application/gzip"},
      {".mp3", "audio/mpeg"},        {".wav", "audio/wav"},
      {".ogg", "audio/ogg"},         {".mp4", "video/mp4"},
      {".webm", "video/webm"}};
  const std::string extension = file.extension().string();
  for (const auto& [known, type] : kTypes)
    if (equal_ignoring_case(known, extension)) return type;
  return "application/octet-stream";
}

Handler static_file_handler(const std::string& directory) {
  std::error_code ec;
  const auto root = fs::canonical(directory, ec);
  if (ec || !fs::is_directory(root, ec)) fail("--path: '{}' is not a directory", directory);
  return [root](Exchange& exchange) { return answer(root, exchange); };
}

}  // namespace llm::http
