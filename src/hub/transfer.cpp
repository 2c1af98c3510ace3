#include "hub/transfer.h"

#include <charconv>

#ifdef LLAMA_HAVE_CURL
#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <memory>
#include <mutex>
#endif

namespace llm::hub {

std::string shown(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const auto scheme = url.find("://");
  if (scheme == url.npos) return std::string(url);
  const auto host = scheme + 3;
  const auto end = std::min(url.find('/', host), url.size());
  const auto at = url.substr(0, end).rfind('@');
  const auto from = at == url.npos || at < host ? host : at + 1;
  return std::string(url.substr(0, host)) + std::string(url.substr(from));
}

bool is_web_address(std::string_view url) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (url.size() <= scheme.size() || !url.starts_with(scheme)) continue;
    for (const char c : url)
      if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return false;
    return url[scheme.size()] != '/';
  }
  return false;
}

namespace {

/// Collects a body up to a limit.
class TextReceiver : public Receiver {
 public:
  explicit TextReceiver(std::uint64_t limit) : limit_(limit) {}
  void begin(const Head& head) override {
    if (head.length.value_or(0) > limit_) refuse();
  }
  void take(std::string_view bytes) override {
    if (bytes.size() > limit_ - text.size()) refuse();
    text += bytes;
  }
  std::string text;

 private:
  [[noreturn]] void refuse() const {
    throw TransferError(fmt::format("the answer is larger than {} bytes", limit_), false);
  }
  std::uint64_t limit_;
};

}  // namespace

Text get_text(const Get& request, std::uint64_t limit) {
  TextReceiver receiver(limit);
  Head head = get(request, receiver);
  return {std::move(head), std::move(receiver.text)};
}

#ifndef LLAMA_HAVE_CURL

bool can_download() {
  return false;
}

Head get(const Get& request, Receiver&) {
  throw TransferError(fmt::format("{} cannot be fetched: this program was built without libcurl",
                                  shown(request.url)),
                      false);
}

#else

bool can_download() {
  return true;
}

namespace {

constexpr long kConnectTimeoutS = 30;
constexpr long kStallS = 60;  // without a byte for so long, a transfer counts as broken
constexpr std::size_t kMaxHeaderBytes = 256 << 10;
constexpr std::size_t kMaxSkipped = 1 << 20;  // of an error's or a redirect's body; then we hang up

struct Close {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Handle = std::unique_ptr<CURL, Close>;
using Headers = std::unique_ptr<curl_slist, Close>;

std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  std::string out;
  if (curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK) out = text;
  curl_free(text);
  return out;
}

/// Scheme, host and port: what a token is bound to.
struct Origin {
  std::string scheme, host, port;
  bool operator==(const Origin&) const = default;
};

Origin origin_of(const std::string& url) {
  const std::unique_ptr<CURLU, Close> parsed(curl_url());
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK)
    throw TransferError(fmt::format("'{}' is no address", shown(url)), false);
  Origin origin{part_of(parsed.get(), CURLUPART_SCHEME), part_of(parsed.get(), CURLUPART_HOST),
                part_of(parsed.get(), CURLUPART_PORT)};
  if (origin.scheme != "http" && origin.scheme != "https")
    throw TransferError(fmt::format("'{}' is neither http nor https", shown(url)), false);
  return origin;
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r' || text.back() == '\n'))
    text.remove_suffix(1);
  return text;
}

/// <https://...?cursor=x>; rel="next"
std::string next_link(std::string_view value) {
  const auto open = value.find('<'), close = value.find('>');
  const bool is_next = value.find("rel=\"next\"") != value.npos;
  if (!is_next || open == value.npos || close == value.npos || close < open) return {};
  return std::string(value.substr(open + 1, close - open - 1));
}

void note_header(Head& head, std::string_view name, std::string_view value) {
  if (name == "content-length") {
    head.length = number<std::uint64_t>(value);
  } else if (name == "content-range") {  // bytes 5-9/10
    const auto blank = value.find(' '), dash = value.find('-'), slash = value.find('/');
    if (slash == value.npos) return;
    if (blank < dash && dash < slash)
      head.range_first = number<std::uint64_t>(value.substr(blank + 1, dash - blank - 1));
    head.range_total = number<std::uint64_t>(value.substr(slash + 1));
  } else if (name == "etag") {
    head.etag = value;
  } else if (name == "content-type") {
    head.content_type = value;
  } else if (name == "link") {
    head.next = next_link(value);
  } else if (name == "www-authenticate") {
    head.authenticate = value;
  }
}

/// One request of a chain of redirects. libcurl's callbacks must not throw: what they would throw
/// is kept and thrown by run().
class Exchange {
 public:
  Exchange(const Get& request, const std::string& url, const std::string& token, Receiver& receiver)
      : request_(request), url_(url), receiver_(receiver), handle_(curl_easy_init()) {
    if (!handle_) throw TransferError("libcurl cannot be set up", false);
    for (const std::string& header : request.headers) add_header(header);
    if (!token.empty()) add_header("Authorization: Bearer " + token);
  }

  Head run() {
    set_up();
    const CURLcode code = curl_easy_perform(handle_.get());
    if (problem_) std::rethrow_exception(problem_);
    if (code != CURLE_OK && skipped_ <= kMaxSkipped) fail_with(code);
    curl_off_t wait = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RETRY_AFTER, &wait);
    head_.retry_after = std::chrono::seconds(wait);
    return head_;
  }

  /// Where the answer sends us; empty when it does not.
  std::string redirect() const {
    char* url = nullptr;
    curl_easy_getinfo(handle_.get(), CURLINFO_REDIRECT_URL, &url);
    return url ? url : "";
  }

  void limit_time(std::chrono::milliseconds left) { set(CURLOPT_TIMEOUT_MS, left.count()); }

 private:
  template <class Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(handle_.get(), option, value);
  }

  void add_header(const std::string& header) {
    curl_slist* longer = curl_slist_append(headers_.get(), header.c_str());
    if (!longer) throw TransferError("out of memory", false);
    static_cast<void>(headers_.release());
    headers_.reset(longer);
  }

  void set_up() {
    set(CURLOPT_URL, url_.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_USERAGENT, "llama-server");
    set(CURLOPT_HTTPHEADER, headers_.get());
    set(CURLOPT_CONNECTTIMEOUT, kConnectTimeoutS);
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, kStallS);
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(CURLOPT_ERRORBUFFER, error_);
    if (!request_.certificates.empty()) set(CURLOPT_CAINFO, request_.certificates.c_str());
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFODATA, this);
    set(
        CURLOPT_XFERINFOFUNCTION, +[](void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
          return static_cast<Exchange*>(self)->guarded([](Exchange& me) {
            if (me.request_.stopped()) throw Cancelled();
          })
                     ? 0
                     : 1;
        });
    set(CURLOPT_HEADERDATA, this);
    set(
        CURLOPT_HEADERFUNCTION, +[](char* text, std::size_t, std::size_t size, void* self) {
          return static_cast<Exchange*>(self)->guarded([&](Exchange& me) {
            me.note_line({text, size});
          })
                     ? size
                     : 0;
        });
    set(CURLOPT_WRITEDATA, this);
    set(
        CURLOPT_WRITEFUNCTION, +[](char* text, std::size_t, std::size_t size, void* self) {
          return static_cast<Exchange*>(self)->guarded([&](Exchange& me) {
            if (me.has_begun_)
              me.receiver_.take({text, size});
            else
              me.skipped_ += size;
          }) && static_cast<Exchange*>(self)->skipped_ <= kMaxSkipped
                     ? size
                     : 0;
        });
    if (request_.may_connect) guard_addresses();
  }

  // The address is judged where the socket is made: it is the one that the connection goes to, so
  // a name that changes its address between check and use gains nothing.
  void guard_addresses() {
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(CURLOPT_OPENSOCKETDATA, this);
    set(
        CURLOPT_OPENSOCKETFUNCTION, +[](void* self, curlsocktype, curl_sockaddr* address) {
          auto& me = *static_cast<Exchange*>(self);
          const bool may = me.guarded([&](Exchange& it) {
            it.is_refused_ = !it.request_.may_connect(address->addr);
          }) && !me.is_refused_;
          if (!may) return static_cast<curl_socket_t>(CURL_SOCKET_BAD);
          return static_cast<curl_socket_t>(
              ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol));
        });
  }

  template <class Work>
  bool guarded(Work work) {
    try {
      work(*this);
      return true;
    } catch (...) {
      problem_ = std::current_exception();
      return false;
    }
  }

  void note_line(std::string_view line) {
    header_bytes_ += line.size();
    if (header_bytes_ > kMaxHeaderBytes)
      throw TransferError("the answer's head is too long", false);
    if (line.starts_with("HTTP/")) {
      if (!has_begun_) head_ = {};
      return;
    }
    line = trimmed(line);
    if (has_begun_) return;  // trailers
    if (!line.empty()) {
      const auto colon = line.find(':');
      if (colon == line.npos) return;
      std::string name(line.substr(0, colon));
      for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      return note_header(head_, name, trimmed(line.substr(colon + 1)));
    }
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    head_.status = static_cast<int>(status);
    if (status == 200 || status == 206) {
      has_begun_ = true;
      receiver_.begin(head_);
    }
  }

  [[noreturn]] void fail_with(CURLcode code) const {
    const std::string where = shown(url_);
    const std::string reason = error_[0] ? error_ : curl_easy_strerror(code);
    if (is_refused_)
      throw TransferError(fmt::format("{} is at an address that requests may not reach", where),
                          false);
    switch (code) {
      case CURLE_PEER_FAILED_VERIFICATION:
      case CURLE_SSL_CACERT_BADFILE:
      case CURLE_SSL_ISSUER_ERROR:
      case CURLE_SSL_INVALIDCERTSTATUS:
        throw TransferError(
            fmt::format("the certificate of {} is not trusted: {}; for an authority of your own "
                        "set SSL_CERT_FILE to the file with its certificate",
                        where, reason),
            false);
      case CURLE_URL_MALFORMAT:
      case CURLE_UNSUPPORTED_PROTOCOL:
      case CURLE_OUT_OF_MEMORY:
        throw TransferError(fmt::format("{}: {}", where, reason), false);
      default:
        throw TransferError(fmt::format("{}: {}", where, reason), true);
    }
  }

  const Get& request_;
  const std::string& url_;
  Receiver& receiver_;
  Handle handle_;
  Headers headers_;
  Head head_;
  std::size_t header_bytes_ = 0, skipped_ = 0;
  bool has_begun_ = false, is_refused_ = false;
  std::exception_ptr problem_;
  char error_[CURL_ERROR_SIZE] = {};
};

}  // namespace

Head get(const Get& request, Receiver& receiver) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const auto deadline = std::chrono::steady_clock::now() + request.time;
  std::string url = request.url, token = request.token;
  Origin origin = origin_of(url);
  for (int hop = 0; hop <= request.max_redirects; ++hop) {
    Exchange exchange(request, url, token, receiver);
    if (request.time.count() > 0) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0)
        throw TransferError(fmt::format("{} takes too long", shown(url)), true);
      exchange.limit_time(left);
    }
    Head head = exchange.run();
    const std::string next = exchange.redirect();
    const bool is_redirect = head.status >= 300 && head.status < 400 && head.status != 304;
    if (!is_redirect || next.empty()) return head;
    const Origin target = origin_of(next);
    if (origin.scheme == "https" && target.scheme != "https")
      throw TransferError(
          fmt::format("{} redirects from https to {}, which is refused", shown(url), shown(next)),
          false);
    if (target != origin) token.clear();
    origin = target;
    url = next;
  }
  throw TransferError(
      fmt::format("{} redirects more than {} times", shown(request.url), request.max_redirects),
      false);
}

#endif

}  // namespace llm::hub
